//! `vindex`: vector indexes in one file. A file per verb; this one parses and dispatches.

mod add;
mod bench;
mod build;
mod compact;
mod convert;
mod delete;
mod dump;
mod filter;
mod input;
mod inspect;
mod merge;
mod options;
mod query;
mod recall;
mod repair;
mod search;
mod stat;
mod tune;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qx_cli::{Context, Global, Status, Tool};
use qx_formats::Result;

const EXAMPLES: &str = "\
Examples:
  vindex build embeddings.npy -o x.vdata --metric cosine
  vindex build docs.ndjson --column embedding --id-column id -o x.vdata --metric l2
  vindex search x.vdata --query '[0.1, 0.2, 0.3]' -k 10
  vindex search x.vdata --query queries.npy -k 10 --format tsv | cut -f3
  vindex verify x.vdata && vindex stat x.vdata
  vindex add x.vdata more.npy && vindex search x.vindex --query '[0.1, 0.2, 0.3]'";

/// Build, search, verify, change and mend vector indexes
#[derive(Parser)]
#[command(name = "vindex", version, before_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Build(build::Args),
    Search(search::Args),
    Recall(recall::Args),
    Tune(tune::Args),
    Stat(stat::Args),
    Inspect(inspect::Args),
    Verify(verify::Args),
    Repair(repair::Args),
    Add(add::Args),
    Delete(delete::Args),
    Compact(compact::Args),
    Merge(merge::Args),
    Convert(convert::Args),
    Dump(dump::Args),
    Bench(bench::Args),
}

impl Tool for Cli {
    fn global(&self) -> &Global {
        &self.global
    }

    fn run(self, cx: &mut Context) -> Result<Status> {
        match self.verb {
            Verb::Build(args) => build::run(args, cx),
            Verb::Search(args) => search::run(args, cx),
            Verb::Recall(args) => recall::run(args, cx),
            Verb::Tune(args) => tune::run(args, cx),
            Verb::Stat(args) => stat::run(args, cx),
            Verb::Inspect(args) => inspect::run(args, cx),
            Verb::Verify(args) => verify::run(args, cx),
            Verb::Repair(args) => repair::run(args, cx),
            Verb::Add(args) => add::run(args, cx),
            Verb::Delete(args) => delete::run(args, cx),
            Verb::Compact(args) => compact::run(args, cx),
            Verb::Merge(args) => merge::run(args, cx),
            Verb::Convert(args) => convert::run(args, cx),
            Verb::Dump(args) => dump::run(args, cx),
            Verb::Bench(args) => bench::run(args, cx),
        }
    }
}

fn main() -> ExitCode {
    qx_cli::main::<Cli>()
}

//! `vindex`: vector indexes in one file. A file per verb; this one parses and dispatches.

mod build;
mod input;
mod query;
mod search;
mod stat;
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
  vindex search x.vdata --query queries.npy -k 10 | jq .row_id
  vindex verify x.vdata && vindex stat x.vdata";

/// Build, search and verify vector indexes
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
    Verify(verify::Args),
    Stat(stat::Args),
}

impl Tool for Cli {
    fn global(&self) -> &Global {
        &self.global
    }

    fn run(self, cx: &mut Context) -> Result<Status> {
        match self.verb {
            Verb::Build(args) => build::run(args, cx),
            Verb::Search(args) => search::run(args, cx),
            Verb::Verify(args) => verify::run(args, cx),
            Verb::Stat(args) => stat::run(args, cx),
        }
    }
}

fn main() -> ExitCode {
    qx_cli::main::<Cli>()
}

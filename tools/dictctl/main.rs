//! `dictctl`: dictionary segments, (label, key) <-> id. A file per verb; this one parses and dispatches.

mod append;
mod bench;
mod build;
mod convert;
mod diff;
mod dump;
mod explain;
mod get;
mod id;
mod input;
mod inspect;
mod lines;
mod merge;
mod open;
mod output;
mod pairs;
mod salvage;
mod scan;
mod stat;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qx_cli::{Context, Global, Status, Tool};
use qx_formats::Result;

const EXAMPLES: &str = "\
Examples:
  dictctl build pairs.ndjson -o x.seg       one pair a line: {\"label\":\"Tool\",\"key\":\"planner\",\"id\":1}
  sort -u words | dictctl build - -o x.seg  one key a line, ids assigned
  dictctl get x.seg planner --label Tool    planner<TAB>1
  dictctl id x.seg 1                        1<TAB>Tool<TAB>planner
  dictctl prefix x.seg plan --label Tool
  dictctl dump x.seg | head
  dictctl append x.seg more.ndjson --delete gone.txt -o y.seg && dictctl diff x.seg y.seg
  dictctl verify x.seg && dictctl stat x.seg";

/// Build, query, compare, verify and salvage dictionary segments: (label, key) <-> id.
#[derive(Parser)]
#[command(name = "dictctl", version, before_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Build(build::Args),
    Append(append::Args),
    Merge(merge::Args),
    Get(get::Args),
    Has(get::HasArgs),
    Id(id::Args),
    Prefix(scan::PrefixArgs),
    Range(scan::RangeArgs),
    Dump(dump::Args),
    ToJson(convert::ToArgs),
    FromJson(convert::FromArgs),
    Diff(diff::Args),
    Stat(stat::Args),
    Inspect(inspect::Args),
    Explain(explain::Args),
    Verify(verify::Args),
    Salvage(salvage::Args),
    Bench(bench::Args),
}

impl Tool for Cli {
    fn global(&self) -> &Global {
        &self.global
    }

    fn run(self, cx: &mut Context) -> Result<Status> {
        match self.verb {
            Verb::Build(args) => build::run(args, cx),
            Verb::Append(args) => append::run(args, cx),
            Verb::Merge(args) => merge::run(args, cx),
            Verb::Get(args) => get::run(args, cx),
            Verb::Has(args) => get::has(args, cx),
            Verb::Id(args) => id::run(args, cx),
            Verb::Prefix(args) => scan::prefix(args, cx),
            Verb::Range(args) => scan::range(args, cx),
            Verb::Dump(args) => dump::run(args, cx),
            Verb::ToJson(args) => convert::to_json(args, cx),
            Verb::FromJson(args) => convert::from_json(args, cx),
            Verb::Diff(args) => diff::run(args, cx),
            Verb::Stat(args) => stat::run(args, cx),
            Verb::Inspect(args) => inspect::run(args, cx),
            Verb::Explain(args) => explain::run(args, cx),
            Verb::Verify(args) => verify::run(args, cx),
            Verb::Salvage(args) => salvage::run(args, cx),
            Verb::Bench(args) => bench::run(args, cx),
        }
    }
}

fn main() -> ExitCode {
    qx_cli::main::<Cli>()
}

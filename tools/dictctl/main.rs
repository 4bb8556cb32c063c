//! `dictctl`: dictionary segments, (label, key) <-> id. A file per verb; this one parses and dispatches.

mod base64;
mod build;
mod dump;
mod get;
mod id;
mod input;
#[cfg(test)]
mod input_tests;
mod lines;
mod open;
mod record;
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
  dictctl dump x.seg | head
  dictctl verify x.seg && dictctl stat x.seg";

/// Build, query and verify dictionary segments: (label, key) <-> id.
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
    Get(get::Args),
    Id(id::Args),
    Dump(dump::Args),
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
            Verb::Get(args) => get::run(args, cx),
            Verb::Id(args) => id::run(args, cx),
            Verb::Dump(args) => dump::run(args, cx),
            Verb::Verify(args) => verify::run(args, cx),
            Verb::Stat(args) => stat::run(args, cx),
        }
    }
}

fn main() -> ExitCode {
    qx_cli::main::<Cli>()
}

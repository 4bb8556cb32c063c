//! `explain`: how a statement would be run. A file per verb; this one parses and dispatches.

mod plan;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qx_cli::{Context, Global, Status, Tool};
use qx_formats::Result;

const EXAMPLES: &str = "\
Examples:
  explain plan 'select * from packages where size > 1000000' --db debian.db
  explain plan 'select 1' --db debian.db --json | jq -r '.stages[].digest'";

/// Show how a statement would be run, without running it
#[derive(Parser)]
#[command(name = "explain", version, before_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Plan(plan::Args),
}

impl Tool for Cli {
    fn global(&self) -> &Global {
        &self.global
    }

    fn run(self, cx: &mut Context) -> Result<Status> {
        match self.verb {
            Verb::Plan(args) => plan::run(args, cx),
        }
    }
}

fn main() -> ExitCode {
    qx_cli::main::<Cli>()
}

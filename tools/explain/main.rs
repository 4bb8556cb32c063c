//! `explain`: how a statement would be run. A file per verb; this one parses and dispatches.

mod baseline;
mod capture;
mod diff;
mod functions;
mod plan;
mod rules;
mod schema;
mod session;
#[cfg(feature = "substrait")]
mod substrait;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qx_cli::{Context, Global, Status, Tool};
use qx_formats::Result;

/// A statement makes and frees many small things on changing threads, for which glibc gives memory back and forth.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXAMPLES: &str = "\
Examples:
  explain plan 'select * from packages where size > 1000000' --db debian.db
  explain plan 'select count(*) from packages' --db debian.db --analyze --format html > plan.html
  explain capture 'select * from packages' --db debian.db -o before.json
  explain diff before.json after.json --fail-on shape || mail -s 'the plan changed' me
  explain baseline check queries/ --db debian.db";

/// Show how a statement would be run; keep plans and compare them
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
    Capture(capture::Args),
    Diff(diff::Args),
    #[command(subcommand)]
    Baseline(baseline::Verb),
    Rules(rules::Args),
    Functions(functions::Args),
    Schema(schema::Args),
    #[cfg(feature = "substrait")]
    #[command(subcommand)]
    Substrait(substrait::Verb),
}

impl Tool for Cli {
    fn global(&self) -> &Global {
        &self.global
    }

    fn run(self, cx: &mut Context) -> Result<Status> {
        match self.verb {
            Verb::Plan(args) => plan::run(args, cx),
            Verb::Capture(args) => capture::run(args, cx),
            Verb::Diff(args) => diff::run(args, cx),
            Verb::Baseline(verb) => baseline::run(verb, cx),
            Verb::Rules(args) => rules::run(args, cx),
            Verb::Functions(args) => functions::run(args, cx),
            Verb::Schema(args) => schema::run(args, cx),
            #[cfg(feature = "substrait")]
            Verb::Substrait(verb) => substrait::run(verb, cx),
        }
    }
}

/// The planner recurses over expressions, and a machine can write them thousands deep.
const STACK: usize = 512 << 20;

fn main() -> ExitCode {
    qx_cli::main_on_stack::<Cli>(STACK)
}

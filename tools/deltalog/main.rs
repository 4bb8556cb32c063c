//! `deltalog`: append-only logs of transactions. A file per verb; this one parses and dispatches.

mod append;
mod bench;
mod compact;
mod drill;
mod dump;
mod filter;
mod follow;
mod import;
mod index;
mod input;
mod ops;
mod prune;
mod real;
mod recover;
mod repair;
mod show;
mod split;
mod stat;
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qx_cli::{Context, Global, Status, Tool};
use qx_formats::Result;

const EXAMPLES: &str = r#"Examples:
  echo '{"op":"put","store":"s","key":"k","value":{"n":1}}' | deltalog append LOG
  deltalog append LOG --ack < ops.ndjson      {"lsn":2,"txn":1} once that is on disk
  deltalog dump LOG | jq -c 'select(.op == "node")'
  deltalog verify LOG && deltalog stat LOG
  deltalog recover LOG --dry-run              what the next writer would do
  deltalog drill --samples 10000              crash it ten thousand times
  deltalog bench /mnt/disk                    what share of the disk's limit it reaches"#;

/// Append to, read, verify, recover, rehearse and measure logs of transactions.
#[derive(Parser)]
#[command(name = "deltalog", version, before_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Append(append::Args),
    Dump(dump::Args),
    Follow(follow::Args),
    Verify(verify::Args),
    Stat(stat::Args),
    Recover(recover::Args),
    Repair(repair::Args),
    Compact(compact::Args),
    Prune(prune::Args),
    Split(split::Args),
    Import(import::Args),
    Drill(drill::Args),
    Bench(bench::Args),
}

impl Tool for Cli {
    fn global(&self) -> &Global {
        &self.global
    }

    fn run(self, cx: &mut Context) -> Result<Status> {
        match self.verb {
            Verb::Append(args) => append::run(args, cx),
            Verb::Dump(args) => dump::run(args, cx),
            Verb::Follow(args) => follow::run(args, cx),
            Verb::Verify(args) => verify::run(args, cx),
            Verb::Stat(args) => stat::run(args, cx),
            Verb::Recover(args) => recover::run(args, cx),
            Verb::Repair(args) => repair::run(args, cx),
            Verb::Compact(args) => compact::run(args, cx),
            Verb::Prune(args) => prune::run(args, cx),
            Verb::Split(args) => split::run(args, cx),
            Verb::Import(args) => import::run(args, cx),
            Verb::Drill(args) => drill::run(args, cx),
            Verb::Bench(args) => bench::run(args, cx),
        }
    }
}

fn main() -> ExitCode {
    qx_cli::main::<Cli>()
}

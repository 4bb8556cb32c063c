//! `jsonframe`: JSON to typed columns, nothing lost silently.

mod args;
mod convert;
mod count;
mod schema;
mod sinks;
mod summary;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qx_cli::{Context, Global, Status, Tool};
use qx_formats::Result;

const EXAMPLES: &str = "\
Examples:
  jsonframe convert events.ndjson -o events.parquet
  jsonframe convert day1.ndjson.zst day2.json.gz -o both.arrow
  curl -s https://host/api | jsonframe convert - --format csv
  jsonframe convert dirty.ndjson -o clean.parquet --rejects bad.ndjson
  jsonframe schema events.ndjson --format sql
  jsonframe count events.ndjson --where 'status>=500' --by host";

/// JSON to typed columns: Parquet, Arrow, CSV, NDJSON; nothing is lost silently
///
/// Reads NDJSON, concatenated values, an array of any size, one object or scalars, plain or in gzip or zstd, from files
/// or stdin; several inputs are united by the names of their keys. An array gives a row per element, an object gives a
/// row, a scalar goes to the column `value`; null gives a row of nulls. JSON is strict (RFC 8259), and an error names
/// file, line, byte and place in the document.
///
/// Types come from a sample: bool, int64, uint64, float64 (only where exact), decimal, date, timestamp, time, uuid, utf8,
/// struct, list, map; values without a type in common stay JSON text. What does not fit later follows --drift. Every value that
/// changed its form is counted and reported on stderr.
#[derive(Debug, Parser)]
#[command(name = "jsonframe", version, before_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Convert(convert::Convert),
    Count(count::Count),
    Schema(schema::Schema),
}

impl Tool for Cli {
    fn global(&self) -> &Global {
        &self.global
    }

    fn run(self, cx: &mut Context) -> Result<Status> {
        match self.verb {
            Verb::Convert(verb) => verb.run(cx),
            Verb::Count(verb) => verb.run(cx),
            Verb::Schema(verb) => verb.run(cx),
        }
    }
}

fn main() -> ExitCode {
    qx_cli::main::<Cli>()
}

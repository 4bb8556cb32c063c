//! `deltalog compact`: a copy in which only the last word on each thing stands.

use std::path::PathBuf;

use qx_cli::{Context, OutputArgs, Status, parse_size};
use qx_formats::Result;
use qx_log::CompactOptions;
use serde_json::{Map, Value, json};

use crate::show;

const EXAMPLES: &str = "\
Examples:
  deltalog compact LOG -o SMALL --dry-run    how much would stay
  deltalog compact LOG -o SMALL
  deltalog compact LOG -o SMALL --drop-deletes   when nothing older than LOG is read any more";

/// Write a copy that keeps only the last operation on each edge and KV key
///
/// The log itself is only read. Operations whose effect depends on others are all kept: nodes without an explicit id,
/// deletes of nodes, rows, definitions. Commits keep their LSNs and ids, and the copy can be appended to.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder of the log
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Folder of the copy
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// Leave out deletes of edges and KV keys, too: right when no older log, segment or snapshot holds what they delete
    #[arg(long)]
    drop_deletes: bool,

    /// Seal a segment of the copy before it grows above this
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size)]
    rotate_size: u64,

    #[command(flatten)]
    out: OutputArgs,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let options = CompactOptions {
        drop_deletes: args.drop_deletes,
        force: args.out.force,
        dry_run: args.out.dry_run,
        rotate_size: args.rotate_size,
        job: cx.job(),
    };
    let done = qx_log::compact(&args.dir, &args.output, &options)?;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("path", args.dir.to_string_lossy().into());
    put("out", args.output.to_string_lossy().into());
    put("dry_run", args.out.dry_run.into());
    put("transactions", done.transactions.into());
    put("operations", done.operations.into());
    put("kept_transactions", done.kept_transactions.into());
    put("kept_operations", done.kept_operations.into());
    put("segments", done.copied.map(|c| c.segments).into());
    put("bytes", json!(done.copied.map(|c| c.bytes)));
    show::fields(cx, fields)?;
    Ok(Status::Yes)
}

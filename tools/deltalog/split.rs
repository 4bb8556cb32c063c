//! `deltalog split`: one log as several.

use std::path::PathBuf;

use clap::ValueEnum;
use qx_cli::{Context, OutputArgs, Status, parse_size};
use qx_formats::{Error, Result};
use qx_log::{SplitBy, SplitOptions};
use serde_json::json;

use crate::show;

const EXAMPLES: &str = "\
Examples:
  deltalog split LOG -o PARTS --by partition     PARTS/P000, PARTS/P001, ..., PARTS/nodes
  deltalog split LOG -o PARTS --by store
  deltalog split LOG -o PARTS --at-lsn 1000      PARTS/below and PARTS/from";

/// Write the parts of a log as logs of their own
///
/// The log itself is only read. Parts by what operations touch keep the LSN, transaction and index of each operation, as
/// logs do that are written behind another one: `recover PART --wal LOG` finds every operation in both. What no part is
/// for goes to the part `rest`. Parts at an LSN are ordinary logs.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder of the log
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Folder for the folders of the parts
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// What tells the parts from one another
    #[arg(long, value_enum, required_unless_present = "at_lsn", conflicts_with = "at_lsn")]
    by: Option<By>,

    /// Commits below this LSN, and the others
    #[arg(long, value_name = "LSN")]
    at_lsn: Option<u64>,

    /// Seal a segment of a part before it grows above this
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size)]
    rotate_size: u64,

    #[command(flatten)]
    out: OutputArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum By {
    /// Edges by partition, nodes together
    Partition,
    /// Nodes and edges by graph
    Graph,
    /// KV operations by store
    Store,
    /// Rows by table
    Table,
    /// Nodes by label
    Label,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let by = match (args.by, args.at_lsn) {
        (_, Some(lsn)) => SplitBy::Lsn(lsn),
        (Some(By::Partition), _) => SplitBy::Partition,
        (Some(By::Graph), _) => SplitBy::Graph,
        (Some(By::Store), _) => SplitBy::Store,
        (Some(By::Table), _) => SplitBy::Table,
        (Some(By::Label), _) => SplitBy::Label,
        (None, None) => return Err(Error::usage("--by or --at-lsn says where to split")),
    };
    let (force, dry_run) = (args.out.force, args.out.dry_run);
    let options = SplitOptions { by, force, dry_run, rotate_size: args.rotate_size, job: cx.job() };
    let parts = qx_log::split(&args.dir, &args.output, &options)?;
    if cx.json() {
        cx.out.record(&json!({"v": 1, "path": args.dir.to_string_lossy(), "out": args.output.to_string_lossy(),
            "dry_run": dry_run, "parts": parts}))?;
        return Ok(Status::Yes);
    }
    let rows = parts.iter().map(|p| vec![p.name.clone(), p.transactions.to_string(), p.operations.to_string()]);
    show::rows(cx, &["part", ">transactions", ">operations"], rows.collect())?;
    Ok(Status::Yes)
}

//! `deltalog prune`: remove segments that nobody needs any more.

use std::path::PathBuf;

use qx_cli::{Context, Status, WaitArg, count};
use qx_formats::Result;
use qx_log::PruneOptions;
use serde_json::json;

use crate::show;

const EXAMPLES: &str = "\
Examples:
  deltalog prune LOG --before-lsn 1000000 --dry-run    which segments would go
  deltalog prune LOG --before-lsn 1000000
  deltalog prune LOG --superseded                      what recoveries left behind";

/// Remove whole segments whose LSNs are all below one
///
/// Segments go as a whole or stay, the oldest first, and the last one always stays: it knows where the numbers go on. A
/// segment that holds the LSN itself stays, too. Readers that have a segment open finish it. A second run has nothing to
/// do and succeeds.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder of the log
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Remove segments that hold only lower LSNs
    #[arg(
        long,
        value_name = "LSN",
        required_unless_present = "superseded",
        default_value_if("superseded", "true", "0")
    )]
    before_lsn: Option<u64>,

    /// Remove what recoveries left behind, too
    #[arg(long)]
    superseded: bool,

    /// Look and report, remove nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let options = PruneOptions {
        before_lsn: args.before_lsn.unwrap_or(0),
        superseded: args.superseded,
        dry_run: args.dry_run,
        wait: args.wait.wait.unwrap_or_default(),
    };
    let done = qx_log::prune(&args.dir, &options)?;
    if cx.json() {
        cx.out.record(&json!({"v": 1, "path": args.dir.to_string_lossy(), "dry_run": args.dry_run,
            "segments": done.segments, "bytes": done.bytes, "first_lsn": done.first_lsn}))?;
        return Ok(Status::Yes);
    }
    if !done.segments.is_empty() {
        let rows = done.segments.iter().map(|s| {
            let state = if s.superseded { "superseded" } else { "below" };
            vec![s.name.clone(), state.to_owned(), s.bytes.to_string(), s.base_lsn.to_string()]
        });
        show::rows(cx, &["segment", "state", ">bytes", ">base_lsn"], rows.collect())?;
    }
    let what = if args.dry_run { "would be removed" } else { "removed" };
    cx.say(format!(
        "{} with {} {what}; LSNs from {} on stay",
        count(done.segments.len(), "segment"),
        count(done.bytes, "byte"),
        done.first_lsn
    ));
    Ok(Status::Yes)
}

//! `vindex compact`: all segments into one.

use std::path::PathBuf;
use std::time::Duration;

use qx_cli::{Context, Status, WaitArg, count};
use qx_formats::{Error, Kind, Result};
use qx_vector::BuildOptions;
use qx_vector::set::{Editor, would_recode};
use serde_json::json;

use crate::options::{EffortArgs, RecodeArgs, of_input, report, warn_of_recoded};

const EXAMPLES: &str = "\
Examples:
  vindex compact x.vindex
  vindex compact x.vindex --dry-run --json
  vindex compact x.vindex --wait 30s --threads 1";

/// Fold what was added and deleted into one file
///
/// Nothing to fold is a success in silence. The files of the generation before stay until the next change. The codes of a
/// compact index stay as they are; files whose codes were made around another mean are refused without --recode, and an
/// addition that is not larger than what is there has the same mean.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to compact (.vindex, or .vdata)
    #[arg(value_name = "INDEX")]
    index: PathBuf,

    #[command(flatten)]
    recode: RecodeArgs,

    #[command(flatten)]
    effort: EffortArgs,

    /// Say what would be folded, change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    if args.dry_run {
        let set = crate::input::set(&args.index)?;
        let (segments, hidden) = (set.parts().len() + set.denied().len(), set.hidden());
        let changed = segments > 1 || hidden > 0;
        let (fold, go) = (count(segments, "segment"), count(hidden, "deleted row"));
        let sentence = format!("{}: would fold {fold}, {go} would go", set.path().display());
        let recoded = if changed { would_recode(&set, args.recode.recode)? } else { 0 };
        let more = json!({"path": set.path().to_string_lossy(), "dry_run": true, "changed": changed,
            "segments_before": segments, "dropped": hidden, "recoded": recoded, "rows": set.len()});
        report(cx, &json!({}), more, sentence)?;
        warn_of_recoded(cx, recoded);
        return Ok(Status::Yes);
    }
    let mut editor = Editor::open(&args.index, args.wait.wait.unwrap_or(Duration::ZERO))?;
    let opts = BuildOptions {
        recode: args.recode.recode,
        threads: args.effort.threads,
        memory: args.effort.memory,
        ..BuildOptions::default()
    };
    let done = editor.compact(&opts, &cx.job());
    // What would be coded anew is told of the index as well.
    let named = |e: Error| if e.kind() == Kind::Usage { e.path(&args.index) } else { of_input(&args.index)(e) };
    let r = done.map_err(named)?;
    let path = editor.path().display();
    let sentence = if r.changed {
        format!(
            "{path}: folded {} into one, {}, {} (before: {}), {} gone",
            count(r.segments_before, "segment"),
            count(r.rows, "row"),
            count(r.bytes, "byte"),
            r.bytes_before,
            count(r.dropped, "deleted row")
        )
    } else {
        format!("{path}: nothing to fold")
    };
    report(cx, &r, json!({"path": editor.path().to_string_lossy(), "dry_run": false}), sentence)?;
    warn_of_recoded(cx, r.recoded);
    Ok(Status::Yes)
}

//! `vindex tune`: the ef that finds enough, kept in the definition.

use std::path::PathBuf;
use std::time::Duration;

use qx_cli::{Context, Status, WaitArg};
use qx_formats::Result;
use qx_vector::set::Editor;
use serde_json::json;

use crate::options::report;
use crate::recall::{QueryArgs, parse_share};

const EXAMPLES: &str = "\
Examples:
  vindex tune x.vindex --recall-target 0.95
  vindex tune x.vindex --recall-target 0.99 --queries q.npy -k 100
  vindex tune x.vdata --recall-target 0.95 --dry-run";

/// Find the least ef that finds enough, and make it the default of searches
///
/// It is stored in the definition; x.vdata gets one beside it. Exits 1, and changes nothing, when no ef finds enough.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to tune (.vindex or .vdata)
    #[arg(value_name = "INDEX")]
    index: PathBuf,

    /// Share of the exact answers that a search must find
    #[arg(long, value_name = "R", value_parser = parse_share, default_value = "0.95")]
    recall_target: f64,

    #[command(flatten)]
    queries: QueryArgs,

    /// Do everything but store it
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let set = crate::input::set(&args.index)?;
    set.check_whole()?;
    let truth = args.queries.truth(&set, cx)?;
    let Some(point) = truth.tune(&set, args.recall_target)? else {
        cx.say(format!("{}: no ef finds {} of the exact answers", args.index.display(), args.recall_target));
        if cx.json() {
            cx.out.record(&json!({"v": 1, "ef": null, "recall_target": args.recall_target}))?;
        }
        return Ok(Status::No);
    };
    if !args.dry_run {
        let mut editor = Editor::open(&args.index, args.wait.wait.unwrap_or(Duration::ZERO))?;
        editor.set_tuned_ef(u32::try_from(point.ef).ok())?;
    }
    let verb = if args.dry_run { "would become" } else { "is now" };
    let sentence = format!(
        "{}: ef {} {verb} the default, it finds {:.4} of the exact answers",
        args.index.display(),
        point.ef,
        point.recall
    );
    let more = json!({"path": args.index.to_string_lossy(), "dry_run": args.dry_run,
        "recall_target": args.recall_target, "k": args.queries.k});
    report(cx, &point, more, sentence)?;
    Ok(Status::Yes)
}

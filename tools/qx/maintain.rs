//! `qx maintain` and `qx upgrade`.

use std::path::PathBuf;

use qx_cli::{Context, Status, WaitArg};
use qx_formats::Result;
use qx_store::{Store, upkeep};
use serde_json::json;

use crate::runtime::block_on;

const EXAMPLES: &str = "\
Examples:
  qx maintain my.db              all of it
  qx maintain my.db --due        only what is due; from cron, at any rate
  qx maintain my.db --dry-run";

/// Do the work that falls due: flush tables, remove what expired, snapshot stores, compact graphs, let go of the log
///
/// Nothing runs in the background; the next write does what is due, or this does, from cron. A run that has nothing to
/// do succeeds in silence, and one that finds another process writing ends at once with exit 75.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// Only what is due by the options of tables and the settings
    #[arg(long)]
    due: bool,

    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let store = Store::open(&args.db)?;
    let cancel = cx.cancel.clone();
    let wait = args.wait.wait.unwrap_or_default();
    let done = block_on(&cancel, upkeep::maintain(&store, args.due, args.dry_run, wait))?;
    for line in &done {
        if cx.json() {
            cx.out.record(&json!({"work": line.work, "object": line.object, "dry_run": args.dry_run}))?;
        }
        let verb = if args.dry_run { "would " } else { "" };
        cx.say(format!("{verb}{} {}", line.work, line.object));
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "done": done.len(), "dry_run": args.dry_run}}))?;
    }
    Ok(Status::Yes)
}

const UPGRADE_EXAMPLES: &str = "\
Examples:
  qx upgrade my.db --dry-run";

/// Bring a database to the newest version of its formats
///
/// Every file says its version. Files of this build's versions are left alone; a newer one is refused by name.
#[derive(clap::Args)]
#[command(before_help = UPGRADE_EXAMPLES)]
pub struct UpgradeArgs {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// Say what would be rewritten, and rewrite nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn upgrade(args: UpgradeArgs, cx: &mut Context) -> Result<Status> {
    let store = Store::open(&args.db)?;
    let report = upkeep::upgrade(&store, args.dry_run, args.wait.wait.unwrap_or_default())?;
    if cx.json() {
        cx.out.record(&json!({
            "v": 1, "path": args.db.to_string_lossy(), "dry_run": args.dry_run, "looked_at": report.looked_at,
            "rewritten": report.rewritten,
        }))?;
    }
    let path = args.db.display();
    cx.say(match report.rewritten.len() {
        0 => format!("{path}: {} documents, all of the newest version", report.looked_at),
        n => format!("{path}: {n} of {} documents brought to the newest version", report.looked_at),
    });
    Ok(Status::Yes)
}

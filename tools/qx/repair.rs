//! `qx repair`: act on what fsck finds.

use std::path::PathBuf;

use qx_cli::{Context, Status, WaitArg};
use qx_formats::Result;
use qx_store::repair::{self, Select};
use serde_json::json;

use crate::runtime::block_on;
use crate::{fsck, show};

const EXAMPLES: &str = "\
Examples:
  qx repair my.db --dry-run
  qx repair my.db
  qx repair my.db --finding db.table_manifest --finding db.orphan";

/// Repair what fsck finds, without destroying anything
///
/// Damaged documents are made anew from what they describe, the log keeps every whole transaction, damaged Parquet files
/// and snapshots give up the rows and keys that can be read, a damaged vector index is emptied until it is built again.
/// What is replaced, damaged or named by nothing goes to lost+found/ in the database folder, beside report.json, which
/// says what was kept and what was lost. Exit 1 when errors are left.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// Act on findings with this id only; repeatable
    #[arg(long, value_name = "ID")]
    finding: Vec<String>,

    /// Say what would be done and what would be lost, and change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let select = if args.finding.is_empty() { Select::All } else { Select::Ids(args.finding) };
    let (job, cancel) = (cx.job(), cx.cancel.clone());
    let wait = args.wait.wait.unwrap_or_default();
    let report = block_on(&cancel, repair::repair(&args.db, &select, args.dry_run, wait, &job))?;
    let lost = report.lost_and_found.as_ref().map(|p| p.to_string_lossy().into_owned());
    if cx.json() {
        for action in &report.actions {
            cx.out.record(action)?;
        }
        cx.out.record(&json!({"summary": {
            "v": 1, "path": args.db.to_string_lossy(), "ok": report.sound(), "dry_run": report.dry_run,
            "actions": report.actions.len(), "losses": report.actions.iter().filter(|a| a.loss.is_some()).count(),
            "lost_and_found": lost, "left": report.left,
        }}))?;
    } else {
        let cells = |a: &repair::Action| {
            let loss = a.loss.as_deref().map_or_else(|| "nothing lost".to_owned(), |l| format!("lost: {l}"));
            vec![a.finding.clone(), a.path.clone(), a.what.clone(), loss]
        };
        if !report.actions.is_empty() {
            let rows = report.actions.iter().map(cells).collect();
            show::rows(cx, &["finding", "path", "action", "loss"], rows)?;
        }
        if !report.dry_run && !report.sound() {
            fsck::print(cx, &report.left)?;
        }
    }
    let path = args.db.display();
    let actions = report.actions.len();
    if let Some(lost) = &lost {
        cx.say(format!("{path}: what was set aside, and report.json, are in {lost}"));
    }
    match (report.dry_run, report.sound()) {
        (true, _) => cx.say(format!("{path}: {actions} actions would be taken")),
        (false, true) => cx.say(format!("{path}: whole, {actions} actions taken")),
        (false, false) => cx.say(format!("{path}: {actions} actions taken, errors are left")),
    }
    Ok(Status::from_bool(report.sound() || report.dry_run))
}

//! `qx graph compact`: folds deltas and log into new segments.

use qx_cli::{Context, Status, WaitArg};
use qx_formats::Result;
use qx_graph::compact;
use serde_json::json;

use super::{Target, chosen, open};

const EXAMPLES: &str = "\
Examples:
  qx graph compact my.db                 every graph of the graph store
  qx graph compact my.db dependency_graph
  qx graph compact my.db --due           only those that are due, for cron
  qx graph compact my.db --dry-run       what each would fold";

/// Fold the deltas of graphs into new segments
///
/// A run that was stopped leaves the graph as it was; the next one goes on. Readers are not disturbed.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    target: Target,

    /// Only graphs whose deltas are too many, too old, or delete too much
    #[arg(long)]
    due: bool,

    /// Say what each graph would fold, and fold nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let mut view = args.target.open()?;
    let writer = match args.dry_run {
        true => None,
        // What the log holds is durable once a writer has opened it.
        false => Some(view.store().writer(args.wait.wait.unwrap_or_default())?),
    };
    if let Some(writer) = &writer {
        view = writer.view().clone();
    }
    let settings = view.catalog().settings.clone();
    let job = cx.job();
    let mut done = 0;
    for (name, def) in chosen(&view, &args.target.graphs)? {
        let graph = open(&view, &name, &def)?;
        if args.due && !graph.compaction_due(&def.limits(&settings), qx_log::now_us()) {
            continue;
        }
        let (adds, tombstones) = graph.delta_records();
        if args.dry_run {
            if cx.json() {
                let record =
                    json!({"graph": name.key(), "delta_adds": adds, "delta_tombstones": tombstones, "dry_run": true});
                cx.out.record(&record)?;
            }
            cx.say(format!("{}: would fold {adds} adds and {tombstones} tombstones", name.key()));
            continue;
        }
        drop(graph);
        let report = compact(&def.home(view.store().layout(), &name), &job)?;
        done += 1;
        if cx.json() {
            let mut record = json!({"graph": name.key(), "dry_run": false});
            if let (Some(record), Ok(serde_json::Value::Object(report))) =
                (record.as_object_mut(), serde_json::to_value(&report))
            {
                record.extend(report);
            }
            cx.out.record(&record)?;
        }
        cx.say(match report.unchanged {
            true => format!("{}: nothing to fold", name.key()),
            false => format!(
                "{}: folded {adds} adds and {tombstones} tombstones, {} segments written, {} kept",
                name.key(),
                report.segments_written,
                report.segments_kept
            ),
        });
    }
    if let Some(writer) = writer {
        writer.close()?;
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "graphs": done, "dry_run": args.dry_run}}))?;
    }
    Ok(Status::Yes)
}

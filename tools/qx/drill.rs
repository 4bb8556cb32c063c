//! `qx drill`: rehearse crashes of a whole database.

use std::path::PathBuf;
use std::sync::Arc;

use qx_cli::{Context, Status};
use qx_formats::{Error, Result};
use qx_sql::drill::{DrillOptions, DrillReport, Which, drill};
use serde_json::json;

use crate::show;

const EXAMPLES: &str = "\
Examples:
  qx drill                            so many cases of seed 1
  qx drill --seed 7 --every           behind every step, in every way
  qx drill --seed 7 --step 340        again what a report named
  qx drill --case 7/340/torn:77
  qx drill --forget-syncs wal         show that a missing sync would be found";

/// Rehearse crashes behind every change that a database makes to its folder
///
/// A seeded workload runs once on a new database: transactions over tables, keys and a graph, changes of definitions,
/// flushes, rewrites, compactions, snapshots. Every change of the folder is recorded, and a crash derived from behind it:
/// what was not synced is lost, stays, is torn at sectors of 512 bytes or kept out of order. What each crash left is
/// read by a reader, proven by fsck, recovered by a writer that goes on working, and crashed once more on the way. Every
/// acknowledged action must be there and no other, and fsck must find no error. Exit status 1 and the name of each case
/// where that is not so. A name holds for the same --actions.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Seed of the workload
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// So many cases, drawn by the seed
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..))]
    samples: u64,

    /// Every case of the seed
    #[arg(long, conflicts_with_all = ["samples", "step", "case"])]
    every: bool,

    /// The cases behind this step
    #[arg(long, value_name = "N", conflicts_with_all = ["samples", "case"])]
    step: Option<u64>,

    /// Only this case: SEED/STEP/WAY
    #[arg(long, value_name = "NAME", conflicts_with_all = ["samples", "seed"])]
    case: Option<String>,

    /// Actions of the workload
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    actions: u64,

    /// Folder for the drill's databases (default: the system's folder for temporary files)
    #[arg(long, value_name = "DIR")]
    temp_dir: Option<PathBuf>,

    /// Take syncs of files and folders with this text in their path for never made
    #[arg(long, value_name = "TEXT")]
    forget_syncs: Option<String>,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let temp = args.temp_dir.unwrap_or_else(std::env::temp_dir);
    let scratch = tempfile::Builder::new().prefix("qx-drill-").tempdir_in(&temp);
    let scratch = scratch.map_err(|e| Error::io("create a temporary folder", e).path(&temp))?;
    let (seed, which) = match (&args.case, args.step, args.every) {
        (Some(name), ..) => {
            let (seed, case) = name.split_once('/').and_then(|(s, c)| Some((s.parse().ok()?, c))).ok_or_else(|| {
                Error::usage("not the name of a case").expected("SEED/STEP/WAY, such as 7/340/torn:77").got(name)
            })?;
            (seed, Which::Case(case.to_owned()))
        }
        (None, Some(step), _) => (args.seed, Which::Step(step)),
        (None, None, true) => (args.seed, Which::Every),
        (None, None, false) => (args.seed, Which::Samples(args.samples)),
    };
    let report = drill(&DrillOptions {
        seed,
        which,
        actions: args.actions,
        scratch: scratch.path().to_path_buf(),
        forget: args.forget_syncs.map(|text| {
            let forget: qx_io::record::Forget = Arc::new(move |path| path.to_string_lossy().contains(&text));
            forget
        }),
        job: cx.job(),
    })?;
    print(&report, cx)?;
    Ok(Status::from_bool(report.passed()))
}

fn print(report: &DrillReport, cx: &mut Context) -> Result<()> {
    if cx.json() {
        for v in &report.violations {
            cx.out.record(v)?;
        }
        return cx.out.record(&json!({"summary": {"v": 1, "ok": report.passed(), "seed": report.seed,
            "actions": report.actions, "steps": report.steps, "cases": report.cases, "states": report.states,
            "kinds": report.kinds, "violations": report.violations.len(), "seconds": report.elapsed.as_secs_f64()}}));
    }
    let rows =
        report.kinds.iter().map(|(kind, t)| vec![(*kind).to_owned(), t.cases.to_string(), t.violations.to_string()]);
    show::rows(cx, &["what became of what was not synced", ">cases", ">violations"], rows.collect())?;
    if !report.violations.is_empty() {
        let row =
            |v: &qx_sql::drill::Violation| vec![v.case.clone(), v.after.clone(), v.action.clone(), v.message.clone()];
        show::rows(cx, &["case", "after", "at work on", "violation"], report.violations.iter().map(row).collect())?;
    }
    let (cases, states, seconds) = (report.cases, report.states, report.elapsed.as_secs_f64());
    let ran =
        format!("{cases} cases ({states} states) of {} steps, seed {}, in {seconds:.1} s", report.steps, report.seed);
    cx.say(match report.violations.first() {
        None => format!("{ran}: every promise was kept"),
        Some(v) => format!("{ran}: {} broken promises; again with --case {}", report.violations.len(), v.case),
    });
    Ok(())
}

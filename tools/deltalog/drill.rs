//! `deltalog drill`: rehearse crashes, and compare what is found with what was promised.

use std::path::PathBuf;
use std::time::Duration;

use qx_cli::{Context, Status, count, parse_duration};
use qx_formats::{Error, Result};
use qx_log::drill::{CaseName, DrillOptions, DrillReport, drill};
use qx_log::{Op, SyncPolicy};
use serde_json::json;

use crate::append::parse_sync;
use crate::{input, ops, real, show};

const EXAMPLES: &str = "\
Examples:
  deltalog drill                                 every case of seed 1
  deltalog drill --samples 10000 --seed 42       so many cases, over many seeds
  deltalog drill --case 7/sync:12/340/torn:77    one case again, as a report named it
  deltalog drill --workload ops.ndjson --sync always
  deltalog drill --real /mnt/disk --for 30s      kill real writers on a real disk";

/// Rehearse crashes at every step of a workload, and check every promise
///
/// A workload runs once on a modelled disk that tells written bytes from durable ones. It is then crashed behind every
/// write, sync and rename: what was not synced is lost, stays, is torn at sectors of 512 bytes or kept out of order. It runs
/// again with a sync that fails once, with writes that stop half way, with a disk that fills up; and what is durable is
/// read with failing and with short reads, and with flipped bits. After each the log is recovered: every acknowledged
/// transaction must be there, whole and in order, no other may be half there, damage must be reported and never passed
/// over. Exit status 1 and the name of each case where one is not. A name holds for the same --transactions, --sync and
/// --workload.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Seed of the workload; with --samples the first of several
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// Every case of the seed (the default)
    #[arg(long, conflicts_with_all = ["samples", "case"])]
    every: bool,

    /// So many cases, over as many seeds as it takes
    #[arg(long, value_name = "N", conflicts_with = "case", value_parser = clap::value_parser!(u64).range(1..))]
    samples: Option<u64>,

    /// Only this case
    #[arg(long, value_name = "NAME")]
    case: Option<CaseName>,

    /// Transactions of the workload
    #[arg(long, value_name = "N", default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    transactions: u64,

    /// Sync policy of the workload: always, bytes:1MiB or none (default: the seed chooses)
    #[arg(long, value_name = "POLICY", value_parser = parse_sync)]
    sync: Option<SyncPolicy>,

    /// Commit these operations, in the form of `append`, instead of made-up ones
    #[arg(long, value_name = "OPS", conflicts_with = "transactions")]
    workload: Option<PathBuf>,

    /// Kill real writers in this folder of a real disk instead
    #[arg(long, value_name = "DIR", conflicts_with_all = ["every", "samples", "case", "workload", "sync", "transactions"])]
    real: Option<PathBuf>,

    /// How long to go on killing
    #[arg(long = "for", value_name = "DURATION", default_value = "10s", value_parser = parse_duration, requires = "real")]
    time: Duration,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    if let Some(dir) = &args.real {
        return real::run(dir, args.time, args.seed, cx);
    }
    if let Some(SyncPolicy::Interval(_)) = args.sync {
        return Err(Error::usage("a drill has no clock: interval cannot be rehearsed").hint("always, bytes:N or none"));
    }
    let recorded = args.workload.as_deref().map(workload).transpose()?;
    let options = DrillOptions {
        seed: args.seed,
        samples: args.samples,
        only: args.case,
        commits: args.transactions,
        sync: args.sync,
        recorded,
        between: None,
        job: cx.job(),
    };
    let report = drill(&options)?;
    print(&report, cx)?;
    Ok(Status::from_bool(report.passed()))
}

/// Transactions as `append` would make them, those of a dump as they were.
fn workload(path: &std::path::Path) -> Result<Vec<Vec<Op>>> {
    const MOST: usize = 10_000;
    let input = input::open(path)?;
    let mut all: Vec<Vec<Op>> = Vec::new();
    let mut open: Option<Vec<Op>> = None;
    // The transaction that the line before says it is of.
    let mut said = None;
    for chunk in input.chunks {
        let chunk = chunk?;
        for line in chunk.lines() {
            let bad = |why: &str| {
                Error::invalid(format!("line {}: {why}", line.number)).path(&input.name).offset(line.offset)
            };
            match ops::parse(line.text).map_err(|why| bad(&why))? {
                ops::Line::Nothing => {}
                ops::Line::Begin if open.is_some() => return Err(bad("`begin` inside a transaction")),
                ops::Line::Begin => (open, said) = (Some(Vec::new()), None),
                ops::Line::Commit => all.push(open.take().ok_or_else(|| bad("no transaction was begun"))?),
                ops::Line::Abort => drop(open.take().ok_or_else(|| bad("no transaction was begun"))?),
                ops::Line::Op(op, txn) => {
                    op.check().map_err(|e| bad(&e.to_string()))?;
                    match (&mut open, all.last_mut()) {
                        (Some(ops), _) => ops.push(op),
                        (None, Some(ops)) if txn.is_some() && txn == said => ops.push(op),
                        (None, _) => all.push(vec![op]),
                    }
                    said = if open.is_none() { txn } else { None };
                }
            }
            if all.len() > MOST {
                return Err(Error::limit("transactions of a workload", MOST as u64, all.len() as u64).path(&input.name));
            }
        }
    }
    if all.is_empty() {
        return Err(Error::invalid("the workload has no transaction").path(&input.name));
    }
    Ok(all)
}

fn print(report: &DrillReport, cx: &mut Context) -> Result<()> {
    if cx.json() {
        for v in &report.violations {
            cx.out.record(v)?;
        }
        return cx.out.record(&json!({"summary": {"v": 1, "ok": report.passed(), "seeds": report.seeds,
            "cases": report.cases, "steps": report.steps, "transactions": report.transactions, "kinds": report.kinds,
            "violations": report.violations.len(), "seconds": report.elapsed.as_secs_f64()}}));
    }
    let rows =
        report.kinds.iter().map(|(kind, t)| vec![(*kind).to_owned(), t.cases.to_string(), t.violations.to_string()]);
    show::rows(cx, &["what went wrong", ">cases", ">violations"], rows.collect())?;
    if !report.violations.is_empty() {
        let rows = report.violations.iter().map(|v| vec![v.case.clone(), v.after.clone(), v.message.clone()]);
        show::rows(cx, &["case", "after", "violation"], rows.collect())?;
    }
    let (cases, seconds) = (count(report.cases, "case"), report.elapsed.as_secs_f64());
    let seeds = match (report.seeds.first(), report.seeds.last()) {
        (Some(a), Some(b)) if a != b => format!("seeds {a} to {b}"),
        (Some(a), _) => format!("seed {a}"),
        _ => "no seed".to_owned(),
    };
    match report.violations.first() {
        None => cx.say(format!("{cases} of {seeds} in {seconds:.1} s: every promise was kept")),
        Some(v) => cx.say(format!(
            "{cases} of {seeds} in {seconds:.1} s: {}; again with --case {}",
            count(report.violations.len(), "broken promise"),
            v.case
        )),
    }
    Ok(())
}

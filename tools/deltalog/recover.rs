//! `deltalog recover`: mend what a crash left, and say how.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::ValueEnum;
use qx_cli::{Context, Status, WaitArg, count, is_dash};
use qx_formats::{Error, Kind, Result};
use qx_log::{Cut, Mode, Reader, RecoverOptions, RecoveryReport, Transaction};
use serde_json::{Map, Value, json};

use crate::index::Index;
use crate::show;

const EXAMPLES: &str = "\
Examples:
  deltalog recover LOG --dry-run           what would be kept, what cut, and why
  deltalog recover LOG                     cut a torn tail, keep everything acknowledged
  deltalog recover LOG --mode salvage      keep every whole transaction around damage
  deltalog recover DELTA --wal WAL         then: both logs as one, each operation once
  deltalog recover DELTA --wal WAL --index-out index.ndjson";

/// Recover a log that was not closed cleanly, and report what was kept and cut
///
/// Bytes that are there are never changed. What counts of a torn or damaged part is copied to a new segment that
/// supersedes it, synced before anything else happens; the old bytes stay for whoever wants to look. A log that was
/// closed cleanly is left alone. Damage below the durable watermark is corruption: `tail` and `strict` refuse it with
/// exit status 65.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder of the log
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// How to meet damage
    #[arg(long, value_enum, default_value_t)]
    mode: ModeArg,

    /// The log that DIR is written behind: read both by LSN, each (transaction, operation) once, and sum up
    #[arg(long, value_name = "DIR")]
    wal: Option<PathBuf>,

    /// Write adds and tombstones per partition, source and edge type, and the last word on each node, as NDJSON; `-` is
    /// stdout, instead of the report
    #[arg(long, value_name = "FILE")]
    index_out: Option<PathBuf>,

    /// Replace the file of --index-out if it is already there
    #[arg(long, requires = "index_out")]
    force: bool,

    /// Look and report, change nothing in the log
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum ModeArg {
    /// Cut a torn tail above the durable watermark; refuse damage below it
    #[default]
    Tail,
    /// Refuse any damage
    Strict,
    /// Keep every whole transaction, list every gap
    Salvage,
}

impl From<ModeArg> for Mode {
    fn from(mode: ModeArg) -> Mode {
        match mode {
            ModeArg::Tail => Mode::Tail,
            ModeArg::Strict => Mode::Strict,
            ModeArg::Salvage => Mode::Salvage,
        }
    }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let mode = Mode::from(args.mode);
    let options = RecoverOptions { mode, dry_run: args.dry_run, wait: args.wait.wait.unwrap_or_default() };
    // What would fail after the recovery fails before it.
    if let Some(wal) = &args.wal {
        Reader::open(wal)?;
    }
    if let Some(path) = args.index_out.as_deref().filter(|p| !is_dash(p) && !args.force && p.is_file()) {
        return Err(Error::new(Kind::Exists, "the file is already there")
            .path(path)
            .hint("give --force to replace it"));
    }
    let report = qx_log::recover(&args.dir, &options)?;
    let merged = if args.wal.is_some() || args.index_out.is_some() { Some(merge(&args, cx)?) } else { None };
    if args.index_out.as_deref().is_some_and(is_dash) {
        return Ok(Status::Yes);
    }
    if cx.json() {
        let mut document = Map::from_iter([("v".to_owned(), json!(1))]);
        if let Ok(Value::Object(fields)) = serde_json::to_value(&report) {
            document.extend(fields);
        }
        document.insert("path".to_owned(), report.path.to_string_lossy().into());
        if let Some(merged) = merged {
            document.insert("merged".to_owned(), merged.into());
        }
        cx.out.record(&document)?;
        return Ok(Status::Yes);
    }
    show::fields(cx, summary(&report))?;
    if !report.cuts.is_empty() {
        let rows = report.cuts.iter().map(cells).collect();
        show::rows(cx, &[">segment", ">offset", ">bytes", "reason", "lost LSNs", "message"], rows)?;
    }
    if let Some(merged) = merged {
        show::fields(cx, merged)?;
    }
    Ok(Status::Yes)
}

pub fn summary(r: &RecoveryReport) -> Map<String, Value> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("path", r.path.to_string_lossy().into());
    put("mode", json!(r.mode));
    put("clean", r.clean.into());
    put("dry_run", r.dry_run.into());
    put("segments", r.segments.into());
    put("kept_transactions", r.kept_transactions.into());
    put("kept_operations", r.kept_operations.into());
    put("kept_records", r.kept_records.into());
    put("kept_bytes", r.kept_bytes.into());
    put("dropped_records", r.dropped_records.into());
    put("dropped_bytes", r.dropped_bytes.into());
    put("cuts", r.cuts.len().into());
    put("partial_transactions", json!(r.partial_transactions));
    put("durable_lsn", r.watermark.into());
    put("next_lsn", r.next_lsn.into());
    put("next_txn", r.next_txn.into());
    put("new_segment", r.new_segment.into());
    put("copied_transactions", r.copied_transactions.into());
    fields
}

pub fn cells(c: &Cut) -> Vec<String> {
    let lost = match c.lost_lsns {
        None => String::new(),
        Some(r) => match r.to {
            Some(to) => format!("{}-{to}", r.from),
            None => format!("{}-", r.from),
        },
    };
    let numbers = [c.segment, c.offset, c.bytes].map(|n| n.to_string());
    numbers.into_iter().chain([c.reason.to_owned(), lost, c.message.clone()]).collect()
}

/// Reads both logs as one - or the one alone - and sums up.
fn merge(args: &Args, cx: &mut Context) -> Result<Map<String, Value>> {
    let log = Reader::open(&args.dir)?;
    let wal = args.wal.as_ref().map(Reader::open).transpose()?;
    let mut index = Index::default();
    let mut by_kind: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut take = |tx: Transaction| {
        tx.ops.iter().for_each(|(_, _, op)| *by_kind.entry(op.name()).or_default() += 1);
        index.apply(&tx.ops);
    };
    let counts = match &wal {
        Some(wal) => {
            let mut merged = qx_log::merge(&log, wal);
            for tx in merged.by_ref() {
                cx.cancel.check()?;
                take(tx?);
            }
            Some(merged.counts)
        }
        None => {
            for tx in log.transactions(0) {
                cx.cancel.check()?;
                take(tx?);
            }
            None
        }
    };
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(format!("merged_{name}"), value);
    if let Some(c) = counts {
        if c.conflicts > 0 {
            let differ = if c.conflicts == 1 { "differs" } else { "differ" };
            let operations = count(c.conflicts, "operation");
            cx.warn(format!("{operations} {differ} between the logs; what the WAL says was taken"));
        }
        put("transactions", c.transactions.into());
        put("operations", c.operations.into());
        put("in_both", c.in_both.into());
        put("only_log", c.only_log.into());
        put("only_wal", c.only_wal.into());
        put("conflicts", c.conflicts.into());
    }
    put("operations_by_kind", json!(by_kind));
    put("partitions", index.partitions());
    if let Some(path) = &args.index_out {
        index.write(path, args.force, cx)?;
    }
    Ok(fields)
}

//! The drill with processes: writers that are killed, and what they had acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use qx_cli::{Context, Status};
use qx_formats::container::Severity;
use qx_formats::{Error, Result};
use qx_io::model::SplitMix;
use qx_log::{Op, Reader, RecoverOptions, recover, verify};
use serde_json::json;

use crate::show;

/// What came of it.
#[derive(Default)]
struct Seen {
    rounds: u64,
    acknowledged: Vec<u64>,
    transactions: u64,
    cut_bytes: u64,
    violations: Vec<(u64, String)>,
}

/// Kills writers for `time`, in a folder of its own below `dir`.
pub fn run(dir: &Path, time: Duration, seed: u64, cx: &mut Context) -> Result<Status> {
    std::fs::create_dir_all(dir).map_err(|e| Error::io("create folder", e).path(dir))?;
    let scratch = scratch(dir)?;
    let log = scratch.join("log");
    let mut seen = Seen::default();
    let mut random = SplitMix(seed);
    let end = Instant::now() + time;
    while (Instant::now() < end || seen.rounds == 0) && seen.violations.is_empty() {
        cx.cancel.check()?;
        seen.rounds += 1;
        let life = Duration::from_millis(15 + random.below(250));
        let first = seen.rounds * 10_000_000;
        seen.acknowledged.extend(killed(&log, first, life)?);
        check(&log, &mut seen)?;
    }
    report(dir, &seen, cx)?;
    if seen.violations.is_empty() {
        std::fs::remove_dir_all(&scratch).map_err(|e| Error::io("remove", e).path(&scratch))?;
    } else {
        cx.say(format!("{} is left for whoever investigates", scratch.display()));
    }
    Ok(Status::from_bool(seen.violations.is_empty()))
}

fn scratch(dir: &Path) -> Result<PathBuf> {
    for n in 1..10_000 {
        let path = dir.join(format!("deltalog-drill-{}-{n}", std::process::id()));
        match std::fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(Error::io("create folder", e).path(path)),
        }
    }
    Err(Error::usage("too many drills are left in the folder").path(dir))
}

/// Transactions of two operations each, which say whose they are.
fn feed(child: &mut Child, first: u64) -> Option<thread::JoinHandle<()>> {
    let mut input = child.stdin.take()?;
    let write = move || {
        for n in first..first + 1_000_000 {
            let line = format!(
                "{{\"op\":\"begin\"}}\n{{\"op\":\"put\",\"store\":\"a\",\"key\":\"k\",\"value\":{n}}}\n\
                 {{\"op\":\"put\",\"store\":\"b\",\"key\":\"k\",\"value\":{n}}}\n{{\"op\":\"commit\"}}\n"
            );
            // The reader is killed some day.
            if input.write_all(line.as_bytes()).is_err() {
                return;
            }
        }
    };
    Some(thread::spawn(write))
}

/// Runs a writer for a while and kills it; gives the LSNs that it acknowledged.
fn killed(log: &Path, first: u64, life: Duration) -> Result<Vec<u64>> {
    let fail = |e| Error::io("start a writer", e).path(log);
    let mut child = Command::new(std::env::current_exe().map_err(fail)?)
        .args(["-q", "append", "--ack", "--rotate-size", "256KiB", "--wait", "5s"])
        .arg(log)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(fail)?;
    let feeder = feed(&mut child, first);
    let acks = child.stdout.take().map(|out| {
        thread::spawn(move || {
            // A line that the kill cut short is no acknowledgement.
            let lines = BufReader::new(out).lines().map_while(std::result::Result::ok);
            let values = lines.filter_map(|l| serde_json::from_str::<serde_json::Value>(&l).ok());
            values.filter_map(|v| v.get("lsn")?.as_u64()).collect::<Vec<_>>()
        })
    });
    thread::sleep(life);
    child.kill().and_then(|()| child.wait()).map_err(fail)?;
    if let Some(feeder) = feeder {
        let _ = feeder.join();
    }
    Ok(acks.and_then(|a| a.join().ok()).unwrap_or_default())
}

fn check(log: &Path, seen: &mut Seen) -> Result<()> {
    let round = seen.rounds;
    let report = match recover(log, &RecoverOptions::default()) {
        // A kill before the first segment was there.
        Err(e) if e.kind() == qx_formats::Kind::NotFound || e.io_kind() == Some(std::io::ErrorKind::NotFound) => {
            if !seen.acknowledged.is_empty() {
                seen.violations.push((round, "the log is gone".to_owned()));
            }
            return Ok(());
        }
        Err(e) if e.kind() == qx_formats::Kind::Corrupt => {
            seen.violations.push((round, format!("recovery: {e}")));
            return Ok(());
        }
        other => other?,
    };
    seen.cut_bytes += report.dropped_bytes;
    let mut there = Vec::new();
    let mut last = 0;
    for tx in Reader::open(log)?.transactions(0) {
        let tx = match tx {
            Ok(tx) => tx,
            Err(e) => {
                seen.violations.push((round, format!("read: {e}")));
                return Ok(());
            }
        };
        let value = |i: usize| match tx.ops.get(i) {
            Some((_, _, Op::KvPut { value, .. })) => std::str::from_utf8(value).ok()?.parse::<u64>().ok(),
            _ => None,
        };
        match (value(0), value(1)) {
            (Some(a), Some(b)) if a == b && tx.ops.len() == 2 && a > last => last = a,
            _ => seen.violations.push((round, format!("transaction {} is not whole or out of order", tx.txn))),
        }
        there.push(tx.commit_lsn);
    }
    seen.transactions = there.len() as u64;
    if let Some(lsn) = seen.acknowledged.iter().find(|lsn| there.binary_search(lsn).is_err()) {
        seen.violations.push((round, format!("LSN {lsn} was acknowledged and is gone")));
    }
    if let Some(f) = verify(log)?.iter().find(|f| f.severity == Severity::Error) {
        seen.violations.push((round, format!("verify: {} {}", f.id, f.message)));
    }
    Ok(())
}

fn report(dir: &Path, seen: &Seen, cx: &mut Context) -> Result<()> {
    if cx.json() {
        for (round, message) in &seen.violations {
            cx.out.record(&json!({"round": round, "message": message}))?;
        }
        return cx.out.record(&json!({"summary": {"v": 1, "path": dir.to_string_lossy(),
            "ok": seen.violations.is_empty(), "rounds": seen.rounds, "acknowledged": seen.acknowledged.len(),
            "transactions": seen.transactions, "cut_bytes": seen.cut_bytes, "violations": seen.violations.len()}}));
    }
    let row = |name: &str, n: u64| vec![name.to_owned(), n.to_string()];
    let rows = vec![
        row("writers killed", seen.rounds),
        row("commits acknowledged", seen.acknowledged.len() as u64),
        row("commits found", seen.transactions),
        row("bytes cut", seen.cut_bytes),
        row("violations", seen.violations.len() as u64),
    ];
    show::rows(cx, &["what", ">count"], rows)?;
    for (round, message) in &seen.violations {
        cx.warn(format!("round {round}: {message}"));
    }
    Ok(())
}

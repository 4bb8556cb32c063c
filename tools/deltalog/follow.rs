//! `deltalog follow`: what is committed, as it is committed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use qx_cli::{Context, Status, parse_duration};
use qx_formats::{Error, Result};
use qx_io::{Publish, write_atomic};
use qx_log::{Follower, Reader, Transaction};
use serde_json::json;

use crate::filter::FilterArgs;
use crate::ops;

const EXAMPLES: &str = "\
Examples:
  deltalog follow LOG                           from now on
  deltalog follow LOG --from-lsn 1              everything, then what comes
  deltalog follow LOG --state pos.json | ship   goes on where it stopped, however it stopped
  deltalog follow LOG --kind put,del --idle 5s";

/// Print operations as they are committed, across rotations and recoveries
///
/// Like `tail -f`, in the form of `dump`, and flushed with each commit. It takes no lock, and writers do not notice it.
/// --state keeps the LSN to go on from in a file, after what was printed before it has left: whoever starts again with it
/// loses nothing, and repeats at most the last few transactions. SIGINT and SIGTERM end it.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder of the log
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// First LSN to print; without it, and without --state, only what is committed from now on
    #[arg(long, value_name = "LSN")]
    from_lsn: Option<u64>,

    #[command(flatten)]
    filter: FilterArgs,

    /// File that holds the LSN to go on from; made if it is missing, and all that the log holds is printed then
    #[arg(long, value_name = "FILE", conflicts_with = "from_lsn")]
    state: Option<PathBuf>,

    /// How often to look for more
    #[arg(long, value_name = "DURATION", default_value = "100ms", value_parser = parse_duration)]
    poll: Duration,

    /// End once nothing was committed for this long
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    idle: Option<Duration>,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    args.filter.check(args.from_lsn.unwrap_or(0))?;
    if args.poll.is_zero() {
        return Err(Error::usage("--poll takes more than nothing").got("0").hint("1ms is as often as anybody needs"));
    }
    let saved = args.state.as_deref().map(load).transpose()?.flatten();
    let from = match args.from_lsn.or(saved) {
        Some(lsn) => lsn,
        None if args.state.is_some() => 0,
        None => end_of(&args.dir)?,
    };
    if saved.is_some() {
        check_state(&args.dir, from)?;
    }
    let mut follower = Follower::open(&args.dir, from)?;
    let mut last = Instant::now();
    let mut operations = 0u64;
    let mut saved = from;
    loop {
        let mut any = false;
        while let Some(tx) = follower.poll()? {
            any = true;
            if tx.first_lsn > args.filter.last() {
                return end(&args, &follower, operations, cx);
            }
            operations += print(&tx, from, &args.filter, cx)?;
            if cx.cancel.is_set() {
                break;
            }
        }
        cx.out.flush()?;
        if let Some(state) = args.state.as_deref().filter(|_| follower.next_lsn() != saved) {
            save(state, follower.next_lsn())?;
            saved = follower.next_lsn();
        }
        cx.cancel.check()?;
        if any {
            last = Instant::now();
        }
        if follower.next_lsn() > args.filter.last() || args.idle.is_some_and(|most| last.elapsed() >= most) {
            return end(&args, &follower, operations, cx);
        }
        // Short naps, so that a signal is not kept waiting.
        let mut left = args.poll;
        while !left.is_zero() && !cx.cancel.is_set() {
            let nap = left.min(Duration::from_millis(50));
            std::thread::sleep(nap);
            left -= nap;
        }
    }
}

fn end(args: &Args, follower: &Follower, operations: u64, cx: &mut Context) -> Result<Status> {
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "path": args.dir.to_string_lossy(), "operations": operations,
            "next_lsn": follower.next_lsn()}}))?;
    }
    Ok(Status::Yes)
}

/// Whether the log still has what is to come next.
fn check_state(dir: &Path, from: u64) -> Result<()> {
    let first = Reader::open(dir)?.first().0;
    // What is damaged is for the follower to say, once it is there.
    let next = qx_log::stat(dir).map_or(u64::MAX, |s| s.next_lsn);
    let (what, got, hint) = if first > from {
        let got = format!("LSNs from {first} on");
        ("operations were pruned before they were read", got, "remove the state file to start with what is left")
    } else if next < from {
        let got = format!("LSNs below {next}");
        let what = "the log ends before the place to go on from: it lost its end, or is another one";
        (what, got, "restore the log; or remove the state file, to print all that this one holds")
    } else {
        return Ok(());
    };
    let e = Error::new(qx_formats::Kind::NotFound, what).path(dir).expected(format!("LSN {from}"));
    Err(e.got(got).hint(hint))
}

/// The LSN behind the last commit.
fn end_of(dir: &Path) -> Result<u64> {
    let mut next = 0;
    let mut follower = Follower::open(dir, u64::MAX)?;
    while follower.poll()?.is_some() {}
    let reader = Reader::open(dir)?;
    for tx in reader.transactions(reader.first().0.max(follower.watermark())) {
        next = tx?.commit_lsn + 1;
    }
    Ok(next.max(follower.watermark() + 1))
}

fn print(tx: &Transaction, from: u64, filter: &FilterArgs, cx: &mut Context) -> Result<u64> {
    if !filter.takes_transaction(tx) {
        return Ok(0);
    }
    let mut printed = 0;
    let inside = tx.ops.iter().filter(|o| o.0 >= from && o.0 <= filter.last());
    for (lsn, _, op) in inside.filter(|o| filter.takes(&o.2)) {
        let line = ops::print(op, *lsn, tx.txn, tx.time_us)
            .map_err(|e| Error::corrupt("operation cannot be printed").source(e))?;
        cx.out.line(line)?;
        printed += 1;
    }
    Ok(printed)
}

fn load(path: &Path) -> Result<Option<u64>> {
    let bytes = match fs::read(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        other => other.map_err(|e| Error::io("read", e).path(path))?,
    };
    let value: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match value.get("next_lsn").and_then(serde_json::Value::as_u64) {
        Some(lsn) => Ok(Some(lsn)),
        None => Err(Error::invalid("not a state file of `deltalog follow`").path(path).expected(r#"{"next_lsn":N}"#)),
    }
}

fn save(path: &Path, next_lsn: u64) -> Result<()> {
    write_atomic(path, Publish::Replace, format!("{{\"next_lsn\":{next_lsn}}}\n").as_bytes())
}

//! `deltalog dump`: what was committed, as operations.

use std::path::PathBuf;

use qx_cli::{Context, Status, count};
use qx_formats::delta_log::FrameKind;
use qx_formats::{Error, Kind, Result};
use qx_log::{RawFrame, Reader, Transaction};
use serde_json::json;

use crate::filter::FilterArgs;
use crate::ops;

const EXAMPLES: &str = "\
Examples:
  deltalog dump LOG | head
  deltalog dump LOG --from-lsn 1000 --to-lsn 2000
  deltalog dump LOG --since 10m --kind put,del --key user/7
  deltalog dump LOG --raw --txn 42         the frames of a transaction, in hex
  deltalog dump LOG | deltalog append COPY --txn kept";

/// Print committed operations as NDJSON, with LSN, transaction and time
///
/// Operations come in the order of their commits, in the form that `append` takes. Filters are combined: an operation is
/// printed when all of them take it. Damage does not end a dump: what is whole is printed, each damaged place is named on
/// stderr, and the exit status is 65. No lock is taken.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder of the log
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// First LSN to print
    #[arg(long, value_name = "LSN", default_value_t = 0, hide_default_value = true)]
    from_lsn: u64,

    #[command(flatten)]
    filter: FilterArgs,

    /// Print the frames as they stand in the files, in hex, damaged places and what was never committed included
    #[arg(long, conflicts_with = "since")]
    raw: bool,
}

#[derive(Default)]
struct Done {
    transactions: u64,
    operations: u64,
    damaged: u64,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    args.filter.check(args.from_lsn)?;
    if args.raw {
        return raw(&args, cx);
    }
    let last = args.filter.last();
    let reader = Reader::open_lossy(&args.dir)?;
    let mut done = Done::default();
    let mut iter = reader.transactions_lossy(args.from_lsn);
    let mut ended = true;
    for item in iter.by_ref() {
        cx.cancel.check()?;
        match item {
            Ok(tx) if tx.first_lsn > last => {
                ended = false;
                break;
            }
            Ok(tx) => print(&tx, &args, &mut done, cx)?,
            Err(e) if e.kind() == Kind::Corrupt => {
                done.damaged += 1;
                cx.warn(&e);
            }
            Err(e) => return Err(e),
        }
    }
    if let Some(e) = iter.tail().filter(|_| ended) {
        done.damaged += 1;
        cx.warn(format!("not committed, the next writer cuts it: {e}"));
    }
    finish(&args, &done, cx)
}

fn finish(args: &Args, done: &Done, cx: &mut Context) -> Result<Status> {
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "path": args.dir.to_string_lossy(),
            "transactions": done.transactions, "operations": done.operations, "damaged_places": done.damaged}}))?;
    }
    if done.damaged > 0 {
        return Err(Error::corrupt("the log is damaged; what is whole was printed")
            .path(&args.dir)
            .got(count(done.damaged, "damaged place"))
            .hint("`deltalog recover --mode salvage --dry-run` lists what can be kept"));
    }
    Ok(Status::Yes)
}

fn print(tx: &Transaction, args: &Args, done: &mut Done, cx: &mut Context) -> Result<()> {
    if !args.filter.takes_transaction(tx) {
        return Ok(());
    }
    let before = done.operations;
    let last = args.filter.last();
    let inside = tx.ops.iter().filter(|o| o.0 >= args.from_lsn && o.0 <= last);
    for (lsn, _, op) in inside.filter(|o| args.filter.takes(&o.2)) {
        let line = ops::print(op, *lsn, tx.txn, tx.time_us)
            .map_err(|e| Error::corrupt("operation cannot be printed").source(e))?;
        cx.out.line(line)?;
        done.operations += 1;
    }
    if done.operations > before || (tx.ops.is_empty() && !args.filter.asks_of_operations()) {
        done.transactions += 1;
    }
    Ok(())
}

fn kind_name(kind: FrameKind) -> &'static str {
    match kind {
        FrameKind::Begin => "begin",
        FrameKind::Data => "data",
        FrameKind::Commit => "commit",
        FrameKind::Abort => "abort",
        FrameKind::Checkpoint => "checkpoint",
        FrameKind::Footer => "footer",
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |n: u8| char::from(DIGITS[usize::from(n & 15)]);
    bytes.iter().flat_map(|b| [digit(b >> 4), digit(*b)]).collect()
}

fn raw(args: &Args, cx: &mut Context) -> Result<Status> {
    let mut done = Done::default();
    qx_log::frames(&args.dir, args.from_lsn, |frame| {
        cx.cancel.check()?;
        raw_frame(frame, args, &mut done, cx)
    })?;
    finish(args, &done, cx)
}

fn raw_frame(frame: &RawFrame<'_>, args: &Args, done: &mut Done, cx: &mut Context) -> Result<bool> {
    let f = &args.filter;
    let Some(head) = frame.head else {
        done.damaged += 1;
        let (name, message) = frame.damage.unwrap_or_default();
        cx.out.record(&json!({"segment": frame.segment, "offset": frame.offset, "bytes": frame.len,
            "damage": name, "message": message, "hex": hex(frame.bytes)}))?;
        return Ok(true);
    };
    if head.lsn > f.last() {
        return Ok(false);
    }
    let ops = frame.ops.iter().filter(|o| o.0 >= args.from_lsn && o.0 <= f.last() && f.takes(&o.2)).count() as u64;
    let wanted = head.next_lsn() > args.from_lsn && f.takes_txn(head.txn) && (ops > 0 || !f.asks_of_operations());
    if wanted {
        done.operations += ops;
        done.transactions += u64::from(head.whole || head.kind == FrameKind::Commit);
        cx.out.record(&json!({"segment": frame.segment, "offset": frame.offset, "bytes": frame.len,
            "frame": kind_name(head.kind), "whole": head.whole, "lsn": head.lsn, "lsns": head.lsn_count,
            "txn": head.txn, "hex": hex(frame.bytes)}))?;
    }
    Ok(true)
}

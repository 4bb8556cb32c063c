//! `deltalog dump`: what was committed, as operations.

use std::path::PathBuf;

use qx_cli::{Context, Status};
use qx_formats::{Error, Kind, Result};
use qx_log::{Reader, Transaction};
use serde_json::json;

use crate::ops;

const EXAMPLES: &str = "\
Examples:
  deltalog dump LOG | head
  deltalog dump LOG --from-lsn 1000 --to-lsn 2000
  deltalog dump LOG | deltalog append COPY";

/// Print committed operations as NDJSON, with LSN, transaction and time
///
/// Operations come in the order of their commits, in the form that `append` takes. Damage does not end a dump: what is
/// whole is printed, each damaged place is named on stderr, and the exit status is 65. No lock is taken.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder of the log
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// First LSN to print
    #[arg(long, value_name = "LSN", default_value_t = 0, hide_default_value = true)]
    from_lsn: u64,

    /// Last LSN to print
    #[arg(long, value_name = "LSN")]
    to_lsn: Option<u64>,
}

#[derive(Default)]
struct Done {
    transactions: u64,
    operations: u64,
    damaged: u64,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let last = args.to_lsn.unwrap_or(u64::MAX);
    if last < args.from_lsn {
        return Err(Error::usage("--to-lsn is lower than --from-lsn").expected(args.from_lsn).got(last));
    }
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
            Ok(tx) => print(&tx, args.from_lsn, last, &mut done, cx)?,
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
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "path": args.dir.to_string_lossy(),
            "transactions": done.transactions, "operations": done.operations, "damaged_places": done.damaged}}))?;
    }
    if done.damaged > 0 {
        return Err(Error::corrupt("the log is damaged; what is whole was printed")
            .path(&args.dir)
            .got(format!("{} damaged places", done.damaged))
            .hint("`deltalog recover --mode salvage --dry-run` lists what can be kept"));
    }
    Ok(Status::Yes)
}

fn print(tx: &Transaction, first: u64, last: u64, done: &mut Done, cx: &mut Context) -> Result<()> {
    done.transactions += 1;
    for (lsn, _, op) in tx.ops.iter().filter(|o| o.0 >= first && o.0 <= last) {
        let line = ops::print(op, *lsn, tx.txn, tx.time_us)
            .map_err(|e| Error::corrupt("operation cannot be printed").source(e))?;
        cx.out.line(line)?;
        done.operations += 1;
    }
    Ok(())
}

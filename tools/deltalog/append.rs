//! `deltalog append`: operations in, durable transactions out.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use qx_cli::{Context, Status, WaitArg, count, parse_duration, parse_size};
use qx_formats::{Error, Kind, Result};
use qx_log::{Ack, Log, Mode, Op, Options, RecoverOptions, SyncPolicy};
use serde_json::json;

use crate::input::{self, Chunk, Line};
use crate::ops;

const EXAMPLES: &str = r#"Examples:
  deltalog append LOG < ops.ndjson
  deltalog append LOG --ack < ops.ndjson              {"lsn":2,"txn":1} for each commit that is on disk
  deltalog append LOG ops.ndjson --txn 1000           a thousand lines are a transaction
  deltalog dump OLD | deltalog append LOG --txn kept  transactions stay what they were
  producer | deltalog append LOG --sync interval:50ms"#;

/// Append operations from NDJSON
///
/// Each line is a transaction, unless `begin` and `commit` (or `abort`) stand around some, or --txn groups them. A line
/// that cannot be taken ends the run with exit status 65 and its place: transactions before it stay, one that is open
/// is aborted. SIGINT and SIGTERM stop between transactions and close the log cleanly.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder of the log; made if it is missing
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Operations; `-` is stdin
    #[arg(value_name = "OPS", default_value = "-")]
    input: PathBuf,

    /// Lines in a transaction where none is marked; `kept` takes together those that say the same `txn`, as `dump` prints
    /// them
    #[arg(long, value_name = "N", default_value = "1", value_parser = parse_txn)]
    txn: Grouping,

    /// When commits reach the disk: always, interval:50ms, bytes:1MiB or none
    #[arg(long, value_name = "POLICY", default_value = "always", value_parser = parse_sync)]
    sync: SyncPolicy,

    /// Seal a segment before it grows above this
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size)]
    rotate_size: u64,

    /// Seal a segment at the first commit after it has this age
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    rotate_age: Duration,

    /// Print {"lsn":N,"txn":T} for each commit, once it is on disk
    #[arg(long)]
    ack: bool,

    /// Read and check everything, write nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

/// What a transaction is where none is marked.
#[derive(Debug, Clone, Copy)]
enum Grouping {
    Lines(usize),
    /// The lines that say the same `txn`. The last ones wait for what comes behind them.
    Kept,
}

fn parse_txn(text: &str) -> std::result::Result<Grouping, String> {
    match text.parse::<usize>() {
        _ if text == "kept" => Ok(Grouping::Kept),
        Ok(lines) if lines > 0 => Ok(Grouping::Lines(lines)),
        _ => Err(format!("`{text}` is neither a number from 1 on nor `kept`")),
    }
}

/// `always`, `interval:50ms` (a plain number is milliseconds), `bytes:1MiB`, `none`.
pub fn parse_sync(text: &str) -> std::result::Result<SyncPolicy, String> {
    Ok(match text.split_once(':') {
        None if text == "always" => SyncPolicy::Always,
        None if text == "none" => SyncPolicy::None,
        Some(("interval", d)) => {
            let every = d.parse().map(Duration::from_millis).or_else(|_| parse_duration(d))?;
            if every.is_zero() {
                return Err("an interval of nothing is `always`".to_owned());
            }
            SyncPolicy::Interval(every)
        }
        Some(("bytes", n)) => SyncPolicy::Bytes(parse_size(n)?),
        _ => return Err(format!("`{text}` is none of always, interval:50ms, bytes:1MiB, none")),
    })
}

/// Where transactions go.
enum Sink {
    Log(Log),
    /// Counts as a log would.
    Dry,
}

struct Run<'a> {
    cx: &'a mut Context,
    sink: Sink,
    name: PathBuf,
    grouping: Grouping,
    /// Operations of the transaction that is being read.
    open: Vec<Op>,
    /// What the last of them says of its transaction.
    said: Option<u64>,
    /// Line of the `begin` that opened it.
    begun: Option<u64>,
    /// Handed in and not yet told of.
    acks: Option<VecDeque<Ack>>,
    /// Whoever was told has gone.
    unheard: bool,
    last: Option<Ack>,
    transactions: u64,
    operations: u64,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let input = input::open(&args.input)?;
    let options = Options {
        sync: args.sync,
        rotate_size: args.rotate_size,
        rotate_age: args.rotate_age,
        wait: args.wait.wait.unwrap_or_default(),
        ..Options::default()
    };
    let (sink, recovered) = if args.dry_run {
        (Sink::Dry, check(&args.dir, &options)?)
    } else {
        let (log, report) = Log::open(&args.dir, options)?;
        (Sink::Log(log), Some(report))
    };
    if let Some(r) = recovered.filter(|r| !r.clean) {
        cx.say(format!(
            "the log was not closed cleanly: {} kept, {} cut",
            count(r.kept_transactions, "transaction"),
            count(r.dropped_bytes, "byte")
        ));
    }
    let mut run = Run {
        cx,
        sink,
        name: input.name.clone(),
        grouping: args.txn,
        open: Vec::new(),
        said: None,
        begun: None,
        acks: args.ack.then(VecDeque::new),
        unheard: false,
        last: None,
        transactions: 0,
        operations: 0,
    };
    let read = run.read(&input).and_then(|()| run.end());
    let closed = run.close();
    read.and(closed)?;
    run.summary(&args.dir)?;
    Ok(Status::Yes)
}

/// What opening the log would find; nothing is written.
fn check(dir: &Path, options: &Options) -> Result<Option<qx_log::RecoveryReport>> {
    if !dir.exists() {
        return Ok(None);
    }
    let look = RecoverOptions { mode: Mode::Tail, dry_run: true, wait: options.wait };
    match qx_log::recover(dir, &look) {
        Err(e) if e.kind() == Kind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

impl Run<'_> {
    fn read(&mut self, input: &input::Input) -> Result<()> {
        loop {
            self.cx.cancel.check()?;
            match input.chunks.recv_timeout(Duration::from_millis(20)) {
                Ok(_) if self.unheard => return Err(self.gone()),
                Ok(chunk) => {
                    let taken = self.take(&chunk?);
                    // What was handed in before a bad line is still owed its durability.
                    self.settle()?;
                    taken?;
                }
                Err(RecvTimeoutError::Timeout) => self.acknowledge()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn take(&mut self, chunk: &Chunk) -> Result<()> {
        for line in chunk.lines() {
            self.cx.cancel.check()?;
            let parsed = ops::parse(line.text).map_err(|why| self.bad(line, &why))?;
            match parsed {
                ops::Line::Nothing => {}
                ops::Line::Begin if self.begun.is_some() => {
                    return Err(self.bad(line, "`begin` inside a transaction"));
                }
                ops::Line::Begin => {
                    self.submit_implicit(line)?;
                    self.begun = Some(line.number);
                }
                ops::Line::Commit | ops::Line::Abort if self.begun.is_none() => {
                    return Err(self.bad(line, "no transaction was begun"));
                }
                ops::Line::Commit => self.submit(line)?,
                ops::Line::Abort => {
                    self.open.clear();
                    self.begun = None;
                }
                ops::Line::Op(op, said) => {
                    op.check().map_err(|e| self.bad(line, &e.to_string()))?;
                    self.group(op, said, line)?;
                }
            }
        }
        Ok(())
    }

    fn group(&mut self, op: Op, said: Option<u64>, line: Line<'_>) -> Result<()> {
        if self.begun.is_some() {
            self.open.push(op);
            return Ok(());
        }
        let kept = matches!(self.grouping, Grouping::Kept);
        if kept && said != self.said {
            self.submit_implicit(line)?;
        }
        self.said = said;
        self.open.push(op);
        let full = match self.grouping {
            Grouping::Lines(lines) => self.open.len() >= lines,
            Grouping::Kept => said.is_none(),
        };
        if full { self.submit(line) } else { Ok(()) }
    }

    fn bad(&self, line: Line<'_>, why: &str) -> Error {
        Error::invalid(format!("line {}: {why}", line.number))
            .path(&self.name)
            .offset(line.offset)
            .hint("transactions before this line were kept; the one that was open was not")
    }

    fn submit_implicit(&mut self, line: Line<'_>) -> Result<()> {
        if self.open.is_empty() { Ok(()) } else { self.submit(line) }
    }

    fn submit(&mut self, line: Line<'_>) -> Result<()> {
        let ops = std::mem::take(&mut self.open);
        self.begun = None;
        self.transactions += 1;
        self.operations += ops.len() as u64;
        let Sink::Log(log) = &self.sink else { return Ok(()) };
        let ack = log.submit(&ops).map_err(|e| match e.kind() {
            Kind::Limit | Kind::Invalid => self.bad(line, &e.to_string()),
            _ => e,
        })?;
        self.last = Some(ack);
        if let Some(acks) = &mut self.acks {
            acks.push_back(ack);
        }
        Ok(())
    }

    /// Makes what was handed in as durable as the policy says, all of it together.
    fn settle(&mut self) -> Result<()> {
        if let (Sink::Log(log), Some(last)) = (&self.sink, self.last) {
            log.settle(last.lsn)?;
        }
        self.acknowledge()
    }

    /// Tells of every commit that is on disk by now.
    fn acknowledge(&mut self) -> Result<()> {
        let (Sink::Log(log), Some(acks)) = (&self.sink, &mut self.acks) else { return Ok(()) };
        if acks.is_empty() {
            return Ok(());
        }
        let durable = log.durable_lsn();
        let mut tell = || {
            let mut told = false;
            while let Some(ack) = acks.pop_front_if(|a| a.lsn <= durable) {
                self.cx.out.line(format!("{{\"lsn\":{},\"txn\":{}}}", ack.lsn, ack.txn))?;
                told = true;
            }
            if told { self.cx.out.flush() } else { Ok(()) }
        };
        match tell() {
            Err(e) if e.kind() == Kind::Cancelled => {
                (self.acks, self.unheard) = (None, true);
                Ok(())
            }
            other => other,
        }
    }

    /// There is more to append, and nobody would know of it: unlike a reader, a writer does not leave that unsaid.
    fn gone(&self) -> Error {
        let last = self.last.map_or_else(String::new, |a| format!(", the last one with LSN {}", a.lsn));
        Error::new(Kind::Io, "nobody reads the acknowledgements any more")
            .path(&self.name)
            .got(format!("{} appended{last}; the rest of the input was not", count(self.transactions, "transaction")))
            .hint("keep the reader of stdout alive, or leave out --ack")
    }

    /// The input has ended: a marked transaction must have, too.
    fn end(&mut self) -> Result<()> {
        if let Some(begun) = self.begun {
            return Err(Error::invalid("the input ends inside a transaction")
                .path(&self.name)
                .expected(format!("`commit` or `abort` for the `begin` in line {begun}"))
                .got(format!("{}, not kept", count(self.open.len(), "operation")))
                .hint("transactions before it were kept: send this one again, with its end"));
        }
        let end = Line { text: &[], number: 0, offset: 0 };
        self.submit_implicit(end)?;
        self.settle()
    }

    fn close(&mut self) -> Result<()> {
        if let Sink::Log(log) = &self.sink {
            log.close()?;
        }
        self.acknowledge()
    }

    fn summary(&mut self, dir: &Path) -> Result<()> {
        let (next, durable) = match &self.sink {
            Sink::Log(log) => (Some(log.next_lsn()), Some(log.durable_lsn())),
            Sink::Dry => (None, None),
        };
        let dry = matches!(self.sink, Sink::Dry);
        if self.cx.json() {
            let body = json!({"v": 1, "path": dir.to_string_lossy(), "dry_run": dry, "transactions": self.transactions,
                "operations": self.operations, "next_lsn": next, "durable_lsn": durable});
            let document = if self.acks.is_some() { json!({"summary": body}) } else { body };
            return self.cx.out.record(&document);
        }
        let what = if dry { "would be appended" } else { "appended" };
        let (transactions, operations) = (count(self.transactions, "transaction"), count(self.operations, "operation"));
        self.cx.say(format!("{transactions} with {operations} {what}"));
        Ok(())
    }
}

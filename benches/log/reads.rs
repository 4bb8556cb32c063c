//! What a log costs to read: the scan of a recovery, from memory and from the disk, and its operations.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use qx_benches::harness::{Claim, Suite, Work};
use qx_formats::{Error, Result};
use qx_graph::PartitionDeltaIndex;
use qx_log::{Mode, Op, Reader, RecoverOptions, SyncPolicy, recover};

use super::{bare, open, peers, put, value};

/// Bytes of records in a log that is read.
const READ: u64 = 128 << 20;

/// A log that a crash has left, in one segment that was not sealed.
struct Left {
    dir: PathBuf,
    paths: Vec<PathBuf>,
    transactions: u64,
}

impl Left {
    fn make(dir: PathBuf, transactions: u64, op: impl Fn(u64) -> Op) -> Result<Left> {
        let log = open(&dir, SyncPolicy::None)?;
        let mut last = 0;
        for n in 0..transactions {
            last = log.submit(&[op(n)])?.lsn;
        }
        log.settle(last)?;
        drop(log);
        let paths = Reader::open(&dir)?.segments().into_iter().map(|s| s.path).collect();
        Ok(Left { dir, paths, transactions })
    }

    /// What recovery reads and checks before it changes anything.
    fn scan(&self) -> Result<Work> {
        let options = RecoverOptions { mode: Mode::Tail, dry_run: true, wait: Duration::ZERO };
        self.found(recover(&self.dir, &options)?.kept_transactions)
    }

    fn found(&self, transactions: u64) -> Result<Work> {
        if transactions != self.transactions {
            let e = Error::usage("the log lost transactions").path(&self.dir);
            return Err(e.expected(self.transactions).got(transactions));
        }
        Ok(Work::units(transactions))
    }

    fn read(&self, sum: bool) -> Result<Work> {
        bare::read(&self.paths, sum)?;
        Ok(Work::units(self.transactions))
    }

    /// Hands every operation to `each`.
    fn operations(&self, mut each: impl FnMut(u64, Op)) -> Result<Work> {
        let mut transactions = 0;
        for tx in Reader::open(&self.dir)?.transactions(0) {
            transactions += 1;
            tx?.ops.into_iter().for_each(|(lsn, _, op)| each(lsn, op));
        }
        self.found(transactions)
    }
}

/// Work that begins with what is not timed.
fn after(before: impl FnOnce() -> Result<()>, work: impl FnOnce() -> Result<Work>) -> Result<Work> {
    let start = Instant::now();
    before()?;
    let untimed = start.elapsed();
    Ok(work()?.untimed(untimed))
}

/// The scan of a recovery, beside peers that open a store after a crash.
pub fn recovery(suite: &mut Suite, dir: &Path, record: usize) -> Result<()> {
    let name = format!("recovery-{record}");
    let cold = format!("recovery-{record}-cold");
    if !suite.wants(&[&name, &cold]) {
        return Ok(());
    }
    let dir = dir.join(&name);
    let transactions = suite.size(READ, READ >> 5) / record as u64;
    let left = Left::make(dir.join("log"), transactions, |n| put(n, record))?;
    if suite.wants(&[&name]) {
        let peers = peers::crashed(&dir, &value(record), transactions)?;
        let mut claim = Claim::new(name, "record")
            .reference("read + CRC32C", || left.read(true))
            .note("the log's files, one thread")
            .peer("read", || left.read(false))
            .subject("log", || left.scan())
            .note("a transaction each");
        for peer in &peers {
            claim =
                claim.peer(peer.name(), || after(|| peer.rewind(), || peer.open().map(|()| Work::units(transactions))));
            claim = claim.note(peer.note());
        }
        suite.measure(claim)?;
    }
    let forget = || bare::forget(&left.paths);
    suite.measure(
        Claim::new(cold, "record")
            .reference("read", || after(forget, || left.read(false)))
            .note("the log's files, from the disk")
            .subject("log", || after(forget, || left.scan())),
    )
}

/// From the files of a log to the edges of a graph, and the parts of it apart.
pub fn decode(suite: &mut Suite, dir: &Path) -> Result<()> {
    if !suite.wants(&["decode"]) {
        return Ok(());
    }
    let edges = suite.size(1_000_000, 50_000);
    // Ten edges from each node, to nodes all over the graph.
    let edge = |n: u64| Op::EdgeUpsert {
        part: 0,
        src: n / 10,
        dst: n.wrapping_mul(0x9E37_79B9_7F4A_7C15) % (edges / 10),
        etype: (n % 10) as u32,
        props: Vec::new(),
    };
    let left = Left::make(dir.join("decode"), edges, edge)?;
    let index = || {
        let mut index = PartitionDeltaIndex::default();
        let work = left.operations(|lsn, op| {
            if let Op::EdgeUpsert { src, dst, etype, props, .. } = op {
                index.add(lsn, src, dst, etype, &props);
            }
        })?;
        if index.adds() != edges {
            return Err(Error::usage("the index lost edges").expected(edges).got(index.adds()));
        }
        Ok(work)
    };
    let drop_all = || {
        left.operations(|_, op| {
            black_box(op);
        })
    };
    suite.measure(
        Claim::new("decode", "edge")
            .reference("read + CRC32C", || left.read(true))
            .subject("log into PartitionDeltaIndex", index)
            .peer("log, operations dropped", drop_all)
            .peer("log, recovery scan", || left.scan()),
    )
}

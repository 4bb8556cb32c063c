//! clarium's write-ahead log.

use std::collections::BTreeMap;

use super::bytes::{Bytes, find_magic};
use super::layout::*;
use super::{Skipped, crc32};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeOp {
    pub delete: bool,
    pub label: String,
    pub key: String,
    pub id: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeOp {
    pub delete: bool,
    pub part: u32,
    pub src: u64,
    pub dst: u64,
    pub etype: u16,
}

/// What became of a transaction in one file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WalTransaction {
    pub nodes: Vec<NodeOp>,
    pub edges: Vec<EdgeOp>,
    pub begun: bool,
    pub committed: bool,
    pub aborted: bool,
    /// Damage lies where a part of it may have stood.
    pub doubtful: bool,
    /// Epoch of its commit.
    pub epoch: Option<u64>,
    /// Offsets of its first and its last frame.
    pub first: u64,
    pub last: u64,
}

/// One file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wal {
    /// By id.
    pub transactions: BTreeMap<u64, WalTransaction>,
    pub frames: u64,
    /// Commits of transactions that were committed already.
    pub repeated_commits: u64,
    pub skipped: Vec<Skipped>,
}

enum Record {
    Begin(u64),
    Data(u64, Vec<NodeOp>, Vec<EdgeOp>),
    Commit(u64, u64),
    Abort(u64),
}

/// Reads every whole frame; what is none is skipped up to the next magic.
pub fn wal(bytes: &[u8]) -> Wal {
    let mut out = Wal::default();
    let mut at = 0;
    // A hostile file may hold many headers that claim long payloads: what is spent on checking them is bounded.
    let mut budget = bytes.len().saturating_mul(4).saturating_add(1 << 20);
    while at < bytes.len() {
        match frame(bytes, at, &mut budget) {
            Ok((record, len)) => {
                out.frames += 1;
                out.take(record, at as u64);
                at += len;
            }
            Err(reason) => {
                let next = find_magic(bytes, at + 1, WAL_MAGIC).unwrap_or(bytes.len());
                out.skipped.push(Skipped::new(at, next - at, reason));
                at = next;
            }
        }
    }
    out.doubt();
    out
}

fn frame(bytes: &[u8], at: usize, budget: &mut usize) -> Result<(Record, usize), &'static str> {
    let mut b = Bytes(bytes.get(at..).unwrap_or(&[]));
    let head = (b.u32(), b.u8(), b.u8(), b.u16(), b.u32());
    let (Some(magic), Some(kind), Some(version), Some(_), Some(len)) = head else {
        return Err("the file ends inside a frame header");
    };
    if magic != WAL_MAGIC {
        return Err("no frame starts here");
    }
    let len = len as usize;
    let (Some(payload), Some(crc)) = (b.take(len), b.u32()) else {
        return Err("the file ends inside a frame, or its length is damaged");
    };
    *budget = budget.checked_sub(len).ok_or("too many frames that do not hold")?;
    if crc32(payload) != crc {
        return Err("the checksum of a frame does not match");
    }
    if version != 1 {
        return Err("a frame of an unknown version");
    }
    let record = record(kind, Bytes(payload)).ok_or("a frame of an unknown kind, or whose payload cannot be read")?;
    Ok((record, WAL_HEADER_LEN + len + WAL_CRC_LEN))
}

fn record(kind: u8, mut b: Bytes<'_>) -> Option<Record> {
    let txn = b.u64()?;
    let record = match kind {
        WAL_BEGIN => {
            b.u64()?;
            Record::Begin(txn)
        }
        WAL_DATA => {
            let (nodes, edges) = (b.u32()?, b.u32()?);
            // Nothing is allocated for a count: the bytes that are there bound the loops.
            let mut list = (Vec::new(), Vec::new());
            for _ in 0..nodes {
                list.0.push(node(&mut b)?);
            }
            for _ in 0..edges {
                list.1.push(edge(&mut b)?);
            }
            Record::Data(txn, list.0, list.1)
        }
        WAL_COMMIT => Record::Commit(txn, b.u64()?),
        WAL_ABORT => Record::Abort(txn),
        _ => return None,
    };
    b.is_empty().then_some(record)
}

fn operation(b: &mut Bytes<'_>) -> Option<bool> {
    match b.u8()? {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn node(b: &mut Bytes<'_>) -> Option<NodeOp> {
    Some(NodeOp { delete: operation(b)?, label: b.text()?, key: b.text()?, id: b.optional_u64()? })
}

fn edge(b: &mut Bytes<'_>) -> Option<EdgeOp> {
    Some(EdgeOp { delete: operation(b)?, part: b.u32()?, src: b.u64()?, dst: b.u64()?, etype: b.u16()? })
}

impl Wal {
    fn take(&mut self, record: Record, at: u64) {
        let (Record::Begin(txn) | Record::Data(txn, ..) | Record::Commit(txn, _) | Record::Abort(txn)) = record;
        let t = self.transactions.entry(txn).or_insert_with(|| WalTransaction { first: at, ..Default::default() });
        t.last = at;
        match record {
            Record::Begin(_) => t.begun = true,
            Record::Data(_, mut nodes, mut edges) => {
                t.nodes.append(&mut nodes);
                t.edges.append(&mut edges);
            }
            Record::Commit(_, epoch) => {
                self.repeated_commits += u64::from(t.committed);
                t.committed = true;
                t.epoch.get_or_insert(epoch);
            }
            Record::Abort(_) => t.aborted = true,
        }
    }

    /// A transaction around a damaged place may lack a part, and one without its beginning too.
    fn doubt(&mut self) {
        let skipped = &self.skipped;
        for t in self.transactions.values_mut() {
            let from = if t.begun { skipped.partition_point(|s| s.offset < t.first) } else { 0 };
            t.doubtful = skipped.get(from).is_some_and(|s| s.offset < t.last);
        }
    }
}

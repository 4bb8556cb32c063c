//! From frames to transactions.

use super::frame::FrameKind;
use super::op::{Op, take};
use super::payload::{BeginInfo, CommitInfo};
use super::walk::Frame;
use crate::{Error, Result};

/// A committed transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// Of its first operation; of its commit when it has none.
    pub first_lsn: u64,
    pub commit_lsn: u64,
    pub txn: u64,
    /// Of the commit: UTC, microseconds since 1970.
    pub time_us: u64,
    /// What was durable when it was written.
    pub watermark: u64,
    /// LSN, index in the transaction, operation.
    pub ops: Vec<(u64, u32, Op)>,
}

#[derive(Debug)]
struct Open {
    txn: u64,
    first_lsn: u64,
    expect: u32,
    ops: Vec<(u64, u32, Op)>,
    offset: u64,
}

/// Puts frames together in the order in which they stand. The frames of a transaction stand together: nothing comes
/// between its Begin and its Commit or Abort.
#[derive(Debug, Default)]
pub struct Assembler {
    given: bool,
    open: Option<Open>,
}

impl Assembler {
    pub fn new(given: bool) -> Assembler {
        Assembler { given, open: None }
    }

    /// Offset of the Begin frame of the transaction that has not ended yet.
    pub fn open_at(&self) -> Option<u64> {
        self.open.as_ref().map(|o| o.offset)
    }

    /// Id of the transaction that has not ended yet.
    pub fn open_txn(&self) -> Option<u64> {
        self.open.as_ref().map(|o| o.txn)
    }

    /// Forgets the transaction that has not ended (its frames were lost). True if there was one.
    pub fn reset(&mut self) -> bool {
        self.open.take().is_some()
    }

    /// Takes the next frame; gives the transaction that it ends.
    ///
    /// # Errors
    /// `Corrupt` when the payload cannot be decoded or the frame cannot stand here.
    pub fn push(&mut self, frame: &Frame<'_>) -> Result<Option<Transaction>> {
        self.take_frame(frame).map_err(|e| e.offset(frame.offset))
    }

    fn take_frame(&mut self, frame: &Frame<'_>) -> Result<Option<Transaction>> {
        let head = &frame.head;
        let mut bytes = frame.payload;
        let inside = self.open.as_ref().is_some_and(|o| o.txn == head.txn);
        match head.kind {
            FrameKind::Begin | FrameKind::Checkpoint | FrameKind::Footer if self.open.is_some() => {
                Err(misplaced("a transaction has not ended"))
            }
            FrameKind::Begin => {
                let expect = BeginInfo::decode(&mut bytes)?.ops;
                finished(bytes)?;
                let (txn, first_lsn) = (head.txn, head.lsn);
                self.open = Some(Open { txn, first_lsn, expect, ops: Vec::new(), offset: frame.offset });
                Ok(None)
            }
            FrameKind::Data if head.whole => {
                if self.open.is_some() {
                    return Err(misplaced("a transaction has not ended"));
                }
                let ops = records(&mut bytes, frame, 1, self.given, None)?;
                let info = CommitInfo::decode(&mut bytes)?;
                finished(bytes)?;
                let first_lsn = ops.first().map_or(head.next_lsn() - 1, |o| o.0);
                transaction(head.txn, first_lsn, head.next_lsn() - 1, info, ops).map(Some)
            }
            FrameKind::Data => {
                let Some(open) = self.open.as_mut().filter(|_| inside) else {
                    return Err(misplaced("operations outside their transaction"));
                };
                let last = open.ops.last().map(|o| o.1);
                let mut ops = records(&mut bytes, frame, 0, self.given, last)?;
                finished(bytes)?;
                open.ops.append(&mut ops);
                if open.ops.len() > open.expect as usize {
                    return Err(misplaced("more operations than the transaction began with"));
                }
                Ok(None)
            }
            FrameKind::Commit => {
                let Some(open) = self.open.take_if(|_| inside) else {
                    return Err(misplaced("a commit outside its transaction"));
                };
                let info = CommitInfo::decode(&mut bytes)?;
                finished(bytes)?;
                if info.ops != open.expect {
                    return Err(misplaced("the commit counts other operations than the begin"));
                }
                transaction(head.txn, open.first_lsn, head.lsn, info, open.ops).map(Some)
            }
            FrameKind::Abort => {
                self.open.take_if(|_| inside);
                if self.open.is_some() { Err(misplaced("another transaction has not ended")) } else { Ok(None) }
            }
            FrameKind::Checkpoint | FrameKind::Footer => Ok(None),
        }
    }
}

/// The operations of one Data frame, with LSN and index.
///
/// # Errors
/// `Corrupt` when the payload cannot be decoded.
pub fn operations(frame: &Frame<'_>, given: bool) -> Result<Vec<(u64, u32, Op)>> {
    records(&mut &*frame.payload, frame, u32::from(frame.head.whole), given, None)
}

fn misplaced(why: &str) -> Error {
    Error::corrupt(format!("frame cannot stand here: {why}"))
}

fn finished(bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() { Ok(()) } else { Err(Error::corrupt("bytes follow the last field of a payload")) }
}

fn transaction(
    txn: u64,
    first_lsn: u64,
    commit_lsn: u64,
    info: CommitInfo,
    ops: Vec<(u64, u32, Op)>,
) -> Result<Transaction> {
    if info.watermark >= commit_lsn {
        return Err(Error::corrupt("a commit vouches for what came after it")
            .expected(format!("a watermark below {commit_lsn}"))
            .got(info.watermark));
    }
    if info.ops as usize != ops.len() {
        return Err(Error::corrupt("the transaction does not hold as many operations as its commit counts")
            .expected(info.ops)
            .got(ops.len()));
    }
    Ok(Transaction { first_lsn, commit_lsn, txn, time_us: info.time_us, watermark: info.watermark, ops })
}

/// The records of a Data frame. `commits` is how many of its LSNs belong to a commit.
fn records(
    bytes: &mut &[u8],
    frame: &Frame<'_>,
    commits: u32,
    given: bool,
    mut last: Option<u32>,
) -> Result<Vec<(u64, u32, Op)>> {
    let count: u64 = take(bytes)?;
    let span = u32::from(frame.head.lsn_count).saturating_sub(commits);
    if count > u64::from(span) || (!given && count != u64::from(span)) || (commits == 0 && count == 0) {
        return Err(Error::corrupt("frame holds another number of operations than its header counts")
            .expected(span)
            .got(count));
    }
    // A record takes three bytes at least.
    let mut ops = Vec::with_capacity((count as usize).min(bytes.len() / 3));
    let mut first = None;
    for _ in 0..count {
        let (index, op) = Op::decode(bytes)?;
        let first = *first.get_or_insert(index);
        if last.is_some_and(|last| index <= last) || index - first >= span {
            return Err(Error::corrupt("operation indexes are out of order").got(index));
        }
        last = Some(index);
        ops.push((frame.head.lsn + u64::from(index - first), index, op));
    }
    Ok(ops)
}

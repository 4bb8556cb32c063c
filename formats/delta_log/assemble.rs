//! From frames to transactions.

use super::fast::take_u64;
use super::footer::Touches;
use super::frame::FrameKind;
use super::op::{Op, record, take};
use super::payload::{AbortInfo, BeginInfo, CommitInfo};
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
    pub ops: Numbered,
}

/// Operations, each with its LSN and its index in the transaction.
pub type Numbered = Vec<(u64, u32, Op)>;

/// A committed transaction without its operations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxHead {
    /// Of its first operation; of its commit when it has none.
    pub first_lsn: u64,
    pub commit_lsn: u64,
    pub txn: u64,
    pub time_us: u64,
    pub watermark: u64,
    pub ops: u64,
}

impl Transaction {
    /// Everything but the operations.
    pub fn head(&self) -> TxHead {
        let &Transaction { first_lsn, commit_lsn, txn, time_us, watermark, ref ops } = self;
        TxHead { first_lsn, commit_lsn, txn, time_us, watermark, ops: ops.len() as u64 }
    }
}

impl TxHead {
    fn with(self, ops: Numbered) -> Transaction {
        let TxHead { first_lsn, commit_lsn, txn, time_us, watermark, ops: _ } = self;
        Transaction { first_lsn, commit_lsn, txn, time_us, watermark, ops }
    }
}

#[derive(Debug)]
struct Open {
    txn: u64,
    first_lsn: u64,
    expect: u32,
    taken: Taken,
    touches: Touches,
    offset: u64,
}

/// Operations that were read: all of them, or only how many.
#[derive(Debug, Default)]
struct Taken {
    ops: Numbered,
    count: u64,
    first_lsn: Option<u64>,
    last: Option<u32>,
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
        let done = self.take_frame(frame, None).map_err(|e| e.offset(frame.offset))?;
        Ok(done.map(|(head, ops)| head.with(ops)))
    }

    /// [`Assembler::push`] that reads and checks the operations and keeps none of them; what they touch is added to
    /// `touches`, of a frame that turns out to be damaged perhaps a part.
    ///
    /// # Errors
    /// As [`Assembler::push`].
    pub fn skim(&mut self, frame: &Frame<'_>, touches: &mut Touches) -> Result<Option<TxHead>> {
        let done = self.take_frame(frame, Some(touches)).map_err(|e| e.offset(frame.offset))?;
        Ok(done.map(|(head, _)| head))
    }

    fn take_frame(&mut self, frame: &Frame<'_>, skim: Option<&mut Touches>) -> Result<Option<(TxHead, Numbered)>> {
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
                let (taken, touches) = (Taken::default(), Touches::default());
                self.open = Some(Open { txn, first_lsn, expect, taken, touches, offset: frame.offset });
                Ok(None)
            }
            FrameKind::Data if head.whole => {
                if self.open.is_some() {
                    return Err(misplaced("a transaction has not ended"));
                }
                whole(frame, self.given, skim).map(Some)
            }
            FrameKind::Data => {
                let Some(open) = self.open.as_mut().filter(|_| inside) else {
                    return Err(misplaced("operations outside their transaction"));
                };
                let touches = skim.is_some().then_some(&mut open.touches);
                records(&mut bytes, frame, 0, self.given, &mut open.taken, touches)?;
                finished(bytes)?;
                if open.taken.count > u64::from(open.expect) {
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
                if let Some(touches) = skim {
                    touches.merge(&open.touches);
                }
                transaction(head.txn, open.first_lsn, head.lsn, info, open.taken).map(Some)
            }
            FrameKind::Abort => {
                AbortInfo::decode(&mut bytes)?;
                finished(bytes)?;
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
pub fn operations(frame: &Frame<'_>, given: bool) -> Result<Numbered> {
    let mut taken = Taken::default();
    records(&mut &*frame.payload, frame, u32::from(frame.head.whole), given, &mut taken, None)?;
    Ok(taken.ops)
}

fn misplaced(why: &str) -> Error {
    Error::corrupt(format!("frame cannot stand here: {why}"))
}

fn finished(bytes: &[u8]) -> Result<()> {
    if bytes.is_empty() { Ok(()) } else { Err(Error::corrupt("bytes follow the last field of a payload")) }
}

/// A Data frame that is a whole transaction.
fn whole(frame: &Frame<'_>, given: bool, skim: Option<&mut Touches>) -> Result<(TxHead, Numbered)> {
    let mut bytes = frame.payload;
    let mut taken = Taken::default();
    records(&mut bytes, frame, 1, given, &mut taken, skim)?;
    let info = commit_info(&mut bytes)?;
    finished(bytes)?;
    let commit_lsn = frame.head.next_lsn() - 1;
    transaction(frame.head.txn, taken.first_lsn.unwrap_or(commit_lsn), commit_lsn, info, taken)
}

/// A Commit as it nearly always is, in place; else the long way.
fn commit_info(bytes: &mut &[u8]) -> Result<CommitInfo> {
    let mut front = *bytes;
    let fields = (take_u64(&mut front), take_u64(&mut front), super::fast::take_u32(&mut front));
    if let (Some(time_us), Some(watermark), Some(ops)) = fields {
        *bytes = front;
        return Ok(CommitInfo { time_us, watermark, ops });
    }
    CommitInfo::decode(bytes)
}

fn transaction(
    txn: u64,
    first_lsn: u64,
    commit_lsn: u64,
    info: CommitInfo,
    taken: Taken,
) -> Result<(TxHead, Numbered)> {
    if info.watermark >= commit_lsn {
        return Err(Error::corrupt("a commit vouches for what came after it")
            .expected(format!("a watermark below {commit_lsn}"))
            .got(info.watermark));
    }
    if u64::from(info.ops) != taken.count {
        return Err(Error::corrupt("the transaction does not hold as many operations as its commit counts")
            .expected(info.ops)
            .got(taken.count));
    }
    let CommitInfo { time_us, watermark, .. } = info;
    Ok((TxHead { first_lsn, commit_lsn, txn, time_us, watermark, ops: taken.count }, taken.ops))
}

/// The records of a Data frame. `commits` is how many of its LSNs belong to a commit. With `skim` nothing is kept of them.
fn records(
    bytes: &mut &[u8],
    frame: &Frame<'_>,
    commits: u32,
    given: bool,
    taken: &mut Taken,
    mut skim: Option<&mut Touches>,
) -> Result<()> {
    let mut front = *bytes;
    let count: u64 = match take_u64(&mut front) {
        Some(count) => {
            *bytes = front;
            count
        }
        None => take(bytes)?,
    };
    let span = u32::from(frame.head.lsn_count).saturating_sub(commits);
    if count > u64::from(span) || (!given && count != u64::from(span)) || (commits == 0 && count == 0) {
        return Err(Error::corrupt("frame holds another number of operations than its header counts")
            .expected(span)
            .got(count));
    }
    if skim.is_none() {
        // A record takes three bytes at least.
        taken.ops.reserve((count as usize).min(bytes.len() / 3));
    }
    let mut first = None;
    for _ in 0..count {
        let (index, wire) = record(bytes)?;
        let first = *first.get_or_insert(index);
        if taken.last.is_some_and(|last| index <= last) || index - first >= span {
            return Err(Error::corrupt("operation indexes are out of order").got(index));
        }
        taken.last = Some(index);
        taken.count += 1;
        let lsn = frame.head.lsn + u64::from(index - first);
        taken.first_lsn.get_or_insert(lsn);
        match &mut skim {
            Some(touches) => touches.add_wire(&wire),
            None => taken.ops.push((lsn, index, Op::from(wire))),
        }
    }
    Ok(())
}

//! Counting what a segment holds. The writer counts as it appends, the verifier as it reads; the two must agree.

use super::assemble::{Transaction, TxHead};
use super::footer::{Counts, Footer, IndexEntry, Touches};
use super::layout::INDEX_STRIDE;
use super::op::Op;
use super::stretch::Stretch;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    pub counts: Counts,
    pub touches: Touches,
    pub index: Vec<IndexEntry>,
}

/// A transaction as the tally sees it.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// Offset of its first frame.
    pub offset: u64,
    pub frames: u64,
    pub ops: u64,
    pub first_lsn: u64,
    pub commit_lsn: u64,
    pub txn: u64,
    pub time_us: u64,
}

impl Entry {
    pub fn new(tx: &Transaction, offset: u64, frames: u64) -> Entry {
        Entry::of(&tx.head(), offset, frames)
    }

    #[inline]
    pub fn of(tx: &TxHead, offset: u64, frames: u64) -> Entry {
        Entry {
            offset,
            frames,
            ops: tx.ops,
            first_lsn: tx.first_lsn,
            commit_lsn: tx.commit_lsn,
            txn: tx.txn,
            time_us: tx.time_us,
        }
    }
}

impl Tally {
    /// Of an empty segment.
    pub fn new(base_lsn: u64, base_txn: u64) -> Tally {
        let counts = Counts { first_lsn: base_lsn, next_lsn: base_lsn, next_txn: base_txn, ..Counts::default() };
        Tally { counts, ..Tally::default() }
    }

    pub fn transaction<'a>(&mut self, e: &Entry, ops: impl Iterator<Item = &'a Op>) {
        self.count(e);
        self.touches.add_all(ops);
    }

    /// [`Tally::transaction`] of one whose touches are added already.
    #[inline]
    pub fn count(&mut self, e: &Entry) {
        let tx = TxHead {
            first_lsn: e.first_lsn,
            commit_lsn: e.commit_lsn,
            txn: e.txn,
            time_us: e.time_us,
            watermark: 0,
            ops: e.ops,
        };
        self.count_all(&Stretch::of(&tx, (e.offset, e.offset), e.frames, true));
    }

    /// [`Tally::count`] of several, of which no other than the first has a place in the index.
    #[inline]
    pub(super) fn count_all(&mut self, s: &Stretch) {
        Self::count_in(&mut self.counts, &mut self.index, s);
    }

    #[inline]
    pub(super) fn count_in(c: &mut Counts, index: &mut Vec<IndexEntry>, s: &Stretch) {
        if c.transactions == 0 {
            c.first_lsn = s.first_lsn;
            c.first_time_us = s.first_time_us;
        }
        c.frames += s.frames;
        c.transactions += s.transactions;
        c.operations += s.ops;
        c.next_lsn = s.commit_lsn.saturating_add(1);
        c.next_txn = c.next_txn.max(s.txn.saturating_add(1));
        c.last_time_us = s.last_time_us;
        if s.offset >= Self::next_entry(index, s.offset) {
            index.push(IndexEntry { lsn: s.first_lsn, offset: s.offset, time_us: s.first_time_us });
        }
    }

    /// The offset from which on a transaction that begins has a place in the index, when one begins at `offset`.
    #[inline]
    pub(super) fn next_entry(index: &[IndexEntry], offset: u64) -> u64 {
        index.last().map_or(offset, |last| last.offset.saturating_add(INDEX_STRIDE))
    }

    /// Of what was counted here and then, apart, in `rest`.
    pub(super) fn join(mut self, rest: Tally) -> Tally {
        let (a, b) = (self.counts, rest.counts);
        let (first, last) = (if a.transactions > 0 { a } else { b }, if b.transactions > 0 { b } else { a });
        self.counts = Counts {
            frames: a.frames + b.frames,
            transactions: a.transactions + b.transactions,
            operations: a.operations + b.operations,
            first_lsn: first.first_lsn,
            next_lsn: a.next_lsn.max(b.next_lsn),
            next_txn: a.next_txn.max(b.next_txn),
            first_time_us: first.first_time_us,
            last_time_us: last.last_time_us,
            ..b
        };
        self.touches.merge(&rest.touches);
        self.index.extend(rest.index);
        self
    }

    /// A frame outside transactions: where it moves the counters to.
    pub fn marker(&mut self, next_lsn: u64, next_txn: u64) {
        let c = &mut self.counts;
        c.frames += 1;
        c.next_lsn = c.next_lsn.max(next_lsn);
        c.next_txn = c.next_txn.max(next_txn);
        if c.transactions == 0 {
            c.first_lsn = c.next_lsn;
        }
    }

    pub fn footer(&self, whole_crc: u32) -> Footer {
        Footer { counts: Counts { whole_crc, ..self.counts }, touches: self.touches.clone(), index: self.index.clone() }
    }
}

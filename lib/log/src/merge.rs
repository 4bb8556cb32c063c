//! A log and the one that it is written behind, as one: by LSN, each (transaction, operation) once.

use std::collections::HashSet;
use std::iter::Peekable;

use qx_formats::Result;

use crate::{Reader, Transaction, Transactions};

/// How many operations came from where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MergeCounts {
    pub transactions: u64,
    pub operations: u64,
    /// Operations that stand in both.
    pub in_both: u64,
    pub only_log: u64,
    pub only_wal: u64,
    /// Operations of one transaction and index that differ; the WAL's counts, for it is the commit point.
    pub conflicts: u64,
}

/// Transactions of both logs in the order of their commits.
#[derive(Debug)]
pub struct Merge<'a> {
    log: Peekable<Transactions<'a>>,
    wal: Peekable<Transactions<'a>>,
    seen: HashSet<(u64, u32)>,
    pub counts: MergeCounts,
}

/// Merges a log with the WAL that it is written behind.
pub fn merge<'a>(log: &'a Reader, wal: &'a Reader) -> Merge<'a> {
    Merge {
        log: log.transactions(0).peekable(),
        wal: wal.transactions(0).peekable(),
        seen: HashSet::new(),
        counts: MergeCounts::default(),
    }
}

enum From {
    Log,
    Wal,
    Both,
}

impl Merge<'_> {
    fn pick(&mut self) -> Option<From> {
        Some(match (self.log.peek(), self.wal.peek()) {
            (None, None) => return None,
            // An error comes out at once, from whichever side.
            (Some(Err(_)), _) | (Some(_), None) => From::Log,
            (_, Some(Err(_))) | (None, Some(_)) => From::Wal,
            (Some(Ok(l)), Some(Ok(w))) => match l.commit_lsn.cmp(&w.commit_lsn) {
                std::cmp::Ordering::Less => From::Log,
                std::cmp::Ordering::Greater => From::Wal,
                std::cmp::Ordering::Equal => From::Both,
            },
        })
    }

    /// Drops operations that were given already.
    fn fresh(&mut self, mut tx: Transaction) -> Transaction {
        let txn = tx.txn;
        tx.ops.retain(|(_, index, _)| self.seen.insert((txn, *index)));
        tx
    }

    /// One transaction of which each log may hold a part.
    fn join(&mut self, log: Transaction, wal: Transaction) -> Transaction {
        let (mut both, mut only_log) = (0, 0);
        let mut out = wal;
        let known = out.ops.len();
        for entry in log.ops {
            let same = out
                .ops
                .get(..known)
                .and_then(|ops| ops.binary_search_by_key(&entry.1, |o| o.1).ok().and_then(|i| ops.get(i)));
            match same {
                Some(other) if *other == entry && log.txn == out.txn => both += 1,
                Some(_) => self.counts.conflicts += 1,
                None => {
                    only_log += 1;
                    out.ops.push(entry);
                }
            }
        }
        out.ops.sort_by_key(|o| o.1);
        let out = self.fresh(out);
        self.counts.in_both += both;
        self.counts.only_log += only_log;
        self.counts.only_wal += (out.ops.len() as u64).saturating_sub(both + only_log);
        out
    }
}

impl Iterator for Merge<'_> {
    type Item = Result<Transaction>;

    fn next(&mut self) -> Option<Result<Transaction>> {
        let tx = match self.pick()? {
            From::Log => match self.log.next()? {
                Ok(tx) => {
                    let tx = self.fresh(tx);
                    self.counts.only_log += tx.ops.len() as u64;
                    tx
                }
                Err(e) => return Some(Err(e)),
            },
            From::Wal => match self.wal.next()? {
                Ok(tx) => {
                    let tx = self.fresh(tx);
                    self.counts.only_wal += tx.ops.len() as u64;
                    tx
                }
                Err(e) => return Some(Err(e)),
            },
            From::Both => match (self.log.next()?, self.wal.next()?) {
                (Ok(l), Ok(w)) => self.join(l, w),
                (Err(e), _) | (_, Err(e)) => return Some(Err(e)),
            },
        };
        self.counts.transactions += 1;
        self.counts.operations += tx.ops.len() as u64;
        Some(Ok(tx))
    }
}

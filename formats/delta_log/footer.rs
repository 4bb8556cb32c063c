//! What ends a sealed segment: the footer frame's payload and the trailer.

use std::collections::BTreeSet;

use bincode::{BorrowDecode, Encode};
use uuid::Uuid;

use super::header::{SegmentHeader, u32_at, u64_at};
use super::layout::*;
use super::op::{Op, Wire, put, take};
use crate::{Error, Result};

/// Names of one kind that a segment touches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names<T: Ord>(Option<BTreeSet<T>>);

impl<T: Ord> Default for Names<T> {
    fn default() -> Self {
        Names(Some(BTreeSet::new()))
    }
}

impl<T: Ord> Names<T> {
    /// The names, in order; `None` when there were too many to list, which stands for any.
    pub fn listed(&self) -> Option<&BTreeSet<T>> {
        self.0.as_ref()
    }

    /// Whether a reader of `name` must look into the segment.
    pub fn may_hold(&self, name: &T) -> bool {
        self.0.as_ref().is_none_or(|s| s.contains(name))
    }

    #[inline]
    pub(super) fn add_with<Q>(&mut self, name: &Q, own: impl FnOnce(&Q) -> T)
    where
        T: std::borrow::Borrow<Q>,
        Q: Ord + ?Sized,
    {
        if let Some(set) = &mut self.0
            && !set.contains(name)
        {
            set.insert(own(name));
            if set.len() > MAX_TOUCHED {
                self.0 = None;
            }
        }
    }

    fn merge(&mut self, other: &Self)
    where
        T: Clone,
    {
        match &other.0 {
            None => self.0 = None,
            Some(names) => names.iter().for_each(|n| self.add_with(n, T::clone)),
        }
    }
}

/// What operations touch, so that a reader of one table or graph may skip a segment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touches {
    pub nodes: u64,
    pub edges: u64,
    pub kv: u64,
    pub rows: u64,
    pub defines: u64,
    pub tables: Names<Uuid>,
    pub graphs: Names<Uuid>,
    pub stores: Names<String>,
    pub parts: Names<u32>,
}

impl Touches {
    pub fn add(&mut self, op: &Op) {
        self.add_wire(&Wire::from(op));
    }

    /// [`Touches::add`] of all operations of a transaction, which mostly touch one thing.
    pub(super) fn add_all<'a>(&mut self, ops: impl Iterator<Item = &'a Op>) {
        let mut last: Option<&str> = None;
        for op in ops {
            match op {
                Op::KvPut { store, .. } if last == Some(store) => self.kv += 1,
                Op::KvPut { store, .. } => {
                    last = Some(store);
                    self.add(op);
                }
                op => self.add(op),
            }
        }
    }

    pub(super) fn add_wire(&mut self, op: &Wire<'_>) {
        match op {
            Wire::NodeUpsert { .. } | Wire::NodeDelete { .. } => self.nodes += 1,
            Wire::EdgeUpsert { part, .. } | Wire::EdgeDelete { part, .. } => {
                self.edges += 1;
                self.parts.add_with(part, |p| *p);
            }
            Wire::KvPut { store, .. } | Wire::KvDelete { store, .. } | Wire::KvTouch { store, .. } => {
                self.kv += 1;
                self.stores.add_with(*store, str::to_owned);
            }
            Wire::RowUpsert { table, .. } | Wire::RowDelete { table, .. } => {
                self.rows += 1;
                self.tables.add_with(&Uuid::from_bytes(*table), |t| *t);
            }
            Wire::Define { .. } => self.defines += 1,
            Wire::UseGraph { graph } => self.graphs.add_with(&Uuid::from_bytes(*graph), |g| *g),
        }
    }

    pub fn merge(&mut self, other: &Touches) {
        self.nodes += other.nodes;
        self.edges += other.edges;
        self.kv += other.kv;
        self.rows += other.rows;
        self.defines += other.defines;
        self.tables.merge(&other.tables);
        self.graphs.merge(&other.graphs);
        self.stores.merge(&other.stores);
        self.parts.merge(&other.parts);
    }
}

/// One entry of the sparse index: a transaction starts at `offset`, with this LSN, and committed at this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, BorrowDecode)]
pub struct IndexEntry {
    pub lsn: u64,
    pub offset: u64,
    pub time_us: u64,
}

/// The payload of the footer frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footer {
    pub counts: Counts,
    pub touches: Touches,
    pub index: Vec<IndexEntry>,
}

/// The fixed front of a footer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Encode, BorrowDecode)]
pub struct Counts {
    /// Frames before the footer.
    pub frames: u64,
    pub transactions: u64,
    pub operations: u64,
    /// LSN of the first operation or commit; equal to `next_lsn` when there is none.
    pub first_lsn: u64,
    pub next_lsn: u64,
    pub next_txn: u64,
    /// Of the first and last commit, zero without one.
    pub first_time_us: u64,
    pub last_time_us: u64,
    /// CRC32C of the file's bytes before the footer frame.
    pub whole_crc: u32,
}

impl Counts {
    fn take(b: &mut &[u8]) -> Result<Counts> {
        let counts: Counts = take(b)?;
        if counts.next_lsn > MAX_NUMBER || counts.next_txn > MAX_NUMBER {
            let highest = counts.next_lsn.max(counts.next_txn);
            return Err(Error::limit("LSN or transaction id in the footer", MAX_NUMBER, highest));
        }
        Ok(counts)
    }

    /// The front of a footer's payload.
    pub(super) fn decode(mut bytes: &[u8]) -> Result<Counts> {
        Counts::take(&mut bytes)
    }
}

fn put_names<T: Ord, E: Encode>(out: &mut Vec<u8>, names: &Names<T>, wire: impl Fn(&T) -> E) {
    put(out, names.0.is_none());
    let set = names.0.iter().flatten();
    put(out, names.0.as_ref().map_or(0, BTreeSet::len) as u64);
    set.for_each(|n| put(out, wire(n)));
}

fn take_names<T: Ord>(bytes: &mut &[u8], mut one: impl FnMut(&mut &[u8]) -> Result<T>) -> Result<Names<T>> {
    let any: bool = take(bytes)?;
    let count: u64 = take(bytes)?;
    if count > MAX_TOUCHED as u64 || (any && count != 0) {
        return Err(Error::limit("names in the footer", MAX_TOUCHED as u64, count));
    }
    let mut set = BTreeSet::new();
    for _ in 0..count {
        let name = one(bytes)?;
        if set.last().is_some_and(|last| *last >= name) {
            return Err(Error::corrupt("footer: names are out of order"));
        }
        set.insert(name);
    }
    Ok(Names(if any { None } else { Some(set) }))
}

impl Footer {
    pub fn encode(&self, out: &mut Vec<u8>) {
        put(out, self.counts);
        let t = &self.touches;
        put(out, (t.nodes, t.edges, t.kv, t.rows, t.defines));
        put_names(out, &t.tables, |u| u.into_bytes());
        put_names(out, &t.graphs, |u| u.into_bytes());
        put_names(out, &t.stores, String::clone);
        put_names(out, &t.parts, |p| *p);
        put(out, self.index.len() as u64);
        self.index.iter().for_each(|e| put(out, e));
    }

    /// # Errors
    /// `Corrupt` or `Limit` when the payload breaks a rule.
    pub fn decode(mut bytes: &[u8]) -> Result<Footer> {
        let b = &mut bytes;
        let counts = Counts::take(b)?;
        let (nodes, edges, kv, rows, defines) = take(b)?;
        let uuid = |b: &mut &[u8]| take(b).map(Uuid::from_bytes);
        let tables = take_names(b, uuid)?;
        let graphs = take_names(b, uuid)?;
        let stores = take_names(b, |b| take::<&str>(b).map(str::to_owned))?;
        let parts = take_names(b, |b| take(b))?;
        let touches = Touches { nodes, edges, kv, rows, defines, tables, graphs, stores, parts };
        let count: u64 = take(b)?;
        // An entry takes three bytes at least, so the payload itself bounds the allocation.
        let most = b.len() as u64 / 3;
        if count > most {
            return Err(Error::limit("index entries in the footer", most, count));
        }
        let mut index: Vec<IndexEntry> = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let e: IndexEntry = take(b)?;
            if index.last().is_some_and(|last| last.lsn >= e.lsn || last.offset >= e.offset) {
                return Err(Error::corrupt("footer: index entries are out of order"));
            }
            index.push(e);
        }
        if !b.is_empty() {
            return Err(Error::corrupt("footer: bytes follow its last field"));
        }
        Ok(Footer { counts, touches, index })
    }
}

/// The last bytes of a sealed segment: where its footer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    pub segment: u64,
    /// Offset of the footer frame.
    pub footer: u64,
    pub first_lsn: u64,
    pub next_lsn: u64,
    pub file_len: u64,
}

impl Trailer {
    pub fn encode(&self, seed: u32) -> [u8; TRAILER_LEN] {
        let mut t = [0; TRAILER_LEN];
        t[..8].copy_from_slice(&TRAILER_MAGIC);
        for (at, v) in [
            (TRAILER_OFF_SEGMENT, self.segment),
            (TRAILER_OFF_FOOTER, self.footer),
            (TRAILER_OFF_FIRST_LSN, self.first_lsn),
            (TRAILER_OFF_NEXT_LSN, self.next_lsn),
            (TRAILER_OFF_FILE_LEN, self.file_len),
        ] {
            t[at..at + 8].copy_from_slice(&v.to_le_bytes());
        }
        let crc = crc32c::crc32c_append(seed, &t[..TRAILER_OFF_CRC]);
        t[TRAILER_OFF_CRC..].copy_from_slice(&crc.to_le_bytes());
        t
    }

    /// The trailer in the last [`TRAILER_LEN`] bytes of a file; `None` when there is none that holds.
    pub fn decode(bytes: &[u8], header: &SegmentHeader, file_len: u64) -> Option<Trailer> {
        let trailer = Self::of_any_file(bytes, header)?;
        let end = trailer.footer.checked_add(TRAILER_LEN as u64)?;
        (trailer.footer >= HEADER_LEN as u64 && end <= file_len && trailer.file_len == file_len).then_some(trailer)
    }

    /// [`Trailer::decode`] also where the file became longer or shorter since: it does not say then where anything stands,
    /// but what was durable when it was written.
    pub fn of_any_file(bytes: &[u8], header: &SegmentHeader) -> Option<Trailer> {
        let t = bytes.get(..TRAILER_LEN)?;
        if t[..8] != TRAILER_MAGIC
            || crc32c::crc32c_append(header.seed(), &t[..TRAILER_OFF_CRC]) != u32_at(t, TRAILER_OFF_CRC)
            || t[TRAILER_OFF_RESERVED..TRAILER_OFF_CRC].iter().any(|&b| b != 0)
        {
            return None;
        }
        let trailer = Trailer {
            segment: u64_at(t, TRAILER_OFF_SEGMENT),
            footer: u64_at(t, TRAILER_OFF_FOOTER),
            first_lsn: u64_at(t, TRAILER_OFF_FIRST_LSN),
            next_lsn: u64_at(t, TRAILER_OFF_NEXT_LSN),
            file_len: u64_at(t, TRAILER_OFF_FILE_LEN),
        };
        let numbers = trailer.first_lsn >= 1 && trailer.first_lsn <= trailer.next_lsn && trailer.next_lsn <= MAX_NUMBER;
        (numbers && trailer.segment == header.segment).then_some(trailer)
    }
}

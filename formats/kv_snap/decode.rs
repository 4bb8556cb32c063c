//! Reading a snapshot in its map: open in constant time, find a key by halving.

use std::ops::Range;

use uuid::Uuid;

use super::Entry;
use super::layout::*;
use crate::container::Container;
use crate::container::layout::PAGE_LEN;
use crate::{Error, Result};

fn u64_at(b: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(b.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

/// A snapshot over the bytes of a file, most often its map.
#[derive(Debug)]
pub struct KvSnap<B> {
    bytes: B,
    pub(super) container: Container,
    store: Uuid,
    lsn: u64,
    len: u64,
    table: Range<usize>,
    keys: Range<usize>,
    values: Range<usize>,
}

impl<B: AsRef<[u8]>> KvSnap<B> {
    /// Checks header, section table, META and that the lengths fit one another.
    ///
    /// # Errors
    /// `Corrupt`; `Unsupported` for a newer version.
    pub fn open(bytes: B) -> Result<Self> {
        let b = bytes.as_ref();
        let container = Container::open(b, "kv.snap", MAGIC, MAJOR, 0)?;
        let range = |kind, name| container.section(kind, name).map(|s| s.range.clone());
        let meta_range = range(KIND_META, "META")?;
        let (table, keys, values) =
            (range(KIND_ENTRIES, "ENTR")?, range(KIND_KEYS, "KEYS")?, range(KIND_VALUES, "VALS")?);
        let bad = |what: &str, at: &Range<usize>| Error::corrupt(what).offset(at.start as u64);
        let meta = b.get(meta_range.clone()).filter(|m| m.len() == META_LEN);
        let meta = meta.ok_or_else(|| bad("section META has the wrong length", &meta_range))?;
        let store = meta.get(META_STORE..META_LSN).and_then(|s| Uuid::from_slice(s).ok()).unwrap_or_default();
        let (lsn, len) = (u64_at(meta, META_LSN).unwrap_or(0), u64_at(meta, META_ENTRIES).unwrap_or(0));
        if len.checked_mul(ENTRY_LEN as u64) != Some(table.len() as u64) {
            let e = bad("section ENTR does not hold the entries that META counts", &table);
            return Err(e.expected(format!("{len} entries")).got(format!("{} bytes", table.len())));
        }
        let snap = KvSnap { store, lsn, len, table, keys, values, container, bytes };
        let (keys_end, values_end) = match len.checked_sub(1) {
            Some(last) => (snap.field(last, ENTRY_KEY_END), snap.field(last, ENTRY_VALUE_END)),
            None => (Some(0), Some(0)),
        };
        if keys_end != Some(snap.keys.len() as u64) || values_end != Some(snap.values.len() as u64) {
            return Err(bad("the last entry does not end where keys and values do", &snap.table));
        }
        Ok(snap)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.as_ref()
    }

    /// The store that this is a snapshot of.
    pub fn store(&self) -> Uuid {
        self.store
    }

    /// Everything that the log says of the store up to this number is in here.
    pub fn lsn(&self) -> u64 {
        self.lsn
    }

    /// Content hash of the file.
    pub fn uuid(&self) -> Uuid {
        self.container.uuid
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn record(&self, i: u64) -> Option<&[u8]> {
        let at = usize::try_from(i).ok()?.checked_mul(ENTRY_LEN)?.checked_add(self.table.start)?;
        self.bytes().get(at..at.checked_add(ENTRY_LEN)?)
    }

    fn field(&self, i: u64, offset: usize) -> Option<u64> {
        u64_at(self.record(i)?, offset)
    }

    /// The part of a section that belongs to entry `i`, from the end of the one before it.
    fn part(&self, i: u64, offset: usize, section: &Range<usize>) -> Option<&[u8]> {
        let start = match i.checked_sub(1) {
            Some(before) => self.field(before, offset)?,
            None => 0,
        };
        let (start, end) = (usize::try_from(start).ok()?, usize::try_from(self.field(i, offset)?).ok()?);
        self.bytes().get(section.clone())?.get(start..end)
    }

    fn damaged(&self, i: u64) -> Error {
        let at = self.table.start as u64 + i.saturating_mul(ENTRY_LEN as u64);
        Error::corrupt(format!("entry {i} of the snapshot is malformed")).offset(at)
    }

    /// Entry `i` in the order of keys.
    ///
    /// # Errors
    /// `Corrupt` when its places leave their sections or a field breaks a rule.
    pub fn entry(&self, i: u64) -> Result<Entry<'_>> {
        let read = || {
            let record = self.record(i)?;
            let time = |at| u64_at(record, at).map(|t| (t != 0).then_some(t));
            let kind = *record.get(ENTRY_KIND)?;
            let zero = record.get(ENTRY_RESERVED..)?.iter().all(|&b| b == 0);
            let key = self.part(i, ENTRY_KEY_END, &self.keys).filter(|k| k.len() <= MAX_KEY_LEN)?;
            (kind <= MAX_KIND && zero).then_some(())?;
            Some(Entry {
                key: std::str::from_utf8(key).ok()?,
                kind,
                value: self.part(i, ENTRY_VALUE_END, &self.values)?,
                lsn: u64_at(record, ENTRY_LSN)?,
                expires_at_us: time(ENTRY_EXPIRES)?,
                reset_us: time(ENTRY_RESET)?,
            })
        };
        read().ok_or_else(|| self.damaged(i))
    }

    /// Entry `i`, once the pages that it lies on match their checksums.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn checked_entry(&self, i: u64) -> Result<Entry<'_>> {
        self.checked(i, true)
    }

    fn checked(&self, i: u64, value: bool) -> Result<Entry<'_>> {
        let e = self.entry(i)?;
        let within = |kind, name, part: &[u8]| {
            let section = self.container.section(kind, name)?;
            let base = self.bytes().as_ptr() as usize;
            let start = (part.as_ptr() as usize).saturating_sub(base + section.range.start);
            for at in (start..start + part.len().max(1)).step_by(PAGE_LEN).chain([start + part.len().max(1) - 1]) {
                if at < section.range.len() {
                    self.container.check_page(self.bytes(), section, at)?;
                }
            }
            Ok::<(), Error>(())
        };
        within(KIND_ENTRIES, "ENTR", self.record(i).unwrap_or_default())?;
        if let Some(before) = i.checked_sub(1) {
            within(KIND_ENTRIES, "ENTR", self.record(before).unwrap_or_default())?;
        }
        within(KIND_KEYS, "KEYS", e.key.as_bytes())?;
        if value {
            within(KIND_VALUES, "VALS", e.value)?;
        }
        Ok(e)
    }

    /// That every section matches its checksum: for whoever reads all of them anyway.
    ///
    /// # Errors
    /// `Corrupt` with the first damaged place.
    pub fn check(&self) -> Result<()> {
        let mut findings = Vec::new();
        self.container.verify(self.bytes(), &mut findings);
        match findings.into_iter().next() {
            None => Ok(()),
            Some(f) => Err(Error::corrupt(f.message).offset(f.offset.unwrap_or(0))),
        }
    }

    /// The entry of a key, whether or not it has expired.
    ///
    /// # Errors
    /// `Corrupt` when an entry on the way is malformed.
    pub fn get(&self, key: &str) -> Result<Option<Entry<'_>>> {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            let e = self.entry(middle)?;
            match e.key.cmp(key) {
                std::cmp::Ordering::Equal => return Ok(Some(e)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// [`KvSnap::get`] by way of pages that match their checksums: what is damaged is an error, and no other answer.
    ///
    /// # Errors
    /// `Corrupt` when a page on the way, or one of the value, is damaged.
    pub fn checked_get(&self, key: &str) -> Result<Option<Entry<'_>>> {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.checked(middle, false)?.key.cmp(key) {
                std::cmp::Ordering::Equal => return self.checked(middle, true).map(Some),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(None)
    }

    /// Every entry, in the order of keys. Ends after the first error.
    pub fn iter(&self) -> impl Iterator<Item = Result<Entry<'_>>> {
        let mut failed = false;
        (0..self.len).map_while(move |i| {
            if failed {
                return None;
            }
            let e = self.entry(i);
            failed = e.is_err();
            Some(e)
        })
    }
}

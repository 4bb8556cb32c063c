//! Collects writes of pairs, in any order, and makes a segment of what they leave.

use std::collections::HashMap;
use std::io::{Seek, Write};

use uuid::Uuid;

use super::decode::DictSeg;
use super::encode::{self, Options, Source, SourcePair};
use super::layout::*;
use super::room::Memory;
use crate::{Error, Result};

/// Where a key stands: its id, and the number of the write that gave it.
#[derive(Debug, Clone, Copy)]
struct Slot {
    id: u64,
    write: u64,
}

type Keys = HashMap<Box<[u8]>, Slot>;

/// What a build did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    pub entries: u64,
    pub labels: u64,
    pub next_id: u64,
    /// Writes of a key that was already there: the later one won.
    pub replaced: u64,
    /// Pairs dropped because a later pair took their id.
    pub displaced: u64,
    /// Pairs that were removed.
    pub removed: u64,
    pub uuid: Uuid,
    /// Length of the segment.
    pub bytes: u64,
}

/// Collects pairs in memory. The last write of a key is kept first, then the last of an id.
#[derive(Debug)]
pub struct DictBuilder {
    labels: HashMap<Box<[u8]>, Keys>,
    next_id: u64,
    writes: u64,
    replaced: u64,
    removed: u64,
    entries: u64,
}

impl Default for DictBuilder {
    fn default() -> Self {
        Self::new()
    }
}

fn check_len(what: &str, bytes: &[u8], limit: usize) -> Result<()> {
    if bytes.len() > limit {
        return Err(Error::limit(what, limit as u64, bytes.len() as u64));
    }
    Ok(())
}

impl DictBuilder {
    pub fn new() -> Self {
        DictBuilder { labels: HashMap::new(), next_id: FIRST_ID, writes: 0, replaced: 0, removed: 0, entries: 0 }
    }

    /// Pairs so far, those that will lose their id to a later one included.
    pub fn len(&self) -> u64 {
        self.entries
    }

    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The id that the next new pair without one receives.
    pub fn next_id(&self) -> u64 {
        self.next_id
    }

    /// The id that this key has now.
    pub fn get(&self, label: &[u8], key: &[u8]) -> Option<u64> {
        self.labels.get(label)?.get(key).map(|s| s.id)
    }

    /// Writes a pair and returns its id. Without an id, a key that is already there keeps the one it has, and a new
    /// key takes the next free id: the highest ever issued + 1.
    ///
    /// # Errors
    /// `Limit` for a label, key or id that is too large, or when ids have run out.
    pub fn insert(&mut self, label: &[u8], key: &[u8], id: Option<u64>) -> Result<u64> {
        check_len("label length", label, MAX_LABEL_LEN)?;
        check_len("key length", key, MAX_KEY_LEN)?;
        if let Some(id) = id
            && id > MAX_ID
        {
            return Err(Error::limit("id", MAX_ID, id));
        }
        let (write, fresh) = (self.writes, self.next_id);
        let slot = self.labels.get_mut(label).and_then(|keys| keys.get_mut(key));
        let now = if let Some(slot) = slot {
            let now = id.unwrap_or(slot.id);
            *slot = Slot { id: now, write };
            self.replaced += 1;
            now
        } else {
            let now = id.unwrap_or(fresh);
            if now > MAX_ID {
                return Err(Error::limit("id", MAX_ID, now).hint("every id has been issued"));
            }
            if !self.labels.contains_key(label) {
                self.labels.insert(label.into(), Keys::new());
            }
            if let Some(keys) = self.labels.get_mut(label) {
                keys.insert(key.into(), Slot { id: now, write });
            }
            self.entries += 1;
            now
        };
        self.writes += 1;
        self.next_id = fresh.max(now + 1);
        Ok(now)
    }

    /// Removes a pair and returns the id that it had. The id stays issued.
    pub fn remove(&mut self, label: &[u8], key: &[u8]) -> Option<u64> {
        let slot = self.labels.get_mut(label)?.remove(key)?;
        self.entries -= 1;
        self.removed += 1;
        Some(slot.id)
    }

    /// Ids below `next_id` count as issued from now on.
    pub fn reserve_ids_up_to(&mut self, next_id: u64) {
        self.next_id = self.next_id.max(next_id);
    }

    /// Writes every pair of a segment, and keeps its issued ids issued.
    ///
    /// # Errors
    /// `Corrupt` where the segment is damaged; those of [`DictBuilder::insert`].
    pub fn extend_from<B: AsRef<[u8]>>(&mut self, seg: &DictSeg<B>) -> Result<()> {
        let mut cursor = seg.cursor();
        while let Some(e) = cursor.next_entry()? {
            self.insert(e.label, e.key, Some(e.id))?;
        }
        self.reserve_ids_up_to(seg.next_id());
        Ok(())
    }

    /// Writes the segment from the beginning of `out` on.
    ///
    /// # Errors
    /// `Io` from `out`; `Limit` for more entries than a segment holds.
    pub fn finish(self, out: impl Write + Seek) -> Result<Summary> {
        self.finish_with(out, Options::default())
    }

    /// [`DictBuilder::finish`], laid out as the options say.
    ///
    /// # Errors
    /// As [`DictBuilder::finish`].
    pub fn finish_with(self, out: impl Write + Seek, options: Options) -> Result<Summary> {
        let mut labels: Vec<_> = self.labels.iter().filter(|(_, keys)| !keys.is_empty()).collect();
        labels.sort_unstable_by_key(|(label, _)| *label);
        let mut all = Vec::with_capacity(usize::try_from(self.entries).unwrap_or(0));
        for (i, (_, keys)) in labels.iter().enumerate() {
            all.extend(keys.iter().map(|(key, s)| (SourcePair { label: i, key, id: s.id }, s.write)));
        }
        // The last write of an id comes first among its equals, and is the one that stays.
        all.sort_unstable_by_key(|(p, write)| (p.id, std::cmp::Reverse(*write)));
        let before = all.len();
        all.dedup_by_key(|(p, _)| p.id);
        let displaced = (before - all.len()) as u64;
        let mut pairs: Vec<SourcePair<'_>> = all.into_iter().map(|(p, _)| p).collect();
        pairs.sort_unstable_by_key(|p| (p.label, p.key));

        // A label may have lost all its pairs to displacement; labels without entries are not written.
        let mut used = Vec::new();
        let mut last = None;
        for p in &mut pairs {
            if last != Some(p.label) {
                last = Some(p.label);
                used.push(&**labels[p.label].0);
            }
            p.label = used.len() - 1;
        }
        let mut source = Slice { pairs: &pairs, at: 0 };
        let written = encode::encode(out, &used, &mut source, self.next_id, options, &mut Memory)?;
        Ok(Summary {
            entries: written.entries,
            labels: written.labels,
            next_id: written.next_id,
            replaced: self.replaced,
            displaced,
            removed: self.removed,
            uuid: written.uuid,
            bytes: written.bytes,
        })
    }
}

struct Slice<'a> {
    pairs: &'a [SourcePair<'a>],
    at: usize,
}

impl Source for Slice<'_> {
    fn rewind(&mut self) -> Result<()> {
        self.at = 0;
        Ok(())
    }

    fn next_pair(&mut self) -> Result<Option<SourcePair<'_>>> {
        let pair = self.pairs.get(self.at).copied();
        self.at += 1;
        Ok(pair)
    }
}

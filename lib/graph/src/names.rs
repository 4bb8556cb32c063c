//! Names and ids of nodes: a stack of dictionary segments, and what changed since the newest of them was built.

use std::collections::BTreeSet;

use qx_formats::dict_seg::DictSeg;
use qx_formats::{Error, Result};
use qx_io::Map;

use crate::delta::NodeDelta;

/// Label and key of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeName {
    pub label: Vec<u8>,
    pub key: Vec<u8>,
}

/// Every name that a graph knows. Of two segments the later one has the last word, on a name first, then on an id.
#[derive(Debug)]
pub(crate) struct Names {
    /// Oldest first.
    pub dicts: Vec<DictSeg<Map>>,
    pub delta: NodeDelta,
}

impl Names {
    pub fn new(dicts: Vec<DictSeg<Map>>) -> Names {
        Names { dicts, delta: NodeDelta::default() }
    }

    pub fn id_of(&self, label: &[u8], key: &[u8]) -> Result<Option<u64>> {
        match self.delta.id_of(label, key) {
            Some(known) => Ok(known),
            None => self.stored_id(label, key),
        }
    }

    /// The id of a pair in the newest segment that has it, unless a later one gave the id away.
    pub fn stored_id(&self, label: &[u8], key: &[u8]) -> Result<Option<u64>> {
        for (at, dict) in self.dicts.iter().enumerate().rev() {
            let Some(id) = dict.get(label, key)? else { continue };
            for later in self.dicts.iter().skip(at + 1) {
                if later.entry_of(id)?.is_some() {
                    return Ok(None);
                }
            }
            return Ok(Some(id));
        }
        Ok(None)
    }

    pub fn id_of_any_label(&self, key: &[u8]) -> Result<Option<u64>> {
        let changed = self.delta.labels_of(key);
        if let ([dict], None) = (&self.dicts[..], changed) {
            return dict.get_any_label(key);
        }
        Ok(self.ids_of(key)?.first().copied())
    }

    /// The id that a key has under each label that has it, ascending.
    pub fn ids_of(&self, key: &[u8]) -> Result<Vec<u64>> {
        let changed = self.delta.labels_of(key);
        let mut ids: Vec<u64> = changed.into_iter().flat_map(|c| c.values().flatten().copied()).collect();
        let mut labels = BTreeSet::new();
        for dict in &self.dicts {
            // Most keys are new to most segments, and one lookup says so.
            if dict.get_any_label(key)?.is_some() {
                for label in dict.labels() {
                    labels.insert(label?);
                }
            }
        }
        for label in labels {
            if !changed.is_some_and(|c| c.contains_key(label))
                && let Some(id) = self.stored_id(label, key)?
            {
                ids.push(id);
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    pub fn name(&self, id: u64) -> Result<Option<NodeName>> {
        if let Some(known) = self.delta.name_of(id) {
            return Ok(known.map(|(label, key)| NodeName { label: label.clone(), key: key.clone() }));
        }
        for (at, dict) in self.dicts.iter().enumerate().rev() {
            let Some(e) = dict.entry_of(id)? else { continue };
            for later in self.dicts.iter().skip(at + 1) {
                if later.get(&e.label, &e.key)?.is_some() {
                    return Ok(None);
                }
            }
            // A pair that moved to another id left this one behind.
            let moved = self.delta.id_of(&e.label, &e.key).is_some_and(|now| now != Some(id));
            return Ok((!moved).then_some(NodeName { label: e.label, key: e.key }));
        }
        Ok(None)
    }

    pub fn next_id(&self) -> u64 {
        self.delta.next_id(self.dicts.iter().map(DictSeg::next_id).max().unwrap_or(0))
    }

    /// Calls `f` with every node once: those of the delta first, then those of each segment.
    pub fn each(&self, mut f: impl FnMut(u64, &[u8], &[u8]) -> Result<()>) -> Result<()> {
        for (id, (label, key)) in self.delta.entries() {
            f(id, label, key)?;
        }
        for (at, dict) in self.dicts.iter().enumerate() {
            let mut cursor = dict.cursor();
            'entries: while let Some(entry) = cursor.next_entry()? {
                if self.delta.name_of(entry.id).is_some() || self.delta.id_of(entry.label, entry.key).is_some() {
                    continue;
                }
                for later in self.dicts.iter().skip(at + 1) {
                    if later.get(entry.label, entry.key)?.is_some() || later.entry_of(entry.id)?.is_some() {
                        continue 'entries;
                    }
                }
                f(entry.id, entry.label, entry.key)?;
            }
        }
        Ok(())
    }

    /// Gives a node its name; returns its id. `lsn` is that of the operation.
    pub fn upsert(&mut self, lsn: u64, label: &[u8], key: &[u8], id: Option<u64>) -> Result<u64> {
        let old = self.id_of(label, key)?;
        let id = match id.or(old) {
            Some(id) => id,
            None => self.next_id(),
        };
        if id == u64::MAX {
            return Err(Error::limit("node id", u64::MAX - 1, id));
        }
        if let Some(old) = old.filter(|&old| old != id) {
            self.delta.forget_id(lsn, old);
        }
        // The last write of an id wins, too: whoever had it loses it.
        if let Some(other) = self.name(id)?.filter(|n| n.label != label || n.key != key) {
            self.delta.forget_name(&other.label, &other.key);
        }
        self.delta.put(label, key, id);
        Ok(id)
    }

    /// Takes a node's name away; returns the id that it had.
    pub fn delete(&mut self, lsn: u64, label: &[u8], key: &[u8]) -> Result<Option<u64>> {
        let old = self.id_of(label, key)?;
        if let Some(id) = old {
            self.delta.forget_name(label, key);
            self.delta.forget_id(lsn, id);
        }
        Ok(old)
    }
}

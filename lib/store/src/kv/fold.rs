//! A store as of some log sequence number: a snapshot, and the changes above it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use qx_formats::delta_log::Op;
use qx_formats::kv_snap::{Entry, KvSnap};
use qx_formats::{Error, Result};
use qx_io::Map;
use uuid::Uuid;

use super::value::{Value, frame_rows, name_of};
use crate::catalog::{Define, Object};

/// A key's value and when it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// One of the log's kinds of value.
    pub kind: u8,
    pub value: Vec<u8>,
    /// Of the put.
    pub lsn: u64,
    /// Microseconds since 1970, UTC.
    pub expires_at_us: Option<u64>,
    /// Each access moves the expiry to so many microseconds after it.
    pub reset_us: Option<u64>,
}

impl Item {
    fn of(e: &Entry<'_>) -> Item {
        let (expires_at_us, reset_us) = (e.expires_at_us, e.reset_us);
        Item { kind: e.kind, value: e.value.to_vec(), lsn: e.lsn, expires_at_us, reset_us }
    }

    pub(super) fn entry<'a>(&'a self, key: &'a str) -> Entry<'a> {
        let (expires_at_us, reset_us) = (self.expires_at_us.filter(|&t| t > 0), self.reset_us.filter(|&t| t > 0));
        Entry { key, kind: self.kind, value: &self.value, lsn: self.lsn, expires_at_us, reset_us }
    }

    /// Whether it is there at `now_us`.
    pub fn lives(&self, now_us: u64) -> bool {
        self.expires_at_us.is_none_or(|at| at > now_us)
    }

    /// `string`, `int`, `json`, `frame` or `bytes`.
    pub fn type_name(&self) -> &'static str {
        name_of(self.kind)
    }

    /// # Errors
    /// `Corrupt` when the bytes are not of their kind.
    pub fn decode(&self) -> Result<Value> {
        Value::decode(self.kind, &self.value)
    }

    /// The rows of a frame.
    ///
    /// # Errors
    /// `Corrupt` for bytes that are no Arrow IPC stream.
    pub fn rows(&self) -> Result<(SchemaRef, Vec<RecordBatch>)> {
        frame_rows(&self.value)
    }
}

/// The keys of one store.
#[derive(Debug)]
pub struct Keys {
    store: String,
    snapshot: Option<KvSnap<Map>>,
    /// Where it lies.
    path: PathBuf,
    /// Changes above the snapshot; `None` for a deletion.
    changes: BTreeMap<String, Option<Item>>,
    lsn: u64,
}

impl Keys {
    /// The newest snapshot in `dir`, if it is one of this incarnation of the store.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, with the path.
    pub(super) fn open(dir: &Path, store: &str, uuid: Uuid) -> Result<Keys> {
        let (store, path, changes) = (store.to_owned(), dir.to_path_buf(), BTreeMap::new());
        let mut view = Keys { store, snapshot: None, path, changes, lsn: 0 };
        let Some(manifest) = super::read_manifest(dir)? else { return Ok(view) };
        // A store of this name that was dropped left it.
        if manifest.uuid != uuid {
            return Ok(view);
        }
        let path = dir.join(&manifest.segment.path);
        let map = Map::open(&path)?;
        let snapshot = KvSnap::open(map).map_err(|e| e.path(&path))?;
        if snapshot.store() != uuid || snapshot.lsn() != manifest.lsn {
            let e = Error::corrupt("the snapshot is not the one that its manifest names").path(&path);
            return Err(e.expected(format!("store {uuid}, LSN {}", manifest.lsn)).got(format!(
                "store {}, LSN {}",
                snapshot.store(),
                snapshot.lsn()
            )));
        }
        view.lsn = manifest.lsn;
        view.snapshot = Some(snapshot);
        view.path = path;
        Ok(view)
    }

    /// Everything that the log says up to this number is in here.
    pub fn lsn(&self) -> u64 {
        self.lsn
    }

    /// Keys that changed since the snapshot.
    pub fn changes(&self) -> usize {
        self.changes.len()
    }

    /// Keys of the snapshot.
    pub fn in_snapshot(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, KvSnap::len)
    }

    /// Keys that have expired and still take room, in the snapshot and above it.
    ///
    /// # Errors
    /// `Corrupt` when the snapshot is damaged.
    pub fn expired(&self, now_us: u64) -> Result<u64> {
        let mut count = self.changes.values().flatten().filter(|item| !item.lives(now_us)).count() as u64;
        for entry in self.snapshot.iter().flat_map(KvSnap::iter) {
            let entry = entry?;
            count += u64::from(!self.changes.contains_key(entry.key) && !Item::of(&entry).lives(now_us));
        }
        Ok(count)
    }

    /// Nothing changed since the snapshot.
    pub(super) fn is_snapshot(&self) -> bool {
        self.snapshot.is_some() && self.changes.is_empty()
    }

    /// That the snapshot is whole, of which everything is about to be read.
    fn check(&self) -> Result<()> {
        match self.snapshot.as_ref().map(KvSnap::check) {
            Some(Err(e)) => Err(self.damaged(e)),
            _ => Ok(()),
        }
    }

    fn damaged(&self, e: Error) -> Error {
        e.path(&self.path).hint("`qx fsck` says more; `qx repair` keeps the keys that are whole, and what the log has")
    }

    pub(super) fn reached(&mut self, lsn: u64) {
        self.lsn = self.lsn.max(lsn);
    }

    /// Takes in one operation. With `only`, other keys are passed over.
    pub(super) fn apply(&mut self, op: &Op, lsn: u64, only: Option<&str>) -> Result<()> {
        let ours = |store: &str, key: &str| store == self.store && only.is_none_or(|only| only == key);
        match op {
            Op::KvPut { store, key, kind, value, expires_at_us } if ours(store, key) => {
                let item =
                    Item { kind: *kind, value: value.clone(), lsn, expires_at_us: *expires_at_us, reset_us: None };
                self.changes.insert(key.clone(), Some(item));
            }
            Op::KvDelete { store, key } if ours(store, key) => {
                self.changes.insert(key.clone(), None);
            }
            Op::KvTouch { store, key, expires_at_us, reset_us } if ours(store, key) => {
                if let Some(mut item) = self.raw(key)? {
                    (item.expires_at_us, item.reset_us) = (*expires_at_us, *reset_us);
                    self.changes.insert(key.clone(), Some(item));
                }
            }
            Op::Define { json } => {
                // A store of this name that was dropped takes its keys along.
                if let Ok(Define::Drop { object: Object::Store, name }) = serde_json::from_slice(json)
                    && name == self.store
                {
                    self.snapshot = None;
                    self.changes.clear();
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A key, whether or not it has expired.
    fn raw(&self, key: &str) -> Result<Option<Item>> {
        match (self.changes.get(key), &self.snapshot) {
            (Some(change), _) => Ok(change.clone()),
            (None, Some(snapshot)) => {
                Ok(snapshot.checked_get(key).map_err(|e| self.damaged(e))?.as_ref().map(Item::of))
            }
            (None, None) => Ok(None),
        }
    }

    /// One key; `None` when it is not there or has expired.
    ///
    /// # Errors
    /// `Corrupt` when the snapshot is damaged where the key is looked for.
    pub fn get(&self, key: &str, now_us: u64) -> Result<Option<Item>> {
        Ok(self.raw(key)?.filter(|i| i.lives(now_us)))
    }

    /// Calls `f` on each key that lives, in the order of keys, from the first one that starts with `prefix`.
    ///
    /// # Errors
    /// `Corrupt` when the snapshot is damaged; those of `f`.
    pub fn each(&self, prefix: &str, now_us: u64, mut f: impl FnMut(&str, &Item) -> Result<()>) -> Result<()> {
        self.check()?;
        let mut changes = self.changes.range(prefix.to_owned()..).peekable();
        let mut take = |key: &str, item: Option<&Item>| match item.filter(|i| i.lives(now_us)) {
            Some(item) if key.starts_with(prefix) => f(key, item),
            _ => Ok(()),
        };
        for entry in self.snapshot.iter().flat_map(KvSnap::iter) {
            let entry = entry?;
            if entry.key < prefix {
                continue;
            }
            while let Some((key, item)) = changes.next_if(|(key, _)| key.as_str() < entry.key) {
                take(key, item.as_ref())?;
            }
            match changes.next_if(|(key, _)| key.as_str() == entry.key) {
                Some((key, item)) => take(key, item.as_ref())?,
                None => take(entry.key, Some(&Item::of(&entry)))?,
            }
            if !entry.key.starts_with(prefix) {
                break;
            }
        }
        changes.try_for_each(|(key, item)| take(key, item.as_ref()))
    }

    /// Names of the keys that live, in order.
    ///
    /// # Errors
    /// As [`Keys::each`].
    pub fn keys(&self, prefix: &str, now_us: u64) -> Result<Vec<String>> {
        let mut keys = Vec::new();
        self.each(prefix, now_us, |key, _| {
            keys.push(key.to_owned());
            Ok(())
        })?;
        Ok(keys)
    }
}

//! Key-value stores: the newest snapshot of a store, and on top of it what the log says above the snapshot.
//!
//! A put, a deletion and a move of an expiry are operations of the database's log; nothing else is needed for them to
//! be durable. A snapshot (`store/<kv>/`) only bounds how much of the log a reader has to look at, and lets the log
//! behind it go.

mod fold;
mod snapshot;
mod value;

pub use fold::{Item, Keys};
pub use snapshot::{FORMAT, MANIFEST, SNAPSHOT_KIND, SnapshotReport, read_manifest, snapshot, snapshot_dir};
pub(crate) use snapshot::{KvManifest, publish};
pub use value::Value;

use qx_formats::delta_log::{Op, Touches};
use qx_formats::{Error, Kind, Result};

use crate::Writer;
use crate::catalog::{Define, StoreDef};
use crate::names::{KV_SCHEMA, check_name};
use crate::view::{View, moved};

/// How often a reader starts over because a writer moved on under it.
const MAX_RESTARTS: u32 = 8;

/// How a key expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Expiry {
    /// How long the key lives from now on; for ever when absent.
    pub ttl_us: Option<u64>,
    /// Each access starts that time anew.
    pub reset_on_access: bool,
}

/// Defines a store in the writer's open transaction, unless it is there.
///
/// # Errors
/// `Usage` for what cannot name a store.
pub fn create_if_missing(writer: &mut Writer, store: &str) -> Result<()> {
    check_name("store", store)?;
    if store.contains('.') {
        return Err(Error::usage(format!("`{store}` cannot name a store")).expected("a name without dots"));
    }
    if !writer.catalog().stores.contains_key(store) {
        let def = StoreDef { uuid: qx_log::Uuid::now_v7() };
        writer.change(&Define::Store { name: store.to_owned(), def })?;
    }
    Ok(())
}

/// The operations that write one key.
pub fn put(store: &str, key: &str, value: &Value, expiry: Expiry, now_us: u64) -> Vec<Op> {
    let expires_at_us = expiry.ttl_us.map(|ttl| now_us.saturating_add(ttl));
    let (store, key) = (store.to_owned(), key.to_owned());
    let mut ops = vec![Op::KvPut {
        store: store.clone(),
        key: key.clone(),
        kind: value.kind(),
        value: value.bytes(),
        expires_at_us,
    }];
    if expiry.reset_on_access && expiry.ttl_us.is_some() {
        ops.push(Op::KvTouch { store, key, expires_at_us, reset_us: expiry.ttl_us });
    }
    ops
}

/// The operations that give a key of `from` the name `to_key` in `to`, value and expiry as they are.
pub fn copy(to: &str, to_key: &str, item: &Item) -> Vec<Op> {
    let (store, key) = (to.to_owned(), to_key.to_owned());
    let put = Op::KvPut {
        store: store.clone(),
        key: key.clone(),
        kind: item.kind,
        value: item.value.clone(),
        expires_at_us: item.expires_at_us,
    };
    let touch = item.reset_us.map(|reset_us| Op::KvTouch {
        store,
        key,
        expires_at_us: item.expires_at_us,
        reset_us: Some(reset_us),
    });
    std::iter::once(put).chain(touch).collect()
}

/// The definition of a key-value store.
///
/// # Errors
/// `NotFound` with the names of those that there are.
pub fn def_of(view: &View, store: &str) -> Result<StoreDef> {
    let catalog = view.catalog();
    catalog.stores.get(store).cloned().ok_or_else(|| {
        let names: Vec<&str> = catalog.stores.keys().map(String::as_str).collect();
        let db = view.store().database();
        let missing = Error::new(Kind::NotFound, format!("there is no store {db}.{KV_SCHEMA}.{store}"))
            .hint(format!("CREATE STORE {db}.{KV_SCHEMA}.{store} makes it"));
        if names.is_empty() { missing } else { missing.expected(names.join(", ")) }
    })
}

/// The keys of a store as a view sees them, the open transaction included. With `only`, that key alone.
///
/// # Errors
/// `NotFound` when there is no such store; `Corrupt` with the path of what is damaged; a writer that moved on.
pub fn keys(view: &View, store: &str, only: Option<&str>) -> Result<Keys> {
    let def = def_of(view, store)?;
    let (db, lsn) = (view.store(), view.lsn());
    let dir = snapshot_dir(&db.layout().home, store);
    // A snapshot that is taken meanwhile lets the log behind it go: the one that was read is then too old to go on from.
    for _ in 0..MAX_RESTARTS {
        let mut keys = Keys::open(&dir, store, def.uuid)?;
        let from = keys.lsn();
        if let Some(least) = view.catalog().snapshots.get(&def.uuid).filter(|least| from < **least) {
            return Err(Error::corrupt("the snapshot of the store that the log was let go for is missing")
                .path(dir.join(MANIFEST))
                .expected(format!("LSN {least} or later"))
                .got(from)
                .hint("`qx fsck` tells what is there; `qx repair` takes what is whole"));
        }
        if from > lsn {
            // The snapshot holds what this view does not know yet.
            return Err(moved());
        }
        let name = store.to_owned();
        // A definition may be that of a store that was dropped, which takes its keys along.
        let wanted = |t: &Touches| t.defines > 0 || t.stores.may_hold(&name);
        match db.replay_to(from, lsn, wanted, |lsn, op| keys.apply(&op, lsn, only)) {
            Err(e) if e.io_kind() == Some(std::io::ErrorKind::NotFound) => continue,
            other => other?,
        }
        if Keys::open(&dir, store, def.uuid)?.lsn() != from {
            continue;
        }
        for op in view.pending() {
            keys.apply(&op, lsn + 1, only)?;
        }
        keys.reached(lsn);
        return Ok(keys);
    }
    Err(moved())
}

/// One key; `None` when it is not there or has expired.
///
/// # Errors
/// As [`keys`].
pub fn get(view: &View, store: &str, key: &str) -> Result<Option<Item>> {
    keys(view, store, Some(key))?.get(key, qx_log::now_us())
}

/// The operation of an access: it starts the expiry of a key anew, if the key is one of that kind.
pub fn touch(store: &str, key: &str, item: &Item, now_us: u64) -> Option<Op> {
    let reset = item.reset_us?;
    let (store, key) = (store.to_owned(), key.to_owned());
    Some(Op::KvTouch { store, key, expires_at_us: Some(now_us.saturating_add(reset)), reset_us: Some(reset) })
}

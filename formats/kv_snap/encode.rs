//! Writing a snapshot.

use uuid::Uuid;

use super::Entry;
use super::layout::*;
use crate::container::{self, SectionSpec};
use crate::{Error, Result};

/// The bytes of a snapshot of `store` as of `lsn`. Keys ascend.
///
/// # Errors
/// `Invalid` for keys that do not ascend, an unknown kind of value, an LSN above that of the snapshot, or a zero where
/// a time stands; `Limit` for a key that is too long.
pub fn encode<'a>(store: Uuid, lsn: u64, entries: impl IntoIterator<Item = Entry<'a>>) -> Result<Vec<u8>> {
    let (mut table, mut keys, mut values) = (Vec::new(), Vec::new(), Vec::new());
    let mut count = 0u64;
    let mut last: Option<&str> = None;
    for e in entries {
        let bad = |what: &str| Error::invalid(format!("key {:?}: {what}", e.key));
        if last.is_some_and(|last| last >= e.key) {
            return Err(bad("keys do not ascend"));
        }
        if e.key.len() > MAX_KEY_LEN {
            return Err(Error::limit("key length", MAX_KEY_LEN as u64, e.key.len() as u64));
        }
        if e.kind > MAX_KIND || e.lsn > lsn || e.expires_at_us == Some(0) || e.reset_us == Some(0) {
            return Err(bad("kind, LSN or expiry cannot be written"));
        }
        last = Some(e.key);
        keys.extend_from_slice(e.key.as_bytes());
        values.extend_from_slice(e.value);
        for field in [keys.len() as u64, values.len() as u64, e.lsn] {
            table.extend_from_slice(&field.to_le_bytes());
        }
        for field in [e.expires_at_us, e.reset_us] {
            table.extend_from_slice(&field.unwrap_or(0).to_le_bytes());
        }
        table.extend_from_slice(&[e.kind, 0, 0, 0, 0, 0, 0, 0]);
        count += 1;
    }
    let mut meta = [0u8; META_LEN];
    meta[META_STORE..META_LSN].copy_from_slice(store.as_bytes());
    meta[META_LSN..META_ENTRIES].copy_from_slice(&lsn.to_le_bytes());
    meta[META_ENTRIES..].copy_from_slice(&count.to_le_bytes());
    let section = |kind, bytes| SectionSpec { kind, flags: 0, bytes };
    let sections = [
        section(KIND_META, &meta[..]),
        section(KIND_ENTRIES, &table),
        section(KIND_KEYS, &keys),
        section(KIND_VALUES, &values),
    ];
    Ok(container::encode(MAGIC, MAJOR, MINOR, 0, &sections))
}

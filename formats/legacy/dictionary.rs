//! clarium's dictionary, as JSON.

use serde_json::Value;

use super::Skipped;
use crate::{Error, Result};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DictionaryEntry {
    pub label: String,
    pub key: String,
    pub id: u64,
}

/// Reads the entries; those that lack a key or an id are skipped.
///
/// # Errors
/// `Invalid` when the bytes are no JSON, or have no `entries`.
pub fn dictionary(bytes: &[u8]) -> Result<(Vec<DictionaryEntry>, Vec<Skipped>)> {
    let root: Value = serde_json::from_slice(bytes).map_err(|e| Error::invalid(format!("not a dictionary: {e}")))?;
    let Some(list) = root.get("entries").and_then(Value::as_array) else {
        return Err(Error::invalid("not a dictionary: it has no list `entries`"));
    };
    let (mut entries, mut skipped) = (Vec::with_capacity(list.len()), Vec::new());
    for (n, entry) in list.iter().enumerate() {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        match (text("key"), entry.get("id").and_then(Value::as_u64)) {
            (Some(key), Some(id)) => {
                entries.push(DictionaryEntry { label: text("label").unwrap_or_default().into(), key: key.into(), id });
            }
            _ => skipped.push(Skipped::new(0, 0, format!("entry {} lacks a key or an id", n + 1))),
        }
    }
    Ok((entries, skipped))
}

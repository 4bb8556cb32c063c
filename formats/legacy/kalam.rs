//! KalamDB's `manifest.json`, in both shapes that are known.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Error, Result};

/// Statistics of one column of a segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KalamColumn {
    /// Id or name, as it stands there.
    pub column: String,
    pub min: Option<Value>,
    pub max: Option<Value>,
    pub null_count: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KalamSegment {
    pub id: String,
    pub path: String,
    pub min_seq: Option<u64>,
    pub max_seq: Option<u64>,
    pub rows: u64,
    pub bytes: u64,
    pub created_at_ms: Option<u64>,
    pub schema_version: u64,
    /// `in_progress`, `committed` or `tombstone`.
    pub status: String,
    pub columns: Vec<KalamColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KalamManifest {
    pub table: Value,
    pub user: Option<String>,
    pub version: u64,
    /// Statistics stand under ids, and values are tagged.
    pub by_id: bool,
    pub created_at_ms: Option<u64>,
    pub updated_at_ms: Option<u64>,
    pub last_sequence_number: u64,
    pub segments: Vec<KalamSegment>,
    /// Fields and values that were not understood.
    pub skipped: Vec<String>,
}

/// A 64-bit integer stands as a number or, since JSON readers round, as text.
fn number(value: Option<&Value>) -> Option<u64> {
    let value = value?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

fn text(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(s) => Some(s.clone()),
        Value::Null => None,
        other => Some(other.to_string()),
    }
}

/// Times before the year 2286 in seconds have ten digits, in milliseconds thirteen.
fn time_ms(value: Option<&Value>) -> Option<u64> {
    number(value).map(|n| if n < 100_000_000_000 { n.saturating_mul(1000) } else { n })
}

/// The value inside a tag such as `{"Int64": "42"}`; integers become numbers again.
fn untag(value: Option<&Value>) -> Option<Value> {
    let value = value.filter(|v| !v.is_null())?;
    let Some((tag, inner)) = value.as_object().filter(|o| o.len() == 1).and_then(|o| o.iter().next()) else {
        return Some(value.clone());
    };
    let integer = || {
        inner
            .as_str()?
            .parse::<i64>()
            .map(Value::from)
            .or_else(|_| inner.as_str().unwrap_or("").parse::<u64>().map(Value::from))
            .ok()
    };
    let is_integer = tag.starts_with("Int") || tag.starts_with("UInt");
    Some(if is_integer { integer().unwrap_or_else(|| inner.clone()) } else { inner.clone() })
}

/// Reads a manifest of either shape.
///
/// # Errors
/// `Invalid` when the bytes are no JSON object with `segments`.
pub fn kalam_manifest(bytes: &[u8]) -> Result<KalamManifest> {
    let root: Value = serde_json::from_slice(bytes).map_err(|e| Error::invalid(format!("not a manifest: {e}")))?;
    let Some(list) = root.get("segments").and_then(Value::as_array) else {
        return Err(Error::invalid("not a KalamDB manifest: it has no list `segments`"));
    };
    let mut skipped = Vec::new();
    let mut by_id = false;
    let mut segments = Vec::with_capacity(list.len());
    for (n, s) in list.iter().enumerate() {
        let Some(path) = text(s.get("path")) else {
            skipped.push(format!("segment {} has no path", n + 1));
            continue;
        };
        let tombstone = s.get("tombstone").and_then(Value::as_bool) == Some(true);
        let status = text(s.get("status")).unwrap_or_else(|| "committed".to_owned());
        let stats = s.get("column_stats").and_then(Value::as_object);
        segments.push(KalamSegment {
            id: text(s.get("id")).unwrap_or_else(|| path.clone()),
            min_seq: number(s.get("min_seq")),
            max_seq: number(s.get("max_seq")),
            rows: number(s.get("row_count")).unwrap_or(0),
            bytes: number(s.get("size_bytes")).unwrap_or(0),
            created_at_ms: time_ms(s.get("created_at")),
            schema_version: number(s.get("schema_version")).unwrap_or(1),
            status: if tombstone { "tombstone".to_owned() } else { status.to_ascii_lowercase() },
            columns: stats.map(|stats| columns(stats, &path, &mut by_id, &mut skipped)).unwrap_or_default(),
            path,
        });
    }
    Ok(KalamManifest {
        table: root.get("table_id").cloned().unwrap_or(Value::Null),
        user: text(root.get("user_id")),
        version: number(root.get("version")).unwrap_or(0),
        by_id,
        created_at_ms: time_ms(root.get("created_at")),
        updated_at_ms: time_ms(root.get("updated_at")),
        last_sequence_number: number(root.get("last_sequence_number")).unwrap_or(0),
        segments,
        skipped,
    })
}

fn columns(stats: &Map<String, Value>, path: &str, by_id: &mut bool, skipped: &mut Vec<String>) -> Vec<KalamColumn> {
    let mut out = Vec::with_capacity(stats.len());
    for (column, s) in stats {
        if !s.is_object() {
            skipped.push(format!("{path}: statistics of column {column} are no object"));
            continue;
        }
        *by_id |= column.bytes().all(|b| b.is_ascii_digit());
        out.push(KalamColumn {
            column: column.clone(),
            min: untag(s.get("min")),
            max: untag(s.get("max")),
            null_count: number(s.get("null_count")),
        });
    }
    out
}

//! One segment of a manifest: a file, what it holds and how far it can be trusted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::layout::*;
use super::stats::{ColumnStats, text};
use crate::{Error, Result};

/// Where a segment stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Being written; readers pass it over.
    InProgress,
    /// Whole; readers use it.
    Committed,
    /// Replaced; readers pass it over, and the file may go once nothing pins it.
    Tombstone,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    pub id: String,
    /// Relative to the folder of the manifest, parts separated by `/`.
    pub path: String,
    pub kind: String,
    pub rows: u64,
    pub bytes: u64,
    /// Of the whole file.
    #[serde(with = "crc_text")]
    pub crc32c: u32,
    #[serde(skip_serializing_if = "Option::is_none", default, with = "text::option")]
    pub min_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default, with = "text::option")]
    pub max_seq: Option<u64>,
    pub schema_version: u32,
    pub status: Status,
    /// By column id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default, deserialize_with = "columns")]
    pub column_stats: BTreeMap<u32, ColumnStats>,
    /// Members of the segment's kind, and those that a newer minor writer added: kept as they are.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl Segment {
    /// A committed segment without sequence range or statistics.
    pub fn new(
        id: impl Into<String>,
        path: impl Into<String>,
        kind: impl Into<String>,
        rows: u64,
        bytes: u64,
        crc32c: u32,
    ) -> Self {
        Segment {
            id: id.into(),
            path: path.into(),
            kind: kind.into(),
            rows,
            bytes,
            crc32c,
            min_seq: None,
            max_seq: None,
            schema_version: 1,
            status: Status::Committed,
            column_stats: BTreeMap::new(),
            extra: Map::new(),
        }
    }

    /// # Errors
    /// `Invalid` for a path that leaves the folder, an empty id, a range that ends before it begins; `Limit`.
    pub(super) fn check(&self) -> Result<()> {
        let bad = |what: &str| Error::invalid(format!("segment {:?}: {what}", self.id));
        if self.id.is_empty() || self.kind.is_empty() {
            return Err(bad("id and kind may not be empty"));
        }
        if self.path.len() > MAX_PATH_LEN {
            return Err(Error::limit("segment path length", MAX_PATH_LEN as u64, self.path.len() as u64));
        }
        let part_ok = |p: &str| !p.is_empty() && p != "." && p != ".." && !p.contains(['\\', '\0']);
        if !self.path.split('/').all(part_ok) {
            return Err(bad("path is not a plain path inside the folder").got(format!("{:?}", self.path)));
        }
        for (what, n) in [("rows", self.rows), ("bytes", self.bytes)] {
            if n > MAX_NUMBER {
                return Err(Error::limit(&format!("segment {what}"), MAX_NUMBER, n));
            }
        }
        if self.min_seq.is_some() != self.max_seq.is_some() || self.min_seq > self.max_seq {
            return Err(bad("sequence range is half there or ends before it begins"));
        }
        if self.column_stats.len() > MAX_COLUMNS {
            return Err(Error::limit("columns with statistics", MAX_COLUMNS as u64, self.column_stats.len() as u64));
        }
        for (id, s) in &self.column_stats {
            if let (Some(min), Some(max)) = (&s.min, &s.max)
                && !min.compare(max).is_some_and(|o| o.is_le())
            {
                return Err(bad(&format!("statistics of column {id} are of two types or end before they begin")));
            }
        }
        Ok(())
    }
}

/// Column ids are member names, so they arrive as text; a plain integer key would not survive `flatten` beside it.
fn columns<'de, D: serde::Deserializer<'de>>(d: D) -> Result<BTreeMap<u32, ColumnStats>, D::Error> {
    use serde::de::Error;
    let raw = BTreeMap::<String, ColumnStats>::deserialize(d)?;
    let parse = |(k, v): (String, ColumnStats)| match k.parse::<u32>() {
        Ok(id) if id.to_string() == k => Ok((id, v)),
        _ => Err(D::Error::custom(format!("{k:?} is not a column id"))),
    };
    raw.into_iter().map(parse).collect()
}

/// Eight lower-case hexadecimal digits.
mod crc_text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::manifest::document::parse_crc;

    pub fn serialize<S: Serializer>(v: &u32, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("{v:08x}"))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u32, D::Error> {
        let raw = String::deserialize(d)?;
        parse_crc(raw.as_bytes()).ok_or_else(|| D::Error::custom(format!("{raw:?} is not a CRC32C")))
    }
}

//! A pair as JSON: `{"label":"Tool","key":"planner","id":1}`; `key_b64` and `label_b64` carry bytes that are not UTF-8.

use serde::{Deserialize, Serialize};

use crate::base64;

/// A pair as it is read.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Raw")]
pub struct Pair {
    pub label: Option<Vec<u8>>,
    pub key: Vec<u8>,
    pub id: Option<u64>,
}

/// One line of NDJSON: a pair, or the summary that `dump --json` ends with.
#[derive(Debug, Deserialize)]
#[serde(try_from = "Raw")]
pub enum Line {
    Pair(Pair),
    /// `{"op":"del","label":..,"key":..}`
    Remove(Pair),
    Summary {
        next_id: Option<u64>,
    },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    label: Option<String>,
    label_b64: Option<String>,
    key: Option<String>,
    key_b64: Option<String>,
    id: Option<u64>,
    op: Option<Op>,
    summary: Option<RawSummary>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    Put,
    Del,
}

/// Of all that a summary says, what a build can keep.
#[derive(Debug, Deserialize)]
struct RawSummary {
    next_id: Option<u64>,
}

/// One of the two spellings of a text.
fn text(name: &str, plain: Option<String>, b64: Option<String>) -> Result<Option<Vec<u8>>, String> {
    match (plain, b64) {
        (Some(_), Some(_)) => Err(format!("both `{name}` and `{name}_b64`")),
        (Some(plain), None) => Ok(Some(plain.into_bytes())),
        (None, Some(b64)) => base64::decode(&b64).map(Some).ok_or(format!("`{name}_b64` is not base64")),
        (None, None) => Ok(None),
    }
}

impl TryFrom<Raw> for Pair {
    type Error = String;

    fn try_from(raw: Raw) -> Result<Pair, String> {
        if raw.summary.is_some() {
            return Err("a summary is no pair".to_owned());
        }
        if raw.op == Some(Op::Del) {
            return Err("a removal is no pair; removals are read as NDJSON".to_owned());
        }
        let key = text("key", raw.key, raw.key_b64)?.ok_or("missing field `key` (or `key_b64`)")?;
        Ok(Pair { label: text("label", raw.label, raw.label_b64)?, key, id: raw.id })
    }
}

impl TryFrom<Raw> for Line {
    type Error = String;

    fn try_from(mut raw: Raw) -> Result<Line, String> {
        match raw.summary.take() {
            None if raw.op == Some(Op::Del) => {
                raw.op = None;
                Pair::try_from(raw).map(Line::Remove)
            }
            None => Pair::try_from(raw).map(Line::Pair),
            Some(_) if raw.key.is_some() || raw.key_b64.is_some() || raw.id.is_some() => {
                Err("both a summary and a pair".to_owned())
            }
            Some(s) => Ok(Line::Summary { next_id: s.next_id }),
        }
    }
}

/// A pair as it is written.
#[derive(Debug, Serialize)]
pub struct Record<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    label_b64: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_b64: Option<String>,
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<bool>,
}

impl<'a> Record<'a> {
    /// `None` leaves a text out; a missing id is `null`.
    pub fn new(label: Option<&'a [u8]>, key: Option<&'a [u8]>, id: Option<u64>) -> Self {
        let plain = |bytes: Option<&'a [u8]>| bytes.and_then(|b| std::str::from_utf8(b).ok());
        let b64 = |bytes: Option<&[u8]>| bytes.filter(|b| std::str::from_utf8(b).is_err()).map(base64::encode);
        Record { label: plain(label), label_b64: b64(label), key: plain(key), key_b64: b64(key), id, found: None }
    }

    /// Says whether it was there.
    pub fn found(mut self, found: bool) -> Self {
        self.found = Some(found);
        self
    }
}

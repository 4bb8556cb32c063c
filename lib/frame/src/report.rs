//! What a read has to say about itself.

use std::collections::BTreeMap;

use arrow::datatypes::SchemaRef;
use serde::Serialize;

use crate::shape::Seen;

/// Where something stands: source, line from 1, byte offset from 0 in the (decompressed) source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    pub source: String,
    pub line: u64,
    pub offset: u64,
}

/// Values of one kind in one field that became something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coercion {
    /// `a.b`, `a[].b`; `""` never.
    pub field: String,
    /// What they were: `int64`, `string`, `object`, ...
    pub from: &'static str,
    /// What became of them: a type, `_rescued` (kept there as JSON), `U+FFFD` (text with
    /// that in it), `null` (gone), or `dropped` (a key that stood twice).
    pub to: String,
    pub count: u64,
    pub first: Place,
}

impl Coercion {
    /// The value is not in the output any more.
    pub fn is_loss(&self) -> bool {
        matches!(self.to.as_str(), "null" | "dropped")
    }
}

/// A record that is not JSON, and where and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reject {
    pub source: String,
    /// From 1, bad ones counted.
    pub record: u64,
    /// Of the byte that is wrong.
    pub line: u64,
    pub offset: u64,
    /// JSON pointer to the innermost place known.
    pub path: String,
    pub code: &'static str,
    pub message: String,
    /// The record's bytes; what is not UTF-8 in them is replaced by U+FFFD.
    pub raw: String,
    /// How many bytes the record has, where `raw` holds only its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_bytes: Option<u64>,
}

/// A field that was asked for - by a type, in a schema, to be selected, in a condition - and that no row has a value of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Absent {
    pub path: String,
    /// A field that is there and may have been meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest: Option<String>,
}

/// What came of a read.
#[derive(Debug, Clone)]
pub struct Report {
    pub schema: SchemaRef,
    /// Rows handed on.
    pub rows: u64,
    /// Rows for which [`crate::Options::filters`] did not hold.
    pub filtered: u64,
    /// Bytes of JSON, after decompression.
    pub bytes: u64,
    /// Top-level arrays whose elements became rows.
    pub arrays: u64,
    pub coercions: Vec<Coercion>,
    /// Values in `_rescued`.
    pub rescued: u64,
    /// Rows that were left out because a condition has no order with such a value, and for no other reason.
    pub unordered: u64,
    /// Values that became null under [`crate::Drift::Null`].
    pub nulled: u64,
    /// Values that were dropped because their key stood twice.
    pub dropped: u64,
    /// Documents without anything at [`crate::Options::root`].
    pub rootless: u64,
    /// Records handed to [`crate::Sink::reject`].
    pub rejected: u64,
    /// Fields in which nothing but null was seen.
    pub undecided: Vec<String>,
    /// Fields that were asked for, and were not there.
    pub absent: Vec<Absent>,
    /// The sample's types did not hold and a second look at the whole input replaced them.
    pub widened: bool,
}

/// What one field was seen to hold.
#[derive(Debug, Clone, Serialize)]
pub struct FieldStats {
    pub path: String,
    #[serde(rename = "type")]
    pub type_name: String,
    /// How often the field was there, null included.
    pub present: u64,
    pub null: u64,
    /// How often its parent was there without it.
    pub missing: u64,
    /// Null aside.
    pub types: BTreeMap<&'static str, u64>,
}

/// The schema of an input, and what it was drawn from.
#[derive(Debug, Clone)]
pub struct Inferred {
    pub schema: SchemaRef,
    /// Columns in order, each followed by what is inside it.
    pub fields: Vec<FieldStats>,
    /// The columns' SQL types, in the order of `schema`.
    pub sql: Vec<(String, String)>,
    pub rows: u64,
    pub bytes: u64,
    pub arrays: u64,
    /// Documents without anything at [`crate::Options::root`].
    pub rootless: u64,
    pub rejected: u64,
    /// Fields that were asked for, and were not met.
    pub absent: Vec<Absent>,
    /// Everything was looked at, not only a sample.
    pub complete: bool,
}

/// A place before it is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) source: usize,
    pub(crate) line: u64,
    pub(crate) offset: u64,
}

impl Spot {
    /// The place of byte `at` of a record that starts here.
    pub(crate) fn inside(self, raw: &[u8], at: usize) -> Spot {
        let before = raw.get(..at).unwrap_or(raw);
        let lines = memchr::memchr_iter(b'\n', before).count() as u64;
        Spot { source: self.source, line: self.line + lines, offset: self.offset + at as u64 }
    }
}

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Became {
    /// Its column's type.
    Type,
    Rescued,
    Null,
    /// Text with U+FFFD in it.
    Replaced,
}

/// A coercion while it is counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tally {
    pub(crate) from: Seen,
    pub(crate) became: Became,
    pub(crate) count: u64,
    pub(crate) first: Spot,
    /// A record's number, and what of the count is its.
    pub(crate) undo: (u64, u64),
}

/// Counts one more value in a short list of tallies.
pub(crate) fn tally(list: &mut Vec<Tally>, from: Seen, became: Became, first: impl FnOnce() -> Spot) {
    match list.iter_mut().find(|t| t.from == from && t.became == became) {
        Some(t) => t.count += 1,
        None => list.push(Tally { from, became, count: 1, first: first(), undo: (0, 0) }),
    }
}

//! Text columns, and the column of what was rescued.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::error::ArrowError;

use crate::build::{Ends, Validity, room};
use crate::column::{Policy, Row};
use crate::json::{self, Kind, Tape};
use crate::types::Type;
use crate::utf8::strings;

/// Text values end to end.
#[derive(Debug, Default)]
pub(crate) struct Text {
    pub(crate) bytes: Vec<u8>,
    ends: Ends,
}

impl Text {
    #[inline]
    pub(crate) fn end(&mut self) {
        // Batches are bounded by bytes far below 2 GiB.
        self.ends.push(self.bytes.len() as i32);
    }

    pub(crate) fn push_nulls(&mut self, rows: usize) {
        self.ends.push_nothing(rows);
    }

    pub(crate) fn append(&mut self, row: &Row<'_>, index: usize, kind: &Type, hinted: bool) -> bool {
        let string = row.tape.node(index).kind == Kind::String;
        match kind {
            Type::Utf8 if string => self.string(row.tape, row.raw, index),
            Type::Undecided if string && row.policy != Policy::Widen => self.string(row.tape, row.raw, index),
            Type::Utf8 if hinted => row.json(index, &mut self.bytes),
            Type::Json => row.json(index, &mut self.bytes),
            Type::EmptyObject if row.policy != Policy::Widen || row.is_empty_object(index) => {
                row.json(index, &mut self.bytes);
            }
            _ => return false,
        }
        self.end();
        true
    }

    /// Appends `content`, which stands at `at` of `bytes`. Short ones are copied by a fixed length, which is one
    /// instruction, and cut.
    #[inline]
    pub(crate) fn push(&mut self, bytes: &[u8], at: usize, content: &[u8]) {
        let end = self.bytes.len() + content.len();
        match bytes.get(at..).and_then(<[u8]>::first_chunk::<32>) {
            Some(chunk) if content.len() <= 32 => {
                self.bytes.extend_from_slice(chunk);
                self.bytes.truncate(end);
            }
            _ => self.bytes.extend_from_slice(content),
        }
        self.end();
    }

    /// The value at `index`.
    pub(crate) fn get(&self, index: usize) -> &[u8] {
        self.ends.range(index).and_then(|range| self.bytes.get(range)).unwrap_or_default()
    }

    /// The text of a string or key, without its end.
    pub(crate) fn string(&mut self, tape: &Tape, raw: &[u8], index: usize) {
        let node = tape.node(index);
        let content = json::content(raw, node);
        if node.replaced {
            self.bytes.extend_from_slice(&tape.text(raw, node));
        } else if node.escaped {
            json::unescape_into(content, &mut self.bytes);
        } else {
            self.bytes.extend_from_slice(content);
        }
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        let end = self.ends.truncate(length);
        self.bytes.truncate(end);
    }

    pub(crate) fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
        let fresh = Vec::with_capacity(room(self.bytes.len()));
        let bytes = std::mem::replace(&mut self.bytes, fresh);
        strings(self.ends.finish(), Buffer::from_vec(bytes), nulls)
    }
}

/// `_rescued`: one JSON object a row, from JSON pointers to the values set aside.
#[derive(Debug, Default)]
pub(crate) struct Rescued {
    text: Text,
    valid: Option<Validity>,
    pub(crate) count: u64,
}

impl Rescued {
    pub(crate) fn append(&mut self, row: &Row<'_>) {
        let valid = self.valid.get_or_insert_default();
        valid.push(!row.rescued.is_empty());
        let (out, mut before) = (&mut self.text.bytes, b'{');
        row.tape.pointers(row.raw, &row.rescued, |pointer, node| {
            out.push(std::mem::replace(&mut before, b','));
            json::write_string(pointer, out);
            out.push(b':');
            row.json(node, out);
        });
        if !row.rescued.is_empty() {
            self.text.bytes.push(b'}');
            self.count += row.rescued.len() as u64;
        }
        self.text.end();
    }

    /// A row that the columns took as it is.
    pub(crate) fn append_none(&mut self) {
        self.valid.get_or_insert_default().push(false);
        self.text.end();
    }

    pub(crate) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = self.valid.take().and_then(|mut v| v.finish().1);
        Ok(Arc::new(self.text.finish(nulls)?))
    }
}

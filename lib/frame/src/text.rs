//! Text columns, validity bits, and the column of what was rescued.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBufferBuilder, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::error::ArrowError;

use crate::column::{Policy, Row};
use crate::json::{self, Kind};
use crate::types::Type;

/// Validity bits that cost little while everything is valid.
#[derive(Debug)]
pub(crate) struct Validity {
    bits: BooleanBufferBuilder,
    nulls: usize,
}

impl Validity {
    pub(crate) fn new() -> Self {
        Validity { bits: BooleanBufferBuilder::new(0), nulls: 0 }
    }

    pub(crate) fn push(&mut self, valid: bool) {
        self.nulls += usize::from(!valid);
        self.bits.append(valid);
    }

    pub(crate) fn finish(&mut self) -> (usize, Option<NullBuffer>) {
        let nulls = std::mem::take(&mut self.nulls);
        let bits = self.bits.finish();
        (bits.len(), (nulls > 0).then(|| NullBuffer::new(bits)))
    }
}

/// Text values end to end.
#[derive(Debug, Default)]
pub(crate) struct Text {
    bytes: Vec<u8>,
    ends: Vec<i32>,
}

impl Text {
    pub(crate) fn end(&mut self) {
        // Batches are bounded by bytes far below 2 GiB.
        self.ends.push(self.bytes.len() as i32);
    }

    pub(crate) fn append(&mut self, row: &Row<'_>, index: usize, kind: &Type, hinted: bool) -> bool {
        let string = row.tape.node(index).kind == Kind::String;
        match kind {
            Type::Utf8 if string => self.string(row, index),
            Type::Undecided if string && row.policy != Policy::Widen => self.string(row, index),
            Type::Utf8 if hinted => json::minify(row.raw_of(index), &mut self.bytes),
            Type::Json => json::minify(row.raw_of(index), &mut self.bytes),
            Type::EmptyObject if row.policy != Policy::Widen || row.is_empty_object(index) => {
                json::minify(row.raw_of(index), &mut self.bytes);
            }
            _ => return false,
        }
        self.end();
        true
    }

    fn string(&mut self, row: &Row<'_>, index: usize) {
        let node = row.tape.node(index);
        let content = json::content(row.raw, node);
        if node.escaped {
            json::unescape_into(content, &mut self.bytes);
        } else {
            self.bytes.extend_from_slice(content);
        }
    }

    pub(crate) fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<StringArray, ArrowError> {
        let ends = offsets(std::mem::take(&mut self.ends));
        StringArray::try_new(ends, Buffer::from_vec(std::mem::take(&mut self.bytes)), nulls)
    }
}

/// Ends of values as Arrow's offsets, which begin with 0.
pub(crate) fn offsets(mut ends: Vec<i32>) -> OffsetBuffer<i32> {
    ends.insert(0, 0);
    OffsetBuffer::new(ScalarBuffer::from(ends))
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
        let valid = self.valid.get_or_insert_with(Validity::new);
        valid.push(!row.rescued.is_empty());
        for (i, &node) in row.rescued.iter().enumerate() {
            self.text.bytes.push(if i == 0 { b'{' } else { b',' });
            json::write_string(&row.tape.pointer(row.raw, node), &mut self.text.bytes);
            self.text.bytes.push(b':');
            json::minify(row.raw_of(node), &mut self.text.bytes);
        }
        if !row.rescued.is_empty() {
            self.text.bytes.push(b'}');
            self.count += row.rescued.len() as u64;
        }
        self.text.end();
    }

    pub(crate) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let nulls = self.valid.take().and_then(|mut v| v.finish().1);
        Ok(Arc::new(self.text.finish(nulls)?))
    }
}

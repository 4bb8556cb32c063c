//! What was set aside: the values of a field in the column of what was rescued, for whoever would take it for null.

use std::borrow::Cow;

use arrow::array::{Array, AsArray, RecordBatch, StringArray};

use crate::json::{DEPTH_MAX, Kind, Tape, write_string};
use crate::number;
use crate::path::{self, Step};
use crate::shape::VALUE;

/// The values that were set aside in the rows of a batch.
#[derive(Debug)]
pub struct SetAside<'a> {
    column: &'a StringArray,
    tape: Tape,
}

/// One of them.
pub(crate) struct Value<'a> {
    pub(crate) kind: Kind,
    pub(crate) json: &'a [u8],
    /// Of a string, without quotes and escapes.
    pub(crate) text: Option<Cow<'a, [u8]>>,
}

impl<'a> SetAside<'a> {
    /// Those of a batch whose last column holds them, as [`crate::Sink::rescues`] tells; `None` where there are none.
    pub fn in_last(batch: &'a RecordBatch) -> Option<SetAside<'a>> {
        let column: &StringArray = batch.columns().last()?.as_string_opt()?;
        (column.null_count() < column.len()).then(|| SetAside { column, tape: Tape::default() })
    }

    /// How many rows have such values.
    pub fn rows(&self) -> u64 {
        (self.column.len() - self.column.null_count()) as u64
    }

    /// Writes the value of the field at a path as JSON, if it was set aside; numbers as [`crate::write_number`] does.
    pub fn json(&mut self, row: usize, path: &str, out: &mut Vec<u8>) -> bool {
        let steps = if self.column.is_null(row) { None } else { path::parse(path) };
        let Some(value) = steps.and_then(|steps| self.value(row, &steps)) else { return false };
        match (&value.text, value.kind) {
            // However its characters were escaped.
            (Some(text), _) => write_string(&String::from_utf8_lossy(text), out),
            (None, Kind::Int | Kind::Float) => number::write_number(value.json, out),
            (None, _) => out.extend_from_slice(value.json),
        }
        true
    }

    pub(crate) fn value(&mut self, row: usize, steps: &[Step]) -> Option<Value<'a>> {
        let column = self.column;
        if column.is_null(row) {
            return None;
        }
        let json = column.value(row).as_bytes();
        self.tape.parse(json, true, DEPTH_MAX).ok()?;
        let node = self.tape.node(self.find(json, steps)?);
        let text = (node.kind == Kind::String).then(|| self.tape.text(json, node));
        Some(Value { kind: node.kind, json: self.tape.raw(json, node), text })
    }

    /// The node of a field in what was set aside in a row. It may have been set aside with what it is in.
    fn find(&self, json: &[u8], steps: &[Step]) -> Option<usize> {
        if let [Step::Key(name), inside @ ..] = steps
            && name == VALUE
            && let Some(whole) = self.member(json, 0, "")
        {
            // The record was no object.
            return self.walk(json, whole, inside);
        }
        let mut pointer = String::new();
        for (n, step) in steps.iter().enumerate() {
            let Step::Key(name) = step else { return None };
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
            if let Some(at) = self.member(json, 0, &pointer) {
                return self.walk(json, at, steps.get(n + 1..).unwrap_or_default());
            }
        }
        None
    }

    fn walk(&self, json: &[u8], from: usize, steps: &[Step]) -> Option<usize> {
        steps.iter().try_fold(from, |at, step| match step {
            Step::Key(name) => self.member(json, at, name),
            Step::Item => None,
        })
    }

    fn member(&self, json: &[u8], object: usize, name: &str) -> Option<usize> {
        if self.tape.node(object).kind != Kind::Object {
            return None;
        }
        let named = |key: &usize| *self.tape.text(json, self.tape.node(*key)) == *name.as_bytes();
        self.tape.children(object).find(named).map(|key| key + 1)
    }
}

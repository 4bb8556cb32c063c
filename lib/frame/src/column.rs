//! Columns under construction: values appended by their type, misfits counted and set aside.

use arrow::array::ArrayRef;
use arrow::error::ArrowError;

use crate::build::{Data, Ends, Validity};
use crate::fit::{decimal, float64, int64, uint64};
use crate::json::{Kind, Tape};
use crate::number;
use crate::record::Given;
use crate::report::{Became, Spot, Tally, tally};
use crate::shape::Seen;
use crate::time;
use crate::types::Type;

/// What a misfit leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Stop, so that the types can be widened.
    Widen,
    /// Stop for good.
    Error,
    Rescue,
    Null,
}

/// A value that does not fit, under [`Policy::Widen`] or [`Policy::Error`].
#[derive(Debug)]
pub(crate) struct Misfit {
    pub(crate) field: String,
    pub(crate) from: Seen,
    /// The column's type; `None` when there is no column.
    pub(crate) to: Option<Type>,
    /// The type was given, so it cannot be widened.
    pub(crate) hinted: bool,
    pub(crate) spot: Spot,
}

/// The record that is being appended.
pub(crate) struct Row<'a> {
    pub(crate) tape: &'a Tape,
    pub(crate) raw: &'a [u8],
    pub(crate) spot: Spot,
    pub(crate) policy: Policy,
    /// Nodes set aside for `_rescued`.
    pub(crate) rescued: Vec<usize>,
    pub(crate) nulled: u64,
}

pub(crate) type Appended = Result<(), Box<Misfit>>;

impl Row<'_> {
    pub(crate) fn text(&self, index: usize) -> std::borrow::Cow<'_, [u8]> {
        self.tape.text(self.raw, self.tape.node(index))
    }

    pub(crate) fn raw_of(&self, index: usize) -> &[u8] {
        self.tape.raw(self.raw, self.tape.node(index))
    }

    /// A value as JSON on one line.
    pub(crate) fn json(&self, index: usize, out: &mut Vec<u8>) {
        self.tape.write(self.raw, index, out);
    }

    /// Whether an object has no member but nulls, which are as good as none.
    fn is_without_value(&self, index: usize) -> bool {
        self.tape.children(index).all(|key| self.tape.node(key + 1).kind == Kind::Null)
    }

    pub(crate) fn is_empty_object(&self, index: usize) -> bool {
        let node = self.tape.node(index);
        node.kind == Kind::Object && node.next as usize == index + 1
    }

    pub(crate) fn seen(&self, index: usize) -> Seen {
        Seen::of(self.tape, self.raw, index)
    }

    pub(crate) fn spot_of(&self, index: usize) -> Spot {
        self.spot.inside(self.raw, self.tape.node(index).start as usize)
    }
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) path: String,
    pub(crate) kind: Type,
    pub(crate) hinted: bool,
    /// A struct of which only the fields will be columns: an object without a value is told from null no more.
    pub(crate) flattens: bool,
    /// A column whose sample held nothing but null has got text since.
    decided: bool,
    pub(crate) data: Data,
    pub(crate) valid: Validity,
    pub(crate) tallies: Vec<Tally>,
}

impl Column {
    pub(crate) fn new(path: String, kind: &Type, given: Given<'_>) -> Self {
        let data = Data::new(&path, kind, given);
        let (hinted, flattens) = (given.given(&path), matches!(kind, Type::Struct(_)) && given.flattened(&path));
        let (decided, valid, tallies) = (!matches!(kind, Type::Undecided), Validity::default(), Vec::new());
        Column { path, kind: kind.clone(), hinted, flattens, decided, data, valid, tallies }
    }

    /// Appends the value at a node.
    pub(crate) fn append(&mut self, row: &mut Row<'_>, index: usize) -> Appended {
        let node = row.tape.node(index);
        if node.kind == Kind::Null {
            self.append_null();
            return Ok(());
        }
        let fits = match &mut self.data {
            Data::Bool(bits) if matches!(node.kind, Kind::True | Kind::False) => {
                bits.append(node.kind == Kind::True);
                true
            }
            Data::Int64(values) => push(values, int64(row, index, self.hinted)),
            Data::UInt64(values) => push(values, uint64(row, index, self.hinted)),
            Data::Float64(values) => push(values, float64(row, index, self.hinted)),
            Data::Decimal128(values) => push(values, decimal(row, index, &self.kind, self.hinted, number::decimal128)),
            Data::Decimal256(values) => push(values, decimal(row, index, &self.kind, self.hinted, number::decimal256)),
            Data::Date(values) if node.kind == Kind::String => push(values, time::date(&row.text(index))),
            Data::Timestamp(values) if node.kind == Kind::String => {
                push(values, time::timestamp(&row.text(index)).map(|t| t.micros))
            }
            Data::Time(values) if node.kind == Kind::String => push(values, time::time_of_day(&row.text(index))),
            Data::Uuid(values) if node.kind == Kind::String => match time::uuid(&row.text(index)) {
                Some(id) => {
                    values.extend_from_slice(&id);
                    true
                }
                None => false,
            },
            Data::Text(text) => text.append(row, index, &self.kind, self.hinted),
            Data::Struct(record) if node.kind == Kind::Object => {
                record.append(row, index)?;
                true
            }
            Data::List { ends, item } if node.kind == Kind::Array => {
                append_list(ends, item, row, index)?;
                true
            }
            Data::Map { ends, keys, values } if node.kind == Kind::Object => {
                let mut count = ends.last();
                for key in row.tape.children(index) {
                    keys.string(row.tape, row.raw, key);
                    keys.end();
                    values.append(row, key + 1)?;
                    count += 1;
                }
                ends.push(count);
                true
            }
            _ => false,
        };
        if !fits {
            return self.misfit(row, index);
        }
        self.valid.push(true);
        self.decided = true;
        self.count_coercion(row, index, node.kind);
        Ok(())
    }

    /// Notes a value that fitted only in another form than JSON gave it.
    fn count_coercion(&mut self, row: &Row<'_>, index: usize, kind: Kind) {
        let changed = match (&self.kind, kind) {
            (Type::Float64, Kind::Int) => row.raw_of(index) != b"-0",
            (Type::Int64 | Type::UInt64 | Type::Decimal { .. }, Kind::String | Kind::Float) => true,
            (Type::Float64, Kind::String) => true,
            (Type::Float64, Kind::Float) if self.hinted => row.seen(index) == Seen::Number,
            (Type::Utf8, k) => k != Kind::String,
            (Type::Json, _) => !self.hinted,
            (Type::EmptyObject, _) => !row.is_empty_object(index),
            (Type::Struct(_), _) => self.flattens && row.is_without_value(index),
            (Type::Timestamp, _) => time::timestamp(&row.text(index)).is_some_and(|t| t.offset),
            _ => false,
        };
        let scalar = matches!(self.kind, Type::Utf8 | Type::Undecided | Type::Json | Type::EmptyObject);
        if scalar && row.tape.replaced_in(index) {
            tally(&mut self.tallies, Seen::String, Became::Replaced, || row.spot_of(index));
        }
        if changed {
            tally(&mut self.tallies, row.seen(index), Became::Type, || row.spot_of(index));
        }
    }

    fn misfit(&mut self, row: &mut Row<'_>, index: usize) -> Appended {
        let from = row.seen(index);
        let became = match row.policy {
            Policy::Widen | Policy::Error => {
                let (field, to, spot) = (self.path.clone(), Some(self.kind.clone()), row.spot_of(index));
                return Err(Box::new(Misfit { field, from, to, hinted: self.hinted, spot }));
            }
            Policy::Rescue => {
                row.rescued.push(index);
                if row.tape.replaced_in(index) {
                    tally(&mut self.tallies, Seen::String, Became::Replaced, || row.spot_of(index));
                }
                Became::Rescued
            }
            Policy::Null => {
                row.nulled += 1;
                Became::Null
            }
        };
        tally(&mut self.tallies, from, became, || row.spot_of(index));
        self.append_null();
        Ok(())
    }

    pub(crate) fn append_null(&mut self) {
        self.append_nulls(1);
    }

    fn append_nulls(&mut self, rows: usize) {
        self.valid.push_nulls(rows);
        self.data.push_nulls(rows);
    }

    /// Appends the nulls of rows in which there was no value, so that there are `rows`.
    #[inline]
    pub(crate) fn catch_up(&mut self, rows: usize) {
        let owed = rows.saturating_sub(self.valid.len());
        if owed > 0 {
            self.append_nulls(owed);
        }
    }

    /// Forgets what came after the first `rows`, half-appended values included, and the counts of a record.
    pub(crate) fn give_up(&mut self, rows: usize, number: u64) {
        self.valid.truncate(rows);
        self.data.give_up(rows, number);
        for tally in self.tallies.iter_mut().filter(|t| t.undo.0 == number) {
            tally.count -= tally.undo.1;
            tally.undo.1 = 0;
        }
    }

    pub(crate) fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let (length, nulls) = self.valid.finish();
        self.data.finish(&self.kind, length, nulls)
    }

    pub(crate) fn visit(&self, each: &mut dyn FnMut(&str, Option<&Type>, &Tally)) {
        self.tallies.iter().for_each(|t| each(&self.path, Some(&self.kind), t));
        match &self.data {
            Data::Struct(record) => record.visit(each),
            Data::List { item, .. } | Data::Map { values: item, .. } => item.visit(each),
            _ => {}
        }
    }

    /// Paths of fields in which nothing but null was seen.
    pub(crate) fn undecided(&self, out: &mut Vec<String>) {
        match &self.data {
            Data::Struct(record) => record.columns.iter().for_each(|c| c.undecided(out)),
            Data::List { item, .. } | Data::Map { values: item, .. } => item.undecided(out),
            // What did not fit is counted, and was something.
            _ if !self.decided && self.tallies.is_empty() => out.push(self.path.clone()),
            _ => {}
        }
    }
}

/// Appends a value if there is one.
fn push<T>(values: &mut Vec<T>, value: Option<T>) -> bool {
    match value {
        Some(value) => {
            values.push(value);
            true
        }
        None => false,
    }
}

fn append_list(ends: &mut Ends, item: &mut Column, row: &mut Row<'_>, index: usize) -> Appended {
    let end = row.tape.node(index).next as usize;
    let (mut at, mut count) = (index + 1, ends.last());
    while at < end {
        item.append(row, at)?;
        count += 1;
        at = row.tape.node(at).next as usize;
    }
    ends.push(count);
    Ok(())
}

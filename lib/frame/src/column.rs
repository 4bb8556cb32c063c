//! Columns under construction: values appended by their type, misfits counted and set aside.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, Decimal128Array, Decimal256Array, ListArray, PrimitiveArray,
    StructArray,
};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Field, Fields, Float64Type, Int64Type, TimestampMicrosecondType,
    UInt64Type, i256,
};
use arrow::error::ArrowError;

use crate::fit::{decimal, float64, int64, uint64};
use crate::json::{Kind, Tape};
use crate::number;
use crate::path::push_name;
use crate::report::{Became, Spot, Tally, tally};
use crate::shape::Seen;
use crate::text::{Text, Validity, offsets};
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

type Appended = Result<(), Box<Misfit>>;

impl Row<'_> {
    pub(crate) fn text(&self, index: usize) -> std::borrow::Cow<'_, [u8]> {
        self.tape.text(self.raw, self.tape.node(index))
    }

    pub(crate) fn raw_of(&self, index: usize) -> &[u8] {
        self.tape.raw(self.raw, self.tape.node(index))
    }

    pub(crate) fn is_empty_object(&self, index: usize) -> bool {
        let node = self.tape.node(index);
        node.kind == Kind::Object && node.next as usize == index + 1
    }

    fn seen(&self, index: usize) -> Seen {
        Seen::of(self.tape, self.raw, index)
    }

    fn spot_of(&self, index: usize) -> Spot {
        self.spot.inside(self.raw, self.tape.node(index).start as usize)
    }
}

#[derive(Debug)]
enum Data {
    Bool(BooleanBufferBuilder),
    Int64(Vec<i64>),
    UInt64(Vec<u64>),
    Float64(Vec<f64>),
    Decimal128(Vec<i128>),
    Decimal256(Vec<i256>),
    Text(Text),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    Struct(Record),
    List { ends: Vec<i32>, item: Box<Column> },
}

#[derive(Debug)]
pub(crate) struct Column {
    pub(crate) path: String,
    pub(crate) kind: Type,
    hinted: bool,
    data: Data,
    valid: Validity,
    tallies: Vec<Tally>,
}

/// The fields of an object, the root's included.
#[derive(Debug)]
pub(crate) struct Record {
    path: String,
    names: Vec<String>,
    pub(crate) columns: Vec<Column>,
    index: HashMap<Box<[u8]>, usize>,
    /// The last row, by `clock`, in which each field was there.
    last: Vec<u64>,
    clock: u64,
    /// Keys that have no column.
    unknown: BTreeMap<String, Vec<Tally>>,
}

/// Distinct keys without a column that are counted by name; the rest are counted together.
const UNKNOWN_MAX: usize = 1000;

impl Record {
    pub(crate) fn new(path: &str, fields: &[(String, Type)], hinted: &dyn Fn(&str) -> bool) -> Self {
        let columns = fields.iter().map(|(name, t)| {
            let mut path = path.to_owned();
            push_name(&mut path, name);
            Column::new(path, t, hinted)
        });
        Record {
            path: path.to_owned(),
            names: fields.iter().map(|(name, _)| name.clone()).collect(),
            columns: columns.collect(),
            index: fields.iter().enumerate().map(|(i, (name, _))| (name.as_bytes().into(), i)).collect(),
            last: vec![0; fields.len()],
            clock: 0,
            unknown: BTreeMap::new(),
        }
    }

    fn position(&self, name: &[u8], guess: usize) -> Option<usize> {
        match self.names.get(guess) {
            Some(n) if n.as_bytes() == name => Some(guess),
            _ => self.index.get(name).copied(),
        }
    }

    /// Appends an object.
    pub(crate) fn append(&mut self, row: &mut Row<'_>, index: usize) -> Appended {
        self.clock += 1;
        let end = row.tape.node(index).next as usize;
        let (mut at, mut guess) = (index + 1, 0);
        while at < end {
            let tape = row.tape;
            let name = tape.text(row.raw, tape.node(at));
            match self.position(&name, guess) {
                Some(field) => {
                    if let (Some(column), Some(last)) = (self.columns.get_mut(field), self.last.get_mut(field)) {
                        column.append(row, at + 1)?;
                        *last = self.clock;
                    }
                    guess = field + 1;
                }
                None => self.unknown(row, &name, at + 1)?,
            }
            at = tape.node(at + 1).next as usize;
        }
        self.fill();
        Ok(())
    }

    /// Appends one value under one field and nothing under the others: how a row that is no object is kept.
    pub(crate) fn append_value(&mut self, row: &mut Row<'_>, name: &str) -> Appended {
        self.clock += 1;
        match self.position(name.as_bytes(), 0) {
            Some(field) => {
                if let (Some(column), Some(last)) = (self.columns.get_mut(field), self.last.get_mut(field)) {
                    column.append(row, 0)?;
                    *last = self.clock;
                }
            }
            None => self.unknown(row, name.as_bytes(), 0)?,
        }
        self.fill();
        Ok(())
    }

    pub(crate) fn append_null(&mut self) {
        for column in &mut self.columns {
            column.append_null();
        }
    }

    fn fill(&mut self) {
        for (column, last) in self.columns.iter_mut().zip(&self.last) {
            if *last != self.clock {
                column.append_null();
            }
        }
    }

    fn unknown(&mut self, row: &mut Row<'_>, name: &[u8], value: usize) -> Appended {
        let from = row.seen(value);
        let mut field = self.path.clone();
        push_name(&mut field, &String::from_utf8_lossy(name));
        let became = match row.policy {
            Policy::Widen | Policy::Error => {
                let spot = row.spot_of(value);
                return Err(Box::new(Misfit { field, from, to: None, hinted: false, spot }));
            }
            // Null under a new key says no more than its absence.
            _ if from == Seen::Null => return Ok(()),
            Policy::Rescue => {
                row.rescued.push(value);
                Became::Rescued
            }
            Policy::Null => {
                row.nulled += 1;
                Became::Null
            }
        };
        if self.unknown.len() >= UNKNOWN_MAX && !self.unknown.contains_key(&field) {
            field = self.path.clone();
            push_name(&mut field, "(other new keys)");
        }
        tally(self.unknown.entry(field).or_default(), from, became, || row.spot_of(value));
        Ok(())
    }

    /// Hands over the arrays built so far and starts anew; counts stay.
    pub(crate) fn finish(&mut self) -> Result<Vec<ArrayRef>, ArrowError> {
        self.columns.iter_mut().map(Column::finish).collect()
    }

    /// Every coercion counted here and below.
    pub(crate) fn visit(&self, each: &mut dyn FnMut(&str, Option<&Type>, &Tally)) {
        for column in &self.columns {
            column.visit(each);
        }
        for (field, tallies) in &self.unknown {
            tallies.iter().for_each(|t| each(field, None, t));
        }
    }
}

impl Column {
    pub(crate) fn new(path: String, kind: &Type, hinted: &dyn Fn(&str) -> bool) -> Self {
        let data = match kind {
            Type::Bool => Data::Bool(BooleanBufferBuilder::new(0)),
            Type::Int64 => Data::Int64(Vec::new()),
            Type::UInt64 => Data::UInt64(Vec::new()),
            Type::Float64 => Data::Float64(Vec::new()),
            Type::Decimal { precision, .. } if *precision <= 38 => Data::Decimal128(Vec::new()),
            Type::Decimal { .. } => Data::Decimal256(Vec::new()),
            Type::Undecided | Type::EmptyObject | Type::Utf8 | Type::Json => Data::Text(Text::default()),
            Type::Date => Data::Date(Vec::new()),
            Type::Timestamp => Data::Timestamp(Vec::new()),
            Type::Struct(fields) => Data::Struct(Record::new(&path, fields, hinted)),
            Type::List(item) => {
                Data::List { ends: Vec::new(), item: Box::new(Column::new(format!("{path}[]"), item, hinted)) }
            }
        };
        let hinted = hinted(&path);
        Column { path, kind: kind.clone(), hinted, data, valid: Validity::new(), tallies: Vec::new() }
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
            Data::Text(text) => text.append(row, index, &self.kind, self.hinted),
            Data::Struct(record) if node.kind == Kind::Object => {
                record.append(row, index)?;
                true
            }
            Data::List { ends, item } if node.kind == Kind::Array => {
                append_list(ends, item, row, index)?;
                true
            }
            _ => false,
        };
        if !fits {
            return self.misfit(row, index);
        }
        self.valid.push(true);
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
            (Type::Timestamp, _) => time::timestamp(&row.text(index)).is_some_and(|t| t.offset),
            _ => false,
        };
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
        self.valid.push(false);
        match &mut self.data {
            Data::Bool(bits) => bits.append(false),
            Data::Int64(values) | Data::Timestamp(values) => values.push(0),
            Data::UInt64(values) => values.push(0),
            Data::Float64(values) => values.push(0.0),
            Data::Decimal128(values) => values.push(0),
            Data::Decimal256(values) => values.push(i256::ZERO),
            Data::Date(values) => values.push(0),
            Data::Text(text) => text.end(),
            Data::Struct(record) => record.append_null(),
            Data::List { ends, .. } => ends.push(ends.last().copied().unwrap_or(0)),
        }
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let (length, nulls) = self.valid.finish();
        Ok(match &mut self.data {
            Data::Bool(bits) => {
                let bits: BooleanBuffer = bits.finish();
                Arc::new(BooleanArray::new(bits, nulls))
            }
            Data::Int64(values) => primitive::<Int64Type>(values, nulls),
            Data::UInt64(values) => primitive::<UInt64Type>(values, nulls),
            Data::Float64(values) => primitive::<Float64Type>(values, nulls),
            Data::Date(values) => primitive::<Date32Type>(values, nulls),
            Data::Timestamp(values) => {
                let values = ScalarBuffer::from(std::mem::take(values));
                Arc::new(PrimitiveArray::<TimestampMicrosecondType>::new(values, nulls).with_timezone("UTC"))
            }
            Data::Decimal128(values) => {
                let array = Decimal128Array::new(ScalarBuffer::from(std::mem::take(values)), nulls);
                Arc::new(match &self.kind {
                    Type::Decimal { precision, scale } => array.with_precision_and_scale(*precision, *scale)?,
                    _ => array,
                })
            }
            Data::Decimal256(values) => {
                let array = Decimal256Array::new(ScalarBuffer::from(std::mem::take(values)), nulls);
                Arc::new(match &self.kind {
                    Type::Decimal { precision, scale } => array.with_precision_and_scale(*precision, *scale)?,
                    _ => array,
                })
            }
            Data::Text(text) => Arc::new(text.finish(nulls)?),
            Data::Struct(record) => {
                let fields: Fields = match self.kind.data_type() {
                    DataType::Struct(fields) => fields,
                    _ => Fields::empty(),
                };
                Arc::new(StructArray::try_new_with_length(fields, record.finish()?, nulls, length)?)
            }
            Data::List { ends, item } => {
                let offsets = offsets(std::mem::take(ends));
                let field = match &self.kind {
                    Type::List(t) => t.field("item"),
                    _ => Field::new("item", DataType::Utf8, true),
                };
                Arc::new(ListArray::try_new(Arc::new(field), offsets, item.finish()?, nulls)?)
            }
        })
    }

    pub(crate) fn visit(&self, each: &mut dyn FnMut(&str, Option<&Type>, &Tally)) {
        self.tallies.iter().for_each(|t| each(&self.path, Some(&self.kind), t));
        match &self.data {
            Data::Struct(record) => record.visit(each),
            Data::List { item, .. } => item.visit(each),
            _ => {}
        }
    }

    /// Paths of fields in which nothing but null was seen.
    pub(crate) fn undecided(&self, out: &mut Vec<String>) {
        match &self.data {
            Data::Struct(record) => record.columns.iter().for_each(|c| c.undecided(out)),
            Data::List { item, .. } => item.undecided(out),
            _ if self.kind == Type::Undecided => out.push(self.path.clone()),
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

fn append_list(ends: &mut Vec<i32>, item: &mut Column, row: &mut Row<'_>, index: usize) -> Appended {
    let end = row.tape.node(index).next as usize;
    let (mut at, mut count) = (index + 1, ends.last().copied().unwrap_or(0));
    while at < end {
        item.append(row, at)?;
        count += 1;
        at = row.tape.node(at).next as usize;
    }
    ends.push(count);
    Ok(())
}

fn primitive<T: ArrowPrimitiveType>(values: &mut Vec<T::Native>, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(std::mem::take(values)), nulls))
}

//! The arrays under construction: values at the end, nulls, and the way back to an earlier length.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, BooleanBufferBuilder, Decimal128Array, Decimal256Array, FixedSizeBinaryArray, ListArray,
    MapArray, PrimitiveArray, StructArray,
};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Field, Fields, Float64Type, Int64Type, Time64MicrosecondType,
    TimestampMicrosecondType, UInt64Type, i256,
};
use arrow::error::ArrowError;

use crate::column::Column;
use crate::record::{Given, Record};
use crate::text::Text;
use crate::types::{Type, map_entries};

/// Validity bits that cost a counter while everything is valid.
#[derive(Debug, Default)]
pub(crate) struct Validity {
    length: usize,
    bits: Option<BooleanBufferBuilder>,
}

impl Validity {
    #[inline]
    pub(crate) fn push(&mut self, valid: bool) {
        match &mut self.bits {
            None if valid => {}
            None => return self.push_nulls(1),
            Some(bits) => bits.append(valid),
        }
        self.length += 1;
    }

    pub(crate) fn push_nulls(&mut self, rows: usize) {
        let bits = self.bits.get_or_insert_with(|| {
            let mut bits = BooleanBufferBuilder::new(1024.max(self.length + rows));
            bits.append_n(self.length, true);
            bits
        });
        bits.append_n(rows, false);
        self.length += rows;
    }

    /// Rows so far, those of nulls that are owed apart.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn last_is_null(&self) -> bool {
        let last = self.length.checked_sub(1);
        self.bits.as_ref().zip(last).is_some_and(|(bits, last)| !bits.get_bit(last))
    }

    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        if let Some(bits) = &mut self.bits {
            bits.truncate(self.length);
        }
    }

    pub(crate) fn finish(&mut self) -> (usize, Option<NullBuffer>) {
        let length = std::mem::take(&mut self.length);
        let nulls = self.bits.take().map(|mut bits| NullBuffer::new(bits.finish()));
        (length, nulls.filter(|n| n.null_count() > 0))
    }
}

/// Where each value ends, as Arrow counts: from a leading 0.
#[derive(Debug)]
pub(crate) struct Ends(Vec<i32>);

impl Default for Ends {
    fn default() -> Self {
        Ends(vec![0])
    }
}

impl Ends {
    #[inline]
    pub(crate) fn last(&self) -> i32 {
        self.0.last().copied().unwrap_or(0)
    }

    #[inline]
    pub(crate) fn push(&mut self, end: i32) {
        self.0.push(end);
    }

    /// Values without content.
    pub(crate) fn push_nothing(&mut self, rows: usize) {
        let last = self.last();
        self.0.resize(self.0.len() + rows, last);
    }

    pub(crate) fn range(&self, index: usize) -> Option<std::ops::Range<usize>> {
        Some(usize::try_from(*self.0.get(index)?).ok()?..usize::try_from(*self.0.get(index + 1)?).ok()?)
    }

    /// Gives the end of what is left.
    pub(crate) fn truncate(&mut self, length: usize) -> usize {
        self.0.truncate(length + 1);
        usize::try_from(self.last()).unwrap_or(0)
    }

    pub(crate) fn finish(&mut self) -> OffsetBuffer<i32> {
        let mut fresh = Vec::with_capacity(room(self.0.len()));
        fresh.push(0);
        OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.0, fresh)))
    }
}

/// The values of one column, null ones included.
#[derive(Debug)]
pub(crate) enum Data {
    Bool(BooleanBufferBuilder),
    Int64(Vec<i64>),
    UInt64(Vec<u64>),
    Float64(Vec<f64>),
    Decimal128(Vec<i128>),
    Decimal256(Vec<i256>),
    Text(Text),
    Date(Vec<i32>),
    Timestamp(Vec<i64>),
    Time(Vec<i64>),
    Uuid(Vec<u8>),
    Struct(Record),
    List { ends: Ends, item: Box<Column> },
    Map { ends: Ends, keys: Text, values: Box<Column> },
}

impl Data {
    pub(crate) fn new(path: &str, kind: &Type, given: Given<'_>) -> Data {
        let inside = |t: &Type| Box::new(Column::new(format!("{path}[]"), t, given));
        match kind {
            Type::Bool => Data::Bool(BooleanBufferBuilder::new(0)),
            Type::Int64 => Data::Int64(Vec::new()),
            Type::UInt64 => Data::UInt64(Vec::new()),
            Type::Float64 => Data::Float64(Vec::new()),
            Type::Decimal { precision, .. } if *precision <= 38 => Data::Decimal128(Vec::new()),
            Type::Decimal { .. } => Data::Decimal256(Vec::new()),
            Type::Undecided | Type::EmptyObject | Type::Utf8 | Type::Json => Data::Text(Text::default()),
            Type::Date => Data::Date(Vec::new()),
            Type::Timestamp => Data::Timestamp(Vec::new()),
            Type::Time => Data::Time(Vec::new()),
            Type::Uuid => Data::Uuid(Vec::new()),
            Type::Struct(fields) => Data::Struct(Record::new(path, fields, given)),
            Type::List(item) => Data::List { ends: Ends::default(), item: inside(item) },
            Type::Map(value) => Data::Map { ends: Ends::default(), keys: Text::default(), values: inside(value) },
        }
    }

    pub(crate) fn push_nulls(&mut self, rows: usize) {
        fn fill<T: Clone>(values: &mut Vec<T>, rows: usize, with: T) {
            values.resize(values.len() + rows, with);
        }
        match self {
            Data::Bool(bits) => bits.append_n(rows, false),
            Data::Int64(values) | Data::Timestamp(values) | Data::Time(values) => fill(values, rows, 0),
            Data::UInt64(values) => fill(values, rows, 0),
            Data::Float64(values) => fill(values, rows, 0.0),
            Data::Decimal128(values) => fill(values, rows, 0),
            Data::Decimal256(values) => fill(values, rows, i256::ZERO),
            Data::Date(values) => fill(values, rows, 0),
            Data::Uuid(values) => fill(values, rows * 16, 0),
            Data::Text(text) => text.push_nulls(rows),
            Data::Struct(record) => record.append_nulls(rows),
            Data::List { ends, .. } | Data::Map { ends, .. } => ends.push_nothing(rows),
        }
    }

    /// Forgets what came after the first `rows`, half-appended values included, and the counts of a record.
    pub(crate) fn give_up(&mut self, rows: usize, number: u64) {
        match self {
            Data::Bool(bits) => bits.truncate(rows),
            Data::Int64(values) | Data::Timestamp(values) | Data::Time(values) => values.truncate(rows),
            Data::UInt64(values) => values.truncate(rows),
            Data::Float64(values) => values.truncate(rows),
            Data::Decimal128(values) => values.truncate(rows),
            Data::Decimal256(values) => values.truncate(rows),
            Data::Date(values) => values.truncate(rows),
            Data::Uuid(values) => values.truncate(rows * 16),
            Data::Text(text) => text.truncate(rows),
            Data::Struct(record) => record.give_up(rows, number),
            Data::List { ends, item } => item.give_up(ends.truncate(rows), number),
            Data::Map { ends, keys, values } => {
                let inside = ends.truncate(rows);
                keys.truncate(inside);
                values.give_up(inside, number);
            }
        }
    }

    /// Hands over what was built and starts anew.
    pub(crate) fn finish(
        &mut self,
        kind: &Type,
        length: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, ArrowError> {
        Ok(match self {
            Data::Bool(bits) => {
                let bits: BooleanBuffer = bits.finish();
                Arc::new(BooleanArray::new(bits, nulls))
            }
            Data::Int64(values) => primitive::<Int64Type>(values, nulls),
            Data::UInt64(values) => primitive::<UInt64Type>(values, nulls),
            Data::Float64(values) => primitive::<Float64Type>(values, nulls),
            Data::Date(values) => primitive::<Date32Type>(values, nulls),
            Data::Time(values) => primitive::<Time64MicrosecondType>(values, nulls),
            Data::Timestamp(values) => {
                let array = PrimitiveArray::<TimestampMicrosecondType>::new(taken(values).into(), nulls);
                Arc::new(array.with_timezone("UTC"))
            }
            Data::Uuid(values) => Arc::new(FixedSizeBinaryArray::try_new(16, Buffer::from_vec(taken(values)), nulls)?),
            Data::Decimal128(values) => {
                let array = Decimal128Array::new(taken(values).into(), nulls);
                Arc::new(match kind {
                    Type::Decimal { precision, scale } => array.with_precision_and_scale(*precision, *scale)?,
                    _ => array,
                })
            }
            Data::Decimal256(values) => {
                let array = Decimal256Array::new(taken(values).into(), nulls);
                Arc::new(match kind {
                    Type::Decimal { precision, scale } => array.with_precision_and_scale(*precision, *scale)?,
                    _ => array,
                })
            }
            Data::Text(text) => Arc::new(text.finish(nulls)?),
            Data::Struct(record) => {
                let fields: Fields = match kind.data_type() {
                    DataType::Struct(fields) => fields,
                    _ => Fields::empty(),
                };
                Arc::new(StructArray::try_new_with_length(fields, record.finish()?, nulls, length)?)
            }
            Data::List { ends, item } => {
                let field = match kind {
                    Type::List(t) => t.field("item"),
                    _ => Field::new("item", DataType::Utf8, true),
                };
                Arc::new(ListArray::try_new(Arc::new(field), ends.finish(), item.finish()?, nulls)?)
            }
            Data::Map { ends, keys, values } => map(kind, ends, keys, values, nulls)?,
        })
    }
}

fn map(
    kind: &Type,
    ends: &mut Ends,
    keys: &mut Text,
    values: &mut Column,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, ArrowError> {
    let entries = match kind {
        Type::Map(value) => map_entries(value),
        _ => map_entries(&Type::Undecided),
    };
    let fields = match entries.data_type() {
        DataType::Struct(fields) => fields.clone(),
        _ => Fields::empty(),
    };
    let keys: ArrayRef = Arc::new(keys.finish(None)?);
    let inside = StructArray::try_new(fields, vec![keys, values.finish()?], None)?;
    Ok(Arc::new(MapArray::try_new(Arc::new(entries), ends.finish(), inside, nulls, false)?))
}

/// Room for what comes after a batch with so much: a little more seldom has to be moved in the middle of the next one.
pub(crate) fn room(length: usize) -> usize {
    length + length / 8
}

/// The values, and room for as many in their place.
fn taken<T>(values: &mut Vec<T>) -> Vec<T> {
    let fresh = Vec::with_capacity(room(values.len()));
    std::mem::replace(values, fresh)
}

fn primitive<T: ArrowPrimitiveType>(values: &mut Vec<T::Native>, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(PrimitiveArray::<T>::new(ScalarBuffer::from(taken(values)), nulls))
}

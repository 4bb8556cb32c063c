//! Values of Arrow arrays as JSON and as plain text.

use std::io::Write as _;

use arrow::array::{
    Array, AsArray, BooleanArray, Decimal128Array, Decimal256Array, GenericListArray, MapArray, OffsetSizeTrait,
    PrimitiveArray, RecordBatch, StringArray, StringViewArray, StructArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Field, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use qx_formats::{Error, Result};

use crate::json::write_string;
use crate::read::arrow_error;
use crate::time;
use crate::types::{is_json, is_uuid};

type WriteAt<'a> = Box<dyn Fn(usize, &mut Vec<u8>) + 'a>;

/// One array, ready to be written value by value.
pub struct Cells<'a> {
    array: Option<&'a dyn Array>,
    kind: Kind<'a>,
}

enum Kind<'a> {
    /// Its text is the same in JSON and outside.
    Bare(WriteAt<'a>),
    /// A number, or what is none and stands in quotes in JSON.
    Float(WriteAt<'a>),
    /// Its text stands in quotes in JSON.
    Quoted(WriteAt<'a>),
    Text(&'a StringArray),
    Json(&'a StringArray),
    Struct(Vec<(Vec<u8>, Cells<'a>)>),
    List(Box<dyn Fn(usize) -> (usize, usize) + 'a>, Box<Cells<'a>>),
    /// Keys and values.
    Map(&'a MapArray, Box<Cells<'a>>, Box<Cells<'a>>),
}

fn integers<'a, T>(array: &'a dyn Array) -> Kind<'a>
where
    T: ArrowPrimitiveType,
    T::Native: std::fmt::Display,
{
    let array: &PrimitiveArray<T> = array.as_primitive();
    // Writing to a vector cannot fail.
    Kind::Bare(Box::new(move |i, out| drop(write!(out, "{}", array.value(i)))))
}

/// The shortest text that reads back as the same float: `NaN`, `inf` and `-inf` beside the numbers.
fn float(value: impl std::fmt::Debug, out: &mut Vec<u8>) {
    drop(write!(out, "{value:?}"));
}

fn timestamps<'a, T>(array: &'a dyn Array, per_second: i64, zone: bool) -> Kind<'a>
where
    T: ArrowPrimitiveType<Native = i64>,
{
    let array: &PrimitiveArray<T> = array.as_primitive();
    let zone = if zone { "Z" } else { "" };
    Kind::Quoted(Box::new(move |i, out| time::write_timestamp(array.value(i), per_second, zone, out)))
}

fn list<'a, O: OffsetSizeTrait>(array: &'a dyn Array, item: &'a Field) -> Result<Kind<'a>> {
    let array: &GenericListArray<O> = array.as_list();
    let cells = Cells::new(array.values().as_ref(), item)?;
    let bounds = move |i: usize| {
        let at = |i: usize| array.value_offsets().get(i).map_or(0, |o| o.as_usize());
        (at(i), at(i + 1))
    };
    Ok(Kind::List(Box::new(bounds), Box::new(cells)))
}

fn map<'a>(array: &'a MapArray, entries: &'a Field) -> Result<Kind<'a>> {
    let DataType::Struct(fields) = entries.data_type() else { return Err(Error::unsupported("a map without entries")) };
    let (Some(key), Some(value)) = (fields.first(), fields.get(1)) else {
        return Err(Error::unsupported("a map without keys and values"));
    };
    let keys = Cells::new(array.keys().as_ref(), key)?;
    Ok(Kind::Map(array, Box::new(keys), Box::new(Cells::new(array.values().as_ref(), value)?)))
}

fn structure<'a>(array: &'a StructArray) -> Result<Kind<'a>> {
    let columns = array.columns().iter().zip(array.fields().iter());
    Ok(Kind::Struct(columns.map(|(array, field)| member(array.as_ref(), field)).collect::<Result<_>>()?))
}

fn member<'a>(array: &'a dyn Array, field: &'a Field) -> Result<(Vec<u8>, Cells<'a>)> {
    let mut key = Vec::new();
    write_string(field.name(), &mut key);
    key.push(b':');
    Ok((key, Cells::new(array, field)?))
}

fn kind_of<'a>(array: &'a dyn Array, field: &'a Field) -> Result<Kind<'a>> {
    Ok(match array.data_type() {
        DataType::Utf8 if is_json(field) => Kind::Json(array.as_string()),
        DataType::Utf8 => Kind::Text(array.as_string()),
        DataType::Utf8View => {
            let array: &StringViewArray = array.as_string_view();
            Kind::Quoted(Box::new(move |i, out| out.extend_from_slice(array.value(i).as_bytes())))
        }
        DataType::Boolean => {
            let array: &BooleanArray = array.as_boolean();
            Kind::Bare(Box::new(move |i, out| out.extend_from_slice(if array.value(i) { b"true" } else { b"false" })))
        }
        DataType::Int8 => integers::<Int8Type>(array),
        DataType::Int16 => integers::<Int16Type>(array),
        DataType::Int32 => integers::<Int32Type>(array),
        DataType::Int64 => integers::<Int64Type>(array),
        DataType::UInt8 => integers::<UInt8Type>(array),
        DataType::UInt16 => integers::<UInt16Type>(array),
        DataType::UInt32 => integers::<UInt32Type>(array),
        DataType::UInt64 => integers::<UInt64Type>(array),
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            Kind::Float(Box::new(move |i, out| float(array.value(i), out)))
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            Kind::Float(Box::new(move |i, out| float(array.value(i), out)))
        }
        DataType::Decimal128(..) => {
            let array: &Decimal128Array = array.as_primitive();
            Kind::Bare(Box::new(move |i, out| out.extend_from_slice(array.value_as_string(i).as_bytes())))
        }
        DataType::Decimal256(..) => {
            let array: &Decimal256Array = array.as_primitive();
            Kind::Bare(Box::new(move |i, out| out.extend_from_slice(array.value_as_string(i).as_bytes())))
        }
        DataType::Date32 => {
            let array = array.as_primitive::<Date32Type>();
            Kind::Quoted(Box::new(move |i, out| time::write_date(i64::from(array.value(i)), out)))
        }
        DataType::Timestamp(unit, zone) => {
            let zone = zone.is_some();
            match unit {
                TimeUnit::Second => timestamps::<TimestampSecondType>(array, 1, zone),
                TimeUnit::Millisecond => timestamps::<TimestampMillisecondType>(array, 1000, zone),
                TimeUnit::Microsecond => timestamps::<TimestampMicrosecondType>(array, 1_000_000, zone),
                TimeUnit::Nanosecond => timestamps::<TimestampNanosecondType>(array, 1_000_000_000, zone),
            }
        }
        DataType::Time64(TimeUnit::Microsecond) => {
            let array = array.as_primitive::<Time64MicrosecondType>();
            Kind::Quoted(Box::new(move |i, out| time::write_time_of_day(array.value(i), 1_000_000, out)))
        }
        DataType::FixedSizeBinary(16) if is_uuid(field) => {
            let array = array.as_fixed_size_binary();
            Kind::Quoted(Box::new(move |i, out| time::write_uuid(array.value(i), out)))
        }
        DataType::Map(entries, _) => map(array.as_map(), entries)?,
        DataType::Struct(_) => structure(array.as_struct())?,
        DataType::List(item) => list::<i32>(array, item)?,
        DataType::LargeList(item) => list::<i64>(array, item)?,
        DataType::Null => Kind::Bare(Box::new(|_, out| out.extend_from_slice(b"null"))),
        _ => {
            let options = FormatOptions::new();
            let formatter = ArrayFormatter::try_new(array, &options).map_err(arrow_error)?;
            Kind::Quoted(Box::new(move |i, out| drop(write!(out, "{}", formatter.value(i)))))
        }
    })
}

impl<'a> Cells<'a> {
    /// The values of a column.
    ///
    /// # Errors
    /// `Engine` for an Arrow type that has no text form.
    pub fn new(array: &'a dyn Array, field: &'a Field) -> Result<Self> {
        let kind = kind_of(array, field)?;
        Ok(Cells { array: Some(array), kind })
    }

    /// The rows of a batch, each as one object.
    ///
    /// # Errors
    /// As [`Cells::new`].
    pub fn of_batch(batch: &'a RecordBatch) -> Result<Self> {
        let schema: &'a arrow::datatypes::Schema = batch.schema_ref();
        let columns = batch.columns().iter().zip(schema.fields().iter());
        let members = columns.map(|(array, field)| member(array.as_ref(), field)).collect::<Result<_, Error>>()?;
        Ok(Cells { array: None, kind: Kind::Struct(members) })
    }

    pub fn is_null(&self, row: usize) -> bool {
        // An array of the null type has no null bits, yet nothing but nulls.
        self.array.is_some_and(|a| *a.data_type() == DataType::Null || a.is_null(row))
    }

    /// Writes a value as JSON, on one line.
    pub fn json(&self, row: usize, out: &mut Vec<u8>) {
        if self.is_null(row) {
            out.extend_from_slice(b"null");
            return;
        }
        match &self.kind {
            Kind::Bare(write) => write(row, out),
            Kind::Float(write) => {
                let start = out.len();
                write(row, out);
                // A number ends with a digit.
                if out.last().is_some_and(u8::is_ascii_alphabetic) {
                    out.insert(start, b'"');
                    out.push(b'"');
                }
            }
            Kind::Quoted(write) => {
                let mut text = Vec::new();
                write(row, &mut text);
                write_string(&String::from_utf8_lossy(&text), out);
            }
            Kind::Text(array) => write_string(array.value(row), out),
            Kind::Json(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Kind::Struct(members) => {
                out.push(b'{');
                let mut first = true;
                for (key, cells) in members.iter().filter(|(_, cells)| !cells.is_null(row)) {
                    if !std::mem::take(&mut first) {
                        out.push(b',');
                    }
                    out.extend_from_slice(key);
                    cells.json(row, out);
                }
                out.push(b'}');
            }
            Kind::Map(array, keys, values) => {
                let at = |i: usize| array.value_offsets().get(i).map_or(0, |o| usize::try_from(*o).unwrap_or(0));
                out.push(b'{');
                for (n, i) in (at(row)..at(row + 1)).enumerate() {
                    if n > 0 {
                        out.push(b',');
                    }
                    keys.key(i, out);
                    values.json(i, out);
                }
                out.push(b'}');
            }
            Kind::List(bounds, item) => {
                out.push(b'[');
                let (start, end) = bounds(row);
                for i in start..end {
                    if i > start {
                        out.push(b',');
                    }
                    item.json(i, out);
                }
                out.push(b']');
            }
        }
    }

    /// Writes the key of a map: any value as a JSON string.
    fn key(&self, row: usize, out: &mut Vec<u8>) {
        let mut text = Vec::new();
        self.text(row, &mut text);
        write_string(&String::from_utf8_lossy(&text), out);
        out.push(b':');
    }

    /// Writes a value as text for people and CSV: strings bare, nested values as JSON, null as nothing.
    pub fn text(&self, row: usize, out: &mut Vec<u8>) {
        match &self.kind {
            _ if self.is_null(row) => {}
            Kind::Text(array) => out.extend_from_slice(array.value(row).as_bytes()),
            Kind::Float(write) | Kind::Quoted(write) => write(row, out),
            _ => self.json(row, out),
        }
    }
}

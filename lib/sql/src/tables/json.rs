//! JSON in the types of a table. JSON has fewer types than tables do: values are read into the nearest one that it has,
//! and then brought into the column's. What does not fit there is refused.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryBuilder, RecordBatch, RecordBatchOptions, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use qx_formats::{Error, Result};
use qx_store::rows;
use qx_store::table_def::Column;

/// The type that JSON is read into on its way to a column's.
pub(super) fn nearest(t: &DataType) -> DataType {
    let inside = |f: &FieldRef| Arc::new(Field::new(f.name(), nearest(f.data_type()), f.is_nullable()));
    match t {
        DataType::Int8 | DataType::Int16 | DataType::Int32 => DataType::Int64,
        DataType::UInt8 | DataType::UInt16 | DataType::UInt32 => DataType::UInt64,
        DataType::Float32 => DataType::Float64,
        // A time without a zone, which no instant is, bytes, and numbers to be rounded.
        DataType::Timestamp(_, None) | DataType::Binary | DataType::Decimal128(..) => DataType::Utf8,
        DataType::List(item) => DataType::List(inside(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(inside).collect()),
        DataType::Map(entries, sorted) => DataType::Map(inside(entries), *sorted),
        other => other.clone(),
    }
}

/// A batch whose columns have the types that the table's have.
///
/// # Errors
/// `Invalid` with the column of a value that does not fit.
pub(super) fn fitted(batch: &RecordBatch, of: &[Column]) -> Result<RecordBatch> {
    let mut fields = Vec::with_capacity(batch.num_columns());
    let mut columns = Vec::with_capacity(batch.num_columns());
    for (field, array) in batch.schema_ref().fields().iter().zip(batch.columns()) {
        let Some(column) = of.iter().find(|column| column.name == *field.name()) else {
            fields.push(Arc::clone(field));
            columns.push(Arc::clone(array));
            continue;
        };
        let array = match column.arrow_type()? {
            DataType::Decimal128(..) => column.fit(array)?,
            t => {
                fit(array, &t).map_err(|e| Error::new(e.kind(), format!("column {}: {}", column.name, e.message())))?
            }
        };
        fields.push(Arc::new(Field::new(&column.name, array.data_type().clone(), true)));
        columns.push(array);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), columns, &options)
        .map_err(|e| Error::invalid(format!("rows cannot be read: {e}")))
}

/// Values of the [`nearest`] type in the type itself.
///
/// # Errors
/// `Invalid` for a value that does not fit.
pub(super) fn fit(array: &ArrayRef, t: &DataType) -> Result<ArrayRef> {
    if *t == DataType::Binary {
        return bytes(array.as_string());
    }
    if holds_bytes(t) && array.null_count() < array.len() {
        return Err(Error::unsupported(format!("JSON is not read into {t}")));
    }
    rows::fit(array, t)
}

fn holds_bytes(t: &DataType) -> bool {
    match t {
        DataType::Binary => true,
        DataType::List(field) | DataType::Map(field, _) => holds_bytes(field.data_type()),
        DataType::Struct(fields) => fields.iter().any(|f| holds_bytes(f.data_type())),
        _ => false,
    }
}

/// Bytes stand in texts as they are written there: as hexadecimal digits.
///
/// # Errors
/// `Invalid` for any other text.
pub(super) fn bytes(texts: &StringArray) -> Result<ArrayRef> {
    let mut out = BinaryBuilder::new();
    for text in texts {
        match text {
            None => out.append_null(),
            Some(text) => out.append_value(unhex(text).ok_or_else(|| {
                let short: String = text.chars().take(40).collect();
                Error::invalid(format!("bytes are written as pairs of hexadecimal digits, not as {short:?}"))
            })?),
        }
    }
    Ok(Arc::new(out.finish()))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let bytes = pairs.iter().map(|[high, low]| Some((digit(*high)? << 4) | digit(*low)?));
    rest.is_empty().then(|| bytes.collect())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_pairs_of_digits() {
        assert_eq!(unhex("00fFa1"), Some(vec![0, 255, 161]));
        assert_eq!(unhex(""), Some(Vec::new()));
        for no in ["0", "000", "0x00", "+1", "0g", "é"] {
            assert_eq!(unhex(no), None, "{no}");
        }
    }
}

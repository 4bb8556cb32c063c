//! A column of row ids in Parquet or Arrow: integers as they are, everything else by its text.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, UInt64Type};
use qx_formats::{Error, Result};
use uuid::Uuid;

use crate::ndjson::Id;

/// A column without the dictionary or the runs that its values are encoded with: what it holds is what they are.
pub(crate) fn plain(column: &ArrayRef) -> ArrayRef {
    let values = match column.data_type() {
        DataType::Dictionary(_, values) => values.as_ref(),
        DataType::RunEndEncoded(_, values) => values.data_type(),
        _ => return Arc::clone(column),
    };
    cast(column, values).unwrap_or_else(|_| Arc::clone(column))
}

/// A column of which each value reads as the row id that it is.
pub(crate) fn readable(column: &ArrayRef) -> ArrayRef {
    let column = plain(column);
    let read = match column.data_type() {
        DataType::FixedSizeBinary(16) => Some(uuids(&column)),
        t if t.is_binary() => cast(&column, &DataType::Utf8).ok(),
        t if t.is_decimal() => whole(&column),
        _ => None,
    };
    read.unwrap_or(column)
}

/// UUIDs as people write them, and as they stand in files of text.
fn uuids(column: &ArrayRef) -> ArrayRef {
    let bytes = column.as_fixed_size_binary();
    let text = |row| Uuid::from_slice(bytes.value(row)).unwrap_or_default().to_string();
    let all: StringArray = (0..bytes.len()).map(|row| bytes.is_valid(row).then(|| text(row))).collect();
    Arc::new(all)
}

/// Decimals as 64-bit integers; `None` where one of them is none.
fn whole(column: &ArrayRef) -> Option<ArrayRef> {
    // A cast cuts off what is behind the point, and makes nulls of what is too large.
    let same = |to: &ArrayRef| cast(to, column.data_type()).is_ok_and(|back| back.as_ref() == column.as_ref());
    let to = |target: DataType| cast(column, &target).ok().filter(same);
    to(DataType::Int64).or_else(|| to(DataType::UInt64))
}

/// The row ids of a column.
pub(crate) struct Ids<'a> {
    pub name: &'a str,
    kind: IdKind,
}

enum IdKind {
    Signed(ArrayRef),
    Unsigned(ArrayRef),
    Text(ArrayRef),
}

impl<'a> Ids<'a> {
    pub fn new(name: &'a str, column: &ArrayRef) -> Result<Ids<'a>> {
        let column = &readable(column);
        let t = column.data_type();
        let refused =
            || Error::invalid(format!("column {name:?} holds no row ids")).expected("integers or text").got(t);
        let to = |target: DataType| cast(column, &target).map_err(|_| refused());
        let kind = if t.is_signed_integer() {
            IdKind::Signed(to(DataType::Int64)?)
        } else if t.is_unsigned_integer() {
            IdKind::Unsigned(to(DataType::UInt64)?)
        } else if t.is_numeric() || t.is_nested() || *t == DataType::Boolean {
            return Err(refused());
        } else {
            IdKind::Text(to(DataType::Utf8)?)
        };
        Ok(Ids { name, kind })
    }

    pub fn get(&self, row: usize) -> Option<Id> {
        match &self.kind {
            IdKind::Signed(a) => a.is_valid(row).then(|| Id::Signed(a.as_primitive::<Int64Type>().value(row))),
            IdKind::Unsigned(a) => a.is_valid(row).then(|| Id::unsigned(a.as_primitive::<UInt64Type>().value(row))),
            IdKind::Text(a) => a.is_valid(row).then(|| Id::Text(a.as_string::<i32>().value(row).to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{
        BinaryArray, BooleanArray, Decimal128Array, FixedSizeBinaryArray, Float64Array, Int32Array, LargeBinaryArray,
        RunArray,
    };
    use arrow::datatypes::Int32Type;

    use super::*;

    fn shown(column: ArrayRef) -> Vec<String> {
        let ids = Ids::new("id", &column).unwrap();
        let show = |id| match id {
            Some(Id::Signed(n)) => n.to_string(),
            Some(Id::Unsigned(n)) => format!("+{n}"),
            Some(Id::Text(t)) => format!("{t:?}"),
            None => "none".to_owned(),
        };
        (0..column.len()).map(|row| show(ids.get(row))).collect()
    }

    fn decimals(values: [i128; 3], scale: i8) -> ArrayRef {
        Arc::new(Decimal128Array::from_iter_values(values).with_precision_and_scale(38, scale).unwrap())
    }

    #[test]
    fn ids_are_what_the_values_of_a_column_are() {
        let runs = RunArray::<Int32Type>::try_new(&Int32Array::from(vec![1, 3]), &Int32Array::from(vec![-7, 8]));
        assert_eq!(shown(Arc::new(runs.unwrap())), ["-7", "8", "8"]);
        assert_eq!(shown(decimals([7, -8, 9], 0)), ["7", "-8", "9"]);
        assert_eq!(shown(decimals([700, -800, 0], 2)), ["7", "-8", "0"]);
        assert_eq!(shown(decimals([u64::MAX.into(), 1, 2], 0)), ["+18446744073709551615", "1", "2"]);
        let keys = [&b"a"[..], b"b\xFF"];
        assert_eq!(shown(Arc::new(BinaryArray::from_iter_values(keys))), ["\"a\"", "none"]);
        let uuids = FixedSizeBinaryArray::try_from_iter([[0x5Au8; 16], [0; 16]].into_iter()).unwrap();
        let text = ["\"5a5a5a5a-5a5a-5a5a-5a5a-5a5a5a5a5a5a\"", "\"00000000-0000-0000-0000-000000000000\""];
        assert_eq!(shown(Arc::new(uuids)), text);
    }

    #[test]
    fn what_is_no_integer_and_no_text_is_no_id() {
        let bytes = FixedSizeBinaryArray::try_from_iter([[1u8, 2]].into_iter()).unwrap();
        let columns: [ArrayRef; 5] = [
            decimals([750, 800, 900], 2),
            decimals([i128::from(u64::MAX) + 1, 1, 2], 0),
            Arc::new(Float64Array::from(vec![1.0])),
            Arc::new(BooleanArray::from(vec![true])),
            Arc::new(bytes),
        ];
        for column in columns {
            let e = Ids::new("id", &column).err().map(|e| e.message().to_owned());
            assert_eq!(e.as_deref(), Some("column \"id\" holds no row ids"), "{}", column.data_type());
        }
    }

    #[test]
    fn what_is_read_as_text_is_what_a_build_would_hash() {
        let columns: [ArrayRef; 3] = [
            Arc::new(BinaryArray::from_iter_values([b"k"])),
            Arc::new(LargeBinaryArray::from_iter_values([b"k"])),
            Arc::new(StringArray::from(vec!["k"])),
        ];
        for column in columns {
            assert_eq!(
                (shown(Arc::clone(&column)), readable(&column).data_type()),
                (vec!["\"k\"".to_owned()], &DataType::Utf8)
            );
        }
    }
}

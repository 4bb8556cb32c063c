//! Keys of rows as bytes that compare, and sets of them that sift Parquet rows.

use std::collections::HashSet;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion::arrow::row::{RowConverter, Rows, SortField};
use qx_formats::Result;

use super::{arrow_error, conform};

/// Turns key columns into bytes.
#[derive(Debug)]
pub struct KeyCodec {
    converter: RowConverter,
    types: Vec<DataType>,
}

impl KeyCodec {
    /// # Errors
    /// `Engine` for types without an order.
    pub fn new(types: Vec<DataType>) -> Result<Self> {
        let fields = types.iter().cloned().map(SortField::new).collect();
        Ok(KeyCodec { converter: RowConverter::new(fields).map_err(arrow_error)?, types })
    }

    /// # Errors
    /// `Engine`.
    pub fn encode(&self, columns: &[ArrayRef]) -> Result<Rows> {
        let columns = columns.iter().zip(&self.types).map(|(c, t)| conform(c, t)).collect::<Result<Vec<_>>>()?;
        self.converter.convert_columns(&columns).map_err(arrow_error)
    }

    /// The columns of keys that were encoded.
    ///
    /// # Errors
    /// `Engine`.
    pub fn decode<'a>(&self, keys: impl Iterator<Item = &'a [u8]>) -> Result<Vec<ArrayRef>> {
        let parser = self.converter.parser();
        self.converter.convert_rows(keys.map(|k| parser.parse(k))).map_err(arrow_error)
    }

    pub fn types(&self) -> &[DataType] {
        &self.types
    }
}

/// Keys of rows in the log that may stand in Parquet too, in an older version.
#[derive(Debug)]
pub struct KeySet {
    codec: KeyCodec,
    keys: HashSet<Box<[u8]>>,
    first: Option<Bits>,
}

/// The values of the first key column, where they are integers close together: most rows are passed by it alone.
#[derive(Debug)]
struct Bits {
    min: i64,
    words: Vec<u64>,
}

/// A bitmap larger than this costs more than it saves.
const MAX_BITS: i128 = 1 << 28;

impl Bits {
    fn has(&self, v: i64) -> bool {
        let at = (v as i128) - (self.min as i128);
        usize::try_from(at).is_ok_and(|at| self.words.get(at / 64).is_some_and(|w| w >> (at % 64) & 1 == 1))
    }

    fn new(values: &[i64]) -> Option<Bits> {
        let (min, max) = (*values.iter().min()?, *values.iter().max()?);
        let span = max as i128 - min as i128 + 1;
        if span > MAX_BITS {
            return None;
        }
        let mut words = vec![0u64; usize::try_from(span / 64 + 1).ok()?];
        for v in values {
            let at = usize::try_from(*v as i128 - min as i128).ok()?;
            words[at / 64] |= 1 << (at % 64);
        }
        Some(Bits { min, words })
    }
}

impl KeySet {
    pub(super) fn new(codec: KeyCodec, keys: HashSet<Box<[u8]>>) -> Result<Self> {
        let mut first = None;
        if matches!(codec.types.first(), Some(DataType::Int64 | DataType::Int32)) {
            let parser = codec.converter.parser();
            let rows = keys.iter().map(|k| parser.parse(k));
            let columns = codec.converter.convert_rows(rows).map_err(arrow_error)?;
            if let Some(column) = columns.first().filter(|c| c.null_count() == 0) {
                first = Bits::new(&integers(column));
            }
        }
        Ok(KeySet { codec, keys, first })
    }

    /// The keys of these columns.
    ///
    /// # Errors
    /// `Engine`.
    pub fn of(columns: &[ArrayRef]) -> Result<Self> {
        let codec = KeyCodec::new(columns.iter().map(|c| c.data_type().clone()).collect())?;
        let keys = codec.encode(columns)?.iter().map(|k| Box::from(k.as_ref())).collect();
        Self::new(codec, keys)
    }

    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Lowest and highest value of the first key column, where these are integers.
    pub fn first_range(&self) -> Option<(i64, i64)> {
        let bits = self.first.as_ref()?;
        Some((bits.min, bits.min.saturating_add(i64::try_from(bits.words.len() * 64).unwrap_or(i64::MAX))))
    }

    /// Which rows have a key that is not in the set; `None` when all of them.
    ///
    /// # Errors
    /// `Engine`.
    pub fn absent(&self, columns: &[ArrayRef]) -> Result<Option<BooleanArray>> {
        let rows = columns.first().map_or(0, |c| c.len());
        if self.keys.is_empty() || rows == 0 {
            return Ok(None);
        }
        let mut keep = vec![true; rows];
        match (&self.first, columns.first()) {
            (Some(bits), Some(column)) if column.null_count() == 0 => {
                let values = integers(column);
                let suspects: Vec<u32> = (0u32..).zip(&values).filter(|(_, v)| bits.has(**v)).map(|(i, _)| i).collect();
                if suspects.is_empty() {
                    return Ok(None);
                }
                let indices = datafusion::arrow::array::UInt32Array::from(suspects);
                let taken = columns.iter().map(|c| datafusion::arrow::compute::take(c, &indices, None));
                let taken = taken.collect::<Result<Vec<_>, _>>().map_err(arrow_error)?;
                let keys = self.codec.encode(&taken)?;
                for (i, key) in indices.values().iter().zip(keys.iter()) {
                    keep[*i as usize] = !self.keys.contains(key.as_ref());
                }
            }
            _ => {
                let keys = self.codec.encode(columns)?;
                for (keep, key) in keep.iter_mut().zip(keys.iter()) {
                    *keep = !self.keys.contains(key.as_ref());
                }
            }
        }
        Ok(keep.contains(&false).then(|| BooleanArray::from(keep)))
    }
}

fn integers(column: &ArrayRef) -> Vec<i64> {
    match column.data_type() {
        DataType::Int32 => column.as_primitive::<Int32Type>().values().iter().map(|v| i64::from(*v)).collect(),
        DataType::Int64 => column.as_primitive::<Int64Type>().values().to_vec(),
        _ => Vec::new(),
    }
}

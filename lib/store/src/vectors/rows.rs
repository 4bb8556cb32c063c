//! Vectors in Arrow columns.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float32Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float32Type};
use qx_formats::{Error, Result};
use qx_vector::VectorSource;

use crate::rows::arrow_error;

/// A column of lists of numbers.
#[derive(Debug, Clone)]
pub struct Vectors {
    values: Float32Array,
    /// Where each row's vector stands; nothing for a row without one.
    rows: Vec<Option<(usize, usize)>>,
}

/// Whether a column of this type holds vectors.
pub fn is_vectors(t: &DataType) -> bool {
    match t {
        DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _) => f.data_type().is_numeric(),
        _ => false,
    }
}

impl Vectors {
    /// A null, and a list that holds one, is no vector. Numbers are narrowed to 32 bits.
    ///
    /// # Errors
    /// `Usage` for a column of another type.
    pub fn of(column: &ArrayRef) -> Result<Vectors> {
        let wrong = || Error::usage("not a column of vectors").expected("lists of numbers").got(column.data_type());
        if !is_vectors(column.data_type()) {
            return Err(wrong());
        }
        let list: ArrayRef = match column.data_type() {
            DataType::List(_) => Arc::clone(column),
            DataType::LargeList(f) | DataType::FixedSizeList(f, _) => {
                cast(column, &DataType::List(Arc::clone(f))).map_err(arrow_error)?
            }
            _ => return Err(wrong()),
        };
        let list = list.as_list::<i32>();
        let values = cast(list.values(), &DataType::Float32).map_err(arrow_error)?;
        let values = values.as_primitive::<Float32Type>().clone();
        let offsets = list.offsets();
        let row = |i: usize| {
            let (start, end) = (*offsets.get(i)?, *offsets.get(i + 1)?);
            let (start, end) = (usize::try_from(start).ok()?, usize::try_from(end).ok()?);
            let whole = list.is_valid(i) && (values.null_count() == 0 || (start..end).all(|v| values.is_valid(v)));
            whole.then_some((start, end))
        };
        let rows = (0..list.len()).map(row).collect();
        Ok(Vectors { values, rows })
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes that the vectors take.
    pub fn bytes(&self) -> u64 {
        self.values.len() as u64 * 4
    }

    /// The vector of a row, if it has one.
    pub fn get(&self, row: usize) -> Option<&[f32]> {
        let (start, end) = (*self.rows.get(row)?)?;
        self.values.values().get(start..end)
    }
}

/// The vectors of several batches, one behind the other.
#[derive(Debug, Clone, Default)]
pub struct Chunks {
    parts: Vec<Vectors>,
    /// The number of the first row of each.
    starts: Vec<usize>,
    rows: usize,
}

impl Chunks {
    pub fn push(&mut self, part: Vectors) {
        self.starts.push(self.rows);
        self.rows += part.len();
        self.parts.push(part);
    }

    pub fn get(&self, row: usize) -> Option<&[f32]> {
        let part = self.starts.partition_point(|s| *s <= row).checked_sub(1)?;
        self.parts.get(part)?.get(row - self.starts.get(part)?)
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

impl VectorSource for Chunks {
    fn rows(&self) -> usize {
        self.rows
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        out.extend_from_slice(self.get(row).unwrap_or(&[]));
        Ok(())
    }
}

//! Row ids of a table: an integral key as it is, any other as a hash, the hidden number of rows without a key.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, UInt64Type};
use qx_formats::{Error, Result};
use qx_vector::{Flavour, hash_key};

use crate::catalog::{IndexDef, TableDef};
use crate::rows::arrow_error;
use crate::table_def::ROW_ID;

/// Between the parts of a composite key.
const SEPARATOR: u8 = 0x1f;

/// The columns that row ids are made of, and what kind of ids they give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowKey {
    /// Names in [`TableDef::row_schema`].
    pub columns: Vec<String>,
    pub flavour: Flavour,
}

impl RowKey {
    /// The key of a table's rows.
    ///
    /// # Errors
    /// `Unsupported` for a table whose rows cannot be told apart.
    pub fn of(def: &TableDef) -> Result<RowKey> {
        Self::over(def, def.key_names()?)
    }

    /// The key of an index: the column that it names, else the table's.
    ///
    /// # Errors
    /// As [`RowKey::of`].
    pub fn of_index(def: &TableDef, index: &IndexDef) -> Result<RowKey> {
        match &index.id {
            Some(column) => Self::over(def, vec![column.clone()]),
            None => Self::of(def),
        }
    }

    fn over(def: &TableDef, columns: Vec<String>) -> Result<RowKey> {
        let schema = def.row_schema()?;
        let kind = |name: &String| {
            let field = schema.field_with_name(name);
            let field = field.map_err(|_| Error::usage(format!("the table has no column {name} for row ids")))?;
            Ok(field.data_type().clone())
        };
        let types = columns.iter().map(kind).collect::<Result<Vec<_>>>()?;
        let flavour = match (types.as_slice(), columns.first()) {
            (_, Some(name)) if name == ROW_ID => Flavour::Ordinal,
            ([t], _) if t.is_signed_integer() => Flavour::SignedKey,
            ([t], _) if t.is_unsigned_integer() => Flavour::UnsignedKey,
            _ => Flavour::HashedKey,
        };
        Ok(RowKey { columns, flavour })
    }

    /// Whether the id of a row is a column of it.
    pub fn is_column(&self) -> bool {
        self.flavour != Flavour::HashedKey
    }

    /// The ids of rows, from the columns of their key.
    ///
    /// # Errors
    /// `Engine` for a type that has no text.
    pub fn ids(&self, columns: &[ArrayRef]) -> Result<Vec<u64>> {
        ids(self.flavour, columns)
    }
}

/// [`RowKey::ids`] for ids of this kind.
///
/// # Errors
/// `Engine` for a type that has no text.
pub fn ids(flavour: Flavour, columns: &[ArrayRef]) -> Result<Vec<u64>> {
    let Some(first) = columns.first() else { return Ok(Vec::new()) };
    match flavour {
        Flavour::SignedKey | Flavour::Ordinal => {
            let keys = cast(first, &DataType::Int64).map_err(arrow_error)?;
            // Signed keys keep their bits.
            Ok(keys.as_primitive::<Int64Type>().values().iter().map(|v| *v as u64).collect())
        }
        Flavour::UnsignedKey => {
            let keys = cast(first, &DataType::UInt64).map_err(arrow_error)?;
            Ok(keys.as_primitive::<UInt64Type>().values().to_vec())
        }
        Flavour::HashedKey => {
            let texts = columns.iter().map(|c| cast(c, &DataType::Utf8).map_err(arrow_error));
            let texts = texts.collect::<Result<Vec<_>>>()?;
            let mut key = Vec::new();
            let id = |row: usize| {
                key.clear();
                for (i, text) in texts.iter().enumerate() {
                    if i > 0 {
                        key.push(SEPARATOR);
                    }
                    let text = text.as_string::<i32>();
                    if text.is_valid(row) {
                        key.extend_from_slice(text.value(row).as_bytes());
                    }
                }
                hash_key(&key)
            };
            Ok((0..first.len()).map(id).collect())
        }
    }
}

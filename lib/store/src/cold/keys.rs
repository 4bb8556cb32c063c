//! Looking keys up in Parquet files.

use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use qx_formats::{Error, Result};

use super::commit::project;
use super::{Cold, ColdFile};
use crate::rows::KeySet;
use crate::table_def::TableDef;

/// Columns, batch by batch.
pub type Keys = Box<dyn Iterator<Item = Result<Vec<ArrayRef>>> + Send>;

/// The key columns of a file, batch by batch.
pub(super) fn read_keys(file: &ColdFile, def: &TableDef) -> Result<Keys> {
    read_columns(file, def, &def.key_names()?)
}

/// Some columns of a file, by their names in [`TableDef::row_schema`], batch by batch.
///
/// # Errors
/// `Engine`, `Io`.
pub fn read_columns(file: &ColdFile, def: &TableDef, names: &[String]) -> Result<Keys> {
    let logical = def.row_schema()?;
    let position = |n: &String| logical.index_of(n).map_err(|e| Error::corrupt(e.to_string()));
    let positions = names.iter().map(position).collect::<Result<Vec<usize>>>()?;
    let batches = project(file, def, &def.physical_schema()?, Some(&positions))?;
    Ok(Box::new(batches.map(|b| b.map(|b| b.columns().to_vec()))))
}

impl Cold {
    /// Which of the keys stand in the files, among those of `wanted`; calls `found` with the key columns of the rows.
    ///
    /// # Errors
    /// `Engine`, `Io`.
    pub fn find_keys(
        &self,
        def: &TableDef,
        wanted: &Arc<KeySet>,
        mut found: impl FnMut(&[ArrayRef]) -> Result<()>,
    ) -> Result<()> {
        for file in self.files.iter().filter(|f| super::commit::admits(f, def, wanted)) {
            for columns in read_keys(file, def)? {
                let columns = columns?;
                let Some(absent) = wanted.absent(&columns)? else { continue };
                let present = datafusion::arrow::compute::not(&absent).map_err(crate::rows::arrow_error)?;
                let hit = columns.iter().map(|c| datafusion::arrow::compute::filter(c, &present));
                found(&hit.collect::<Result<Vec<_>, _>>().map_err(crate::rows::arrow_error)?)?;
            }
        }
        Ok(())
    }
}

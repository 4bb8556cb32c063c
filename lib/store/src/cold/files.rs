//! The Parquet files that a commit adds: how they are written, and where one ends.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type, SchemaRef};
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use datafusion::parquet::schema::types::ColumnPath;
use deltalake::DeltaTable;
use deltalake::kernel::Add;
use deltalake::writer::{DeltaWriter, RecordBatchWriter};
use qx_formats::{Error, Kind, Result};
use qx_frame::write::unrepeated;

use crate::delta::engine;
use crate::rows::conform;
use crate::table_def::TableDef;

/// Files are cut about here.
const TARGET_FILE_BYTES: u64 = 128 << 20;

fn arrow(e: impl std::fmt::Display) -> Error {
    Error::new(Kind::Engine, e.to_string())
}

/// Files that are being written, which nothing names until a commit does.
pub(super) struct Files {
    pub(super) table: DeltaTable,
    pub(super) dir: PathBuf,
    pub(super) def: TableDef,
    /// Rows that tell how columns are best written; else the first ones do.
    some: Option<RecordBatch>,
    writer: Option<RecordBatchWriter>,
    /// Columns in which a value was met that is no number. Bounds leave such values out, and whoever passes over a file by
    /// its bounds would pass over them: so a file that holds one says nothing of the column.
    unbounded: BTreeSet<String>,
    adds: Vec<Add>,
}

impl Files {
    pub(super) fn new(table: DeltaTable, dir: &Path, def: &TableDef, some: Option<RecordBatch>) -> Files {
        let (dir, def) = (dir.to_path_buf(), def.clone());
        Files { table, dir, def, some, writer: None, unbounded: BTreeSet::new(), adds: Vec::new() }
    }

    /// Takes rows in [`TableDef::physical_schema`].
    ///
    /// # Errors
    /// `Engine`.
    pub(super) async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let met = with_nan(rows);
        if !met.is_subset(&self.unbounded) {
            self.seal().await?;
            self.unbounded.extend(met);
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            none => {
                let properties = described(&self.def, self.some.as_ref().unwrap_or(rows), &self.unbounded)?;
                none.insert(open(&self.table, &self.dir, properties)?)
            }
        };
        let rows = shaped(rows, &writer.arrow_schema())?;
        writer.write(rows).await.map_err(|e| engine(&self.dir, "cannot write the table", e))
    }

    async fn seal(&mut self) -> Result<()> {
        if let Some(mut writer) = self.writer.take() {
            self.adds.extend(writer.flush().await.map_err(|e| engine(&self.dir, "cannot write the table", e))?);
        }
        Ok(())
    }

    /// All files that were written.
    ///
    /// # Errors
    /// `Engine`.
    pub(super) async fn finish(&mut self) -> Result<Vec<Add>> {
        self.seal().await?;
        Ok(std::mem::take(&mut self.adds))
    }
}

/// The columns of rows that hold a value which is no number.
fn with_nan(rows: &RecordBatch) -> BTreeSet<String> {
    let any = |array: &ArrayRef| match array.data_type() {
        DataType::Float32 => array.as_primitive::<Float32Type>().iter().flatten().any(f32::is_nan),
        DataType::Float64 => array.as_primitive::<Float64Type>().iter().flatten().any(f64::is_nan),
        _ => false,
    };
    let schema = rows.schema_ref();
    let named = schema.fields().iter().zip(rows.columns());
    named.filter(|(_, array)| any(array)).map(|(field, _)| field.name().clone()).collect()
}

fn open(table: &DeltaTable, dir: &Path, properties: WriterProperties) -> Result<RecordBatchWriter> {
    Ok(RecordBatchWriter::for_table(table)
        .map_err(|e| engine(dir, "cannot write the table", e))?
        .with_target_file_size(TARGET_FILE_BYTES)
        .with_writer_properties(properties))
}

/// How a table's files are written whose rows nobody has looked at.
///
/// # Errors
/// `Engine`.
pub fn properties(def: &TableDef) -> Result<WriterProperties> {
    let mut properties = common(def)?;
    for field in def.physical_schema()?.fields().iter().filter(|f| f.data_type().is_floating()) {
        let column = ColumnPath::from(field.name().as_str());
        properties = properties.set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    Ok(properties.build())
}

/// How they are written where some rows tell which columns a dictionary serves.
fn described(def: &TableDef, rows: &RecordBatch, unbounded: &BTreeSet<String>) -> Result<WriterProperties> {
    let mut properties = common(def)?;
    for column in unrepeated(rows)? {
        properties = properties.set_column_dictionary_enabled(column.path().clone(), false);
    }
    for column in unbounded {
        let column = ColumnPath::from(column.as_str());
        properties = properties.set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    Ok(properties.build())
}

fn common(def: &TableDef) -> Result<WriterPropertiesBuilder> {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(arrow)?))
        .set_max_row_group_row_count(Some(1 << 20));
    for column in def.primary_key.iter().filter_map(|id| def.column_by_id(*id)) {
        properties = properties.set_column_bloom_filter_enabled(ColumnPath::from(column.physical_name()), true);
    }
    Ok(properties)
}

/// A batch in the schema of the Delta table, which may have columns that the table dropped since.
fn shaped(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let column = |field: &Arc<datafusion::arrow::datatypes::Field>| match batch.column_by_name(field.name()) {
        Some(array) => conform(array, field.data_type()),
        None => Ok(datafusion::arrow::array::new_null_array(field.data_type(), batch.num_rows())),
    };
    let columns = schema.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
    let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(arrow)
}

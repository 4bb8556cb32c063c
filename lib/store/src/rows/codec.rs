//! Rows and keys as the payload of log operations: an Arrow IPC stream whose columns are named by column id, so that
//! rows outlive renames, and rows of an older definition are read under the newer one.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast_with_options, concat_batches};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use qx_formats::{Error, Result};

use super::arrow_error;
use crate::table_def::{Column, ROW_ID, TableDef};

/// In the schema's metadata: the keys of these rows were looked up and stand nowhere else.
const NEW: &str = "new";

/// Encodes rows in [`TableDef::row_schema`]. `new` promises that no row with such a key stood anywhere before.
///
/// # Errors
/// `Engine` when Arrow cannot.
pub fn encode_rows(def: &TableDef, rows: &RecordBatch, new: bool) -> Result<Vec<u8>> {
    let mut schema = def.log_schema()?.as_ref().clone();
    if new {
        schema.metadata.insert(NEW.to_owned(), String::new());
    }
    encode(Arc::new(schema), rows.columns().to_vec(), rows.num_rows())
}

/// Encodes the keys of rows: the columns of [`TableDef::key_names`], in their order.
///
/// # Errors
/// `Engine` when Arrow cannot.
pub fn encode_keys(def: &TableDef, keys: &RecordBatch) -> Result<Vec<u8>> {
    encode(key_schema(def)?, keys.columns().to_vec(), keys.num_rows())
}

fn encode(schema: SchemaRef, columns: Vec<ArrayRef>, rows: usize) -> Result<Vec<u8>> {
    let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options).map_err(arrow_error)?;
    let mut out = Vec::with_capacity(512 + batch.get_array_memory_size() / 4);
    let mut writer = StreamWriter::try_new(&mut out, &schema).map_err(arrow_error)?;
    writer.write(&batch).map_err(arrow_error)?;
    writer.finish().map_err(arrow_error)?;
    drop(writer);
    Ok(out)
}

fn key_schema(def: &TableDef) -> Result<SchemaRef> {
    if !def.is_keyed() {
        return Ok(Arc::new(Schema::new(vec![Field::new(ROW_ID, DataType::Int64, true)])));
    }
    let field = |id: &u32| {
        let column = def.column_by_id(*id).ok_or_else(|| Error::corrupt("the primary key names no column"))?;
        Ok(Field::new(column.log_name(), column.arrow_type()?, true))
    };
    Ok(Arc::new(Schema::new(def.primary_key.iter().map(field).collect::<Result<Vec<_>>>()?)))
}

fn stream(ipc: &[u8]) -> Result<(RecordBatch, bool)> {
    let damaged = |e: datafusion::arrow::error::ArrowError| {
        Error::corrupt("rows in the log cannot be decoded").expected("an Arrow IPC stream").got(e)
    };
    let reader = StreamReader::try_new(ipc, None).map_err(damaged)?;
    let schema = reader.schema();
    let new = schema.metadata().contains_key(NEW);
    let batches = reader.collect::<Result<Vec<_>, _>>().map_err(damaged)?;
    let batch = match <[RecordBatch; 1]>::try_from(batches) {
        Ok([one]) => one,
        Err(several) => concat_batches(&schema, &several).map_err(damaged)?,
    };
    Ok((batch, new))
}

/// Decodes rows, whatever definition they were written under, into [`TableDef::row_schema`]; and whether their keys
/// were new.
///
/// # Errors
/// `Corrupt` for bytes that are no such rows.
pub fn decode_rows(def: &TableDef, ipc: &[u8]) -> Result<(RecordBatch, bool)> {
    let (batch, new) = stream(ipc)?;
    let target = def.row_schema()?;
    let names: Vec<String> =
        def.columns.iter().map(Column::log_name).chain(def.hidden().iter().map(|f| f.name().clone())).collect();
    let rows = batch.num_rows();
    let mut columns = Vec::with_capacity(names.len());
    for (i, (name, field)) in names.iter().zip(target.fields()).enumerate() {
        columns.push(match batch.column_by_name(name) {
            Some(array) => conform(array, field.data_type())?,
            None => missing(def.columns.get(i), field.data_type(), rows)?,
        });
    }
    let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(rows));
    // A column that became NOT NULL was checked then; what the log holds of before is all overwritten or sound.
    let lenient: Vec<Field> = target.fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect();
    let batch =
        RecordBatch::try_new_with_options(Arc::new(Schema::new(lenient)), columns, &options).map_err(arrow_error)?;
    Ok((batch, new))
}

/// The value that rows have which were written before the column was there.
pub(crate) fn missing(column: Option<&Column>, target: &DataType, rows: usize) -> Result<ArrayRef> {
    match column.and_then(|c| c.missing.as_deref()) {
        None => Ok(new_null_array(target, rows)),
        Some(text) => conform(&(Arc::new(StringArray::from(vec![text; rows])) as ArrayRef), target),
    }
}

/// Decodes keys.
///
/// # Errors
/// `Corrupt` for bytes that are no such keys.
pub fn decode_keys(def: &TableDef, ipc: &[u8]) -> Result<Vec<ArrayRef>> {
    let (batch, _) = stream(ipc)?;
    let schema = key_schema(def)?;
    let key = |field: &Arc<Field>| {
        let array = batch.column_by_name(field.name());
        let array = array.ok_or_else(|| Error::corrupt("a key in the log lacks a column").expected(field.name()))?;
        conform(array, field.data_type())
    };
    schema.fields().iter().map(key).collect()
}

/// Casts, and refuses what would lose a value.
///
/// # Errors
/// `Invalid` with the first value that does not fit.
pub fn conform(array: &ArrayRef, target: &DataType) -> Result<ArrayRef> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    let options = CastOptions { safe: false, ..Default::default() };
    cast_with_options(array, target, &options)
        .map_err(|e| Error::invalid(format!("a value cannot be stored as {target}: {e}")))
}

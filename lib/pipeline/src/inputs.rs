//! The files that a pipeline reads: their content hashes, and the relations that they become.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Builder, Int64Array, ListBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use qx_formats::{Error, Kind, Result};
use qx_frame::{Options, Source};
use qx_io::{Job, Map};

use crate::spec::{Input, InputFormat, Spec};

/// Rows in one batch of a matrix.
const BATCH_ROWS: usize = 1024;

/// One input, found and hashed.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    /// BLAKE3 of the bytes.
    pub(crate) hash: String,
    pub(crate) bytes: u64,
}

/// Finds and hashes every input; `overrides` name other files for inputs.
///
/// # Errors
/// `Usage` for an override of an unknown input; `Io` with the path of a missing file.
pub(crate) fn find(
    spec: &Spec,
    base: &Path,
    overrides: &BTreeMap<String, PathBuf>,
    job: &Job,
) -> Result<BTreeMap<String, Found>> {
    if let Some(unknown) = overrides.keys().find(|name| !spec.inputs.contains_key(*name)) {
        let names: Vec<&str> = spec.inputs.keys().map(String::as_str).collect();
        return Err(Error::usage(format!("the pipeline has no input {unknown}")).expected(names.join(", ")));
    }
    let mut found = BTreeMap::new();
    for (name, input) in &spec.inputs {
        job.cancel.check()?;
        let path = overrides.get(name).cloned().unwrap_or_else(|| base.join(&input.path));
        let bytes = Map::open(&path)?;
        let hash = blake3::hash(&bytes).to_hex().to_string();
        found.insert(name.clone(), Found { hash, bytes: bytes.len() as u64, path });
    }
    Ok(found)
}

/// Reads one input as a relation.
///
/// # Errors
/// `Invalid` with path and place for what is not of the input's format.
pub(crate) fn read(input: &Input, found: &Found, job: &Job) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let (schema, batches) = match input.format {
        InputFormat::Json => {
            let sample = usize::try_from(input.sample).unwrap_or(usize::MAX);
            let options = Options { sample: (sample > 0).then_some(sample), ..Options::default() };
            let (schema, batches, report) = qx_frame::read_all(&[Source::Path(found.path.clone())], &options, job)?;
            for c in &report.coercions {
                tracing::warn!(
                    target: "qx::pipeline", path = %found.path.display(), field = %c.field, from = %c.from, to = %c.to,
                    count = c.count, "values were read as a wider type"
                );
            }
            (schema, batches)
        }
        InputFormat::Npy => matrix(&found.path)?,
    };
    match &input.row_number {
        Some(name) => numbered(schema, batches, name).map_err(|e| e.path(&found.path)),
        None => Ok((schema, batches)),
    }
}

fn arrow_error(e: arrow::error::ArrowError) -> Error {
    Error::new(Kind::Engine, e.to_string())
}

fn matrix(path: &Path) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    let matrix = qx_vector::npy::read(Map::open(path)?).map_err(|e| e.path(path))?;
    let item = Arc::new(Field::new("item", DataType::Float32, true));
    let schema = Arc::new(Schema::new(vec![Field::new("vector", DataType::List(Arc::clone(&item)), false)]));
    let mut batches = Vec::new();
    for start in (0..matrix.len()).step_by(BATCH_ROWS) {
        let end = (start + BATCH_ROWS).min(matrix.len());
        let mut list =
            ListBuilder::new(Float32Builder::with_capacity((end - start) * matrix.dim())).with_field(Arc::clone(&item));
        for row in start..end {
            list.values().append_slice(&matrix.row(row));
            list.append(true);
        }
        let column: ArrayRef = Arc::new(list.finish());
        batches.push(RecordBatch::try_new(Arc::clone(&schema), vec![column]).map_err(arrow_error)?);
    }
    Ok((schema, batches))
}

/// Adds the position of each record as the first column.
fn numbered(schema: SchemaRef, batches: Vec<RecordBatch>, name: &str) -> Result<(SchemaRef, Vec<RecordBatch>)> {
    if schema.field_with_name(name).is_ok() {
        return Err(Error::invalid(format!("row_number `{name}` is already the name of a column")));
    }
    let mut fields = vec![Arc::new(Field::new(name, DataType::Int64, false))];
    fields.extend(schema.fields().iter().cloned());
    let schema = Arc::new(Schema::new(fields));
    let mut next = 0i64;
    let number = |batch: RecordBatch| {
        let rows = batch.num_rows() as i64;
        let mut columns: Vec<ArrayRef> = vec![Arc::new(Int64Array::from_iter_values(next..next + rows))];
        next += rows;
        columns.extend(batch.columns().iter().cloned());
        RecordBatch::try_new(Arc::clone(&schema), columns).map_err(arrow_error)
    };
    let batches = batches.into_iter().map(number).collect::<Result<Vec<_>>>()?;
    Ok((schema, batches))
}

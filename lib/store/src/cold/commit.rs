//! One Delta commit that brings rows of the log to Parquet: new rows are appended, and the files that hold older
//! versions of them are written anew without those.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{Field, SchemaRef};
use datafusion::parquet::arrow::ProjectionMask;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use deltalake::DeltaTable;
use deltalake::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake::kernel::transaction::{CommitBuilder, CommitProperties};
use deltalake::kernel::{Action, Add, StructType, Transaction};
use deltalake::operations::create::CreateBuilder;
use deltalake::protocol::{DeltaOperation, SaveMode};
use qx_formats::{Error, Kind, Result};
use uuid::Uuid;

use super::files::{Files, properties};
use super::whole::{self, Vouched};
use super::{Cold, ColdFile, Expiry, FOLDER};
use crate::delta::{self, engine};
use crate::delta_sums::Sum;
use crate::rows::{KeySet, conform};
use crate::table_def::TableDef;

/// Rows read at once while a file is written anew.
const BATCH_ROWS: usize = 8192;

/// What a commit brings.
#[derive(Debug, Default)]
pub struct Change {
    /// In [`TableDef::row_schema`].
    pub rows: Vec<RecordBatch>,
    /// Keys whose rows in the files no longer count.
    pub over: Option<Arc<KeySet>>,
}

fn arrow(e: impl std::fmt::Display) -> Error {
    Error::new(Kind::Engine, e.to_string())
}

/// Brings `change` into the table in `table_dir`, in one commit that says that the files now hold the rows of the log
/// up to `lsn`. A table that says so already is left as it is: the commit happened before a crash.
///
/// # Errors
/// `Corrupt` when a file that is to be written anew is damaged: nothing was committed then. `Engine`, `Io`: nothing was, or
/// it was and the next call finds out.
pub async fn commit(table_dir: &Path, def: &TableDef, cold: &Cold, change: Change, lsn: u64) -> Result<Cold> {
    let dir = table_dir.join(FOLDER);
    let mut table = match &cold.table {
        Some(table) => table.clone(),
        None => create(&dir, def).await?,
    };
    if delta::transaction(&table, &dir, def.uuid).await?.is_some_and(|w| w >= lsn) {
        return Cold::of(table, &dir, def.uuid).await;
    }
    table = add_columns(table, &dir, def).await?;
    let physical = def.physical_schema()?;
    let rows =
        |batch: &RecordBatch| RecordBatch::try_new(Arc::clone(&physical), batch.columns().to_vec()).map_err(arrow);
    let most = change.rows.iter().max_by_key(|b| b.num_rows()).map(rows).transpose()?;
    let mut files = Files::new(table.clone(), &dir, def, most);
    let mut actions: Vec<Action> = Vec::new();
    if let Some(over) = change.over.as_ref().filter(|o| !o.is_empty()) {
        let state = table.snapshot().map_err(|e| engine(&dir, "cannot read the Delta log", e))?;
        let views: Vec<_> = state.log_data().iter().collect();
        let vouched = Vouched::read(table_dir)?;
        for (file, view) in cold.files.iter().zip(views) {
            if let Some(kept) = without(file, def, &physical, over, vouched.sum(file)).await? {
                for batch in kept {
                    files.write(&batch).await?;
                }
                actions.push(Action::Remove(view.remove_action(true)));
            }
        }
    }
    for batch in &change.rows {
        files.write(&rows(batch)?).await?;
    }
    let adds = files.finish().await?;
    let appended = actions.is_empty();
    actions.extend(adds.into_iter().map(Action::Add));
    finish(table, &dir, def, actions, appended, lsn).await
}

/// A bulk load: rows that go to Parquet without standing in the log, in one Delta commit at its end. Dropped before
/// that, it leaves files that nothing names.
pub struct Load {
    files: Files,
    physical: SchemaRef,
    lsn: u64,
}

impl Load {
    /// Begins a load whose commit will say that the files hold the log up to `lsn`.
    ///
    /// # Errors
    /// `Engine`.
    pub async fn start(table_dir: &Path, def: &TableDef, cold: &Cold, lsn: u64) -> Result<Load> {
        let dir = table_dir.join(FOLDER);
        let table = match &cold.table {
            Some(table) => table.clone(),
            None => create(&dir, def).await?,
        };
        let table = add_columns(table, &dir, def).await?;
        Ok(Load { files: Files::new(table, &dir, def, None), physical: def.physical_schema()?, lsn })
    }

    /// Takes rows in [`TableDef::row_schema`].
    ///
    /// # Errors
    /// `Engine`.
    pub async fn write(&mut self, rows: &RecordBatch) -> Result<()> {
        let rows = RecordBatch::try_new(Arc::clone(&self.physical), rows.columns().to_vec()).map_err(arrow)?;
        self.files.write(&rows).await
    }

    /// Commits.
    ///
    /// # Errors
    /// `Engine`.
    pub async fn finish(mut self) -> Result<Cold> {
        let actions = self.files.finish().await?.into_iter().map(Action::Add).collect();
        let Files { table, dir, def, .. } = self.files;
        finish(table, &dir, &def, actions, true, self.lsn).await
    }
}

async fn finish(
    table: DeltaTable,
    dir: &Path,
    def: &TableDef,
    actions: Vec<Action>,
    appended: bool,
    lsn: u64,
) -> Result<Cold> {
    let version = i64::try_from(lsn).map_err(|_| Error::limit("log sequence number", i64::MAX as u64, lsn))?;
    let properties = CommitProperties::default().with_application_transaction(Transaction::new(def.uuid, version));
    let operation = if appended {
        DeltaOperation::Write { mode: SaveMode::Append, partition_by: None, predicate: None }
    } else {
        DeltaOperation::Merge {
            predicate: None,
            merge_predicate: None,
            matched_predicates: Vec::new(),
            not_matched_predicates: Vec::new(),
            not_matched_by_source_predicates: Vec::new(),
        }
    };
    let state = table.snapshot().map_err(|e| engine(dir, "cannot read the Delta log", e))?;
    let done =
        CommitBuilder::from(properties).with_actions(actions).build(Some(state), table.log_store(), operation).await;
    let table = match done {
        Ok(done) => {
            let mut table = table;
            table.state = Some(done.snapshot());
            table
        }
        Err(e) => {
            // The commit may have happened all the same: Delta knows.
            let before = state.version();
            let again = delta::load(dir).await?.filter(|t| t.version().is_some_and(|v| v > before));
            match again {
                Some(table) if delta::transaction(&table, dir, def.uuid).await?.is_some_and(|w| w >= lsn) => table,
                _ => return Err(engine(dir, "cannot commit to the table", e)),
            }
        }
    };
    Cold::of(table, dir, def.uuid).await
}

async fn create(dir: &Path, def: &TableDef) -> Result<DeltaTable> {
    crate::database::make_dir(dir)?;
    let schema: StructType = def.physical_schema()?.as_ref().try_into_kernel().map_err(arrow)?;
    let log_store = delta::log_store(dir)?;
    let fields: Vec<_> = schema.fields().cloned().collect();
    CreateBuilder::new()
        .with_log_store(log_store)
        .with_columns(fields)
        .with_partition_columns(def.partition_names())
        .with_save_mode(SaveMode::Ignore)
        .await
        .map_err(|e| engine(dir, "cannot create the table", e))
}

/// Begins a Delta log in `dir` with files that are there already, in one commit that says that they hold the rows of the log up
/// to `lsn`.
///
/// # Errors
/// `Engine`, when a log is there, too.
pub async fn found(
    dir: &Path,
    schema: &datafusion::arrow::datatypes::Schema,
    partitions: Vec<String>,
    files: Vec<Add>,
    app: Uuid,
    lsn: u64,
) -> Result<()> {
    let version = i64::try_from(lsn).map_err(|_| Error::limit("log sequence number", i64::MAX as u64, lsn))?;
    let schema: StructType = schema.try_into_kernel().map_err(arrow)?;
    let fields: Vec<_> = schema.fields().cloned().collect();
    let properties = CommitProperties::default().with_application_transaction(Transaction::new(app, version));
    let made = CreateBuilder::new()
        .with_log_store(delta::log_store(dir)?)
        .with_columns(fields)
        .with_partition_columns(partitions)
        .with_save_mode(SaveMode::ErrorIfExists)
        .with_actions(files.into_iter().map(Action::Add))
        .with_commit_properties(properties)
        .await;
    made.map(drop).map_err(|e| engine(dir, "cannot create the table", e))
}

/// Columns that the Delta table does not have yet come in by a commit of their own, which changes no rows.
async fn add_columns(table: DeltaTable, dir: &Path, def: &TableDef) -> Result<DeltaTable> {
    let state = table.snapshot().map_err(|e| engine(dir, "cannot read the Delta log", e))?;
    let have = state.snapshot().arrow_schema();
    let wanted: StructType = def.physical_schema()?.as_ref().try_into_kernel().map_err(arrow)?;
    let missing: Vec<_> = wanted.fields().filter(|f| have.column_with_name(f.name()).is_none()).cloned().collect();
    if missing.is_empty() {
        return Ok(table);
    }
    table.add_columns().with_fields(missing).await.map_err(|e| engine(dir, "cannot add columns", e))
}

/// The rows of a file that are not in `over`; `None` when that is all of them. `sum`: what the file is to be.
async fn without(
    file: &ColdFile,
    def: &TableDef,
    physical: &SchemaRef,
    over: &Arc<KeySet>,
    sum: Option<Sum>,
) -> Result<Option<Vec<RecordBatch>>> {
    if !admits(file, def, over) {
        return Ok(None);
    }
    let (file, def, physical, over) = (file.clone(), def.clone(), Arc::clone(physical), Arc::clone(over));
    let work = move || {
        let key = key_positions(&def)?;
        if !any_key(&file, &def, &over)? {
            return Ok(None);
        }
        whole::check(&file.path, sum)?;
        let mut kept = Vec::new();
        for batch in read(&file, &def, &physical)? {
            let batch = batch?;
            let columns: Vec<ArrayRef> = key.iter().map(|i| Arc::clone(batch.column(*i))).collect();
            kept.push(match over.absent(&columns)? {
                Some(keep) => filter_record_batch(&batch, &keep).map_err(arrow)?,
                None => batch,
            });
        }
        Ok(Some(kept))
    };
    tokio::task::spawn_blocking(work).await.map_err(arrow)?
}

/// Where the key stands in [`TableDef::row_schema`], and so in the physical schema.
pub(super) fn key_positions(def: &TableDef) -> Result<Vec<usize>> {
    let logical = def.row_schema()?;
    def.key_names()?.iter().map(|n| logical.index_of(n).map_err(arrow)).collect()
}

/// Whether the file's bounds admit any of the keys.
pub(super) fn admits(file: &ColdFile, def: &TableDef, over: &KeySet) -> bool {
    let Some((low, high)) = over.first_range() else { return true };
    let Ok(names) = def.key_names() else { return true };
    let physical = names.first().map(|n| def.column(n).map_or(n.as_str(), |c| c.physical_name()));
    let Some(bounds) = physical.and_then(|n| file.stats.get(n)) else { return true };
    let number = |v: &datafusion::common::ScalarValue| match v {
        datafusion::common::ScalarValue::Int64(v) => *v,
        datafusion::common::ScalarValue::Int32(v) => v.map(i64::from),
        _ => None,
    };
    match (bounds.min.as_ref().and_then(number), bounds.max.as_ref().and_then(number)) {
        (Some(min), Some(max)) => min <= high && max >= low,
        _ => true,
    }
}

/// Whether the file holds any of the keys: its key columns alone are read.
fn any_key(file: &ColdFile, def: &TableDef, over: &KeySet) -> Result<bool> {
    for columns in super::read_keys(file, def)? {
        if over.absent(&columns?)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

type Batches = Box<dyn Iterator<Item = Result<RecordBatch>> + Send>;

/// The rows of a file in the table's present physical schema.
pub(super) fn read(file: &ColdFile, def: &TableDef, physical: &SchemaRef) -> Result<Batches> {
    project(file, def, physical, None)
}

/// As [`read`], with some columns only.
pub(super) fn project(
    file: &ColdFile,
    def: &TableDef,
    physical: &SchemaRef,
    only: Option<&[usize]>,
) -> Result<Batches> {
    let damaged = |e: &dyn std::fmt::Display| Error::new(Kind::Engine, format!("cannot read Parquet: {e}"));
    let open = std::fs::File::open(&file.path).map_err(|e| Error::io("open", e).path(&file.path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(open).map_err(|e| damaged(&e).path(&file.path))?;
    let wanted: Vec<usize> = only.map_or_else(|| (0..physical.fields().len()).collect(), <[usize]>::to_vec);
    let fields: Vec<_> = wanted.iter().map(|i| physical.field(*i).clone()).collect();
    let schema: SchemaRef = Arc::new(datafusion::arrow::datatypes::Schema::new(fields));
    let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    let have = builder.schema();
    let roots = names.iter().filter_map(|n| have.index_of(n).ok());
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    let reader =
        builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(|e| damaged(&e).path(&file.path))?;
    let (file, def) = (file.clone(), def.clone());
    let physical = Arc::clone(physical);
    Ok(Box::new(reader.map(move |batch| {
        let batch =
            batch.map_err(|e| Error::new(Kind::Engine, format!("cannot read Parquet: {e}")).path(&file.path))?;
        shape(&file, &def, &physical, &wanted, &schema, &batch)
    })))
}

/// The columns `wanted` of the physical schema, which are those of `schema`: what the batch of a file does not have is a
/// partition value, or came later.
fn shape(
    file: &ColdFile,
    def: &TableDef,
    physical: &SchemaRef,
    wanted: &[usize],
    schema: &SchemaRef,
    batch: &RecordBatch,
) -> Result<RecordBatch> {
    let column = |i: &usize| {
        let field = physical.field(*i);
        if let Some(array) = batch.column_by_name(field.name()) {
            return conform(array, field.data_type());
        }
        if let Some((_, value)) = file.partition.iter().find(|(n, _)| n == field.name()) {
            let text: ArrayRef = Arc::new(StringArray::from(vec![value.as_deref(); batch.num_rows()]));
            return conform(&text, field.data_type());
        }
        crate::rows::codec_missing(def.columns.get(*i), field.data_type(), batch.num_rows())
    };
    let columns = wanted.iter().map(column).collect::<Result<Vec<_>>>()?;
    let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(arrow)
}

/// A batch as a file holds it, in the table's present physical schema.
///
/// # Errors
/// `Engine`, `Invalid` for columns that are not those of the table.
pub fn completed(file: &ColdFile, def: &TableDef, batch: &RecordBatch) -> Result<RecordBatch> {
    let physical = def.physical_schema()?;
    let all: Vec<usize> = (0..physical.fields().len()).collect();
    shape(file, def, &physical, &all, &physical, batch)
}

/// Writes the whole table anew, as `new` defines it: the rows of the files less those that `change` replaced, and its
/// rows; `lsn` as in [`commit`]. With `first_id`, rows that have no row id get one, counted from there.
///
/// # Errors
/// `Engine`.
pub async fn rewrite(
    table_dir: &Path,
    def: &TableDef,
    new: &TableDef,
    cold: &Cold,
    change: Change,
    lsn: u64,
    first_id: Option<i64>,
) -> Result<Cold> {
    let dir = table_dir.join(FOLDER);
    crate::database::make_dir(&dir)?;
    let source = Arc::new(super::anew::Source::new(def, new, cold, change, first_id)?);
    let (table, _) =
        delta::replace(&dir, source.plan()?, def.uuid, lsn, &new.partition_names(), properties(new)?).await?;
    Cold::of(table, &dir, def.uuid).await
}

/// Takes rows out of the table that have expired, with the files that [`Expiry::files`] names, in one commit.
///
/// # Errors
/// `Engine`, `Io`.
pub async fn remove_expired(
    table_dir: &Path,
    def: &TableDef,
    cold: &Cold,
    expiry: &Expiry,
    files: &[(ColdFile, bool)],
) -> Result<Cold> {
    let dir = delta::resolved(&table_dir.join(FOLDER))?;
    let physical = def.physical_schema()?;
    // Of files all of whose rows go, nothing is taken over.
    whole::check_files(table_dir, files.iter().filter(|(_, all)| !all).map(|(file, _)| file))?;
    let (mut names, mut rows) = (Vec::new(), Vec::new());
    for (file, all) in files {
        names.push(file.path.strip_prefix(&dir).unwrap_or(&file.path).to_string_lossy().into_owned());
        if !all {
            for batch in read(file, def, &physical)? {
                rows.push(expiry.alive(&batch?)?);
            }
        }
    }
    replace_files(table_dir, def, cold, &names, rows).await
}

/// Takes files out of the table, whatever became of them, and adds rows, in one commit. The rows have the columns of
/// Parquet files, of whichever version of the schema.
///
/// # Errors
/// `Engine`, `Io`.
pub async fn replace_files(
    table_dir: &Path,
    def: &TableDef,
    cold: &Cold,
    names: &[String],
    rows: Vec<RecordBatch>,
) -> Result<Cold> {
    let dir = table_dir.join(FOLDER);
    let Some(table) = cold.table.clone() else { return Ok(cold.clone()) };
    let physical = def.physical_schema()?;
    let mut actions: Vec<Action> = Vec::new();
    let state = table.snapshot().map_err(|e| engine(&dir, "cannot read the Delta log", e))?;
    for view in state.log_data().iter() {
        if names.iter().any(|n| n.as_str() == view.path().as_ref()) {
            actions.push(Action::Remove(view.remove_action(true)));
        }
    }
    let mut files = Files::new(table.clone(), &dir, def, None);
    for batch in rows.iter().filter(|b| b.num_rows() > 0) {
        let column = |f: &Arc<Field>| match batch.column_by_name(f.name()) {
            Some(column) => datafusion::arrow::compute::cast(column, f.data_type()).map_err(arrow),
            None => Ok(datafusion::arrow::array::new_null_array(f.data_type(), batch.num_rows())),
        };
        let columns = physical.fields().iter().map(column).collect::<Result<Vec<_>>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&physical), columns).map_err(arrow)?;
        files.write(&batch).await?;
    }
    actions.extend(files.finish().await?.into_iter().map(Action::Add));
    finish(table, &dir, def, actions, false, cold.lsn).await
}

//! The cold tier of a table: a Delta Lake table in `cold/`, written through [`DurableStore`].

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::parquet::file::properties::WriterProperties;
use deltalake::datafusion::common::Column;
use deltalake::kernel::Transaction;
use deltalake::kernel::transaction::CommitProperties;
use deltalake::operations::write::{SchemaMode, WriteBuilder};
use deltalake::protocol::SaveMode;
use deltalake::{DeltaTable, DeltaTableBuilder, DeltaTableError};
use qx_formats::{Error, Kind, Result};
use url::Url;
use uuid::Uuid;

use crate::durable::DurableStore;

/// What one commit of a table came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Delta version.
    pub version: u64,
    pub files: u64,
    pub rows: u64,
    pub bytes: u64,
}

/// The engine prints whole plans into some of its errors; the first part says what went wrong.
const MAX_MESSAGE_LEN: usize = 400;

pub(crate) fn engine(path: &Path, what: &str, e: DeltaTableError) -> Error {
    let mut text = e.to_string();
    // Where RUST_BACKTRACE is set, frames follow.
    if let Some(frames) = text.find("\n   0: ") {
        text.truncate(frames);
    }
    if let Some((at, _)) = text.char_indices().nth(MAX_MESSAGE_LEN) {
        text.truncate(at);
        text.push_str(" ...");
    }
    Error::new(Kind::Engine, format!("{what}: {text}")).path(path)
}

/// The place behind a path, which may have no `..` in it where it becomes a URL or the name of an object. What is not
/// there yet stands under the folder that is to hold it.
///
/// # Errors
/// `Io`.
pub(crate) fn resolved(path: &Path) -> Result<PathBuf> {
    match path.canonicalize() {
        Ok(path) => Ok(path),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => match (path.parent(), path.file_name()) {
            (Some(parent), Some(name)) if parent != Path::new("") => Ok(resolved(parent)?.join(name)),
            _ => std::path::absolute(path).map_err(|e| Error::io("resolve", e).path(path)),
        },
        Err(e) => Err(Error::io("resolve", e).path(path)),
    }
}

/// Refuses a path under which Delta would look for its files elsewhere: it decodes `%20` and the like twice.
///
/// # Errors
/// `Usage`; `Io`.
pub(crate) fn addressable(path: &Path) -> Result<PathBuf> {
    let path = resolved(path)?;
    if path.to_str().is_none_or(|text| text.contains('%')) {
        return Err(Error::usage("Delta cannot address this path: it has a % in it, or is no UTF-8")
            .path(path)
            .hint("use a folder with another name"));
    }
    Ok(path)
}

fn builder(dir: &Path) -> Result<DeltaTableBuilder> {
    let absolute = addressable(dir)?;
    let url = Url::from_directory_path(&absolute)
        .map_err(|()| Error::usage("this path cannot be written as a URL, which Delta needs").path(&absolute))?;
    let store = DurableStore::filesystem();
    let table = DeltaTableBuilder::from_url(url.clone()).map_err(|e| engine(dir, "cannot address the table", e))?;
    Ok(table.with_storage_backend(Arc::new(store), url))
}

/// An older state of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Version(u64),
    /// Microseconds since 1970, UTC: the last version committed then or before.
    Time(i64),
}

pub(crate) fn log_store(dir: &Path) -> Result<deltalake::logstore::LogStoreRef> {
    builder(dir)?.build_storage().map_err(|e| engine(dir, "cannot address the table", e))
}

/// An older version of a table.
///
/// # Errors
/// `NotFound` when there is none such, or none yet at that time; `Engine`.
pub async fn load_at(dir: &Path, at: At) -> Result<DeltaTable> {
    let Some(mut table) = load(dir).await? else {
        return Err(Error::new(Kind::NotFound, "the table has no version yet: nothing was flushed").path(dir));
    };
    let newest = table.version().unwrap_or(0);
    let done = match at {
        At::Version(v) if v > newest => {
            return Err(Error::new(Kind::NotFound, "the table has no such version")
                .path(dir)
                .expected(format!("0 to {newest}"))
                .got(v));
        }
        At::Version(v) => table.load_version(v).await,
        At::Time(us) => match datetime(us) {
            Some(time) => table.load_with_datetime(time).await,
            None => return Err(Error::usage("a time outside the calendar").got(us)),
        },
    };
    done.map_err(|e| engine(dir, "cannot read this version", e))?;
    if let At::Time(us) = at {
        there_at(&table, dir, us)?;
    }
    Ok(table)
}

/// Refuses a time before the first version, for which Delta gives that one.
fn there_at(table: &DeltaTable, dir: &Path, us: i64) -> Result<()> {
    let state = table.snapshot().map_err(|e| engine(dir, "cannot read the Delta log", e))?;
    // In milliseconds; nothing of a version whose commit was folded into a checkpoint, before which there are others.
    let Some(ms) = state.version_timestamp(state.version()).filter(|ms| *ms > us.div_euclid(1000)) else {
        return Ok(());
    };
    let text = |t: Option<chrono::DateTime<chrono::Utc>>| t.map_or_else(String::new, |t| format!("{t:?}"));
    Err(Error::new(Kind::NotFound, "the table has no version of this time")
        .path(dir)
        .expected(format!("{} or later", text(chrono::DateTime::from_timestamp_millis(ms))))
        .got(text(datetime(us))))
}

fn datetime(us: i64) -> Option<chrono::DateTime<chrono::Utc>> {
    chrono::DateTime::from_timestamp_micros(us)
}

/// The table's newest version; `None` while nothing was committed.
///
/// # Errors
/// `Engine` when the Delta log cannot be read.
pub async fn load(dir: &Path) -> Result<Option<DeltaTable>> {
    if !dir.join("_delta_log").is_dir() {
        return Ok(None);
    }
    match builder(dir)?.load().await {
        // Delta takes an empty commit for one that changes nothing; nobody writes such a one.
        Ok(table) => match empty_commit(dir) {
            None => Ok(Some(table)),
            Some(path) => Err(Error::corrupt("a commit of the Delta log is empty: what it said is gone")
                .path(path)
                .hint("`qx fsck` says more; `qx repair` makes the log anew from the table's manifest")),
        },
        // A folder that was made and never committed to.
        Err(DeltaTableError::NotATable(_)) if !has_commit(dir) => Ok(None),
        Err(e) => Err(engine(dir, "cannot read the Delta log", e)),
    }
}

fn empty_commit(dir: &Path) -> Option<PathBuf> {
    let is_one = |entry: &std::fs::DirEntry| {
        entry.file_name().as_encoded_bytes().ends_with(b".json")
            && entry.metadata().is_ok_and(|meta| meta.is_file() && meta.len() == 0)
    };
    std::fs::read_dir(dir.join("_delta_log")).ok()?.flatten().find(is_one).map(|entry| entry.path())
}

fn has_commit(dir: &Path) -> bool {
    let entries = std::fs::read_dir(dir.join("_delta_log"));
    entries.into_iter().flatten().flatten().any(|e| e.file_name().as_encoded_bytes().ends_with(b".json"))
}

/// The application transaction that the table's newest version carries for `app`.
///
/// # Errors
/// `Engine`.
pub async fn transaction(table: &DeltaTable, dir: &Path, app: Uuid) -> Result<Option<u64>> {
    let read = async { table.snapshot()?.transaction_version(table.log_store().as_ref(), app).await };
    let version = read.await.map_err(|e| engine(dir, "cannot read the application transaction", e))?;
    Ok(version.and_then(|v| u64::try_from(v).ok()))
}

/// Replaces the content of the table by the rows of `plan`, in one commit that carries the transaction (`app`, `lsn`).
/// A table that already carries it is left as it is: the commit happened before a crash.
///
/// # Errors
/// `Engine`: the query failed, or the commit did.
pub async fn replace(
    dir: &Path,
    plan: LogicalPlan,
    app: Uuid,
    lsn: u64,
    partitions: &[String],
    properties: WriterProperties,
) -> Result<(DeltaTable, Snapshot)> {
    qx_io::create_dir_all(dir).map_err(|e| Error::io("create folder", e).path(dir))?;
    let existing = load(dir).await?;
    if let Some(table) = &existing
        && transaction(table, dir, app).await? == Some(lsn)
    {
        let snapshot = describe(table, dir)?;
        return Ok((table.clone(), snapshot));
    }
    let version = i64::try_from(lsn).map_err(|_| Error::limit("log sequence number", i64::MAX as u64, lsn))?;
    let state = match &existing {
        Some(table) => {
            Some(table.snapshot().map_err(|e| engine(dir, "cannot read the Delta log", e))?.snapshot().clone())
        }
        None => None,
    };
    let log_store = match existing {
        Some(table) => table.log_store(),
        None => log_store(dir)?,
    };
    let mut write = WriteBuilder::new(log_store, state.clone())
        .with_save_mode(SaveMode::Overwrite)
        .with_input_plan(storable(plan)?)
        .with_writer_properties(properties)
        .with_commit_properties(
            CommitProperties::default().with_application_transaction(Transaction::new(app, version)),
        );
    if !partitions.is_empty() {
        write = write.with_partition_columns(partitions.to_vec());
    }
    if state.is_some() {
        write = write.with_schema_mode(SchemaMode::Overwrite);
    }
    let table = write.await.map_err(|e| engine(dir, "cannot write the table", e))?;
    let snapshot = describe(&table, dir)?;
    tracing::info!(target: "qx::store", path = %dir.display(), version = snapshot.version, rows = snapshot.rows, "table written");
    Ok((table, snapshot))
}

/// Counts of the version that `table` holds, from the Delta log alone.
///
/// # Errors
/// `Engine`.
pub fn describe(table: &DeltaTable, dir: &Path) -> Result<Snapshot> {
    let state = table.snapshot().map_err(|e| engine(dir, "cannot read the Delta log", e))?;
    let mut snapshot = Snapshot { version: state.version(), files: 0, rows: 0, bytes: 0 };
    for file in state.log_data().iter() {
        snapshot.files += 1;
        snapshot.rows += file.num_records().unwrap_or(0) as u64;
        snapshot.bytes += u64::try_from(file.size()).unwrap_or(0);
    }
    Ok(snapshot)
}

/// The table for DataFusion, fixed at the version that was loaded.
///
/// # Errors
/// `Engine`.
pub async fn provider(table: &DeltaTable, dir: &Path, session: &dyn Session) -> Result<Arc<dyn TableProvider>> {
    table.update_datafusion_session(session).map_err(|e| engine(dir, "cannot open the table", e))?;
    let built = table.table_provider().await;
    built.map_err(|e| Error::new(Kind::Engine, format!("cannot open the table: {e}")).path(dir))
}

/// The nearest type that Delta Lake has: it knows no unsigned integers, half floats, fixed-size lists or dictionaries.
/// Every value keeps its meaning.
pub fn delta_type(t: &DataType) -> DataType {
    let field = |f: &Arc<Field>| Arc::new(Field::new(f.name(), delta_type(f.data_type()), true));
    match t {
        DataType::Null | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => DataType::Binary,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Time32(_) | DataType::Time64(_) | DataType::Duration(_) | DataType::Interval(_) => DataType::Utf8,
        DataType::Decimal256(..) => DataType::Utf8,
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| "UTC".into())),
        DataType::List(f) | DataType::LargeList(f) | DataType::FixedSizeList(f, _) | DataType::ListView(f) => {
            DataType::List(field(f))
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect()),
        DataType::Map(entries, sorted) => match entries.data_type() {
            // A key is never null, whatever it is made of.
            DataType::Struct(members) => {
                let member = |f: &Arc<Field>| f.as_ref().clone().with_data_type(delta_type(f.data_type()));
                let members = DataType::Struct(members.iter().map(member).collect());
                DataType::Map(Arc::new(entries.as_ref().clone().with_data_type(members)), *sorted)
            }
            _ => t.clone(),
        },
        DataType::Dictionary(_, value) => delta_type(value),
        other => other.clone(),
    }
}

/// Casts every column of `plan` that Delta Lake cannot store as it is, and gives it the table's plain column names.
fn storable(plan: LogicalPlan) -> Result<LogicalPlan> {
    let columns: Vec<Expr> = plan
        .schema()
        .iter()
        .map(|(qualifier, field)| {
            let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
            let target = delta_type(field.data_type());
            let value = match field.data_type() {
                DataType::Null => Expr::Literal(ScalarValue::Utf8(None), None),
                t if *t == target => column,
                _ => cast(column, target),
            };
            value.alias(field.name())
        })
        .collect();
    let plan = LogicalPlanBuilder::from(plan).project(columns).and_then(LogicalPlanBuilder::build);
    plan.map_err(|e| Error::new(Kind::Engine, format!("cannot plan the write: {e}")))
}

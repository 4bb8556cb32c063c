//! SHOW VECTOR INDEX, SHOW VECTOR INDEXES, SHOW VECTOR INDEX STATUS, SHOW CREATE VECTOR INDEX.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray, UInt64Array};
use qx_formats::Result;
use qx_store::View;
use qx_store::catalog::IndexDef;
use qx_store::names::{DEFAULT_SCHEMA, ObjectName};
use qx_store::vectors;
use qx_vector::definition::{Definition, State};

use super::build::Synced;
use super::define::mode_name;
use super::opened::{Cache, find};
use crate::graph::batch;
use crate::session::{Answer, Session};

fn texts(values: impl IntoIterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

/// One index as it stands.
struct Line {
    name: String,
    def: IndexDef,
    definition: Option<Definition>,
    /// Rows in files without a graph, which a build would link.
    unlinked: Option<u64>,
    /// Rows of the log that it has not taken up.
    pending: Option<u64>,
    stale: bool,
}

async fn line(view: &View, cache: &Cache, name: &ObjectName, def: &IndexDef) -> Result<Line> {
    let catalog = view.catalog();
    let table = catalog.tables.iter().find(|(table, t)| def.column_in(table, t).is_some());
    let table = match table {
        Some((table, _)) => view.table(&ObjectName::parse("table", table)?).await?,
        None => None,
    };
    let definition = vectors::definition(view, name, def)?;
    let mut line = Line { name: name.key(), def: def.clone(), definition, unlinked: None, pending: None, stale: false };
    if let Some(index) = cache.open(view, name, def)? {
        line.unlinked = Some(index.unlinked());
        if let Some(table) = table {
            line.stale = cache.unfit(view, &table, &index)?.is_some();
            if !line.stale {
                line.pending = Some(cache.delta(view, &table, &index)?.len() as u64);
            }
        }
    }
    Ok(line)
}

impl Line {
    /// `empty` before the first build; `stale` when only a build brings it up.
    fn state(&self) -> &'static str {
        match self.definition.as_ref().map(|d| d.status.state) {
            None | Some(State::Empty) => "empty",
            Some(_) if self.stale => "stale",
            Some(State::Building) => "building",
            Some(State::Ready) => "ready",
            Some(State::Failed) => "failed",
        }
    }
}

/// The status of indexes, a row for each: of one, or of all.
///
/// # Errors
/// Those of opening them.
pub(crate) async fn status_of(view: &View, cache: &Cache, name: Option<&ObjectName>) -> Result<RecordBatch> {
    let catalog = view.catalog();
    let names = match name {
        Some(name) => {
            find(&catalog, name)?;
            vec![name.clone()]
        }
        None => catalog.indexes.keys().map(|k| ObjectName::parse("vector index", k)).collect::<Result<_>>()?,
    };
    let mut all = Vec::new();
    for name in &names {
        all.push(line(view, cache, name, find(&catalog, name)?).await?);
    }
    let counts =
        |f: &dyn Fn(&Line) -> Option<u64>| -> ArrayRef { Arc::new(all.iter().map(f).collect::<UInt64Array>()) };
    let of = |f: &dyn Fn(&Definition) -> Option<u64>| counts(&|l| f(l.definition.as_ref()?));
    let parameter = |f: &dyn Fn(&qx_vector::definition::Parameters) -> String| {
        texts(all.iter().map(|l| {
            let own = l.def.options.as_ref().map(|o| &o.parameters);
            own.or(l.definition.as_ref().map(|d| &d.parameters)).map(f).unwrap_or_default()
        }))
    };
    let built = |l: &Line| l.definition.as_ref().and_then(|d| d.status.built_at.clone());
    batch(vec![
        ("name", texts(all.iter().map(|l| l.name.clone()))),
        ("table", texts(all.iter().map(|l| l.def.table.clone()))),
        ("column", texts(all.iter().map(|l| l.def.column.clone()))),
        ("state", texts(all.iter().map(|l| l.state().to_owned()))),
        ("rows_indexed", of(&|d| Some(d.status.rows_indexed))),
        ("bytes", of(&|d| Some(d.status.bytes))),
        ("dim", counts(&|l| l.definition.as_ref().and_then(|d| d.dim).or(l.def.options.as_ref()?.dim).map(u64::from))),
        ("metric", texts(all.iter().map(|l| l.def.metric.clone()))),
        ("engine", parameter(&|p| p.engine.clone())),
        ("build_time_ms", of(&|d| Some(d.status.build_time_ms))),
        ("ef_build", of(&|d| Some(u64::from(d.parameters.ef_build)))),
        ("ef_search", of(&|d| Some(u64::from(d.tuned_ef.unwrap_or(d.parameters.ef_search))))),
        ("mode", texts(all.iter().map(|l| mode_name(l.def.mode()).to_owned()))),
        ("covered_lsn", of(&|d| Some(d.covered_lsn))),
        ("pending_rows", counts(&|l| l.pending)),
        ("unlinked_rows", counts(&|l| l.unlinked)),
        ("skipped", of(&|d| Some(d.status.skipped))),
        ("segments", of(&|d| Some(d.segments.len() as u64))),
        ("built_at", Arc::new(all.iter().map(built).collect::<StringArray>())),
    ])
}

pub(super) async fn status(session: &Session, name: Option<&ObjectName>) -> Result<Answer> {
    status_of(&session.view(), session.vectors(), name).await.map(Answer::batch)
}

pub(super) fn indexes(session: &Session) -> Result<Answer> {
    let catalog = session.view().catalog();
    let defs = || catalog.indexes.values();
    batch(vec![
        ("name", texts(catalog.indexes.keys().cloned())),
        ("table", texts(defs().map(|d| d.table.clone()))),
        ("column", texts(defs().map(|d| d.column.clone()))),
        ("metric", texts(defs().map(|d| d.metric.clone()))),
        ("mode", texts(defs().map(|d| mode_name(d.mode()).to_owned()))),
    ])
    .map(Answer::batch)
}

/// What an index is, a line for each thing.
pub(super) async fn index(session: &Session, name: &ObjectName) -> Result<Answer> {
    let status = status_of(&session.view(), session.vectors(), Some(name)).await?;
    let (mut properties, mut values) = (Vec::new(), Vec::new());
    for (field, column) in status.schema().fields().iter().zip(status.columns()) {
        let value = datafusion::arrow::util::display::array_value_to_string(column, 0);
        let value = value.map_err(|e| qx_formats::Error::new(qx_formats::Kind::Engine, e.to_string()))?;
        if !value.is_empty() {
            properties.push(field.name().clone());
            values.push(value);
        }
    }
    let catalog = session.view().catalog();
    properties.push("statement".to_owned());
    values.push(statement(find(&catalog, name)?, name));
    batch(vec![("property", texts(properties)), ("value", texts(values))]).map(Answer::batch)
}

pub(super) fn definition(session: &Session, name: &ObjectName) -> Result<Answer> {
    let catalog = session.view().catalog();
    let statement = statement(find(&catalog, name)?, name);
    batch(vec![("name", texts([name.key()])), ("statement", texts([statement]))]).map(Answer::batch)
}

/// A name as a statement takes it: bare where that reads the same.
fn word(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn full(key: &str) -> String {
    match key.split_once('.') {
        Some((DEFAULT_SCHEMA, name)) => word(name),
        Some((schema, name)) => format!("{}.{}", word(schema), word(name)),
        None => word(key),
    }
}

/// The statement that makes this index.
fn statement(def: &IndexDef, name: &ObjectName) -> String {
    let on = format!("CREATE VECTOR INDEX {} ON {}({})", full(&name.key()), full(&def.table), word(&def.column));
    let Some(options) = &def.options else { return format!("{on} WITH (metric = {})", def.metric) };
    let p = &options.parameters;
    let mut with = vec![format!("metric = {}", def.metric)];
    with.extend(options.dim.map(|d| format!("dim = {d}")));
    with.push(format!("mode = {}", mode_name(options.mode)));
    with.push(format!("m = {}, ef_build = {}, ef_search = {}", p.m, p.ef_build, p.ef_search));
    with.push(format!(
        "dim_policy = {}, element = {}, codes = '{}', seed = {}",
        p.dim_policy, p.element, p.codes, p.seed
    ));
    with.extend(options.alpha.map(|a| format!("alpha = {a}")));
    with.extend(options.batch_rows.map(|n| format!("batch_rows = {n}")));
    format!("{on} USING {} WITH ({})", p.engine, with.join(", "))
}

/// What upkeep did.
pub(super) fn synced(done: &[Synced]) -> Result<Answer> {
    let column = |f: fn(&Synced) -> u64| -> ArrayRef { Arc::new(UInt64Array::from_iter_values(done.iter().map(f))) };
    batch(vec![
        ("name", texts(done.iter().map(|d| d.index.clone()))),
        ("work", texts(done.iter().map(|d| d.what.to_owned()))),
        ("changes", column(|d| d.changes)),
        ("rows", column(|d| d.rows)),
    ])
    .map(Answer::batch)
}

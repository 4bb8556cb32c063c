//! Bringing indexes up to the present: what changed goes into a further file, and what it replaces into a deny list. A
//! flush does it before the rows leave the log, so that an index is never without the rows that it lacks.

use std::time::Duration;

use qx_formats::{Error, Result};
use qx_io::{Job, Publish};
use qx_vector::definition::{Definition, Mode};
use qx_vector::set::{Changes, Editor, create_with};
use qx_vector::{BuildOptions, BuildReport, DimPolicy, Element, Engine, IdSet, RowIds};
use serde::Serialize;

use super::{Chunks, DEFAULT_BATCH_ROWS, RowKey, definition, path, since};
use crate::catalog::IndexDef;
use crate::names::ObjectName;
use crate::view::{Table, View};

/// How long a change waits for another one of the same index: there is one writer of a database anyway.
const WAIT: Duration = Duration::from_secs(30);

/// What taking up came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Rows written or deleted that were looked at.
    pub changes: u64,
    /// Rows of the index afterwards.
    pub rows: u64,
}

/// Files that hold the rows of a REBUILD_ONLY index since its build have no graph: that is for a build to make.
fn engine_of(index: &IndexDef) -> Option<Engine> {
    (index.mode() == Mode::RebuildOnly).then_some(Engine::Flat)
}

/// Takes the changes of a table up into one of its indexes. `None` where only reading the whole table could bring it
/// up: it was never built, rows came and went beside the log, or rows changed that it knows by another column than
/// their key.
///
/// What the log holds up to the view's number must be on disk: an index never holds what a crash takes away.
///
/// # Errors
/// `Corrupt`, `Io`; those of a build.
pub fn take_up(view: &View, table: &Table, name: &ObjectName, index: &IndexDef) -> Result<Option<Done>> {
    let Some(old) = definition(view, name, index)? else { return Ok(None) };
    let Some(column) = index.column_in(&table.name.key(), &table.def) else { return Ok(None) };
    if old.covered_lsn < table.cold.lsn {
        return Ok(None);
    }
    let lsn = view.lsn();
    let key = RowKey::of_index(&table.def, index)?;
    let delta = if old.covered_lsn < lsn {
        since(view, table, &key, &column.name, old.covered_lsn)?
    } else {
        return Ok(Some(Done { changes: 0, rows: old.status.rows_indexed }));
    };
    if delta.blind {
        return Ok(None);
    }
    apply(view, name, index, &key, &delta.gone, delta.ids, &delta.rows).map(Some)
}

/// Writes rows into a further file of an index, which covers the view's moment from then on; what it says of `gone` no
/// longer counts.
pub(super) fn apply(
    view: &View,
    name: &ObjectName,
    index: &IndexDef,
    key: &RowKey,
    gone: &IdSet,
    ids: Vec<u64>,
    rows: &Chunks,
) -> Result<Done> {
    check_range(index, rows)?;
    let (lsn, changes) = (view.lsn(), gone.len().max(ids.len()) as u64);
    let mut editor = Editor::open(&path(view, name), WAIT)?;
    let taken = Changes { gone, source: rows, ids: RowIds::of(key.flavour, ids), engine: engine_of(index) };
    // A row that cannot be indexed has no distance either: it is left out and counted.
    let opts = BuildOptions { dim_policy: DimPolicy::Skip, ..BuildOptions::default() };
    let job = Job::default();
    let report = editor.apply(taken, &opts, &job, |d| d.covered_lsn = lsn)?;
    editor.fold_small(engine_of(index), &opts, &job)?;
    tracing::info!(target: "qx::store", index = %name.key(), changes, rows = report.rows, lsn, "vector index brought up");
    Ok(Done { changes, rows: report.rows })
}

/// Folds small files of an index.
///
/// # Errors
/// `Corrupt`, `Io`; those of a build.
pub fn fold(view: &View, name: &ObjectName, index: &IndexDef) -> Result<bool> {
    let opts = BuildOptions { dim_policy: DimPolicy::Skip, ..BuildOptions::default() };
    Editor::open(&path(view, name), WAIT)?.fold_small(engine_of(index), &opts, &Job::default())
}

/// Builds an index anew from all rows of its table as of the view's moment.
///
/// # Errors
/// Those of a build.
pub fn rebuild(
    view: &View,
    name: &ObjectName,
    index: &IndexDef,
    key: &RowKey,
    ids: Vec<u64>,
    rows: &Chunks,
    job: &Job,
) -> Result<BuildReport> {
    check_range(index, rows)?;
    let wanted = wanted(name, index)?;
    let opts = wanted.build_options()?;
    let file = path(view, name);
    if let Some(folder) = file.parent() {
        crate::database::make_dir(folder)?;
    }
    let (lsn, now) = (view.lsn(), qx_log::format_time_us(qx_log::now_us()));
    create_with(&file, Publish::Replace, rows, RowIds::of(key.flavour, ids), &opts, job, |d| {
        d.index = Some(index.uuid);
        d.name = name.key();
        d.table.clone_from(&index.table);
        d.column.clone_from(&index.column);
        d.mode = index.mode();
        d.dim = d.dim.filter(|n| *n > 0).or(opts.dim);
        d.covered_lsn = lsn;
        d.status.built_at = Some(now);
    })
}

/// That every vector with numbers has them in the index as well: one that shorter floats cannot hold would be left out,
/// and its row has a distance.
fn check_range(index: &IndexDef, rows: &Chunks) -> Result<()> {
    let Some(options) = &index.options else { return Ok(()) };
    let element: Element = options.parameters.element.parse()?;
    if element == Element::F32 {
        return Ok(());
    }
    let lost = |x: &&f32| x.is_finite() && !element.round(**x).is_finite();
    match (0..rows.len()).find_map(|row| rows.get(row)?.iter().find(lost)) {
        None => Ok(()),
        Some(x) => Err(Error::invalid(format!("a vector does not fit the index, whose elements are {element}"))
            .got(x)
            .hint("an index with element = f32 or bf16 holds larger numbers")),
    }
}

/// The definition that a build of this index starts from.
fn wanted(name: &ObjectName, index: &IndexDef) -> Result<Definition> {
    let mut wanted = Definition::new(&name.key(), &index.table, &index.column, index.metric.parse()?);
    if let Some(options) = &index.options {
        wanted.parameters = options.parameters.clone();
        wanted.mode = options.mode;
        wanted.dim = options.dim;
    }
    Ok(wanted)
}

/// Whether a commit that wrote to the table is to bring this index up by itself.
pub fn is_due(table: &Table, index: &IndexDef) -> bool {
    match index.mode() {
        Mode::Immediate => true,
        Mode::Batched => {
            let batch = index.options.as_ref().and_then(|o| o.batch_rows).unwrap_or(DEFAULT_BATCH_ROWS);
            table.hot().ops_rows() >= batch
        }
        Mode::Async | Mode::RebuildOnly => false,
    }
}

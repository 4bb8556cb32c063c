//! Vector indexes as statements see them: opened once, with what changed above them; and which one fits a question.

use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use qx_formats::Result;
use qx_plan::Facts;
use qx_store::catalog::{Catalog, IndexDef};
use qx_store::names::ObjectName;
use qx_store::vectors::{self, Delta, RowKey};
use qx_store::view::moved;
use qx_store::{Table, View};
use qx_vector::definition::{Definition, Mode};
use qx_vector::set::Segments;
use qx_vector::{Engine, Metric};
use uuid::Uuid;

/// An index at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    pub(crate) name: ObjectName,
    pub(crate) def: IndexDef,
    pub(crate) definition: Arc<Definition>,
    pub(crate) set: Arc<Segments>,
}

/// Moment of a view: its last commit, and how much the open transaction has on top.
type Moment = (u64, usize, u64);

fn moment(view: &View) -> Moment {
    (view.lsn(), view.pending_len(), view.rewinds())
}

/// A published file as it stood: publishing makes a new one in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    modified: (i64, i64),
    bytes: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Stamp> {
        let m = std::fs::metadata(path).ok()?;
        Some(Stamp { inode: m.ino(), modified: (m.mtime(), m.mtime_nsec()), bytes: m.len() })
    }
}

type OpenedSet = (Option<Stamp>, Arc<Definition>, Arc<Segments>);
type OpenedDelta = (Moment, u64, Arc<Delta>);

/// The indexes that a session has opened, with the definition that they were opened by.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    sets: Mutex<HashMap<Uuid, OpenedSet>>,
    deltas: Mutex<HashMap<Uuid, OpenedDelta>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    /// An index as it is now; `None` when it was never built.
    ///
    /// # Errors
    /// `Corrupt`, `Io`; the error of a reader whose moment has passed.
    pub(crate) fn open(&self, view: &View, name: &ObjectName, def: &IndexDef) -> Result<Option<Opened>> {
        let opened = |definition: &Arc<Definition>, set: &Arc<Segments>| {
            if definition.covered_lsn > view.lsn() {
                // It holds rows that this statement does not see.
                return Err(moved());
            }
            let (name, def) = (name.clone(), def.clone());
            Ok(Some(Opened { name, def, definition: Arc::clone(definition), set: Arc::clone(set) }))
        };
        // Before it is read: one that is replaced in between is read again the next time.
        let stamp = Stamp::of(&vectors::path(view, name));
        let known = lock(&self.sets).get(&def.uuid).cloned();
        if let Some((at, definition, set)) = &known
            && at.is_some()
            && *at == stamp
        {
            return opened(definition, set);
        }
        let Some(definition) = vectors::definition(view, name, def)? else { return Ok(None) };
        if let Some((_, old, set)) = known
            && *old == definition
        {
            lock(&self.sets).insert(def.uuid, (stamp, Arc::clone(&old), Arc::clone(&set)));
            return opened(&old, &set);
        }
        if definition.covered_lsn > view.lsn() {
            return Err(moved());
        }
        let set = vectors::open(view, name, definition.clone()).map_err(|e| {
            // A writer replaced the files after the definition was read.
            if e.io_kind() == Some(std::io::ErrorKind::NotFound) && view.is_current().is_ok_and(|now| !now) {
                moved()
            } else {
                e
            }
        })?;
        let (definition, set) = (Arc::new(definition), Arc::new(set));
        lock(&self.sets).insert(def.uuid, (stamp, Arc::clone(&definition), Arc::clone(&set)));
        opened(&definition, &set)
    }

    /// What became of the table's rows since the index was brought up.
    ///
    /// # Errors
    /// Those of [`vectors::since`].
    pub(crate) fn delta(&self, view: &View, table: &Table, index: &Opened) -> Result<Arc<Delta>> {
        let (now, after) = (moment(view), index.definition.covered_lsn);
        if let Some((at, from, delta)) = lock(&self.deltas).get(&index.def.uuid)
            && *at == now
            && *from == after
        {
            return Ok(Arc::clone(delta));
        }
        let key = RowKey::of_index(&table.def, &index.def)?;
        let column = index.column(table).unwrap_or(&index.def.column);
        let delta = Arc::new(vectors::since(view, table, &key, column, after)?);
        lock(&self.deltas).insert(index.def.uuid, (now, after, Arc::clone(&delta)));
        Ok(delta)
    }

    /// Why an index cannot be asked about this state of its table, if so.
    ///
    /// # Errors
    /// Those of [`Cache::delta`].
    pub(crate) fn unfit(&self, view: &View, table: &Table, index: &Opened) -> Result<Option<String>> {
        if let Some(why) = index.stale(table) {
            return Ok(Some(why));
        }
        let (blind, name) = (self.delta(view, table, index)?.blind, index.name.key());
        Ok(blind.then(|| format!("the index {name} knows rows by a column that is not their key, and some changed")))
    }

    /// The index that answers for a column of a table by a metric, or why none does.
    ///
    /// # Errors
    /// Those of [`Cache::open`].
    pub(crate) fn pick(&self, view: &View, table: &Table, column: &str, metric: Metric) -> Result<Pick> {
        let key = table.name.key();
        let catalog = view.catalog();
        let on_column = |def: &IndexDef| def.column_in(&key, &table.def).is_some_and(|c| c.name == column);
        let mut reason = format!("there is no vector index on {key}({column})");
        for (name, def) in catalog.indexes_on(&key).filter(|(_, def)| on_column(def)) {
            if def.metric != metric.to_string() {
                reason = format!("the metric of the index {name} is {}", def.metric);
                continue;
            }
            let name = ObjectName::parse("vector index", name)?;
            match self.open(view, &name, def)? {
                None => reason = format!("the index {} was never built", name.key()),
                Some(index) => match self.unfit(view, table, &index)? {
                    Some(why) => reason = why,
                    None => return Ok(Pick::Index(Box::new(index))),
                },
            }
        }
        Ok(Pick::Exact(reason))
    }
}

/// What answers a question.
#[derive(Debug)]
pub(crate) enum Pick {
    Index(Box<Opened>),
    /// Every row of the table, and why.
    Exact(String),
}

impl Opened {
    /// Why nothing that the log holds brings the index up to this state of the table, if so.
    fn stale(&self, table: &Table) -> Option<String> {
        let (covered, flushed) = (self.definition.covered_lsn, table.cold.lsn);
        (covered < flushed).then(|| {
            let name = self.name.key();
            format!(
                "the index {name} is stale: it covers the log up to {covered}, the files of the table hold it up to \
                 {flushed}; REINDEX VECTOR INDEX {name} brings it up"
            )
        })
    }

    /// The column that it is on, by the name that the column has now.
    pub(crate) fn column<'a>(&self, table: &'a Table) -> Option<&'a str> {
        self.def.column_in(&table.name.key(), &table.def).map(|c| c.name.as_str())
    }

    pub(crate) fn metric(&self) -> Metric {
        self.def.metric.parse().unwrap_or(Metric::L2)
    }

    /// Whether the vectors in it are those of the table to the bit, so that its scores are final.
    pub(crate) fn is_faithful(&self) -> bool {
        self.definition.parameters.element == "f32" && self.definition.parameters.codes != "only"
    }

    /// Rows in files without a graph, which a build would link: searches scan them.
    pub(crate) fn unlinked(&self) -> u64 {
        if self.definition.parameters.engine == Engine::Flat.to_string() {
            return 0;
        }
        self.set.parts().iter().filter(|p| p.index.engine() == Engine::Flat).map(qx_vector::set::Part::rows).sum()
    }

    /// What EXPLAIN says of it.
    pub(crate) fn facts(&self) -> Facts {
        let definition = &self.definition;
        let facts = Facts::new("vector_index")
            .version(format!("generation {} and the log up to {}", definition.generation, definition.covered_lsn))
            .entry("index", self.name.key())
            .entry("table", self.def.table.clone())
            .entry("engine", definition.parameters.engine.clone())
            .entry("metric", self.def.metric.clone())
            .entry("rows_indexed", self.set.len());
        match (self.def.mode(), self.unlinked()) {
            (_, 0) => facts,
            (Mode::RebuildOnly, n) => facts.entry("unlinked_rows", n),
            (_, n) => facts.entry("scanned_rows", n),
        }
    }
}

/// The key by which searches know the rows of a table: that of an index on the column, asked or not, else the table's.
///
/// # Errors
/// Those of [`RowKey::of_index`].
pub(crate) fn key_on(catalog: &Catalog, table: &Table, column: &str) -> Result<RowKey> {
    let (name, def) = (table.name.key(), &table.def);
    let mut on = catalog.indexes_on(&name).map(|(_, index)| index);
    let index = on.find(|index| index.column_in(&name, def).is_some_and(|c| c.name == column));
    index.map_or_else(|| RowKey::of(def), |index| RowKey::of_index(def, index))
}

/// The index of a name.
///
/// # Errors
/// `NotFound` with the names that there are.
pub(crate) fn find<'a>(catalog: &'a Catalog, name: &ObjectName) -> Result<&'a IndexDef> {
    catalog.index(name).ok_or_else(|| {
        let names: Vec<&str> = catalog.indexes.keys().map(String::as_str).collect();
        let missing = format!("there is no vector index {}", name.key());
        let missing = qx_formats::Error::new(qx_formats::Kind::NotFound, missing);
        match names.as_slice() {
            [] => missing.hint("no vector index is defined: CREATE VECTOR INDEX makes one"),
            names => missing.expected(names.join(", ")).hint("SHOW VECTOR INDEXES lists them"),
        }
    })
}

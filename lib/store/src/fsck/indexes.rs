//! Vector indexes: the definition, its segments, and their row ids against the table.

use std::path::Path;
use std::sync::Arc;

use qx_formats::container::{Finding, Severity};
use qx_formats::vdata;
use qx_formats::{Kind, Result};
use qx_vector::IdSet;
use qx_vector::definition::Definition;

use super::log::LogState;
use super::{Check, Level};
use crate::Store;
use crate::catalog::Catalog;
use crate::cold::read_columns;
use crate::names::ObjectName;
use crate::vectors::{self, RowKey};
use crate::view::{Table, View};

impl Check<'_> {
    pub(super) async fn indexes(&mut self, store: &Store, catalog: &Catalog, log: Option<&LogState>) -> Result<()> {
        for key in catalog.indexes.keys() {
            let Ok(name) = ObjectName::parse("index", key) else { continue };
            let path = store.layout().index_definition(&name);
            let (Some(dir), Some(file)) = (path.parent(), path.file_name()) else { continue };
            let file = file.to_string_lossy().into_owned();
            let Some(d) = self.document(dir, &file, "db.index", Definition::decode)? else { continue };
            self.watermark("index", &path, d.covered_lsn, log);
            let mut lock = path.clone().into_os_string();
            lock.push(".lock");
            self.know(lock);
            let before = self.found.len();
            if let Ok(Some(previous)) = qx_io::read_previous_generation(dir, &file, Definition::decode) {
                previous.segments.iter().for_each(|s| self.know(dir.join(&s.path)));
            }
            for s in &d.segments {
                let segment = dir.join(&s.path);
                let whole = self.named_file(&segment, s.bytes, s.crc32c)?;
                if self.level >= Level::Bytes && s.kind == "vdata" && segment.exists() {
                    self.vdata(&segment, &d, whole)?;
                }
            }
            // What is damaged is told; what it would say of rows is nothing to go by.
            if self.level >= Level::Bytes && self.found.len() == before {
                self.rows(store, &name, &path).await?;
            }
        }
        Ok(())
    }

    /// That every row of an index is one of its table: by the table's files and log, as of now.
    async fn rows(&mut self, store: &Store, name: &ObjectName, path: &Path) -> Result<()> {
        // A damaged log or table is told elsewhere.
        let Ok(view) = View::open(&Arc::new(store.clone())) else { return Ok(()) };
        let catalog = view.catalog();
        let Some(index) = catalog.index(name) else { return Ok(()) };
        let on = catalog.tables.iter().find(|(table, def)| index.column_in(table, def).is_some());
        let Some((table, _)) = on else { return Ok(()) };
        let Ok(Some(table)) = view.table(&ObjectName::parse("table", table)?).await else { return Ok(()) };
        let Some(definition) = vectors::definition(&view, name, index)? else { return Ok(()) };
        if definition.covered_lsn < table.cold.lsn {
            let f = Finding::note("db.index_stale", "the table moved on without the index; searches read the table");
            let f = f.expected(format!("the log up to {}", table.cold.lsn));
            self.put(path, f.got(format!("up to {}", definition.covered_lsn)));
            return Ok(());
        }
        let key = RowKey::of_index(&table.def, index)?;
        let column = index.column_in(&table.name.key(), &table.def).map(|c| c.name.clone()).unwrap_or_default();
        let delta = vectors::since(&view, &table, &key, &column, definition.covered_lsn)?;
        if delta.blind {
            let f = Finding::note("db.index_stale", "rows changed that the index cannot tell; searches read the table");
            self.put(path, f.expected("rows that were only added"));
            return Ok(());
        }
        let Ok(there) = ids_of(&table, &key) else { return Ok(()) };
        let set = vectors::open(&view, name, definition)?;
        let mut strange = Vec::new();
        set.for_each(|part, row| {
            let id = set.parts().get(part as usize).and_then(|p| p.index.row_id(row));
            strange.extend(id.filter(|id| !there.contains(*id) && !delta.gone.contains(*id)));
            Ok(())
        })?;
        if let Some(first) = strange.first() {
            let first = qx_vector::show_row_id(key.flavour, *first);
            let f = Finding::error("db.index_rows", "the index has rows that the table does not");
            self.put(path, f.expected("row ids of the table").got(format!("{} others, {first} first", strange.len())));
        }
        Ok(())
    }

    fn vdata(&mut self, path: &Path, d: &Definition, whole: bool) -> Result<()> {
        let Some(map) = self.read(path, Finding::error("db.missing", "a file went away"))? else { return Ok(()) };
        let found = qx_vector::verify(&map, true);
        let damaged = !whole || found.iter().any(|f| f.severity == Severity::Error);
        self.put_all(path, found);
        if damaged {
            return Ok(());
        }
        match vdata::View::open(&map[..]) {
            Ok(view) => {
                let metric = view.meta.metric.to_string();
                if metric != d.metric || d.dim.is_some_and(|dim| dim != view.meta.dim) {
                    let f = Finding::error("db.index", "metric or dimension of the file are not those of the index");
                    let f = f.expected(format!("{}, {:?}", d.metric, d.dim));
                    self.put(path, f.got(format!("{metric}, {}", view.meta.dim)));
                }
            }
            Err(e) if e.kind() == Kind::Io => return Err(e),
            Err(e) => self.put(path, Finding::from_error("db.index", &e)),
        }
        Ok(())
    }
}

/// The ids of all rows of a table.
fn ids_of(table: &Table, key: &RowKey) -> Result<IdSet> {
    let mut ids = Vec::new();
    let over = table.hot_mut().over()?;
    for file in &table.cold.files {
        for columns in read_columns(file, &table.def, &key.columns)? {
            let mut columns = columns?;
            // The log has another version of these, or none.
            if let Some(keep) = over.as_ref().map(|o| o.absent(&columns)).transpose()?.flatten() {
                let kept = columns.iter().map(|c| datafusion::arrow::compute::filter(c, &keep));
                columns = kept.collect::<std::result::Result<_, _>>().map_err(crate::rows::arrow_error)?;
            }
            ids.extend(key.ids(&columns)?);
        }
    }
    for batch in table.hot().live()? {
        let columns = key.columns.iter().filter_map(|name| batch.column_by_name(name).map(Arc::clone));
        ids.extend(key.ids(&columns.collect::<Vec<_>>())?);
    }
    Ok(ids.into_iter().collect())
}

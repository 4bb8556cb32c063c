//! Tables: damaged Parquet files, and manifests.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use deltalake::datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use qx_formats::manifest::Manifest;
use qx_formats::{Error, Kind, Result};
use qx_io::Lock;

use super::Repair;
use crate::catalog::{Catalog, TableDef};
use crate::cold::{Cold, ColdFile, completed, replace_files};
use crate::fsck::Found;
use crate::names::ObjectName;
use crate::{Store, delta, table};

/// The table in whose folder a file lies.
fn table_of<'a>(store: &Store, catalog: &'a Catalog, path: &Path) -> Option<(ObjectName, &'a TableDef)> {
    catalog.tables.iter().find_map(|(key, def)| {
        let name = ObjectName::parse("table", key).ok()?;
        path.starts_with(store.layout().table_folder(&name, def)).then_some((name, def))
    })
}

impl Repair<'_> {
    /// The tables that findings are about, each with the first of them.
    pub(super) fn tables_of<'a>(
        &self,
        store: &Store,
        catalog: &'a Catalog,
        found: &'a [Found],
    ) -> Result<Vec<(&'a Found, ObjectName, &'a TableDef)>> {
        let (mut tables, mut seen) = (Vec::new(), BTreeSet::new());
        for f in found {
            let table = table_of(store, catalog, &self.root.join(&f.path));
            let (name, def) = table.ok_or_else(|| super::missing("table", &f.path))?;
            if seen.insert(name.key()) {
                tables.push((f, name, def));
            }
        }
        Ok(tables)
    }

    /// Reads what can be read of damaged files, sets them aside, takes them out of the Delta table and adds the rows that
    /// were read, in one commit for each table. What a pipeline built is to be built again.
    pub(super) async fn table_files(&mut self, found: &[Found]) -> Result<()> {
        let store = self.store()?;
        let catalog = store.catalog()?;
        for (_, name, def) in self.tables_of(&store, &catalog, found)? {
            let dir = store.layout().table_folder(&name, def);
            let cold = Cold::load(&dir, def.uuid).await?;
            // Under the names that the columns have in these files.
            let def = def.at(cold.lsn);
            let mut damaged = Vec::new();
            let mut seen = BTreeSet::new();
            for f in found {
                let path = self.root.join(&f.path);
                if path.starts_with(&dir) && seen.insert(path.clone()) {
                    let file = cold.files.iter().find(|c| same_file(&c.path, &path)).cloned();
                    damaged.push((f.clone(), path, file));
                }
            }
            if self.rewrite(&dir, &cold, &def, damaged).await? {
                self.outdate(|catalog| catalog.tables.get_mut(&name.key())?.origin.take())?;
            }
        }
        Ok(())
    }

    /// Whether rows were lost.
    async fn rewrite(
        &mut self,
        dir: &Path,
        tier: &Cold,
        def: &TableDef,
        damaged: Vec<(Found, std::path::PathBuf, Option<ColdFile>)>,
    ) -> Result<bool> {
        let mut kept = Vec::new();
        let mut lost = false;
        let mut names = Vec::new();
        let cold = dir.join(crate::cold::FOLDER);
        for (f, path, file) in damaged {
            let mut read = salvage(&path);
            if let Some(file) = &file {
                // With what the file itself does not hold, such as the values that the table is partitioned by.
                read = read.iter().filter_map(|batch| completed(file, def, batch).ok()).collect();
            }
            let have: u64 = read.iter().map(|b| b.num_rows() as u64).sum();
            let loss = loss(file.and_then(|file| file.rows), have);
            lost |= loss.is_some();
            if let Ok(relative) = path.strip_prefix(&cold) {
                names.push(relative.to_string_lossy().into_owned());
            }
            kept.extend(read);
            self.act(&f, format!("kept {have} rows, took the file out of the table"), loss);
            self.lost.keep_copy(&path)?;
        }
        if self.dry_run {
            return Ok(lost);
        }
        replace_files(dir, def, tier, &names, kept).await?;
        for name in &names {
            self.lost.set_aside(&cold.join(name))?;
        }
        Ok(lost)
    }

    /// A manifest made anew from the Delta log.
    pub(super) async fn table_manifests(&mut self, found: &[Found]) -> Result<()> {
        let store = self.store()?;
        let catalog = store.catalog()?;
        for (f, name, def) in self.tables_of(&store, &catalog, found)? {
            let dir = store.layout().table_folder(&name, def);
            let file = dir.join(table::FILE);
            self.lost.keep_copy(&file)?;
            if !self.dry_run {
                rebuild_manifest(&dir, &name, def).await?;
            }
            self.act(f, "made the manifest anew from the Delta log", None);
        }
        Ok(())
    }
}

/// Publishes the manifest of a table for the newest Delta version, whatever stands there now.
///
/// # Errors
/// `NotFound` when the table has no Delta version; `Engine`; `Io`.
pub(crate) async fn rebuild_manifest(dir: &Path, name: &ObjectName, def: &TableDef) -> Result<()> {
    let cold = Cold::load(dir, def.uuid).await?;
    let Some(delta) = &cold.table else {
        return Err(Error::new(Kind::NotFound, "the table was never flushed, so it has no manifest").path(dir));
    };
    let file = dir.join(table::FILE);
    let decode = |bytes: &[u8]| qx_formats::manifest::Manifest::decode(bytes, table::FORMAT);
    // A damaged newest generation cannot be built upon; the one before it stays where it is.
    if qx_io::read_generation(dir, table::FILE, decode).is_err() && file.exists() {
        qx_io::remove_file(&file).map_err(|e| Error::io("remove", e).path(&file))?;
    }
    if !file.exists() {
        let previous = qx_io::previous_path(dir, table::FILE);
        if previous.exists() {
            // Without a newest generation beside it, the previous one would count as damage.
            let whole = std::fs::read(&previous).ok().filter(|b| decode(b).is_ok());
            match whole {
                Some(bytes) => qx_io::write_atomic(&file, qx_io::Publish::Replace, &bytes)?,
                None => qx_io::remove_file(&previous).map_err(|e| Error::io("remove", e).path(&previous))?,
            }
        }
    }
    // What a generation that can be read says of a file holds: the file may be damaged by now, and must not be vouched for.
    table::publish_manifest(dir, &name.key(), def, delta, cold.lsn)
}

/// What is gone of a damaged file of which `have` rows could be read. Even of those nobody knows that they are right: Parquet
/// has no checksums, and a changed byte may read as another value.
fn loss(rows: Option<u64>, have: u64) -> Option<String> {
    let doubt =
        format!("the certainty of {have} rows, which could be read: any value in them may be another than was written");
    match rows {
        Some(0) => None,
        Some(want) if have >= want => Some(doubt),
        Some(want) if have == 0 => Some(format!("{want} of {want} rows of the file")),
        Some(want) => Some(format!("{} of {want} rows of the file, and {doubt}", want - have)),
        None => Some("the rows of the file that could not be read; their number is not known".to_owned()),
    }
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((delta::resolved(a), delta::resolved(b)), (Ok(a), Ok(b)) if a == b)
}

/// The rows of the batches that can be read, up to the first that cannot in each row group.
fn salvage(path: &Path) -> Vec<RecordBatch> {
    let mut kept = Vec::new();
    let Ok(file) = std::fs::File::open(path).map(Arc::new) else { return kept };
    let open = || {
        let file = file.try_clone().ok()?;
        ParquetRecordBatchReaderBuilder::try_new(file).ok()
    };
    let Some(groups) = open().map(|b| b.metadata().num_row_groups()) else { return kept };
    for group in 0..groups {
        let Some(reader) = open().and_then(|b| b.with_row_groups(vec![group]).with_batch_size(1024).build().ok())
        else {
            continue;
        };
        kept.extend(reader.map_while(Result::ok));
    }
    kept
}

/// Makes the manifest of one table anew, under the database's lock. Returns its generation.
///
/// # Errors
/// `NotFound` when there is no such table, or it was never flushed; `Locked`; `Engine`; `Io`.
pub async fn rebuild_table_manifest(store: &Store, object: &str, dry_run: bool, wait: Duration) -> Result<u64> {
    let _lock = if dry_run { None } else { Some(Lock::acquire(&store.root().join("LOCK"), wait)?) };
    let catalog = store.catalog()?;
    let name = ObjectName::parse("table", object)?;
    let def = catalog.table(&name);
    let def = def.ok_or_else(|| Error::new(Kind::NotFound, format!("there is no table {}", name.key())))?;
    let dir = store.layout().table_folder(&name, def);
    let decode = |bytes: &[u8]| Manifest::decode(bytes, table::FORMAT);
    let newest = || qx_io::read_generation(&dir, table::FILE, decode).ok().flatten().map_or(0, |m| m.generation);
    if dry_run {
        return Ok(newest() + 1);
    }
    rebuild_manifest(&dir, &name, def).await?;
    Ok(newest())
}

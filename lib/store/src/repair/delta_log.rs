//! The Delta log of a table, made anew from the table's manifest: that names every file of the version it is of, and the
//! rows that came later stand in the database's log.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use datafusion::arrow::datatypes::{Field, Schema};
use deltalake::kernel::Add;
use qx_formats::manifest::{Manifest, Segment};
use qx_formats::{Error, Result};
use qx_io::Map;
use serde_json::Value;

use super::Repair;
use crate::catalog::{Catalog, TableDef};
use crate::cold::{self, FOLDER};
use crate::delta_sums::{self, DELTA_LOG, Sums};
use crate::fsck::{Found, decoded};
use crate::table::{self, TableManifest};
use crate::{check_taken_over, database};

/// Where the new log is put together, in the folder of the table.
const STAGING: &str = ".cold.tmp-repair";
/// How a null is written in the name of a folder.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// What a manifest says that a Delta log can be made of.
pub(crate) struct Source {
    manifest: Manifest,
    table: TableManifest,
}

/// The newest manifest in `dir`, if a Delta log can be made of it: it is whole and of this table, the log has everything
/// that came later, the files are not all gone with the folder that they were in, and the Delta log that is there is not one
/// that only cannot be read just now.
pub(crate) fn source(dir: &Path, catalog: &Catalog, def: &TableDef) -> Option<Source> {
    let decode = |bytes: &[u8]| Manifest::decode(bytes, table::FORMAT);
    let manifest = qx_io::read_generation(dir, table::FILE, decode).ok().flatten()?;
    let table: TableManifest = serde_json::from_value(Value::Object(manifest.extra.clone())).ok()?;
    let reaches = check_taken_over(catalog, def.uuid, "table", dir, table.flushed_lsn).is_ok();
    let log = dir.join(FOLDER).join(DELTA_LOG);
    let refused =
        |name: &String| fs::File::open(log.join(name)).is_err_and(|e| e.kind() == std::io::ErrorKind::PermissionDenied);
    if table.delta_log.keys().any(refused) {
        return None;
    }
    let source = Source { manifest, table };
    let any = source.files().next().is_none() || source.files().any(|(_, s)| dir.join(&s.path).is_file());
    (source.table.uuid == def.uuid && reaches && any).then_some(source)
}

impl Source {
    /// The Parquet files, with their paths inside the Delta table.
    fn files(&self) -> impl Iterator<Item = (&str, &Segment)> {
        let inside = |s: &Segment| s.path.strip_prefix(FOLDER).is_some_and(|p| p.starts_with('/'));
        let parquet = self.manifest.committed().filter(move |s| s.kind == "parquet" && inside(s));
        parquet.map(|s| (s.path.split_once('/').map_or("", |(_, path)| path), s))
    }

    /// Every column that the files may have, those that the table dropped included: their names are taken.
    fn schema(&self, def: &TableDef) -> Result<Schema> {
        let mut fields: Vec<Field> = Vec::new();
        let mut put = |field: Field| match fields.iter_mut().find(|f| f.name() == field.name()) {
            Some(old) => *old = field,
            None => fields.push(field),
        };
        let columns = self.table.schema_history.iter().flatten();
        for column in columns.filter(|c| !c.physical_name().starts_with('\u{1}')) {
            put(Field::new(column.physical_name(), column.arrow_type()?, true));
        }
        def.hidden().into_iter().for_each(put);
        Ok(Schema::new(fields))
    }

    /// The files as actions of Delta: as the old log had them, where its commit is whole, else by what the manifest says.
    fn adds(&self, old_log: &Path, partitions: &[String]) -> Result<Vec<Add>> {
        let mut old = self.old_adds(old_log);
        let now_ms = i64::try_from(qx_log::now_us() / 1000).unwrap_or(i64::MAX);
        let add = |(path, s): (&str, &Segment)| {
            let size = i64::try_from(s.bytes).map_err(|_| Error::limit("bytes of a file", i64::MAX as u64, s.bytes))?;
            if let Some(add) = old.remove(path).filter(|add| add.size == size) {
                return Ok(add);
            }
            Ok(Add {
                path: path.to_owned(),
                partition_values: partition_values(path, partitions),
                size,
                modification_time: now_ms,
                data_change: true,
                stats: Some(format!("{{\"numRecords\":{}}}", s.rows)),
                tags: None,
                deletion_vector: None,
                base_row_id: None,
                default_row_commit_version: None,
                clustering_provider: None,
            })
        };
        self.files().map(add).collect()
    }

    /// The additions in commits that are what the manifest says of them, by path.
    fn old_adds(&self, old_log: &Path) -> HashMap<String, Add> {
        let mut adds = HashMap::new();
        for (name, sum) in self.table.delta_log.iter().filter(|(name, _)| name.ends_with(".json")) {
            let Ok(map) = Map::open(&old_log.join(name)) else { continue };
            if map.len() as u64 != sum.bytes || crc32c::crc32c(&map) != sum.crc32c {
                continue;
            }
            for line in map.split(|b| *b == b'\n') {
                let Ok(mut action) = serde_json::from_slice::<Value>(line) else { continue };
                let add = action.get_mut("add").map(Value::take);
                if let Some(add) = add.and_then(|add| serde_json::from_value::<Add>(add).ok()) {
                    adds.insert(add.path.clone(), add);
                }
            }
        }
        adds
    }
}

/// The values that a table is partitioned by, as the folders of a file tell them.
fn partition_values(path: &str, partitions: &[String]) -> HashMap<String, Option<String>> {
    let mut values: HashMap<String, Option<String>> = partitions.iter().map(|name| (name.clone(), None)).collect();
    for (name, value) in path.split('/').filter_map(|part| part.split_once('=')) {
        if let Some(slot) = values.get_mut(&decoded(name)) {
            *slot = (value != NULL).then(|| decoded(value));
        }
    }
    values
}

impl Repair<'_> {
    /// A new Delta log of one version, where the manifest serves. Where it does not, the finding stays.
    pub(super) async fn delta_logs(&mut self, found: &[Found]) -> Result<()> {
        let store = self.store()?;
        let catalog = store.catalog()?;
        for (f, name, def) in self.tables_of(&store, &catalog, found)? {
            let dir = store.layout().table_folder(&name, def);
            let Some(source) = source(&dir, &catalog, def) else { continue };
            let files = source.files().count();
            if !self.dry_run {
                self.replace_log(&dir, def, source).await?;
            }
            let what = format!("made the Delta log anew from the manifest, with its {files} files");
            self.act(f, what, Some("no row; the versions before, which AS OF reads".to_owned()));
        }
        Ok(())
    }

    async fn replace_log(&mut self, dir: &Path, def: &TableDef, source: Source) -> Result<()> {
        let lsn = source.table.flushed_lsn;
        let def = def.at(lsn);
        let (staging, log) = (dir.join(STAGING), dir.join(FOLDER).join(DELTA_LOG));
        if staging.exists() {
            fs::remove_dir_all(&staging).map_err(|e| Error::io("remove", e).path(&staging))?;
        }
        let cold = staging.join(FOLDER);
        database::make_dir(&cold)?;
        let adds = source.adds(&log, &def.partition_names())?;
        cold::found(&cold, &source.schema(&def)?, def.partition_names(), adds, def.uuid, lsn).await?;
        self.lost.set_aside(&log)?;
        database::make_dir(&dir.join(FOLDER))?;
        qx_io::rename(&cold.join(DELTA_LOG), &log).map_err(|e| Error::io("rename into place", e).path(&log))?;
        qx_io::sync_dir(&dir.join(FOLDER))?;
        let Source { mut manifest, mut table } = source;
        table.delta_version = 0;
        table.delta_log = delta_sums::sums(&dir.join(FOLDER), &Sums::new())?;
        manifest.generation += 1;
        if let Ok(Value::Object(members)) = serde_json::to_value(table) {
            manifest.extra = members;
        }
        let whole = |old: &[u8]| Manifest::decode(old, table::FORMAT).map(drop);
        qx_io::publish_generation(dir, table::FILE, &manifest.encode()?, whole)?;
        fs::remove_dir_all(&staging).map_err(|e| Error::io("remove", e).path(&staging))
    }
}

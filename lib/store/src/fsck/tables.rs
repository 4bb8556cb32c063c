//! Tables: the manifest against the Delta log, the Delta log against the Parquet files, both against the log.

use std::collections::BTreeSet;
use std::path::Path;

use deltalake::DeltaTable;
use qx_formats::container::Finding;
use qx_formats::manifest::Manifest;
use qx_formats::{Kind, Result};
use serde_json::Value;

use super::log::LogState;
use super::{Check, Found, Level, damage, help};
use crate::catalog::{Catalog, TableDef};
use crate::delta_sums::DELTA_LOG;
use crate::names::ObjectName;
use crate::repair::delta_log_source;
use crate::table::{FILE as MANIFEST, FORMAT as TABLE_FORMAT, TableManifest};
use crate::{Store, check_taken_over, delta};

impl Check<'_> {
    pub(super) async fn tables(&mut self, store: &Store, catalog: &Catalog, log: Option<&LogState>) -> Result<()> {
        for (key, def) in &catalog.tables {
            let Ok(name) = ObjectName::parse("table", key) else { continue };
            let dir = store.layout().table_folder(&name, def);
            let before = self.found.len();
            self.table(&dir, catalog, def, log).await?;
            if delta_log_source(&dir, catalog, def).is_none() {
                // What repair would make a Delta log of is not there, or not whole either.
                let of_log = |f: &&mut Found| f.finding.id == "db.delta_log" || f.path.contains("/_delta_log/");
                for f in self.found.iter_mut().skip(before).filter(of_log) {
                    (f.repair, f.help) = (None, help::from_backup(&f.path));
                }
            }
        }
        Ok(())
    }

    /// A Delta log that does not say which files are the table's: none of them is a stranger then.
    fn cannot_tell(&mut self, cold: &Path, finding: Finding) {
        self.put(&cold.join(DELTA_LOG), finding);
        self.covered.insert(cold.to_path_buf());
    }

    async fn table(&mut self, dir: &Path, catalog: &Catalog, def: &TableDef, log: Option<&LogState>) -> Result<()> {
        let cold = dir.join("cold");
        let before = self.found.len();
        let manifest = self.document(dir, MANIFEST, "db.table_manifest", |b| Manifest::decode(b, TABLE_FORMAT))?;
        let damaged_manifest = self.found.len() > before;
        let extra = manifest
            .as_ref()
            .and_then(|m| serde_json::from_value::<TableManifest>(Value::Object(m.extra.clone())).ok());
        if manifest.is_some() && extra.is_none() {
            let f = Finding::error("db.table_manifest", "the manifest lacks members of a table's");
            self.put(&dir.join(MANIFEST), f);
        }
        if let Some(m) = &extra {
            self.delta_log_files(&cold, m)?;
        }
        let table = match delta::load(&cold).await {
            Ok(Some(table)) => table,
            Ok(None) => {
                let missing = || Finding::error("db.delta_log", "the Delta log of a flushed table is missing");
                if let Some(m) = &extra {
                    self.cannot_tell(&cold, missing().expected(format!("version {}", m.delta_version)));
                } else if let Some(lsn) = catalog.taken_over.get(&def.uuid) {
                    self.cannot_tell(&cold, missing().expected(format!("the rows of the log up to LSN {lsn}")));
                }
                return Ok(());
            }
            Err(e) if damage(&e) || e.kind() == Kind::Engine => {
                self.cannot_tell(&cold, Finding::from_error("db.delta_log", &e));
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        let version = delta::describe(&table, &cold)?.version;
        match delta::transaction(&table, &cold, def.uuid).await {
            Ok(lsn) => {
                let lsn = lsn.unwrap_or(0);
                self.watermark("table", &cold.join(DELTA_LOG), lsn, log);
                if let Err(e) = check_taken_over(catalog, def.uuid, "table", &cold, lsn) {
                    self.cannot_tell(&cold, Finding::from_error("db.delta_log", &e));
                }
            }
            Err(e) => self.cannot_tell(&cold, Finding::from_error("db.delta_log", &e)),
        }
        self.know_delta_log(&cold);
        self.version(dir, extra.as_ref(), version, damaged_manifest);
        let current = extra.as_ref().is_some_and(|m| m.delta_version == version);
        self.parquet_files(dir, &table, manifest.as_ref(), current)
    }

    /// The version that the manifest names against the one that the Delta log ends with.
    fn version(&mut self, dir: &Path, extra: Option<&TableManifest>, version: u64, damaged_manifest: bool) {
        match extra {
            Some(m) if m.delta_version > version => {
                let f = Finding::error("db.delta_log", "the Delta log ends before the version that the manifest names");
                let f = f.expected(format!("version {}", m.delta_version)).got(format!("version {version}"));
                self.cannot_tell(&dir.join("cold"), f);
            }
            Some(m) if m.delta_version < version => {
                let f = Finding::note("db.behind", "the manifest is of an earlier Delta version; a flush was stopped");
                let f = f.expected(format!("version {version}")).got(format!("version {}", m.delta_version));
                self.put(&dir.join(MANIFEST), f);
            }
            None if !damaged_manifest => {
                let f = Finding::note("db.behind", "the table has Delta versions and no manifest; a flush was stopped");
                self.put(&dir.join(MANIFEST), f.expected(format!("version {version}")));
            }
            _ => {}
        }
    }

    /// The active files of the Delta log: there, as long as it says, and under the manifest's checksum.
    fn parquet_files(
        &mut self,
        dir: &Path,
        table: &DeltaTable,
        manifest: Option<&Manifest>,
        current: bool,
    ) -> Result<()> {
        let cold = dir.join("cold");
        let Ok(state) = table.snapshot() else { return Ok(()) };
        let mut active = BTreeSet::new();
        for file in state.log_data().iter() {
            let relative = format!("cold/{}", file.object_store_path());
            let path = dir.join(&relative);
            let size = u64::try_from(file.size()).unwrap_or(0);
            match manifest.and_then(|m| m.segments.iter().find(|s| s.path == relative)) {
                Some(s) if s.bytes == size => {
                    if self.named_file(&path, s.bytes, s.crc32c)? && self.level >= Level::Bytes {
                        self.parquet(&path, file.num_records())?;
                    }
                }
                Some(s) => {
                    let f = Finding::error("db.delta_manifest", "manifest and Delta log give a file different lengths");
                    self.put(&path, f.expected(format!("{} bytes (manifest)", s.bytes)).got(format!("{size} bytes")));
                    self.know(path);
                }
                None => {
                    if current {
                        let f = Finding::error("db.delta_manifest", "the Delta log has a file that the manifest lacks");
                        self.put(&path, f);
                    }
                    self.unsummed(&path, size, file.num_records())?;
                }
            }
            active.insert(relative);
        }
        for s in manifest.iter().flat_map(|m| m.committed()).filter(|s| s.kind == "parquet") {
            if current && !active.contains(&s.path) {
                let f = Finding::error("db.delta_manifest", "the manifest names a file that the Delta log does not");
                self.put(&dir.join(&s.path), f);
            }
            self.know(dir.join(&s.path));
        }
        self.earlier_versions(&cold);
        Ok(())
    }

    /// A file that no manifest has a checksum of: its length, and that its pages decode.
    fn unsummed(&mut self, path: &Path, size: u64, rows: Option<usize>) -> Result<()> {
        self.know(path);
        if self.level < Level::Presence {
            return Ok(());
        }
        let missing = Finding::error("db.missing", "the Delta log names a file that is not there");
        let Some(map) = self.read(path, missing)? else { return Ok(()) };
        if map.len() as u64 != size {
            let f = Finding::error("db.length", "the file does not have the length that the Delta log says");
            self.put(path, f.expected(format!("{size} bytes")).got(format!("{} bytes", map.len())));
        } else if self.level >= Level::Bytes {
            self.parquet(path, rows)?;
        }
        Ok(())
    }

    /// Reads every page of a Parquet file.
    fn parquet(&mut self, path: &Path, rows: Option<usize>) -> Result<()> {
        self.job.step(0)?;
        match super::parquet_rows(path) {
            Ok(have) if rows.is_none_or(|want| want as u64 == have) => {}
            Ok(have) => {
                let f = Finding::error("db.parquet", "the file does not have the rows that the Delta log counts");
                self.put(path, f.expected(rows.unwrap_or(0)).got(have));
            }
            Err(e) if damage(&e) => self.put(path, Finding::from_error("db.parquet", &e)),
            Err(e) => self.unreadable(path, e)?,
        }
        Ok(())
    }

    /// Commits and checkpoints of the Delta log under the sums that the manifest keeps of them.
    fn delta_log_files(&mut self, cold: &Path, manifest: &TableManifest) -> Result<()> {
        let dir = cold.join(DELTA_LOG);
        for (name, sum) in &manifest.delta_log {
            let path = dir.join(name);
            // Delta cleans commits up that a checkpoint covers; the versions that count are looked at when it is read.
            if !path.exists() {
                self.know(path);
                continue;
            }
            self.named_file(&path, sum.bytes, sum.crc32c)?;
        }
        Ok(())
    }

    fn know_delta_log(&mut self, cold: &Path) {
        let Ok(entries) = std::fs::read_dir(cold.join(DELTA_LOG)) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let digits = name.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 20 || name == "_last_checkpoint" || name == "_commits" || name == "_staged_commits" {
                self.know(entry.path());
            }
        }
    }

    /// Files that only earlier versions name stay until a vacuum: they are no strangers.
    fn earlier_versions(&mut self, cold: &Path) {
        let Ok(entries) = std::fs::read_dir(cold.join(DELTA_LOG)) else { return };
        for entry in entries.flatten().filter(|e| e.path().extension().is_some_and(|x| x == "json")) {
            let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
            for line in text.lines() {
                let Ok(action) = serde_json::from_str::<Value>(line) else { continue };
                for kind in ["add", "remove", "cdc"] {
                    let path = action.get(kind).and_then(|a| a.get("path")).and_then(Value::as_str);
                    if let Some(path) = path {
                        self.know(cold.join(decoded(path)));
                    }
                }
            }
        }
    }
}

/// A path as the Delta log writes it, without its URL escapes.
pub(crate) fn decoded(path: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = path.bytes();
    while let Some(b) = bytes.next() {
        let hex = |b: u8| char::from(b).to_digit(16);
        match (b, bytes.clone().next().and_then(hex), bytes.clone().nth(1).and_then(hex)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                bytes.nth(1);
            }
            _ => out.push(b),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

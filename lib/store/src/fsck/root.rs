//! The marker, the catalog, and the records of runs.

use std::fs;

use qx_formats::container::{Finding, Severity};
use qx_formats::{Kind, Result, manifest};

use super::{Check, catalog_of, damage};
use crate::Store;
use crate::catalog::{Catalog, FILE};

/// Name of the marker of a database folder.
const MARKER: &str = "qx.json";

impl Check<'_> {
    /// `None` when the marker is damaged: then there is no telling where things lie.
    pub(super) fn marker(&mut self) -> Result<Option<Store>> {
        let path = self.root.join(MARKER);
        self.know(path.clone());
        self.know(self.root.join("LOCK"));
        match Store::open(self.root) {
            Ok(store) => Ok(Some(store)),
            Err(e) if damage(&e) && path.exists() => {
                self.put(&path, Finding::from_error("db.marker", &e));
                Ok(None)
            }
            // A folder with a database in it and no marker was a database folder once.
            Err(e) if e.kind() == Kind::Invalid && looks_like_one(self.root) => {
                self.put(&path, Finding::error("db.marker", "the marker of the database folder is missing"));
                Ok(None)
            }
            Err(e) if path.exists() => self.unreadable(&path, e).map(|()| None),
            Err(e) => Err(e),
        }
    }

    pub(super) fn catalog(&mut self, store: &Store) -> Result<Option<Catalog>> {
        let home = &store.layout().home;
        let before = self.found.len();
        let published = self.document(home, FILE, "db.catalog", Catalog::decode)?;
        match published {
            Some(catalog) => Ok(Some(catalog_of(store, catalog))),
            None if self.found.len() > before && home.join(FILE).exists() => Ok(None),
            None if home.join(FILE).exists() => Ok(Some(Catalog::default())),
            None if !begins_at_one(store) => {
                // The log lets go of nothing that no catalog holds, and no folder is filled before it is defined.
                if self.found.len() == before {
                    self.put(&home.join(FILE), Finding::error("db.catalog", "the catalog is missing"));
                }
                Ok(None)
            }
            None => {
                // Nothing was defined yet, or a writer was stopped before it published the first one, or is about to.
                let catalog = catalog_of(store, Catalog::default());
                let empty = catalog.same_definitions(&Catalog::default());
                if !empty && self.found.len() == before {
                    let said = "there is no catalog; the log holds all of it";
                    self.put(&home.join(FILE), Finding::new(Severity::Warning, "db.catalog", said));
                }
                Ok(Some(catalog))
            }
        }
    }

    /// Records of runs and plan bundles: documents under their own checksum.
    pub(super) fn runs(&mut self) -> Result<()> {
        let dir = self.root.join("runs");
        self.covered.insert(dir.clone());
        let Ok(entries) = fs::read_dir(&dir) else { return Ok(()) };
        let mut paths: Vec<_> = entries.flatten().map(|e| e.path()).filter(|p| p.is_file()).collect();
        paths.sort();
        for path in paths {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') || !name.ends_with(".json") {
                continue;
            }
            let Some(bytes) = self.read(&path, Finding::error("db.missing", "a file went away"))? else { continue };
            // The format is what the document says that it is; the checksum is what counts here.
            let said = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
            let said = said.as_ref().and_then(|v| v.get("format")).and_then(|f| f.as_str()).unwrap_or("run record");
            if let Err(e) = manifest::open(&bytes, said)
                && damage(&e)
            {
                self.put(&path, Finding::from_error("db.run", &e));
            }
        }
        Ok(())
    }
}

/// Whether the log has everything from the beginning. Without a log, whether nothing else is there either.
fn begins_at_one(store: &Store) -> bool {
    match crate::view::log(store) {
        Ok(Some(log)) => log.first().0 == 1,
        Ok(None) => !fs::read_dir(&store.layout().home)
            .is_ok_and(|mut entries| entries.any(|e| e.is_ok_and(|e| e.path().is_dir() && e.file_name() != "wal"))),
        // What is wrong with it is found where the log is looked at.
        Err(_) => true,
    }
}

fn looks_like_one(root: &std::path::Path) -> bool {
    let Ok(entries) = fs::read_dir(root) else { return false };
    entries.flatten().any(|e| e.path().join(FILE).exists() || e.path().join("wal").is_dir())
}

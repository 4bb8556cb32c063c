//! Every manifest of a database, and what it names.

use std::path::{Path, PathBuf};

use qx_formats::manifest::{Manifest, Segment};
use qx_formats::{Error, Result};

use crate::catalog::{Catalog, FILE};
use crate::names::ObjectName;
use crate::{Store, kv, table};

/// Where a manifest lies and what it is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `schema.name`, or the name of a store; `catalog` for that.
    pub object: String,
    /// `catalog`, `table`, `graph`, `index` or `store`.
    pub of: &'static str,
    pub dir: PathBuf,
    pub file: String,
    /// The format that the document has to have.
    pub format: &'static str,
}

impl Place {
    pub fn path(&self) -> PathBuf {
        self.dir.join(&self.file)
    }

    /// The newest generation, `None` where there is none yet.
    ///
    /// # Errors
    /// `Io`; `Corrupt` or `Invalid` with the path.
    pub fn read(&self) -> Result<Option<Manifest>> {
        qx_io::read_generation(&self.dir, &self.file, |b| Manifest::decode(b, self.format))
    }

    /// The generation before.
    ///
    /// # Errors
    /// As [`Place::read`].
    pub fn read_previous(&self) -> Result<Option<Manifest>> {
        qx_io::read_previous_generation(&self.dir, &self.file, |b| Manifest::decode(b, self.format))
    }
}

/// A segment and the manifest that names it.
#[derive(Debug, Clone)]
pub struct Named {
    pub object: String,
    pub of: &'static str,
    pub generation: u64,
    /// Relative to the database folder.
    pub path: String,
    pub segment: Segment,
}

/// Every place where a manifest may be.
pub fn places(store: &Store, catalog: &Catalog) -> Vec<Place> {
    let layout = store.layout();
    let place = |object: &str, of, dir: PathBuf, file: &str, format| Place {
        object: object.to_owned(),
        of,
        dir,
        file: file.to_owned(),
        format,
    };
    let mut all = vec![place("catalog", "catalog", layout.home.clone(), FILE, crate::catalog::FORMAT)];
    let named = |kind, key: &str| ObjectName::parse(kind, key).ok();
    for (key, def) in &catalog.tables {
        if let Some(name) = named("table", key) {
            all.push(place(key, "table", layout.table_folder(&name, def), table::FILE, table::FORMAT));
        }
    }
    for key in catalog.graphs.keys() {
        if let Some(name) = named("graph", key) {
            all.push(place(key, "graph", layout.graph(&name), qx_graph::MANIFEST, qx_graph::FORMAT));
        }
    }
    for key in catalog.indexes.keys() {
        if let Some(name) = named("index", key) {
            let path = layout.index_definition(&name);
            let (dir, file) = (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default());
            all.push(place(key, "index", dir.to_path_buf(), &file.to_string_lossy(), qx_vector::definition::FORMAT));
        }
    }
    for name in catalog.stores.keys() {
        all.push(place(name, "store", kv::snapshot_dir(&layout.home, name), kv::MANIFEST, kv::FORMAT));
    }
    all
}

/// Every segment that a newest manifest names.
///
/// # Errors
/// `Io`; `Corrupt` or `Invalid` with the path of a manifest.
pub fn segments(store: &Store, catalog: &Catalog) -> Result<Vec<Named>> {
    let mut all = Vec::new();
    for place in places(store, catalog) {
        let Some(manifest) = place.read()? else { continue };
        let dir = place.dir.strip_prefix(store.root()).unwrap_or(&place.dir);
        for segment in manifest.segments {
            all.push(Named {
                object: place.object.clone(),
                of: place.of,
                generation: manifest.generation,
                path: dir.join(&segment.path).to_string_lossy().into_owned(),
                segment,
            });
        }
    }
    Ok(all)
}

/// The place of one object; `Usage` lists those that there are.
///
/// # Errors
/// `NotFound`.
pub fn find(store: &Store, catalog: &Catalog, object: &str) -> Result<Place> {
    let mut all = places(store, catalog);
    let fits = |p: &Place| p.object == object || p.object.strip_prefix("public.") == Some(object);
    match all.iter().position(fits) {
        Some(at) => Ok(all.swap_remove(at)),
        None => {
            let names: Vec<String> = all.into_iter().map(|p| p.object).collect();
            Err(Error::new(qx_formats::Kind::NotFound, format!("nothing with a manifest is named {object}"))
                .expected(names.join(", ")))
        }
    }
}

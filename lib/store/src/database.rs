//! The database folder: opened for reading without a lock, or for writing by one process at a time.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use qx_formats::delta_log::{Op, Touches, layout};
use qx_formats::{Error, Kind, Result, manifest};
use qx_graph::Graph;
use qx_io::Publish;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalog::{Catalog, Define};
use crate::delta;
use crate::names::{DEFAULT_DATABASE, Layout, ObjectName, check_name};
use crate::writer::Writer;

/// Format name of the marker `qx.json`.
const MARKER_FORMAT: &str = "qx.database";
const MARKER: &str = "qx.json";

#[derive(Serialize, Deserialize)]
struct Marker {
    format: String,
    version: u64,
    generation: u64,
    uuid: Uuid,
    /// The database that names without one mean.
    database: String,
}

/// A database folder, open for reading. Takes no lock and writes nothing, so it works on read-only media.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    database: String,
    layout: Layout,
}

impl Store {
    /// Makes `root` a database folder with one empty database. A folder that already is one is left as it is.
    ///
    /// # Errors
    /// `Exists` when the folder holds something else; `Usage` for a path that Delta cannot address; `Io`.
    pub fn init(root: &Path) -> Result<(Store, bool)> {
        if root.join(MARKER).exists() {
            return Ok((Store::open(root)?, false));
        }
        if let Ok(mut entries) = fs::read_dir(root)
            && entries.any(|e| e.is_ok_and(|e| !is_of_init(&e)))
        {
            return Err(Error::new(Kind::Exists, "the folder holds something that is not a database")
                .path(root)
                .hint("name an empty folder or one that is not there yet"));
        }
        delta::addressable(root)?;
        let layout = Layout::new(root, DEFAULT_DATABASE);
        for dir in [root.to_path_buf(), root.join("runs"), layout.home.clone()] {
            make_dir(&dir)?;
        }
        // The marker comes last: a folder without it is not a database, and init starts over.
        write_marker(root, DEFAULT_DATABASE)?;
        tracing::info!(target: "qx::store", path = %root.display(), "database created");
        Ok((Store::open(root)?, true))
    }

    /// # Errors
    /// `Io` when the folder is missing; `Invalid` when it is not a database folder; `Corrupt` for a damaged marker.
    pub fn open(root: &Path) -> Result<Store> {
        let path = root.join(MARKER);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound && root.is_dir() => {
                return Err(Error::invalid("not a database folder: it has no qx.json")
                    .path(root)
                    .hint("`qx init DIR` makes one, and so does `qx run`"));
            }
            Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
                return Err(Error::io("open the database folder", e).path(root).hint("`qx init DIR` makes one"));
            }
            Err(e) => return Err(Error::io("read", e).path(path)),
        };
        let value = manifest::open(&bytes, MARKER_FORMAT).map_err(|e| e.path(&path))?;
        let marker: Marker = serde_json::from_value(value)
            .map_err(|e| Error::invalid(format!("not a database marker: {e}")).path(&path))?;
        check_name("database", &marker.database).map_err(|e| Error::invalid(e.message()).path(&path))?;
        let layout = Layout::new(root, &marker.database);
        Ok(Store { root: root.to_path_buf(), database: marker.database, layout })
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database that names without one mean.
    pub fn database(&self) -> &str {
        &self.database
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What is defined: the published catalog, and the definitions that the log holds above it.
    ///
    /// # Errors
    /// `Corrupt` with the path of what is damaged.
    pub fn catalog(&self) -> Result<Catalog> {
        Ok(crate::view::definitions(self)?.0)
    }

    /// Calls `f` on each operation that was committed above `after` and up to `last`, in order; the number is that of
    /// the commit. Segments of the log that hold nothing `wanted` are passed over.
    pub(crate) fn replay_to(
        &self,
        after: u64,
        last: u64,
        wanted: impl Fn(&Touches) -> bool + Send + Sync,
        mut f: impl FnMut(u64, Op) -> Result<()>,
    ) -> Result<()> {
        if after >= last {
            return Ok(());
        }
        let Some(reader) = crate::view::log(self)? else { return Ok(()) };
        crate::view::gap(self, &reader, after)?;
        for transaction in reader.transactions_of(after + 1, wanted) {
            let transaction = transaction?;
            if transaction.commit_lsn > last {
                break;
            }
            if transaction.commit_lsn > after {
                for (_, _, op) in transaction.ops {
                    f(transaction.commit_lsn, op)?;
                }
            }
        }
        Ok(())
    }

    /// The last commit.
    ///
    /// # Errors
    /// `Corrupt`, `Io`.
    pub fn last_lsn(&self) -> Result<u64> {
        Ok(crate::view::definitions(self)?.1.lsn)
    }

    /// The bytes of a JSON document, `None` when there is no such key.
    ///
    /// # Errors
    /// `NotFound` when there is no such store; `Unsupported` when the value is not a document.
    pub fn document(&self, store: &str, key: &str) -> Result<Option<Vec<u8>>> {
        let view = crate::View::open(&std::sync::Arc::new(self.clone()))?;
        match crate::kv::get(&view, store, key)?.map(|i| (i.kind, i.value)) {
            Some((layout::VALUE_JSON, value)) => Ok(Some(value)),
            Some((kind, _)) => Err(Error::unsupported(format!("{store}.{key} is not a JSON document"))
                .expected(format!("value kind {}", layout::VALUE_JSON))
                .got(kind)),
            None => Ok(None),
        }
    }

    /// Opens a graph.
    ///
    /// # Errors
    /// Those of [`Graph::open`].
    pub fn graph(&self, name: &ObjectName) -> Result<Graph> {
        Graph::open(&self.layout.graph(name))
    }

    /// Becomes the one writer of the database, waiting up to `wait` for another one to end.
    ///
    /// # Errors
    /// `Locked`; what recovery of the log says.
    pub fn writer(&self, wait: Duration) -> Result<Writer> {
        Writer::open(self, wait)
    }
}

/// Writes the marker of a database folder, with a new identity.
///
/// # Errors
/// `Io`.
pub(crate) fn write_marker(root: &Path, database: &str) -> Result<()> {
    let marker = Marker {
        format: MARKER_FORMAT.to_owned(),
        version: 1,
        generation: 1,
        uuid: Uuid::now_v7(),
        database: database.to_owned(),
    };
    qx_io::write_atomic(&root.join(MARKER), Publish::Replace, &manifest::seal(&marker)?)
}

/// What an init that was stopped leaves: empty folders, and a marker that has not got its name.
fn is_of_init(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let empty = || fs::read_dir(entry.path()).is_ok_and(|mut entries| entries.next().is_none());
    match name.to_str() {
        Some("LOCK") => true,
        Some("runs" | DEFAULT_DATABASE) => empty(),
        _ => is_temporary(&name),
    }
}

fn is_temporary(name: &std::ffi::OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".") && name.windows(5).any(|w| w == b".tmp-")
}

pub(crate) fn decode_define(json: &[u8], lsn: u64) -> Result<Define> {
    serde_json::from_slice(json).map_err(|e| {
        Error::unsupported(format!("the log holds a definition that this build does not read: {e}"))
            .got(format!("lsn {lsn}"))
    })
}

/// Creates a folder and those above it that are missing; their names are durable.
pub(crate) fn make_dir(dir: &Path) -> Result<()> {
    qx_io::create_dir_all(dir).map_err(|e| Error::io("create folder", e).path(dir))
}

//! Names of things in a database, and where they lie in its folder.

use std::path::{Path, PathBuf};

use qx_formats::{Error, Result};

use crate::table_def::TableDef;

/// Longest name, in bytes: a folder name on every file system, with room for a suffix.
pub const MAX_NAME_LEN: usize = 200;
/// Schema of a name that gives none.
pub const DEFAULT_SCHEMA: &str = "public";
/// Database of a name that gives none.
pub const DEFAULT_DATABASE: &str = "main";
/// The schema name under which key-value stores are addressed: `db.store.kv.key`.
pub const KV_SCHEMA: &str = "store";

/// Checks a name of a database, schema, table, graph, index or store: letters, digits and `_ - .` inside, no
/// separator, no leading dot, so that it is a folder name and nothing else.
///
/// # Errors
/// `Usage` with the name.
pub fn check_name(kind: &str, name: &str) -> Result<()> {
    let sound = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.len() > MAX_NAME_LEN || name.starts_with(['.', '-']) || !name.chars().all(sound) {
        return Err(Error::usage(format!("`{name}` cannot name a {kind}"))
            .expected(format!("1 to {MAX_NAME_LEN} bytes of letters, digits, _ - and inner dots")));
    }
    Ok(())
}

/// A table, graph or index: schema and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName {
    pub schema: String,
    pub name: String,
}

impl ObjectName {
    /// `name` or `schema.name`.
    ///
    /// # Errors
    /// `Usage` when a part cannot be a name or there are more than two.
    pub fn parse(kind: &str, text: &str) -> Result<Self> {
        let (schema, name) = text.split_once('.').unwrap_or((DEFAULT_SCHEMA, text));
        check_name("schema", schema)?;
        check_name(kind, name)?;
        if name.contains('.') || schema == KV_SCHEMA {
            return Err(Error::usage(format!("`{text}` cannot name a {kind}")).expected("name or schema.name"));
        }
        Ok(ObjectName { schema: schema.to_owned(), name: name.to_owned() })
    }

    /// As a key of the catalog: `schema.name`.
    pub fn key(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}

/// The folder of one database inside a database folder.
#[derive(Debug, Clone)]
pub struct Layout {
    /// `DB/<db>`.
    pub home: PathBuf,
}

impl Layout {
    pub fn new(root: &Path, database: &str) -> Self {
        Layout { home: root.join(database) }
    }

    pub fn wal(&self) -> PathBuf {
        self.home.join("wal")
    }

    /// Folder of a table: its manifest, and the Delta table in `cold/`.
    pub fn table(&self, name: &ObjectName) -> PathBuf {
        self.home.join(&name.schema).join(&name.name)
    }

    /// Folder of a defined table.
    pub fn table_folder(&self, name: &ObjectName, def: &TableDef) -> PathBuf {
        self.home.join(&name.schema).join(def.folder.as_deref().unwrap_or(&name.name))
    }

    pub fn graph(&self, name: &ObjectName) -> PathBuf {
        self.home.join(&name.schema).join(format!("{}.graph", name.name))
    }

    /// The dictionary segment that stands on its own, outside a graph.
    pub fn dictionary(&self, name: &ObjectName) -> PathBuf {
        self.home.join(&name.schema).join(format!("{}.seg", name.name))
    }

    pub fn index_definition(&self, name: &ObjectName) -> PathBuf {
        self.home.join(&name.schema).join(format!("{}.vindex", name.name))
    }
}

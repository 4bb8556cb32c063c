//! The catalog: what is defined in a database. Every definition is a transaction in the log; `catalog.json` is the
//! fold of them up to a log sequence number, published after each, so that a reader need not replay the whole log.

use std::collections::BTreeMap;

use qx_formats::manifest;
use qx_formats::{Error, Result};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::names::ObjectName;

/// Format name of the document.
pub const FORMAT: &str = "qx.catalog";
/// File name in the database's folder.
pub const FILE: &str = "catalog.json";

/// One column of a table. The id stays when the name changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub id: u32,
    pub name: String,
    /// Arrow type in Arrow's own notation.
    #[serde(rename = "type")]
    pub data_type: String,
    pub nullable: bool,
}

/// How an object came to be, so that a pipeline knows whether it is still current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub pipeline: String,
    /// BLAKE3 over the definition of the step and everything it was built from.
    pub fingerprint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDef {
    pub uuid: Uuid,
    pub columns: Vec<Column>,
    pub origin: Option<Origin>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphDef {
    pub uuid: Uuid,
    pub partitions: u32,
    /// Names of the edge types.
    pub etypes: BTreeMap<u32, String>,
    pub origin: Option<Origin>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDef {
    pub uuid: Uuid,
    pub table: String,
    pub column: String,
    pub metric: String,
    pub origin: Option<Origin>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DictionaryDef {
    pub uuid: Uuid,
    pub origin: Option<Origin>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreDef {
    pub uuid: Uuid,
}

/// One definition change, as it stands in the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "define", rename_all = "snake_case")]
pub enum Define {
    Table { name: String, def: TableDef },
    Graph { name: String, def: GraphDef },
    Index { name: String, def: IndexDef },
    Dictionary { name: String, def: DictionaryDef },
    Store { name: String, def: StoreDef },
}

/// Everything that is defined in one database. Keys are `schema.name`, for stores the plain name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    format: String,
    version: u64,
    pub generation: u64,
    /// Definitions up to this log sequence number are in here.
    pub lsn: u64,
    #[serde(default)]
    pub tables: BTreeMap<String, TableDef>,
    #[serde(default)]
    pub graphs: BTreeMap<String, GraphDef>,
    #[serde(default)]
    pub indexes: BTreeMap<String, IndexDef>,
    #[serde(default)]
    pub dictionaries: BTreeMap<String, DictionaryDef>,
    #[serde(default)]
    pub stores: BTreeMap<String, StoreDef>,
}

impl Default for Catalog {
    fn default() -> Self {
        Catalog {
            format: FORMAT.to_owned(),
            version: 1,
            generation: 0,
            lsn: 0,
            tables: BTreeMap::new(),
            graphs: BTreeMap::new(),
            indexes: BTreeMap::new(),
            dictionaries: BTreeMap::new(),
            stores: BTreeMap::new(),
        }
    }
}

impl Catalog {
    /// # Errors
    /// Those of [`manifest::open`]; `Invalid` when the members are not a catalog's.
    pub fn decode(bytes: &[u8]) -> Result<Catalog> {
        let value = manifest::open(bytes, FORMAT)?;
        serde_json::from_value(value).map_err(|e| Error::invalid(format!("not a catalog: {e}")))
    }

    /// # Errors
    /// `Limit` when the catalog has grown past what a manifest may hold.
    pub fn encode(&self) -> Result<Vec<u8>> {
        manifest::seal(self)
    }

    /// Applies one definition that the log holds at `lsn`. Definitions that are already in are passed over.
    pub fn apply(&mut self, define: Define, lsn: u64) {
        if lsn <= self.lsn {
            return;
        }
        match define {
            Define::Table { name, def } => drop(self.tables.insert(name, def)),
            Define::Graph { name, def } => drop(self.graphs.insert(name, def)),
            Define::Index { name, def } => drop(self.indexes.insert(name, def)),
            Define::Dictionary { name, def } => drop(self.dictionaries.insert(name, def)),
            Define::Store { name, def } => drop(self.stores.insert(name, def)),
        }
    }

    /// Whether the two define the same, whatever their generations.
    pub fn same_definitions(&self, other: &Catalog) -> bool {
        let strip = |c: &Catalog| Catalog { generation: 0, lsn: 0, ..c.clone() };
        strip(self) == strip(other)
    }

    pub fn table(&self, name: &ObjectName) -> Option<&TableDef> {
        self.tables.get(&name.key())
    }

    pub fn graph(&self, name: &ObjectName) -> Option<&GraphDef> {
        self.graphs.get(&name.key())
    }

    pub fn index(&self, name: &ObjectName) -> Option<&IndexDef> {
        self.indexes.get(&name.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_is_applied_once_and_survives_the_file() {
        let mut c = Catalog::default();
        let def = StoreDef { uuid: Uuid::nil() };
        c.apply(Define::Store { name: "docs".into(), def: def.clone() }, 7);
        c.lsn = 7;
        c.apply(Define::Store { name: "old".into(), def }, 5);
        assert_eq!(c.stores.len(), 1);
        let bytes = c.encode().unwrap();
        assert_eq!(Catalog::decode(&bytes).unwrap(), c);
        for i in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[i] ^= 1;
            assert!(Catalog::decode(&bad).is_err(), "flip at {i}");
        }
    }
}

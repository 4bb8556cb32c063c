//! The catalog: what is defined in a database. Every definition is a transaction in the log; `catalog.json` is the
//! fold of them up to a log sequence number, published after each, so that a reader need not replay the whole log.

use std::collections::BTreeMap;

use qx_formats::manifest;
use qx_formats::{Error, Result};
use qx_vector::definition::{Mode, Parameters};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use crate::graph_def::GraphDef;
use crate::names::ObjectName;
pub use crate::table_def::{Column, TableDef, TableOptions};

/// Format name of the document.
pub const FORMAT: &str = "qx.catalog";
/// File name in the database's folder.
pub const FILE: &str = "catalog.json";

/// How an object came to be, so that a pipeline knows whether it is still current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub pipeline: String,
    /// BLAKE3 over the definition of the step and everything it was built from.
    pub fingerprint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDef {
    pub uuid: Uuid,
    pub table: String,
    pub column: String,
    pub metric: String,
    pub origin: Option<Origin>,
    /// The table itself, whatever it is called by now; that of the name without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table_uuid: Option<Uuid>,
    /// The column, whatever it is called by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column_id: Option<u32>,
    /// The column that row ids come from, where that is not the table's key: tables that pipelines write have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of an index that SQL defined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<IndexOptions>,
}

/// What CREATE VECTOR INDEX ... WITH (...) says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexOptions {
    pub mode: Mode,
    pub dim: Option<u32>,
    pub parameters: Parameters,
    /// Candidates of a search in two phases for each row that is asked for; the setting without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpha: Option<u32>,
    /// Rows in the log at which a BATCHED index takes them up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch_rows: Option<u64>,
}

impl IndexDef {
    /// One that a pipeline builds.
    pub fn plain(uuid: Uuid, table: &str, column: &str, metric: &str) -> Self {
        let (table, column, metric) = (table.to_owned(), column.to_owned(), metric.to_owned());
        let (origin, table_uuid, column_id, id, options) = (None, None, None, None, None);
        IndexDef { uuid, table, column, metric, origin, table_uuid, column_id, id, options }
    }

    pub fn mode(&self) -> Mode {
        self.options.as_ref().map_or(Mode::RebuildOnly, |o| o.mode)
    }

    /// The column in a table, if the index is one on that table and the column is there.
    pub fn column_in<'a>(&self, table: &str, def: &'a TableDef) -> Option<&'a Column> {
        let mine = match self.table_uuid {
            Some(uuid) => uuid == def.uuid,
            None => table == self.table || table.strip_prefix("public.") == Some(self.table.as_str()),
        };
        let column = match self.column_id {
            Some(id) => def.column_by_id(id),
            None => def.column(&self.column),
        };
        column.filter(|_| mine)
    }
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

/// What can be defined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Object {
    Table,
    Graph,
    Index,
    Dictionary,
    Store,
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Object::Table => "table",
            Object::Graph => "graph",
            Object::Index => "vector index",
            Object::Dictionary => "dictionary",
            Object::Store => "store",
        })
    }
}

/// One definition change, as it stands in the log. The first five define a thing or define it anew: an ALTER carries
/// the whole definition that is to hold from then on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "define", rename_all = "snake_case")]
pub enum Define {
    Table {
        name: String,
        def: TableDef,
    },
    Graph {
        name: String,
        def: GraphDef,
    },
    Index {
        name: String,
        def: IndexDef,
    },
    Dictionary {
        name: String,
        def: DictionaryDef,
    },
    Store {
        name: String,
        def: StoreDef,
    },
    Drop {
        object: Object,
        name: String,
    },
    Rename {
        object: Object,
        from: String,
        to: String,
    },
    /// A knob of the database; without a value it goes back to its default.
    Setting {
        name: String,
        value: Option<String>,
    },
    /// Takes a number of the log for work on a table that is committed elsewhere (a bulk load, a rewrite).
    Touch {
        table: Uuid,
    },
}

/// Everything that is defined in one database. Keys are `schema.name`, for stores the plain name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalog {
    format: String,
    version: u64,
    pub generation: u64,
    /// Definitions up to this log sequence number are in here.
    pub lsn: u64,
    /// Everything up to this number was let go from the log on purpose: a log that begins later lost its beginning.
    #[serde(default)]
    pub pruned_lsn: u64,
    /// What the log let go of the keys of a store stands in a snapshot as of this number or later.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub snapshots: BTreeMap<Uuid, u64>,
    /// What the log let go of a table stands in its Parquet files, and what it let go of a graph in its folder, as of this
    /// number or later.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub taken_over: BTreeMap<Uuid, u64>,
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
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
}

impl Default for Catalog {
    fn default() -> Self {
        Catalog {
            format: FORMAT.to_owned(),
            version: 1,
            generation: 0,
            lsn: 0,
            pruned_lsn: 0,
            snapshots: BTreeMap::new(),
            taken_over: BTreeMap::new(),
            tables: BTreeMap::new(),
            graphs: BTreeMap::new(),
            indexes: BTreeMap::new(),
            dictionaries: BTreeMap::new(),
            stores: BTreeMap::new(),
            settings: BTreeMap::new(),
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
        if lsn > self.lsn {
            self.change(define);
        }
    }

    /// Applies one definition, whatever its number.
    pub fn change(&mut self, define: Define) {
        match define {
            Define::Table { name, def } => drop(self.tables.insert(name, def)),
            Define::Graph { name, def } => drop(self.graphs.insert(name, def)),
            Define::Index { name, def } => drop(self.indexes.insert(name, def)),
            Define::Dictionary { name, def } => drop(self.dictionaries.insert(name, def)),
            Define::Store { name, def } => drop(self.stores.insert(name, def)),
            Define::Drop { object, name } => match object {
                Object::Table => drop(self.tables.remove(&name)),
                Object::Graph => drop(self.graphs.remove(&name)),
                Object::Index => drop(self.indexes.remove(&name)),
                Object::Dictionary => drop(self.dictionaries.remove(&name)),
                Object::Store => drop(self.stores.remove(&name)),
            },
            Define::Rename { object, from, to } => match object {
                Object::Table => rename(&mut self.tables, &from, to),
                Object::Graph => rename(&mut self.graphs, &from, to),
                Object::Index => rename(&mut self.indexes, &from, to),
                Object::Dictionary => rename(&mut self.dictionaries, &from, to),
                Object::Store => rename(&mut self.stores, &from, to),
            },
            Define::Setting { name, value: Some(value) } => drop(self.settings.insert(name, value)),
            Define::Setting { name, value: None } => drop(self.settings.remove(&name)),
            Define::Touch { .. } => {}
        }
    }

    /// The table with this identity, and its name.
    pub fn table_by_uuid(&self, uuid: Uuid) -> Option<(&str, &TableDef)> {
        self.tables.iter().find(|(_, def)| def.uuid == uuid).map(|(name, def)| (name.as_str(), def))
    }

    /// The vector indexes on a table, by name.
    pub fn indexes_on<'a>(&'a self, table: &'a str) -> impl Iterator<Item = (&'a str, &'a IndexDef)> {
        let def = self.tables.get(table);
        let on = move |(_, index): &(&String, &IndexDef)| def.is_some_and(|d| index.column_in(table, d).is_some());
        self.indexes.iter().filter(on).map(|(name, index)| (name.as_str(), index))
    }

    /// The graphs that are views of a table, by name.
    pub fn graphs_on<'a>(&'a self, table: &'a str) -> impl Iterator<Item = (&'a str, &'a GraphDef)> {
        self.graphs.iter().filter(move |(_, graph)| graph.is_on(table)).map(|(name, graph)| (name.as_str(), graph))
    }

    /// Number of things that are defined.
    pub fn len(&self) -> usize {
        self.tables.len() + self.graphs.len() + self.indexes.len() + self.dictionaries.len() + self.stores.len()
    }

    /// Nothing is defined.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the two define the same, whatever their generations.
    pub fn same_definitions(&self, other: &Catalog) -> bool {
        let strip = |c: &Catalog| Catalog {
            generation: 0,
            lsn: 0,
            pruned_lsn: 0,
            snapshots: BTreeMap::new(),
            taken_over: BTreeMap::new(),
            ..c.clone()
        };
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

fn rename<T>(map: &mut BTreeMap<String, T>, from: &str, to: String) {
    if let Some(def) = map.remove(from) {
        map.insert(to, def);
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

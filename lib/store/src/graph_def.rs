//! The definition of a graph: what its nodes and edges are called, where they stand, and how it is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use qx_formats::{Error, Result};
use qx_graph::{Home, Limits, MAX_PARTITIONS, PropNames};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::catalog::Origin;
use crate::names::{Layout, ObjectName};
use crate::table_def::TableDef;

/// A label, and the column of a table of nodes that is its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelDef {
    pub label: String,
    pub key: String,
}

/// The labels at the ends of an edge type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndsDef {
    pub etype: u32,
    pub from: String,
    pub to: String,
}

/// Tables that a graph is a view of: `name` or `schema.name`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablesDef {
    pub nodes: String,
    pub edges: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GraphDef {
    pub uuid: Uuid,
    pub partitions: u32,
    /// Names of the edge types.
    #[serde(deserialize_with = "numbered")]
    pub etypes: BTreeMap<u32, String>,
    pub origin: Option<Origin>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<LabelDef>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ends: Vec<EndsDef>,
    /// Absent: the graph stands in the graph store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tables: Option<TablesDef>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
}

/// Numbers are names of members, and a definition in the log is read by way of its members: they arrive as text.
fn numbered<'de, D: serde::Deserializer<'de>>(d: D) -> Result<BTreeMap<u32, String>, D::Error> {
    use serde::de::Error;
    let named = BTreeMap::<String, String>::deserialize(d)?;
    let parse = |(k, v): (String, String)| match k.parse() {
        Ok(number) => Ok((number, v)),
        Err(_) => Err(D::Error::custom(format!("{k:?} is not an edge type"))),
    };
    named.into_iter().map(parse).collect()
}

/// Options of a graph in the graph store, each also a setting of the database under `graph.`.
const STORE_OPTIONS: [&str; 6] =
    ["commit_window_ms", "gc_max_delta_records", "gc_tombstone_ratio_ppm", "gc_max_delta_age_ms", "cost", "time"];
/// Options of a graph over tables: columns.
const TABLE_OPTIONS: [&str; 7] = ["src", "dst", "etype", "cost", "time", "label", "id"];

/// The options that name columns of the table of nodes, and of edges.
const NODE_COLUMNS: [&str; 2] = ["label", "id"];
const EDGE_COLUMNS: [&str; 5] = ["src", "dst", "etype", "cost", "time"];

/// What the column is called that an option of a graph over tables would name: the first of these that is there.
pub fn usual_columns(option: &str) -> &'static [&'static str] {
    match option {
        "src" => &["src"],
        "dst" => &["dst"],
        "etype" => &["etype", "type"],
        "cost" => &["cost"],
        "time" => &["time", "_time"],
        "label" => &["label"],
        "id" => &["id"],
        _ => &[],
    }
}

/// Whether a text that names a table means the one with this key of the catalog.
fn means(text: &str, key: &str) -> bool {
    ObjectName::parse("table", text).is_ok_and(|name| name.key() == key)
}

impl GraphDef {
    /// Whether the graph is a view of a table: `schema.name`.
    pub fn is_on(&self, table: &str) -> bool {
        self.tables.as_ref().is_some_and(|of| means(&of.nodes, table) || means(&of.edges, table))
    }

    /// The columns of a table that the graph is read from: those that it cannot do without, there or not, and of the
    /// others those that are there.
    pub fn columns_in<'a>(&'a self, table: &str, def: &TableDef) -> Vec<&'a str> {
        let Some(of) = &self.tables else { return Vec::new() };
        let mut columns: Vec<&str> = Vec::new();
        let mut options: Vec<&str> = Vec::new();
        if means(&of.nodes, table) {
            columns.extend(self.labels.iter().map(|l| l.key.as_str()));
            options.extend(NODE_COLUMNS);
        }
        if means(&of.edges, table) {
            options.extend(EDGE_COLUMNS);
        }
        columns.extend(options.into_iter().filter_map(|option| self.column_of(option, def)));
        columns
    }

    fn column_of(&self, option: &str, def: &TableDef) -> Option<&str> {
        if let Some(name) = self.options.get(option) {
            return Some(name);
        }
        let usual = usual_columns(option);
        let needed = usual.first().filter(|_| matches!(option, "src" | "dst"));
        usual.iter().find(|name| def.column(name).is_some()).or(needed).copied()
    }

    /// Checks options and takes out what has a place of its own.
    ///
    /// # Errors
    /// `Usage` for an option that there is not, or a value that it does not take.
    pub fn set_options(&mut self, options: Vec<(String, String)>) -> Result<()> {
        let known: &[&str] = if self.tables.is_some() { &TABLE_OPTIONS } else { &STORE_OPTIONS };
        for (name, value) in options {
            if name == "partitions" && self.tables.is_none() {
                let n = value.parse().ok().filter(|n| (1..=MAX_PARTITIONS).contains(n));
                self.partitions =
                    n.ok_or_else(|| Error::usage("partitions").expected(format!("1 to {MAX_PARTITIONS}")).got(&value))?;
                continue;
            }
            if !known.contains(&name.as_str()) {
                let first = if self.tables.is_some() { "" } else { "partitions, " };
                return Err(Error::usage(format!("a graph has no option {name}"))
                    .expected(format!("{first}{}", known.join(", "))));
            }
            if is_number(&name) && value.parse::<u64>().is_err() {
                return Err(Error::usage(format!("option {name}")).expected("a whole number from 0").got(value));
            }
            self.options.insert(name, value);
        }
        Ok(())
    }

    /// When the graph is compacted: by its own options, else by the database's settings, else by the defaults.
    pub fn limits(&self, settings: &BTreeMap<String, String>) -> Limits {
        let default = Limits::default();
        let number = |name: &str| {
            let text = self.options.get(name).or_else(|| settings.get(&format!("graph.{name}")))?;
            text.parse::<u64>().ok()
        };
        let time = |name: &str, default| number(name).map_or(default, Duration::from_millis);
        Limits {
            commit_window: time("commit_window_ms", default.commit_window),
            gc_max_delta_records: number("gc_max_delta_records").unwrap_or(default.gc_max_delta_records),
            gc_tombstone_ratio_ppm: number("gc_tombstone_ratio_ppm").unwrap_or(default.gc_tombstone_ratio_ppm),
            gc_max_delta_age: time("gc_max_delta_age_ms", default.gc_max_delta_age),
        }
    }

    /// Which properties of edges are cost and time in the graph store.
    pub fn props(&self) -> PropNames {
        let default = PropNames::default();
        let option = |name: &str, default| self.options.get(name).cloned().unwrap_or(default);
        PropNames { cost: option("cost", default.cost), time: option("time", default.time) }
    }

    /// Where the graph stands in the graph store.
    pub fn home(&self, layout: &Layout, name: &ObjectName) -> Home {
        Home { dir: layout.graph(name), wal: layout.wal(), graph: self.uuid, partitions: self.partitions.max(1) }
    }

    /// The label of a node's key column, for a graph over tables.
    pub fn key_of(&self, label: &str) -> Option<&str> {
        self.labels.iter().find(|l| l.label == label).map(|l| l.key.as_str())
    }

    /// The statement that makes such a graph.
    pub fn create_statement(&self, name: &ObjectName) -> String {
        let labels: Vec<String> =
            self.labels.iter().map(|l| format!("{} KEY({})", word(&l.label), small(&l.key))).collect();
        let edges: Vec<String> = self.ends.iter().map(|e| self.edge_text(e)).collect();
        let using = match &self.tables {
            Some(t) => format!("TABLES (nodes={}, edges={})", text(&t.nodes), text(&t.edges)),
            None => "GRAPHSTORE".to_owned(),
        };
        let mut options: Vec<String> = self.options.iter().map(|(k, v)| format!("{k}={}", text(v))).collect();
        if self.tables.is_none() {
            options.insert(0, format!("partitions={}", self.partitions.max(1)));
        }
        let with = if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) };
        let full = if name.schema == crate::names::DEFAULT_SCHEMA { small(&name.name) } else { text(&name.key()) };
        format!("CREATE GRAPH {full} NODES ({}) EDGES ({}) USING {using}{with}", labels.join(", "), edges.join(", "))
    }

    fn edge_text(&self, e: &EndsDef) -> String {
        let name = self.etypes.get(&e.etype).cloned().unwrap_or_else(|| e.etype.to_string());
        format!("{} FROM {} TO {}", word(&name), word(&e.from), word(&e.to))
    }
}

fn is_number(option: &str) -> bool {
    option.starts_with("gc_") || option.ends_with("_ms")
}

/// A name as a statement takes it: bare where that reads the same.
fn word(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

/// [`word`] for what statements take in lower case.
fn small(name: &str) -> String {
    if name == name.to_lowercase() { word(name) } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

fn text(value: &str) -> String {
    if value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty() {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Define;

    #[test]
    fn names_that_are_not_in_small_letters_are_quoted() {
        let label = LabelDef { label: "Tool".into(), key: "Name".into() };
        let def = GraphDef { partitions: 1, labels: vec![label], ..GraphDef::default() };
        let statement = |name: &str| def.create_statement(&ObjectName::parse("graph", name).unwrap());
        let rest = "NODES (Tool KEY(\"Name\")) EDGES () USING GRAPHSTORE WITH (partitions=1)";
        assert_eq!(statement("know"), format!("CREATE GRAPH know {rest}"));
        assert_eq!(statement("Know"), format!("CREATE GRAPH \"Know\" {rest}"));
    }

    #[test]
    fn a_definition_survives_the_log() {
        let ends = EndsDef { etype: 1, from: "A".into(), to: "B".into() };
        let mut def =
            GraphDef { partitions: 2, etypes: [(1, "E".to_owned())].into(), ends: vec![ends], ..GraphDef::default() };
        def.set_options(vec![("gc_max_delta_records".into(), "7".into()), ("partitions".into(), "3".into())]).unwrap();
        assert_eq!((def.partitions, def.limits(&BTreeMap::new()).gc_max_delta_records), (3, 7));
        let settings = BTreeMap::from([("graph.commit_window_ms".to_owned(), "9".to_owned())]);
        assert_eq!(def.limits(&settings).commit_window, Duration::from_millis(9));
        let define = Define::Graph { name: "public.g".into(), def };
        let json = serde_json::to_vec(&define).unwrap();
        assert_eq!(serde_json::from_slice::<Define>(&json).unwrap(), define);
    }
}

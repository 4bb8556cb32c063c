//! The specification file of a pipeline: TOML or JSON, versioned, unknown fields refused.

use std::collections::BTreeMap;
use std::path::Path;

use qx_formats::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Newest specification version that this build reads.
pub const VERSION: u32 = 1;
/// Largest specification file.
const MAX_LEN: u64 = 4 << 20;

/// A pipeline: inputs, views over them, what is built from the views, and the questions it answers at the end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Version of this specification format; 1.
    pub version: u32,
    /// Name of the pipeline; artifacts remember it.
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Database folder, relative to the working directory; `--db` overrides it.
    pub database: String,
    /// Files that are read, by the name under which views see them. Paths are relative to this file.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, Input>,
    /// Named queries over inputs and earlier views, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<View>,
    /// Tables to write.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs: Vec<Output>,
    /// Dictionaries, graphs, vector indexes and documents to build.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub artifacts: Vec<Artifact>,
    /// Facts about the input and what was done with it, each a query with one value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
    /// Questions to answer once everything is built; they see the database, not the inputs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queries: Vec<Query>,
}

/// A file to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub path: String,
    #[serde(default)]
    pub format: InputFormat,
    /// Adds a column of this name with the record's position, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row_number: Option<String>,
    /// Records from which types are inferred; 0 looks at all of them.
    #[serde(default = "default_sample")]
    pub sample: u64,
}

fn default_sample() -> u64 {
    1024
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InputFormat {
    /// JSON: lines, one array, or one document; compressed or not.
    #[default]
    Json,
    /// A NumPy matrix of floats; its rows are in column `vector`.
    Npy,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct View {
    pub name: String,
    pub sql: String,
}

/// A table whose rows are those of a view.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// `name` or `schema.name`.
    pub table: String,
    /// The view or input that it is written from.
    pub from: String,
}

/// Something other than a table that is built from views.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Artifact {
    /// A dictionary segment from a view with columns `label`, `key` and `id`.
    Dictionary { name: String, from: String },
    /// A graph: nodes from a view with columns `label`, `key`, `id`; edges from one with `src`, `dst` and `etype`.
    Graph {
        name: String,
        nodes: String,
        edges: String,
        /// Names of the edge types, by number.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        etypes: BTreeMap<String, u32>,
        #[serde(default = "default_partitions")]
        partitions: u32,
    },
    /// A vector index over a column of float lists; `id` names the column whose integers become row ids.
    VectorIndex {
        name: String,
        from: String,
        column: String,
        id: String,
        metric: String,
        #[serde(default = "default_m")]
        m: u32,
        #[serde(default = "default_ef_build")]
        ef_build: u32,
    },
    /// A JSON document in a key-value store, taken from a JSON input byte for byte.
    Document { store: String, key: String, input: String },
}

fn default_partitions() -> u32 {
    1
}

fn default_m() -> u32 {
    32
}

fn default_ef_build() -> u32 {
    200
}

impl Artifact {
    /// What the step is called in reports.
    pub fn label(&self) -> String {
        match self {
            Artifact::Dictionary { name, .. } => format!("dictionary {name}"),
            Artifact::Graph { name, .. } => format!("graph {name}"),
            Artifact::VectorIndex { name, .. } => format!("vector index {name}"),
            Artifact::Document { store, key, .. } => format!("document {store}.{key}"),
        }
    }

    /// The views and inputs that it is built from.
    pub fn sources(&self) -> Vec<&str> {
        match self {
            Artifact::Dictionary { from, .. } | Artifact::VectorIndex { from, .. } => vec![from],
            Artifact::Graph { nodes, edges, .. } => vec![nodes, edges],
            Artifact::Document { input, .. } => vec![input],
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Note {
    /// What the number counts, and what was done.
    pub text: String,
    /// A query with one row and one column.
    pub sql: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Query {
    pub name: String,
    /// A heading for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    pub sql: String,
}

impl Spec {
    /// Reads and checks a specification: JSON if the text starts with a brace, TOML otherwise.
    ///
    /// # Errors
    /// `Io`; `Invalid` with the place for what is not a specification; `Unsupported` for a newer version.
    pub fn read(path: &Path) -> Result<Spec> {
        let len = std::fs::metadata(path).map_err(|e| Error::io("read", e).path(path))?.len();
        if len > MAX_LEN {
            return Err(Error::limit("specification length", MAX_LEN, len).path(path));
        }
        let bytes = std::fs::read(path).map_err(|e| Error::io("read", e).path(path))?;
        let text = std::str::from_utf8(&bytes)
            .map_err(|e| Error::invalid("a specification is UTF-8 text").offset(e.valid_up_to() as u64).path(path))?;
        Spec::parse(text).map_err(|e| e.path(path))
    }

    /// # Errors
    /// As [`Spec::read`].
    pub fn parse(text: &str) -> Result<Spec> {
        if text.trim().is_empty() {
            return Err(Error::invalid("the specification is empty").hint("`qx spec schema` prints what it may hold"));
        }
        let json = text.trim_start().starts_with('{');
        // The version comes first: a newer file may have fields that this build cannot name.
        let version = if json {
            serde_json::from_str::<serde_json::Value>(text).ok().and_then(|v| v.get("version")?.as_u64())
        } else {
            text.parse::<toml::Table>().ok().and_then(|t| u64::try_from(t.get("version")?.as_integer()?).ok())
        };
        if let Some(v) = version.filter(|&v| v > u64::from(VERSION)) {
            return Err(Error::unsupported(format!("specification version {v} is newer than this build reads"))
                .expected(format!("version {VERSION}"))
                .hint("use a newer release of the tool"));
        }
        let spec: Spec = if json {
            serde_json::from_str(text).map_err(|e| Error::invalid(format!("not a specification: {e}")))?
        } else {
            toml::from_str(text).map_err(|e| {
                let offset = e.span().map_or(0, |s| s.start as u64);
                Error::invalid(format!("not a specification: {}", e.message())).offset(offset)
            })?
        };
        crate::check::check(&spec)?;
        Ok(spec)
    }

    /// The specification with every default written out and members in a fixed order, as JSON.
    pub fn canonical(&self) -> String {
        // Struct members keep their order and maps are sorted, so the same meaning gives the same text.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// BLAKE3 of the canonical form, in hexadecimal.
    pub fn hash(&self) -> String {
        blake3::hash(self.canonical().as_bytes()).to_hex().to_string()
    }

    /// JSON Schema of the specification file.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Spec).to_value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "version = 1\nname = 'n'\ndatabase = 'd'\n[inputs.a]\npath = 'a.ndjson'\n";

    #[test]
    fn toml_and_json_mean_the_same() {
        let toml = Spec::parse(SMALL).unwrap();
        let json = Spec::parse(&toml.canonical()).unwrap();
        assert_eq!(toml, json);
        assert_eq!(toml.hash(), json.hash());
        assert_ne!(toml.hash(), Spec::parse(&SMALL.replace("'n'", "'m'")).unwrap().hash());
    }

    #[test]
    fn unknown_fields_and_newer_versions_are_refused_by_name() {
        let e = Spec::parse(&format!("{SMALL}colour = 'red'\n")).unwrap_err();
        assert!(e.to_string().contains("colour"), "{e}");
        let e = Spec::parse(&format!("speed = 3\n{SMALL}")).unwrap_err();
        assert!(e.to_string().contains("speed"), "{e}");
        let e = Spec::parse(&SMALL.replace("version = 1", "version = 2\nnovelty = 1")).unwrap_err();
        assert_eq!(e.kind(), qx_formats::Kind::Unsupported);
        assert!(Spec::parse("").is_err() && Spec::parse("{").is_err() && Spec::parse("\u{0}").is_err());
    }
}

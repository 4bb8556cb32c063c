//! Graphs: definitions, nodes and edges, MATCH, compaction; over the graph store and over tables.

mod define;
mod load;
mod parse;
mod pattern;
mod run_match;
mod show;
mod tables;
#[cfg(test)]
mod tests;
mod write;

use std::collections::BTreeMap;

use qx_formats::{Error, Kind, Result};
use qx_graph::NodeRef;
use qx_store::catalog::Catalog;
use qx_store::graph_def::GraphDef;
use qx_store::names::ObjectName;
use serde_json::Value;

use crate::session::{Answer, Session};

pub(crate) use load::{Cache, Loaded, for_function, preload, settle};
pub(crate) use parse::{name as parse_object, options as parse_options, parse};
pub(crate) use show::batch;

/// The statements of this area.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    Create(Box<Create>),
    Drop { name: String, if_exists: bool },
    Show(String),
    ShowCreate(String),
    ShowAll,
    ShowCurrent,
    Use(Option<String>),
    Status(Option<String>),
    Gc(Option<String>),
    Write { change: Change, graph: Option<String> },
    Match(Box<pattern::Match>),
}

/// A type of edges, and the labels of its ends.
#[derive(Debug, Clone)]
pub(crate) struct EdgeKind {
    pub name: String,
    pub from: String,
    pub to: String,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Create {
    pub name: String,
    pub if_not_exists: bool,
    /// Labels, each with the column of its key.
    pub labels: Vec<(String, String)>,
    pub edges: Vec<EdgeKind>,
    /// The tables of nodes and edges; the graph store without.
    pub tables: Option<(String, String)>,
    pub options: Vec<(String, String)>,
}

/// A change of a graph in the graph store.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    InsertNode { label: String, key: String, id: Option<u64>, props: String },
    DeleteNode(NodeRef),
    Edge { insert: bool, src: NodeRef, dst: NodeRef, etype: Option<String>, part: Option<u32>, props: String },
}

impl Change {
    /// In the words of EXPLAIN.
    fn text(&self) -> String {
        match self {
            Change::InsertNode { label, key, .. } => format!("node {label}:{key}"),
            Change::DeleteNode(node) => format!("node {node}, and the edges at it"),
            Change::Edge { src, dst, etype, .. } => {
                let etype = etype.as_deref().map_or(String::new(), |t| format!(" of type {t}"));
                format!("edge{etype} from {src} to {dst}")
            }
        }
    }
}

pub(crate) async fn run(session: &Session, statement: Statement) -> Result<Answer> {
    match statement {
        Statement::Create(create) => define::create(session, *create).await,
        Statement::Drop { name, if_exists } => define::drop_graph(session, &name, if_exists).await,
        Statement::Show(name) => show::graph(session, &name).await,
        Statement::ShowCreate(name) => show::definition(session, &name),
        Statement::ShowAll => show::graphs(session),
        Statement::ShowCurrent => show::current(session),
        Statement::Use(name) => define::use_graph(session, name.as_deref()),
        Statement::Status(name) => show::status(session, name.as_deref()).await,
        Statement::Gc(name) => define::collect(session, name.as_deref()).await,
        Statement::Write { change, graph } => write::run(session, change, graph.as_deref()).await,
        Statement::Match(statement) => run_match::run(session, *statement).await,
    }
}

/// What EXPLAIN says of a statement beside its words: of MATCH, how it is searched; of a change, of what state of the
/// graph it is one. A graph that the statement needs and that is not there is an error.
pub(crate) async fn describe(session: &Session, statement: &Statement) -> Result<BTreeMap<String, Value>> {
    let mut said = BTreeMap::new();
    let mut put = |name: &str, value: Value| drop(said.insert(name.to_owned(), value));
    let name = match statement {
        Statement::Match(statement) => return run_match::describe(session, statement).await,
        // Of all of them, or of none.
        Statement::ShowAll | Statement::ShowCurrent | Statement::Use(None) | Statement::Status(None) => {
            return Ok(said);
        }
        Statement::Gc(None) if session.graph().is_none() => return Ok(said),
        Statement::Create(create) => {
            put("graph", graph_name(session, &create.name)?.key().into());
            put("stands_in", if create.tables.is_some() { "tables" } else { "graphstore" }.into());
            return Ok(said);
        }
        Statement::Drop { name, if_exists } => {
            let name = graph_name(session, name)?;
            if *if_exists && session.view().catalog().graph(&name).is_none() {
                put("there", false.into());
                return Ok(said);
            }
            name
        }
        Statement::Show(name) | Statement::ShowCreate(name) | Statement::Use(Some(name)) => graph_name(session, name)?,
        Statement::Status(name) | Statement::Gc(name) => named_or_used(session, name.as_deref())?,
        Statement::Write { change, graph } => {
            put("change", change.text().into());
            named_or_used(session, graph.as_deref())?
        }
    };
    definition(&session.view().catalog(), &name)?;
    let facts = load::load(session, &name).await?.facts();
    said.extend(facts.entries);
    said.extend(facts.version.map(|v| ("version".to_owned(), v.into())));
    Ok(said)
}

/// A graph's name as a person writes it: `name`, `schema.name`, or with the database before that; strokes do for points.
pub(crate) fn graph_name(session: &Session, text: &str) -> Result<ObjectName> {
    parse_name(session.store().database(), text)
}

/// [`graph_name`] in the database with this name.
pub(crate) fn parse_name(database: &str, text: &str) -> Result<ObjectName> {
    let text = text.replace('/', ".");
    let text = match text.split_once('.') {
        Some((db, rest)) if db == database && rest.contains('.') => rest,
        _ => &text,
    };
    ObjectName::parse("graph", text)
}

/// The graph that is named, or else the one in use.
fn named_or_used(session: &Session, name: Option<&str>) -> Result<ObjectName> {
    match name {
        Some(name) => graph_name(session, name),
        None => session.graph().ok_or_else(|| {
            Error::usage("no graph is named and none is in use")
                .hint("name one (GRAPH g, USING GRAPH g), or USE GRAPH g first")
        }),
    }
}

/// # Errors
/// `NotFound` with the names that there are.
pub(crate) fn definition<'a>(catalog: &'a Catalog, name: &ObjectName) -> Result<&'a GraphDef> {
    catalog.graph(name).ok_or_else(|| {
        let names: Vec<&str> = catalog.graphs.keys().map(String::as_str).collect();
        let missing = Error::new(Kind::NotFound, format!("there is no graph {}", name.key()));
        match names.as_slice() {
            [] => missing.hint("no graph is defined: CREATE GRAPH makes one"),
            names => missing.expected(names.join(", ")).hint("SHOW GRAPHS lists them"),
        }
    })
}

/// The number of an edge type that is given as a number or by its name.
pub(crate) fn etype_number(def: &GraphDef, text: &str) -> Result<u32> {
    if let Some((number, _)) = def.etypes.iter().find(|(_, name)| *name == text) {
        return Ok(*number);
    }
    if let Ok(number) = text.parse::<u64>() {
        return u32::try_from(number).map_err(|_| Error::limit("edge type", u64::from(u32::MAX), number));
    }
    let names: Vec<&str> = def.etypes.values().map(String::as_str).collect();
    Err(Error::usage(format!("the graph has no edge type {text}")).expected(if names.is_empty() {
        "a number: it has no named types".to_owned()
    } else {
        names.join(", ")
    }))
}

//! `qx graph`: graphs of the graph store. A file for each verb.

mod compact;
mod export;
mod status;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use qx_cli::{Context, Status};
use qx_formats::{Error, Kind, Result};
use qx_graph::Graph;
use qx_store::graph_def::GraphDef;
use qx_store::names::ObjectName;
use qx_store::{Store, View};

/// Look at graphs, compact and export them
#[derive(Subcommand)]
pub enum Verb {
    Status(status::Args),
    Compact(compact::Args),
    Export(export::Args),
}

pub fn run(verb: Verb, cx: &mut Context) -> Result<Status> {
    match verb {
        Verb::Status(args) => status::run(args, cx),
        Verb::Compact(args) => compact::run(args, cx),
        Verb::Export(args) => export::run(args, cx),
    }
}

/// What every verb is given.
#[derive(clap::Args)]
struct Target {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// Graphs; all of the graph store when none is named
    #[arg(value_name = "GRAPH")]
    graphs: Vec<String>,
}

impl Target {
    fn open(&self) -> Result<Arc<View>> {
        View::open(&Arc::new(Store::open(&self.db)?))
    }
}

/// The graphs of the graph store that are named, or all of them.
fn chosen(view: &View, names: &[String]) -> Result<Vec<(ObjectName, GraphDef)>> {
    let catalog = view.catalog();
    if names.is_empty() {
        let stored = catalog.graphs.iter().filter(|(_, def)| def.tables.is_none());
        return stored.map(|(key, def)| Ok((ObjectName::parse("graph", key)?, def.clone()))).collect();
    }
    names.iter().map(|text| one(view, text)).collect()
}

fn one(view: &View, text: &str) -> Result<(ObjectName, GraphDef)> {
    let catalog = view.catalog();
    let name = ObjectName::parse("graph", text)?;
    let Some(def) = catalog.graph(&name) else {
        let names: Vec<&str> = catalog.graphs.keys().map(String::as_str).collect();
        return Err(Error::new(Kind::NotFound, format!("there is no graph {}", name.key()))
            .expected(if names.is_empty() { "none is defined".to_owned() } else { names.join(", ") }));
    };
    if def.tables.is_some() {
        return Err(Error::usage(format!("{} is a view of tables", name.key()))
            .hint("its nodes and edges are rows: `qx sql` shows them"));
    }
    Ok((name, def.clone()))
}

fn open(view: &View, name: &ObjectName, def: &GraphDef) -> Result<Graph> {
    Graph::open_hot(&def.home(view.store().layout(), name))
}

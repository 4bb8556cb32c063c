//! CREATE, DROP, USE and GC GRAPH.

use qx_formats::{Error, Kind, Result};
use qx_graph::compact;
use qx_io::Job;
use qx_store::catalog::{Define, Object};
use qx_store::graph_def::{EndsDef, GraphDef, LabelDef, TablesDef};
use qx_store::names::ObjectName;
use qx_store::table_def::TableDef;
use uuid::Uuid;

use super::{Create, definition, graph_name, named_or_used};
use crate::session::{Answer, Session};
use crate::tables::check_schema;

pub(super) async fn create(session: &Session, create: Create) -> Result<Answer> {
    let name = graph_name(session, &create.name)?;
    check_schema("graph", &name)?;
    let def = graph_def(session, &create)?;
    let if_not_exists = create.if_not_exists;
    session
        .transact(async |writer| {
            let catalog = writer.catalog();
            if catalog.graph(&name).is_some() {
                if if_not_exists {
                    return Ok(());
                }
                return Err(Error::new(Kind::Exists, format!("there is a graph {} already", name.key())));
            }
            for table in def.tables.iter().flat_map(|t| [&t.nodes, &t.edges]) {
                let table = ObjectName::parse("table", table)?;
                let Some(of) = catalog.table(&table) else {
                    return Err(Error::new(Kind::NotFound, format!("there is no table {}", table.key())));
                };
                has_columns(&def, &table, of)?;
            }
            writer.change(&Define::Graph { name: name.key(), def: def.clone() })
        })
        .await?;
    Ok(Answer::none())
}

/// Refuses a table without a column that the graph is read from.
fn has_columns(graph: &GraphDef, name: &ObjectName, table: &TableDef) -> Result<()> {
    let columns = graph.columns_in(&name.key(), table);
    let Some(missing) = columns.into_iter().find(|c| table.column(c).is_none()) else { return Ok(()) };
    let names: Vec<&str> = table.columns.iter().map(|c| c.name.as_str()).collect();
    Err(Error::usage(format!("{} has no column {missing}", name.key())).expected(names.join(", ")))
}

fn graph_def(session: &Session, create: &Create) -> Result<GraphDef> {
    let labels = create.labels.iter().map(|(label, key)| LabelDef { label: label.clone(), key: key.clone() });
    let mut def = GraphDef { uuid: Uuid::now_v7(), partitions: 1, labels: labels.collect(), ..GraphDef::default() };
    let twice = |what: &str, name: &str| Error::usage(format!("{what} {name} stands twice"));
    for (i, label) in def.labels.iter().enumerate() {
        if def.labels.iter().take(i).any(|l| l.label == label.label) {
            return Err(twice("label", &label.label));
        }
    }
    for (etype, edge) in (1u32..).zip(&create.edges) {
        if def.etypes.values().any(|n| *n == edge.name) {
            return Err(twice("edge type", &edge.name));
        }
        for end in [&edge.from, &edge.to] {
            if !def.labels.iter().any(|l| l.label == *end) {
                let labels: Vec<&str> = def.labels.iter().map(|l| l.label.as_str()).collect();
                return Err(Error::usage(format!("edge type {}: NODES has no label {end}", edge.name))
                    .expected(labels.join(", ")));
            }
        }
        def.etypes.insert(etype, edge.name.clone());
        def.ends.push(EndsDef { etype, from: edge.from.clone(), to: edge.to.clone() });
    }
    if let Some((nodes, edges)) = &create.tables {
        let key = |text: &str| graph_name(session, text).map(|n| n.key());
        def.tables = Some(TablesDef { nodes: key(nodes)?, edges: key(edges)? });
        if def.labels.is_empty() {
            return Err(Error::usage("a graph over tables needs NODES: a label and the column of its key"));
        }
    }
    def.set_options(create.options.clone())?;
    Ok(def)
}

pub(super) async fn drop_graph(session: &Session, text: &str, if_exists: bool) -> Result<Answer> {
    let name = graph_name(session, text)?;
    let dropped = session
        .transact(async |writer| {
            let catalog = writer.catalog();
            let def = match definition(&catalog, &name) {
                Err(e) if e.kind() == Kind::NotFound && if_exists => return Ok(None),
                def => def?.clone(),
            };
            writer.change(&Define::Drop { object: Object::Graph, name: name.key() })?;
            Ok(Some(def))
        })
        .await?;
    let Some(def) = dropped else { return Ok(Answer::none()) };
    if session.graph().as_ref() == Some(&name) {
        session.set_graph(None);
    }
    // Inside a transaction the files may be wanted again; the next graph of this name does not take them for its own.
    if !session.in_transaction().await && def.tables.is_none() {
        let dir = session.store().layout().graph(&name);
        match qx_io::remove_dir_all(&dir) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(target: "qx::sql", path = %dir.display(), error = %e, "a dropped graph left its files");
            }
            _ => {}
        }
    }
    Ok(Answer::none())
}

pub(super) fn use_graph(session: &Session, name: Option<&str>) -> Result<Answer> {
    let name = name.map(|text| graph_name(session, text)).transpose()?;
    if let Some(name) = &name {
        definition(&session.view().catalog(), name)?;
    }
    session.set_graph(name);
    Ok(Answer::none())
}

/// Folds deltas and log into new segments: of the named graph, else of the one in use, else of all.
pub(super) async fn collect(session: &Session, name: Option<&str>) -> Result<Answer> {
    let one = match name {
        None if session.graph().is_none() => None,
        name => Some(named_or_used(session, name)?),
    };
    let store = session.store().clone();
    let done = session
        .maintain(async |writer| {
            let catalog = writer.catalog();
            let graphs: Vec<ObjectName> = match &one {
                Some(name) => {
                    if definition(&catalog, name)?.tables.is_some() {
                        return Err(Error::usage(format!("{} is a view of tables", name.key()))
                            .hint("only graphs in the graph store are compacted"));
                    }
                    vec![name.clone()]
                }
                None => {
                    let stored = catalog.graphs.iter().filter(|(_, def)| def.tables.is_none());
                    stored.map(|(key, _)| ObjectName::parse("graph", key)).collect::<Result<_>>()?
                }
            };
            // A segment must never hold what a crash takes from the log: its numbers would be given again.
            writer.log().wait(writer.view().lsn())?;
            let mut done = Vec::new();
            for name in graphs {
                let home = definition(&catalog, &name)?.home(store.layout(), &name);
                done.push((name.key(), compact(&home, &Job::default())?));
            }
            Ok(done)
        })
        .await?;
    session.graphs().clear();
    super::show::compactions(&done)
}

//! INSERT and DELETE of nodes and edges.

use qx_formats::delta_log::Op;
use qx_formats::{Error, Result};
use qx_graph::{EdgeChange, Graph, NodeRef};
use qx_store::graph_def::GraphDef;

use super::{Change, definition, etype_number, load, named_or_used};
use crate::session::{Answer, Session};

/// Runs a change in the open transaction, or as one of its own. What it says is checked against the graph as the
/// transaction sees it.
pub(super) async fn run(session: &Session, change: Change, graph: Option<&str>) -> Result<Answer> {
    let name = named_or_used(session, graph)?;
    let changed = session
        .transact(async |writer| {
            let catalog = writer.catalog();
            let def = definition(&catalog, &name)?;
            if def.tables.is_some() {
                return Err(Error::usage(format!("{} is a view of tables", name.key()))
                    .hint("INSERT and DELETE rows of its tables"));
            }
            let loaded = load::stored(session, writer.view(), &name, def)?;
            let Some(op) = operation(&loaded.graph, def, &change)? else { return Ok(0) };
            // Other operations of the transaction may have been for another graph.
            writer.op(Op::UseGraph { graph: def.uuid })?;
            writer.op(op)?;
            Ok(1)
        })
        .await?;
    Ok(Answer::affected(changed))
}

fn operation(graph: &Graph, def: &GraphDef, change: &Change) -> Result<Option<Op>> {
    match change {
        Change::InsertNode { label, key, id, props } => {
            check_label(def, label)?;
            graph.insert_node(label, key, *id, props.as_bytes()).map(|(_, op)| Some(op))
        }
        Change::DeleteNode(node) => graph.remove_node(node),
        Change::Edge { insert, src, dst, etype, part, props } => {
            let etype = match etype {
                Some(text) => etype_number(def, text)?,
                None => def.etypes.keys().next().copied().unwrap_or(1),
            };
            let props = props.clone().into_bytes();
            let change = EdgeChange { src: src.clone(), dst: dst.clone(), etype, part: *part, props };
            if !insert {
                return graph.remove_edge(&change);
            }
            check_ends(graph, def, &change)?;
            graph.insert_edge(&change).map(Some)
        }
    }
}

fn check_label(def: &GraphDef, label: &str) -> Result<()> {
    if def.labels.is_empty() || def.labels.iter().any(|l| l.label == label) {
        return Ok(());
    }
    let labels: Vec<&str> = def.labels.iter().map(|l| l.label.as_str()).collect();
    Err(Error::usage(format!("the graph has no label {label}")).expected(labels.join(", ")))
}

/// An edge type that was declared joins the labels that it was declared for.
fn check_ends(graph: &Graph, def: &GraphDef, change: &EdgeChange) -> Result<()> {
    let Some(ends) = def.ends.iter().find(|e| e.etype == change.etype) else { return Ok(()) };
    let check = |node: &NodeRef, wanted: &str| {
        let id = graph.find(node)?;
        let label = graph.node(id)?.map(|n| String::from_utf8_lossy(&n.label).into_owned()).unwrap_or_default();
        if label == wanted {
            return Ok(());
        }
        let named = def.etypes.get(&change.etype).cloned().unwrap_or_default();
        Err(Error::usage(format!("edges of type {named} go from {} to {}", ends.from, ends.to))
            .expected(wanted)
            .got(format!("{label} ({node})")))
    };
    check(&change.src, &ends.from)?;
    check(&change.dst, &ends.to)
}

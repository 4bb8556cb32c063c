//! SHOW GRAPH, SHOW GRAPHS, SHOW CURRENT GRAPH, SHOW GRAPH STATUS.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray, UInt64Array};
use datafusion::arrow::datatypes::{Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use qx_formats::{Error, Kind, Result};
use qx_graph::Compaction;
use qx_store::names::ObjectName;

use super::{definition as find, graph_name, load};
use crate::session::{Answer, Session};

/// A batch of columns that may hold nulls where the arrays do.
pub(crate) fn batch(columns: Vec<(&str, ArrayRef)>) -> Result<RecordBatch> {
    let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), array.is_nullable());
    let fields: Vec<Field> = columns.iter().map(field).collect();
    let arrays = columns.into_iter().map(|(_, a)| a).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|e| Error::new(Kind::Engine, e.to_string()))
}

fn texts(values: impl IntoIterator<Item = String>) -> ArrayRef {
    Arc::new(StringArray::from_iter_values(values))
}

fn numbers(values: impl IntoIterator<Item = u64>) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(values))
}

pub(super) fn current(session: &Session) -> Result<Answer> {
    let name = session.graph().map(|n| n.key());
    let column = StringArray::from(vec![name]);
    let field = Field::new("graph", datafusion::arrow::datatypes::DataType::Utf8, true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![Arc::new(column)]);
    batch.map(Answer::batch).map_err(|e| Error::new(Kind::Engine, e.to_string()))
}

pub(super) fn graphs(session: &Session) -> Result<Answer> {
    let catalog = session.view().catalog();
    let defs = || catalog.graphs.values();
    let kind = |def: &qx_store::graph_def::GraphDef| if def.tables.is_some() { "tables" } else { "graphstore" };
    let labels =
        |d: &qx_store::graph_def::GraphDef| d.labels.iter().map(|l| l.label.as_str()).collect::<Vec<_>>().join(", ");
    let etypes =
        |d: &qx_store::graph_def::GraphDef| d.etypes.values().map(String::as_str).collect::<Vec<_>>().join(", ");
    batch(vec![
        ("graph", texts(catalog.graphs.keys().cloned())),
        ("kind", texts(defs().map(|d| kind(d).to_owned()))),
        ("partitions", numbers(defs().map(|d| u64::from(d.partitions)))),
        ("labels", texts(defs().map(labels))),
        ("edge_types", texts(defs().map(etypes))),
    ])
    .map(Answer::batch)
}

pub(super) fn definition(session: &Session, text: &str) -> Result<Answer> {
    let name = graph_name(session, text)?;
    let catalog = session.view().catalog();
    let statement = find(&catalog, &name)?.create_statement(&name);
    batch(vec![("graph", texts([name.key()])), ("statement", texts([statement]))]).map(Answer::batch)
}

/// What a graph is, a line for each thing.
pub(super) async fn graph(session: &Session, text: &str) -> Result<Answer> {
    let name = graph_name(session, text)?;
    let catalog = session.view().catalog();
    let def = find(&catalog, &name)?.clone();
    let loaded = load::load(session, &name).await?;
    let mut lines: Vec<(&str, String)> = vec![("graph", name.key())];
    match &def.tables {
        Some(tables) => {
            lines.push(("kind", "tables".to_owned()));
            lines.push(("nodes_table", tables.nodes.clone()));
            lines.push(("edges_table", tables.edges.clone()));
        }
        None => {
            lines.push(("kind", "graphstore".to_owned()));
            lines.push(("partitions", def.partitions.max(1).to_string()));
        }
    }
    lines.extend(def.labels.iter().map(|l| ("label", format!("{} KEY({})", l.label, l.key))));
    for (etype, named) in &def.etypes {
        let ends = def.ends.iter().find(|e| e.etype == *etype);
        let ends = ends.map(|e| format!(" FROM {} TO {}", e.from, e.to)).unwrap_or_default();
        lines.push(("edge_type", format!("{etype} {named}{ends}")));
    }
    lines.extend(def.options.iter().map(|(k, v)| ("option", format!("{k}={v}"))));
    let mut edges = 0u64;
    loaded.graph.each_edge(|_, _, _| {
        edges += 1;
        Ok(())
    })?;
    lines.push(("nodes", loaded.graph.ids()?.len().to_string()));
    lines.push(("edges", edges.to_string()));
    lines.push(("statement", def.create_statement(&name)));
    let (properties, values): (Vec<&str>, Vec<String>) = lines.into_iter().unzip();
    let properties = texts(properties.into_iter().map(str::to_owned));
    batch(vec![("property", properties), ("value", texts(values))]).map(Answer::batch)
}

pub(super) async fn status(session: &Session, text: Option<&str>) -> Result<Answer> {
    let view = session.view();
    let catalog = view.catalog();
    let names: Vec<ObjectName> = match text {
        Some(text) => vec![graph_name(session, text)?],
        None => {
            let stored = catalog.graphs.iter().filter(|(_, def)| def.tables.is_none());
            stored.map(|(key, _)| ObjectName::parse("graph", key)).collect::<Result<_>>()?
        }
    };
    let (mut keys, mut all) = (Vec::new(), Vec::new());
    for name in names {
        let def = find(&catalog, &name)?;
        if def.tables.is_some() {
            return Err(Error::usage(format!("{} is a view of tables", name.key()))
                .hint("only graphs in the graph store have a status"));
        }
        let limits = def.limits(&catalog.settings);
        let loaded = load::load(session, &name).await?;
        all.push(loaded.graph.status(&limits, qx_log_now()));
        keys.push(name.key());
    }
    let column = |f: fn(&qx_graph::Status) -> u64| numbers(all.iter().map(f));
    batch(vec![
        ("graph", texts(keys)),
        ("epoch", column(|s| s.epoch)),
        ("partitions", column(|s| s.partitions)),
        ("delta_adds", column(|s| s.delta_adds)),
        ("delta_tombstones", column(|s| s.delta_tombstones)),
        ("compaction_backlog", column(|s| s.compaction_backlog)),
        ("commit_window_ms", column(|s| s.commit_window_ms)),
        ("gc_max_delta_records", column(|s| s.gc_max_delta_records)),
        ("gc_tombstone_ratio_ppm", column(|s| s.gc_tombstone_ratio_ppm)),
        ("gc_max_delta_age_ms", column(|s| s.gc_max_delta_age_ms)),
        ("bfs_calls", column(|s| s.bfs_calls)),
        ("wal_commits", column(|s| s.wal_commits)),
        ("recoveries", column(|s| s.recoveries)),
    ])
    .map(Answer::batch)
}

pub(super) fn qx_log_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |d| u64::try_from(d.as_micros()).unwrap_or(u64::MAX))
}

/// What GC GRAPH did.
pub(super) fn compactions(done: &[(String, Compaction)]) -> Result<Answer> {
    let column = |f: fn(&Compaction) -> u64| numbers(done.iter().map(|(_, c)| f(c)));
    batch(vec![
        ("graph", texts(done.iter().map(|(name, _)| name.clone()))),
        ("epoch", column(|c| c.generation)),
        ("delta_adds", column(|c| c.delta_adds)),
        ("delta_tombstones", column(|c| c.delta_tombstones)),
        ("delta_nodes", column(|c| c.delta_nodes)),
        ("segments_written", column(|c| c.segments_written)),
        ("segments_kept", column(|c| c.segments_kept)),
        ("bytes", column(|c| c.bytes)),
    ])
    .map(Answer::batch)
}

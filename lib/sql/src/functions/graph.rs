//! Table functions over a graph: neighbours, reach, shortest paths, nodes.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use qx_formats::{Error, Kind, Result};
use qx_graph::{Direction, Graph, Walk};
use qx_store::names::ObjectName;

use super::literal::Arguments;
use super::{Signature, Source};
use crate::error::to_engine;

/// `direction` is `out` (the default), `in` or `both`.
pub(super) const NEIGHBORS: Signature = Signature {
    name: "graph_neighbors",
    parameters: &["graph", "start", "etype", "max_hops", "direction"],
    required: 2,
};
/// Per node: how many nodes it reaches in one hop, and within `max_hops` (all of them when not given).
pub(super) const REACH: Signature =
    Signature { name: "graph_reach", parameters: &["graph", "etype", "max_hops", "direction"], required: 1 };
pub(super) const PATHS: Signature =
    Signature { name: "graph_paths", parameters: &["graph", "src", "dst", "max_hops", "etype"], required: 3 };
pub(super) const NODES: Signature = Signature { name: "graph_nodes", parameters: &["graph"], required: 1 };

const DEFAULT_PATH_HOPS: u64 = 3;

type Call = fn(&Function, &Arguments) -> Result<RecordBatch>;

pub(super) fn register(context: &SessionContext, source: &Arc<Source>) {
    let calls: [(&'static Signature, Call); 4] = [
        (&NEIGHBORS, Function::neighbors),
        (&REACH, Function::reach),
        (&PATHS, Function::paths),
        (&NODES, Function::nodes),
    ];
    for (signature, call) in calls {
        context.register_udtf(signature.name, Arc::new(Function { signature, call, source: Arc::clone(source) }));
    }
}

struct Function {
    signature: &'static Signature,
    call: Call,
    source: Arc<Source>,
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.signature)
    }
}

impl TableFunctionImpl for Function {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let args = Arguments::new(self.signature, args.exprs()).map_err(to_engine)?;
        let rows = (self.call)(self, &args).map_err(to_engine)?;
        Ok(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?))
    }
}

impl Function {
    fn graph(&self, args: &Arguments) -> Result<Graph> {
        let name = ObjectName::parse("graph", &args.string("graph")?)?;
        let catalog = self.source.catalog();
        if catalog.graph(&name).is_none() {
            let names: Vec<&str> = catalog.graphs.keys().map(String::as_str).collect();
            return Err(Error::new(Kind::NotFound, format!("there is no graph {}", name.key()))
                .expected(if names.is_empty() { "none is defined".to_owned() } else { names.join(", ") }));
        }
        self.source.store().graph(&name)
    }

    fn etype(&self, args: &Arguments) -> Result<Option<u32>> {
        let number = args.optional_count("etype");
        if let (Err(_), Ok(Some(name))) = (&number, args.optional_string("etype")) {
            let graph = ObjectName::parse("graph", &args.string("graph")?)?;
            let catalog = self.source.catalog();
            let etypes = catalog.graph(&graph).map(|g| &g.etypes);
            let found = etypes.into_iter().flatten().find(|(_, n)| **n == name).map(|(number, _)| *number);
            let names = || etypes.into_iter().flatten().map(|(_, n)| n.as_str()).collect::<Vec<_>>().join(", ");
            return found.map(Some).ok_or_else(|| {
                Error::usage(format!("{}: the graph has no edge type {name}", self.signature.name)).expected(names())
            });
        }
        number?.map(|n| u32::try_from(n).map_err(|_| Error::limit("edge type", u64::from(u32::MAX), n))).transpose()
    }

    fn node(&self, graph: &Graph, args: &Arguments, name: &str) -> Result<u64> {
        let text = args.node(name)?;
        graph.resolve(&text)?.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("the graph has no node {text}")).expected("a key or label:key")
        })
    }

    fn neighbors(&self, args: &Arguments) -> Result<RecordBatch> {
        let graph = self.graph(args)?;
        let start = self.node(&graph, args, "start")?;
        let max_hops = hops_limit(args.optional_count("max_hops")?.unwrap_or(1));
        let found = graph.neighbors(&[start], &Walk { max_hops, ..self.walk(args)? })?;
        numbers(&[
            ("node_id", found.iter().map(|n| n.node_id).collect()),
            ("prev_id", found.iter().map(|n| n.prev_id).collect()),
            ("hop", found.iter().map(|n| u64::from(n.hop)).collect()),
        ])
    }

    fn reach(&self, args: &Arguments) -> Result<RecordBatch> {
        let graph = self.graph(args)?;
        let walk = self.walk(args)?;
        let counts: Vec<(u64, u64)> = match args.optional_count("max_hops")?.map(hops_limit) {
            None => graph.reach_counts(&walk)?,
            Some(max_hops) => {
                let walk = Walk { max_hops, ..walk.clone() };
                let count = |id| Ok((id, graph.reach_count(id, &walk)?));
                graph.ids()?.into_iter().map(count).collect::<Result<_>>()?
            }
        };
        let direct = counts.iter().map(|(id, _)| graph.reach_count(*id, &walk)).collect::<Result<_>>()?;
        numbers(&[
            ("node_id", counts.iter().map(|(id, _)| *id).collect()),
            ("direct", direct),
            ("reachable", counts.iter().map(|(_, n)| *n).collect()),
        ])
    }

    fn paths(&self, args: &Arguments) -> Result<RecordBatch> {
        let graph = self.graph(args)?;
        let (src, dst) = (self.node(&graph, args, "src")?, self.node(&graph, args, "dst")?);
        let max_hops = hops_limit(args.optional_count("max_hops")?.unwrap_or(DEFAULT_PATH_HOPS));
        let walk = Walk { etype: self.etype(args)?, max_hops, ..Walk::default() };
        let path = graph.shortest_path(src, dst, &walk)?.unwrap_or_default();
        let count = path.len() as u64;
        numbers(&[
            ("path_id", vec![1; path.len()]),
            ("node_id", path),
            ("ord", (0..count).collect()),
            ("hop", (0..count).collect()),
        ])
    }

    /// One hop, in the direction and along the edges that the arguments name.
    fn walk(&self, args: &Arguments) -> Result<Walk> {
        Ok(Walk { direction: direction(self.signature, args)?, etype: self.etype(args)?, ..Walk::default() })
    }

    fn nodes(&self, args: &Arguments) -> Result<RecordBatch> {
        let graph = self.graph(args)?;
        let (mut ids, mut labels, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for id in graph.ids()? {
            let Some(name) = graph.node(id)? else { continue };
            ids.push(id);
            labels.push(String::from_utf8_lossy(&name.label).into_owned());
            keys.push(String::from_utf8_lossy(&name.key).into_owned());
        }
        let schema = Schema::new(vec![
            Field::new("node_id", DataType::UInt64, false),
            Field::new("label", DataType::Utf8, false),
            Field::new("key", DataType::Utf8, false),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from(ids)),
            Arc::new(StringArray::from(labels)),
            Arc::new(StringArray::from(keys)),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).map_err(|e| Error::new(Kind::Engine, e.to_string()))
    }
}

fn direction(signature: &Signature, args: &Arguments) -> Result<Direction> {
    match args.optional_string("direction")?.as_deref() {
        None | Some("out") => Ok(Direction::Out),
        Some("in") => Ok(Direction::In),
        Some("both") => Ok(Direction::Both),
        Some(other) => {
            Err(Error::usage(format!("{}: argument direction", signature.name)).expected("out, in or both").got(other))
        }
    }
}

fn hops_limit(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn numbers(columns: &[(&str, Vec<u64>)]) -> Result<RecordBatch> {
    let fields: Vec<Field> = columns.iter().map(|(name, _)| Field::new(*name, DataType::UInt64, false)).collect();
    let arrays = columns.iter().map(|(_, values)| Arc::new(UInt64Array::from(values.clone())) as ArrayRef).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).map_err(|e| Error::new(Kind::Engine, e.to_string()))
}

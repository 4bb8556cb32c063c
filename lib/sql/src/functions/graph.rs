//! Table functions over a graph: neighbours, reach, shortest paths, nodes, edges.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, StringArray, UInt32Array, UInt64Array};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use qx_formats::{Error, Result};
use qx_graph::{Direction, TimeRange, Walk, count_search, parse_time};
use qx_plan::{Describe, Described, Facts};

use super::found::Found;
use super::literal::Arguments;
use super::{Signature, Source};
use crate::error::to_engine;
use crate::graph::{Loaded, batch, for_function};

/// `direction` is `out` (the default), `in` or `both`.
pub(super) const NEIGHBORS: Signature = Signature {
    name: "graph_neighbors",
    parameters: &["graph", "start", "etype", "max_hops", "time_start", "time_end", "direction"],
    required: 2,
};
/// Per node: how many nodes it reaches in one hop, and within `max_hops` (all of them when not given).
pub(super) const REACH: Signature =
    Signature { name: "graph_reach", parameters: &["graph", "etype", "max_hops", "direction"], required: 1 };
pub(super) const PATHS: Signature = Signature {
    name: "graph_paths",
    parameters: &["graph", "src", "dst", "max_hops", "etype", "time_start", "time_end", "direction"],
    required: 3,
};
pub(super) const NODES: Signature = Signature { name: "graph_nodes", parameters: &["graph"], required: 1 };
pub(super) const EDGES: Signature = Signature { name: "graph_edges", parameters: &["graph"], required: 1 };

const DEFAULT_PATH_HOPS: u64 = 3;

type Call = fn(&Function, &Arguments) -> Result<RecordBatch>;

pub(super) fn register(context: &SessionContext, source: &Arc<Source>) {
    let calls: [(&'static Signature, Call); 5] = [
        (&NEIGHBORS, Function::neighbors),
        (&REACH, Function::reach),
        (&PATHS, Function::paths),
        (&NODES, Function::nodes),
        (&EDGES, Function::edges),
    ];
    for (signature, call) in calls {
        context.register_udtf(signature.name, Arc::new(Function { signature, call, source: Arc::clone(source) }));
    }
}

#[derive(Clone)]
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
        let start = args.optional_string("start").ok().flatten();
        let table: Arc<dyn TableProvider> = match start {
            Some(start) => {
                let (function, args) = (self.clone(), args.clone());
                let again = move |start: &str| (function.call)(&function, &args.with("start", start));
                Arc::new(Found { rows, start, again: Arc::new(again) })
            }
            None => Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?),
        };
        let graph = self.loaded(&args).map_err(to_engine)?;
        let arguments = args.given().map(|(name, value)| (name, value.to_string())).collect();
        Ok(Described::wrap(table, Asked { graph, function: self.signature.name, arguments }))
    }
}

/// What EXPLAIN says of a call.
#[derive(Debug)]
struct Asked {
    graph: Arc<Loaded>,
    function: &'static str,
    arguments: Vec<(&'static str, String)>,
}

impl Describe for Asked {
    fn facts(&self) -> Facts {
        let facts = self.arguments.iter().fold(self.graph.facts(), |facts, (name, value)| {
            if *name == "graph" { facts } else { facts.entry(name, value.clone()) }
        });
        let facts = facts.entry("function", self.function);
        match self.function {
            "graph_neighbors" => facts.entry("search", "breadth first"),
            "graph_paths" if self.graph.graph.has_props() => facts.entry("search", "dijkstra"),
            "graph_paths" => facts.entry("search", "breadth first from both ends"),
            _ => facts,
        }
    }

    fn arguments(&self) -> Option<String> {
        let given: Vec<String> = self.arguments.iter().map(|(name, value)| format!("{name} => {value}")).collect();
        Some(given.join(", "))
    }
}

fn u64s(values: impl IntoIterator<Item = u64>) -> ArrayRef {
    Arc::new(UInt64Array::from_iter_values(values))
}

fn texts(values: Vec<String>) -> ArrayRef {
    Arc::new(StringArray::from(values))
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Function {
    fn loaded(&self, args: &Arguments) -> Result<Arc<Loaded>> {
        let name = args.string("graph")?;
        for_function(self.source.current.graphs(), &self.source.current.view(), &name)
    }

    /// The edges that a search follows. An edge type of '' is any.
    fn walk(&self, graph: &Loaded, args: &Arguments, default_hops: u64) -> Result<Walk> {
        let etype = match args.optional_text("etype")?.filter(|t| !t.is_empty()) {
            Some(text) => Some(graph.etype(&text)?),
            None => None,
        };
        let direction = direction(self.signature, args)?;
        let max_hops = match args.has("max_hops") {
            true => args.optional_count("max_hops")?.unwrap_or(default_hops),
            false => default_hops,
        };
        Ok(Walk { direction, etype, max_hops: hops_limit(max_hops), time: None, ..Walk::default() })
    }

    fn timed(&self, walk: Walk, args: &Arguments) -> Result<Walk> {
        let (start, end) = (time(self.signature, args, "time_start")?, time(self.signature, args, "time_end")?);
        let time = (start.is_some() || end.is_some()).then_some(TimeRange { start, end });
        Ok(Walk { time, ..walk })
    }

    fn node(&self, graph: &Loaded, args: &Arguments, name: &str) -> Result<u64> {
        let (text, is_number) = args.node(name)?;
        graph.find(&text, is_number)
    }

    fn neighbors(&self, args: &Arguments) -> Result<RecordBatch> {
        let graph = self.loaded(args)?;
        let start = self.node(&graph, args, "start")?;
        let walk = self.timed(self.walk(&graph, args, 1)?, args)?;
        count_search();
        let found = graph.graph.neighbors(&[start], &walk).map_err(|e| graph.failed(e))?;
        let ids = |f: fn(&qx_graph::Hop) -> u64| found.iter().map(f).collect::<Vec<_>>();
        batch(vec![
            ("node_id", graph.id_column(&ids(|h| h.node_id))?),
            ("prev_id", graph.id_column(&ids(|h| h.prev_id))?),
            ("hop", u64s(ids(|h| u64::from(h.hop)))),
        ])
    }

    fn reach(&self, args: &Arguments) -> Result<RecordBatch> {
        let graph = self.loaded(args)?;
        let walk = self.walk(&graph, args, u64::MAX)?;
        let found = graph.graph.reach(&walk)?;
        let column = |f: fn(&qx_graph::Reach) -> u64| found.iter().map(f).collect::<Vec<_>>();
        batch(vec![
            ("node_id", graph.id_column(&column(|r| r.node_id))?),
            ("direct", u64s(column(|r| r.direct))),
            ("reachable", u64s(column(|r| r.reachable))),
        ])
    }

    fn paths(&self, args: &Arguments) -> Result<RecordBatch> {
        let graph = self.loaded(args)?;
        let (src, dst) = (self.node(&graph, args, "src")?, self.node(&graph, args, "dst")?);
        let walk = self.timed(self.walk(&graph, args, DEFAULT_PATH_HOPS)?, args)?;
        count_search();
        let path = if graph.graph.has_props() {
            graph.graph.cheapest_path(src, dst, &walk).map(|found| found.map(|path| path.nodes))
        } else {
            graph.graph.shortest_path(src, dst, &walk)
        };
        let path = path.map_err(|e| graph.failed(e))?.unwrap_or_default();
        let count = path.len() as u64;
        batch(vec![
            ("path_id", u64s(vec![1; path.len()])),
            ("node_id", graph.id_column(&path)?),
            ("ord", u64s(0..count)),
            ("hop", u64s(0..count)),
        ])
    }

    fn nodes(&self, args: &Arguments) -> Result<RecordBatch> {
        let graph = self.loaded(args)?;
        let (mut ids, mut labels, mut keys) = (Vec::new(), Vec::new(), Vec::new());
        for (id, name) in graph.graph.nodes()? {
            ids.push(id);
            labels.push(text_of(&name.label));
            keys.push(text_of(&name.key));
        }
        batch(vec![("node_id", graph.id_column(&ids)?), ("label", texts(labels)), ("key", texts(keys))])
    }

    fn edges(&self, args: &Arguments) -> Result<RecordBatch> {
        let graph = self.loaded(args)?;
        let (mut src, mut dst, mut etypes, mut names, mut props) = (vec![], vec![], vec![], vec![], vec![]);
        graph.graph.each_edge(|from, edge, properties| {
            src.push(from);
            dst.push(edge.node);
            etypes.push(edge.etype);
            names.push(graph.etype_name(edge.etype));
            props.push((!properties.is_empty()).then(|| text_of(properties)));
            Ok(())
        })?;
        batch(vec![
            ("src", graph.id_column(&src)?),
            ("dst", graph.id_column(&dst)?),
            ("etype", Arc::new(UInt32Array::from(etypes))),
            ("type", texts(names)),
            ("props", Arc::new(StringArray::from(props))),
        ])
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

/// One end of a range of times: a whole number as edges hold it, or a time.
fn time(signature: &Signature, args: &Arguments, name: &str) -> Result<Option<i64>> {
    let Some(value) = args.value(name) else { return Ok(None) };
    let wrong = || {
        Error::usage(format!("{}: argument {name}", signature.name))
            .expected("a whole number, or a time such as '2026-11-25T22:00:00Z'")
            .got(value)
    };
    let number = match value {
        v if v.data_type().is_integer() => v.to_string().parse().ok(),
        ScalarValue::TimestampSecond(Some(t), _) => t.checked_mul(1_000_000),
        ScalarValue::TimestampMillisecond(Some(t), _) => t.checked_mul(1000),
        ScalarValue::TimestampMicrosecond(Some(t), _) => Some(*t),
        ScalarValue::TimestampNanosecond(Some(t), _) => Some(t.div_euclid(1000)),
        ScalarValue::Date32(Some(days)) => i64::from(*days).checked_mul(86_400_000_000),
        v => v.try_as_str().flatten().and_then(|text| text.trim().parse().ok().or_else(|| parse_time(text))),
    };
    number.map(Some).ok_or_else(wrong)
}

fn hops_limit(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

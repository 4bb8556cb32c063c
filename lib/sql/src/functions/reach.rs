//! `graph_reach_count(graph, node [, max_hops [, direction [, etype]]])`: for each row, how many other nodes its node
//! reaches. What `graph_reach` says of all nodes, for those of a query.

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, UInt64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};
use datafusion::prelude::SessionContext;
use qx_formats::{Error, Kind, Result};
use qx_graph::{Direction, Walk, count_search};

use super::Source;
use crate::error::to_engine;
use crate::graph::{Loaded, for_function};

const NAME: &str = "graph_reach_count";
const USAGE: &str = "graph_reach_count(graph, node [, max_hops [, direction [, etype]]])";

pub(super) fn register(context: &SessionContext, source: &Arc<Source>) {
    // What a graph says may be another thing for the next statement, never within one.
    let signature = Signature::variadic_any(Volatility::Stable);
    context.register_udf(ScalarUDF::from(ReachCount { signature, source: Arc::clone(source) }));
}

#[derive(Debug)]
struct ReachCount {
    signature: Signature,
    source: Arc<Source>,
}

impl PartialEq for ReachCount {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.source, &other.source)
    }
}

impl Eq for ReachCount {}

impl Hash for ReachCount {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.source).hash(state);
    }
}

impl ScalarUDFImpl for ReachCount {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType, DataFusionError> {
        Ok(DataType::UInt64)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let rows = args.number_rows;
        let columns = args.args.iter().map(|a| a.to_array(rows)).collect::<Result<Vec<_>, _>>()?;
        let counts = self.counts(&columns, rows).map_err(to_engine)?;
        Ok(ColumnarValue::Array(Arc::new(counts)))
    }
}

impl ReachCount {
    fn counts(&self, columns: &[ArrayRef], rows: usize) -> Result<UInt64Array> {
        if !(2..=5).contains(&columns.len()) {
            return Err(Error::usage(format!("{NAME} takes 2 to 5 arguments")).expected(USAGE).got(columns.len()));
        }
        let text = |column: &ArrayRef| cast(column, &DataType::Utf8).map_err(|e| Error::usage(format!("{USAGE}: {e}")));
        let numeric = columns.get(1).is_some_and(|c| c.data_type().is_integer());
        let columns = columns.iter().map(text).collect::<Result<Vec<_>>>()?;
        let columns: Vec<_> = columns.iter().map(|c| c.as_string::<i32>()).collect();
        let value = |i: usize, row: usize| columns.get(i).filter(|c| c.is_valid(row)).map(|c| c.value(row));
        let view = self.source.current.view();
        let mut graphs: HashMap<String, Arc<Loaded>> = HashMap::new();
        let mut counts = Vec::with_capacity(rows);
        for row in 0..rows {
            let (Some(graph), Some(node)) = (value(0, row), value(1, row)) else {
                counts.push(None);
                continue;
            };
            if !graphs.contains_key(graph) {
                graphs.insert(graph.to_owned(), for_function(self.source.current.graphs(), &view, graph)?);
            }
            let Some(graph) = graphs.get(graph) else { continue };
            let walk = walk(graph, value(2, row), value(3, row), value(4, row))?;
            let id = match graph.find(node, numeric) {
                Err(e) if e.kind() == Kind::NotFound => None,
                id => Some(id?),
            };
            count_search();
            counts.push(id.map(|id| graph.graph.reach_count(id, &walk)).transpose()?);
        }
        Ok(counts.into_iter().collect())
    }
}

fn walk(graph: &Loaded, hops: Option<&str>, direction: Option<&str>, etype: Option<&str>) -> Result<Walk> {
    let max_hops = match hops {
        None => u32::MAX,
        Some(text) => {
            let n: Option<u64> = text.parse().ok();
            let n =
                n.ok_or_else(|| Error::usage(format!("{NAME}: max_hops")).expected("a whole number from 0").got(text))?;
            u32::try_from(n).unwrap_or(u32::MAX)
        }
    };
    let direction = match direction {
        None | Some("out") => Direction::Out,
        Some("in") => Direction::In,
        Some("both") => Direction::Both,
        Some(other) => {
            return Err(Error::usage(format!("{NAME}: direction")).expected("out, in or both").got(other));
        }
    };
    let etype = etype.filter(|t| !t.is_empty()).map(|t| graph.etype(t)).transpose()?;
    Ok(Walk { direction, etype, max_hops, ..Walk::default() })
}

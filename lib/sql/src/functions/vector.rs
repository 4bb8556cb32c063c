//! `vector_search(index, qvec, k [, topk, engine, ef_search])` and `nearest_neighbors(table, column, qvec, k [, metric,
//! ef_search, with_ord])`: the rows nearest to a vector. Of `LATERAL` the vector may be a column: one search for each row.

use std::sync::Arc;

use datafusion::catalog::{TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::prelude::SessionContext;
use qx_formats::{Error, Kind, Result};

use super::literal::Arguments;
use super::{Signature, Source};
use crate::error::to_engine;
use crate::vector::{self, Lateral, Question, Target, is_outer};

pub(super) const SEARCH: Signature = Signature {
    name: "vector_search",
    parameters: &["index", "qvec", "k", "topk", "engine", "ef_search"],
    required: 3,
};
pub(super) const NEIGHBORS: Signature = Signature {
    name: "nearest_neighbors",
    parameters: &["table", "column", "qvec", "k", "metric", "ef_search", "with_ord", "engine"],
    required: 4,
};

pub(super) fn register(context: &SessionContext, source: &Arc<Source>) {
    for signature in [&SEARCH, &NEIGHBORS] {
        context.register_udtf(signature.name, Arc::new(Search { signature, source: Arc::clone(source) }));
    }
}

struct Search {
    signature: &'static Signature,
    source: Arc<Source>,
}

impl std::fmt::Debug for Search {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.signature)
    }
}

impl TableFunctionImpl for Search {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let mut exprs = args.exprs().to_vec();
        let at = self.signature.parameters.iter().position(|p| *p == "qvec");
        let mut outer = None;
        if let Some(vector) = at.and_then(|i| exprs.get_mut(i))
            && is_outer(vector)?
        {
            outer = Some(std::mem::replace(vector, Expr::Literal(ScalarValue::Null, None)));
        }
        let args = Arguments::new(self.signature, &exprs).map_err(to_engine)?;
        self.relation(&args, outer).map_err(to_engine)
    }
}

impl Search {
    fn relation(&self, args: &Arguments, outer: Option<Expr>) -> Result<Arc<dyn TableProvider>> {
        let question = self.question(args)?;
        match outer {
            Some(vector) => Ok(Arc::new(Lateral::new(&self.source, &question, vector)?)),
            None => {
                let query = args.vector("qvec")?;
                vector::relation(&self.source, self.signature.name, &question, query).map_err(|e| {
                    // The index is sound; what does not fit it is the query.
                    let kind = if e.kind() == Kind::Invalid { Kind::Usage } else { e.kind() };
                    if kind == e.kind() { e } else { Error::new(kind, format!("{}: {e}", self.signature.name)) }
                })
            }
        }
    }

    fn question(&self, args: &Arguments) -> Result<Question> {
        let name = self.signature.name;
        let by_index = args.has("index");
        let target = match by_index {
            true => Target::Index(args.string("index")?),
            false => Target::Column { table: args.string("table")?, column: args.string("column")? },
        };
        let exact = match args.optional_string("engine")?.as_deref() {
            None | Some("ann") => false,
            Some("exact") => true,
            Some(other) => {
                return Err(Error::usage(format!("{name}: argument engine")).expected("ann or exact").got(other));
            }
        };
        let metric = args.optional_string("metric")?.map(|m| m.parse()).transpose()?;
        let ord = match args.value("with_ord") {
            None => by_index,
            Some(ScalarValue::Boolean(Some(ord))) => *ord,
            Some(other) => {
                return Err(Error::usage(format!("{name}: argument with_ord")).expected("true or false").got(other));
            }
        };
        let ef = args.optional_count("ef_search")?.map(clamp);
        let k = clamp(args.count("k")?);
        let candidates = args.optional_count("topk")?.map_or(k, clamp);
        Ok(Question { target, k, candidates, metric, ef, exact, ord })
    }
}

/// No more than a LIMIT can be.
fn clamp(n: u64) -> usize {
    usize::try_from(n.min(i64::MAX as u64)).unwrap_or(usize::MAX)
}

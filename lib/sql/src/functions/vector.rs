//! `vector_search(index, qvec, k [, ef_search, engine])`: the rows of an index nearest to a vector.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float32Array, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::catalog::{MemTable, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use qx_formats::{Error, Kind, Result};
use qx_store::names::ObjectName;
use qx_vector::SearchOptions;

use super::literal::Arguments;
use super::{Signature, Source};
use crate::error::to_engine;

pub(super) const SEARCH: Signature =
    Signature { name: "vector_search", parameters: &["index", "qvec", "k", "ef_search", "engine"], required: 3 };

pub(super) fn register(context: &SessionContext, source: &Arc<Source>) {
    context.register_udtf(SEARCH.name, Arc::new(Search(Arc::clone(source))));
}

#[derive(Debug)]
struct Search(Arc<Source>);

impl TableFunctionImpl for Search {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>, DataFusionError> {
        let rows = self.search(&Arguments::new(&SEARCH, args.exprs()).map_err(to_engine)?).map_err(to_engine)?;
        Ok(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?))
    }
}

impl Search {
    fn search(&self, args: &Arguments) -> Result<RecordBatch> {
        let name = ObjectName::parse("vector index", &args.string("index")?)?;
        let catalog = self.0.catalog();
        if catalog.index(&name).is_none() {
            let names: Vec<&str> = catalog.indexes.keys().map(String::as_str).collect();
            return Err(Error::new(Kind::NotFound, format!("there is no vector index {}", name.key()))
                .expected(if names.is_empty() { "none is defined".to_owned() } else { names.join(", ") }));
        }
        let exact = match args.optional_string("engine")?.as_deref() {
            None | Some("ann") => false,
            Some("exact") => true,
            Some(other) => {
                return Err(Error::usage("vector_search: argument engine").expected("ann or exact").got(other));
            }
        };
        let query = args.vector("qvec")?;
        let k = args.count("k")?;
        let set = || self.0.set_to("vector.search.ef_search").and_then(|text| text.parse().ok());
        let ef = args.optional_count("ef_search")?.or_else(set);
        let index = self.0.store().vector_index(&name)?;
        let options = SearchOptions { ef: ef.map(clamp), exact, ..SearchOptions::default() };
        let hits = index.search(&query, clamp(k), &options).map_err(|e| {
            // The index is sound; what does not fit it is the query.
            let kind = if e.kind() == Kind::Invalid { Kind::Usage } else { e.kind() };
            Error::new(kind, format!("vector_search: {e}"))
        })?;
        let schema = Schema::new(vec![
            Field::new("row_id", DataType::UInt64, false),
            Field::new("score", DataType::Float32, false),
            Field::new("ord", DataType::UInt64, false),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(hits.iter().map(|h| h.row_id))),
            Arc::new(Float32Array::from_iter_values(hits.iter().map(|h| h.score))),
            Arc::new(UInt64Array::from_iter_values(1..=hits.len() as u64)),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).map_err(|e| Error::new(Kind::Engine, e.to_string()))
    }
}

fn clamp(n: u64) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}

//! Sessions and captures for the tests.

use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::{Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::dataframe::DataFrameWriteOptions;
use datafusion::execution::SessionState;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use qx_plan::{Bundle, Options, Subject, capture};

/// A session with fixed parallelism, so that plans are the same on every machine.
pub fn session() -> SessionContext {
    SessionContext::new_with_config(SessionConfig::new().with_target_partitions(4))
}

pub fn schema() -> Schema {
    Schema::new(vec![Field::new("id", DataType::Int64, false), Field::new("name", DataType::Utf8, true)])
}

pub fn batch(ids: &[i64]) -> RecordBatch {
    let names: Vec<String> = ids.iter().map(|i| format!("name {i}")).collect();
    let columns: Vec<Arc<dyn datafusion::arrow::array::Array>> =
        vec![Arc::new(Int64Array::from(ids.to_vec())), Arc::new(StringArray::from(names))];
    RecordBatch::try_new(Arc::new(schema()), columns).unwrap()
}

pub fn memory(ids: &[i64]) -> Arc<dyn TableProvider> {
    Arc::new(MemTable::try_new(Arc::new(schema()), vec![vec![batch(ids)]]).unwrap())
}

pub async fn write(folder: &Path, name: &str, sql: &str) {
    let path = folder.join(name);
    let frame = SessionContext::new().sql(sql).await.unwrap();
    frame.write_parquet(path.to_str().unwrap(), DataFrameWriteOptions::new(), None).await.unwrap();
}

pub async fn listing(context: &SessionContext, name: &str, folder: &Path) {
    context.register_parquet(name, folder.to_str().unwrap(), ParquetReadOptions::default()).await.unwrap();
}

pub async fn subject(state: &SessionState, sql: &str) -> Subject {
    Subject::query(sql, state.create_logical_plan(sql).await.unwrap())
}

pub async fn plan(context: &SessionContext, sql: &str) -> Bundle {
    plan_in(&context.state(), sql, Options::default()).await
}

pub async fn plan_in(state: &SessionState, sql: &str, options: Options<'_>) -> Bundle {
    capture(state, subject(state, sql).await, options).await.unwrap()
}

/// Runs a test on a stack that unoptimized planning of large statements fits on.
pub fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let body = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test());
    };
    std::thread::Builder::new().stack_size(64 << 20).spawn(body).unwrap().join().unwrap();
}

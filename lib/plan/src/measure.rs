//! EXPLAIN ANALYZE: the statement is run, and each operator says what it did.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use datafusion::execution::SessionState;
use datafusion::physical_plan::metrics::MetricValue;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::StreamExt;
use qx_formats::Result;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::planning::engine;

/// What one run of the statement came to.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measured {
    pub rows: u64,
    /// From the start to the last row, in nanoseconds.
    pub elapsed_ns: u64,
    /// Operators of the physical plan, parents first.
    pub operators: Vec<OperatorRun>,
}

/// What one operator did, over all partitions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OperatorRun {
    pub op: String,
    pub depth: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Time in the operator itself, summed over threads, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spills: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spilled_bytes: Option<u64>,
    /// What else the operator counts, by its own names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, u64>,
}

/// Runs a physical plan to its end, rows dropped, and collects what its operators counted.
///
/// # Errors
/// `Engine`: it failed while running.
pub(crate) async fn run(state: &SessionState, plan: &Arc<dyn ExecutionPlan>) -> Result<Measured> {
    let start = Instant::now();
    let mut stream = execute_stream(Arc::clone(plan), state.task_ctx()).map_err(engine)?;
    let mut rows = 0;
    while let Some(batch) = stream.next().await {
        rows += batch.map_err(engine)?.num_rows() as u64;
    }
    drop(stream);
    let mut operators = Vec::new();
    collect(plan.as_ref(), 0, &mut operators);
    Ok(Measured { rows, elapsed_ns: nanoseconds(start.elapsed().as_nanos()), operators })
}

fn nanoseconds(n: u128) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

fn collect(plan: &dyn ExecutionPlan, depth: usize, out: &mut Vec<OperatorRun>) {
    let mut run = OperatorRun { op: plan.name().to_owned(), depth, ..OperatorRun::default() };
    if let Some(metrics) = plan.metrics() {
        let number = |n: Option<usize>| n.map(|n| n as u64);
        run.rows = number(metrics.output_rows());
        run.time_ns = number(metrics.elapsed_compute());
        run.spills = number(metrics.spill_count()).filter(|n| *n > 0);
        run.spilled_bytes = number(metrics.spilled_bytes()).filter(|n| *n > 0);
        for metric in metrics.aggregate_by_name().iter() {
            let value = metric.value();
            let own = !matches!(
                value,
                MetricValue::OutputRows(_)
                    | MetricValue::ElapsedCompute(_)
                    | MetricValue::SpillCount(_)
                    | MetricValue::SpilledBytes(_)
                    | MetricValue::StartTimestamp(_)
                    | MetricValue::EndTimestamp(_)
                    | MetricValue::Ratio { .. }
            );
            let n = value.as_usize() as u64;
            if own && n > 0 {
                run.counts.insert(value.name().to_owned(), n);
            }
        }
    }
    out.push(run);
    for child in plan.children() {
        collect(child.as_ref(), depth + 1, out);
    }
}

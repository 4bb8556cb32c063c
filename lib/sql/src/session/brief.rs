//! Plans that are done sooner than another thread takes to wake.

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};

/// Rows that a brief plan reads at most: one batch of the engine.
const MAX_ROWS: usize = 8192;

/// Operators whose work is a small multiple of the rows that they read.
const LINEAR: [&str; 12] = [
    "AggregateExec",
    "CoalescePartitionsExec",
    "CooperativeExec",
    "DataSourceExec",
    "FilterExec",
    "GlobalLimitExec",
    "GraphSearch",
    "PlaceholderRowExec",
    "ProjectionExec",
    "SortExec",
    "SortExec(TopK)",
    "VectorSearch",
];

/// Whether all that a plan does is to read a few rows from one place and to work on each of them a little. Whoever waits
/// for such a plan would never stop it half-way.
pub(super) fn is_brief(plan: &Arc<dyn ExecutionPlan>) -> bool {
    if !LINEAR.contains(&plan.name()) {
        return false;
    }
    match plan.children().as_slice() {
        [] => rows(plan).is_some_and(|rows| rows <= MAX_ROWS),
        [one] => is_brief(one),
        _ => false,
    }
}

fn rows(leaf: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    match StatisticsContext::new().compute(leaf.as_ref(), &StatisticsArgs::new()).ok()?.num_rows {
        Precision::Exact(rows) | Precision::Inexact(rows) => Some(rows),
        Precision::Absent => None,
    }
}

//! What an optimized plan names: its inputs and operators.

use std::collections::BTreeMap;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::logical_expr::LogicalPlan;
use serde::Serialize;

/// A relation that the plan reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Input {
    pub relation: String,
    /// Columns that are read, in order.
    pub columns: Vec<String>,
    /// Filters that the scan is given.
    pub filters: Vec<String>,
    /// Rows after which the scan may stop.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch: Option<usize>,
}

/// Operators of one kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operator {
    pub kind: String,
    pub count: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// `query`, or what else the statement is.
    pub kind: &'static str,
    pub inputs: Vec<Input>,
    pub operators: Vec<Operator>,
    pub output: Vec<String>,
}

impl Summary {
    pub(crate) fn of(plan: &LogicalPlan) -> Summary {
        let mut inputs = Vec::new();
        let mut operators: BTreeMap<String, usize> = BTreeMap::new();
        // The visitor never fails, so neither does the walk.
        let _ = plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                inputs.push(Input {
                    relation: scan.table_name.to_string(),
                    columns: scan.projected_schema.fields().iter().map(|f| f.name().clone()).collect(),
                    filters: scan.filters.iter().map(ToString::to_string).collect(),
                    fetch: scan.fetch,
                });
            }
            let text = node.display().to_string();
            let kind = text.split([':', ' ']).next().unwrap_or_default().to_owned();
            *operators.entry(kind).or_default() += 1;
            Ok(TreeNodeRecursion::Continue)
        });
        Summary {
            kind: kind(plan),
            inputs,
            operators: operators.into_iter().map(|(kind, count)| Operator { kind, count }).collect(),
            output: plan.schema().iter().map(|(_, f)| format!("{}: {}", f.name(), f.data_type())).collect(),
        }
    }
}

fn kind(plan: &LogicalPlan) -> &'static str {
    match plan {
        LogicalPlan::Explain(_) | LogicalPlan::Analyze(_) => "explain",
        LogicalPlan::DescribeTable(_) => "describe",
        LogicalPlan::Statement(_) => "set",
        _ => "query",
    }
}

//! The column of a table that a column of a query is.

use std::sync::Arc;

use datafusion::common::Column as Named;
use datafusion::logical_expr::{Distinct, Expr, Join, LogicalPlan};
use qx_store::catalog::Column;

use crate::vector::table_of;

/// The column of a table whose values a column of a plan gives as they are, whichever of them; `None` where they are
/// worked out, or come from columns that keep to different things.
pub(super) fn column(plan: &LogicalPlan, at: usize) -> Option<Column> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            let (table, _) = table_of(&scan.source)?;
            table.def.column(scan.projected_schema.field(at).name()).cloned()
        }
        LogicalPlan::Projection(p) => below(p.expr.get(at)?, &p.input),
        LogicalPlan::Aggregate(a) => below(a.group_expr.get(at)?, &a.input),
        LogicalPlan::Distinct(Distinct::On(on)) => below(on.select_expr.get(at)?, &on.input),
        LogicalPlan::Distinct(Distinct::All(input)) => column(input, at),
        LogicalPlan::SubqueryAlias(alias) => column(&alias.input, at),
        LogicalPlan::Filter(filter) => column(&filter.input, at),
        LogicalPlan::Sort(sort) => column(&sort.input, at),
        LogicalPlan::Limit(limit) => column(&limit.input, at),
        LogicalPlan::Join(join) => joined(join, at),
        LogicalPlan::Union(union) => {
            let mut all = union.inputs.iter().map(|input| column(input, at));
            let first = all.next()??;
            let same = |c: Option<Column>| c.is_some_and(|c| c.bound == first.bound && c.data_type == first.data_type);
            all.all(same).then_some(first)
        }
        _ => None,
    }
}

/// The column that an expression over a plan is.
fn below(e: &Expr, input: &Arc<LogicalPlan>) -> Option<Column> {
    match e {
        Expr::Alias(alias) => below(&alias.expr, input),
        Expr::Column(c) => column(input, input.schema().maybe_index_of_column(c)?),
        _ => None,
    }
}

fn joined(join: &Join, at: usize) -> Option<Column> {
    let named = Named::from(join.schema.qualified_field(at));
    let at = |side: &Arc<LogicalPlan>| side.schema().maybe_index_of_column(&named);
    match (at(&join.left), at(&join.right)) {
        (Some(at), None) => column(&join.left, at),
        (None, Some(at)) => column(&join.right, at),
        _ => None,
    }
}

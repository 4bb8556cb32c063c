//! A search that nothing but the keys of its rows is wanted of need not read the table: the index knows them. The rule
//! comes after all others, when it is known which columns a statement uses.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::Column;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use qx_plan::Described;
use qx_store::vectors::RowKey;

use super::nearest::{KEY, Nearest};
use crate::tables::Rows;

/// The rule.
#[derive(Debug)]
pub(crate) struct KeysOnly;

impl OptimizerRule for KeysOnly {
    fn name(&self) -> &'static str {
        "nearest_keys_only"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match plan {
            LogicalPlan::Join(join) if gives_keys(&join) => without_table(&join).map(Transformed::yes),
            other => Ok(Transformed::no(other)),
        }
    }
}

/// Whether a join brings what a search found together with the keys of the searched table, and no more: the same keys.
fn gives_keys(join: &Join) -> bool {
    let [(Expr::Column(found), Expr::Column(key))] = join.on.as_slice() else { return false };
    let (LogicalPlan::TableScan(search), LogicalPlan::TableScan(scan)) = (join.left.as_ref(), join.right.as_ref())
    else {
        return false;
    };
    if join.join_type != JoinType::Inner || join.filter.is_some() || found.name != KEY {
        return false;
    }
    let alone = scan.filters.is_empty() && scan.fetch.is_none() && scan.projected_schema.fields().len() == 1;
    let (Ok(search), Ok(table)) = (source_as_provider(&search.source), source_as_provider(&scan.source)) else {
        return false;
    };
    let (Some(nearest), Some(rows)) = (described::<Nearest>(&search), described::<Rows>(&table)) else { return false };
    let (table, index) = (rows.table(), &nearest.searcher.index);
    // A column that an index names for ids may stand in several rows; the key of the table does not.
    let unique = RowKey::of(&table.def).is_ok_and(|of| of == nearest.key && of.is_column());
    alone && unique && index.column(table).is_some() && nearest.key.columns == [key.name.as_str()]
}

fn described<T: TableProvider>(provider: &Arc<dyn TableProvider>) -> Option<&T> {
    let inner: &dyn std::any::Any = Described::of(provider.as_ref())?.inner().as_ref();
    inner.downcast_ref::<T>()
}

fn without_table(join: &Join) -> Result<LogicalPlan> {
    let found = join.on.first().map(|(found, _)| found.clone());
    let schema = join.left.schema();
    let exprs = join.schema.iter().map(|(qualifier, field)| {
        let column = Column::from((qualifier, field));
        match &found {
            Some(found) if !schema.has_column(&column) => {
                found.clone().alias_qualified(qualifier.cloned(), field.name())
            }
            _ => Expr::Column(column),
        }
    });
    LogicalPlanBuilder::from(join.left.as_ref().clone()).project(exprs)?.build()
}

//! Arithmetic between constants, before the engine folds it.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, lit};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};

use super::{grows, outgrown};
use crate::error::to_engine;

/// The rule. It stands before the one that simplifies expressions, which would let numbers wrap.
#[derive(Debug)]
pub(crate) struct Constants;

impl OptimizerRule for Constants {
    fn name(&self) -> &'static str {
        "checked_constants"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|e| {
            // A name around a grouping set would make another expression of it.
            if matches!(e, Expr::GroupingSet(_)) || !e.exists(|e| Ok(operands(e).is_some()))? {
                return Ok(Transformed::no(e));
            }
            let name = names.save(&e);
            let folded = e.transform_up(fold)?;
            Ok(folded.update_data(|e| name.restore(e)))
        })
    }
}

fn fold(e: Expr) -> Result<Transformed<Expr>> {
    let Some((left, op, right)) = operands(&e) else { return Ok(Transformed::no(e)) };
    let value = match op {
        Operator::Plus => left.add_checked(&right),
        Operator::Minus => left.sub_checked(&right),
        _ => left.mul_checked(&right),
    };
    match value {
        Ok(value) => Ok(Transformed::yes(lit(value))),
        Err(_) => Err(to_engine(outgrown(&format!("{left} {op} {right}")))),
    }
}

/// The two integers of one type that an expression brings together.
fn operands(e: &Expr) -> Option<(ScalarValue, Operator, ScalarValue)> {
    let Expr::BinaryExpr(b) = e else { return None };
    if !grows(b.op) {
        return None;
    }
    let (left, right) = (integer(&b.left)?, integer(&b.right)?);
    (left.data_type() == right.data_type()).then_some((left, b.op, right))
}

fn integer(e: &Expr) -> Option<ScalarValue> {
    match e {
        Expr::Literal(value, _) => (value.data_type().is_integer() && !value.is_null()).then(|| value.clone()),
        Expr::Cast(Cast { expr, field }) if field.data_type().is_integer() => {
            integer(expr)?.cast_to(field.data_type()).ok()
        }
        // Of the least number there is none; the engine says so.
        Expr::Negative(inner) => integer(inner)?.arithmetic_negate().ok(),
        _ => None,
    }
}

//! Arithmetic between constants, before the engine folds it.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::error::Result;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Operator, lit};
use datafusion::optimizer::simplify_expressions::{ExprSimplifier, SimplifyContext};
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

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let context = SimplifyContext::builder()
            .with_config_options(config.options())
            .with_query_execution_start_time(config.query_execution_start_time())
            .build();
        let engine = ExprSimplifier::new(context);
        let names = NamePreserver::new(&plan);
        plan.map_expressions(|e| {
            // A name around a grouping set would make another expression of it.
            if matches!(e, Expr::GroupingSet(_)) || !e.exists(|e| Ok(operands(e, &engine).is_some()))? {
                return Ok(Transformed::no(e));
            }
            let name = names.save(&e);
            let folded = e.transform_up(|e| fold(e, &engine))?;
            Ok(folded.update_data(|e| name.restore(e)))
        })
    }
}

fn fold(e: Expr, engine: &ExprSimplifier) -> Result<Transformed<Expr>> {
    let Some((left, op, right)) = operands(&e, engine) else { return Ok(Transformed::no(e)) };
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
fn operands(e: &Expr, engine: &ExprSimplifier) -> Option<(ScalarValue, Operator, ScalarValue)> {
    let Expr::BinaryExpr(b) = e else { return None };
    if !grows(b.op) {
        return None;
    }
    let (left, right) = (integer(&b.left, engine)?, integer(&b.right, engine)?);
    (left.data_type() == right.data_type()).then_some((left, b.op, right))
}

fn integer(e: &Expr, engine: &ExprSimplifier) -> Option<ScalarValue> {
    match e {
        Expr::Literal(value, _) => (value.data_type().is_integer() && !value.is_null()).then(|| value.clone()),
        // Of the least number there is none; the engine says so.
        Expr::Negative(inner) => integer(inner, engine)?.arithmetic_negate().ok(),
        // What grows and is constant was worked out before what is around it.
        Expr::BinaryExpr(b) if grows(b.op) => None,
        e => worked_out(e, engine),
    }
}

/// The integer that an expression without columns comes to: a text that is cast, or the value of a function.
fn worked_out(e: &Expr, engine: &ExprSimplifier) -> Option<ScalarValue> {
    if e.any_column_refs() || e.is_volatile() {
        return None;
    }
    match engine.simplify(e.clone()).ok()? {
        Expr::Literal(value, _) if value.data_type().is_integer() && !value.is_null() => Some(value),
        _ => None,
    }
}

//! `x IN (SELECT ...)` with its three answers. The engine makes a join of it, whose mark is true or false: where nothing was
//! found, and a null stands among what was looked through or is looked for, the answer is unknown, and `NOT IN` is not
//! true. The rule spells that out wherever it makes a difference, and leaves alone what the engine does well.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema, ExprSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::expr::{BinaryExpr, Case, Exists, InSubquery, SetComparison};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Expr, ExprSchemable, Filter, LogicalPlan, LogicalPlanBuilder, Operator, Subquery, lit, not,
};
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

/// The column that comparisons with a subquery are made with.
const VALUE: &str = "\u{1f}value";

/// The rule. It stands before all others: they know what to do with what it makes.
#[derive(Debug)]
pub(crate) struct Membership;

impl OptimizerRule for Membership {
    fn name(&self) -> &'static str {
        "three_valued_in"
    }

    fn rewrite(&self, plan: LogicalPlan, _: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        plan.transform_up_with_subqueries(|node| match node {
            LogicalPlan::Filter(filter) if asks(&filter.predicate)? => {
                let settled = settle(filter.predicate, Place::Conjunct, filter.input.schema())?;
                let (changed, predicate) = (settled.transformed, settled.data);
                let filter = LogicalPlan::Filter(Filter::try_new(predicate, filter.input)?);
                Ok(if changed { Transformed::yes(filter) } else { Transformed::no(filter) })
            }
            LogicalPlan::Join(mut join) if join.filter.as_ref().map_or(Ok(false), asks)? => {
                let schema = merge_schema(&[join.left.as_ref(), join.right.as_ref()]);
                let settled = join.filter.take().map(|on| settle(on, Place::Conjunct, &schema)).transpose()?;
                let changed = settled.as_ref().is_some_and(|s| s.transformed);
                join.filter = settled.map(|s| s.data);
                let join = LogicalPlan::Join(join);
                Ok(if changed { Transformed::yes(join) } else { Transformed::no(join) })
            }
            other => Ok(Transformed::no(other)),
        })
    }
}

fn asks(e: &Expr) -> Result<bool> {
    e.exists(|e| Ok(matches!(e, Expr::InSubquery(_) | Expr::SetComparison(_))))
}

/// What the answer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// One of the conditions that a row has to meet, all of them.
    Conjunct,
    /// A condition in which unknown is as good as false.
    Condition,
    /// Anything else.
    Value,
}

fn settle(e: Expr, place: Place, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match e {
        Expr::InSubquery(i) => member(i, place, schema),
        Expr::SetComparison(s) => quantified(s),
        Expr::Not(inner) if matches!(*inner, Expr::InSubquery(_)) => match *inner {
            Expr::InSubquery(i) => member(InSubquery { negated: !i.negated, ..i }, place, schema),
            other => Ok(Transformed::no(not(other))),
        },
        Expr::BinaryExpr(b) if place != Place::Value && matches!(b.op, Operator::And | Operator::Or) => {
            let inner = if b.op == Operator::And { place } else { Place::Condition };
            Expr::BinaryExpr(b).map_children(|e| settle(e, inner, schema))
        }
        e @ (Expr::IsTrue(_) | Expr::IsNotTrue(_)) => e.map_children(|e| settle(e, Place::Condition, schema)),
        Expr::Case(case) if case.expr.is_none() => chosen(case, schema),
        e => e.map_children(|e| settle(e, Place::Value, schema)),
    }
}

/// CASE without a value behind it: each WHEN is a condition.
fn chosen(case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut changed = false;
    let mut of = |e: Box<Expr>, place| {
        let settled = settle(*e, place, schema)?;
        changed |= settled.transformed;
        Ok::<_, DataFusionError>(Box::new(settled.data))
    };
    let mut branches = Vec::with_capacity(case.when_then_expr.len());
    for (when, then) in case.when_then_expr {
        branches.push((of(when, Place::Condition)?, of(then, Place::Value)?));
    }
    let otherwise = case.else_expr.map(|e| of(e, Place::Value)).transpose()?;
    let case = Expr::Case(Case::new(None, branches, otherwise));
    Ok(if changed { Transformed::yes(case) } else { Transformed::no(case) })
}

fn member(i: InSubquery, place: Place, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let correlated = !i.subquery.outer_ref_columns.is_empty();
    let well = match (i.negated, place) {
        // True where the join finds something.
        (false, Place::Conjunct | Place::Condition) => true,
        // A join that knows of nulls, as long as there is one set of values for all rows, and a column to look for.
        (true, Place::Conjunct) => !correlated && i.expr.any_column_refs(),
        _ => false,
    };
    if well || never_null(&i, schema)? {
        return Ok(Transformed::no(Expr::InSubquery(i)));
    }
    if i.negated && correlated && place != Place::Value {
        // True where each comparison is false.
        let subquery = compared(&i, schema, |same| Expr::IsNotFalse(Box::new(same)))?;
        return Ok(Transformed::yes(Expr::Exists(Exists { subquery, negated: true })));
    }
    let negated = i.negated;
    let answer = known(i, correlated, schema)?;
    Ok(Transformed::yes(if negated { not(answer) } else { answer }))
}

fn never_null(i: &InSubquery, schema: &DFSchema) -> Result<bool> {
    Ok(!i.subquery.subquery.schema().field(0).is_nullable() && !i.expr.nullable(schema)?)
}

/// The answer as a value: true where something is found, else unknown where a null is in the way, else false.
fn known(i: InSubquery, correlated: bool, schema: &DFSchema) -> Result<Expr> {
    let unknown = match correlated {
        true => {
            let subquery = compared(&i, schema, |same| Expr::IsNull(Box::new(same)))?;
            Expr::Exists(Exists { subquery, negated: false })
        }
        false => {
            let sought = Expr::IsNull(i.expr.clone());
            let enough = Case::new(None, vec![(Box::new(sought), Box::new(lit(0_i64)))], Some(Box::new(lit(1_i64))));
            binary(Expr::ScalarSubquery(nulls(&i.subquery)?), Operator::Gt, Expr::Case(enough))
        }
    };
    let found = Expr::InSubquery(InSubquery { negated: false, ..i });
    let null = Expr::Literal(ScalarValue::Boolean(None), None);
    let branches = vec![(Box::new(found), Box::new(lit(true))), (Box::new(unknown), Box::new(null))];
    Ok(Expr::Case(Case::new(None, branches, Some(Box::new(lit(false))))))
}

fn binary(left: Expr, op: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)))
}

fn column(subquery: &LogicalPlan) -> Expr {
    Expr::Column(Column::from(subquery.schema().qualified_field(0)))
}

/// The values of a subquery under a name that no column has around it: with the same table on both sides, the engine takes
/// one for the other.
fn values(of: &Subquery) -> Result<LogicalPlanBuilder> {
    let rows = of.subquery.as_ref();
    LogicalPlanBuilder::from(rows.clone()).project(vec![column(rows).alias(VALUE)])
}

/// `> ALL (SELECT ...)` and the like, of which the engine makes comparisons with each of the values.
fn quantified(s: SetComparison) -> Result<Transformed<Expr>> {
    if s.subquery.subquery.schema().field(0).name() == VALUE {
        return Ok(Transformed::no(Expr::SetComparison(s)));
    }
    let named = subquery(values(&s.subquery)?.build()?, &s.subquery)?;
    Ok(Transformed::yes(Expr::SetComparison(SetComparison { subquery: named, ..s })))
}

/// The rows of the subquery of which the comparison with what is looked for is so and so.
fn compared(i: &InSubquery, schema: &DFSchema, so: impl FnOnce(Expr) -> Expr) -> Result<Subquery> {
    let outer = i.expr.as_ref().clone().transform_up(|e| match e {
        Expr::Column(c) => {
            let field = Arc::clone(schema.field_from_column(&c)?);
            Ok(Transformed::yes(Expr::OuterReferenceColumn(field, c)))
        }
        e => Ok(Transformed::no(e)),
    });
    let same = binary(outer.data()?, Operator::Eq, Expr::Column(Column::new_unqualified(VALUE)));
    subquery(values(&i.subquery)?.filter(so(same))?.build()?, &i.subquery)
}

/// One number for the values of a subquery: 2 with a null among them, 1 without, 0 where there are none.
fn nulls(of: &Subquery) -> Result<Subquery> {
    let rows = of.subquery.as_ref();
    let (all, values) = (count(lit(1_i64)), count(column(rows)));
    let counted = |e: &Expr| Expr::Column(Column::new_unqualified(e.schema_name().to_string()));
    let (n, m) = (counted(&all), counted(&values));
    let some_null = binary(n.clone(), Operator::Gt, m);
    let any = binary(n, Operator::Gt, lit(0_i64));
    let branches = vec![(Box::new(some_null), Box::new(lit(2_i64))), (Box::new(any), Box::new(lit(1_i64)))];
    let kind = Expr::Case(Case::new(None, branches, Some(Box::new(lit(0_i64)))));
    let plan = LogicalPlanBuilder::from(rows.clone());
    let plan = plan.aggregate(Vec::<Expr>::new(), vec![all, values])?.project(vec![kind.alias("nulls")])?.build()?;
    subquery(plan, of)
}

fn subquery(plan: LogicalPlan, of: &Subquery) -> Result<Subquery> {
    let outer_ref_columns = plan.all_out_ref_exprs();
    Ok(Subquery { subquery: Arc::new(plan), outer_ref_columns, spans: of.spans.clone() })
}

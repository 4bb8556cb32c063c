//! The operators between a sort and the table whose column it sorts by: finding the table, and building them anew over
//! another relation in its place.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, TableScan};
use qx_vector::Metric;

use super::order::renamed;
use crate::functions::{distance, literal};

/// Where a table stands under a sort. The scan alone does not say it: a table that is joined to itself has two of them
/// that are alike.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub(super) scan: &'a TableScan,
    /// Of each join on the way there, from the top: whether it is on the left side.
    left: Vec<bool>,
}

/// An expression over the rows of `plan` as one over the table that they come from; `None` where they do not come from
/// one by filters, projections and joins that keep its rows as they are.
pub(super) fn resolve<'a>(expr: &Expr, plan: &'a LogicalPlan) -> Result<Option<(Expr, Place<'a>)>> {
    match plan {
        LogicalPlan::TableScan(scan) => {
            Ok(scan.fetch.is_none().then(|| (expr.clone(), Place { scan, left: Vec::new() })))
        }
        LogicalPlan::Filter(filter) => resolve(expr, &filter.input),
        LogicalPlan::SubqueryAlias(alias) => {
            let (outer, inner) = (&alias.schema, alias.input.schema());
            let below = |c: &Column| Ok(Expr::Column(Column::from(inner.qualified_field(outer.index_of_column(c)?))));
            resolve(&replaced(expr, below)?, &alias.input)
        }
        LogicalPlan::Projection(p) => {
            let below = |c: &Column| {
                let at = p.schema.index_of_column(c)?;
                Ok(p.expr.get(at).cloned().unwrap_or_else(|| Expr::Column(c.clone())).unalias())
            };
            resolve(&replaced(expr, below)?, &p.input)
        }
        LogicalPlan::Join(join) => {
            let refs = expr.column_refs();
            let all = |schema: &DFSchema| !refs.is_empty() && refs.iter().all(|c| schema.has_column(c));
            let left = match join.join_type {
                JoinType::Inner | JoinType::Left if all(join.left.schema()) => true,
                JoinType::Inner | JoinType::Right if all(join.right.schema()) => false,
                _ => return Ok(None),
            };
            let below = resolve(expr, if left { &join.left } else { &join.right })?;
            Ok(below.map(|(expr, mut place)| {
                place.left.insert(0, left);
                (expr, place)
            }))
        }
        _ => Ok(None),
    }
}

fn replaced(expr: &Expr, by: impl Fn(&Column) -> Result<Expr>) -> Result<Expr> {
    let done = expr.clone().transform(|e| match &e {
        Expr::Column(c) => by(c).map(|new| Transformed::new(new, true, TreeNodeRecursion::Jump)),
        _ => Ok(Transformed::no(e)),
    })?;
    Ok(done.data)
}

/// Whether rows may be left out between a sort and its table, or stand in it several times.
pub(super) fn filters(plan: &LogicalPlan) -> bool {
    let picks = |p: &LogicalPlan| Ok(matches!(p, LogicalPlan::Filter(_) | LogicalPlan::Join(_)));
    plan.exists(picks).unwrap_or(true)
}

/// Whether a plan gives the same rows when it is run twice by itself.
pub(super) fn is_plain(plan: &LogicalPlan) -> Result<bool> {
    let mut plain = plan.all_out_ref_exprs().is_empty();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|e| {
            plain &= !e.is_volatile();
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(plain)
}

/// A distance that is known already: that of this column and this vector.
#[derive(Debug, Clone)]
pub(super) struct Swap<'a> {
    pub(super) metric: Metric,
    pub(super) query: &'a [f32],
    /// As the table's scan has it.
    pub(super) column: Column,
}

/// Operators over another relation.
pub(super) struct Chain {
    pub(super) plan: LogicalPlan,
    /// The columns that were to be passed through, as they are called on top.
    pub(super) pass: Vec<Column>,
    /// The vector column's names on top.
    vectors: Vec<Column>,
}

impl Chain {
    /// An expression on top with known distances in it replaced by the first column that was passed through.
    pub(super) fn swapped(&self, expr: Expr, swap: Option<&Swap<'_>>) -> Result<Expr> {
        let (Some(swap), Some(score)) = (swap, self.pass.first()) else { return Ok(expr) };
        let done = expr.transform(|e| {
            let Some((metric, a, b)) = distance::call(&e) else { return Ok(Transformed::no(e)) };
            let mine = |e: &Expr| matches!(e, Expr::Column(c) if self.vectors.contains(c));
            let same = |e: &Expr| {
                literal::value(e).and_then(|v| distance::vector_of(&v)).is_some_and(|v| v.as_slice() == swap.query)
            };
            let known = metric == swap.metric && ((mine(a) && same(b)) || (mine(b) && same(a)));
            match known {
                true => Ok(Transformed::yes(Expr::Column(score.clone()))),
                false => Ok(Transformed::no(e)),
            }
        })?;
        Ok(done.data)
    }
}

/// Builds the operators of `plan` anew with `base` in place of the scan, and the columns `pass` of it added to what
/// each gives. With `passed`, its filters are left out where no join stands between: the rows of `base` have passed them.
pub(super) fn rebuild(
    plan: &LogicalPlan,
    place: &Place<'_>,
    base: &LogicalPlan,
    pass: &[Column],
    swap: Option<&Swap<'_>>,
    passed: bool,
) -> Result<Chain> {
    let joins = plan.exists(|p| Ok(matches!(p, LogicalPlan::Join(_))))?;
    anew(plan, &Anew { base, pass, swap, passed: passed && !joins }, &place.left)
}

struct Anew<'a> {
    base: &'a LogicalPlan,
    pass: &'a [Column],
    swap: Option<&'a Swap<'a>>,
    passed: bool,
}

/// `left`: the sides of the joins that are still to come.
fn anew(plan: &LogicalPlan, to: &Anew<'_>, left: &[bool]) -> Result<Chain> {
    match plan {
        LogicalPlan::TableScan(_) => {
            let vectors = to.swap.iter().map(|s| s.column.clone()).collect();
            Ok(Chain { plan: to.base.clone(), pass: to.pass.to_vec(), vectors })
        }
        LogicalPlan::Filter(filter) => {
            let below = anew(&filter.input, to, left)?;
            if to.passed {
                return Ok(below);
            }
            let plan = LogicalPlanBuilder::from(below.plan).filter(filter.predicate.clone())?.build()?;
            Ok(Chain { plan, ..below })
        }
        LogicalPlan::SubqueryAlias(alias) => {
            let below = anew(&alias.input, to, left)?;
            // Only the columns that it had, and those that are passed through: names in the new relation may clash.
            let inner = alias.input.schema();
            let mut exprs: Vec<Expr> = inner.iter().map(|(q, f)| Expr::Column(Column::from((q, f)))).collect();
            exprs.extend(below.pass.iter().filter(|p| !inner.has_column(p)).cloned().map(Expr::Column));
            let up = |c: &Column| Column::new(Some(alias.alias.clone()), c.name.clone());
            let (pass, vectors) = (below.pass.iter().map(up).collect(), below.vectors.iter().map(up).collect());
            let plan = LogicalPlanBuilder::from(below.plan).project(exprs)?.alias(alias.alias.clone())?.build()?;
            Ok(Chain { plan, pass, vectors })
        }
        LogicalPlan::Projection(p) => projection(p, to, left),
        LogicalPlan::Join(join) => {
            let Some((&is_left, left)) = left.split_first() else {
                return datafusion::common::internal_err!("a join on the way to a table was not there before");
            };
            let below = anew(if is_left { &join.left } else { &join.right }, to, left)?;
            let inputs = match is_left {
                true => vec![below.plan, join.right.as_ref().clone()],
                false => vec![join.left.as_ref().clone(), below.plan],
            };
            let plan = plan.with_new_exprs(plan.expressions(), inputs)?;
            Ok(Chain { plan, pass: below.pass, vectors: below.vectors })
        }
        other => datafusion::common::internal_err!("{} cannot be built anew", other.display()),
    }
}

fn projection(p: &Projection, to: &Anew<'_>, left: &[bool]) -> Result<Chain> {
    let below = anew(&p.input, to, left)?;
    let mut exprs = Vec::with_capacity(p.expr.len() + below.pass.len());
    let mut vectors = Vec::new();
    for (i, e) in p.expr.iter().enumerate() {
        let top = Column::from(p.schema.qualified_field(i));
        if matches!(e.clone().unalias(), Expr::Column(c) if below.vectors.contains(&c)) {
            vectors.push(top);
        }
        exprs.push(renamed(e, below.swapped(e.clone(), to.swap)?));
    }
    let mut pass = Vec::new();
    for column in &below.pass {
        let there = p.expr.iter().position(|e| *e == Expr::Column(column.clone()));
        match there {
            Some(i) => pass.push(Column::from(p.schema.qualified_field(i))),
            None => {
                exprs.push(Expr::Column(column.clone()));
                pass.push(column.clone());
            }
        }
    }
    let plan = LogicalPlanBuilder::from(below.plan).project(exprs)?.build()?;
    Ok(Chain { plan, pass, vectors })
}

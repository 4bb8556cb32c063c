//! Physical expressions in canonical form.

use std::sync::Arc;

use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::{
    BinaryExpr, CaseExpr, CastExpr, Column, DynamicFilterPhysicalExpr, InListExpr, IsNotNullExpr, IsNullExpr, LikeExpr,
    Literal, NegativeExpr, NotExpr, TryCastExpr,
};
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr, ScalarFunctionExpr};

use super::Expression;
use super::logical_expr::literal;

pub(super) fn exprs<'a>(list: impl IntoIterator<Item = &'a Arc<dyn PhysicalExpr>>) -> Vec<Expression> {
    list.into_iter().map(expr).collect()
}

pub(super) fn sorts<'a>(list: impl IntoIterator<Item = &'a PhysicalSortExpr>) -> Vec<Expression> {
    let one = |s: &PhysicalSortExpr| {
        let node = Expression::new("sort").args([expr(&s.expr)]);
        node.flag("desc", s.options.descending).flag("nulls_first", s.options.nulls_first)
    };
    list.into_iter().map(one).collect()
}

/// As of logical expressions: a chain of one operator is one expression.
fn chain(b: &BinaryExpr) -> Expression {
    let mut args = vec![expr(b.right())];
    let mut left = b.left();
    while let Some(more) = left.downcast_ref::<BinaryExpr>()
        && more.op() == b.op()
    {
        args.push(expr(more.right()));
        left = more.left();
    }
    args.push(expr(left));
    args.reverse();
    Expression::named("binary", b.op().to_string()).args(args)
}

pub(super) fn expr(e: &Arc<dyn PhysicalExpr>) -> Expression {
    let args = || exprs(e.children());
    if let Some(c) = e.downcast_ref::<Column>() {
        return Expression::named("column", c.name());
    }
    if let Some(l) = e.downcast_ref::<Literal>() {
        return literal(l.value());
    }
    if let Some(b) = e.downcast_ref::<BinaryExpr>() {
        return chain(b);
    }
    if let Some(f) = e.downcast_ref::<ScalarFunctionExpr>() {
        return Expression::named("call", f.name()).args(args());
    }
    if let Some(c) = e.downcast_ref::<CastExpr>() {
        return Expression::new("cast").args(args()).typed(c.cast_type());
    }
    if let Some(c) = e.downcast_ref::<TryCastExpr>() {
        return Expression::new("try_cast").args(args()).typed(c.cast_type());
    }
    if let Some(l) = e.downcast_ref::<InListExpr>() {
        return Expression::new("in_list").args([expr(l.expr())]).args(exprs(l.list())).flag("negated", l.negated());
    }
    if let Some(l) = e.downcast_ref::<LikeExpr>() {
        let name = if l.case_insensitive() { "ILIKE" } else { "LIKE" };
        return Expression::named("like", name).args(args()).flag("negated", l.negated());
    }
    if e.is::<IsNullExpr>() {
        return Expression::named("is", "NULL").args(args());
    }
    if e.is::<IsNotNullExpr>() {
        return Expression::named("is", "NOT NULL").args(args());
    }
    if e.is::<NotExpr>() {
        return Expression::new("not").args(args());
    }
    if e.is::<NegativeExpr>() {
        return Expression::new("negative").args(args());
    }
    if let Some(c) = e.downcast_ref::<CaseExpr>() {
        return case(c);
    }
    if e.is::<DynamicFilterPhysicalExpr>() {
        // What it holds changes while the plan runs; that it is there does not.
        return Expression::named("call", "dynamic_filter").args(args());
    }
    match e.children().is_empty() {
        true => Expression::named("other", e.to_string()),
        false => Expression::named("other", kind(e)).args(args()),
    }
}

/// The type's name in the engine, for an expression that this module does not know: `Debug` starts with it.
fn kind(e: &Arc<dyn PhysicalExpr>) -> String {
    let text = format!("{e:?}");
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned()
}

fn case(c: &CaseExpr) -> Expression {
    let mut out = Expression::new("case").flag("base", c.expr().is_some());
    out.args.extend(c.expr().map(expr));
    for (when, then) in c.when_then_expr() {
        out.args.extend([expr(when), expr(then)]);
    }
    out.args.extend(c.else_expr().map(expr));
    out
}

pub(super) fn aggregate(a: &Arc<AggregateFunctionExpr>, filter: Option<&Arc<dyn PhysicalExpr>>) -> Expression {
    let mut out = Expression::named("aggregate", a.fun().name()).args(exprs(&a.expressions()));
    if !a.order_bys().is_empty() {
        out.args.push(Expression::new("order_by").args(sorts(a.order_bys())));
    }
    out.args.extend(filter.map(|f| Expression::new("filter").args([expr(f)])));
    out.flag("distinct", a.is_distinct()).flag("ignore_nulls", a.ignore_nulls()).flag("reversed", a.is_reversed())
}

pub(super) fn window(w: &Arc<dyn WindowExpr>) -> Expression {
    let mut out = Expression::named("window", w.name()).args(exprs(&w.expressions()));
    if !w.partition_by().is_empty() {
        out.args.push(Expression::new("partition_by").args(exprs(w.partition_by())));
    }
    if !w.order_by().is_empty() {
        out.args.push(Expression::new("order_by").args(sorts(w.order_by())));
    }
    out.args([Expression::named("frame", w.get_window_frame().to_string())])
}

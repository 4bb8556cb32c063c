//! Logical expressions in canonical form.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{
    AggregateFunction, BinaryExpr, Case, GroupingSet, InList, Like, NullTreatment, Sort, WindowFunction,
};
use datafusion::logical_expr::{Expr, Subquery};

use super::logical::relation;
use super::{Expression, logical};

pub(super) fn exprs<'a>(list: impl IntoIterator<Item = &'a Expr>) -> Vec<Expression> {
    list.into_iter().map(expr).collect()
}

pub(super) fn sorts<'a>(list: impl IntoIterator<Item = &'a Sort>) -> Vec<Expression> {
    list.into_iter().map(sort).collect()
}

fn sort(s: &Sort) -> Expression {
    Expression::new("sort").args([expr(&s.expr)]).flag("desc", !s.asc).flag("nulls_first", s.nulls_first)
}

pub(super) fn expr(e: &Expr) -> Expression {
    match e {
        Expr::Alias(a) => Expression { relation: a.relation.as_ref().map(relation), ..alias(&a.name, &a.expr) },
        Expr::Column(c) => column("column", c),
        Expr::OuterReferenceColumn(_, c) => column("outer", c),
        Expr::ScalarVariable(field, names) => Expression::named("variable", names.join(".")).typed(field.data_type()),
        Expr::Literal(value, _) => literal(value),
        Expr::BinaryExpr(b) => chain(b),
        Expr::Like(l) => like(if l.case_insensitive { "ILIKE" } else { "LIKE" }, l),
        Expr::SimilarTo(l) => like("SIMILAR TO", l),
        Expr::Not(e) => Expression::new("not").args([expr(e)]),
        Expr::Negative(e) => Expression::new("negative").args([expr(e)]),
        Expr::IsNull(e) => is("NULL", e),
        Expr::IsNotNull(e) => is("NOT NULL", e),
        Expr::IsTrue(e) => is("TRUE", e),
        Expr::IsFalse(e) => is("FALSE", e),
        Expr::IsUnknown(e) => is("UNKNOWN", e),
        Expr::IsNotTrue(e) => is("NOT TRUE", e),
        Expr::IsNotFalse(e) => is("NOT FALSE", e),
        Expr::IsNotUnknown(e) => is("NOT UNKNOWN", e),
        Expr::Between(b) => {
            Expression::new("between").args([expr(&b.expr), expr(&b.low), expr(&b.high)]).flag("negated", b.negated)
        }
        Expr::Case(c) => case(c),
        Expr::Cast(c) => Expression::new("cast").args([expr(&c.expr)]).typed(c.field.data_type()),
        Expr::TryCast(c) => Expression::new("try_cast").args([expr(&c.expr)]).typed(c.field.data_type()),
        Expr::ScalarFunction(f) => Expression::named("call", f.func.name()).args(exprs(&f.args)),
        Expr::HigherOrderFunction(f) => Expression::named("call", f.func.name()).args(exprs(&f.args)),
        Expr::AggregateFunction(f) => aggregate(f),
        Expr::WindowFunction(f) => window(f),
        Expr::InList(l) => in_list(l),
        Expr::Exists(x) => subquery("exists", &x.subquery).flag("negated", x.negated),
        Expr::InSubquery(x) => subquery("in_subquery", &x.subquery).args([expr(&x.expr)]).flag("negated", x.negated),
        Expr::SetComparison(x) => Expression {
            name: Some(format!("{} {}", x.op, x.quantifier)),
            ..subquery("compare_subquery", &x.subquery).args([expr(&x.expr)])
        },
        Expr::ScalarSubquery(s) => subquery("subquery", s),
        Expr::GroupingSet(set) => grouping(set),
        Expr::Placeholder(p) => match &p.field {
            Some(field) => Expression::named("placeholder", &p.id).typed(field.data_type()),
            None => Expression::named("placeholder", &p.id),
        },
        Expr::Unnest(u) => Expression::named("call", "unnest").args([expr(&u.expr)]).flag("outer", u.outer),
        Expr::Lambda(l) => Expression::named("lambda", l.params.join(", ")).args([expr(&l.body)]),
        Expr::LambdaVariable(v) => Expression::named("lambda_variable", &v.name),
        other => Expression::named("other", other.to_string()),
    }
}

/// `a + b + c` is one expression of three arguments: conditions are written hundreds long, and would nest as deep.
fn chain(b: &BinaryExpr) -> Expression {
    let mut args = vec![expr(&b.right)];
    let mut left = &b.left;
    while let Expr::BinaryExpr(more) = left.as_ref()
        && more.op == b.op
    {
        args.push(expr(&more.right));
        left = &more.left;
    }
    args.push(expr(left));
    args.reverse();
    Expression::named("binary", b.op.to_string()).args(args)
}

fn alias(name: &str, e: &Expr) -> Expression {
    Expression::named("alias", name).args([expr(e)])
}

fn column(e: &str, c: &datafusion::common::Column) -> Expression {
    Expression { relation: c.relation.as_ref().map(relation), ..Expression::named(e, &c.name) }
}

fn is(what: &str, e: &Expr) -> Expression {
    Expression::named("is", what).args([expr(e)])
}

fn like(name: &str, l: &Like) -> Expression {
    let mut out = Expression::named("like", name).args([expr(&l.expr), expr(&l.pattern)]).flag("negated", l.negated);
    if let Some(escape) = l.escape_char {
        out.flags.push(format!("escape {escape}"));
    }
    out
}

fn case(c: &Case) -> Expression {
    let mut out = Expression::new("case").flag("base", c.expr.is_some());
    out.args.extend(c.expr.as_deref().map(expr));
    for (when, then) in &c.when_then_expr {
        out.args.extend([expr(when), expr(then)]);
    }
    out.args.extend(c.else_expr.as_deref().map(expr));
    out
}

fn in_list(l: &InList) -> Expression {
    Expression::new("in_list").args([expr(&l.expr)]).args(exprs(&l.list)).flag("negated", l.negated)
}

fn subquery(e: &str, s: &Subquery) -> Expression {
    Expression { plan: Some(Box::new(logical(&s.subquery))), ..Expression::new(e) }
}

fn grouping(set: &GroupingSet) -> Expression {
    match set {
        GroupingSet::Rollup(list) => Expression::named("grouping", "ROLLUP").args(exprs(list)),
        GroupingSet::Cube(list) => Expression::named("grouping", "CUBE").args(exprs(list)),
        GroupingSet::GroupingSets(sets) => Expression::named("grouping", "GROUPING SETS")
            .args(sets.iter().map(|s| Expression::new("set").args(exprs(s)))),
    }
}

/// A part of a call that is not one of its arguments.
fn part(e: &str, args: Vec<Expression>) -> Option<Expression> {
    (!args.is_empty()).then(|| Expression::new(e).args(args))
}

fn nulls(treatment: Option<NullTreatment>) -> bool {
    matches!(treatment, Some(NullTreatment::IgnoreNulls))
}

fn aggregate(f: &AggregateFunction) -> Expression {
    let p = &f.params;
    Expression::named("aggregate", f.func.name())
        .args(exprs(&p.args))
        .args(part("order_by", sorts(&p.order_by)))
        .args(part("filter", exprs(p.filter.as_deref())))
        .flag("distinct", p.distinct)
        .flag("ignore_nulls", nulls(p.null_treatment))
}

fn window(f: &WindowFunction) -> Expression {
    let p = &f.params;
    Expression::named("window", f.fun.name())
        .args(exprs(&p.args))
        .args(part("partition_by", exprs(&p.partition_by)))
        .args(part("order_by", sorts(&p.order_by)))
        .args(part("filter", exprs(p.filter.as_deref())))
        .args([Expression::named("frame", p.window_frame.to_string())])
        .flag("distinct", p.distinct)
        .flag("ignore_nulls", nulls(p.null_treatment))
}

/// A literal with its type; every value of a type has a text of its own.
pub(super) fn literal(value: &ScalarValue) -> Expression {
    use ScalarValue::{Binary, BinaryView, Dictionary, FixedSizeBinary, LargeBinary};
    let text = match value {
        v if v.is_null() => None,
        // The engine's own text stops after ten bytes.
        Binary(Some(b)) | BinaryView(Some(b)) | LargeBinary(Some(b)) | FixedSizeBinary(_, Some(b)) => {
            Some(b.iter().map(|b| format!("{b:02x}")).collect())
        }
        Dictionary(_, inner) => literal(inner).value,
        v => Some(v.to_string()),
    };
    Expression { value: text, ..Expression::new("literal").typed(value.data_type()) }
}

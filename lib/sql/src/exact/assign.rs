//! Values on their way into columns of decimals: a cast around those with numbers in them says so to the planner.

use std::ops::ControlFlow;

use datafusion::arrow::datatypes::DECIMAL256_MAX_PRECISION;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType as SqlType, ExactNumberInfo, Expr, SelectItem, SetExpr, SetOperator, SetQuantifier, Value,
    visit_expressions,
};

use super::is_double;

/// A value that becomes one of a column of decimals with so many digits behind the point.
pub(crate) fn to_column(value: Expr, scale: Option<i8>) -> Expr {
    match scale {
        Some(scale) if has_digits(&value) => cast(value, MOST, i64::from(scale)),
        _ => value,
    }
}

/// The values of a query that become those of columns, in their order; some of which are of decimals.
pub(crate) fn to_columns(body: &mut SetExpr, scales: &[Option<i8>]) {
    for (at, scale) in scales.iter().enumerate() {
        let Some(scale) = scale.map(i64::from) else { continue };
        let mut places = Vec::new();
        // All or none, since they come to one type.
        if places_at(body, at, &mut places) && places.iter().any(Place::has_digits) {
            places.into_iter().for_each(|place| place.cast(MOST, scale));
        }
    }
}

/// In as many digits as there are: whether they are too many for the column is said with the column's name.
const MOST: u64 = DECIMAL256_MAX_PRECISION as u64;

/// Where a query has one of its values.
pub(super) enum Place<'a> {
    Item(&'a mut SelectItem),
    Cell(&'a mut Expr),
}

impl Place<'_> {
    /// The value; none of a star.
    pub(super) fn value(&self) -> Option<&Expr> {
        match self {
            Place::Item(SelectItem::UnnamedExpr(e) | SelectItem::ExprWithAlias { expr: e, .. }) => Some(e),
            Place::Item(_) => None,
            Place::Cell(e) => Some(e),
        }
    }

    fn has_digits(&self) -> bool {
        self.value().is_some_and(has_digits)
    }

    pub(super) fn cast(self, precision: u64, scale: i64) {
        match self {
            Place::Cell(e) => *e = cast(taken(e), precision, scale),
            Place::Item(SelectItem::ExprWithAlias { expr, .. }) => *expr = cast(taken(expr), precision, scale),
            Place::Item(item) => {
                let SelectItem::UnnamedExpr(e) = item else { return };
                let name = match &*e {
                    Expr::Identifier(name) => Some(name.clone()),
                    Expr::CompoundIdentifier(parts) => parts.last().cloned(),
                    _ => None,
                };
                let expr = cast(taken(e), precision, scale);
                // A column keeps its name, by which an ORDER BY may know it.
                *item = match name {
                    Some(alias) => SelectItem::ExprWithAlias { expr, alias },
                    None => SelectItem::UnnamedExpr(expr),
                };
            }
        }
    }
}

fn taken(e: &mut Expr) -> Expr {
    std::mem::replace(e, Expr::Value(Value::Null.into()))
}

fn cast(value: Expr, precision: u64, scale: i64) -> Expr {
    let digits = ExactNumberInfo::PrecisionAndScale(precision, scale);
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(value),
        data_type: SqlType::Decimal(digits),
        array: false,
        format: None,
    }
}

/// Whether a number that would be a double stands anywhere in a value.
fn has_digits(value: &Expr) -> bool {
    let found = visit_expressions(value, |e| match is_double(e) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Finds the values of one column of a query; false where they are not all known, or are compared with each other.
pub(super) fn places_at<'a>(body: &'a mut SetExpr, at: usize, out: &mut Vec<Place<'a>>) -> bool {
    match body {
        SetExpr::Select(select) if select.distinct.is_none() => {
            let star = |i: &SelectItem| matches!(i, SelectItem::Wildcard(..) | SelectItem::QualifiedWildcard(..));
            if select.projection.iter().any(star) {
                return false;
            }
            let item = select.projection.get_mut(at);
            item.is_some_and(|item| {
                out.push(Place::Item(item));
                true
            })
        }
        SetExpr::Values(values) => values.rows.iter_mut().all(|row| {
            row.content.get_mut(at).is_some_and(|e| {
                out.push(Place::Cell(e));
                true
            })
        }),
        SetExpr::Query(query) => places_at(&mut query.body, at, out),
        SetExpr::SetOperation { op: SetOperator::Union, set_quantifier: SetQuantifier::All, left, right } => {
            places_at(left, at, out) && places_at(right, at, out)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::ast::Statement as Sql;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn cast_in(query: &str, scales: &[Option<i8>]) -> String {
        let mut parsed = Parser::parse_sql(&GenericDialect {}, query).unwrap();
        let Some(Sql::Query(mut query)) = parsed.pop() else { panic!("not a query") };
        to_columns(&mut query.body, scales);
        query.to_string()
    }

    #[test]
    fn values_with_numbers_in_them_are_cast_where_all_are_known() {
        let scales = [None, Some(2)];
        for (query, cast) in [
            ("SELECT 1.5, 1.5", "SELECT 1.5, CAST(1.5 AS DECIMAL(76,2))"),
            ("SELECT a, b FROM t", "SELECT a, b FROM t"),
            (
                "VALUES (1, now()), (2, f(-2.5))",
                "VALUES (1, CAST(now() AS DECIMAL(76,2))), (2, CAST(f(-2.5) AS DECIMAL(76,2)))",
            ),
            (
                "SELECT a, 1e3 FROM t UNION ALL SELECT a, b FROM t",
                "SELECT a, CAST(1e3 AS DECIMAL(76,2)) FROM t UNION ALL SELECT a, CAST(b AS DECIMAL(76,2)) AS b FROM t",
            ),
            ("SELECT *, 1.5 FROM t", "SELECT *, 1.5 FROM t"),
            ("SELECT DISTINCT a, 1.5 FROM t", "SELECT DISTINCT a, 1.5 FROM t"),
            ("SELECT a, 1.5 UNION SELECT 1, 2.5", "SELECT a, 1.5 UNION SELECT 1, 2.5"),
            ("SELECT 1.5", "SELECT 1.5"),
        ] {
            assert_eq!(cast_in(query, &scales), cast);
        }
    }
}

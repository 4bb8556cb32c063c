//! Numbers that are columns of a query inside another: where they come to meet a decimal, nobody sees any more how they
//! were written. A column of plain numbers, of which a double does not hold one, is one of decimals.

use datafusion::arrow::datatypes::DECIMAL128_MAX_PRECISION;
use datafusion::sql::sqlparser::ast::{Expr, SetExpr, Value};
use qx_store::rows::Number;

use super::assign::{Place, places_at};
use super::number::outgrows_a_double;
use super::signed;

/// Casts such columns of a query.
pub(super) fn columns(body: &mut SetExpr) {
    for at in 0..width(body) {
        let mut places = Vec::new();
        if !places_at(body, at, &mut places) {
            continue;
        }
        if let Some((precision, scale)) = digits_of(&places) {
            places.into_iter().for_each(|place| place.cast(precision, scale));
        }
    }
}

fn width(body: &SetExpr) -> usize {
    match body {
        SetExpr::Select(select) => select.projection.len(),
        SetExpr::Values(values) => values.rows.first().map_or(0, |row| row.len()),
        SetExpr::Query(query) => width(&query.body),
        SetExpr::SetOperation { left, .. } => width(left),
        _ => 0,
    }
}

/// Precision and scale of a decimal that holds all of the values; `None` where doubles do, or where some value is no
/// number.
fn digits_of(places: &[Place<'_>]) -> Option<(u64, i64)> {
    let texts = places.iter().map(|place| match place.value()? {
        Expr::Value(value) if value.value == Value::Null => Some(None),
        e => signed(e).map(Some),
    });
    let texts: Vec<String> = texts.collect::<Option<Vec<_>>>()?.into_iter().flatten().collect();
    if !texts.iter().any(|text| outgrows_a_double(text)) {
        return None;
    }
    let (mut whole, mut scale) = (1, 0);
    for text in &texts {
        let number = Number::parse(text)?;
        (whole, scale) = (number.whole().max(whole), number.scale().max(scale));
    }
    let precision = u8::try_from(whole + scale).ok().filter(|p| *p <= DECIMAL128_MAX_PRECISION)?;
    Some((u64::from(precision), i64::try_from(scale).ok()?))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::ast::Statement as Sql;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    fn cast_in(query: &str) -> String {
        let mut parsed = Parser::parse_sql(&GenericDialect {}, query).unwrap();
        let Some(Sql::Query(mut query)) = parsed.pop() else { panic!("not a query") };
        columns(&mut query.body);
        query.to_string()
    }

    #[test]
    fn columns_of_numbers_are_cast_where_a_double_does_not_do() {
        for (query, cast) in [
            (
                "VALUES (1, 0.1234567890123456789, NULL), (2, -12, 1.5)",
                "VALUES (1, CAST(0.1234567890123456789 AS DECIMAL(21,19)), NULL), (2, CAST(-12 AS DECIMAL(21,19)), 1.5)",
            ),
            ("SELECT 12345678901234567.5 AS n", "SELECT CAST(12345678901234567.5 AS DECIMAL(18,1)) AS n"),
            ("SELECT 1.5, a FROM t", "SELECT 1.5, a FROM t"),
            ("SELECT *, 0.1234567890123456789 FROM t", "SELECT *, 0.1234567890123456789 FROM t"),
            ("VALUES (0.1234567890123456789), (f(1))", "VALUES (0.1234567890123456789), (f(1))"),
            ("SELECT f(0.1234567890123456789)", "SELECT f(0.1234567890123456789)"),
        ] {
            assert_eq!(cast_in(query), cast);
        }
    }
}

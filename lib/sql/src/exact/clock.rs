//! Texts and lengths of time where they meet what columns hold. Of a text beside a time the engine makes nanoseconds, of
//! which years before 1678 and after 2261 have too many; a length of time it compares by days first, whatever the hours
//! come to.

use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{BinaryExpr, Cast};
use datafusion::logical_expr::planner::RawBinaryExpr;
use datafusion::logical_expr::{Expr, Operator, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::type_of;

/// Nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;
/// Days of a month, where months are compared with days.
const MONTH_DAYS: i128 = 30;

/// What is compared with times or lengths of time, in their unit; `None` where nothing changes.
pub(super) fn together(all: &[&Expr], schema: &DFSchema) -> Option<Vec<Expr>> {
    if !all.iter().any(|e| matches!(e, Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::IntervalMonthDayNano(_), _))) {
        return None;
    }
    let mut types = all.iter().filter_map(|e| type_of(e, schema));
    let target = types.find(|t| matches!(t, DataType::Timestamp(TimeUnit::Microsecond, _) | DataType::Duration(_)))?;
    let new: Vec<Expr> = all.iter().map(|e| beside(e, &target).unwrap_or_else(|| (*e).clone())).collect();
    new.iter().zip(all).any(|(new, old)| new != *old).then_some(new)
}

fn beside(e: &Expr, t: &DataType) -> Option<Expr> {
    match (e, t) {
        (Expr::Literal(ScalarValue::Utf8(Some(text)), _), DataType::Timestamp(..)) if !is_finer(text) => {
            Some(Expr::Cast(Cast::new(Box::new(e.clone()), t.clone())))
        }
        (Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(length)), _), DataType::Duration(unit)) => {
            duration(*length, *unit).map(lit)
        }
        _ => None,
    }
}

/// Whether the text of a time has more digits than a column keeps.
fn is_finer(text: &str) -> bool {
    let digits = text.split_once('.').map_or("", |(_, digits)| digits);
    digits.bytes().take_while(u8::is_ascii_digit).count() > 6
}

fn duration(length: IntervalMonthDayNano, unit: TimeUnit) -> Option<ScalarValue> {
    let days = i128::from(length.months) * MONTH_DAYS + i128::from(length.days);
    let nanoseconds = days * i128::from(DAY) + i128::from(length.nanoseconds);
    let ticks = |n: i128| i64::try_from(nanoseconds / n).ok().filter(|_| nanoseconds % n == 0).map(Some);
    Some(match unit {
        TimeUnit::Second => ScalarValue::DurationSecond(ticks(1_000_000_000)?),
        TimeUnit::Millisecond => ScalarValue::DurationMillisecond(ticks(1_000_000)?),
        TimeUnit::Microsecond => ScalarValue::DurationMicrosecond(ticks(1_000)?),
        TimeUnit::Nanosecond => ScalarValue::DurationNanosecond(ticks(1)?),
    })
}

/// A date with hours added or taken away, which is a time: the engine leaves a date, and drops the hours.
pub(super) fn timed(raw: &RawBinaryExpr, schema: &DFSchema) -> Option<Expr> {
    let op = match raw.op {
        BinaryOperator::Plus => Operator::Plus,
        BinaryOperator::Minus => Operator::Minus,
        _ => return None,
    };
    let is_date = |e: &Expr| type_of(e, schema) == Some(DataType::Date32);
    let time = |e: &Expr| Expr::Cast(Cast::new(Box::new(e.clone()), DataType::Timestamp(TimeUnit::Microsecond, None)));
    let (left, right) = if has_hours(&raw.right) && is_date(&raw.left) {
        (time(&raw.left), raw.right.clone())
    } else if op == Operator::Plus && has_hours(&raw.left) && is_date(&raw.right) {
        (raw.left.clone(), time(&raw.right))
    } else {
        return None;
    };
    Some(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
}

fn has_hours(e: &Expr) -> bool {
    matches!(e, Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(length)), _) if length.nanoseconds % DAY != 0)
}

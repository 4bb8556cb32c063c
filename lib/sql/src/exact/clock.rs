//! Texts and lengths of time where they meet what columns hold. Of a text beside a time the engine makes nanoseconds, of
//! which years before 1678 and after 2261 have too many; a length of time it compares by days first, whatever the hours
//! come to.

use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::logical_expr::expr::{BinaryExpr, Cast};
use datafusion::logical_expr::planner::RawBinaryExpr;
use datafusion::logical_expr::{Expr, Operator, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::meet::Meeting;
use super::type_of;

/// Nanoseconds of a day.
const DAY: i64 = 86_400_000_000_000;
/// Days of a month, where months are compared with days.
const MONTH_DAYS: i128 = 30;

/// What meets times or lengths of time, in their unit; `None` where nothing changes. `types` are those of the expressions,
/// as far as they are known.
pub(super) fn together(all: &[&Expr], types: &[DataType], meeting: Meeting, schema: &DFSchema) -> Option<Vec<Expr>> {
    let is_target = |t: &&DataType| matches!(t, DataType::Timestamp(TimeUnit::Microsecond, _) | DataType::Duration(_));
    let target = types.iter().find(is_target)?;
    let one = |e: &Expr| beside(e, target, meeting, schema).unwrap_or_else(|| e.clone());
    let new: Vec<Expr> = all.iter().copied().map(one).collect();
    new.iter().zip(all).any(|(new, old)| new != *old).then_some(new)
}

fn beside(e: &Expr, t: &DataType, meeting: Meeting, schema: &DFSchema) -> Option<Expr> {
    let to = |t: DataType| Some(Expr::Cast(Cast::new(Box::new(e.clone()), t)));
    match (e, t) {
        (Expr::Literal(ScalarValue::Utf8(Some(text)), _), DataType::Timestamp(..)) => {
            if meeting == Meeting::Compared && !is_finer(text) { to(t.clone()) } else { None }
        }
        (Expr::Literal(ScalarValue::IntervalMonthDayNano(Some(length)), _), DataType::Duration(unit)) => {
            duration(*length, *unit).map(lit)
        }
        (e, DataType::Timestamp(..)) => match type_of(e, schema)? {
            DataType::Date32 => to(t.clone()),
            // Of `now()` and the like. A text that has nanoseconds stays what it is.
            DataType::Timestamp(TimeUnit::Nanosecond, zone) if !is_text(e) => {
                to(DataType::Timestamp(TimeUnit::Microsecond, zone))
            }
            _ => None,
        },
        _ => None,
    }
}

fn is_text(e: &Expr) -> bool {
    matches!(e, Expr::Cast(Cast { expr, .. }) if matches!(expr.as_ref(), Expr::Literal(ScalarValue::Utf8(_), _)))
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

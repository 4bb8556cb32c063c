//! Sums, differences, products and remainders of decimals and numbers.

use datafusion::arrow::datatypes::{DECIMAL256_MAX_PRECISION, DataType, i256};
use datafusion::common::{DFSchema, ScalarValue, plan_err};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::expr::{BinaryExpr, Cast};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, Operator, lit};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::{clock, doubles, exact, has_number, is_decimal, number, type_of, was_number};

/// Decides of arithmetic between decimals and numbers: sums, differences, products and remainders are decimals. A
/// quotient has no end of digits; it is the double that it would be without us.
#[derive(Debug)]
pub(crate) struct Arithmetic;

impl ExprPlanner for Arithmetic {
    fn plan_binary_op(&self, mut raw: RawBinaryExpr, schema: &DFSchema) -> EngineResult<PlannerResult<RawBinaryExpr>> {
        if let Some(time) = clock::timed(&raw, schema) {
            return Ok(PlannerResult::Planned(time));
        }
        let op = match raw.op {
            BinaryOperator::Plus => Operator::Plus,
            BinaryOperator::Minus => Operator::Minus,
            BinaryOperator::Multiply => Operator::Multiply,
            BinaryOperator::Modulo => Operator::Modulo,
            BinaryOperator::Divide => {
                if was_number(&raw.left) || was_number(&raw.right) {
                    (raw.left, raw.right) = (doubles(&raw.left)?, doubles(&raw.right)?);
                }
                return Ok(PlannerResult::Original(raw));
            }
            _ => return Ok(PlannerResult::Original(raw)),
        };
        let sides = match (has_number(&raw.left), has_number(&raw.right)) {
            (true, false) if is_decimal(&raw.right, schema) => {
                exact(&raw.left, schema).map(|left| (left, raw.right.clone()))
            }
            (false, true) if is_decimal(&raw.left, schema) => {
                exact(&raw.right, schema).map(|right| (raw.left.clone(), right))
            }
            _ => return Ok(PlannerResult::Original(raw)),
        };
        match sides {
            Some((left, right)) => planned(left, op, right, schema).map(PlannerResult::Planned),
            None if is_cut(&raw.left) || is_cut(&raw.right) => too_long(&raw.left, op, &raw.right),
            // The number is larger than any decimal, or doubles are among what it is added to.
            None => Ok(PlannerResult::Original(raw)),
        }
    }
}

fn is_cut(e: &Expr) -> bool {
    number(e).is_some_and(|number| number.is_cut())
}

fn too_long<T>(left: &Expr, op: Operator, right: &Expr) -> EngineResult<T> {
    plan_err!(
        "{left} {op} {right} may have more digits than the {DECIMAL256_MAX_PRECISION} of a decimal: \
         a CAST says how many, or that it is to be a DOUBLE"
    )
}

/// Arithmetic of two decimals, in decimals of as many digits as it takes.
fn planned(left: Expr, op: Operator, right: Expr, schema: &DFSchema) -> EngineResult<Expr> {
    let new = |left, right| Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)));
    let (Some(l), Some(r)) = (type_of(&left, schema), type_of(&right, schema)) else { return Ok(new(left, right)) };
    if matches!((&l, &r), (DataType::Decimal128(..), DataType::Decimal128(..))) {
        let e = new(left.clone(), right.clone());
        if is_decimal(&e, schema) {
            return Ok(e);
        }
    }
    let (Some((lp, ls)), Some((rp, rs))) = (digits(&l), digits(&r)) else { return Ok(new(left, right)) };
    let (whole, scale) = match op {
        Operator::Multiply => {
            (i16::from(lp) - i16::from(ls) + i16::from(rp) - i16::from(rs), i16::from(ls) + i16::from(rs))
        }
        _ => ((i16::from(lp) - i16::from(ls)).max(i16::from(rp) - i16::from(rs)) + 1, i16::from(ls.max(rs))),
    };
    // Beyond, the leading digits would go without a word.
    if whole + scale > i16::from(DECIMAL256_MAX_PRECISION) {
        return too_long(&left, op, &right);
    }
    Ok(new(wide(left, &l, lp, ls), wide(right, &r, rp, rs)))
}

fn digits(t: &DataType) -> Option<(u8, i8)> {
    match t {
        DataType::Decimal128(p, s) | DataType::Decimal256(p, s) => Some((*p, *s)),
        _ => None,
    }
}

/// The same decimal in the wider type, which has room for what comes of it.
fn wide(e: Expr, t: &DataType, precision: u8, scale: i8) -> Expr {
    match e {
        e if matches!(t, DataType::Decimal256(..)) => e,
        Expr::Literal(ScalarValue::Decimal128(value, ..), _) => {
            lit(ScalarValue::Decimal256(value.map(i256::from_i128), precision, scale))
        }
        e => Expr::Cast(Cast::new(Box::new(e), DataType::Decimal256(precision, scale))),
    }
}

//! Which numbers fit which types. A number in quotes, or one that has to be rounded, only fits where its type was given.

use crate::column::Row;
use crate::json::{self, Kind};
use crate::number::{self, Int};
use crate::types::Type;

/// The text of a number; under a hint also of a number in quotes.
fn digits<'a>(row: &'a Row<'_>, index: usize, hinted: bool) -> Option<&'a [u8]> {
    let node = row.tape.node(index);
    match node.kind {
        Kind::Int | Kind::Float => Some(row.raw_of(index)),
        Kind::String if hinted && !node.escaped => Some(json::content(row.raw, node)).filter(|t| json::is_number(t)),
        _ => None,
    }
}

pub(crate) fn int64(row: &Row<'_>, index: usize, hinted: bool) -> Option<i64> {
    let text = digits(row, index, hinted)?;
    if row.tape.node(index).kind == Kind::Int {
        return match number::int(text) {
            Int::I64(v) => Some(v),
            _ => None,
        };
    }
    // `1.0` and `"1"` are this integer, for those who ask for one.
    if hinted { number::decimal128(text, 38, 0)?.try_into().ok() } else { None }
}

pub(crate) fn uint64(row: &Row<'_>, index: usize, hinted: bool) -> Option<u64> {
    let text = digits(row, index, hinted)?;
    if row.tape.node(index).kind == Kind::Int {
        return match number::int(text) {
            Int::I64(v) => v.try_into().ok(),
            Int::U64(v) => Some(v),
            _ => None,
        };
    }
    if hinted { number::decimal128(text, 38, 0)?.try_into().ok() } else { None }
}

/// What JSON has no number for, as writers put it.
fn no_number(row: &Row<'_>, index: usize) -> Option<f64> {
    let node = row.tape.node(index);
    if node.kind != Kind::String || node.escaped {
        return None;
    }
    match json::content(row.raw, node) {
        b"NaN" => Some(f64::NAN),
        b"inf" | b"Infinity" => Some(f64::INFINITY),
        b"-inf" | b"-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

pub(crate) fn float64(row: &Row<'_>, index: usize, hinted: bool) -> Option<f64> {
    if let Some(value) = no_number(row, index).filter(|_| hinted) {
        return Some(value);
    }
    let text = digits(row, index, hinted)?;
    let exact = match row.tape.node(index).kind {
        Kind::Int => number::int_as_f64(text),
        _ => number::float(text),
    };
    // Whoever asks for float64 takes the nearest one; it is counted.
    let nearest = || std::str::from_utf8(text).ok()?.parse::<f64>().ok().filter(|v| v.is_finite());
    if hinted { exact.or_else(nearest) } else { exact }
}

pub(crate) fn decimal<T>(
    row: &Row<'_>,
    index: usize,
    kind: &Type,
    hinted: bool,
    parse: fn(&[u8], u8, i8) -> Option<T>,
) -> Option<T> {
    let Type::Decimal { precision, scale } = kind else { return None };
    if row.tape.node(index).kind != Kind::Int && !hinted {
        return None;
    }
    parse(digits(row, index, hinted)?, *precision, *scale)
}

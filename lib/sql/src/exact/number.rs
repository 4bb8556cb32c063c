//! A number as it is written: its digits, and where the point stands among them.

use std::fmt;

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, i256};
use datafusion::common::ScalarValue;

/// `digits` over ten to the power of `scale`. No zeros lead, and none end a fraction; zero has no digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Number {
    negative: bool,
    digits: String,
    scale: usize,
}

impl Number {
    /// Reads what SQL takes for a number: `12`, `-1.5`, `.5`, `1e-3`, `1_000.5`. `None` for anything else, and for more
    /// digits than the widest decimal has.
    pub(crate) fn parse(text: &str) -> Option<Number> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (rest, 0),
        };
        let mantissa = mantissa.replace('_', "");
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((&mantissa, ""));
        if whole.len() + fraction.len() == 0 || !whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut digits = format!("{whole}{fraction}").trim_start_matches('0').to_owned();
        let mut scale = i64::try_from(fraction.len()).ok()? - i64::from(exponent);
        while scale > 0 && digits.ends_with('0') {
            digits.pop();
            scale -= 1;
        }
        if digits.is_empty() {
            return Some(Number { negative: false, digits, scale: 0 });
        }
        let most = usize::from(DECIMAL256_MAX_PRECISION);
        let zeros = usize::try_from(-scale).unwrap_or(0);
        if zeros > most {
            return None;
        }
        digits.extend(std::iter::repeat_n('0', zeros));
        let scale = usize::try_from(scale).unwrap_or(0);
        (digits.len().max(scale) <= most).then_some(Number { negative, digits, scale })
    }

    /// The number that a double stands for: the shortest that reads as it.
    pub(crate) fn of(value: f64) -> Option<Number> {
        value.is_finite().then(|| Number::parse(&value.to_string()))?
    }

    /// Digits behind the point.
    pub(super) fn scale(&self) -> usize {
        self.scale
    }

    /// Digits before the point.
    pub(super) fn whole(&self) -> usize {
        self.digits.len().saturating_sub(self.scale)
    }

    /// As a decimal of exactly its digits; `None` where there are too many.
    pub(crate) fn decimal(&self) -> Option<ScalarValue> {
        self.value(self.whole() + self.scale, self.scale)
    }

    /// As a decimal in the type `t`, or in the nearest that holds both the values of `t` and this one.
    pub(crate) fn decimal_beside(&self, t: &DataType) -> Option<ScalarValue> {
        let (DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s)) = t
        else {
            return None;
        };
        let (p, s) = (usize::from(*p), usize::try_from(*s).ok()?);
        let scale = self.scale.max(s);
        self.value(self.whole().max(p.saturating_sub(s)) + scale, scale)
    }

    fn value(&self, precision: usize, scale: usize) -> Option<ScalarValue> {
        let sign = if self.negative { "-" } else { "" };
        let zeros = scale.checked_sub(self.scale)?;
        let text = format!("{sign}0{}{}", self.digits, "0".repeat(zeros));
        let precision = u8::try_from(precision.max(1)).ok()?;
        let scale = i8::try_from(scale).ok()?;
        if precision <= DECIMAL128_MAX_PRECISION {
            return Some(ScalarValue::Decimal128(Some(text.parse().ok()?), precision, scale));
        }
        let value = i256::from_string(&text)?;
        (precision <= DECIMAL256_MAX_PRECISION).then_some(ScalarValue::Decimal256(Some(value), precision, scale))
    }
}

/// Without an exponent.
impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.negative { "-" } else { "" };
        let digits = format!("{:0>width$}", self.digits, width = self.scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - self.scale);
        let point = if fraction.is_empty() { "" } else { "." };
        write!(f, "{sign}{whole}{point}{fraction}")
    }
}

/// Whether the engine reads a number as a double.
pub(crate) fn is_double(text: &str) -> bool {
    // What is shorter fits in 64 bits.
    text.contains(['.', 'e', 'E']) || (text.len() > 18 && !is_integer(text))
}

fn is_integer(text: &str) -> bool {
    let plain = text.replace('_', "");
    plain.parse::<i64>().is_ok() || plain.parse::<u64>().is_ok()
}

/// Whether a number that is read as a double has digits which the double does not keep.
pub(crate) fn outgrows_a_double(text: &str) -> bool {
    // Any fifteen digits come back from a double.
    if !is_double(text) || text.bytes().filter(u8::is_ascii_digit).count() <= 15 {
        return false;
    }
    let Some(number) = Number::parse(text) else { return false };
    let double = text.replace('_', "").parse().ok().and_then(Number::of);
    double != Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        Number::parse(text).map_or("none".to_owned(), |n| n.to_string())
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        let longest = format!("1{}", "0".repeat(75));
        for (text, says) in [
            ("0", "0"),
            ("-0.00", "0"),
            ("00120", "120"),
            ("1.50", "1.5"),
            ("-.5", "-0.5"),
            ("5.", "5"),
            ("+1_000.25", "1000.25"),
            ("1e3", "1000"),
            ("1.25E+1", "12.5"),
            ("-12.5e-4", "-0.00125"),
            ("0e999", "0"),
            ("1e75", longest.as_str()),
            ("1e76", "none"),
            ("1e-77", "none"),
            ("", "none"),
            (".", "none"),
            ("-", "none"),
            ("1e", "none"),
            ("1.2.3", "none"),
            ("0x1", "none"),
            ("NaN", "none"),
            ("inf", "none"),
        ] {
            assert_eq!(shown(text), says, "{text}");
        }
        assert_eq!(Number::of(0.1), Number::parse("0.1"));
        assert_eq!(Number::of(-1e-7), Number::parse("-0.0000001"));
        assert_eq!(Number::of(f64::NAN), None);
    }

    #[test]
    fn decimals_have_the_digits_of_the_number() {
        let decimal = |text: &str| Number::parse(text).unwrap().decimal().unwrap();
        assert_eq!(decimal("-1.50"), ScalarValue::Decimal128(Some(-15), 2, 1));
        assert_eq!(decimal("0.001"), ScalarValue::Decimal128(Some(1), 3, 3));
        assert_eq!(decimal("0"), ScalarValue::Decimal128(Some(0), 1, 0));
        let long = "9".repeat(39);
        assert_eq!(decimal(&long), ScalarValue::Decimal256(i256::from_string(&long), 39, 0));
        let beside = |text: &str, t| Number::parse(text).unwrap().decimal_beside(&t);
        let t = DataType::Decimal128(10, 2);
        assert_eq!(beside("1.5", t.clone()), Some(ScalarValue::Decimal128(Some(150), 10, 2)));
        assert_eq!(beside("1.505", t.clone()), Some(ScalarValue::Decimal128(Some(1505), 11, 3)));
        assert_eq!(beside("123456789", t.clone()), Some(ScalarValue::Decimal128(Some(12_345_678_900), 11, 2)));
        assert_eq!(beside("1", DataType::Float64), None);
        let wide = DataType::Decimal128(38, 18);
        let finer = beside("0.0000000000000000001", wide.clone());
        assert_eq!(finer, Some(ScalarValue::Decimal256(Some(i256::ONE), 39, 19)));
        assert_eq!(beside("1e-60", wide), None);
    }

    #[test]
    fn digits_that_a_double_drops_are_seen() {
        for kept in ["1.5", "0.1", "123456789012345", "12345678901.2345", "9007199254740993", "18446744073709551615"] {
            assert!(!outgrows_a_double(kept), "{kept}");
        }
        for kept in ["0.30000000000000004", "100000000000000000000.0", "1e300", "-9223372036854775808"] {
            assert!(!outgrows_a_double(kept), "{kept}");
        }
        for lost in [
            "12345678901234567.5",
            "0.1234567890123456789",
            "1.000000000000000001",
            "-9223372036854775809",
            "123456789012345678901234567890",
            "1.2345678901234567890e2",
        ] {
            assert!(outgrows_a_double(lost), "{lost}");
        }
    }
}

//! A number as it is written: its digits, and where the point stands among them.

use std::fmt;

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, i256};
use datafusion::common::ScalarValue;

/// `digits` over ten to the power of `scale`. No zeros lead, and none end a fraction; zero has no digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    negative: bool,
    digits: String,
    scale: usize,
    /// Digits behind the point were dropped.
    cut: bool,
}

/// Digits of the widest decimal.
const MOST: usize = DECIMAL256_MAX_PRECISION as usize;

impl Number {
    /// Reads what SQL takes for a number: `12`, `-1.5`, `.5`, `1e-3`, `1_000.5`. `None` for anything else, and for more
    /// digits before the point than the widest decimal has.
    pub fn parse(text: &str) -> Option<Number> {
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
            return Some(Number { negative: false, digits, scale: 0, cut: false });
        }
        let zeros = usize::try_from(-scale).unwrap_or(0);
        if zeros > MOST {
            return None;
        }
        digits.extend(std::iter::repeat_n('0', zeros));
        let scale = usize::try_from(scale).unwrap_or(0);
        let number = Number { negative, digits, scale, cut: false };
        let room = MOST.checked_sub(number.whole())?;
        Some(number.within(room))
    }

    /// The number that a double stands for: the shortest that reads as it.
    pub fn of(value: f64) -> Option<Number> {
        value.is_finite().then(|| Number::parse(&value.to_string()))?
    }

    /// With at most `scale` digits behind the point. What is dropped leaves its trace in the last digit, so that the number
    /// still compares as it was with one of fewer digits, and is rounded to fewer as it was.
    fn within(mut self, scale: usize) -> Number {
        let Some(cut) = self.scale.checked_sub(scale).filter(|cut| *cut > 0) else { return self };
        self.digits.truncate(self.digits.len().saturating_sub(cut));
        // No fraction ends in zeros: something was dropped that is not nothing.
        let last = match self.digits.pop() {
            None | Some('0') => '1',
            Some('5') => '6',
            Some(digit) => digit,
        };
        self.digits.push(last);
        Number { scale, cut: true, ..self }
    }

    /// Whether it had more digits than the widest decimal.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Digits behind the point.
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// Digits before the point.
    pub fn whole(&self) -> usize {
        self.digits.len().saturating_sub(self.scale)
    }

    /// As a decimal of exactly its digits.
    pub fn decimal(&self) -> Option<ScalarValue> {
        self.value(self.whole() + self.scale, self.scale)
    }

    /// As a decimal in the type `t`, or in the nearest that holds both the values of `t` and this one. `None` where none
    /// does: the number is further from zero then than all values of `t`.
    pub fn decimal_beside(&self, t: &DataType) -> Option<ScalarValue> {
        let (DataType::Decimal32(p, s)
        | DataType::Decimal64(p, s)
        | DataType::Decimal128(p, s)
        | DataType::Decimal256(p, s)) = t
        else {
            return None;
        };
        let (p, s) = (usize::from(*p), usize::try_from(*s).ok()?);
        let whole = self.whole().max(p.saturating_sub(s));
        let room = MOST.checked_sub(whole).filter(|room| *room > s || (*room == s && self.scale <= s))?;
        let near = self.clone().within(room);
        let scale = near.scale.max(s);
        near.value(whole + scale, scale)
    }

    /// The integer that stands for it in a decimal of so many digits, `scale` of them behind the point, to which it is
    /// rounded, halves away from zero. `None` where it is out of bounds.
    pub fn rounded(&self, precision: u8, scale: usize) -> Option<i256> {
        let cut = self.scale.saturating_sub(scale);
        let (kept, lost) = self.digits.split_at(self.digits.len().saturating_sub(cut));
        let up = cut <= self.digits.len() && lost.starts_with(['5', '6', '7', '8', '9']);
        let zeros = scale.saturating_sub(self.scale);
        let value = i256::from_string(&format!("0{kept}{}", "0".repeat(zeros)))?;
        let value = value.checked_add(i256::from_i128(i128::from(up)))?;
        let bound = i256::from_i128(10).checked_pow(u32::from(precision))?;
        (value < bound).then_some(if self.negative { value.wrapping_neg() } else { value })
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
        assert_eq!(beside("1e-60", wide.clone()), Some(ScalarValue::Decimal256(Some(i256::ONE), 76, 56)), "above zero");
        assert_eq!(beside("1e75", wide), None);
        let hundred = i256::from_string(&format!("1{}", "0".repeat(39)));
        assert_eq!(beside("100", DataType::Decimal128(38, 37)), Some(ScalarValue::Decimal256(hundred, 40, 37)));
    }

    #[test]
    fn digits_beyond_the_widest_decimal_leave_a_trace() {
        let zeros = "0".repeat(75);
        assert_eq!(shown("1e-77"), format!("0.{zeros}1"));
        assert_eq!(shown(&format!("2.5{zeros}9")), format!("2.5{}1", "0".repeat(73)));
        let cut = Number::parse(&format!("-0.00{}51", "0".repeat(73))).unwrap();
        assert_eq!(cut.to_string(), format!("-0.{zeros}6"));
        assert!(cut.is_cut());
    }

    #[test]
    fn numbers_are_rounded_into_decimals() {
        let long = "9".repeat(38);
        for (text, precision, scale, value) in [
            ("1.005", 5, 2, Some(101)),
            ("-1.005", 5, 2, Some(-101)),
            ("1.0049999", 5, 2, Some(100)),
            ("0.05", 3, 1, Some(1)),
            ("0.04", 3, 1, Some(0)),
            ("0.005", 3, 1, Some(0)),
            ("0.009", 3, 1, Some(0)),
            ("12", 5, 2, Some(1200)),
            ("0", 1, 1, Some(0)),
            ("999.994", 5, 2, Some(99999)),
            ("999.995", 5, 2, None),
            ("1e38", 38, 0, None),
            ("1e60", 38, 0, None),
            (long.as_str(), 38, 0, Some(99_999_999_999_999_999_999_999_999_999_999_999_999)),
            (long.as_str(), 38, 1, None),
        ] {
            let found = Number::parse(text).unwrap().rounded(precision, scale);
            assert_eq!(found, value.map(i256::from_i128), "{text} in ({precision}, {scale})");
        }
        let above = Number::parse(&format!("{long}.5")).unwrap();
        assert_eq!(above.rounded(38, 0), None);
        assert_eq!(above.rounded(76, 0), i256::from_string(&format!("1{}", "0".repeat(38))));
    }
}

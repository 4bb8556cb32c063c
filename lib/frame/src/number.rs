//! Numbers keep their text until a type is known to hold them exactly.

use std::cmp::Ordering;

use arrow::datatypes::i256;

/// The smallest integer type that holds a JSON integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Int {
    I64(i64),
    U64(u64),
    /// Wider: how many digits.
    Wide(usize),
    /// `-0`, which no integer type can hold.
    MinusZero,
}

fn text(raw: &[u8]) -> &str {
    std::str::from_utf8(raw).unwrap_or_default()
}

pub(crate) fn int(raw: &[u8]) -> Int {
    let (negative, digits) = match raw.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, raw),
    };
    if digits.len() <= 18 {
        let value = digits.iter().fold(0i64, |v, b| v * 10 + i64::from(b.wrapping_sub(b'0')));
        return match (negative, value) {
            (true, 0) => Int::MinusZero,
            (true, v) => Int::I64(-v),
            (false, v) => Int::I64(v),
        };
    }
    if let Ok(v) = text(raw).parse() {
        return Int::I64(v);
    }
    match text(raw).parse() {
        Ok(v) => Int::U64(v),
        Err(_) => Int::Wide(digits.len()),
    }
}

/// Eight digits at once, after Lemire, "Quickly parsing eight digits" (2022).
#[inline]
fn eight(chunk: [u8; 8]) -> Option<u64> {
    const HIGH: u64 = 0xF0F0_F0F0_F0F0_F0F0;
    let x = u64::from_le_bytes(chunk);
    if (x & HIGH) | ((x.wrapping_add(0x0606_0606_0606_0606) & HIGH) >> 4) != 0x3333_3333_3333_3333 {
        return None;
    }
    let x = (x & 0x0F0F_0F0F_0F0F_0F0F).wrapping_mul(2561) >> 8;
    let x = (x & 0x00FF_00FF_00FF_00FF).wrapping_mul(6_553_601) >> 16;
    Some((x & 0x0000_FFFF_0000_FFFF).wrapping_mul(42_949_672_960_001) >> 32)
}

/// A run of at most 19 digits, and nothing else.
#[inline]
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    let (chunks, rest) = text.as_chunks::<8>();
    let mut value = 0u64;
    for chunk in chunks {
        value = value * 100_000_000 + eight(*chunk)?;
    }
    for b in rest {
        let digit = b.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + u64::from(digit);
    }
    Some(value)
}

/// A JSON integer that fits, minus zero aside.
#[inline]
pub(crate) fn short_int(word: &[u8]) -> Option<i64> {
    let (negative, text) = match word.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, word),
    };
    if text.len() > 1 && text.first() == Some(&b'0') {
        return None;
    }
    let value = digits(text)?;
    match negative {
        true if value == 0 => None,
        true => 0i64.checked_sub_unsigned(value),
        false => i64::try_from(value).ok(),
    }
}

/// A JSON integer that is not negative and fits.
#[inline]
pub(crate) fn short_uint(word: &[u8]) -> Option<u64> {
    if word.len() > 1 && word.first() == Some(&b'0') {
        return None;
    }
    if word.len() < 20 {
        return digits(word);
    }
    word.iter().all(u8::is_ascii_digit).then(|| text(word).parse().ok())?
}

/// Powers of ten that are float64s.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// A JSON number whose float64 loses nothing, and whether it was an integer. Few digits and a small exponent are one
/// exact operation (Clinger, 1990).
#[inline]
pub(crate) fn short_float(word: &[u8]) -> Option<(f64, bool)> {
    let (negative, rest) = match word.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, word),
    };
    let (whole, after) = rest.split_at(run_of_digits(rest));
    if whole.is_empty() || (whole.len() > 1 && whole.first() == Some(&b'0')) {
        return None;
    }
    if after.is_empty() {
        let value = short_int(word).filter(|v| v.unsigned_abs() <= 1 << 53)?;
        return Some((value as f64, true));
    }
    let (fraction, after) = match after.split_first() {
        Some((b'.', rest)) => rest.split_at(run_of_digits(rest)),
        _ => (&b""[..], after),
    };
    if whole.len() + fraction.len() > 15 || !after.is_empty() || fraction.is_empty() {
        let strict = crate::json::is_number(word);
        return strict.then(|| float(word)).flatten().map(|v| (v, false));
    }
    let power = POWERS.get(fraction.len())?;
    let mantissa = digits(whole)? * (*power as u64) + digits(fraction)?;
    let value = mantissa as f64 / power;
    Some((if negative { -value } else { value }, false))
}

#[inline]
fn run_of_digits(text: &[u8]) -> usize {
    text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len())
}

/// The float64 that is exactly this integer, if there is one.
pub(crate) fn int_as_f64(raw: &[u8]) -> Option<f64> {
    match int(raw) {
        Int::MinusZero => Some(-0.0),
        // 2^53: every integer up to it is a float64.
        Int::I64(v) if v.unsigned_abs() <= 1 << 53 => Some(v as f64),
        _ => {
            let value: f64 = text(raw).parse().ok()?;
            (value.is_finite() && format!("{value:.0}") == text(raw)).then_some(value)
        }
    }
}

/// The float64 of a number with fraction or exponent, if it keeps every digit that the text gives: writing it with as
/// many digits gives the same digits again. `0.1` and `0.30000000000000004` do; `9007199254740993.0`, twenty digits of
/// pi, `1e400` and `1e-400` do not.
pub(crate) fn float(raw: &[u8]) -> Option<f64> {
    let value: f64 = text(raw).parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    let mut buffer = ryu::Buffer::new();
    // Most long texts are a float64 in its shortest form.
    let unsigned = raw.strip_prefix(b"-").unwrap_or(raw);
    if unsigned.len() > 16 && buffer.format_finite(value.abs()).as_bytes() == unsigned {
        return Some(value);
    }
    let digits = significand(raw);
    if digits.is_empty() {
        // All digits are zero, so is the value.
        return Some(value);
    }
    if value == 0.0 {
        return None;
    }
    let count = digits.len() - usize::from(digits.contains(&b'.'));
    // 15 digits survive the way into a normal float64 and back, always.
    if count <= 15 && value.is_normal() {
        return Some(value);
    }
    // A float64 has at most 767 significant digits; a longer text that is exact ends in zeros, which do not count.
    if count > 800 {
        return None;
    }
    if same_digits(buffer.format_finite(value.abs()), digits) {
        return Some(value);
    }
    let written = format!("{:.*e}", count - 1, value.abs());
    // Where the value lies half-way between two texts of that length, its shortest form may be the other one.
    let shortest = format!("{:e}", value.abs());
    (same_digits(&written, digits) || same_digits(&shortest, digits)).then_some(value)
}

/// A number from its first digit that is not zero to its last before the exponent; the point may stand among them.
fn significand(number: &[u8]) -> &[u8] {
    let mantissa = number.split(|b| matches!(b, b'e' | b'E')).next().unwrap_or_default();
    let counts = |b: &u8| matches!(b, b'1'..=b'9');
    match (mantissa.iter().position(counts), mantissa.iter().rposition(counts)) {
        (Some(first), Some(last)) => mantissa.get(first..=last).unwrap_or_default(),
        _ => &[],
    }
}

/// Whether a number has the digits of a significand.
fn same_digits(number: &str, digits: &[u8]) -> bool {
    let digit = |b: &&u8| **b != b'.';
    significand(number.as_bytes()).iter().filter(digit).eq(digits.iter().filter(digit))
}

/// The digits of `number * 10^scale` where that is a whole number of at most `precision` digits: what a decimal
/// column stores.
fn scaled(raw: &[u8], precision: u8, scale: i8) -> Option<String> {
    let (mantissa, exponent) = match raw.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(i) => (raw.get(..i)?, text(raw.get(i + 1..)?).parse::<i32>().ok()?),
        None => (raw, 0),
    };
    let (whole, fraction) = match mantissa.iter().position(|b| *b == b'.') {
        Some(i) => (mantissa.get(..i)?, mantissa.get(i + 1..)?),
        None => (mantissa, &b""[..]),
    };
    let negative = whole.first() == Some(&b'-');
    let mut digits = String::with_capacity(whole.len() + fraction.len());
    digits.push_str(text(whole).trim_start_matches('-'));
    digits.push_str(text(fraction));
    let shift = i64::from(exponent) + i64::from(scale) - i64::try_from(fraction.len()).ok()?;
    let significant = digits.trim_start_matches('0').len();
    if significant == 0 {
        // Minus zero is not zero, and a decimal cannot hold it.
        return (!negative).then(|| "0".to_owned());
    }
    if shift >= 0 {
        if i64::try_from(significant).ok()? + shift > i64::from(precision) {
            return None;
        }
        digits.extend(std::iter::repeat_n('0', usize::try_from(shift).ok()?));
    } else {
        let cut = digits.len().checked_sub(usize::try_from(-shift).ok()?)?;
        if !digits.get(cut..)?.bytes().all(|b| b == b'0') {
            return None;
        }
        digits.truncate(cut);
    }
    let trimmed = digits.trim_start_matches('0');
    if trimmed.is_empty() || trimmed.len() > usize::from(precision) {
        return None;
    }
    Some(if negative { format!("-{trimmed}") } else { trimmed.to_owned() })
}

pub(crate) fn decimal128(raw: &[u8], precision: u8, scale: i8) -> Option<i128> {
    scaled(raw, precision, scale)?.parse().ok()
}

pub(crate) fn decimal256(raw: &[u8], precision: u8, scale: i8) -> Option<i256> {
    i256::from_string(&scaled(raw, precision, scale)?)
}

/// The order of two JSON numbers by what they are worth, however many digits they have.
pub(crate) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let ((a_negative, a), (b_negative, b)) = (worth(a), worth(b));
    match (a_negative, b_negative) {
        (false, false) => a.cmp(&b),
        (true, true) => b.cmp(&a),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

/// Whether a number is below zero; the power of ten above its first digit that is not zero, and the digits from there to the
/// last that is not zero. Zero has none of them.
fn worth(number: &[u8]) -> (bool, (i64, Vec<u8>)) {
    let unsigned = number.strip_prefix(b"-").unwrap_or(number);
    let mut parts = unsigned.splitn(2, |b| matches!(b, b'e' | b'E'));
    let mantissa = parts.next().unwrap_or_default();
    let exponent = parts.next().map_or(0, |exponent| match text(exponent).parse::<i64>() {
        Ok(exponent) => exponent,
        Err(_) if exponent.first() == Some(&b'-') => i64::MIN,
        Err(_) => i64::MAX,
    });
    let whole = mantissa.iter().position(|b| *b == b'.').unwrap_or(mantissa.len());
    let digits: Vec<u8> = mantissa.iter().copied().filter(|b| *b != b'.').collect();
    let counts = |b: &u8| *b != b'0';
    let (Some(first), Some(last)) = (digits.iter().position(counts), digits.iter().rposition(counts)) else {
        return (false, (i64::MIN, Vec::new()));
    };
    let above = (whole as i64 - first as i64).saturating_add(exponent);
    (unsigned.len() < number.len(), (above, digits.get(first..=last).unwrap_or_default().to_vec()))
}

/// Digits of a whole number that the widest column has.
const WHOLE_MAX: usize = 76;

/// Writes a JSON number so that those that are worth as much have the same text: whole numbers without fraction and
/// exponent, others as the float64 that they are. What is neither stands as it is, and minus zero keeps its sign.
pub fn write_number(raw: &[u8], out: &mut Vec<u8>) {
    let (negative, (above, digits)) = worth(raw);
    let whole = usize::try_from(above).ok().filter(|above| (digits.len()..=WHOLE_MAX).contains(above));
    if digits.is_empty() {
        out.extend_from_slice(if raw.starts_with(b"-") { &b"-0.0"[..] } else { &b"0"[..] });
    } else if let Some(above) = whole {
        if negative {
            out.push(b'-');
        }
        out.extend_from_slice(&digits);
        out.resize(out.len() + above - digits.len(), b'0');
    } else if let Some(value) = float(raw) {
        out.extend_from_slice(format!("{value:?}").as_bytes());
    } else {
        out.extend_from_slice(raw);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn integers_take_the_smallest_type() {
        assert_eq!(int(b"9223372036854775807"), Int::I64(i64::MAX));
        assert_eq!(int(b"-9223372036854775808"), Int::I64(i64::MIN));
        assert_eq!(int(b"9223372036854775808"), Int::U64(1 << 63));
        assert_eq!(int(b"18446744073709551616"), Int::Wide(20));
        assert_eq!(int(b"-9223372036854775809"), Int::Wide(19));
        assert_eq!((int(b"-0"), int(b"0")), (Int::MinusZero, Int::I64(0)));
    }

    #[test]
    fn a_float_is_taken_only_when_no_digit_is_lost() {
        for good in [
            "0.1",
            "-2.5e3",
            "0.30000000000000004",
            "1e308",
            "0.0",
            "-0.0",
            "0e999",
            "5e-324",
            "1.50",
            "1e23",
            "34030718989077.813",
        ] {
            assert!(float(good.as_bytes()).is_some(), "{good}");
        }
        for bad in ["9007199254740993.0", "3.14159265358979323846", "1e400", "1e-400", "0.10000000000000001e-310"] {
            assert_eq!(float(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn an_integer_becomes_a_float_only_when_exact() {
        assert_eq!(int_as_f64(b"9007199254740992"), Some(9_007_199_254_740_992.0));
        assert_eq!(int_as_f64(b"9007199254740993"), None);
        assert_eq!(int_as_f64(b"100000000000000000000"), Some(1e20));
        assert_eq!(int_as_f64(b"100000000000000000000000"), None);
    }

    #[test]
    fn numbers_are_ordered_by_what_they_are_worth() {
        let ordered = [
            "-1e400",
            "-18446744073709551616",
            "-1.5",
            "-1.49",
            "-1e-400",
            "0",
            "1e-99999999999999999999",
            "1e-400",
            "0.049",
            "5e-2",
            "0.5",
            "1",
            "1.000000000000000000001",
            "9.99",
            "10",
            "9007199254740992",
            "9007199254740993",
            "1e400",
        ];
        for (i, a) in ordered.iter().enumerate() {
            for (j, b) in ordered.iter().enumerate() {
                assert_eq!(compare(a.as_bytes(), b.as_bytes()), i.cmp(&j), "{a} {b}");
            }
        }
        for (a, b) in [("-0", "0.0"), ("1e2", "100"), ("0.10", "1e-1"), ("-5.0", "-5"), ("0e9", "-0"), ("00.1e+1", "1")]
        {
            assert_eq!(compare(a.as_bytes(), b.as_bytes()), Ordering::Equal, "{a} {b}");
        }
    }

    #[test]
    fn numbers_that_are_worth_as_much_are_written_alike() {
        for (texts, want) in [
            ("1 1.0 1e0 10e-1 0.1E+1", "1"),
            ("-1200 -1.2e3 -1200.00", "-1200"),
            ("2.5 25e-1 2.50", "2.5"),
            ("0 0.0 0e5", "0"),
            ("-0 -0.0 -0e5", "-0.0"),
            ("9007199254740993 9007199254740993.0", "9007199254740993"),
            ("1e100", "1e100"),
            ("1e400", "1e400"),
            ("3.14159265358979323846", "3.14159265358979323846"),
        ] {
            for text in texts.split(' ') {
                let mut out = b">".to_vec();
                write_number(text.as_bytes(), &mut out);
                assert_eq!(out, format!(">{want}").as_bytes(), "{text}");
            }
        }
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        assert_eq!(
            decimal128(b"12345678901234567890123456789012345678", 38, 0),
            Some(12345678901234567890123456789012345678)
        );
        assert_eq!(decimal128(b"1.50", 10, 2), Some(150));
        assert_eq!(decimal128(b"1.5e2", 10, 1), Some(1500));
        assert_eq!(decimal128(b"1.505", 10, 2), None);
        assert_eq!(decimal128(b"1e10", 10, 0), None);
        assert_eq!(
            (decimal128(b"0", 38, 0), decimal128(b"-0", 38, 0), decimal128(b"0.00", 4, 1)),
            (Some(0), None, Some(0))
        );
        assert_eq!(decimal256(b"-123", 76, 0), Some(i256::from_i128(-123)));
    }

    proptest! {
        #[test]
        fn every_float_in_its_shortest_form_is_taken(v in any::<f64>().prop_filter("finite", |v| v.is_finite())) {
            let text = format!("{v:?}");
            prop_assert_eq!(float(text.as_bytes()).map(f64::to_bits), Some(v.to_bits()));
            let text = format!("{v:.17e}");
            prop_assert_eq!(float(text.as_bytes()).map(f64::to_bits), Some(v.to_bits()));
        }

        #[test]
        fn integers_agree_with_the_standard_parser(v in any::<i128>()) {
            let text = v.to_string();
            let want = match (i64::try_from(v), u64::try_from(v)) {
                (Ok(v), _) => Int::I64(v),
                (_, Ok(v)) => Int::U64(v),
                _ => Int::Wide(text.trim_start_matches('-').len()),
            };
            prop_assert_eq!(int(text.as_bytes()), want);
            prop_assert_eq!(decimal128(text.as_bytes(), 38, 0), (text.trim_start_matches('-').len() <= 38).then_some(v));
        }
    }
}

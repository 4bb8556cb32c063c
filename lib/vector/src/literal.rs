//! Vectors as people write them: `[1,2]`, `(1 2)`, `1,2`, `1 2`.

use qx_formats::{Error, Result};

/// Reads one vector. Components are separated by commas or white space; brackets are optional. Each is read as a
/// 64-bit number and narrowed. Components may be `NaN` or infinite; policies downstream decide about those.
///
/// # Errors
/// `Invalid` with the offset of what is not a number.
pub fn parse(text: &str) -> Result<Vec<f32>> {
    let trimmed = text.trim();
    let start = text.len() - text.trim_start().len();
    let wrong = |at: usize, expected: &str| {
        let got: String = text.get(at..).unwrap_or("").chars().take(20).collect();
        Error::invalid("not a vector").offset(at as u64).expected(expected).got(format!("{got:?}"))
    };
    let close = match trimmed.chars().next() {
        Some('[') => Some(']'),
        Some('(') => Some(')'),
        _ => None,
    };
    let (inside, at) = match close {
        Some(close) => {
            let inside = trimmed.get(1..).and_then(|t| t.strip_suffix(close));
            (inside.ok_or_else(|| wrong(text.len(), &format!("a closing {close}")))?, start + 1)
        }
        None => (trimmed, start),
    };
    let mut out = Vec::new();
    let mut rest = inside;
    while !trimmed_start(rest).is_empty() {
        let here = |rest: &str| at + inside.len() - rest.len();
        rest = trimmed_start(rest);
        let (value, after) = match plain(rest.as_bytes()) {
            Some((value, len)) => (value, rest.get(len..).unwrap_or_default()),
            None => {
                let (number, after) = rest.split_at(length(rest));
                (number.parse().map_err(|_| wrong(here(rest), "a number"))?, after)
            }
        };
        out.push(value as f32);
        let after = trimmed_start(after);
        rest = match after.strip_prefix(',') {
            Some(after) if trimmed_start(after).is_empty() => return Err(wrong(here(after), "a number")),
            Some(after) => after,
            None => after,
        };
    }
    if out.is_empty() {
        return Err(wrong(at, "at least one number"));
    }
    Ok(out)
}

/// The text without the white space that it begins with, which mostly is none.
#[inline]
fn trimmed_start(text: &str) -> &str {
    if text.as_bytes().first().is_some_and(u8::is_ascii_graphic) { text } else { text.trim_start() }
}

/// Powers of ten that a double holds exactly, as many as [`plain`] needs.
const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// A number of at most 15 digits without an exponent, and its length; `None` for any other. Both the digits and the power of
/// ten below them are exact, so that their quotient is rounded once, as the number is (Clinger, "How to Read Floating Point
/// Numbers Accurately", 1990).
#[inline]
fn plain(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let (mut at, mut digits, mut count, mut point) = (usize::from(negative), 0u64, 0, None);
    while let Some(&b) = text.get(at) {
        match b {
            b'0'..=b'9' => {
                digits = digits * 10 + u64::from(b - b'0');
                count += 1;
                if count == POWERS.len() {
                    return None;
                }
            }
            b'.' if point.is_none() => point = Some(at),
            b',' | b' ' => break,
            _ => return None,
        }
        at += 1;
    }
    let behind = point.map_or(0, |point| at - point - 1);
    let value = digits as f64 / POWERS.get(behind).filter(|_| count > 0)?;
    Some((if negative { -value } else { value }, at))
}

/// Bytes before the next separator. Numbers are ASCII, so that no character need be decoded before there is another one.
fn length(text: &str) -> usize {
    let is_end = |b: &u8| matches!(b, b',' | b' ' | b'\t'..=b'\r' | 0x80..);
    match text.as_bytes().iter().position(is_end) {
        Some(at) if text.as_bytes().get(at).is_some_and(u8::is_ascii) => at,
        Some(_) => text.find(|c: char| c == ',' || c.is_whitespace()).unwrap_or(text.len()),
        None => text.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_writing_is_read() {
        for text in ["[1,2.5]", "(1 2.5)", "1,2.5", "1 2.5", " [ 1 , 2.5 ] ", "1\t,\n2.5", "[1 2.5]", "1e0,25e-1"] {
            assert_eq!(parse(text).unwrap(), [1.0, 2.5], "{text}");
        }
        assert_eq!(parse("7").unwrap(), [7.0]);
    }

    #[test]
    fn numbers_are_those_of_the_library() {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 33
        };
        let written = ["0", "-0", ".5", "-.5", "5.", "-", ".", "-.", "1e5", "+1", "nan", "0.1", "0.30000001", "00.10"];
        let mut all: Vec<String> = written.iter().map(ToString::to_string).collect();
        for _ in 0..20_000 {
            let (a, b) = (next(), next());
            let digits = format!("{a}{b}");
            let (at, sign) = (next() as usize % digits.len(), if a % 2 == 0 { "-" } else { "" });
            all.push(format!("{sign}{}.{}", &digits[..at], &digits[at..]));
            all.push(format!("{sign}{}", f32::from_bits(a as u32 ^ (b as u32) << 1)));
            all.push(format!("{}", a as f32 / 7e8));
        }
        for text in all {
            let theirs = text.parse::<f64>().ok().map(|v| (v as f32).to_bits());
            assert_eq!(parse(&text).ok().map(|v| v[0].to_bits()), theirs, "{text}");
        }
    }

    #[test]
    fn what_is_no_vector_is_refused_with_its_place() {
        for (text, at) in [
            ("", 0),
            ("[]", 1),
            ("[1,2", 4),
            ("(1]", 3),
            ("1,,2", 2),
            ("1,", 2),
            ("1 x", 2),
            (" a", 1),
            ("[1]2", 4),
            ("é", 0),
        ] {
            let e = parse(text).unwrap_err();
            assert_eq!(e.get_offset(), Some(at), "{text}: {e}");
        }
    }
}

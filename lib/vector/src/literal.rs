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
    while !rest.trim_start().is_empty() {
        let here = |rest: &str| at + inside.len() - rest.len();
        rest = rest.trim_start();
        let len = length(rest);
        let (number, after) = rest.split_at(len);
        let value: f64 = number.parse().map_err(|_| wrong(here(rest), "a number"))?;
        out.push(value as f32);
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(after) if after.trim_start().is_empty() => return Err(wrong(here(after), "a number")),
            Some(after) => after,
            None => after,
        };
    }
    if out.is_empty() {
        return Err(wrong(at, "at least one number"));
    }
    Ok(out)
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

//! Vectors as people and queries write them: `[1,2]`, `(1 2)`, `1,2`, `1 2`.

use qx_formats::vdata::layout::MAX_DIM;
use qx_formats::{Error, Result};

/// Reads one vector. Doubles are narrowed; what does not fit a float is refused.
///
/// # Errors
/// `Usage` with the place and text of what is not a number; `Limit` above the largest dimension.
pub fn parse(text: &str) -> Result<Vec<f32>> {
    let wrong = |got: &str| Error::usage("not a vector").expected("numbers, as in [0.1, 0.2]").got(format!("`{got}`"));
    let body = text.trim();
    let body = match (body.chars().next(), body.chars().last()) {
        (Some('['), Some(']')) | (Some('('), Some(')')) => &body[1..body.len() - 1],
        (Some('[' | '('), _) | (_, Some(']' | ')')) => return Err(wrong(body)),
        _ => body,
    };
    let commas = body.contains(',');
    let parts: Vec<&str> =
        if commas { body.split(',').map(str::trim).collect() } else { body.split_whitespace().collect() };
    if parts.len() > MAX_DIM as usize {
        return Err(Error::limit("dimension", u64::from(MAX_DIM), parts.len() as u64));
    }
    if parts.is_empty() {
        return Err(wrong(text));
    }
    let number = |part: &str| {
        let value: f64 = part.parse().map_err(|_| wrong(part))?;
        let narrow = value as f32;
        if narrow.is_finite() { Ok(narrow) } else { Err(wrong(part)) }
    };
    parts.into_iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn four_ways_to_write_a_vector() {
        for text in ["[1,2.5]", "(1 2.5)", "1,2.5", " 1 2.5 ", "[1, 2.5]", "(1,2.5)"] {
            assert_eq!(parse(text).unwrap(), [1.0, 2.5], "{text}");
        }
        for text in ["", "[]", "[1", "1]", "a", "1,,2", "[1,nan]", "1e39", "[1,2)", "inf"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

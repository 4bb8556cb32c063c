//! The inner loops: strings and numbers. Each takes a position and gives the position after what it read.

use super::{Code, Fault};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;

/// Bytes below `n` get their high bit set. A borrow can mark a byte above a true hit wrongly, never one below it, so
/// the lowest mark is always true.
fn below(x: u64, n: u64) -> u64 {
    x.wrapping_sub(ONES * n) & !x & HIGH
}

/// The first byte at or after `at` that ends a run of plain string bytes: `"`, `\` or a control character; the
/// length of the slice when there is none. `high` is set when a byte above ASCII may have been passed.
fn plain(bytes: &[u8], mut at: usize, high: &mut bool) -> usize {
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let x = u64::from_le_bytes(*chunk);
        let stop = below(x ^ (ONES * u64::from(b'"')), 1) | below(x ^ (ONES * u64::from(b'\\')), 1) | below(x, 0x20);
        *high |= x & HIGH != 0;
        if stop != 0 {
            return at + stop.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    while let Some(&b) = bytes.get(at) {
        if b == b'"' || b == b'\\' || b < 0x20 {
            return at;
        }
        *high |= b >= 0x80;
        at += 1;
    }
    at
}

fn hex4(bytes: &[u8], at: usize) -> Result<u32, Fault> {
    let mut value = 0;
    for i in 0..4 {
        let Some(&b) = bytes.get(at + i) else { return Err(truncated(bytes)) };
        let Some(digit) = char::from(b).to_digit(16) else {
            return Err(Fault::new(Code::Escape, at + i, "four hexadecimal digits after \\u"));
        };
        value = value * 16 + digit;
    }
    Ok(value)
}

fn truncated(bytes: &[u8]) -> Fault {
    Fault::new(Code::Truncated, bytes.len(), "more")
}

/// What a string holds beside plain text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Holds {
    /// Its text is not its bytes.
    pub(super) escaped: bool,
    /// It has half surrogate pairs or is no UTF-8, and that was let pass.
    pub(super) replaced: bool,
}

/// Checks the escape whose backslash is at `at`; gives the position after it.
fn escape(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    match bytes.get(at + 1) {
        None => Err(truncated(bytes)),
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match hex4(bytes, at + 2)? {
            0xD800..=0xDBFF => {
                let lone = Fault::new(Code::Surrogate, at, "a low surrogate after a high one");
                for (i, want) in [(6, b'\\'), (7, b'u')] {
                    match bytes.get(at + i) {
                        None => return Err(truncated(bytes)),
                        Some(b) if *b != want => return Err(lone),
                        Some(_) => {}
                    }
                }
                match hex4(bytes, at + 8)? {
                    0xDC00..=0xDFFF => Ok(at + 12),
                    _ => Err(lone),
                }
            }
            0xDC00..=0xDFFF => Err(Fault::new(Code::Surrogate, at, "a high surrogate before a low one")),
            _ => Ok(at + 6),
        },
        Some(_) => Err(Fault::new(Code::Escape, at + 1, "one of \" \\ / b f n r t u after a backslash")),
    }
}

/// Reads the string whose opening quote is at `start`. Gives the position after the closing quote, and what is in it.
/// `lenient` lets text pass that is none.
pub(super) fn string(bytes: &[u8], start: usize, lenient: bool) -> Result<(usize, Holds), Fault> {
    let mut at = start + 1;
    let (mut high, mut holds) = (false, Holds::default());
    loop {
        at = plain(bytes, at, &mut high);
        match bytes.get(at) {
            None => return Err(truncated(bytes)),
            Some(b'"') => break,
            Some(b'\\') => {
                holds.escaped = true;
                at = match escape(bytes, at) {
                    Err(fault) if lenient && fault.code == Code::Surrogate => {
                        holds.replaced = true;
                        at + 6
                    }
                    other => other?,
                };
            }
            Some(_) => return Err(Fault::new(Code::Control, at, "an escape such as \\n or \\u0000")),
        }
    }
    if high && let Err(e) = std::str::from_utf8(bytes.get(start..at).unwrap_or_default()) {
        if !lenient {
            return Err(Fault::new(Code::Utf8, start + e.valid_up_to(), "UTF-8"));
        }
        holds = Holds { escaped: true, replaced: true };
    }
    Ok((at + 1, holds))
}

fn digits(bytes: &[u8], mut at: usize) -> usize {
    while bytes.get(at).is_some_and(u8::is_ascii_digit) {
        at += 1;
    }
    at
}

/// One or more digits, as the grammar asks after `.` and after the exponent's sign.
fn some_digits(bytes: &[u8], at: usize, last: bool, expected: &'static str) -> Result<usize, Fault> {
    let end = digits(bytes, at);
    match (end > at, bytes.get(at)) {
        (true, _) => Ok(end),
        (false, None) if !last => Err(truncated(bytes)),
        (false, None) => Err(Fault::new(Code::Truncated, at, expected)),
        (false, Some(_)) => Err(Fault::new(Code::Number, at, expected)),
    }
}

/// Reads the number that starts at `start`. Gives the position after it, and whether it has a fraction or exponent.
/// Unless `last`, a number that touches the end of the slice may go on in the next one.
pub(super) fn number(bytes: &[u8], start: usize, last: bool) -> Result<(usize, bool), Fault> {
    let mut at = start;
    if bytes.get(at) == Some(&b'-') {
        at += 1;
    }
    let mut float = false;
    at = match bytes.get(at) {
        Some(b'0') => {
            if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
                return Err(Fault::new(Code::Number, at, "no leading zero"));
            }
            at + 1
        }
        _ => some_digits(bytes, at, last, "a digit")?,
    };
    if bytes.get(at) == Some(&b'.') {
        float = true;
        at = some_digits(bytes, at + 1, last, "a digit after the point")?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        float = true;
        at += 1;
        if matches!(bytes.get(at), Some(b'+' | b'-')) {
            at += 1;
        }
        at = some_digits(bytes, at, last, "a digit in the exponent")?;
    }
    match bytes.get(at) {
        None if !last => Err(truncated(bytes)),
        // What cannot follow a value is told as a fault of the number, which is what its writer meant it to be.
        Some(b) if b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'-' | b'_') => {
            Err(Fault::new(Code::Number, at, "the number to end"))
        }
        _ => Ok((at, float)),
    }
}

/// Reads `true`, `false` or `null` (`word`), whose first byte is at `start`.
pub(super) fn literal(bytes: &[u8], start: usize, word: &'static str, last: bool) -> Result<usize, Fault> {
    for (i, want) in word.bytes().enumerate() {
        match bytes.get(start + i) {
            None => return Err(truncated(bytes)),
            Some(b) if *b != want => return Err(Fault::new(Code::Literal, start + i, word)),
            Some(_) => {}
        }
    }
    let end = start + word.len();
    match bytes.get(end) {
        None if !last => Err(truncated(bytes)),
        Some(b) if b.is_ascii_alphanumeric() || *b == b'_' => Err(Fault::new(Code::Literal, end, word)),
        _ => Ok(end),
    }
}

//! Escapes of a string whose ends are known and which holds neither control characters nor bytes that are no UTF-8, as
//! the index has found: checked, and decoded in the same pass. What is refused here is told by the slow path.

use super::index::Escapes;

/// What stands for one byte after a backslash; 0: nothing does.
const SINGLE: [u8; 256] = {
    let mut table = [0u8; 256];
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[b'/' as usize] = b'/';
    table[b'b' as usize] = 8;
    table[b'f' as usize] = 12;
    table[b'n' as usize] = b'\n';
    table[b'r' as usize] = b'\r';
    table[b't' as usize] = b'\t';
    table
};

const NO_DIGIT: u8 = 0xFF;
/// The values of hexadecimal digits.
const HEX: [u8; 256] = {
    let mut table = [NO_DIGIT; 256];
    let mut i = 0u8;
    while i < 10 {
        table[(b'0' + i) as usize] = i;
        i += 1;
    }
    let mut i = 0u8;
    while i < 6 {
        table[(b'a' + i) as usize] = 10 + i;
        table[(b'A' + i) as usize] = 10 + i;
        i += 1;
    }
    table
};

fn single(b: u8) -> u8 {
    SINGLE.get(usize::from(b)).copied().unwrap_or(0)
}

/// Four hexadecimal digits.
fn unit(text: &[u8], at: usize) -> Option<u32> {
    let digits = text.get(at..)?.first_chunk::<4>()?.map(|b| HEX.get(usize::from(b)).copied().unwrap_or(NO_DIGIT));
    let wrong = digits.iter().fold(0, |all, d| all | *d) > 0xF;
    (!wrong).then(|| digits.iter().fold(0, |v, d| v << 4 | u32::from(*d)))
}

/// The character whose `\u` is at `at`, and the bytes that it takes.
fn unicode(text: &[u8], at: usize) -> Option<(char, usize)> {
    let code = unit(text, at + 2)?;
    if let Some(c) = char::from_u32(code) {
        return Some((c, 6));
    }
    let pair = (0xD800..0xDC00).contains(&code) && text.get(at + 6..at + 8) == Some(b"\\u");
    let low = if pair { unit(text, at + 8)? } else { 0 };
    if !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    char::from_u32(0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)).map(|c| (c, 12))
}

/// Plain bytes before the first backslash of eight; 8 when there is none.
fn plain(chunk: [u8; 8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let x = u64::from_le_bytes(chunk) ^ (ONES * b'\\' as u64);
    // The lowest mark is always true.
    let marks = x.wrapping_sub(ONES) & !x & (ONES << 7);
    marks.trailing_zeros() as usize / 8
}

/// Whether every backslash in `bytes[from..to]`, which no escape reaches out of, begins an escape or belongs to one.
pub(crate) fn are_escapes(bytes: &[u8], from: usize, to: usize, escapes: Escapes<'_>) -> bool {
    let text = bytes.get(..to).unwrap_or_default();
    let mut at = from;
    for start in escapes.starts(from, to) {
        if start < at {
            // The second half of a pair.
            continue;
        }
        at = start
            + match text.get(start + 1) {
                Some(b'u') => match unicode(text, start) {
                    Some((_, used)) => used,
                    None => return false,
                },
                Some(b) if single(*b) != 0 => 2,
                _ => return false,
            };
    }
    true
}

/// Appends what `text` means. `None`: an escape is none, and some of it may have been appended.
pub(crate) fn decode_into(text: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let begin = out.len();
    // What is decoded is never longer, and eight bytes are written at a time.
    out.resize(begin + text.len() + 8, 0);
    let to = out.get_mut(begin..)?;
    let (mut at, mut n) = (0, 0);
    loop {
        match text.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            Some(chunk) => {
                *to.get_mut(n..)?.first_chunk_mut::<8>()? = *chunk;
                let before = plain(*chunk);
                at += before;
                n += before;
                if before == 8 {
                    continue;
                }
            }
            None => match text.get(at) {
                None => break,
                Some(b'\\') => {}
                Some(&b) => {
                    *to.get_mut(n)? = b;
                    at += 1;
                    n += 1;
                    continue;
                }
            },
        }
        match *text.get(at + 1)? {
            b'u' => {
                let (c, used) = unicode(text, at)?;
                n += c.encode_utf8(to.get_mut(n..)?.first_chunk_mut::<4>()?).len();
                at += used;
            }
            b => {
                let one = single(b);
                if one == 0 {
                    return None;
                }
                *to.get_mut(n)? = one;
                at += 2;
                n += 1;
            }
        }
    }
    out.truncate(begin + n);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::index::Index;
    use crate::json::simd::Path;
    use crate::json::{string_end, unescape_into};
    use proptest::prelude::*;

    /// As the general parser does it.
    fn check(text: &str) {
        let whole = format!("\"{text}\"");
        let valid = string_end(whole.as_bytes(), 0) == Some(whole.len());
        let mut index = Index::default();
        index.build(whole.as_bytes(), Path::Scalar);
        let all = are_escapes(whole.as_bytes(), 1, whole.len() - 1, index.escapes());
        assert_eq!(all, valid, "{text}");
        let mut got = b"before".to_vec();
        assert_eq!(decode_into(text.as_bytes(), &mut got).is_some(), valid, "{text}");
        if valid {
            let mut want = b"before".to_vec();
            unescape_into(text.as_bytes(), &mut want);
            assert_eq!(got, want, "{text}");
        }
    }

    #[test]
    fn odd_escapes() {
        for text in [
            "",
            "\\",
            "a\\",
            "\\u",
            "\\u12",
            "\\u12g4",
            "\\uD800",
            "\\uDC00",
            "\\uD800\\uDC00",
            "\\uD83D\\u0041",
            "\\ud83dx",
            "\\ud800\\ud800\\udc00",
            "\\x",
            "\\0",
            "12345678\\n",
            "1234567\\n12345678\\\\",
            "é\\u00e9é",
            "\\uFFFF\\u0000",
        ] {
            check(text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 8 } else { 500 }))]
        #[test]
        fn escapes_are_as_the_general_parser_has_them(parts in prop::collection::vec(prop::sample::select(vec![
            "\\n", "\\\"", "\\\\", "\\/", "\\u00e9", "\\ud83d", "\\ude00", "\\u12", "\\x", "a", "bcdefghi", "é", "😀", "\\t", "\\b", "\\f", "\\r",
        ]), 0..20)) {
            check(&parts.concat());
        }
    }
}

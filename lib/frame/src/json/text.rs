//! JSON text in and out: escapes decoded, strings written, insignificant space removed.

use std::borrow::Cow;

/// Decodes what stands between the quotes of a checked string. `escaped` says whether there is anything to decode.
pub fn unescape(content: &[u8], escaped: bool) -> Cow<'_, [u8]> {
    if !escaped {
        return Cow::Borrowed(content);
    }
    let mut out = Vec::with_capacity(content.len());
    unescape_into(content, &mut out);
    Cow::Owned(out)
}

pub(crate) fn unescape_into(content: &[u8], out: &mut Vec<u8>) {
    let mut rest = content;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        let (plain, tail) = rest.split_at(at);
        out.extend_from_slice(plain);
        let mut used = 2;
        match tail.get(1) {
            Some(b'b') => out.push(8),
            Some(b'f') => out.push(12),
            Some(b'n') => out.push(b'\n'),
            Some(b'r') => out.push(b'\r'),
            Some(b't') => out.push(b'\t'),
            Some(b'u') => {
                let mut code = unit(tail, 2);
                used = 6;
                // Half a pair is let through only by those who want U+FFFD for it.
                let low = if tail.get(6..8) == Some(b"\\u") { unit(tail, 8) } else { 0 };
                if (0xD800..0xDC00).contains(&code) && (0xDC00..0xE000).contains(&low) {
                    code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                    used = 12;
                }
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Some(&other) => out.push(other),
            None => {}
        }
        rest = tail.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Four hexadecimal digits; the parser has checked that they are.
fn unit(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .unwrap_or_default()
        .iter()
        .fold(0, |v, b| v * 16 + char::from(*b).to_digit(16).unwrap_or_default())
}

/// Writes `text` as a JSON string, with quotes, escaping only what must be.
pub fn write_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    let mut plain = 0;
    for (i, b) in text.bytes().enumerate() {
        if b >= 0x20 && b != b'"' && b != b'\\' {
            continue;
        }
        out.extend_from_slice(text.as_bytes().get(plain..i).unwrap_or_default());
        plain = i + 1;
        match b {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            _ => out.extend_from_slice(format!("\\u{b:04x}").as_bytes()),
        }
    }
    out.extend_from_slice(text.as_bytes().get(plain..).unwrap_or_default());
    out.push(b'"');
}

/// Copies checked JSON without the space between its tokens, so that it stands on one line.
pub fn minify(raw: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while let Some(&b) = raw.get(at) {
        let end = match b {
            b' ' | b'\n' | b'\r' | b'\t' => {
                at += 1;
                continue;
            }
            b'"' => string_end(raw, at),
            _ => at + 1,
        };
        out.extend_from_slice(raw.get(at..end).unwrap_or_default());
        at = end;
    }
}

fn string_end(raw: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        let Some(found) = raw.get(at..).and_then(|r| memchr::memchr2(b'"', b'\\', r)) else { return raw.len() };
        at += found;
        if raw.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2;
    }
}

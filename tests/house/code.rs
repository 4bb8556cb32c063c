//! Enough of Rust's grammar to see code without its comments and literals, line by line.

/// A function with a body, its lines counted from 1.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub first: usize,
    pub last: usize,
}

impl Function {
    pub fn lines(&self) -> usize {
        self.last - self.first + 1
    }
}

/// The text with comments, strings and characters turned into spaces; lines and columns stay where they are.
pub fn bare(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            b'/' if bytes[at..].starts_with(b"//") => behind(text, at, "\n"),
            b'/' if bytes[at..].starts_with(b"/*") => comment(bytes, at),
            b'"' => string(bytes, at),
            b'r' | b'b' | b'c' if !is_word(bytes, at.wrapping_sub(1)) => prefixed(text, at),
            b'\'' => quote(text, at),
            _ => at,
        };
        for b in &mut out[at..end] {
            if *b != b'\n' {
                *b = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(out).unwrap()
}

fn is_word(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'_')
}

/// Behind the next `what`, or the end of the text. The places that this is asked at begin a character.
fn behind(text: &str, from: usize, what: &str) -> usize {
    text.get(from..).and_then(|rest| rest.find(what)).map_or(text.len(), |i| from + i + what.len())
}

fn comment(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at < bytes.len() {
        if bytes[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if bytes[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    at
}

/// From an opening quotation mark to behind the closing one.
fn string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// `r"..."`, `br#"..."#`, `b"..."`, `b'x'`, `c"..."`; anything else is a word and stays.
fn prefixed(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = start;
    while at < start + 2 && matches!(bytes.get(at), Some(b'r' | b'b' | b'c')) {
        at += 1;
    }
    let raw = bytes[start..at].contains(&b'r');
    let hashes = bytes[at..].iter().take_while(|b| **b == b'#').count();
    match bytes.get(at + hashes) {
        Some(b'"') if raw => behind(text, at + hashes + 1, &format!("\"{}", "#".repeat(hashes))),
        Some(b'"') if hashes == 0 => string(bytes, at),
        Some(b'\'') if hashes == 0 && at == start + 1 => quote(text, at),
        _ => start,
    }
}

/// A character literal; a lifetime stays as it is.
fn quote(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    if bytes.get(start + 1) == Some(&b'\\') {
        return behind(text, start + 3, "'");
    }
    let width = match bytes.get(start + 1) {
        Some(0xF0..) => 4,
        Some(0xE0..) => 3,
        Some(0xC0..) => 2,
        _ => 1,
    };
    if bytes.get(start + 1 + width) == Some(&b'\'') { start + width + 2 } else { start }
}

/// The functions of a bare text that have a body, those within others included.
pub fn functions(bare: &str) -> Vec<Function> {
    let bytes = bare.as_bytes();
    let breaks: Vec<usize> = bare.match_indices('\n').map(|(at, _)| at).collect();
    let line_of = |at: usize| 1 + breaks.partition_point(|b| *b < at);
    let mut found = Vec::new();
    for (at, _) in bare.match_indices("fn ") {
        let from = at + 3;
        let name: String = bare[from..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.is_empty() || is_word(bytes, at.wrapping_sub(1)) {
            continue;
        }
        if let Some(end) = body_end(bytes, from) {
            found.push(Function { name, first: line_of(at), last: line_of(end) });
        }
    }
    found
}

/// The closing brace of the body whose signature goes on at `at`; `None` for a signature alone.
fn body_end(bytes: &[u8], mut at: usize) -> Option<usize> {
    let mut nested = 0i32;
    loop {
        match bytes.get(at)? {
            b'(' | b'[' => nested += 1,
            b')' | b']' => nested -= 1,
            b';' if nested == 0 => return None,
            b'{' if nested == 0 => break,
            _ => {}
        }
        at += 1;
    }
    let mut depth = 0;
    loop {
        match bytes.get(at)? {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
        at += 1;
    }
}

/// The bare text without modules and functions that only tests have: everything under `#[cfg(test)]`.
pub fn without_tests(bare: &str) -> String {
    let mut out = bare.as_bytes().to_vec();
    for (at, mark) in bare.match_indices("#[cfg(test)]") {
        let end = body_end(bare.as_bytes(), at + mark.len()).unwrap_or(at);
        for b in &mut out[at..end] {
            if *b != b'\n' {
                *b = b' ';
            }
        }
    }
    String::from_utf8(out).unwrap()
}

#[test]
fn comments_and_literals_are_seen_through() {
    let text =
        "a // fn x() {}\n/* { /* } */ */ b \"{\\\"{\" c r#\"}\"}\"# d '{' '\\'' 'l: e br\"{\" b'}' '\u{e9}' rb f";
    let bare = bare(text);
    assert_eq!(bare.split_whitespace().collect::<Vec<_>>(), ["a", "b", "c", "d", "'l:", "e", "rb", "f"]);
    assert_eq!(bare.len(), text.len());
}

#[test]
fn functions_are_found_with_their_lines() {
    let text = "trait T {\n  fn a(&self) -> [u8; 3];\n}\nfn b<F: Fn(u8) -> u8>(f: F)\nwhere F: Copy {\n  fn c() {}\n  f(1);\n}\n";
    let found: Vec<_> = functions(text).into_iter().map(|f| (f.name, f.first, f.last)).collect();
    assert_eq!(found, [("b".to_owned(), 4, 8), ("c".to_owned(), 6, 6)]);
}

#[test]
fn tests_are_left_out_on_request() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n fn b() {}\n}\nfn c() {}\n#[cfg(test)]\nmod t;\nfn d() {}\n";
    let kept: Vec<_> = functions(&without_tests(text)).into_iter().map(|f| f.name).collect();
    assert_eq!(kept, ["a", "c", "d"]);
}

//! Enough of Rust's grammar to find calls and string literals: comments gone, test modules left out.

use std::fs;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// The tokens of one file, tests left out.
pub struct Source {
    pub path: PathBuf,
    pub tokens: Vec<Token>,
}

/// Every source file below `folders` that is no test, in a fixed order.
pub fn read(root: &Path, folders: &[&str]) -> Vec<Source> {
    let mut paths = Vec::new();
    for folder in folders {
        collect(&root.join(folder), &mut paths);
    }
    paths.sort();
    let one = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        Source { path: path.strip_prefix(root).unwrap().to_owned(), tokens: without_tests(tokens(&text)) }
    };
    paths.into_iter().map(one).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap_or_default();
        if path.is_dir() {
            if name != "tests" {
                collect(&path, found);
            }
        } else if name.ends_with(".rs")
            && name != "tests.rs"
            && !name.ends_with("_test.rs")
            && !name.ends_with("_tests.rs")
        {
            found.push(path);
        }
    }
}

/// Cuts a text into tokens.
pub fn tokens(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    let mut found = Vec::new();
    while let Some(&c) = chars.get(at) {
        let rest = &chars[at..];
        if rest.starts_with(&['/', '/']) {
            at += rest.iter().position(|c| *c == '\n').unwrap_or(rest.len());
        } else if rest.starts_with(&['/', '*']) {
            at += block_comment(rest);
        } else if let Some((text, len)) = string(rest) {
            found.push(Token::Text(text));
            at += len;
        } else if c.is_alphanumeric() || c == '_' {
            let len = rest.iter().position(|c| !c.is_alphanumeric() && *c != '_').unwrap_or(rest.len());
            found.push(Token::Word(rest[..len].iter().collect()));
            at += len;
        } else if c == '\'' {
            at += quote(rest);
        } else {
            if !c.is_whitespace() {
                found.push(Token::Sign(c));
            }
            at += 1;
        }
    }
    found
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match rest.get(at..at + 2) {
            Some(['/', '*']) => (depth, at) = (depth + 1, at + 2),
            Some(['*', '/']) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

/// A string literal at the start of `rest`: its text, escapes resolved as far as they matter here, and its length.
fn string(rest: &[char]) -> Option<(String, usize)> {
    let prefix = rest.iter().position(|c| !matches!(c, 'b' | 'r' | 'c'))?;
    let raw = prefix > 0 && rest[..prefix].contains(&'r');
    let hashes = if raw { rest[prefix..].iter().take_while(|c| **c == '#').count() } else { 0 };
    let body = prefix + hashes + 1;
    if prefix > 2 || rest.get(body - 1) != Some(&'"') {
        return None;
    }
    let mut text = String::new();
    let mut at = body;
    while let Some(&c) = rest.get(at) {
        if c == '"' && rest[at + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes {
            return Some((text, at + 1 + hashes));
        }
        if c == '\\' && !raw {
            at += 1;
            match rest.get(at) {
                // A line that goes on: its break and the next line's indentation are not part of the text.
                Some('\n') => {
                    at += rest[at..].iter().take_while(|c| c.is_whitespace()).count();
                    continue;
                }
                Some('n') => text.push('\n'),
                Some(other) => text.push(*other),
                None => break,
            }
        } else {
            text.push(c);
        }
        at += 1;
    }
    Some((text, at))
}

/// The length of a character literal, or of the quote that starts a lifetime.
fn quote(rest: &[char]) -> usize {
    match rest {
        [_, '\\', ..] => rest.iter().skip(3).position(|c| *c == '\'').map_or(rest.len(), |end| end + 4),
        [_, _, '\'', ..] => 3,
        _ => 1,
    }
}

/// Leaves out every item that stands under `#[cfg(test)]`.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let mark = tokens_of_mark();
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].starts_with(&mark) {
            at += mark.len();
            let item = &tokens[at..];
            let end = item.iter().position(|t| matches!(t, Token::Sign('{' | ';'))).unwrap_or(item.len());
            at += if item.get(end) == Some(&Token::Sign('{')) { closing(item, end) + 1 } else { end + 1 };
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

fn tokens_of_mark() -> Vec<Token> {
    tokens("#[cfg(test)]")
}

/// Where the bracket that opens at `open` closes.
pub fn closing(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0i32;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// The arguments between the bracket at `open` and its closing one.
pub fn arguments(tokens: &[Token], open: usize) -> Vec<&[Token]> {
    let inner = &tokens[open + 1..closing(tokens, open).min(tokens.len())];
    let (mut depth, mut start) = (0i32, 0);
    let mut found = Vec::new();
    for (at, token) in inner.iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth -= 1,
            Token::Sign(',') if depth == 0 => {
                found.push(&inner[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&inner[start..]);
    found.retain(|argument| !argument.is_empty());
    found
}

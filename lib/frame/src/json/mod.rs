//! Strict JSON (RFC 8259) over byte slices, without recursion.
//!
//! [`Pull`] yields tokens and checks the grammar; [`Tape`] keeps one value as a flat list of nodes that later stages
//! walk. A slice may end in the middle of a value: that is [`Code::Truncated`], and the caller comes back with more.

mod escape;
pub(crate) mod index;
pub(crate) mod pick;
mod pull;
mod scan;
pub(crate) mod simd;
pub(crate) mod skim;
mod skim_simd;
mod tape;
mod text;

pub(crate) use escape::{are_escapes, decode_into};
pub use pull::{DEPTH_MAX, Pull, Token, TokenKind};
pub(crate) use tape::content;
pub use tape::{Kind, Node, Rules, Tape};
pub(crate) use text::unescape_into;
pub use text::{minify, unescape, write_string};

/// Which rule of the grammar was broken. Names are stable: they stand in reject records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The bytes end inside a value.
    Truncated,
    /// A byte that the grammar has no place for.
    Syntax,
    /// A control character inside a string.
    Control,
    /// A backslash followed by something that is no escape.
    Escape,
    /// Half of a surrogate pair.
    Surrogate,
    /// Bytes that are no UTF-8.
    Utf8,
    /// A number that JSON does not know (`01`, `1.`, `+1`, `.5`).
    Number,
    /// A word other than `true`, `false`, `null`.
    Literal,
    /// Nested deeper than the limit.
    Depth,
    /// The same key twice in one object.
    DuplicateKey,
    /// Longer than the limit for one record.
    Size,
}

impl Code {
    pub fn name(self) -> &'static str {
        match self {
            Code::Truncated => "truncated",
            Code::Syntax => "syntax",
            Code::Control => "control",
            Code::Escape => "escape",
            Code::Surrogate => "surrogate",
            Code::Utf8 => "utf8",
            Code::Number => "number",
            Code::Literal => "literal",
            Code::Depth => "depth",
            Code::DuplicateKey => "duplicate_key",
            Code::Size => "size",
        }
    }

    /// The rule in words, for error messages.
    pub fn message(self) -> &'static str {
        match self {
            Code::Truncated => "the JSON ends inside a value",
            Code::Syntax => "not JSON",
            Code::Control => "a control character stands unescaped in a string",
            Code::Escape => "not a JSON escape",
            Code::Surrogate => "half of a surrogate pair",
            Code::Utf8 => "not UTF-8",
            Code::Number => "not a JSON number",
            Code::Literal => "not a JSON word",
            Code::Depth => "nested too deep",
            Code::DuplicateKey => "the same key stands twice in one object",
            Code::Size => "one record is longer than the limit",
        }
    }
}

/// A broken rule and its place, in bytes from the start of the slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub code: Code,
    pub at: usize,
    pub expected: &'static str,
}

impl Fault {
    pub(crate) fn new(code: Code, at: usize, expected: &'static str) -> Self {
        Fault { code, at, expected }
    }

    /// More bytes could make this good.
    pub fn is_truncated(&self) -> bool {
        self.code == Code::Truncated
    }
}

/// Whether a text is one JSON number and nothing else.
pub(crate) fn is_number(text: &[u8]) -> bool {
    scan::number(text, 0, true).is_ok_and(|(end, _)| end == text.len())
}

/// Where the number or word that `text` begins with ends, if it is one; strict.
pub(crate) fn scalar_end(text: &[u8]) -> Option<usize> {
    let word = |w: &'static str| text.starts_with(w.as_bytes()).then_some(w.len());
    match text.first()? {
        b't' => word("true"),
        b'f' => word("false"),
        b'n' => word("null"),
        _ => scan::number(text, 0, true).ok().map(|(end, _)| end),
    }
}

/// Whether a bare word, which begins with `b`, is a number or one of the three words.
#[inline]
pub(crate) fn check_word(b: u8, word: &[u8]) -> Option<()> {
    // Most are a few digits.
    let digits = !matches!(b, b'0' | b'-') && word.iter().all(u8::is_ascii_digit);
    (digits || scalar_end(word)? == word.len()).then_some(())
}

/// Whether a bare word ends at this byte: structure, space or a quote.
pub(crate) fn ends_word(b: u8) -> bool {
    matches!(b, b'{' | b'}' | b'[' | b']' | b':' | b',' | b'"' | b' ' | b'\t' | b'\n' | b'\r')
}

/// Where the string whose quote is at `start` ends, if it is one; strict.
#[cfg(test)]
pub(crate) fn string_end(bytes: &[u8], start: usize) -> Option<usize> {
    scan::string(bytes, start, false).ok().map(|(end, _)| end)
}

/// What stands at `at`, for the "got" of an error.
pub(crate) fn shown(bytes: &[u8], at: usize) -> String {
    match bytes.get(at) {
        None => "the end".to_owned(),
        Some(b) if b.is_ascii_graphic() || *b == b' ' => format!("`{}`", char::from(*b)),
        Some(b) => format!("byte 0x{b:02x}"),
    }
}

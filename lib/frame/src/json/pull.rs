//! The pull parser: one token a call, the grammar checked on the way.

use super::{Code, Fault, scan};

/// Containers inside containers, at most. The stack is one bit a level and lives in the parser itself.
pub const DEPTH_MAX: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenKind {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    /// A key with its quotes; the colon is consumed as well.
    Key,
    /// A string with its quotes.
    String,
    Number,
    True,
    False,
    Null,
}

/// A token: what, from where to where, and its one extra bit - escapes in a string or key, a fraction or exponent in
/// a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    pub start: usize,
    pub end: usize,
    pub flag: bool,
    /// A string or key that is no text, let pass.
    pub replaced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Value,
    FirstElement,
    FirstKey,
    Key,
    CommaOrEnd,
    Done,
}

/// Reads one JSON value from the start of a slice.
pub struct Pull<'a> {
    bytes: &'a [u8],
    at: usize,
    /// No further slice follows: a number at the very end is complete.
    last: bool,
    lenient: bool,
    expect: Expect,
    depth: usize,
    depth_max: usize,
    /// Bit set: the container of that level is an object.
    objects: [u64; DEPTH_MAX / 64],
}

impl<'a> Pull<'a> {
    pub fn new(bytes: &'a [u8], last: bool, depth_max: usize) -> Self {
        let depth_max = depth_max.min(DEPTH_MAX);
        Pull {
            bytes,
            at: 0,
            last,
            lenient: false,
            expect: Expect::Value,
            depth: 0,
            depth_max,
            objects: [0; DEPTH_MAX / 64],
        }
    }

    /// Lets strings pass that are no text: half surrogate pairs, and bytes that are not UTF-8.
    #[must_use]
    pub fn lenient(mut self, lenient: bool) -> Self {
        self.lenient = lenient;
        self
    }

    /// Bytes consumed so far: after the last token, the length of the value.
    pub fn position(&self) -> usize {
        self.at
    }

    fn push(&mut self, object: bool) -> Result<(), Fault> {
        if self.depth >= self.depth_max {
            return Err(Fault::new(Code::Depth, self.at, "fewer levels"));
        }
        if let Some(word) = self.objects.get_mut(self.depth / 64) {
            let bit = 1 << (self.depth % 64);
            *word = if object { *word | bit } else { *word & !bit };
        }
        self.depth += 1;
        Ok(())
    }

    fn in_object(&self) -> bool {
        let level = self.depth.wrapping_sub(1);
        self.objects.get(level / 64).is_some_and(|word| word >> (level % 64) & 1 == 1)
    }

    fn space(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// The next token, or `None` after the end of the value.
    ///
    /// # Errors
    /// The first broken rule.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Token>, Fault> {
        loop {
            if self.expect == Expect::Done {
                return Ok(None);
            }
            let Some(byte) = self.space() else { return Err(Fault::new(Code::Truncated, self.at, self.expected())) };
            match (self.expect, byte) {
                (Expect::Value, _) => return self.value(byte).map(Some),
                (Expect::FirstElement, b']') | (Expect::FirstKey, b'}') => return Ok(Some(self.close(byte))),
                (Expect::FirstElement, _) => return self.value(byte).map(Some),
                (Expect::FirstKey | Expect::Key, b'"') => return self.key().map(Some),
                (Expect::CommaOrEnd, b',') => {
                    self.at += 1;
                    self.expect = if self.in_object() { Expect::Key } else { Expect::Value };
                }
                (Expect::CommaOrEnd, b'}') if self.in_object() => return Ok(Some(self.close(byte))),
                (Expect::CommaOrEnd, b']') if !self.in_object() => return Ok(Some(self.close(byte))),
                _ => return Err(Fault::new(Code::Syntax, self.at, self.expected())),
            }
        }
    }

    fn expected(&self) -> &'static str {
        match self.expect {
            Expect::Value => "a value",
            Expect::FirstElement => "a value or `]`",
            Expect::FirstKey => "a key in quotes or `}`",
            Expect::Key => "a key in quotes",
            Expect::CommaOrEnd if self.in_object() => "`,` or `}`",
            Expect::CommaOrEnd => "`,` or `]`",
            Expect::Done => "nothing more",
        }
    }

    fn after_value(&mut self) {
        self.expect = if self.depth == 0 { Expect::Done } else { Expect::CommaOrEnd };
    }

    fn close(&mut self, byte: u8) -> Token {
        let kind = if byte == b'}' { TokenKind::ObjectEnd } else { TokenKind::ArrayEnd };
        self.depth = self.depth.saturating_sub(1);
        let start = self.at;
        self.at += 1;
        self.after_value();
        Token { kind, start, end: self.at, flag: false, replaced: false }
    }

    fn key(&mut self) -> Result<Token, Fault> {
        let start = self.at;
        let (end, holds) = scan::string(self.bytes, start, self.lenient)?;
        self.at = end;
        match self.space() {
            Some(b':') => self.at += 1,
            Some(_) => return Err(Fault::new(Code::Syntax, self.at, "`:`")),
            None => return Err(Fault::new(Code::Truncated, self.at, "`:`")),
        }
        self.expect = Expect::Value;
        Ok(Token { kind: TokenKind::Key, start, end, flag: holds.escaped, replaced: holds.replaced })
    }

    fn value(&mut self, byte: u8) -> Result<Token, Fault> {
        let start = self.at;
        let (kind, end, flag) = match byte {
            b'{' | b'[' => {
                let object = byte == b'{';
                self.push(object)?;
                self.at += 1;
                self.expect = if object { Expect::FirstKey } else { Expect::FirstElement };
                let kind = if object { TokenKind::ObjectBegin } else { TokenKind::ArrayBegin };
                return Ok(Token { kind, start, end: self.at, flag: false, replaced: false });
            }
            b'"' => {
                let (end, holds) = scan::string(self.bytes, start, self.lenient)?;
                self.at = end;
                self.after_value();
                let (flag, replaced) = (holds.escaped, holds.replaced);
                return Ok(Token { kind: TokenKind::String, start, end, flag, replaced });
            }
            b'-' | b'0'..=b'9' => {
                let (end, flag) = scan::number(self.bytes, start, self.last)?;
                (TokenKind::Number, end, flag)
            }
            b't' => (TokenKind::True, scan::literal(self.bytes, start, "true", self.last)?, false),
            b'f' => (TokenKind::False, scan::literal(self.bytes, start, "false", self.last)?, false),
            b'n' => (TokenKind::Null, scan::literal(self.bytes, start, "null", self.last)?, false),
            b'+' | b'.' => return Err(Fault::new(Code::Number, start, "a digit or `-`")),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' => {
                return Err(Fault::new(Code::Literal, start, "true, false, null, or a string in quotes"));
            }
            _ => return Err(Fault::new(Code::Syntax, start, self.expected())),
        };
        self.at = end;
        self.after_value();
        Ok(Token { kind, start, end, flag, replaced: false })
    }
}

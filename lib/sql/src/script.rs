//! Statements of a text that comes bit by bit, from a pipe or from a file of any size: each is given out when it is
//! whole, and only the piece that it stands in is in memory.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read};

use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Location, Token, Tokenizer, TokenizerError};
use qx_formats::{Error, Result};

use crate::statement::{Lines, Statement, split, syntax};

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;
/// A statement longer than this is looked through again only when as much has come again.
const LONG: usize = 1 << 20;

/// A reader of statements.
pub struct Script<R> {
    source: R,
    /// What was read and given out of no statement yet.
    bytes: Vec<u8>,
    /// Where that begins in the whole text.
    origin: Location,
    /// Bytes of the whole text before it.
    before: u64,
    ended: bool,
    ready: VecDeque<Result<Statement>>,
    /// Bytes that are worth a look.
    worth: usize,
}

impl<R: Read> Script<R> {
    pub fn new(source: R) -> Script<R> {
        let origin = Location { line: 1, column: 1 };
        Script { source, bytes: Vec::new(), origin, before: 0, ended: false, ready: VecDeque::new(), worth: 0 }
    }

    fn end(&mut self) {
        self.ready.clear();
        self.bytes.clear();
        self.ended = true;
    }

    /// Takes more of the text. Returns whether a statement may have been completed.
    fn read(&mut self) -> Result<bool> {
        let have = self.bytes.len();
        self.bytes.resize(have + PIECE, 0);
        let got = loop {
            match self.source.read(self.bytes.get_mut(have..).unwrap_or_default()) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                other => break other.map_err(|e| Error::io("read", e))?,
            }
        };
        self.bytes.truncate(have + got);
        self.ended = got == 0;
        let new = self.bytes.get(have..).unwrap_or_default();
        let end = new.trim_ascii_end().ends_with(b";");
        Ok(self.ended || end || (new.contains(&b';') && self.bytes.len() >= self.worth))
    }

    /// Gives out the statements that are whole.
    fn cut(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let (text, bad) = match std::str::from_utf8(&bytes) {
            Ok(text) => (text, None),
            Err(e) => {
                let whole = bytes.get(..e.valid_up_to()).and_then(|b| std::str::from_utf8(b).ok()).unwrap_or_default();
                // The end of the piece may stand within a character.
                (whole, (self.ended || e.error_len().is_some()).then(|| self.before + e.valid_up_to() as u64))
            }
        };
        let lines = Lines::behind(text, self.origin);
        let mut tokens = Vec::new();
        let done = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location_into_buf_with_mapper(
            &mut tokens,
            |mut token| {
                token.span.start = lines.place(token.span.start);
                token.span.end = lines.place(token.span.end);
                token
            },
        );
        let last = self.ended && bad.is_none();
        let whole = match (&done, last) {
            (Ok(()), true) => tokens.len(),
            _ => tokens.iter().rposition(|t| t.token == Token::SemiColon).map_or(0, |at| at + 1),
        };
        let end = match tokens.get(whole.wrapping_sub(1)) {
            _ if whole == tokens.len() && last => text.len(),
            Some(token) => lines.offset(token.span.end),
            None => 0,
        };
        self.origin = tokens.get(whole.wrapping_sub(1)).map_or(self.origin, |token| token.span.end);
        tokens.truncate(whole);
        self.ready.extend(split(&lines, tokens));
        if let Some(at) = bad {
            self.ready.push_back(Err(Error::invalid("SQL is UTF-8 text").offset(at)));
        } else if let (Err(e), true) = (done, last) {
            let e = TokenizerError { location: lines.place(e.location), ..e };
            self.ready.push_back(Err(syntax(e.into())));
        } else {
            self.bytes = bytes.get(end..).unwrap_or_default().to_vec();
        }
        self.before += end as u64;
        self.worth = if self.bytes.len() > LONG { self.bytes.len() * 2 } else { 0 };
    }
}

/// Waits for the source. Errors are `Io`; `Usage` with line and column for what does not parse, `Invalid` for what is no
/// text, in their turn. Nothing follows an error.
impl<R: Read> Iterator for Script<R> {
    type Item = Result<Statement>;

    fn next(&mut self) -> Option<Result<Statement>> {
        loop {
            if let Some(next) = self.ready.pop_front() {
                if next.is_err() {
                    self.end();
                }
                return Some(next);
            }
            if self.ended && self.bytes.is_empty() {
                return None;
            }
            match self.read() {
                Ok(false) => {}
                Ok(true) => self.cut(),
                Err(e) => {
                    self.end();
                    return Some(Err(e));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives so many bytes at a time.
    struct Drops<'a>(&'a [u8], usize);

    impl Read for Drops<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let n = self.1.min(self.0.len()).min(out.len());
            let (now, rest) = self.0.split_at(n);
            out[..n].copy_from_slice(now);
            self.0 = rest;
            Ok(n)
        }
    }

    fn texts(script: &[u8], size: usize) -> (Vec<String>, Option<String>) {
        let mut script = Script::new(Drops(script, size));
        let mut all = Vec::new();
        while let Some(next) = script.next() {
            match next {
                Ok(s) => all.push(s.text().to_owned()),
                Err(e) => {
                    assert!(script.next().is_none(), "something follows an error");
                    return (all, Some(e.to_string()));
                }
            }
        }
        (all, None)
    }

    #[test]
    fn statements_are_the_same_however_they_come() {
        let script = "select 'a;b' ; -- one; two\n\nselect /* ; */ \"x;\" from t;;insert into t values ('é;\n;');\n  select $$;$$; select 1";
        let whole: Vec<String> = crate::statement::parse(script).unwrap().iter().map(|s| s.text().to_owned()).collect();
        assert_eq!(whole.len(), 5);
        for size in 1..script.len() + 1 {
            assert_eq!(texts(script.as_bytes(), size), (whole.clone(), None), "{size} bytes at a time");
        }
    }

    #[test]
    fn what_came_before_an_error_is_given_out_and_places_are_those_of_the_text() {
        let script = b"select 1;\nselect 2; select 1 +;\nselect 3;";
        for size in 1..script.len() + 1 {
            let (before, error) = texts(script, size);
            assert_eq!(before, ["select 1", "select 2"], "{size}");
            assert!(error.as_ref().is_some_and(|e| e.contains("Line: 2, Column: 21")), "{size}: {error:?}");
        }
        for (script, says) in
            [(&b"select 1;\n select 'a"[..], "Line: 2, Column: 9"), (b"select 1; select '\xff'", "byte 18")]
        {
            for size in 1..script.len() + 1 {
                let (before, error) = texts(script, size);
                assert_eq!(before, ["select 1"], "{size}");
                assert!(error.as_ref().is_some_and(|e| e.contains(says)), "{size}: {error:?}");
            }
        }
    }
}

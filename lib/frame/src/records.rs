//! Splits a stream into records: top-level values, and the elements of top-level arrays. Only what is not yet handed
//! out is in memory.

mod fast;
mod reject;
mod seek;

use std::path::PathBuf;
use std::sync::Arc;

use qx_formats::{Error, Result};
use qx_io::Job;

use crate::Source;
use crate::json::{Code, Fault, Rules, Tape, shown};
use crate::options::{BadText, Options};
use crate::report::{Reject, Spot, Tally};
use crate::source::Input;
use fast::Fast;
use seek::Root;
pub(crate) use seek::steps as pointer_steps;

/// How much is asked for at a time.
const CHUNK: usize = 256 << 10;
/// Bytes of a bad record that are kept for its report.
const RAW_MAX: usize = 64 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Between top-level values.
    Root,
    /// After `[`: an element or `]`.
    First,
    /// After `,`: an element.
    Element,
    /// After an element: `,` or `]`.
    Comma,
}

/// What comes next in a source.
pub(crate) enum Next<'a> {
    Record { raw: &'a [u8], spot: Spot },
    Bad(Box<Reject>),
    End,
}

/// The records of one source, in order.
pub(crate) struct Records {
    input: Input,
    name: Arc<str>,
    source: usize,
    buf: Vec<u8>,
    /// The bytes not yet consumed are `buf[start..end]`.
    start: usize,
    end: usize,
    eof: bool,
    /// Offset in the source and line of `buf[start]`.
    offset: u64,
    line: u64,
    state: State,
    /// Length of the record that was handed out last, consumed by the next call.
    pending: usize,
    roots: u64,
    only_null: bool,
    count: u64,
    pub(crate) arrays: u64,
    rejects: bool,
    record_max: usize,
    depth_max: usize,
    root: Root,
    fast: Fast,
    lenient: bool,
}

impl Records {
    pub(crate) fn open(source: &Source, index: usize, opts: &Options) -> Result<Records> {
        Records::new(Input::open(source)?, source.name().into(), index, opts)
    }

    fn new(input: Input, name: Arc<str>, source: usize, opts: &Options) -> Result<Records> {
        let rules = Rules { dup_keys: opts.dup_keys, bad_text: opts.bad_text };
        let mut records = Records {
            input,
            name,
            source,
            buf: Vec::new(),
            start: 0,
            end: 0,
            eof: false,
            offset: 0,
            line: 1,
            state: State::Root,
            pending: 0,
            roots: 0,
            only_null: false,
            count: 0,
            arrays: 0,
            rejects: opts.rejects,
            record_max: opts.limits.record_bytes.min(i32::MAX as usize / 2),
            depth_max: opts.limits.depth,
            root: Root::new(opts)?,
            fast: Fast::new(opts, Tape::new(rules)),
            lenient: opts.bad_text == BadText::Replace,
        };
        records.start_of_text()?;
        Ok(records)
    }

    /// Bytes consumed so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.offset + self.pending as u64
    }

    /// Documents that have nothing where their records should be.
    pub(crate) fn rootless(&self) -> u64 {
        self.root.missing
    }

    /// Values that stood beside the records under the name that leads to them, and are not among the rows.
    pub(crate) fn root_dropped(&self) -> Option<(String, Tally)> {
        self.root.dropped()
    }

    /// A byte-order mark is dropped when it says UTF-8, and refused when it says UTF-16.
    fn start_of_text(&mut self) -> Result<()> {
        while self.end - self.start < 3 && self.fill(1, &Job::default())? {}
        let head = self.rest();
        if head.starts_with(&[0xEF, 0xBB, 0xBF]) {
            self.consume(3);
        } else if head.starts_with(&[0xFE, 0xFF]) || head.starts_with(&[0xFF, 0xFE]) {
            return Err(Error::invalid("the text is UTF-16")
                .path(PathBuf::from(&*self.name))
                .offset(0)
                .expected("UTF-8")
                .hint("convert it first: iconv -f UTF-16 -t UTF-8"));
        }
        Ok(())
    }

    fn rest(&self) -> &[u8] {
        self.buf.get(self.start..self.end).unwrap_or_default()
    }

    fn consume(&mut self, n: usize) {
        let lines = self.rest().get(..n).map_or(0, |b| memchr::memchr_iter(b'\n', b).count());
        self.start += n;
        self.offset += n as u64;
        self.line += lines as u64;
    }

    /// Reads until `more` further bytes are there. False at the end of the source.
    fn fill(&mut self, more: usize, job: &Job) -> Result<bool> {
        if self.eof {
            return Ok(false);
        }
        self.fast.forget();
        self.buf.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let want = self.end + more;
        if self.buf.len() < want.max(CHUNK) {
            self.buf.resize(want.max(CHUNK), 0);
        }
        while self.end < want {
            let n = self.input.read(self.buf.get_mut(self.end..).unwrap_or_default())?;
            job.step(n as u64)?;
            if n == 0 {
                self.eof = true;
                break;
            }
            self.end += n;
        }
        Ok(true)
    }

    /// How much more of a record that is cut off is asked for: at least `least`, as much again as there is, and not much more
    /// than one may have.
    fn ahead(&self, least: usize) -> usize {
        (self.end - self.start).min(self.record_max).max(least)
    }

    /// The next byte that is not space.
    fn peek(&mut self, job: &Job) -> Result<Option<u8>> {
        loop {
            let rest = self.rest();
            let space = rest.iter().position(|b| !matches!(b, b' ' | b'\n' | b'\r' | b'\t'));
            let found = space.and_then(|i| rest.get(i).copied());
            self.consume(space.unwrap_or(self.end - self.start));
            if found.is_some() || !self.fill(1, job)? {
                return Ok(found);
            }
        }
    }

    /// Whether nothing but the end is left.
    pub(crate) fn finished(&mut self, job: &Job) -> Result<bool> {
        self.settle();
        // An array at its end has as many records as the same lines.
        if matches!(self.state, State::First | State::Comma) && self.peek(job)? == Some(b']') {
            self.state = State::Root;
            self.consume(1);
        }
        if self.state == State::Root && self.root.inside() {
            self.ascend(job)?;
        }
        Ok(self.state == State::Root && self.peek(job)?.is_none())
    }

    fn settle(&mut self) {
        let pending = std::mem::take(&mut self.pending);
        self.consume(pending);
    }

    /// Hands out the next record, its nodes in `tape`.
    pub(crate) fn next(&mut self, tape: &mut Tape, job: &Job) -> Result<Next<'_>> {
        self.settle();
        loop {
            if self.state == State::Root && self.root.inside() {
                self.ascend(job)?;
            }
            if self.peek(job)?.is_none() {
                self.at_end()?;
                return Ok(Next::End);
            }
            if self.state == State::Root && self.root.asked() && !self.descend(job)? {
                continue;
            }
            let Some(byte) = self.peek(job)? else {
                self.at_end()?;
                return Ok(Next::End);
            };
            match (self.state, byte) {
                (State::Root, b'[') => {
                    self.roots += 1;
                    self.arrays += 1;
                    self.state = State::First;
                    self.consume(1);
                }
                (State::First | State::Comma, b']') => {
                    self.state = State::Root;
                    self.consume(1);
                }
                (State::Comma, b',') => {
                    self.state = State::Element;
                    self.consume(1);
                }
                (State::Comma, _) => {
                    return Err(self.error(&Fault::new(Code::Syntax, 0, "`,` or `]`"), "", &[byte]));
                }
                _ => return self.value(tape, job),
            }
        }
    }

    fn at_end(&self) -> Result<()> {
        let path = PathBuf::from(&*self.name);
        if self.state != State::Root || self.root.inside() {
            let fault = Fault::new(Code::Truncated, 0, "`,` or `]`");
            return Err(self.error(&fault, "", &[]));
        }
        if self.roots == 0 && self.root.missing > 0 {
            return Err(Error::invalid(format!("no document has anything at {}", self.root.name()))
                .path(path)
                .hint("--root is a JSON pointer: /data/items"));
        }
        if self.roots == 0 {
            return Err(Error::invalid("there is no JSON value in it")
                .path(path)
                .offset(self.offset)
                .expected("a value"));
        }
        if self.roots == 1 && self.only_null {
            return Err(Error::invalid("its only value is null, which has no rows")
                .path(path)
                .expected("objects, arrays or scalars")
                .got("null"));
        }
        Ok(())
    }

    /// Parses one value, reading on as long as it is cut off. What is read doubles each time, so that a value is
    /// looked at a bounded number of times per byte.
    fn value(&mut self, tape: &mut Tape, job: &Job) -> Result<Next<'_>> {
        self.count += 1;
        loop {
            let have = self.end - self.start;
            match tape.parse(self.rest(), self.eof, self.depth_max) {
                Ok(length) if length <= self.record_max => {
                    if let Some(fault) = self.unseparated(tape, length) {
                        return self.bad(tape, &fault, job);
                    }
                    self.accept(tape, length);
                    let spot = Spot { source: self.source, line: self.line, offset: self.offset };
                    let raw = self.buf.get(self.start..self.start + length).unwrap_or_default();
                    return Ok(Next::Record { raw, spot });
                }
                Err(fault) if fault.is_truncated() && !self.eof && have <= self.record_max => {
                    self.fill(self.ahead(CHUNK / 4), job)?;
                }
                Err(fault) if fault.is_truncated() && !self.eof => {
                    return Err(self.too_long(have));
                }
                Err(Fault { code: Code::Size, .. }) => return Err(self.too_long(have)),
                Ok(length) => return Err(self.too_long(length)),
                Err(fault) => return self.bad(tape, &fault, job),
            }
        }
    }

    fn too_long(&self, have: usize) -> Error {
        Error::limit("the length of one record in bytes", self.record_max as u64, have as u64)
            .path(PathBuf::from(&*self.name))
            .offset(self.offset)
            .hint("a document that holds many records should be an array of them, or NDJSON")
    }

    /// Numbers and words at the root need space after them, or two of them would read as one.
    fn unseparated(&self, tape: &Tape, length: usize) -> Option<Fault> {
        let scalar = !matches!(tape.node(0).kind, crate::json::Kind::Object | crate::json::Kind::Array);
        let next = self.rest().get(length)?;
        let open =
            self.state == State::Root && !self.root.inside() && scalar && !matches!(next, b' ' | b'\n' | b'\r' | b'\t');
        open.then(|| Fault::new(Code::Syntax, length, "space after a value"))
    }

    fn accept(&mut self, tape: &Tape, length: usize) {
        self.pending = length;
        if self.state == State::Root {
            self.roots += 1;
            self.only_null = tape.node(0).kind == crate::json::Kind::Null;
        } else {
            self.state = State::Comma;
        }
    }

    fn error(&self, fault: &Fault, path: &str, got: &[u8]) -> Error {
        let spot = Spot { source: self.source, line: self.line, offset: self.offset }.inside(self.rest(), fault.at);
        fault_error(fault, &self.name, spot, path, got)
    }
}

fn describe(fault: &Fault, got: &[u8]) -> String {
    if fault.code == Code::DuplicateKey {
        return fault.code.message().to_owned();
    }
    let found = if fault.code == Code::Truncated { "the end".to_owned() } else { shown(got, 0) };
    format!("{}: expected {}, got {found}", fault.code.message(), fault.expected)
}

/// A fault as an error: file, line, byte, JSON pointer.
pub(crate) fn fault_error(fault: &Fault, name: &str, spot: Spot, path: &str, got: &[u8]) -> Error {
    let inside = if path.is_empty() { String::new() } else { format!(" in {}", short(path)) };
    let error = Error::invalid(format!("line {}: {}{inside}", spot.line, fault.code.message()))
        .path(PathBuf::from(name))
        .offset(spot.offset)
        .expected(fault.expected);
    match fault.code {
        Code::Truncated => error.got("the end"),
        Code::DuplicateKey => error,
        _ => error.got(shown(got, 0)),
    }
}

/// Characters of a pointer that are shown from its start and from its end.
const POINTER_SHOWN: usize = 100;

/// A pointer that is too long to read, without its middle.
fn short(pointer: &str) -> String {
    let count = pointer.chars().count();
    if count <= 3 * POINTER_SHOWN {
        return pointer.to_owned();
    }
    let head: String = pointer.chars().take(POINTER_SHOWN).collect();
    let tail: String = pointer.chars().skip(count - POINTER_SHOWN).collect();
    format!("{head}...{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Gives its bytes in pieces of given sizes, over and over.
    struct Pieces {
        bytes: Vec<u8>,
        at: usize,
        sizes: Vec<usize>,
        turn: usize,
    }

    impl std::io::Read for Pieces {
        fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
            let size = self.sizes[self.turn % self.sizes.len()];
            self.turn += 1;
            let n = size.min(buf.len()).min(self.bytes.len() - self.at);
            buf[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
            self.at += n;
            Ok(n)
        }
    }

    fn all(bytes: &[u8], sizes: Vec<usize>) -> Result<Vec<(Vec<u8>, u64, u64)>> {
        let pieces = Pieces { bytes: bytes.to_vec(), at: 0, sizes, turn: 0 };
        let mut records = Records::new(Input::from_reader(pieces), "test".into(), 0, &Options::default())?;
        let (mut tape, mut out) = (Tape::default(), Vec::new());
        while let Next::Record { raw, spot } = records.next(&mut tape, &Job::default())? {
            out.push((raw.to_vec(), spot.line, spot.offset));
        }
        Ok(out)
    }

    #[test]
    fn a_record_longer_than_many_reads_comes_whole() {
        let long = format!("[\n{{\"a\":\"{}\"}},\n 12345678901234567890 \n]", "x".repeat(3 * CHUNK + 17));
        let records = all(long.as_bytes(), vec![CHUNK / 3]).unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!((records[0].1, records[0].2, records[0].0.len()), (2, 2, 3 * CHUNK + 17 + 8));
        assert_eq!((records[1].0.as_slice(), records[1].1), (&b"12345678901234567890"[..], 3));
    }

    #[test]
    fn what_separates_records_is_checked() {
        for (text, want) in [
            ("{}{}[1]2 \"a\" {}", Ok(6)),
            ("1 2", Ok(2)),
            ("\"a\"\"b\"", Err(3)),
            ("1,2", Err(1)),
            ("[1,]", Err(3)),
            ("[,1]", Err(1)),
            ("[1 2]", Err(3)),
            ("[1", Err(2)),
            ("[", Err(1)),
            ("]", Err(0)),
            ("[1]]", Err(3)),
            ("{},", Err(2)),
            ("{\"a\":[1}", Err(7)),
        ] {
            let got = all(text.as_bytes(), vec![100]).map(|r| r.len()).map_err(|e| e.get_offset().unwrap());
            assert_eq!(got, want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn records_do_not_depend_on_how_bytes_arrive(
            parts in prop::collection::vec(prop::sample::select(vec![
                "1 ", "{\"a\":[1,2.5e1,\"x\\n\\ud83d\\ude00\"]}", "\n", "[{},null,\"é\"]", "true\n", "\"😀\" ", " ", "-0.5\n", "[]",
            ]), 0..12),
            sizes in prop::collection::vec(1usize..7, 1..5),
        ) {
            let text = parts.concat();
            let whole = all(text.as_bytes(), vec![1 << 20]);
            let pieces = all(text.as_bytes(), sizes);
            match (whole, pieces) {
                (Ok(a), Ok(b)) => prop_assert_eq!(a, b),
                (Err(a), Err(b)) => prop_assert_eq!(a.to_string(), b.to_string()),
                (a, b) => prop_assert!(false, "{:?} {:?}", a.is_ok(), b.is_ok()),
            }
        }
    }
}

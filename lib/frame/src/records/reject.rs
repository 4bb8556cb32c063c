//! Bad records that are set aside: where they end, so that reading can go on.

use qx_formats::Result;
use qx_io::Job;

use super::{CHUNK, Next, RAW_MAX, Records, State, describe};
use crate::json::{Code, Fault, Tape};
use crate::report::{Reject, Spot};

impl Records {
    /// A bad record is an error, or it is set aside and reading goes on: after its line, or, inside an array, after the
    /// element, where its brackets and quotes still say where that ends. After a fault of the syntax they do not: a quote
    /// that is missing turns strings inside out.
    pub(super) fn bad(&mut self, tape: &mut Tape, fault: &Fault, job: &Job) -> Result<Next<'_>> {
        let at = self.rest().get(fault.at).copied();
        let got: &[u8] = at.as_slice();
        let path = tape.fault_pointer(self.rest());
        self.fast.distrust();
        let error = self.error(fault, &path, got);
        if !self.rejects {
            return Err(error);
        }
        let in_array = self.state != State::Root || self.root.inside();
        let here = Spot { source: self.source, line: self.line, offset: self.offset };
        let place = here.inside(self.rest(), fault.at);
        let mut reject = Reject {
            source: self.name.to_string(),
            record: self.count,
            line: place.line,
            offset: place.offset,
            path,
            code: fault.code.name(),
            message: describe(fault, got),
            raw: String::new(),
            raw_bytes: None,
        };
        self.roots += u64::from(!in_array);
        let inside = matches!(
            fault.code,
            Code::Control | Code::Escape | Code::Surrogate | Code::Utf8 | Code::Number | Code::Literal
        );
        let skipped = match fault.code {
            // Where the record ends is known when only its keys are wrong; but what follows may be no JSON at all.
            Code::DuplicateKey => self.skip_element(job)?,
            _ if in_array && inside => self.skip_balanced(job)?,
            _ => None,
        };
        let (raw, length) = match skipped {
            Some(skipped) => skipped,
            None if in_array => return Err(error),
            None => self.skip_line(job)?,
        };
        reject.raw = String::from_utf8_lossy(&raw).into_owned();
        reject.raw_bytes = (length > raw.len() as u64).then_some(length);
        Ok(Next::Bad(Box::new(reject)))
    }

    /// Consumes an element of an array by its brackets and quotes alone. `None` when they do not close before what no
    /// element of an array is followed by.
    fn skip_balanced(&mut self, job: &Job) -> Result<Option<(Vec<u8>, u64)>> {
        let (mut at, mut depth, mut string, mut escape) = (0usize, 0usize, false, false);
        let end = loop {
            let Some(&b) = self.rest().get(at) else {
                let have = self.end - self.start;
                if have > self.record_max || !self.fill(self.ahead(CHUNK / 4), job)? {
                    return Ok(None);
                }
                continue;
            };
            match b {
                _ if std::mem::take(&mut escape) => {}
                b'\\' => escape = string,
                b'"' => string = !string,
                _ if string => {}
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth > 0 => depth -= 1,
                b',' | b']' if depth == 0 => break at,
                b'}' => return Ok(None),
                _ => {}
            }
            at += 1;
        };
        let raw = self.rest().get(..end.min(RAW_MAX)).unwrap_or_default().trim_ascii_end().to_vec();
        self.consume(end);
        self.state = State::Comma;
        let length = if end <= RAW_MAX { raw.len() } else { end };
        Ok(Some((raw, length as u64)))
    }

    /// Consumes up to the end of the line. Gives what was on it, or its beginning, and its length.
    fn skip_line(&mut self, job: &Job) -> Result<(Vec<u8>, u64)> {
        let (mut raw, mut length) = (Vec::new(), 0);
        loop {
            let rest = self.rest();
            let found = memchr::memchr(b'\n', rest);
            let line = rest.get(..found.unwrap_or(rest.len())).unwrap_or_default();
            let room = RAW_MAX - raw.len();
            raw.extend_from_slice(line.get(..room).unwrap_or(line));
            let taken = line.len();
            length += taken as u64;
            self.consume(taken);
            if found.is_some() || !self.fill(1, job)? {
                return Ok((raw, length));
            }
        }
    }

    /// Consumes a value that is well formed but for its keys. All of it is in the buffer only once it was parsed to
    /// its end, which a tape that does not look at keys can do.
    fn skip_element(&mut self, job: &Job) -> Result<Option<(Vec<u8>, u64)>> {
        loop {
            let have = self.end - self.start;
            let mut pull = crate::json::Pull::new(self.rest(), self.eof, self.depth_max).lenient(self.lenient);
            let end = loop {
                match pull.next() {
                    Ok(Some(_)) => {}
                    Ok(None) => break Ok(pull.position()),
                    Err(fault) => break Err(fault),
                }
            };
            match end {
                Ok(length) => {
                    let raw = self.rest().get(..length.min(RAW_MAX)).unwrap_or_default().to_vec();
                    self.consume(length);
                    if self.state != State::Root {
                        self.state = State::Comma;
                    }
                    return Ok(Some((raw, length as u64)));
                }
                Err(fault) if fault.is_truncated() && !self.eof && have <= self.record_max => {
                    self.fill(self.ahead(CHUNK / 4), job)?;
                }
                Err(fault) if fault.is_truncated() && !self.eof => return Err(self.too_long(have)),
                Err(_) if self.state == State::Root && !self.root.inside() => return Ok(None),
                Err(fault) => {
                    let at = self.rest().get(fault.at).copied();
                    return Err(self.error(&fault, "", at.as_slice()));
                }
            }
        }
    }
}

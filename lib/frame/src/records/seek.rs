//! The way to the value that a JSON pointer names, and out of the document again. What stands beside that value is
//! checked and dropped, a member at a time; the elements of an array there are streamed like any others.

use qx_formats::{Error, Result};
use qx_io::Job;

use super::{CHUNK, Records, fault_error};
use crate::json::{Code, Fault, Rules, Tape};
use crate::options::{DupKeys, Options};
use crate::path::push_name;
use crate::report::{Became, Spot, Tally};
use crate::shape::Seen;

/// Where the records of a document are.
#[derive(Default)]
pub(super) struct Root {
    steps: Vec<String>,
    /// The containers that lead to the value, outermost first: whether each is an object.
    open: Vec<bool>,
    /// Nothing of the innermost of them was read yet.
    fresh: bool,
    tape: Tape,
    /// Documents that have nothing there.
    pub(super) missing: u64,
    dup_keys: DupKeys,
    /// Members that were passed over since one of their name was taken: how many steps lead to them, and how many there are.
    twice: Option<(usize, Tally)>,
}

impl Root {
    pub(super) fn new(opts: &Options) -> Result<Root> {
        let steps = opts.root.as_deref().map_or(Ok(Vec::new()), steps)?;
        let rules = Rules { dup_keys: opts.dup_keys, bad_text: opts.bad_text };
        Ok(Root { steps, tape: Tape::new(rules), dup_keys: opts.dup_keys, ..Root::default() })
    }

    /// The pointer.
    pub(super) fn name(&self) -> String {
        self.pointer(self.steps.len())
    }

    /// The pointer's first steps.
    fn pointer(&self, steps: usize) -> String {
        let step = |step: &String| format!("/{}", step.replace('~', "~0").replace('/', "~1"));
        self.steps.iter().take(steps).map(step).collect()
    }

    /// The field of the members that were passed over, and how many they are.
    pub(super) fn dropped(&self) -> Option<(String, Tally)> {
        let (steps, tally) = self.twice?;
        let mut field = String::new();
        self.steps.iter().take(steps).for_each(|step| push_name(&mut field, step));
        Some((field, tally))
    }

    pub(super) fn asked(&self) -> bool {
        !self.steps.is_empty()
    }

    /// Reading stands somewhere inside a document.
    pub(super) fn inside(&self) -> bool {
        !self.open.is_empty()
    }
}

/// The steps of a JSON pointer (RFC 6901).
pub(crate) fn steps(pointer: &str) -> Result<Vec<String>> {
    if pointer.is_empty() {
        return Ok(Vec::new());
    }
    let Some(rest) = pointer.strip_prefix('/') else {
        return Err(Error::usage(format!("`{pointer}` is no JSON pointer"))
            .expected("/key/key or /key/0")
            .hint(format!("did you mean /{}?", pointer.replace('.', "/"))));
    };
    let lone = |(at, _): (usize, &str)| !matches!(rest.as_bytes().get(at + 1), Some(b'0' | b'1'));
    if rest.match_indices('~').any(lone) {
        return Err(Error::usage(format!("`{pointer}` is no JSON pointer"))
            .hint("in a key ~ is written ~0 and / is written ~1"));
    }
    Ok(rest.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect())
}

impl Records {
    /// Goes to the value that was asked for. False: the document has none, and was passed over.
    pub(super) fn descend(&mut self, job: &Job) -> Result<bool> {
        for level in 0..self.root.steps.len() {
            let step = self.root.steps.get(level).cloned().unwrap_or_default();
            let found = match self.peek(job)? {
                Some(b'{') => {
                    self.consume(1);
                    self.root.open.push(true);
                    self.root.fresh = true;
                    self.member(&step, job)?
                }
                Some(b'[') => {
                    self.consume(1);
                    self.root.open.push(false);
                    self.root.fresh = true;
                    self.element(&step, job)?
                }
                _ => {
                    self.pass(job)?;
                    false
                }
            };
            if !found {
                self.root.missing += 1;
                self.ascend(job)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Looks for a key in the object that was just entered. It is left open either way.
    fn member(&mut self, step: &str, job: &Job) -> Result<bool> {
        loop {
            match self.peek(job)? {
                Some(b'}') => return Ok(false),
                Some(b',') if !self.root.fresh => self.consume(1),
                _ if self.root.fresh => {}
                _ => return Err(self.unexpected("`,` or `}`", job)?),
            }
            self.root.fresh = false;
            if self.key(job)? == step {
                return Ok(true);
            }
            self.pass(job)?;
        }
    }

    /// Looks for an element of the array that was just entered.
    fn element(&mut self, step: &str, job: &Job) -> Result<bool> {
        // `01` and `+1` are no indexes (RFC 6901).
        let Some(index) = step.parse::<u64>().ok().filter(|index| index.to_string() == step) else { return Ok(false) };
        for at in 0..=index {
            match self.peek(job)? {
                Some(b']') => return Ok(false),
                Some(b',') if at > 0 => self.consume(1),
                _ if at == 0 => {}
                _ => return Err(self.unexpected("`,` or `]`", job)?),
            }
            self.root.fresh = false;
            if at == index {
                return Ok(true);
            }
            self.pass(job)?;
        }
        Ok(false)
    }

    /// Reads what is left of the document around the value.
    pub(super) fn ascend(&mut self, job: &Job) -> Result<()> {
        while let Some(&object) = self.root.open.last() {
            let close = if object { b'}' } else { b']' };
            match self.peek(job)? {
                Some(b) if b == close => {
                    self.consume(1);
                    self.root.open.pop();
                    self.root.fresh = false;
                }
                next if self.root.fresh || next == Some(b',') => {
                    if !std::mem::take(&mut self.root.fresh) {
                        self.consume(1);
                    }
                    if object {
                        self.key_beside(job)?;
                    }
                    self.pass(job)?;
                }
                _ if object => return Err(self.unexpected("`,` or `}`", job)?),
                _ => return Err(self.unexpected("`,` or `]`", job)?),
            }
        }
        Ok(())
    }

    /// Reads the key of a member that stands behind the one that led to the records, or that did not lead there. Another one of
    /// its name may not be passed over in silence.
    fn key_beside(&mut self, job: &Job) -> Result<()> {
        self.peek(job)?;
        let spot = Spot { source: self.source, line: self.line, offset: self.offset };
        let steps = self.root.open.len();
        let key = self.key(job)?;
        if self.root.steps.get(steps - 1).is_none_or(|step| *step != key) {
            return Ok(());
        }
        if self.root.dup_keys == DupKeys::First {
            let fresh = Tally { from: Seen::Object, became: Became::Null, count: 0, first: spot, undo: (0, 0) };
            self.root.twice.get_or_insert((steps, fresh)).1.count += 1;
            return Ok(());
        }
        let fault = Fault::new(Code::DuplicateKey, 0, "each key once");
        let error = fault_error(&fault, &self.name, spot, &self.root.pointer(steps), &[]);
        Err(match self.root.dup_keys {
            DupKeys::Last => {
                error.hint("the records of the first one are read by now; --dup-keys first takes only those")
            }
            _ => error,
        })
    }

    fn unexpected(&mut self, expected: &'static str, job: &Job) -> Result<Error> {
        let got = self.peek(job)?;
        let code = if got.is_some() { Code::Syntax } else { Code::Truncated };
        Ok(self.error(&Fault::new(code, 0, expected), "", got.as_slice()))
    }

    /// Reads a key and the colon after it.
    fn key(&mut self, job: &Job) -> Result<String> {
        if self.peek(job)? != Some(b'"') {
            return Err(self.unexpected("a key in quotes", job)?);
        }
        let length = self.length_of_value(job)?;
        let tape = &self.root.tape;
        let text = tape.text(self.rest(), tape.node(0));
        let key = String::from_utf8_lossy(&text).into_owned();
        self.consume(length);
        if self.peek(job)? != Some(b':') {
            return Err(self.unexpected("`:`", job)?);
        }
        self.consume(1);
        Ok(key)
    }

    /// Reads a value and drops it.
    fn pass(&mut self, job: &Job) -> Result<()> {
        if self.peek(job)?.is_none() {
            return Err(self.unexpected("a value", job)?);
        }
        let length = self.length_of_value(job)?;
        self.consume(length);
        Ok(())
    }

    fn length_of_value(&mut self, job: &Job) -> Result<usize> {
        loop {
            let have = self.end - self.start;
            let mut tape = std::mem::take(&mut self.root.tape);
            let parsed = tape.parse(self.rest(), self.eof, self.depth_max);
            self.root.tape = tape;
            match parsed {
                Ok(length) if length <= self.record_max => return Ok(length),
                Ok(length) => return Err(self.too_long(length)),
                Err(fault) if fault.is_truncated() && !self.eof && have <= self.record_max => {
                    self.fill(self.ahead(CHUNK / 4), job)?;
                }
                Err(fault) if fault.is_truncated() && !self.eof => return Err(self.too_long(have)),
                Err(fault) => {
                    let path = self.root.tape.fault_pointer(self.rest());
                    let got = self.rest().get(fault.at).copied();
                    return Err(self.error(&fault, &path, got.as_slice()));
                }
            }
        }
    }
}

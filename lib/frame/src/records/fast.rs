//! Records by the fast path, as long as they are as expected.

use qx_formats::Result;
use qx_io::Job;

use super::{CHUNK, Records, State};
use crate::Sink;
use crate::fast::Walk;
use crate::frame::Frame;
use crate::json::Tape;
use crate::json::index::Index;
use crate::json::simd::Path;
use crate::json::skim::{Place, Skimmer};
use crate::options::{Decode, Options};

/// Bytes that are indexed at once, or a record that is longer. An index takes half as much memory as usual text, and up
/// to four times as much as text of nothing but structure.
const WINDOW: usize = 4 << 20;
const WINDOW_SMALL: usize = 16 << 10;

/// The index of what is in the buffer.
pub(super) struct Fast {
    path: Option<Path>,
    index: Index,
    /// The text that is indexed: `buf[from..to]`.
    from: usize,
    to: usize,
    /// The next position.
    next: usize,
    /// How much is indexed at once: little after trouble, so that each trouble costs little.
    window: usize,
    /// Where in the source the text ends of which the index said last that something is wrong in it.
    doubtful: u64,
    skimmer: Skimmer,
    tape: Tape,
}

impl Fast {
    pub(super) fn new(opts: &Options, tape: Tape) -> Fast {
        let path = match opts.decode {
            Decode::Auto => Some(Path::best()),
            Decode::Scalar => Some(Path::Scalar),
            Decode::Careful => None,
        };
        let (index, skimmer) = (Index::default(), Skimmer::default());
        Fast { path, index, from: 0, to: 0, next: 0, window: WINDOW, doubtful: 0, skimmer, tape }
    }

    /// What follows may begin inside what the index took for a string.
    pub(super) fn distrust(&mut self) {
        self.forget();
        self.window = WINDOW_SMALL;
    }

    /// The buffer moved: nothing is indexed.
    pub(super) fn forget(&mut self) {
        (self.from, self.to) = (0, 0);
    }
}

/// Why the fast path stopped.
enum Stop {
    /// The next record is for the slow path.
    Slow,
    /// The text ends inside a record.
    More,
    /// The next record has more bytes than one may have.
    TooLong(usize),
}

impl Records {
    /// Appends records until one comes that is not as expected, or the end; the slow path goes on from there.
    pub(crate) fn take(&mut self, frame: &mut Frame, sink: &mut dyn Sink, job: &Job) -> Result<()> {
        let Some(path) = self.fast.path else { return Ok(()) };
        self.settle();
        if self.root.asked() && !self.root.inside() {
            return Ok(());
        }
        loop {
            let fresh = self.fast.to <= self.start || self.fast.from > self.start;
            if fresh && frame.counts_only() && !self.skim(frame, sink, path)? {
                if !self.more(job)? {
                    return Ok(());
                }
                continue;
            }
            if fresh {
                let to = self.end.min(self.start + self.fast.window);
                self.fast.index.build(self.buf.get(self.start..to).unwrap_or_default(), path);
                (self.fast.from, self.fast.to, self.fast.next) = (self.start, to, 0);
            }
            if self.fast.index.suspicious {
                let indexed = self.fast.to - self.fast.from;
                if indexed <= WINDOW_SMALL {
                    return Ok(());
                }
                self.fast.doubtful = self.offset + indexed as u64;
                self.fast.distrust();
                continue;
            }
            match self.walk(frame, sink)? {
                Stop::Slow => return Ok(()),
                // A larger window would end where the last one did, and find the same wrong with it.
                Stop::More if self.start == self.fast.from && self.offset < self.fast.doubtful => return Ok(()),
                Stop::TooLong(length) => return Err(self.too_long(length)),
                Stop::More if self.fast.to < self.end && self.start > self.fast.from => {
                    self.fast.forget();
                    self.fast.window = (self.fast.window * 2).min(WINDOW);
                }
                Stop::More if self.fast.to < self.end && self.fast.window < WINDOW => {
                    self.fast.forget();
                    self.fast.window = WINDOW;
                }
                Stop::More if self.fast.to < self.end => {
                    let have = self.fast.to - self.fast.from;
                    self.fast.forget();
                    self.fast.window = have * 2;
                }
                Stop::More => {
                    if self.start == self.fast.from {
                        self.fast.window = self.fast.window.max((self.end - self.start) * 2);
                    }
                    if !self.more(job)? {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Reads on inside of a record. False: there is no more, or it would be too long.
    fn more(&mut self, job: &Job) -> Result<bool> {
        let have = self.end - self.start;
        Ok(have <= self.record_max && self.fill(self.ahead(CHUNK / 2), job)?)
    }

    /// Counts records of which nothing is asked. True: what comes next is not as expected; else the text ends in it.
    fn skim(&mut self, frame: &mut Frame, sink: &mut dyn Sink, path: Path) -> Result<bool> {
        let place = match self.state {
            State::Root => Place::Root,
            State::First => Place::Opened,
            State::Element => Place::Comma,
            State::Comma => Place::Record,
        };
        let bytes = self.buf.get(self.start..self.end).unwrap_or_default();
        // Of a text that is no longer than a record may be, no record is.
        if self.root.asked() || bytes.len() > self.record_max {
            return Ok(true);
        }
        let found = self.fast.skimmer.skim(bytes, place, self.depth_max, path);
        if found.records > 0 {
            self.count += found.records;
            if self.state == State::Root {
                self.roots += found.records;
                self.only_null = false;
            } else {
                self.state = State::Comma;
            }
            self.consume(found.end);
            frame.count_rows(found.records, sink)?;
        }
        Ok(found.odd)
    }

    /// Over what is indexed.
    fn walk(&mut self, frame: &mut Frame, sink: &mut dyn Sink) -> Result<Stop> {
        let fast = &mut self.fast;
        let bytes = self.buf.get(fast.from..fast.to).unwrap_or_default();
        let positions = fast.index.positions();
        let begin = (self.start - fast.from) as u64;
        let mut next = fast.next;
        // The slow path may have gone on since.
        while positions.get(next).is_some_and(|p| u64::from(*p) < begin) {
            next += 1;
        }
        // It may have ended inside of what the index took for one word, the rest of which has no position of its own.
        let gap = positions.get(next).and_then(|p| bytes.get(begin as usize..*p as usize)).unwrap_or_default();
        if !gap.iter().all(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')) {
            return Ok(Stop::Slow);
        }
        let mut walk = Walk {
            bytes,
            positions,
            next,
            escapes: fast.index.escapes(),
            ran_out: false,
            depth_max: self.depth_max,
            record: 0,
            tape: &mut fast.tape,
        };
        // Bytes that are done with.
        let mut done = begin as usize;
        let stop = loop {
            let before = walk.next;
            let Some((at, b)) = walk.step() else { break Stop::More };
            match (self.state, b) {
                (State::Root | State::First | State::Element, b'{') => {}
                (State::Root, b'[') if !self.root.asked() => {
                    self.roots += 1;
                    self.arrays += 1;
                    self.only_null = false;
                    self.state = State::First;
                    done = at + 1;
                    continue;
                }
                (State::First | State::Comma, b']') if !self.root.asked() => {
                    self.state = State::Root;
                    done = at + 1;
                    continue;
                }
                (State::Comma, b',') => {
                    self.state = State::Element;
                    done = at + 1;
                    continue;
                }
                _ => {
                    walk.next = before;
                    break Stop::Slow;
                }
            }
            if frame.take(&mut walk, at).is_none() {
                walk.next = before;
                break if walk.ran_out { Stop::More } else { Stop::Slow };
            }
            let end = positions.get(walk.next - 1).map_or(at, |p| *p as usize) + 1;
            if end - at > self.record_max {
                done = at;
                break Stop::TooLong(end - at);
            }
            self.count += 1;
            if self.state == State::Root {
                self.roots += 1;
                self.only_null = false;
            } else {
                self.state = State::Comma;
            }
            done = end;
            if frame.is_full() {
                frame.flush(sink)?;
            }
        };
        fast.next = walk.next;
        self.consume(done - begin as usize);
        Ok(stop)
    }
}

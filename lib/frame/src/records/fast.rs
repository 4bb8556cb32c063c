//! Records by the fast path, as long as they are as expected.

use qx_formats::Result;
use qx_io::Job;

use super::{CHUNK, Records, State};
use crate::Sink;
use crate::fast::Walk;
use crate::frame::Frame;
use crate::json::Tape;
use crate::json::index::Index;
use crate::json::pick::Key;
use crate::json::simd::Path;
use crate::json::skim::{Place, Skimmed, Skimmer};
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
    /// Records have more in them than fields of their own: to walk over that takes less than to tell it apart.
    nested: bool,
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
        Fast { path, index, from: 0, to: 0, next: 0, window: WINDOW, doubtful: 0, skimmer, nested: false, tape }
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
            let skims = if self.fast.nested { frame.counts_only() } else { frame.skims() };
            if fresh && skims && !self.skim(frame, sink, path)? {
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

    /// Takes records of which nothing is asked, or some fields alone. True: what comes next is not as expected; else the text ends
    /// in it.
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
        let (records, end) = if frame.counts_only() {
            frame.count_rows(found.records, sink)?;
            (found.records, found.end)
        } else {
            self.pick(found, frame, sink)?
        };
        if records > 0 {
            self.count += records;
            if self.state == State::Root {
                self.roots += records;
                self.only_null = false;
            } else {
                self.state = State::Comma;
            }
            self.consume(end);
        }
        Ok(found.odd || records < found.records)
    }

    /// Appends records that were found to be well formed by the values of the keys that are asked for, as long as these are as
    /// expected. Gives how many, and where the last of them ends.
    fn pick(&mut self, found: Skimmed, frame: &mut Frame, sink: &mut dyn Sink) -> Result<(u64, usize)> {
        let Some(finders) = frame.keys() else { return Ok((0, 0)) };
        let fast = &mut self.fast;
        let bytes = self.buf.get(self.start..self.start + found.end).unwrap_or_default();
        let text = fast.skimmer.checked(bytes, found.records);
        fast.nested |= text.nested;
        let mut keys: Vec<Key<'_>> = finders.iter().map(|finder| Key::new(&text, finder)).collect();
        let mut spans = vec![0u32; 2 * keys.len()];
        // Where records end is asked only where a batch may.
        let roomy = frame.has_room(bytes.len());
        let (mut records, mut last) = (0, None);
        for end in text.ends() {
            if !keys.iter_mut().zip(spans.as_chunks_mut::<2>().0).all(|(key, span)| key.value(end, span)) {
                break;
            }
            let mut walk = Walk {
                bytes,
                positions: &spans,
                next: 0,
                escapes: text.escapes(),
                ran_out: false,
                depth_max: self.depth_max,
                record: 0,
                tape: &mut fast.tape,
            };
            if frame.take_values(&mut walk).is_none() {
                break;
            }
            (records, last) = (records + 1, Some(end));
            if !roomy || frame.is_full() {
                frame.reach(self.source, self.offset + text.place(end) as u64 + 1);
                frame.flush_if_full(sink)?;
            }
        }
        let end = last.map_or(0, |end| text.place(end) + 1);
        if end > 0 {
            frame.reach(self.source, self.offset + end as u64);
        }
        Ok((records, end))
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
            if frame.take(&mut walk).is_none() {
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
            frame.reach(self.source, self.offset + (end as u64 - begin));
            frame.flush_if_full(sink)?;
        };
        fast.next = walk.next;
        self.consume(done - begin as usize);
        Ok(stop)
    }
}

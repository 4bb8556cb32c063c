//! The segments of a log, in order, and which of their bytes count.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::delta_log::layout::{HEADER_LEN, TRAILER_LEN};
use qx_formats::delta_log::{
    Counts, CutPoint, Footer, Reason, SegmentHeader, Source, Step, Stop, Trailer, Walker, find_seed, open_segment,
    read_counts, read_footer, stand_in,
};
use qx_formats::{Error, Kind, Result};
use qx_io::Disk;
use uuid::Uuid;

use crate::files::{FileSource, list, no_log, segment_name};

/// What to do about damage that was met on the way.
pub(crate) const LOOK: &str = "run `deltalog verify` for the extent of the damage, `deltalog recover` to mend it";

/// What to do where neither a header nor a frame is whole.
const LOST: &str = "restore this segment from a copy: no header tells what log it is of, and no frame that is whole";

/// A segment whose bytes count, up to `limit` where a later segment cut it.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub path: PathBuf,
    pub number: u64,
    pub len: u64,
    pub header: SegmentHeader,
    pub trailer: Option<Trailer>,
    pub limit: Option<u64>,
    /// The header was lost and is made up from its neighbours and its name.
    pub guessed: bool,
}

impl Segment {
    /// Complete and unchanged since: what it holds is durable, and its footer says where it ends.
    pub fn sealed(&self) -> Option<&Trailer> {
        if self.limit.is_some() { None } else { self.trailer.as_ref() }
    }

    pub fn source(&self, disk: &dyn Disk) -> Result<FileSource> {
        FileSource::open(disk, &self.path)
    }

    pub fn counts(&self, disk: &dyn Disk, trailer: &Trailer) -> Result<Counts> {
        read_counts(&mut self.source(disk)?, &self.header, trailer).map_err(|e| e.path(&self.path))
    }

    pub fn footer(&self, disk: &dyn Disk, trailer: &Trailer) -> Result<Footer> {
        read_footer(&mut self.source(disk)?, &self.header, trailer).map_err(|e| e.path(&self.path))
    }
}

/// Something wrong between segments, or with a header.
#[derive(Debug)]
pub(crate) struct Problem {
    pub segment: u64,
    /// LSNs that are missing for it, where that can be told.
    pub lost: Option<(u64, u64)>,
    pub error: Error,
    /// It holds frames, and would count under another name, which no file has: renaming it loses nothing.
    pub misnamed: bool,
}

/// A segment file as it was found.
struct Read {
    number: u64,
    path: PathBuf,
    len: u64,
    /// What its header says, and its trailer.
    opened: Option<(SegmentHeader, Option<Trailer>)>,
    error: Option<Error>,
    /// It has the name of another segment, and holds frames of its own number.
    misnamed: bool,
    /// The watermark of the trailer that is its last bytes, also where the file's length changed since.
    vouched: u64,
}

fn vouched(src: &mut FileSource, header: &SegmentHeader) -> u64 {
    let Some(at) = src.len().checked_sub(TRAILER_LEN as u64) else { return 0 };
    let trailer = src.fetch(at, TRAILER_LEN).ok().and_then(|end| Trailer::of_any_file(end, header));
    trailer.map_or(0, |t| t.next_lsn - 1)
}

/// What log this is: the one that most of its segments say; of as many the one that was there first.
fn identity(read: &[Read]) -> Option<(Uuid, bool)> {
    let mut votes: Vec<((Uuid, bool), usize)> = Vec::new();
    for (header, _) in read.iter().filter_map(|r| r.opened.as_ref()) {
        let said = (header.uuid, header.given);
        match votes.iter_mut().find(|v| v.0 == said) {
            Some(vote) => vote.1 += 1,
            None => votes.push((said, 1)),
        }
    }
    // The last one of equals is taken, so they come from the end.
    votes.into_iter().rev().max_by_key(|v| v.1).map(|v| v.0)
}

/// Whether a segment holds a frame of the number that its header says.
fn holds_frames(src: &mut FileSource, header: &SegmentHeader) -> bool {
    let mut walker = Walker::new(header.seed(), header.given, header.base_lsn, None);
    matches!(walker.step(src), Ok(Step::Frame(_))) || matches!(walker.resync(src), Ok(true))
}

/// What log it is where no header holds: what one of them still says, if the frames behind it were written with that.
fn proven_identity(disk: &dyn Disk, read: &[Read]) -> Option<(Uuid, bool)> {
    read.iter().find_map(|r| {
        let mut src = FileSource::open(disk, &r.path).ok()?;
        let (uuid, given) = SegmentHeader::identity(src.fetch(0, HEADER_LEN).ok()?)?;
        holds_frames(&mut src, &made_up(uuid, given, r.number, 1)).then_some((uuid, given))
    })
}

/// What stands for the name of the log where nothing is left of it: a UUID with which the frames of a segment hold. The other
/// segments' hold with it, too.
fn stand_in_identity(disk: &dyn Disk, read: &[Read]) -> Option<(Uuid, bool)> {
    read.iter().find_map(|r| {
        let mut src = FileSource::open(disk, &r.path).ok()?;
        let uuid = stand_in(find_seed(&mut src).ok()??, r.number);
        tracing::warn!(target: "qx::log", path = %r.path.display(), uuid = %uuid,
            "no header says what log this is; its frames are read under another UUID");
        Some((uuid, leaves_gaps(&mut src, &made_up(uuid, false, r.number, 1))))
    })
}

/// Whether the numbers of a segment come from another log: its own ones would follow one another.
fn leaves_gaps(src: &mut FileSource, header: &SegmentHeader) -> bool {
    let mut first = Walker::new(header.seed(), true, 1, None);
    if !matches!(first.step(src), Ok(Step::Frame(_))) {
        let found = matches!(first.resync(src), Ok(true)) && matches!(first.step(src), Ok(Step::Frame(_)));
        if !found {
            return false;
        }
    }
    let mut rest = Walker::from(header.seed(), false, first.next_lsn(), None, first.at());
    loop {
        match rest.step(src) {
            Ok(Step::Frame(_)) => {}
            Ok(Step::Stop(stop)) => return stop == Stop::Bad(Reason::LsnOrder),
            Err(_) => return false,
        }
    }
}

/// The header of a segment that has none: nothing but what is known of it without.
fn made_up(uuid: Uuid, given: bool, segment: u64, base_lsn: u64) -> SegmentHeader {
    SegmentHeader {
        uuid,
        segment,
        given,
        base_lsn,
        base_txn: 0,
        created_us: 0,
        watermark: 0,
        cut: None,
        features_ro: 0,
    }
}

#[derive(Debug)]
pub(crate) struct Chain {
    pub disk: Arc<dyn Disk>,
    pub uuid: Uuid,
    pub given: bool,
    /// Those whose bytes count.
    pub live: Vec<Segment>,
    /// Those that a later segment superseded wholly.
    pub dead: Vec<Segment>,
    pub problems: Vec<Problem>,
    /// Highest number of any segment file.
    pub last_number: u64,
    /// Highest watermark in any header or trailer.
    pub watermark: u64,
    /// The LSN below which the log was pruned, as far as that is recorded; 0 without.
    pub kept_from: u64,
}

impl Chain {
    /// Reads headers and trailers. Damage goes to `problems`.
    ///
    /// # Errors
    /// `Io`; `NotFound` when the folder holds no segment; `Unsupported` for a newer version.
    pub fn load(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Chain> {
        let listing = list(disk.as_ref(), dir)?;
        let last_number = *listing.segments.last().ok_or_else(|| no_log(dir))?;
        let mut read = Vec::with_capacity(listing.segments.len());
        for &number in &listing.segments {
            let path = dir.join(segment_name(number));
            let mut src = FileSource::open(disk.as_ref(), &path)?;
            let opened = open_segment(&mut src);
            let len = src.len();
            let (opened, error) = match opened {
                Ok(opened) => (Some(opened), None),
                Err(e) if e.kind() != Kind::Corrupt => return Err(e.path(&path)),
                Err(e) => {
                    // Whole frames may stand in a file that was shortened so far that no writer made it.
                    let header = src.fetch(0, len.min(HEADER_LEN as u64) as usize).and_then(SegmentHeader::decode);
                    (header.ok().map(|h| (h, None)), Some(e.path(&path)))
                }
            };
            let misnamed = opened.as_ref().is_some_and(|(h, _)| h.segment != number && holds_frames(&mut src, h));
            let vouched = opened.as_ref().map_or(0, |(h, _)| vouched(&mut src, h));
            read.push(Read { number, path, len, opened, error, misnamed, vouched });
        }
        let proven = || proven_identity(disk.as_ref(), &read).or_else(|| stand_in_identity(disk.as_ref(), &read));
        let Some((uuid, given)) = identity(&read).or_else(proven) else {
            // Nothing tells what log this is: the first header's own error says most.
            let e = read.into_iter().find_map(|r| r.error);
            let e = e.map(|e| e.hint(LOST));
            return Err(e.unwrap_or_else(|| no_log(dir)));
        };
        let mut chain = Chain {
            disk: Arc::clone(disk),
            uuid,
            given,
            live: Vec::new(),
            dead: Vec::new(),
            problems: Vec::new(),
            last_number,
            watermark: 0,
            kept_from: listing.kept_from(),
        };
        let placed: Vec<u64> = read.iter().filter(|r| chain.placed(r)).map(|r| r.number).collect();
        for segment in read {
            chain.add(segment, &placed);
        }
        if chain.lost_front().is_some() {
            // Whoever prunes while names are listed has recorded it before the first of them goes.
            chain.kept_from = list(disk.as_ref(), dir)?.kept_from();
        }
        Ok(chain)
    }

    fn problem(&mut self, segment: u64, lost: Option<(u64, u64)>, error: Error) {
        self.problems.push(Problem { segment, lost, error, misnamed: false });
    }

    /// A segment of this log under its own name.
    fn placed(&self, r: &Read) -> bool {
        let own = |h: &SegmentHeader| (h.uuid, h.given, h.segment) == (self.uuid, self.given, r.number);
        r.opened.as_ref().is_some_and(|(h, _)| own(h))
    }

    /// The next segment; `placed` are the numbers of those that stand under their own names.
    fn add(&mut self, segment: Read, placed: &[u64]) {
        let Read { number, path, len, opened, error, misnamed, vouched } = segment;
        let due = self.live.last().map_or(1, |s| s.trailer.map_or(s.header.base_lsn, |t| t.next_lsn));
        let (header, trailer, guessed) = match opened {
            Some((h, _)) if h.uuid != self.uuid || h.given != self.given => {
                let e = Error::corrupt("segment belongs to another log").expected(self.uuid).got(h.uuid);
                return self.problem(number, None, e.path(path).hint("move it out of the folder"));
            }
            Some((h, _)) if h.segment != number => {
                let e = Error::corrupt("segment has the name of another one").expected(number).got(h.segment);
                let e = e.path(path);
                if misnamed && !placed.contains(&h.segment) {
                    let name = segment_name(h.segment);
                    let hint = format!("rename it to {name}, which is missing; else move it out of the folder");
                    let error = e.hint(hint);
                    return self.problems.push(Problem { segment: number, lost: None, error, misnamed });
                }
                return self.problem(number, None, e.hint("move it out of the folder"));
            }
            Some((h, t)) => (h, t, false),
            None => (made_up(self.uuid, self.given, number, due), None, true),
        };
        if let Some(e) = error {
            self.problem(number, None, e);
        }
        self.watermark = self.watermark.max(header.watermark).max(vouched);
        self.follow(number, &header, guessed);
        self.live.push(Segment { path, number, len, header, trailer, limit: None, guessed });
    }

    /// Checks that a segment follows the ones before it, and applies its cut to them.
    fn follow(&mut self, number: u64, header: &SegmentHeader, guessed: bool) {
        if guessed {
            return;
        }
        let before = self.live.iter().chain(&self.dead).map(|s| s.number).max();
        if let Some(cut) = header.cut {
            return self.cut_before(number, cut, header.base_lsn, before);
        }
        let Some(prev) = self.live.last() else { return };
        let (path, prev_number) = (prev.path.clone(), prev.number);
        let due = match prev.sealed() {
            Some(t) => t.next_lsn,
            None if prev.guessed => return,
            None => {
                let e = Error::corrupt("the segment was sealed, and its end is missing or damaged");
                let lost = None;
                let (at, base) = (prev.len, header.base_lsn);
                return self.problem(
                    prev_number,
                    lost,
                    e.path(path).offset(at).expected(format!("LSNs up to {}", base - 1)),
                );
            }
        };
        let fits = if self.given { header.base_lsn >= due } else { header.base_lsn == due };
        if !fits || before.is_some_and(|b| b + 1 != number) {
            let what = if before.is_some_and(|b| b + 1 == number) {
                "the segment does not begin where the one before it ends".to_owned()
            } else {
                format!("segments between {} and {number} are missing", before.unwrap_or(0))
            };
            let lost = (header.base_lsn > due).then(|| (due, header.base_lsn - 1));
            let e =
                Error::corrupt(what).path(&path).expected(format!("LSN {due}")).got(format!("LSN {}", header.base_lsn));
            self.problem(number, lost, e);
        }
    }

    /// Whether the last segment that counts is sealed, and a segment with this base LSN lacks nothing behind it.
    fn goes_on(&self, base_lsn: u64) -> bool {
        let due = self.live.last().and_then(Segment::sealed).map(|t| t.next_lsn);
        due.is_some_and(|due| if self.given { base_lsn >= due } else { base_lsn == due })
    }

    /// Applies the cut that segment `number` carries; `before` is the last number before it.
    fn cut_before(&mut self, number: u64, cut: CutPoint, base_lsn: u64, before: Option<u64>) {
        while let Some(last) = self.live.pop_if(|s| s.number > cut.segment) {
            self.dead.push(last);
        }
        let alone = before.is_none() || self.live.is_empty();
        let unneeded = cut.offset == HEADER_LEN as u64 && self.goes_on(base_lsn);
        match self.live.last_mut().filter(|s| s.number == cut.segment) {
            Some(s) if cut.offset <= s.limit.unwrap_or(s.len).max(HEADER_LEN as u64) => {
                s.limit = Some(cut.offset);
                // A cut into a segment was made while its header held.
                let headless = s.guessed && cut.offset > HEADER_LEN as u64;
                if cut.offset == HEADER_LEN as u64
                    && let Some(empty) = self.live.pop()
                {
                    self.dead.push(empty);
                }
                // What was wrong with superseded bytes was dealt with when they were.
                self.problems.retain(|p| p.segment < cut.segment || (headless && p.segment == cut.segment));
            }
            Some(s) => {
                let e = Error::corrupt("segment file was shortened").path(&s.path).offset(s.len);
                let e = e.expected(format!("at least {} bytes, which segment {number} builds on", cut.offset));
                let segment = s.number;
                self.problem(segment, None, e);
            }
            // Pruned away: fine, if everything before is too, or if nothing of it counted.
            None if alone || unneeded => {}
            None => {
                let e = Error::corrupt(format!("segment {} is missing", cut.segment));
                self.problem(cut.segment, None, e);
            }
        }
    }

    /// The first problem as an error.
    ///
    /// # Errors
    /// `Corrupt`.
    pub fn sound(mut self) -> Result<Chain> {
        if self.problems.is_empty() {
            return Ok(self);
        }
        let e = self.problems.swap_remove(0).error;
        let known = e.get_hint().is_some();
        Err(if known { e } else { e.hint(LOOK) })
    }
}

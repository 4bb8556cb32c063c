//! Reading what is committed, without a lock and beside a writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::delta_log::{Assembler, Footer, Reason, Source, Step, Stop, Touches, Transaction, Walker, describe};
use qx_formats::{Error, Result};
use qx_io::{Disk, RealDisk};

use crate::chain::{Chain, LOOK, Problem, Segment};
use crate::end::End;
use crate::files::FileSource;

/// A log as it was when it was opened: everything up to the last whole commit then.
#[derive(Debug)]
pub struct Reader {
    chain: Chain,
    problems: Vec<Problem>,
}

/// A segment, as its header and footer describe it.
#[derive(Debug, Clone)]
pub struct SegmentInfo {
    pub number: u64,
    pub path: PathBuf,
    pub bytes: u64,
    pub base_lsn: u64,
    pub created_us: u64,
    pub sealed: bool,
    /// Bytes from here on are superseded by a later segment.
    pub cut: Option<u64>,
    /// All of it is superseded.
    pub dead: bool,
    /// Of a sealed segment; absent also when it is damaged.
    pub footer: Option<Footer>,
}

impl Reader {
    /// # Errors
    /// `NotFound` when the folder holds no log; `Corrupt` when segments are missing or their headers damaged; `Io`;
    /// `Unsupported`.
    pub fn open(dir: impl AsRef<Path>) -> Result<Reader> {
        Self::open_on(&(Arc::new(RealDisk) as Arc<dyn Disk>), dir.as_ref())
    }

    /// [`Reader::open`] on another disk.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_on(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Reader> {
        Ok(Reader { chain: load(disk, dir)?.sound()?, problems: Vec::new() })
    }

    /// Opens a log that may be damaged; [`Reader::transactions_lossy`] gives what is whole.
    ///
    /// # Errors
    /// `NotFound`; `Io`; `Unsupported`; `Corrupt` when not one header is whole.
    pub fn open_lossy(dir: &Path) -> Result<Reader> {
        Self::open_lossy_on(&(Arc::new(RealDisk) as Arc<dyn Disk>), dir)
    }

    /// [`Reader::open_lossy`] on another disk.
    ///
    /// # Errors
    /// As [`Reader::open_lossy`].
    pub fn open_lossy_on(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Reader> {
        let mut chain = load(disk, dir)?;
        let mut problems = std::mem::take(&mut chain.problems);
        problems.extend(chain.lost_front().map(|f| Problem {
            segment: f.segment,
            lost: f.lsns.to.map(|to| (f.lsns.from, to)),
            error: f.error,
            misnamed: false,
        }));
        Ok(Reader { chain, problems })
    }

    /// Refuses a log that lost its front: a copy of it would look as if it had begun later.
    pub(crate) fn check_front(&self) -> Result<()> {
        self.chain.lost_front().map_or(Ok(()), |front| Err(front.error))
    }

    /// Identity of the log.
    pub fn uuid(&self) -> uuid::Uuid {
        self.chain.uuid
    }

    /// The log takes its numbers from another one.
    pub fn given(&self) -> bool {
        self.chain.given
    }

    /// Lowest LSN and lowest transaction id that the log can hold, since what was before them was pruned.
    pub fn first(&self) -> (u64, u64) {
        self.chain.live.first().map_or((1, 1), |s| (s.header.base_lsn, s.header.base_txn))
    }

    /// The LSN and the transaction id that come next.
    ///
    /// # Errors
    /// `Corrupt` when the end of the log is damaged; `Io`.
    pub(crate) fn next_numbers(&self) -> Result<(u64, u64)> {
        crate::stat::next_numbers(&self.chain)
    }

    /// Every segment file, in order.
    pub fn segments(&self) -> Vec<SegmentInfo> {
        let info = |seg: &Segment, dead| SegmentInfo {
            number: seg.number,
            path: seg.path.clone(),
            bytes: seg.len,
            base_lsn: seg.header.base_lsn,
            created_us: seg.header.created_us,
            sealed: seg.trailer.is_some(),
            cut: seg.limit,
            dead,
            footer: seg.trailer.and_then(|t| seg.footer(self.chain.disk.as_ref(), &t).ok()),
        };
        let live = self.chain.live.iter().map(|s| info(s, false));
        let mut all: Vec<_> = live.chain(self.chain.dead.iter().map(|s| info(s, true))).collect();
        all.sort_by_key(|s| s.number);
        all
    }

    /// Transactions whose commit has this LSN or a higher one, in order. Ends after the first error.
    pub fn transactions(&self, from_lsn: u64) -> Transactions<'_> {
        self.iterate(from_lsn, false)
    }

    /// [`Reader::transactions`] without those of sealed segments whose footer says that they hold nothing `wanted`.
    pub fn transactions_of<'a>(
        &'a self,
        from_lsn: u64,
        wanted: impl Fn(&Touches) -> bool + Send + Sync + 'a,
    ) -> Transactions<'a> {
        Transactions { wanted: Wanted(Some(Box::new(wanted))), ..self.iterate(from_lsn, false) }
    }

    /// [`Reader::transactions`] that goes on behind damage: errors and transactions take turns.
    pub fn transactions_lossy(&self, from_lsn: u64) -> Transactions<'_> {
        self.iterate(from_lsn, true)
    }

    fn iterate(&self, from_lsn: u64, lossy: bool) -> Transactions<'_> {
        let live = &self.chain.live;
        // The last segment that starts at or below the LSN; the ones before it end below it.
        let start = live.iter().rposition(|s| s.header.base_lsn <= from_lsn && !s.guessed).unwrap_or(0);
        let start = if lossy && !self.problems.is_empty() { 0 } else { start };
        let problems = self.problems.iter().map(|p| {
            let e = Error::corrupt(p.error.message()).path(p.error.get_path().unwrap_or(Path::new("")));
            let e = if let Some(at) = p.error.get_offset() { e.offset(at) } else { e };
            let e = if let Some(expected) = p.error.get_expected() { e.expected(expected) } else { e };
            match (p.lost, p.error.get_got()) {
                (Some((a, b)), _) => e.got(format!("LSNs {a} to {b} are missing")),
                (None, Some(got)) => e.got(got),
                (None, None) => e,
            }
        });
        Transactions {
            chain: &self.chain,
            from_lsn,
            lossy,
            next: start,
            at: None,
            errors: if lossy { problems.collect() } else { Vec::new() },
            done: false,
            tail: None,
            seen: self.chain.watermark,
            ahead: 0,
            wanted: Wanted(None),
            reached: live.get(start).map_or(0, |s| s.header.base_lsn.saturating_sub(1)),
            end: None,
        }
    }
}

/// Segments are listed before they are read, so a writer can only have sealed or pruned some meanwhile.
pub(crate) fn load(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Chain> {
    let mut tries = 3;
    loop {
        let chain = Chain::load(disk, dir);
        let pruned = chain.as_ref().is_err_and(|e| e.io_kind() == Some(std::io::ErrorKind::NotFound));
        if !pruned || tries == 0 {
            return chain;
        }
        tries -= 1;
    }
}

/// Transactions in commit order.
#[derive(Debug)]
pub struct Transactions<'a> {
    chain: &'a Chain,
    from_lsn: u64,
    lossy: bool,
    next: usize,
    at: Option<Place<'a>>,
    errors: Vec<Error>,
    done: bool,
    tail: Option<Error>,
    /// Highest watermark seen.
    seen: u64,
    /// Highest watermark behind a damaged place of a live segment.
    ahead: u64,
    wanted: Wanted<'a>,
    reached: u64,
    end: Option<End>,
}

type Judge<'a> = Box<dyn Fn(&Touches) -> bool + Send + Sync + 'a>;

/// Says of a sealed segment, by what it touches, whether to look into it.
struct Wanted<'a>(Option<Judge<'a>>);

impl std::fmt::Debug for Wanted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Wanted").field(&self.0.is_some()).finish()
    }
}

#[derive(Debug)]
struct Place<'a> {
    seg: &'a Segment,
    last: bool,
    src: FileSource,
    walker: Walker,
    asm: Assembler,
    retries: u32,
}

impl Iterator for Transactions<'_> {
    type Item = Result<Transaction>;

    fn next(&mut self) -> Option<Result<Transaction>> {
        loop {
            if let Some(e) = self.errors.pop() {
                return Some(Err(e));
            }
            if self.done {
                return None;
            }
            match self.advance() {
                // A recovery copied it, and the header that says so is lost: it was given.
                Ok(Some(tx)) if self.lossy && tx.first_lsn <= self.reached => {}
                Ok(Some(tx)) => {
                    self.reached = self.reached.max(tx.commit_lsn);
                    if tx.commit_lsn >= self.from_lsn {
                        return Some(Ok(tx));
                    }
                }
                Ok(None) => {}
                Err(e) => {
                    self.done |= !self.lossy;
                    return Some(Err(e));
                }
            }
        }
    }
}

impl<'a> Transactions<'a> {
    /// What stood at the end of the log and is no whole transaction: a torn tail that the next writer cuts, or a write
    /// that was under way. Known once the iterator has ended.
    pub fn tail(&self) -> Option<&Error> {
        self.tail.as_ref()
    }

    /// The highest LSN that was read or passed over; once the iterator has ended, the end of the log.
    pub fn reached(&self) -> u64 {
        self.reached
    }

    /// Where the next commit would stand; once the iterator has ended, and unless the last segment is closed or holds the
    /// beginning of a commit.
    pub fn end(&self) -> Option<End> {
        self.end.clone()
    }

    /// The next LSN behind a segment that holds nothing wanted. One whose footer cannot be read is read itself.
    fn passes(&self, seg: &Segment) -> Option<u64> {
        let wanted = self.wanted.0.as_ref()?;
        let footer = seg.footer(self.chain.disk.as_ref(), seg.sealed()?).ok()?;
        (!wanted(&footer.touches)).then_some(footer.counts.next_lsn)
    }

    fn enter(&mut self) -> Result<bool> {
        let seg = loop {
            let Some(seg) = self.chain.live.get(self.next) else { return Ok(false) };
            self.next += 1;
            match self.passes(seg) {
                Some(next_lsn) => self.reached = self.reached.max(next_lsn.saturating_sub(1)),
                None => break seg,
            }
        };
        let mut src = seg.source(self.chain.disk.as_ref())?;
        let walker = walker_at(&mut src, seg, self.from_lsn);
        let last = self.next == self.chain.live.len();
        let asm = Assembler::new(seg.scan_header().given);
        self.at = Some(Place { seg, last, src, walker, asm, retries: 0 });
        Ok(true)
    }

    fn advance(&mut self) -> Result<Option<Transaction>> {
        if self.at.is_none() && !self.enter()? {
            self.done = true;
            return Ok(None);
        }
        let Some(p) = &mut self.at else { return Ok(None) };
        let seg = p.seg;
        match p.walker.step(&mut p.src)? {
            Step::Frame(frame) => {
                self.seen = self.seen.max(frame.watermark().unwrap_or(0));
                let pushed = p.asm.push(&frame);
                if pushed.is_err() {
                    p.asm.reset();
                }
                let tx = pushed.map_err(|e| e.path(&seg.path))?;
                if let Some(tx) = &tx {
                    self.seen = self.seen.max(tx.watermark);
                }
                Ok(tx)
            }
            Step::Stop(Stop::Bad(reason)) => self.damaged(reason),
            Step::Stop(stop) => {
                let sealed = seg.sealed().is_some();
                let open = p.asm.open_at();
                let (at, last) = (p.walker.at(), p.last && !sealed && seg.limit.is_none());
                let due = p.walker.next_lsn();
                if last && open.is_none() {
                    self.end = Some(End::of(&self.chain.disk, p.src.file(), seg, at));
                }
                self.at = None;
                let wrong = match (open, stop) {
                    (Some(_), _) => Some("a transaction has no end"),
                    (None, Stop::ZeroFill) if sealed || seg.limit.is_some() => Some(describe(Reason::Missing)),
                    (None, _) if last && self.seen >= due => Some(describe(Reason::Missing)),
                    _ => None,
                };
                let Some(why) = wrong else { return Ok(None) };
                let e = Error::corrupt(why).path(&seg.path).offset(open.unwrap_or(at));
                if last && self.seen < due {
                    self.tail = Some(e);
                    return Ok(None);
                }
                Err(e)
            }
        }
    }

    /// At a frame that does not hold: a writer's unfinished work, a torn tail, or damage.
    fn damaged(&mut self, reason: Reason) -> Result<Option<Transaction>> {
        let Some(p) = &mut self.at else { return Ok(None) };
        let seg = p.seg;
        let live = p.last && seg.sealed().is_none() && seg.limit.is_none();
        // A write that was under way is done by the time it is looked at again, or nothing vouches for it.
        if live && p.retries == 0 {
            p.retries = 1;
            std::thread::yield_now();
            p.src.refresh()?;
            return Ok(None);
        }
        let (at, due) = (p.walker.at(), p.walker.next_lsn());
        let mut seen = self.seen;
        let mut ahead = p.walker.clone();
        let found = ahead.resync(&mut p.src)?;
        if live && found && seen.max(self.ahead) < due {
            self.ahead = watermark_ahead(&mut p.src, ahead.clone())?;
        }
        seen = seen.max(self.ahead);
        if live && p.retries == 1 && seen >= due {
            // Frames that vouch for this place were written after it was whole: this reading of it is older than they.
            p.retries = 2;
            p.src.refresh()?;
            return Ok(None);
        }
        p.retries = 0;
        p.asm.reset();
        let end = if found { ahead.at() } else { p.src.len().max(at) };
        let mut e = Error::corrupt(describe(reason)).path(&seg.path).offset(at).expected(format!("LSN {due}"));
        e = e.hint(LOOK);
        if live && seen < due {
            // The next writer cuts here; what is whole behind it was never acknowledged.
            self.tail = Some(e.got(format!("{} bytes that are no whole transaction", p.src.len().saturating_sub(at))));
            self.done = true;
            return Ok(None);
        }
        if found {
            p.walker = ahead;
        } else {
            self.at = None;
        }
        Err(e.got(format!("{} damaged bytes", end - at)))
    }
}

/// Stands at the last place that the index of the segment, if it has one, names at or before the LSN.
pub(crate) fn walker_at(src: &mut FileSource, seg: &Segment, from_lsn: u64) -> Walker {
    let header = seg.scan_header();
    if let Some(trailer) = seg.sealed()
        && from_lsn > header.base_lsn
        && let Ok(footer) = qx_formats::delta_log::read_footer(src, &header, trailer)
    {
        let i = footer.index.partition_point(|e| e.lsn <= from_lsn);
        if let Some(e) = i.checked_sub(1).and_then(|i| footer.index.get(i)) {
            return Walker::from(header.seed(), header.given, e.lsn, seg.limit, e.offset);
        }
    }
    Walker::new(header.seed(), header.given, header.base_lsn, seg.limit)
}

/// The highest durable watermark in the frames behind a damaged place.
fn watermark_ahead(src: &mut FileSource, mut walker: Walker) -> Result<u64> {
    let mut asm = Assembler::new(true);
    let mut seen = 0;
    loop {
        match walker.step(src)? {
            Step::Frame(frame) => {
                seen = seen.max(frame.watermark().unwrap_or(0));
                match asm.push(&frame) {
                    Ok(tx) => seen = seen.max(tx.map_or(0, |tx| tx.watermark)),
                    Err(_) => {
                        asm.reset();
                    }
                }
            }
            Step::Stop(Stop::Bad(_)) => {
                asm.reset();
                if !walker.resync(src)? {
                    return Ok(seen);
                }
            }
            Step::Stop(_) => return Ok(seen),
        }
    }
}

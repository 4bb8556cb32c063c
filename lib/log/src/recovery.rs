//! What an opener does with what it finds. Looking (`plan`) is apart from doing (`crate::rebuild`).

use std::path::Path;
use std::sync::Arc;

use qx_formats::container::Severity;
use qx_formats::delta_log::layout::HEADER_LEN;
use qx_formats::delta_log::{CutPoint, Damage, Reason, Scan, Source, Stop, Tally, describe, unsealed};
use qx_formats::{Error, Result};
use qx_io::Disk;

use crate::chain::{Chain, Segment};
use crate::front::LostFront;
use crate::report::{Cut, LsnRange, Mode, RecoveryReport};
use crate::scanning::{Run, Scanned, scan_all, scan_one};

/// What has to be done before a writer may go on.
#[derive(Debug)]
pub(crate) enum Action {
    /// Nothing: the last segment is empty and ready.
    Continue,
    /// Begin the next segment: the last one is sealed.
    Begin,
    /// Write a segment that supersedes everything from `cut` on.
    Supersede(Supersede),
}

#[derive(Debug)]
pub(crate) struct Supersede {
    pub cut: CutPoint,
    pub base_lsn: u64,
    pub base_txn: u64,
    /// Segment (index in `Chain::live`) of the transactions that move over, and where they stand.
    pub copy: Vec<(usize, Run)>,
    pub aborted: Vec<u64>,
}

#[derive(Debug)]
pub(crate) struct Plan {
    pub chain: Chain,
    pub action: Action,
    pub report: RecoveryReport,
    /// The front of the log is missing, and it is to be recorded that it begins with this LSN now.
    pub begins: Option<u64>,
}

/// A place that is damaged, and what it means.
struct Bad {
    /// Index in `Chain::live` of the segment, or of the one before it; none for a place before all of them.
    live: Option<usize>,
    cut: Cut,
    /// The damage lies below what was recorded as durable.
    below: bool,
}

/// Where a segment can be cut so that whole transactions remain, and the counters there.
#[derive(Clone, Copy)]
struct Edge {
    offset: u64,
    next_lsn: u64,
    next_txn: u64,
}

struct Looked {
    scan: Scan,
    runs: Option<Vec<Run>>,
}

pub(crate) struct Planner<'a> {
    chain: &'a Chain,
    report: RecoveryReport,
    bad: Vec<Bad>,
    watermark: u64,
    /// By index in `Chain::live`; absent where a footer was trusted.
    looked: Vec<Option<Looked>>,
    /// The next transaction id behind each segment.
    next_txns: Vec<u64>,
}

/// Looks at a log and decides what `mode` asks for. `deep` reads every byte; otherwise sealed segments are trusted
/// by their footers.
///
/// # Errors
/// `Corrupt` for damage that the mode refuses; `NotFound` when there is no log; `Io`; `Unsupported`.
pub(crate) fn plan(disk: &Arc<dyn Disk>, dir: &Path, mode: Mode, deep: bool) -> Result<Plan> {
    let mut chain = Chain::load(disk, dir)?;
    let mut problems = std::mem::take(&mut chain.problems);
    if let Some(i) = problems.iter().position(|p| p.misnamed) {
        // Under its own name nothing of it is lost, so that is to be given back before anything is cut.
        return Err(refuse(problems.swap_remove(i).error));
    }
    let mut p = Planner {
        report: RecoveryReport { path: dir.to_path_buf(), mode, ..RecoveryReport::default() },
        bad: Vec::new(),
        watermark: chain.watermark,
        looked: Vec::new(),
        next_txns: Vec::new(),
        chain: &chain,
    };
    let mut first_error = None;
    for problem in problems {
        let e = &problem.error;
        let cut = Cut {
            segment: problem.segment,
            offset: e.get_offset().unwrap_or(0),
            bytes: 0,
            reason: "segment",
            message: e.message().to_owned(),
            lost_lsns: problem.lost.map(|(from, to)| LsnRange { from, to: Some(to) }),
        };
        // What is no segment of this log, or is missing, is superseded together with what follows the one before it.
        let before = chain.live.partition_point(|s| s.number <= problem.segment).checked_sub(1);
        if before.is_none() && mode == Mode::Salvage && !chain.live.is_empty() {
            // No cut reaches that far to the front.
            return Err(refuse(problem.error));
        }
        p.bad.push(Bad { live: before, cut, below: true });
        first_error.get_or_insert(problem.error);
    }
    if let Some(e) = first_error
        && mode != Mode::Salvage
    {
        return Err(refuse(e));
    }
    let front = chain.lost_front();
    let begins = front.as_ref().map(|f| f.begins);
    if let Some(front) = front.filter(|_| mode != Mode::Salvage) {
        return Err(refuse(front.error));
    }
    p.look(deep || mode == Mode::Salvage)?;
    p.judge_tail()?;
    let (action, mut report) = p.decide()?;
    if let Some(front) = chain.lost_front() {
        report.clean = false;
        report.cuts.insert(0, cut_before(front));
    }
    Ok(Plan { action, report, chain, begins })
}

/// What is missing before the first segment.
fn cut_before(front: LostFront) -> Cut {
    let message = front.error.message().to_owned();
    let (segment, lost_lsns) = (front.segment, Some(front.lsns));
    Cut { segment, offset: 0, bytes: 0, reason: Reason::Missing.name(), message, lost_lsns }
}

const NO_END: &str = "a transaction has no end";
const NO_SEAL: &str = "the segment was sealed, and its end is missing or damaged";

fn cut_at(seg: &Segment, offset: u64, bytes: u64, reason: Reason, message: &str, lost_lsns: Option<LsnRange>) -> Cut {
    Cut { segment: seg.number, offset, bytes, reason: reason.name(), message: message.to_owned(), lost_lsns }
}

fn refuse(e: Error) -> Error {
    let next = e.get_hint().unwrap_or("`deltalog recover --mode salvage --dry-run` lists what can be kept");
    let hint = format!("nothing was changed; {next}");
    e.hint(hint)
}

impl Planner<'_> {
    /// Scans what has to be scanned, and reads the footers of the rest.
    fn look(&mut self, deep: bool) -> Result<()> {
        let chain = self.chain;
        let quick = |seg: &Segment| !deep && seg.sealed().is_some();
        let scans = scan_all(chain, |seg| !quick(seg));
        let last = chain.live.len().saturating_sub(1);
        for (i, (seg, scanned)) in chain.live.iter().zip(scans).enumerate() {
            self.report.segments += 1;
            let Some(scanned) = scanned else {
                let Some(trailer) = seg.sealed() else { continue };
                let c = seg.counts(chain.disk.as_ref(), trailer).map_err(refuse)?;
                self.kept(c.transactions, c.operations, c.frames, trailer.footer);
                self.saw_txn(seg, c.next_txn);
                self.looked.push(None);
                continue;
            };
            let Scanned { findings, scan: found, runs, bytes } = scanned.map_err(|e| e.path(&seg.path))?;
            if seg.sealed().is_some() && found.damage.is_empty() && found.unfinished.is_none() {
                for f in findings.iter().filter(|f| f.severity == Severity::Error) {
                    self.push_bad(i, cut_at(seg, f.offset.unwrap_or(0), 0, Reason::Content, &f.message, None));
                }
            }
            self.watermark = self.watermark.max(found.watermark);
            let c = &found.tally.counts;
            self.saw_txn(seg, c.next_txn);
            self.kept(c.transactions, c.operations, c.frames, 0);
            self.report.kept_bytes += bytes;
            self.report.partial_transactions.extend(&found.partial);
            self.weigh(i, seg, &found, i == last);
            if seg.guessed && !self.chain.given {
                self.weigh_gaps(i, seg, &found, runs.as_deref().unwrap_or_default());
            }
            self.looked.push(Some(Looked { scan: found, runs }));
        }
        Ok(())
    }

    fn saw_txn(&mut self, seg: &Segment, next_txn: u64) {
        let before = self.next_txns.last().copied().unwrap_or(1);
        self.next_txns.push(before.max(next_txn).max(seg.header.base_txn));
    }

    fn kept(&mut self, transactions: u64, operations: u64, records: u64, bytes: u64) {
        self.report.kept_transactions += transactions;
        self.report.kept_operations += operations;
        self.report.kept_records += records;
        self.report.kept_bytes += bytes;
    }

    /// Lists the damage of one scanned segment.
    fn weigh(&mut self, i: usize, seg: &Segment, found: &Scan, last: bool) {
        let tail = last && seg.sealed().is_none() && seg.limit.is_none();
        for d in &found.damage {
            self.push_damage(i, seg, d, !tail);
        }
        if tail {
            return;
        }
        // Where the header of the segment behind it is lost, nobody has missed its end yet.
        let known = self.bad.iter().any(|b| b.cut.segment == seg.number);
        if seg.sealed().is_none() && seg.limit.is_none() && !known {
            self.push_bad(i, cut_at(seg, found.end, 0, Reason::Missing, NO_SEAL, None));
        }
        // A segment whose end is known holds whole transactions up to there.
        if let Some((offset, txn)) = found.unfinished {
            self.report.partial_transactions.push(txn);
            self.push_bad(i, cut_at(seg, offset, found.end - offset, Reason::Missing, NO_END, None));
        }
        let due = self.chain.live.get(i + 1).map(|s| s.header.base_lsn).or(seg.sealed().map(|t| t.next_lsn));
        if let Some(due) = due
            && found.damage.is_empty()
            && found.tally.counts.next_lsn < due
            && !self.chain.given
            && !seg.guessed
        {
            let lost = Some(LsnRange { from: found.tally.counts.next_lsn, to: Some(due - 1) });
            // Segments that are missing were found to be when the next one was opened.
            if self.bad.iter().all(|b| b.cut.lost_lsns != lost) {
                self.push_bad(i, cut_at(seg, found.end, 0, Reason::Missing, describe(Reason::Missing), lost));
            }
        }
    }

    /// Lists what is missing around and in a segment whose header is lost: with it goes what is due, so that no frame is
    /// damage for its LSN.
    fn weigh_gaps(&mut self, i: usize, seg: &Segment, found: &Scan, runs: &[Run]) {
        let end = self.chain.live.get(i + 1).filter(|s| !s.guessed).map(|s| s.header.base_lsn);
        let places = runs.iter().map(|r| (r.offset, r.first_lsn, r.next_lsn));
        // Where a log that was pruned begins is not known.
        let known = i > 0 || seg.number == 1;
        let mut due = if known { self.due_at(i, seg) } else { runs.first().map_or(u64::MAX, |r| r.first_lsn) };
        for (offset, first, next) in places.chain(end.map(|lsn| (found.end, lsn, lsn))) {
            let covers = |l: LsnRange| l.from <= due && l.to.is_none_or(|to| to >= first - 1);
            if first > due && !self.bad.iter().any(|b| b.cut.lost_lsns.is_some_and(covers)) {
                let lost = Some(LsnRange { from: due, to: Some(first - 1) });
                self.push_bad(i, cut_at(seg, offset, 0, Reason::Missing, describe(Reason::Missing), lost));
            }
            due = due.max(next);
        }
    }

    fn push_damage(&mut self, i: usize, seg: &Segment, d: &Damage, below: bool) {
        // Behind a segment that is not sealed, a header that was made up says less than is known by now.
        let from = if seg.guessed { d.lsn.max(self.due_at(i, seg)) } else { d.lsn };
        let next_base = self.chain.live.get(i + 1).map(|s| s.header.base_lsn);
        let end = d.resumed_lsn.or(seg.sealed().map(|t| t.next_lsn)).or(next_base);
        let lost = match end {
            Some(end) if end > from => Some(LsnRange { from, to: Some(end - 1) }),
            Some(_) => None,
            None => Some(LsnRange { from, to: None }),
        };
        let cut = Cut {
            segment: seg.number,
            offset: d.offset,
            bytes: d.end - d.offset,
            reason: d.reason.name(),
            message: d.message.clone(),
            lost_lsns: lost,
        };
        self.bad.push(Bad { live: Some(i), cut, below });
    }

    fn push_bad(&mut self, live: usize, cut: Cut) {
        self.bad.push(Bad { live: Some(live), cut, below: true });
    }

    /// The last segment was not sealed: is what is damaged there below the watermark, or a torn tail?
    fn judge_tail(&mut self) -> Result<()> {
        let Some(seg) = self.chain.live.last() else { return Ok(()) };
        let i = self.chain.live.len() - 1;
        if seg.sealed().is_some() || seg.limit.is_some() {
            return Ok(());
        }
        let Some(Some(looked)) = self.looked.last() else { return Ok(()) };
        // A writer that was stopped while sealing leaves a footer and zeros; nothing counts that stands there otherwise.
        if !seg.guessed
            && let Some((at, bytes, why)) = unsealed(&mut seg.source(self.chain.disk.as_ref())?, &looked.scan)?
        {
            let cut = cut_at(seg, at, bytes, Reason::Content, why, None);
            self.report.dropped_bytes += bytes;
            self.bad.push(Bad { live: Some(i), cut, below: false });
        }
        let (clean, end) = (looked.scan.clean.counts, looked.scan.end);
        let unfinished = looked.scan.unfinished;
        let damaged = !looked.scan.damage.is_empty();
        // One place decides for all behind it: they are cut together.
        let below = self.watermark >= clean.next_lsn;
        for bad in self.bad.iter_mut().filter(|b| b.live == Some(i)) {
            bad.below |= below;
        }
        if let Some((offset, txn)) = unfinished {
            self.report.partial_transactions.push(txn);
            if !damaged {
                let lost = Some(LsnRange { from: clean.next_lsn, to: None });
                let cut = cut_at(seg, offset, end - offset, Reason::Missing, NO_END, lost);
                self.bad.push(Bad { live: Some(i), cut, below });
            }
        } else if !damaged && below {
            let lost = Some(LsnRange { from: clean.next_lsn, to: Some(self.watermark) });
            self.push_bad(i, cut_at(seg, end, 0, Reason::Missing, describe(Reason::Missing), lost));
        }
        Ok(())
    }

    fn decide(mut self) -> Result<(Action, RecoveryReport)> {
        let mode = self.report.mode;
        let refused = self.bad.iter().find(|b| mode == Mode::Strict || (mode == Mode::Tail && b.below));
        if let Some(bad) = refused {
            return Err(self.refusal(bad));
        }
        self.report.watermark = self.watermark;
        let Some(last) = self.chain.live.last() else {
            return Err(Error::corrupt("no segment of the log counts").path(&self.report.path));
        };
        let tally = self.looked.last().and_then(|l| l.as_ref()).map(|l| l.scan.tally.clone());
        if self.bad.is_empty() {
            if let Some(t) = last.sealed() {
                self.report.clean = true;
                let txn = last.counts(self.chain.disk.as_ref(), t)?.next_txn;
                (self.report.next_lsn, self.report.next_txn) = (t.next_lsn, txn);
                return Ok((Action::Begin, self.report));
            }
            if let Some(Tally { counts, .. }) = &tally
                && counts.frames == 0
                && self.looked.last().and_then(|l| l.as_ref()).is_some_and(|l| l.scan.stop == Stop::ZeroFill)
            {
                self.report.clean = true;
                (self.report.next_lsn, self.report.next_txn) = (counts.next_lsn, counts.next_txn);
                return Ok((Action::Continue, self.report));
            }
        }
        let action = self.supersede(mode)?;
        self.report.cuts = self.bad.into_iter().map(|b| b.cut).collect();
        Ok((action, self.report))
    }

    fn refusal(&self, bad: &Bad) -> Error {
        let c = &bad.cut;
        let why = match (bad.below, self.watermark) {
            (true, w) => format!("damage below the durable watermark (LSN {w}): {}", c.message),
            (false, w) => format!("damage above the durable watermark (LSN {w}): {}", c.message),
        };
        let mut e = Error::corrupt(why).path(self.segment_path(c.segment)).offset(c.offset);
        if let Some(lost) = c.lost_lsns {
            e = e.got(match lost.to {
                Some(to) => format!("LSNs {} to {to} are damaged or missing", lost.from),
                None => format!("LSNs from {} on are damaged or missing", lost.from),
            });
        }
        refuse(e)
    }

    fn segment_path(&self, number: u64) -> std::path::PathBuf {
        self.report.path.join(crate::files::segment_name(number))
    }

    /// Everything from the first place on that cannot stay as it is moves to a new segment.
    fn supersede(&mut self, mode: Mode) -> Result<Action> {
        let last = self.chain.live.len() - 1;
        let first_bad = self.bad.iter().map(|b| b.live.unwrap_or(0)).min();
        let at = match (mode, first_bad) {
            (Mode::Salvage, Some(i)) => i.min(last),
            _ => last,
        };
        let Some(seg) = self.chain.live.get(at) else {
            return Err(Error::corrupt("no segment of the log counts").path(&self.report.path));
        };
        for (seg, looked) in self.chain.live.iter().zip(&mut self.looked).skip(at) {
            if let Some(l) = looked
                && l.runs.is_none()
            {
                l.runs = scan_one((self.chain.disk.as_ref(), None), seg, true).map_err(|e| e.path(&seg.path))?.runs;
            }
        }
        let edge = self.edge(at, seg)?;
        let cut = CutPoint { segment: seg.number, offset: edge.offset };
        let mut copy = Vec::new();
        let mut next = edge;
        for (i, (seg, looked)) in self.chain.live.iter().zip(&self.looked).enumerate().skip(at) {
            for run in looked.iter().flat_map(|l| &l.runs).flatten() {
                let from = if i == at { edge.offset } else { 0 };
                // Of a run only a part may be wanted.
                let parted = (run.offset < from && from < run.end)
                    || (run.first_lsn < next.next_lsn && next.next_lsn < run.next_lsn);
                let parts = if parted { run.each(self.chain.disk.as_ref(), seg)? } else { vec![*run] };
                for run in parts {
                    let wanted = (mode == Mode::Salvage || run.clean) && run.offset >= from;
                    // Behind a damaged place a hostile file may repeat LSNs, and so does one whose header, which said
                    // what it supersedes, is lost; the log must not.
                    if wanted && run.first_lsn >= next.next_lsn {
                        next.next_lsn = run.next_lsn;
                        next.next_txn = next.next_txn.max(run.next_txn);
                        copy.push((i, run));
                    } else if wanted {
                        self.report.forget(&run);
                    }
                }
            }
            if let Some(l) = looked {
                // LSNs that were seen once, or lost, are not given again.
                next.next_lsn = next.next_lsn.max(l.scan.tally.counts.next_lsn);
                next.next_txn = next.next_txn.max(l.scan.tally.counts.next_txn);
            }
        }
        next.next_lsn = next.next_lsn.max(self.watermark + 1);
        next.next_txn = next.next_txn.max(self.next_txns.last().copied().unwrap_or(1));
        self.count_dropped(at, mode)?;
        self.report.next_lsn = next.next_lsn;
        self.report.next_txn = next.next_txn;
        self.report.copied_transactions = copy.iter().map(|(_, run)| run.transactions).sum();
        self.report.new_segment = Some(self.chain.last_number + 1);
        let aborted = self.report.partial_transactions.clone();
        Ok(Action::Supersede(Supersede { cut, base_lsn: edge.next_lsn, base_txn: edge.next_txn, copy, aborted }))
    }

    /// The LSN that is due where the segment `at` begins, by what was read before it.
    fn due_at(&self, at: usize, seg: &Segment) -> u64 {
        let before = at.checked_sub(1).and_then(|i| self.chain.live.get(i).zip(self.looked.get(i)));
        match before {
            Some((_, Some(l))) => l.scan.tally.counts.next_lsn,
            Some((s, None)) => s.sealed().map_or(seg.header.base_lsn, |t| t.next_lsn),
            None => seg.header.base_lsn,
        }
    }

    /// The last place in a segment below which everything is durable and whole.
    fn edge(&self, at: usize, seg: &Segment) -> Result<Edge> {
        // A gap before the segment is closed by the one that supersedes it.
        let next_lsn = self.due_at(at, seg);
        let next_txn = at.checked_sub(1).and_then(|i| self.next_txns.get(i)).copied().unwrap_or(1);
        let next_txn = next_txn.max(seg.header.base_txn);
        let mut edge = Edge { offset: HEADER_LEN as u64, next_lsn, next_txn };
        // What stays where it is has to follow what is before it.
        let gap = at > 0 && !self.chain.given && seg.header.base_lsn != next_lsn;
        let Some(looked) = self.looked.get(at).and_then(Option::as_ref).filter(|_| !seg.guessed && !gap) else {
            return Ok(edge);
        };
        let watermark = self.watermark;
        let mut pass = |run: &Run| {
            let durable = run.clean && run.next_lsn - 1 <= watermark && run.first_lsn >= edge.next_lsn;
            if durable {
                edge = Edge { offset: run.end, next_lsn: run.next_lsn, next_txn: edge.next_txn.max(run.next_txn) };
            }
            durable
        };
        for run in looked.runs.iter().flatten() {
            if !pass(run) {
                if run.clean && run.first_lsn <= watermark {
                    run.each(self.chain.disk.as_ref(), seg)?.iter().all(pass);
                }
                break;
            }
        }
        Ok(edge)
    }

    /// In the tail mode everything behind the last whole transaction is dropped, later valid frames included.
    fn count_dropped(&mut self, at: usize, mode: Mode) -> Result<()> {
        for (i, seg) in self.chain.live.iter().enumerate().skip(at) {
            let Some(Some(l)) = self.looked.get(i) else { continue };
            if mode == Mode::Salvage {
                self.report.dropped_bytes += l.scan.damage.iter().map(|d| d.end - d.offset).sum::<u64>();
                self.report.dropped_records += l.scan.damage.len() as u64;
                continue;
            }
            let lost: Vec<_> = l.runs.iter().flatten().filter(|r| !r.clean).collect();
            self.report.kept_transactions -= lost.iter().map(|r| r.transactions).sum::<u64>();
            self.report.kept_operations -= l.scan.tally.counts.operations - l.scan.clean.counts.operations;
            self.report.kept_records -= l.scan.tally.counts.frames - l.scan.clean.counts.frames;
            self.report.kept_bytes -= lost.iter().map(|r| r.end - r.offset).sum::<u64>();
            if l.scan.damage.is_empty() && l.scan.unfinished.is_none() {
                continue;
            }
            let unreadable = l.scan.damage.iter().filter(|d| !matches!(d.reason, Reason::NoZeroFill | Reason::Content));
            self.report.dropped_records += l.scan.later_frames + unreadable.count() as u64;
            let mut src = seg.source(self.chain.disk.as_ref())?;
            let end = last_data(&mut src, l.scan.clean_end)?;
            self.report.dropped_bytes += end - l.scan.clean_end;
        }
        Ok(())
    }
}

/// Offset behind the last byte that is not zero, at `from` or later.
fn last_data(src: &mut impl Source, from: u64) -> Result<u64> {
    const STEP: u64 = 64 << 10;
    let mut end = src.len();
    while end > from {
        let start = from.max(end.saturating_sub(STEP));
        let bytes = src.fetch(start, (end - start) as usize)?;
        if let Some(i) = bytes.iter().rposition(|&b| b != 0) {
            return Ok(start + i as u64 + 1);
        }
        end = start;
    }
    Ok(from)
}

impl Segment {
    /// A header that was made up says nothing of LSNs but a lower bound: gaps are no damage then.
    pub fn scan_header(&self) -> qx_formats::delta_log::SegmentHeader {
        let mut h = self.header.clone();
        h.given |= self.guessed;
        h
    }
}

//! Scanning the segments of a log for a recovery: several at the same time, and a long one that is not sealed in pieces.
//!
//! Pieces are short, and taken in their order: where one thread reads the segment from the disk, the others are never far
//! from it. A piece begins where a transaction seems to begin. It counts only if the frames of the piece before it are whole and
//! end just there, with the LSN that is due; else the segment is scanned again, from its front.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use qx_formats::Result;
use qx_formats::container::Finding;
use qx_formats::delta_log::layout::{HEADER_LEN, INDEX_STRIDE};
use qx_formats::delta_log::{Scan, Stretch, find_start, skim_from, verify_segment};
use qx_io::Disk;

use crate::ahead::{Ahead, StopOnDrop};
use crate::chain::{Chain, Segment};
use crate::files::FileSource;

/// Whole transactions that stand one behind the other, few enough to be looked at again when one of them is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub first_lsn: u64,
    pub next_lsn: u64,
    pub next_txn: u64,
    pub transactions: u64,
    pub operations: u64,
    pub records: u64,
    pub offset: u64,
    pub end: u64,
    /// They stand before any damage.
    pub clean: bool,
}

impl Run {
    fn of(s: &Stretch) -> Run {
        Run {
            first_lsn: s.first_lsn,
            next_lsn: s.commit_lsn + 1,
            next_txn: s.txn.saturating_add(1),
            transactions: s.transactions,
            operations: s.ops,
            records: s.frames,
            offset: s.offset,
            end: s.end,
            clean: s.clean,
        }
    }

    fn takes(&self, s: &Stretch) -> bool {
        s.offset == self.end
            && s.clean == self.clean
            && s.first_lsn >= self.next_lsn
            && s.end - self.offset <= INDEX_STRIDE
    }

    /// Each transaction as a run of its own.
    pub fn each(&self, disk: &dyn Disk, seg: &Segment) -> Result<Vec<Run>> {
        let mut all = Vec::new();
        let from = (self.offset, self.first_lsn);
        let mut src = seg.source(disk)?;
        skim_from(&mut src, &seg.scan_header(), from, Some(self.end), 0, |s| {
            all.push(Run { clean: self.clean, ..Run::of(s) });
            Ok(())
        })?;
        Ok(all)
    }
}

pub(crate) struct Scanned {
    pub findings: Vec<Finding>,
    pub scan: Scan,
    /// Of a sealed segment they are looked up when it turns out that something has to move: a log may be large.
    pub runs: Option<Vec<Run>>,
    /// Bytes of whole transactions.
    pub bytes: u64,
}

/// Less than this is scanned before another thread has begun.
const WORTH_A_THREAD: u64 = 4 << 20;

/// A segment (index in `Chain::live`), and where the pieces of it begin.
struct Pieces {
    live: usize,
    /// Of each piece but the first, once somebody has looked: with which LSN. Without one, the piece before goes on.
    starts: Vec<OnceLock<Option<(u64, u64)>>>,
}

/// Scans the segments that are `wanted`, in as many threads as pay.
pub(crate) fn scan_all(chain: &Chain, wanted: impl Fn(&Segment) -> bool) -> Vec<Option<Result<Scanned>>> {
    let todo: Vec<usize> = (0..chain.live.len()).filter(|i| chain.live.get(*i).is_some_and(&wanted)).collect();
    let bytes: u64 = todo.iter().filter_map(|i| chain.live.get(*i)).map(|s| s.len).sum();
    // Asking for the number of cores takes longer than a small log.
    let worth = usize::try_from(bytes / WORTH_A_THREAD).unwrap_or(usize::MAX);
    let threads = if worth > 1 { worth.min(std::thread::available_parallelism().map_or(1, usize::from)) } else { 1 };
    scan_in(chain, &todo, threads)
}

/// In so many threads, and a segment that is not sealed in pieces, if there is more than one thread.
fn scan_in(chain: &Chain, todo: &[usize], threads: usize) -> Vec<Option<Result<Scanned>>> {
    let ahead = if threads > 1 { ahead_of(chain, todo) } else { None };
    let disk = chain.disk.as_ref();
    let ahead = ahead.as_ref();
    let all: Vec<Pieces> = todo.iter().map(|&i| Pieces::of(chain, i, threads)).collect();
    let list: Vec<(&Pieces, usize)> = all.iter().flat_map(|p| (0..=p.starts.len()).map(move |n| (p, n))).collect();
    let next = AtomicUsize::new(0);
    let take = || {
        let at = next.fetch_add(1, Ordering::Relaxed);
        Some((at, list.get(at)?))
    };
    let work = || {
        let mut done = Vec::new();
        while let Some((at, (pieces, n))) = take() {
            let Some(seg) = chain.live.get(pieces.live) else { break };
            done.extend(pieces.scan((disk, ahead), seg, *n).map(|scanned| (at, scanned)));
        }
        done
    };
    let mut done = std::thread::scope(|scope| {
        // Also where this here panics: whoever reads waits for those who follow.
        let _stop = ahead.map(|ahead| {
            scope.spawn(move || ahead.read(disk));
            StopOnDrop(ahead)
        });
        let others: Vec<_> = (1..threads.min(list.len())).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for thread in others {
            done.extend(thread.join().unwrap_or_else(|e| std::panic::resume_unwind(e)));
        }
        done
    });
    done.sort_by_key(|(at, _)| *at);
    let mut out: Vec<Option<Result<Scanned>>> = chain.live.iter().map(|_| None).collect();
    let mut done = done.into_iter().filter_map(|(at, scanned)| Some((list.get(at)?, scanned))).peekable();
    while let Some(((pieces, _), first)) = done.next() {
        let Some((seg, slot)) = chain.live.get(pieces.live).zip(out.get_mut(pieces.live)) else { break };
        let mut rest = Vec::new();
        while let Some(((_, n), scanned)) = done.next_if(|((p, _), _)| p.live == pieces.live) {
            rest.extend(pieces.start(*n).map(|start| (scanned, start)));
        }
        let joined = if rest.is_empty() { Some(first) } else { join(seg, first, rest).map(Ok) };
        *slot = Some(joined.unwrap_or_else(|| scan_one((disk, None), seg, true)));
    }
    out
}

/// Where files are not in memory, somebody reads them from the disk.
fn ahead_of(chain: &Chain, todo: &[usize]) -> Option<Arc<Ahead>> {
    let files = todo.iter().filter_map(|i| chain.live.get(*i)).map(|s| (s.path.clone(), s.len));
    Ahead::over(chain.disk.as_ref(), files.collect())
}

/// A disk, and who reads from it first.
pub(crate) type Reading<'a> = (&'a dyn Disk, Option<&'a Arc<Ahead>>);

fn source((disk, ahead): Reading<'_>, seg: &Segment) -> Result<FileSource> {
    seg.source(disk).map(|src| src.follow(ahead))
}

impl Pieces {
    /// A segment in pieces, where that pays.
    fn of(chain: &Chain, live: usize, threads: usize) -> Pieces {
        let seg = chain.live.get(live).filter(|s| threads > 1 && s.sealed().is_none());
        let more = seg.map_or(0, |s| s.limit.unwrap_or(u64::MAX).min(s.len) / WORTH_A_THREAD).saturating_sub(1);
        Pieces { live, starts: (0..more).map(|_| OnceLock::new()).collect() }
    }

    /// Where the n-th piece begins, if somebody looked, and found it.
    fn start(&self, n: usize) -> Option<(u64, u64)> {
        n.checked_sub(1).and_then(|i| *self.starts.get(i)?.get()?)
    }

    /// [`Pieces::start`], found now if nobody looked.
    fn find(&self, disk: Reading<'_>, seg: &Segment, n: usize) -> Option<(u64, u64)> {
        let look = || {
            let near = WORTH_A_THREAD * n as u64;
            // A frame is found within so many bytes, or the piece before goes on.
            find_start(&mut source(disk, seg).ok()?, &seg.scan_header(), near, near + WORTH_A_THREAD / 4).ok()?
        };
        n.checked_sub(1).and_then(|i| *self.starts.get(i)?.get_or_init(look))
    }

    /// Scans the n-th piece, if there is one.
    fn scan(&self, disk: Reading<'_>, seg: &Segment, n: usize) -> Option<Result<Scanned>> {
        let from = if n == 0 { None } else { Some(self.find(disk, seg, n)?) };
        let next = (n + 1..=self.starts.len()).find_map(|n| self.find(disk, seg, n));
        if from.is_none() && next.is_none() {
            return Some(scan_one(disk, seg, seg.sealed().is_none()));
        }
        let limit = next.map(|s| s.0).or(seg.limit);
        Some(source(disk, seg).and_then(|src| scan_piece(src, seg, from, limit)))
    }
}

fn scan_piece(mut src: FileSource, seg: &Segment, from: Option<(u64, u64)>, limit: Option<u64>) -> Result<Scanned> {
    let header = seg.scan_header();
    let from = from.unwrap_or((HEADER_LEN as u64, header.base_lsn));
    let (mut runs, mut bytes) = (Vec::new(), 0);
    let scan = skim_from(&mut src, &header, from, limit, INDEX_STRIDE, |s| {
        add(&mut runs, &mut bytes, s);
        Ok(())
    })?;
    Ok(Scanned { findings: Vec::new(), scan, runs: Some(runs), bytes })
}

/// Scans all of a segment; its runs are kept if asked for.
pub(crate) fn scan_one(disk: Reading<'_>, seg: &Segment, keep: bool) -> Result<Scanned> {
    let (mut runs, mut bytes) = (Vec::new(), 0);
    let mut src = source(disk, seg)?;
    let (findings, scan) = verify_segment(&mut src, &seg.scan_header(), seg.sealed(), seg.limit, |s| {
        if keep {
            add(&mut runs, &mut bytes, s);
        } else {
            bytes += s.end - s.offset;
        }
        Ok(())
    })?;
    Ok(Scanned { findings, scan, runs: keep.then_some(runs), bytes })
}

fn add(runs: &mut Vec<Run>, bytes: &mut u64, s: &Stretch) {
    *bytes += s.end - s.offset;
    match runs.last_mut() {
        Some(run) if run.takes(s) => {
            run.next_lsn = s.commit_lsn + 1;
            run.next_txn = run.next_txn.max(s.txn.saturating_add(1));
            run.transactions += s.transactions;
            run.operations += s.ops;
            run.records += s.frames;
            run.end = s.end;
        }
        _ => runs.push(Run::of(s)),
    }
}

/// What was found in the pieces of a segment, if each ends where the next one begins.
fn join(seg: &Segment, first: Result<Scanned>, rest: Vec<(Result<Scanned>, (u64, u64))>) -> Option<Scanned> {
    let mut whole = first.ok()?;
    for (piece, start) in rest {
        let piece = piece.ok()?;
        let scan = whole.scan.join(piece.scan, start, seg.scan_header().given)?;
        let mut runs = whole.runs.unwrap_or_default();
        runs.extend(piece.runs.into_iter().flatten());
        whole = Scanned { findings: Vec::new(), scan, runs: Some(runs), bytes: whole.bytes + piece.bytes };
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use qx_formats::delta_log::Tally;
    use qx_io::RealDisk;

    use super::*;
    use crate::{Log, Op, Options, SyncPolicy};

    fn put(n: u64, len: usize) -> Op {
        let (store, key) = (format!("s{}", n % 3), n.to_string());
        Op::KvPut { store, key, kind: 0, value: vec![n as u8; len], expires_at_us: None }
    }

    /// A segment of 17 MiB that nobody closed: mostly small transactions, some of several frames.
    fn write(dir: &Path) {
        let options = Options { sync: SyncPolicy::None, ..Options::default() };
        let (log, _) = Log::open(dir, options).unwrap();
        let mut last = 0;
        for n in 0..1600 {
            let ops: Vec<Op> = match n % 400 {
                399 => (0..3).map(|i| put(n + i, 700 << 10)).collect(),
                _ => vec![put(n, 5000), put(n, 300)],
            };
            last = log.submit(&ops).unwrap().lsn;
        }
        log.settle(last).unwrap();
    }

    /// All of a scan that does not depend on where its pieces begin.
    fn facts(s: &Scanned) -> String {
        let f = &s.scan;
        let tally = |t: &Tally| format!("{:?} {:?}", t.counts, t.touches);
        let mut runs: Vec<(u64, u64, u64, bool)> = Vec::new();
        for r in s.runs.iter().flatten() {
            match runs.last_mut() {
                Some(last) if last.1 == r.offset && last.3 == r.clean => {
                    (last.1, last.2) = (r.end, last.2 + r.transactions)
                }
                _ => runs.push((r.offset, r.end, r.transactions, r.clean)),
            }
        }
        let (tallies, places) = ([tally(&f.tally), tally(&f.clean)], (f.clean_end, f.end, f.stop));
        format!(
            "{tallies:?} {places:?} {:?} {} {} {:?} {:?} {} {runs:?}",
            f.damage, f.watermark, f.later_frames, f.unfinished, f.partial, s.bytes
        )
    }

    #[test]
    fn pieces_say_what_the_whole_says() {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path());
        let path = dir.path().join("000000000001.dlog");
        let bytes = fs::read(&path).unwrap();
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let chain = Chain::load(&disk, dir.path()).unwrap();
        let pieces = Pieces::of(&chain, 0, 2);
        let find = |n| pieces.find((disk.as_ref(), None), &chain.live[0], n);
        let starts: Vec<(u64, u64)> = (1..=pieces.starts.len()).filter_map(find).collect();
        assert_eq!(starts.len(), 3, "{starts:?}");
        let near = |at: u64| [at as usize - 3000, at as usize - 2, at as usize + 2, at as usize + 40];
        let mut flips: Vec<usize> = starts.iter().flat_map(|s| near(s.0)).collect();
        flips.extend([200, bytes.len() / 10, bytes.len() / 2, bytes.len() - (2 << 20)]);
        for flip in std::iter::once(None).chain(flips.into_iter().map(Some)) {
            for len in [bytes.len(), starts[2].0 as usize + 10, starts[1].0 as usize, 9 << 20] {
                let mut bad = bytes[..len].to_vec();
                if let Some(byte) = flip.and_then(|at| bad.get_mut(at)) {
                    *byte ^= 0x10;
                }
                fs::write(&path, &bad).unwrap();
                let chain = Chain::load(&disk, dir.path()).unwrap();
                let whole = facts(&scan_one((disk.as_ref(), None), &chain.live[0], true).unwrap());
                for threads in [2, 4, 7] {
                    let pieces = scan_in(&chain, &[0], threads).swap_remove(0).unwrap().unwrap();
                    assert_eq!(facts(&pieces), whole, "{flip:?} {len} {threads}");
                }
            }
        }
    }
}

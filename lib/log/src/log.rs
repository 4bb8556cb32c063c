//! The writer: transactions in, durability out.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use qx_formats::delta_log::layout::{CHECKPOINT_CLOSE, MAX_NUMBER};
use qx_formats::delta_log::{
    Batch, CheckpointInfo, Entry, FrameHead, FrameKind, Op, Place, SegmentHeader, Transaction, put_frame,
};
use qx_formats::{Error, Kind, Result};
use qx_io::{Disk, RealDisk};

use crate::open::Guard;
use crate::options::{Numbering, Options, SyncPolicy};
use crate::prune::{PruneOptions, Pruned};
use crate::rebuild::place_of;
use crate::report::RecoveryReport;
use crate::segment_out::SegmentOut;
use crate::stats::{Counters, Stats};

/// A transaction's place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Of its commit.
    pub lsn: u64,
    pub txn: u64,
}

/// Bytes that wait for a leader before whoever adds more becomes one.
const MAX_PENDING: usize = 8 << 20;

/// An open log. Any number of threads may commit. Dropped without [`Log::close`], it is left as a crash would leave it:
/// the next opener recovers it.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    syncer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    opts: Options,
    state: Mutex<State>,
    changed: Condvar,
    counters: Counters,
    /// The sync thread should end.
    stop: AtomicBool,
}

#[derive(Debug)]
struct State {
    /// Absent after a rotation whose second half failed; the next commit tries it again.
    out: Option<SegmentOut>,
    /// The header that the next segment gets, kept for that case.
    last_header: SegmentHeader,
    pending: Vec<u8>,
    spare: Vec<u8>,
    next_lsn: u64,
    next_txn: u64,
    /// Commit LSN of the last transaction in `pending`, in the file, on the disk.
    submitted: u64,
    written: u64,
    durable: u64,
    unsynced: u64,
    /// Someone writes or syncs, without the lock.
    leader: bool,
    /// Someone changes segments: nothing may be added meanwhile.
    exclusive: bool,
    poisoned: Option<String>,
    guard: Option<Guard>,
}

impl Log {
    /// Opens the log in `dir`, or makes one there, and takes its lock. A log that was not closed cleanly is recovered
    /// first: what stands above the durable watermark is copied to a new segment and synced.
    ///
    /// # Errors
    /// `Locked`; `Corrupt` for damage below the durable watermark; `Unsupported`; `Io`.
    pub fn open(dir: impl AsRef<Path>, options: Options) -> Result<(Log, RecoveryReport)> {
        Self::open_on(Arc::new(RealDisk), dir.as_ref(), options)
    }

    /// [`Log::open`] on another disk.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub fn open_on(disk: Arc<dyn Disk>, dir: &Path, options: Options) -> Result<(Log, RecoveryReport)> {
        crate::open::open(disk, dir, options)
    }

    pub(crate) fn start(
        disk: Arc<dyn Disk>,
        dir: &Path,
        opts: Options,
        guard: Guard,
        out: SegmentOut,
        next_lsn: u64,
        next_txn: u64,
    ) -> Result<Log> {
        let done = next_lsn - 1;
        let state = State {
            last_header: out.header.clone(),
            out: Some(out),
            pending: Vec::new(),
            spare: Vec::new(),
            next_lsn,
            next_txn,
            submitted: done,
            written: done,
            durable: done,
            unsynced: 0,
            leader: false,
            exclusive: false,
            poisoned: None,
            guard: Some(guard),
        };
        let interval = if let SyncPolicy::Interval(every) = opts.sync { Some(every) } else { None };
        let shared = Arc::new(Shared {
            disk,
            dir: dir.to_path_buf(),
            opts,
            state: Mutex::new(state),
            changed: Condvar::new(),
            counters: Counters::default(),
            stop: AtomicBool::new(false),
        });
        let syncer = interval.map(|every| sync_thread(&shared, every)).transpose()?;
        Ok(Log { shared, syncer: Mutex::new(syncer) })
    }

    /// Appends a transaction. When it returns, the transaction is as durable as the sync policy says.
    ///
    /// # Errors
    /// `Limit` or `Invalid` for an operation that breaks a rule (nothing is written then); `Io`; `Poisoned` once a
    /// write or sync has failed.
    pub fn commit(&self, ops: &[Op]) -> Result<Ack> {
        let ack = self.submit(ops)?;
        self.settle(ack.lsn)?;
        Ok(ack)
    }

    /// Hands a transaction in without waiting: [`Log::wait`] or [`Log::settle`] makes it durable, many together.
    ///
    /// # Errors
    /// As [`Log::commit`].
    pub fn submit(&self, ops: &[Op]) -> Result<Ack> {
        if self.shared.opts.numbering == Numbering::Given {
            return Err(Error::usage("this log takes its numbers from another one").path(&self.shared.dir));
        }
        let batch = Batch::new((0u32..).zip(ops))?;
        self.shared.add(&batch, None)
    }

    /// Appends a transaction of the log that this one is written behind: all of it, or the operations that belong
    /// here, with its numbers. One that stands here already is left alone.
    ///
    /// # Errors
    /// As [`Log::commit`].
    pub fn append(&self, tx: &Transaction) -> Result<Ack> {
        if self.shared.opts.numbering == Numbering::Own {
            return Err(Error::usage("this log gives its own numbers").path(&self.shared.dir));
        }
        let batch = Batch::new(tx.ops.iter().map(|(_, index, op)| (*index, op)))?;
        let base = place_of(tx).base_lsn;
        let mut lsns = tx.ops.iter().map(|(lsn, index, _)| *lsn == base + u64::from(*index) && *lsn < tx.commit_lsn);
        if tx.commit_lsn == 0 || tx.txn > MAX_NUMBER || base == 0 || !lsns.all(|ok| ok) {
            return Err(Error::invalid("the numbers of the transaction do not fit one another").got(tx.commit_lsn));
        }
        let ack = self.shared.add(&batch, Some(tx))?;
        self.settle(ack.lsn)?;
        Ok(ack)
    }

    /// Does what the sync policy asks of an acknowledgement up to `lsn`.
    ///
    /// # Errors
    /// `Io`; `Poisoned`.
    pub fn settle(&self, lsn: u64) -> Result<()> {
        let sync = match self.shared.opts.sync {
            SyncPolicy::Always => true,
            SyncPolicy::Interval(_) | SyncPolicy::None => false,
            SyncPolicy::Bytes(most) => {
                self.shared.flush(lsn, false)?;
                self.shared.lock().unsynced >= most
            }
        };
        self.shared.flush(lsn, sync)
    }

    /// Waits until everything up to `lsn` is on disk, whatever the sync policy.
    ///
    /// # Errors
    /// `Io`; `Poisoned`.
    pub fn wait(&self, lsn: u64) -> Result<()> {
        self.shared.flush(lsn, true)
    }

    /// Everything up to this LSN is on disk.
    pub fn durable_lsn(&self) -> u64 {
        self.shared.lock().durable
    }

    pub fn next_lsn(&self) -> u64 {
        self.shared.lock().next_lsn
    }

    pub fn stats(&self) -> Stats {
        self.shared.counters.stats()
    }

    /// Seals the segment and begins the next one.
    ///
    /// # Errors
    /// `Io`; `Poisoned`.
    pub fn rotate(&self) -> Result<()> {
        let st = self.shared.ready()?;
        if st.out.as_ref().is_some_and(|o| o.tally.counts.frames == 0) {
            return Ok(());
        }
        self.shared.change_segment(st, false).map(drop)
    }

    /// Removes segments from the front that nobody needs any more. Readers that have them open go on undisturbed.
    ///
    /// # Errors
    /// `Corrupt` when the log is damaged; `Io`; a usage error once the log is closed.
    pub fn prune(&self, options: &PruneOptions) -> Result<Pruned> {
        // Segments do not change meanwhile, and the last one is never removed.
        let st = self.shared.ready()?;
        let done = crate::prune::remove(&self.shared.disk, &self.shared.dir, options);
        drop(st);
        done
    }

    /// Closes cleanly: everything is made durable, the watermark recorded, the segment sealed, the lock released. A
    /// second close does nothing.
    ///
    /// # Errors
    /// `Io`; `Poisoned` when an earlier failure left the end of the log in doubt.
    pub fn close(&self) -> Result<()> {
        self.stop_syncer();
        let st = match self.shared.ready() {
            Err(_) if self.shared.lock().guard.is_none() => return Ok(()),
            other => other?,
        };
        let empty = st.out.as_ref().is_some_and(|o| o.tally.counts.frames == 0);
        let mut st = if empty { st } else { self.shared.change_segment(st, true)? };
        st.guard = None;
        Ok(())
    }

    fn stop_syncer(&self) {
        self.shared.stop.store(true, Ordering::Release);
        let handle = self.syncer.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
        if let Some(handle) = handle {
            handle.thread().unpark();
            // A thread that panicked has nothing left to do either.
            let _ = handle.join();
        }
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.shared.lock().guard = None;
        self.stop_syncer();
    }
}

fn closed() -> Error {
    Error::usage("the log is closed")
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere while the lock was held leaves counters that may be behind, never ahead, of the file.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn pause<'a>(&self, st: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(st).unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn fail(&self, e: &Error) {
        self.counters.errors.fetch_add(1, Ordering::Relaxed);
        tracing::error!(target: "qx::log", path = %self.dir.display(), error = %e, "log write failed");
    }

    fn usable(&self, st: &State) -> Result<()> {
        if let Some(why) = &st.poisoned {
            return Err(Error::new(Kind::Poisoned, format!("an earlier failure stopped the log: {why}"))
                .path(&self.dir)
                .hint("open the log again: recovery keeps what was acknowledged"));
        }
        if st.guard.is_none() { Err(closed().path(&self.dir)) } else { Ok(()) }
    }

    /// The state, once nobody changes segments.
    fn ready(&self) -> Result<MutexGuard<'_, State>> {
        let mut st = self.lock();
        loop {
            self.usable(&st)?;
            if !st.exclusive {
                return Ok(st);
            }
            st = self.pause(st);
        }
    }

    fn add(&self, batch: &Batch, given: Option<&Transaction>) -> Result<Ack> {
        let need = batch.max_len();
        let mut st = self.ready()?;
        if st.pending.len() > MAX_PENDING {
            let lsn = st.submitted;
            drop(st);
            self.flush(lsn, false)?;
            st = self.ready()?;
        }
        if let Some(tx) = given
            && tx.commit_lsn < st.next_lsn
        {
            return Ok(Ack { lsn: tx.commit_lsn, txn: tx.txn });
        }
        while self.must_rotate(&st, need) {
            st = self.change_segment(st, false)?;
        }
        let place = match given {
            Some(tx) if tx.first_lsn < st.next_lsn => {
                return Err(Error::invalid("the transaction overlaps the one before it").path(&self.dir));
            }
            Some(tx) => place_of(tx),
            None => Place {
                base_lsn: st.next_lsn,
                commit_lsn: st.next_lsn + u64::from(batch.ops()),
                txn: st.next_txn,
                time_us: (self.opts.clock)(),
                watermark: 0,
            },
        };
        let watermark = st.durable;
        if place.commit_lsn >= MAX_NUMBER {
            return Err(Error::limit("LSN", MAX_NUMBER, place.commit_lsn).path(&self.dir));
        }
        self.place(&mut st, batch, need, Place { watermark, ..place })?;
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        self.counters.operations.fetch_add(u64::from(batch.ops()), Ordering::Relaxed);
        Ok(Ack { lsn: place.commit_lsn, txn: place.txn })
    }

    /// Puts the frames of a transaction behind what is pending.
    fn place(&self, st: &mut State, batch: &Batch, need: u64, place: Place) -> Result<()> {
        let State { out, pending, .. } = &mut *st;
        let Some(out) = out else { return Err(closed().path(&self.dir)) };
        let grown = out.reserve(pending.len() as u64 + need, self.opts.rotate_size);
        let synced = match grown {
            Ok(true) if self.opts.sync != SyncPolicy::None => out.sync(),
            // Space is reserved before a number is given, so a full disk costs nothing but this transaction.
            Err(e) => {
                self.fail(&e);
                return Err(e);
            }
            Ok(_) => Ok(()),
        };
        if let Err(e) = synced {
            // The failure may have been about bytes of other transactions.
            self.poison(st, &e);
            return Err(e);
        }
        let offset = out.pos + pending.len() as u64;
        let frames = batch.put(pending, out.seed, &place);
        let entry = Entry {
            offset,
            frames,
            ops: u64::from(batch.ops()),
            first_lsn: batch.first_index().map_or(place.commit_lsn, |i| place.base_lsn + u64::from(i)),
            commit_lsn: place.commit_lsn,
            txn: place.txn,
            time_us: place.time_us,
        };
        out.tally.transaction(&entry, &batch.touches);
        st.next_lsn = place.commit_lsn + 1;
        st.next_txn = st.next_txn.max(place.txn + 1);
        st.submitted = place.commit_lsn;
        Ok(())
    }

    fn must_rotate(&self, st: &State, need: u64) -> bool {
        match &st.out {
            None => true,
            Some(o) if o.tally.counts.frames == 0 => false,
            Some(o) => {
                o.pos + st.pending.len() as u64 + need > self.opts.rotate_size
                    || o.opened.elapsed() >= self.opts.rotate_age
            }
        }
    }

    fn poison(&self, st: &mut State, e: &Error) {
        self.fail(e);
        st.poisoned.get_or_insert_with(|| e.to_string());
        self.changed.notify_all();
    }

    /// Makes everything up to `lsn` written, and durable if `sync`. One thread does it for all who wait.
    fn flush(&self, lsn: u64, sync: bool) -> Result<()> {
        let mut st = self.lock();
        let lsn = lsn.min(st.submitted);
        loop {
            if (if sync { st.durable } else { st.written }) >= lsn {
                return Ok(());
            }
            self.usable(&st)?;
            if st.leader {
                st = self.pause(st);
                continue;
            }
            st = self.lead(st, sync)?;
        }
    }

    /// Writes what is pending, and syncs. The lock is released meanwhile, so that others go on adding.
    fn lead<'a>(&'a self, mut st: MutexGuard<'a, State>, sync: bool) -> Result<MutexGuard<'a, State>> {
        let spare = std::mem::take(&mut st.spare);
        let buf = std::mem::replace(&mut st.pending, spare);
        let last = st.submitted;
        let Some(out) = &st.out else { return Ok(st) };
        let (file, path, pos, crc) = (Arc::clone(&out.file), out.path.clone(), out.pos, out.crc);
        // Frames that are added meanwhile go behind these.
        if let Some(out) = &mut st.out {
            out.pos += buf.len() as u64;
        }
        st.leader = true;
        drop(st);
        let crc = crc32c::crc32c_append(crc, &buf);
        let start = Instant::now();
        let mut done = if buf.is_empty() { Ok(()) } else { file.write_all_at(&buf, pos) };
        self.counters.writes.add(start.elapsed());
        let mut what = "write";
        if sync && done.is_ok() {
            let start = Instant::now();
            done = file.sync_data();
            what = "sync";
            self.counters.syncs.add(start.elapsed());
        }
        self.counters.bytes.fetch_add(buf.len() as u64, Ordering::Relaxed);
        let mut st = self.lock();
        st.leader = false;
        if let Err(e) = done {
            let e = Error::io(what, e).path(path);
            self.poison(&mut st, &e);
            return Err(e);
        }
        if let Some(out) = &mut st.out {
            out.crc = crc;
        }
        st.written = last;
        st.unsynced += buf.len() as u64;
        if sync {
            st.durable = last;
            st.unsynced = 0;
        }
        st.spare = buf;
        st.spare.clear();
        self.changed.notify_all();
        Ok(st)
    }

    /// Seals the segment, with a clean close or without, and begins the next. Others wait meanwhile.
    fn change_segment<'a>(&'a self, mut st: MutexGuard<'a, State>, close: bool) -> Result<MutexGuard<'a, State>> {
        st.exclusive = true;
        while st.leader {
            st = self.pause(st);
        }
        let done = match self.usable(&st) {
            Ok(()) => self.seal_and_begin(&mut st, close),
            Err(e) => Err(e),
        };
        st.exclusive = false;
        self.changed.notify_all();
        done.map(|()| st)
    }

    fn seal_and_begin(&self, st: &mut State, close: bool) -> Result<()> {
        if let Some(mut out) = st.out.take() {
            let sealed = self.seal(st, &mut out, close);
            if let Err(e) = sealed {
                st.out = Some(out);
                self.poison(st, &e);
                return Err(e);
            }
            st.written = st.submitted;
            st.durable = st.submitted;
            st.unsynced = 0;
            self.counters.rotations.fetch_add(1, Ordering::Relaxed);
        }
        let header = SegmentHeader {
            segment: st.last_header.segment + 1,
            base_lsn: st.next_lsn,
            base_txn: st.next_txn,
            created_us: (self.opts.clock)(),
            watermark: st.durable,
            cut: None,
            ..st.last_header.clone()
        };
        // A disk that is full now may have room at the next commit; one that cannot sync is not to be trusted again.
        let mut out =
            SegmentOut::create(self.disk.as_ref(), &self.dir, header.clone()).inspect_err(|e| self.fail(e))?;
        if let Err(e) = out.publish(self.disk.as_ref(), &self.dir) {
            self.poison(st, &e);
            return Err(e);
        }
        st.out = Some(out);
        st.last_header = header;
        Ok(())
    }

    fn seal(&self, st: &mut State, out: &mut SegmentOut, close: bool) -> Result<()> {
        let mut bytes = std::mem::take(&mut st.pending);
        if close {
            // Everything before it is on disk by the time the trailer is.
            let info = CheckpointInfo {
                reason: CHECKPOINT_CLOSE,
                time_us: (self.opts.clock)(),
                watermark: st.submitted,
                next_lsn: st.next_lsn,
                next_txn: st.next_txn,
                cut: None,
            };
            out.write(&bytes)?;
            out.sync()?;
            bytes.clear();
            let mut payload = Vec::new();
            info.encode(&mut payload);
            let head = FrameHead { kind: FrameKind::Checkpoint, whole: false, lsn_count: 0, lsn: st.next_lsn, txn: 0 };
            put_frame(&mut bytes, out.seed, &head, &payload, crc32c::crc32c(&payload));
            out.reserve(bytes.len() as u64, 0)?;
            out.tally.marker(st.next_lsn, st.next_txn);
        }
        out.write(&bytes)?;
        bytes.clear();
        st.spare = bytes;
        out.seal(0)
    }
}

fn sync_thread(shared: &Arc<Shared>, every: Duration) -> Result<JoinHandle<()>> {
    let weak: Weak<Shared> = Arc::downgrade(shared);
    let run = move || {
        loop {
            std::thread::park_timeout(every);
            let Some(shared) = weak.upgrade().filter(|s| !s.stop.load(Ordering::Acquire)) else { return };
            let st = shared.lock();
            if shared.usable(&st).is_err() {
                return;
            }
            let lsn = st.submitted;
            drop(st);
            if shared.flush(lsn, true).is_err() {
                return;
            }
        }
    };
    let builder = std::thread::Builder::new().name("log sync".to_owned());
    builder.spawn(run).map_err(|e| Error::io("start a thread for", e).path(&shared.dir))
}

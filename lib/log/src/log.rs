//! The writer: transactions in, durability out.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use qx_formats::delta_log::layout::MAX_NUMBER;
use qx_formats::delta_log::{Batch, Entry, Op, Place, SegmentHeader, Transaction};
use qx_formats::{Error, Kind, Result};
use qx_io::{Disk, RealDisk};

use crate::open::Guard;
use crate::options::{Numbering, Options, SyncPolicy};
use crate::prune::{PruneOptions, Pruned};
use crate::rebuild::place_of;
use crate::report::RecoveryReport;
use crate::rounds::{Gates, Rounds};
use crate::segment_out::SegmentOut;
use crate::stats::{Counters, Stats};

/// A transaction's place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ack {
    /// Of its commit.
    pub lsn: u64,
    pub txn: u64,
}

/// Bytes that wait for a leader before whoever adds more becomes one: few enough to be in a cache still when they are
/// written.
const MAX_PENDING: usize = 256 << 10;
/// Memory for encoding that a thread keeps for its next transaction.
const MAX_SCRATCH: usize = 1 << 20;

thread_local! {
    static SCRATCH: RefCell<Batch> = RefCell::default();
}

/// An open log. Any number of threads may commit. Dropped without [`Log::close`], it is left as a crash would leave it:
/// the next opener recovers it.
#[derive(Debug)]
pub struct Log {
    shared: Arc<Shared>,
    syncer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub disk: Arc<dyn Disk>,
    pub dir: PathBuf,
    pub opts: Options,
    pub state: Mutex<State>,
    /// A leader is done, or whoever changed segments.
    pub changed: Condvar,
    /// Where those wait who are in the line for a leader.
    pub gates: Gates,
    /// `State::written` and `State::durable` for those who only want to know whether they may go on.
    pub written: AtomicU64,
    pub durable: AtomicU64,
    /// The sync thread should end.
    stop: AtomicBool,
}

#[derive(Debug)]
pub(crate) struct State {
    /// Absent after a rotation whose second half failed; the next commit tries it again.
    pub out: Option<SegmentOut>,
    /// The header that the next segment gets, kept for that case.
    pub last_header: SegmentHeader,
    pub pending: Vec<u8>,
    pub spare: Vec<u8>,
    pub next_lsn: u64,
    pub next_txn: u64,
    /// Commit LSN of the last transaction in `pending`, in the file, on the disk.
    pub submitted: u64,
    pub written: u64,
    pub durable: u64,
    pub unsynced: u64,
    /// When the sync thread is to make durable what was submitted.
    pub sync_by: Option<Instant>,
    /// Someone writes or syncs, without the lock.
    pub leader: bool,
    /// Who waits for what the leader does.
    pub rounds: Rounds,
    /// Threads that wait for `Shared::changed`.
    pub sleepers: u32,
    /// Someone changes segments: nothing may be added meanwhile.
    pub exclusive: bool,
    pub poisoned: Option<String>,
    pub guard: Option<Guard>,
    pub counters: Counters,
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
        mut out: SegmentOut,
        next_lsn: u64,
        next_txn: u64,
    ) -> Result<Log> {
        let done = next_lsn - 1;
        out.allocate = opts.sync == SyncPolicy::None;
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
            sync_by: None,
            leader: false,
            rounds: Rounds::default(),
            sleepers: 0,
            exclusive: false,
            poisoned: None,
            guard: Some(guard),
            counters: Counters::default(),
        };
        let interval = matches!(opts.sync, SyncPolicy::Interval(_));
        let shared = Arc::new(Shared {
            disk,
            dir: dir.to_path_buf(),
            opts,
            state: Mutex::new(state),
            changed: Condvar::new(),
            gates: Gates::default(),
            written: AtomicU64::new(done),
            durable: AtomicU64::new(done),
            stop: AtomicBool::new(false),
        });
        let syncer = interval.then(|| sync_thread(&shared)).transpose()?;
        Ok(Log { shared, syncer: Mutex::new(syncer) })
    }

    /// Appends a transaction. When it returns, the transaction is as durable as the sync policy says.
    ///
    /// # Errors
    /// `Limit` or `Invalid` for an operation that breaks a rule (nothing is written then); `Io`; `Poisoned` once a
    /// write or sync has failed.
    pub fn commit(&self, ops: &[Op]) -> Result<Ack> {
        let (st, ack) = self.hand_in(ops)?;
        self.settle_locked(st, ack.lsn)?;
        Ok(ack)
    }

    /// Hands a transaction in without waiting: [`Log::wait`] or [`Log::settle`] makes it durable, many together.
    ///
    /// # Errors
    /// As [`Log::commit`].
    pub fn submit(&self, ops: &[Op]) -> Result<Ack> {
        self.hand_in(ops).map(|(_, ack)| ack)
    }

    fn hand_in(&self, ops: &[Op]) -> Result<(MutexGuard<'_, State>, Ack)> {
        if self.shared.opts.numbering == Numbering::Given {
            return Err(Error::usage("this log takes its numbers from another one").path(&self.shared.dir));
        }
        SCRATCH.with_borrow_mut(|batch| {
            batch.fill((0u32..).zip(ops))?;
            let done = self.shared.add(batch, ops.iter(), None);
            if batch.capacity() > MAX_SCRATCH {
                *batch = Batch::default();
            }
            done
        })
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
        let (st, ack) = self.shared.add(&batch, tx.ops.iter().map(|o| &o.2), Some(tx))?;
        self.settle_locked(st, ack.lsn)?;
        Ok(ack)
    }

    /// Does what the sync policy asks of an acknowledgement up to `lsn`.
    ///
    /// # Errors
    /// `Io`; `Poisoned`.
    pub fn settle(&self, lsn: u64) -> Result<()> {
        self.settle_locked(self.shared.lock(), lsn)
    }

    fn settle_locked(&self, st: MutexGuard<'_, State>, lsn: u64) -> Result<()> {
        match self.shared.opts.sync {
            SyncPolicy::Always => self.shared.flush_locked(st, lsn, true),
            SyncPolicy::None => self.shared.flush_locked(st, lsn, false),
            SyncPolicy::Interval(every) => {
                self.shared.flush_locked(st, lsn, false)?;
                self.sync_within(lsn, every)
            }
            SyncPolicy::Bytes(most) => {
                self.shared.flush_locked(st, lsn, false)?;
                if self.shared.lock().unsynced >= most { self.shared.flush(lsn, true) } else { Ok(()) }
            }
        }
    }

    /// Writes everything up to `lsn`, and waits for no sync, whatever the sync policy.
    ///
    /// # Errors
    /// `Io`; `Poisoned`.
    pub fn write(&self, lsn: u64) -> Result<()> {
        self.shared.flush(lsn, false)
    }

    /// Writes everything up to `lsn`, and has it made durable within `time`, whatever the sync policy. A sync that fails
    /// then stops the log.
    ///
    /// # Errors
    /// `Io`; `Poisoned`.
    pub fn settle_within(&self, lsn: u64, time: Duration) -> Result<()> {
        self.shared.flush(lsn, false)?;
        self.sync_within(lsn, time)
    }

    fn sync_within(&self, lsn: u64, time: Duration) -> Result<()> {
        let mut st = self.shared.lock();
        let by = Instant::now() + time;
        if st.durable >= lsn.min(st.submitted) || st.sync_by.is_some_and(|t| t <= by) {
            return Ok(());
        }
        st.sync_by = Some(by);
        drop(st);
        let mut syncer = self.syncer.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match &*syncer {
            Some(handle) => handle.thread().unpark(),
            None => *syncer = Some(sync_thread(&self.shared)?),
        }
        Ok(())
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
        self.shared.durable.load(Ordering::Acquire)
    }

    pub fn next_lsn(&self) -> u64 {
        self.shared.lock().next_lsn
    }

    pub fn stats(&self) -> Stats {
        self.shared.lock().counters.stats()
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
    pub fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere while the lock was held leaves counters that may be behind, never ahead, of the file.
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Waits until a leader is done, or whoever changed segments.
    pub fn pause<'a>(&self, mut st: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        st.sleepers += 1;
        let mut st = self.changed.wait(st).unwrap_or_else(std::sync::PoisonError::into_inner);
        st.sleepers -= 1;
        st
    }

    /// Waking costs a call to the system, also where nobody sleeps.
    pub fn wake_sleepers(&self, st: &State) {
        if st.sleepers > 0 {
            self.changed.notify_all();
        }
    }

    pub fn fail(&self, st: &mut State, e: &Error) {
        st.counters.errors += 1;
        tracing::error!(target: "qx::log", path = %self.dir.display(), error = %e, "log write failed");
    }

    pub fn usable(&self, st: &State) -> Result<()> {
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

    fn add<'a, 'o>(
        &'a self,
        batch: &Batch,
        ops: impl Iterator<Item = &'o Op>,
        given: Option<&Transaction>,
    ) -> Result<(MutexGuard<'a, State>, Ack)> {
        let need = batch.max_len();
        let mut st = self.ready()?;
        if st.pending.len() > MAX_PENDING {
            let lsn = st.submitted;
            self.flush_locked(st, lsn, false)?;
            st = self.ready()?;
        }
        if let Some(tx) = given
            && tx.commit_lsn < st.next_lsn
        {
            return Ok((st, Ack { lsn: tx.commit_lsn, txn: tx.txn }));
        }
        let now_us = (self.opts.clock)();
        while self.must_rotate(&st, need, now_us) {
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
                time_us: now_us,
                watermark: 0,
            },
        };
        let watermark = st.durable;
        if place.commit_lsn >= MAX_NUMBER {
            return Err(Error::limit("LSN", MAX_NUMBER, place.commit_lsn).path(&self.dir));
        }
        self.place(&mut st, batch, ops, Place { watermark, ..place })?;
        if let Some(out) = &mut st.out {
            out.begun_us.get_or_insert(now_us);
        }
        st.counters.commits += 1;
        st.counters.operations += u64::from(batch.ops());
        Ok((st, Ack { lsn: place.commit_lsn, txn: place.txn }))
    }

    /// Puts the frames of a transaction behind what is pending.
    fn place<'o>(&self, st: &mut State, batch: &Batch, ops: impl Iterator<Item = &'o Op>, place: Place) -> Result<()> {
        let State { out, pending, .. } = &mut *st;
        let Some(out) = out else { return Err(closed().path(&self.dir)) };
        let grown = out.reserve(pending.len() as u64 + batch.max_len(), self.opts.rotate_size);
        let synced = match grown {
            Ok(true) if self.opts.sync != SyncPolicy::None => out.sync(),
            // Space is reserved before a number is given, so a full disk costs nothing but this transaction.
            Err(e) => {
                self.fail(st, &e);
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
        out.tally.transaction(&entry, ops);
        st.next_lsn = place.commit_lsn + 1;
        st.next_txn = st.next_txn.max(place.txn + 1);
        st.submitted = place.commit_lsn;
        Ok(())
    }

    fn must_rotate(&self, st: &State, need: u64, now_us: u64) -> bool {
        match &st.out {
            None => true,
            Some(o) if o.tally.counts.frames == 0 => false,
            Some(o) => {
                o.pos + st.pending.len() as u64 + need > self.opts.rotate_size
                    || o.begun_us
                        .is_some_and(|t| u128::from(now_us.saturating_sub(t)) >= self.opts.rotate_age.as_micros())
            }
        }
    }
}

/// How long the sync thread sleeps when nothing waits for it; whoever has something wakes it.
const IDLE: Duration = Duration::from_secs(3600);

fn sync_thread(shared: &Arc<Shared>) -> Result<JoinHandle<()>> {
    let weak: Weak<Shared> = Arc::downgrade(shared);
    let run = move || {
        loop {
            let Some(shared) = weak.upgrade().filter(|s| !s.stop.load(Ordering::Acquire)) else { return };
            let mut st = shared.lock();
            if shared.usable(&st).is_err() {
                return;
            }
            let rest = st.sync_by.map_or(IDLE, |by| by.saturating_duration_since(Instant::now()));
            if rest.is_zero() {
                st.sync_by = None;
                let lsn = st.submitted;
                if shared.flush_locked(st, lsn, true).is_err() {
                    return;
                }
                continue;
            }
            drop(st);
            drop(shared);
            std::thread::park_timeout(rest);
        }
    };
    let builder = std::thread::Builder::new().name("log sync".to_owned());
    builder.spawn(run).map_err(|e| Error::io("start a thread for", e).path(&shared.dir))
}

//! One write, and one sync, for all who commit at the same time.
//!
//! Whoever finds no leader becomes one: it writes what everybody has handed in, syncs, and wakes those whose transactions
//! are on disk by then. Threads that were woken together mostly come back together, so a leader first waits for those
//! of the round before it, though never longer than half of what a sync takes: they share its sync then, and would have
//! had to wait for the next one otherwise.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use qx_formats::delta_log::crc32c_append;
use qx_formats::{Error, Result};

use crate::log::{Shared, State};

/// Most bytes that are stored in a file's memory: a page that is touched first costs about as much as a write of the
/// page does, so that this pays where several writes share one.
const MOST_STORED: usize = 512;
/// Most rounds in a row that go without waiting, after rounds that waited in vain.
const MOST_SKIPPED: u32 = 32;

#[derive(Debug)]
struct Waiter {
    lsn: u64,
    sync: bool,
    thread: Thread,
}

/// Who waits, and for whom a leader does.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    waiting: Vec<Waiter>,
    /// Threads of the round before: those that were woken, and those that came too late for it.
    expected: usize,
    /// The leader, while it waits for them.
    gathering: Option<Thread>,
    /// How long a sync takes, smoothed.
    sync: Duration,
    /// Rounds left that go without waiting, and how many that were the last time.
    skip: u32,
    skipped: u32,
}

impl Rounds {
    fn complete(&self) -> bool {
        self.waiting.len() + 1 >= self.expected
    }

    /// Enters the line.
    fn enter(&mut self, lsn: u64, sync: bool) {
        self.waiting.push(Waiter { lsn, sync, thread: thread::current() });
        if self.gathering.is_some()
            && self.complete()
            && let Some(leader) = self.gathering.take()
        {
            leader.unpark();
        }
    }

    /// Takes those out of the line whose transactions are where they should be, and one more, who leads the next round.
    pub fn release(&mut self, written: u64, durable: u64) -> Vec<Thread> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let done = |w: &mut Waiter| (if w.sync { durable } else { written }) >= w.lsn;
        let mut go_on: Vec<Thread> = self.waiting.extract_if(.., done).map(|w| w.thread).collect();
        if !self.waiting.is_empty() {
            go_on.push(self.waiting.remove(0).thread);
        }
        go_on
    }

    fn release_all(&mut self) {
        self.waiting.drain(..).for_each(|w| w.thread.unpark());
    }

    fn synced(&mut self, took: Duration, threads: usize) {
        self.sync = if self.sync.is_zero() { took } else { (self.sync * 7 + took) / 8 };
        self.expected = threads;
    }
}

impl Shared {
    fn reached(&self, lsn: u64, sync: bool) -> bool {
        (if sync { &self.durable } else { &self.written }).load(Ordering::Acquire) >= lsn
    }

    /// Everything up to `lsn` is written, and on disk if `sync`.
    pub fn reach(&self, st: &mut State, lsn: u64, sync: bool) {
        st.written = lsn;
        self.written.store(lsn, Ordering::Release);
        if sync {
            st.durable = lsn;
            self.durable.store(lsn, Ordering::Release);
        }
    }

    /// Nothing more is acknowledged.
    pub fn poison(&self, st: &mut State, e: &Error) {
        self.fail(st, e);
        st.poisoned.get_or_insert_with(|| e.to_string());
        self.wake_sleepers(st);
        st.rounds.release_all();
    }

    /// Makes everything up to `lsn` written, and durable if `sync`. One thread does it for all who wait.
    pub fn flush(&self, lsn: u64, sync: bool) -> Result<()> {
        if self.reached(lsn, sync) { Ok(()) } else { self.flush_locked(self.lock(), lsn, sync) }
    }

    pub fn flush_locked<'a>(&'a self, mut st: MutexGuard<'a, State>, lsn: u64, sync: bool) -> Result<()> {
        let lsn = lsn.min(st.submitted);
        loop {
            if (if sync { st.durable } else { st.written }) >= lsn {
                return Ok(());
            }
            self.usable(&st)?;
            if !sync && self.store(&mut st) {
                return Ok(());
            }
            if st.leader {
                st.rounds.enter(lsn, sync);
                drop(st);
                // A wake-up that was meant for something else only costs another look.
                thread::park();
            } else {
                self.lead(st, sync)?;
            }
            if self.reached(lsn, sync) {
                return Ok(());
            }
            st = self.lock();
        }
    }

    /// Writes what is pending without letting go of the lock, where that is a matter of storing it. Not while others are
    /// in the line: they wait for a leader to wake them.
    fn store(&self, st: &mut State) -> bool {
        let State { pending, out: Some(out), leader: false, rounds, counters, .. } = &mut *st else { return false };
        if pending.len() > MOST_STORED || !rounds.waiting.is_empty() {
            return false;
        }
        let watch = counters.writes.due().then(Instant::now);
        if !out.store(pending) {
            return false;
        }
        let len = pending.len() as u64;
        counters.round(len, watch.map(|t| t.elapsed()), None);
        pending.clear();
        st.unsynced += len;
        let last = st.submitted;
        self.reach(st, last, false);
        true
    }

    /// Waits for the threads of the round before, while they may come in time.
    fn gather<'a>(&'a self, mut st: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        let r = &mut st.rounds;
        if r.complete() {
            r.skipped = 0;
            return st;
        }
        if r.skip > 0 {
            r.skip -= 1;
            return st;
        }
        let deadline = Instant::now() + r.sync / 2;
        r.gathering = Some(thread::current());
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || st.rounds.gathering.is_none() {
                break;
            }
            drop(st);
            thread::park_timeout(left);
            st = self.lock();
        }
        let r = &mut st.rounds;
        r.gathering = None;
        if r.complete() {
            r.skipped = 0;
        } else {
            // They do something else meanwhile: the next rounds go without them.
            r.skipped = (r.skipped * 2 + 1).min(MOST_SKIPPED);
            r.skip = r.skipped;
        }
        st
    }

    /// Writes what is pending, and syncs. The lock is released meanwhile, so that others go on adding.
    fn lead<'a>(&'a self, mut st: MutexGuard<'a, State>, sync: bool) -> Result<()> {
        st.leader = true;
        if sync {
            st = self.gather(st);
        }
        let State { pending, spare, out: Some(out), poisoned: None, .. } = &mut *st else {
            return self.give_up(st);
        };
        let buf = std::mem::replace(pending, std::mem::take(spare));
        let (file, pos, crc) = (Arc::clone(&out.file), out.pos, out.crc);
        // Frames that are added meanwhile go behind these.
        out.pos += buf.len() as u64;
        let ahead = if sync { out.ahead(self.opts.rotate_size) } else { None };
        let last = st.submitted;
        let timed = sync || st.counters.writes.due();
        drop(st);
        let crc = crc32c_append(crc, &buf);
        let mut watch = timed.then(Instant::now);
        let mut lap = move || watch.map(|t| t.elapsed()).inspect(|_| watch = Some(Instant::now()));
        let mut done = if buf.is_empty() { Ok(()) } else { file.write_all_at(&buf, pos) };
        let wrote = lap();
        let mut what = "write";
        // Where there is no space for it, whoever needs it is told.
        let ahead = ahead.filter(|&(from, to)| done.is_ok() && file.zero_fill(from, to).is_ok());
        if sync && done.is_ok() {
            done = file.sync_data();
            what = "sync";
        }
        let synced = lap().filter(|_| what == "sync");
        let mut st = self.lock();
        st.counters.round(buf.len() as u64, wrote, synced);
        if let Err(e) = done {
            let e = Error::io(what, e);
            let e = if let Some(out) = &st.out { e.path(&out.path) } else { e };
            self.poison(&mut st, &e);
        }
        // Whoever needed more space may have failed to sync it, and with it what was written here.
        if st.poisoned.is_some() {
            return self.give_up(st);
        }
        if let Some(out) = &mut st.out {
            out.crc = crc;
            out.filled(ahead);
        }
        st.unsynced = if sync { 0 } else { st.unsynced + buf.len() as u64 };
        st.spare = buf;
        st.spare.clear();
        self.reach(&mut st, last, sync);
        st.leader = false;
        self.wake_sleepers(&st);
        let (written, durable) = (st.written, st.durable);
        let go_on = st.rounds.release(written, durable);
        if let Some(took) = synced {
            let late = st.rounds.waiting.len();
            st.rounds.synced(took, 1 + go_on.len() + late);
        }
        drop(st);
        go_on.iter().for_each(Thread::unpark);
        Ok(())
    }

    /// Stops leading a log that is poisoned or closed.
    fn give_up(&self, mut st: MutexGuard<'_, State>) -> Result<()> {
        st.leader = false;
        self.wake_sleepers(&st);
        st.rounds.release_all();
        self.usable(&st)?;
        Err(Error::usage("the log has no segment to write to").path(&self.dir))
    }
}

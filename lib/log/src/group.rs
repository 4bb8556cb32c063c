//! One write, and one sync, for all who commit at the same time.
//!
//! Whoever finds no leader becomes one: it writes what everybody has handed in, syncs, and wakes those whose transactions
//! are on disk by then. Threads that were woken together mostly come back together, so a round first waits for those
//! of the round before it, though never longer than a good part of what a sync takes: they share its sync then, and would
//! have had to wait for the next one otherwise. The last of them to come leads it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

use qx_formats::delta_log::crc32c_append;
use qx_formats::{Error, Result};

use crate::log::{Shared, State};
use crate::rounds::Woken;

/// Most bytes that are stored in a file's memory: a page that is touched first costs about as much as a write of the
/// page does, so that this pays where several writes share one.
const MOST_STORED: usize = 512;

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
        self.release_all(st);
    }

    /// Wakes everybody who waits for a leader: there is nothing to wait for any more.
    pub fn release_all(&self, st: &mut State) {
        st.rounds.abandon().into_iter().for_each(|round| self.gates.open(round));
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
            if st.leader || (sync && st.rounds.gathers()) {
                self.wait_in_line(st, lsn, sync)?;
            } else {
                self.lead(st, sync)?;
            }
            if self.reached(lsn, sync) {
                return Ok(());
            }
            st = self.lock();
        }
    }

    /// Waits for the round that makes `lsn` written, or durable; or leads it, where it waits in vain for others.
    fn wait_in_line(&self, mut st: MutexGuard<'_, State>, lsn: u64, sync: bool) -> Result<()> {
        let leader = st.leader;
        let mut place = st.rounds.enter(lsn, sync, leader);
        drop(st);
        loop {
            let woken = self.gates.wait(&place);
            if woken == Woken::Over {
                return Ok(());
            }
            let mut st = self.lock();
            let leader = st.leader;
            if st.rounds.leave(&mut place, leader, woken == Woken::Late) {
                return self.lead(st, sync);
            }
        }
    }

    /// Writes what is pending without letting go of the lock, where that is a matter of storing it. Not while others are
    /// in the line: they wait for a leader to wake them.
    fn store(&self, st: &mut State) -> bool {
        let State { pending, out: Some(out), leader: false, rounds, counters, .. } = &mut *st else { return false };
        if pending.len() > MOST_STORED || !rounds.idle() {
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

    /// Writes what is pending, and syncs. The lock is released meanwhile, so that others go on adding.
    fn lead(&self, mut st: MutexGuard<'_, State>, sync: bool) -> Result<()> {
        st.leader = true;
        let State { pending, spare, out: Some(out), poisoned: None, .. } = &mut *st else {
            return self.give_up(st);
        };
        let buf = std::mem::replace(pending, std::mem::take(spare));
        let (file, pos, crc) = (Arc::clone(&out.file), out.pos, out.crc);
        // Frames that are added meanwhile go behind these.
        out.pos += buf.len() as u64;
        let ahead = if sync { out.ahead(self.opts.rotate_size) } else { None };
        let last = st.submitted;
        let round = st.rounds.take(last, sync);
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
        let (next, awaited) = (st.rounds.done(synced), st.rounds.awaited());
        drop(st);
        // The next sync should not wait for these here to be awake.
        if let Some(next) = next {
            self.gates.call(next);
        }
        // It is a call to the system, also where nobody waits.
        if awaited {
            self.gates.open(round);
        }
        Ok(())
    }

    /// Stops leading a log that is poisoned or closed.
    fn give_up(&self, mut st: MutexGuard<'_, State>) -> Result<()> {
        st.leader = false;
        self.wake_sleepers(&st);
        self.release_all(&mut st);
        self.usable(&st)?;
        Err(Error::usage("the log has no segment to write to").path(&self.dir))
    }
}

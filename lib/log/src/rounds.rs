//! Who waits for which round, and how long a round waits for whom.
//!
//! Everybody who waits for the same round waits at the same gate, so that one call to the system wakes them all: to wake
//! them one by one takes as long as a good part of a sync.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most rounds in a row that begin without waiting, after rounds that waited in vain.
const MOST_SKIPPED: u32 = 32;
/// How long is waited where nothing is known yet of how long a sync takes.
const UNKNOWN: Duration = Duration::from_millis(1);

/// Who waits, and for whom a round does. A leader takes the round that is collected, and the next one is begun.
#[derive(Debug)]
pub(crate) struct Rounds {
    /// The round of those who come now.
    collected: u64,
    /// How many wait in it.
    waiting: usize,
    /// Somebody who waits in it wants a sync.
    wanted: bool,
    /// Somebody who waits in it looks at the clock.
    watched: bool,
    /// Somebody was called to lead it: whoever comes first does.
    called: bool,
    /// What the leader took with it: how many wait for it, up to where it writes, and whether it syncs.
    taken: usize,
    last: u64,
    sync: bool,
    /// Threads of the round before: those that were woken, and those that came too late for it.
    expected: usize,
    /// How long a sync takes, smoothed.
    took: Duration,
    /// Rounds left that go without waiting, and how many that were the last time.
    skip: u32,
    skipped: u32,
}

impl Default for Rounds {
    fn default() -> Self {
        Rounds {
            collected: 1,
            waiting: 0,
            wanted: false,
            watched: false,
            called: false,
            taken: 0,
            last: 0,
            sync: false,
            expected: 0,
            took: Duration::ZERO,
            skip: 0,
            skipped: 0,
        }
    }
}

/// A place in a round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub round: u64,
    /// Look whether the round was taken, at this time.
    pub until: Option<Instant>,
}

impl Rounds {
    /// Nobody waits.
    pub fn idle(&self) -> bool {
        self.waiting == 0
    }

    /// Whether the round that is collected should wait for more than those who are there, and one who just came.
    pub fn gathers(&mut self) -> bool {
        if self.called {
            return false;
        }
        if self.waiting + 1 >= self.expected {
            self.skipped = 0;
            return false;
        }
        let gathers = self.skip == 0;
        self.skip = self.skip.saturating_sub(1);
        gathers
    }

    /// Threads that were woken together mostly come back together. As long as they need less than a sync does, more is
    /// gained by their sharing it than is lost by waiting.
    fn patience(&self) -> Duration {
        if self.took.is_zero() { UNKNOWN } else { self.took * 3 / 4 }
    }

    /// Enters the round that makes `lsn` written, or durable.
    pub fn enter(&mut self, lsn: u64, sync: bool, leader: bool) -> Place {
        if leader && lsn <= self.last && self.sync >= sync {
            self.taken += 1;
            return Place { round: self.collected - 1, until: None };
        }
        self.waiting += 1;
        self.wanted |= sync;
        let watches = !std::mem::replace(&mut self.watched, true);
        let time = if leader { self.took + self.patience() } else { self.patience() };
        Place { round: self.collected, until: watches.then(|| Instant::now() + time) }
    }

    /// Whoever waited in this round, or was called, is to lead it; not if somebody else does.
    pub fn leave(&mut self, place: &mut Place, leader: bool, late: bool) -> bool {
        if self.collected != place.round {
            place.until = None;
            return false;
        }
        if leader {
            place.until = Some(Instant::now() + self.patience());
            return false;
        }
        self.waiting -= 1;
        if late {
            // They do something else meanwhile: the next rounds go without them.
            self.skipped = (self.skipped * 2 + 1).min(MOST_SKIPPED);
            self.skip = self.skipped;
        }
        true
    }

    /// The leader takes the round.
    pub fn take(&mut self, last: u64, sync: bool) -> u64 {
        (self.taken, self.last, self.sync) = (std::mem::take(&mut self.waiting), last, sync);
        (self.wanted, self.watched, self.called) = (false, false, false);
        self.collected += 1;
        self.collected - 1
    }

    /// Nothing is left to wait for, or nobody to do it: these rounds are over.
    pub fn abandon(&mut self) -> [u64; 2] {
        let round = self.take(0, false);
        [round - 1, round]
    }

    /// Somebody waits for what the leader took. Nobody comes to it once the leader is done.
    pub fn awaited(&self) -> bool {
        self.taken > 0
    }

    /// The leader is done. Gives the round that somebody should be called to lead at once.
    pub fn done(&mut self, synced: Option<Duration>) -> Option<u64> {
        if let Some(took) = synced {
            self.took = if self.took.is_zero() { took } else { (self.took * 7 + took) / 8 };
            self.expected = 1 + self.taken + self.waiting;
        }
        let gathers = synced.is_some() && self.wanted && self.skip == 0;
        self.called = self.waiting > 0 && !gathers;
        self.called.then(|| {
            self.skip = self.skip.saturating_sub(1);
            self.collected
        })
    }
}

/// Where those wait who belong to one round, and to the one after the next.
#[derive(Debug, Default)]
struct Gate {
    state: Mutex<GateState>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct GateState {
    /// The last round that is over.
    over: u64,
    /// One of those who wait is to lead.
    called: bool,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The gates of the round that a leader has taken, and of the one that is collected.
#[derive(Debug, Default)]
pub(crate) struct Gates([Gate; 2]);

/// Why somebody does not wait any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    Over,
    Called,
    Late,
}

impl Gates {
    fn of(&self, round: u64) -> &Gate {
        let [even, odd] = &self.0;
        if round.is_multiple_of(2) { even } else { odd }
    }

    pub fn wait(&self, place: &Place) -> Woken {
        let gate = self.of(place.round);
        let mut st = gate.lock();
        loop {
            if st.over >= place.round {
                return Woken::Over;
            }
            if std::mem::take(&mut st.called) {
                return Woken::Called;
            }
            st = match place.until {
                None => gate.moved.wait(st).unwrap_or_else(PoisonError::into_inner),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Woken::Late;
                    }
                    gate.moved.wait_timeout(st, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Somebody who waits for this round is to lead it.
    pub fn call(&self, round: u64) {
        let gate = self.of(round);
        gate.lock().called = true;
        gate.moved.notify_one();
    }

    /// This round is over.
    pub fn open(&self, round: u64) {
        let gate = self.of(round);
        let mut st = gate.lock();
        (st.over, st.called) = (st.over.max(round), false);
        drop(st);
        gate.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOOK: Duration = Duration::from_secs(1);

    #[test]
    fn who_waits_for_what_is_being_written_needs_no_round_of_their_own() {
        let mut r = Rounds::default();
        let first = r.take(10, true);
        assert_eq!(r.enter(10, true, true).round, first);
        assert!(r.idle());
        assert_eq!(r.enter(11, true, true).round, first + 1);
        assert_eq!(r.done(Some(TOOK)), None, "the two of the round before may come back");
        // What is only written is not durable, and nobody gathers behind a write.
        let second = r.take(20, false);
        assert_eq!(r.enter(20, true, true).round, second + 1);
        assert_eq!(r.enter(20, false, true).round, second);
        assert_eq!(r.done(None), Some(second + 1));
    }

    #[test]
    fn a_round_waits_for_those_of_the_round_before_unless_that_was_in_vain() {
        let mut r = Rounds::default();
        assert!(!r.gathers(), "nobody is expected");
        r.take(1, true);
        r.enter(2, true, true);
        r.enter(3, true, true);
        assert_eq!(r.done(Some(TOOK)), None);
        // Two wait and one was in the round before: whoever comes third leads.
        assert!(!r.gathers());
        r.take(4, true);
        assert_eq!(r.done(Some(TOOK)), None);
        assert!(r.gathers());
        let mut place = r.enter(5, true, false);
        assert!(place.until.is_some() && r.enter(6, true, false).until.is_none(), "one looks at the clock");
        assert!(r.leave(&mut place, false, true));
        r.take(6, true);
        r.enter(7, true, true);
        assert!(r.done(Some(TOOK)).is_some(), "the next round begins at once");
    }

    #[test]
    fn a_round_that_somebody_else_leads_is_waited_for() {
        let mut r = Rounds::default();
        r.take(1, true);
        let mut place = r.enter(2, true, true);
        assert!(!r.leave(&mut place, true, true) && place.until.is_some(), "the leader is still busy");
        r.done(Some(TOOK));
        r.take(2, true);
        assert!(!r.leave(&mut place, true, true) && place.until.is_none());
        let gates = Gates::default();
        gates.open(place.round);
        assert_eq!(gates.wait(&place), Woken::Over);
    }

    #[test]
    fn one_is_called_or_looks_at_the_clock() {
        let gates = Gates::default();
        let place = Place { round: 3, until: Some(Instant::now()) };
        assert_eq!(gates.wait(&place), Woken::Late);
        gates.call(3);
        assert_eq!((gates.wait(&place), gates.wait(&place)), (Woken::Called, Woken::Late));
        gates.open(2);
        assert_eq!(gates.wait(&place), Woken::Late);
    }
}

//! Reading files from a disk ahead of those who look at them.
//!
//! A disk is fastest at one thing after the other. Threads that look at several places of a log at the same time, each with
//! small reads, get a good part less out of it than one thread does that does nothing but read: so one reads, in order, and
//! they follow it. What was read stays in the page cache; nothing is handed over.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use qx_io::Disk;

/// Read together.
const BLOCK: usize = 256 << 10;
/// The reader is so many bytes ahead, at most, of what was asked for: a log may be larger than memory.
const MOST_AHEAD: u64 = 256 << 20;
/// Places that are asked whether they are in memory.
const PROBES: u64 = 16;

/// One reader's way through several files, as if they stood one behind the other.
#[derive(Debug)]
pub(crate) struct Ahead {
    files: Vec<(PathBuf, u64)>,
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct State {
    read: u64,
    asked: u64,
    waiting: u32,
    stopped: bool,
}

impl Ahead {
    /// A way through these files, if not all of them are in memory.
    pub fn over(disk: &dyn Disk, files: Vec<(PathBuf, u64)>) -> Option<Arc<Ahead>> {
        let total: u64 = files.iter().map(|f| f.1).sum();
        let in_memory = |n| in_memory(disk, &files, total / PROBES * n).unwrap_or(true);
        if (0..PROBES).all(in_memory) {
            return None;
        }
        Some(Arc::new(Ahead { files, state: Mutex::default(), moved: Condvar::new() }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sleep<'a>(&self, st: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.moved.wait(st).unwrap_or_else(PoisonError::into_inner)
    }

    /// Where a file begins on the way.
    pub fn start_of(&self, path: &Path) -> Option<u64> {
        let at = self.files.iter().position(|f| f.0 == path)?;
        self.files.get(..at).map(|before| before.iter().map(|f| f.1).sum())
    }

    /// Waits until everything before `to` was read.
    pub fn wait(&self, to: u64) {
        let mut st = self.lock();
        if st.asked < to {
            st.asked = to;
            self.moved.notify_all();
        }
        while st.read < to && !st.stopped {
            st.waiting += 1;
            st = self.sleep(st);
            st.waiting -= 1;
        }
    }

    /// Nobody follows any more.
    pub fn stop(&self) {
        self.lock().stopped = true;
        self.moved.notify_all();
    }

    /// Reads everything. What fails here fails again for those who follow, and they tell it.
    pub fn read(&self, disk: &dyn Disk) {
        let mut block = vec![0; BLOCK];
        let mut start = 0;
        for (path, len) in &self.files {
            let file = disk.open(path);
            let mut at = 0;
            while at < *len {
                match file.as_ref().map(|file| file.read_at(&mut block, at)) {
                    Ok(Ok(n)) if n > 0 => at += n as u64,
                    _ => at = *len,
                }
                if !self.reached(start + at.min(*len)) {
                    return;
                }
            }
            start += len;
        }
        self.stop();
    }

    /// Tells those who wait, and waits for them where they are far behind. False when nobody follows.
    fn reached(&self, read: u64) -> bool {
        let mut st = self.lock();
        st.read = read;
        if st.waiting > 0 {
            self.moved.notify_all();
        }
        while !st.stopped && st.read > st.asked.saturating_add(MOST_AHEAD) {
            st = self.sleep(st);
        }
        !st.stopped
    }
}

/// Nobody follows when this is gone.
pub(crate) struct StopOnDrop<'a>(pub &'a Ahead);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

fn in_memory(disk: &dyn Disk, files: &[(PathBuf, u64)], mut at: u64) -> Option<bool> {
    for (path, len) in files {
        if at < *len {
            return disk.open(path).ok()?.in_memory(at).ok();
        }
        at -= len;
    }
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use qx_io::RealDisk;

    use super::*;

    #[test]
    fn those_who_follow_wait_until_it_was_read() {
        let dir = tempfile::tempdir().unwrap();
        let len = |n: u64| n * 700 * 1024;
        let files: Vec<_> = (1..4).map(|n| (dir.path().join(n.to_string()), len(n))).collect();
        // The second one is missing: that is for those who follow to tell.
        for (path, len) in files.iter().filter(|f| !f.0.ends_with("2")) {
            fs::write(path, vec![7; *len as usize]).unwrap();
        }
        let ahead = Ahead { files: files.clone(), state: Mutex::default(), moved: Condvar::new() };
        assert_eq!(ahead.start_of(&files[2].0), Some(len(3)));
        assert_eq!(ahead.start_of(dir.path()), None);
        std::thread::scope(|scope| {
            for start in 0..3 {
                let ahead = &ahead;
                scope.spawn(move || {
                    for to in (len(start)..=len(6)).step_by(100 << 10) {
                        ahead.wait(to);
                        let st = ahead.lock();
                        assert!(st.read >= to || st.stopped);
                    }
                });
            }
            ahead.read(&RealDisk);
        });
        assert_eq!(ahead.lock().read, len(6));
    }

    #[test]
    fn who_is_far_ahead_waits_and_ends_when_nobody_follows() {
        let ahead = Ahead { files: Vec::new(), state: Mutex::default(), moved: Condvar::new() };
        assert!(ahead.reached(MOST_AHEAD));
        ahead.wait(1);
        assert!(ahead.reached(MOST_AHEAD + 1));
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| ahead.reached(MOST_AHEAD + 2));
            ahead.stop();
            assert!(!reader.join().unwrap());
        });
    }
}

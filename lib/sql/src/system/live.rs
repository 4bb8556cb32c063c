//! `system.live_queries`: what every process at work on the database is doing.
//!
//! Each session has a small file that it holds a lock on, and writes its statement there. The lock goes with the
//! process, whatever becomes of it, so a file whose lock is free is that of a dead one and is removed. All of it is best
//! effort: on read-only media nobody is seen, and nothing fails for it.

use std::fs::{self, File, TryLockError};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use qx_store::LIVE;
use serde::{Deserialize, Serialize};

/// One statement that is being run, or the last one of a session that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Query {
    pub query_id: u64,
    pub session_id: String,
    pub pid: u32,
    pub sql: String,
    pub start_time_us: u64,
    /// Absent while it runs.
    pub end_time_us: Option<u64>,
}

/// A session's own entry.
#[derive(Debug)]
pub(crate) struct Live {
    dir: PathBuf,
    session_id: String,
    entry: Mutex<Entry>,
}

#[derive(Debug, Default)]
struct Entry {
    file: Option<(File, PathBuf)>,
    /// It could not be made; nobody asks again.
    failed: bool,
    count: u64,
    query: Option<Query>,
    /// Bytes of the longest line so far.
    longest: usize,
}

impl Live {
    pub(crate) fn new(root: &Path) -> Live {
        let session_id = qx_log::Uuid::now_v7().simple().to_string();
        Live { dir: root.join(LIVE), session_id, entry: Mutex::default() }
    }

    /// A statement begins.
    pub(crate) fn begin(&self, sql: &str) {
        let mut entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner);
        entry.count += 1;
        // Whole statements can be long; what is shown is enough to know one by.
        let sql = sql.char_indices().nth(MAX_SQL).map_or(sql, |(at, _)| sql.get(..at).unwrap_or(sql));
        let (session_id, pid) = (self.session_id.clone(), std::process::id());
        entry.query = Some(Query {
            query_id: entry.count,
            session_id,
            pid,
            sql: sql.to_owned(),
            start_time_us: qx_log::now_us(),
            end_time_us: None,
        });
        self.put(&mut entry);
    }

    /// The statement is done.
    pub(crate) fn end(&self) {
        let mut entry = self.entry.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(query) = &mut entry.query {
            query.end_time_us = Some(qx_log::now_us());
        }
        self.put(&mut entry);
    }

    fn put(&self, entry: &mut Entry) {
        if entry.file.is_none() && !entry.failed {
            let path = self.dir.join(&self.session_id);
            let open = || {
                fs::create_dir_all(&self.dir)?;
                let file = File::options().read(true).write(true).create(true).truncate(false).open(&path)?;
                file.try_lock().map_err(std::io::Error::from)?;
                Ok::<_, std::io::Error>(file)
            };
            match open() {
                Ok(file) => entry.file = Some((file, path)),
                Err(_) => entry.failed = true,
            }
        }
        if let (Some((file, _)), Some(query)) = (&mut entry.file, &entry.query)
            && let Ok(mut line) = serde_json::to_vec(query)
        {
            // One call, which is what a statement of a script pays for being seen: spaces take the place of what was longer.
            // A reader that meets a half-written line looks again.
            entry.longest = entry.longest.max(line.len());
            line.resize(entry.longest, b' ');
            line.push(b'\n');
            let _ = file.write_all_at(&line, 0);
        }
    }

    /// Every session that is alive, this one included.
    pub(crate) fn all(&self) -> Vec<Query> {
        let mut queries = Vec::new();
        let own = self.entry.lock().unwrap_or_else(PoisonError::into_inner).query.clone();
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy() == self.session_id {
                continue;
            }
            let path = entry.path();
            let Ok(file) = File::options().read(true).open(&path) else { continue };
            match file.try_lock_shared() {
                Err(TryLockError::WouldBlock) => queries.extend(read(&path)),
                // Nobody holds it: its process is gone.
                Ok(()) => drop(fs::remove_file(&path)),
                Err(TryLockError::Error(_)) => {}
            }
        }
        queries.extend(own);
        queries.sort_by_key(|q| (q.start_time_us, q.session_id.clone()));
        queries
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let entry = self.entry.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, path)) = &entry.file {
            let _ = fs::remove_file(path);
        }
    }
}

/// Characters of a statement that are shown.
const MAX_SQL: usize = 2000;

fn read(path: &Path) -> Option<Query> {
    for _ in 0..3 {
        let mut text = String::new();
        File::open(path).ok()?.read_to_string(&mut text).ok()?;
        if let Some(query) = text.lines().next().and_then(|line| serde_json::from_str(line).ok()) {
            return Some(query);
        }
        std::thread::yield_now();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_living_are_seen_and_the_dead_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (Live::new(dir.path()), Live::new(dir.path()));
        a.begin("select 1");
        b.begin("select 2, and some more behind it");
        b.begin("select 2");
        b.end();
        fs::write(dir.path().join(LIVE).join("dead"), b"{}\n").unwrap();
        let seen: Vec<String> = a.all().into_iter().map(|q| q.sql).collect();
        assert_eq!(seen, ["select 1", "select 2"]);
        assert!(!dir.path().join(LIVE).join("dead").exists());
        drop(b);
        assert_eq!(a.all().len(), 1);
    }
}

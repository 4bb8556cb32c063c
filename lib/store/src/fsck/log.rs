//! The database's log, and whether it reaches back to what others need of it.

use std::path::Path;

use qx_formats::container::{Finding, Severity};
use qx_formats::{Kind, Result};

use super::{Check, Level, damage, help};
use crate::Store;
use crate::catalog::{Catalog, FILE};

/// How far the log reaches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogState {
    /// First LSN that the log still holds.
    pub first_lsn: u64,
    pub next_lsn: u64,
}

impl Check<'_> {
    /// `None` when the log cannot be read far enough to say where it ends.
    pub(super) fn log(&mut self, store: &Store) -> Result<Option<LogState>> {
        let wal = store.layout().wal();
        self.covered.insert(wal.clone());
        if !wal.is_dir() || matches!(qx_log::Reader::open_lossy(&wal), Err(e) if e.kind() == Kind::NotFound) {
            // Before the first write there is none; its folder comes before the first segment.
            if store.layout().home.join(crate::catalog::FILE).exists() {
                self.log_is_gone(&wal, "the log of the database is missing");
            }
            return Ok(None);
        }
        let before = self.found.len();
        if self.level >= Level::Bytes {
            match qx_log::verify_stopped(&wal) {
                Ok(found) => {
                    for mut f in found {
                        let path = f.section.take().map_or_else(|| wal.clone(), |s| wal.join(s));
                        self.put(&path, f);
                    }
                }
                Err(e) if e.kind() == Kind::NotFound => {
                    self.log_is_gone(&wal, "the folder of the log holds no log");
                }
                Err(e) if damage(&e) => self.put(&wal, Finding::from_error("db.log", &e)),
                Err(e) => {
                    self.unreadable(&wal, e)?;
                    return Ok(None);
                }
            }
        }
        let stat = match qx_log::stat(&wal) {
            Ok(stat) => stat,
            Err(e) if damage(&e) || e.kind() == Kind::NotFound => {
                let told = self.found.iter().skip(before).any(|f| f.finding.severity == Severity::Error);
                if !told {
                    self.put(e.get_path().unwrap_or(&wal), Finding::from_error("db.log", &e));
                }
                return Ok(None);
            }
            Err(e) => return self.unreadable(&wal, e).map(|()| None),
        };
        self.files += stat.segments.len() as u64;
        self.bytes += stat.bytes;
        let state = LogState { first_lsn: stat.first_lsn, next_lsn: stat.next_lsn };
        self.log_begin(store, state)?;
        Ok(Some(state))
    }

    /// Nobody can bring it back; to go on without it is for people to say.
    fn log_is_gone(&mut self, wal: &Path, what: &str) {
        self.put(wal, Finding::error("db.log", what));
        let help = help::without_log(self.root, "db.log");
        if let Some(f) = self.found.last_mut() {
            (f.repair, f.help) = (None, help);
        }
    }

    /// What was pruned on purpose is recorded before it goes; a log that begins later than that lost its beginning.
    fn log_begin(&mut self, store: &Store, log: LogState) -> Result<()> {
        // A catalog that cannot be read says nothing of what was let go.
        let home = &store.layout().home;
        if qx_io::read_generation(home, FILE, Catalog::decode).is_err() {
            return Ok(());
        }
        let pruned = crate::retain::pruned_lsn(store)?;
        if log.first_lsn > pruned + 1 {
            let f = Finding::error("db.log_begin", "segments at the beginning of the log are missing");
            let f = f.expected(format!("LSN {} or earlier", pruned + 1)).got(format!("LSN {}", log.first_lsn));
            self.put(&store.layout().wal(), f);
        }
        Ok(())
    }
}

//! Files that nothing names: no harm, but worth knowing.

use std::fs;
use std::path::Path;

use qx_formats::container::Finding;
use qx_formats::{Error, Result};

use super::Check;
use crate::LIVE;
use crate::repair::LOST_AND_FOUND;

impl Check<'_> {
    pub(super) fn strangers(&mut self) -> Result<()> {
        self.covered.insert(self.root.join(LOST_AND_FOUND));
        self.covered.insert(self.root.join(LIVE));
        self.walk(self.root)
    }

    fn walk(&mut self, dir: &Path) -> Result<()> {
        let mut entries: Vec<_> = match fs::read_dir(dir).and_then(Iterator::collect) {
            Ok(entries) => entries,
            Err(e) => return self.unreadable(dir, Error::io("list", e).path(dir)),
        };
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            self.job.step(0)?;
            let path = entry.path();
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            if name.starts_with(b".") && name.windows(5).any(|w| w == b".tmp-") {
                self.put(&path, Finding::note("db.temporary", "a writer that was stopped left it, or one is at work"));
                continue;
            }
            if path.is_dir() {
                if !self.covered.contains(&path) {
                    // A folder without files is a name that was made before what goes into it.
                    self.walk(&path)?;
                }
            } else if !self.known.contains(&path) {
                self.put(&path, Finding::note("db.orphan", "nothing names this file"));
            }
        }
        Ok(())
    }
}

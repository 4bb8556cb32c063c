//! The lost-and-found: where files go that are damaged or that nothing names.

use std::fs;
use std::path::{Path, PathBuf};

use qx_formats::{Error, Result};
use qx_io::Publish;

use super::Action;

/// Its folder, in a database folder.
pub const LOST_AND_FOUND: &str = "lost+found";

pub(super) struct Lost {
    root: PathBuf,
    /// Made when the first file comes.
    folder: PathBuf,
    used: bool,
    dry_run: bool,
}

impl Lost {
    pub(super) fn new(root: &Path, dry_run: bool) -> Lost {
        let time = qx_log::format_time_us(qx_log::now_us()).replace(':', "");
        let folder = root.join(LOST_AND_FOUND).join(time);
        Lost { root: root.to_path_buf(), folder, used: false, dry_run }
    }

    pub(super) fn folder(&self) -> Option<&Path> {
        self.used.then_some(self.folder.as_path())
    }

    /// The place of a file in the lost-and-found, with the folders that it needs.
    fn place(&mut self, path: &Path) -> Result<PathBuf> {
        let target = self.folder.join(path.strip_prefix(&self.root).unwrap_or(path));
        if let Some(dir) = target.parent() {
            qx_io::create_dir_all(dir).map_err(|e| Error::io("create folder", e).path(dir))?;
        }
        self.used = true;
        Ok(target)
    }

    /// Moves a file there.
    pub(super) fn set_aside(&mut self, path: &Path) -> Result<()> {
        // A link that leads nowhere is there, too.
        if self.dry_run || fs::symlink_metadata(path).is_err() {
            return Ok(());
        }
        let target = self.place(path)?;
        qx_io::rename(path, &target).map_err(|e| Error::io("set aside", e).path(path))?;
        for dir in [target.parent(), path.parent()].into_iter().flatten() {
            qx_io::sync_dir(dir)?;
        }
        Ok(())
    }

    /// Copies a file there that is about to be replaced.
    pub(super) fn keep_copy(&mut self, path: &Path) -> Result<()> {
        if self.dry_run || !path.is_file() {
            return Ok(());
        }
        let target = self.place(path)?;
        let bytes = fs::read(path).map_err(|e| Error::io("read", e).path(path))?;
        qx_io::write_atomic(&target, Publish::Replace, &bytes)
    }

    /// Writes down what was done.
    pub(super) fn report(&mut self, actions: &[Action]) -> Result<()> {
        if self.dry_run || actions.is_empty() {
            return Ok(());
        }
        let path = self.place(&self.root.join("report.json"))?;
        let mut text = serde_json::to_vec_pretty(&serde_json::json!({"v": 1, "actions": actions})).unwrap_or_default();
        text.push(b'\n');
        qx_io::write_atomic(&path, Publish::Replace, &text)
    }
}

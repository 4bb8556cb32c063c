//! A recorder of what is done to a folder of the real disk: every change that goes through `tree`, [`RealDisk`]
//! and [`crate::publish()`] is done to a modelled disk as well, from which crashes are derived.
//!
//! What a process notes of itself in files whose loss means nothing (`LOCK`, `*.lock`, `live/`) is not recorded.
//!
//! [`RealDisk`]: crate::RealDisk

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::Disk;
use crate::disk::DiskFile;
use crate::model::{ModelDisk, Replay};

/// Where the recorded folder stands on the modelled disk.
pub const ROOT: &str = "/db";

/// Folders being recorded in this process. Nearly always none, which costs one load of an atomic.
static ALL: RwLock<Vec<Arc<Watched>>> = RwLock::new(Vec::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Whether the sync of a file or folder is to be passed over, so that a drill can be shown to find a missing one.
pub type Forget = Arc<dyn Fn(&Path) -> bool + Send + Sync>;

struct Watched {
    root: PathBuf,
    disk: ModelDisk,
    forget: Option<Forget>,
    /// The first change that did not fit what was recorded before it.
    misfit: Mutex<Option<String>>,
}

/// Records until dropped.
pub struct Recording(Arc<Watched>);

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Recording").field(&self.0.root).finish()
    }
}

impl Recording {
    /// Begins to record what is done to the empty folder `root`.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn start(root: &Path, forget: Option<Forget>) -> io::Result<Recording> {
        let disk = ModelDisk::new();
        disk.create_dir_all(Path::new(ROOT))?;
        Self::resume(root, disk, forget)
    }

    /// Begins to record what is done to `root`, which holds what stands under [`ROOT`] on `disk`.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn resume(root: &Path, disk: ModelDisk, forget: Option<Forget>) -> io::Result<Recording> {
        let root = fs::canonicalize(root)?;
        let watched = Arc::new(Watched { root, disk, forget, misfit: Mutex::default() });
        ALL.write().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&watched));
        COUNT.fetch_add(1, Ordering::Release);
        Ok(Recording(watched))
    }

    /// Changes so far.
    pub fn steps(&self) -> usize {
        self.0.disk.steps()
    }

    /// The record so far, to derive crashes from.
    pub fn replay(&self) -> Replay {
        self.0.disk.replay()
    }

    /// Whether the record holds everything that was done: what differs between the folder and the record, if anything
    /// does.
    ///
    /// # Errors
    /// As the operating system says.
    pub fn gap(&self) -> io::Result<Option<String>> {
        if let Some(misfit) = self.0.misfit.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(Some(misfit));
        }
        let mut real = BTreeMap::new();
        walk(&self.0.root, Path::new(ROOT), &mut real)?;
        for path in self.0.disk.files() {
            match real.remove(&path) {
                None => return Ok(Some(format!("{} went away unrecorded", path.display()))),
                Some(bytes) if bytes != self.0.disk.read(&path)? => {
                    return Ok(Some(format!("{} was written unrecorded", path.display())));
                }
                Some(_) => {}
            }
        }
        Ok(real.keys().next().map(|path| format!("{} was made unrecorded", path.display())))
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        ALL.write().unwrap_or_else(PoisonError::into_inner).retain(|w| !Arc::ptr_eq(w, &self.0));
        COUNT.fetch_sub(1, Ordering::Release);
    }
}

fn passes(relative: &Path) -> bool {
    relative.file_name().is_some_and(|n| n == "LOCK")
        || relative.extension().is_some_and(|e| e == "lock")
        || relative.starts_with("live")
}

fn walk(dir: &Path, at: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let model = at.join(entry.file_name());
        if model.strip_prefix(ROOT).is_ok_and(passes) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), &model, files)?;
        } else {
            files.insert(model, fs::read(entry.path())?);
        }
    }
    Ok(())
}

impl Watched {
    fn note(&self, path: &Path, what: &str, done: io::Result<()>) {
        if let Err(e) = done {
            let mut misfit = self.misfit.lock().unwrap_or_else(PoisonError::into_inner);
            misfit.get_or_insert_with(|| format!("{what} {} does not fit the record: {e}", path.display()));
        }
    }

    fn forgets(&self, path: &Path) -> bool {
        self.forget.as_ref().is_some_and(|f| f(path))
    }
}

/// The recorder that `path` falls to, and where it stands on its disk.
fn find(path: &Path) -> Option<(Arc<Watched>, PathBuf)> {
    if COUNT.load(Ordering::Acquire) == 0 {
        return None;
    }
    let all = ALL.read().unwrap_or_else(PoisonError::into_inner);
    let absolute = std::path::absolute(path).ok()?;
    for watched in all.iter() {
        // The folder itself may have been named through a link; what is in it is not.
        let inside = absolute.ancestors().find(|a| fs::canonicalize(a).is_ok_and(|a| a == watched.root));
        if let Some(relative) = inside.and_then(|root| absolute.strip_prefix(root).ok()) {
            if passes(relative) {
                return None;
            }
            let model = Path::new(ROOT);
            let model = if relative.as_os_str().is_empty() { model.to_path_buf() } else { model.join(relative) };
            return Some((Arc::clone(watched), model));
        }
    }
    None
}

/// Notes a change that was made.
pub(crate) fn done(path: &Path, what: &str, change: impl FnOnce(&ModelDisk, &Path) -> io::Result<()>) {
    if let Some((watched, path)) = find(path) {
        let done = change(&watched.disk, &path);
        watched.note(&path, what, done);
    }
}

/// Notes a new name for a file or folder.
pub(crate) fn renamed(from: &Path, to: &Path) {
    match (find(from), find(to)) {
        (Some((watched, from)), Some((_, to))) => {
            let done = watched.disk.rename(&from, &to);
            watched.note(&to, "rename to", done);
        }
        (None, None) => {}
        (Some((watched, path)), None) | (None, Some((watched, path))) => {
            watched.note(&path, "rename across the folder's edge", Err(io::ErrorKind::CrossesDevices.into()));
        }
    }
}

pub(crate) fn synced_dir(dir: &Path) {
    if let Some((watched, dir)) = find(dir)
        && !watched.forgets(&dir)
    {
        let done = watched.disk.sync_dir(&dir);
        watched.note(&dir, "sync", done);
    }
}

/// What is recorded of an open file.
#[derive(Default)]
pub(crate) struct Shadow(Option<(Arc<Watched>, PathBuf, Arc<dyn DiskFile>)>);

impl fmt::Debug for Shadow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shadow").field(&self.0.as_ref().map(|(_, path, _)| path)).finish()
    }
}

impl Shadow {
    /// Of a file that was made.
    pub(crate) fn created(path: &Path) -> Shadow {
        Self::of(path, |disk, path| disk.create(path))
    }

    /// Of a file that was opened for writing.
    pub(crate) fn opened(path: &Path) -> Shadow {
        Self::of(path, |disk, path| disk.open_write(path))
    }

    fn of(path: &Path, open: impl FnOnce(&ModelDisk, &Path) -> io::Result<Arc<dyn DiskFile>>) -> Shadow {
        let Some((watched, path)) = find(path) else { return Shadow(None) };
        match open(&watched.disk, &path) {
            Ok(file) => Shadow(Some((watched, path, file))),
            Err(e) => {
                watched.note(&path, "open", Err(e));
                Shadow(None)
            }
        }
    }

    pub(crate) fn records(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn wrote(&self, bytes: &[u8], at: u64) {
        if let Some((watched, path, file)) = &self.0 {
            watched.note(path, "write to", file.write_all_at(bytes, at));
        }
    }

    /// The file reaches to `to`, with zeros from `from` on.
    pub(crate) fn zeroed(&self, from: u64, to: u64) {
        if self.0.is_some() {
            self.wrote(&vec![0; usize::try_from(to.saturating_sub(from)).unwrap_or(0)], from);
        }
    }

    /// Everything in a new file was written.
    pub(crate) fn filled(&self, real: &File) {
        if let Some((watched, path, file)) = &self.0 {
            let copy = || {
                let len = usize::try_from(real.metadata()?.len()).map_err(io::Error::other)?;
                let mut bytes = vec![0; len];
                real.read_exact_at(&mut bytes, 0)?;
                if bytes.is_empty() { Ok(()) } else { file.write_all_at(&bytes, 0) }
            };
            watched.note(path, "write to", copy());
        }
    }

    pub(crate) fn synced(&self) {
        if let Some((watched, path, file)) = &self.0
            && !watched.forgets(path)
        {
            watched.note(path, "sync", file.sync_data());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Crash;
    use crate::{Publish, RealDisk, tree, write_atomic};

    fn after(recording: &Recording, step: usize, crash: Crash) -> Vec<PathBuf> {
        let to = tempfile::tempdir().unwrap();
        recording.replay().crash(step, crash).write_out(Path::new(ROOT), to.path()).unwrap();
        let mut files = BTreeMap::new();
        walk(to.path(), Path::new(""), &mut files).unwrap();
        files.into_keys().collect()
    }

    #[test]
    fn what_is_done_is_recorded_and_what_bypasses_it_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("db");
        fs::create_dir(&root).unwrap();
        let recording = Recording::start(&root, None).unwrap();
        tree::create_dir_all(&root.join("a/b")).unwrap();
        write_atomic(&root.join("a/b/x"), Publish::New, b"one").unwrap();
        write_atomic(&root.join("a/b/x"), Publish::Replace, b"two").unwrap();
        let file = RealDisk.create(&root.join("log")).unwrap();
        file.write_all_at(b"frame", 0).unwrap();
        file.sync_data().unwrap();
        tree::rename(&root.join("log"), &root.join("a/log")).unwrap();
        assert_eq!(recording.gap().unwrap(), None);
        let names = |crash| after(&recording, recording.steps(), crash);
        assert_eq!(names(Crash::Kept), [Path::new("a/b/x"), Path::new("a/log")]);
        // Neither the name `log` nor the one after it was made durable.
        assert_eq!(names(Crash::Lost), [Path::new("a/b/x")]);
        tree::remove_dir_all(&root.join("a")).unwrap();
        assert_eq!(recording.gap().unwrap(), None);
        fs::write(root.join("stranger"), b"").unwrap();
        assert_eq!(recording.gap().unwrap().unwrap(), "/db/stranger was made unrecorded");
    }

    #[test]
    fn a_sync_that_is_forgotten_makes_nothing_durable() {
        let dir = tempfile::tempdir().unwrap();
        let forget: Forget = Arc::new(|path| path.to_string_lossy().contains(".x.tmp-"));
        let recording = Recording::start(dir.path(), Some(forget)).unwrap();
        write_atomic(&dir.path().join("x"), Publish::New, b"one").unwrap();
        let replay = &mut recording.replay();
        let read = |disk: ModelDisk| disk.read(Path::new("/db/x")).unwrap();
        assert_eq!(read(replay.crash(recording.steps(), Crash::Kept)), b"one");
        assert_eq!(read(replay.crash(recording.steps(), Crash::Lost)), b"");
    }

    #[test]
    fn a_folder_whose_name_is_lost_takes_along_what_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let recording = Recording::start(dir.path(), None).unwrap();
        // Made without a sync of the folder that it is in.
        fs::create_dir(dir.path().join("a")).unwrap();
        done(&dir.path().join("a"), "make", ModelDisk::make_dir);
        write_atomic(&dir.path().join("a/x"), Publish::New, b"one").unwrap();
        assert_eq!(after(&recording, recording.steps(), Crash::Lost), Vec::<PathBuf>::new());
        assert_eq!(after(&recording, recording.steps(), Crash::Kept), [Path::new("a/x")]);
    }
}

//! Advisory locks between processes, on a file that is never renamed or removed.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use qx_formats::{Error, Kind, Result};

use crate::job::Cancel;

/// What ends every wait of this process.
static STOP: OnceLock<Cancel> = OnceLock::new();

/// Has waits for locks end once `cancel` is set, as when the process is asked to stop. Of several calls the first counts.
pub fn stop_waits_on(cancel: &Cancel) {
    let _ = STOP.set(cancel.clone());
}

/// An exclusive lock, held until dropped or until the process ends in whatever way.
#[derive(Debug)]
pub struct Lock(File);

impl Lock {
    /// Takes the lock on `path` (created if missing), waiting up to `wait` for its holder. The file's text names the
    /// holder for people to read; only the kernel's lock counts.
    ///
    /// # Errors
    /// `Locked` when another process still holds it, with the holder's own words; `Cancelled`, by [`stop_waits_on`]; `Io`
    /// otherwise.
    pub fn acquire(path: &Path, wait: Duration) -> Result<Lock> {
        let io = |e| Error::io("lock", e).path(path);
        let mut file = File::options().read(true).write(true).create(true).truncate(false).open(path).map_err(io)?;
        let deadline = Instant::now() + wait;
        let mut pause = Duration::from_millis(1);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(e)) => return Err(io(e)),
                Err(TryLockError::WouldBlock) => {
                    let now = Instant::now();
                    if now >= deadline {
                        let mut holder = String::new();
                        // A holder that has not written its name yet, or could not, leaves an empty text.
                        let _ = file.read_to_string(&mut holder);
                        let e = Error::new(Kind::Locked, "locked by another process")
                            .path(path)
                            .hint("wait for it with --wait 30s, or try again later");
                        let holder = holder.trim();
                        return Err(if holder.is_empty() { e } else { e.got(holder) });
                    }
                    STOP.get().map_or(Ok(()), Cancel::check).map_err(|e| e.path(path))?;
                    std::thread::sleep(pause.min(deadline - now));
                    pause = (pause * 2).min(Duration::from_millis(50));
                }
            }
        }
        let program = std::env::args_os().next().unwrap_or_default();
        let program = Path::new(&program).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut name = || {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            writeln!(file, "held by {program}, process {}", std::process::id())
        };
        // A full disk takes no name, and keeps nobody from the work that frees it.
        let _ = name();
        Ok(Lock(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing releases the lock; the name goes first so that nobody reads a stale one.
        let _ = self.0.set_len(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_named_where_it_left_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.lock");
        let nameless = File::create(&path).unwrap();
        nameless.lock().unwrap();
        let e = Lock::acquire(&path, Duration::ZERO).unwrap_err();
        assert!(e.kind() == Kind::Locked && e.get_got().is_none(), "{e}");
        drop(nameless);
        let _held = Lock::acquire(&path, Duration::ZERO).unwrap();
        let e = Lock::acquire(&path, Duration::ZERO).unwrap_err();
        assert!(e.to_string().contains("held by"), "{e}");
    }
}

//! A folder of logs appears whole or not at all.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::{Error, Kind, Result};
use qx_io::Disk;

use crate::files::list;

/// Fills a folder beside `out` and gives it that name. What stands there already is refused, unless it is empty, or
/// `force` is set and it holds nothing but logs.
pub(crate) fn publish_folder<T>(
    disk: &Arc<dyn Disk>,
    out: &Path,
    force: bool,
    fill: impl FnOnce(&Path) -> Result<T>,
) -> Result<T> {
    let there = check_target(disk, out, force)?;
    let (parent, temp, old) = beside(out)?;
    for stale in [&temp, &old] {
        if disk.stat(stale).is_ok() {
            remove_logs(disk, stale)?;
        }
    }
    let done = fill(&temp).and_then(|value| {
        disk.sync_dir(&temp).map_err(|e| Error::io("sync folder", e).path(&temp))?;
        let name =
            |from: &Path, to: &Path| disk.rename(from, to).map_err(|e| Error::io("rename into place", e).path(to));
        if there {
            name(out, &old)?;
        }
        name(&temp, out)?;
        disk.sync_dir(&parent).map_err(|e| Error::io("sync folder", e).path(&parent))?;
        if there {
            remove_logs(disk, &old)?;
        }
        Ok(value)
    });
    if done.is_err() && disk.stat(&temp).is_ok() {
        // The error that is already on its way matters more.
        let _ = remove_logs(disk, &temp);
    }
    done
}

/// A copy is never written over what it is a copy of, by whatever name that is called.
///
/// # Errors
/// A usage error when one of two folders is the other one or lies in it.
pub(crate) fn apart(dir: &Path, out: &Path, done: &str) -> Result<()> {
    let (a, b) = (real(dir), real(out));
    if !a.starts_with(&b) && !b.starts_with(&a) {
        return Ok(());
    }
    let e = Error::usage(format!("a log is not {done} in place")).path(out);
    Err(e.expected(format!("a folder apart from {}", dir.display())).hint("name another folder"))
}

/// A path without links and dots. Of what is not there yet the folder above it counts.
fn real(path: &Path) -> PathBuf {
    let known = path.ancestors().find_map(|above| {
        let named = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        Some(std::fs::canonicalize(named).ok()?.join(path.strip_prefix(above).ok()?))
    });
    known.unwrap_or_else(|| path.to_path_buf())
}

/// Whether something stands at `out` that may be replaced.
///
/// # Errors
/// `Exists` when it may not; `Io`.
pub(crate) fn check_target(disk: &Arc<dyn Disk>, out: &Path, force: bool) -> Result<bool> {
    let stat = match disk.stat(out) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other.map_err(|e| Error::io("look at the target", e).path(out))?,
    };
    let exists = |what: &str, hint: &str| Err(Error::new(Kind::Exists, what).path(out).hint(hint));
    if !stat.is_dir {
        return exists("the target is a file", "name another folder");
    }
    let empty = disk.list(out).map_err(|e| Error::io("read the folder", e).path(out))?.is_empty();
    if !empty && !force {
        return exists("the target is already there", "give --force to replace it");
    }
    if !empty && !only_logs(disk, out)? {
        return exists("the target holds something else than logs", "name another folder");
    }
    Ok(true)
}

fn beside(out: &Path) -> Result<(PathBuf, PathBuf, PathBuf)> {
    let Some(name) = out.file_name() else {
        return Err(Error::usage("the target has no name of its own").path(out));
    };
    let parent = match out.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let hidden = |end: &str| {
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(end);
        parent.join(hidden)
    };
    Ok((parent.clone(), hidden(".tmp"), hidden(".old")))
}

/// A folder of segments, or one of such folders.
fn only_logs(disk: &Arc<dyn Disk>, dir: &Path) -> Result<bool> {
    if list(disk.as_ref(), dir)?.alien == 0 {
        return Ok(true);
    }
    for name in disk.list(dir).map_err(|e| Error::io("read the folder", e).path(dir))? {
        let path = dir.join(name);
        let is_log = disk.stat(&path).is_ok_and(|s| s.is_dir) && list(disk.as_ref(), &path)?.alien == 0;
        if !is_log {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Removes a folder that holds nothing but logs.
fn remove_logs(disk: &Arc<dyn Disk>, dir: &Path) -> Result<()> {
    if !only_logs(disk, dir)? {
        let e = Error::new(Kind::Exists, "the folder is in the way and holds something else than logs").path(dir);
        return Err(e.hint("move it away"));
    }
    let fail = |e: io::Error| Error::io("remove", e).path(dir);
    for name in disk.list(dir).map_err(fail)? {
        let path = dir.join(name);
        if disk.stat(&path).is_ok_and(|s| s.is_dir) {
            remove_logs(disk, &path)?;
        } else {
            disk.remove(&path).map_err(fail)?;
        }
    }
    disk.remove_dir(dir).map_err(fail)
}

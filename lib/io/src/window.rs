//! Part of a file as memory, for small writes that nobody waits for the disk with: to store bytes there costs less than a
//! call to the system, and a process that is killed leaves them as a call would have.

use std::fs::File;
use std::io;
use std::ptr;

use memmap2::{MmapOptions, MmapRaw};

/// Allocated space of a file.
#[derive(Debug)]
pub struct Window {
    map: MmapRaw,
    from: u64,
}

impl Window {
    /// The bytes from `from` to `to`, which the file has; `None` where a store could find no space later, which ends the
    /// process.
    pub(crate) fn open(file: &File, from: u64, to: u64) -> io::Result<Option<Window>> {
        let Ok(len) = usize::try_from(to.saturating_sub(from)) else { return Ok(None) };
        if len == 0 || !overwrites_in_place(file)? {
            return Ok(None);
        }
        let map = MmapOptions::new().offset(from).len(len).map_raw(file)?;
        Ok(Some(Window { map, from }))
    }

    /// Writes `bytes` at `at` of the file; false, with nothing written, where not all of them lie in the window.
    pub fn write(&mut self, bytes: &[u8], at: u64) -> bool {
        let Some(start) = at.checked_sub(self.from).and_then(|n| usize::try_from(n).ok()) else { return false };
        if start.checked_add(bytes.len()).is_none_or(|end| end > self.map.len()) {
            return false;
        }
        // SAFETY: the place lies in the mapping, as was just checked, and nobody makes a reference to its memory, so
        // `bytes` lie elsewhere and what another process writes there breaks no promise of the language.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.map.as_mut_ptr().add(start), bytes.len()) };
        true
    }
}

/// Whether the file system writes into space that was allocated, rather than into another place that it may not find.
#[cfg(target_os = "linux")]
fn overwrites_in_place(file: &File) -> io::Result<bool> {
    use std::os::fd::AsRawFd;
    let mut about = std::mem::MaybeUninit::<libc::statfs64>::uninit();
    // SAFETY: the file is open, and the structure is large enough for what is written there.
    if unsafe { libc::fstatfs64(file.as_raw_fd(), about.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call filled it.
    let kind = unsafe { about.assume_init() }.f_type;
    Ok(kind == libc::EXT4_SUPER_MAGIC || kind == libc::TMPFS_MAGIC)
}

#[cfg(not(target_os = "linux"))]
fn overwrites_in_place(_: &File) -> io::Result<bool> {
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use crate::{Disk, RealDisk};

    #[test]
    fn what_is_stored_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        let file = RealDisk.create(&path).unwrap();
        file.write_all_at(b"front", 0).unwrap();
        file.zero_fill(5, 4096).unwrap();
        let Some(mut window) = file.allocate(4096, 3 * 4096).unwrap() else { return };
        assert!(window.write(b"begin", 4096) && window.write(b"across", 8190) && window.write(b"end", 3 * 4096 - 3));
        for (bytes, at) in [(&b"before"[..], 4095), (b"behind", 3 * 4096 - 5), (b"far", u64::MAX), (b"near", 0)] {
            assert!(!window.write(bytes, at), "{at}");
        }
        file.write_all_at(b"written", 5000).unwrap();
        let read = fs::read(&path).unwrap();
        assert_eq!(read.len(), 3 * 4096);
        for (bytes, at) in
            [(&b"front"[..], 0), (b"begin", 4096), (b"across", 8190), (b"end", 12285), (b"written", 5000)]
        {
            assert_eq!(read.get(at..at + bytes.len()), Some(bytes));
        }
        assert_eq!(read.iter().filter(|b| **b != 0).count(), 26);
        file.sync_data().unwrap();
    }
}

//! Where a log ended when it was read, for who asks again and again whether anything was committed since.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use qx_io::{Disk, DiskFile};

use crate::chain::Segment;
use crate::files::segment_name;

/// Bytes in which a frame would show: the LSN in its head is never zero.
const HEAD: usize = 16;

/// The place of the next frame in the segment that is being written.
#[derive(Debug, Clone)]
pub struct End {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    /// The segment that a writer would go on with.
    next: PathBuf,
    at: u64,
}

impl End {
    pub(crate) fn of(disk: &Arc<dyn Disk>, file: Arc<dyn DiskFile>, segment: &Segment, at: u64) -> End {
        let path = segment.path.clone();
        let next = path.with_file_name(segment_name(segment.number.saturating_add(1)));
        End { disk: Arc::clone(disk), file, path, next, at }
    }

    /// Whether the log certainly ends here still: nothing stands where the next frame would, the segment is there, and
    /// no later one is. What it takes does not depend on what the log holds. `false` says that one has to look.
    pub fn is_still(&self) -> bool {
        let mut head = [0; HEAD];
        // A writer that takes over from a killed one may cut the segment and go on in the next.
        let mut clear = || -> io::Result<bool> {
            let n = self.file.read_at(&mut head, self.at)?;
            Ok(head.iter().take(n).all(|b| *b == 0))
        };
        let missing = |e: io::Error| e.kind() == io::ErrorKind::NotFound;
        clear().unwrap_or(false) && self.disk.stat(&self.next).is_err_and(missing) && self.disk.stat(&self.path).is_ok()
    }
}

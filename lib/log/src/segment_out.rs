//! The segment that is being written.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::delta_log::layout::{HEADER_LEN, MAX_NUMBER, MIN_SEGMENT_LEN, TRAILER_LEN};
use qx_formats::delta_log::{FrameHead, FrameKind, SegmentHeader, Tally, Trailer, crc32c_append, put_frame};
use qx_formats::{Error, Result};
use qx_io::{Disk, DiskFile, Window};

use crate::files::{segment_name, temp_name};

/// Zero fill that stays behind the last frame, so that a file that was shortened can be told from a full one.
const SLACK: u64 = 64;
const GROW_MIN: u64 = 16 << 10;
const GROW_MAX: u64 = 1 << 20;

#[derive(Debug)]
pub(crate) struct SegmentOut {
    pub file: Arc<dyn DiskFile>,
    pub path: PathBuf,
    pub header: SegmentHeader,
    pub seed: u32,
    /// Where the next frame is written.
    pub pos: u64,
    /// Length of the file: zeros up to here.
    pub reserved: u64,
    /// CRC32C of the bytes before `pos`.
    pub crc: u32,
    pub tally: Tally,
    /// Time of the first commit, once there is one.
    pub begun_us: Option<u64>,
    /// Space is kept and not written: for a log that nobody syncs.
    pub allocate: bool,
    /// The space that was kept last, as memory.
    window: Option<Window>,
}

impl SegmentOut {
    /// Makes a segment under a temporary name; [`SegmentOut::publish`] gives it its own.
    pub fn create(disk: &dyn Disk, dir: &Path, header: SegmentHeader) -> Result<SegmentOut> {
        if header.segment >= MAX_NUMBER {
            return Err(Error::limit("segment number", MAX_NUMBER - 1, header.segment).path(dir));
        }
        let path = dir.join(temp_name(header.segment));
        let fail = |e| Error::io("create", e).path(&path);
        match disk.remove(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(fail(e)),
            _ => {}
        }
        let file = disk.create(&path).map_err(fail)?;
        let bytes = header.encode();
        let mut first = vec![0; MIN_SEGMENT_LEN as usize];
        if let Some(front) = first.get_mut(..HEADER_LEN) {
            front.copy_from_slice(&bytes);
        }
        file.write_all_at(&first, 0).map_err(|e| Error::io("write", e).path(&path))?;
        Ok(Self::around(file, path, header))
    }

    /// Goes on in a segment that was published and holds no frame yet.
    pub fn adopt(disk: &dyn Disk, path: &Path, header: SegmentHeader, len: u64) -> Result<SegmentOut> {
        let file = disk.open_write(path).map_err(|e| Error::io("open for writing", e).path(path))?;
        let mut out = Self::around(file, path.to_path_buf(), header);
        out.reserved = len;
        Ok(out)
    }

    fn around(file: Arc<dyn DiskFile>, path: PathBuf, header: SegmentHeader) -> SegmentOut {
        SegmentOut {
            file,
            path,
            seed: header.seed(),
            pos: HEADER_LEN as u64,
            reserved: MIN_SEGMENT_LEN,
            crc: crc32c::crc32c(&header.encode()),
            tally: Tally::new(header.base_lsn, header.base_txn),
            header,
            begun_us: None,
            allocate: false,
            window: None,
        }
    }

    fn fail(&self, what: &str, e: io::Error) -> Error {
        Error::io(what, e).path(&self.path)
    }

    /// Makes everything durable and gives the segment its name.
    pub fn publish(&mut self, disk: &dyn Disk, dir: &Path) -> Result<()> {
        self.reserve(0, 0)?;
        self.sync()?;
        let path = dir.join(segment_name(self.header.segment));
        disk.rename(&self.path, &path).map_err(|e| Error::io("rename into place", e).path(&path))?;
        self.path = path;
        disk.sync_dir(dir).map_err(|e| Error::io("sync folder", e).path(dir))
    }

    pub fn sync(&self) -> Result<()> {
        self.file.sync_data().map_err(|e| self.fail("sync", e))
    }

    /// Zero-fills ahead, so that `need` bytes more fit. True when the file grew.
    pub fn reserve(&mut self, need: u64, cap: u64) -> Result<bool> {
        let end = self.pos.saturating_add(need).saturating_add(SLACK);
        if end <= self.reserved {
            return Ok(false);
        }
        let ahead = (self.reserved + self.reserved.clamp(GROW_MIN, GROW_MAX)).min(cap);
        let target = end.max(ahead).next_multiple_of(MIN_SEGMENT_LEN);
        let grown = if self.allocate {
            self.file.allocate(self.reserved, target)
        } else {
            self.file.zero_fill(self.reserved, target).map(|()| None)
        };
        self.window = grown.map_err(|e| self.fail("reserve space in", e))?;
        self.reserved = target;
        Ok(true)
    }

    /// Makes room for `need` bytes that are written next, and durable unless nobody syncs.
    pub fn make_room(&mut self, need: u64) -> Result<()> {
        if self.reserve(need, 0)? && !self.allocate { self.sync() } else { Ok(()) }
    }

    /// What to fill with zeros with the next sync, so that nobody waits for a sync of zeros alone: from where to where.
    /// Only in a segment that has grown somewhat.
    pub fn ahead(&self, cap: u64) -> Option<(u64, u64)> {
        let step = self.reserved.min(GROW_MAX);
        let target = (self.reserved + step).min(cap) / MIN_SEGMENT_LEN * MIN_SEGMENT_LEN;
        let due = !self.allocate && step > 4 * GROW_MIN && self.reserved.saturating_sub(self.pos) < step / 2;
        (due && target > self.reserved).then_some((self.reserved, target))
    }

    /// [`SegmentOut::ahead`] was done, and synced.
    pub fn filled(&mut self, ahead: Option<(u64, u64)>) {
        if let Some((from, to)) = ahead
            && self.reserved == from
        {
            self.reserved = to;
        }
    }

    /// Zero-fills a segment that is not published yet as far as a long one before it makes likely, so that its first
    /// commits wait for no sync of zeros.
    pub fn begin_like(&mut self, before: u64) {
        if !self.allocate && before >= 2 * GROW_MAX {
            // Where there is no space for it, whoever needs it is told.
            let _ = self.reserve(GROW_MAX - SLACK - HEADER_LEN as u64, 0);
        }
    }

    /// Writes frames at the end.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(bytes, self.pos).map_err(|e| self.fail("write", e))?;
        self.pos += bytes.len() as u64;
        self.crc = crc32c::crc32c_append(self.crc, bytes);
        Ok(())
    }

    /// Writes frames at the end by storing them in memory that is the file's; false where that cannot be done.
    pub fn store(&mut self, bytes: &[u8]) -> bool {
        let stored = self.window.as_mut().is_some_and(|w| w.write(bytes, self.pos));
        if stored {
            self.pos += bytes.len() as u64;
            self.crc = crc32c_append(self.crc, bytes);
        }
        stored
    }

    /// [`SegmentOut::write`] without zeros ahead, for a segment that nobody else sees yet: what is written once is
    /// written, and the zeros come behind the last of it.
    pub fn extend(&mut self, bytes: &[u8]) -> Result<()> {
        self.write(bytes)?;
        self.reserved = self.reserved.max(self.pos);
        Ok(())
    }

    /// Writes footer and trailer. Everything before the footer must be written.
    pub fn seal(&mut self, txn: u64) -> Result<()> {
        let footer_at = self.pos;
        let mut payload = Vec::new();
        self.tally.footer(self.crc).encode(&mut payload);
        let next_lsn = self.tally.counts.next_lsn;
        let head = FrameHead { kind: FrameKind::Footer, whole: false, lsn_count: 0, lsn: next_lsn, txn };
        let mut bytes = Vec::new();
        put_frame(&mut bytes, self.seed, &head, &payload, crc32c::crc32c(&payload));
        self.make_room(bytes.len() as u64 + TRAILER_LEN as u64)?;
        self.write(&bytes)?;
        // A zero fill that failed half way left the file longer than it was counted; the trailer is its last bytes.
        self.reserved = self.reserved.max(self.file.len().map_err(|e| self.fail("read the length of", e))?);
        // The trailer vouches for what stands before it, so it comes after it is on disk.
        self.sync()?;
        let trailer = Trailer {
            segment: self.header.segment,
            footer: footer_at,
            first_lsn: self.tally.counts.first_lsn,
            next_lsn,
            file_len: self.reserved,
        };
        let at = self.reserved - TRAILER_LEN as u64;
        self.file.write_all_at(&trailer.encode(self.seed), at).map_err(|e| self.fail("write", e))?;
        self.sync()
    }
}

//! Writing that the disk begins while there is more to come.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};

/// Bytes that are handed to the disk at once: enough for it to write in long runs, and for a kernel that keeps files in
/// huge pages to be done with them.
const RUN: u64 = 8 << 20;

/// A file that is written once, from its beginning to its end but for a header. The kernel is asked to bring each part of it
/// to the disk as soon as it is there, so that the sync at the end waits for the last part alone and not for the whole file.
///
/// Only when things happen depends on it: nothing is promised before the sync, and nothing fails that did not fail without.
#[derive(Debug)]
pub struct Ahead<'a> {
    out: &'a mut BufWriter<File>,
    /// Where the next byte goes, and up to where the disk was asked to begin.
    at: u64,
    begun: u64,
    /// Nobody waits for the disk.
    never: bool,
}

impl<'a> Ahead<'a> {
    /// Over a file that is empty yet, and to be synced.
    pub fn new(out: &'a mut BufWriter<File>) -> Self {
        Ahead { out, at: 0, begun: 0, never: false }
    }

    /// Over a file that is to be read again and forgotten: it need not come to the disk at all.
    pub fn never(out: &'a mut BufWriter<File>) -> Self {
        Ahead { never: true, ..Ahead::new(out) }
    }

    fn advance(&mut self, written: usize) {
        self.at += written as u64;
        // What is still in the buffer is in no page.
        let there = self.at.saturating_sub(self.out.capacity() as u64);
        if !self.never && there >= self.begun + RUN {
            let end = there - there % RUN;
            begin(self.out.get_ref(), self.begun, end);
            self.begun = end;
        }
    }
}

impl Write for Ahead<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.advance(written);
        Ok(written)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)?;
        self.advance(bytes.len());
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Seek for Ahead<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = self.out.seek(to)?;
        Ok(self.at)
    }
}

/// Has the kernel begin to write a part of a file. A kernel or file system that cannot writes it later, as it would have.
fn begin(file: &File, from: u64, to: u64) {
    #[cfg(target_os = "linux")]
    if let (Ok(at), Ok(len)) = (i64::try_from(from), i64::try_from(to - from)) {
        use std::os::fd::AsRawFd;
        // SAFETY: the call takes numbers alone, and the file is open.
        unsafe { libc::sync_file_range(file.as_raw_fd(), at, len, libc::SYNC_FILE_RANGE_WRITE) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (file, from, to);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_ahead_is_what_was_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let pieces: Vec<Vec<u8>> = (0..40u8).map(|i| vec![i; (usize::from(i) << 15) + usize::from(i)]).collect();
        let mut out = BufWriter::with_capacity(64 << 10, File::create(&path).unwrap());
        let mut ahead = Ahead::new(&mut out);
        for piece in &pieces {
            ahead.write_all(piece).unwrap();
        }
        assert!(ahead.begun > 0 && ahead.begun.is_multiple_of(RUN) && ahead.begun <= ahead.at);
        let end = ahead.at;
        // The header at the end.
        ahead.seek(SeekFrom::Start(3)).unwrap();
        ahead.write_all(b"header").unwrap();
        assert_eq!(ahead.seek(SeekFrom::End(0)).unwrap(), end);
        out.flush().unwrap();
        let mut want = pieces.concat();
        want[3..9].copy_from_slice(b"header");
        assert!(std::fs::read(&path).unwrap() == want);
    }
}

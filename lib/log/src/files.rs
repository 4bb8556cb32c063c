//! Segment files: names, and reading them in place.

use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::delta_log::layout::{HEADER_LEN, MAX_NUMBER};
use qx_formats::delta_log::{SegmentHeader, Source, crc32c_append};
use qx_formats::{Error, Kind, Result};
use qx_io::{Disk, DiskFile};

use crate::ahead::Ahead;

/// The lock file of a log. Never renamed or removed.
pub const LOCK_NAME: &str = "LOCK";

pub fn segment_name(number: u64) -> String {
    format!("{number:012}.dlog")
}

pub(crate) fn temp_name(number: u64) -> String {
    format!(".{number:012}.dlog.tmp")
}

/// An empty file with this name records that the log keeps nothing below an LSN.
pub(crate) fn first_name(lsn: u64) -> String {
    format!("{lsn:020}.first")
}

fn first_of(name: &str) -> Option<u64> {
    let lsn = name.strip_suffix(".first")?.parse().ok()?;
    (lsn <= MAX_NUMBER && first_name(lsn) == name).then_some(lsn)
}

/// Only the one name that a number has: under another spelling a segment would stand twice.
fn number_of(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".dlog")?.parse().ok()?;
    (number < MAX_NUMBER && segment_name(number) == name).then_some(number)
}

/// What a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Numbers of segments, in order.
    pub segments: Vec<u64>,
    /// Temporary files of a writer that did not finish.
    pub temps: Vec<PathBuf>,
    /// LSNs below which the log was pruned: the highest one counts.
    pub firsts: Vec<u64>,
    /// Names that are no part of a log.
    pub alien: usize,
}

impl Listing {
    pub fn kept_from(&self) -> u64 {
        self.firsts.iter().copied().max().unwrap_or(0)
    }
}

pub(crate) fn list(disk: &dyn Disk, dir: &Path) -> Result<Listing> {
    let mut out = Listing::default();
    for name in disk.list(dir).map_err(|e| no_folder(disk, dir, e))? {
        let text = name.to_string_lossy();
        if let Some(n) = number_of(&text) {
            out.segments.push(n);
        } else if let Some(lsn) = first_of(&text) {
            out.firsts.push(lsn);
        } else if text.starts_with('.') && text.ends_with(".dlog.tmp") {
            out.temps.push(dir.join(&name));
        } else if text != LOCK_NAME {
            out.alien += 1;
        }
    }
    out.segments.sort_unstable();
    Ok(out)
}

fn no_folder(disk: &dyn Disk, dir: &Path, e: io::Error) -> Error {
    let hint = match e.kind() {
        io::ErrorKind::NotFound => "deltalog append makes a new log in an empty or missing folder".to_owned(),
        io::ErrorKind::NotADirectory => alone(disk, dir),
        _ => return Error::io("read the folder", e).path(dir),
    };
    Error::io("read the folder", e).path(dir).hint(hint)
}

/// What to do with a segment that is all there is. Under which number its frames hold only its header says; without one, any
/// number does.
fn alone(disk: &dyn Disk, path: &Path) -> String {
    let mut head = [0; HEADER_LEN];
    let read = disk.open(path).and_then(|f| f.read_at(&mut head, 0));
    let header = read.ok().and_then(|_| SegmentHeader::decode(&head).ok());
    let name = segment_name(header.map_or(1, |h| h.segment));
    format!("a log is a folder: name the one that holds its segments, or copy this one as {name} into an empty one")
}

pub(crate) fn no_log(dir: &Path) -> Error {
    Error::new(Kind::NotFound, "the folder holds no log")
        .path(dir)
        .expected("segments named 000000000001.dlog and on")
        .hint("deltalog append makes a new log in an empty or missing folder")
}

/// Reads a segment with pread, a window at a time: a small one where somebody looks here and there, larger ones for who
/// goes on from where the last one ended.
#[derive(Debug)]
pub(crate) struct FileSource {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    len: u64,
    window: Vec<u8>,
    start: u64,
    ahead: u64,
    sum: Sum,
    /// Somebody reads the file from the disk, and where it begins on their way.
    follows: Option<(Arc<Ahead>, u64)>,
}

/// A checksum that is taken of windows as they pass.
#[derive(Debug, Default)]
struct Sum {
    /// CRC32C of the bytes before `at`; wanted up to `to`.
    crc: u32,
    at: u64,
    to: u64,
}

impl Sum {
    fn add(&mut self, start: u64, window: &[u8]) {
        let end = (start + window.len() as u64).min(self.to);
        if start <= self.at
            && self.at < end
            && let Some(fresh) = window.get((self.at - start) as usize..(end - start) as usize)
        {
            self.crc = crc32c_append(self.crc, fresh);
            self.at = end;
        }
    }
}

const WINDOW_MIN: u64 = 4 << 10;
const WINDOW_MAX: u64 = 256 << 10;

impl FileSource {
    pub fn open(disk: &dyn Disk, path: &Path) -> Result<FileSource> {
        let fail = |e: io::Error| Error::io("read", e).path(path);
        let file = disk.open(path).map_err(fail)?;
        let len = file.len().map_err(fail)?;
        Ok(FileSource {
            file,
            path: path.to_path_buf(),
            len,
            window: Vec::new(),
            start: 0,
            ahead: WINDOW_MIN,
            sum: Sum::default(),
            follows: None,
        })
    }

    /// Reads no more than what somebody has read before.
    pub fn follow(mut self, ahead: Option<&Arc<Ahead>>) -> FileSource {
        self.follows = ahead.and_then(|a| Some((Arc::clone(a), a.start_of(&self.path)?)));
        self
    }

    /// The file behind it.
    pub fn file(&self) -> Arc<dyn DiskFile> {
        Arc::clone(&self.file)
    }

    /// Forgets what was read, so that what a writer wrote meanwhile is seen.
    pub fn refresh(&mut self) -> Result<()> {
        self.window.clear();
        self.sum = Sum::default();
        self.len = self.file.len().map_err(|e| Error::io("read", e).path(&self.path))?;
        Ok(())
    }

    fn fill(&mut self, at: u64, len: u64) -> Result<()> {
        let end = self.start + self.window.len() as u64;
        let goes_on = !self.window.is_empty() && (self.start..=end).contains(&at);
        self.ahead = if goes_on { (self.ahead * 4).min(WINDOW_MAX) } else { WINDOW_MIN };
        let want = usize::try_from((self.len - at).min(len.max(self.ahead)))
            .map_err(|_| Error::limit("frame length", usize::MAX as u64, len).path(&self.path))?;
        self.start = at;
        self.window.resize(want, 0);
        if let Some((ahead, start)) = &self.follows {
            ahead.wait(start + at + want as u64);
        }
        let mut done = 0;
        while let Some(buf) = self.window.get_mut(done..)
            && !buf.is_empty()
        {
            match self.file.read_at(buf, at + done as u64) {
                Ok(0) => {
                    self.window.clear();
                    return Err(Error::corrupt("the file became shorter while it was read")
                        .path(&self.path)
                        .offset(at + done as u64));
                }
                Ok(n) => done += n,
                Err(e) => {
                    self.window.clear();
                    return Err(Error::io("read", e).path(&self.path).offset(at + done as u64));
                }
            }
        }
        self.sum.add(self.start, &self.window);
        Ok(())
    }
}

impl Source for FileSource {
    fn len(&self) -> u64 {
        self.len
    }

    fn sum_to(&mut self, len: u64) {
        self.sum = Sum { crc: 0, at: 0, to: len };
        // The walk begins behind the header, which belongs to the sum.
        self.window.clear();
        if self.fetch(0, HEADER_LEN).is_err() {
            self.sum.to = u64::MAX;
        }
    }

    fn sum(&self) -> Option<u32> {
        (self.sum.to > 0 && self.sum.at == self.sum.to).then_some(self.sum.crc)
    }

    #[inline]
    fn at_hand(&self, at: u64) -> &[u8] {
        at.checked_sub(self.start).and_then(|from| self.window.get(usize::try_from(from).ok()?..)).unwrap_or(&[])
    }

    #[inline]
    fn fetch(&mut self, at: u64, len: usize) -> Result<&[u8]> {
        let end = at
            .checked_add(len as u64)
            .filter(|&end| end <= self.len)
            .ok_or_else(|| Error::corrupt("the file ends inside a frame").path(&self.path).offset(self.len))?;
        if at < self.start || end > self.start + self.window.len() as u64 {
            self.fill(at, len as u64)?;
        }
        let from = (at - self.start) as usize;
        self.window
            .get(from..from + len)
            .ok_or_else(|| Error::corrupt("the file ends inside a frame").path(&self.path).offset(at))
    }
}

//! Opens a source: file, bytes or stdin; gzip and zstd by content; a byte-order mark dropped.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use flate2::bufread::GzDecoder;
use qx_formats::{Error, Result};

use crate::Source;

/// Whether a source can be opened again from its start.
pub(crate) fn rereadable(source: &Source) -> bool {
    match source {
        Source::Path(path) => std::fs::metadata(path).is_ok_and(|m| m.is_file()) || !path.exists(),
        Source::Bytes { .. } => true,
        Source::Stdin => stdin_file().is_some(),
    }
}

/// The files that a path or pattern (`*`, `?`, `[...]`, `**`) names, in the order of their names. A file that is there
/// under exactly that name is meant itself.
///
/// # Errors
/// `Usage` for a pattern that is none; `NotFound` when nothing matches.
pub fn expand(path: &Path) -> Result<Vec<PathBuf>> {
    let pattern = path.to_string_lossy();
    if !pattern.contains(['*', '?', '[']) || path.symlink_metadata().is_ok() {
        return Ok(vec![path.to_owned()]);
    }
    let wrong = |e: glob::PatternError| Error::usage(format!("`{pattern}` is no pattern: {e}"));
    let mut found = Vec::new();
    for entry in glob::glob(&pattern).map_err(wrong)? {
        let entry = entry.map_err(|e| Error::io("look at", e.into()).path(path))?;
        if !entry.is_dir() {
            found.push(entry);
        }
    }
    if found.is_empty() {
        let nothing = io::Error::new(io::ErrorKind::NotFound, "No such file: nothing matches the pattern");
        return Err(Error::io("read", nothing).path(path));
    }
    Ok(found)
}

/// stdin as a file of its own, when it is a regular one (`tool < file`).
fn stdin_file() -> Option<File> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let file = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
        file.metadata().ok()?.is_file().then_some(file)
    }
    #[cfg(not(unix))]
    None
}

/// Remembers whether the operating system failed a read, so that a decoder's own complaint can be told from it.
struct Raw {
    inner: Box<dyn Read + Send>,
    failed: Arc<AtomicBool>,
}

impl Read for Raw {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let result = self.inner.read(buf);
        if matches!(&result, Err(e) if e.kind() != io::ErrorKind::Interrupted) {
            self.failed.store(true, Ordering::Relaxed);
        }
        result
    }
}

/// The members of a gzip file, one after the other. Zeros up to the end are none of them: tapes and block devices fill their
/// last block with them, and gzip(1) passes over them, too.
struct Members(GzDecoder<BufReader<Raw>>);

impl Members {
    /// Whether another member follows the one that has ended.
    fn another(&mut self) -> io::Result<bool> {
        let reader = self.0.get_mut();
        let mut zeros = 0;
        loop {
            let rest = reader.fill_buf()?;
            match rest.iter().position(|b| *b != 0) {
                Some(0) if zeros == 0 => return Ok(true),
                Some(_) => {
                    let message = "behind a member stand zeros and then something else";
                    return Err(io::Error::new(io::ErrorKind::InvalidData, message));
                }
                None if rest.is_empty() => return Ok(false),
                None => zeros = rest.len(),
            }
            reader.consume(zeros);
        }
    }
}

impl Read for Members {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            let n = self.0.read(buf)?;
            if n > 0 || buf.is_empty() || !self.another()? {
                return Ok(n);
            }
            // The decoder takes its reader anew and keeps its memory: some files have a member for each 64 KB.
            let nothing = Raw { inner: Box::new(io::empty()), failed: Arc::default() };
            let reader = std::mem::replace(self.0.get_mut(), BufReader::with_capacity(0, nothing));
            self.0.reset(reader);
        }
    }
}

/// The decompressed bytes of a source.
pub(crate) struct Input {
    read: Box<dyn Read + Send>,
    failed: Arc<AtomicBool>,
    codec: &'static str,
    name: PathBuf,
}

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

/// Whether it begins with a frame of zstd, be it one that only says something to those who know it (RFC 8878, 3.1.2), as
/// parallel compressors put in front.
fn is_zstd(head: &[u8]) -> bool {
    head.starts_with(ZSTD) || matches!(head, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..])
}

impl Input {
    pub(crate) fn open(source: &Source) -> Result<Input> {
        let name = PathBuf::from(source.name());
        let io = |e| Error::io("read", e).path(&name);
        let inner: Box<dyn Read + Send> = match source {
            Source::Path(path) if path.is_dir() => {
                let folder = io::Error::new(io::ErrorKind::IsADirectory, "Is a directory");
                return Err(io(folder).hint(format!("name its files: '{}/*.json'", path.display())));
            }
            Source::Path(path) => Box::new(File::open(path).map_err(io)?),
            Source::Bytes { bytes, .. } => Box::new(Cursor::new(bytes.clone())),
            Source::Stdin => match stdin_file() {
                Some(mut file) => {
                    // It may have been handed over with its beginning already read.
                    static START: OnceLock<u64> = OnceLock::new();
                    let start = *START.get_or_init(|| file.stream_position().unwrap_or(0));
                    file.seek(SeekFrom::Start(start)).map_err(io)?;
                    Box::new(file)
                }
                None => Box::new(io::stdin()),
            },
        };
        let failed = Arc::new(AtomicBool::new(false));
        // Smaller than what is asked for at a time, so that plain text is not copied twice.
        let mut raw = BufReader::with_capacity(64 << 10, Raw { inner, failed: Arc::clone(&failed) });
        let head = fill_head(&mut raw, 4).map_err(io)?;
        let (read, codec): (Box<dyn Read + Send>, _) = if head.starts_with(GZIP) {
            (Box::new(Members(GzDecoder::new(raw))), "gzip")
        } else if is_zstd(&head) {
            (Box::new(zstd::stream::read::Decoder::with_buffer(raw).map_err(io)?), "zstd")
        } else {
            (Box::new(raw), "")
        };
        Ok(Input { read, failed, codec, name })
    }

    #[cfg(test)]
    pub(crate) fn from_reader(read: impl Read + Send + 'static) -> Input {
        Input { read: Box::new(read), failed: Arc::default(), codec: "", name: "test".into() }
    }

    /// Reads once. 0 is the end.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        loop {
            match self.read.read(buf) {
                Ok(n) => return Ok(n),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if self.codec.is_empty() || self.failed.load(Ordering::Relaxed) => {
                    return Err(Error::io("read", e).path(&self.name));
                }
                Err(e) => {
                    let message = format!("the {} stream is damaged or cut short: {e}", self.codec);
                    return Err(Error::corrupt(message).path(&self.name));
                }
            }
        }
    }
}

/// The first `want` bytes without consuming them, fewer only where the input is shorter. A pipe may hand out single
/// bytes, so one fill is not enough; what was read is chained in front again.
fn fill_head(raw: &mut BufReader<Raw>, want: usize) -> io::Result<Vec<u8>> {
    let first = raw.fill_buf()?;
    if first.len() >= want || first.is_empty() {
        return Ok(first.get(..want.min(first.len())).unwrap_or_default().to_vec());
    }
    let mut head = first.to_vec();
    let mut have = head.len();
    raw.consume(have);
    // The rest is read past the buffer, which is empty now. It would take more than is asked for, and hand that out before
    // what is put in front here.
    let raw = raw.get_mut();
    head.resize(want, 0);
    while let Some(rest) = head.get_mut(have..).filter(|r| !r.is_empty()) {
        match raw.read(rest) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    head.truncate(have);
    let rest = std::mem::replace(&mut raw.inner, Box::new(io::empty()));
    raw.inner = Box::new(Cursor::new(head.clone()).chain(rest));
    Ok(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"{\"a\":1}\n{\"a\":2}\n";

    #[test]
    fn a_pipe_that_begins_with_few_bytes_keeps_their_order() {
        for (first, second) in [(0, 0), (1, 1), (1, 2), (2, 3), (3, 3), (3, 9), (4, 4), (9, 9)] {
            let (a, b, c) = (&TEXT[..first], &TEXT[first..second], &TEXT[second..]);
            let raw = Raw { inner: Box::new(a.chain(b).chain(c)), failed: Arc::default() };
            let mut raw = BufReader::with_capacity(64 << 10, raw);
            assert_eq!(fill_head(&mut raw, 4).unwrap(), &TEXT[..4]);
            let mut all = Vec::new();
            raw.read_to_end(&mut all).unwrap();
            assert_eq!(all, TEXT, "{first} {second}");
        }
        let (a, b) = (&TEXT[..1], &TEXT[1..3]);
        let mut short = BufReader::new(Raw { inner: Box::new(a.chain(b)), failed: Arc::default() });
        assert_eq!(fill_head(&mut short, 4).unwrap(), &TEXT[..3]);
        let mut all = Vec::new();
        short.read_to_end(&mut all).unwrap();
        assert_eq!(all, &TEXT[..3]);
    }
}

//! Lines of input, read by a thread of its own, so that a slow or silent sender keeps no signal and no sync waiting.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use qx_cli::is_dash;
use qx_formats::{Error, Result};

/// Longest line: the largest operation, as base64.
const MAX_LINE: usize = 384 << 20;
const READ_LEN: usize = 256 << 10;

/// Whole lines that arrived together.
pub struct Chunk {
    bytes: Vec<u8>,
    /// Of its first byte in the input.
    offset: u64,
    /// Of its first line, from 1.
    line: u64,
}

/// One line and where it stands.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    pub text: &'a [u8],
    pub number: u64,
    pub offset: u64,
}

impl Chunk {
    pub fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        let mut offset = self.offset;
        let lines = self.bytes.split_inclusive(|&b| b == b'\n').zip(self.line..);
        lines.map(move |(raw, number)| {
            let at = offset;
            offset += raw.len() as u64;
            Line { text: raw.trim_ascii(), number, offset: at }
        })
    }
}

pub struct Input {
    pub name: PathBuf,
    pub chunks: Receiver<Result<Chunk>>,
}

/// Starts to read `path`, or stdin for `-`.
pub fn open(path: &Path) -> Result<Input> {
    let name = if is_dash(path) { PathBuf::from("<stdin>") } else { path.to_path_buf() };
    let source: Box<dyn Read + Send> = if is_dash(path) {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(path).map_err(|e| Error::io("read", e).path(path))?)
    };
    let (send, chunks) = sync_channel(4);
    let path = name.clone();
    thread::Builder::new()
        .name("input".to_owned())
        .spawn(move || pump(source, &path, &send))
        .map_err(|e| Error::io("start a thread to read", e).path(&name))?;
    Ok(Input { name, chunks })
}

/// Sends whole lines as soon as they are there. Ends with the input, or when nobody listens any more.
fn pump(mut source: impl Read, path: &Path, send: &SyncSender<Result<Chunk>>) {
    let (mut offset, mut line) = (0u64, 1u64);
    let mut rest: Vec<u8> = Vec::new();
    loop {
        let from = rest.len();
        rest.resize(from + READ_LEN, 0);
        let got = match rest.get_mut(from..).map(|buf| source.read(buf)) {
            Some(Err(e)) if e.kind() == io::ErrorKind::Interrupted => Ok(None),
            Some(Err(e)) => Err(Error::io("read", e).path(path)),
            Some(Ok(n)) => Ok(Some(n)),
            None => Ok(Some(0)),
        };
        let n = match got {
            Ok(n) => n,
            Err(e) => {
                let _ = send.send(Err(e));
                return;
            }
        };
        rest.truncate(from + n.unwrap_or(0));
        let end = n == Some(0);
        // Only what is new can hold the end of a line that had none before.
        let new = rest.get(from..).unwrap_or(&[]);
        let whole = if end { rest.len() } else { new.iter().rposition(|&b| b == b'\n').map_or(0, |i| from + i + 1) };
        if whole > 0 {
            let tail = rest.split_off(whole);
            let bytes = std::mem::replace(&mut rest, tail);
            let count = bytes.iter().filter(|&&b| b == b'\n').count() as u64;
            let chunk = Chunk { offset, line, bytes };
            offset += whole as u64;
            line += count;
            if send.send(Ok(chunk)).is_err() {
                return;
            }
        } else if rest.len() > MAX_LINE {
            let e = Error::limit("line length", MAX_LINE as u64, rest.len() as u64).path(path).offset(offset);
            let _ = send.send(Err(e));
            return;
        }
        if end {
            return;
        }
    }
}

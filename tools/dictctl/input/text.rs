//! Bytes of an input, read as a stream: nothing here grows with the input.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, stdin};
use std::path::Path;

use qx_cli::is_dash;
use qx_formats::{Error, Result};
use qx_io::Map;

use super::detect::LOOK;

/// The longest line that can be one: a key, a label, both escaped, and what stands around them.
const LONGEST_LINE: usize = 4 << 20;

/// An input whose beginning was looked at.
pub struct Input {
    pub look: Vec<u8>,
    /// There is more behind what was looked at.
    pub more: bool,
    rest: Box<dyn BufRead>,
}

impl Input {
    /// Opens a file, or stdin for `-`, and reads its first bytes.
    pub fn open(path: &Path) -> Result<Input> {
        let io = |e| Error::io("read", e).path(path);
        let mut rest: Box<dyn BufRead> = if is_dash(path) {
            Box::new(BufReader::with_capacity(256 << 10, stdin()))
        } else {
            let file = File::open(path).map_err(io)?;
            if file.metadata().map_err(io)?.is_dir() {
                return Err(io(std::io::Error::from(std::io::ErrorKind::IsADirectory)));
            }
            Box::new(BufReader::with_capacity(256 << 10, file))
        };
        let mut look = Vec::new();
        rest.by_ref().take(LOOK as u64).read_to_end(&mut look).map_err(io)?;
        Ok(Input { more: look.len() == LOOK, look, rest })
    }

    #[cfg(test)]
    pub fn of(bytes: &[u8]) -> Input {
        let (look, rest) = bytes.split_at(bytes.len().min(LOOK));
        Input { look: look.to_vec(), more: !rest.is_empty(), rest: Box::new(Cursor::new(rest.to_vec())) }
    }

    pub fn reader(self) -> impl BufRead {
        Cursor::new(self.look).chain(self.rest)
    }

    /// All of it at once: a map of the file, or what stdin holds.
    pub fn whole(mut self, path: &Path) -> Result<Map> {
        if path.is_file() && !is_dash(path) {
            return Map::open(path);
        }
        self.rest.read_to_end(&mut self.look).map_err(|e| Error::io("read", e).path(path))?;
        Ok(self.look.into())
    }
}

/// Where a line stands in its input.
#[derive(Clone, Copy)]
pub struct Place {
    pub line: u64,
    pub offset: u64,
}

/// Hands every line to `each`, its newline removed. An empty line is one, too.
pub fn each_line(mut from: impl BufRead, mut each: impl FnMut(&[u8], Place) -> Result<()>) -> Result<()> {
    let mut line = Vec::new();
    let mut place = Place { line: 1, offset: 0 };
    loop {
        line.clear();
        let read = from.by_ref().take(LONGEST_LINE as u64 + 1).read_until(b'\n', &mut line);
        let n = read.map_err(|e| Error::io("read", e))?;
        if n == 0 {
            return Ok(());
        }
        if n > LONGEST_LINE {
            return Err(Error::limit("line length", LONGEST_LINE as u64, n as u64).offset(place.offset));
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        each(&line, place)?;
        place = Place { line: place.line + 1, offset: place.offset + n as u64 };
    }
}

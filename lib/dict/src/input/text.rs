//! Bytes of an input, read as a stream: nothing here grows with the input.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use qx_formats::{Error, Result};
use qx_io::{Map, Place};

use super::detect::LOOK;

/// The longest line that can be one: a key, a label, both escaped, and what stands around them.
const LONGEST_LINE: usize = 4 << 20;

/// An input whose beginning was looked at.
pub struct Input {
    /// Its first bytes.
    pub look: Vec<u8>,
    /// There is more behind what was looked at.
    pub more: bool,
    rest: Box<dyn BufRead>,
    file: Option<PathBuf>,
}

impl Input {
    /// Opens a file, and reads its first bytes.
    ///
    /// # Errors
    /// `Io` with the path.
    pub fn open(path: &Path) -> Result<Input> {
        let open = || {
            let file = File::open(path)?;
            if file.metadata()?.is_dir() {
                return Err(std::io::Error::from(std::io::ErrorKind::IsADirectory));
            }
            Ok(file)
        };
        let file = open().map_err(|e| Error::io("read", e).path(path))?;
        let mut input = Input::stream(BufReader::with_capacity(256 << 10, file)).map_err(|e| e.path(path))?;
        input.file = Some(path.to_path_buf());
        Ok(input)
    }

    /// Reads the first bytes of a stream.
    ///
    /// # Errors
    /// `Io`.
    pub fn stream(mut from: impl BufRead + 'static) -> Result<Input> {
        let mut look = Vec::new();
        from.by_ref().take(LOOK as u64).read_to_end(&mut look).map_err(|e| Error::io("read", e))?;
        Ok(Input { more: look.len() == LOOK, look, rest: Box::new(from), file: None })
    }

    /// Bytes that are there already.
    pub fn of(bytes: &[u8]) -> Input {
        let (look, rest) = bytes.split_at(bytes.len().min(LOOK));
        Input { look: look.to_vec(), more: !rest.is_empty(), rest: Box::new(Cursor::new(rest.to_vec())), file: None }
    }

    /// The file that it was opened from.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// All of it, as a stream.
    pub fn reader(self) -> impl BufRead {
        Cursor::new(self.look).chain(self.rest)
    }

    /// All of it at once: a map of the file, or what the stream holds.
    ///
    /// # Errors
    /// `Io`.
    pub fn whole(mut self) -> Result<Map> {
        if let Some(path) = self.file.as_deref().filter(|path| path.is_file()) {
            return Map::open(path);
        }
        self.rest.read_to_end(&mut self.look).map_err(|e| Error::io("read", e))?;
        Ok(self.look.into())
    }
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

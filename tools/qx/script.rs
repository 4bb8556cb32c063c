//! The statements of `qx sql`, as they come: those of a file or a pipe are read and parsed ahead, a few at a time, while
//! the ones before are run.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use qx_formats::{Error, Result};
use qx_sql::{Parameter, Script, Session, Statement};
use tokio::sync::mpsc::{Receiver, channel};

/// Statements that are parsed ahead.
const AHEAD: usize = 256;

/// Where statements come from.
pub enum Statements {
    /// All of them are known.
    Known(std::vec::IntoIter<Statement>),
    Coming(Receiver<Result<Statement>>),
}

impl Statements {
    /// The statements of a text.
    ///
    /// # Errors
    /// Those of parsing it.
    pub fn of(text: &str, values: &[Parameter]) -> Result<Statements> {
        Session::parse_with(text, values).map(|all| Statements::Known(all.into_iter()))
    }

    /// The statements of a file, read whole: parameters, and a file for the rows, are said of all of them.
    ///
    /// # Errors
    /// `Io`; `Invalid` for what is no text; those of parsing it.
    pub fn whole(file: &Path, values: &[Parameter]) -> Result<Statements> {
        let mut bytes = Vec::new();
        open(file)?.read_to_end(&mut bytes).map_err(|e| Error::io("read", e).path(file))?;
        let text = String::from_utf8(bytes).map_err(|e| {
            let at = e.utf8_error().valid_up_to() as u64;
            Error::invalid("SQL is UTF-8 text").path(file).offset(at)
        })?;
        Self::of(&text, values)
    }

    /// The statements of a file of any size.
    ///
    /// # Errors
    /// `Io`.
    pub fn coming(file: &Path) -> Result<Statements> {
        let (script, path): (_, PathBuf) = (Script::new(open(file)?), file.into());
        let (give, take) = channel(AHEAD);
        // A thread that nobody waits for: a read of a terminal or a pipe may never end.
        let read = move || {
            for next in script {
                if give.blocking_send(next.map_err(|e| e.path(&path))).is_err() {
                    return;
                }
            }
        };
        std::thread::Builder::new()
            .name("statements".to_owned())
            .stack_size(super::runtime::STACK)
            .spawn(read)
            .map_err(|e| Error::io("start a thread", e))?;
        Ok(Statements::Coming(take))
    }

    /// How many there are, where that is known.
    pub fn count(&self) -> Option<usize> {
        match self {
            Statements::Known(all) => Some(all.len()),
            Statements::Coming(_) => None,
        }
    }

    /// Whether the next one is there without waiting.
    pub fn is_ready(&self) -> bool {
        match self {
            Statements::Known(_) => true,
            Statements::Coming(take) => !take.is_empty(),
        }
    }

    /// The next one.
    ///
    /// # Errors
    /// Those of reading and parsing it.
    pub async fn next(&mut self) -> Result<Option<Statement>> {
        match self {
            Statements::Known(all) => Ok(all.next()),
            Statements::Coming(take) => take.recv().await.transpose(),
        }
    }
}

fn open(file: &Path) -> Result<Box<dyn Read + Send>> {
    if file.as_os_str() == "-" {
        return Ok(Box::new(std::io::stdin()));
    }
    Ok(Box::new(File::open(file).map_err(|e| Error::io("read", e).path(file))?))
}

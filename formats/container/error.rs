//! One error type for every format and library: what is wrong, where, and what to do next.

use std::fmt;
use std::path::{Path, PathBuf};

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, coarsely. The command line maps each kind to one exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// The operating system refused: not found, no permission, no space, not a file.
    Io,
    /// The bytes were once right and no longer are: a checksum, a length or a structure does not hold.
    Corrupt,
    /// The input was never right: it breaks a rule of its format.
    Invalid,
    /// A count or length is above a stated limit.
    Limit,
    /// Well-formed, but of a version or feature this build does not have.
    Unsupported,
    /// The request itself makes no sense.
    Usage,
    /// The target is already there.
    Exists,
    /// A thing named in the request does not exist (a table, a store, a key).
    NotFound,
    /// Another process holds the lock.
    Locked,
    /// Stopped on request at a safe point.
    Cancelled,
    /// An earlier failure left the writer unusable; nothing more is acknowledged.
    Poisoned,
    /// A failure inside a dependency (the query engine), in its own words.
    Engine,
}

impl Kind {
    /// Stable name, as printed in `--json` errors.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Io => "io",
            Kind::Corrupt => "corrupt",
            Kind::Invalid => "invalid",
            Kind::Limit => "limit",
            Kind::Unsupported => "unsupported",
            Kind::Usage => "usage",
            Kind::Exists => "exists",
            Kind::NotFound => "not_found",
            Kind::Locked => "locked",
            Kind::Cancelled => "cancelled",
            Kind::Poisoned => "poisoned",
            Kind::Engine => "engine",
        }
    }
}

/// An error with its place: path, byte offset, what was expected, what was found, and a next step.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: Kind,
    message: String,
    path: Option<PathBuf>,
    offset: Option<u64>,
    expected: Option<String>,
    got: Option<String>,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            path: None,
            offset: None,
            expected: None,
            got: None,
            hint: None,
            source: None,
        }))
    }

    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(Kind::Corrupt, message)
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Kind::Unsupported, message)
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// A count above its limit: `what` names the count, both numbers are reported.
    pub fn limit(what: &str, limit: u64, got: u64) -> Self {
        Self::new(Kind::Limit, format!("{what} is above the limit")).expected(format!("at most {limit}")).got(got)
    }

    /// An operating-system error while doing `what` (a verb phrase: "open", "write").
    pub fn io(what: &str, err: std::io::Error) -> Self {
        let mut e = Self::new(Kind::Io, format!("cannot {what}: {err}"));
        e.0.source = Some(Box::new(err));
        e
    }

    #[must_use]
    pub fn path(mut self, path: impl AsRef<Path>) -> Self {
        self.0.path.get_or_insert_with(|| path.as_ref().to_path_buf());
        self
    }

    #[must_use]
    pub fn offset(mut self, offset: u64) -> Self {
        self.0.offset.get_or_insert(offset);
        self
    }

    /// The same error in what this many bytes stand before: an offset that it has counts from there, and one is set.
    #[must_use]
    pub fn behind(mut self, bytes: u64) -> Self {
        self.0.offset = Some(bytes.saturating_add(self.0.offset.unwrap_or(0)));
        self
    }

    #[must_use]
    pub fn expected(mut self, expected: impl fmt::Display) -> Self {
        self.0.expected = Some(expected.to_string());
        self
    }

    #[must_use]
    pub fn got(mut self, got: impl fmt::Display) -> Self {
        self.0.got = Some(got.to_string());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error with the message that `f` makes of its own.
    #[must_use]
    pub fn reworded(mut self, f: impl FnOnce(&str) -> String) -> Self {
        self.0.message = f(&self.0.message);
        self
    }

    /// The same error for somebody else who has it, too. Of what is underneath, what the operating system said stays.
    #[must_use]
    pub fn copied(&self) -> Self {
        let Inner { kind, message, path, offset, expected, got, hint, source } = &*self.0;
        let said = source.as_deref().and_then(|source| source.downcast_ref::<std::io::Error>());
        let said = said.map(|e| e.raw_os_error().map_or_else(|| e.kind().into(), std::io::Error::from_raw_os_error));
        Error(Box::new(Inner {
            kind: *kind,
            message: message.clone(),
            path: path.clone(),
            offset: *offset,
            expected: expected.clone(),
            got: got.clone(),
            hint: hint.clone(),
            source: said.map(|e| Box::new(e) as Box<dyn std::error::Error + Send + Sync>),
        }))
    }

    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    pub fn message(&self) -> &str {
        &self.0.message
    }

    pub fn get_path(&self) -> Option<&Path> {
        self.0.path.as_deref()
    }

    pub fn get_offset(&self) -> Option<u64> {
        self.0.offset
    }

    pub fn get_expected(&self) -> Option<&str> {
        self.0.expected.as_deref()
    }

    pub fn get_got(&self) -> Option<&str> {
        self.0.got.as_deref()
    }

    pub fn get_hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// The operating-system error underneath, if this came from one.
    pub fn io_kind(&self) -> Option<std::io::ErrorKind> {
        let source = self.0.source.as_deref()?;
        source.downcast_ref::<std::io::Error>().map(std::io::Error::kind)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.0.path {
            write!(f, "{}: ", path.display())?;
        }
        f.write_str(&self.0.message)?;
        if let Some(offset) = self.0.offset {
            write!(f, " at byte {offset}")?;
        }
        match (&self.0.expected, &self.0.got) {
            (Some(e), Some(g)) => write!(f, " (expected {e}, got {g})"),
            (Some(e), None) => write!(f, " (expected {e})"),
            (None, Some(g)) => write!(f, " (got {g})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_says_what_the_error_says() {
        let full = Error::corrupt("a length").path("x.seg").offset(7).expected(1).got(2).hint("repair it");
        let missing = Error::io("open", std::io::Error::from(std::io::ErrorKind::NotFound)).path("y");
        let denied = Error::io("write", std::io::Error::from_raw_os_error(13));
        for e in [&full, &missing, &denied, &Error::usage("no")] {
            let copy = e.copied();
            assert_eq!((copy.kind(), copy.to_string(), copy.io_kind()), (e.kind(), e.to_string(), e.io_kind()));
            assert_eq!(
                (copy.get_hint(), copy.get_offset(), copy.get_path()),
                (e.get_hint(), e.get_offset(), e.get_path())
            );
        }
        assert!(denied.copied().io_kind().is_some());
    }

    #[test]
    fn an_offset_in_a_part_becomes_one_in_the_whole() {
        assert_eq!(Error::invalid("odd").offset(3).behind(40).get_offset(), Some(43));
        assert_eq!(Error::invalid("odd").behind(40).get_offset(), Some(40));
    }
}

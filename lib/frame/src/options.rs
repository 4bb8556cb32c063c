//! What a caller can ask for.

use std::path::PathBuf;

use arrow::datatypes::DataType;
use qx_formats::{Error, Result};

use crate::json::DEPTH_MAX;

/// Where JSON comes from. Gzip and zstd are recognized by content, wherever they come from.
#[derive(Debug, Clone)]
pub enum Source {
    Path(PathBuf),
    Bytes { name: String, bytes: Vec<u8> },
    Stdin,
}

impl Source {
    /// The name in messages and reports.
    pub fn name(&self) -> String {
        match self {
            Source::Path(path) => path.to_string_lossy().into_owned(),
            Source::Bytes { name, .. } => name.clone(),
            Source::Stdin => "stdin".to_owned(),
        }
    }
}

/// What becomes of a value that does not fit the type its column got from the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Drift {
    /// The column's type becomes one that holds every value. The input is read twice, so it cannot be a pipe.
    Widen,
    /// The value goes to a `_rescued` column, as JSON under its JSON pointer; its own column holds null.
    Rescue,
    /// The value becomes null, and is counted.
    Null,
    /// The first such value is an error.
    Error,
}

impl Drift {
    pub fn name(self) -> &'static str {
        match self {
            Drift::Widen => "widen",
            Drift::Rescue => "rescue",
            Drift::Null => "null",
            Drift::Error => "error",
        }
    }

    /// Widen where everything can be read again, rescue where not.
    pub fn default_for(sources: &[Source]) -> Drift {
        if sources.iter().all(crate::source::rereadable) { Drift::Widen } else { Drift::Rescue }
    }
}

/// Bounds on what an input may make of memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one record; at most 2 GiB.
    pub record_bytes: usize,
    /// Containers inside containers; at most 1024.
    pub depth: usize,
    /// Levels of structs and lists that become nested columns; what is deeper stays JSON text.
    pub columns_depth: usize,
    /// Keys of one object that become columns. A nested object with more stays JSON text; at the root it is an error.
    pub columns: usize,
    /// Bytes of records that the sample may take per source, whatever its count.
    pub sample_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { record_bytes: 256 << 20, depth: DEPTH_MAX, columns_depth: 64, columns: 10_000, sample_bytes: 32 << 20 }
    }
}

/// How JSON becomes columns.
#[derive(Debug, Clone)]
pub struct Options {
    /// Records of each source that fix the types; `None` looks at all of them first.
    pub sample: Option<usize>,
    pub drift: Drift,
    /// Types that are given rather than found, by path: `size`, `depends[][].name`, `"odd.key"`.
    pub hints: Vec<(String, DataType)>,
    /// Paths whose values stay JSON text.
    pub as_json: Vec<String>,
    /// Rows of a batch, at most.
    pub batch_rows: usize,
    /// Bytes of JSON in a batch, roughly at most.
    pub batch_bytes: usize,
    /// Hand bad records to [`crate::Sink::reject`] and go on, rather than stop at the first.
    pub rejects: bool,
    /// With `rejects`: more bad records than this are an error all the same.
    pub rejects_max: Option<u64>,
    pub limits: Limits,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            sample: Some(1024),
            drift: Drift::Widen,
            hints: Vec::new(),
            as_json: Vec::new(),
            batch_rows: 8192,
            batch_bytes: 8 << 20,
            rejects: false,
            rejects_max: None,
            limits: Limits::default(),
        }
    }
}

impl Options {
    pub(crate) fn check(&self, sources: &[Source]) -> Result<()> {
        if sources.is_empty() {
            return Err(Error::usage("no input is given"));
        }
        if sources.iter().filter(|s| matches!(s, Source::Stdin)).count() > 1 {
            return Err(Error::usage("stdin is given twice").hint("`-` can stand once among the inputs"));
        }
        if self.batch_rows == 0 || self.sample == Some(0) {
            return Err(Error::usage("a sample and a batch need at least one record"));
        }
        if self.drift == Drift::Widen
            && let Some(pipe) = sources.iter().find(|s| !crate::source::rereadable(s))
        {
            return Err(Error::usage("widening reads its input twice, and a pipe can be read once")
                .path(pipe.name())
                .hint("give a file, or choose --drift rescue, null or error"));
        }
        Ok(())
    }
}

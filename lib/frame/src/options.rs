//! What a caller can ask for.

use std::path::PathBuf;

use arrow::datatypes::DataType;
use qx_formats::{Error, Result};

use crate::filter::Filter;
use crate::json::DEPTH_MAX;
use crate::path::canonical;
use crate::types::Type;

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

/// What strings are taken for beside text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Strings {
    /// Nothing.
    Text,
    /// Dates and timestamps, which every table format can store.
    #[default]
    Dates,
    /// Times of day and UUIDs as well.
    All,
}

/// What becomes of a key that stands twice in one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DupKeys {
    /// The record is bad.
    #[default]
    Error,
    /// Its first value counts, the others are dropped and counted.
    First,
    /// Its last value counts, the others are dropped and counted.
    Last,
}

/// What becomes of text that is none: bytes that are not UTF-8, and half surrogate pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BadText {
    /// The record is bad.
    #[default]
    Error,
    /// U+FFFD stands in its place, and is counted.
    Replace,
}

/// How text is decoded. All ways give the same; the others are there to be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Decode {
    /// By the vector instructions that the processor has.
    #[default]
    Auto,
    /// Without vector instructions.
    Scalar,
    /// Each record by the general parser.
    Careful,
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
    /// Keys of one object that become columns. A nested object with more is a map; at the root it is an error.
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
    /// Paths whose objects become maps, whatever their keys.
    pub maps: Vec<String>,
    /// Columns that are known beforehand: they stand for the sample, and what they lack drifts.
    pub schema: Option<Vec<(String, Type)>>,
    /// Only these fields, in this order; empty: all. What is not selected is checked for its grammar alone.
    pub select: Vec<String>,
    /// No column at all: with nothing selected, rows are only counted.
    pub nothing: bool,
    /// Only rows for which all of these hold.
    pub filters: Vec<Filter>,
    /// Columns and fields by name rather than as first seen.
    pub sort_columns: bool,
    /// Fields of structs become columns of their own, their names joined by this.
    pub flatten: Option<String>,
    /// JSON pointer to what holds the records in each document.
    pub root: Option<String>,
    pub strings: Strings,
    pub dup_keys: DupKeys,
    pub bad_text: BadText,
    pub decode: Decode,
    /// Rows of a batch, at most.
    pub batch_rows: usize,
    /// Bytes of JSON in a batch, what separates its records included; the last record may have more.
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
            maps: Vec::new(),
            schema: None,
            select: Vec::new(),
            nothing: false,
            filters: Vec::new(),
            sort_columns: false,
            flatten: None,
            root: None,
            strings: Strings::default(),
            dup_keys: DupKeys::default(),
            bad_text: BadText::default(),
            decode: Decode::default(),
            batch_rows: 8192,
            // What fits a core's cache together with what is made of it.
            batch_bytes: 2 << 20,
            rejects: false,
            rejects_max: None,
            limits: Limits::default(),
        }
    }
}

impl Options {
    /// The same with each path in the form in which paths are compared.
    pub(crate) fn with_canonical_paths(&self) -> Result<Options> {
        let all = |paths: &[String]| paths.iter().map(|path| canonical(path)).collect::<Result<Vec<_>>>();
        let hints = self.hints.iter().map(|(path, t)| Ok((canonical(path)?, t.clone()))).collect::<Result<_>>()?;
        let (as_json, maps, select) = (all(&self.as_json)?, all(&self.maps)?, all(&self.select)?);
        Ok(Options { hints, as_json, maps, select, ..self.clone() })
    }

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
        if let Some(root) = &self.root {
            crate::records::pointer_steps(root)?;
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

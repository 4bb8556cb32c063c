//! The run manifest: what a pipeline was run on, what each step came to, and what was noted about the input.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use qx_formats::{Error, Result, manifest};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Format name of the document.
const FORMAT: &str = "qx.run";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    pub step: String,
    pub fingerprint: String,
    /// Seconds that the step took when it last ran.
    pub seconds: f64,
    /// Counts, by name; they depend on the step.
    pub result: Value,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NoteResult {
    pub text: String,
    pub value: Value,
}

/// The last complete run of one pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    format: String,
    version: u64,
    pub generation: u64,
    pub pipeline: String,
    pub spec_hash: String,
    /// UTC, RFC 3339.
    pub finished_at: String,
    /// BLAKE3 of each input.
    pub inputs: BTreeMap<String, String>,
    pub steps: Vec<StepRecord>,
    pub notes_fingerprint: String,
    pub notes: Vec<NoteResult>,
}

impl RunRecord {
    pub(crate) fn new(pipeline: &str, spec_hash: String) -> Self {
        RunRecord {
            format: FORMAT.to_owned(),
            version: 1,
            generation: 1,
            pipeline: pipeline.to_owned(),
            spec_hash,
            finished_at: String::new(),
            inputs: BTreeMap::new(),
            steps: Vec::new(),
            notes_fingerprint: String::new(),
            notes: Vec::new(),
        }
    }

    fn place(root: &Path, pipeline: &str) -> (PathBuf, String) {
        (root.join("runs"), format!("{pipeline}.json"))
    }

    fn decode(bytes: &[u8]) -> Result<RunRecord> {
        let value = manifest::open(bytes, FORMAT)?;
        serde_json::from_value(value).map_err(|e| Error::invalid(format!("not a run manifest: {e}")))
    }

    /// The last complete run of `pipeline`; `None` when there was none.
    pub(crate) fn read(root: &Path, pipeline: &str) -> Result<Option<RunRecord>> {
        let (dir, name) = Self::place(root, pipeline);
        qx_io::read_generation(&dir, &name, Self::decode)
    }

    pub(crate) fn publish(&mut self, root: &Path) -> Result<()> {
        let (dir, name) = Self::place(root, &self.pipeline);
        self.generation = Self::read(root, &self.pipeline)?.map_or(0, |r| r.generation) + 1;
        self.finished_at = jiff::Timestamp::now().to_string();
        qx_io::publish_generation(&dir, &name, &manifest::seal(self)?, |old| Self::decode(old).map(drop))
    }
}

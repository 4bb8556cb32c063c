//! The `.vindex` document: what a vector index is, and which files hold it. A sealed manifest document; the segments
//! are those of the manifest format, of kind `vdata` (and `deny`, for rows that were deleted since).

use qx_formats::manifest::{self, Segment};
use qx_formats::{Error, Result};
use serde::{Deserialize, Serialize};

/// The `format` member of the document.
pub const FORMAT: &str = "qx.vindex";

/// When rows that were written reach the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Mode {
    /// With the write.
    Immediate,
    /// When enough have gathered.
    Batched,
    /// At the next maintenance.
    Async,
    /// At BUILD or REINDEX only.
    #[default]
    RebuildOnly,
}

/// How far a build has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Created, never built.
    #[default]
    Empty,
    Building,
    Ready,
    /// The last build failed; `error` says why.
    Failed,
}

/// The parameters of `WITH (...)`, all with their values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// `hnsw` or `flat`.
    pub engine: String,
    #[serde(rename = "M")]
    pub m: u32,
    pub ef_build: u32,
    pub ef_search: u32,
    /// `f32`, `f16` or `bf16`.
    pub element: String,
    /// `skip` or `error`.
    pub dim_policy: String,
    #[serde(with = "text")]
    pub seed: u64,
}

impl Default for Parameters {
    fn default() -> Self {
        let o = crate::BuildOptions::default();
        Parameters {
            engine: o.engine.to_string(),
            m: o.m,
            ef_build: o.ef_build,
            ef_search: o.ef_search,
            element: o.element.to_string(),
            dim_policy: o.dim_policy.to_string(),
            seed: o.seed,
        }
    }
}

/// What the last build found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Status {
    pub state: State,
    pub rows_indexed: u64,
    pub bytes: u64,
    pub skipped: u64,
    pub zero_vectors: u64,
    pub build_time_ms: u64,
    /// RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub built_at: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Definition {
    pub format: String,
    pub version: u64,
    /// One higher with each publication.
    pub generation: u64,
    pub name: String,
    pub table: String,
    pub column: String,
    /// `l2`, `ip` or `cosine`.
    pub metric: String,
    /// Not known before the first build when it was not given.
    pub dim: Option<u32>,
    pub parameters: Parameters,
    pub mode: Mode,
    pub status: Status,
    /// ef that reached the recall that `tune` was asked for; used instead of `parameters.ef_search`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tuned_ef: Option<u32>,
    /// Rows written up to this LSN are in the segments; those above are searched exactly.
    #[serde(with = "text")]
    pub covered_lsn: u64,
    #[serde(default)]
    pub segments: Vec<Segment>,
}

impl Definition {
    /// A definition of generation 1 that nothing was built for yet.
    pub fn new(name: &str, table: &str, column: &str, metric: crate::Metric) -> Self {
        Definition {
            format: FORMAT.to_owned(),
            version: manifest::layout::VERSION,
            generation: 1,
            name: name.to_owned(),
            table: table.to_owned(),
            column: column.to_owned(),
            metric: metric.to_string(),
            dim: None,
            parameters: Parameters::default(),
            mode: Mode::default(),
            status: Status::default(),
            tuned_ef: None,
            covered_lsn: 0,
            segments: Vec::new(),
        }
    }

    /// Takes over what a build was given and what it found.
    pub fn built(&mut self, options: &crate::BuildOptions, report: &crate::BuildReport) {
        self.dim = Some(report.dim);
        self.parameters = Parameters {
            engine: report.engine.to_string(),
            m: options.m,
            ef_build: options.ef_build,
            ef_search: options.ef_search,
            element: options.element.to_string(),
            dim_policy: options.dim_policy.to_string(),
            seed: options.seed,
        };
        self.status = Status {
            state: State::Ready,
            rows_indexed: report.rows,
            bytes: report.bytes,
            skipped: report.skipped,
            zero_vectors: report.zero_vectors,
            build_time_ms: report.build_ms,
            built_at: None,
            error: None,
        };
    }

    /// The options that a build of this index takes.
    ///
    /// # Errors
    /// `Usage` for a value out of range or unknown.
    pub fn build_options(&self) -> Result<crate::BuildOptions> {
        let p = &self.parameters;
        let opts = crate::BuildOptions {
            metric: self.metric.parse()?,
            element: p.element.parse()?,
            engine: p.engine.parse()?,
            dim: self.dim,
            dim_policy: p.dim_policy.parse()?,
            m: p.m,
            ef_build: p.ef_build,
            ef_search: self.tuned_ef.unwrap_or(p.ef_search),
            seed: p.seed,
            threads: None,
        };
        opts.check()?;
        Ok(opts)
    }

    /// # Errors
    /// `Usage` for a value out of range, `Limit` for a document that is too large.
    pub fn encode(&self) -> Result<Vec<u8>> {
        self.build_options()?;
        manifest::seal(self)
    }

    /// # Errors
    /// `Corrupt` for a damaged document, `Invalid` for one whose values are not possible, `Unsupported` for a newer
    /// version.
    pub fn decode(bytes: &[u8]) -> Result<Definition> {
        let value = manifest::open(bytes, FORMAT)?;
        manifest::Manifest::from_value(value.clone())?;
        let wrong = |e: &dyn std::fmt::Display| Error::invalid(format!("{FORMAT} has a wrong member: {e}"));
        let d: Definition = serde_json::from_value(value).map_err(|e| wrong(&e))?;
        d.build_options().map_err(|e| wrong(&e))?;
        Ok(d)
    }
}

/// 64-bit integers as text: JSON readers in other languages round them.
mod text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(v: &u64, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(v)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<u64, D::Error> {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metric;

    #[test]
    fn a_definition_comes_back_as_it_was() {
        let mut d = Definition::new("i", "db.public.docs", "embedding", Metric::Cosine);
        d.dim = Some(384);
        d.mode = Mode::Immediate;
        d.tuned_ef = Some(80);
        d.covered_lsn = 42;
        let bytes = d.encode().unwrap();
        assert_eq!(Definition::decode(&bytes).unwrap(), d);
        assert_eq!(d.build_options().unwrap().ef_search, 80);
        assert!(std::str::from_utf8(&bytes).unwrap().contains(r#""mode":"IMMEDIATE""#));
    }

    #[test]
    fn every_flipped_byte_is_refused() {
        let bytes = Definition::new("i", "t", "c", Metric::L2).encode().unwrap();
        for i in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[i] ^= 1;
            assert!(Definition::decode(&bad).is_err(), "byte {i}");
            assert!(Definition::decode(&bytes[..i]).is_err(), "cut at {i}");
        }
    }

    #[test]
    fn what_cannot_be_built_is_refused_both_ways() {
        let mut d = Definition::new("i", "t", "c", Metric::Ip);
        d.parameters.m = 100_000;
        assert!(d.encode().is_err());
        let sealed = qx_formats::manifest::seal(&d).unwrap();
        assert_eq!(Definition::decode(&sealed).unwrap_err().kind(), qx_formats::Kind::Invalid);
    }
}

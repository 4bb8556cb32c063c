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
    /// `8bit`, `none` or `only`.
    #[serde(default = "eight")]
    pub codes: String,
    /// `skip` or `error`.
    pub dim_policy: String,
    #[serde(with = "text")]
    pub seed: u64,
}

fn eight() -> String {
    crate::CodeKind::Eight.to_string()
}

impl Parameters {
    /// Those of a build.
    pub fn of(o: &crate::BuildOptions) -> Self {
        Parameters {
            engine: o.engine.to_string(),
            m: o.m,
            ef_build: o.ef_build,
            ef_search: o.ef_search,
            element: o.element.to_string(),
            codes: o.codes.to_string(),
            dim_policy: o.dim_policy.to_string(),
            seed: o.seed,
        }
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::of(&crate::BuildOptions::default())
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
    /// The index of a database that this is the definition of: one that was dropped may have had the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<uuid::Uuid>,
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
    /// Rows by position: the next one that an addition gives out. None is ever given out twice.
    #[serde(default, with = "text::option", skip_serializing_if = "Option::is_none")]
    pub next_ordinal: Option<u64>,
    /// In the order in which they count: a deny list hides rows of the files before it.
    #[serde(default)]
    pub segments: Vec<Segment>,
}

/// Kinds of segments.
pub const KIND_VDATA: &str = "vdata";
pub const KIND_DENY: &str = "deny";

impl Definition {
    /// A definition of generation 1 that nothing was built for yet.
    pub fn new(name: &str, table: &str, column: &str, metric: crate::Metric) -> Self {
        Definition {
            format: FORMAT.to_owned(),
            version: manifest::layout::VERSION,
            generation: 1,
            name: name.to_owned(),
            index: None,
            table: table.to_owned(),
            column: column.to_owned(),
            metric: metric.to_string(),
            dim: None,
            parameters: Parameters::default(),
            mode: Mode::default(),
            status: Status::default(),
            tuned_ef: None,
            covered_lsn: 0,
            next_ordinal: None,
            segments: Vec::new(),
        }
    }

    /// Takes over what a build was given and what it found.
    pub fn built(&mut self, options: &crate::BuildOptions, report: &crate::BuildReport) {
        // Of an index without rows nothing but its options says it.
        self.dim = Some(report.dim).filter(|&dim| dim > 0).or(options.dim);
        self.parameters = Parameters { engine: report.engine.to_string(), ..Parameters::of(options) };
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
            codes: p.codes.parse()?,
            dim: self.dim,
            dim_policy: p.dim_policy.parse()?,
            m: p.m,
            ef_build: p.ef_build,
            ef_search: self.tuned_ef.unwrap_or(p.ef_search),
            seed: p.seed,
            linker: crate::Linker::default(),
            threads: None,
            memory: None,
            centre: None,
            recode: true,
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

/// Whether this is a document of this format, of whatever version and state: by its name, or by the seal at its end. Damage
/// to one of them makes it no older document, whose segments nobody would miss.
pub fn is_current(bytes: &[u8]) -> bool {
    let text = |part: Option<&[u8]>| String::from_utf8_lossy(part.unwrap_or(bytes)).into_owned();
    let (head, tail) = (text(bytes.get(..200)), text(bytes.len().checked_sub(64).and_then(|at| bytes.get(at..))));
    head.contains(&format!("\"{FORMAT}\"")) || tail.contains("\"crc32c\":")
}

/// Reads a clarium `.vindex` JSON v1: name, table, column, metric, dim, mode, and parameters that may be text. Returns
/// the definition, without segments, and the members that were passed over.
///
/// # Errors
/// `Invalid` for what is not such a document; `Usage` for values out of range, and where neither the document nor
/// `metric` says the metric.
pub fn from_clarium(bytes: &[u8], metric: Option<crate::Metric>) -> Result<(Definition, Vec<String>)> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|e| Error::invalid(format!("not a .vindex document: {e}")))?;
    let serde_json::Value::Object(members) = value else {
        return Err(Error::invalid("not a .vindex document").expected("a JSON object"));
    };
    // Parameters stand in an object of their own, or beside the others.
    let mut flat = Vec::new();
    for (name, value) in members {
        match (name.as_str(), value) {
            ("params" | "parameters" | "options" | "with", serde_json::Value::Object(inner)) => flat.extend(inner),
            (_, value) => flat.push((name, value)),
        }
    }
    let mut d = Definition::new("", "", "", metric.unwrap_or(crate::Metric::L2));
    let (mut passed_over, mut told) = (Vec::new(), metric.is_some());
    for (name, value) in &flat {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        if name.eq_ignore_ascii_case("metric") || name.eq_ignore_ascii_case("distance") {
            told = true;
            if metric.is_some() {
                continue;
            }
        }
        if !take_clarium(&mut d, name, &text)? {
            passed_over.push(name.clone());
        }
    }
    if d.name.is_empty() && d.table.is_empty() {
        return Err(Error::invalid("not a .vindex document").expected("a name, a table, a column"));
    }
    if !told {
        return Err(Error::usage("the document does not say its metric").hint("say it with --metric"));
    }
    d.build_options()?;
    Ok((d, passed_over))
}

/// Takes over one member of a clarium document; false for one that means nothing here.
fn take_clarium(d: &mut Definition, name: &str, value: &str) -> Result<bool> {
    let number = || {
        let parsed = value.trim().parse::<u32>();
        parsed.map_err(|_| Error::invalid(format!("member {name:?} is not a number")).got(format!("{value:?}")))
    };
    let invalid = |e: Error| Error::invalid(e.to_string());
    match name.to_ascii_lowercase().as_str() {
        "name" | "index" | "index_name" => value.clone_into(&mut d.name),
        "table" | "table_name" => value.clone_into(&mut d.table),
        "column" | "column_name" => value.clone_into(&mut d.column),
        "metric" | "distance" => d.metric = value.parse::<crate::Metric>().map_err(invalid)?.to_string(),
        "dim" | "dims" | "dimension" => d.dim = Some(number()?),
        "m" => d.parameters.m = number()?,
        "ef_build" | "ef_construction" => d.parameters.ef_build = number()?,
        "ef_search" | "ef" => d.parameters.ef_search = number()?,
        "engine" | "algo" | "algorithm" | "using" => {
            d.parameters.engine = value.parse::<crate::Engine>().map_err(invalid)?.to_string();
        }
        "mode" => {
            let mode = serde_json::Value::String(value.to_ascii_uppercase());
            d.mode = serde_json::from_value(mode).map_err(|_| {
                Error::invalid("unknown mode").expected("IMMEDIATE, BATCHED, ASYNC or REBUILD_ONLY").got(value)
            })?;
        }
        _ => return Ok(false),
    }
    Ok(true)
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

    pub mod option {
        use serde::{Deserialize, Deserializer, Serializer, de::Error};

        pub fn serialize<S: Serializer>(v: &Option<u64>, s: S) -> Result<S::Ok, S::Error> {
            match v {
                Some(v) => s.collect_str(v),
                None => s.serialize_none(),
            }
        }

        pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<u64>, D::Error> {
            let text = Option::<String>::deserialize(d)?;
            text.map(|t| t.parse().map_err(D::Error::custom)).transpose()
        }
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
    fn a_clarium_document_is_read_with_its_parameters_as_text() {
        let old = br#"{"version":1,"name":"i","table":"db/public/t","column":"v","algo":"hnsw",
            "params":{"metric":"cosine","dim":"384","M":"16","ef_build":"100","weird":true},"mode":"immediate"}"#;
        let (d, rest) = from_clarium(old, None).unwrap();
        assert_eq!((d.name.as_str(), d.metric.as_str(), d.dim, d.mode), ("i", "cosine", Some(384), Mode::Immediate));
        assert_eq!((d.parameters.m, d.parameters.ef_build), (16, 100));
        assert_eq!(rest, ["version", "weird"]);
        assert!(!is_current(old) && is_current(&d.encode().unwrap()));
        assert_eq!(from_clarium(br#"{"name":"i"}"#, None).unwrap_err().kind(), qx_formats::Kind::Usage);
        assert!(from_clarium(br#"{"name":"i"}"#, Some(Metric::Ip)).is_ok());
        for bad in ["[]", "{}", "{", r#"{"name":"i","metric":"l7"}"#, r#"{"name":"i","metric":"l2","m":"x"}"#] {
            assert_eq!(from_clarium(bad.as_bytes(), None).unwrap_err().kind(), qx_formats::Kind::Invalid, "{bad}");
        }
    }

    #[test]
    fn every_flipped_byte_is_refused() {
        let bytes = Definition::new("i", "t", "c", Metric::L2).encode().unwrap();
        for i in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[i] ^= 1;
            assert!(Definition::decode(&bad).is_err() && is_current(&bad), "byte {i}");
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

//! Flags that several verbs share.

use std::path::Path;

use qx_cli::{Context, count};
use qx_formats::{Error, Kind, Result};
use qx_vector::ndjson::Columns;
use qx_vector::set::Segments;
use qx_vector::{BuildOptions, BuildReport, DimPolicy, Flavour, IdSet, hash_key};

use crate::input::{self, Form, Source};

/// Where vectors are read from.
#[derive(Debug, Clone, clap::Args)]
pub struct InputArgs {
    /// Form of the input, instead of telling it by name and content
    #[arg(long, value_name = "FORM", value_enum)]
    pub input: Option<Form>,

    /// Field or column that holds the vector (default: `vector` as `dump` writes it, else NDJSON lines are arrays, CSV
    /// columns are components, Parquet and Arrow have one column of lists)
    #[arg(long, value_name = "C")]
    pub column: Option<String>,

    /// Field or column that holds the row id: 64-bit integers are kept as they are, text is hashed with xxh3-64
    /// (default: `id` beside the `vector` of what `dump` writes, else the position in the input)
    #[arg(long, value_name = "I")]
    pub id_column: Option<String>,
}

impl InputArgs {
    /// `empty`: a file of text without a line is one without rows.
    pub fn open(&self, path: &Path, empty: bool) -> Result<Source> {
        let columns = Columns { vector: self.column.as_deref(), id: self.id_column.as_deref() };
        input::source(path, self.input, columns, empty)
    }
}

/// How much of the machine a build may use.
#[derive(Debug, Clone, clap::Args)]
pub struct EffortArgs {
    /// Threads to use (default: as many as there are cores)
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,

    /// Memory that the build may use, such as 2GiB: vectors that do not fit are read from the input again. What text,
    /// Parquet, Arrow and stdin are decoded into is not counted; other files are read where they lie
    #[arg(long, value_name = "SIZE", value_parser = qx_cli::parse_size)]
    pub memory: Option<u64>,
}

/// What may happen to rows that have nothing but codes.
#[derive(Debug, Clone, clap::Args)]
pub struct RecodeArgs {
    /// Let rows of compact indexes be coded anew where their codes do not fit the others: each moves a little
    #[arg(long)]
    pub recode: bool,
}

/// What to do with vectors that cannot be indexed.
#[derive(Debug, Clone, clap::Args)]
pub struct PolicyArgs {
    /// error or skip: what to do with vectors that cannot be indexed
    #[arg(long, value_name = "POLICY", default_value_t)]
    pub dim_policy: DimPolicy,
}

/// The options of an addition, which takes the rest from the index.
pub fn adding(effort: &EffortArgs, policy: &PolicyArgs, codes: &RecodeArgs) -> BuildOptions {
    BuildOptions {
        recode: codes.recode,
        dim_policy: policy.dim_policy,
        threads: effort.threads,
        memory: effort.memory,
        ..BuildOptions::default()
    }
}

/// Row ids on the command line, in files, or keys whose hashes they are.
#[derive(Debug, Clone, clap::Args)]
pub struct IdArgs {
    /// Row ids, as `vindex search` prints them: numbers, several after each other or separated by commas (`--id=-7,8`
    /// where a list begins with a negative one)
    #[arg(long, value_name = "ID", num_args = 1.., value_delimiter = ',', allow_negative_numbers = true)]
    pub id: Vec<String>,

    /// Keys of an index whose row ids are hashes of them
    #[arg(long, value_name = "KEY", num_args = 1..)]
    pub key: Vec<String>,

    /// File of row ids, one a line; `-` is stdin
    #[arg(long, value_name = "FILE")]
    pub ids: Option<std::path::PathBuf>,

    /// File of keys, one a line; `-` is stdin
    #[arg(long, value_name = "FILE")]
    pub keys: Option<std::path::PathBuf>,
}

/// Rows that a search keeps in mind.
pub fn parse_ef(text: &str) -> std::result::Result<usize, String> {
    match text.parse::<usize>() {
        Ok(ef) if ef > 0 => Ok(ef),
        _ => Err(format!("`{text}` is not a number of rows, 1 or more")),
    }
}

/// What was wrong with vectors is of the file that they came from, not of the one that is written.
pub fn of_input(input: &Path) -> impl Fn(Error) -> Error {
    move |e| match e.kind() {
        Kind::Invalid | Kind::Limit => e.path(input),
        _ => e,
    }
}

/// A row id as people write it: signed keys with their sign. Which row it names depends on the index: see [`id_in`].
pub fn parse_id(text: &str) -> Result<i128> {
    let text = text.trim();
    let parsed = text.parse::<u64>().map(i128::from).or_else(|_| text.parse::<i64>().map(i128::from));
    parsed.map_err(|_| Error::usage("not a row id").expected("a 64-bit integer").got(format!("{text:?}")))
}

/// The bits of a row id in an index whose ids are of this kind; `None` where no row of it can have that id: 2^64-1 is no
/// signed key, though it has the bits of -1. Hashes have no sign, so that their bits may be written either way.
pub fn id_in(flavour: Flavour, id: i128) -> Option<u64> {
    let (signed, unsigned) = (i64::try_from(id).ok().map(|v| v as u64), u64::try_from(id).ok());
    match flavour {
        Flavour::SignedKey => signed,
        Flavour::HashedKey => unsigned.or(signed),
        Flavour::UnsignedKey | Flavour::Ordinal => unsigned,
    }
}

/// The lines of a file that are not empty, with their numbers from 1.
fn lines(path: &Path) -> Result<Vec<(usize, String)>> {
    let bytes = input::bytes(path)?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|e| Error::invalid("not text").path(path).offset(e.valid_up_to() as u64))?;
    let lines = (1..).zip(text.lines().map(str::trim)).filter(|(_, l)| !l.is_empty());
    Ok(lines.map(|(number, l)| (number, l.to_owned())).collect())
}

/// Ids of a file, one a line.
pub fn ids_of(path: &Path) -> Result<Vec<i128>> {
    let wrong = |number: usize, line: &str| {
        Error::invalid(format!("line {number} is not a row id")).path(path).got(format!("{line:?}"))
    };
    lines(path)?.iter().map(|(number, l)| parse_id(l).map_err(|_| wrong(*number, l))).collect()
}

/// Rows as they were named.
pub struct Named {
    ids: Vec<i128>,
    hashes: Vec<u64>,
}

impl Named {
    /// Their ids in this index, and how many others there are, which no row of it can have.
    ///
    /// # Errors
    /// `Usage` for keys where ids are no hashes: the number that is the hash of a key would name another row.
    pub fn of(mut self, set: &Segments) -> Result<(IdSet, u64)> {
        let flavour = set.flavour();
        if !self.hashes.is_empty() && !set.is_empty() && flavour != Flavour::HashedKey {
            return Err(Error::usage("the row ids of this index are no hashes of keys")
                .path(set.path())
                .expected(flavour.name())
                .hint("name rows with --id or --ids"));
        }
        self.ids.sort_unstable();
        self.ids.dedup();
        let mut all = self.hashes;
        let before = all.len();
        all.extend(self.ids.iter().filter_map(|&id| id_in(flavour, id)));
        let foreign = self.ids.len() - (all.len() - before);
        Ok((all.into_iter().collect(), foreign as u64))
    }
}

impl IdArgs {
    pub fn read(&self) -> Result<Named> {
        if self.id.is_empty() && self.key.is_empty() && self.ids.is_none() && self.keys.is_none() {
            return Err(Error::usage("no rows were named").hint("--id, --key, --ids or --keys"));
        }
        let mut ids: Vec<i128> = self.id.iter().map(|t| parse_id(t)).collect::<Result<_>>()?;
        let mut hashes: Vec<u64> = self.key.iter().map(|k| hash_key(k.as_bytes())).collect();
        if let Some(path) = &self.ids {
            ids.extend(ids_of(path)?);
        }
        if let Some(path) = &self.keys {
            hashes.extend(lines(path)?.iter().map(|(_, k)| hash_key(k.as_bytes())));
        }
        Ok(Named { ids, hashes })
    }
}

/// A finished report, as a JSON document or in a sentence.
pub fn report(
    cx: &mut Context,
    value: &impl serde::Serialize,
    more: serde_json::Value,
    sentence: String,
) -> Result<()> {
    if !cx.json() {
        cx.say(sentence);
        return Ok(());
    }
    let mut document = serde_json::Map::from_iter([("v".to_owned(), 1.into())]);
    if let serde_json::Value::Object(more) = more {
        document.extend(more);
    }
    if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(value) {
        document.extend(fields);
    }
    cx.out.record(&document)
}

/// Says how many rows of a compact index did not keep their codes.
pub fn warn_of_recoded(cx: &Context, recoded: u64) {
    if recoded > 0 {
        let rows = count(recoded, "row");
        cx.warn(format!("{rows} coded anew, no longer exact: theirs do not fit the codes of the others"));
    }
}

/// Says of rows that came from a compact index what they are now.
pub fn warn_of_codes(cx: &Context, r: &BuildReport) {
    warn_of_recoded(cx, r.recoded);
    if r.from_codes > 0 && !r.compact {
        let rows = count(r.from_codes, "row");
        cx.warn(format!("the vectors of {rows} are those of codes: a compact index has no others"));
    }
}

/// What a build left out, for the end of a sentence.
pub fn left_out(r: &BuildReport) -> String {
    let parts = [
        (r.skipped_null, "row", " without a vector left out"),
        (r.skipped_dim, "row", " of another dimension left out"),
        (r.skipped_value, "row", " that cannot be stored left out"),
        (r.zero_vectors, "zero vector", ""),
    ];
    let told = parts.iter().filter(|(n, ..)| *n > 0);
    told.map(|&(n, what, why)| format!(", {}{why}", count(n, what))).collect()
}

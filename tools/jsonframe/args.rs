//! What every verb takes.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use qx_cli::{is_dash, parse_size};
use qx_formats::{Error, Result};
use qx_frame::{BadText, DupKeys, Filter, Options, Source, Strings, Type};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DupKeysArg {
    /// The record is bad
    Error,
    /// Its first value counts, and the others are reported
    First,
    /// Its last value counts, and the others are reported
    Last,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum BadTextArg {
    /// The record is bad
    Error,
    /// U+FFFD stands in its place, and is reported
    Replace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StringsArg {
    /// Every string stays text
    Text,
    /// Dates and timestamps are found
    Dates,
    /// Times of day and UUIDs as well
    All,
}

#[derive(Debug, Args)]
pub struct Input {
    /// Files of JSON, plain or in gzip or zstd; patterns such as 'day-*.json'; `-` is stdin
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,

    /// JSON pointer to what holds the records in each document: /data/items
    #[arg(long, value_name = "POINTER")]
    root: Option<String>,

    /// What becomes of a key that stands twice in one object; beside the fields that are asked for it is passed over
    #[arg(long, value_name = "POLICY", value_enum, default_value = "error")]
    dup_keys: DupKeysArg,

    /// What becomes of bytes that are not UTF-8 and of half surrogate pairs
    #[arg(long, value_name = "POLICY", value_enum, default_value = "error")]
    bad_text: BadTextArg,

    /// The longest record
    #[arg(long, value_name = "SIZE", default_value = "256MiB", value_parser = parse_size)]
    max_record: u64,
}

/// How types are found.
#[derive(Debug, Args)]
pub struct Types {
    /// Give a field's type rather than find it; repeat for more. PATH is as `schema` prints it: a.b, a[].b, "odd.key".
    /// TYPE is bool, int64, uint64, float64, decimal(P,S), utf8, date, timestamp, time, uuid, json, list<T>,
    /// map<utf8, T>, struct<name: T, ...>, or a SQL type
    #[arg(long = "type", value_name = "PATH=TYPE", value_parser = hint)]
    types: Vec<(String, Type)>,

    /// Make a map of the objects at PATH: keys are data, values have one type; repeat for more. Objects with very many
    /// keys, few in each, become maps by themselves
    #[arg(long = "map", value_name = "PATH")]
    maps: Vec<String>,

    /// Take the columns from FILE instead of the sample: what `schema` prints, {"name": "type"}, or a SQL column list.
    /// What it lacks or what does not fit follows --drift
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,

    /// Only these fields, in this order: a,b.c
    #[arg(long, value_name = "PATH,...", value_parser = paths)]
    select: Vec<Paths>,

    /// Columns and fields by name, not as first seen
    #[arg(long)]
    sort_columns: bool,

    /// Levels of columns in columns; what is deeper stays JSON text
    #[arg(long, value_name = "N", default_value = "64", value_parser = clap::value_parser!(u16).range(1..=256))]
    max_depth: u16,

    /// What strings are taken for
    #[arg(long, value_name = "WHAT", value_enum, default_value = "all")]
    strings: StringsArg,
}

impl Input {
    /// # Errors
    /// When a pattern matches nothing.
    pub fn sources(&self) -> Result<Vec<Source>> {
        let mut sources = Vec::new();
        for path in &self.inputs {
            if is_dash(path) {
                sources.push(Source::Stdin);
            } else {
                sources.extend(qx_frame::expand(path)?.into_iter().map(Source::Path));
            }
        }
        Ok(sources)
    }

    pub fn options(&self) -> Options {
        let mut opts = Options {
            root: self.root.clone(),
            dup_keys: match self.dup_keys {
                DupKeysArg::Error => DupKeys::Error,
                DupKeysArg::First => DupKeys::First,
                DupKeysArg::Last => DupKeys::Last,
            },
            bad_text: match self.bad_text {
                BadTextArg::Error => BadText::Error,
                BadTextArg::Replace => BadText::Replace,
            },
            strings: Strings::All,
            ..Options::default()
        };
        opts.limits.record_bytes = usize::try_from(self.max_record).unwrap_or(usize::MAX);
        opts
    }
}

impl Types {
    /// # Errors
    /// When the schema file cannot be read.
    pub fn apply(&self, opts: &mut Options) -> Result<()> {
        for (path, t) in &self.types {
            match t {
                Type::Json => opts.as_json.push(path.clone()),
                t => opts.hints.push((path.clone(), t.data_type())),
            }
        }
        opts.maps.clone_from(&self.maps);
        opts.select = all_paths(&self.select);
        opts.sort_columns = self.sort_columns;
        opts.limits.columns_depth = usize::from(self.max_depth);
        opts.strings = match self.strings {
            StringsArg::Text => Strings::Text,
            StringsArg::Dates => Strings::Dates,
            StringsArg::All => Strings::All,
        };
        if let Some(path) = &self.schema {
            let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", e).path(path))?;
            opts.schema = Some(qx_frame::parse_schema(&text).map_err(|e| e.path(path))?);
        }
        Ok(())
    }
}

fn hint(text: &str) -> std::result::Result<(String, Type), String> {
    let mut parts = outside_quotes(text, '=');
    let path = parts.next().unwrap_or_default();
    let name = text.get(path.len() + 1..).ok_or_else(|| format!("`{text}` is not PATH=TYPE"))?;
    Ok((path.to_owned(), qx_frame::parse_type(name)?))
}

/// Paths of one argument.
#[derive(Debug, Clone)]
pub struct Paths(Vec<String>);

/// `a,b.c,"d,e"`.
pub fn paths(text: &str) -> std::result::Result<Paths, String> {
    Ok(Paths(outside_quotes(text, ',').map(str::to_owned).collect()))
}

/// Those of all arguments.
pub fn all_paths(arguments: &[Paths]) -> Vec<String> {
    arguments.iter().flat_map(|paths| paths.0.iter().cloned()).collect()
}

/// What stands between separators that are not in double quotes.
fn outside_quotes(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |c| {
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        c == separator && !quoted
    })
}

/// `1024`, or `all`, which is no bound.
#[derive(Debug, Clone, Copy)]
pub struct Sample(pub Option<usize>);

pub fn sample(text: &str) -> std::result::Result<Sample, String> {
    match (text, text.parse::<usize>()) {
        ("all", _) => Ok(Sample(None)),
        (_, Ok(n)) if n > 0 => Ok(Sample(Some(n))),
        _ => Err(format!("`{text}` is neither a count above 0 nor `all`")),
    }
}

pub fn condition(text: &str) -> std::result::Result<Filter, String> {
    Filter::parse(text).map_err(|e| e.to_string())
}

//! What both verbs take.

use std::path::PathBuf;

use clap::Args;
use qx_cli::is_dash;
use qx_frame::{Options, Source, Type};

#[derive(Debug, Args)]
pub struct Input {
    /// Files of JSON, plain or in gzip or zstd; `-` is stdin
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,

    /// Give a field's type rather than find it; repeat for more. PATH is as `schema` prints it: a.b, a[].b, "odd.key".
    /// TYPE is bool, int64, uint64, float64, decimal(P,S), utf8, date, timestamp, json or list<...>
    #[arg(long = "type", value_name = "PATH=TYPE", value_parser = hint)]
    types: Vec<(String, Type)>,
}

impl Input {
    pub fn sources(&self) -> Vec<Source> {
        let source = |path: &PathBuf| if is_dash(path) { Source::Stdin } else { Source::Path(path.clone()) };
        self.inputs.iter().map(source).collect()
    }

    pub fn options(&self, sample: Option<usize>) -> Options {
        let mut opts = Options { sample, ..Options::default() };
        for (path, t) in &self.types {
            match t {
                Type::Json => opts.as_json.push(path.clone()),
                t => opts.hints.push((path.clone(), t.data_type())),
            }
        }
        opts
    }

    /// A name for the table, from the first input's.
    pub fn table_name(&self) -> String {
        let first = self.inputs.first().filter(|p| !is_dash(p)).and_then(|p| p.file_name());
        let name = first.map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        match name.split('.').find(|part| !part.is_empty()) {
            Some(stem) => stem.to_owned(),
            None => "stdin".to_owned(),
        }
    }
}

fn hint(text: &str) -> Result<(String, Type), String> {
    let (path, name) = text.rsplit_once('=').ok_or_else(|| format!("`{text}` is not PATH=TYPE"))?;
    Ok((path.to_owned(), qx_frame::parse_type(name)?))
}

/// `1024`, or `all`, which is no bound.
#[derive(Debug, Clone, Copy)]
pub struct Sample(pub Option<usize>);

pub fn sample(text: &str) -> Result<Sample, String> {
    match (text, text.parse::<usize>()) {
        ("all", _) => Ok(Sample(None)),
        (_, Ok(n)) if n > 0 => Ok(Sample(Some(n))),
        _ => Err(format!("`{text}` is neither a count above 0 nor `all`")),
    }
}

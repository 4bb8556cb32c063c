//! Inputs by path, `-` being stdin, and the names of their forms on the command line.

use std::io::{BufReader, stdin};
use std::path::Path;

use clap::ValueEnum;
pub use qx_dict::input::{Columns, Form, Input, Reader, detect, refuse_by_name};
use qx_formats::{Error, Result};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FormArg {
    /// One JSON object a line: {"label":..,"key":..,"id":..}; label and id may be missing; {"op":"del",..} removes
    Ndjson,
    /// One document: {"entries":[{"label":..,"key":..,"id":..}]}
    Json,
    /// key, key<TAB>id or label<TAB>key<TAB>id, the same on every line, an empty id for the next free one; no escapes
    Tsv,
    /// As TSV, quoted as RFC 4180 says; a first row that names its columns (label, key, id) may order them
    Csv,
    /// One key a line, ids assigned
    Lines,
    /// A dictionary segment
    Seg,
    /// Columns of a Parquet file
    Parquet,
    /// Columns of an Arrow IPC file or stream
    Arrow,
}

impl From<FormArg> for Form {
    fn from(arg: FormArg) -> Form {
        match arg {
            FormArg::Ndjson => Form::Ndjson,
            FormArg::Json => Form::Json,
            FormArg::Tsv => Form::Tsv,
            FormArg::Csv => Form::Csv,
            FormArg::Lines => Form::Lines,
            FormArg::Seg => Form::Seg,
            FormArg::Parquet => Form::Parquet,
            FormArg::Arrow => Form::Arrow,
        }
    }
}

/// Opens a file, or stdin for `-`, and looks at its first bytes.
pub fn open(path: &Path) -> Result<Input> {
    if qx_cli::is_dash(path) {
        return Input::stream(BufReader::with_capacity(256 << 10, stdin())).map_err(|e| e.path(path));
    }
    Input::open(path)
}

/// Opens what has to be a dictionary already: a segment, or the JSON form. An empty file is a damaged one.
pub fn dictionary(path: &Path) -> Result<(Input, Form)> {
    let input = open(path)?;
    match detect(&input.look, input.more).map_err(|e| e.path(path))? {
        Some(form @ (Form::Seg | Form::Json)) => Ok((input, form)),
        _ => Err(Error::invalid("not a dictionary segment")
            .path(path)
            .offset(0)
            .hint("`build` reads pairs in other forms")),
    }
}

/// Reads one input, its form told by content unless it is given.
pub fn read(reader: &mut Reader<'_>, path: &Path, form: Option<FormArg>) -> Result<()> {
    reader.input(open(path)?, form.map(Form::from)).map_err(|e| e.path(path))
}

//! Files that hold vectors, and files that hold an index.

use std::io::{Read, stdin};
use std::path::Path;

use clap::ValueEnum;
use qx_cli::is_dash;
use qx_formats::{Error, Result};
use qx_io::Map;
use qx_vector::input::Rows;
use qx_vector::ndjson::{Columns, Vectors};
use qx_vector::npy::Matrix;
use qx_vector::{Index, RowIds, VectorSource, input, ndjson, npy};

/// Forms in which vectors are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A matrix of <f2, <f4 or <f8, in C order
    Npy,
    /// Before each vector its dimension
    Fvecs,
    /// Number and dimension, then the vectors
    Fbin,
    /// An array of numbers a line, or an object a line (see --column)
    Ndjson,
}

const NPY_MAGIC: &[u8] = b"\x93NUMPY";

/// Vectors in one of the forms.
pub enum Source {
    Npy(Matrix<Map>),
    Rows(Rows<Map>),
    Ndjson(Vectors),
}

impl Source {
    pub fn vectors(&self) -> &dyn VectorSource {
        match self {
            Source::Npy(m) => m,
            Source::Rows(r) => r,
            Source::Ndjson(v) => v,
        }
    }

    pub fn row_ids(&self) -> Result<RowIds> {
        match self {
            Source::Ndjson(v) => v.row_ids(),
            Source::Npy(_) | Source::Rows(_) => Ok(RowIds::Ordinal),
        }
    }
}

/// The bytes of a file, or of stdin for `-`.
pub fn bytes(path: &Path) -> Result<Map> {
    if !is_dash(path) {
        return Map::open(path);
    }
    let mut bytes = Vec::new();
    stdin().lock().read_to_end(&mut bytes).map_err(|e| Error::io("read", e).path(path))?;
    Ok(bytes.into())
}

pub fn index(path: &Path) -> Result<Index<Map>> {
    Index::open(bytes(path)?).map_err(|e| e.path(path))
}

/// The form that a name or the bytes tell.
fn form(path: &Path, bytes: &[u8]) -> Result<Form> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("npy") => Ok(Form::Npy),
        Some("fvecs") => Ok(Form::Fvecs),
        Some("fbin") => Ok(Form::Fbin),
        Some("ndjson" | "jsonl") => Ok(Form::Ndjson),
        _ if bytes.starts_with(NPY_MAGIC) => Ok(Form::Npy),
        _ if bytes.trim_ascii_start().starts_with(b"[") || bytes.trim_ascii_start().starts_with(b"{") => {
            Ok(Form::Ndjson)
        }
        _ if bytes.is_empty() => Err(Error::invalid("file is empty").offset(0)),
        _ => Err(Error::invalid("cannot tell the form of these vectors")
            .offset(0)
            .expected("npy, fvecs, fbin or NDJSON")
            .hint("say it with --input")),
    }
}

/// Opens vectors. `given` overrides what name and content tell.
pub fn source(path: &Path, given: Option<Form>, columns: Columns<'_>) -> Result<Source> {
    let map = bytes(path)?;
    let open = || {
        let form = given.map_or_else(|| form(path, &map), Ok)?;
        if form != Form::Ndjson && (columns.vector.is_some() || columns.id.is_some()) {
            return Err(Error::usage("only NDJSON has columns").hint("leave out --column and --id-column"));
        }
        if form == Form::Ndjson && map.is_empty() {
            return Err(Error::invalid("file is empty").offset(0));
        }
        match form {
            Form::Npy => npy::read(map).map(Source::Npy),
            Form::Fvecs => input::fvecs(map).map(Source::Rows),
            Form::Fbin => input::fbin(map).map(Source::Rows),
            Form::Ndjson => ndjson::read(&map, columns).map(Source::Ndjson),
        }
    };
    open().map_err(|e: Error| e.path(path))
}

//! Files that hold vectors, and files that hold an index.

use std::io::{Read, stdin};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use qx_cli::is_dash;
use qx_formats::{Error, Result};
use qx_io::Map;
use qx_vector::input::Rows;
use qx_vector::ndjson::{Columns, Vectors};
use qx_vector::npy::Matrix;
use qx_vector::set::Segments;
use qx_vector::{CodedRow, RowIds, VectorSource, columns, csv, input, ndjson, npy};

/// Forms in which vectors are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A matrix of floats or integers, as NumPy saves it
    Npy,
    /// Before each vector its dimension; components are f32
    Fvecs,
    /// As fvecs, components are i32
    Ivecs,
    /// As fvecs, components are bytes
    Bvecs,
    /// Number and dimension, then the vectors
    Fbin,
    /// An array of numbers a line, or an object a line (see --column)
    Ndjson,
    /// Text such as "[1,2]" in one column (see --column), or a column for each component
    Csv,
    /// As csv, separated by tabs
    Tsv,
    /// A column of lists (see --column)
    Parquet,
    /// Arrow IPC, file or stream; a column of lists (see --column)
    Arrow,
    /// An index: the vectors and row ids that it holds
    Vdata,
}

const NPY_MAGIC: &[u8] = b"\x93NUMPY";
const VDATA_MAGIC: &[u8] = b"QXVDAT";
/// What an Arrow IPC stream begins with: a continuation marker.
const STREAM_MARKER: &[u8] = &[0xFF; 4];

/// Vectors in one of the forms.
pub enum Source {
    Npy(Matrix<Map>),
    Rows(Rows<Map>),
    Read(Vectors),
    Index(Box<Indexed>),
}

/// The rows of an index that can be answered.
pub struct Indexed {
    pub set: Segments,
    rows: Vec<(u32, u32)>,
}

impl Indexed {
    pub fn new(set: Segments) -> Result<Self> {
        // All of it is read, and mostly written elsewhere, where damage would look whole.
        set.check_whole()?;
        let mut rows = Vec::new();
        set.for_each(|part, row| {
            rows.push((part, row));
            Ok(())
        })?;
        Ok(Indexed { set, rows })
    }

    pub fn id(&self, row: usize) -> u64 {
        let place = self.rows.get(row).and_then(|&(part, row)| self.set.parts().get(part as usize)?.index.row_id(row));
        place.unwrap_or(0)
    }
}

impl VectorSource for Indexed {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        if let Some(&(part, row)) = self.rows.get(row)
            && let Some(part) = self.set.parts().get(part as usize)
        {
            part.index.vector_into(row, out);
        }
        Ok(())
    }

    fn declared_dim(&self) -> Option<usize> {
        Some(self.set.dim()).filter(|&d| d > 0)
    }

    fn coded(&self, row: usize) -> Option<CodedRow<'_>> {
        let &(part, row) = self.rows.get(row)?;
        self.set.parts().get(part as usize)?.index.coded_row(row)
    }
}

impl Source {
    pub fn vectors(&self) -> &dyn VectorSource {
        match self {
            Source::Npy(m) => m,
            Source::Rows(r) => r,
            Source::Read(v) => v,
            Source::Index(i) => &**i,
        }
    }

    pub fn row_ids(&self) -> Result<RowIds> {
        match self {
            Source::Read(v) => v.row_ids(),
            Source::Npy(_) | Source::Rows(_) => Ok(RowIds::Ordinal),
            Source::Index(i) => {
                let ids: Vec<u64> = (0..i.rows()).map(|row| i.id(row)).collect();
                Ok(RowIds::of(i.set.flavour(), ids))
            }
        }
    }
}

/// The bytes of a file, or of stdin for `-`.
pub fn bytes(path: &Path) -> Result<Map> {
    if !is_dash(path) {
        return Map::open(path);
    }
    take_stdin()?;
    let mut bytes = Vec::new();
    stdin().lock().read_to_end(&mut bytes).map_err(|e| Error::io("read", e).path(path))?;
    Ok(bytes.into())
}

/// The bytes of an index, whole or damaged. One of clarium is neither: `convert` alone reads it.
pub fn index(path: &Path) -> Result<Map> {
    let bytes = bytes(path)?;
    qx_vector::set::current(&bytes).map_err(|e| e.path(path))?;
    Ok(bytes)
}

/// Refuses a second reader of stdin, to which it would be empty.
pub fn take_stdin() -> Result<()> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::Relaxed) {
        return Err(Error::usage("two things are to be read from stdin").hint("name a file for one of them"));
    }
    Ok(())
}

/// An index with all that was added and deleted: a definition, or a file that is searched through the one beside it.
pub fn set(path: &Path) -> Result<Segments> {
    if is_dash(path) { Segments::from_bytes(path, bytes(path)?) } else { Segments::open_whole(path) }
}

/// The form that a name or the bytes tell.
fn form(path: &Path, bytes: &[u8]) -> Result<Form> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("npy") => Ok(Form::Npy),
        Some("fvecs") => Ok(Form::Fvecs),
        Some("ivecs") => Ok(Form::Ivecs),
        Some("bvecs") => Ok(Form::Bvecs),
        Some("fbin") => Ok(Form::Fbin),
        Some("ndjson" | "jsonl") => Ok(Form::Ndjson),
        Some("csv") => Ok(Form::Csv),
        Some("tsv") => Ok(Form::Tsv),
        Some("parquet") => Ok(Form::Parquet),
        Some("arrow" | "arrows" | "feather" | "ipc") => Ok(Form::Arrow),
        Some("vdata" | "vindex") => Ok(Form::Vdata),
        _ if bytes.starts_with(NPY_MAGIC) => Ok(Form::Npy),
        _ if bytes.starts_with(columns::PARQUET_MAGIC) => Ok(Form::Parquet),
        _ if bytes.starts_with(columns::ARROW_MAGIC) || bytes.starts_with(STREAM_MARKER) => Ok(Form::Arrow),
        _ if bytes.starts_with(VDATA_MAGIC) => Ok(Form::Vdata),
        _ if bytes.trim_ascii_start().starts_with(b"[") || bytes.trim_ascii_start().starts_with(b"{") => {
            Ok(Form::Ndjson)
        }
        _ if bytes.is_empty() => Err(Error::invalid("file is empty").offset(0)),
        _ => Err(Error::invalid("cannot tell the form of these vectors")
            .offset(0)
            .expected("npy, fvecs, ivecs, bvecs, fbin, NDJSON, CSV, Parquet, Arrow or an index")
            .hint("say it with --input")),
    }
}

/// Opens vectors. `given` overrides what name and content tell; `empty`: a file of text without a line has no rows.
pub fn source(path: &Path, given: Option<Form>, columns: Columns<'_>, empty: bool) -> Result<Source> {
    let map = bytes(path)?;
    let open = || {
        let form = match given {
            Some(form) => form,
            None if empty && map.is_empty() => form(path, &map).unwrap_or(Form::Ndjson),
            None => form(path, &map)?,
        };
        let plain = matches!(form, Form::Npy | Form::Fvecs | Form::Ivecs | Form::Bvecs | Form::Fbin | Form::Vdata);
        if plain && (columns.vector.is_some() || columns.id.is_some()) {
            return Err(Error::usage("vectors in this form have no columns").hint("leave out --column and --id-column"));
        }
        let text = matches!(form, Form::Ndjson | Form::Csv | Form::Tsv);
        if !plain && map.is_empty() && !(text && empty) {
            return Err(Error::invalid("file is empty").offset(0));
        }
        match form {
            Form::Npy => npy::read(map).map(Source::Npy),
            Form::Fvecs => input::fvecs(map).map(Source::Rows),
            Form::Ivecs => input::ivecs(map).map(Source::Rows),
            Form::Bvecs => input::bvecs(map).map(Source::Rows),
            Form::Fbin => input::fbin(map).map(Source::Rows),
            Form::Ndjson => ndjson::read(&map, columns).map(Source::Read),
            Form::Csv => csv::read(&map, b',', columns).map(Source::Read),
            Form::Tsv => csv::read(&map, b'\t', columns).map(Source::Read),
            Form::Parquet => qx_vector::columns::parquet(map, columns).map(Source::Read),
            Form::Arrow => qx_vector::columns::arrow(&map, columns).map(Source::Read),
            Form::Vdata => {
                let set = if is_dash(path) { Segments::from_bytes(path, map)? } else { Segments::open_whole(path)? };
                Ok(Source::Index(Box::new(Indexed::new(set)?)))
            }
        }
    };
    open().map_err(|e: Error| e.path(path))
}

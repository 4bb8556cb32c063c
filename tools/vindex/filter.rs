//! What `--filter` means: rows that may be answered.

use std::path::{Path, PathBuf};

use qx_formats::{Error, Result};
use qx_io::csv::{Row, Rows};
use qx_vector::set::{Segments, SetFilter};
use qx_vector::{Flavour, IdSet, hash_key};
use serde_json::Value;

use crate::input;
use crate::options::{id_in, ids_of, parse_id};

#[derive(Debug, Clone, clap::Args)]
pub struct FilterArgs {
    /// Rows that may be answered: row ids (`7,8,-9`), `@FILE` of row ids one a line, `bitmap:FILE` (bit n, lowest first,
    /// is row n in the order of the index), or `column:FILE:NAME` (rows of an NDJSON, CSV, Parquet or Arrow file whose
    /// field NAME is true; see --filter-id). A leading `!` turns it around
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
    filter: Option<String>,

    /// For column:FILE:NAME, the field that holds the row id or key (default: the position in the file)
    #[arg(long, value_name = "I", requires = "filter")]
    filter_id: Option<String>,
}

pub fn read(args: &FilterArgs, set: &Segments) -> Result<Option<SetFilter>> {
    let Some(text) = args.filter.as_deref() else { return Ok(None) };
    set.check_row_ids()?;
    let (text, keep) = text.strip_prefix('!').map_or((text, true), |rest| (rest, false));
    if let Some(path) = text.strip_prefix("bitmap:") {
        return bitmap(Path::new(path), set, keep).map(Some);
    }
    let ids = if let Some(rest) = text.strip_prefix("column:") {
        let (path, name) = rest.rsplit_once(':').ok_or_else(|| {
            Error::usage("--filter column: names a file and a field").expected("column:FILE:NAME").got(text)
        })?;
        column(&PathBuf::from(path), name, args.filter_id.as_deref(), set)?
    } else if let Some(path) = text.strip_prefix('@') {
        ids_in(set, ids_of(Path::new(path))?)
    } else {
        let parts = text.split([',', ' ']).filter(|t| !t.trim().is_empty());
        let ids: Result<Vec<i128>> = parts.map(parse_id).collect();
        ids_in(set, ids.map_err(|e| e.hint("files of row ids are written @FILE"))?)
    };
    Ok(Some(set.filter_ids(&ids, keep)))
}

/// Ids that no row of this index can have are as those that none has.
fn ids_in(set: &Segments, ids: Vec<i128>) -> IdSet {
    ids.into_iter().filter_map(|id| id_in(set.flavour(), id)).collect()
}

fn bitmap(path: &Path, set: &Segments, keep: bool) -> Result<SetFilter> {
    let bytes = input::bytes(path)?;
    let rows: u64 = set.parts().iter().map(|p| p.index.len() as u64).sum();
    if bytes.len() as u64 != rows.div_ceil(8) {
        return Err(Error::invalid("the bitmap has not one bit for each row of the index")
            .path(path)
            .expected(format!("{} bytes for {rows} rows", rows.div_ceil(8)))
            .got(format!("{} bytes", bytes.len())));
    }
    // Rows are counted through all files, hidden ones too.
    let starts: Vec<usize> = set
        .parts()
        .iter()
        .scan(0, |at, p| {
            let start = *at;
            *at += p.index.len();
            Some(start)
        })
        .collect();
    let bit = |n: usize| bytes.get(n / 8).is_some_and(|b| b >> (n % 8) & 1 == 1);
    Ok(set.filter(|part, row| bit(starts.get(part as usize).copied().unwrap_or(0) + row as usize) == keep))
}

/// Row ids of the lines whose field `name` is true.
fn column(path: &Path, name: &str, id: Option<&str>, set: &Segments) -> Result<IdSet> {
    if id.is_none() && set.flavour() != Flavour::Ordinal && !set.is_empty() {
        return Err(Error::usage("the rows of this index are known by a key, not by their position")
            .expected(set.flavour().name())
            .hint("name the field that holds it with --filter-id"));
    }
    let bytes = input::bytes(path)?;
    let csv = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv") || e.eq_ignore_ascii_case("tsv"));
    let tables = ["parquet", "arrow", "arrows", "feather", "ipc"];
    let table = path.extension().is_some_and(|e| tables.iter().any(|t| e.eq_ignore_ascii_case(t)));
    let lines = if csv {
        csv_lines(path, &bytes)?
    } else if table {
        table_rows(path, &bytes, name, id)?
    } else {
        json_lines(path, &bytes)?
    };
    let mut seen = false;
    let mut ids = Vec::new();
    for (n, (number, line)) in lines.iter().enumerate() {
        let wrong = |message: String| Error::invalid(format!("line {number}: {message}")).path(path);
        let Some(value) = line.get(name) else { continue };
        seen = true;
        let yes = truth(value).ok_or_else(|| wrong(format!("field {name:?} is neither true nor false")))?;
        let row = match id {
            None => Some(n as u64),
            Some(field) => match line.get(field) {
                None => return Err(wrong(format!("no field {field:?}"))),
                Some(id) => row_id(id, set.flavour()).map_err(|e| wrong(format!("field {field:?}: {e}")))?,
            },
        };
        if yes {
            ids.extend(row);
        }
    }
    if !seen && !lines.is_empty() {
        return Err(Error::invalid(format!("no line has a field {name:?}")).path(path));
    }
    Ok(ids.into_iter().collect())
}

/// The row id that a field holds, read as `build` reads one; `None` for one that no row of the index can have.
fn row_id(value: &Value, flavour: Flavour) -> Result<Option<u64>> {
    let hashed = flavour == Flavour::HashedKey;
    match value {
        Value::String(text) if hashed && !text.is_empty() => Ok(Some(hash_key(text.as_bytes()))),
        Value::Number(n) if hashed && !n.is_f64() => Ok(Some(hash_key(n.to_string().as_bytes()))),
        Value::String(text) if !hashed => Ok(id_in(flavour, parse_id(text)?)),
        Value::Number(n) if !hashed => Ok(id_in(flavour, parse_id(&n.to_string())?)),
        other => Err(Error::usage("not a row id").expected("a 64-bit integer or text").got(other)),
    }
}

fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Null => Some(false),
        Value::Bool(b) => Some(*b),
        Value::Number(n) => n.as_f64().map(|v| v != 0.0),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "" | "false" | "f" | "no" | "0" => Some(false),
            "true" | "t" | "yes" | "1" => Some(true),
            _ => None,
        },
        _ => None,
    }
}

/// Each value with the number of its line.
fn json_lines(path: &Path, bytes: &[u8]) -> Result<Vec<(u64, Value)>> {
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    let lines = (1..).zip(bytes.split(|&b| b == b'\n')).filter(|(_, l)| !l.trim_ascii().is_empty());
    lines
        .map(|(n, line)| {
            let value = serde_json::from_slice(line);
            value.map(|v| (n, v)).map_err(|e| Error::invalid(format!("line {n}: {e}")).path(path))
        })
        .collect()
}

fn table_rows(path: &Path, bytes: &[u8], name: &str, id: Option<&str>) -> Result<Vec<(u64, Value)>> {
    let names: Vec<&str> = std::iter::once(name).chain(id.filter(|&id| id != name)).collect();
    let rows = qx_vector::columns::text(bytes, &names).map_err(|e| e.path(path))?;
    let value = |v: Option<String>| v.map_or(Value::Null, Value::String);
    let row = |r: Vec<Option<String>>| names.iter().zip(r).map(|(k, v)| ((*k).to_owned(), value(v))).collect();
    Ok((1..).zip(rows.into_iter().map(row)).collect())
}

fn csv_lines(path: &Path, bytes: &[u8]) -> Result<Vec<(u64, Value)>> {
    let tabs = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("tsv"));
    let mut rows = Rows::new(bytes, if tabs { b'\t' } else { b',' })?;
    let (mut row, mut names, mut lines) = (Row::default(), None::<Vec<String>>, Vec::new());
    while let Some(place) = rows.next(&mut row).map_err(|e| e.path(path))? {
        let text = |cell| std::str::from_utf8(cell).map_err(|e| place.error(format!("not UTF-8: {e}")).path(path));
        let cells = row.cells().map(|cell| text(cell).map(str::to_owned)).collect::<Result<Vec<String>>>()?;
        let Some(names) = &names else {
            names = Some(cells);
            continue;
        };
        if cells.len() != names.len() {
            let wrong = place.error("wrong number of columns").path(path);
            return Err(wrong.expected(format!("{}, as in the first row", names.len())).got(cells.len()));
        }
        lines.push((place.line, names.iter().cloned().zip(cells.into_iter().map(Value::String)).collect()));
    }
    Ok(lines)
}

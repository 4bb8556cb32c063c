//! Telling the form of an input by its content.

use qx_formats::dict_seg::DictSeg;
use qx_formats::{Error, Kind, Result};

/// What an input may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object a line: {"label":..,"key":..,"id":..}; label and id may be missing; {"op":"del",..} removes
    Ndjson,
    /// One document: {"entries":[{"label":..,"key":..,"id":..}]}
    Json,
    /// key, `key<TAB>id` or `label<TAB>key<TAB>id`, the same on every line, an empty id for the next free one; no escapes
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

/// Bytes that are looked at to tell text from other things.
pub const LOOK: usize = 64 << 10;

/// Magic numbers of dictionaries of older systems: refused by name rather than taken for text.
const CLARIUM: [u8; 4] = 0x4447_4E44_u32.to_le_bytes();

/// The form of an input that begins with these bytes; `more` says that it goes on behind them. `None` when they are
/// not text: plain lines may hold any bytes, but only on request, so that no stray binary file becomes a dictionary.
///
/// # Errors
/// `Unsupported` for a binary dictionary of another system, by name.
pub fn detect(look: &[u8], more: bool) -> Result<Option<Form>> {
    if DictSeg::<&[u8]>::is_segment(look) {
        return Ok(Some(Form::Seg));
    }
    refuse_by_name(look)?;
    if look.starts_with(b"PAR1") {
        return Ok(Some(Form::Parquet));
    }
    // A stream begins with the mark of a continuation, then the length of its schema.
    if look.starts_with(b"ARROW1") || look.starts_with(&[0xFF; 4]) {
        return Ok(Some(Form::Arrow));
    }
    let text = match std::str::from_utf8(look) {
        Ok(text) => text,
        Err(e) if more && e.error_len().is_none() => std::str::from_utf8(&look[..e.valid_up_to()]).unwrap_or(""),
        Err(_) => return Ok(None),
    };
    if text.contains('\0') {
        return Ok(None);
    }
    let start = text.trim_start_matches('\u{FEFF}').trim_start();
    if let Some(inside) = start.strip_prefix('{') {
        let whole = ["\"entries\"", "\"next_id\""].iter().any(|field| inside.trim_start().starts_with(field));
        return Ok(Some(if whole { Form::Json } else { Form::Ndjson }));
    }
    if start.strip_prefix('[').is_some_and(|inside| inside.trim_start().starts_with('{')) {
        return Err(Error::invalid("a JSON array, in which no pairs are read")
            .offset(0)
            .expected("one object a line, or {\"entries\":[..]} around the array")
            .hint("`jq -c '.[]'` makes lines of it; say --input lines if its lines are keys"));
    }
    let first = start.lines().next().unwrap_or_default();
    // Columns may be empty: a line of them may well begin with tabs.
    let tabs = text.trim_start_matches('\u{FEFF}').lines().find(|line| !line.is_empty()).unwrap_or_default();
    if first.contains('\t') || tabs.contains('\t') {
        return Ok(Some(Form::Tsv));
    }
    // A comma may well be part of a key; only a row that names the columns says that it is not.
    Ok(Some(if first.contains(',') && is_header(first.split(',')) { Form::Csv } else { Form::Lines }))
}

/// Whether these cells name columns of pairs, the key among them.
pub fn is_header<'a>(cells: impl Iterator<Item = &'a str>) -> bool {
    let mut key = false;
    for cell in cells {
        let cell = cell.trim().trim_matches('"');
        key |= cell == "key";
        if !["label", "key", "id"].contains(&cell) {
            return false;
        }
    }
    key
}

/// A binary dictionary that this build cannot read is named, with its version.
///
/// # Errors
/// `Unsupported` for one.
pub fn refuse_by_name(bytes: &[u8]) -> Result<()> {
    if !bytes.starts_with(&CLARIUM) {
        return Ok(());
    }
    let version = bytes.get(4..6).map_or(0, |b| u16::from_le_bytes([b[0], b[1]]));
    Err(Error::new(Kind::Unsupported, format!("a binary clarium dictionary, version {version}, which is not read"))
        .offset(0)
        .expected("dict.seg, or a clarium dictionary as JSON")
        .got(format!("magic 0x44474E44, version {version}"))
        .hint("export it from there as JSON, and give that"))
}

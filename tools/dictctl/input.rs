//! The forms in which pairs are read.

use std::fmt;

use clap::ValueEnum;
use qx_formats::dict_seg::{DictBuilder, DictSeg};
use qx_formats::{Error, Kind, Result};
use qx_io::Cancel;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

use crate::record::{Line, Pair};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// One JSON object a line: {"label":..,"key":..,"id":..}; label and id may be missing
    Ndjson,
    /// One document: {"entries":[{"label":..,"key":..,"id":..}]}
    Json,
    /// key, key<TAB>id or label<TAB>key<TAB>id, the same on every line, an empty id for the next free one; no escapes
    Tsv,
    /// One key a line, ids assigned
    Lines,
    /// A dictionary segment
    Seg,
}

/// Bytes that are looked at to tell text from other things.
const LOOK: usize = 64 << 10;
const BOM: &[u8] = b"\xEF\xBB\xBF";

/// The form of these bytes, by content. `None` when they are not text: plain lines may hold any bytes, but only on
/// request, so that no stray binary file becomes a dictionary.
pub fn detect(bytes: &[u8]) -> Option<Form> {
    if DictSeg::<&[u8]>::is_segment(bytes) {
        return Some(Form::Seg);
    }
    let look = &bytes[..bytes.len().min(LOOK)];
    let cut = bytes.len() > LOOK;
    let text = match std::str::from_utf8(look) {
        Ok(text) => text,
        Err(e) if cut && e.error_len().is_none() => std::str::from_utf8(&look[..e.valid_up_to()]).unwrap_or(""),
        Err(_) => return None,
    };
    if text.contains('\0') {
        return None;
    }
    let start = text.trim_start_matches('\u{FEFF}').trim_start();
    if let Some(inside) = start.strip_prefix('{') {
        let whole = ["\"entries\"", "\"next_id\""].iter().any(|field| inside.trim_start().starts_with(field));
        return Some(if whole { Form::Json } else { Form::Ndjson });
    }
    let tab = start.lines().next().is_some_and(|line| line.contains('\t'));
    Some(if tab { Form::Tsv } else { Form::Lines })
}

/// Reads inputs, one after the other, into one builder.
pub struct Reader<'a> {
    builder: &'a mut DictBuilder,
    /// Label of pairs that name none.
    label: &'a [u8],
    cancel: Cancel,
    /// Pairs read.
    pub pairs: u64,
    /// Blank lines, which are skipped.
    pub blank: u64,
    /// Lines that end in a carriage return, which stays part of the key.
    pub returns: u64,
}

/// Where a line stands in its input.
#[derive(Clone, Copy)]
struct Place {
    line: u64,
    offset: u64,
}

impl Place {
    fn error(self, what: impl fmt::Display) -> Error {
        Error::invalid(format!("line {}: {what}", self.line)).offset(self.offset)
    }

    /// An error that came from elsewhere, with its place.
    fn put(self, e: Error) -> Error {
        if matches!(e.kind(), Kind::Cancelled | Kind::Io) {
            return e;
        }
        let mut placed = Error::new(e.kind(), format!("line {}: {}", self.line, e.message())).offset(self.offset);
        if let Some(v) = e.get_expected() {
            placed = placed.expected(v);
        }
        if let Some(v) = e.get_got() {
            placed = placed.got(v);
        }
        match e.get_hint() {
            Some(v) => placed.hint(v),
            None => placed,
        }
    }
}

fn json_message(e: &serde_json::Error) -> String {
    let text = e.to_string();
    // The place is told in our own words.
    text.rfind(" at line ").map_or(text.clone(), |at| text[..at].to_owned())
}

impl<'a> Reader<'a> {
    pub fn new(builder: &'a mut DictBuilder, label: &'a [u8], cancel: Cancel) -> Self {
        Reader { builder, label, cancel, pairs: 0, blank: 0, returns: 0 }
    }

    /// Reads one input.
    pub fn read(&mut self, bytes: &[u8], form: Form) -> Result<()> {
        match form {
            Form::Seg => self.segment(bytes),
            Form::Json => self.json(bytes),
            Form::Ndjson => self.ndjson(bytes),
            Form::Tsv => self.tsv(bytes),
            Form::Lines => self.each_line(bytes, |r, line, _| r.pair(None, line, None)),
        }
    }

    fn pair(&mut self, label: Option<&[u8]>, key: &[u8], id: Option<u64>) -> Result<()> {
        if self.pairs.is_multiple_of(4096) {
            self.cancel.check()?;
        }
        self.builder.insert(label.unwrap_or(self.label), key, id)?;
        self.pairs += 1;
        Ok(())
    }

    fn segment(&mut self, bytes: &[u8]) -> Result<()> {
        // An input is believed only when its checksums hold.
        let seg = DictSeg::open(bytes)?.checked(true);
        let mut cursor = seg.cursor();
        while let Some(e) = cursor.next_entry()? {
            self.pair(Some(e.label), e.key, Some(e.id))?;
        }
        self.builder.reserve_ids_up_to(seg.next_id());
        Ok(())
    }

    fn each_line(&mut self, bytes: &[u8], mut each: impl FnMut(&mut Self, &[u8], Place) -> Result<()>) -> Result<()> {
        let mut offset = 0;
        for (line, number) in bytes.split(|&b| b == b'\n').zip(1u64..) {
            let place = Place { line: number, offset };
            offset += line.len() as u64 + 1;
            if line.is_empty() || line == b"\r" {
                // What follows the last newline is no line.
                self.blank += u64::from(offset <= bytes.len() as u64);
                continue;
            }
            self.returns += u64::from(line.ends_with(b"\r"));
            each(self, line, place).map_err(|e| if e.get_offset().is_some() { e } else { place.put(e) })?;
        }
        Ok(())
    }

    fn tsv(&mut self, bytes: &[u8]) -> Result<()> {
        let mut columns = None;
        self.each_line(bytes, |r, line, place| {
            let cells: Vec<&[u8]> = line.split(|&b| b == b'\t').collect();
            let first = *columns.get_or_insert(cells.len());
            if cells.len() != first || first > 3 {
                return Err(place
                    .error("wrong number of columns")
                    .expected(if first > 3 { "at most 3".to_owned() } else { format!("{first}, as on the first line") })
                    .got(cells.len())
                    .hint("a key or label that holds a tab needs --input ndjson"));
            }
            let id = |cell: &[u8]| {
                let text = std::str::from_utf8(cell).ok();
                let number = text.and_then(|t| if t.is_empty() { Some(None) } else { t.parse().ok().map(Some) });
                number.ok_or_else(|| place.error("not an id").expected("a number from 0 on").got(cell.escape_ascii()))
            };
            match cells[..] {
                [key] => r.pair(None, key, None),
                [key, cell] => r.pair(None, key, id(cell)?),
                [label, key, cell] => r.pair(Some(label), key, id(cell)?),
                _ => Ok(()),
            }
        })
    }

    fn ndjson(&mut self, bytes: &[u8]) -> Result<()> {
        let skip = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        let before = self.returns;
        self.each_line(&bytes[skip..], |r, line, place| {
            if line.iter().all(u8::is_ascii_whitespace) {
                r.blank += 1;
                return Ok(());
            }
            let read: Line = serde_json::from_slice(line).map_err(|e| {
                let column = e.column().saturating_sub(1) as u64;
                Place { offset: place.offset + skip as u64 + column, ..place }.error(json_message(&e))
            })?;
            match read {
                Line::Pair(p) => r.pair(p.label.as_deref(), &p.key, p.id),
                Line::Summary { next_id } => {
                    r.builder.reserve_ids_up_to(next_id.unwrap_or(0));
                    Ok(())
                }
            }
        })?;
        // Before a newline it is white space to JSON.
        self.returns = before;
        Ok(())
    }

    fn json(&mut self, bytes: &[u8]) -> Result<()> {
        let skip = if bytes.starts_with(BOM) { BOM.len() } else { 0 };
        let text = &bytes[skip..];
        let mut failed = None;
        let mut de = serde_json::Deserializer::from_slice(text);
        let done = Document { reader: self, failed: &mut failed }.deserialize(&mut de).and_then(|()| de.end());
        let Err(e) = done else { return Ok(()) };
        // serde_json counts lines and columns; files are damaged at bytes.
        let start: usize =
            text.split_inclusive(|&b| b == b'\n').take(e.line().saturating_sub(1)).map(<[u8]>::len).sum();
        let offset = (skip + start + e.column().saturating_sub(1)) as u64;
        let place = Place { line: e.line() as u64, offset };
        Err(match failed {
            Some(e) => place.put(e),
            None => place.error(json_message(&e)),
        })
    }
}

/// `{"entries":[..]}`, read pair by pair. An error of ours cannot pass through serde, so it waits in `failed`.
struct Document<'r, 'a> {
    reader: &'r mut Reader<'a>,
    failed: &'r mut Option<Error>,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `entries`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut entries = false;
        while let Some(field) = map.next_key::<String>()? {
            match field.as_str() {
                "entries" if entries => return Err(de::Error::duplicate_field("entries")),
                "entries" => {
                    entries = true;
                    map.next_value_seed(Entries { reader: self.reader, failed: self.failed })?;
                }
                "next_id" => self.reader.builder.reserve_ids_up_to(map.next_value()?),
                other => return Err(de::Error::unknown_field(other, &["entries", "next_id"])),
            }
        }
        if entries { Ok(()) } else { Err(de::Error::missing_field("entries")) }
    }
}

struct Entries<'r, 'a> {
    reader: &'r mut Reader<'a>,
    failed: &'r mut Option<Error>,
}

impl<'de> DeserializeSeed<'de> for Entries<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of pairs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(p) = seq.next_element::<Pair>()? {
            if let Err(e) = self.reader.pair(p.label.as_deref(), &p.key, p.id) {
                *self.failed = Some(e);
                return Err(de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

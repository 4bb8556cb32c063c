//! `dictctl inspect`: every header and section field, with its place.

use std::path::PathBuf;

use qx_cli::{Context, Status, Table};
use qx_formats::container::Container;
use qx_formats::container::layout::*;
use qx_formats::dict_seg::DictSeg;
use qx_formats::dict_seg::layout::{MAGIC, MAJOR};
use qx_formats::{Error, Kind, Result};
use serde_json::json;

use crate::open;

const EXAMPLES: &str = "\
Examples:
  dictctl inspect x.seg                      PART<TAB>FIELD<TAB>OFFSET<TAB>BYTES<TAB>VALUE
  dictctl inspect broken.seg                 as far as it can be read; exit status 1
  dictctl inspect x.seg --json | jq 'select(.part==\"META\")'";

/// Print every field of header, section table and META, with its offset, bytes and value
///
/// A damaged file is shown as far as it can be read; what is wrong stands on stderr, and the exit status is 1.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Segment to look into
    #[arg(value_name = "SEG")]
    segment: PathBuf,
}

struct Field {
    part: String,
    name: String,
    offset: u64,
    bytes: u64,
    value: String,
}

/// Fields of the header: name, offset, bytes.
const HEADER: [(&str, usize, usize); 11] = [
    ("magic", OFF_MAGIC, 8),
    ("major", OFF_MAJOR, 2),
    ("minor", OFF_MINOR, 2),
    ("sections", OFF_SECTION_COUNT, 4),
    ("features_compat", OFF_FEATURES_COMPAT, 8),
    ("features_ro", OFF_FEATURES_RO, 8),
    ("features_incompat", OFF_FEATURES_INCOMPAT, 8),
    ("uuid", OFF_UUID, 16),
    ("file_len", OFF_FILE_LEN, 8),
    ("table_crc32c", OFF_TABLE_CRC, 4),
    ("header_crc32c", OFF_HEADER_CRC, 4),
];

/// Fields of an entry of the section table.
const ENTRY: [(&str, usize, usize); 6] = [
    ("kind", ENT_KIND, 4),
    ("flags", ENT_FLAGS, 4),
    ("offset", ENT_OFFSET, 8),
    ("bytes", ENT_LEN, 8),
    ("crc32c", ENT_CRC, 4),
    ("first_page", ENT_FIRST_PAGE, 8),
];

fn value(name: &str, bytes: &[u8]) -> String {
    let number = || bytes.iter().rev().fold(0u64, |v, &b| v << 8 | u64::from(b));
    match name {
        "magic" | "kind" => bytes.escape_ascii().to_string(),
        "uuid" => bytes.iter().enumerate().fold(String::new(), |text, (i, b)| {
            let dash = if [4, 6, 8, 10].contains(&i) { "-" } else { "" };
            format!("{text}{dash}{b:02x}")
        }),
        name if name.ends_with("crc32c") || name.starts_with("features") => format!("{:#010x}", number()),
        _ => number().to_string(),
    }
}

fn fields(bytes: &[u8], part: &str, start: usize, table: &[(&str, usize, usize)], to: &mut Vec<Field>) {
    for &(name, at, len) in table {
        let Some(raw) = bytes.get(start + at..start + at + len) else { return };
        let (offset, bytes) = ((start + at) as u64, len as u64);
        to.push(Field { part: part.to_owned(), name: name.to_owned(), offset, bytes, value: value(name, raw) });
    }
}

fn collect(bytes: &[u8]) -> (Vec<Field>, Option<Error>) {
    let mut all = Vec::new();
    fields(bytes, "header", 0, &HEADER, &mut all);
    let count = bytes.get(OFF_SECTION_COUNT..).and_then(|b| b.first_chunk()).map_or(0, |b| u32::from_le_bytes(*b));
    for i in 0..(count as usize).min(MAX_SECTIONS) {
        let start = HEADER_LEN + i * SECTION_ENTRY_LEN;
        let kind = bytes.get(start..start + 4).map_or_else(String::new, |k| k.escape_ascii().to_string());
        fields(bytes, &format!("section {i} {kind}"), start, &ENTRY, &mut all);
    }
    let seg = match DictSeg::open(bytes) {
        Ok(seg) => seg,
        Err(e) => return (all, Some(e)),
    };
    for (name, offset, bytes, value) in seg.meta_fields() {
        all.push(Field { part: "META".to_owned(), name: name.to_owned(), offset, bytes, value: value.to_string() });
    }
    // The bytes of each section are judged by their checksums: a verdict that scripts can read.
    let mut findings = Vec::new();
    if let Ok(container) = Container::open(bytes, "dict.seg", MAGIC, MAJOR, 0) {
        container.verify(bytes, &mut findings);
    }
    for s in seg.sections() {
        let damaged = findings.iter().filter(|f| f.section.as_deref() == Some(&s.name)).count();
        let value =
            if damaged == 0 { "whole".to_owned() } else { format!("damaged in {}", qx_cli::count(damaged, "place")) };
        all.push(Field { part: s.name, name: "content".to_owned(), offset: s.offset, bytes: s.bytes, value });
    }
    let first = findings.first().map(|f| {
        let e = Error::corrupt(f.message.clone());
        f.offset.map_or(Error::corrupt(f.message.clone()), |at| e.offset(at))
    });
    (all, first)
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let map = open::bytes(&args.segment)?;
    let (all, damage) = collect(&map);
    if all.is_empty() || damage.as_ref().is_some_and(|e| e.kind() == Kind::Corrupt && !map.starts_with(&MAGIC[..2])) {
        return Err(damage.unwrap_or_else(|| Error::corrupt("the file is empty").offset(0)).path(&args.segment));
    }
    if cx.json() {
        for f in &all {
            cx.out.record(&json!({
                "part": f.part, "field": f.name, "offset": f.offset, "bytes": f.bytes, "value": f.value,
            }))?;
        }
        let damage = damage.as_ref().map(ToString::to_string);
        let summary =
            json!({"v": 1, "bytes": map.len(), "fields": all.len(), "ok": damage.is_none(), "damage": damage});
        cx.out.record(&json!({"summary": summary}))?;
    } else if cx.for_people() {
        let mut table = Table::new(["part", "field", ">offset", ">bytes", "value"]);
        for f in &all {
            table.row([f.part.clone(), f.name.clone(), f.offset.to_string(), f.bytes.to_string(), f.value.clone()]);
        }
        cx.out.table(&table)?;
    } else {
        for f in &all {
            cx.out.line(format!("{}\t{}\t{}\t{}\t{}", f.part, f.name, f.offset, f.bytes, f.value))?;
        }
    }
    if let Some(e) = damage {
        if e.kind() == Kind::Unsupported {
            return Err(e.path(&args.segment));
        }
        cx.say(format!("{}: {e}", args.segment.display()));
        return Ok(Status::No);
    }
    Ok(Status::Yes)
}

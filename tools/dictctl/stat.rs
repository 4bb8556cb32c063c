//! `dictctl stat`: what a segment holds.

use std::path::PathBuf;

use qx_cli::{Context, Status, Table};
use qx_formats::Result;
use serde_json::{Map, Value, json};

use crate::open;
use qx_dict::record::Record;

const EXAMPLES: &str = "\
Examples:
  dictctl stat x.seg
  dictctl stat x.seg --json | jq .bytes_per_entry";

/// Labels are listed one by one up to this many.
const LISTED_LABELS: u64 = 64;

/// Print counts, id range, sizes and sections
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Segment (or JSON form) to describe
    #[arg(value_name = "SEG")]
    segment: PathBuf,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let seg = open::for_lookups(&args.segment, true)?;
    let (major, minor) = seg.version();
    let bytes = seg.bytes().len() as u64;
    let per_entry = (!seg.is_empty()).then(|| (bytes as f64 / seg.len() as f64 * 100.0).round() / 100.0);
    let ids = seg.id_range();
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("path", args.segment.to_string_lossy().into());
    put("format", format!("dict.seg {major}.{minor}").into());
    put("uuid", seg.uuid().to_string().into());
    put("entries", seg.len().into());
    put("labels", seg.label_count().into());
    put("distinct_keys", seg.distinct_keys().into());
    put("next_id", seg.next_id().into());
    put("id_min", ids.map(|r| r.0).into());
    put("id_max", ids.map(|r| r.1).into());
    put("id_index", if seg.ids_dense() { "dense" } else { "hashed" }.into());
    put("layout", seg.layout_name().into());
    put("compression", if seg.is_compressed() { "zstd" } else { "none" }.into());
    put("key_bytes", seg.key_bytes().into());
    put("longest_key", seg.longest_key().into());
    put("bytes", bytes.into());
    put("bytes_per_entry", per_entry.into());
    let sections: Vec<_> = seg.sections().collect();
    if cx.json() {
        let mut document = Map::from_iter([("v".to_owned(), json!(1))]);
        document.extend(fields);
        let list = sections.iter().map(|s| json!({"name": s.name, "offset": s.offset, "bytes": s.bytes}));
        document.insert("sections".to_owned(), list.collect());
        if seg.label_count() <= LISTED_LABELS {
            let mut by_label = Vec::new();
            for entry in seg.label_counts() {
                let (label, count) = entry.map_err(|e| e.path(&args.segment))?;
                let mut value = json!(Record::new(Some(label), None, None));
                if let Some(object) = value.as_object_mut() {
                    object.remove("id");
                    object.insert("entries".to_owned(), count.into());
                }
                by_label.push(value);
            }
            document.insert("by_label".to_owned(), by_label.into());
        }
        cx.out.record(&document)?;
        return Ok(Status::Yes);
    }
    let plain = |v: Value| match v {
        Value::String(s) => s,
        Value::Null => String::new(),
        other => other.to_string(),
    };
    let mut rows: Vec<(String, String)> = fields.into_iter().map(|(name, v)| (name, plain(v))).collect();
    rows.extend(
        sections.into_iter().map(|s| (format!("section {}", s.name), format!("{} bytes at {}", s.bytes, s.offset))),
    );
    if cx.for_people() {
        let mut table = Table::fields();
        for (name, value) in rows {
            table.row([name, value]);
        }
        cx.out.table(&table)?;
    } else {
        for (name, value) in rows {
            cx.out.line(format!("{name}\t{value}"))?;
        }
    }
    Ok(Status::Yes)
}

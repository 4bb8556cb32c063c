//! `dictctl stat`: what a segment holds.

use std::path::PathBuf;

use qx_cli::{Context, Status, Table};
use qx_formats::Result;
use qx_formats::dict_seg::DictSeg;
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
///
/// The JSON form has counts and ids; what only a segment has is left out.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Segment (or JSON form) to describe
    #[arg(value_name = "SEG")]
    segment: PathBuf,
}

/// What there is to say of a file in a line each; `json`: it is in the JSON form, of which `seg` was made.
fn fields(args: &Args, seg: &DictSeg<qx_io::Map>, json: bool) -> Map<String, Value> {
    let (major, minor) = seg.version();
    let size = seg.bytes().len() as u64;
    let per_entry = (!seg.is_empty()).then(|| (size as f64 / seg.len() as f64 * 100.0).round() / 100.0);
    let ids = seg.id_range();
    let format = if json { "JSON form of a dictionary".to_owned() } else { format!("dict.seg {major}.{minor}") };
    // How long a stream was is not known any more.
    let length = std::fs::metadata(&args.segment).ok().filter(|m| m.is_file()).map(|m| m.len());
    let bytes = if json { length } else { Some(size) };
    let all: [(&str, bool, Value); 16] = [
        ("path", true, args.segment.to_string_lossy().into()),
        ("format", true, format.into()),
        ("uuid", false, seg.uuid().to_string().into()),
        ("entries", true, seg.len().into()),
        ("labels", true, seg.label_count().into()),
        ("distinct_keys", true, seg.distinct_keys().into()),
        ("next_id", true, seg.next_id().into()),
        ("id_min", true, ids.map(|r| r.0).into()),
        ("id_max", true, ids.map(|r| r.1).into()),
        ("id_index", false, if seg.ids_dense() { "dense" } else { "hashed" }.into()),
        ("layout", false, seg.layout_name().into()),
        ("compression", false, if seg.is_compressed() { "zstd" } else { "none" }.into()),
        ("key_bytes", true, seg.key_bytes().into()),
        ("longest_key", true, seg.longest_key().into()),
        ("bytes", true, bytes.into()),
        ("bytes_per_entry", false, per_entry.into()),
    ];
    all.into_iter().filter(|f| f.1 || !json).map(|(name, _, value)| (name.to_owned(), value)).collect()
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let (seg, json) = open::with_form(&args.segment, true)?;
    let fields = fields(&args, &seg, json);
    let sections: Vec<_> = seg.sections().filter(|_| !json).collect();
    if cx.json() {
        let mut document = Map::from_iter([("v".to_owned(), json!(1))]);
        document.extend(fields);
        if !json {
            let list = sections.iter().map(|s| json!({"name": s.name, "offset": s.offset, "bytes": s.bytes}));
            document.insert("sections".to_owned(), list.collect());
        }
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

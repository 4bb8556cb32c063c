//! `vindex inspect`: the file as it lies there, or one row of it.

use std::path::{Path, PathBuf};

use qx_cli::{Context, Status};
use qx_formats::container::layout::*;
use qx_formats::container::{Container, header_holds};
use qx_formats::vdata::layout::{MAGIC, MAJOR};
use qx_formats::{Error, Kind, Result};
use qx_vector::Index;
use serde_json::{Value, json};

use crate::input;
use crate::options::{id_in, parse_id};
use crate::search::row_id;

const EXAMPLES: &str = "\
Examples:
  vindex inspect x.vdata                    header, sections, checksums, degrees
  vindex inspect x.vdata --row 17           one row: id, vector, codes, neighbours
  vindex inspect x.vdata --id -4 --json";

/// Print the structure of a file, whole or damaged, or everything about one row
///
/// Reads as far as the bytes allow: of a file that cannot be opened, what its header and section table still say.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// File to look at
    #[arg(value_name = "VDATA")]
    index: PathBuf,

    /// Row by its number in the file
    #[arg(long, value_name = "N")]
    row: Option<u32>,

    /// Row by its id
    #[arg(long, value_name = "ID", conflicts_with = "row", allow_negative_numbers = true)]
    id: Option<String>,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let bytes = input::index(&args.index)?;
    if args.row.is_none() && args.id.is_none() {
        let document = structure(&args.index, &bytes)?;
        let opens = document.get("error").is_none();
        print(document, cx)?;
        return Ok(Status::from_bool(opens));
    }
    let index = Index::open(&bytes[..]).map_err(|e| e.path(&args.index))?;
    let rows = u32::try_from(index.len()).unwrap_or(u32::MAX);
    let row = match &args.id {
        Some(text) => {
            let id = id_in(index.flavour(), parse_id(text)?);
            (0..rows).find(|&r| id.is_some() && index.row_id(r) == id)
        }
        None => args.row.filter(|&r| r < rows),
    };
    let Some(row) = row else {
        return Err(Error::new(Kind::NotFound, "there is no such row")
            .path(&args.index)
            .expected(format!("{rows} rows")));
    };
    print(one_row(&index, row), cx)
}

fn structure(path: &Path, bytes: &[u8]) -> Result<Value> {
    let container = match Container::open(bytes, ".vdata", MAGIC, MAJOR, 0) {
        Ok(container) => container,
        Err(e) => return outline(path, bytes, e),
    };
    let sections: Vec<Value> = container
        .sections
        .iter()
        .map(|s| {
            let page = PAGE_LEN;
            let sums = s.kind == KIND_PAGE_SUMS;
            let pages = s.len().div_ceil(page);
            let bad =
                if sums { 0 } else { (0..pages).filter(|p| container.check_page(bytes, s, p * page).is_err()).count() };
            json!({"name": s.name(), "offset": s.range.start, "bytes": s.len(), "flags": s.flags,
                "crc32c": format!("{:08x}", s.crc), "pages": pages, "damaged_pages": bad})
        })
        .collect();
    let mut document = json!({
        "v": 1, "path": path.to_string_lossy(), "version": format!("{}.{}", container.major, container.minor),
        "uuid": container.uuid.to_string(), "bytes": bytes.len(), "sections": sections,
    });
    match Index::open(bytes) {
        Err(e) => document["error"] = e.to_string().into(),
        Ok(index) => {
            let meta = index.meta();
            document["meta"] = json!({
                "rows": meta.rows, "dim": meta.dim, "metric": meta.metric.name(), "element": meta.element.name(),
                "compact": meta.compact, "engine": meta.engine.name(), "codes": meta.codes, "degree": meta.degree,
                "entry_points": meta.entry_count, "m": meta.m, "ef_build": meta.ef_build, "ef_search": meta.ef_search,
                "ef_sure": meta.ef_sure, "seed": meta.seed, "row_ids": index.flavour().name(),
            });
            if meta.degree > 0 {
                let mut degrees: Vec<usize> = (0..index.len() as u32).map(|r| index.neighbours(r).count()).collect();
                degrees.sort_unstable();
                let at = |share: f64| degrees.get(((degrees.len().max(1) - 1) as f64 * share) as usize);
                document["degrees"] = json!({"least": at(0.0), "median": at(0.5), "p99": at(0.99), "most": at(1.0),
                    "edges": degrees.iter().sum::<usize>()});
            }
        }
    }
    Ok(document)
}

/// What header and section table of a damaged file say, read as they stand.
///
/// # Errors
/// `e`, why it cannot be opened, where it is another file, one of a newer version, or has no header left.
fn outline(path: &Path, bytes: &[u8], e: Error) -> Result<Value> {
    let newer = e.kind() == Kind::Unsupported && header_holds(bytes);
    if !bytes.starts_with(&MAGIC) || bytes.len() < HEADER_LEN || newer {
        return Err(e.path(path));
    }
    let number = |at: usize, len: usize| {
        let raw = bytes.get(at..at.saturating_add(len))?;
        Some(raw.iter().rev().fold(0u64, |v, &b| (v << 8) | u64::from(b)))
    };
    let entry = |i: usize| {
        let at = HEADER_LEN + i * SECTION_ENTRY_LEN;
        let kind = bytes.get(at + ENT_KIND..at + ENT_FLAGS)?;
        Some(json!({"name": kind.escape_ascii().to_string(), "offset": number(at + ENT_OFFSET, 8)?,
            "bytes": number(at + ENT_LEN, 8)?, "flags": number(at + ENT_FLAGS, 4)?,
            "crc32c": format!("{:08x}", number(at + ENT_CRC, 4)?)}))
    };
    let count = number(OFF_SECTION_COUNT, 4).map_or(0, |n| n.min(MAX_SECTIONS as u64) as usize);
    let sections: Vec<Value> = (0..count).map_while(entry).collect();
    let version = [OFF_MAJOR, OFF_MINOR].map(|at| number(at, 2).unwrap_or(0).to_string()).join(".");
    let uuid: String = bytes.iter().skip(OFF_UUID).take(16).map(|b| format!("{b:02x}")).collect();
    Ok(json!({
        "v": 1, "path": path.to_string_lossy(), "version": version, "uuid": uuid, "bytes": bytes.len(),
        "stated_bytes": number(OFF_FILE_LEN, 8), "sections": sections, "error": e.to_string(),
    }))
}

fn one_row(index: &Index<&[u8]>, row: u32) -> Value {
    let mut document = json!({
        "v": 1, "row": row, "row_id": row_id(index.flavour(), index.row_id(row).unwrap_or(0)),
        "vector": index.vector(row),
    });
    if let Some((scale, bias, codes)) = index.coded(row) {
        document["codes"] = json!({"scale": scale, "bias": bias, "codes": codes});
    }
    if index.meta().degree > 0 {
        document["neighbours"] = index.neighbours(row).collect::<Vec<u32>>().into();
    }
    document
}

/// JSON, or the same as `name<TAB>value` lines.
fn print(document: Value, cx: &mut Context) -> Result<Status> {
    if cx.json() {
        cx.out.record(&document)?;
        return Ok(Status::Yes);
    }
    let mut lines = Vec::new();
    flatten("", &document, &mut lines);
    for (name, value) in lines.into_iter().filter(|(name, _)| name != "v") {
        cx.out.line(format!("{name}\t{value}"))?;
    }
    Ok(Status::Yes)
}

fn flatten(name: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (key, v) in fields {
                let name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(&name, v, out);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for item in items {
                let fields = item.as_object().into_iter().flatten().filter(|(k, _)| *k != "name");
                let text: Vec<String> = fields.map(|(k, v)| format!("{k} {}", plain(v))).collect();
                let label = item.get("name").map(plain).unwrap_or_default();
                out.push((format!("{}.{label}", name.trim_end_matches('s')), text.join(", ")));
            }
        }
        Value::Array(items) => {
            out.push((name.to_owned(), items.iter().map(plain).collect::<Vec<_>>().join(" ")));
        }
        other => out.push((name.to_owned(), plain(other))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(s) => s.clone(),
        other => other.to_string(),
    }
}

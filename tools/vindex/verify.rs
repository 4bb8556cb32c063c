//! `vindex verify`: is this index whole, and does its graph reach every row?

use std::path::{Path, PathBuf};

use qx_cli::{Context, Status, Table, count};
use qx_formats::container::{Finding, Severity, header_holds};
use qx_formats::vdata::deny;
use qx_formats::vdata::layout::DENY_MAGIC;
use qx_formats::{Kind, Result};
use qx_io::Map;
use qx_vector::definition::Definition;
use qx_vector::set::Segments;
use qx_vector::{Index, show_row_id};
use serde_json::json;

use crate::input;

const EXAMPLES: &str = "\
Examples:
  vindex verify x.vdata             silent on stdout and exit 0 when it is whole
  vindex verify x.vdata --quick     checksums only, at the speed of the disk
  vindex verify x.vindex            the definition and every file that it names
  vindex verify x.vdata --json | jq -r 'select(.id) | .id'";

/// Prove an index, or say what is damaged and where
///
/// Checks every checksum; then the content hash, that row ids are unique, that the graph stays within its bounds and
/// reaches every row, and that norms and codes are those of the vectors. Of a definition (.vindex) its own checksum, and
/// every file that it names. Prints a line per finding (severity, id, section, offset, message) and exits 1 when there
/// is one. Nothing is changed.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to verify (.vdata, .vindex or .deny)
    #[arg(value_name = "INDEX")]
    index: PathBuf,

    /// Checksums only
    #[arg(long)]
    quick: bool,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let start = std::time::Instant::now();
    let map = input::index(&args.index)?;
    let definition = map.trim_ascii_start().first() == Some(&b'{');
    let (rows, read, found) = if definition { whole(&args, &map)? } else { file(&args, &map)? };
    let errors = found.iter().filter(|f| f.finding.severity == Severity::Error).count();
    if cx.json() {
        for f in &found {
            cx.out.record(f)?;
        }
        cx.out.record(&json!({"summary": {
            "v": 1, "path": args.index.to_string_lossy(), "ok": errors == 0, "quick": args.quick,
            "findings": found.len(), "errors": errors, "rows": rows, "bytes": read,
            "ms": u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX),
        }}))?;
    } else {
        print(&found, cx)?;
    }
    let path = args.index.display();
    match rows {
        Some(n) if errors == 0 => cx.say(format!("{path}: whole, {}, {}", count(n, "row"), count(read, "byte"))),
        _ => cx.say(format!("{path}: damaged, {}", count(errors, "finding"))),
    }
    Ok(Status::from_bool(errors == 0))
}

/// A finding, and in which of several files.
#[derive(serde::Serialize)]
struct Found {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(flatten)]
    finding: Finding,
}

type Verdict = (Option<u64>, u64, Vec<Found>);

/// Rows, bytes that were read, and what is wrong with one file.
fn file(args: &Args, map: &[u8]) -> Result<Verdict> {
    let found = |list: Vec<Finding>| list.into_iter().map(|finding| Found { path: None, finding }).collect();
    if map.starts_with(&DENY_MAGIC) {
        let rows = deny::decode(map).ok().map(|(_, ids)| ids.len() as u64);
        return Ok((rows, map.len() as u64, found(deny::verify(map))));
    }
    // A newer version is not damage: it is for a newer release to judge.
    let rows = match Index::open(map) {
        Err(e) if e.kind() == Kind::Unsupported && header_holds(map) => return Err(e.path(&args.index)),
        opened => opened.ok().map(|index| index.len() as u64),
    };
    Ok((rows, map.len() as u64, found(qx_vector::verify(map, !args.quick))))
}

/// The same of a definition and everything that it names.
fn whole(args: &Args, map: &[u8]) -> Result<Verdict> {
    let mut all: Vec<Found> = Vec::new();
    let mut read = map.len() as u64;
    let definition = match Definition::decode(map) {
        Err(e) if e.kind() == Kind::Unsupported => return Err(e.path(&args.index)),
        Err(e) => {
            all.push(Found { path: None, finding: Finding::from_error("vindex.definition", &e) });
            return Ok((None, read, all));
        }
        Ok(d) => d,
    };
    let folder = args.index.parent().unwrap_or(Path::new(""));
    for segment in &definition.segments {
        let path = folder.join(&segment.path);
        let mut add = |finding: Finding| all.push(Found { path: Some(segment.path.clone()), finding });
        let bytes = match Map::open(&path) {
            Ok(bytes) => bytes,
            Err(e) => {
                add(Finding::from_error("vindex.segment_missing", &e));
                continue;
            }
        };
        read += bytes.len() as u64;
        if crc32c::crc32c(&bytes) != segment.crc32c || bytes.len() as u64 != segment.bytes {
            add(Finding::error("vindex.segment_bytes", "length or checksum is not that of the definition")
                .expected(format!("{} bytes, {:08x}", segment.bytes, segment.crc32c))
                .got(format!("{} bytes, {:08x}", bytes.len(), crc32c::crc32c(&bytes))));
        }
        if bytes.starts_with(&DENY_MAGIC) {
            deny::verify(&bytes).into_iter().for_each(&mut add);
        } else {
            qx_vector::verify(&bytes, !args.quick).into_iter().for_each(&mut add);
        }
    }
    let rows = match Segments::from_definition(&args.index, definition) {
        Ok(set) => {
            let twice = if args.quick { None } else { set.row_id_twice() };
            all.extend(twice.map(|id| Found { path: None, finding: twice_among(&set, id) }));
            Some(set.len())
        }
        Err(e) if all.is_empty() => {
            all.push(Found { path: None, finding: Finding::from_error("vindex.definition", &e) });
            None
        }
        Err(_) => None,
    };
    Ok((rows, read, all))
}

fn twice_among(set: &Segments, id: u64) -> Finding {
    let id = show_row_id(set.flavour(), id);
    Finding::error("vindex.row_id_twice", format!("two rows that can be answered have the row id {id}"))
}

fn print(found: &[Found], cx: &mut Context) -> Result<()> {
    let cells = |found: &Found| {
        let f = &found.finding;
        let severity = match f.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let mut message = found.path.as_ref().map_or_else(String::new, |p| format!("{p}: "));
        message.push_str(&f.message);
        match (&f.expected, &f.got) {
            (Some(e), Some(g)) => message.push_str(&format!(" (expected {e}, got {g})")),
            (Some(e), None) => message.push_str(&format!(" (expected {e})")),
            (None, Some(g)) => message.push_str(&format!(" (got {g})")),
            (None, None) => {}
        }
        let offset = f.offset.map_or_else(String::new, |o| o.to_string());
        [severity.to_owned(), f.id.to_owned(), f.section.clone().unwrap_or_default(), offset, message]
    };
    if cx.for_people() && !found.is_empty() {
        let mut table = Table::new(["severity", "finding", "section", ">offset", "message"]);
        for f in found {
            table.row(cells(f));
        }
        return cx.out.table(&table);
    }
    found.iter().try_for_each(|f| cx.out.line(cells(f).join("\t")))
}

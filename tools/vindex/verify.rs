//! `vindex verify`: is this index whole, and does its graph reach every row?

use std::path::PathBuf;

use qx_cli::{Context, Status, Table};
use qx_formats::container::{Finding, Severity};
use qx_formats::{Kind, Result};
use qx_vector::Index;
use serde_json::json;

use crate::input;

const EXAMPLES: &str = "\
Examples:
  vindex verify x.vdata             silent on stdout and exit 0 when it is whole
  vindex verify x.vdata --quick     checksums only, at the speed of the disk
  vindex verify x.vdata --json | jq -r 'select(.id) | .id'";

/// Prove an index, or say what is damaged and where
///
/// Checks every checksum; then the content hash, that row ids are unique, that the graph stays within its bounds and
/// reaches every row, and that norms and codes are those of the vectors. Prints a line per finding (severity, id,
/// section, offset, message) and exits 1 when there is one. The file is never changed.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to verify
    #[arg(value_name = "VDATA")]
    index: PathBuf,

    /// Checksums only
    #[arg(long)]
    quick: bool,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let map = input::bytes(&args.index)?;
    // A newer version is not damage: it is for a newer release to judge.
    let rows = match Index::open(&map[..]) {
        Err(e) if e.kind() == Kind::Unsupported => return Err(e.path(&args.index)),
        opened => opened.ok().map(|index| index.len()),
    };
    let found = qx_vector::verify(&map, !args.quick);
    let errors = found.iter().filter(|f| f.severity == Severity::Error).count();
    if cx.json() {
        for f in &found {
            cx.out.record(f)?;
        }
        cx.out.record(&json!({"summary": {
            "v": 1, "path": args.index.to_string_lossy(), "ok": errors == 0, "quick": args.quick,
            "findings": found.len(), "errors": errors, "rows": rows, "bytes": map.len(),
        }}))?;
    } else {
        print(&found, cx)?;
    }
    let path = args.index.display();
    match rows {
        Some(n) if errors == 0 => cx.say(format!("{path}: whole, {n} rows, {} bytes", map.len())),
        _ => cx.say(format!("{path}: damaged, {errors} findings")),
    }
    Ok(Status::from_bool(errors == 0))
}

fn print(found: &[Finding], cx: &mut Context) -> Result<()> {
    let cells = |f: &Finding| {
        let severity = match f.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let mut message = f.message.clone();
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

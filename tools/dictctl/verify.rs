//! `dictctl verify`: is this segment whole?

use std::path::PathBuf;

use qx_cli::{Context, Status, Table, count};
use qx_formats::container::{Finding, Severity, header_holds};
use qx_formats::dict_seg::{self, DictSeg};
use qx_formats::{Kind, Result};
use serde_json::{Map, Value, json};

use crate::open;

const EXAMPLES: &str = "\
Examples:
  dictctl verify x.seg             silent on stdout and exit 0 when it is whole
  dictctl verify x.seg --quick     checksums only, at the speed of the disk
  dictctl verify x.seg --json | jq -r 'select(.id) | .id'
  dictctl verify x.seg --json | jq -c 'select(.summary) | .summary.sections'";

/// Prove a segment, or say what is damaged and where
///
/// Checks every checksum; then that keys are sorted, that each is found through the hash, that each id leads back to
/// its key, and that counts and UUID are true. Prints a line per finding (severity, id, section, offset, message) and
/// exits 1 when there is one. The file is never changed.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Segment to verify
    #[arg(value_name = "SEG")]
    segment: PathBuf,

    /// Checksums only
    #[arg(long)]
    quick: bool,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let map = open::bytes(&args.segment)?;
    // A newer version is not damage: it is for a newer release to judge.
    let seg = match DictSeg::open(&map[..]) {
        Err(e) if e.kind() == Kind::Unsupported && header_holds(&map) => return Err(e.path(&args.segment)),
        opened => opened.ok(),
    };
    let entries = seg.as_ref().map(DictSeg::len);
    let found = dict_seg::verify(&map, !args.quick);
    let errors = found.iter().filter(|f| f.severity == Severity::Error).count();
    if cx.json() {
        for f in &found {
            cx.out.record(f)?;
        }
        // A verdict for each section; none where the table of sections itself does not hold.
        let whole = |name: &str| !found.iter().any(|f| f.section.as_deref() == Some(name));
        let sections: Map<String, Value> =
            seg.iter().flat_map(DictSeg::sections).map(|s| (s.name.clone(), whole(&s.name).into())).collect();
        cx.out.record(&json!({"summary": {
            "v": 1, "path": args.segment.to_string_lossy(), "ok": errors == 0, "quick": args.quick,
            "findings": found.len(), "errors": errors, "entries": entries, "bytes": map.len(),
            "sections": sections,
        }}))?;
    } else {
        print(&found, cx)?;
    }
    let path = args.segment.display();
    match entries {
        Some(n) if errors == 0 => cx.say(format!("{path}: whole, {}, {}", count(n, "entry"), count(map.len(), "byte"))),
        _ => cx.say(format!("{path}: damaged, {}", count(errors, "finding"))),
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

//! `deltalog verify`: is this log whole?

use std::path::PathBuf;

use qx_cli::{Context, Status, count};
use qx_formats::Result;
use qx_formats::container::{Finding, Severity};
use serde_json::json;

use crate::show;

const EXAMPLES: &str = "\
Examples:
  deltalog verify LOG && echo whole
  deltalog verify LOG --json | jq -r 'select(.id) | .id'";

/// Prove a log, or say what is damaged and where
///
/// Reads every byte of every segment through the decoder that recovery uses: checksums, LSNs, transactions, footers,
/// and that segments follow one another. Prints a line per finding (severity, id, segment, offset, message) and exits 1
/// when one is an error. A note is no damage: it says what a later segment superseded. Nothing is changed, and no lock
/// is taken.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder of the log
    #[arg(value_name = "DIR")]
    dir: PathBuf,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let found = qx_log::verify(&args.dir)?;
    let errors = found.iter().filter(|f| f.severity == Severity::Error).count();
    if cx.json() {
        for f in &found {
            cx.out.record(f)?;
        }
        cx.out.record(&json!({"summary": {
            "v": 1, "path": args.dir.to_string_lossy(), "ok": errors == 0, "findings": found.len(), "errors": errors,
        }}))?;
    } else if !found.is_empty() {
        show::rows(cx, &["severity", "finding", "segment", ">offset", "message"], found.iter().map(cells).collect())?;
    }
    let path = args.dir.display();
    match errors {
        0 => cx.say(format!("{path}: whole")),
        n => cx.say(format!("{path}: damaged, {}", count(n, "finding"))),
    }
    Ok(Status::from_bool(errors == 0))
}

fn cells(f: &Finding) -> Vec<String> {
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
    vec![severity.to_owned(), f.id.to_owned(), f.section.clone().unwrap_or_default(), offset, message]
}

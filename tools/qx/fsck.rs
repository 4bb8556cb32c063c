//! `qx fsck`: is this database whole?

use std::path::PathBuf;

use clap::ValueEnum;
use qx_cli::{Context, Status, count};
use qx_formats::Result;
use qx_formats::container::Severity;
use qx_store::fsck::{self, Level};
use serde_json::json;

use crate::runtime::block_on;
use crate::show;

const EXAMPLES: &str = "\
Examples:
  qx fsck my.db && echo whole
  qx fsck my.db --level presence                  without reading every byte
  qx fsck my.db --json | jq -r 'select(.id) | .help'";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LevelArg {
    /// Documents, the log's headers, Delta logs, and what they say of one another
    Metadata,
    /// Also: every file is there, with its length, and every file that is there is named
    Presence,
    /// Also: every byte under its checksum
    Bytes,
}

/// Prove a database folder, or say what is damaged and what helps
///
/// Looks across formats: every file under its checksum, manifests against files, Delta logs against Parquet files, graph
/// ids against dictionaries, watermarks against the log. Prints a line per finding (severity, id, path, message, and the
/// command that helps) and exits 1 when one is an error. A note is no damage: a file that nothing names, or what a
/// stopped writer left. Nothing is changed, and no lock is taken.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// How deep to look
    #[arg(long, value_enum, value_name = "LEVEL", default_value = "bytes")]
    level: LevelArg,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let level = match args.level {
        LevelArg::Metadata => Level::Metadata,
        LevelArg::Presence => Level::Presence,
        LevelArg::Bytes => Level::Bytes,
    };
    let (job, cancel) = (cx.job(), cx.cancel.clone());
    let report = block_on(&cancel, fsck::check(&args.db, level, &job))?;
    let (errors, warnings) = (report.count(Severity::Error), report.count(Severity::Warning));
    if cx.json() {
        for found in &report.found {
            cx.out.record(found)?;
        }
        cx.out.record(&json!({"summary": {
            "v": 1, "path": args.db.to_string_lossy(), "ok": report.sound(), "level": report.level,
            "findings": report.found.len(), "errors": errors, "warnings": warnings,
            "files": report.files, "bytes": report.bytes,
        }}))?;
    } else if !report.found.is_empty() {
        print(cx, &report.found)?;
    }
    let path = args.db.display();
    let repaired = report.found.iter().any(|f| f.finding.severity == Severity::Error && f.repair.is_some());
    match errors {
        0 => cx.say(format!("{path}: whole; {} files, {} bytes", report.files, report.bytes)),
        n if repaired => cx
            .say(format!("{path}: damaged, {}; `qx repair {path} --dry-run` says what can be done", count(n, "error"))),
        n => cx.say(format!("{path}: damaged, {}, of which repair mends none: see what helps", count(n, "error"))),
    }
    Ok(Status::from_bool(report.sound()))
}

/// A line for each finding.
pub fn print(cx: &mut Context, found: &[fsck::Found]) -> Result<()> {
    let cells = |f: &fsck::Found| {
        let severity = match f.finding.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        };
        let cells = [severity, f.finding.id, &f.path, &show::message(&f.finding), &f.help];
        cells.into_iter().map(str::to_owned).collect()
    };
    show::rows(cx, &["severity", "finding", "path", "message", "what helps"], found.iter().map(cells).collect())
}

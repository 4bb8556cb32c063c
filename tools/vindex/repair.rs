//! `vindex repair`: what can be saved of a damaged file.

use std::path::PathBuf;

use qx_cli::{Context, OutputArgs, Status, count};
use qx_formats::{Kind, Result};
use serde_json::json;

use crate::build::{check_file, to_output};
use crate::input;
use crate::options::report;

const EXAMPLES: &str = "\
Examples:
  vindex repair damaged.vdata -o mended.vdata
  vindex repair damaged.vdata -o mended.vdata --json | jq .lost_ids";

/// Write a new file from what is whole in a damaged one, and say what was lost
///
/// Codes, norms and graph are made again from the vectors; the codes of a compact file stay as they are. A row whose
/// vector is damaged is read from its codes, near but not equal, and counted; one that has neither, or whose id is
/// damaged, is lost. Of a file that was cut short only sections that are there from end to end can be proven, and are
/// saved. The damaged file is never changed. Exits 1 when rows were lost or are no longer exact.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Damaged file
    #[arg(value_name = "VDATA")]
    index: PathBuf,

    /// File to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// Threads to use (default: as many as there are cores)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    #[command(flatten)]
    out: OutputArgs,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    check_file(&args.output, &args.out, cx)?;
    let bytes = input::bytes(&args.index)?;
    let job = cx.job();
    let r = to_output(&args.output, &args.out, cx, |o| {
        let done = qx_vector::repair::repair(&bytes, args.threads, &job, o);
        // What could not be written is of the new file, everything else of the damaged one.
        done.map_err(|e| if e.kind() == Kind::Io { e } else { e.path(&args.index) })
    })?;
    let verb = if args.out.dry_run { "would save" } else { "saved" };
    let mut sentence =
        format!("{}: {verb} {} of {} rows into {}", args.index.display(), r.saved, r.rows, args.output.display());
    if r.from_codes > 0 {
        sentence.push_str(&format!(", {} of them from their codes (not exact)", r.from_codes));
    }
    if r.lost > 0 {
        sentence.push_str(&format!(", {} lost: row ids {}", r.lost, shown(&r.lost_ids, r.lost)));
    }
    for (section, pages) in &r.damaged_pages {
        sentence.push_str(&format!("; {} in {section}", count(*pages, "damaged page")));
    }
    let clean = r.lost == 0 && r.from_codes == 0;
    let more = json!({"path": args.output.to_string_lossy(), "dry_run": args.out.dry_run});
    report(cx, &r, more, sentence)?;
    Ok(Status::from_bool(clean))
}

fn shown(ids: &[String], lost: u64) -> String {
    let first: Vec<&str> = ids.iter().take(10).map(String::as_str).collect();
    let rest =
        if lost as usize > first.len() { format!(" and {} more", lost as usize - first.len()) } else { String::new() };
    if first.is_empty() { "unknown".to_owned() } else { format!("{}{rest}", first.join(" ")) }
}

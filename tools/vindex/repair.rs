//! `vindex repair`: what can be saved of a damaged file.

use std::path::PathBuf;

use qx_cli::{Context, OutputArgs, Status, count, is_dash};
use qx_formats::{Error, Kind, Result};
use qx_vector::Metric;
use qx_vector::definition::{Definition, is_current};
use qx_vector::repair::Known;
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
/// saved. A damaged header, section table or META is made again from what else tells the same, and the report says from
/// what. The damaged file is never changed. Exits 1 when rows were lost or are no longer exact.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Damaged file
    #[arg(value_name = "VDATA")]
    index: PathBuf,

    /// File to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// Dimension, where META is damaged and there are no codes to tell it (default: as the definition beside it says)
    #[arg(long, value_name = "N")]
    dim: Option<u32>,

    /// Metric, likewise: l2, ip or cosine
    #[arg(long, value_name = "METRIC")]
    metric: Option<Metric>,

    /// Threads to use (default: as many as there are cores)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,

    #[command(flatten)]
    out: OutputArgs,
}

impl Args {
    /// What the options say of the damaged file, and the definition beside it.
    fn known(&self) -> Known {
        let mut known = qx_vector::repair::known();
        let beside = qx_vector::set::definition_beside(&self.index);
        let read = if is_dash(&self.index) { None } else { std::fs::read(beside).ok() };
        if let Some(d) = read.and_then(|bytes| Definition::decode(&bytes).ok()) {
            let (ef_build, ef_search) = (d.parameters.ef_build, d.parameters.ef_search);
            known = Known { dim: d.dim, metric: d.metric.parse().ok(), ef_build, ef_search, seed: d.parameters.seed };
        }
        Known { dim: self.dim.or(known.dim), metric: self.metric.or(known.metric), ..known }
    }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    check_file(&args.output, &args.out, cx)?;
    let bytes = input::bytes(&args.index)?;
    if is_current(&bytes) {
        return Err(Error::usage("a definition holds no rows that could be repaired")
            .path(&args.index)
            .hint("repair the .vdata files that it names, each by itself: `vindex verify` tells which are damaged"));
    }
    let (known, job) = (args.known(), cx.job());
    let r = to_output(&args.output, &args.out, cx, |o| {
        let done = qx_vector::repair::repair_with(&bytes, &known, args.threads, &job, o);
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
    for told in &r.front {
        sentence.push_str(&format!("; {told}"));
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

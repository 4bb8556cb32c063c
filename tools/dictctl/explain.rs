//! `dictctl explain`: what a lookup touches.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use qx_cli::{Context, Status, Table, count};
use qx_formats::Result;
use serde_json::json;

use crate::open;
use qx_dict::record::Record;

const EXAMPLES: &str = "\
Examples:
  dictctl explain x.seg planner
  dictctl explain x.seg planner --label Tool --json";

/// Show the sections, bytes and cache lines that the lookup of a key touches
///
/// Exit status 1 when the key is not there. What is read at every open (META) and what stays in the processor's cache
/// (labels, the directory of blocks, the table of chunks) is listed, too. Bytes and lines that several steps read are counted
/// once in the sum. Of the JSON form, the segment that is made of it in memory is shown.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Segment (or JSON form) to look in
    #[arg(value_name = "SEG")]
    segment: PathBuf,

    /// Key to look up
    #[arg(value_name = "KEY")]
    key: OsString,

    /// Look under this label only
    #[arg(long, value_name = "L")]
    label: Option<OsString>,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let seg = open::for_lookups(&args.segment, false)?;
    let key = args.key.as_bytes();
    let label = args.label.as_ref().map(|l| l.as_bytes());
    let trace = seg.trace(label, key).map_err(|e| e.path(&args.segment))?;
    // A line that several steps read is loaded once.
    let lines: BTreeSet<u64> = trace.steps.iter().flat_map(qx_formats::dict_seg::Step::lines).collect();
    let bytes = trace.bytes();
    let of = |s: &qx_formats::dict_seg::Step| s.lines().end.saturating_sub(s.lines().start);
    if cx.json() {
        for s in &trace.steps {
            let step =
                json!({"section": s.section, "offset": s.offset, "bytes": s.bytes, "lines": of(s), "what": s.what});
            cx.out.record(&step)?;
        }
        let mut summary = json!(Record::new(label, Some(key), trace.id).found(trace.id.is_some()));
        summary["v"] = 1.into();
        summary["bytes"] = bytes.into();
        summary["lines"] = lines.len().into();
        cx.out.record(&json!({"summary": summary}))?;
    } else if cx.for_people() {
        let mut table = Table::new(["section", ">offset", ">bytes", ">lines", "what"]);
        for s in &trace.steps {
            let cells = [s.section.clone(), s.offset.to_string(), s.bytes.to_string(), of(s).to_string()];
            table.row(cells.into_iter().chain([s.what.clone()]));
        }
        cx.out.table(&table)?;
    } else {
        for s in &trace.steps {
            cx.out.line(format!("{}\t{}\t{}\t{}\t{}", s.section, s.offset, s.bytes, of(s), s.what))?;
        }
    }
    let answer = trace.id.map_or_else(|| "not there".to_owned(), |id| format!("id {id}"));
    cx.say(format!("{answer}: {} in {}", count(bytes, "byte"), count(lines.len(), "cache line")));
    Ok(Status::from_bool(trace.id.is_some()))
}

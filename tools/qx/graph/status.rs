//! `qx graph status`: what stands in the deltas of graphs, and whether they are due for compaction.

use qx_cli::{Context, Status, Table};
use qx_formats::Result;
use serde_json::{Value, json};

use super::{Target, chosen, open};

const EXAMPLES: &str = "\
Examples:
  qx graph status my.db
  qx graph status my.db dependency_graph --json";

/// Show what stands in the deltas of graphs, and whether they are due for compaction
///
/// The columns are those of SHOW GRAPH STATUS.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    target: Target,
}

const COLUMNS: [&str; 12] = [
    "epoch",
    "partitions",
    "delta_adds",
    "delta_tombstones",
    "compaction_backlog",
    "commit_window_ms",
    "gc_max_delta_records",
    "gc_tombstone_ratio_ppm",
    "gc_max_delta_age_ms",
    "bfs_calls",
    "wal_commits",
    "recoveries",
];

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let view = args.target.open()?;
    let settings = view.catalog().settings.clone();
    let mut lines = Vec::new();
    for (name, def) in chosen(&view, &args.target.graphs)? {
        let status = open(&view, &name, &def)?.status(&def.limits(&settings), qx_log::now_us());
        let values = serde_json::to_value(&status).unwrap_or_default();
        lines.push((name.key(), values));
    }
    let cell = |values: &Value, column: &str| values.get(column).map(ToString::to_string).unwrap_or_default();
    if cx.json() {
        for (name, values) in &lines {
            let mut record = json!({"graph": name});
            if let (Some(record), Some(values)) = (record.as_object_mut(), values.as_object()) {
                record.extend(values.clone());
            }
            cx.out.record(&record)?;
        }
        cx.out.record(&json!({"summary": {"v": 1, "graphs": lines.len()}}))?;
    } else if cx.for_people() {
        let right: Vec<String> = COLUMNS.iter().map(|c| format!(">{c}")).collect();
        let mut table = Table::new(std::iter::once("graph").chain(right.iter().map(String::as_str)));
        for (name, values) in &lines {
            table.row(std::iter::once(name.clone()).chain(COLUMNS.iter().map(|c| cell(values, c))));
        }
        cx.out.table(&table)?;
    } else {
        for (name, values) in &lines {
            let cells: Vec<String> = COLUMNS.iter().map(|c| cell(values, c)).collect();
            cx.out.line(format!("{name}\t{}", cells.join("\t")))?;
        }
    }
    Ok(Status::Yes)
}

//! `deltalog stat`: what a log holds.

use std::collections::BTreeSet;
use std::path::PathBuf;

use qx_cli::{Context, Status};
use qx_formats::Result;
use qx_formats::delta_log::Names;
use qx_log::{LogStat, format_time_us};
use serde_json::{Map, Value, json};

use crate::show;

const EXAMPLES: &str = "\
Examples:
  deltalog stat LOG
  deltalog stat LOG --segments
  deltalog stat LOG --json | jq .next_lsn";

/// Print counts, LSNs, times, and what the operations touch
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder of the log
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// A line for each segment instead
    #[arg(long)]
    segments: bool,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let s = qx_log::stat(&args.dir)?;
    if args.segments && !cx.json() {
        let columns =
            ["segment", "state", ">bytes", ">base_lsn", ">next_lsn", ">transactions", ">operations", "created"];
        let rows = s.segments.iter().map(|g| {
            let numbers = [g.bytes, g.base_lsn, g.next_lsn, g.transactions, g.operations].map(|n| n.to_string());
            let mut row = vec![g.name.clone(), g.state.to_owned()];
            row.extend(numbers);
            row.push(format_time_us(g.created_us));
            row
        });
        show::rows(cx, &columns, rows.collect())?;
        return Ok(Status::Yes);
    }
    let mut fields = fields(&args, &s);
    if args.segments || cx.json() {
        let list = s.segments.iter().map(|g| {
            json!({"name": g.name, "state": g.state, "bytes": g.bytes, "base_lsn": g.base_lsn,
                "next_lsn": g.next_lsn, "transactions": g.transactions, "operations": g.operations,
                "created": format_time_us(g.created_us)})
        });
        fields.insert("segments".to_owned(), list.collect());
    }
    show::fields(cx, fields)?;
    Ok(Status::Yes)
}

fn fields(args: &Args, s: &LogStat) -> Map<String, Value> {
    let t = &s.touches;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("path", args.dir.to_string_lossy().into());
    put("format", "delta.log 1.0".into());
    put("uuid", s.uuid.to_string().into());
    put("numbering", if s.given { "given" } else { "own" }.into());
    put("segments", s.segments.len().into());
    put("bytes", s.bytes.into());
    put("closed_cleanly", s.clean.into());
    put("transactions", s.transactions.into());
    put("operations", s.operations.into());
    put("first_lsn", s.first_lsn.into());
    put("next_lsn", s.next_lsn.into());
    put("next_txn", s.next_txn.into());
    put("durable_lsn", s.watermark.into());
    put("first_time", s.first_time_us.map(format_time_us).into());
    put("last_time", s.last_time_us.map(format_time_us).into());
    put("node_operations", t.nodes.into());
    put("edge_operations", t.edges.into());
    put("kv_operations", t.kv.into());
    put("row_operations", t.rows.into());
    put("definitions", t.defines.into());
    put("tables", names(&t.tables, ToString::to_string));
    put("graphs", names(&t.graphs, ToString::to_string));
    put("stores", names(&t.stores, String::clone));
    put("partitions", names(&t.parts, |p| *p));
    fields
}

/// The names, or `"many"` when a footer did not list them.
fn names<T: Ord, V: Into<Value>>(names: &Names<T>, show: impl Fn(&T) -> V) -> Value {
    let list = |set: &BTreeSet<T>| set.iter().map(|n| show(n).into()).collect::<Vec<Value>>().into();
    names.listed().map_or_else(|| "many".into(), list)
}

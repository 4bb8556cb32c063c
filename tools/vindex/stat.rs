//! `vindex stat`: what an index holds.

use std::path::PathBuf;

use qx_cli::{Context, Status, Table};
use qx_formats::Result;
use serde_json::{Map, Value, json};

use crate::input;

const EXAMPLES: &str = "\
Examples:
  vindex stat x.vdata
  vindex stat x.vdata --json | jq .rows_indexed";

/// Print what an index holds and how it was built
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to describe
    #[arg(value_name = "VDATA")]
    index: PathBuf,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let index = input::index(&args.index)?;
    let meta = index.meta();
    let (major, minor) = index.version();
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("path", args.index.to_string_lossy().into());
    put("format", format!(".vdata {major}.{minor}").into());
    put("uuid", index.uuid().to_string().into());
    // A file is published whole or not at all: one that opens is ready.
    put("state", "ready".into());
    put("rows_indexed", meta.rows.into());
    put("bytes", index.bytes().len().into());
    put("dim", meta.dim.into());
    put("metric", meta.metric.name().into());
    put("engine", meta.engine.name().into());
    put("element", meta.element.name().into());
    put("row_ids", index.flavour().name().into());
    put("m", meta.m.into());
    put("degree", meta.degree.into());
    put("entry_points", meta.entry_count.into());
    put("ef_build", meta.ef_build.into());
    put("ef_search", meta.ef_search.into());
    put("seed", meta.seed.into());
    put("skipped_null", meta.skipped_null.into());
    put("skipped_dim", meta.skipped_dim.into());
    put("skipped_value", meta.skipped_value.into());
    put("zero_vectors", meta.zero_vectors.into());
    put("instructions", qx_vector::instruction_set().into());
    let sections = index.sections();
    if cx.json() {
        let mut document = Map::from_iter([("v".to_owned(), json!(1))]);
        document.extend(fields);
        let list = sections.iter().map(|(name, bytes)| json!({"name": name, "bytes": bytes}));
        document.insert("sections".to_owned(), list.collect());
        cx.out.record(&document)?;
        return Ok(Status::Yes);
    }
    let plain = |v: Value| match v {
        Value::String(s) => s,
        other => other.to_string(),
    };
    let mut rows: Vec<(String, String)> = fields.into_iter().map(|(name, v)| (name, plain(v))).collect();
    rows.extend(sections.into_iter().map(|(name, bytes)| (format!("section {name}"), format!("{bytes} bytes"))));
    if cx.for_people() {
        let mut table = Table::fields();
        for (name, value) in rows {
            table.row([name, value]);
        }
        cx.out.table(&table)?;
    } else {
        for (name, value) in rows {
            cx.out.line(format!("{name}\t{value}"))?;
        }
    }
    Ok(Status::Yes)
}

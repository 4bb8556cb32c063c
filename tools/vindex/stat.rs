//! `vindex stat`: what an index holds.

use std::path::PathBuf;

use qx_cli::{Context, Status, Table};
use qx_formats::Result;
use qx_io::Map as Mapped;
use qx_vector::Index;
use qx_vector::definition::{Definition, State};
use qx_vector::set::Segments;
use serde_json::{Map, Value, json};

use crate::input;

const EXAMPLES: &str = "\
Examples:
  vindex stat x.vdata
  vindex stat x.vindex --json | jq .rows_indexed";

/// Print what an index holds and how it was built
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to describe (.vdata or .vindex)
    #[arg(value_name = "INDEX")]
    index: PathBuf,
}

type Fields = Map<String, Value>;

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let bytes = input::index(&args.index)?;
    let (fields, parts) = if bytes.trim_ascii_start().first() == Some(&b'{') {
        let definition = Definition::decode(&bytes).map_err(|e| e.path(&args.index))?;
        of_definition(&args, definition)?
    } else {
        let index = Index::open(bytes).map_err(|e| e.path(&args.index))?;
        let sections = index.sections();
        let list = sections.iter().map(|(name, bytes)| json!({"name": name, "bytes": bytes}));
        (of_file(&args, &index), ("sections", list.collect::<Vec<_>>()))
    };
    print(fields, parts, cx)
}

fn of_file(args: &Args, index: &Index<Mapped>) -> Fields {
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
    // The same vectors give the same bytes, so that no file says how long it took; a definition does.
    put("build_time_ms", Value::Null);
    put("ef_build", meta.ef_build.into());
    put("ef_search", meta.ef_search.into());
    put("ef_sure", meta.ef_sure.into());
    put("mode", Value::Null);
    put("element", if meta.compact { "none" } else { meta.element.name() }.into());
    put("codes", if meta.codes { "8bit" } else { "none" }.into());
    put("row_ids", index.flavour().name().into());
    put("m", meta.m.into());
    put("degree", meta.degree.into());
    put("entry_points", meta.entry_count.into());
    put("seed", meta.seed.into());
    put("skipped_null", meta.skipped_null.into());
    put("skipped_dim", meta.skipped_dim.into());
    put("skipped_value", meta.skipped_value.into());
    put("zero_vectors", meta.zero_vectors.into());
    put("instructions", qx_vector::instruction_set().into());
    fields
}

fn of_definition(args: &Args, d: Definition) -> Result<(Fields, (&'static str, Vec<Value>))> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let state = match d.status.state {
        State::Empty => "empty",
        State::Building => "building",
        State::Ready => "ready",
        State::Failed => "failed",
    };
    let set = Segments::from_definition(&args.index, d.clone())?;
    put("path", args.index.to_string_lossy().into());
    put("format", format!("{} {}", d.format, d.version).into());
    put("name", d.name.clone().into());
    put("state", state.into());
    put("rows_indexed", set.len().into());
    put("bytes", d.segments.iter().map(|s| s.bytes).sum::<u64>().into());
    put("dim", set.dim().into());
    put("metric", d.metric.clone().into());
    put("engine", d.parameters.engine.clone().into());
    put("build_time_ms", d.status.build_time_ms.into());
    put("ef_build", d.parameters.ef_build.into());
    put("ef_search", set.default_ef().into());
    put("mode", serde_json::to_value(d.mode).unwrap_or_default());
    put("element", d.parameters.element.clone().into());
    put("codes", d.parameters.codes.clone().into());
    put("row_ids", set.flavour().name().into());
    put("m", d.parameters.m.into());
    put("seed", d.parameters.seed.into());
    put("tuned_ef", d.tuned_ef.map_or(Value::Null, Value::from));
    put("generation", d.generation.into());
    put("covered_lsn", d.covered_lsn.into());
    put("deleted_rows", set.hidden().into());
    put("skipped", d.status.skipped.into());
    put("zero_vectors", d.status.zero_vectors.into());
    put("table", d.table.clone().into());
    put("column", d.column.clone().into());
    let list = d.segments.iter().map(|s| json!({"name": s.path, "kind": s.kind, "rows": s.rows, "bytes": s.bytes}));
    Ok((fields, ("segments", list.collect())))
}

fn print(fields: Fields, (what, parts): (&'static str, Vec<Value>), cx: &mut Context) -> Result<Status> {
    if cx.json() {
        let mut document = Map::from_iter([("v".to_owned(), json!(1))]);
        document.extend(fields);
        document.insert(what.to_owned(), parts.into());
        cx.out.record(&document)?;
        return Ok(Status::Yes);
    }
    let plain = |v: Value| match v {
        Value::String(s) => s,
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let mut rows: Vec<(String, String)> = fields.into_iter().map(|(name, v)| (name, plain(v))).collect();
    let one = what.trim_end_matches('s');
    rows.extend(parts.into_iter().map(|p| {
        let name = p.get("name").and_then(Value::as_str).unwrap_or_default();
        let rows = p.get("rows").map_or(String::new(), |r| format!("{} {r} rows, ", plain(p["kind"].clone())));
        (format!("{one} {name}"), format!("{rows}{} bytes", p["bytes"]))
    }));
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

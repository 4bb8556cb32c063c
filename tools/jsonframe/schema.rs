//! `jsonframe schema`.

use clap::{Args, ValueEnum};
use qx_cli::{Context, Status, Table, count};
use qx_formats::{Error, Kind, Result};
use qx_frame::{Inferred, Source, sql_name};
use serde_json::json;

use crate::args::{Input, Sample, Types, sample};
use crate::summary::not_there;

const EXAMPLES: &str = "\
Examples:
  jsonframe schema events.ndjson
  jsonframe schema events.ndjson --sample 1000
  jsonframe schema events.ndjson --format sql --name events
  jsonframe schema events.ndjson --format json-schema > event.schema.json
  jsonframe schema *.ndjson.zst --json";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaFormat {
    Table,
    Json,
    /// A CREATE TABLE statement
    Sql,
    /// A JSON Schema (2020-12) of one record
    JsonSchema,
}

/// Print the schema of JSON, with counts per field
///
/// On a terminal a table, in a pipe one JSON document. For each field: its type, how often it was there (null
/// included), how often it was null, how often its parent was there without it, and what kinds of values it held.
#[derive(Debug, Args)]
#[command(before_help = EXAMPLES)]
pub struct Schema {
    #[command(flatten)]
    input: Input,

    #[command(flatten)]
    types: Types,

    /// How many records of each input to look at, or `all`
    #[arg(long, value_name = "N|all", default_value = "all", value_parser = sample)]
    sample: Sample,

    /// Print it in this form
    #[arg(long, value_name = "FORMAT", value_enum)]
    format: Option<SchemaFormat>,

    /// The table's name in SQL (default: the first input's)
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Schema {
    pub fn run(self, cx: &mut Context) -> Result<Status> {
        let mut opts = self.input.options();
        self.types.apply(&mut opts)?;
        opts.sample = self.sample.0;
        let job = cx.job();
        let sources = self.input.sources()?;
        let inferred = qx_frame::infer(&sources, &opts, &job)?;
        drop(job);
        let format = match self.format {
            Some(format) => format,
            None if cx.for_people() => SchemaFormat::Table,
            None => SchemaFormat::Json,
        };
        match format {
            SchemaFormat::Table => table(&inferred, cx)?,
            SchemaFormat::Json => cx.out.record(&document(&inferred))?,
            SchemaFormat::JsonSchema => cx.out.record(&qx_frame::json_schema(&inferred))?,
            SchemaFormat::Sql => {
                let name = self.name.unwrap_or_else(|| table_name(&sources));
                cx.out.line(sql(&inferred, &name)?)?;
            }
        }
        not_there(cx, &inferred.absent, "no record that was looked at has a value of");
        Ok(Status::Yes)
    }
}

/// A name for the table, from the first input's.
fn table_name(sources: &[Source]) -> String {
    let name = match sources.first() {
        Some(Source::Path(path)) => path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default(),
        _ => String::new(),
    };
    name.split('.').find(|part| !part.is_empty()).unwrap_or("stdin").to_owned()
}

fn document(inferred: &Inferred) -> serde_json::Value {
    json!({
        "v": 1, "rows": inferred.rows, "bytes": inferred.bytes, "arrays": inferred.arrays,
        "rootless": inferred.rootless, "rejected": inferred.rejected, "complete": inferred.complete, "absent": inferred.absent,
        "fields": inferred.fields,
    })
}

fn table(inferred: &Inferred, cx: &mut Context) -> Result<()> {
    let mut table = Table::new(["field", "type", ">present", ">null", ">missing", "values"]);
    for f in &inferred.fields {
        let values: Vec<_> = f.types.iter().map(|(name, count)| format!("{name} {count}")).collect();
        // What is inside a struct stands in the rows after it.
        let outer = f.type_name.split("struct<").next().unwrap_or_default();
        let name = if outer.len() < f.type_name.len() {
            format!("{outer}struct{}", ">".repeat(outer.matches('<').count()))
        } else {
            f.type_name.clone()
        };
        let counts = [f.present, f.null, f.missing].map(|n| n.to_string());
        let [present, null, missing] = counts;
        table.row([f.path.clone(), name, present, null, missing, values.join(", ")]);
    }
    if !table.is_empty() {
        cx.out.table(&table)?;
    }
    cx.out.flush()?;
    let looked = if inferred.complete { "all" } else { "a sample of" };
    cx.say(format!("{looked} {}, {} of JSON", count(inferred.rows, "row"), count(inferred.bytes, "byte")));
    Ok(())
}

fn sql(inferred: &Inferred, name: &str) -> Result<String> {
    if inferred.sql.is_empty() {
        return Err(Error::new(Kind::Unsupported, "a SQL table needs a column, and there is none"));
    }
    let columns: Vec<_> = inferred.sql.iter().map(|(name, t)| format!("  {} {t}", sql_name(name))).collect();
    Ok(format!("CREATE TABLE {} (\n{}\n);", sql_name(name), columns.join(",\n")))
}

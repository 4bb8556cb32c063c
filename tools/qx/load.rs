//! `qx load`: files into a table.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_cli::{Context, Status, WaitArg, is_dash};
use qx_formats::{Error, Kind, Result};
use qx_sql::input::{Input, InputFormat, InputOptions};
use qx_sql::{Session, SessionOptions};
use qx_store::Store;
use qx_store::names::ObjectName;
use serde_json::json;

use crate::runtime::block_on;

const EXAMPLES: &str = "\
Examples:
  qx load my.db orders orders.csv
  qx load my.db orders part-*.parquet
  zcat events.ndjson.gz | qx load my.db events - --format ndjson";

/// Load files into a table: all of their rows, or none
///
/// Formats: CSV and TSV with a header, JSON in any of its forms, Parquet, Arrow IPC. Columns are matched by name; those
/// that the input does not have get their default. Many rows go to Parquet in one Delta commit, few through the log.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// Table to load into
    #[arg(value_name = "TABLE")]
    table: String,

    /// Files to load; `-` is stdin
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// Format of the files (default: by extension): csv, tsv, ndjson, json, parquet, arrow
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,

    /// The first line of CSV and TSV does not name the columns
    #[arg(long)]
    no_header: bool,

    /// Check that the inputs and the table are there, and load nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

fn input(path: &Path, format: Option<InputFormat>) -> Result<(Input, InputFormat)> {
    let format = format.or_else(|| InputFormat::of(path)).ok_or_else(|| {
        Error::usage("the format of the input is not known").path(path).hint("give --format csv, ndjson, parquet ...")
    })?;
    if is_dash(path) {
        return Ok((Input::Stdin, format));
    }
    if !path.is_file() {
        return Err(Error::io("open", std::io::ErrorKind::NotFound.into()).path(path));
    }
    Ok((Input::Path(path.to_path_buf()), format))
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let store = Arc::new(Store::open(&args.db)?);
    let name = ObjectName::parse("table", &args.table)?;
    let format = args.format.as_deref().map(InputFormat::parse).transpose()?;
    let inputs = args.files.iter().map(|f| input(f, format)).collect::<Result<Vec<_>>>()?;
    if inputs.iter().filter(|(i, _)| matches!(i, Input::Stdin)).count() > 1 {
        return Err(Error::usage("stdin is given twice"));
    }
    if store.catalog()?.table(&name).is_none() {
        return Err(Error::new(Kind::NotFound, format!("there is no table {}", name.key()))
            .hint("CREATE TABLE first, with `qx sql`"));
    }
    let options = InputOptions { header: !args.no_header, ..InputOptions::default() };
    let rows = if args.dry_run {
        None
    } else {
        let wait = args.wait.wait.unwrap_or_default();
        let cancel = cx.cancel.clone();
        Some(block_on(&cancel, async {
            let session = Session::open_with(&store, SessionOptions { wait, ..SessionOptions::default() })?;
            let rows = session.load(&name, None, &inputs, &options).await?;
            session.close().await?;
            Ok(rows)
        })?)
    };
    if cx.json() {
        cx.out.record(&json!({"v": 1, "table": name.key(), "rows": rows, "dry_run": args.dry_run}))?;
    }
    match rows {
        Some(n) => cx.say(format!("{}: {n} rows loaded", name.key())),
        None => cx.say(format!("{}: would load {} files", name.key(), inputs.len())),
    }
    Ok(Status::Yes)
}

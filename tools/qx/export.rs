//! `qx export`: a table, or the rows of a query, as a file.

use std::path::PathBuf;
use std::sync::Arc;

use qx_cli::{Context, OutputArgs, Status, is_dash};
use qx_formats::{Error, Result};
use qx_sql::Session;
use qx_store::Store;
use qx_store::names::ObjectName;
use serde_json::json;

use crate::answers::Format;
use crate::runtime::block_on;
use crate::sql::{self, by_extension};

const EXAMPLES: &str = "\
Examples:
  qx export my.db orders -o orders.parquet
  qx export my.db orders --format csv | head
  qx export my.db orders -o old.arrow --as-of 3";

/// Write a table to a file or to stdout
///
/// Its rows as they are now, those in the log included; or, with --as-of, those of an older Delta version.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// Table to write
    #[arg(value_name = "TABLE")]
    table: String,

    /// File to write (default: stdout)
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// Form of the rows (default: by extension, else NDJSON)
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    /// A Delta version instead of the present rows
    #[arg(long, value_name = "VERSION")]
    as_of: Option<u64>,

    #[command(flatten)]
    target: OutputArgs,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let store = Arc::new(Store::open(&args.db)?);
    let name = ObjectName::parse("table", &args.table)?;
    let output = args.output.as_ref().filter(|p| !is_dash(p));
    if let Some(path) = output {
        args.target.check_target(path)?;
    }
    let format = args.format.or_else(|| output.and_then(|p| by_extension(p))).unwrap_or(Format::Ndjson);
    let quoted = |s: &str| format!("\"{}\"", s.replace('"', "\"\""));
    let version = args.as_of.map(|v| format!(" AS OF VERSION {v}")).unwrap_or_default();
    let query = format!("SELECT * FROM {}.{}{version}", quoted(&name.schema), quoted(&name.name));
    if output.is_none() && args.target.dry_run {
        return Err(Error::usage("--dry-run needs a file to check").hint("give -o OUT"));
    }
    let cancel = cx.cancel.clone();
    let (rows, bytes) = block_on(&cancel, async {
        let session = Session::open(&store)?;
        let [statement] = <[_; 1]>::try_from(Session::parse(&query)?).map_err(|_| Error::usage("one statement"))?;
        let mut answer = session.stream(statement).await?;
        match output {
            Some(path) => sql::write(&mut answer, format, path, &args.target, cx),
            None => sql::print(&mut answer, format, cx).await.map(|rows| (rows, 0)),
        }
    })?;
    if let Some(path) = output.filter(|_| cx.json()) {
        let path = path.to_string_lossy();
        cx.out.record(&json!({"v": 1, "path": path, "rows": rows, "bytes": bytes, "dry_run": args.target.dry_run}))?;
    }
    Ok(Status::Yes)
}

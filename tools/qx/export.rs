//! `qx export`: a table, or the rows of a query, as a file.

use std::path::PathBuf;
use std::sync::Arc;

use qx_cli::{Context, OutputArgs, Status, is_dash};
use qx_formats::{Error, Result};
use qx_sql::Session;
use qx_store::Store;
use qx_store::names::ObjectName;
use serde_json::json;

use crate::answers::{self, Format};
use crate::runtime::block_on;
use crate::sql::by_extension;

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
    let sql = format!("SELECT * FROM {}.{}{version}", quoted(&name.schema), quoted(&name.name));
    let cancel = cx.cancel.clone();
    let answer = block_on(&cancel, async { Session::open(&store)?.query(&sql).await })?;
    let bytes = answers::encode(&answer, format)?;
    match output {
        Some(path) if !args.target.dry_run => qx_io::write_atomic(path, args.target.mode(), &bytes)?,
        Some(_) => {}
        None if args.target.dry_run => return Err(Error::usage("--dry-run needs a file to check").hint("give -o OUT")),
        None => cx.out.bytes(&bytes)?,
    }
    if let Some(path) = output {
        let verb = if args.target.dry_run { "would write" } else { "wrote" };
        cx.say(format!("{}: {verb} {} rows, {} bytes", path.display(), answer.rows(), bytes.len()));
        if cx.json() {
            let path = path.to_string_lossy();
            cx.out.record(&json!({"v": 1, "path": path, "rows": answer.rows(), "bytes": bytes.len(), "dry_run": args.target.dry_run}))?;
        }
    }
    Ok(Status::Yes)
}

//! `qx sql`: statements against a database folder.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_cli::{Context, OutputArgs, Status, WaitArg, is_dash};
use qx_formats::{Error, Result};
use qx_sql::{Answer, Session, SessionOptions};
use qx_store::Store;
use serde_json::json;

use crate::answers::{self, Format};
use crate::runtime::block_on;

const EXAMPLES: &str = "\
Examples:
  qx sql --db debian.db -c 'select package, size from packages order by size desc limit 5'
  qx sql --db debian.db -f report.sql --format csv -o report.csv
  echo 'show tables' | qx sql --db debian.db";

/// Run SQL statements against a database
///
/// Takes queries, and statements that define and change tables; they are separated by semicolons, and the first error
/// ends the script. Each statement is a transaction of its own, unless it stands between BEGIN and COMMIT. A query takes
/// no lock; the first statement that writes takes the database's, until the script ends. Beside tables, FROM takes documents (`db.store.kv.key`) and the table functions vector_search,
/// graph_neighbors, graph_reach, graph_paths and graph_nodes; an argument of these may be a scalar subquery.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(long, value_name = "DIR")]
    db: PathBuf,

    /// Statements to run
    #[arg(short = 'c', long = "command", value_name = "SQL", conflicts_with = "file")]
    command: Option<String>,

    /// File of statements to run; stdin when neither this nor -c is given
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Form of the answer (default: a table on a terminal, NDJSON in a pipe; by extension with -o)
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,

    /// File to write the answer to; exactly one statement then gives rows
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    #[command(flatten)]
    target: OutputArgs,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let store = Arc::new(Store::open(&args.db)?);
    let statements = Session::parse(&text(&args)?)?;
    let output = args.output.as_ref().filter(|p| !is_dash(p));
    if output.is_some() && statements.len() != 1 {
        return Err(
            Error::usage("-o takes the rows of exactly one statement").got(format!("{} statements", statements.len()))
        );
    }
    if let Some(path) = output {
        args.target.check_target(path)?;
    }
    let format = args.format.or_else(|| output.and_then(|p| by_extension(p))).unwrap_or(match () {
        () if cx.json() => Format::Ndjson,
        () if output.is_none() && cx.for_people() => Format::Table,
        () => Format::Ndjson,
    });
    let cancel = cx.cancel.clone();
    let (mut rows, mut affected) = (0, 0);
    block_on(&cancel, async {
        let options = SessionOptions {
            wait: args.wait.wait.unwrap_or_default(),
            environment: std::env::vars_os().filter_map(text_pair).collect(),
            ..SessionOptions::default()
        };
        let session = Session::open_with(&store, options)?;
        for statement in statements {
            let answer = session.run(statement).await?;
            rows += answer.rows();
            affected += answer.affected.unwrap_or(0);
            match output {
                Some(path) => write(&answer, format, path, &args.target, cx)?,
                None => print(&answer, format, cx)?,
            }
        }
        session.close().await
    })?;
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "rows": rows, "affected": affected}}))?;
    }
    Ok(Status::Yes)
}

fn text(args: &Args) -> Result<String> {
    if let Some(command) = &args.command {
        return Ok(command.clone());
    }
    let path = args.file.as_deref().unwrap_or(Path::new("-"));
    let mut bytes = Vec::new();
    let read = if path.as_os_str() == "-" {
        std::io::stdin().read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|mut f| f.read_to_end(&mut bytes))
    };
    read.map_err(|e| Error::io("read", e).path(path))?;
    String::from_utf8(bytes)
        .map_err(|e| Error::invalid("SQL is UTF-8 text").path(path).offset(e.utf8_error().valid_up_to() as u64))
}

pub fn by_extension(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "csv" => Some(Format::Csv),
        "tsv" => Some(Format::Tsv),
        "json" => Some(Format::Json),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        "arrow" | "arrows" => Some(Format::Arrow),
        "parquet" => Some(Format::Parquet),
        "txt" => Some(Format::Table),
        _ => None,
    }
}

fn print(answer: &Answer, format: Format, cx: &mut Context) -> Result<()> {
    // A statement such as SET has no columns; one that changes rows says how many to people.
    if answer.schema.fields().is_empty() {
        if let Some(n) = answer.affected.filter(|_| format == Format::Table) {
            cx.say(format!("{n} row{} affected", if n == 1 { "" } else { "s" }));
        }
        return Ok(());
    }
    if format == Format::Table {
        let table = answers::table(answer)?;
        return cx.out.table(&table);
    }
    cx.out.bytes(&answers::encode(answer, format)?)
}

fn write(answer: &Answer, format: Format, path: &Path, target: &OutputArgs, cx: &mut Context) -> Result<()> {
    let bytes = answers::encode(answer, format)?;
    if !target.dry_run {
        qx_io::write_atomic(path, target.mode(), &bytes)?;
    }
    let verb = if target.dry_run { "would write" } else { "wrote" };
    cx.say(format!("{}: {verb} {} rows, {} bytes", path.display(), answer.rows(), bytes.len()));
    Ok(())
}

/// A variable of the environment, if it is text.
fn text_pair((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

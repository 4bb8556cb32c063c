//! `qx sql`: statements against a database folder.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_cli::{Context, OutputArgs, Status, WaitArg, is_dash};
use qx_formats::{Error, Result};
use qx_plan::params;
use qx_sql::{Answer, Rows, Session, SessionOptions};
use qx_store::Store;
use serde_json::json;

use crate::answers::{self, Encoder, Format};
use crate::runtime::{block_on, wait};
use crate::script::Statements;

const EXAMPLES: &str = "\
Examples:
  qx sql --db debian.db -c 'select package, size from packages order by size desc limit 5'
  qx sql --db debian.db -f report.sql --format csv -o report.csv
  qx sql --db debian.db -c 'select * from packages where size > $min' --param min=int64:1000000
  qx sql --db debian.db --rollback -c 'explain analyze delete from packages where size = 0'
  echo 'show tables' | qx sql --db debian.db";

/// Run SQL statements against a database
///
/// Takes queries, and statements that define and change tables; they are separated by semicolons, and the first error
/// ends the script; a file or a pipe is run as it is read. Each statement is a transaction of its own, unless it stands between BEGIN and COMMIT. A query takes
/// no lock; the first statement that writes takes the database's, until the script ends. Beside tables, FROM takes
/// documents (`db.store.kv.key`) and table functions: vector_search and nearest_neighbors, graph_neighbors, graph_reach,
/// graph_paths, graph_nodes and graph_edges, read_json, read_dict, read_log and read_vdata; an argument of these may be a
/// scalar subquery.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(long, value_name = "DIR")]
    db: PathBuf,

    /// Statements to run
    #[arg(short = 'c', long = "command", value_name = "SQL", conflicts_with = "file", allow_hyphen_values = true)]
    command: Option<String>,

    /// File of statements to run; stdin when neither this nor -c is given
    #[arg(short, long, value_name = "FILE")]
    file: Option<PathBuf>,

    /// Value of `$NAME` in the statements, or of `$1`; `null` for a null of the type. Repeat for more
    #[arg(long = "param", value_name = "NAME=TYPE:VALUE")]
    params: Vec<String>,

    /// Run everything in one transaction and roll it back; lets EXPLAIN ANALYZE run statements that write
    #[arg(long)]
    rollback: bool,

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
    let output = args.output.as_ref().filter(|p| !is_dash(p));
    let mut statements = statements(&args, output.is_some())?;
    if let Some(count) = statements.count().filter(|n| output.is_some() && *n != 1) {
        return Err(Error::usage("-o takes the rows of exactly one statement").got(format!("{count} statements")));
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
            trial: args.rollback,
            ..SessionOptions::default()
        };
        let session = Session::open_with(&store, options)?;
        if args.rollback {
            session.begin(None).await?;
        }
        while let Some(statement) = statements.next().await? {
            let mut answer = session.stream(statement).await?;
            affected += answer.affected.unwrap_or(0);
            rows += match output {
                Some(path) => write(&mut answer, format, path, &args.target, cx)?.0,
                None => print(&mut answer, format, cx).await?,
            };
            // Whoever writes the statements may wait for the rows before the next one.
            if !statements.is_ready() {
                cx.out.flush()?;
            }
        }
        let open = session.in_transaction().await;
        if args.rollback {
            session.rollback().await?;
        }
        session.close().await?;
        if open && !args.rollback { Err(left_open()) } else { Ok(()) }
    })?;
    if args.rollback {
        cx.say("rolled back: nothing was changed");
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "rows": rows, "affected": affected}}))?;
    }
    Ok(Status::Yes)
}

/// Statements that end between BEGIN and COMMIT: whoever wrote them believes that they did something.
pub fn left_open() -> Error {
    Error::usage("the statements end inside a transaction, which was rolled back").hint("COMMIT keeps what it wrote")
}

fn statements(args: &Args, one: bool) -> Result<Statements> {
    let values = params::named(&args.params)?;
    let file = args.file.as_deref().unwrap_or(Path::new("-"));
    match &args.command {
        Some(text) => Statements::of(text, &values),
        None if one || !values.is_empty() => Statements::whole(file, &values),
        None => Statements::coming(file),
    }
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

/// Rows on stdout. Returns how many.
pub async fn print(answer: &mut Rows<'_>, format: Format, cx: &mut Context) -> Result<usize> {
    // A statement such as SET has no columns; one that changes rows says how many to people.
    if answer.schema.fields().is_empty() {
        if let Some(n) = answer.affected.filter(|_| format == Format::Table) {
            cx.say(format!("{n} row{} affected", if n == 1 { "" } else { "s" }));
        }
        return Ok(0);
    }
    let mut rows = 0;
    if format == Format::Table {
        let mut all = Answer::new(answer.schema.clone(), Vec::new());
        while let Some(batch) = answer.next().await? {
            all.batches.push(batch);
        }
        cx.out.table(&answers::table(&all)?)?;
        return Ok(all.rows());
    }
    let mut encoder = Encoder::new(format, &answer.schema)?;
    while let Some(batch) = answer.next().await? {
        rows += batch.num_rows();
        cx.out.bytes(&encoder.rows(batch)?)?;
    }
    cx.out.bytes(&encoder.finish()?)?;
    Ok(rows)
}

/// Rows into a file, which is whole or absent. Returns how many rows and bytes.
pub fn write(
    answer: &mut Rows<'_>,
    format: Format,
    path: &Path,
    target: &OutputArgs,
    cx: &mut Context,
) -> Result<(usize, usize)> {
    let cancel = cx.cancel.clone();
    let (mut rows, mut bytes) = (0, 0);
    let mut fill = |out: &mut dyn Write| -> Result<()> {
        let mut put = |part: Vec<u8>| {
            bytes += part.len();
            out.write_all(&part).map_err(|e| Error::io("write", e).path(path))
        };
        let mut encoder = Encoder::new(format, &answer.schema)?;
        while let Some(batch) = wait(&cancel, answer.next())? {
            rows += batch.num_rows();
            put(encoder.rows(batch)?)?;
        }
        put(encoder.finish()?)
    };
    match target.dry_run {
        true => fill(&mut std::io::sink())?,
        false => qx_io::publish(path, target.mode(), |out| fill(out))?,
    }
    let verb = if target.dry_run { "would write" } else { "wrote" };
    cx.say(format!("{}: {verb} {rows} rows, {bytes} bytes", path.display()));
    Ok((rows, bytes))
}

/// A variable of the environment, if it is text.
pub fn text_pair((name, value): (std::ffi::OsString, std::ffi::OsString)) -> Option<(String, String)> {
    Some((name.into_string().ok()?, value.into_string().ok()?))
}

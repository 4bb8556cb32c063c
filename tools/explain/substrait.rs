//! `explain substrait`: a query's plan for other engines, written, read and tried.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use qx_cli::{Context, OutputArgs, Status, is_dash};
use qx_formats::{Error, Result};
use qx_plan::render::Show;
use qx_plan::substrait::{MAX_MESSAGE_BYTES, RoundTrip};

use crate::plan::{Form, Which};
use crate::session::{Asked, Environment, Planner};

const EXPORT: &str = "\
Examples:
  explain substrait export 'select package from packages where size > 1000000' --db debian.db -o big.substrait
  explain substrait export 'select * from packages where size > $1' --db debian.db --param 1=int64:9 > p.substrait";

const IMPORT: &str = "\
Examples:
  explain substrait import big.substrait --db debian.db
  explain substrait import big.substrait --db debian.db --stage physical --format tree";

const VALIDATE: &str = "\
Examples:
  explain substrait validate 'select count(*) from packages' --db debian.db
  explain substrait validate \"$(cat q.sql)\" --db debian.db --no-run --json";

/// Plans for other engines, in the form of substrait.io
#[derive(Subcommand)]
pub enum Verb {
    Export(ExportArgs),
    Import(ImportArgs),
    Validate(ValidateArgs),
}

/// Write the optimized plan of a query as a substrait.Plan message
///
/// The message names the tables and does not hold them. What has no form in Substrait is refused by name: table
/// functions, documents, tables as of a version, statements that write.
#[derive(clap::Args)]
#[command(before_help = EXPORT)]
pub struct ExportArgs {
    /// The query
    #[arg(value_name = "SQL")]
    sql: String,

    /// Database folder
    #[arg(long, value_name = "DIR")]
    db: PathBuf,

    /// File to write; stdout when it is not given
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    #[command(flatten)]
    asked: Asked,

    #[command(flatten)]
    environment: Environment,

    #[command(flatten)]
    target: OutputArgs,
}

/// Read a substrait.Plan message, find its tables and functions in a database, and show the plan
#[derive(clap::Args)]
#[command(before_help = IMPORT)]
pub struct ImportArgs {
    /// The message; `-` is stdin
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Database folder
    #[arg(long, value_name = "DIR")]
    db: PathBuf,

    /// Form of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Form,

    /// Show this stage alone
    #[arg(long, value_enum)]
    stage: Option<Which>,

    #[command(flatten)]
    environment: Environment,
}

/// Write a query, read it back, and compare: the shape of the optimized plan, and the rows
///
/// Exit status: 0 both are the same, 1 one is not, 2 it cannot be written or read. A portability check of one message in
/// this engine; another engine may still read it in another way.
#[derive(clap::Args)]
#[command(before_help = VALIDATE)]
pub struct ValidateArgs {
    /// The query
    #[arg(value_name = "SQL")]
    sql: String,

    /// Database folder
    #[arg(long, value_name = "DIR")]
    db: PathBuf,

    /// Compare the plans alone
    #[arg(long)]
    no_run: bool,

    #[command(flatten)]
    asked: Asked,

    #[command(flatten)]
    environment: Environment,
}

pub fn run(verb: Verb, cx: &mut Context) -> Result<Status> {
    match verb {
        Verb::Export(args) => export(&args, cx),
        Verb::Import(args) => import(&args, cx),
        Verb::Validate(args) => validate(&args, cx),
    }
}

fn export(args: &ExportArgs, cx: &mut Context) -> Result<Status> {
    let output = args.output.as_ref().filter(|p| !is_dash(p));
    if let Some(path) = output {
        args.target.check_target(path)?;
    }
    let bytes = Planner::open(&args.db, &args.environment)?.substrait(&args.sql, &args.asked)?;
    let Some(path) = output else {
        cx.out.bytes(&bytes)?;
        return Ok(Status::Yes);
    };
    if !args.target.dry_run {
        qx_io::write_atomic(path, args.target.mode(), &bytes)?;
    }
    if cx.json() {
        let path = path.to_string_lossy();
        cx.out.record(&serde_json::json!({
            "v": 1, "path": path, "bytes": bytes.len(), "written": !args.target.dry_run,
        }))?;
    } else {
        let verb = if args.target.dry_run { "would write" } else { "wrote" };
        cx.say(format!("{}: {verb} a substrait.Plan of {} bytes", path.display(), bytes.len()));
    }
    Ok(Status::Yes)
}

fn import(args: &ImportArgs, cx: &mut Context) -> Result<Status> {
    let verbose = cx.global.verbose > 0 || args.stage == Some(Which::All);
    let bytes = read(&args.file)?;
    let planner = Planner::open(&args.db, &args.environment)?;
    let bundle = planner.imported(&bytes, verbose).map_err(|e| e.path(&args.file))?;
    if cx.json() {
        cx.out.record(&bundle)?;
        return Ok(Status::Yes);
    }
    let show = Show { verbose, stage: args.stage.and_then(Which::name) };
    cx.out.bytes(bundle.render(args.format.into(), show)?.as_bytes())?;
    Ok(Status::Yes)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = MAX_MESSAGE_BYTES + 1;
    let read = match is_dash(path) {
        true => std::io::stdin().take(limit).read_to_end(&mut bytes),
        false => std::fs::File::open(path).and_then(|f| f.take(limit).read_to_end(&mut bytes)),
    };
    read.map_err(|e| Error::io("read the message", e).path(path))?;
    if bytes.len() as u64 > MAX_MESSAGE_BYTES {
        return Err(Error::limit("bytes of a substrait.Plan", MAX_MESSAGE_BYTES, bytes.len() as u64).path(path));
    }
    Ok(bytes)
}

fn validate(args: &ValidateArgs, cx: &mut Context) -> Result<Status> {
    let planner = Planner::open(&args.db, &args.environment)?;
    let done = planner.round_trip(&args.sql, &args.asked, !args.no_run)?;
    if cx.json() {
        cx.out.record(&serde_json::json!({"v": 1, "whole": done.is_whole(), "round_trip": done}))?;
    } else {
        cx.out.bytes(words(&done).as_bytes())?;
    }
    Ok(Status::from_bool(done.is_whole()))
}

fn words(done: &RoundTrip) -> String {
    let shape = match (done.same_shape, done.same_but_for_names) {
        (true, _) => "the same",
        (false, true) => "the same but for names and the projections that give them",
        (false, false) => "another",
    };
    let rows = match done.same_rows {
        None => "not run",
        Some(true) => "the same",
        Some(false) => "others",
    };
    let mut text = format!("message  {} bytes\nshape    {shape}\nrows     {rows}\n", done.bytes);
    for line in &done.lost {
        text.push_str(&format!("- {line}\n"));
    }
    for line in &done.gained {
        text.push_str(&format!("+ {line}\n"));
    }
    for line in &done.rows {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

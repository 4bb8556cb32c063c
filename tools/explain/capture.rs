//! `explain capture`: a statement's plan as a file.

use std::path::PathBuf;

use qx_cli::{Context, OutputArgs, Status, is_dash};
use qx_formats::Result;

use crate::session::{Asked, Environment, Planner};

const EXAMPLES: &str = "\
Examples:
  explain capture 'select * from packages where size > 1000000' --db debian.db -o big.json
  explain capture 'select 1' --db debian.db | jq .fingerprints
  explain capture 'select count(*) from packages' --db debian.db --deltas --redact -o shown.json";

/// Keep the plan of a statement as a bundle: stages, digests, rules, settings, relations
///
/// The same statement against the same database gives the same bytes, on any machine with the same settings. A bundle
/// of --analyze holds times, and so is the exception.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The statement
    #[arg(value_name = "SQL")]
    sql: String,

    /// Database folder
    #[arg(long, value_name = "DIR")]
    db: PathBuf,

    /// File to write; stdout when it is not given
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// Record what each rule did
    #[arg(long)]
    deltas: bool,

    #[command(flatten)]
    asked: Asked,

    #[command(flatten)]
    environment: Environment,

    #[command(flatten)]
    target: OutputArgs,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let output = args.output.as_ref().filter(|p| !is_dash(p));
    if let Some(path) = output {
        args.target.check_target(path)?;
    }
    let planner = Planner::open(&args.db, &args.environment)?;
    let bundle = planner.bundle(&args.sql, &args.asked, args.deltas || cx.global.verbose > 0)?;
    let bytes = bundle.encode()?;
    let Some(path) = output else {
        cx.out.bytes(&bytes)?;
        return Ok(Status::Yes);
    };
    if !args.target.dry_run {
        qx_io::write_atomic(path, args.target.mode(), &bytes)?;
    }
    let shape = |name: &str| bundle.stage(name).and_then(|s| s.shape.clone());
    if cx.json() {
        let summary = serde_json::json!({
            "v": 1, "path": path.to_string_lossy(), "bytes": bytes.len(), "written": !args.target.dry_run,
            "p0": shape("P0"), "p1": shape("P1"), "p2": shape("P2"), "fingerprints": bundle.fingerprints,
        });
        cx.out.record(&summary)?;
    } else {
        let verb = if args.target.dry_run { "would write" } else { "wrote" };
        cx.say(format!("{}: {verb} the plan of a {}, {} bytes", path.display(), bundle.statement.kind, bytes.len()));
    }
    Ok(Status::Yes)
}

//! `explain capture`: a statement's plan as a file.

use std::path::PathBuf;

use qx_cli::{Context, OutputArgs, Status, is_dash};
use qx_formats::Result;
use qx_plan::Bundle;

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

    /// Keep the plan for other engines, too
    #[cfg(feature = "substrait")]
    #[arg(long, value_enum, value_name = "MODE")]
    substrait: Option<Portable>,

    #[command(flatten)]
    asked: Asked,

    #[command(flatten)]
    environment: Environment,

    #[command(flatten)]
    target: OutputArgs,
}

/// What becomes of a plan that has no form in Substrait.
#[cfg(feature = "substrait")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Portable {
    /// It is an error
    Strict,
    /// The bundle says why there is none
    Permissive,
}

#[cfg(not(feature = "substrait"))]
fn planned(planner: &Planner, args: &Args, deltas: bool) -> Result<Bundle> {
    planner.bundle(&args.sql, &args.asked, deltas)
}

#[cfg(feature = "substrait")]
fn planned(planner: &Planner, args: &Args, deltas: bool) -> Result<Bundle> {
    let Some(mode) = args.substrait else { return planner.bundle(&args.sql, &args.asked, deltas) };
    let bundle = planner.bundle_and(&args.sql, &args.asked, deltas, Some(&qx_plan::substrait::Exporter))?;
    match &bundle.substrait.reason {
        Some(reason) if mode == Portable::Strict => {
            Err(qx_formats::Error::unsupported(format!("no Substrait for this: {reason}"))
                .hint("--substrait permissive records the reason and goes on"))
        }
        _ => Ok(bundle),
    }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let output = args.output.as_ref().filter(|p| !is_dash(p));
    if let Some(path) = output {
        args.target.check_target(path)?;
    }
    let planner = Planner::open(&args.db, &args.environment)?;
    let bundle = planned(&planner, &args, args.deltas || cx.global.verbose > 0)?;
    cx.cancel.check()?;
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

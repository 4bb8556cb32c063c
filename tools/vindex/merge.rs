//! `vindex merge`: several indexes into one file.

use std::path::PathBuf;

use qx_cli::{Context, OutputArgs, Status, count};
use qx_formats::{Error, Result};
use qx_vector::BuildOptions;
use qx_vector::set::{Segments, combine};
use serde_json::json;

use crate::build::{check_file, to_output};
use crate::convert::like;
use crate::input;
use crate::options::{EffortArgs, RecodeArgs, report, warn_of_codes};

const EXAMPLES: &str = "\
Examples:
  vindex merge monday.vdata tuesday.vdata -o both.vdata
  vindex merge x.vindex y.vindex -o all.vdata --force";

/// Build one file from the rows of several indexes
///
/// Of rows with one id the one of the last index counts. Rows that are known by their position are numbered anew.
/// Metric, dimension and kind of row ids must be the same; how it is built is as the first index says. Compact
/// indexes keep their codes as they are where all were made around one mean; otherwise the merge is refused, unless --recode
/// lets the rows of all but the largest be coded anew, which a warning counts.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Indexes to merge (.vdata or .vindex)
    #[arg(value_name = "INDEX", required = true, num_args = 1..)]
    inputs: Vec<PathBuf>,

    /// File to write
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    #[command(flatten)]
    recode: RecodeArgs,

    #[command(flatten)]
    effort: EffortArgs,

    #[command(flatten)]
    out: OutputArgs,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    check_file(&args.output, &args.out, cx)?;
    let sets: Vec<Segments> = args.inputs.iter().map(|p| input::set(p)).collect::<Result<_>>()?;
    let model = sets.iter().find(|s| !s.is_empty()).or(sets.first());
    let model = model.ok_or_else(|| Error::usage("no index was named"))?;
    let opts = BuildOptions {
        recode: args.recode.recode,
        threads: args.effort.threads,
        memory: args.effort.memory,
        ..like(model)?
    };
    let job = cx.job();
    let (built, replaced) = to_output(&args.output, &args.out, cx, |o| combine(&sets, &opts, &job, o))?;
    let verb = if args.out.dry_run { "would write" } else { "wrote" };
    let sentence = format!(
        "{verb} {}: {} of {}, {}, {} replaced by later ones",
        args.output.display(),
        count(built.rows, "row"),
        count(sets.len(), "index"),
        count(built.bytes, "byte"),
        count(replaced, "row")
    );
    let more = json!({"path": args.output.to_string_lossy(), "dry_run": args.out.dry_run, "replaced": replaced});
    report(cx, &built, more, sentence)?;
    warn_of_codes(cx, &built);
    Ok(Status::Yes)
}

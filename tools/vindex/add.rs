//! `vindex add`: further rows, as one more segment.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use qx_cli::{Context, Status, WaitArg, count};
use qx_formats::Result;
use qx_vector::set::{Conflict, Editor};
use serde_json::json;

use crate::options::{EffortArgs, InputArgs, PolicyArgs, RecodeArgs, adding, of_input, report};

const EXAMPLES: &str = "\
Examples:
  vindex add x.vindex more.ndjson --column embedding --id-column id
  vindex add x.vdata more.npy                      the definition x.vindex is made beside it
  vindex add x.vindex more.parquet --column v --id-column id --on-conflict error";

/// Add rows to an index, or replace rows by their id
///
/// Writes one more file and publishes the definition: searches see all of it or nothing. A row whose id is there
/// takes the place of the older one, which a deny list hides from then on.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to add to (.vindex, or .vdata)
    #[arg(value_name = "INDEX")]
    index: PathBuf,

    /// Vectors to add; `-` is stdin
    #[arg(value_name = "IN")]
    input_path: PathBuf,

    #[command(flatten)]
    source: InputArgs,

    #[command(flatten)]
    policy: PolicyArgs,

    /// What to do with a row whose id is in the index
    #[arg(long, value_name = "POLICY", value_enum, default_value_t)]
    on_conflict: OnConflict,

    #[command(flatten)]
    codes: RecodeArgs,

    #[command(flatten)]
    effort: EffortArgs,

    /// Read and check everything, change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum OnConflict {
    /// Take its place
    #[default]
    Replace,
    /// Leave the added row out
    Skip,
    /// Refuse the addition
    Error,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let source = args.source.open(&args.input_path, false)?;
    let ids = source.row_ids().map_err(|e| e.path(&args.input_path))?;
    let opts = adding(&args.effort, &args.policy, &args.codes);
    opts.check()?;
    let conflict = match args.on_conflict {
        OnConflict::Replace => Conflict::Replace,
        OnConflict::Skip => Conflict::Skip,
        OnConflict::Error => Conflict::Error,
    };
    let mut editor = Editor::open(&args.index, args.wait.wait.unwrap_or(Duration::ZERO))?;
    let job = cx.job();
    let done = if args.dry_run {
        editor.try_add(source.vectors(), ids, conflict, &opts, &job)
    } else {
        editor.add(source.vectors(), ids, conflict, &opts, &job)
    };
    let r = done.map_err(of_input(&args.input_path))?;
    let verb = if args.dry_run { "would add" } else { "added" };
    let mut sentence = format!("{}: {verb} {}, {} in all", editor.path().display(), count(r.added, "row"), r.rows);
    for (n, what) in [(r.replaced, "replaced"), (r.kept_old, "left as they were"), (r.skipped, "could not be indexed")]
    {
        if n > 0 {
            sentence.push_str(&format!(", {n} {what}"));
        }
    }
    let more = json!({"path": editor.path().to_string_lossy(), "dry_run": args.dry_run});
    report(cx, &r, more, sentence)?;
    Ok(Status::Yes)
}

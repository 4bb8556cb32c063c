//! `vindex delete`: rows out of an index.

use std::path::PathBuf;
use std::time::Duration;

use qx_cli::{Context, Status, WaitArg, count};
use qx_formats::Result;
use qx_vector::set::Editor;
use serde_json::json;

use crate::options::{IdArgs, report};

const EXAMPLES: &str = "\
Examples:
  vindex delete x.vindex --id 7 8 -9
  vindex delete x.vindex --key libc6 libssl3
  vindex search x.vindex --query '[1,2]' --format tsv | cut -f3 | vindex delete x.vindex --ids -";

/// Delete rows by their id
///
/// Writes a deny list and publishes the definition; `compact` makes the files smaller. Exits 1 when no row had one of
/// the ids, and changes nothing then.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Index to delete from (.vindex, or .vdata)
    #[arg(value_name = "INDEX")]
    index: PathBuf,

    #[command(flatten)]
    ids: IdArgs,

    /// Say what would go, change nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let named = args.ids.read()?;
    let (path, foreign, mut r) = if args.dry_run {
        let set = crate::input::set(&args.index)?;
        let (ids, foreign) = named.of(&set)?;
        (set.path().to_owned(), foreign, qx_vector::set::would_delete(&set, &ids)?)
    } else {
        let mut editor = Editor::open(&args.index, args.wait.wait.unwrap_or(Duration::ZERO))?;
        let (ids, foreign) = named.of(editor.segments())?;
        let r = editor.delete(&ids)?;
        (editor.path().to_owned(), foreign, r)
    };
    r.missing += foreign;
    let verb = if args.dry_run { "would delete" } else { "deleted" };
    let mut sentence = format!("{}: {verb} {}, {} left", path.display(), count(r.deleted, "row"), r.rows);
    if r.missing > 0 {
        sentence.push_str(&format!(", {} not there", count(r.missing, "id")));
    }
    report(cx, &r, json!({"path": path.to_string_lossy(), "dry_run": args.dry_run}), sentence)?;
    Ok(Status::from_bool(r.deleted > 0))
}

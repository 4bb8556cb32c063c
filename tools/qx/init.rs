//! `qx init`: an empty database folder.

use std::path::PathBuf;

use qx_cli::{Context, Status};
use qx_formats::{Error, Kind, Result};
use qx_store::Store;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  qx init my.db
  qx init my.db --dry-run";

/// Make a folder an empty database
///
/// A folder that already is a database is left as it is; one that holds anything else is refused.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder to make
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Check and report, but make nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let created = if args.dry_run {
        let is_database = Store::open(&args.dir).is_ok();
        let empty = match std::fs::read_dir(&args.dir) {
            Ok(mut entries) => entries.next().is_none(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => true,
            Err(e) => return Err(Error::io("read", e).path(&args.dir)),
        };
        if !is_database && !empty {
            return Err(Error::new(Kind::Exists, "the folder holds something that is not a database").path(&args.dir));
        }
        !is_database
    } else {
        Store::init(&args.dir)?.1
    };
    if cx.json() {
        let path = args.dir.to_string_lossy();
        cx.out.record(&json!({"v": 1, "path": path, "created": created, "dry_run": args.dry_run}))?;
    }
    let path = args.dir.display();
    cx.say(match (created, args.dry_run) {
        (true, false) => format!("{path}: database created"),
        (true, true) => format!("{path}: would be created"),
        (false, _) => format!("{path}: is a database already"),
    });
    Ok(Status::Yes)
}

//! `qx backup` and `qx restore`.

use std::path::PathBuf;

use qx_cli::{Context, Status, WaitArg, count};
use qx_formats::Result;
use qx_store::backup;
use serde_json::json;

const BACKUP_EXAMPLES: &str = "\
Examples:
  qx backup my.db -o /backups/my.db.monday
  qx backup my.db -o /backups/my.db.monday --dry-run";

/// Copy a database, also while others write to it
///
/// The copy is a folder of its own with a checksummed list of its files. It is taken without a lock: the files are
/// copied, the log last, until nothing but the log moved meanwhile. A database that never stands still is locked for
/// the last try (--wait). Exit 1 when files are not what the database's manifests say: the copy has them as they are.
#[derive(clap::Args)]
#[command(before_help = BACKUP_EXAMPLES)]
pub struct BackupArgs {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// New folder for the copy
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// Count files and bytes, and copy nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn backup(args: BackupArgs, cx: &mut Context) -> Result<Status> {
    let job = cx.job();
    let done = backup::backup(&args.db, &args.output, args.wait.wait.unwrap_or_default(), args.dry_run, &job)?;
    if cx.json() {
        cx.out.record(&json!({
            "v": 1, "path": args.db.to_string_lossy(), "output": args.output.to_string_lossy(), "dry_run": args.dry_run,
            "files": done.files.len(), "bytes": done.bytes(), "lsn": done.lsn, "taken_at": done.taken_at,
            "damaged": done.damaged,
        }))?;
    }
    let verb = if args.dry_run { "would copy" } else { "copied" };
    let (files, bytes) = (done.files.len(), done.bytes());
    cx.say(format!("{}: {verb} {files} files, {bytes} bytes, as of LSN {}", args.output.display(), done.lsn));
    if let Some(first) = done.damaged.first() {
        let (n, path) = (count(done.damaged.len(), "file"), args.db.display());
        cx.warn(format!("{path}: {n} not as the manifests say, {first} first; `qx fsck {path}` says more"));
    }
    Ok(Status::from_bool(done.damaged.is_empty()))
}

const RESTORE_EXAMPLES: &str = "\
Examples:
  qx restore /backups/my.db.monday -o my.db
  qx restore /backups/my.db.monday -o my.db --dry-run     prove the backup";

/// Make a database from a backup
///
/// Every file is compared with the backup's list before anything is made. The backup stays as it is.
#[derive(clap::Args)]
#[command(before_help = RESTORE_EXAMPLES)]
pub struct RestoreArgs {
    /// Folder of the backup
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,

    /// New database folder
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,

    /// Prove the backup, and make nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn restore(args: RestoreArgs, cx: &mut Context) -> Result<Status> {
    let job = cx.job();
    let done = backup::restore(&args.backup, &args.output, args.dry_run, &job)?;
    if cx.json() {
        cx.out.record(&json!({
            "v": 1, "path": args.backup.to_string_lossy(), "output": args.output.to_string_lossy(),
            "dry_run": args.dry_run, "files": done.files, "bytes": done.bytes, "lsn": done.lsn,
            "taken_at": done.taken_at,
        }))?;
    }
    let verb = if args.dry_run { "would restore" } else { "restored" };
    let path = args.output.display();
    cx.say(format!("{path}: {verb} {} files, {} bytes, as of LSN {}", done.files, done.bytes, done.lsn));
    Ok(Status::Yes)
}

//! `deltalog repair`: a clean copy of a damaged log, and what was left behind.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use qx_cli::{Context, OutputArgs, Status, WaitArg, parse_size};
use qx_formats::{Error, Kind, Result};
use qx_io::{Publish, write_atomic};
use qx_log::{Copied, Mode, RecoveryReport, RepairOptions};
use serde_json::{Map, Value, json};

use crate::recover::{ModeArg, cells, summary};
use crate::show;

const EXAMPLES: &str = "\
Examples:
  deltalog repair LOG -o FIXED --dry-run     what would be kept, and what is lost
  deltalog repair LOG -o FIXED               writes FIXED and FIXED.loss.json; LOG stays as it is
  deltalog repair LOG -o FIXED --mode tail   only if nothing that was durable is damaged";

/// Write a clean copy of a damaged log, and a report of what was lost
///
/// The log itself is only read: whoever is not content removes the copy, and nothing happened. Every whole transaction
/// is copied with its LSN and id; the copy goes on where the log would have. The loss report names each damaged place:
/// segment, offset, bytes, reason, and the LSNs that are missing for it. The exit status is 0 when the copy was written:
/// whether something was lost is said by `lossless` in the report.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Folder of the log
    #[arg(value_name = "DIR")]
    dir: PathBuf,

    /// Folder of the copy
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// How to meet damage
    #[arg(long, value_enum, default_value = "salvage")]
    mode: ModeArg,

    /// File of the loss report (default: OUT.loss.json)
    #[arg(long, value_name = "FILE")]
    loss_report: Option<PathBuf>,

    /// Seal a segment of the copy before it grows above this
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size)]
    rotate_size: u64,

    #[command(flatten)]
    out: OutputArgs,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let loss = args.loss_report.clone().unwrap_or_else(|| beside(&args.output));
    if loss.exists() && !args.out.force {
        let e = Error::new(Kind::Exists, "the loss report is already there").path(&loss);
        return Err(e.hint("give --force to replace it"));
    }
    let options = RepairOptions {
        mode: Mode::from(args.mode),
        force: args.out.force,
        dry_run: args.out.dry_run,
        rotate_size: args.rotate_size,
        wait: args.wait.wait.unwrap_or_default(),
        job: cx.job(),
    };
    let (report, copied) = qx_log::repair(&args.dir, &args.output, &options)?;
    let document = document(&args, &report, &copied, &loss);
    if !args.out.dry_run {
        let mut text = serde_json::to_vec_pretty(&document).map_err(|e| Error::io("write the report", e.into()))?;
        text.push(b'\n');
        write_atomic(&loss, if args.out.force { Publish::Replace } else { Publish::New }, &text)?;
    }
    if cx.json() {
        cx.out.record(&document)?;
        return Ok(Status::Yes);
    }
    let mut fields = summary(&report);
    for name in ["new_segment", "copied_transactions"] {
        fields.remove(name);
    }
    fields.insert("lossless".to_owned(), report.lossless().into());
    show::fields(cx, fields)?;
    if !report.cuts.is_empty() {
        let rows = report.cuts.iter().map(cells).collect();
        show::rows(cx, &[">segment", ">offset", ">bytes", "reason", "lost LSNs", "message"], rows)?;
    }
    match (args.out.dry_run, report.lossless()) {
        (true, _) => cx.say("nothing was written"),
        (false, true) => cx.say(format!("{}: a whole copy; nothing was lost", args.output.display())),
        (false, false) => cx.warn(format!("something was lost: {} says what", loss.display())),
    }
    Ok(Status::Yes)
}

fn beside(out: &Path) -> PathBuf {
    let mut name = OsString::from(out.as_os_str());
    name.push(".loss.json");
    PathBuf::from(name)
}

fn document(args: &Args, report: &RecoveryReport, copied: &Copied, loss: &Path) -> Map<String, Value> {
    let mut document = Map::from_iter([("v".to_owned(), json!(1))]);
    if let Ok(Value::Object(fields)) = serde_json::to_value(report) {
        document.extend(fields);
    }
    for name in ["new_segment", "copied_transactions"] {
        document.remove(name);
    }
    document.insert("path".to_owned(), report.path.to_string_lossy().into());
    document.insert("out".to_owned(), args.output.to_string_lossy().into());
    document.insert("loss_report".to_owned(), loss.to_string_lossy().into());
    document.insert("lossless".to_owned(), report.lossless().into());
    document.insert("copied".to_owned(), json!(copied));
    document
}

//! `deltalog import`: files of an older system as a log.

use std::path::PathBuf;

use qx_cli::{Context, OutputArgs, Status, count, parse_size};
use qx_formats::Result;
use qx_log::{ImportOptions, Imported};
use serde_json::{Map, Value, json};

use crate::show;

const EXAMPLES: &str = "\
Examples:
  deltalog import graphs/tools -o LOG            a clarium graph folder: wal/, nodes/, edges/
  deltalog import current.lg delta.P000.log -o LOG
  deltalog import graphs/tools -o LOG --dry-run  what could be read, and what is damaged
  deltalog dump LOG | deltalog append WAL --txn kept   into a log that is there already";

/// Convert files of an older system into a new log
///
/// Reads clarium's write-ahead logs (GWL1), delta logs (DLOG v1), dictionaries (JSON) and adjacency segments, or the folders
/// that hold them. What was committed is taken, each operation once, in the order of the transaction ids; dictionaries and
/// segments come first. A transaction without a commit, one that was aborted, and one with a damaged place where a part of
/// it may have stood are left out and named. A KalamDB manifest holds no operations: --dry-run reports the files that it
/// names, with their rows and statistics. Exit status 0 when everything else was read, 1 when a damaged place was
/// skipped: the log is written all the same.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Files, or folders of them
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,

    /// Folder of the new log
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,

    /// Edge type of edges whose file does not say it (delta logs and adjacency segments)
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=65_535))]
    etype: u32,

    /// Seal a segment before it grows above this
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = parse_size)]
    rotate_size: u64,

    #[command(flatten)]
    out: OutputArgs,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let options = ImportOptions {
        force: args.out.force,
        dry_run: args.out.dry_run,
        rotate_size: args.rotate_size,
        etype: args.etype,
        job: cx.job(),
    };
    let done = qx_log::import(&args.inputs, &args.output, &options)?;
    if cx.json() {
        let mut document = Map::from_iter([("v".to_owned(), json!(1))]);
        if let Ok(Value::Object(fields)) = serde_json::to_value(&done) {
            document.extend(fields);
        }
        document.insert("out".to_owned(), args.output.to_string_lossy().into());
        document.insert("dry_run".to_owned(), args.out.dry_run.into());
        document.insert("complete".to_owned(), done.complete().into());
        cx.out.record(&document)?;
        return Ok(Status::from_bool(done.complete()));
    }
    print(&args, &done, cx)?;
    Ok(Status::from_bool(done.complete()))
}

fn print(args: &Args, done: &Imported, cx: &mut Context) -> Result<()> {
    let rows = done.files.iter().map(|f| {
        let bytes: u64 = f.skipped.iter().map(|s| s.bytes).sum();
        vec![
            f.path.to_string_lossy().into_owned(),
            f.kind.to_owned(),
            f.records.to_string(),
            f.skipped.len().to_string(),
            bytes.to_string(),
        ]
    });
    show::rows(cx, &["file", "kind", ">records", ">skipped places", ">skipped bytes"], rows.collect())?;
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    put("transactions", done.transactions.into());
    put("operations", done.operations.into());
    put("in_both", done.in_both.into());
    put("repeated_commits", done.repeated_commits.into());
    put("uncommitted", json!(done.uncommitted));
    put("aborted", json!(done.aborted));
    put("doubtful", json!(done.doubtful));
    show::fields(cx, fields)?;
    for m in &done.manifests {
        let rows =
            m.segments.iter().map(|s| vec![s.path.clone(), s.status.clone(), s.rows.to_string(), s.bytes.to_string()]);
        show::rows(cx, &["named by the manifest", "status", ">rows", ">bytes"], rows.collect())?;
        for what in &m.skipped {
            cx.warn(format!("manifest of {}: passed over: {what}", m.table));
        }
    }
    for f in &done.files {
        for s in &f.skipped {
            let bytes = count(s.bytes, "byte");
            cx.warn(format!("{}: skipped {bytes} at byte {}: {}", f.path.display(), s.offset, s.reason));
        }
    }
    let what = if args.out.dry_run { "would be imported" } else { "imported" };
    let (transactions, operations) = (count(done.transactions, "transaction"), count(done.operations, "operation"));
    cx.say(format!("{transactions} with {operations} {what}"));
    Ok(())
}

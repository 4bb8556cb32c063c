//! `qx compact`: the Parquet files of tables, written anew.

use std::path::PathBuf;
use std::sync::Arc;

use qx_cli::{Context, Status, WaitArg};
use qx_formats::{Error, Kind, Result};
use qx_store::names::ObjectName;
use qx_store::{Store, View};
use serde_json::json;

use crate::runtime::block_on;

const EXAMPLES: &str = "\
Examples:
  qx compact my.db               tables whose files are many and small, or older than their definition
  qx compact my.db orders --rewrite
  qx compact my.db --dry-run";

/// Write the Delta Lake files of tables anew: few large ones, under the present names and types
///
/// One Delta commit for each table, with its rows from the log. The files before it stay for AS OF until a vacuum.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// Tables to write anew
    #[arg(value_name = "TABLE")]
    tables: Vec<String>,

    /// Also tables that have no need of it: what ALTER TABLE changed reaches their files
    #[arg(long)]
    rewrite: bool,

    /// Say which tables would be written, and write none
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

/// Files below this are small.
const SMALL_BYTES: u64 = 32 << 20;
/// So many small files are worth a compaction.
const MANY: usize = 8;

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let store = Arc::new(Store::open(&args.db)?);
    let asked = args.tables.iter().map(|t| ObjectName::parse("table", t)).collect::<Result<Vec<_>>>()?;
    let cancel = cx.cancel.clone();
    let wait = args.wait.wait.unwrap_or_default();
    let done = block_on(&cancel, async {
        let mut writer = if args.dry_run { None } else { Some(store.writer(wait)?) };
        let view = match &writer {
            Some(writer) => Arc::clone(writer.view()),
            None => View::open(&store)?,
        };
        let all = view.catalog().tables.keys().map(|k| ObjectName::parse("table", k)).collect::<Result<Vec<_>>>()?;
        let mut done = Vec::new();
        for name in if asked.is_empty() { &all } else { &asked } {
            let table = view
                .table(name)
                .await?
                .ok_or_else(|| Error::new(Kind::NotFound, format!("there is no table {}", name.key())))?;
            let files = table.cold.files.len();
            let small = table.cold.files.iter().filter(|f| f.bytes < SMALL_BYTES).count();
            let due = small >= MANY || table.defined.must_rewrite(table.cold.lsn);
            if table.cold.table.is_none() || !(due || args.rewrite) {
                continue;
            }
            if let Some(writer) = &mut writer {
                writer.rewrite(name).await?;
            }
            let now = view.table(name).await?.map_or(0, |t| t.cold.files.len());
            done.push((name.key(), files, now));
        }
        if let Some(writer) = writer {
            writer.close()?;
        }
        Ok(done)
    })?;
    for (table, before, after) in &done {
        if cx.json() {
            cx.out.record(
                &json!({"table": table, "files_before": before, "files_after": after, "dry_run": args.dry_run}),
            )?;
        }
        match args.dry_run {
            true => cx.say(format!("{table}: would write {before} files anew")),
            false => cx.say(format!("{table}: {before} files became {after}")),
        }
    }
    if done.is_empty() {
        cx.say("nothing to compact");
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "tables": done.len(), "dry_run": args.dry_run}}))?;
    }
    Ok(Status::Yes)
}

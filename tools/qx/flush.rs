//! `qx flush`: rows from the log to Parquet.

use std::path::PathBuf;
use std::sync::Arc;

use qx_cli::{Context, Status, WaitArg};
use qx_formats::Result;
use qx_store::names::ObjectName;
use qx_store::{Store, View};
use serde_json::json;

use crate::runtime::block_on;

const EXAMPLES: &str = "\
Examples:
  qx flush my.db                every table that has rows in the log
  qx flush my.db orders items
  qx flush my.db --dry-run      how many rows each would bring";

/// Bring rows from the log to the Delta Lake tables
///
/// One Delta commit for each table; then the log lets go of what nothing needs any more. Without tables, all of them.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// Tables to flush
    #[arg(value_name = "TABLE")]
    tables: Vec<String>,

    /// Say how many rows each table would bring, and bring none
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let store = Arc::new(Store::open(&args.db)?);
    let names = args.tables.iter().map(|t| ObjectName::parse("table", t)).collect::<Result<Vec<_>>>()?;
    let cancel = cx.cancel.clone();
    let (dry_run, wait) = (args.dry_run, args.wait.wait.unwrap_or_default());
    let flushed = block_on(&cancel, async {
        if dry_run {
            return pending(&store, &names).await;
        }
        let mut writer = store.writer(wait)?;
        let mut flushed = Vec::new();
        if names.is_empty() {
            for key in writer.flush_all().await? {
                flushed.push((key, None));
            }
        }
        for name in &names {
            if writer.flush(name).await? {
                flushed.push((name.key(), None));
            }
        }
        writer.prune().await?;
        writer.close()?;
        Ok(flushed)
    })?;
    for (table, rows) in &flushed {
        if cx.json() {
            cx.out.record(&json!({"table": table, "rows": rows, "dry_run": dry_run}))?;
        }
        match rows {
            Some(rows) => cx.say(format!("{table}: {rows} rows in the log")),
            None => cx.say(format!("{table}: flushed")),
        }
    }
    if flushed.is_empty() {
        cx.say("nothing to flush");
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "tables": flushed.len(), "dry_run": dry_run}}))?;
    }
    Ok(Status::Yes)
}

async fn pending(store: &Arc<Store>, names: &[ObjectName]) -> Result<Vec<(String, Option<usize>)>> {
    let view = View::open(store)?;
    let all = view.catalog().tables.keys().map(|k| ObjectName::parse("table", k)).collect::<Result<Vec<_>>>()?;
    let mut out = Vec::new();
    for name in if names.is_empty() { &all } else { names } {
        let table = view.table(name).await?;
        let table = table.ok_or_else(|| {
            qx_formats::Error::new(qx_formats::Kind::NotFound, format!("there is no table {}", name.key()))
        })?;
        let rows = table.hot().len();
        if rows > 0 {
            out.push((name.key(), Some(rows)));
        }
    }
    Ok(out)
}

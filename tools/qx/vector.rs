//! `qx vector`: vector indexes over tables. `vindex` works on the files themselves.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Subcommand;
use qx_cli::{Context, Status, WaitArg};
use qx_formats::Result;
use qx_sql::{Answer, Session, SessionOptions};
use qx_store::Store;
use serde_json::json;

use crate::answers;
use crate::runtime::block_on;

const STATUS_EXAMPLES: &str = "\
Examples:
  qx vector status my.db
  qx vector status my.db embeddings --json";

const SYNC_EXAMPLES: &str = "\
Examples:
  qx vector sync my.db                 every index that is not REBUILD_ONLY
  qx vector sync my.db embeddings      this one, whatever its mode";

/// Look at vector indexes and bring them up
#[derive(Subcommand)]
pub enum Verb {
    Status(StatusArgs),
    Sync(SyncArgs),
}

/// Show vector indexes: state, rows, what they lack
///
/// The columns are those of SHOW VECTOR INDEX STATUS. `pending_rows` were written since and are searched in the log;
/// `unlinked_rows` are in the index and not in its graph; `stale` is an index that only REINDEX brings up.
#[derive(clap::Args)]
#[command(before_help = STATUS_EXAMPLES)]
pub struct StatusArgs {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// Indexes; all of them when none is named
    #[arg(value_name = "INDEX")]
    indexes: Vec<String>,
}

/// Bring vector indexes up to the last commit
///
/// What changed since goes into a further file of the index; an index that this cannot bring up is built anew. A run
/// that has nothing to do succeeds in silence.
#[derive(clap::Args)]
#[command(before_help = SYNC_EXAMPLES)]
pub struct SyncArgs {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// Indexes; every one that is not REBUILD_ONLY when none is named
    #[arg(value_name = "INDEX")]
    indexes: Vec<String>,

    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

pub fn run(verb: Verb, cx: &mut Context) -> Result<Status> {
    match verb {
        Verb::Status(args) => status(args, cx),
        Verb::Sync(args) => sync(args, cx),
    }
}

/// Runs one statement for each name, or one for all.
fn each(db: &Path, head: &str, all: &str, names: &[String], wait: Option<WaitArg>, cx: &Context) -> Result<Answer> {
    let store = Arc::new(Store::open(db)?);
    let quoted = |name: &String| {
        let parts: Vec<String> = name.split('.').map(|p| format!("\"{}\"", p.replace('"', "\"\""))).collect();
        format!("{head} {}", parts.join("."))
    };
    let statements = if names.is_empty() { vec![all.to_owned()] } else { names.iter().map(quoted).collect() };
    let wait = wait.and_then(|w| w.wait).unwrap_or_default();
    block_on(&cx.cancel, async {
        let session = Session::open_with(&store, SessionOptions { wait, ..SessionOptions::default() })?;
        let mut whole = Answer::none();
        for statement in statements {
            let one = session.query(&statement).await?;
            whole.schema = one.schema;
            whole.batches.extend(one.batches);
        }
        session.close().await?;
        Ok(whole)
    })
}

fn status(args: StatusArgs, cx: &mut Context) -> Result<Status> {
    let all = "SHOW VECTOR INDEX STATUS";
    let answer = each(&args.db, all, all, &args.indexes, None, cx)?;
    print(&answer, cx)?;
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "indexes": answer.rows()}}))?;
    }
    Ok(Status::Yes)
}

fn sync(args: SyncArgs, cx: &mut Context) -> Result<Status> {
    if args.dry_run {
        let all = "SHOW VECTOR INDEX STATUS";
        let answer = each(&args.db, all, all, &args.indexes, None, cx)?;
        print(&answer, cx)?;
        cx.say(
            "nothing was changed; pending_rows is what a run takes up, and an index that is empty or stale is built",
        );
        return Ok(Status::Yes);
    }
    let answer = each(&args.db, "SYNC VECTOR INDEX", "SYNC VECTOR INDEXES", &args.indexes, Some(args.wait), cx)?;
    if cx.json() {
        cx.out.bytes(&answers::ndjson(&answer)?)?;
        cx.out.record(&json!({"summary": {"v": 1, "indexes": answer.rows()}}))?;
    } else {
        for line in answers::table(&answer)?.plain().lines().skip(2).filter(|l| !l.contains("up to date")) {
            cx.say(line.trim_end());
        }
    }
    Ok(Status::Yes)
}

fn print(answer: &Answer, cx: &mut Context) -> Result<()> {
    if cx.for_people() && !cx.json() {
        let table = answers::table(answer)?;
        return cx.out.table(&table);
    }
    cx.out.bytes(&answers::ndjson(answer)?)
}

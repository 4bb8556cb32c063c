//! `explain plan`: the stages of planning one statement.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ValueEnum;
use qx_cli::{Context, Status, Table};
use qx_formats::{Error, Result};
use qx_plan::Stages;
use qx_sql::Session;
use qx_store::Store;

const EXAMPLES: &str = "\
Examples:
  explain plan 'select package from packages order by size desc limit 3' --db debian.db
  explain plan 'select 1' --db debian.db --stage physical";

/// Print the plan of a statement: inputs, then each stage of planning
///
/// The statement is planned against the database and never run; scalar subqueries in the arguments of table functions
/// are evaluated, since the plan depends on them. With --json, one document holds everything.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The statement
    #[arg(value_name = "SQL")]
    sql: String,

    /// Database folder
    #[arg(long, value_name = "DIR")]
    db: PathBuf,

    /// Stages to print
    #[arg(long, value_enum, default_value_t)]
    stage: Which,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Which {
    #[default]
    All,
    /// As written (P0)
    Logical,
    /// After the optimizer (P1)
    Optimized,
    /// What would be run (P2)
    Physical,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let store = Arc::new(Store::open(&args.db)?);
    let statements = Session::parse(&args.sql)?;
    let [statement] = <[_; 1]>::try_from(statements)
        .map_err(|s| Error::usage("explain takes one statement").got(format!("{} statements", s.len())))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Error::io("start the engine's thread", e))?;
    let mut stages = runtime.block_on(async {
        let session = Session::open(&store)?;
        let plan = session.plan(statement).await?;
        Stages::new(&session.context().state(), args.sql.clone(), plan).await
    })?;
    let wanted = match args.stage {
        Which::All => None,
        Which::Logical => Some("P0"),
        Which::Optimized => Some("P1"),
        Which::Physical => Some("P2"),
    };
    stages.stages.retain(|s| wanted.is_none_or(|w| w == s.name));
    if cx.json() {
        cx.out.record(&stages)?;
        return Ok(Status::Yes);
    }
    if wanted.is_none() {
        summary(&stages, cx)?;
    }
    for stage in &stages.stages {
        cx.out.line(format!("{}  {}  {}", stage.name, stage.title, &stage.digest[..16]))?;
        for line in stage.text.lines() {
            cx.out.line(format!("  {line}"))?;
        }
    }
    Ok(Status::Yes)
}

fn summary(stages: &Stages, cx: &mut Context) -> Result<()> {
    let mut table = Table::new(["input", "columns", "filters", ">fetch"]);
    for input in &stages.summary.inputs {
        let fetch = input.fetch.map_or_else(String::new, |n| n.to_string());
        table.row([input.relation.clone(), input.columns.join(", "), input.filters.join(" and "), fetch]);
    }
    if !table.is_empty() {
        cx.out.table(&table)?;
        cx.out.line("")?;
    }
    Ok(())
}

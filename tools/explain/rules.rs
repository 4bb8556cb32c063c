//! `explain rules`: what the planner applies, in its order.

use std::path::PathBuf;

use qx_cli::{Context, Status, Table};
use qx_formats::Result;
use qx_plan::RuleSet;
use serde_json::json;

use crate::session::{Environment, Planner};

const EXAMPLES: &str = "\
Examples:
  explain rules --db debian.db
  explain rules --db debian.db --overlay no-pushdown.toml
An overlay (TOML):
  version = 1
  [optimizer]
  exclude = [\"push_down_filter\"]
  [settings]
  \"datafusion.execution.target_partitions\" = 1";

/// List the rules of the planner in the order in which they run
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(long, value_name = "DIR")]
    db: PathBuf,

    #[command(flatten)]
    environment: Environment,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let planner = Planner::open(&args.db, &args.environment)?;
    let rules = RuleSet::of(planner.state());
    if cx.json() {
        cx.out.record(&json!({"v": 1, "rules": rules, "fingerprint": rules.fingerprint()}))?;
        return Ok(Status::Yes);
    }
    let mut table = Table::new(["stage", ">position", "name"]);
    for (stage, names) in rules.stages() {
        for (i, name) in names.iter().enumerate() {
            table.row([stage.to_owned(), i.to_string(), name.clone()]);
        }
    }
    cx.out.table(&table)?;
    cx.say(format!("fingerprint {}", rules.fingerprint()));
    Ok(Status::Yes)
}

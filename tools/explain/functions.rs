//! `explain functions`: what SQL can call, and how each function takes part in planning.

use std::path::PathBuf;

use clap::ValueEnum;
use qx_cli::{Context, Status, Table};
use qx_formats::Result;
use serde_json::json;

use crate::session::{Environment, Planner};

const EXAMPLES: &str = "\
Examples:
  explain functions --db debian.db
  explain functions --db debian.db --kind aggregate
  explain functions --db debian.db --json | jq -r 'select(.hooks // [] | index(\"retract\")) | .name'";

/// List every function with signature, volatility and the hooks that were seen at work
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(long, value_name = "DIR")]
    db: PathBuf,

    /// Functions of one kind
    #[arg(long, value_enum)]
    kind: Option<Kind>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    Scalar,
    HigherOrder,
    Aggregate,
    Window,
    Table,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Scalar => "scalar",
            Kind::HigherOrder => "higher_order",
            Kind::Aggregate => "aggregate",
            Kind::Window => "window",
            Kind::Table => "table",
        }
    }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let planner = Planner::open(&args.db, &Environment::default())?;
    let mut found = qx_plan::functions(planner.state());
    found.retain(|f| args.kind.is_none_or(|k| k.name() == f.kind));
    if cx.json() {
        for function in &found {
            cx.out.record(function)?;
        }
        cx.out.record(&json!({"summary": {"v": 1, "functions": found.len()}}))?;
        return Ok(Status::Yes);
    }
    let mut table = Table::new(["kind", "name", "signature", "volatility", "hooks"]);
    for f in found {
        let mut name = f.name;
        if !f.aliases.is_empty() {
            name = format!("{name} ({})", f.aliases.join(", "));
        }
        let signature = match f.arguments.is_empty() {
            true => f.signature,
            false => f.arguments.join(", "),
        };
        table.row([f.kind, name, signature, f.volatility, f.hooks.join(" ")]);
    }
    cx.out.table(&table)?;
    Ok(Status::Yes)
}

//! `explain diff`: what is different between two plans.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use qx_cli::{Context, Status};
use qx_formats::{Error, Result};
use qx_plan::Bundle;
use qx_plan::diff::{Diff, Rules, Selector, html, text};

use crate::session::{Asked, Environment, Planner};

const EXAMPLES: &str = "\
Examples:
  explain diff before.json after.json
  explain diff before.json after.json --fail-on shape --ignore costs
  explain diff old.db new.db --sql 'select count(*) from packages where size > 10'
  explain diff debian.db debian.db --sql 'select * from packages' --set-b datafusion.execution.target_partitions=1
  explain diff before.json debian.db --sql \"$(jq -r .statement.sql before.json)\" --form side
Kinds of change for --ignore and --fail-on:
  causes:  statement, schema, content, statistics, indexes, facts, rules, settings, functions, engine
  effects: shape, detail, output, costs
  groups:  full (shape, detail, output), providers (content, statistics, indexes, facts)
  one subject of a kind: settings:datafusion.execution.batch_size";

/// Compare two plans: what changed, and what followed from it
///
/// Each side is a bundle of `explain capture` or a database folder; a folder needs --sql and is planned now. Exit
/// status: 0 the same, 1 different, 2 it could not be compared.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Bundle or database folder
    #[arg(value_name = "A")]
    left: PathBuf,

    /// Bundle or database folder
    #[arg(value_name = "B")]
    right: PathBuf,

    /// The statement, for a side that is a database folder
    #[arg(long, value_name = "SQL")]
    sql: Option<String>,

    /// Another statement for the second side
    #[arg(long, value_name = "SQL")]
    sql_b: Option<String>,

    /// A setting for the second side alone
    #[arg(long = "set-b", value_name = "NAME=VALUE")]
    settings_b: Vec<String>,

    /// An overlay for the second side alone
    #[arg(long = "overlay-b", value_name = "FILE")]
    overlay_b: Option<PathBuf>,

    /// Form of the answer
    #[arg(long, value_enum, value_name = "FORM", default_value_t)]
    form: Form,

    /// Stage to show side by side
    #[arg(long, value_name = "STAGE", default_value = "P2", value_parser = ["P0", "P1", "P2"])]
    stage: String,

    /// Leave these kinds of change out; comma-separated or repeated
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = Selector::from_str)]
    ignore: Vec<Selector>,

    /// Exit with 1 for these kinds of change only
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = Selector::from_str)]
    fail_on: Vec<Selector>,

    #[command(flatten)]
    asked: Asked,

    #[command(flatten)]
    environment: Environment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Form {
    /// In words
    #[default]
    Words,
    /// One stage of both, side by side
    Side,
    Json,
    /// A page that stands alone
    Html,
}

/// Columns of a pipe, which has no width of its own.
const WIDTH: usize = 160;

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let second = Environment {
        overlay: args.overlay_b.clone().or_else(|| args.environment.overlay.clone()),
        settings: args.environment.settings.iter().chain(&args.settings_b).cloned().collect(),
    };
    let left = side(&args.left, args.sql.as_deref(), &args.asked, &args.environment)?;
    let right = side(&args.right, args.sql_b.as_deref().or(args.sql.as_deref()), &args.asked, &second)?;
    let rules = Rules { ignore: args.ignore, fail_on: args.fail_on };
    let diff = Diff::of(&left, &right).judged(&rules);
    if !cx.json() {
        for warning in &diff.warnings {
            cx.warn(warning);
        }
    }
    match args.form {
        _ if cx.json() => cx.out.record(&diff)?,
        Form::Json => cx.out.record(&diff)?,
        Form::Words => {
            let text = text::words(&diff, cx.out.color);
            cx.out.bytes(text.as_bytes())?;
        }
        Form::Side => {
            let text = text::side_by_side(&left, &right, &args.stage, WIDTH, cx.out.color);
            cx.out.bytes(text.as_bytes())?;
        }
        Form::Html => cx.out.bytes(html::page(&diff, &left, &right).as_bytes())?,
    }
    Ok(Status::from_bool(diff.same))
}

fn side(path: &Path, sql: Option<&str>, asked: &Asked, environment: &Environment) -> Result<Bundle> {
    if !path.is_dir() {
        return bundle(path);
    }
    let sql = sql.ok_or_else(|| Error::usage("a database folder needs a statement").path(path).hint("give --sql"))?;
    Planner::open(path, environment)?.bundle(sql, asked, false)
}

/// Reads a bundle; `-` is stdin.
pub fn bundle(path: &Path) -> Result<Bundle> {
    use std::io::Read;
    let limit = qx_plan::MAX_BYTES + 1;
    let mut bytes = Vec::new();
    let read = match qx_cli::is_dash(path) {
        true => std::io::stdin().take(limit).read_to_end(&mut bytes),
        false => std::fs::File::open(path).and_then(|f| f.take(limit).read_to_end(&mut bytes)),
    };
    read.map_err(|e| Error::io("read the bundle", e).path(path))?;
    qx_plan::parse(&bytes).map_err(|e| e.path(path))
}

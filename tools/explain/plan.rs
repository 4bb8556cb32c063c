//! `explain plan`: one statement's plan, in one of many forms.

use std::path::PathBuf;

use clap::ValueEnum;
use qx_cli::{Context, Status};
use qx_formats::Result;
use qx_plan::render::{Format, Show};

use crate::session::{Asked, Environment, Planner};

const EXAMPLES: &str = "\
Examples:
  explain plan 'select package from packages order by size desc limit 3' --db debian.db
  explain plan 'select 1' --db debian.db --stage physical
  explain plan 'select * from packages where size > $1' --db debian.db --param 1=int64:1000000
  explain plan 'select count(*) from packages' --db debian.db --analyze --format html > plan.html
  explain plan 'select * from packages' --db debian.db --eq package=utf8:feh --format mermaid";

/// Print the plan of a statement: what it reads and does, then the stages of planning
///
/// The statement is planned against the database and never run, unless --analyze is given; scalar subqueries in the
/// arguments of table functions are evaluated, since the plan depends on them. With --verbose (-v) every stage is shown,
/// and what each rule did. With --json, one document holds everything: the plan bundle of `explain capture`.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// The statement
    #[arg(value_name = "SQL")]
    sql: String,

    /// Database folder
    #[arg(long, value_name = "DIR")]
    db: PathBuf,

    /// Form of the answer
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Form,

    /// Show this stage alone
    #[arg(long, value_enum)]
    stage: Option<Which>,

    #[command(flatten)]
    asked: Asked,

    #[command(flatten)]
    environment: Environment,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Which {
    All,
    /// As written (P0)
    Logical,
    /// After the optimizer (P1)
    Optimized,
    /// What would be run (P2)
    Physical,
}

impl Which {
    pub fn name(self) -> Option<&'static str> {
        match self {
            Which::All => None,
            Which::Logical => Some("P0"),
            Which::Optimized => Some("P1"),
            Which::Physical => Some("P2"),
        }
    }
}

/// The forms of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Form {
    /// Words and operators
    #[default]
    Text,
    /// The plan bundle
    Json,
    /// A tree with all attributes
    Tree,
    /// For the plan viewers of PostgreSQL
    Pgjson,
    /// For Graphviz
    Dot,
    /// A flow chart for documents and issues
    Mermaid,
    /// A page that stands alone
    Html,
    /// A picture
    Svg,
}

impl From<Form> for Format {
    fn from(form: Form) -> Format {
        match form {
            Form::Text => Format::Text,
            Form::Json => Format::Json,
            Form::Tree => Format::Tree,
            Form::Pgjson => Format::PgJson,
            Form::Dot => Format::Dot,
            Form::Mermaid => Format::Mermaid,
            Form::Html => Format::Html,
            Form::Svg => Format::Svg,
        }
    }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let verbose = cx.global.verbose > 0 || args.stage == Some(Which::All);
    let planner = Planner::open(&args.db, &args.environment)?;
    let bundle = planner.bundle(&args.sql, &args.asked, verbose)?;
    cx.cancel.check()?;
    if cx.json() {
        cx.out.record(&bundle)?;
        return Ok(Status::Yes);
    }
    let show = Show { verbose, stage: args.stage.and_then(Which::name) };
    cx.out.bytes(bundle.render(args.format.into(), show)?.as_bytes())?;
    Ok(Status::Yes)
}

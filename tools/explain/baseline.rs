//! `explain baseline`: the plans that a folder of queries is to keep.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use qx_cli::{Context, Status as Exit, Table};
use qx_formats::{Error, Result};
use qx_plan::baseline::{Baselines, Query, Slot, Status, queries, text};
use qx_plan::diff::{Diff, Rules, Selector, text as words};
use serde_json::json;

use crate::session::{Asked, Environment, Planner};

const EXAMPLES: &str = "\
Examples:
  explain baseline add queries/ --db debian.db --approve
  explain baseline check queries/ --db debian.db || mail -s 'plans changed' me
  explain baseline check queries/ --db debian.db --fail-on shape --keep
  explain baseline approve queries/ top-packages
  explain baseline list queries/";

/// Keep the plans of a folder of queries, and say when one changes
///
/// The folder holds .sql files, one statement each. Their plans stand in `plans/` beside them (--store names another
/// folder): NAME.json is approved, NAME.new.json waits for a decision, NAME.rejected.json is not wanted.
#[derive(clap::Subcommand)]
#[command(before_help = EXAMPLES)]
pub enum Verb {
    Add(Add),
    Check(Check),
    Approve(Approve),
    List(List),
}

/// Where queries and plans are.
#[derive(clap::Args)]
struct Place {
    /// Folder of .sql files, or one of them
    #[arg(value_name = "QUERIES")]
    queries: PathBuf,

    /// Folder of the plans (default: `plans` in the folder of the queries)
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
}

impl Place {
    fn store(&self) -> PathBuf {
        let folder = match self.queries.is_dir() {
            true => self.queries.as_path(),
            false => self.queries.parent().unwrap_or(Path::new("")),
        };
        self.store.clone().unwrap_or_else(|| folder.join("plans"))
    }

    /// That there is something at the place of the queries.
    fn check(&self) -> Result<()> {
        std::fs::metadata(&self.queries).map(drop).map_err(|e| Error::io("read the queries", e).path(&self.queries))
    }

    fn queries(&self) -> Result<Vec<Query>> {
        self.check()?;
        queries(&self.queries, &self.store())
    }
}

/// Keep the plans of queries that have none yet
#[derive(clap::Args)]
pub struct Add {
    #[command(flatten)]
    place: Place,

    /// Database folder
    #[arg(long, value_name = "DIR")]
    db: PathBuf,

    /// Approve them at once
    #[arg(long)]
    approve: bool,

    /// Say what would be kept, and keep nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    environment: Environment,
}

/// Plan every query and compare; exit 1 when any plan is not the approved one, or the file of one is damaged
#[derive(clap::Args)]
pub struct Check {
    #[command(flatten)]
    place: Place,

    /// Database folder
    #[arg(long, value_name = "DIR")]
    db: PathBuf,

    /// Keep the plans that differ, for `approve` to decide about
    #[arg(long)]
    keep: bool,

    /// Leave these kinds of change out; comma-separated or repeated (`explain diff --help` lists them)
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = Selector::from_str)]
    ignore: Vec<Selector>,

    /// Fail for these kinds of change only
    #[arg(long, value_name = "KIND", value_delimiter = ',', value_parser = Selector::from_str)]
    fail_on: Vec<Selector>,

    #[command(flatten)]
    environment: Environment,
}

/// Decide about plans that wait: they become the approved ones, or with --reject are told by name from then on
#[derive(clap::Args)]
pub struct Approve {
    #[command(flatten)]
    place: Place,

    /// Queries by name; all that wait with --all
    #[arg(value_name = "NAME", required_unless_present = "all")]
    names: Vec<String>,

    /// Every plan that waits
    #[arg(long, conflicts_with = "names")]
    all: bool,

    /// They are not wanted
    #[arg(long)]
    reject: bool,

    /// Say what would be decided, and change nothing
    #[arg(long)]
    dry_run: bool,
}

/// List the queries and which plans are kept of them; exit 1 when a plan's file is damaged
#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    place: Place,
}

pub fn run(verb: Verb, cx: &mut Context) -> Result<Exit> {
    match verb {
        Verb::Add(args) => add(&args, cx),
        Verb::Check(args) => check(args, cx),
        Verb::Approve(args) => approve(&args, cx),
        Verb::List(args) => list(&args, cx),
    }
}

fn add(args: &Add, cx: &mut Context) -> Result<Exit> {
    let store = Baselines::new(&args.place.store());
    let planner = Planner::open(&args.db, &args.environment)?;
    let slot = if args.approve { Slot::Approved } else { Slot::New };
    let mut added = 0;
    for query in args.place.queries()? {
        cx.cancel.check()?;
        // Whoever stops a long planning has what was told before it.
        cx.out.flush()?;
        if store.load(&query.name, Slot::Approved)?.is_some() {
            continue;
        }
        let bundle = planner.bundle(&text(&query)?, &Asked::default(), false).map_err(|e| e.path(&query.path))?;
        if !args.dry_run {
            store.save(&query.name, slot, &bundle)?;
            if args.approve {
                store.remove(&query.name, Slot::New)?;
            }
        }
        added += 1;
        let status = if args.approve { "approved" } else { "unapproved" };
        if cx.json() {
            cx.out.record(&json!({"query": query.name, "status": status, "written": !args.dry_run}))?;
        } else {
            cx.out.line(format!("{status}\t{}", query.name))?;
        }
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "added": added}}))?;
    }
    let verb = if args.dry_run { "would be kept" } else { "kept" };
    cx.say(format!("{added} plans {verb}"));
    Ok(Exit::Yes)
}

/// What became of each query of a check.
#[derive(Default)]
struct Count {
    approved: u64,
    unapproved: u64,
    rejected: u64,
    failed: u64,
    orphaned: u64,
}

impl Count {
    fn add(&mut self, status: Status) {
        *match status {
            Status::Approved => &mut self.approved,
            Status::Unapproved => &mut self.unapproved,
            Status::Rejected => &mut self.rejected,
            Status::Failed => &mut self.failed,
            Status::Orphaned => &mut self.orphaned,
        } += 1;
    }
}

fn check(args: Check, cx: &mut Context) -> Result<Exit> {
    let store = Baselines::new(&args.place.store());
    let planner = Planner::open(&args.db, &args.environment)?;
    let rules = Rules { ignore: args.ignore, fail_on: args.fail_on };
    let queries = args.place.queries()?;
    let mut count = Count::default();
    for query in &queries {
        cx.cancel.check()?;
        cx.out.flush()?;
        let planned = text(query).and_then(|sql| planner.bundle(&sql, &Asked::default(), false));
        let judged = planned.and_then(|bundle| store.judge(&query.name, &bundle, &rules).map(|found| (bundle, found)));
        let (status, diff, error) = match judged {
            // A damaged plan of one query says nothing about the others.
            Err(e) => (Status::Failed, None, Some(e)),
            Ok((bundle, (status, diff))) => {
                if args.keep && status == Status::Unapproved {
                    store.save(&query.name, Slot::New, &bundle)?;
                }
                (status, diff, None)
            }
        };
        count.add(status);
        report(&query.name, status, diff.as_ref(), error.as_ref(), cx)?;
    }
    if args.place.queries.is_dir() {
        for name in store.names()?.into_iter().filter(|n| !queries.iter().any(|q| q.name == *n)) {
            count.add(Status::Orphaned);
            report(&name, Status::Orphaned, None, None, cx)?;
        }
    }
    let Count { approved, unapproved, rejected, failed, orphaned } = count;
    if cx.json() {
        let summary = json!({
            "v": 1, "approved": approved, "unapproved": unapproved, "rejected": rejected, "failed": failed,
            "orphaned": orphaned,
        });
        cx.out.record(&json!({"summary": summary}))?;
    }
    cx.say(format!(
        "{approved} approved, {unapproved} unapproved, {rejected} rejected, {failed} failed, {orphaned} orphaned"
    ));
    Ok(Exit::from_bool(unapproved + rejected + failed == 0))
}

fn report(name: &str, status: Status, diff: Option<&Diff>, error: Option<&Error>, cx: &mut Context) -> Result<()> {
    let reason = match (status, diff, error) {
        (_, _, Some(e)) => Some(e.to_string()),
        (Status::Unapproved, None, _) => Some("no plan was approved yet".to_owned()),
        (Status::Orphaned, _, _) => Some("there is no such query any more".to_owned()),
        _ => None,
    };
    if cx.json() {
        let changes = diff.filter(|d| !d.same).map(|d| &d.changes);
        return cx.out.record(&json!({
            "query": name, "status": status, "changes": changes, "reason": reason,
            "kind": error.map(|e| e.kind().name()),
        }));
    }
    cx.out.line(format!("{}\t{name}", status.name()))?;
    if let Some(reason) = reason {
        cx.out.line(format!("  {}", reason.lines().next().unwrap_or_default()))?;
    }
    if let Some(diff) = diff.filter(|d| !d.same) {
        for line in words::words(diff, cx.out.color).lines() {
            cx.out.line(format!("  {line}"))?;
        }
    }
    Ok(())
}

fn approve(args: &Approve, cx: &mut Context) -> Result<Exit> {
    args.place.check()?;
    let store = Baselines::new(&args.place.store());
    let names = match args.all {
        true => {
            let mut waiting = store.names()?;
            waiting.retain(|n| store.path(n, Slot::New).is_file());
            waiting
        }
        false => args.names.iter().map(|n| n.trim_end_matches(".sql").to_owned()).collect(),
    };
    let status = if args.reject { "rejected" } else { "approved" };
    for name in &names {
        match args.dry_run {
            // The same answer as the real run, for a plan that is not there as well.
            true if store.load(name, Slot::New)?.is_none() => store.decide(name, !args.reject)?,
            true => {}
            false => store.decide(name, !args.reject)?,
        }
        if cx.json() {
            cx.out.record(&json!({"query": name, "status": status, "written": !args.dry_run}))?;
        } else {
            cx.out.line(format!("{status}\t{name}"))?;
        }
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "decided": names.len()}}))?;
    }
    cx.say(format!("{} plans {status}", names.len()));
    Ok(Exit::Yes)
}

fn list(args: &List, cx: &mut Context) -> Result<Exit> {
    args.place.check()?;
    let store = Baselines::new(&args.place.store());
    let mut names = store.names()?;
    if args.place.queries.is_dir() {
        // A folder without a query yet has plans at most.
        names.extend(args.place.queries().unwrap_or_default().into_iter().map(|q| q.name));
    }
    names.sort();
    names.dedup();
    let mut table = Table::new(["query", "approved", "waits", "rejected"]);
    let mut damaged = 0;
    for name in &names {
        let mut errors = Vec::new();
        let shapes = [Slot::Approved, Slot::New, Slot::Rejected].map(|slot| match store.load(name, slot) {
            Ok(bundle) => bundle.and_then(|b| b.stage("P2").and_then(|s| s.shape.clone())),
            Err(e) => {
                errors.push(e);
                Some("damaged".to_owned())
            }
        });
        errors.iter().for_each(|e| cx.warn(e));
        damaged += errors.len();
        let [approved, new, rejected] = shapes;
        if cx.json() {
            cx.out.record(&json!({"query": name, "approved": approved, "waits": new, "rejected": rejected}))?;
        } else {
            let short = |d: Option<String>| d.map(|d| d.chars().take(12).collect()).unwrap_or_default();
            table.row([name.clone(), short(approved), short(new), short(rejected)]);
        }
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "queries": names.len(), "damaged": damaged}}))?;
    } else {
        cx.out.table(&table)?;
    }
    Ok(Exit::from_bool(damaged == 0))
}

//! Capture: from a statement in a session to a bundle.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::unparser::plan_to_sql;
use qx_formats::{Error, Result};
use serde_json::Value;

use crate::bundle::{Bundle, Capability, Engine, FORMAT, Prints, Stage, StatementInfo, Substrait, VERSION};
use crate::params::Parameter;
use crate::planning::{Planned, plan};
use crate::providers::{Provider, providers, roots};
use crate::rules::RuleSet;
use crate::schema::{columns, fingerprint, qualified_columns};
use crate::structure::{Names, Node, logical, physical_named};
use crate::summary::Summary;
use crate::{functions, measure, prints, redact};

/// A statement as the area that runs it describes it.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// `query`, `insert`, `create_table`, ...
    pub kind: String,
    pub sql: String,
    /// What it changes; none for what only reads.
    pub target: Option<String>,
    /// It was run, and what it changed was taken back.
    pub ran: bool,
    pub facts: BTreeMap<String, Value>,
    /// Why something better is not done, or why there is no plan.
    pub reasons: Vec<String>,
    pub parameters: Vec<Parameter>,
    /// The rows that it reads or writes; none for a statement that only changes definitions.
    pub plan: Option<LogicalPlan>,
}

impl Subject {
    pub fn query(sql: impl Into<String>, plan: LogicalPlan) -> Self {
        Subject { kind: "query".to_owned(), sql: sql.into(), plan: Some(plan), ..Subject::default() }
    }
}

/// What is asked for beside the three stages.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options<'a> {
    /// Run it and measure. Refused for a statement that changes something.
    pub analyze: bool,
    /// Record what each rule does.
    pub verbose: bool,
    /// Take literals and names out.
    pub redact: bool,
    /// Folder of the database, which file names are cut off at.
    pub root: Option<&'a Path>,
    /// Bytes for other engines, or the reason why there are none, of whoever can make them.
    pub substrait: Option<&'a dyn Export>,
}

/// Makes a plan for other engines.
pub trait Export: std::fmt::Debug {
    /// # Errors
    /// The node and the feature that cannot be carried.
    fn export(&self, plan: &LogicalPlan, state: &SessionState) -> std::result::Result<Vec<u8>, String>;
}

/// Takes a statement through planning. It is executed only for `analyze`.
///
/// # Errors
/// `Engine` when planning fails; `Unsupported` for what was asked for and cannot be had.
pub async fn capture(state: &SessionState, subject: Subject, options: Options<'_>) -> Result<Bundle> {
    if options.analyze && subject.target.is_some() && !subject.ran {
        return Err(Error::unsupported(format!("ANALYZE would run this {}", subject.kind)).hint(
            "leave ANALYZE out: nothing is changed; `qx sql --rollback` runs INSERT, UPDATE, DELETE and MERGE of rows \
                 and takes them back",
        ));
    }
    let mut fixed = state.clone();
    // A plan depends on the text of now(), not on the time of day.
    fixed.execution_props_mut().query_execution_start_time = None;
    let names = Names::new(&roots(options.root));
    let mut stages = Vec::new();
    let (mut found, mut deltas, mut measured, mut summary) = (Vec::new(), Vec::new(), None, Summary::default());
    let mut substrait = Substrait { bytes: None, reason: Some("not asked for".to_owned()) };
    let mut statement = StatementInfo {
        kind: subject.kind,
        sql: subject.sql,
        target: subject.target,
        facts: subject.facts,
        reasons: subject.reasons,
        parameters: subject.parameters,
        ..StatementInfo::default()
    };
    if let Some(p0) = subject.plan {
        let planned = plan(&fixed, p0, options.verbose, &names).await?;
        found = providers(&fixed, [&planned.p0, &planned.p1], &names).await;
        stages = self::stages(&planned, &names);
        summary = summarize(&stages, &found, &planned);
        match plan_to_sql(&planned.p0) {
            Ok(sql) => statement.unparsed = Some(sql.to_string()),
            Err(e) => statement.unparsed_reason = Some(e.strip_backtrace()),
        }
        if let Some(export) = options.substrait {
            substrait = match export.export(&planned.p1, &fixed) {
                Ok(bytes) => {
                    Substrait { bytes: Some(base64::engine::general_purpose::STANDARD.encode(&bytes)), reason: None }
                }
                Err(reason) => Substrait { bytes: None, reason: Some(reason) },
            };
        }
        if options.analyze {
            measured = Some(analyze(state, &planned).await?);
        }
        deltas = planned.deltas;
    } else {
        let reason = statement.reasons.first().cloned().unwrap_or_else(|| format!("{} has no plan", statement.kind));
        statement.unparsed_reason = Some(reason.clone());
        substrait.reason = Some(reason.clone());
        stages.extend(TITLES.iter().map(|(name, title)| no_stage(name, title, &reason)));
    }
    let rules = RuleSet::of(state);
    let settings: BTreeMap<String, Option<String>> =
        state.config_options().entries().into_iter().map(|e| (e.key, e.value)).collect();
    let fingerprints = fingerprints(&statement, &found, &rules, &settings, state);
    let capabilities = capabilities(&options, &stages, &statement, &substrait);
    let engine = Engine {
        name: "datafusion".to_owned(),
        version: state.version().to_owned(),
        tool: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let bundle = Bundle {
        format: FORMAT.to_owned(),
        version: VERSION,
        engine,
        statement,
        summary,
        stages,
        fingerprints,
        rules,
        settings,
        providers: found,
        deltas,
        measured,
        substrait,
        capabilities,
        redacted: false,
    };
    Ok(if options.redact { redact::redact(bundle) } else { bundle })
}

const TITLES: [(&str, &str); 3] =
    [("P0", "logical plan, as written"), ("P1", "logical plan, optimized"), ("P2", "physical plan")];

fn no_stage(name: &str, title: &str, reason: &str) -> Stage {
    Stage {
        name: name.to_owned(),
        title: title.to_owned(),
        shape: None,
        full: None,
        schema: None,
        columns: Vec::new(),
        plan: None,
        reason: Some(reason.to_owned()),
    }
}

/// Deepest plan that a bundle holds: readers of JSON give up at 128, and a stage is not the outermost level.
const MAX_JSON_DEPTH: usize = 120;

fn stage(at: usize, plan: Node, columns: Vec<crate::schema::ColumnInfo>) -> Stage {
    let (name, title) = TITLES[at];
    let (shape, full, depth) = (plan.shape_digest(), plan.full_digest(), plan.json_depth());
    let (plan, reason) = match depth > MAX_JSON_DEPTH {
        true => {
            (None, Some(format!("nested {depth} deep, where {MAX_JSON_DEPTH} are kept: only its digests are here")))
        }
        false => (Some(plan), None),
    };
    Stage {
        name: name.to_owned(),
        title: title.to_owned(),
        shape: Some(shape),
        full: Some(full),
        schema: Some(fingerprint(&columns)),
        columns,
        plan,
        reason,
    }
}

fn stages(planned: &Planned, names: &Names) -> Vec<Stage> {
    let mut out = vec![
        stage(0, logical(&planned.p0), qualified_columns(planned.p0.schema())),
        stage(1, logical(&planned.p1), qualified_columns(planned.p1.schema())),
    ];
    out.push(match &planned.p2 {
        Ok(p2) => stage(2, physical_named(p2, names), columns(&p2.schema())),
        Err(reason) => no_stage(TITLES[2].0, TITLES[2].1, reason),
    });
    out
}

fn summarize(stages: &[Stage], found: &[Provider], planned: &Planned) -> Summary {
    let output = planned.p1.schema().iter().map(|(_, f)| format!("{}: {}", f.name(), f.data_type())).collect();
    let plan = |i: usize| stages.get(i).and_then(|s: &Stage| s.plan.as_ref());
    match plan(1) {
        Some(p1) => Summary::of(p1, plan(2), found, output),
        None => Summary::default(),
    }
}

/// Runs the statement as the session would, times of day included.
async fn analyze(state: &SessionState, planned: &Planned) -> Result<measure::Measured> {
    if let Err(reason) = &planned.p2 {
        return Err(Error::unsupported("ANALYZE of a statement without operators").got(reason));
    }
    let again = plan(state, planned.p0.clone(), false, &Names::default()).await?;
    match &again.p2 {
        Ok(p2) => measure::run(state, p2).await,
        Err(reason) => Err(Error::unsupported("ANALYZE of a statement without operators").got(reason)),
    }
}

fn fingerprints(
    statement: &StatementInfo,
    found: &[Provider],
    rules: &RuleSet,
    settings: &BTreeMap<String, Option<String>>,
    state: &SessionState,
) -> Prints {
    Prints {
        statement: prints::statement(statement),
        schema: prints::schemas(found),
        providers: prints::providers(found),
        rules: rules.fingerprint(),
        settings: prints::settings(settings),
        functions: functions::fingerprint(state),
    }
}

fn capabilities(
    options: &Options<'_>,
    stages: &[Stage],
    statement: &StatementInfo,
    substrait: &Substrait,
) -> Vec<Capability> {
    let entry = |name: &str, state: &str, reason: Option<String>| Capability {
        name: name.to_owned(),
        state: state.to_owned(),
        reason,
    };
    let asked = |name: &str, on: bool| entry(name, if on { "yes" } else { "off" }, None);
    let mut out: Vec<Capability> = stages
        .iter()
        .map(|s| match &s.reason {
            None => entry(&s.name, "yes", None),
            Some(reason) => entry(&s.name, "no", Some(reason.clone())),
        })
        .collect();
    out.push(match &statement.unparsed_reason {
        None => entry("unparse", "yes", None),
        Some(reason) => entry("unparse", "no", Some(reason.clone())),
    });
    out.push(asked("analyze", options.analyze));
    out.push(asked("deltas", options.verbose));
    out.push(asked("redact", options.redact));
    out.push(match (&substrait.bytes, options.substrait) {
        (Some(_), _) => entry("substrait", "yes", None),
        (None, Some(_)) => entry("substrait", "no", substrait.reason.clone()),
        (None, None) => entry("substrait", "off", substrait.reason.clone()),
    });
    out
}

//! One statement through all stages of planning, with what each rule did on the way.

use std::sync::{Arc, Mutex};

use datafusion::common::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::execution::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizerContext;
use datafusion::physical_plan::ExecutionPlan;
use qx_formats::{Error, Kind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::structure::{Names, Node, logical, physical_bare};

/// The engine's own objects for the three stages of one statement. They live as long as the session; what is kept of
/// them is a [`crate::Bundle`].
pub struct Planned {
    /// As written.
    pub p0: LogicalPlan,
    /// Optimized.
    pub p1: LogicalPlan,
    /// What would be run; the reason where there is no such plan.
    pub p2: std::result::Result<Arc<dyn ExecutionPlan>, String>,
    /// What each rule did, when that was asked for.
    pub deltas: Vec<Delta>,
}

/// What one rule did in one pass. One name can stand twice in a list, so the position is part of the key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Delta {
    /// `analyzer`, `optimizer` or `physical`.
    pub stage: String,
    /// From 0.
    pub pass: u32,
    /// In the list of the stage's rules, from 0.
    pub position: u32,
    pub name: String,
    /// `none`, `detail` or `shape`: the most that changed.
    pub change: String,
    /// Digest of the whole plan after the rule.
    pub full: String,
    /// Operators that are gone, in the order of the plan before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removed: Vec<String>,
    /// Operators that are new, in the order of the plan after.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub added: Vec<String>,
}

pub(crate) fn engine(e: DataFusionError) -> Error {
    let mut root = &e;
    while let DataFusionError::Context(_, inner) = root {
        root = inner;
    }
    // An error of ours that travelled through the engine keeps its kind.
    if let DataFusionError::External(inner) = root
        && let Some(ours) = inner.downcast_ref::<Error>()
    {
        return Error::new(ours.kind(), ours.to_string());
    }
    Error::new(Kind::Engine, e.strip_backtrace())
}

/// Whether a physical plan exists for a statement of this kind.
fn physical_reason(plan: &LogicalPlan) -> Option<String> {
    match plan {
        LogicalPlan::Ddl(d) => Some(format!("{} changes definitions; nothing is executed by operators", d.name())),
        LogicalPlan::Statement(s) => {
            Some(format!("{} changes the session; nothing is executed by operators", s.name()))
        }
        _ => None,
    }
}

/// Plans to the end. Nothing is executed. With `verbose` the effect of every rule is recorded.
///
/// # Errors
/// `Engine`: a rule or the physical planner failed.
pub(crate) async fn plan(state: &SessionState, p0: LogicalPlan, verbose: bool, names: &Names) -> Result<Planned> {
    if let Some(reason) = physical_reason(&p0) {
        return Ok(Planned { p1: p0.clone(), p0, p2: Err(reason), deltas: Vec::new() });
    }
    if !verbose {
        let p1 = state.optimize(&p0).map_err(engine)?;
        let p2 = state.query_planner().create_physical_plan(&p1, state).await.map_err(engine)?;
        return Ok(Planned { p0, p1, p2: Ok(p2), deltas: Vec::new() });
    }
    let mut deltas =
        Recorder::new("analyzer", &logical(&p0), names_of(state.analyzer().rules.iter().map(|r| r.name())));
    let options = state.config_options();
    let analyzed = state
        .analyzer()
        .execute_and_check(p0.clone(), options, |plan, rule| deltas.after(rule.name(), &logical(plan)))
        .map_err(engine)?;
    let mut all = deltas.done;
    let mut deltas =
        Recorder::new("optimizer", &logical(&analyzed), names_of(state.optimizers().iter().map(|r| r.name())));
    let p1 = state
        .optimizer()
        .optimize(analyzed, state, |plan, rule| deltas.after(rule.name(), &logical(plan)))
        .map_err(engine)?;
    all.extend(deltas.done);
    let (watched, seen) = watch(state, names);
    let p2 = watched.query_planner().create_physical_plan(&p1, &watched).await.map_err(engine)?;
    if let Ok(mut seen) = seen.lock()
        && let Some(recorder) = seen.take()
    {
        all.extend(recorder.done);
    }
    Ok(Planned { p0, p1, p2: Ok(p2), deltas: all })
}

fn names_of<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    names.map(str::to_owned).collect()
}

/// Compares the plan after each rule with the one before.
struct Recorder {
    stage: &'static str,
    rules: Vec<String>,
    next: usize,
    pass: u32,
    before: (String, String, Vec<String>),
    done: Vec<Delta>,
}

fn seen(node: &Node) -> (String, String, Vec<String>) {
    let mut lines = Vec::new();
    node.visit(&mut |n, depth| lines.push(format!("{}{}", "  ".repeat(depth), n.line())));
    (node.shape_digest(), node.full_digest(), lines)
}

impl Recorder {
    fn new(stage: &'static str, start: &Node, rules: Vec<String>) -> Self {
        Recorder { stage, rules, next: 0, pass: 0, before: seen(start), done: Vec::new() }
    }

    /// The place of a rule of this name, at or behind the one that is due; a rule that failed and was passed over
    /// leaves a hole.
    fn place(&mut self, name: &str) -> u32 {
        let found = |from: usize, rules: &[String]| rules.iter().skip(from).position(|r| r == name).map(|i| i + from);
        let at = match found(self.next, &self.rules) {
            Some(at) => at,
            None => {
                self.pass += 1;
                found(0, &self.rules).unwrap_or(0)
            }
        };
        self.next = at + 1;
        at as u32
    }

    fn after(&mut self, name: &str, plan: &Node) {
        let position = self.place(name);
        let full = plan.full_digest();
        if full == self.before.1 {
            self.push(position, name, "none", full, Vec::new(), Vec::new());
            return;
        }
        let after = seen(plan);
        let change = if after.0 == self.before.0 { "detail" } else { "shape" };
        let (removed, added) = crate::diff::lines::removed_and_added(&self.before.2, &after.2);
        self.push(position, name, change, full, removed, added);
        self.before = after;
    }

    fn push(
        &mut self,
        position: u32,
        name: &str,
        change: &str,
        full: String,
        removed: Vec<String>,
        added: Vec<String>,
    ) {
        self.done.push(Delta {
            stage: self.stage.to_owned(),
            pass: self.pass,
            position,
            name: name.to_owned(),
            change: change.to_owned(),
            full,
            removed,
            added,
        });
    }
}

type Seen = Arc<Mutex<Option<Recorder>>>;

/// A session in which every physical rule reports what it did. The one given stays as it is.
fn watch(state: &SessionState, names: &Names) -> (SessionState, Seen) {
    let seen: Seen = Arc::default();
    let rules = state.physical_optimizers();
    let known: Vec<String> = rules.iter().map(|r| r.name().to_owned()).collect();
    let watched = rules.iter().map(|rule| {
        Arc::new(Watched {
            rule: Arc::clone(rule),
            rules: known.clone(),
            seen: Arc::clone(&seen),
            names: names.clone(),
        }) as Arc<dyn PhysicalOptimizerRule + Send + Sync>
    });
    let watched = watched.collect();
    let state = SessionStateBuilder::new_from_existing(state.clone()).with_physical_optimizer_rules(watched).build();
    (state, seen)
}

struct Watched {
    rule: Arc<dyn PhysicalOptimizerRule + Send + Sync>,
    rules: Vec<String>,
    seen: Seen,
    names: Names,
}

impl std::fmt::Debug for Watched {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.rule.fmt(f)
    }
}

type Physical = Arc<dyn ExecutionPlan>;

impl Watched {
    fn report(&self, plan: &Physical, apply: impl FnOnce() -> Answer) -> Answer {
        if let Ok(mut seen) = self.seen.lock()
            && seen.is_none()
        {
            *seen = Some(Recorder::new("physical", &physical_bare(plan.as_ref(), &self.names), self.rules.clone()));
        }
        let after = apply()?;
        if let Ok(mut seen) = self.seen.lock()
            && let Some(recorder) = seen.as_mut()
        {
            recorder.after(self.rule.name(), &physical_bare(after.as_ref(), &self.names));
        }
        Ok(after)
    }
}

type Answer = std::result::Result<Physical, DataFusionError>;

impl PhysicalOptimizerRule for Watched {
    fn optimize(&self, plan: Physical, config: &ConfigOptions) -> Answer {
        let before = Arc::clone(&plan);
        self.report(&before, || self.rule.optimize(plan, config))
    }

    fn optimize_with_context(&self, plan: Physical, context: &dyn PhysicalOptimizerContext) -> Answer {
        let before = Arc::clone(&plan);
        self.report(&before, || self.rule.optimize_with_context(plan, context))
    }

    fn name(&self) -> &str {
        self.rule.name()
    }

    fn schema_check(&self) -> bool {
        self.rule.schema_check()
    }
}

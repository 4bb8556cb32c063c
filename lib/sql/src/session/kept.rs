//! Plans of searches, kept for the next one: a statement that asks for the rows nearest to another vector, or for the
//! nodes around another one, is planned like the one before it, and planning takes longer than the search.
//!
//! What is kept holds for one moment of the database and its settings. It is only kept where what is searched for stands
//! in the search and nowhere else in the plan, and where nothing in the statement depends on the time.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::internal_datafusion_err;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::Volatility;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Query, Select, SetExpr, Statement as Sql, TableFactor,
    Value, VisitMut, VisitorMut,
};
use qx_store::View;

use super::frame::Frame;
use crate::arguments;
use crate::current::Current;
use crate::functions::{GraphSearch, distance};
use crate::settings::Settings;
use crate::vector::VectorSearch;

/// Plans that are kept at once; of more, the one that was kept first goes.
const MAX_PLANS: usize = 16;
/// Ways of writing a statement that are known of each.
const MAX_FRAMES: usize = 4;

/// Operators that may stand over a search: what they do depends on their input, and they can begin anew.
const OVER: [&str; 8] = [
    "AggregateExec",
    "CoalescePartitionsExec",
    "CooperativeExec",
    "FilterExec",
    "GlobalLimitExec",
    "ProjectionExec",
    "SortExec",
    "SortExec(TopK)",
];

/// A statement as one of those that differ in what they search for.
pub(super) struct Question {
    /// The statement without it.
    pattern: Box<Sql>,
    /// What is searched for: a vector, or a node.
    text: String,
    /// Names of the other functions that it calls.
    functions: Vec<String>,
    /// How it was written.
    frame: Option<Frame>,
}

impl Question {
    /// What a statement searches for: one select of one relation, with one text for the vector or the node. `written` is
    /// the text of the whole statement, where it is known.
    pub(super) fn of(statement: &EngineStatement, written: Option<&str>) -> Option<Question> {
        let EngineStatement::Statement(sql) = statement else { return None };
        let Sql::Query(query) = sql.as_ref() else { return None };
        // What is none of these may be long, and is not copied.
        let SetExpr::Select(_) = query.body.as_ref() else { return None };
        let mut pattern = sql.clone();
        let mut reader = Reader::default();
        if pattern.visit(&mut reader).is_break() {
            return None;
        }
        let text = reader.text?;
        let frame = written.and_then(|written| Frame::around(written, &text));
        Some(Question { pattern, text, functions: reader.functions, frame })
    }

    /// Whether the statement means the same at all times.
    pub(super) fn is_timeless(&self, state: &SessionState) -> bool {
        let known = state.scalar_functions();
        self.functions.iter().all(|f| known.get(f).is_none_or(|f| f.signature().volatility == Volatility::Immutable))
    }
}

/// Takes what is searched for out of a statement; breaks off where there is more to the statement than a search.
#[derive(Default)]
struct Reader {
    queries: usize,
    selects: usize,
    text: Option<String>,
    functions: Vec<String>,
}

impl Reader {
    fn take(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Value(value) = expr else { return ControlFlow::Continue(()) };
        let Value::SingleQuotedString(text) = &mut value.value else { return ControlFlow::Continue(()) };
        let text = std::mem::take(text);
        match &self.text {
            Some(other) if *other != text => ControlFlow::Break(()),
            _ => {
                self.text = Some(text);
                ControlFlow::Continue(())
            }
        }
    }
}

impl VisitorMut for Reader {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.queries += 1;
        if self.queries > 1 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.selects += 1;
        let alone = matches!(select.from.as_slice(), [one] if one.joins.is_empty());
        if alone && self.selects == 1 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        match arguments::sought(factor) {
            Some(expr) => self.take(expr),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let Expr::Function(call) = expr else { return ControlFlow::Continue(()) };
        let name = call.name.to_string().to_lowercase();
        if distance::metric_of(&name).is_none() {
            self.functions.push(name);
            return ControlFlow::Continue(());
        }
        let FunctionArguments::List(list) = &mut call.args else { return ControlFlow::Continue(()) };
        let mut of_column = false;
        let mut texts = 0;
        for arg in &mut list.args {
            if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
                of_column |= matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
                texts += usize::from(matches!(expr, Expr::Value(_)));
                self.take(expr)?;
            }
        }
        // The distance of two constants is a number in the plan, and another one for the next vector.
        if texts > 0 && !of_column { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// A plan that can be run: its columns, its operators, and what those need of the engine.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) schema: SchemaRef,
    pub(super) plan: Arc<dyn ExecutionPlan>,
    pub(super) context: Arc<TaskContext>,
}

/// What a plan holds for: a view, its last commit, how much of an open transaction stands on top, and how often something
/// of that was taken back; and how often a setting was changed.
#[derive(Clone)]
struct Moment {
    view: Weak<View>,
    log: (u64, usize, u64),
    settings: u64,
}

impl Moment {
    fn of(current: &Current, settings: &Settings) -> Moment {
        let view = current.view();
        let log = (view.lsn(), view.pending_len(), view.rewinds());
        Moment { view: Arc::downgrade(&view), log, settings: settings.changes() }
    }

    fn is(&self, other: &Moment) -> bool {
        self.view.ptr_eq(&other.view) && self.log == other.log && self.settings == other.settings
    }
}

/// The plans of one session.
#[derive(Default)]
pub(super) struct Kept(Mutex<Plans>);

/// Plans of one moment.
#[derive(Default)]
struct Plans {
    at: Option<Moment>,
    plans: Vec<Plan>,
}

/// A plan, and the statement that it is of.
struct Plan {
    pattern: Box<Sql>,
    /// How that was written.
    frames: Vec<Frame>,
    ready: Ready,
}

impl Kept {
    fn plans(&self) -> MutexGuard<'_, Plans> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plans of this moment.
    fn now(&self, current: &Current, settings: &Settings) -> MutexGuard<'_, Plans> {
        let mut kept = self.plans();
        let now = Moment::of(current, settings);
        if !kept.at.as_ref().is_some_and(|at| at.is(&now)) {
            *kept = Plans { at: Some(now), plans: Vec::new() };
        }
        kept
    }

    /// Whether a statement like the one of this text may have been planned before, at whatever moment.
    pub(super) fn knows(&self, written: &str) -> bool {
        self.plans().plans.iter().flat_map(|p| &p.frames).any(|f| f.fits(written))
    }

    /// The plan of the statement of this text, if one like it was planned at this moment.
    pub(super) fn find_written(&self, written: &str, current: &Current, settings: &Settings) -> Option<Ready> {
        let (ready, vector) = {
            let kept = self.now(current, settings);
            let of = |plan: &Plan| Some((plan.ready.clone(), plan.frames.iter().find_map(|f| f.vector(written))?));
            kept.plans.iter().find_map(of)?
        };
        let plan = anew(&ready.plan, vector, current)?;
        Some(Ready { plan, ..ready })
    }

    /// The plan of a statement, if one like it was planned at this moment.
    pub(super) fn find(&self, question: &mut Question, current: &Current, settings: &Settings) -> Option<Ready> {
        let ready = {
            let mut kept = self.now(current, settings);
            let plan = kept.plans.iter_mut().find(|plan| plan.pattern == question.pattern)?;
            let frame = question.frame.take_if(|f| plan.frames.len() < MAX_FRAMES && !plan.frames.contains(f));
            plan.frames.extend(frame);
            plan.ready.clone()
        };
        let plan = anew(&ready.plan, &question.text, current)?;
        Some(Ready { plan, ..ready })
    }

    /// Keeps a plan if it can be used for another search.
    pub(super) fn keep(&self, question: Question, ready: &Ready, current: &Current, settings: &Settings) {
        if !is_for(&ready.plan, &question.text) {
            return;
        }
        let mut kept = self.plans();
        // Planning may have waited while others moved on.
        if !kept.at.as_ref().is_some_and(|at| at.is(&Moment::of(current, settings))) {
            return;
        }
        kept.plans.retain(|plan| plan.pattern != question.pattern);
        if kept.plans.len() >= MAX_PLANS {
            kept.plans.remove(0);
        }
        let frames = question.frame.into_iter().collect();
        kept.plans.push(Plan { pattern: question.pattern, frames, ready: ready.clone() });
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.plans().plans.len()
    }

    pub(super) fn clear(&self) {
        *self.plans() = Plans::default();
    }
}

/// An operator that searches.
enum Search<'a> {
    Vector(&'a VectorSearch),
    Graph(&'a GraphSearch),
}

impl Search<'_> {
    fn of(plan: &dyn ExecutionPlan) -> Option<Search<'_>> {
        let any: &dyn std::any::Any = plan;
        let vector = any.downcast_ref().map(Search::Vector);
        vector.or_else(|| any.downcast_ref().map(Search::Graph))
    }
}

/// Whether all that a plan does is to search for what `text` says, and to work on what was found.
fn is_for(plan: &Arc<dyn ExecutionPlan>, text: &str) -> bool {
    match (Search::of(plan.as_ref()), plan.children().as_slice()) {
        (Some(Search::Vector(search)), []) => search.is_for(text),
        (Some(Search::Graph(search)), []) => search.is_for(text),
        (None, [one]) => OVER.contains(&plan.name()) && !says(plan, text) && is_for(one, text),
        _ => false,
    }
}

/// Whether an operator's expressions may hold what a text says: the text itself, or a vector.
fn says(plan: &Arc<dyn ExecutionPlan>, text: &str) -> bool {
    let mut said = false;
    let walked = plan.apply_expressions(&mut |expr| {
        expr.apply(|e| {
            if let Some(literal) = e.downcast_ref::<Literal>() {
                let value = literal.value();
                said |= value.data_type().is_nested() || value.try_as_str().flatten() == Some(text);
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    said || walked.is_err()
}

/// The same plan, searching for something else. `None` where that has to be planned.
fn anew(plan: &Arc<dyn ExecutionPlan>, text: &str, current: &Current) -> Option<Arc<dyn ExecutionPlan>> {
    let planned = |search: Option<Arc<dyn ExecutionPlan>>| search.ok_or_else(|| internal_datafusion_err!("not kept"));
    let done = Arc::clone(plan).transform_up(|node| {
        let search = match Search::of(node.as_ref()) {
            Some(Search::Vector(search)) => planned(search.anew(text, current))?,
            Some(Search::Graph(search)) => planned(search.anew(text))?,
            None => node.reset_state()?,
        };
        Ok(Transformed::yes(search))
    });
    done.ok().map(|done| done.data)
}

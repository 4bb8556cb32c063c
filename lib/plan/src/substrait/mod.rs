//! Plans for other engines, in the form of substrait.io: written, read back, and compared with what they were.
//!
//! A message carries operators, expressions and the names of relations, not the relations: an import resolves the names
//! in the database it is given. What has no form there (a table function, a document, a table as of a version) is
//! refused by name. Export goes from the optimized plan, so that the reader needs none of this engine's rules.

mod portable;

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use datafusion::arrow::record_batch::RecordBatch;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::physical_plan::collect;
use datafusion_substrait::logical_plan::consumer::from_substrait_plan;
use datafusion_substrait::logical_plan::producer::to_substrait_plan;
use datafusion_substrait::substrait::proto::Plan;
use futures::FutureExt;
use prost::Message;
use qx_formats::{Error, Kind, Result};
use serde::Serialize;

use crate::capture::Export;
use crate::diff::lines::removed_and_added;
use crate::planning::engine;
use crate::structure::{Expression, Node, logical, relation};

/// Largest message that is read.
pub const MAX_MESSAGE_BYTES: u64 = 64 << 20;

/// How many rows that differ are told.
const MAX_SAMPLES: usize = 3;

/// Writes the optimized plan of a query as a `substrait.Plan` message.
#[derive(Debug)]
pub struct Exporter;

impl Export for Exporter {
    fn export(&self, plan: &LogicalPlan, state: &SessionState) -> std::result::Result<Vec<u8>, String> {
        export(plan, state)
    }
}

/// An optimized plan as a `substrait.Plan` message.
///
/// # Errors
/// The operator that cannot be carried, and why.
pub fn export(plan: &LogicalPlan, state: &SessionState) -> std::result::Result<Vec<u8>, String> {
    if let Some(reason) = foreign(plan) {
        return Err(reason);
    }
    match to_substrait_plan(plan, state) {
        Ok(mut message) => {
            portable::settle(&mut message);
            Ok(message.encode_to_vec())
        }
        Err(e) => Err(format!("{}: {}", culprit(plan, state), engine(e))),
    }
}

/// What means something in this database alone.
fn foreign(plan: &LogicalPlan) -> Option<String> {
    let mut found = None;
    // The visitor never fails, so neither does the walk.
    let _ = plan.apply_with_subqueries(|node| {
        found = match node {
            LogicalPlan::TableScan(scan) => {
                let (name, plain) = (scan.table_name.to_string(), relation(&scan.table_name));
                if plain.ends_with("()") {
                    Some(format!("TableScan: {plain} is a table function, which has no form in Substrait"))
                } else if name != plain {
                    Some(format!("TableScan: {plain} names more than a table, which has no form in Substrait"))
                } else {
                    None
                }
            }
            _ => placeholder(node).map(|id| format!("{}: the placeholder {id} has no value", operator(node))),
        };
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    found
}

fn placeholder(node: &LogicalPlan) -> Option<String> {
    let mut found = None;
    let _ = node.apply_expressions(|e| {
        e.apply(|e| {
            if let Expr::Placeholder(p) = e {
                found = Some(p.id.clone());
                return Ok(TreeNodeRecursion::Stop);
            }
            Ok(TreeNodeRecursion::Continue)
        })
    });
    found
}

fn operator(node: &LogicalPlan) -> String {
    logical(node).line().to_string()
}

/// The lowest operator that cannot be written, its inputs being fine.
fn culprit(plan: &LogicalPlan, state: &SessionState) -> String {
    let below = plan.inputs().into_iter().find(|input| to_substrait_plan(input, state).is_err());
    below.map_or_else(|| operator(plan), |input| culprit(input, state))
}

/// Reads a message and resolves its relations and functions in a database. The plan is as the message says, not
/// optimized.
///
/// # Errors
/// `Corrupt` for bytes that are no such message; `Unsupported` with the name of what cannot be carried or resolved.
pub async fn import(bytes: &[u8], state: &SessionState) -> Result<LogicalPlan> {
    let message = Plan::decode(bytes).map_err(|e| {
        Error::corrupt(format!("not a substrait.Plan message: {e}"))
            .hint("a message of `explain substrait export`, or of another producer, in the binary form of protobuf")
    })?;
    if message.relations.is_empty() {
        return Err(Error::corrupt("a substrait.Plan message without relations").hint("an empty file is one too"));
    }
    // The reader of the engine takes some fields that a hostile message leaves out for granted.
    let read = AssertUnwindSafe(from_substrait_plan(state, &message)).catch_unwind().await;
    match read {
        Ok(plan) => plan.map_err(|e| match engine(e) {
            e if e.kind() == Kind::Engine => Error::unsupported(format!("a message that cannot be resolved here: {e}")),
            e => e,
        }),
        Err(_) => Err(Error::corrupt("a substrait.Plan message that lacks fields which it must have")),
    }
}

/// What became of a query on its way out and back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RoundTrip {
    pub bytes: usize,
    /// Whether both optimized plans have the same digest of their shape.
    pub same_shape: bool,
    /// Whether they have once what only names columns and relations is left out: Substrait has no names but those of
    /// tables and of the columns that come out, so a plan comes back with projections in other places.
    pub same_but_for_names: bool,
    /// Operators of the optimized plan that the one read back has not, and the other way about.
    pub lost: Vec<String>,
    pub gained: Vec<String>,
    /// Whether the rows are the same, order aside; none when they were not asked for.
    pub same_rows: Option<bool>,
    /// What differs about the rows.
    pub rows: Vec<String>,
}

impl RoundTrip {
    pub fn is_whole(&self) -> bool {
        self.same_but_for_names && self.same_rows != Some(false)
    }
}

/// Writes a query, reads it back, optimizes it anew, and compares; with `run` the rows, too.
///
/// # Errors
/// `Unsupported` when it cannot be written; those of [`import`]; `Engine`.
pub async fn round_trip(plan: LogicalPlan, state: &SessionState, run: bool) -> Result<RoundTrip> {
    let before = state.optimize(&plan).map_err(engine)?;
    let bytes = export(&before, state).map_err(|e| Error::unsupported(format!("no Substrait for this: {e}")))?;
    let after = state.optimize(&import(&bytes, state).await?).map_err(engine)?;
    let (was, is) = (logical(&before), logical(&after));
    let (lost, gained) = removed_and_added(&lines(&was), &lines(&is));
    let same_shape = was.shape_digest() == is.shape_digest();
    let same_but_for_names = unnamed(&was).shape_digest() == unnamed(&is).shape_digest();
    let (same_rows, rows) = match run {
        false => (None, Vec::new()),
        true => {
            let differences = compare(&self::run(&before, state).await?, &self::run(&after, state).await?)?;
            (Some(differences.is_empty()), differences)
        }
    };
    Ok(RoundTrip { bytes: bytes.len(), same_shape, same_but_for_names, lost, gained, same_rows, rows })
}

/// A plan without the operators that compute nothing: aliases of relations, projections of columns.
fn unnamed(node: &Node) -> Node {
    let columns = |e: &Expression| {
        let inner = if e.e == "alias" { e.args.first().unwrap_or(e) } else { e };
        // An alias of an alias names as little.
        let inner = if inner.e == "alias" { inner.args.first().unwrap_or(inner) } else { inner };
        inner.e == "column"
    };
    let names = match node.op.as_str() {
        "SubqueryAlias" => true,
        "Projection" => node.exprs.values().flatten().all(columns),
        _ => false,
    };
    match node.children.as_slice() {
        [only] if names => unnamed(only),
        children => {
            let children = children.iter().map(unnamed).collect();
            let mut node = Node { children, ..node.clone() };
            node.exprs.values_mut().flatten().for_each(unname_subqueries);
            node
        }
    }
}

fn unname_subqueries(e: &mut Expression) {
    if let Some(plan) = &mut e.plan {
        **plan = unnamed(plan);
    }
    e.args.iter_mut().for_each(unname_subqueries);
}

fn lines(node: &Node) -> Vec<String> {
    let mut lines = Vec::new();
    node.visit(&mut |n, depth| lines.push(format!("{}{}", "  ".repeat(depth), n.line())));
    lines
}

async fn run(plan: &LogicalPlan, state: &SessionState) -> Result<Vec<RecordBatch>> {
    let physical = state.query_planner().create_physical_plan(plan, state).await.map_err(engine)?;
    collect(physical, state.task_ctx()).await.map_err(engine)
}

/// Rows as texts, with how often each is there.
fn counted(batches: &[RecordBatch]) -> Result<BTreeMap<String, i64>> {
    let failed = |e: datafusion::arrow::error::ArrowError| Error::new(Kind::Engine, e.to_string());
    let format = FormatOptions::new().with_null("NULL");
    let mut rows = BTreeMap::new();
    for batch in batches {
        let columns = batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &format));
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>().map_err(failed)?;
        for i in 0..batch.num_rows() {
            let cells: Vec<String> = columns.iter().map(|c| c.value(i).to_string()).collect();
            *rows.entry(cells.join("\t")).or_insert(0) += 1;
        }
    }
    Ok(rows)
}

/// What is different between two sets of rows, in words.
fn compare(before: &[RecordBatch], after: &[RecordBatch]) -> Result<Vec<String>> {
    let mut out = Vec::new();
    let names = |batches: &[RecordBatch]| -> Option<Vec<String>> {
        batches.first().map(|b| b.schema().fields().iter().map(|f| f.name().clone()).collect())
    };
    if let (Some(was), Some(is)) = (names(before), names(after))
        && was != is
    {
        out.push(format!("columns {} became {}", was.join(", "), is.join(", ")));
    }
    let (was, is) = (counted(before)?, counted(after)?);
    let less = was.iter().filter(|(row, n)| is.get(*row).is_none_or(|m| m < n)).map(|(row, _)| format!("lost: {row}"));
    let more = is.iter().filter(|(row, n)| was.get(*row).is_none_or(|m| m < n)).map(|(row, _)| format!("new: {row}"));
    out.extend(less.take(MAX_SAMPLES));
    out.extend(more.take(MAX_SAMPLES));
    Ok(out)
}

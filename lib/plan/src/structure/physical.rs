//! Physical plans in canonical form.

use std::sync::Arc;

use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::{DataSource, DataSourceExec};
use datafusion::physical_expr::{LexOrdering, Partitioning};
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::display::{DisplayAs, DisplayFormatType};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::statistics::{StatisticsArgs, StatisticsContext};
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::physical_expr::{aggregate, expr, exprs, sorts, window};
use super::{Estimate, Expression, Figure, Node};

/// How files are named: below one of these folders, the path from there, so that a moved database gives the same plan.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    roots: Vec<String>,
}

impl Names {
    pub(crate) fn new(roots: &[std::path::PathBuf]) -> Self {
        // Paths in an object store have no leading slash.
        let plain = |p: &std::path::PathBuf| p.to_string_lossy().trim_matches('/').to_owned();
        Names { roots: roots.iter().map(plain).filter(|r| !r.is_empty()).collect() }
    }

    pub(crate) fn file(&self, location: &str) -> String {
        let plain = location.trim_start_matches('/');
        let below = |r: &String| plain.strip_prefix(r.as_str()).and_then(|rest| rest.strip_prefix('/'));
        self.roots.iter().find_map(below).unwrap_or(plain).to_owned()
    }
}

/// The structure of a physical plan, with what its operators expect to give.
pub fn physical(plan: &Arc<dyn ExecutionPlan>) -> Node {
    physical_named(plan, &Names::default())
}

pub(crate) fn physical_named(plan: &Arc<dyn ExecutionPlan>, names: &Names) -> Node {
    walk(plan.as_ref(), names, &StatisticsContext::new())
}

/// Without estimates, which take a look at statistics at every operator.
pub(crate) fn physical_bare(plan: &dyn ExecutionPlan, names: &Names) -> Node {
    let mut node = one(plan, names);
    node.children = plan.children().into_iter().map(|c| physical_bare(c.as_ref(), names)).collect();
    node
}

fn walk(plan: &dyn ExecutionPlan, names: &Names, statistics: &StatisticsContext) -> Node {
    let mut node = one(plan, names);
    node.estimate = estimate(plan, statistics);
    node.children = plan.children().into_iter().map(|c| walk(c.as_ref(), names, statistics)).collect();
    node
}

fn figure(p: &Precision<usize>) -> Option<Figure> {
    match p {
        Precision::Exact(n) => Some(Figure { value: *n as u64, exact: true }),
        Precision::Inexact(n) => Some(Figure { value: *n as u64, exact: false }),
        Precision::Absent => None,
    }
}

fn estimate(plan: &dyn ExecutionPlan, statistics: &StatisticsContext) -> Option<Estimate> {
    let found = statistics.compute(plan, &StatisticsArgs::new()).ok()?;
    let estimate = Estimate { rows: figure(&found.num_rows), bytes: figure(&found.total_byte_size) };
    (estimate != Estimate::default()).then_some(estimate)
}

fn one(plan: &dyn ExecutionPlan, names: &Names) -> Node {
    let node = Node::new(plan.name());
    let node = special(plan, names, node);
    let node = node.maybe("fetch", plan.fetch());
    let node = match plan.output_ordering() {
        Some(order) if plan.children().is_empty() => node.exprs("ordered", ordering(order)),
        _ => node,
    };
    node.detail("partitions", plan.output_partitioning().partition_count())
}

fn ordering(order: &LexOrdering) -> Vec<Expression> {
    sorts(order.iter())
}

fn projected(columns: &[ProjectionExpr]) -> Vec<Expression> {
    let one = |p: &ProjectionExpr| {
        let value = expr(&p.expr);
        if value.e == "column" && value.name.as_deref() == Some(p.alias.as_str()) {
            value
        } else {
            Expression::named("alias", &p.alias).args([value])
        }
    };
    columns.iter().map(one).collect()
}

fn picked(plan: &dyn ExecutionPlan, projection: &Option<Arc<[usize]>>) -> Vec<Expression> {
    match projection {
        Some(_) => plan.schema().fields().iter().map(|f| Expression::named("column", f.name())).collect(),
        None => Vec::new(),
    }
}

/// The operators that are met every day, by their parts; any other by the expressions that it owns up to.
fn special(plan: &dyn ExecutionPlan, names: &Names, node: Node) -> Node {
    if let Some(p) = plan.downcast_ref::<ProjectionExec>() {
        return node.exprs("columns", projected(p.expr()));
    }
    if let Some(f) = plan.downcast_ref::<FilterExec>() {
        return node.exprs("predicate", [expr(f.predicate())]).exprs("columns", picked(plan, f.projection()));
    }
    if let Some(a) = plan.downcast_ref::<AggregateExec>() {
        return aggregation(a, node);
    }
    if let Some(s) = plan.downcast_ref::<SortExec>() {
        let node = node.exprs("by", ordering(s.expr()));
        return node.maybe("each_partition", s.preserve_partitioning().then_some(true));
    }
    if let Some(s) = plan.downcast_ref::<SortPreservingMergeExec>() {
        return node.exprs("by", ordering(s.expr()));
    }
    if let Some(r) = plan.downcast_ref::<RepartitionExec>() {
        let node = match r.partitioning() {
            Partitioning::RoundRobinBatch(_) => node.shape("scheme", "round robin"),
            Partitioning::Hash(by, _) => node.shape("scheme", "hash").exprs("by", exprs(by)),
            Partitioning::Range(range) => node.shape("scheme", "range").detail("ranges", format!("{range:?}")),
            Partitioning::UnknownPartitioning(_) => node.shape("scheme", "unknown"),
        };
        return node.maybe("preserves_order", r.preserve_order().then_some(true));
    }
    if let Some(l) = plan.downcast_ref::<GlobalLimitExec>() {
        return node.maybe("skip", Some(l.skip()).filter(|n| *n > 0));
    }
    if plan.is::<LocalLimitExec>() {
        return node;
    }
    if let Some(w) = plan.downcast_ref::<WindowAggExec>() {
        return node.exprs("functions", w.window_expr().iter().map(window));
    }
    if let Some(w) = plan.downcast_ref::<BoundedWindowAggExec>() {
        return node.exprs("functions", w.window_expr().iter().map(window));
    }
    if let Some(s) = plan.downcast_ref::<DataSourceExec>() {
        return source(s.data_source().as_ref(), names, node);
    }
    join(plan, node.clone()).unwrap_or_else(|| other(plan, names, node))
}

fn aggregation(a: &AggregateExec, node: Node) -> Node {
    let group = a.group_expr();
    let keys = group.expr().iter().map(|(e, name)| {
        let value = expr(e);
        let same = value.e == "column" && value.name.as_deref() == Some(name.as_str());
        if same { value } else { Expression::named("alias", name).args([value]) }
    });
    let calls = a.aggr_expr().iter().zip(a.filter_expr()).map(|(f, filter)| aggregate(f, filter.as_ref()));
    let node = node.shape("mode", format!("{:?}", a.mode())).exprs("group", keys).exprs("aggregates", calls);
    let sets = group.groups().iter().map(|g| g.iter().map(|null| if *null { '-' } else { '+' }).collect::<String>());
    let sets = group.has_grouping_set().then(|| sets.collect::<Vec<_>>().join(" "));
    node.maybe("grouping_sets", sets).maybe("limit", a.limit_options().map(|l| l.limit()))
}

fn join(plan: &dyn ExecutionPlan, node: Node) -> Option<Node> {
    use datafusion::physical_expr::PhysicalExprRef;
    let on = |pairs: &[(PhysicalExprRef, PhysicalExprRef)]| {
        let one =
            |(l, r): &(PhysicalExprRef, PhysicalExprRef)| Expression::named("binary", "=").args([expr(l), expr(r)]);
        pairs.iter().map(one).collect::<Vec<_>>()
    };
    if let Some(j) = plan.downcast_ref::<HashJoinExec>() {
        let mode = format!("{:?}", j.partition_mode());
        let node = node.shape("type", j.join_type()).shape("mode", mode).exprs("on", on(j.on()));
        let node = node.exprs("filter", j.filter().map(|f| expr(f.expression())));
        return Some(node.exprs("columns", picked(plan, &j.projection)));
    }
    if let Some(j) = plan.downcast_ref::<SortMergeJoinExec>() {
        let node = node.shape("type", j.join_type()).exprs("on", on(j.on()));
        return Some(node.exprs("filter", j.filter().as_ref().map(|f| expr(f.expression()))));
    }
    if let Some(j) = plan.downcast_ref::<NestedLoopJoinExec>() {
        let node = node.shape("type", j.join_type()).exprs("filter", j.filter().map(|f| expr(f.expression())));
        return Some(node.exprs("columns", picked(plan, j.projection())));
    }
    None
}

fn source(source: &dyn DataSource, names: &Names, node: Node) -> Node {
    let any: &dyn std::any::Any = source;
    if let Some(files) = any.downcast_ref::<FileScanConfig>() {
        let source = &files.file_source;
        let node = node.shape("source", source.file_type());
        let columns = source.projection().map(|p| projected(p.as_ref())).unwrap_or_default();
        let node = node.exprs("columns", columns).exprs("filter", source.filter().as_ref().map(expr));
        let group = |g: &datafusion::datasource::physical_plan::FileGroup| {
            let file = |f: &datafusion::datasource::listing::PartitionedFile| {
                let name = names.file(f.object_meta.location.as_ref());
                match &f.range {
                    Some(r) => format!("{name}[{}..{}]", r.start, r.end),
                    None => name,
                }
            };
            g.files().iter().map(file).collect::<Vec<_>>().join(" ")
        };
        let groups: Vec<String> = files.file_groups.iter().map(group).collect();
        let count: usize = files.file_groups.iter().map(|g| g.files().len()).sum();
        return node.detail("file_parts", count).detail("files", groups.join(" | "));
    }
    if let Some(memory) = any.downcast_ref::<MemorySourceConfig>() {
        let rows = |p: &Vec<datafusion::arrow::record_batch::RecordBatch>| {
            p.iter().map(datafusion::arrow::record_batch::RecordBatch::num_rows).sum::<usize>().to_string()
        };
        let rows: Vec<String> = memory.partitions().iter().map(rows).collect();
        return node.shape("source", "memory").detail("rows", rows.join(" | "));
    }
    node.shape("source", "other")
}

struct Line<'a>(&'a dyn ExecutionPlan);

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        DisplayAs::fmt_as(self.0, DisplayFormatType::Default, f)
    }
}

fn other(plan: &dyn ExecutionPlan, names: &Names, node: Node) -> Node {
    let mut found = Vec::new();
    // The visitor never fails; an operator that does is described without its expressions.
    let _ = plan.apply_expressions(&mut |e| {
        found.push(expr(e));
        Ok(TreeNodeRecursion::Continue)
    });
    let text = Line(plan).to_string();
    let said = text.split_once(": ").map(|(_, said)| names.text(said));
    node.exprs("expressions", found).maybe("text", said)
}

impl Names {
    /// The engine's own words, with folders above the database taken out.
    fn text(&self, said: &str) -> String {
        let mut said = said.to_owned();
        for root in &self.roots {
            said = said.replace(&format!("/{root}/"), "").replace(&format!("{root}/"), "");
        }
        said
    }
}

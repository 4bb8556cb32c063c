//! Logical plans in canonical form.

use datafusion::common::TableReference;
use datafusion::datasource::source_as_provider;
use datafusion::logical_expr::logical_plan::{DdlStatement, Limit, Statement, TableScan, Unnest};
use datafusion::logical_expr::{Distinct, Expr, LogicalPlan, Partitioning};

use super::logical_expr::{expr, exprs, sorts};
use super::{Expression, Node};
use crate::facts::Described;

/// The structure of a logical plan.
pub fn logical(plan: &LogicalPlan) -> Node {
    let mut node = one(plan);
    if let LogicalPlan::Union(_) = plan {
        let mut inputs = Vec::new();
        united(plan, &mut inputs);
        node.children = inputs.into_iter().map(logical).collect();
    } else if node.children.is_empty() {
        node.children = plan.inputs().into_iter().map(logical).collect();
    }
    node
}

/// The inputs of a union, those of unions that are its first input in its place: a chain of UNION ALL is one operator.
fn united<'a>(plan: &'a LogicalPlan, out: &mut Vec<&'a LogicalPlan>) {
    let (mut chain, mut first) = (Vec::new(), plan);
    while let LogicalPlan::Union(u) = first
        && let Some((head, rest)) = u.inputs.split_first()
    {
        chain.push(rest);
        first = head;
    }
    out.push(first);
    out.extend(chain.into_iter().rev().flatten().map(std::convert::AsRef::as_ref));
}

fn one(plan: &LogicalPlan) -> Node {
    match plan {
        LogicalPlan::Projection(p) => Node::new("Projection").exprs("columns", exprs(&p.expr)),
        LogicalPlan::Filter(f) => Node::new("Filter").exprs("predicate", [expr(&f.predicate)]),
        LogicalPlan::Window(w) => Node::new("Window").exprs("functions", exprs(&w.window_expr)),
        LogicalPlan::Aggregate(a) => {
            Node::new("Aggregate").exprs("group", exprs(&a.group_expr)).exprs("aggregates", exprs(&a.aggr_expr))
        }
        LogicalPlan::Sort(s) => Node::new("Sort").exprs("by", sorts(&s.expr)).maybe("fetch", s.fetch),
        LogicalPlan::Join(j) => {
            let on = j.on.iter().map(|(l, r)| Expression::named("binary", "=").args([expr(l), expr(r)]));
            let node = Node::new("Join").shape("type", j.join_type).exprs("on", on);
            let node = node.exprs("filter", j.filter.as_ref().map(expr));
            let node = node.maybe("null_aware", j.null_aware.then_some(true));
            let equal = format!("{:?}", j.null_equality);
            node.maybe("nulls", (equal != "NullEqualsNothing").then_some(equal))
        }
        LogicalPlan::Repartition(r) => repartition(&r.partitioning_scheme),
        LogicalPlan::Union(_) => Node::new("Union"),
        LogicalPlan::TableScan(s) => scan(s),
        LogicalPlan::EmptyRelation(e) => Node::new("EmptyRelation").shape("rows", u8::from(e.produce_one_row)),
        LogicalPlan::Subquery(_) => Node::new("Subquery"),
        LogicalPlan::SubqueryAlias(a) => Node::new("SubqueryAlias").detail("alias", relation(&a.alias)),
        LogicalPlan::Limit(l) => limit(l),
        LogicalPlan::Statement(s) => statement(s),
        LogicalPlan::Values(v) => {
            let rows = v.values.iter().map(|row| Expression::new("tuple").args(exprs(row)));
            Node::new("Values").exprs("rows", rows)
        }
        LogicalPlan::Explain(e) => Node::new("Explain").detail("verbose", e.verbose),
        LogicalPlan::Analyze(a) => Node::new("Analyze").detail("verbose", a.verbose),
        LogicalPlan::Extension(e) => {
            Node::new(e.node.name()).exprs("expressions", exprs(&e.node.expressions())).detail("text", Text(plan))
        }
        LogicalPlan::Distinct(Distinct::All(_)) => Node::new("Distinct"),
        LogicalPlan::Distinct(Distinct::On(d)) => {
            let node = Node::new("DistinctOn").exprs("on", exprs(&d.on_expr)).exprs("columns", exprs(&d.select_expr));
            node.exprs("by", sorts(d.sort_expr.iter().flatten()))
        }
        LogicalPlan::Dml(d) => Node::new("Dml").shape("operation", &d.op).shape("relation", relation(&d.table_name)),
        LogicalPlan::Ddl(d) => ddl(d),
        LogicalPlan::Copy(c) => Node::new("Copy").detail("to", &c.output_url),
        LogicalPlan::DescribeTable(_) => Node::new("DescribeTable"),
        LogicalPlan::Unnest(u) => unnest(u),
        LogicalPlan::RecursiveQuery(r) => {
            Node::new("RecursiveQuery").detail("name", &r.name).detail("distinct", r.is_distinct)
        }
    }
}

/// The engine's own line for an operator of somebody else's.
struct Text<'a>(&'a LogicalPlan);

impl std::fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.display())
    }
}

fn scan(s: &TableScan) -> Node {
    let columns = s.projection.is_some().then(|| {
        let columns = s.projected_schema.fields().iter();
        columns.map(|f| Expression::named("column", f.name())).collect::<Vec<_>>()
    });
    Node::new("TableScan")
        .shape("relation", relation(&s.table_name))
        .exprs("columns", columns.into_iter().flatten())
        .exprs("filters", exprs(&s.filters))
        .maybe("fetch", s.fetch)
        .maybe("arguments", arguments(s))
}

/// What a table function was called with, where its owner says it.
fn arguments(s: &TableScan) -> Option<String> {
    let provider = source_as_provider(&s.source).ok()?;
    Described::of(provider.as_ref())?.arguments()
}

/// Between parts of a name that travel through the engine as one.
const SEPARATOR: char = '\u{1f}';

/// A relation's name as people write it: what is asked of a table beside its rows is left out or said, the store and the
/// key of a document are two parts again.
pub(crate) fn relation(name: &TableReference) -> String {
    let text = name.to_string();
    let Some((before, asked)) = text.split_once(SEPARATOR) else { return text };
    if name.schema() == Some("store") {
        return format!("{before}.{asked}");
    }
    match asked.split_at_checked(1) {
        Some(("v", version)) if version.parse::<u64>().is_ok() => format!("{before}@{version}"),
        Some(("t", time)) if time.parse::<i64>().is_ok() => format!("{before}@{time}us"),
        _ => before.to_owned(),
    }
}

fn limit(l: &Limit) -> Node {
    let count = |e: &Option<Box<Expr>>| e.as_deref().map(|e| expr(e).to_string());
    Node::new("Limit").maybe("skip", count(&l.skip).filter(|s| s != "0")).maybe("fetch", count(&l.fetch))
}

fn repartition(scheme: &Partitioning) -> Node {
    let node = Node::new("Repartition");
    match scheme {
        Partitioning::RoundRobinBatch(n) => node.shape("scheme", "round robin").detail("partitions", n),
        Partitioning::Hash(by, n) => node.shape("scheme", "hash").exprs("by", exprs(by)).detail("partitions", n),
        Partitioning::DistributeBy(by) => node.shape("scheme", "distribute").exprs("by", exprs(by)),
        other => node.shape("scheme", "range").detail("ranges", format!("{other:?}")),
    }
}

fn unnest(u: &Unnest) -> Node {
    let columns = u.exec_columns.iter().map(|c| Expression::named("column", c.flat_name()));
    let depths = u.list_type_columns.iter().map(|(i, c)| format!("{i}:{c}")).collect::<Vec<_>>().join(", ");
    Node::new("Unnest").exprs("columns", columns).maybe("lists", (!depths.is_empty()).then_some(depths))
}

fn statement(s: &Statement) -> Node {
    let node = Node::new(s.name());
    match s {
        Statement::SetVariable(v) => node.shape("variable", &v.variable).detail("value", &v.value),
        Statement::ResetVariable(v) => node.shape("variable", &v.variable),
        Statement::Prepare(p) => node.detail("name", &p.name),
        Statement::Execute(e) => node.detail("name", &e.name).exprs("parameters", exprs(&e.parameters)),
        Statement::Deallocate(d) => node.detail("name", &d.name),
        _ => node,
    }
}

fn ddl(d: &DdlStatement) -> Node {
    let node = Node::new(d.name());
    match d {
        DdlStatement::CreateExternalTable(c) => node.shape("relation", &c.name),
        DdlStatement::CreateMemoryTable(c) => node.shape("relation", &c.name),
        DdlStatement::CreateView(c) => node.shape("relation", &c.name),
        DdlStatement::CreateCatalogSchema(c) => node.shape("schema", &c.schema_name),
        DdlStatement::CreateCatalog(c) => node.shape("catalog", &c.catalog_name),
        DdlStatement::CreateIndex(c) => node.shape("relation", &c.table),
        DdlStatement::DropTable(c) => node.shape("relation", &c.name),
        DdlStatement::DropView(c) => node.shape("relation", &c.name),
        _ => node,
    }
}

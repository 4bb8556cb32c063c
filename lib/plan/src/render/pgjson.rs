//! The JSON of PostgreSQL's EXPLAIN (FORMAT JSON), which its plan viewers open.

use serde_json::{Map, Value, json};

use crate::bundle::Bundle;
use crate::measure::OperatorRun;
use crate::structure::Node;

pub(super) fn render(b: &Bundle) -> String {
    let stage = b.stages.iter().rev().find(|s| s.plan.is_some());
    let runs = b.runs();
    let plan = match stage.and_then(|s| s.plan.as_ref()) {
        Some(plan) => node(plan, &runs, &mut 0),
        None => json!({
            "Node Type": "Utility Statement", "Startup Cost": 0.0, "Total Cost": 0.0, "Plan Rows": 0, "Plan Width": 0,
        }),
    };
    let mut query = Map::new();
    query.insert("Plan".to_owned(), plan);
    if let Some(m) = &b.measured {
        query.insert("Planning Time".to_owned(), json!(0.0));
        query.insert("Execution Time".to_owned(), json!(milliseconds(m.elapsed_ns)));
    }
    let mut text = serde_json::to_string_pretty(&json!([query])).unwrap_or_default();
    text.push('\n');
    text
}

fn milliseconds(ns: u64) -> f64 {
    (ns as f64 / 1e3).round() / 1e3
}

/// PostgreSQL's name for an operator, by which viewers choose icons and count.
fn node_type(n: &Node) -> String {
    let mode = n.shape.get("mode").map(String::as_str).unwrap_or_default();
    match n.op.as_str() {
        "DataSourceExec" => "Seq Scan",
        "TableScan" => "Seq Scan",
        "HashJoinExec" => "Hash Join",
        "SortMergeJoinExec" => "Merge Join",
        "NestedLoopJoinExec" | "CrossJoinExec" => "Nested Loop",
        "SortExec" | "Sort" => "Sort",
        "SortPreservingMergeExec" => "Gather Merge",
        "CoalescePartitionsExec" => "Gather",
        "AggregateExec" if mode.starts_with("Partial") => "Partial Aggregate",
        "AggregateExec" | "Aggregate" => "Aggregate",
        "GlobalLimitExec" | "LocalLimitExec" | "Limit" => "Limit",
        "WindowAggExec" | "BoundedWindowAggExec" | "Window" => "WindowAgg",
        "UnionExec" | "InterleaveExec" | "Union" => "Append",
        "ProjectionExec" | "Projection" => "Result",
        other => return other.to_owned(),
    }
    .to_owned()
}

fn node(n: &Node, runs: &[Option<&OperatorRun>], at: &mut usize) -> Value {
    let run = runs.get(*at).copied().flatten();
    *at += 1;
    let mut out = Map::new();
    let mut put = |name: &str, value: Value| drop(out.insert(name.to_owned(), value));
    put("Node Type", node_type(n).into());
    put("Operator", n.op.clone().into());
    if let Some(relation) = n.shape.get("relation").or_else(|| n.detail.get("files")) {
        put("Relation Name", super::cut(relation, 80).into());
    }
    if let Some(kind) = n.shape.get("type").filter(|_| n.op.contains("Join")) {
        put("Join Type", kind.clone().into());
    }
    for (name, value) in n.properties() {
        match name.as_str() {
            "predicate" => put("Filter", value.into()),
            "on" => put("Hash Cond", value.into()),
            "by" if n.op.contains("Sort") => put("Sort Key", json!([value])),
            "group" => put("Group Key", json!([value])),
            "relation" | "type" => {}
            _ => put(&title(&name), value.into()),
        }
    }
    let expected = n.estimate.clone().unwrap_or_default();
    let rows = expected.rows.map_or(0, |r| r.value);
    put("Startup Cost", json!(0.0));
    // There is no cost model; the rows that pass stand for the work, so that viewers have something to compare.
    put("Total Cost", json!(rows as f64));
    put("Plan Rows", rows.into());
    put("Plan Width", expected.bytes.map_or(0, |b| b.value / rows.max(1)).into());
    let mut plans = Vec::new();
    for child in &n.children {
        plans.push(node(child, runs, at));
    }
    if let Some(run) = run {
        // Times of PostgreSQL include what is below; ours are those of the operator itself.
        let below: f64 = plans.iter().filter_map(|p| p.get("Actual Total Time")?.as_f64()).sum();
        let own = milliseconds(run.time_ns.unwrap_or(0));
        put("Actual Startup Time", json!(0.0));
        put("Actual Total Time", json!(((own + below) * 1e3).round() / 1e3));
        put("Actual Rows", run.rows.unwrap_or(0).into());
        put("Actual Loops", 1.into());
        if let Some(bytes) = run.spilled_bytes {
            put("Sort Space Used", (bytes / 1024).into());
            put("Sort Space Type", "Disk".into());
        }
    }
    if !plans.is_empty() {
        put("Plans", plans.into());
    }
    Value::Object(out)
}

/// `file_parts` as `File Parts`, as PostgreSQL names its members.
fn title(name: &str) -> String {
    let word = |w: &str| {
        let mut chars = w.chars();
        chars.next().map(|c| c.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    name.split('_').map(word).collect::<Vec<_>>().join(" ")
}

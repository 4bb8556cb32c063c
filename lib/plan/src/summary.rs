//! What a plan does, in the order in which people ask: what it reads, filters, joins, groups, sorts and gives.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::providers::Provider;
use crate::structure::{Expression, Node};

/// What one statement does, from its optimized plan.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Summary {
    pub inputs: Vec<Input>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<Filter>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<Join>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aggregates: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub order: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<String>,
    /// Columns that come out, with their types.
    pub output: Vec<String>,
    /// Operators of the optimized plan by kind.
    pub operators: BTreeMap<String, usize>,
}

/// A relation that is read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Input {
    pub relation: String,
    pub kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Columns that are read; all of them when none is named.
    pub columns: Vec<String>,
    /// Filters that the scan takes over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fetch: Option<String>,
    /// Files of the relation, those that are read, and those that are not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<Files>,
    /// What its owner says: `hot_rows`, `engine`, `metric`, ...
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, Value>,
    /// Why something better was not done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// Files of one input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Files {
    pub total: usize,
    pub read: usize,
    pub pruned: usize,
    pub bytes_read: u64,
    /// Why files were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A condition, and who checks it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Filter {
    pub condition: String,
    /// `scan`, `operator`, or `scan and operator` where the scan only leaves out what it can.
    pub checked_by: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Join {
    #[serde(rename = "type")]
    pub kind: String,
    pub on: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

fn texts(node: &Node, role: &str) -> Vec<String> {
    node.exprs.get(role).into_iter().flatten().map(ToString::to_string).collect()
}

/// The conditions that an AND joins, each by itself.
fn conditions(e: &Expression, out: &mut Vec<String>) {
    if e.e == "binary" && e.name.as_deref() == Some("AND") {
        e.args.iter().for_each(|a| conditions(a, out));
    } else {
        out.push(e.to_string());
    }
}

impl Summary {
    /// From the optimized plan, the physical one for what is read of files, and the relations.
    pub(crate) fn of(p1: &Node, p2: Option<&Node>, providers: &[Provider], output: Vec<String>) -> Summary {
        let mut out = Summary { output, ..Summary::default() };
        let read = p2.map(files_read).unwrap_or_default();
        let mut by_operator = Vec::new();
        let mut by_scan = Vec::new();
        p1.visit(&mut |node, _| {
            *out.operators.entry(node.op.clone()).or_default() += 1;
            match node.op.as_str() {
                "TableScan" => {
                    let input = input(node, providers, &read, p2.is_some());
                    by_scan.extend(input.filters.iter().cloned());
                    out.inputs.push(input);
                }
                "Filter" => node.exprs.values().flatten().for_each(|e| conditions(e, &mut by_operator)),
                "Join" => out.joins.push(Join {
                    kind: node.shape.get("type").cloned().unwrap_or_default(),
                    on: texts(node, "on"),
                    filter: texts(node, "filter").into_iter().next(),
                }),
                "Aggregate" => {
                    let (group, calls) = (texts(node, "group"), texts(node, "aggregates"));
                    let by = if group.is_empty() { String::new() } else { format!(" by {}", group.join(", ")) };
                    out.aggregates.push(format!("{}{by}", calls.join(", ")).trim().to_owned());
                }
                "Sort" if out.order.is_empty() => out.order = texts(node, "by"),
                "Limit" if out.limit.is_none() => out.limit = limit(node),
                _ => {}
            }
            if node.op == "Sort" && out.limit.is_none() {
                out.limit = node.detail.get("fetch").cloned();
            }
        });
        out.filters = filters(by_scan, by_operator);
        out
    }
}

fn limit(node: &Node) -> Option<String> {
    let fetch = node.detail.get("fetch").cloned();
    match node.detail.get("skip") {
        Some(skip) => Some(format!("{} after {skip}", fetch.as_deref().unwrap_or("all"))),
        None => fetch,
    }
}

fn filters(by_scan: Vec<String>, by_operator: Vec<String>) -> Vec<Filter> {
    let both = |c: &String| by_operator.contains(c);
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for condition in &by_scan {
        if seen.insert(condition.clone()) {
            let checked_by = if both(condition) { "scan and operator" } else { "scan" }.to_owned();
            out.push(Filter { condition: condition.clone(), checked_by });
        }
    }
    for condition in by_operator {
        if seen.insert(condition.clone()) {
            out.push(Filter { condition, checked_by: "operator".to_owned() });
        }
    }
    out
}

/// Names of the files that a physical plan reads.
fn files_read(p2: &Node) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    p2.visit(&mut |node, _| {
        let Some(files) = node.detail.get("files") else { return };
        for part in files.split(' ').filter(|p| *p != "|" && !p.is_empty()) {
            let name = match part.rfind('[') {
                Some(at) if part.ends_with(']') => &part[..at],
                _ => part,
            };
            found.insert(name.to_owned());
        }
    });
    found
}

fn input(scan: &Node, providers: &[Provider], read: &BTreeSet<String>, planned: bool) -> Input {
    let relation = scan.shape.get("relation").cloned().unwrap_or_default();
    let mut input = Input {
        columns: texts(scan, "columns"),
        filters: texts(scan, "filters"),
        fetch: scan.detail.get("fetch").cloned(),
        kind: "relation".to_owned(),
        relation,
        ..Input::default()
    };
    let Some(provider) = providers.iter().find(|p| p.relation == input.relation) else { return input };
    input.kind.clone_from(&provider.facts.kind);
    input.version.clone_from(&provider.facts.version);
    input.facts = provider.facts.entries.clone();
    input.reasons = provider.facts.reasons.clone();
    if let (Some(files), true) = (&provider.facts.files, planned) {
        let here: Vec<_> = files.iter().filter(|f| read.contains(&f.path)).collect();
        let pruned = files.len() - here.len();
        let by = if input.filters.is_empty() { "the statement".to_owned() } else { input.filters.join(" AND ") };
        input.files = Some(Files {
            total: files.len(),
            read: here.len(),
            pruned,
            bytes_read: here.iter().map(|f| f.bytes).sum(),
            why: (pruned > 0).then(|| format!("statistics rule out {by}")),
        });
    }
    input
}

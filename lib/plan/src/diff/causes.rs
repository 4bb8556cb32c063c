//! Differences in what a plan depends on.

use std::collections::{BTreeMap, BTreeSet};

use super::{Category, Change, Diff};
use crate::bundle::{Bundle, StatementInfo};
use crate::facts::File;
use crate::providers::Provider;
use crate::schema::ColumnInfo;

pub(super) fn add(left: &Bundle, right: &Bundle, diff: &mut Diff) {
    statement(left, right, diff);
    providers(left, right, diff);
    for ((stage, l), (_, r)) in left.rules.stages().into_iter().zip(right.rules.stages()) {
        rules(stage, l, r, diff);
    }
    settings(left, right, diff);
    if left.fingerprints.functions != right.fingerprints.functions {
        diff.changes.push(Change::new(Category::Functions, "functions", "the sessions do not have the same functions"));
    }
    engine(left, right, diff);
}

fn engine(left: &Bundle, right: &Bundle, diff: &mut Diff) {
    let (l, r) = (&left.engine, &right.engine);
    if (&l.name, &l.version) != (&r.name, &r.version) {
        let (l, r) = (format!("{} {}", l.name, l.version), format!("{} {}", r.name, r.version));
        diff.warnings.push(format!("planned by {l} and {r}: rules, settings and operators may differ for that alone"));
        diff.changes.push(Change::new(Category::Engine, "engine", "another engine").values(Some(l), Some(r)));
    }
    if left.engine.tool != right.engine.tool {
        diff.warnings.push(format!("captured by qx {} and {}", left.engine.tool, right.engine.tool));
    }
    if left.redacted != right.redacted {
        diff.warnings.push("one of the bundles is redacted: names and literals differ for that alone".to_owned());
    }
}

/// Digests of all stages: a statement says the same only where each of them is.
fn digests(bundle: &Bundle) -> Vec<Option<&str>> {
    bundle.stages.iter().map(|s| s.full.as_deref()).collect()
}

fn same_statement(l: &StatementInfo, r: &StatementInfo) -> bool {
    l.kind == r.kind && l.target == r.target && l.facts == r.facts
}

fn statement(left: &Bundle, right: &Bundle, diff: &mut Diff) {
    let (l, r) = (&left.statement, &right.statement);
    if l.kind != r.kind {
        let change = Change::new(Category::Statement, "kind", "another kind of statement");
        diff.changes.push(change.values(Some(&l.kind), Some(&r.kind)));
    }
    if l.target != r.target {
        let change = Change::new(Category::Statement, "target", "another target");
        diff.changes.push(change.values(l.target.as_ref(), r.target.as_ref()));
    }
    parameters(l, r, diff);
    if l.sql == r.sql || left.redacted || right.redacted {
        return;
    }
    let planned = digests(left).iter().any(Option::is_some) && digests(left) == digests(right);
    if planned && same_statement(l, r) {
        diff.warnings.push("the statement is written differently; what it says is the same".to_owned());
        return;
    }
    if literals(left, right, diff) {
        return;
    }
    let change = Change::new(Category::Statement, "sql", "the statement says something else");
    diff.changes.push(change.values(Some(&l.sql), Some(&r.sql)));
}

/// Names literals that differ, if nothing else of the statement does.
fn literals(left: &Bundle, right: &Bundle, diff: &mut Diff) -> bool {
    let plan = |b: &Bundle| b.stage("P0").and_then(|s| s.plan.clone());
    let (Some(mut l), Some(mut r)) = (plan(left), plan(right)) else { return false };
    let (mut before, mut after) = (Vec::new(), Vec::new());
    l.take_literals(&mut before);
    r.take_literals(&mut after);
    if l != r || before.len() != after.len() {
        return false;
    }
    for (a, b) in before.iter().zip(&after).filter(|(a, b)| a != b) {
        let change = Change::new(Category::Statement, "literal", format!("{a} became {b}"));
        diff.changes.push(change);
    }
    true
}

fn parameters(l: &StatementInfo, r: &StatementInfo, diff: &mut Diff) {
    for i in 0..l.parameters.len().max(r.parameters.len()) {
        let (a, b) = (l.parameters.get(i), r.parameters.get(i));
        if a == b {
            continue;
        }
        let text = |p: &crate::params::Parameter| format!("{}:{}", p.data_type, p.value.as_deref().unwrap_or("null"));
        let change = Change::new(Category::Statement, format!("${}", i + 1), "another parameter");
        diff.changes.push(change.values(a.map(text), b.map(text)));
    }
}

fn by_name(bundle: &Bundle) -> BTreeMap<&str, &Provider> {
    bundle.providers.iter().map(|p| (p.relation.as_str(), p)).collect()
}

fn providers(left: &Bundle, right: &Bundle, diff: &mut Diff) {
    let (l, r) = (by_name(left), by_name(right));
    // Other relations follow from another statement, which is told already.
    let told = diff.changes.iter().any(|c| c.category == Category::Statement);
    for (name, a) in &l {
        match r.get(name) {
            Some(b) => provider(name, a, b, diff),
            None if !told => {
                diff.changes.push(Change::new(Category::Content, *name, "the relation is not read any more"))
            }
            None => {}
        }
    }
    for name in r.keys().filter(|n| !l.contains_key(*n) && !told) {
        diff.changes.push(Change::new(Category::Content, *name, "the relation was not read before"));
    }
}

fn provider(name: &str, a: &Provider, b: &Provider, diff: &mut Diff) {
    let (l, r) = (&a.fingerprints, &b.fingerprints);
    if l.schema != r.schema {
        columns(name, &a.columns, &b.columns, diff);
    }
    let rows = |p: &Provider| p.facts.entries.get("rows_in_memory").map(ToString::to_string);
    let content = l.content != r.content || rows(a) != rows(b);
    if content {
        self::content(name, a, b, diff);
    }
    if l.statistics != r.statistics && !content && l.schema == r.schema {
        statistics(name, a, b, diff);
    }
    if l.facts != r.facts {
        facts(name, a, b, content, diff);
    }
}

fn columns(name: &str, a: &[ColumnInfo], b: &[ColumnInfo], diff: &mut Diff) {
    let find = |list: &[ColumnInfo], n: &str| list.iter().find(|c| c.name == n).cloned();
    let text = |c: &ColumnInfo| format!("{}{}", c.data_type, if c.nullable { "" } else { " not null" });
    let before = diff.changes.len();
    for column in a {
        let what = match find(b, &column.name) {
            None => Change::new(Category::Schema, name, format!("column {} is gone", column.name)),
            Some(other) if text(&other) != text(column) => {
                Change::new(Category::Schema, name, format!("column {} has another type", column.name))
                    .values(Some(text(column)), Some(text(&other)))
            }
            Some(_) => continue,
        };
        diff.changes.push(what);
    }
    for column in b.iter().filter(|c| find(a, &c.name).is_none()) {
        let change = Change::new(Category::Schema, name, format!("column {} is new", column.name));
        diff.changes.push(change.values(None::<String>, Some(text(column))));
    }
    if diff.changes.len() == before {
        diff.changes.push(Change::new(Category::Schema, name, "the columns stand in another order"));
    }
}

fn content(name: &str, a: &Provider, b: &Provider, diff: &mut Diff) {
    let (l, r) = (&a.facts, &b.facts);
    let mut said = false;
    if l.version != r.version {
        let change = Change::new(Category::Content, name, "another version");
        diff.changes.push(change.values(l.version.as_ref(), r.version.as_ref()));
        said = true;
    }
    let paths = |files: &Option<Vec<File>>| -> BTreeMap<String, u64> {
        files.iter().flatten().map(|f| (f.path.clone(), f.bytes)).collect()
    };
    let (l_files, r_files) = (paths(&l.files), paths(&r.files));
    let new: Vec<&String> = r_files.keys().filter(|p| !l_files.contains_key(*p)).collect();
    let gone: Vec<&String> = l_files.keys().filter(|p| !r_files.contains_key(*p)).collect();
    let resized = l_files.iter().filter(|(p, n)| r_files.get(*p).is_some_and(|m| m != *n)).count();
    let mut parts = Vec::new();
    for (list, word) in [(&new, "new"), (&gone, "gone")] {
        if let Some(first) = list.first() {
            let more = if list.len() > 1 { format!(" and {} more", list.len() - 1) } else { String::new() };
            parts.push(format!("{word}: {first}{more}"));
        }
    }
    if resized > 0 {
        parts.push(format!("{resized} of another size"));
    }
    if !parts.is_empty() {
        let change = Change::new(Category::Content, name, format!("files {}", parts.join("; ")));
        let text = |n: usize| format!("{n} files");
        diff.changes.push(change.values(Some(text(l_files.len())), Some(text(r_files.len()))));
        said = true;
    }
    if !said {
        let rows = |p: &Provider| p.facts.entries.get("rows_in_memory").map(|v| format!("{v} rows"));
        diff.changes.push(Change::new(Category::Content, name, "other rows in memory").values(rows(a), rows(b)));
    }
}

fn statistics(name: &str, a: &Provider, b: &Provider, diff: &mut Diff) {
    let (l, r) = (&a.statistics, &b.statistics);
    let mut parts = Vec::new();
    let columns: BTreeSet<&String> = l.columns.keys().chain(r.columns.keys()).collect();
    for column in columns {
        let (x, y) = (l.columns.get(column), r.columns.get(column));
        let none = "none".to_owned();
        if x != y {
            parts.push(format!("{column}: {} -> {}", x.unwrap_or(&none), y.unwrap_or(&none)));
        }
    }
    let text =
        |f: Option<crate::structure::Figure>| f.map_or_else(|| "unknown rows".to_owned(), |f| format!("{f} rows"));
    let what = match parts.is_empty() {
        true => "other statistics at the same content".to_owned(),
        false => format!("other statistics at the same content ({})", parts.join("; ")),
    };
    diff.changes.push(Change::new(Category::Statistics, name, what).values(Some(text(l.rows)), Some(text(r.rows))));
}

fn facts(name: &str, a: &Provider, b: &Provider, content: bool, diff: &mut Diff) {
    let (l, r) = (&a.facts.entries, &b.facts.entries);
    let keys: BTreeSet<&String> = l.keys().chain(r.keys()).collect();
    for key in keys {
        let (x, y) = (l.get(key), r.get(key));
        if x == y || key == "rows_in_memory" {
            continue;
        }
        let category = match key.as_str() {
            "indexes" => Category::Indexes,
            _ if content => Category::Content,
            _ => Category::Facts,
        };
        diff.changes.push(Change::new(category, name, format!("other {}", key.replace('_', " "))).values(x, y));
    }
    if a.facts.kind != b.facts.kind {
        let change = Change::new(Category::Facts, name, "another kind of relation");
        diff.changes.push(change.values(Some(&a.facts.kind), Some(&b.facts.kind)));
    }
}

fn rules(stage: &str, l: &[String], r: &[String], diff: &mut Diff) {
    if l == r {
        return;
    }
    let count = |list: &[String], name: &String| list.iter().filter(|n| *n == name).count();
    let names: BTreeSet<&String> = l.iter().chain(r).collect();
    let mut moved = true;
    for name in names {
        let (x, y) = (count(l, name), count(r, name));
        if x == y {
            continue;
        }
        moved = false;
        let what = match (x, y) {
            (_, 0) => format!("{stage} rule left out"),
            (0, _) => format!("{stage} rule added"),
            _ => format!("{stage} rule runs {y} times instead of {x}"),
        };
        diff.changes.push(Change::new(Category::Rules, name, what));
    }
    if moved {
        let first = l.iter().zip(r).position(|(x, y)| x != y).unwrap_or_default();
        let change =
            Change::new(Category::Rules, stage, format!("{stage} rules in another order, from position {first}"));
        diff.changes.push(change.values(l.get(first), r.get(first)));
    }
}

fn settings(left: &Bundle, right: &Bundle, diff: &mut Diff) {
    let keys: BTreeSet<&String> = left.settings.keys().chain(right.settings.keys()).collect();
    for key in keys {
        let (l, r) = (left.settings.get(key), right.settings.get(key));
        if l != r {
            let value = |v: Option<&Option<String>>| match v {
                None => "not known".to_owned(),
                Some(None) => "none".to_owned(),
                Some(Some(v)) => v.clone(),
            };
            diff.changes
                .push(Change::new(Category::Settings, key, "another value").values(Some(value(l)), Some(value(r))));
        }
    }
}

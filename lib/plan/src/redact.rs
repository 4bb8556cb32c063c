//! Redaction: a bundle that can be shown to a stranger. Literals are gone, names are replaced by numbered ones.
//!
//! Digests and fingerprints stay those of the plan as it was, so that a redacted bundle still compares with others;
//! what they were taken over cannot be read from them, though a short literal can be guessed and tried.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::bundle::Bundle;
use crate::structure::{Expression, Node};

const GONE: &str = "...";

/// Numbers for names, in the order in which they are met.
#[derive(Default)]
struct Names {
    relations: BTreeMap<String, String>,
    columns: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

fn numbered(map: &mut BTreeMap<String, String>, name: &str, prefix: &str) -> String {
    let next = map.len() + 1;
    map.entry(name.to_owned()).or_insert_with(|| format!("{prefix}{next}")).clone()
}

impl Names {
    fn relation(&mut self, name: &str) -> String {
        // The name of a function is the engine's, not the user's.
        if name.contains("()") { name.to_owned() } else { numbered(&mut self.relations, name, "r") }
    }

    fn column(&mut self, name: &str) -> String {
        numbered(&mut self.columns, name, "c")
    }

    fn file(&mut self, name: &str) -> String {
        numbered(&mut self.files, name, "f")
    }

    fn expression(&mut self, e: &mut Expression) {
        match e.e.as_str() {
            "literal" => e.value = e.value.take().map(|_| GONE.to_owned()),
            "column" | "outer" | "alias" | "lambda_variable" | "lambda" => {
                e.name = e.name.take().map(|n| self.column(&n));
            }
            "window" => e.name = e.name.take().map(|n| n.split('(').next().unwrap_or_default().to_owned()),
            "frame" | "other" if e.name.as_deref().is_some_and(|n| n.contains(|c: char| c.is_ascii_digit())) => {
                e.name = Some(GONE.to_owned());
            }
            _ => {}
        }
        e.relation = e.relation.take().map(|r| self.relation(&r));
        e.args.iter_mut().for_each(|a| self.expression(a));
        if let Some(plan) = &mut e.plan {
            self.node(plan);
        }
    }

    fn node(&mut self, node: &mut Node) {
        for (name, value) in &mut node.shape {
            if matches!(name.as_str(), "relation" | "schema" | "catalog") {
                *value = self.relation(value);
            }
        }
        for (name, value) in &mut node.detail {
            match name.as_str() {
                "alias" => *value = self.relation(value),
                "files" => {
                    let part = |p: &str| match p.split_once('[') {
                        Some((name, range)) => format!("{}[{range}", self.file(name)),
                        None if p == "|" => p.to_owned(),
                        None => self.file(p),
                    };
                    *value = value.split(' ').map(part).collect::<Vec<_>>().join(" ");
                }
                "partitions" | "file_parts" | "rows" | "verbose" | "distinct" => {}
                _ => *value = GONE.to_owned(),
            }
        }
        node.exprs.values_mut().flatten().for_each(|e| self.expression(e));
        node.children.iter_mut().for_each(|c| self.node(c));
    }
}

/// Takes literals and names out of everything but digests.
pub(crate) fn redact(mut bundle: Bundle) -> Bundle {
    let mut names = Names::default();
    for stage in &mut bundle.stages {
        stage.plan.iter_mut().for_each(|p| names.node(p));
        for column in &mut stage.columns {
            column.name = names.column(&column.name);
            column.relation = column.relation.take().map(|r| names.relation(&r));
        }
        stage.reason = stage.reason.take().map(|_| GONE.to_owned());
    }
    for provider in &mut bundle.providers {
        provider.relation = names.relation(&provider.relation);
        for column in &mut provider.columns {
            column.name = names.column(&column.name);
        }
        let known = std::mem::take(&mut provider.statistics.columns);
        provider.statistics.columns = known.into_iter().map(|(n, kinds)| (names.column(&n), kinds)).collect();
        for file in provider.facts.files.iter_mut().flatten() {
            file.path = names.file(&file.path);
        }
        facts(&mut provider.facts.entries);
        provider.facts.reasons.iter_mut().for_each(|r| *r = GONE.to_owned());
    }
    statement(&mut bundle, &mut names);
    bundle.redacted = true;
    bundle
}

/// Numbers and truth values stay: they are counts. Texts may be names.
fn facts(entries: &mut BTreeMap<String, Value>) {
    for value in entries.values_mut() {
        if !value.is_number() && !value.is_boolean() {
            *value = GONE.into();
        }
    }
}

fn statement(bundle: &mut Bundle, names: &mut Names) {
    let s = &mut bundle.statement;
    s.sql = GONE.to_owned();
    s.unparsed = s.unparsed.take().map(|_| GONE.to_owned());
    s.unparsed_reason = s.unparsed_reason.take().map(|_| GONE.to_owned());
    s.target = s.target.take().map(|t| names.relation(&t));
    facts(&mut s.facts);
    s.reasons.iter_mut().for_each(|r| *r = GONE.to_owned());
    s.parameters.iter_mut().for_each(|p| p.value = p.value.take().map(|_| GONE.to_owned()));
    for delta in &mut bundle.deltas {
        for line in delta.removed.iter_mut().chain(&mut delta.added) {
            let depth = line.len() - line.trim_start().len();
            let op = line.trim_start().split(':').next().unwrap_or_default().to_owned();
            *line = format!("{}{op}", " ".repeat(depth));
        }
    }
    bundle.substrait.bytes = None;
    bundle.substrait.reason = Some("redacted".to_owned());
    for capability in &mut bundle.capabilities {
        capability.reason = capability.reason.take().map(|_| GONE.to_owned());
        if capability.name == "redact" {
            capability.state = "yes".to_owned();
        }
    }
    summary(bundle, names);
}

/// The summary is made of texts, so it is made anew from what is left.
fn summary(bundle: &mut Bundle, names: &mut Names) {
    let plan = |name: &str| bundle.stages.iter().find(|s| s.name == name).and_then(|s| s.plan.as_ref());
    let output = bundle.summary.output.iter().map(|o| {
        let (name, data_type) = o.rsplit_once(": ").unwrap_or((o, ""));
        format!("{}: {data_type}", names.column(name))
    });
    let output = output.collect();
    if let Some(p1) = plan("P1") {
        let summary = crate::summary::Summary::of(p1, plan("P2"), &bundle.providers, output);
        bundle.summary = summary;
    }
}

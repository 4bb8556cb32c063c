//! Plain text: what the statement does, then the plan.

use std::fmt::Write as _;

use super::{Show, duration, grouped};
use crate::bundle::{Bundle, Stage};
use crate::diff::text::clean;
use crate::measure::OperatorRun;
use crate::structure::Node;
use crate::summary::Input;

pub(super) fn render(b: &Bundle, show: Show<'_>) -> String {
    let mut out = String::new();
    if show.stage.is_none() {
        head(b, &mut out);
    }
    let wanted = |s: &&Stage| match show.stage {
        Some(name) => s.name == name,
        None => show.verbose || s.name == "P2" || s.name == "P1",
    };
    // Where no stage has a plan, the head has said why.
    let any = show.stage.is_some() || b.stages.iter().any(|s| s.plan.is_some());
    for stage in b.stages.iter().filter(|s| any && wanted(s)) {
        self::stage(b, stage, &mut out);
    }
    if show.verbose && show.stage.is_none() {
        deltas(b, &mut out);
        prints(b, &mut out);
    }
    clean(&out)
}

fn field(out: &mut String, name: &str, value: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{name:<11} {value}");
}

fn head(b: &Bundle, out: &mut String) {
    let s = &b.statement;
    let kind = match &s.target {
        Some(target) => format!("{} of {target}", s.kind.replace('_', " ")),
        None => s.kind.replace('_', " "),
    };
    field(out, "statement", &kind);
    for (name, value) in &s.facts {
        field(out, &name.replace('_', " "), &plain(value));
    }
    for reason in &s.reasons {
        field(out, "note", reason);
    }
    for p in &s.parameters {
        field(out, &format!("${}", p.position), &format!("{} {}", p.data_type, p.value.as_deref().unwrap_or("null")));
    }
    for input in &b.summary.inputs {
        self::input(input, out);
    }
    for f in &b.summary.filters {
        field(out, "filter", &format!("{}  (by {})", f.condition, f.checked_by));
    }
    for j in &b.summary.joins {
        let filter = j.filter.as_ref().map(|f| format!(" where {f}")).unwrap_or_default();
        field(out, "join", &format!("{} on {}{filter}", j.kind.to_lowercase(), j.on.join(" AND ")));
    }
    for a in &b.summary.aggregates {
        field(out, "aggregate", a);
    }
    if !b.summary.order.is_empty() {
        field(out, "order", &b.summary.order.join(", "));
    }
    if let Some(limit) = &b.summary.limit {
        field(out, "limit", limit);
    }
    if !b.summary.output.is_empty() {
        field(out, "output", &b.summary.output.join(", "));
    }
    if let Some(m) = &b.measured {
        field(out, "measured", &format!("{} rows in {}", grouped(m.rows), duration(m.elapsed_ns)));
    }
    out.push('\n');
}

/// A fact as it is said: texts without quotes.
pub(super) fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

fn input(i: &Input, out: &mut String) {
    let mut line = format!("{} ({}", i.relation, i.kind);
    if let Some(version) = &i.version {
        let _ = write!(line, ", version {version}");
    }
    line.push(')');
    if !i.columns.is_empty() {
        let _ = write!(line, " columns {}", i.columns.join(", "));
    }
    field(out, "input", &line);
    if let Some(f) = &i.files {
        let why = f.why.as_ref().map(|w| format!("; {w}")).unwrap_or_default();
        let line = format!("{} of {} read, {} bytes, {} pruned{why}", f.read, f.total, grouped(f.bytes_read), f.pruned);
        field(out, "  files", &line);
    }
    for (name, value) in &i.facts {
        field(out, &format!("  {}", name.replace('_', " ")), &plain(value));
    }
    for reason in &i.reasons {
        field(out, "  note", reason);
    }
}

fn stage(b: &Bundle, stage: &Stage, out: &mut String) {
    let digest = match (&stage.shape, &stage.full) {
        (Some(shape), Some(full)) => format!("  shape {} full {}", &shape[..12], &full[..12]),
        _ => String::new(),
    };
    let _ = writeln!(out, "{}  {}{digest}", stage.name, stage.title);
    let Some(plan) = &stage.plan else {
        let _ = writeln!(out, "  none: {}", stage.reason.as_deref().unwrap_or("the statement has no plan"));
        return;
    };
    let runs = if stage.name == "P2" { b.runs() } else { Vec::new() };
    let mut at = 0;
    node(plan, 1, &runs, &mut at, out);
}

fn node(n: &Node, depth: usize, runs: &[Option<&OperatorRun>], at: &mut usize, out: &mut String) {
    let mut line = format!("{}{}", "  ".repeat(depth), n.line());
    let run = runs.get(*at).copied().flatten();
    *at += 1;
    let estimate = n.estimate.as_ref().and_then(|e| e.rows).map(|r| format!("{r} rows expected"));
    let mut said: Vec<String> = estimate.into_iter().collect();
    if let Some(run) = run {
        said.extend(run.rows.map(|r| format!("{r} rows")));
        said.extend(run.time_ns.map(duration));
        said.extend(run.spills.map(|n| format!("{n} spills of {} bytes", run.spilled_bytes.unwrap_or(0))));
    }
    if !said.is_empty() {
        let _ = write!(line, "  ({})", said.join(", "));
    }
    let _ = writeln!(out, "{line}");
    for expr in n.exprs.values().flatten() {
        expr.visit(&mut |e| {
            if let Some(plan) = &e.plan {
                let _ = writeln!(out, "{}subquery:", "  ".repeat(depth + 1));
                node(plan, depth + 2, &[], &mut 0, out);
            }
        });
    }
    for child in &n.children {
        node(child, depth + 1, runs, at, out);
    }
}

fn deltas(b: &Bundle, out: &mut String) {
    let _ = writeln!(out, "rules");
    for d in &b.deltas {
        if d.change == "none" {
            continue;
        }
        let _ = writeln!(out, "  {} pass {} #{} {}: {} changed", d.stage, d.pass, d.position, d.name, d.change);
        for line in &d.removed {
            let _ = writeln!(out, "    - {}", line.trim_start());
        }
        for line in &d.added {
            let _ = writeln!(out, "    + {}", line.trim_start());
        }
    }
}

fn prints(b: &Bundle, out: &mut String) {
    let p = &b.fingerprints;
    let _ = writeln!(out, "fingerprints");
    for (name, value) in [
        ("statement", &p.statement),
        ("schema", &p.schema),
        ("providers", &p.providers),
        ("rules", &p.rules),
        ("settings", &p.settings),
        ("functions", &p.functions),
    ] {
        let _ = writeln!(out, "  {name:<10} {value}");
    }
    let _ = writeln!(out, "capabilities");
    for c in &b.capabilities {
        let reason = c.reason.as_ref().map(|r| format!("  {r}")).unwrap_or_default();
        let _ = writeln!(out, "  {:<10} {}{reason}", c.name, c.state);
    }
}

//! A tree of boxes' edges: one operator a line, joined by lines, attributes below it.

use std::fmt::Write as _;

use super::{Show, cut, duration, grouped};
use crate::bundle::Bundle;
use crate::diff::text::clean;
use crate::measure::OperatorRun;
use crate::structure::Node;

/// Longest attribute that is shown whole.
const MAX_WIDTH: usize = 100;

pub(super) fn render(b: &Bundle, show: Show<'_>) -> String {
    let mut out = String::new();
    let Some(stage) = b.shown(show) else {
        let reason = b.stages.iter().find_map(|s| s.reason.clone()).unwrap_or_default();
        return format!("{}\nno plan: {reason}\n", b.statement.kind);
    };
    let runs = if stage.name == "P2" { b.runs() } else { Vec::new() };
    if let Some(plan) = &stage.plan {
        node(plan, "", "", &runs, &mut 0, &mut out);
    }
    clean(&out)
}

fn node(n: &Node, first: &str, rest: &str, runs: &[Option<&OperatorRun>], at: &mut usize, out: &mut String) {
    let run = runs.get(*at).copied().flatten();
    *at += 1;
    let mut said = Vec::new();
    said.extend(n.estimate.as_ref().and_then(|e| e.rows).map(|r| format!("expects {r}")));
    if let Some(run) = run {
        said.extend(run.rows.map(|r| format!("gave {}", grouped(r))));
        said.extend(run.time_ns.map(duration));
    }
    let said = if said.is_empty() { String::new() } else { format!("  [{}]", said.join(", ")) };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{first}{}{said}", n.op);
    let below = if n.children.is_empty() { "  " } else { "│ " };
    for (name, value) in n.properties() {
        let _ = writeln!(out, "{rest}{below}  {name}: {}", cut(&value, MAX_WIDTH));
    }
    for (i, child) in n.children.iter().enumerate() {
        let last = i + 1 == n.children.len();
        let (branch, line) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        node(child, &format!("{rest}{branch}"), &format!("{rest}{line}"), runs, at, out);
    }
}

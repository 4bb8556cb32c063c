//! Graphviz: `explain plan ... --format dot | dot -Tsvg`.

use std::fmt::Write as _;

use super::{Show, cut};
use crate::bundle::Bundle;
use crate::structure::Node;

const MAX_WIDTH: usize = 60;

fn quoted(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c }).collect();
    plain.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

pub(super) fn render(b: &Bundle, show: Show<'_>) -> String {
    let mut out = String::from(
        "digraph plan {\n  rankdir=BT;\n  node [shape=box, style=rounded, fontname=\"Helvetica\", fontsize=11];\n",
    );
    match b.shown(show).and_then(|s| s.plan.as_ref()) {
        Some(plan) => {
            node(plan, &mut 0, &mut out);
        }
        None => {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "  n0 [label=\"{}\"];", quoted(&b.statement.kind));
        }
    }
    out.push_str("}\n");
    out
}

fn node(n: &Node, next: &mut usize, out: &mut String) -> usize {
    let id = *next;
    *next += 1;
    let mut label = quoted(&n.op);
    for (name, value) in n.properties() {
        let _ = write!(label, "\\n{}", quoted(&cut(&format!("{name}: {value}"), MAX_WIDTH)));
    }
    let _ = writeln!(out, "  n{id} [label=\"{label}\"];");
    for child in &n.children {
        let below = node(child, next, out);
        let rows = child.estimate.as_ref().and_then(|e| e.rows);
        let rows = rows.map(|r| format!(" [label=\"{r}\"]")).unwrap_or_default();
        let _ = writeln!(out, "  n{below} -> n{id}{rows};");
    }
    id
}

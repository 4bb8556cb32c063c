//! Mermaid: a flow chart that documents and issues show by themselves.

use std::fmt::Write as _;

use super::{Show, cut};
use crate::bundle::Bundle;
use crate::structure::Node;

const MAX_WIDTH: usize = 60;

/// Mermaid reads entities by number within quotes.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '#' | '<' | '>' | '&' | '`' | ';' => {
                // Writing to a String cannot fail.
                let _ = write!(out, "#{};", u32::from(c));
            }
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

pub(super) fn render(b: &Bundle, show: Show<'_>) -> String {
    let mut out = String::from("flowchart BT\n");
    match b.shown(show).and_then(|s| s.plan.as_ref()) {
        Some(plan) => {
            node(plan, &mut 0, &mut out);
        }
        None => {
            let _ = writeln!(out, "  n0[\"{}\"]", quoted(&b.statement.kind));
        }
    }
    out
}

fn node(n: &Node, next: &mut usize, out: &mut String) -> usize {
    let id = *next;
    *next += 1;
    let mut label = format!("<b>{}</b>", quoted(&n.op));
    for (name, value) in n.properties() {
        let _ = write!(label, "<br/>{}", quoted(&cut(&format!("{name}: {value}"), MAX_WIDTH)));
    }
    let _ = writeln!(out, "  n{id}[\"{label}\"]");
    for child in &n.children {
        let below = node(child, next, out);
        match child.estimate.as_ref().and_then(|e| e.rows) {
            Some(rows) => {
                let _ = writeln!(out, "  n{below} -->|\"{rows}\"| n{id}");
            }
            None => {
                let _ = writeln!(out, "  n{below} --> n{id}");
            }
        }
    }
    id
}

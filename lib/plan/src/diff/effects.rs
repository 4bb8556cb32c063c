//! Differences of the plan itself.

use super::lines::{Pair, align};
use super::{Category, Change, Diff};
use crate::bundle::{Bundle, Stage};
use crate::structure::Node;

pub(super) fn add(left: &Bundle, right: &Bundle, diff: &mut Diff) {
    for l in &left.stages {
        if let Some(r) = right.stage(&l.name) {
            stage(l, r, diff);
        }
    }
}

/// A plan as lines, indented by depth.
pub(crate) fn plan_lines(plan: &Node) -> Vec<String> {
    let mut lines = Vec::new();
    plan.visit(&mut |node, depth| lines.push(format!("{}{}", "  ".repeat(depth), node.line())));
    lines
}

fn stage(l: &Stage, r: &Stage, diff: &mut Diff) {
    match (&l.plan, &r.plan) {
        (Some(a), Some(b)) => {
            if l.full != r.full {
                let shape = l.shape != r.shape;
                let category = if shape { Category::Shape } else { Category::Detail };
                let mut change = Change::new(category, &l.name, words(a, b, shape));
                change = change.values(
                    if shape { l.shape.as_ref() } else { l.full.as_ref() },
                    if shape { r.shape.as_ref() } else { r.full.as_ref() },
                );
                diff.changes.push(change);
            }
            if l.name == "P2" {
                costs(a, b, l.shape == r.shape, diff);
            }
        }
        (None, None) => {}
        (a, b) => {
            let have = |p: &Option<Node>| if p.is_some() { "a plan" } else { "none" };
            let change = Change::new(Category::Shape, &l.name, "only one of them has a plan at this stage");
            diff.changes.push(change.values(Some(have(a)), Some(have(b))));
        }
    }
    if l.schema != r.schema && l.name == "P1" {
        let text =
            |s: &Stage| s.columns.iter().map(|c| format!("{}: {}", c.name, c.data_type)).collect::<Vec<_>>().join(", ");
        let change = Change::new(Category::Output, &l.name, "other columns come out");
        diff.changes.push(change.values(Some(text(l)), Some(text(r))));
    }
}

/// The first operators that differ, in words.
fn words(a: &Node, b: &Node, shape: bool) -> String {
    const SHOWN: usize = 3;
    let (left, right) = (plan_lines(a), plan_lines(b));
    let cut = |line: &str| {
        let line = line.trim_start();
        match line.char_indices().nth(100) {
            Some((at, _)) => format!("{} ...", &line[..at]),
            None => line.to_owned(),
        }
    };
    let mut parts = Vec::new();
    let mut more = 0;
    for pair in align(&left, &right) {
        let part = match pair {
            Pair::Both(_) => continue,
            Pair::Left(line) => format!("- {}", cut(line)),
            Pair::Right(line) => format!("+ {}", cut(line)),
        };
        if parts.len() < SHOWN * 2 { parts.push(part) } else { more += 1 }
    }
    if more > 0 {
        parts.push(format!("... {more} more lines"));
    }
    let head = if shape { "other operators" } else { "the same operators, other details" };
    format!("{head}\n{}", parts.join("\n"))
}

fn costs(a: &Node, b: &Node, same_shape: bool, diff: &mut Diff) {
    let text = |n: &Node| {
        let e = n.estimate.clone().unwrap_or_default();
        let figure = |f: Option<crate::structure::Figure>| f.map_or_else(|| "?".to_owned(), |f| f.to_string());
        format!("{} rows, {} bytes", figure(e.rows), figure(e.bytes))
    };
    if !same_shape {
        if a.estimate != b.estimate {
            let change = Change::new(Category::Costs, "P2", "the result is expected to be of another size");
            diff.changes.push(change.values(Some(text(a)), Some(text(b))));
        }
        return;
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    a.visit(&mut |n, _| left.push(n));
    b.visit(&mut |n, _| right.push(n));
    let mut different = left.iter().zip(&right).filter(|(x, y)| x.estimate != y.estimate);
    if let Some((x, y)) = different.next_back() {
        let more = different.count();
        let more = if more > 0 { format!(", and {more} operators above") } else { String::new() };
        let change = Change::new(Category::Costs, "P2", format!("{} is expected to give another size{more}", x.op));
        diff.changes.push(change.values(Some(text(x)), Some(text(y))));
    }
}

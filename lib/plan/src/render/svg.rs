//! A picture of the plan: boxes from bottom to top, lines as thick as the rows that pass.

use std::fmt::Write as _;

use super::{Show, cut, duration, escaped, grouped};
use crate::bundle::Bundle;
use crate::measure::OperatorRun;
use crate::structure::Node;

const WIDTH: f64 = 230.0;
const GAP_X: f64 = 26.0;
const GAP_Y: f64 = 46.0;
const LINE: f64 = 15.0;
const PADDING: f64 = 10.0;
/// Attributes that are shown of an operator.
const MAX_LINES: usize = 5;
const MAX_CHARS: usize = 36;

/// One operator with its place.
struct Placed<'a> {
    node: &'a Node,
    run: Option<&'a OperatorRun>,
    x: f64,
    depth: usize,
    lines: Vec<String>,
    parent: Option<usize>,
}

pub(super) fn render(b: &Bundle, show: Show<'_>) -> String {
    let Some(stage) = b.shown(show) else {
        let text = escaped(&b.statement.kind);
        return format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"240\" height=\"40\"><text x=\"10\" y=\"25\">{text}: no plan</text></svg>\n"
        );
    };
    let runs = if stage.name == "P2" { b.runs() } else { Vec::new() };
    let mut placed = Vec::new();
    let mut width = 0.0;
    if let Some(plan) = &stage.plan {
        width = place(plan, &runs, 0.0, 0, None, &mut placed);
    }
    draw(&placed, width)
}

fn lines(n: &Node) -> Vec<String> {
    let mut out: Vec<String> = n
        .properties()
        .into_iter()
        .filter(|(name, _)| !matches!(name.as_str(), "partitions" | "file_parts"))
        .map(|(name, value)| cut(&format!("{name}: {value}"), MAX_CHARS))
        .collect();
    if out.len() > MAX_LINES {
        let more = out.len() + 1 - MAX_LINES;
        out.truncate(MAX_LINES - 1);
        out.push(format!("{more} more"));
    }
    out
}

/// Places a node over its children, left to right, and gives the width that it takes.
fn place<'a>(
    n: &'a Node,
    runs: &[Option<&'a OperatorRun>],
    left: f64,
    depth: usize,
    parent: Option<usize>,
    out: &mut Vec<Placed<'a>>,
) -> f64 {
    let me = out.len();
    let run = runs.get(me).copied().flatten();
    out.push(Placed { node: n, run, x: left, depth, lines: lines(n), parent });
    let mut x = left;
    for child in &n.children {
        x += place(child, runs, x, depth + 1, Some(me), out) + GAP_X;
    }
    let width = if n.children.is_empty() { WIDTH } else { x - GAP_X - left };
    if let Some(p) = out.get_mut(me) {
        p.x = left + (width - WIDTH).max(0.0) / 2.0;
    }
    width.max(WIDTH)
}

fn height(p: &Placed<'_>) -> f64 {
    PADDING * 2.0 + LINE * (1.0 + p.lines.len() as f64) + if said(p).is_empty() { 0.0 } else { LINE }
}

fn said(p: &Placed<'_>) -> String {
    let mut parts = Vec::new();
    parts.extend(p.node.estimate.as_ref().and_then(|e| e.rows).map(|r| format!("expects {r}")));
    if let Some(run) = p.run {
        parts.extend(run.rows.map(|r| format!("gave {}", grouped(r))));
        parts.extend(run.time_ns.map(duration));
    }
    parts.join(" · ")
}

/// Rows that leave an operator: measured, else expected.
fn rows(p: &Placed<'_>) -> Option<u64> {
    let expected = || p.node.estimate.as_ref().and_then(|e| e.rows).map(|r| r.value);
    p.run.and_then(|r| r.rows).or_else(expected)
}

fn draw(placed: &[Placed<'_>], width: f64) -> String {
    let levels = placed.iter().map(|p| p.depth + 1).max().unwrap_or(1);
    let tallest = |d: usize| placed.iter().filter(|p| p.depth == d).map(height).fold(0.0, f64::max);
    let heights: Vec<f64> = (0..levels).map(tallest).collect();
    let top = |d: usize| GAP_Y / 2.0 + heights.iter().take(d).map(|h| h + GAP_Y).sum::<f64>();
    let total = top(levels) - GAP_Y / 2.0;
    let hottest = placed.iter().filter_map(|p| p.run?.time_ns).max().unwrap_or(0).max(1);
    let mut out = String::new();
    let (w, h) = (width + 2.0 * GAP_X, total);
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {w:.0} {h:.0}\" width=\"{w:.0}\" height=\"{h:.0}\" \
         font-family=\"ui-sans-serif, system-ui, sans-serif\" font-size=\"12\">"
    );
    for p in placed {
        let Some(parent) = p.parent.and_then(|i| placed.get(i)) else { continue };
        let (x1, y1) = (p.x + GAP_X + WIDTH / 2.0, top(p.depth));
        let (x2, y2) = (parent.x + GAP_X + WIDTH / 2.0, top(parent.depth) + height(parent));
        let middle = (y1 + y2) / 2.0;
        let thick = rows(p).map_or(1.2, |r| 1.2 + ((r + 1) as f64).log10() * 0.9);
        let _ = writeln!(
            out,
            "<path class=\"edge\" d=\"M{x1:.1},{y1:.1} C{x1:.1},{middle:.1} {x2:.1},{middle:.1} {x2:.1},{y2:.1}\" fill=\"none\" \
             stroke=\"#9aa5b1\" stroke-width=\"{thick:.1}\"/>"
        );
    }
    for p in placed {
        one(p, top(p.depth), hottest, &mut out);
    }
    out.push_str("</svg>\n");
    out
}

/// From white over amber to red, by the share of the hottest operator's time.
fn heat(share: f64) -> &'static str {
    match share {
        s if s >= 0.75 => "#fca5a5",
        s if s >= 0.4 => "#fdc98a",
        s if s >= 0.15 => "#fde9b0",
        _ => "#ffffff",
    }
}

fn one(p: &Placed<'_>, y: f64, hottest: u64, out: &mut String) {
    let x = p.x + GAP_X;
    let share = p.run.and_then(|r| r.time_ns).map_or(0.0, |t| t as f64 / hottest as f64);
    let title: Vec<String> = p.node.properties().into_iter().map(|(n, v)| format!("{n}: {v}")).collect();
    let _ = writeln!(
        out,
        "<g class=\"node\"><title>{}\n{}</title><rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{WIDTH:.0}\" height=\"{:.0}\" rx=\"7\" \
         fill=\"{}\" stroke=\"#52606d\"/>",
        escaped(&p.node.op),
        escaped(&cut(&title.join("\n"), 4000)),
        height(p),
        heat(share)
    );
    let mut at = y + PADDING + 11.0;
    let _ = writeln!(
        out,
        "<text x=\"{:.1}\" y=\"{at:.1}\" font-weight=\"600\" fill=\"#1f2933\">{}</text>",
        x + PADDING,
        escaped(&cut(&p.node.op, MAX_CHARS - 4))
    );
    for line in &p.lines {
        at += LINE;
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{at:.1}\" font-size=\"10.5\" fill=\"#52606d\">{}</text>",
            x + PADDING,
            escaped(line)
        );
    }
    let said = said(p);
    if !said.is_empty() {
        at += LINE;
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{at:.1}\" font-size=\"10.5\" font-weight=\"600\" fill=\"#0b69a3\">{}</text>",
            x + PADDING,
            escaped(&said)
        );
    }
    out.push_str("</g>\n");
}

//! One self-contained page: no script is loaded, no font, no picture; it opens from a mail as well as from a server.

use std::fmt::Write as _;

use super::text::plain;
use super::{Format, Show, duration, escaped, grouped};
use crate::bundle::{Bundle, Stage};
use crate::measure::OperatorRun;
use crate::structure::Node;

/// Operators in the table of hot ones.
const MAX_HOT: usize = 12;

pub(crate) const STYLE: &str = include_str!("page.css");

pub(super) fn render(b: &Bundle) -> String {
    let mut out = String::new();
    let title = escaped(&super::cut(&b.statement.sql.split_whitespace().collect::<Vec<_>>().join(" "), 80));
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    );
    head(b, &mut out);
    inputs(b, &mut out);
    facts(b, &mut out);
    hot(b, &mut out);
    for (i, stage) in b.stages.iter().enumerate().rev() {
        self::stage(b, stage, i + 1 == b.stages.len(), &mut out);
    }
    deltas(b, &mut out);
    foot(b, &mut out);
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn head(b: &Bundle, out: &mut String) {
    let s = &b.statement;
    let target = s.target.as_ref().map(|t| format!(" of {}", escaped(t))).unwrap_or_default();
    let _ = write!(
        out,
        "<header>\n<p class=\"kind\">{}{target}</p>\n<pre class=\"sql\">{}</pre>\n",
        escaped(&s.kind.replace('_', " ")),
        escaped(&s.sql)
    );
    let mut chips = Vec::new();
    if let Some(m) = &b.measured {
        chips.push(("rows", grouped(m.rows)));
        chips.push(("time", duration(m.elapsed_ns)));
        let spilled: u64 = m.operators.iter().filter_map(|o| o.spilled_bytes).sum();
        if spilled > 0 {
            chips.push(("spilled", format!("{} bytes", grouped(spilled))));
        }
    }
    let read: u64 = b.summary.inputs.iter().filter_map(|i| i.files.as_ref()).map(|f| f.bytes_read).sum();
    if read > 0 {
        chips.push(("files to read", format!("{} bytes", grouped(read))));
    }
    if let Some(limit) = &b.summary.limit {
        chips.push(("limit", limit.clone()));
    }
    chips.push(("engine", format!("{} {}", b.engine.name, b.engine.version)));
    out.push_str("<ul class=\"chips\">\n");
    for (name, value) in chips {
        let _ = writeln!(out, "<li><span>{name}</span> {}</li>", escaped(&value));
    }
    out.push_str("</ul>\n");
    for reason in &s.reasons {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escaped(reason));
    }
    out.push_str("</header>\n");
}

fn inputs(b: &Bundle, out: &mut String) {
    if b.summary.inputs.is_empty() {
        return;
    }
    out.push_str("<section>\n<h2>Reads</h2>\n<table>\n<tr><th>relation</th><th>columns</th><th>filters</th><th>files</th><th></th></tr>\n");
    for i in &b.summary.inputs {
        let version = i.version.as_ref().map(|v| format!(", version {v}")).unwrap_or_default();
        let files = i.files.as_ref().map(|f| {
            let share = if f.total == 0 { 0.0 } else { 100.0 * f.read as f64 / f.total as f64 };
            let why = f.why.as_ref().map(|w| format!("<br><small>{}</small>", escaped(w))).unwrap_or_default();
            format!(
                "<span class=\"bar\"><i style=\"width:{share:.0}%\"></i></span>{} of {} read, {} bytes{why}",
                f.read,
                f.total,
                grouped(f.bytes_read)
            )
        });
        let mut said: Vec<String> =
            i.facts.iter().map(|(n, v)| format!("{}: {}", escaped(&n.replace('_', " ")), escaped(&plain(v)))).collect();
        said.extend(i.reasons.iter().map(|r| format!("<b>{}</b>", escaped(r))));
        let _ = writeln!(
            out,
            "<tr><td><b>{}</b><br><small>{}{}</small></td><td>{}</td><td><code>{}</code></td><td>{}</td><td>{}</td></tr>",
            escaped(&i.relation),
            escaped(&i.kind),
            escaped(&version),
            if i.columns.is_empty() { "all".to_owned() } else { escaped(&i.columns.join(", ")) },
            escaped(&i.filters.join(" AND ")),
            files.unwrap_or_default(),
            said.join("<br>")
        );
    }
    out.push_str("</table>\n</section>\n");
}

fn facts(b: &Bundle, out: &mut String) {
    let mut rows: Vec<(String, String)> =
        b.statement.facts.iter().map(|(n, v)| (n.replace('_', " "), plain(v))).collect();
    rows.extend(b.summary.filters.iter().map(|f| (format!("filter by {}", f.checked_by), f.condition.clone())));
    rows.extend(b.summary.joins.iter().map(|j| (format!("{} join", j.kind.to_lowercase()), j.on.join(" AND "))));
    rows.extend(b.summary.aggregates.iter().map(|a| ("aggregate".to_owned(), a.clone())));
    if !b.summary.order.is_empty() {
        rows.push(("order".to_owned(), b.summary.order.join(", ")));
    }
    rows.extend(
        b.statement
            .parameters
            .iter()
            .map(|p| (format!("${}", p.position), format!("{} {}", p.data_type, p.value.as_deref().unwrap_or("null")))),
    );
    if rows.is_empty() {
        return;
    }
    out.push_str("<section>\n<h2>Does</h2>\n<table>\n");
    for (name, value) in rows {
        let _ = writeln!(out, "<tr><th>{}</th><td><code>{}</code></td></tr>", escaped(&name), escaped(&value));
    }
    out.push_str("</table>\n</section>\n");
}

fn hot(b: &Bundle, out: &mut String) {
    let Some(plan) = b.stage("P2").and_then(|s| s.plan.as_ref()) else { return };
    let runs = b.runs();
    if runs.iter().all(Option::is_none) {
        return;
    }
    let mut nodes = Vec::new();
    flat(plan, &mut nodes);
    let mut rows: Vec<(&Node, &OperatorRun)> = nodes.into_iter().zip(runs).filter_map(|(n, r)| Some((n, r?))).collect();
    rows.sort_by_key(|(_, r)| std::cmp::Reverse(r.time_ns.unwrap_or(0)));
    let total: u64 = rows.iter().filter_map(|(_, r)| r.time_ns).sum();
    out.push_str(
        "<section>\n<h2>Hot operators</h2>\n<table>\n<tr><th>operator</th><th class=\"n\">time</th><th></th>\
         <th class=\"n\">expected rows</th><th class=\"n\">rows</th><th></th></tr>\n",
    );
    for (n, r) in rows.into_iter().take(MAX_HOT) {
        let time = r.time_ns.unwrap_or(0);
        let share = 100.0 * time as f64 / total.max(1) as f64;
        let expected = n.estimate.as_ref().and_then(|e| e.rows);
        let verdict = match (expected, r.rows) {
            (Some(e), Some(got)) => off(e.value, got),
            _ => String::new(),
        };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td class=\"n\">{}</td><td><span class=\"bar hot\"><i style=\"width:{share:.0}%\"></i></span> {share:.0}%</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td>{verdict}</td></tr>",
            escaped(&n.op),
            duration(time),
            expected.map(|e| e.to_string()).unwrap_or_default(),
            r.rows.map(grouped).unwrap_or_default()
        );
    }
    out.push_str("</table>\n</section>\n");
}

fn flat<'a>(n: &'a Node, out: &mut Vec<&'a Node>) {
    out.push(n);
    n.children.iter().for_each(|c| flat(c, out));
}

/// How far an estimate is off, where it is worth saying.
fn off(expected: u64, got: u64) -> String {
    let (a, b) = (expected.max(1) as f64, got.max(1) as f64);
    let factor = if a > b { a / b } else { b / a };
    match factor {
        f if f < 2.0 => String::new(),
        f => format!("<span class=\"off\">{f:.0} times {}</span>", if a > b { "fewer" } else { "more" }),
    }
}

fn stage(b: &Bundle, stage: &Stage, open: bool, out: &mut String) {
    let digest = match (&stage.shape, &stage.full) {
        (Some(shape), Some(full)) => format!("<small>shape {} · full {}</small>", &shape[..12], &full[..12]),
        _ => String::new(),
    };
    let open = if open { " open" } else { "" };
    let _ = writeln!(
        out,
        "<section>\n<details{open}>\n<summary><h2>{} <span>{}</span></h2>{digest}</summary>",
        escaped(&stage.name),
        escaped(&stage.title)
    );
    match &stage.plan {
        None => {
            let _ = writeln!(out, "<p class=\"note\">{}</p>", escaped(stage.reason.as_deref().unwrap_or_default()));
        }
        Some(plan) => {
            let show = Show { stage: Some(&stage.name), verbose: false };
            let picture = b.render(Format::Svg, show).unwrap_or_default();
            let _ = writeln!(out, "<div class=\"picture\">{picture}</div>");
            let runs = if stage.name == "P2" { b.runs() } else { Vec::new() };
            out.push_str("<details class=\"text\">\n<summary>as text</summary>\n<ul class=\"tree\">\n");
            node(plan, &runs, &mut 0, out);
            out.push_str("</ul>\n</details>\n");
        }
    }
    out.push_str("</details>\n</section>\n");
}

fn node(n: &Node, runs: &[Option<&OperatorRun>], at: &mut usize, out: &mut String) {
    let run = runs.get(*at).copied().flatten();
    *at += 1;
    let mut said = Vec::new();
    said.extend(n.estimate.as_ref().and_then(|e| e.rows).map(|r| format!("expects {r}")));
    if let Some(run) = run {
        said.extend(run.rows.map(|r| format!("gave {}", grouped(r))));
        said.extend(run.time_ns.map(duration));
    }
    let _ = write!(out, "<li><b>{}</b> <small>{}</small>", escaped(&n.op), escaped(&said.join(" · ")));
    for (name, value) in n.properties() {
        let _ = write!(out, "<br><span>{}</span> <code>{}</code>", escaped(&name), escaped(&value));
    }
    if !n.children.is_empty() {
        out.push_str("\n<ul>\n");
        n.children.iter().for_each(|c| node(c, runs, at, out));
        out.push_str("</ul>\n");
    }
    out.push_str("</li>\n");
}

fn deltas(b: &Bundle, out: &mut String) {
    let changed: Vec<_> = b.deltas.iter().filter(|d| d.change != "none").collect();
    if changed.is_empty() {
        return;
    }
    let _ = writeln!(
        out,
        "<section>\n<details>\n<summary><h2>Rules <span>{} of {} applications changed something</span></h2></summary>\n<table>",
        changed.len(),
        b.deltas.len()
    );
    for d in changed {
        let lines = |list: &[String], mark: &str, class: &str| {
            let line = |l: &String| format!("<span class=\"{class}\">{mark} {}</span>", escaped(l.trim_start()));
            list.iter().map(line).collect::<Vec<_>>().join("\n")
        };
        let _ = writeln!(
            out,
            "<tr><td><b>{}</b><br><small>{} · pass {} · #{} · {}</small></td><td><pre>{}\n{}</pre></td></tr>",
            escaped(&d.name),
            escaped(&d.stage),
            d.pass,
            d.position,
            escaped(&d.change),
            lines(&d.removed, "-", "gone"),
            lines(&d.added, "+", "new")
        );
    }
    out.push_str("</table>\n</details>\n</section>\n");
}

fn foot(b: &Bundle, out: &mut String) {
    out.push_str("<section>\n<details>\n<summary><h2>Depends on <span>fingerprints and settings</span></h2></summary>\n<table>\n");
    let p = &b.fingerprints;
    for (name, value) in [
        ("statement", &p.statement),
        ("schema", &p.schema),
        ("providers", &p.providers),
        ("rules", &p.rules),
        ("settings", &p.settings),
        ("functions", &p.functions),
    ] {
        let _ = writeln!(out, "<tr><th>{name}</th><td><code>{}</code></td></tr>", escaped(value));
    }
    for (name, value) in &b.settings {
        let value = value.as_deref().unwrap_or("");
        let _ = writeln!(out, "<tr><th>{}</th><td><code>{}</code></td></tr>", escaped(name), escaped(value));
    }
    out.push_str("</table>\n</details>\n</section>\n");
}

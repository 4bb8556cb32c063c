//! A difference as one self-contained page.

use std::fmt::Write as _;

use super::effects::plan_lines;
use super::lines::{Pair, align};
use super::{Change, Diff};
use crate::bundle::Bundle;
use crate::render::{escaped, html_style};

/// The page: what changed, what followed, the stages side by side.
pub fn page(diff: &Diff, left: &Bundle, right: &Bundle) -> String {
    let mut out = String::new();
    let verdict = if diff.same { "Same plan" } else { "Different" };
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{verdict}</title>\n\
         <style>\n{}</style>\n</head>\n<body>\n<main>\n<header><p class=\"kind\">{verdict}</p>\n",
        html_style()
    );
    let _ = writeln!(out, "<pre class=\"sql\">{}</pre>", escaped(&left.statement.sql));
    if left.statement.sql != right.statement.sql {
        let _ = writeln!(out, "<p></p><pre class=\"sql\">{}</pre>", escaped(&right.statement.sql));
    }
    for warning in &diff.warnings {
        let _ = writeln!(out, "<p class=\"note\">{}</p>", escaped(warning));
    }
    out.push_str("</header>\n");
    for (cause, heading) in [(true, "What changed"), (false, "What followed")] {
        table(heading, diff.changes.iter().filter(|c| c.cause == cause), &mut out);
    }
    for stage in &left.stages {
        let Some(other) = right.stage(&stage.name) else { continue };
        if stage.full == other.full {
            continue;
        }
        let lines = |p: &Option<crate::structure::Node>| p.as_ref().map(plan_lines).unwrap_or_default();
        let (l, r) = (lines(&stage.plan), lines(&other.plan));
        let _ = writeln!(out, "<section>\n<h2>{} <span>{}</span></h2>", escaped(&stage.name), escaped(&stage.title));
        side(&align(&l, &r), &mut out);
        out.push_str("</section>\n");
    }
    out.push_str("</main>\n</body>\n</html>\n");
    out
}

fn table<'a>(heading: &str, changes: impl Iterator<Item = &'a Change>, out: &mut String) {
    let mut rows = changes.peekable();
    if rows.peek().is_none() {
        return;
    }
    let _ = writeln!(out, "<section>\n<h2>{heading}</h2>\n<table>");
    for c in rows {
        let value = |v: &Option<String>, class: &str| {
            v.as_ref().map(|v| format!("<code class=\"{class}\">{}</code>", escaped(v))).unwrap_or_default()
        };
        let _ = writeln!(
            out,
            "<tr><th>{}</th><td><b>{}</b></td><td><pre>{}</pre></td><td>{}</td><td>{}</td></tr>",
            c.category,
            escaped(&c.subject),
            escaped(&c.what),
            value(&c.left, "gone"),
            value(&c.right, "new")
        );
    }
    out.push_str("</table>\n</section>\n");
}

fn side(pairs: &[Pair<'_>], out: &mut String) {
    out.push_str("<div class=\"side\">\n");
    let mut i = 0;
    while let Some(pair) = pairs.get(i) {
        i += 1;
        let (l, r, lc, rc) = match (pair, pairs.get(i)) {
            (Pair::Both(line), _) => (*line, *line, "", ""),
            (Pair::Left(line), Some(Pair::Right(other))) => {
                i += 1;
                (*line, *other, "l", "r")
            }
            (Pair::Left(line), _) => (*line, "", "l", ""),
            (Pair::Right(line), _) => ("", *line, "", "r"),
        };
        let _ = writeln!(out, "<code class=\"{lc}\">{}</code><code class=\"{rc}\">{}</code>", escaped(l), escaped(r));
    }
    out.push_str("</div>\n");
}

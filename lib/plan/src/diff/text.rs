//! A difference in words, and two plans side by side.

use super::effects::plan_lines;
use super::lines::{Pair, align};
use super::{Change, Diff};
use crate::bundle::Bundle;

const RED: &str = "\u{1b}[31m";
const GREEN: &str = "\u{1b}[32m";
const BOLD: &str = "\u{1b}[1m";
const END: &str = "\u{1b}[0m";

fn painted(text: &str, with: &str, color: bool) -> String {
    if color { format!("{with}{text}{END}") } else { text.to_owned() }
}

/// Control characters of names and literals must not reach a terminal as commands.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{FFFD}' } else { c }).collect()
}

/// The changes in words: causes, then effects.
pub fn words(diff: &Diff, color: bool) -> String {
    let mut out = String::new();
    if diff.changes.is_empty() {
        out.push_str("same plan, and everything that it depends on is the same\n");
        return out;
    }
    for (cause, heading) in [(true, "what changed"), (false, "what followed")] {
        let here: Vec<&Change> = diff.changes.iter().filter(|c| c.cause == cause).collect();
        if here.is_empty() {
            continue;
        }
        let heading = if cause || diff.changes.iter().any(|c| c.cause) { heading } else { "what is different" };
        out.push_str(&painted(heading, BOLD, color));
        out.push('\n');
        for change in here {
            one(change, color, &mut out);
        }
    }
    out
}

fn one(change: &Change, color: bool, out: &mut String) {
    let mut lines = change.what.lines();
    let subject = if change.subject.is_empty() { String::new() } else { format!("{}: ", change.subject) };
    let first = format!("  {:<10}  {subject}{}", change.category.name(), lines.next().unwrap_or_default());
    out.push_str(&clean(&first));
    out.push('\n');
    for line in lines {
        let line = clean(line);
        let painted = match line.chars().next() {
            Some('-') => painted(&line, RED, color),
            Some('+') => painted(&line, GREEN, color),
            _ => line,
        };
        out.push_str(&format!("              {painted}\n"));
    }
    // Digests say nothing to a reader.
    if !change.cause && change.what.contains('\n') {
        return;
    }
    for (mark, value, with) in [('-', &change.left, RED), ('+', &change.right, GREEN)] {
        for line in value.iter().flat_map(|v| v.lines()) {
            out.push_str(&format!("              {}\n", painted(&format!("{mark} {}", clean(line)), with, color)));
        }
    }
}

/// One stage of both bundles beside each other, in columns that share `width`.
pub fn side_by_side(left: &Bundle, right: &Bundle, stage: &str, width: usize, color: bool) -> String {
    let lines = |b: &Bundle| {
        let plan = b.stage(stage).and_then(|s| s.plan.as_ref());
        plan.map_or_else(|| vec!["(no plan)".to_owned()], plan_lines)
    };
    let (l, r) = (lines(left), lines(right));
    let column = (width.saturating_sub(3) / 2).max(20);
    let mut out = String::new();
    let mut pairs = align(&l, &r).into_iter().peekable();
    while let Some(pair) = pairs.next() {
        match pair {
            Pair::Both(line) => row(line, line, ' ', column, color, &mut out),
            Pair::Left(line) => match pairs.peek() {
                Some(Pair::Right(other)) => {
                    row(line, other, '|', column, color, &mut out);
                    pairs.next();
                }
                _ => row(line, "", '<', column, color, &mut out),
            },
            Pair::Right(line) => row("", line, '>', column, color, &mut out),
        }
    }
    out
}

fn row(left: &str, right: &str, mark: char, column: usize, color: bool, out: &mut String) {
    let (l, r) = (wrapped(left, column), wrapped(right, column));
    for i in 0..l.len().max(r.len()) {
        let cell = |list: &[String]| list.get(i).cloned().unwrap_or_default();
        let (a, b) = (cell(&l), cell(&r));
        let pad = " ".repeat(column.saturating_sub(a.chars().count()));
        let (a, b) = match mark {
            ' ' => (a, b),
            _ => (painted(&a, RED, color), painted(&b, GREEN, color)),
        };
        out.push_str(format!("{a}{pad} {mark} {b}").trim_end());
        out.push('\n');
    }
}

/// A line in pieces of at most `column` characters, the later ones indented a little more.
fn wrapped(line: &str, column: usize) -> Vec<String> {
    let line = clean(line).replace('\n', " ");
    let indent = line.len() - line.trim_start().len();
    let chars: Vec<char> = line.chars().collect();
    let mut out = vec![chars.iter().take(column).collect::<String>()];
    let hang = (indent + 4).min(column / 2);
    let mut at = column;
    while at < chars.len() {
        let piece: String = chars.iter().skip(at).take(column - hang).collect();
        at += column - hang;
        out.push(format!("{}{piece}", " ".repeat(hang)));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_wrapped_and_nothing_is_lost() {
        let line = format!("  {}", "x".repeat(95));
        let pieces = wrapped(&line, 30);
        assert!(pieces.iter().all(|p| p.chars().count() <= 30));
        assert_eq!(pieces.concat().matches('x').count(), 95);
        assert_eq!(wrapped("", 30), [""]);
        assert_eq!(clean("a\u{1b}[31mb"), "a\u{FFFD}[31mb");
    }
}

//! Long answers in a pager.

use std::io::Write;
use std::process::{Command, Stdio};

use qx_cli::Context;

/// A screen that tells nobody its height has so many lines.
const LINES: usize = 24;

/// Shows a text in the program that PAGER names, where it is longer than the screen; false when it was not shown.
pub(super) fn show(text: &str, cx: &mut Context) -> bool {
    let lines = std::env::var("LINES").ok().and_then(|n| n.parse().ok()).unwrap_or(LINES);
    if !cx.for_people() || !cx.out.terminal || text.lines().count() < lines {
        return false;
    }
    let pager = std::env::var("PAGER").ok().filter(|p| !p.trim().is_empty()).unwrap_or_else(|| "less -FRSX".to_owned());
    let mut words = pager.split_whitespace();
    let Some(program) = words.next() else { return false };
    let Ok(mut child) = Command::new(program).args(words).stdin(Stdio::piped()).spawn() else { return false };
    if let Some(mut input) = child.stdin.take() {
        // One that is left early has seen enough.
        let _ = input.write_all(text.as_bytes());
    }
    child.wait().is_ok()
}

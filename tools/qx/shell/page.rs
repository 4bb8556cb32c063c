//! Long answers in a pager.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qx_cli::Context;

/// A screen that tells nobody its height has so many lines.
const LINES: usize = 24;

/// How often is looked for Ctrl-C while a pager runs.
const LOOK: Duration = Duration::from_millis(20);

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
    let over = AtomicBool::new(false);
    let flag = cx.cancel.flag();
    std::thread::scope(|scope| {
        // As long as it shows the text Ctrl-C is for the pager: a second one would end the shell.
        scope.spawn(|| {
            while !over.load(Ordering::Acquire) {
                flag.store(false, Ordering::Relaxed);
                std::thread::sleep(LOOK);
            }
        });
        if let Some(mut input) = child.stdin.take() {
            // One that is left early has seen enough.
            let _ = input.write_all(text.as_bytes());
        }
        let shown = child.wait().is_ok();
        over.store(true, Ordering::Release);
        shown
    })
}

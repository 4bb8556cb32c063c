//! What a verb is given to work with.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

use qx_io::{Cancel, Job, Progress, Silent};

use crate::global::ColorWhen;
use crate::progress::Bar;
use crate::{Global, Out};

/// stdout, stderr, progress and cancellation of one run of a tool.
pub struct Context {
    pub global: Global,
    pub out: Out,
    pub cancel: Cancel,
}

pub(crate) fn color_wanted(when: ColorWhen, terminal: bool) -> bool {
    match when {
        ColorWhen::Always => true,
        ColorWhen::Never => false,
        ColorWhen::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    }
}

impl Context {
    pub(crate) fn new(global: Global, cancel: Cancel) -> Self {
        let color = color_wanted(global.color, std::io::stdout().is_terminal());
        Context { out: Out::new(global.json, color), global, cancel }
    }

    /// `--json` was given.
    pub fn json(&self) -> bool {
        self.global.json
    }

    /// A person reads stdout: a table rather than records.
    pub fn for_people(&self) -> bool {
        self.out.terminal && !self.global.json
    }

    /// Talk on stderr. Silent under `-q` and `--json`.
    pub fn say(&self, message: impl Display) {
        if !self.global.quiet && !self.global.json {
            // Nobody can be told that stderr is gone.
            let _ = writeln!(std::io::stderr(), "{message}");
        }
    }

    /// A warning on stderr. Silent under `-q`; an object under `--json`.
    pub fn warn(&self, message: impl Display) {
        if self.global.quiet {
            return;
        }
        let mut err = std::io::stderr();
        let _ = if self.global.json {
            writeln!(err, "{}", serde_json::json!({"warning": message.to_string()}))
        } else {
            writeln!(err, "warning: {message}")
        };
    }

    /// Progress and cancellation for a library call; the bar shows only when stderr is a terminal.
    pub fn job(&self) -> Job {
        let bar = std::io::stderr().is_terminal() && !self.global.quiet && !self.global.json;
        let progress: Arc<dyn Progress> = if bar { Arc::new(Bar::default()) } else { Arc::new(Silent) };
        Job { progress, cancel: self.cancel.clone() }
    }
}

/// True for the path that means stdin or stdout.
pub fn is_dash(path: &Path) -> bool {
    path.as_os_str() == "-"
}

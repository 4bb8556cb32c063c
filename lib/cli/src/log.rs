//! Log events on stderr. `QX_LOG` holds tracing filters over the stable targets of `docs/diagnostics.md`.

use std::io::{IsTerminal, Write};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::Global;

pub(crate) fn init(global: &Global, color: bool) {
    let default = levels(global.quiet, global.verbose);
    let asked = std::env::var("QX_LOG").ok();
    let builder =
        tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(color && std::io::stderr().is_terminal());
    let levels = filters(asked.as_deref().unwrap_or(default));
    // The builder has a level of its own, below which nothing would reach the filters. An event that cannot be written, as on
    // a full disk, is lost: to say so on the same stderr would end the process.
    let builder = builder.with_max_level(tracing::Level::TRACE).log_internal_errors(false);
    // A second call in one process (tests) keeps the first subscriber.
    let _ = if global.json {
        builder.json().finish().with(levels).try_init()
    } else {
        builder.without_time().finish().with(levels).try_init()
    };
}

/// Targets of crates under Delta's tables that say what their callers are told as well.
macro_rules! returned {
    () => {
        "buoyant_kernel=off,deltalake_core::logstore=off,deltalake_core::kernel::transaction=off,\
         deltalake_core::datafile::writer=off,deltalake_core::writer::stats=off"
    };
}

/// The filters of the command line's flags. The crates under Delta's tables log every error that they return, with all that it
/// went through; we say it once, in our own words, unless more was asked for. Of every file they warn, too, that columns of
/// bytes have no bounds in the log, which is so for all of them.
fn levels(quiet: bool, verbose: u8) -> &'static str {
    match (quiet, verbose) {
        (true, _) => concat!("error,", returned!()),
        (_, 0) => concat!("warn,", returned!()),
        (_, 1) => "warn,qx=info",
        (_, 2) => "info,qx=debug",
        _ => "debug,qx=trace",
    }
}

/// Levels by target (`qx::log=debug,qx::io=info`, or a level for all). What is no filter is left out and named: a typo in
/// an environment variable is no reason to stop a job.
fn filters(text: &str) -> Targets {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let known = parts.filter_map(|part| match part.parse::<Targets>() {
        Ok(target) => Some(target),
        Err(_) => {
            let said = format!("warning: QX_LOG: {part:?} is no filter (expected TARGET=LEVEL or LEVEL)");
            let _ = writeln!(std::io::stderr(), "{said}");
            None
        }
    });
    known.fold(Targets::new(), |all, one| match one.default_level() {
        Some(level) => all.with_default(level),
        None => all.with_targets(one),
    })
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::{filters, levels};

    #[test]
    fn errors_that_are_returned_are_logged_where_more_is_asked_for_only() {
        for quiet in [true, false] {
            let usual = filters(levels(quiet, 0));
            assert!(!usual.would_enable("buoyant_kernel::snapshot", &Level::ERROR));
            assert!(!usual.would_enable("deltalake_core::logstore", &Level::ERROR));
            assert!(!usual.would_enable("deltalake_core::kernel::transaction", &Level::ERROR));
            assert!(!usual.would_enable("deltalake_core::datafile::writer", &Level::WARN));
            assert!(!usual.would_enable("deltalake_core::writer::stats", &Level::WARN));
            assert!(usual.would_enable("deltalake_core::protocol", &Level::ERROR));
            assert!(usual.would_enable("qx::store", &Level::ERROR));
        }
        let more = filters(levels(false, 1));
        assert!(more.would_enable("buoyant_kernel::snapshot", &Level::ERROR));
        assert!(more.would_enable("deltalake_core::writer::stats", &Level::WARN));
    }

    #[test]
    fn filters_name_a_target_or_all() {
        let levels = filters("warn, qx::log=debug,,qx=info");
        assert!(levels.would_enable("qx::log::writer", &Level::DEBUG));
        assert!(levels.would_enable("qx::io", &Level::INFO) && !levels.would_enable("qx::io", &Level::DEBUG));
        assert!(levels.would_enable("other", &Level::WARN) && !levels.would_enable("other", &Level::INFO));
    }

    #[test]
    fn what_is_no_filter_leaves_the_others_in_force() {
        let levels = filters("qx::log=loud,qx=info");
        assert!(levels.would_enable("qx::log", &Level::INFO) && !levels.would_enable("qx::log", &Level::DEBUG));
    }
}

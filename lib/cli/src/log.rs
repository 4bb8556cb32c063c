//! Log events on stderr. `QX_LOG` holds tracing filters over the stable targets of `docs/diagnostics.md`.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::Global;

pub(crate) fn init(global: &Global, color: bool) {
    let default = match (global.quiet, global.verbose) {
        (true, _) => "error",
        (_, 0) => "warn",
        (_, 1) => "warn,qx=info",
        (_, 2) => "info,qx=debug",
        _ => "debug,qx=trace",
    };
    let filter = EnvFilter::builder().parse_lossy(std::env::var("QX_LOG").unwrap_or_else(|_| default.to_owned()));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(color && std::io::stderr().is_terminal());
    // A second call in one process (tests) keeps the first subscriber.
    let _ = if global.json { builder.json().try_init() } else { builder.without_time().try_init() };
}

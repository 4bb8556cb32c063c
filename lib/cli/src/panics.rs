//! What a panic says.

use std::io::Write;

/// A decoder of another library that panics is an error about its input ([`qx_io::foreign()`]), and says nothing of its own.
/// Where panics cannot be caught, the error is said here and the process ends with its status.
pub(crate) fn install() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if is_returned(panic.location()) {
            // Whoever caught it returns the error that came before.
        } else if !qx_io::in_foreign() {
            usual(panic);
        } else if cfg!(panic = "abort") {
            let _ = writeln!(std::io::stderr(), "error: {}: {panic}", qx_io::REFUSED);
            std::process::exit(i32::from(crate::run::exit_status(qx_formats::Kind::Corrupt)));
        }
    }));
}

/// Whether a panic is that of a writer of files that is given up behind a failed last write, as on a full disk: the crate under
/// Delta's tables catches it, and returns the error of that write.
fn is_returned(at: Option<&std::panic::Location<'_>>) -> bool {
    at.is_some_and(|at| at.file().contains("object_store") && at.file().ends_with("buffered.rs"))
}

//! Decoders of other libraries, which may panic on bytes that they did not expect.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use qx_formats::{Error, Result};

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// What is said of an input that made its decoder panic.
pub const REFUSED: &str = "not a file that its reader can make sense of";

/// Runs a decoder of another library; its panic is an error about the input. What it had done by then stays done.
///
/// Where a panic cannot be caught (`panic = "abort"`), the tools' panic hook asks [`in_foreign`] and ends the process with the
/// same error.
///
/// # Errors
/// Those of `run`; `Corrupt` for a panic.
pub fn foreign<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    let outer = RUNNING.replace(true);
    let done = catch_unwind(AssertUnwindSafe(run));
    RUNNING.set(outer);
    done.unwrap_or_else(|_| Err(Error::corrupt(REFUSED)))
}

/// Whether this thread is inside [`foreign`].
#[must_use]
pub fn in_foreign() -> bool {
    RUNNING.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_an_error_stays_itself() {
        let e =
            foreign(|| -> Result<()> { panic!("{}", if in_foreign() { "inside" } else { "outside" }) }).unwrap_err();
        assert!(e.message().contains("make sense") && !in_foreign());
        assert_eq!(foreign(|| Ok(foreign(|| Ok(3))? + i32::from(in_foreign()))).unwrap(), 4);
        assert!(foreign(|| -> Result<()> { Err(Error::invalid("odd")) }).unwrap_err().message().contains("odd"));
    }
}

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

/// What the readers of Parquet and Arrow say of a codec, its name, and whether it is one of Parquet.
const CODECS: [(&str, &str, bool); 8] = [
    ("at compile time: brotli", "brotli", true),
    ("at compile time: flate2", "gzip", true),
    ("at compile time: lz4", "LZ4", true),
    ("at compile time: snap", "snappy", true),
    ("at compile time: zstd", "zstd", true),
    ("codec type LZO is not supported", "LZO", true),
    ("lz4 IPC decompression requires", "LZ4", false),
    ("zstd IPC decompression requires", "zstd", false),
];

/// The error for a file whose codec is not built into `tool`, if that is what its reader `said`: such a file is not damaged.
#[must_use]
pub fn missing_codec(said: &str, tool: &str) -> Option<Error> {
    let (_, codec, parquet) = CODECS.iter().find(|(what, ..)| said.contains(what))?;
    if *codec == "LZO" {
        let never = Error::unsupported("the file is compressed with LZO, which is not read");
        return Some(never.hint("write it again with zstd"));
    }
    let instead = if *parquet { "with zstd or snappy" } else { "without compression" };
    let missing = Error::unsupported(format!("the file is compressed with {codec}, which this build does not read"));
    Some(
        missing
            .hint(format!("write it again {instead}, or build {tool} together with the query engine: `cargo build`")),
    )
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

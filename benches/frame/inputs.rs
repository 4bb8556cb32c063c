//! What is read: records as they come, mostly text, and records as machines write them, mostly numbers.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use qx_formats::{Error, Result};

/// The Debian sample, as often as it takes to reach `least` bytes: optional fields, lists, objects in lists, text.
pub fn packages(path: &Path, least: usize) -> Result<PathBuf> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/debian/packages.ndjson");
    let text = std::fs::read(&sample).map_err(|e| Error::io("read", e).path(&sample))?;
    let copies = least.div_ceil(text.len().max(1));
    write(path, |out| (0..copies).try_for_each(|_| out.write_all(&text)))
}

/// Ten columns of integers, fractions, booleans and a short name, until `least` bytes are reached.
pub fn numbers(path: &Path, least: usize) -> Result<PathBuf> {
    write(path, |out| {
        let (mut line, mut written, mut i) = (String::new(), 0, 0u64);
        while written < least {
            let h = i.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let (small, large, signed) = (h % 1000, h >> 16, (h >> 20) as i64 - (1 << 43));
            let (x, y) = (small as f64 / 8.0, (h >> 40) as f64 / 4096.0 - 2000.0);
            line.clear();
            // Writing to a string cannot fail.
            let _ = write!(
                line,
                r#"{{"id":{i},"small":{small},"large":{large},"signed":{signed},"x":{x},"y":{y},"z":{y:e},"#
            );
            let _ = writeln!(line, r#""even":{},"odd":{},"name":"item-{small}"}}"#, h % 2 == 0, h % 2 == 1);
            out.write_all(line.as_bytes())?;
            written += line.len();
            i += 1;
        }
        Ok(())
    })
}

fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> std::io::Result<()>) -> Result<PathBuf> {
    let create = || {
        let mut out = std::io::BufWriter::new(File::create(path)?);
        fill(&mut out)?;
        out.flush()
    };
    create().map_err(|e| Error::io("write", e).path(path))?;
    Ok(path.to_owned())
}

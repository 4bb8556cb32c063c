//! That Parquet files are still what was written, before their rows go into others. What became of the bytes since would
//! stand in the new files under checksums that hold, and nobody would find it any more.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use qx_formats::manifest::{Manifest, Segment};
use qx_formats::{Error, Result};
use qx_io::Map;

use super::{ColdFile, FOLDER};
use crate::delta;
use crate::delta_sums::Sum;
use crate::table;

/// What the manifest of a table says of its Parquet files.
#[derive(Debug, Default)]
pub(super) struct Vouched(BTreeMap<PathBuf, Sum>);

impl Vouched {
    /// Of the newest manifest; nothing where there is none yet.
    ///
    /// # Errors
    /// `Corrupt`, `Io`, with the path.
    pub(super) fn read(table_dir: &Path) -> Result<Vouched> {
        let decode = |bytes: &[u8]| Manifest::decode(bytes, table::FORMAT);
        let Some(manifest) = qx_io::read_generation(table_dir, table::FILE, decode)? else {
            return Ok(Vouched::default());
        };
        let base = delta::resolved(table_dir)?;
        let one = |s: &Segment| {
            s.path.starts_with(FOLDER).then(|| (base.join(&s.path), Sum { bytes: s.bytes, crc32c: s.crc32c }))
        };
        Ok(Vouched(manifest.committed().filter_map(one).collect()))
    }

    pub(super) fn sum(&self, file: &ColdFile) -> Option<Sum> {
        self.0.get(&file.path).copied()
    }
}

/// # Errors
/// `Corrupt` when the file is another one than its manifest says; `Io`.
pub(super) fn check(path: &Path, sum: Option<Sum>) -> Result<()> {
    let Some(sum) = sum else { return Ok(()) };
    let map = Map::open(path)?;
    let crc = crc32c::crc32c(&map);
    if map.len() as u64 == sum.bytes && crc == sum.crc32c {
        return Ok(());
    }
    Err(Error::corrupt("the Parquet file is damaged, and its rows go into no other")
        .path(path)
        .expected(format!("{} bytes, {:08x}", sum.bytes, sum.crc32c))
        .got(format!("{} bytes, {crc:08x}", map.len()))
        .hint("what the log holds stays there; restore the file, or let `qx repair` keep the rows that can be read"))
}

/// That all of these files of a table are what its manifest says.
///
/// # Errors
/// `Corrupt` with the path of the first that is not; `Io`.
pub fn check_files<'a>(table_dir: &Path, files: impl IntoIterator<Item = &'a ColdFile>) -> Result<()> {
    let vouched = Vouched::read(table_dir)?;
    files.into_iter().try_for_each(|file| check(&file.path, vouched.sum(file)))
}

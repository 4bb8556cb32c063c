//! Checksums of a Delta log's own files. Delta Lake has none, so the table's manifest keeps them: a flipped bit in a
//! commit would change what the table is, and nobody would know.

use std::collections::BTreeMap;
use std::path::Path;

use qx_formats::{Error, Result};
use qx_io::Map;
use serde::{Deserialize, Serialize};

/// Folder of a Delta log, inside the folder of the table.
pub const DELTA_LOG: &str = "_delta_log";

/// Length and checksum of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub bytes: u64,
    pub crc32c: u32,
}

/// Sums by file name.
pub type Sums = BTreeMap<String, Sum>;

/// The sum of every file of the Delta log in `cold`. What `known` says of a file of the same length is taken over:
/// the files never change, so that only new ones are read.
///
/// # Errors
/// `Io`.
pub fn sums(cold: &Path, known: &Sums) -> Result<Sums> {
    let dir = cold.join(DELTA_LOG);
    let mut out = Sums::new();
    let entries = match std::fs::read_dir(&dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(out),
        Err(e) => return Err(Error::io("list", e).path(dir)),
    };
    for entry in entries {
        let entry = entry.map_err(|e| Error::io("list", e).path(&dir))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        // The pointer to the last checkpoint is a hint that is written over; Delta itself does without it.
        if name.starts_with(['.', '_']) || !(name.ends_with(".json") || name.ends_with(".parquet")) {
            continue;
        }
        let bytes = entry.metadata().map_err(|e| Error::io("read", e).path(entry.path()))?.len();
        let sum = match known.get(&name).filter(|s| s.bytes == bytes) {
            Some(sum) => *sum,
            None => {
                let map = Map::open(&entry.path())?;
                Sum { bytes: map.len() as u64, crc32c: crc32c::crc32c(&map) }
            }
        };
        out.insert(name, sum);
    }
    Ok(out)
}

//! Vector indexes over tables: how rows are told apart in them, which rows changed since they were brought up, and taking
//! those up. An index is derived data: whatever becomes of it, the table and its log say what is true.

mod bulk;
mod delta;
mod ids;
mod rows;
mod upkeep;

use std::path::PathBuf;

use qx_formats::{Error, Result};
use qx_vector::definition::Definition;
use qx_vector::set::Segments;

pub use bulk::Incoming;
pub use delta::{Delta, since};
pub use ids::{RowKey, ids as row_ids};
pub use rows::{Chunks, Vectors, is_vectors};
pub use upkeep::{Done, fold, is_due, rebuild, take_up};

use crate::catalog::IndexDef;
use crate::names::ObjectName;
use crate::view::View;

/// Rows in the log at which a BATCHED index takes them up, where nothing else is said.
pub const DEFAULT_BATCH_ROWS: u64 = 1000;

/// Where the definition of an index stands.
pub fn path(view: &View, name: &ObjectName) -> PathBuf {
    view.store().layout().index_definition(name)
}

/// The definition of an index as it was last published; `None` before the first time, and where what stands there is
/// of another index.
///
/// # Errors
/// `Corrupt`, `Io`, with the path.
pub fn definition(view: &View, name: &ObjectName, def: &IndexDef) -> Result<Option<Definition>> {
    let path = path(view, name);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read", e).path(path)),
    };
    let definition = Definition::decode(&bytes).map_err(|e| e.path(&path))?;
    // An index of a pipeline is known by its name alone.
    let mine = def.options.is_none() || definition.index == Some(def.uuid);
    Ok(Some(definition).filter(|_| mine))
}

/// Opens the files of an index.
///
/// # Errors
/// `Corrupt`, `Io`, with the path.
pub fn open(view: &View, name: &ObjectName, definition: Definition) -> Result<Segments> {
    Segments::from_definition(&path(view, name), definition)
}

//! The database folder: catalog, log, cold tables in Delta Lake, graphs, vector indexes, key-value documents.

pub mod catalog;
pub mod cold;
mod database;
pub mod delta;
pub mod durable;
pub mod graph_def;
pub mod names;
mod retain;
pub mod rows;
pub mod sync;
mod table;
pub mod table_def;
pub mod view;
mod writer;

pub use database::Store;
pub use qx_formats::{Error, Kind, Result};
pub use retain::needed_lsn;
pub use table::{TableManifest, publish_manifest};
pub use view::{Table, View};
pub use writer::Writer;

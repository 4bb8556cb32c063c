//! The database folder: catalog, log, cold tables in Delta Lake, graphs, vector indexes, key-value documents.

pub mod backup;
pub mod bound;
pub mod catalog;
pub mod cold;
mod database;
pub mod delta;
pub mod delta_sums;
pub mod durable;
pub mod fsck;
pub mod graph_def;
pub mod kv;
mod load;
pub mod manifests;
pub mod names;
pub mod repair;
mod retain;
pub mod rows;
pub mod sync;
mod table;
pub mod table_def;
pub mod units;
pub mod upkeep;
pub mod vectors;
pub mod view;
mod writer;

pub use database::Store;

/// Folder of what processes at work say of themselves, in a database folder.
pub const LIVE: &str = "live";

pub use load::{Bulk, bulk_row_id};
pub use qx_formats::{Error, Kind, Result};
pub use retain::{check_taken_over, graph_holds, needed_lsn};
pub use table::{TableManifest, publish_manifest};
pub use view::{Table, View};
pub use writer::Writer;

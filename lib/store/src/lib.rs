//! The database folder: catalog, log, cold tables in Delta Lake, graphs, vector indexes, key-value documents.

pub mod catalog;
mod database;
pub mod delta;
pub mod durable;
pub mod names;
mod table;

pub use database::{Store, Writer};
pub use qx_formats::{Error, Kind, Result};
pub use table::{TableManifest, publish_manifest};

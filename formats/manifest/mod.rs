//! What belongs together: a JSON document under a checksum, with generations and segments. See `SPEC.md`.
//!
//! [`seal`] and [`open`] carry any document; [`Manifest`] and [`Segment`] are the members that manifests share.

mod document;
pub mod layout;
mod segment;
mod stats;
mod strict;
#[cfg(test)]
mod tests;

pub use document::{Manifest, open, seal, verify};
pub use segment::{Segment, Status};
pub use stats::{ColumnStats, StatValue};

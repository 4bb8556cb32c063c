//! The on-disk formats of the toolkit: bytes in, bytes out.
//!
//! One folder per format, each with its `SPEC.md`, a constants-only `layout` module that cites it, an encoder, a
//! decoder and a verifier. Nothing here opens a file, prints, spawns a thread or knows of a query engine; `lib/`
//! maps files and hands slices in.

pub mod adj_seg;
pub mod container;
pub mod delta_log;
pub mod dict_seg;
pub mod kv_snap;
pub mod legacy;
pub mod manifest;
pub mod vdata;

pub use container::error::{Error, Kind, Result};

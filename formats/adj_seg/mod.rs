//! Adjacency of one graph partition: out-edges and in-edges in one immutable segment. See `SPEC.md`.

mod decode;
mod encode;
mod ints;
pub mod layout;
mod meta;
#[cfg(test)]
mod tests;
mod verify;

pub use decode::{AdjSeg, Edge, Edges, Nodes};
pub use encode::{AdjBuilder, Summary};
pub use verify::verify;

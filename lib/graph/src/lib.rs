//! A graph in a folder: dictionary, adjacency and delta logs together, and the questions that they answer.
//!
//! ```text
//! g.graph/manifest.json            what belongs together (`qx.graph`), the generation before it beside it
//!         nodes/dict-<uuid>.seg    (label, key) <-> node id
//!         edges/adj.P000-<uuid>.seg    out- and in-edges of the sources of partition 0
//!         delta/P000/              what changed since the segments were built
//! ```
//!
//! Segments are named after their content and never change; the manifest is published last, so that a reader sees
//! the graph before or after a build and nothing in between. [`GraphWriter`] builds, [`Graph`] answers, [`verify`]
//! proves. Writers hold the lock of the database that the folder is part of; readers take none.

mod delta;
mod folder;
mod graph;
mod paths;
mod reach;
mod seen;
mod tail;
#[cfg(test)]
mod tests;
mod verify;
mod walk;
mod write;

pub use delta::{NodeDelta, PartitionDeltaIndex};
pub use folder::{FORMAT, GraphManifest, MANIFEST, MAX_PARTITIONS};
pub use graph::{Graph, NodeName};
pub use reach::Reach;
pub use tail::delta_dir;
pub use verify::verify;
pub use walk::{Direction, Hop, Walk};
pub use write::{GraphOptions, GraphWriter, Report, build};

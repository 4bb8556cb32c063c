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
//!
//! A commit of the database's WAL is what changes a graph. [`Graph::open_hot`] reads segments, delta logs and the WAL
//! above them as one; [`write_behind`] copies what stands in the WAL alone into the delta logs, [`compact()`] folds
//! everything into new segments.

mod behind;
mod compact;
mod delta;
mod edit;
mod filter;
mod folder;
mod graph;
mod names;
mod open;
mod paths;
mod reach;
mod salvage;
mod seen;
mod stage;
mod status;
mod tail;
#[cfg(test)]
mod tests;
mod verify;
mod walk;
mod weighted;
mod write;

pub use behind::{Behind, write_behind};
pub use compact::{Compaction, compact};
pub use delta::{Added, NodeDelta, PartitionDeltaIndex};
pub use edit::{EdgeChange, NodeRef};
pub use filter::{Follow, PropNames, TimeRange, parse_time};
pub use folder::{DeltaEnd, FORMAT, GraphManifest, MANIFEST, MAX_DICTIONARIES, MAX_PARTITIONS, route};
pub use graph::Graph;
pub use names::NodeName;
pub use open::{Home, operations};
pub use qx_formats::adj_seg::{AdjBuilder, Edge};
pub use qx_formats::dict_seg::DictBuilder;
pub use reach::Reach;
pub use salvage::{Salvaged, SalvagedLog, salvage, salvage_logs};
pub use status::{Limits, Status, count_search};
pub use tail::{delta_dir, delta_reaches};
pub use verify::verify;
pub use walk::{Direction, Hop, Walk};
pub use weighted::Path;
pub use write::{GraphOptions, GraphWriter, Report, build};

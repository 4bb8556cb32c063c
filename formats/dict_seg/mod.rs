//! `dict.seg` v1: (label, key) <-> u64, immutable, searched in place.
//!
//! `SPEC.md` in this folder is the authority; [`layout`] holds its constants and nothing else. [`DictBuilder`] writes
//! a segment, [`DictSeg`] reads one, [`verify`] proves one.

mod batch;
mod bits;
mod block;
mod build;
mod chain;
mod chunk;
mod decode;
mod dense;
mod encode;
mod fetch;
mod found;
mod head;
mod hot;
mod iter;
mod labels;
pub mod layout;
mod lines;
mod lookup;
mod marks;
mod meta;
mod placed;
mod plain;
mod referred;
mod refs;
mod remains;
mod room;
mod salvage;
mod seek;
mod shape;
mod table;
mod trace;
mod verify;
#[cfg(target_arch = "x86_64")]
mod wide;

#[cfg(test)]
mod spec_tests;
#[cfg(test)]
mod tests;

pub use build::{DictBuilder, Summary};
pub use decode::{DictSeg, SectionInfo};
pub use encode::{Layout, Options, Source, SourcePair, Written, encode};
pub use iter::{Cursor, EntryRef, Iter};
pub use labels::{compare_labels, same_label};
pub use room::{Memory, Numbers, Records, Room};
pub use salvage::{Lost, Salvage, SalvageOptions, salvage, salvage_with};
pub use trace::{Step, Trace};
pub use verify::verify;

/// One pair of a dictionary.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    pub label: Vec<u8>,
    pub key: Vec<u8>,
    pub id: u64,
}

//! Dictionary segments as tools make them: from streams larger than memory, from one another, and from what is left.
//!
//! - [`Builder`]: writes of pairs, in any order and number, to a segment, within a bound on memory.
//! - [`input`]: pairs in any form, read as streams into a builder; [`record`]: a pair as JSON.
//! - [`merge`]: segments to one, as they stand.
//! - [`diff`]: what two dictionaries do not have in common.
//! - [`salvage`]: every pair of a damaged segment whose page is whole.
//!
//! What does not fit in memory is sorted in files without names, which are gone with the process, however it ends.

mod arena;
pub mod base64;
mod builder;
mod diff;
pub mod input;
mod merge;
mod numbers;
mod pairs;
pub mod record;
mod records;
mod resolve;
mod room;
mod salvage;
mod source;
mod spread;
mod strings;
#[cfg(test)]
mod tests;

pub use builder::{Builder, Options, Summary};
pub use diff::{Change, Differences, diff};
pub use merge::merge;
pub use salvage::{Salvaged, salvage};

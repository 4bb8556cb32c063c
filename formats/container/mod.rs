//! What `dict.seg`, `adj.seg` and `.vdata` share: header, checksummed sections, section table, limits, errors.
//!
//! `SPEC.md` in this folder is the authority; [`layout`] holds its constants and nothing else.

mod decode;
mod encode;
pub mod error;
pub mod finding;
pub mod layout;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
pub mod varint;

pub use decode::{Container, Section, header_holds};
pub use encode::{SectionSpec, Writer, encode};
pub use finding::{Finding, Severity};

//! `.vdata` v2: vectors, row ids, 8-bit codes and the search graph in one immutable file. See SPEC.md.

mod decode;
pub mod deny;
mod encode;
pub mod front;
mod kinds;
pub mod layout;
mod meta;
#[cfg(test)]
mod tests;
mod verify;

pub use decode::View;
pub use encode::{Parts, write};
pub use kinds::{Element, Engine, Flavour, Metric};
pub use meta::Meta;
pub use verify::verify;

#[inline]
fn u32_at(b: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*b.get(at..)?.first_chunk()?))
}

#[inline]
fn u64_at(b: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*b.get(at..)?.first_chunk()?))
}

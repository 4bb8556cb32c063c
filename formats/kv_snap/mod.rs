//! kv.snap: the live keys of one key-value store up to a log sequence number. See SPEC.md.

mod decode;
mod encode;
pub mod layout;
#[cfg(test)]
mod tests;
mod verify;

pub use decode::KvSnap;
pub use encode::encode;
pub use verify::verify;

/// One key, as a snapshot holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub key: &'a str,
    /// What the bytes are: one of the log's kinds of value.
    pub kind: u8,
    pub value: &'a [u8],
    /// Of the put.
    pub lsn: u64,
    /// Microseconds since 1970, UTC.
    pub expires_at_us: Option<u64>,
    /// Each access moves the expiry to so many microseconds after it.
    pub reset_us: Option<u64>,
}

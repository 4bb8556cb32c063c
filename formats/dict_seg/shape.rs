//! How the blocks of a damaged segment are coded.

use super::block::{Form, Unpacked};

/// How the blocks are coded.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub form: Form,
    pub unit: u8,
    /// Entries of every block but the last.
    pub size: u64,
    /// Bytes of an offset in the directory, if that is known.
    pub offset_bytes: Option<u64>,
    /// Entries of the segment, if that is known.
    pub entries: Option<u64>,
    /// It was told by the blocks, not by META, or they are in pages that no checksum proves.
    pub guessed: bool,
}

impl Shape {
    /// Entries of block `b`, if that is known.
    pub fn count(&self, b: u64) -> Option<u64> {
        self.entries.map(|n| n.saturating_sub(b.saturating_mul(self.size)).min(self.size))
    }

    /// Unpacks block `b`, which these bytes begin with; its length, with what fills its last unit. `None` where it is none,
    /// or has another number of entries.
    pub fn unpack(&self, bytes: &[u8], b: u64, into: &mut Unpacked) -> Option<u64> {
        let stated = self.count(b);
        let count = stated.unwrap_or(self.size);
        let len = self.form.unpack(self.unit, bytes, count as usize, into)?;
        let has = into.count as u64;
        if len > bytes.len() || has == 0 || has > count || stated.is_some_and(|n| n != has) {
            return None;
        }
        let whole = len.next_multiple_of(1 << self.unit);
        if self.guessed {
            // There is one way to code a block: what is coded again as it stands was read as it was meant.
            let entries: Vec<(&[u8], u64)> = into.entries().collect();
            let mut again = Vec::with_capacity(whole);
            self.form.encode(self.unit, &mut again, &entries);
            if bytes.get(..whole) != Some(&again[..]) {
                return None;
            }
        }
        Some(whole as u64)
    }
}

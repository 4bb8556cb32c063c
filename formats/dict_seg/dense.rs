//! Writing the dense form of the id index: a reference for every id from the lowest to the highest.

use std::io::{Seek, Write};

use super::bits::{self, Packer};
use super::encode::{halves, io};
use super::layout::KIND_IDS_DENSE;
use super::meta::Meta;
use super::room::{Numbers, each};
use crate::Result;
use crate::container::Writer;

/// Bytes that are put together before they are handed on.
const PIECE: usize = 64 << 10;

/// Writes `RIDS` from numbers (id, reference).
pub(super) fn write<W: Write + Seek>(w: &mut Writer<W>, ids: &mut dyn Numbers, meta: &Meta) -> Result<()> {
    w.begin(KIND_IDS_DENSE, 0).map_err(io)?;
    if let Some(numbers) = ids.in_memory() {
        // A place is known without sorting, and all places take less than the numbers do.
        return w.write(&placed(&numbers, meta)).map_err(io);
    }
    ids.sort()?;
    let (mut packer, mut piece) = (Packer::new(meta.ref_bits.into()), Vec::with_capacity(PIECE + 16));
    let mut next = meta.id_min;
    each(ids, |n| {
        let (id, reference) = halves(n);
        while next < id {
            packer.push(u64::MAX, &mut piece);
            next += 1;
        }
        packer.push(reference, &mut piece);
        next = next.saturating_add(1);
        if piece.len() >= PIECE {
            w.write(&piece).map_err(io)?;
            piece.clear();
        }
        Ok(())
    })?;
    packer.finish(&mut piece);
    w.write(&piece).map_err(io)
}

/// Writes `RIDS` from what it consists of.
pub(super) fn write_placed<W: Write + Seek>(w: &mut Writer<W>, placed: &[u8]) -> Result<()> {
    w.begin(KIND_IDS_DENSE, 0).and_then(|()| w.write(placed)).map_err(io)
}

/// The section, from numbers in any order.
pub(super) fn placed(numbers: &[&[u128]], meta: &Meta) -> Vec<u8> {
    let bits = usize::from(meta.ref_bits);
    let span = if meta.entries == 0 { 0 } else { meta.id_max - meta.id_min + 1 };
    let len = bits::packed_len(span, bits).map_or(0, |len| len as usize);
    // All ones are holes; a word is read and written at once, so the last ones need some more.
    let mut packed = vec![0xFF; len + 8];
    for &n in numbers.iter().copied().flatten() {
        let (id, reference) = halves(n);
        bits::put(&mut packed, (id - meta.id_min) * bits as u64, bits, reference);
    }
    packed.truncate(len);
    let open = span * bits as u64 % 8;
    if let Some(last) = packed.last_mut().filter(|_| open > 0) {
        *last &= (1 << open) - 1;
    }
    packed
}

#[cfg(test)]
mod tests {
    use super::super::room::{Memory, Room};
    use super::*;

    /// Numbers that do not say that they are in memory.
    struct Away(Box<dyn Numbers>);

    impl Numbers for Away {
        fn push(&mut self, n: u128) -> Result<()> {
            self.0.push(n)
        }

        fn sort(&mut self) -> Result<()> {
            self.0.sort()
        }

        fn next_number(&mut self) -> Result<Option<u128>> {
            self.0.next_number()
        }
    }

    #[test]
    fn the_bytes_do_not_depend_on_where_the_numbers_are() {
        for (bits, entries) in [(1u8, 1u64), (5, 9), (8, 40), (13, 1000), (31, 70), (48, 17)] {
            let ids: Vec<u64> = (0..entries).map(|i| 7 + i * 2 - i / 3).collect();
            let meta = Meta { entries, ref_bits: bits, id_min: ids[0], id_max: ids[ids.len() - 1], ..Meta::default() };
            let bytes = |mut numbers: Box<dyn Numbers>| {
                for (i, id) in ids.iter().enumerate().rev() {
                    let reference = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - bits) & !1;
                    numbers.push(u128::from(*id) << 64 | u128::from(reference)).unwrap();
                }
                let mut w = Writer::new(std::io::Cursor::new(Vec::new()), *b"TESTTEST", 1, 0, 0, 1).unwrap();
                write(&mut w, numbers.as_mut(), &meta).unwrap();
                w.finish().unwrap().0.into_inner()
            };
            let here = bytes(Memory.numbers().unwrap());
            let away = bytes(Box::new(Away(Memory.numbers().unwrap())));
            assert!(here == away, "{bits}");
        }
    }
}

//! References, packed bit by bit.

/// Bytes that `count` values of `bits` bits take.
pub(super) fn packed_len(count: u64, bits: usize) -> Option<u64> {
    Some(count.checked_mul(bits as u64)?.div_ceil(8))
}

/// The value of `bits` (at most 56) bits that begins at bit `at`; all of it must lie inside.
#[inline]
pub(super) fn get(bytes: &[u8], at: u64, bits: usize) -> Option<u64> {
    let (byte, shift) = ((at / 8) as usize, at % 8);
    let word = match bytes.get(byte..)?.first_chunk::<8>() {
        Some(eight) => u64::from_le_bytes(*eight),
        None => {
            // Near the end there may be fewer than eight bytes to load.
            let rest = bytes.get(byte..).filter(|rest| rest.len() as u64 * 8 >= shift + bits as u64)?;
            rest.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b))
        }
    };
    Some(word >> shift & (u64::MAX >> (64 - bits)))
}

/// Sets the value of `bits` (at most 56) bits that begins at bit `at`; eight bytes from its first one on must be there.
#[inline]
pub(super) fn put(bytes: &mut [u8], at: u64, bits: usize, v: u64) {
    let (byte, shift) = ((at / 8) as usize, at % 8);
    if let Some(eight) = bytes.get_mut(byte..).and_then(<[u8]>::first_chunk_mut::<8>) {
        let word = u64::from_le_bytes(*eight) & !((u64::MAX >> (64 - bits)) << shift);
        *eight = (word | v << shift).to_le_bytes();
    }
}

/// Packs values one behind the other.
pub(super) struct Packer {
    bits: usize,
    open: u128,
    used: usize,
}

impl Packer {
    pub fn new(bits: usize) -> Self {
        Packer { bits, open: 0, used: 0 }
    }

    /// Adds a value; bytes that are complete go to `out`.
    #[inline]
    pub fn push(&mut self, v: u64, out: &mut Vec<u8>) {
        self.open |= u128::from(v & (u64::MAX >> (64 - self.bits))) << self.used;
        self.used += self.bits;
        while self.used >= 8 {
            out.push(self.open as u8);
            self.open >>= 8;
            self.used -= 8;
        }
    }

    /// The last byte, zeros above.
    pub fn finish(self, out: &mut Vec<u8>) {
        if self.used > 0 {
            out.push(self.open as u8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_is_unpacked() {
        for bits in [1, 3, 7, 8, 13, 25, 31, 48, 56] {
            let values: Vec<u64> = (0..100u64).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - bits)).collect();
            let (mut packer, mut out) = (Packer::new(bits), Vec::new());
            values.iter().for_each(|v| packer.push(*v, &mut out));
            packer.finish(&mut out);
            assert_eq!(Some(out.len() as u64), packed_len(100, bits));
            for (i, v) in (0..).zip(&values) {
                assert_eq!(get(&out, i * bits as u64, bits), Some(*v), "{bits} {i}");
            }
            assert_eq!(get(&out, out.len() as u64 * 8, bits), None);
        }
    }
}

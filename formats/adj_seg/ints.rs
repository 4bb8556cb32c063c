//! Arrays of little-endian integers whose width the data chose.

/// The integer number `i` of an array of `width`-byte integers. Width 0 is an array of zeros.
#[inline]
pub(super) fn get(bytes: &[u8], width: u8, i: usize) -> Option<u64> {
    let at = i.checked_mul(usize::from(width))?;
    let item = bytes.get(at..at.checked_add(usize::from(width))?)?;
    Some(match *item {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
        _ => return None,
    })
}

/// Appends `v` in `width` bytes. The writer chose the width from the largest value.
pub(super) fn put(out: &mut Vec<u8>, width: u8, v: u64) {
    out.extend_from_slice(v.to_le_bytes().get(..usize::from(width)).unwrap_or(&[]));
}

/// 4 bytes where they hold `largest`, else 8.
pub(super) fn wide(largest: u64) -> u8 {
    if u32::try_from(largest).is_ok() { 4 } else { 8 }
}

/// The fewest of 1, 2 and 4 bytes that hold `largest`.
pub(super) fn narrow(largest: u32) -> u8 {
    match largest {
        0..=0xFF => 1,
        0x100..=0xFFFF => 2,
        _ => 4,
    }
}

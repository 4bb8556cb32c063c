//! LEB128 unsigned varints, at most ten bytes, shortest form only.

/// Appends `v` in one to ten bytes.
pub fn put(out: &mut Vec<u8>, mut v: u64) {
    while v >= 0x80 {
        out.push((v as u8 & 0x7F) | 0x80);
        v >>= 7;
    }
    out.push(v as u8);
}

/// Decodes one varint from the front of `bytes`: the value and the bytes it took.
/// `None` when the bytes end inside it, it overflows 64 bits, or it is not in its shortest form.
#[inline]
pub fn get(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((u64::from(first), 1));
    }
    let mut v = u64::from(first & 0x7F);
    for (i, &b) in bytes.iter().enumerate().take(10).skip(1) {
        let bits = u64::from(b & 0x7F);
        if i == 9 && bits > 1 {
            return None;
        }
        v |= bits << (7 * i);
        if b < 0x80 {
            return (b != 0).then_some((v, i + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trips_at_every_width() {
        for shift in 0..64 {
            for v in [(1u64 << shift) - 1, 1 << shift, (1 << shift) + 1, u64::MAX >> shift] {
                let mut out = Vec::new();
                put(&mut out, v);
                assert_eq!(get(&out), Some((v, out.len())));
                assert_eq!(get(&out[..out.len() - 1]), None);
            }
        }
    }

    #[test]
    fn longer_than_needed_and_overflow_are_refused() {
        assert_eq!(get(&[0x80, 0x00]), None);
        assert_eq!(get(&[0xFF; 10]), None);
        assert_eq!(get(&[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02]), None);
    }
}

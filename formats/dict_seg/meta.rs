//! The META section: counts, bounds and the geometry of the other sections.

use super::layout::*;
use crate::container::Section;
use crate::{Error, Result};

/// Counts and geometry of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Meta {
    pub entries: u64,
    pub labels: u64,
    pub next_id: u64,
    pub id_min: u64,
    pub id_max: u64,
    pub distinct_keys: u64,
    pub key_bytes: u64,
    pub hash_seed: u64,
    pub hash_home: u64,
    pub any_home: u64,
    pub ids_home: u64,
    pub hash_probe: u32,
    pub any_probe: u32,
    pub ids_probe: u32,
    pub longest_key: u32,
    /// Bits of a reference.
    pub ref_bits: u8,
    pub offset_bytes: u8,
    /// Entries of every block but the last.
    pub block_entries: u8,
    /// How keys are coded: [`FORM_HEAD`] and its like.
    pub form: u8,
    /// Blocks (in the plain form, entries) begin at multiples of 2 to this power.
    pub unit: u8,
}

/// Bytes that hold `v`, at least one.
pub(super) fn width_of(v: u64) -> usize {
    (8 - v.leading_zeros() as usize / 8).max(1)
}

/// Bits that hold `v`, at least one.
pub(super) fn bits_of(v: u64) -> usize {
    (64 - v.leading_zeros() as usize).max(1)
}

/// Reads `width` (1 to 8) little-endian bytes at `at`.
#[inline]
pub(super) fn uint(bytes: &[u8], at: usize, width: usize) -> Option<u64> {
    let rest = bytes.get(at..)?;
    if let Some(eight) = rest.first_chunk::<8>() {
        return Some(u64::from_le_bytes(*eight) & (u64::MAX >> (64 - 8 * width)));
    }
    // Near the end of the slice there may be fewer than eight bytes to load.
    Some(rest.get(..width)?.iter().rev().fold(0, |v, &b| v << 8 | u64::from(b)))
}

impl Meta {
    pub fn blocks(&self) -> u64 {
        self.entries.div_ceil(u64::from(self.block_entries).max(1))
    }

    pub fn encode(&self) -> [u8; META_LEN] {
        let mut out = [0; META_LEN];
        let longs = [
            (META_ENTRIES, self.entries),
            (META_LABELS, self.labels),
            (META_NEXT_ID, self.next_id),
            (META_ID_MIN, self.id_min),
            (META_ID_MAX, self.id_max),
            (META_DISTINCT_KEYS, self.distinct_keys),
            (META_KEY_BYTES, self.key_bytes),
            (META_HASH_SEED, self.hash_seed),
            (META_HASH_HOME, self.hash_home),
            (META_ANY_HOME, self.any_home),
            (META_IDS_HOME, self.ids_home),
        ];
        for (at, v) in longs {
            out[at..at + 8].copy_from_slice(&v.to_le_bytes());
        }
        let ints = [
            (META_HASH_PROBE, self.hash_probe),
            (META_ANY_PROBE, self.any_probe),
            (META_IDS_PROBE, self.ids_probe),
            (META_LONGEST_KEY, self.longest_key),
        ];
        for (at, v) in ints {
            out[at..at + 4].copy_from_slice(&v.to_le_bytes());
        }
        out[META_REF_BITS] = self.ref_bits;
        out[META_OFFSET_BYTES] = self.offset_bytes;
        out[META_BLOCK_ENTRIES] = self.block_entries;
        out[META_FORM] = self.form;
        out[META_UNIT] = self.unit;
        out
    }

    /// Reads META and checks it against itself; the sections are checked against it by the caller.
    pub fn decode(bytes: &[u8], section: &Section) -> Result<Meta> {
        Self::parse(bytes.get(section.range.clone()).unwrap_or(&[]), section.range.start as u64)
    }

    /// [`Meta::decode`] of the bytes of a META that stands at `start` of its file.
    pub fn parse(bytes: &[u8], start: u64) -> Result<Meta> {
        if bytes.len() != META_LEN {
            return Err(Error::corrupt("section META has the wrong length")
                .offset(start)
                .expected(format!("{META_LEN} bytes"))
                .got(format!("{} bytes", bytes.len())));
        }
        let long = |at| uint(bytes, at, 8).unwrap_or(0);
        let int = |at| uint(bytes, at, 4).unwrap_or(0) as u32;
        let byte = |at| bytes.get(at).copied().unwrap_or(0);
        let meta = Meta {
            entries: long(META_ENTRIES),
            labels: long(META_LABELS),
            next_id: long(META_NEXT_ID),
            id_min: long(META_ID_MIN),
            id_max: long(META_ID_MAX),
            distinct_keys: long(META_DISTINCT_KEYS),
            key_bytes: long(META_KEY_BYTES),
            hash_seed: long(META_HASH_SEED),
            hash_home: long(META_HASH_HOME),
            any_home: long(META_ANY_HOME),
            ids_home: long(META_IDS_HOME),
            hash_probe: int(META_HASH_PROBE),
            any_probe: int(META_ANY_PROBE),
            ids_probe: int(META_IDS_PROBE),
            longest_key: int(META_LONGEST_KEY),
            ref_bits: byte(META_REF_BITS),
            offset_bytes: byte(META_OFFSET_BYTES),
            block_entries: byte(META_BLOCK_ENTRIES),
            form: byte(META_FORM),
            unit: byte(META_UNIT),
        };
        let bad = |what: &str, at: usize, limit: u64, got: u64| {
            Error::corrupt(format!("META: {what}"))
                .offset(start + at as u64)
                .expected(format!("at most {limit}"))
                .got(got)
        };
        let most = [
            ("entry count is above the limit", META_ENTRIES, MAX_ENTRIES, meta.entries),
            ("more labels than entries", META_LABELS, meta.entries, meta.labels),
            ("more distinct keys than entries", META_DISTINCT_KEYS, meta.entries, meta.distinct_keys),
            ("longest key is above the limit", META_LONGEST_KEY, MAX_KEY_LEN as u64, meta.longest_key.into()),
            ("probe length is above the limit", META_HASH_PROBE, MAX_PROBE, meta.hash_probe.into()),
            ("probe length is above the limit", META_ANY_PROBE, MAX_PROBE, meta.any_probe.into()),
            ("probe length is above the limit", META_IDS_PROBE, MAX_PROBE, meta.ids_probe.into()),
            ("references are too wide", META_REF_BITS, MAX_REF_BITS as u64, meta.ref_bits.into()),
            ("unknown form of key blocks", META_FORM, FORM_PLAIN.into(), meta.form.into()),
            ("unit is above the limit", META_UNIT, MAX_UNIT.into(), meta.unit.into()),
            ("offsets are too wide", META_OFFSET_BYTES, 8, meta.offset_bytes.into()),
            ("block size is above the limit", META_BLOCK_ENTRIES, MAX_BLOCK_ENTRIES as u64, meta.block_entries.into()),
            ("lowest id is above the highest", META_ID_MIN, meta.id_max, meta.id_min),
            ("highest id is above the limit", META_ID_MAX, MAX_ID, meta.id_max),
        ];
        for (what, at, limit, got) in most {
            if got > limit {
                return Err(bad(what, at, limit, got));
            }
        }
        let empty = meta.entries == 0;
        let rules = [
            ("no labels for its entries", META_LABELS, (meta.labels == 0) == empty),
            ("no distinct keys for its entries", META_DISTINCT_KEYS, (meta.distinct_keys == 0) == empty),
            ("references have no width", META_REF_BITS, meta.ref_bits > 0),
            ("blocks of this form have no unit", META_UNIT, meta.form != FORM_CHAIN || meta.unit == 0),
            ("offsets have no width", META_OFFSET_BYTES, meta.offset_bytes > 0),
            (
                "next id was already used",
                META_NEXT_ID,
                if empty { meta.id_max == 0 } else { meta.next_id > meta.id_max },
            ),
            ("ids are closer than entries", META_ID_MAX, empty || meta.id_max - meta.id_min >= meta.entries - 1),
            ("block size is no power of two", META_BLOCK_ENTRIES, meta.block_entries.is_power_of_two()),
            ("reserved bytes", META_RESERVED, bytes.iter().skip(META_RESERVED).all(|&b| b == 0)),
        ];
        for (what, at, holds) in rules {
            if !holds {
                return Err(Error::corrupt(format!("META: {what}")).offset(start + at as u64));
            }
        }
        Ok(meta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_hold_their_values() {
        for (v, w) in [(0, 1), (1, 1), (255, 1), (256, 2), (65_535, 2), (65_536, 3), (u64::MAX >> 8, 7), (u64::MAX, 8)]
        {
            assert_eq!(width_of(v), w, "{v}");
            let bytes = v.to_le_bytes();
            assert_eq!(uint(&bytes[..w], 0, w), Some(v));
            assert_eq!(uint(&[&bytes[..w], &[0xAA; 9]].concat(), 0, w), Some(v));
            assert_eq!(uint(&bytes[..w], 1, w), None);
        }
    }
}

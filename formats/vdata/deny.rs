//! Deny lists: ids of rows that segments published before it no longer answer. See SPEC.md, *Deny lists*.

use std::io;

use super::layout::*;
use super::{Flavour, u64_at};
use crate::container::{Container, Finding, SectionSpec, encode as container};
use crate::{Error, Result};

/// The bytes of a deny list. Ids are sorted and made unique here.
///
/// # Errors
/// `InvalidInput` above [`MAX_ROWS`].
pub fn encode(flavour: Flavour, ids: &[u64]) -> io::Result<Vec<u8>> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    if ids.len() as u64 > MAX_ROWS {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "too many ids"));
    }
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    let section = SectionSpec { kind: KIND_DENY, flags: flavour.code(), bytes: &bytes };
    Ok(container(DENY_MAGIC, DENY_MAJOR, DENY_MINOR, 0, &[section]))
}

/// Reads a deny list, every checksum included: it is small, and a wrong one would bring deleted rows back.
///
/// # Errors
/// `Corrupt`, `Limit`, `Unsupported`, with the place.
pub fn decode(bytes: &[u8]) -> Result<(Flavour, Vec<u64>)> {
    let container = Container::open(bytes, "deny list", DENY_MAGIC, DENY_MAJOR, 0)?;
    let section = container.section(KIND_DENY, "DENY")?;
    let at = section.range.start as u64;
    let flavour = Flavour::from_code(section.flags)
        .ok_or_else(|| Error::corrupt("DENY has an unknown flavour of row ids").got(section.flags))?;
    if section.len() % 8 != 0 {
        return Err(Error::corrupt("section DENY has the wrong length").offset(at).got(section.len()));
    }
    let count = (section.len() / 8) as u64;
    if count > MAX_ROWS {
        return Err(Error::limit("number of denied rows", MAX_ROWS, count).offset(at));
    }
    let mut findings = Vec::new();
    container.verify(bytes, &mut findings);
    if let Some(f) = findings.first() {
        let e = Error::corrupt(f.message.clone()).hint("restore it, or build the index again");
        return Err(match f.offset {
            Some(offset) => e.offset(offset),
            None => e,
        });
    }
    let content = bytes.get(section.range.clone()).unwrap_or(&[]);
    let ids: Vec<u64> = (0..section.len() / 8).filter_map(|i| u64_at(content, i * 8)).collect();
    if let Some(i) = ids.windows(2).position(|p| p.first() >= p.last()) {
        return Err(Error::corrupt("denied row ids do not ascend").offset(at + 8 * (i as u64 + 1)));
    }
    Ok((flavour, ids))
}

/// What [`decode`] checks, and the content hash, as findings.
pub fn verify(bytes: &[u8]) -> Vec<Finding> {
    match decode(bytes) {
        Err(e) => vec![Finding::from_error("vdata.deny", &e)],
        Ok(_) => match Container::open(bytes, "deny list", DENY_MAGIC, DENY_MAJOR, 0) {
            Ok(c) if c.content_uuid(bytes) != c.uuid => {
                vec![Finding::error("vdata.uuid", "the UUID is not the hash of the content")]
            }
            _ => Vec::new(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_sorted_and_once() {
        let bytes = encode(Flavour::SignedKey, &[5, u64::MAX, 1, 5]).unwrap();
        assert_eq!(decode(&bytes).unwrap(), (Flavour::SignedKey, vec![1, 5, u64::MAX]));
        assert_eq!(verify(&bytes), []);
        assert!(decode(&encode(Flavour::Ordinal, &[]).unwrap()).unwrap().1.is_empty());
    }

    #[test]
    fn every_flipped_bit_and_every_truncation_is_refused() {
        let bytes = encode(Flavour::HashedKey, &[1, 2, 3]).unwrap();
        for i in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[i] ^= 1 << bit;
                assert!(!verify(&bad).is_empty(), "byte {i} bit {bit}");
            }
            assert!(decode(&bytes[..i]).is_err(), "cut at {i}");
        }
    }

    #[test]
    fn ids_out_of_order_are_refused_whatever_the_checksums_say() {
        let content: Vec<u8> = [2u64, 1].iter().flat_map(|id| id.to_le_bytes()).collect();
        let section = |flags, bytes| SectionSpec { kind: KIND_DENY, flags, bytes };
        let bad = container(DENY_MAGIC, DENY_MAJOR, DENY_MINOR, 0, &[section(1, &content)]);
        assert!(decode(&bad).unwrap_err().message().contains("ascend"));
        let bad = container(DENY_MAGIC, DENY_MAJOR, DENY_MINOR, 0, &[section(9, &content[..8])]);
        assert!(decode(&bad).unwrap_err().message().contains("flavour"));
        let bad = container(DENY_MAGIC, DENY_MAJOR, DENY_MINOR, 0, &[section(1, &content[..9])]);
        assert!(decode(&bad).unwrap_err().message().contains("length"));
    }
}

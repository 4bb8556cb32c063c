//! bincode's standard configuration by hand, for the operations that come by the million. What is written has the same
//! bytes, what is read the same meaning; whatever is not read here is left to bincode.

use super::layout::*;
use super::op::Wire;

/// An unsigned integer: one byte below 251, else a marker and the shortest of two, four or eight bytes.
#[inline(always)]
pub(super) fn number(out: &mut Vec<u8>, n: u64) {
    if n <= 250 { out.push(n as u8) } else { large(out, n) }
}

/// Most numbers are lengths of names and fit a byte; the others need not stand in line wherever one is written.
#[inline(never)]
fn large(out: &mut Vec<u8>, n: u64) {
    let bytes = n.to_le_bytes();
    match n {
        ..=0xFFFF => out.extend_from_slice(&[251, bytes[0], bytes[1]]),
        0x1_0000..=0xFFFF_FFFF => out.extend_from_slice(&[252, bytes[0], bytes[1], bytes[2], bytes[3]]),
        _ => {
            out.push(253);
            out.extend_from_slice(&bytes);
        }
    }
}

#[inline(always)]
pub(super) fn bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[inline(always)]
pub(super) fn option(out: &mut Vec<u8>, n: Option<u64>) {
    match n {
        None => out.push(0),
        Some(n) => {
            out.push(1);
            number(out, n);
        }
    }
}

pub(super) fn edge(out: &mut Vec<u8>, variant: u32, part: u32, src: u64, dst: u64, etype: u32) {
    for n in [u64::from(variant), u64::from(part), src, dst, u64::from(etype)] {
        number(out, n);
    }
}

#[inline(always)]
pub(super) fn take_u64(b: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = b.split_first()?;
    if first <= 250 {
        *b = rest;
        return Some(u64::from(first));
    }
    let (value, rest) = match first {
        251 => rest.split_first_chunk::<2>().map(|(n, rest)| (u64::from(u16::from_le_bytes(*n)), rest))?,
        252 => rest.split_first_chunk::<4>().map(|(n, rest)| (u64::from(u32::from_le_bytes(*n)), rest))?,
        253 => rest.split_first_chunk::<8>().map(|(n, rest)| (u64::from_le_bytes(*n), rest))?,
        _ => return None,
    };
    *b = rest;
    Some(value)
}

/// As a narrower type, which eight bytes are never taken for.
#[inline]
pub(super) fn take_u32(b: &mut &[u8]) -> Option<u32> {
    if b.first() == Some(&253) { None } else { take_u64(b).and_then(|n| u32::try_from(n).ok()) }
}

#[inline]
pub(super) fn take_bytes<'a>(b: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(take_u64(b)?).ok()?;
    let (front, rest) = b.split_at_checked(len)?;
    *b = rest;
    Some(front)
}

#[inline]
fn take_text<'a>(b: &mut &'a [u8]) -> Option<&'a str> {
    std::str::from_utf8(take_bytes(b)?).ok()
}

#[inline]
pub(super) fn take_option(b: &mut &[u8]) -> Option<Option<u64>> {
    let (&flag, rest) = b.split_first()?;
    *b = rest;
    match flag {
        0 => Some(None),
        1 => take_u64(b).map(Some),
        _ => None,
    }
}

/// A record of one of the operations that come by the million.
#[inline]
pub(super) fn record<'a>(b: &mut &'a [u8]) -> Option<(u32, Wire<'a>)> {
    let index = take_u32(b)?;
    let wire = match take_u32(b)? {
        OP_NODE_UPSERT => {
            Wire::NodeUpsert { label: take_text(b)?, key: take_bytes(b)?, id: take_option(b)?, props: take_bytes(b)? }
        }
        OP_EDGE_UPSERT => Wire::EdgeUpsert {
            part: take_u32(b)?,
            src: take_u64(b)?,
            dst: take_u64(b)?,
            etype: take_u32(b)?,
            props: take_bytes(b)?,
        },
        OP_EDGE_DELETE => {
            Wire::EdgeDelete { part: take_u32(b)?, src: take_u64(b)?, dst: take_u64(b)?, etype: take_u32(b)? }
        }
        OP_KV_PUT => {
            let (store, key) = (take_text(b)?, take_text(b)?);
            let (&kind, rest) = b.split_first()?;
            *b = rest;
            Wire::KvPut { store, key, kind, value: take_bytes(b)?, expires_at_us: take_option(b)? }
        }
        _ => return None,
    };
    Some((index, wire))
}

#[cfg(test)]
mod tests {
    use super::super::Op;
    use super::super::op::{put, take};
    use super::*;

    fn some() -> Vec<Op> {
        let mut all = Vec::new();
        for n in [0, 1, 250, 251, 65_535, 65_536, u64::from(u32::MAX), u64::from(u32::MAX) + 1, u64::MAX] {
            let small = n as u32;
            let text = "x".repeat((n % 300) as usize);
            let (props, key) = (vec![7; (n % 260) as usize], text.clone().into_bytes());
            all.push(Op::NodeUpsert { label: text.clone(), key: key.clone(), id: Some(n), props: props.clone() });
            all.push(Op::NodeUpsert { label: String::new(), key, id: None, props: props.clone() });
            all.push(Op::NodeDelete { label: text.clone(), key: vec![255], id: Some(n) });
            all.push(Op::EdgeUpsert { part: small, src: n, dst: n / 2, etype: small, props: props.clone() });
            all.push(Op::EdgeDelete { part: small, src: n, dst: n / 2, etype: small });
            let value = props;
            all.push(Op::KvPut { store: text.clone(), key: text.clone(), kind: 4, value, expires_at_us: Some(n) });
            all.push(Op::KvDelete { store: text.clone(), key: text.clone() });
            all.push(Op::KvTouch { store: text.clone(), key: text, expires_at_us: None, reset_us: Some(n) });
        }
        all
    }

    #[test]
    fn bytes_are_those_of_bincode() {
        for (index, op) in (0u32..).zip(some()) {
            let index = index * 997;
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            op.encode(index, &mut ours);
            put(&mut theirs, (index, Wire::from(&op)));
            assert_eq!(ours, theirs, "{op:?}");
            let mut left = ours.as_slice();
            assert_eq!(Op::decode(&mut left).unwrap(), (index, op));
            assert!(left.is_empty());
        }
    }

    #[test]
    fn what_is_read_fast_means_what_bincode_reads() {
        for op in some() {
            let mut bytes = Vec::new();
            op.encode(3, &mut bytes);
            bytes.truncate(40);
            for at in 0..bytes.len() {
                for byte in [0, 1, 2, 4, 250, 251, 252, 253, 254, 255] {
                    let mut bad = bytes.clone();
                    bad[at] = byte;
                    let (mut a, mut b) = (bad.as_slice(), bad.as_slice());
                    if let Some((index, wire)) = record(&mut a) {
                        let (i, w): (u32, Wire<'_>) = take(&mut b).unwrap();
                        assert_eq!((index, Op::from(wire), a), (i, Op::from(w), b));
                    }
                }
            }
        }
    }
}

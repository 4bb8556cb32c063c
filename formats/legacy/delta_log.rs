//! clarium's delta logs, which have no checksum.

use super::Skipped;
use super::bytes::{Bytes, find_magic};
use super::layout::*;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeltaRecord {
    Edge { txn: u64, index: u32, delete: bool, src: u64, dst: u64 },
    Node { txn: u64, index: u32, delete: bool, label: String, key: String, id: Option<u64> },
}

/// Reads every record that makes sense; what does not is skipped up to the next magic. Without checksums a record that
/// was damaged inside may still make sense.
pub fn delta_log(bytes: &[u8]) -> (Vec<DeltaRecord>, Vec<Skipped>) {
    let (mut records, mut skipped) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < bytes.len() {
        match record(bytes.get(at..).unwrap_or(&[])) {
            Ok((record, len)) => {
                records.push(record);
                at += len;
            }
            Err(reason) => {
                let next = find_magic(bytes, at + 1, DELTA_LOG_MAGIC).unwrap_or(bytes.len());
                skipped.push(Skipped::new(at, next - at, reason));
                at = next;
            }
        }
    }
    (records, skipped)
}

fn record(bytes: &[u8]) -> Result<(DeltaRecord, usize), &'static str> {
    let mut b = Bytes(bytes);
    let head = (b.u32(), b.u8(), b.u8(), b.u16(), b.u32());
    let (Some(magic), Some(kind), Some(version), Some(_), Some(len)) = head else {
        return Err("the file ends inside a record header");
    };
    if magic != DELTA_LOG_MAGIC {
        return Err("no record starts here");
    }
    if version != 1 {
        return Err("a record of an unknown version");
    }
    let Some(payload) = b.take(len as usize) else {
        return Err("the file ends inside a record, or its length is damaged");
    };
    let record = payload_of(kind, Bytes(payload)).ok_or("a record of an unknown kind, or that cannot be read")?;
    Ok((record, bytes.len() - b.0.len()))
}

fn payload_of(kind: u8, mut b: Bytes<'_>) -> Option<DeltaRecord> {
    let (txn, index) = (b.u64()?, b.u32()?);
    let delete = match b.u8()? {
        0 => false,
        1 => true,
        _ => return None,
    };
    let record = match kind {
        DELTA_LOG_EDGE => DeltaRecord::Edge { txn, index, delete, src: b.u64()?, dst: b.u64()? },
        DELTA_LOG_NODE => {
            DeltaRecord::Node { txn, index, delete, label: b.text()?, key: b.text()?, id: b.optional_u64()? }
        }
        _ => return None,
    };
    b.is_empty().then_some(record)
}

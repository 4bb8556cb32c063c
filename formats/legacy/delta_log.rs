//! clarium's delta logs, `nodes/delta.log` and `edges/delta.P000.log`: records one behind the other, without a checksum.
//!
//! A header of 12 bytes - magic `DLOG` as the integer 0x444C4F47, kind `u8` (1 edge, 2 node), version `u8` (1), 2 bytes
//! of padding, length `u32` - and the payload. An edge: transaction `u64`, index `u32`, operation `u8` (0 upsert, 1
//! delete), source `u64`, target `u64`; its partition stands in the file's name, its type nowhere. A node: transaction,
//! index, operation, then label, key and id as in the write-ahead log. Edges and nodes are counted each by itself.

use super::Skipped;
use super::bytes::{Bytes, find_magic};

pub const DELTA_LOG_MAGIC: u32 = 0x444C_4F47;

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
        1 => DeltaRecord::Edge { txn, index, delete, src: b.u64()?, dst: b.u64()? },
        2 => DeltaRecord::Node { txn, index, delete, label: b.text()?, key: b.text()?, id: b.optional_u64()? },
        _ => return None,
    };
    b.is_empty().then_some(record)
}

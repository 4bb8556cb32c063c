//! Readers of older systems' files. Never written; read generously, and what was skipped is said.
//!
//! `SPEC.md` in this folder describes the layouts; [`layout`] holds its constants and nothing else.

mod adjacency;
mod bytes;
mod crc32;
mod delta_log;
mod dictionary;
mod kalam;
pub mod layout;
#[cfg(test)]
mod tests;
mod vectors;
mod wal;

use layout::*;
use serde::Serialize;

pub use adjacency::Adjacency;
pub use crc32::crc32;
pub use delta_log::{DeltaRecord, delta_log};
pub use dictionary::{DictionaryEntry, dictionary};
pub use kalam::{KalamColumn, KalamManifest, KalamSegment, kalam_manifest};
pub use layout::VECTORS_MAGIC;
pub use vectors::{OldRowIds, OldVectors};
pub use wal::{EdgeOp, NodeOp, Wal, WalTransaction, wal};

/// A place that was passed over, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Skipped {
    pub offset: u64,
    pub bytes: u64,
    pub reason: String,
}

impl Skipped {
    fn new(offset: usize, bytes: usize, reason: impl Into<String>) -> Skipped {
        Skipped { offset: offset as u64, bytes: bytes as u64, reason: reason.into() }
    }
}

/// What a file is, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LegacyKind {
    ClariumWal,
    ClariumDeltaLog,
    ClariumAdjacency,
    ClariumVectors,
    /// A dictionary's binary form was planned and never written.
    ClariumBinaryDictionary,
    /// A dictionary or a manifest.
    Json,
}

impl LegacyKind {
    pub fn name(self) -> &'static str {
        match self {
            LegacyKind::ClariumWal => "clarium WAL",
            LegacyKind::ClariumDeltaLog => "clarium delta log",
            LegacyKind::ClariumAdjacency => "clarium adjacency segment",
            LegacyKind::ClariumVectors => "clarium vectors",
            LegacyKind::ClariumBinaryDictionary => "clarium binary dictionary",
            LegacyKind::Json => "JSON",
        }
    }

    /// Looks at the first bytes of a file.
    pub fn detect(head: &[u8]) -> Option<LegacyKind> {
        let magic = head.first_chunk::<4>().map(|m| u32::from_le_bytes(*m));
        Some(match magic {
            Some(WAL_MAGIC) => LegacyKind::ClariumWal,
            Some(DELTA_LOG_MAGIC) => LegacyKind::ClariumDeltaLog,
            Some(ADJACENCY_MAGIC) => LegacyKind::ClariumAdjacency,
            Some(VECTORS_MAGIC) => LegacyKind::ClariumVectors,
            Some(BINARY_DICTIONARY_MAGIC) => LegacyKind::ClariumBinaryDictionary,
            _ if head.trim_ascii_start().first() == Some(&b'{') => LegacyKind::Json,
            _ => return None,
        })
    }
}

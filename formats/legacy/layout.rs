//! Constants of `SPEC.md` in this folder, and nothing else.

/// First four bytes of a frame of clarium's write-ahead log, as a little-endian integer.
pub const WAL_MAGIC: u32 = 0x4757_4C31;
pub const WAL_HEADER_LEN: usize = 12;
pub const WAL_CRC_LEN: usize = 4;
pub const WAL_BEGIN: u8 = 1;
pub const WAL_DATA: u8 = 2;
pub const WAL_COMMIT: u8 = 3;
pub const WAL_ABORT: u8 = 4;

/// Of a record of clarium's delta logs.
pub const DELTA_LOG_MAGIC: u32 = 0x444C_4F47;
pub const DELTA_LOG_EDGE: u8 = 1;
pub const DELTA_LOG_NODE: u8 = 2;

/// Of clarium's adjacency segments.
pub const ADJACENCY_MAGIC: u32 = 0x4144_474A;
/// Of clarium's vector files.
pub const VECTORS_MAGIC: u32 = 0x5644_4346;
/// Of a binary dictionary of clarium's, which no version wrote.
pub const BINARY_DICTIONARY_MAGIC: u32 = 0x4447_4E44;

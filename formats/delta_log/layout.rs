//! Constants of `SPEC.md` in this folder. Nothing but constants: reader and writer share them, a test compares them
//! with the document.

/// First eight bytes of a segment.
pub const MAGIC: [u8; 8] = *b"QXDLOG\x1A\n";
/// First eight bytes of a sealed segment's trailer.
pub const TRAILER_MAGIC: [u8; 8] = *b"QXDLSEAL";
pub const MAJOR: u16 = 1;
pub const MINOR: u16 = 0;

/// Segment header, and its fields as byte offsets.
pub const HEADER_LEN: usize = 128;
pub const OFF_MAGIC: usize = 0;
pub const OFF_MAJOR: usize = 8;
pub const OFF_MINOR: usize = 10;
pub const OFF_FLAGS: usize = 12;
pub const OFF_FEATURES_COMPAT: usize = 16;
pub const OFF_FEATURES_RO: usize = 24;
pub const OFF_FEATURES_INCOMPAT: usize = 32;
pub const OFF_UUID: usize = 40;
pub const OFF_SEGMENT: usize = 56;
pub const OFF_BASE_LSN: usize = 64;
pub const OFF_BASE_TXN: usize = 72;
pub const OFF_CREATED: usize = 80;
pub const OFF_WATERMARK: usize = 88;
pub const OFF_CUT_SEGMENT: usize = 96;
pub const OFF_CUT_OFFSET: usize = 104;
pub const OFF_RESERVED: usize = 112;
pub const OFF_HEADER_CRC: usize = 124;

/// Segment flags.
pub const FLAG_GIVEN: u32 = 1;

/// A segment file is never shorter than this: header and zero fill.
pub const MIN_SEGMENT_LEN: u64 = 4096;

/// Frame: header, payload, zero padding, payload checksum.
pub const FRAME_HEADER_LEN: usize = 28;
pub const FRAME_CRC_LEN: usize = 4;
pub const FRAME_ALIGN: usize = 8;
pub const FRAME_OFF_LEN: usize = 0;
pub const FRAME_OFF_KIND: usize = 4;
pub const FRAME_OFF_FLAGS: usize = 5;
pub const FRAME_OFF_LSN_COUNT: usize = 6;
pub const FRAME_OFF_LSN: usize = 8;
pub const FRAME_OFF_TXN: usize = 16;
pub const FRAME_OFF_CRC: usize = 24;

/// Frame kinds.
pub const KIND_BEGIN: u8 = 1;
pub const KIND_DATA: u8 = 2;
pub const KIND_COMMIT: u8 = 3;
pub const KIND_ABORT: u8 = 4;
pub const KIND_CHECKPOINT: u8 = 5;
pub const KIND_FOOTER: u8 = 6;

/// Frame flag of a Data frame that is a whole transaction.
pub const FRAME_WHOLE: u8 = 1;

/// Operations, as bincode's variant numbers.
pub const OP_NODE_UPSERT: u32 = 0;
pub const OP_NODE_DELETE: u32 = 1;
pub const OP_EDGE_UPSERT: u32 = 2;
pub const OP_EDGE_DELETE: u32 = 3;
pub const OP_KV_PUT: u32 = 4;
pub const OP_KV_DELETE: u32 = 5;
pub const OP_ROW_UPSERT: u32 = 6;
pub const OP_ROW_DELETE: u32 = 7;
pub const OP_DEFINE: u32 = 8;
pub const OP_USE_GRAPH: u32 = 9;
pub const OP_KV_TOUCH: u32 = 10;

/// What a KV value's bytes are.
pub const VALUE_BYTES: u8 = 0;
pub const VALUE_JSON: u8 = 1;
pub const VALUE_STRING: u8 = 2;
pub const VALUE_INT: u8 = 3;
pub const VALUE_FRAME: u8 = 4;

/// Why a Checkpoint was written.
pub const CHECKPOINT_CLOSE: u8 = 1;
pub const CHECKPOINT_RECOVERY: u8 = 2;

/// Why an Abort was written.
pub const ABORT_CUT: u8 = 1;

/// Trailer: the last bytes of a sealed segment, and its fields as byte offsets.
pub const TRAILER_LEN: usize = 64;
pub const TRAILER_OFF_SEGMENT: usize = 8;
pub const TRAILER_OFF_FOOTER: usize = 16;
pub const TRAILER_OFF_FIRST_LSN: usize = 24;
pub const TRAILER_OFF_NEXT_LSN: usize = 32;
pub const TRAILER_OFF_FILE_LEN: usize = 40;
pub const TRAILER_OFF_RESERVED: usize = 48;
pub const TRAILER_OFF_CRC: usize = 60;

/// Limits.
/// Highest LSN, and highest transaction id.
pub const MAX_NUMBER: u64 = 1 << 62;
pub const MAX_PAYLOAD_LEN: usize = 256 << 20;
pub const MAX_FRAME_OPS: usize = 65_534;
pub const MAX_TRANSACTION_OPS: u64 = u32::MAX as u64;
pub const MAX_NAME_LEN: usize = 64 << 10;
/// Names of one kind that a footer lists before it says "anything".
pub const MAX_TOUCHED: usize = 1024;
/// A sparse-index entry stands at the first transaction that starts this far behind the entry before it.
pub const INDEX_STRIDE: u64 = 64 << 10;

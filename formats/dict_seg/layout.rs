//! Constants of `dict_seg/SPEC.md`. Nothing but constants: reader and writer share them, a test compares them with
//! the document.

/// First eight bytes of a segment.
pub const MAGIC: [u8; 8] = *b"QXDICT\x1A\n";
pub const MAJOR: u16 = 1;
pub const MINOR: u16 = 0;

/// Section kinds: four ASCII characters, little-endian.
pub const KIND_KEYS: u32 = u32::from_le_bytes(*b"KEYS");
pub const KIND_BLOCKS: u32 = u32::from_le_bytes(*b"BLKS");
/// Only where KEYS is compressed.
pub const KIND_CHUNKS: u32 = u32::from_le_bytes(*b"CHNK");
pub const KIND_LABELS: u32 = u32::from_le_bytes(*b"LABL");
pub const KIND_HASH: u32 = u32::from_le_bytes(*b"HASH");
/// Only in a segment with more than one label.
pub const KIND_ANY: u32 = u32::from_le_bytes(*b"ANYH");
/// Ids to entries, dense form. A segment has this one or [`KIND_IDS_HASHED`].
pub const KIND_IDS_DENSE: u32 = u32::from_le_bytes(*b"RIDS");
/// Ids to entries, hashed form.
pub const KIND_IDS_HASHED: u32 = u32::from_le_bytes(*b"RIDH");
pub const KIND_META: u32 = u32::from_le_bytes(*b"META");
/// META and LABL once more, for a salvage.
pub const KIND_COPY: u32 = u32::from_le_bytes(*b"COPY");

/// Section flag of KEYS: its blocks stand in chunks, each a zstd frame.
pub const KEYS_ZSTD: u32 = 1;

/// Forms of the key blocks: how keys are coded, and what a reference is.
/// Each key against the head of its block.
pub const FORM_HEAD: u8 = 0;
/// Each key against the one before it.
pub const FORM_CHAIN: u8 = 1;
/// Each key whole.
pub const FORM_PLAIN: u8 = 2;

/// Entries of a key block, unless a writer was told otherwise; only the last block may hold fewer.
pub const BLOCK_ENTRIES: usize = 16;
/// Most entries of a key block, a power of two.
pub const MAX_BLOCK_ENTRIES: usize = 64;
/// Blocks of the head form begin at multiples of 2 to this power.
pub const HEAD_UNIT: u8 = 4;
/// Entries of the plain form begin at multiples of 2 to this power.
pub const PLAIN_UNIT: u8 = 3;
/// Widest unit, as a power of two.
pub const MAX_UNIT: u8 = 12;
/// Longest key, in bytes.
pub const MAX_KEY_LEN: usize = 65_536;
/// Longest label, in bytes.
pub const MAX_LABEL_LEN: usize = 65_536;
/// Largest id. One less than a u64 holds, so that a next id always exists.
pub const MAX_ID: u64 = u64::MAX - 1;
/// Id that the first pair without one receives.
pub const FIRST_ID: u64 = 1;
/// Most entries of a segment.
pub const MAX_ENTRIES: u64 = (1 << 40) - 1;
/// Most bits of a reference.
pub const MAX_REF_BITS: usize = 48;
/// Most buckets that a lookup visits.
pub const MAX_PROBE: u64 = 4096;
/// A chunk is closed once its blocks take this many bytes.
pub const CHUNK_LEN: usize = 32_768;
/// Most bytes of a chunk's blocks: what is allocated to look into one.
pub const MAX_CHUNK_LEN: usize = 8_388_608;

/// Bytes of one bucket of a hash section: a cache line.
pub const BUCKET_LEN: usize = 64;
/// Most slots of a bucket.
pub const MAX_SLOTS: usize = 16;
/// Bytes of a slot's check value.
pub const CHECK_BYTES: usize = 2;
/// Offset within a bucket of the 16 bits that say who went on to the next one.
pub const BUCKET_PASSED: usize = 62;
/// A hash section has this many home buckets: entries * 5 / (slots of a bucket * 4), rounded up.
pub const LOAD_NUM: u64 = 4;
pub const LOAD_DEN: u64 = 5;
/// The dense form of the id index is used when ids span at most this many times the entries.
pub const DENSE_SPAN: u64 = 2;

/// META, as byte offsets.
pub const META_LEN: usize = 128;
pub const META_ENTRIES: usize = 0;
pub const META_LABELS: usize = 8;
pub const META_NEXT_ID: usize = 16;
pub const META_ID_MIN: usize = 24;
pub const META_ID_MAX: usize = 32;
pub const META_DISTINCT_KEYS: usize = 40;
pub const META_KEY_BYTES: usize = 48;
pub const META_HASH_SEED: usize = 56;
pub const META_HASH_HOME: usize = 64;
pub const META_ANY_HOME: usize = 72;
pub const META_IDS_HOME: usize = 80;
pub const META_HASH_PROBE: usize = 88;
pub const META_ANY_PROBE: usize = 92;
pub const META_IDS_PROBE: usize = 96;
pub const META_LONGEST_KEY: usize = 100;
pub const META_REF_BITS: usize = 104;
pub const META_OFFSET_BYTES: usize = 105;
pub const META_BLOCK_ENTRIES: usize = 106;
pub const META_FORM: usize = 107;
pub const META_UNIT: usize = 108;
pub const META_RESERVED: usize = 109;

/// One row of the label table: first rank, first reference, text offset.
pub const LABEL_ROW_LEN: usize = 24;
/// One row of the chunk table: offset of the first block among the blocks, offset of the frame.
pub const CHUNK_ROW_LEN: usize = 16;

/// Width byte of a block: bits 0 to 2, bytes of an id less one.
pub const WIDTH_ID_SHIFT: u32 = 0;
/// Width byte: bits 3 to 5, bytes of the block's lowest id less one.
pub const WIDTH_BASE_SHIFT: u32 = 3;
/// Width byte: bits 6 and 7, bytes of a start and of a shared length less one.
pub const WIDTH_TEXT_SHIFT: u32 = 6;
/// Width byte of a plain entry: its length takes three bytes and not one.
pub const PLAIN_LONG: u8 = 0x08;

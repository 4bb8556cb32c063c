//! Constants of kv.snap, as SPEC.md states them. Nothing else stands here.

/// First eight bytes of a file.
pub const MAGIC: [u8; 8] = *b"QXKVSNAP";
pub const MAJOR: u16 = 1;
pub const MINOR: u16 = 0;

/// Sections, as four ASCII characters.
pub const KIND_META: u32 = 0x4154_454D; // "META"
pub const KIND_ENTRIES: u32 = 0x5254_4E45; // "ENTR"
pub const KIND_KEYS: u32 = 0x5359_454B; // "KEYS"
pub const KIND_VALUES: u32 = 0x534C_4156; // "VALS"

/// META and its fields as byte offsets.
pub const META_LEN: usize = 32;
pub const META_STORE: usize = 0;
pub const META_LSN: usize = 16;
pub const META_ENTRIES: usize = 24;

/// An entry and its fields as byte offsets.
pub const ENTRY_LEN: usize = 48;
pub const ENTRY_KEY_END: usize = 0;
pub const ENTRY_VALUE_END: usize = 8;
pub const ENTRY_LSN: usize = 16;
pub const ENTRY_EXPIRES: usize = 24;
pub const ENTRY_RESET: usize = 32;
pub const ENTRY_KIND: usize = 40;
pub const ENTRY_RESERVED: usize = 41;

/// Highest kind of value: those of the log's KV put.
pub const MAX_KIND: u8 = 4;
/// Bytes of a key, at most.
pub const MAX_KEY_LEN: usize = 65_536;

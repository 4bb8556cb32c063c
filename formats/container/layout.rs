//! Constants of `container/SPEC.md`. Nothing but constants: reader and writer share them, a test compares them
//! with the document.

/// Size of the fixed header.
pub const HEADER_LEN: usize = 128;
/// Size of one entry of the section table.
pub const SECTION_ENTRY_LEN: usize = 64;
/// Sections start at multiples of this, so that a mapped file is used in place.
pub const SECTION_ALIGN: usize = 64;
/// Bytes under one page checksum.
pub const PAGE_LEN: usize = 4096;
/// Most sections a file may have.
pub const MAX_SECTIONS: usize = 64;

/// Header fields, as byte offsets.
pub const OFF_MAGIC: usize = 0;
pub const OFF_MAJOR: usize = 8;
pub const OFF_MINOR: usize = 10;
pub const OFF_SECTION_COUNT: usize = 12;
pub const OFF_FEATURES_COMPAT: usize = 16;
pub const OFF_FEATURES_RO: usize = 24;
pub const OFF_FEATURES_INCOMPAT: usize = 32;
pub const OFF_UUID: usize = 40;
pub const OFF_FILE_LEN: usize = 56;
pub const OFF_TABLE_CRC: usize = 64;
pub const OFF_RESERVED: usize = 68;
pub const OFF_HEADER_CRC: usize = 124;

/// Section table entry fields, as byte offsets inside the entry.
pub const ENT_KIND: usize = 0;
pub const ENT_FLAGS: usize = 4;
pub const ENT_OFFSET: usize = 8;
pub const ENT_LEN: usize = 16;
pub const ENT_CRC: usize = 24;
pub const ENT_FIRST_PAGE: usize = 32;
pub const ENT_RESERVED: usize = 40;

/// Kind of the section that holds the page checksums of every other section.
pub const KIND_PAGE_SUMS: u32 = 0x4D55_5350; // "PSUM"

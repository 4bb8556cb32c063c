//! Constants of `vdata/SPEC.md`. Nothing but constants: reader and writer share them, a test compares them with the
//! document.

/// First eight bytes of a file.
pub const MAGIC: [u8; 8] = *b"QXVDAT\x1A\n";
/// Version 1 and an older version 2 were other layouts, read by `legacy/`.
pub const MAJOR: u16 = 2;
pub const MINOR: u16 = 0;

/// Kinds of sections, four ASCII characters each, in the order in which they stand in a file.
pub const KIND_META: u32 = u32::from_le_bytes(*b"META");
pub const KIND_ROW_IDS: u32 = u32::from_le_bytes(*b"RIDS");
pub const KIND_VECTORS: u32 = u32::from_le_bytes(*b"VECS");
pub const KIND_NORMS: u32 = u32::from_le_bytes(*b"NORM");
pub const KIND_MEAN: u32 = u32::from_le_bytes(*b"MEAN");
pub const KIND_CODES: u32 = u32::from_le_bytes(*b"CODE");
pub const KIND_CODE_PARAMS: u32 = u32::from_le_bytes(*b"CPRM");
pub const KIND_GRAPH: u32 = u32::from_le_bytes(*b"GRPH");
pub const KIND_ENTRIES: u32 = u32::from_le_bytes(*b"ENTR");

/// Fields of the META section, as byte offsets.
pub const META_LEN: usize = 128;
pub const META_ROWS: usize = 0;
pub const META_DIM: usize = 8;
pub const META_METRIC: usize = 12;
pub const META_ELEMENT: usize = 13;
pub const META_CODE_KIND: usize = 14;
pub const META_ENGINE: usize = 15;
pub const META_DEGREE: usize = 16;
pub const META_ENTRY_COUNT: usize = 20;
pub const META_M: usize = 24;
pub const META_EF_BUILD: usize = 28;
pub const META_EF_SEARCH: usize = 32;
pub const META_EF_SURE: usize = 36;
pub const META_SEED: usize = 40;
pub const META_SKIPPED_NULL: usize = 48;
pub const META_SKIPPED_DIM: usize = 56;
pub const META_SKIPPED_VALUE: usize = 64;
pub const META_ZERO_VECTORS: usize = 72;
/// From here to the end: zero.
pub const META_RESERVED: usize = 80;

pub const METRIC_L2: u8 = 1;
pub const METRIC_IP: u8 = 2;
pub const METRIC_COSINE: u8 = 3;

/// Compact: no vectors are stored, the codes stand for them.
pub const ELEMENT_NONE: u8 = 0;
pub const ELEMENT_F32: u8 = 1;
pub const ELEMENT_F16: u8 = 2;
pub const ELEMENT_BF16: u8 = 3;

/// No codes: every search scans the vectors.
pub const CODE_NONE: u8 = 0;
/// Eight bits a component, centred on the mean, one scale a row.
pub const CODE_CENTRED_8: u8 = 1;

pub const ENGINE_FLAT: u8 = 1;
pub const ENGINE_GRAPH: u8 = 2;

/// Flavour of the row ids: the flags of the RIDS section.
pub const IDS_SIGNED_KEY: u32 = 1;
pub const IDS_UNSIGNED_KEY: u32 = 2;
pub const IDS_HASHED_KEY: u32 = 3;
pub const IDS_ORDINAL: u32 = 4;

/// A free slot of an adjacency list; lists are filled from the front.
pub const NO_NEIGHBOUR: u32 = 0xFFFF_FFFF;
/// A row of codes is padded with [`CODE_ZERO`] to a multiple of this many bytes.
pub const CODE_ALIGN: usize = 32;
/// The code of zero: a stored byte is the signed code plus this.
pub const CODE_ZERO: u8 = 128;
/// Largest magnitude of a signed code.
pub const CODE_MAX: i32 = 127;
/// Bytes of a row of CPRM: scale and bias, an f32 each.
pub const CODE_PARAMS_LEN: usize = 8;

pub const MAX_DIM: u32 = 65_535;
/// Ordinals are u32 and the highest one marks a free slot.
pub const MAX_ROWS: u64 = 0xFFFF_FFFF;
pub const MAX_DEGREE: u32 = 512;
pub const MAX_ENTRIES: u32 = 4096;
/// Highest ef_build and ef_search.
pub const MAX_EF: u32 = 65_536;

/// First eight bytes of a deny list.
pub const DENY_MAGIC: [u8; 8] = *b"QXDENY\x1A\n";
pub const DENY_MAJOR: u16 = 1;
pub const DENY_MINOR: u16 = 0;
/// Its one section: row ids, ascending. The section flags say their flavour, as those of RIDS do.
pub const KIND_DENY: u32 = u32::from_le_bytes(*b"DENY");

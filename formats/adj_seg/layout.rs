//! Constants of `SPEC.md` in this folder. Nothing but constants: reader and writer share them, a test compares them
//! with the document.

pub const MAGIC: [u8; 8] = *b"QXADJSEG";
pub const MAJOR: u16 = 1;
pub const MINOR: u16 = 0;

/// Section kinds: four ASCII characters, little-endian.
pub const KIND_META: u32 = 0x4154_454D;
pub const KIND_NODE_IDS: u32 = 0x5344_494E;
pub const KIND_OUT_ROWS: u32 = 0x574F_5246;
pub const KIND_OUT_COLS: u32 = 0x4C4F_4346;
pub const KIND_OUT_TYPES: u32 = 0x5059_5446;
pub const KIND_IN_ROWS: u32 = 0x574F_5252;
pub const KIND_IN_COLS: u32 = 0x4C4F_4352;
pub const KIND_IN_TYPES: u32 = 0x5059_5452;
pub const KIND_PROP_ENDS: u32 = 0x444E_4550;
pub const KIND_PROPS: u32 = 0x504F_5250;

/// Fields of the META section, as byte offsets, and its length.
pub const META_PARTITION: usize = 0;
pub const META_FLAGS: usize = 4;
pub const META_ROW_WIDTH: usize = 8;
pub const META_COL_WIDTH: usize = 9;
pub const META_TYPE_WIDTH: usize = 10;
pub const META_PROP_WIDTH: usize = 11;
pub const META_ONLY_TYPE: usize = 12;
pub const META_NODES: usize = 16;
pub const META_EDGES: usize = 24;
pub const META_FIRST_ID: usize = 32;
pub const META_LAST_ID: usize = 40;
pub const META_SOURCES: usize = 48;
pub const META_TARGETS: usize = 56;
pub const META_PROP_BYTES: usize = 64;
pub const META_RESERVED: usize = 72;
pub const META_EDGE_HASH: usize = 80;
pub const META_LEN: usize = 96;

/// Flag: node ids are the numbers from the first id on, and there is no NIDS section.
pub const FLAG_DENSE: u32 = 1;

/// Most rows: node ids of one segment, gaps of the dense form included.
pub const MAX_NODES: u64 = 1_099_511_627_776;
/// Most edges of one segment.
pub const MAX_EDGES: u64 = 1_099_511_627_776;
/// Most bytes of the properties of one edge.
pub const MAX_PROP_LEN: u64 = 1_048_576;

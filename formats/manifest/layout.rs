//! Constants of `SPEC.md` in this folder. Nothing but constants: a test compares them with the document.

/// Newest version of a manifest document that this build reads, and the one that it writes.
pub const VERSION: u64 = 1;
/// Format name of a document whose writer has no more specific one.
pub const FORMAT: &str = "qx.manifest";

/// What stands between the checksummed bytes and the checksum.
pub const TRAILER_OPEN: &[u8] = b",\"crc32c\":\"";
/// Hexadecimal digits of the checksum, lower case.
pub const TRAILER_DIGITS: usize = 8;
/// What stands after the checksum, up to the end of the file.
pub const TRAILER_CLOSE: &[u8] = b"\"}\n";
/// Length of the whole trailer.
pub const TRAILER_LEN: usize = 22;

/// Most bytes of a document.
pub const MAX_LEN: usize = 67_108_864;
/// Most levels of arrays and objects, the document itself being the first.
pub const MAX_DEPTH: usize = 64;
/// Most segments a document may list.
pub const MAX_SEGMENTS: usize = 1_048_576;
/// Most columns with statistics in one segment.
pub const MAX_COLUMNS: usize = 65_536;
/// Most bytes of a segment's path.
pub const MAX_PATH_LEN: usize = 4_096;
/// Largest integer that stands as a JSON number; larger ones would be rounded by common JSON readers.
pub const MAX_NUMBER: u64 = 9_007_199_254_740_991;

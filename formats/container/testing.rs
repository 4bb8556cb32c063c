//! For the tests of every format that is a container: forged checksums, and examples out of a specification.

use super::layout::*;
use super::{Container, Section};

/// Makes every checksum of a container true again after its bytes were changed, as a liar would; the UUID too when
/// `uuid` says so. The section table itself must still be readable.
pub(crate) fn reseal(bytes: &mut [u8], uuid: bool) {
    let count = u32::from_le_bytes(bytes[OFF_SECTION_COUNT..][..4].try_into().unwrap()) as usize;
    let long = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let entry = |i: usize| HEADER_LEN + i * SECTION_ENTRY_LEN;
    let sums_at = long(bytes, entry(count - 1) + ENT_OFFSET);
    let mut sums = Vec::new();
    for i in 0..count {
        let (at, len) = (long(bytes, entry(i) + ENT_OFFSET), long(bytes, entry(i) + ENT_LEN));
        let crc = if i == count - 1 {
            bytes[sums_at..sums_at + sums.len()].copy_from_slice(&sums);
            crc32c::crc32c(&sums)
        } else {
            let pages: Vec<u8> =
                bytes[at..at + len].chunks(PAGE_LEN).flat_map(|p| crc32c::crc32c(p).to_le_bytes()).collect();
            sums.extend(&pages);
            crc32c::crc32c(&pages)
        };
        bytes[entry(i) + ENT_CRC..][..4].copy_from_slice(&crc.to_le_bytes());
    }
    let table = crc32c::crc32c(&bytes[HEADER_LEN..entry(count)]);
    bytes[OFF_TABLE_CRC..][..4].copy_from_slice(&table.to_le_bytes());
    seal_header(bytes);
    if uuid {
        let magic = bytes[..8].try_into().unwrap();
        if let Ok(c) = Container::open(bytes, "test", magic, u16::MAX, u64::MAX) {
            let uuid = c.content_uuid(bytes);
            bytes[OFF_UUID..OFF_UUID + 16].copy_from_slice(uuid.as_bytes());
            seal_header(bytes);
        }
    }
}

pub(crate) fn seal_header(bytes: &mut [u8]) {
    let crc = crc32c::crc32c(&bytes[..OFF_HEADER_CRC]);
    bytes[OFF_HEADER_CRC..HEADER_LEN].copy_from_slice(&crc.to_le_bytes());
}

/// The range of the section of this kind in a whole file.
pub(crate) fn section(bytes: &[u8], kind: u32) -> Section {
    let magic = bytes[..8].try_into().unwrap();
    let c = Container::open(bytes, "test", magic, u16::MAX, u64::MAX).unwrap();
    c.find(kind).unwrap().clone()
}

/// The bytes of the example in `doc` that stands in a fence marked ```` ```hex NAME ````. Each line is an offset, a
/// colon, hex bytes - `00*12` for twelve zeros - and, after two spaces and a semicolon, a remark.
pub(crate) fn example(doc: &str, name: &str) -> Vec<u8> {
    let fence = format!("```hex {name}\n");
    let body = doc.split_once(&fence).expect("the example is there").1.split_once("```").unwrap().0;
    let mut out = Vec::new();
    for line in body.lines().filter(|l| !l.trim().is_empty()) {
        let (offset, rest) = line.split_once(':').unwrap();
        assert_eq!(usize::from_str_radix(offset.trim(), 16).unwrap(), out.len(), "offset of line `{line}`");
        for token in rest.split(';').next().unwrap().split_whitespace() {
            let (byte, times) = token.split_once('*').unwrap_or((token, "1"));
            let byte = u8::from_str_radix(byte, 16).unwrap();
            out.extend(std::iter::repeat_n(byte, times.parse().unwrap()));
        }
    }
    out
}

/// Formats bytes as [`example`] reads them, to be pasted into a specification.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut at = 0;
    while at < bytes.len() {
        let zeros = bytes[at..].iter().take_while(|&&b| b == 0).count();
        let ones = bytes[at..].iter().take_while(|&&b| b == 0xFF).count();
        let run = zeros.max(ones);
        let len = if run >= 8 {
            text.push_str(&format!("{at:04x}: {:02x}*{run}\n", bytes[at]));
            run
        } else {
            let rest = &bytes[at..bytes.len().min(at + 16)];
            let stop = rest.windows(8).position(|w| w.iter().all(|&b| b == 0)).unwrap_or(rest.len());
            let line: Vec<_> = rest[..stop].iter().map(|b| format!("{b:02x}")).collect();
            text.push_str(&format!("{at:04x}: {}\n", line.join(" ")));
            stop
        };
        at += len;
    }
    text
}

/// Compares every `pub const` with a number in a layout module with the row `` | `NAME` | value | `` of a document.
pub(crate) fn compare_constants(doc: &str, source: &str, values: &[(&str, u64)]) {
    for name in source.lines().filter_map(|l| l.strip_prefix("pub const ")) {
        let name = name.split(':').next().unwrap();
        let row = doc.lines().find(|l| l.contains(&format!("| `{name}` |")));
        assert!(row.is_some(), "{name} is not in SPEC.md");
        if let Some((_, value)) = values.iter().find(|(n, _)| *n == name) {
            let cell = row.unwrap().split(&format!("| `{name}` |")).nth(1).unwrap().split('|').next().unwrap();
            let cell = cell.trim().trim_matches('`').replace([',', '_'], "");
            let said = match cell.strip_prefix("0x") {
                Some(hex) => u64::from_str_radix(hex, 16),
                None => cell.parse(),
            };
            assert_eq!(said, Ok(*value), "{name} in SPEC.md");
        } else {
            panic!("{name} is not compared");
        }
    }
}

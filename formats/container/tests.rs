//! What SPEC.md promises, clause by clause.

use std::path::PathBuf;

use proptest::prelude::*;

use super::layout::*;
use super::testing::{compare_constants, example, reseal, seal_header};
use super::*;
use crate::{Error, Kind};

const MAGIC: [u8; 8] = *b"EXAMPLE\n";
const DATA: u32 = u32::from_le_bytes(*b"DATA");
const NONE: u32 = u32::from_le_bytes(*b"NONE");
const SPEC: &str = include_str!("SPEC.md");

fn section(kind: u32, bytes: &[u8]) -> SectionSpec<'_> {
    SectionSpec { kind, flags: 0, bytes }
}

/// The file of the worked example.
fn small() -> Vec<u8> {
    encode(MAGIC, 1, 0, 0, &[section(DATA, b"hello, world"), section(NONE, b"")])
}

/// More than one page, so that damage has a place.
fn paged() -> Vec<u8> {
    let data: Vec<u8> = (0..3 * PAGE_LEN + 100).map(|i| (i * 7 % 251) as u8).collect();
    encode(MAGIC, 1, 0, 0, &[section(DATA, &data), section(NONE, b"x")])
}

fn open(bytes: &[u8]) -> Result<Container, Error> {
    Container::open(bytes, "example", MAGIC, 1, 0)
}

fn findings(bytes: &[u8]) -> Vec<Finding> {
    let mut found = Vec::new();
    match open(bytes) {
        Ok(c) => c.verify(bytes, &mut found),
        Err(e) => found.push(Finding::from_error("container.open", &e)),
    }
    found
}

#[test]
fn the_constants_are_those_of_the_document() {
    let values = [
        ("HEADER_LEN", HEADER_LEN),
        ("SECTION_ENTRY_LEN", SECTION_ENTRY_LEN),
        ("SECTION_ALIGN", SECTION_ALIGN),
        ("PAGE_LEN", PAGE_LEN),
        ("MAX_SECTIONS", MAX_SECTIONS),
        ("OFF_MAGIC", OFF_MAGIC),
        ("OFF_MAJOR", OFF_MAJOR),
        ("OFF_MINOR", OFF_MINOR),
        ("OFF_SECTION_COUNT", OFF_SECTION_COUNT),
        ("OFF_FEATURES_COMPAT", OFF_FEATURES_COMPAT),
        ("OFF_FEATURES_RO", OFF_FEATURES_RO),
        ("OFF_FEATURES_INCOMPAT", OFF_FEATURES_INCOMPAT),
        ("OFF_UUID", OFF_UUID),
        ("OFF_FILE_LEN", OFF_FILE_LEN),
        ("OFF_TABLE_CRC", OFF_TABLE_CRC),
        ("OFF_RESERVED", OFF_RESERVED),
        ("OFF_HEADER_CRC", OFF_HEADER_CRC),
        ("ENT_KIND", ENT_KIND),
        ("ENT_FLAGS", ENT_FLAGS),
        ("ENT_OFFSET", ENT_OFFSET),
        ("ENT_LEN", ENT_LEN),
        ("ENT_CRC", ENT_CRC),
        ("ENT_FIRST_PAGE", ENT_FIRST_PAGE),
        ("ENT_RESERVED", ENT_RESERVED),
        ("KIND_PAGE_SUMS", KIND_PAGE_SUMS as usize),
    ]
    .map(|(name, v)| (name, v as u64));
    compare_constants(SPEC, include_str!("layout.rs"), &values);
}

#[test]
fn the_example_of_the_document_is_what_the_writer_writes() {
    let bytes = example(SPEC, "container");
    assert_eq!(bytes, small(), "\n{}", testing::hex(&small()));
    assert_eq!(findings(&bytes), []);
    let c = open(&bytes).unwrap();
    assert_eq!(&bytes[c.section(DATA, "DATA").unwrap().range.clone()], b"hello, world");
    assert!(c.section(NONE, "NONE").unwrap().is_empty());
    assert_eq!(c.section(7, "SEVEN").unwrap_err().kind(), Kind::Corrupt);
    assert_eq!(c.content_uuid(&bytes), c.uuid);
}

#[test]
fn every_changed_bit_and_every_truncation_is_found() {
    let whole = small();
    let mut bytes = whole.clone();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            assert_ne!(findings(&bytes), [], "byte {at} bit {bit}");
            bytes[at] ^= 1 << bit;
        }
    }
    for len in 0..whole.len() {
        assert_eq!(open(&whole[..len]).unwrap_err().kind(), Kind::Corrupt, "{len} bytes");
    }
    assert_eq!(open(&[&whole[..], b"x"].concat()).unwrap_err().kind(), Kind::Corrupt);
}

#[test]
fn what_is_left_of_a_file_is_told_by_the_checksums_of_its_sections() {
    let whole = paged();
    let open = |bytes: &[u8]| Container::open_cut(bytes, "example", MAGIC, 1, 0);
    let c = open(&whole).unwrap();
    assert!(c.sections.iter().all(|s| c.section_holds(&whole, s)));
    let table = HEADER_LEN + c.sections.len() * SECTION_ENTRY_LEN;
    for len in 0..whole.len() {
        let left = &whole[..len];
        match open(left) {
            Ok(c) => {
                assert!(c.sections.iter().all(|s| c.section_holds(left, s) == (s.range.end <= len)), "{len} bytes")
            }
            Err(e) => assert!(len < table && e.kind() == Kind::Corrupt, "{len} bytes: {e}"),
        }
    }
    // Sums that are damaged are no damage of the pages.
    let data = c.section(DATA, "DATA").unwrap();
    let mut bytes = whole.clone();
    bytes[c.section(KIND_PAGE_SUMS, "PSUM").unwrap().range.start] ^= 1;
    assert!(c.check_page(&bytes, data, 0).is_err() && c.section_holds(&bytes, data));
    assert!(!c.section_holds(&bytes, c.section(KIND_PAGE_SUMS, "PSUM").unwrap()));
    // A length that no file has.
    bytes[OFF_FILE_LEN..OFF_FILE_LEN + 8].fill(0xFF);
    seal_header(&mut bytes);
    assert!(open(&bytes).is_ok_and(|c| c.section_holds(&bytes, data)));
}

#[test]
fn damage_is_located_by_page() {
    let whole = paged();
    let c = open(&whole).unwrap();
    let data = c.section(DATA, "DATA").unwrap().clone();
    for page in 0..4 {
        let mut bytes = whole.clone();
        let at = data.range.start + page * PAGE_LEN + 50;
        bytes[at] ^= 1;
        let found = findings(&bytes);
        assert_eq!(found.iter().map(|f| f.id).collect::<Vec<_>>(), ["container.page_checksum"]);
        assert_eq!(found[0].offset, Some((data.range.start + page * PAGE_LEN) as u64));
        for other in 0..4 {
            assert_eq!(c.check_page(&bytes, &data, other * PAGE_LEN + 9).is_ok(), other != page);
        }
    }
}

#[test]
fn a_newer_version_or_feature_is_refused_by_name() {
    let mut bytes = small();
    bytes[OFF_MAJOR] = 9;
    let e = open(&bytes).unwrap_err();
    assert_eq!((e.kind(), header_holds(&bytes)), (Kind::Unsupported, false));
    seal_header(&mut bytes);
    let e = open(&bytes).unwrap_err();
    assert_eq!((e.kind(), header_holds(&bytes)), (Kind::Unsupported, true));
    assert!(e.message().contains("example version 9"), "{e}");

    let bytes = encode(MAGIC, 1, 0, 4, &[]);
    let e = open(&bytes).unwrap_err();
    assert_eq!(e.kind(), Kind::Unsupported);
    assert!(e.get_got().unwrap().contains("0x4"), "{e}");
    assert!(Container::open(&bytes, "example", MAGIC, 1, 4).is_ok());
}

#[test]
fn unknown_compatible_features_are_read_over() {
    let mut bytes = small();
    bytes[OFF_FEATURES_COMPAT] = 1;
    bytes[OFF_FEATURES_RO + 7] = 0x80;
    seal_header(&mut bytes);
    let c = open(&bytes).unwrap();
    assert_eq!((c.features_compat, c.features_ro), (1, 1 << 63));
}

/// A liar writes any value into any field of header and table and makes the checksums true again.
#[test]
fn hostile_fields_are_refused_or_harmless() {
    let whole = small();
    let table = HEADER_LEN..HEADER_LEN + 3 * SECTION_ENTRY_LEN;
    let fields = (0..OFF_HEADER_CRC).chain(table.clone());
    for at in fields {
        for value in [0u64, 1, 64, 4096, 1 << 31, u64::MAX >> 1, u64::MAX] {
            let mut bytes = whole.clone();
            let n = (table.end - at).min(8);
            bytes[at..at + n].copy_from_slice(&value.to_le_bytes()[..n]);
            let crc = crc32c::crc32c(&bytes[table.clone()]);
            if !(OFF_TABLE_CRC..OFF_TABLE_CRC + 4).contains(&at) {
                bytes[OFF_TABLE_CRC..OFF_TABLE_CRC + 4].copy_from_slice(&crc.to_le_bytes());
            }
            seal_header(&mut bytes);
            // No panic, no wild allocation; ranges that are handed out lie in the file.
            if let Ok(c) = open(&bytes) {
                assert!(c.sections.iter().all(|s| bytes.get(s.range.clone()).is_some()));
                findings(&bytes);
            }
        }
    }
}

#[test]
fn a_kind_stands_once_and_sections_are_limited() {
    let bytes = encode(MAGIC, 1, 0, 0, &[section(DATA, b"a"), section(DATA, b"b")]);
    assert_eq!(open(&bytes).unwrap_err().kind(), Kind::Corrupt);
    assert!(Writer::new(std::io::Cursor::new(Vec::new()), MAGIC, 1, 0, 0, MAX_SECTIONS).is_err());
    assert!(Writer::new(std::io::Cursor::new(Vec::new()), MAGIC, 1, 0, 0, MAX_SECTIONS - 1).is_ok());
}

#[test]
fn sections_end_where_they_like_in_what_is_handed_on() {
    const PIECE: usize = encode::PIECE_LEN;
    let front = HEADER_LEN + 3 * SECTION_ENTRY_LEN;
    let data: Vec<u8> = (0..2 * PIECE + 100).map(|i| (i * 7 % 251) as u8).collect();
    let room = PIECE - front;
    for len in
        [0, room - SECTION_ALIGN, room - SECTION_ALIGN + 1, room - 1, room, room + 1, room + PIECE, 2 * PIECE + 17]
    {
        let (first, second) = (&data[..len], &data[..PAGE_LEN + 5]);
        let bytes = encode(MAGIC, 1, 0, 0, &[section(DATA, first), section(NONE, second)]);
        assert_eq!(findings(&bytes), vec![], "{len}");
        let c = open(&bytes).unwrap();
        assert_eq!(c.content_uuid(&bytes), c.uuid, "{len}");
        for (kind, want) in [(DATA, first), (NONE, second)] {
            assert!(bytes[c.find(kind).unwrap().range.clone()] == *want, "{len}");
        }
        let mut w = Writer::new(std::io::Cursor::new(Vec::new()), MAGIC, 1, 0, 0, 2).unwrap();
        w.begin(DATA, 0).unwrap();
        first.chunks(9999).for_each(|c| w.write(c).unwrap());
        w.begin(NONE, 0).unwrap();
        second.chunks(7).for_each(|c| w.write(c).unwrap());
        assert!(w.finish().unwrap().0.into_inner() == bytes, "{len}");
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9000), 0..6), cut in 1usize..5000) {
        let specs: Vec<_> = parts.iter().zip(1u32..).map(|(bytes, kind)| SectionSpec { kind, flags: kind * 3, bytes }).collect();
        let bytes = encode(MAGIC, 1, 2, 0, &specs);
        prop_assert_eq!(findings(&bytes), vec![]);
        let c = open(&bytes).unwrap();
        prop_assert_eq!((c.major, c.minor, c.content_uuid(&bytes)), (1, 2, c.uuid));
        for s in &specs {
            let found = c.find(s.kind).unwrap();
            prop_assert_eq!((&bytes[found.range.clone()], found.flags), (s.bytes, s.flags));
            prop_assert_eq!(found.range.start % SECTION_ALIGN, 0);
        }
        // The same bytes in other portions are the same file.
        let mut w = Writer::new(std::io::Cursor::new(Vec::new()), MAGIC, 1, 2, 0, specs.len()).unwrap();
        for s in &specs {
            w.begin(s.kind, s.flags).unwrap();
            s.bytes.chunks(cut).for_each(|c| w.write(c).unwrap());
        }
        let (again, uuid) = w.finish().unwrap();
        prop_assert_eq!(uuid, c.uuid);
        prop_assert_eq!(again.into_inner(), bytes);
    }

    #[test]
    fn a_changed_bit_is_found(len in 0usize..9000, at in any::<prop::sample::Index>(), bit in 0u8..8) {
        let data: Vec<u8> = (0..len).map(|i| (i * 31) as u8).collect();
        let mut bytes = encode(MAGIC, 1, 0, 0, &[section(DATA, &data)]);
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        prop_assert_ne!(findings(&bytes), vec![]);
    }

    #[test]
    fn random_bytes_are_no_container(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(open(&bytes).is_err());
        let _ = open(&[&MAGIC[..], &bytes].concat());
    }
}

#[test]
fn frozen_files_read_as_they_always_did() {
    let good = small();
    let set = |at: usize, value: &[u8], whole: bool| {
        let mut bytes = good.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        if whole {
            let crc = crc32c::crc32c(&bytes[HEADER_LEN..HEADER_LEN + 3 * SECTION_ENTRY_LEN]);
            bytes[OFF_TABLE_CRC..OFF_TABLE_CRC + 4].copy_from_slice(&crc.to_le_bytes());
            seal_header(&mut bytes);
        }
        bytes
    };
    let mut resealed = set(330, b"!", false);
    reseal(&mut resealed, false);
    let files: Vec<(&str, Vec<u8>, Option<Kind>, &str)> = vec![
        ("good.bin", good.clone(), None, ""),
        ("truncated.bin", good[..350].to_vec(), Some(Kind::Corrupt), "truncated"),
        ("flipped.bin", set(325, b"_", false), None, "page checksum"),
        ("flipped-header.bin", set(OFF_UUID, b"_", false), Some(Kind::Corrupt), "header checksum"),
        ("newer-version.bin", set(OFF_MAJOR, &[2], true), Some(Kind::Unsupported), "version 2"),
        ("unknown-feature.bin", set(OFF_FEATURES_INCOMPAT, &[0x10], true), Some(Kind::Unsupported), "features"),
        ("hostile-section-count.bin", set(OFF_SECTION_COUNT, &[0xFF; 4], true), Some(Kind::Limit), "section count"),
        ("hostile-length.bin", set(HEADER_LEN + ENT_LEN, &[0xFF; 8], true), Some(Kind::Corrupt), "outside the file"),
        ("hostile-offset.bin", set(HEADER_LEN + ENT_OFFSET, &[0xC0; 8], true), Some(Kind::Corrupt), "section before"),
        ("other-content.bin", resealed, None, ""),
    ];
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/container"));
    let readme = std::fs::read_to_string(dir.join("README.md")).unwrap();
    for (name, bytes, kind, message) in files {
        let path = dir.join("v1").join(name);
        if std::env::var_os("QX_BLESS").is_some() {
            std::fs::create_dir_all(dir.join("v1")).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in README.md");
        let frozen = std::fs::read(&path).unwrap();
        assert_eq!(frozen, bytes, "{name}");
        assert_eq!(open(&frozen).err().map(|e| e.kind()), kind, "{name}");
        let text: String = findings(&frozen).iter().map(|f| f.message.clone()).collect();
        assert!(text.contains(message) && text.is_empty() == message.is_empty(), "{name}: {text}");
    }
}

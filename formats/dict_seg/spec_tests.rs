//! SPEC.md against the code, and the code against frozen files.

use std::path::PathBuf;

use super::layout::*;
use super::tests::{build, dense, small};
use super::*;
use crate::Kind;
use crate::container::layout::*;
use crate::container::testing::{compare_constants, example, hex, reseal, seal_header, section};

const SPEC: &str = include_str!("SPEC.md");

fn kinds() -> [(&'static str, u64); 10] {
    [
        ("KIND_KEYS", KIND_KEYS.into()),
        ("KIND_BLOCKS", KIND_BLOCKS.into()),
        ("KIND_CHUNKS", KIND_CHUNKS.into()),
        ("KIND_COPY", KIND_COPY.into()),
        ("KIND_LABELS", KIND_LABELS.into()),
        ("KIND_HASH", KIND_HASH.into()),
        ("KIND_ANY", KIND_ANY.into()),
        ("KIND_IDS_DENSE", KIND_IDS_DENSE.into()),
        ("KIND_IDS_HASHED", KIND_IDS_HASHED.into()),
        ("KIND_META", KIND_META.into()),
    ]
}

fn meta() -> [(&'static str, u64); 22] {
    [
        ("META_LEN", META_LEN as u64),
        ("META_ENTRIES", META_ENTRIES as u64),
        ("META_LABELS", META_LABELS as u64),
        ("META_NEXT_ID", META_NEXT_ID as u64),
        ("META_ID_MIN", META_ID_MIN as u64),
        ("META_ID_MAX", META_ID_MAX as u64),
        ("META_DISTINCT_KEYS", META_DISTINCT_KEYS as u64),
        ("META_KEY_BYTES", META_KEY_BYTES as u64),
        ("META_HASH_SEED", META_HASH_SEED as u64),
        ("META_HASH_HOME", META_HASH_HOME as u64),
        ("META_ANY_HOME", META_ANY_HOME as u64),
        ("META_IDS_HOME", META_IDS_HOME as u64),
        ("META_HASH_PROBE", META_HASH_PROBE as u64),
        ("META_ANY_PROBE", META_ANY_PROBE as u64),
        ("META_IDS_PROBE", META_IDS_PROBE as u64),
        ("META_LONGEST_KEY", META_LONGEST_KEY as u64),
        ("META_REF_BITS", META_REF_BITS as u64),
        ("META_OFFSET_BYTES", META_OFFSET_BYTES as u64),
        ("META_BLOCK_ENTRIES", META_BLOCK_ENTRIES as u64),
        ("META_FORM", META_FORM as u64),
        ("META_UNIT", META_UNIT as u64),
        ("META_RESERVED", META_RESERVED as u64),
    ]
}

fn limits() -> [(&'static str, u64); 34] {
    [
        ("MAGIC", u64::from_le_bytes(MAGIC)),
        ("MAJOR", MAJOR.into()),
        ("MINOR", MINOR.into()),
        ("KEYS_ZSTD", KEYS_ZSTD.into()),
        ("MAX_BLOCK_ENTRIES", MAX_BLOCK_ENTRIES as u64),
        ("CHUNK_LEN", CHUNK_LEN as u64),
        ("MAX_CHUNK_LEN", MAX_CHUNK_LEN as u64),
        ("CHUNK_ROW_LEN", CHUNK_ROW_LEN as u64),
        ("CHECK_BYTES", CHECK_BYTES as u64),
        ("BUCKET_PASSED", BUCKET_PASSED as u64),
        ("BLOCK_ENTRIES", BLOCK_ENTRIES as u64),
        ("MAX_KEY_LEN", MAX_KEY_LEN as u64),
        ("MAX_LABEL_LEN", MAX_LABEL_LEN as u64),
        ("MAX_ID", MAX_ID),
        ("FIRST_ID", FIRST_ID),
        ("MAX_ENTRIES", MAX_ENTRIES),
        ("MAX_REF_BITS", MAX_REF_BITS as u64),
        ("FORM_HEAD", FORM_HEAD.into()),
        ("FORM_CHAIN", FORM_CHAIN.into()),
        ("FORM_PLAIN", FORM_PLAIN.into()),
        ("HEAD_UNIT", HEAD_UNIT.into()),
        ("PLAIN_UNIT", PLAIN_UNIT.into()),
        ("MAX_UNIT", MAX_UNIT.into()),
        ("MAX_SLOTS", MAX_SLOTS as u64),
        ("MAX_PROBE", MAX_PROBE),
        ("BUCKET_LEN", BUCKET_LEN as u64),
        ("LOAD_NUM", LOAD_NUM),
        ("LOAD_DEN", LOAD_DEN),
        ("DENSE_SPAN", DENSE_SPAN),
        ("LABEL_ROW_LEN", LABEL_ROW_LEN as u64),
        ("WIDTH_ID_SHIFT", WIDTH_ID_SHIFT.into()),
        ("WIDTH_BASE_SHIFT", WIDTH_BASE_SHIFT.into()),
        ("WIDTH_TEXT_SHIFT", WIDTH_TEXT_SHIFT.into()),
        ("PLAIN_LONG", PLAIN_LONG.into()),
    ]
}

#[test]
fn the_constants_are_those_of_the_document() {
    let values = [&kinds()[..], &meta(), &limits()].concat();
    compare_constants(SPEC, include_str!("layout.rs"), &values);
}

fn worked() -> Vec<u8> {
    build(&[(b"Tool", b"planner", Some(1)), (b"Tool", b"plan", Some(2)), (b"", b"plan", Some(5))]).0
}

#[test]
fn the_example_of_the_document_is_what_the_builder_writes() {
    let bytes = example(SPEC, "dict_seg");
    assert_eq!(bytes, worked(), "\n{}", hex(&worked()));
    assert_eq!(verify(&bytes, true), []);
    let seg = DictSeg::open(&bytes[..]).unwrap();
    assert_eq!(seg.get(b"Tool", b"planner").unwrap(), Some(1));
    assert_eq!(seg.get_any_label(b"plan").unwrap(), Some(2));
    assert_eq!(seg.entry_of(5).unwrap().unwrap().label, b"");
    assert_eq!((seg.entry_of(3).unwrap(), seg.next_id()), (None, 6));
}

#[test]
fn every_finding_of_the_verifier_is_in_the_document() {
    for source in [include_str!("verify.rs"), include_str!("decode.rs")] {
        for id in source.split('"').filter(|s| s.starts_with("dict.") && s.len() < 24 && *s != "dict.seg") {
            assert!(SPEC.contains(&format!("| `{id}` |")), "{id} is not in SPEC.md");
        }
    }
}

/// `good` with `value` at `offset` of the section `kind`, every checksum made true again.
fn forged(good: &[u8], kind: u32, offset: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let at = section(good, kind).range.start + offset;
    bytes[at..at + value.len()].copy_from_slice(value);
    reseal(&mut bytes, true);
    bytes
}

/// What a frozen file must lead to: the kind of error that open gives, and the findings of a full verify.
type Frozen = (&'static str, Vec<u8>, Option<Kind>, &'static [&'static str]);

fn frozen() -> Vec<Frozen> {
    let good = small();
    let keys = section(&good, KIND_KEYS).range.start;
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x20;
        bytes
    };
    let mut newer = good.clone();
    newer[OFF_MAJOR] = 2;
    seal_header(&mut newer);
    let mut count = good.clone();
    count[OFF_SECTION_COUNT..OFF_SECTION_COUNT + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    seal_header(&mut count);
    let corrupt = Some(Kind::Corrupt);
    let long = |v: u64| v.to_le_bytes();
    let many_ids = forged(&dense(), KIND_META, META_NEXT_ID, &long(u64::MAX));
    // The first reference of the first bucket, one bit of it turned over.
    let first = table::slots(DictSeg::open(&good[..]).unwrap().refs.bits) * CHECK_BYTES;
    let other = good[section(&good, KIND_HASH).range.start + first] ^ 1;
    vec![
        ("good.seg", good.clone(), None, &[]),
        ("dense.seg", dense(), None, &[]),
        ("empty.seg", build(&[]).0, None, &[]),
        ("small.seg", tests::again(&good, Options { layout: Layout::Small, zstd: None }), None, &[]),
        ("fast.seg", tests::again(&good, Options { layout: Layout::Fast, zstd: None }), None, &[]),
        ("zstd.seg", tests::again(&good, Options { layout: Layout::Compact, zstd: Some(3) }), None, &[]),
        ("example.seg", worked(), None, &[]),
        ("truncated.seg", good[..1000].to_vec(), corrupt, &["dict.open"]),
        ("nothing.seg", Vec::new(), corrupt, &["dict.open"]),
        ("flipped-header.seg", flipped(OFF_UUID), corrupt, &["dict.open"]),
        ("flipped-key.seg", flipped(keys + 200), None, &["container.page_checksum", "dict.uuid"]),
        ("flipped-version.seg", flipped(OFF_MAJOR), Some(Kind::Unsupported), &["dict.open"]),
        ("newer-version.seg", newer, Some(Kind::Unsupported), &["dict.open"]),
        ("hostile-sections.seg", count, Some(Kind::Limit), &["dict.open"]),
        ("hostile-entries.seg", forged(&good, KIND_META, META_ENTRIES, &long(MAX_ENTRIES)), corrupt, &["dict.open"]),
        ("hostile-labels.seg", forged(&good, KIND_META, META_LABELS, &long(20)), corrupt, &["dict.open"]),
        ("hostile-ids.seg", forged(&many_ids, KIND_META, META_ID_MAX, &long(MAX_ID)), corrupt, &["dict.open"]),
        ("hostile-home.seg", forged(&good, KIND_META, META_HASH_HOME, &long(1 << 60)), corrupt, &["dict.open"]),
        ("hostile-block-offset.seg", forged(&good, KIND_BLOCKS, 1, &[0xFF]), None, &["dict.block"]),
        ("hostile-key-length.seg", forged(&good, KIND_KEYS, 8, &[0xFF; 2]), None, &["dict.block"]),
        ("hostile-label-text.seg", forged(&good, KIND_LABELS, LABEL_ROW_LEN + 16, &[0xFF; 8]), None, &["dict.labels"]),
        ("hostile-rank.seg", forged(&good, KIND_HASH, first, &[other]), None, &["dict.hash"]),
        ("hostile-id.seg", forged(&dense(), KIND_IDS_DENSE, 0, &[0x01]), None, &["dict.bijection"]),
    ]
}

#[test]
fn frozen_files_read_as_they_always_did() {
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/dict_seg"));
    let readme = std::fs::read_to_string(dir.join("README.md")).unwrap();
    for (name, bytes, kind, ids) in frozen() {
        let path = dir.join("v1").join(name);
        if std::env::var_os("QX_BLESS").is_some() {
            std::fs::create_dir_all(dir.join("v1")).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in README.md");
        let frozen = std::fs::read(&path).unwrap();
        assert_eq!(frozen, bytes, "{name}");
        assert_eq!(DictSeg::open(&frozen[..]).err().map(|e| e.kind()), kind, "{name}");
        let findings = verify(&frozen, true);
        // Scripts ask for a verdict on each section.
        let mut labels = findings.iter().filter(|f| f.id == "dict.labels");
        assert!(labels.all(|f| f.section.as_deref() == Some("LABL")), "{name}: {findings:?}");
        let found: Vec<_> = findings.iter().map(|f| f.id).collect();
        assert!(ids.iter().all(|id| found.contains(id)) && found.is_empty() == ids.is_empty(), "{name}: {found:?}");
        tests::exercise(&frozen, &tests::entries(&small()));
    }
}

#[test]
fn the_frozen_pairs_are_those_of_the_frozen_segment() {
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/dict_seg/v1"));
    // Not from the file, which another test may be writing just now.
    let bytes = small();
    let text: String = DictSeg::open(&bytes[..])
        .unwrap()
        .iter()
        .map(|e| {
            let e = e.unwrap();
            let text = |b: Vec<u8>| String::from_utf8(b).unwrap();
            format!("{{\"label\":\"{}\",\"key\":\"{}\",\"id\":{}}}\n", text(e.label), text(e.key), e.id)
        })
        .collect();
    if std::env::var_os("QX_BLESS").is_some() {
        std::fs::write(dir.join("good.ndjson"), &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(dir.join("good.ndjson")).unwrap(), text);
}

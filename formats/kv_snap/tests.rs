use std::path::PathBuf;

use proptest::prelude::*;
use uuid::Uuid;

use super::layout::*;
use super::*;
use crate::Kind;
use crate::container::testing;

const SPEC: &str = include_str!("SPEC.md");

fn entry<'a>(key: &'a str, kind: u8, value: &'a [u8], lsn: u64) -> Entry<'a> {
    Entry { key, kind, value, lsn, expires_at_us: None, reset_us: None }
}

fn example() -> Vec<u8> {
    let timed =
        Entry { expires_at_us: Some(1_700_000_000_000_000), reset_us: Some(10_000_000), ..entry("b", 3, b"7", 5) };
    encode(Uuid::from_u128(1), 9, [entry("a", 1, b"{}", 4), timed]).unwrap()
}

fn full() -> Vec<u8> {
    let keys: Vec<String> = (0..300).map(|i| format!("key-{i:04}")).collect();
    let value = vec![7u8; 40];
    encode(Uuid::from_u128(2), 400, keys.iter().zip(1..).map(|(k, lsn)| entry(k, 0, &value, lsn))).unwrap()
}

#[test]
fn every_key_is_found_and_no_other() {
    let bytes = full();
    let snap = KvSnap::open(&bytes).unwrap();
    assert_eq!((snap.len(), snap.lsn(), snap.store()), (300, 400, Uuid::from_u128(2)));
    for i in 0..300u64 {
        let key = format!("key-{i:04}");
        assert_eq!(snap.get(&key).unwrap().unwrap().lsn, i + 1);
        assert!(snap.get(&format!("{key}x")).unwrap().is_none());
    }
    assert!(snap.get("").unwrap().is_none() && snap.get("zzz").unwrap().is_none());
    assert!(snap.iter().all(|e| e.is_ok()) && snap.iter().count() == 300);
    assert!(verify(&bytes).is_empty());
    let empty = encode(Uuid::nil(), 0, []).unwrap();
    assert!(KvSnap::open(&empty).unwrap().is_empty() && verify(&empty).is_empty());
}

#[test]
fn what_breaks_a_rule_is_not_written() {
    let one = |e| encode(Uuid::nil(), 5, [e]).map_err(|e| e.kind());
    assert_eq!(one(entry("k", 5, b"", 1)).unwrap_err(), Kind::Invalid);
    assert_eq!(one(entry("k", 0, b"", 6)).unwrap_err(), Kind::Invalid);
    assert_eq!(one(Entry { reset_us: Some(0), ..entry("k", 0, b"", 1) }).unwrap_err(), Kind::Invalid);
    assert_eq!(one(entry(&"k".repeat(MAX_KEY_LEN + 1), 0, b"", 1)).unwrap_err(), Kind::Limit);
    let twice = encode(Uuid::nil(), 5, [entry("k", 0, b"", 1), entry("k", 0, b"", 2)]);
    assert_eq!(twice.unwrap_err().kind(), Kind::Invalid);
}

#[test]
fn every_flipped_bit_and_every_truncation_is_found() {
    let good = example();
    for at in 0..good.len() {
        assert!(!verify(&good[..at]).is_empty(), "truncated at {at}");
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            assert!(!verify(&bad).is_empty(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_checked_lookup_answers_right_or_not_at_all() {
    for (good, step) in [(example(), 1), (full(), 61)] {
        let whole = KvSnap::open(&good).unwrap();
        let all: Vec<Entry<'_>> = whole.iter().map(|e| e.unwrap()).collect();
        let asked: Vec<&Entry<'_>> = all.iter().step_by(all.len().div_ceil(5)).collect();
        assert!(asked.iter().all(|e| whole.checked_get(e.key).unwrap() == Some(**e)));
        assert!(whole.checked_get("no such key").unwrap().is_none() && whole.check().is_ok());
        for at in (0..good.len()).step_by(step) {
            let mut bad = good.clone();
            bad[at] ^= 4;
            let Ok(snap) = KvSnap::open(&bad) else { continue };
            for e in &asked {
                let found = snap.checked_get(e.key);
                assert!(found.is_err() || found.unwrap() == Some(**e), "byte {at}, key {}", e.key);
            }
            let same = snap.iter().map_while(|e| e.ok()).eq(all.iter().copied());
            assert!(snap.check().is_err() || same, "byte {at}");
        }
    }
}

proptest! {
    /// Right checksums over any content: an answer or an error, never a panic or a wild allocation.
    #[test]
    fn a_liar_gets_an_answer_and_no_panic(at in 0usize..2000, with in prop::array::uniform8(any::<u8>())) {
        let mut bytes = example();
        let (from, to) = (testing::section(&bytes, KIND_META).range.start, bytes.len() - 8);
        let at = from + at % (to - from);
        bytes[at..at + 8].copy_from_slice(&with);
        testing::reseal(&mut bytes, true);
        if let Ok(snap) = KvSnap::open(&bytes) {
            let _ = snap.get("b");
            prop_assert!(snap.iter().count() <= 2);
        }
        let _ = verify(&bytes);
    }
}

#[test]
fn the_constants_are_those_of_the_specification() {
    let values = [
        ("MAJOR", u64::from(MAJOR)),
        ("MINOR", u64::from(MINOR)),
        ("MAGIC", u64::from_be_bytes(MAGIC)),
        ("KIND_META", u64::from(KIND_META)),
        ("KIND_ENTRIES", u64::from(KIND_ENTRIES)),
        ("KIND_KEYS", u64::from(KIND_KEYS)),
        ("KIND_VALUES", u64::from(KIND_VALUES)),
        ("META_LEN", META_LEN as u64),
        ("META_STORE", META_STORE as u64),
        ("META_LSN", META_LSN as u64),
        ("META_ENTRIES", META_ENTRIES as u64),
        ("ENTRY_LEN", ENTRY_LEN as u64),
        ("ENTRY_KEY_END", ENTRY_KEY_END as u64),
        ("ENTRY_VALUE_END", ENTRY_VALUE_END as u64),
        ("ENTRY_LSN", ENTRY_LSN as u64),
        ("ENTRY_EXPIRES", ENTRY_EXPIRES as u64),
        ("ENTRY_RESET", ENTRY_RESET as u64),
        ("ENTRY_KIND", ENTRY_KIND as u64),
        ("ENTRY_RESERVED", ENTRY_RESERVED as u64),
        ("MAX_KIND", u64::from(MAX_KIND)),
        ("MAX_KEY_LEN", MAX_KEY_LEN as u64),
    ];
    testing::compare_constants(SPEC, include_str!("layout.rs"), &values);
}

#[test]
fn the_worked_example_decodes() {
    if std::env::var_os("QX_BLESS").is_some() {
        println!("{}", testing::hex(&example()));
    }
    assert_eq!(testing::example(SPEC, "two keys"), example());
}

fn fixtures() -> Vec<(&'static str, Vec<u8>, bool)> {
    let good = example();
    let lie = |kind, at: usize, with: &[u8]| {
        let mut bytes = good.clone();
        let at = testing::section(&bytes, kind).range.start + at;
        bytes[at..at + with.len()].copy_from_slice(with);
        testing::reseal(&mut bytes, true);
        bytes
    };
    let mut flipped = good.clone();
    let at = testing::section(&good, KIND_VALUES).range.start;
    flipped[at] ^= 1;
    vec![
        ("two.kv", good.clone(), true),
        ("empty.kv", encode(Uuid::nil(), 0, []).unwrap(), true),
        ("flipped.kv", flipped, false),
        ("truncated.kv", good[..good.len() / 2].to_vec(), false),
        ("hostile-count.kv", lie(KIND_META, META_ENTRIES, &(1u64 << 60).to_le_bytes()), false),
        ("hostile-key-end.kv", lie(KIND_ENTRIES, ENTRY_KEY_END, &u64::MAX.to_le_bytes()), false),
        ("hostile-kind.kv", lie(KIND_ENTRIES, ENTRY_KIND, &[9]), false),
        ("hostile-order.kv", lie(KIND_KEYS, 0, b"c"), false),
    ]
}

#[test]
fn frozen_fixtures_read_as_they_always_did() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/kv_snap");
    let readme = std::fs::read_to_string(dir.join("README.md")).unwrap();
    for (name, bytes, whole) in fixtures() {
        let path = dir.join("v1").join(name);
        if std::env::var_os("QX_BLESS").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        let frozen = std::fs::read(&path).unwrap();
        assert!(frozen == bytes, "{name} changed: bless it only if no release wrote the old form");
        assert_eq!(verify(&frozen).is_empty(), whole, "{name}");
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in README.md");
    }
}

//! What SPEC.md promises, clause by clause.

use std::collections::BTreeMap;
use std::io::Cursor;

use proptest::prelude::*;

use super::layout::*;
use super::*;
use crate::Kind;
use crate::container::testing::{reseal, section};

type Pairs<'a> = &'a [(&'a [u8], &'a [u8], Option<u64>)];

pub(super) fn build(pairs: Pairs<'_>) -> (Vec<u8>, Summary) {
    let mut b = DictBuilder::new();
    for (label, key, id) in pairs {
        b.insert(label, key, *id).unwrap();
    }
    finish(b)
}

fn finish(b: DictBuilder) -> (Vec<u8>, Summary) {
    let mut out = Cursor::new(Vec::new());
    let summary = b.finish(&mut out).unwrap();
    (out.into_inner(), summary)
}

const SMALL: Options = Options { layout: Layout::Small, zstd: None };
const FAST: Options = Options { layout: Layout::Fast, zstd: None };
const ZSTD: Options = Options { layout: Layout::Compact, zstd: Some(3) };

/// The same pairs, laid out in another way.
pub(super) fn again(bytes: &[u8], options: Options) -> Vec<u8> {
    let mut b = DictBuilder::new();
    b.extend_from(&DictSeg::open(bytes).unwrap()).unwrap();
    let mut out = Cursor::new(Vec::new());
    b.finish_with(&mut out, options).unwrap();
    out.into_inner()
}

/// The small segment and the dense one, in every layout.
fn all_layouts() -> Vec<Vec<u8>> {
    let both = [small(), dense()];
    let others = both.iter().flat_map(|b| [again(b, SMALL), again(b, FAST), again(b, ZSTD)]).collect::<Vec<_>>();
    both.into_iter().chain(others).collect()
}

/// Three labels, shared prefixes, one key under two labels, one long key, ids with a gap.
pub(super) fn small() -> Vec<u8> {
    let long = vec![b'x'; 300];
    let mut pairs: Vec<(Vec<u8>, Vec<u8>, u64)> = (0..20u64)
        .map(|i| (b"Tool".to_vec(), format!("http://example.org/tool/{i:03}").into_bytes(), i * 2 + 1))
        .collect();
    pairs.push((b"".to_vec(), b"planner".to_vec(), 100));
    pairs.push((b"Package".to_vec(), b"planner".to_vec(), 50));
    pairs.push((b"Package".to_vec(), long, 60));
    let refs: Vec<_> = pairs.iter().map(|(l, k, id)| (&l[..], &k[..], Some(*id))).collect();
    build(&refs).0
}

pub(super) fn dense() -> Vec<u8> {
    let keys: Vec<_> = (0..40).map(|i| format!("k{i}")).collect();
    build(&keys.iter().map(|k| (&b""[..], k.as_bytes(), None)).collect::<Vec<_>>()).0
}

/// Every call there is; the answers do not matter, only that there are some.
pub(super) fn exercise(bytes: &[u8], keys: &[Entry]) {
    let Ok(seg) = DictSeg::open(bytes) else { return };
    for seg in [DictSeg::open(bytes).unwrap(), seg.checked(true)] {
        for e in keys {
            let _ = (seg.get(&e.label, &e.key), seg.get_any_label(&e.key), seg.entry_of(e.id));
        }
        let _ = (seg.get(b"", b""), seg.get_any_label(b"nobody"), seg.entry_of(0), seg.entry_of(u64::MAX));
        seg.labels().for_each(|l| drop(l.map(<[u8]>::to_vec)));
        let most = 2 + bytes.len() * if seg.is_compressed() { 64 } else { 1 };
        assert!(seg.iter().count() <= most);
        let asked: Vec<&[u8]> = keys.iter().map(|e| &e.key[..]).collect();
        let ids: Vec<u64> = keys.iter().map(|e| e.id).chain([0, 7, u64::MAX]).collect();
        let mut found = Vec::new();
        let _ = (seg.get_batch(None, &asked, &mut found), seg.get_batch(Some(b"Tool"), &asked, &mut found));
        let _ = seg.keys_of_batch(&ids, |_, _| Ok(()));
        for label in [&b""[..], b"Tool"] {
            let _ = (seg.trace(Some(label), b"k1"), seg.trace(None, b"k1"), seg.nth(label, 3));
            for prefix in [&b""[..], b"http://example.org/tool/01", b"k", b"\xFF"] {
                let Ok(mut cursor) = seg.prefix(label, prefix) else { continue };
                while let Ok(Some(_)) = cursor.next_entry() {}
            }
        }
    }
}

pub(super) fn entries(bytes: &[u8]) -> Vec<Entry> {
    DictSeg::open(bytes).unwrap().iter().collect::<Result<_, _>>().unwrap()
}

#[test]
fn a_small_segment_answers_in_both_directions() {
    for bytes in all_layouts() {
        assert_eq!(verify(&bytes, true), []);
        for checked in [false, true] {
            let seg = DictSeg::open(&bytes[..]).unwrap().checked(checked);
            let all = entries(&bytes);
            assert_eq!(all.len() as u64, seg.len());
            assert!(all.is_sorted_by(|a, b| (&a.label, &a.key) < (&b.label, &b.key)));
            for e in &all {
                assert_eq!(seg.get(&e.label, &e.key).unwrap(), Some(e.id));
                assert_eq!(seg.entry_of(e.id).unwrap().as_ref(), Some(e));
                assert_eq!(seg.get(b"nobody", &e.key).unwrap(), None);
            }
            assert_eq!(seg.get(b"Tool", b"nobody").unwrap(), None);
            for id in [0, 2, 5000, u64::MAX] {
                assert_eq!(seg.entry_of(id).unwrap(), all.iter().find(|e| e.id == id).cloned());
            }
        }
    }
    let bytes = small();
    let seg = DictSeg::open(&bytes[..]).unwrap();
    assert_eq!(seg.get_any_label(b"planner").unwrap(), Some(50));
    assert_eq!(seg.get(b"", b"planner").unwrap(), Some(100));
    assert_eq!(seg.get_any_label(b"nobody").unwrap(), None);
    assert_eq!(seg.labels().map(Result::unwrap).collect::<Vec<_>>(), [&b""[..], b"Package", b"Tool"]);
    assert_eq!(seg.next_id(), 101);
    assert!(!seg.ids_dense() && DictSeg::open(dense()).unwrap().ids_dense());
}

#[test]
fn no_pairs_make_a_segment_that_answers_no() {
    let (bytes, summary) = build(&[]);
    assert_eq!((summary.entries, summary.next_id), (0, FIRST_ID));
    assert_eq!(verify(&bytes, true), []);
    let seg = DictSeg::open(&bytes[..]).unwrap();
    assert_eq!((seg.len(), seg.get(b"", b"").unwrap(), seg.get_any_label(b"").unwrap()), (0, None, None));
    assert_eq!((seg.entry_of(0).unwrap(), seg.entry_of(1).unwrap()), (None, None));
    assert_eq!(seg.iter().count() + seg.labels().count(), 0);
}

#[test]
fn the_last_write_of_a_key_stays_then_the_last_of_an_id() {
    let (bytes, s) = build(&[(b"", b"a", Some(1)), (b"", b"b", Some(1)), (b"", b"b", Some(2))]);
    assert_eq!((s.entries, s.replaced, s.displaced), (2, 1, 0));
    assert_eq!(DictSeg::open(&bytes[..]).unwrap().get(b"", b"a").unwrap(), Some(1));
    let (bytes, s) = build(&[(b"L", b"a", Some(1)), (b"", b"b", Some(1))]);
    assert_eq!((s.entries, s.labels, s.displaced), (1, 1, 1));
    assert_eq!(DictSeg::open(&bytes[..]).unwrap().entry_of(1).unwrap().unwrap().key, b"b");
    assert_eq!(verify(&bytes, true), []);
}

#[test]
fn ids_are_never_issued_again() {
    let mut b = DictBuilder::new();
    assert_eq!(b.insert(b"", b"a", None).unwrap(), 1);
    assert_eq!(b.insert(b"", b"b", Some(7)).unwrap(), 7);
    assert_eq!(b.insert(b"", b"c", None).unwrap(), 8);
    assert_eq!(b.insert(b"", b"a", None).unwrap(), 1, "a key keeps the id that it has");
    assert_eq!(b.remove(b"", b"c"), Some(8));
    assert_eq!(b.remove(b"", b"c"), None);
    assert_eq!(b.insert(b"", b"c", None).unwrap(), 9);
    b.reserve_ids_up_to(20);
    let (bytes, s) = finish(b);
    assert_eq!((s.next_id, s.removed), (20, 1));
    let mut b = DictBuilder::new();
    b.extend_from(&DictSeg::open(bytes).unwrap()).unwrap();
    assert_eq!(b.insert(b"", b"d", None).unwrap(), 20);
}

#[test]
fn limits_are_kept() {
    let mut b = DictBuilder::new();
    let key = vec![0xFE; MAX_KEY_LEN];
    b.insert(&key, &key, Some(0)).unwrap();
    assert_eq!(b.insert(b"", &[&key[..], b"x"].concat(), None).unwrap_err().kind(), Kind::Limit);
    assert_eq!(b.insert(&[&key[..], b"x"].concat(), b"", None).unwrap_err().kind(), Kind::Limit);
    assert_eq!(b.insert(b"", b"", Some(u64::MAX)).unwrap_err().kind(), Kind::Limit);
    b.insert(b"", b"last", Some(MAX_ID)).unwrap();
    assert_eq!(b.insert(b"", b"more", None).unwrap_err().kind(), Kind::Limit);
    let (bytes, s) = finish(b);
    assert_eq!((s.entries, s.next_id), (2, u64::MAX));
    assert_eq!(verify(&bytes, true), []);
    assert_eq!(DictSeg::open(&bytes[..]).unwrap().get(&key, &key).unwrap(), Some(0));
}

#[test]
fn every_changed_byte_and_every_truncation_is_found() {
    for whole in all_layouts() {
        let keys = entries(&whole);
        let mut bytes = whole.clone();
        for at in 0..bytes.len() {
            for bit in [1, 0x80] {
                bytes[at] ^= bit;
                assert_ne!(verify(&bytes, false), [], "byte {at}");
                exercise(&bytes, &keys);
                bytes[at] ^= bit;
            }
        }
        for len in 0..whole.len() {
            assert_ne!(verify(&whole[..len], false), [], "{len} bytes");
            assert_eq!(DictSeg::open(&whole[..len]).unwrap_err().kind(), Kind::Corrupt);
        }
    }
}

#[test]
fn a_checked_lookup_refuses_a_damaged_page() {
    let whole = small();
    let keys = entries(&whole);
    for at in section(&whole, KIND_KEYS).range.step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 4;
        let seg = DictSeg::open(&bytes[..]).unwrap().checked(true);
        for e in &keys {
            assert_eq!(seg.get(&e.label, &e.key).unwrap_err().kind(), Kind::Corrupt, "byte {at}");
            assert_eq!(seg.entry_of(e.id).unwrap_err().kind(), Kind::Corrupt);
        }
        assert!(seg.iter().next().unwrap().is_err());
    }
}

#[test]
fn what_a_batch_found_before_damage_is_still_an_answer() {
    for mut bytes in [dense(), again(&dense(), FAST)] {
        // No block or entry begins so; the first one is that of `k0`.
        let first = section(&bytes, KIND_KEYS).range.start;
        bytes[first] = 0xFF;
        let seg = DictSeg::open(&bytes[..]).unwrap();
        let mut ids = Vec::new();
        let done = seg.get_batch(None, &[&b"k9"[..], b"nobody", b"k8", b"k0", b"k7"], &mut ids);
        assert_eq!(done.unwrap_err().kind(), Kind::Corrupt);
        assert_eq!(ids, [Some(10), None, Some(9)]);
    }
}

/// A liar changes bytes and makes every checksum true again: harmless, and still found, by structure alone.
#[test]
fn a_liar_is_harmless_and_found() {
    for whole in [small(), dense(), again(&small(), SMALL), again(&dense(), FAST)] {
        let keys = entries(&whole);
        let meta = section(&whole, KIND_META).range.start;
        // A next id that is too high breaks no rule, nor does a search that may go on for longer than it must.
        let free: Vec<_> =
            (META_NEXT_ID..META_NEXT_ID + 8).chain(META_HASH_PROBE..META_IDS_PROBE + 4).map(|o| meta + o).collect();
        let sections = DictSeg::open(&whole[..]).unwrap().sections().collect::<Vec<_>>();
        for s in sections.iter().filter(|s| s.name != "PSUM") {
            for at in s.offset as usize..(s.offset + s.bytes) as usize {
                for bit in [1, 0x10, 0xFF] {
                    let mut bytes = whole.clone();
                    bytes[at] ^= bit;
                    reseal(&mut bytes, true);
                    exercise(&bytes, &keys);
                    let found = verify(&bytes, true);
                    assert!(!found.is_empty() || free.contains(&at), "{} byte {at} bit {bit}", s.name);
                }
            }
        }
    }
}

#[test]
fn a_trace_lists_what_a_lookup_reads() {
    let small_zstd = Options { zstd: Some(3), ..SMALL };
    for (options, found_by) in [(ZSTD, "HASH"), (small_zstd, "BLKS")] {
        let bytes = again(&small(), options);
        let seg = DictSeg::open(&bytes[..]).unwrap();
        let trace = seg.trace(Some(b"Tool"), b"http://example.org/tool/007").unwrap();
        assert_eq!(trace.id, Some(15));
        let reads = |name: &str| trace.steps.iter().any(|s| s.section == name && s.bytes > 0);
        assert!(reads(found_by) && reads("CHNK"), "{:?}", trace.steps);
        // The only frame is all of KEYS.
        let keys = section(&bytes, KIND_KEYS).range;
        let mut frames = trace.steps.iter().filter(|s| s.section == "KEYS");
        assert!(frames.all(|s| (s.offset, s.bytes) == (keys.start as u64, keys.len() as u64)) && reads("KEYS"));
    }
    // Of several blocks, the small layout halves its way to one.
    let keys: Vec<_> = (0..1000).map(|i| format!("k{i:04}")).collect();
    let (bytes, _) = build(&keys.iter().map(|k| (&b""[..], k.as_bytes(), None)).collect::<Vec<_>>());
    let bytes = again(&bytes, SMALL);
    let seg = DictSeg::open(&bytes[..]).unwrap();
    for (i, key) in keys.iter().enumerate() {
        let trace = seg.trace(None, key.as_bytes()).unwrap();
        assert_eq!(trace.id, Some(i as u64 + 1));
        let blocks = trace.steps.iter().filter(|s| s.section == "KEYS").count();
        assert!((4..=6).contains(&blocks), "{blocks} of 16");
    }
}

#[test]
fn bytes_that_several_steps_read_are_counted_once() {
    let step = |offset, bytes| Step { section: "KEYS".to_owned(), offset, bytes, what: String::new() };
    let trace = Trace { steps: vec![step(100, 10), step(5, 10), step(0, 10), step(130, 0), step(2, 3)], id: None };
    assert_eq!(trace.bytes(), 25);
    assert_eq!((step(130, 0).lines().count(), step(130, 1).lines().count(), step(120, 10).lines().count()), (0, 1, 2));
}

#[test]
fn newer_versions_are_refused_by_name() {
    let mut bytes = dense();
    bytes[8] = 2;
    let e = DictSeg::open(&bytes[..]).unwrap_err();
    assert_eq!(e.kind(), Kind::Unsupported);
    assert!(e.to_string().contains("dict.seg version 2"), "{e}");
}

#[test]
fn keys_of_one_prefix_take_little_room() {
    let keys: Vec<_> =
        (0..20_000u32).map(|i| format!("http://example.org/resource/{:08x}", i.wrapping_mul(2_654_435_761))).collect();
    let (bytes, _) = build(&keys.iter().map(|k| (&b""[..], k.as_bytes(), None)).collect::<Vec<_>>());
    for (options, most) in [(Options::default(), 26), (SMALL, 14), (FAST, 61)] {
        let each = again(&bytes, options).len() as f64 / keys.len() as f64;
        assert!(each < f64::from(most), "{options:?}: {each} bytes a key");
    }
}

fn arb_pairs() -> impl Strategy<Value = Vec<(Vec<u8>, Vec<u8>, Option<u64>)>> {
    let text = || {
        prop_oneof![
            proptest::collection::vec(97u8..100, 0..5),
            proptest::collection::vec(any::<u8>(), 0..40),
            (0usize..400).prop_map(|n| vec![b'z'; n]),
        ]
    };
    let id = prop_oneof![Just(None), (0u64..60).prop_map(Some), (0..=MAX_ID).prop_map(Some)];
    let label = prop_oneof![Just(vec![]), Just(b"L".to_vec()), text()];
    proptest::collection::vec((label, text(), id), 0..120)
}

/// Every way to ask gives what the sorted pairs say.
fn agrees(bytes: &[u8], all: &[Entry]) -> std::result::Result<(), TestCaseError> {
    prop_assert_eq!(verify(bytes, true), vec![]);
    let seg = DictSeg::open(bytes).unwrap();
    prop_assert_eq!(&entries(bytes)[..], all);
    let lowest = |key: &[u8]| all.iter().filter(|o| o.key == key).map(|o| o.id).min();
    let mut asked: Vec<&[u8]> = all.iter().map(|e| &e.key[..]).collect();
    asked.extend([&b"nobody"[..], b"", b"\xFF\xFF"]);
    let mut ids = Vec::new();
    seg.get_batch(None, &asked, &mut ids).unwrap();
    prop_assert_eq!(&ids, &asked.iter().map(|k| lowest(k)).collect::<Vec<_>>());
    for label in [&b""[..], b"L", b"nobody"] {
        let of = |key: &[u8]| all.iter().find(|e| e.label == label && e.key == key).map(|e| e.id);
        ids.clear();
        seg.get_batch(Some(label), &asked, &mut ids).unwrap();
        prop_assert_eq!(&ids, &asked.iter().map(|k| of(k)).collect::<Vec<_>>());
        for key in &asked {
            prop_assert_eq!(seg.get(label, key).unwrap(), of(key));
            prop_assert_eq!(seg.trace(Some(label), key).unwrap().id, of(key));
            let starts = &key[..key.len() / 2];
            let collect = |mut cursor: super::Cursor<'_, &[u8]>| {
                let mut found = Vec::new();
                while let Some(e) = cursor.next_entry().unwrap() {
                    found.push(e.id);
                }
                found
            };
            let want = |keep: &dyn Fn(&[u8]) -> bool| -> Vec<u64> {
                all.iter().filter(|e| e.label == label && keep(&e.key)).map(|e| e.id).collect()
            };
            prop_assert_eq!(collect(seg.prefix(label, starts).unwrap()), want(&|k| k.starts_with(starts)));
            let (from, to) = (std::ops::Bound::Excluded(starts), std::ops::Bound::Included(*key));
            prop_assert_eq!(collect(seg.range(label, from, to).unwrap()), want(&|k| k > starts && k <= *key));
        }
    }
    let numbers: Vec<u64> = all.iter().map(|e| e.id).chain([0, 1, 59, u64::MAX]).collect();
    let mut found = Vec::new();
    seg.keys_of_batch(&numbers, |at, pair| {
        found.push(pair.map(|(label, key)| Entry { label: label.to_vec(), key: key.to_vec(), id: numbers[at] }));
        Ok(())
    })
    .unwrap();
    let want: Vec<_> = numbers.iter().map(|id| all.iter().find(|e| e.id == *id).cloned()).collect();
    prop_assert_eq!(found, want);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_segment_is_its_model(pairs in arb_pairs(), removed in proptest::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let mut b = DictBuilder::new();
        let mut model: BTreeMap<(Vec<u8>, Vec<u8>), (u64, usize)> = BTreeMap::new();
        let mut next = FIRST_ID;
        for (n, (label, key, id)) in pairs.iter().enumerate() {
            let place = (label.clone(), key.clone());
            let want = id.or(model.get(&place).map(|m| m.0)).unwrap_or(next);
            match b.insert(label, key, *id) {
                Ok(got) => prop_assert_eq!(got, want),
                Err(e) => { prop_assert!(e.kind() == Kind::Limit && want > MAX_ID); continue }
            }
            next = next.max(want + 1);
            model.insert(place, (want, n));
        }
        for i in removed {
            let Some(((label, key), _)) = (!model.is_empty()).then(|| i.get(&model.clone().into_iter().collect::<Vec<_>>()).clone()) else { continue };
            prop_assert_eq!(b.remove(&label, &key), model.remove(&(label, key)).map(|m| m.0));
        }
        let latest: BTreeMap<u64, usize> = model.values().fold(BTreeMap::new(), |mut m, &(id, n)| {
            let at = m.entry(id).or_insert(n);
            *at = n.max(*at);
            m
        });
        model.retain(|_, (id, n)| latest[id] == *n);
        let (bytes, summary) = finish(b);
        prop_assert_eq!(verify(&bytes, true), vec![]);
        let seg = DictSeg::open(&bytes[..]).unwrap();
        prop_assert_eq!((seg.len(), seg.next_id(), seg.uuid()), (model.len() as u64, next, summary.uuid));
        prop_assert_eq!(summary.bytes, bytes.len() as u64);
        let all: Vec<_> = model.iter().map(|((l, k), (id, _))| Entry { label: l.clone(), key: k.clone(), id: *id }).collect();
        prop_assert_eq!(&entries(&bytes), &all);
        for e in &all {
            prop_assert_eq!(seg.get(&e.label, &e.key).unwrap(), Some(e.id));
            prop_assert_eq!(seg.entry_of(e.id).unwrap(), Some(e.clone()));
            let lowest = all.iter().filter(|o| o.key == e.key).map(|o| o.id).min();
            prop_assert_eq!(seg.get_any_label(&e.key).unwrap(), lowest);
        }
        for options in [Options::default(), SMALL, FAST, ZSTD, Options { zstd: Some(1), ..SMALL }, Options { zstd: Some(1), ..FAST }] {
            agrees(&again(&bytes, options), &all)?;
        }
        // The same pairs in another order of writing are the same bytes.
        let mut again = DictBuilder::new();
        for e in all.iter().rev() {
            again.insert(&e.label, &e.key, Some(e.id)).unwrap();
        }
        again.reserve_ids_up_to(next);
        prop_assert_eq!(finish(again).0, bytes);
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(DictSeg::open(&bytes[..]).is_err());
        prop_assert!(!verify(&bytes, true).is_empty());
    }
}

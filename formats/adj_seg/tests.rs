//! Clauses of the specification, a model in a `BTreeMap`, frozen fixtures, and what damage and lies may do.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::Kind;
use crate::container::{Container, SectionSpec, encode as encode_container, layout::KIND_PAGE_SUMS};

const SPEC: &str = include_str!("SPEC.md");

type Raw = (u64, u64, u32, Vec<u8>);

fn build(partition: u32, edges: &[Raw]) -> Vec<u8> {
    let mut b = AdjBuilder::new(partition);
    for (src, dst, etype, props) in edges {
        b.add_with(*src, *dst, *etype, props).unwrap();
    }
    b.encode().unwrap()
}

fn plain(edges: &[(u64, u64, u32)]) -> Vec<Raw> {
    edges.iter().map(|&(s, d, t)| (s, d, t, Vec::new())).collect()
}

/// The example of the specification.
fn example() -> Vec<u8> {
    build(0, &[(1, 2, 1, vec![]), (1, 3, 1, vec![]), (3, 3, 1, br#"{"w":2}"#.to_vec())])
}

/// Sparse ids, many types, parallel edges, loops, properties.
fn rich() -> Vec<u8> {
    let mut edges = plain(&[
        (0, u64::MAX, 1),
        (0, 0, 70_000),
        (7, 1 << 40, 300),
        (7, 1 << 40, 300),
        (1 << 40, 7, 2),
        (u64::MAX, 0, 1),
        (12, 7, 2),
    ]);
    edges.push((7, 1 << 40, 300, br#"{"cost":2.5,"time":9}"#.to_vec()));
    edges.push((7, 1 << 40, 300, br#"{"cost":1}"#.to_vec()));
    build(3, &edges)
}

/// The same sections under right checksums after `change` had its way with them.
fn forge(bytes: &[u8], change: impl FnOnce(&mut Vec<(u32, Vec<u8>)>)) -> Vec<u8> {
    let c = Container::open(bytes, "adj.seg", layout::MAGIC, layout::MAJOR, 0).unwrap();
    let kept = c.sections.iter().filter(|s| s.kind != KIND_PAGE_SUMS);
    let mut sections: Vec<_> = kept.map(|s| (s.kind, bytes[s.range.clone()].to_vec())).collect();
    change(&mut sections);
    let specs: Vec<_> = sections.iter().map(|(kind, b)| SectionSpec { kind: *kind, flags: 0, bytes: b }).collect();
    encode_container(layout::MAGIC, layout::MAJOR, layout::MINOR, 0, &specs)
}

fn set(sections: &mut [(u32, Vec<u8>)], kind: u32, at: usize, bytes: &[u8]) {
    let section = sections.iter_mut().find(|s| s.0 == kind).unwrap();
    section.1[at..at + bytes.len()].copy_from_slice(bytes);
}

/// Asks everything that can be asked, for damage to show itself as a panic or an endless loop.
fn exercise(bytes: &[u8]) {
    let _ = verify(bytes, false);
    let _ = verify(bytes, true);
    let Ok(seg) = AdjSeg::open(bytes) else { return };
    let ids: Vec<u64> = seg.nodes().take(1000).chain([0, 1, 7, u64::MAX]).collect();
    for id in ids {
        for edges in [seg.out(id), seg.inn(id)].into_iter().flatten() {
            assert!(edges.clone().count() as u64 <= seg.edges());
            assert!(edges.of_type(1).count() as u64 <= seg.edges());
        }
        let _ = seg.out_props(id);
        let _ = seg.check_node(id);
    }
}

#[test]
fn the_specification_names_every_constant_with_its_value() {
    for line in include_str!("layout.rs").lines() {
        let Some(rest) = line.strip_prefix("pub const ") else { continue };
        let (name, rest) = rest.split_once(": ").unwrap();
        let value = rest.split_once(" = ").unwrap().1.trim_end_matches(';');
        let row = format!("| `{name}` | `{value}` |");
        assert!(SPEC.contains(&row), "SPEC.md lacks {row}");
        if name.starts_with("KIND_") {
            let hex = value.trim_start_matches("0x").replace('_', "");
            let ascii = u32::from_str_radix(&hex, 16).unwrap().to_le_bytes();
            let row = format!("| {} | `{hex}` |", ascii.escape_ascii());
            assert!(SPEC.contains(&row), "SPEC.md lacks {row}");
        }
    }
}

#[test]
fn the_worked_example_decodes() {
    let hex = SPEC.split("```hex\n").nth(1).unwrap().split("```").next().unwrap();
    let mut bytes = vec![0; example().len()];
    for line in hex.lines() {
        let (offset, rest) = line.split_once("  ").unwrap();
        let at = usize::from_str_radix(offset, 16).unwrap();
        for (i, b) in rest.split_whitespace().enumerate() {
            bytes[at + i] = u8::from_str_radix(b, 16).unwrap();
        }
    }
    assert!(SPEC.contains(&format!("has {} bytes", bytes.len())));
    assert_eq!(bytes, example());
    let seg = AdjSeg::open(&bytes).unwrap();
    assert_eq!(seg.out(1).unwrap().map(|e| (e.node, e.etype)).collect::<Vec<_>>(), [(2, 1), (3, 1)]);
    assert_eq!(seg.inn(3).unwrap().map(|e| e.node).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(seg.out_props(3).unwrap(), [br#"{"w":2}"#]);
    assert!(verify(&bytes, true).is_empty());
}

#[test]
fn without_edges_there_are_no_rows() {
    let bytes = AdjBuilder::new(9).encode().unwrap();
    let seg = AdjSeg::open(&bytes).unwrap();
    assert_eq!((seg.rows(), seg.edges(), seg.partition(), seg.id_range()), (0, 0, 9, None));
    assert_eq!((seg.nodes().count(), seg.out(0).unwrap().count()), (0, 0));
    assert!(seg.verify(true).is_empty());
}

#[test]
fn the_form_is_dense_where_gaps_are_few() {
    let form = |edges: &[(u64, u64, u32)]| {
        let mut b = AdjBuilder::new(0);
        edges.iter().for_each(|&(s, d, t)| b.add(s, d, t));
        b.finish(std::io::Cursor::new(Vec::new())).unwrap().1.dense
    };
    assert!(form(&[(10, 13, 1)]));
    assert!(!form(&[(10, 14, 1)]));
    assert!(!form(&[(0, u64::MAX, 1)]));
    assert!(form(&[(u64::MAX, u64::MAX, 1)]));
}

#[test]
fn gaps_of_the_dense_form_are_no_nodes() {
    let bytes = build(0, &plain(&[(10, 13, 1)]));
    let seg = AdjSeg::open(&bytes).unwrap();
    assert_eq!((seg.rows(), seg.nodes().collect::<Vec<_>>()), (4, vec![10, 13]));
    assert_eq!(seg.out(11).unwrap().count(), 0);
    assert!(seg.verify(true).is_empty());
}

#[test]
fn the_edges_of_one_type_are_a_range_of_the_row() {
    let bytes = rich();
    let seg = AdjSeg::open(&bytes).unwrap();
    assert_eq!(seg.out(0).unwrap().of_type(70_000).map(|e| e.node).collect::<Vec<_>>(), [0]);
    assert_eq!(seg.out(0).unwrap().of_type(1).map(|e| e.node).collect::<Vec<_>>(), [u64::MAX]);
    assert_eq!(seg.out(0).unwrap().of_type(2).count(), 0);
    assert_eq!(seg.inn(7).unwrap().of_type(2).map(|e| e.node).collect::<Vec<_>>(), [12, 1 << 40]);
    assert_eq!(seg.out(7).unwrap().count_left(), 4);
    assert!(seg.verify(true).is_empty());
}

#[test]
fn parallel_edges_keep_their_properties_in_order() {
    let bytes = rich();
    let seg = AdjSeg::open(&bytes).unwrap();
    let props = seg.out_props(7).unwrap();
    assert_eq!(props, [&b""[..], b"", br#"{"cost":1}"#, br#"{"cost":2.5,"time":9}"#]);
}

#[test]
fn properties_that_are_no_object_are_refused() {
    let mut b = AdjBuilder::new(0);
    assert_eq!(b.add_with(1, 2, 1, b"[1]").unwrap_err().kind(), Kind::Invalid);
    assert_eq!(b.add_with(1, 2, 1, b"{} {}").unwrap_err().kind(), Kind::Invalid);
    let long = format!("{{\"a\":\"{}\"}}", "x".repeat(1 << 20));
    assert_eq!(b.add_with(1, 2, 1, long.as_bytes()).unwrap_err().kind(), Kind::Limit);
    assert!(b.is_empty());
}

#[test]
fn every_flipped_bit_and_every_truncation_is_found() {
    for bytes in [example(), rich()] {
        assert_eq!(verify(&bytes, true), []);
        for at in 0..bytes.len() {
            assert!(!verify(&bytes[..at], false).is_empty(), "truncated at {at}");
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                assert!(!verify(&bad, false).is_empty(), "bit {bit} of byte {at}");
                if bit == 0 {
                    exercise(&bad);
                }
            }
        }
    }
}

#[test]
fn a_page_that_a_lookup_touches_is_checked_on_request() {
    let edges: Vec<_> = (0..5000u64).map(|i| (i, i + 1, 1, vec![])).collect();
    let mut bytes = build(0, &edges);
    let seg = AdjSeg::open(&bytes).unwrap();
    let last = seg.outward.cols.end - 1;
    bytes[last] ^= 1;
    let seg = AdjSeg::open(&bytes).unwrap();
    assert!(seg.check_node(0).is_ok());
    assert_eq!(seg.check_node(4999).unwrap_err().kind(), Kind::Corrupt);
}

/// Content that checksums cannot catch, each found by the one rule that it breaks.
#[test]
fn lies_under_right_checksums_are_found() {
    let found = |bytes: &[u8], id: &str| {
        let findings = verify(bytes, true);
        assert!(findings.iter().any(|f| f.id == id), "{id} is not among {findings:?}");
        assert!(verify(bytes, false).is_empty() || id == "adj.open" || id == "adj.section");
        exercise(bytes);
    };
    let (e, r) = (example(), rich());
    let one = 1u32.to_le_bytes();
    found(&forge(&e, |s| set(s, layout::KIND_OUT_ROWS, 0, &one)), "adj.row");
    found(&forge(&e, |s| set(s, layout::KIND_OUT_ROWS, 4, &9u32.to_le_bytes())), "adj.row");
    found(&forge(&e, |s| set(s, layout::KIND_IN_ROWS, 12, &one)), "adj.row");
    found(&forge(&e, |s| set(s, layout::KIND_OUT_COLS, 0, &u32::MAX.to_le_bytes())), "adj.row");
    found(&forge(&e, |s| set(s, layout::KIND_OUT_COLS, 0, &2u32.to_le_bytes())), "adj.transpose");
    found(&forge(&e, |s| set(s, layout::KIND_IN_COLS, 0, &one)), "adj.transpose");
    found(&forge(&e, |s| set(s, layout::KIND_META, layout::META_EDGE_HASH, &one)), "adj.transpose");
    found(&forge(&e, |s| set(s, layout::KIND_META, layout::META_SOURCES, &one)), "adj.counts");
    found(&forge(&e, |s| set(s, layout::KIND_META, layout::META_ONLY_TYPE, &[9])), "adj.transpose");
    found(&forge(&e, |s| set(s, layout::KIND_PROPS, 0, b"[")), "adj.props");
    found(&forge(&e, |s| set(s, layout::KIND_PROP_ENDS, 0, &[8])), "adj.prop_offset");
    found(&forge(&r, |s| set(s, layout::KIND_NODE_IDS, 8, &[0xFF; 8])), "adj.id_order");
    found(&forge(&r, |s| set(s, layout::KIND_META, layout::META_FIRST_ID, &one)), "adj.id_range");
    found(&forge(&r, |s| set(s, layout::KIND_OUT_TYPES, 0, &[0xFF; 4])), "adj.row");
    found(&forge(&e, |s| s.push((0x5858_5858, vec![1]))), "adj.section");
    found(&forge(&e, |s| s.retain(|s| s.0 != layout::KIND_IN_COLS)), "adj.open");
    found(&forge(&e, |s| set(s, layout::KIND_META, layout::META_FLAGS, &[3])), "adj.open");
    found(&forge(&e, |s| set(s, layout::KIND_META, layout::META_RESERVED, &one)), "adj.open");
    found(&forge(&e, |s| set(s, layout::KIND_META, layout::META_ROW_WIDTH, &[3])), "adj.open");
    for field in [layout::META_NODES, layout::META_EDGES, layout::META_PROP_BYTES] {
        for count in [u64::MAX, 1 << 62, 1 << 39, 0] {
            found(&forge(&e, |s| set(s, layout::KIND_META, field, &count.to_le_bytes())), "adj.open");
        }
    }
}

/// Wider integers than the edges need read the same, and are not what a writer writes.
#[test]
fn another_form_than_the_edges_give_is_found() {
    let bytes = forge(&example(), |s| {
        set(s, layout::KIND_META, layout::META_COL_WIDTH, &[8]);
        for (kind, b) in s.iter_mut() {
            if [layout::KIND_OUT_COLS, layout::KIND_IN_COLS].contains(kind) {
                *b = b.chunks(4).flat_map(|c| [c, &[0; 4]].concat()).collect();
            }
        }
    });
    let seg = AdjSeg::open(&bytes).unwrap();
    assert_eq!(seg.inn(3).unwrap().map(|e| e.node).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(seg.verify(true).iter().map(|f| f.id).collect::<Vec<_>>(), ["adj.form"]);
}

fn ids() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0u64..12, 1 => 1000u64..1010, 1 => any::<u64>(), 1 => Just(u64::MAX)]
}

fn edges() -> impl Strategy<Value = Vec<Raw>> {
    let etype = prop_oneof![3 => 0u32..3, 1 => 250u32..260, 1 => any::<u32>()];
    let props = prop_oneof![
        4 => Just(Vec::new()),
        1 => (0u32..9).prop_map(|n| format!("{{\"cost\":{n}}}").into_bytes())
    ];
    proptest::collection::vec((ids(), ids(), etype, props), 0..60)
}

proptest! {
    #[test]
    fn agrees_with_a_map(edges in edges(), one_type in any::<bool>()) {
        let mut edges = edges;
        if one_type {
            edges.iter_mut().for_each(|e| e.2 = 5);
        }
        let bytes = build(1, &edges);
        let seg = AdjSeg::open(&bytes).unwrap();
        prop_assert_eq!(seg.verify(true), []);
        let mut out: BTreeMap<u64, Vec<(u32, u64, Vec<u8>)>> = BTreeMap::new();
        let mut inn: BTreeMap<u64, Vec<(u32, u64)>> = BTreeMap::new();
        for (s, d, t, p) in &edges {
            out.entry(*s).or_default().push((*t, *d, p.clone()));
            inn.entry(*d).or_default().push((*t, *s));
        }
        let mut nodes: Vec<u64> = out.keys().chain(inn.keys()).copied().collect();
        nodes.sort_unstable();
        nodes.dedup();
        prop_assert_eq!(seg.nodes().collect::<Vec<_>>(), nodes.clone());
        prop_assert_eq!((seg.sources(), seg.targets()), (out.len() as u64, inn.len() as u64));
        prop_assert_eq!(seg.edges(), edges.len() as u64);
        for id in nodes.into_iter().chain([3, 500, 1003]) {
            let mut want = out.get(&id).cloned().unwrap_or_default();
            want.sort();
            let got: Vec<_> = seg.out(id).unwrap().zip(seg.out_props(id).unwrap())
                .map(|(e, p)| (e.etype, e.node, p.to_vec())).collect();
            prop_assert_eq!(&got, &want);
            let mut want_in = inn.get(&id).cloned().unwrap_or_default();
            want_in.sort_unstable();
            prop_assert_eq!(seg.inn(id).unwrap().map(|e| (e.etype, e.node)).collect::<Vec<_>>(), want_in);
            for etype in [0, 1, 5, 255] {
                let got: Vec<u64> = seg.out(id).unwrap().of_type(etype).map(|e| e.node).collect();
                let filtered: Vec<u64> = want.iter().filter(|e| e.0 == etype).map(|e| e.1).collect();
                prop_assert_eq!(got, filtered);
            }
            prop_assert!(seg.check_node(id).is_ok());
        }
    }

    #[test]
    fn the_order_of_adding_does_not_matter(edges in edges(), seed in any::<u64>()) {
        let mut other = edges.clone();
        let mut state = seed | 1;
        for i in (1..other.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            other.swap(i, (state >> 33) as usize % (i + 1));
        }
        prop_assert_eq!(build(0, &edges), build(0, &other));
    }

    #[test]
    fn a_liar_gets_an_answer_and_no_panic(
        which in any::<bool>(), section in 0usize..11, at in any::<usize>(), bytes in proptest::collection::vec(any::<u8>(), 1..9)
    ) {
        let good = if which { example() } else { rich() };
        let bad = forge(&good, |s| {
            let n = s.len();
            let (_, target) = &mut s[section % n];
            for (i, b) in bytes.iter().enumerate() {
                let len = target.len();
                if len > 0 { target[(at % len + i) % len] = *b; }
            }
        });
        exercise(&bad);
    }

    #[test]
    fn alien_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(!verify(&bytes, true).is_empty());
    }
}

fn fixtures() -> Vec<(&'static str, Vec<u8>, bool)> {
    let (e, r) = (example(), rich());
    let mut flipped = r.clone();
    let at = AdjSeg::open(&r).unwrap().outward.cols.start;
    flipped[at] ^= 4;
    let huge = (1u64 << 39).to_le_bytes();
    vec![
        ("dense.seg", e.clone(), true),
        ("sparse.seg", r.clone(), true),
        ("empty.seg", AdjBuilder::new(0).encode().unwrap(), true),
        ("truncated.seg", r[..r.len() / 2].to_vec(), false),
        ("flipped.seg", flipped, false),
        ("hostile-nodes.seg", forge(&e, |s| set(s, layout::KIND_META, layout::META_NODES, &huge)), false),
        ("hostile-edges.seg", forge(&e, |s| set(s, layout::KIND_META, layout::META_EDGES, &huge)), false),
        ("hostile-row.seg", forge(&e, |s| set(s, layout::KIND_OUT_ROWS, 4, &[0xFF; 4])), false),
        ("hostile-neighbour.seg", forge(&e, |s| set(s, layout::KIND_OUT_COLS, 0, &[0xFF; 4])), false),
        ("hostile-transpose.seg", forge(&e, |s| set(s, layout::KIND_IN_COLS, 0, &[1])), false),
    ]
}

#[test]
fn frozen_fixtures_read_as_they_always_did() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/adj_seg");
    let readme = std::fs::read_to_string(dir.join("README.md")).unwrap();
    for (name, bytes, whole) in fixtures() {
        let path = dir.join("v1").join(name);
        if std::env::var_os("QX_BLESS").is_some() {
            std::fs::write(&path, &bytes).unwrap();
        }
        let frozen = std::fs::read(&path).unwrap();
        assert!(frozen == bytes, "{name} changed: bless it only if no release wrote the old form");
        assert_eq!(verify(&frozen, true).is_empty(), whole, "{name}");
        exercise(&frozen);
        assert!(readme.contains(&format!("`{name}`")), "{name} is not in README.md");
    }
}

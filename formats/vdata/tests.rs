//! What SPEC.md promises of the bytes. What takes arithmetic - codes, graphs, searches - is tested in `qx-vector`.

use super::layout::*;
use super::*;
use crate::Kind;
use crate::container::testing::{compare_constants, example, hex, reseal, section};

const SPEC: &str = include_str!("SPEC.md");
const EXAMPLE: &[u8] = include_bytes!("../../fixtures/vdata/v2/l2-f32.vdata");

#[test]
fn the_document_has_the_constants_of_the_code() {
    let rows = SPEC.lines().filter(|l| l.contains("| `MAGIC` |")).count();
    assert_eq!(rows, 1);
    assert!(SPEC.contains(&format!("| `MAGIC` | `{}` |", MAGIC.escape_ascii().to_string().replace("\\x1a", "\\x1A"))));
    assert!(SPEC.contains(&format!(
        "| `DENY_MAGIC` | `{}` |",
        DENY_MAGIC.escape_ascii().to_string().replace("\\x1a", "\\x1A")
    )));
    let source = include_str!("layout.rs")
        .replace("pub const MAGIC", "pub const_MAGIC")
        .replace("pub const DENY_MAGIC", "pub const_DENY_MAGIC");
    macro_rules! all {
        ($($name:ident)*) => { &[$((stringify!($name), $name as u64)),*] };
    }
    let values = all!(MAJOR MINOR KIND_META KIND_ROW_IDS KIND_VECTORS KIND_NORMS KIND_MEAN KIND_CODES KIND_CODE_PARAMS
        KIND_GRAPH KIND_ENTRIES META_LEN META_ROWS META_DIM META_METRIC META_ELEMENT META_CODE_KIND META_ENGINE
        META_DEGREE META_ENTRY_COUNT META_M META_EF_BUILD META_EF_SEARCH META_EF_SURE META_SEED META_SKIPPED_NULL
        META_SKIPPED_DIM META_SKIPPED_VALUE META_ZERO_VECTORS META_RESERVED METRIC_L2 METRIC_IP METRIC_COSINE ELEMENT_NONE ELEMENT_F32 ELEMENT_F16
        ELEMENT_BF16 CODE_NONE CODE_CENTRED_8 ENGINE_FLAT ENGINE_GRAPH IDS_SIGNED_KEY IDS_UNSIGNED_KEY IDS_HASHED_KEY
        IDS_ORDINAL NO_NEIGHBOUR CODE_ALIGN CODE_ZERO CODE_MAX CODE_PARAMS_LEN MAX_DIM MAX_ROWS MAX_DEGREE MAX_ENTRIES
        MAX_EF DENY_MAJOR DENY_MINOR KIND_DENY);
    compare_constants(SPEC, &source, values);
}

#[test]
fn the_example_of_the_document_is_the_frozen_file_and_says_what_it_should() {
    let bytes = example(SPEC, "vdata");
    assert!(bytes == EXAMPLE, "\n{}", hex(EXAMPLE));
    assert_eq!(verify(&bytes, true), []);
    let view = View::open(&bytes).unwrap();
    let meta = &view.meta;
    assert_eq!((meta.rows, meta.dim, meta.metric, meta.element), (6, 2, Metric::L2, Element::F32));
    assert_eq!((meta.engine, meta.degree, meta.ef_build, meta.ef_search), (Engine::Graph, 3, 8, 4));
    assert_eq!((meta.zero_vectors, meta.skipped_null, view.flavour), (1, 0, Flavour::SignedKey));
    let ids: Vec<_> = (0..6).map(|r| view.row_id(&bytes, r).unwrap() as i64).collect();
    assert_eq!(ids, [10, -20, 30, -40, 50, -60]);
    let mut v = Vec::new();
    meta.element.read(view.vector(&bytes, 1).unwrap(), &mut v);
    assert_eq!(v, [0.75, 0.25]);
    // Row 0: (1, 0) less the mean (0, -0.125) is (1, 0.125), coded with a scale of 1/127.
    assert_eq!(view.mean(&bytes), [0.0, -0.125]);
    let codes = &view.codes(&bytes)[..meta.code_len()];
    assert_eq!(codes[..2], [255, 144]);
    assert!(codes[2..].iter().all(|&c| c == CODE_ZERO));
    let scale = f32::from_le_bytes(view.code_params(&bytes)[..4].try_into().unwrap());
    let bias = f32::from_le_bytes(view.code_params(&bytes)[4..8].try_into().unwrap());
    assert_eq!(scale, 1.0 / 127.0);
    assert_eq!(bias, -0.5 * ((127 * 127 + 16 * 16) as f32 * scale * scale));
    assert_eq!(view.row_id(&bytes, 6), None);
    assert_eq!(view.vector(&bytes, u32::MAX), None);
}

#[test]
fn every_changed_bit_and_every_truncation_is_found() {
    let mut bytes = EXAMPLE.to_vec();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            bytes[at] ^= 1 << bit;
            assert_ne!(verify(&bytes, false), [], "byte {at} bit {bit}");
            bytes[at] ^= 1 << bit;
        }
    }
    for len in 0..bytes.len() {
        assert_ne!(verify(&bytes[..len], false), [], "{len} bytes");
    }
}

/// META with bytes changed and every checksum right.
fn meta(changes: &[(usize, &[u8])]) -> crate::Result<View> {
    let mut bytes = EXAMPLE.to_vec();
    let start = section(&bytes, KIND_META).range.start;
    for (at, with) in changes {
        bytes[start + at..start + at + with.len()].copy_from_slice(with);
    }
    reseal(&mut bytes, true);
    View::open(&bytes)
}

#[test]
fn every_value_of_meta_is_checked() {
    assert!(meta(&[(META_SEED, &[9]), (META_EF_SURE, &[16]), (META_SKIPPED_DIM, &[1]), (META_M, &[200])]).is_ok());
    let limits: &[(usize, &[u8])] = &[
        (META_ROWS, &[0xFF; 8]),
        (META_DIM, &[0, 0, 1, 0]),
        (META_DEGREE, &[1, 2]),
        (META_ENTRY_COUNT, &[1, 16]),
        (META_M, &[0xFF; 4]),
        (META_EF_BUILD, &[0xFF; 4]),
        (META_EF_SEARCH, &[0xFF; 4]),
        (META_EF_SURE, &[0xFF; 4]),
        (META_ZERO_VECTORS, &[7]),
    ];
    for change in limits {
        assert_eq!(meta(&[*change]).unwrap_err().kind(), Kind::Limit, "{change:?}");
    }
    let damage: &[(usize, &[u8])] = &[
        (META_ROWS, &[5]),
        (META_ROWS, &[0xFF; 4]),
        (META_DIM, &[0]),
        (META_DIM, &[3]),
        (META_METRIC, &[0]),
        (META_METRIC, &[4]),
        // Cosine asks for norms.
        (META_METRIC, &[METRIC_COSINE]),
        (META_ELEMENT, &[0]),
        (META_ELEMENT, &[ELEMENT_F16]),
        (META_CODE_KIND, &[0]),
        (META_CODE_KIND, &[2]),
        (META_ENGINE, &[0]),
        (META_ENGINE, &[ENGINE_FLAT]),
        (META_DEGREE, &[0]),
        (META_DEGREE, &[2]),
        (META_ENTRY_COUNT, &[0]),
        (META_ENTRY_COUNT, &[7]),
        (META_ENTRY_COUNT, &[5]),
        (META_RESERVED, &[1]),
        (META_LEN - 1, &[1]),
    ];
    for change in damage {
        assert_eq!(meta(&[*change]).unwrap_err().kind(), Kind::Corrupt, "{change:?}");
    }
    // Flat, but with the sections of a graph.
    let flat =
        meta(&[(META_ENGINE, &[ENGINE_FLAT]), (META_CODE_KIND, &[0]), (META_DEGREE, &[0]), (META_ENTRY_COUNT, &[0])]);
    assert!(flat.unwrap_err().message().contains("does not belong"));
}

#[test]
fn the_flavour_of_row_ids_is_checked() {
    for (flags, good) in [(0u8, false), (1, true), (2, true), (3, true), (4, true), (5, false)] {
        let mut bytes = EXAMPLE.to_vec();
        let entry = (0..9).map(|i| 128 + 64 * i).find(|&at| bytes[at..at + 4] == KIND_ROW_IDS.to_le_bytes()).unwrap();
        bytes[entry + 4] = flags;
        reseal(&mut bytes, true);
        assert_eq!(View::open(&bytes).is_ok(), good, "{flags}");
    }
    assert_eq!(Flavour::SignedKey.order(u64::MAX), Flavour::SignedKey.order(0) - 1);
    assert_eq!(Flavour::HashedKey.order(7), 7);
}

#[test]
fn elements_round_to_the_nearest() {
    for (element, v, want) in [
        (Element::F32, 0.1, 0.1),
        (Element::F16, 0.1, 0.099_975_586),
        (Element::Bf16, 0.1, 0.100_097_656),
        (Element::F16, 2049.0, 2048.0),
        (Element::F16, 65_520.0, f32::INFINITY),
        (Element::Bf16, -0.0, -0.0),
    ] {
        assert_eq!(element.round(v), want, "{element} {v}");
        let (mut bytes, mut back) = (Vec::new(), Vec::new());
        element.put(v, &mut bytes);
        element.read(&bytes, &mut back);
        assert_eq!((bytes.len(), back), (element.len(), vec![want]));
    }
}

#[test]
fn names_are_read_back() {
    for m in [Metric::L2, Metric::Ip, Metric::Cosine] {
        assert_eq!(m.to_string().parse::<Metric>().unwrap(), m);
    }
    assert_eq!("COSINE".parse::<Metric>().unwrap(), Metric::Cosine);
    let e = "euclid".parse::<Metric>().unwrap_err();
    assert_eq!((e.kind(), e.get_expected()), (Kind::Usage, Some("l2, ip, cosine")));
    assert_eq!("hnsw".parse::<Engine>().unwrap(), Engine::Graph);
}

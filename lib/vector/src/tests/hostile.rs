//! Damaged files are found out; files whose checksums were made to fit are survived.

use proptest::prelude::*;
use qx_formats::container::{Container, SectionSpec, encode};
use qx_formats::vdata::layout::*;

use super::*;
use crate::{CodeKind, Element, Filter, SearchOptions, verify};

fn small(metric: Metric) -> Vec<u8> {
    let data = Numbers::new(21).clustered(60, 5, 6);
    let ids = RowIds::PrimaryKey((0..60).collect());
    built(&data, ids, &BuildOptions { element: Element::F16, m: 2, ..options(metric) }).0
}

/// Opens and searches in every way; the answers may be wrong, nothing may go wrong.
fn survive(bytes: &[u8]) {
    let _ = verify(bytes, true);
    let Ok(ix) = Index::open(bytes) else { return };
    let query = vec![0.3; ix.dim().min(100)];
    let even = Filter::new(ix.len().min(1000), |row| row % 2 == 0);
    let all = [
        SearchOptions { ef: Some(1), exact: false, filter: None },
        SearchOptions { ef: Some(3), exact: false, filter: Some(&even) },
        SearchOptions { ef: None, exact: true, filter: None },
    ];
    for opts in &all {
        for k in [1, 7, 1000] {
            if let Ok(hits) = ix.search(&query, k, opts) {
                assert!(hits.len() <= ix.len().min(k));
            }
        }
    }
    for row in [0, 59, 60, u32::MAX] {
        let _ = (ix.vector(row), ix.row_id(row));
    }
}

fn compact(metric: Metric) -> Vec<u8> {
    let data = Numbers::new(21).clustered(60, 5, 6);
    built(&data, RowIds::Ordinal, &BuildOptions { codes: CodeKind::Only, m: 2, ..options(metric) }).0
}

#[test]
fn every_flipped_byte_of_a_compact_file_is_found() {
    for metric in METRICS {
        let bytes = compact(metric);
        assert_eq!(verify(&bytes, true), []);
        for i in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[i] ^= 1 << (i % 8);
            assert!(!verify(&bad, false).is_empty(), "quick: byte {i}");
            survive(&bad);
        }
        // With right checksums, what follows from the codes still gives a changed one away.
        let bad = rewrite(&bytes, |k, _, content| {
            if k == KIND_CODE_PARAMS {
                content[4..8].copy_from_slice(&7.5f32.to_le_bytes());
            }
        });
        assert!(verify(&bad, true).iter().any(|f| f.id == "vdata.code"));
        survive(&bad);
    }
}

#[test]
fn a_checked_search_answers_rightly_or_not_at_all() {
    let data = Numbers::new(22).clustered(900, 12, 9);
    let queries = Numbers::new(23).clustered(2, 12, 9);
    for (metric, codes) in
        METRICS.into_iter().flat_map(|m| [(m, CodeKind::Eight), (m, CodeKind::Only), (m, CodeKind::None)])
    {
        let engine = if codes == CodeKind::None { crate::Engine::Flat } else { crate::Engine::Graph };
        let keys = RowIds::PrimaryKey((0..900).map(|i| i * 5).collect());
        let good = built(&data, keys, &BuildOptions { codes, engine, ..options(metric) }).0;
        let ix = Index::open(&good[..]).unwrap().checked().unwrap();
        let some = Filter::new(ix.len(), |row| row % 9 == 0);
        let ways = [
            SearchOptions { ef: Some(5), exact: false, filter: None },
            SearchOptions { ef: None, exact: true, filter: None },
            SearchOptions { ef: None, exact: true, filter: Some(&some) },
        ];
        let ask = |ix: &Index<&[u8]>| -> Vec<qx_formats::Result<Vec<crate::Hit>>> {
            ways.iter().flat_map(|o| queries.iter().map(|q| ix.search(q, 5, o))).collect()
        };
        let want: Vec<_> = ask(&ix).into_iter().map(Result::unwrap).collect();
        let (mut right, mut refused) = (0, 0);
        let mut numbers = Numbers::new(24);
        for _ in 0..400 {
            let mut bad = good.clone();
            let at = numbers.next() as usize % bad.len();
            bad[at] ^= 1 << (numbers.next() % 8);
            let Ok(ix) = Index::open(&bad[..]).and_then(Index::checked) else { continue };
            // Often enough that the whole file is checked ahead.
            for (got, want) in ask(&ix).into_iter().zip(&want).chain(ask(&ix).into_iter().zip(&want)) {
                match got {
                    Ok(hits) => {
                        assert_eq!(&hits, want, "{metric} {codes}: byte {at}");
                        right += 1;
                    }
                    Err(e) => {
                        assert_eq!(e.kind(), qx_formats::Kind::Corrupt);
                        refused += 1;
                    }
                }
            }
            let many: Vec<Vec<f32>> = queries.iter().cycle().take(80).cloned().collect();
            if let Ok(hits) = ix.search_many(&many, 5, &ways[0]) {
                assert!(hits.chunks(2).all(|pair| pair == &want[..2]));
            }
        }
        assert!(right > 0 && refused > 0, "{metric} {codes}: {right} right, {refused} refused");
        assert!(ix.check_whole().is_ok());
    }
}

#[test]
fn what_a_search_kept_before_pages_were_checked_is_not_relied_on() {
    let data = Numbers::new(25).clustered(600, 256, 9);
    let good = built(&data, RowIds::Ordinal, &BuildOptions { m: 2, ..options(Metric::L2) }).0;
    let file = Container::open(&good, ".vdata", MAGIC, MAJOR, 0).unwrap();
    let codes = file.find(KIND_CODES).unwrap().range.clone();
    let query = Numbers::new(26).clustered(1, 256, 9).remove(0);
    let opts = SearchOptions { ef: Some(1), exact: false, filter: None };
    for at in codes.step_by(4096) {
        let mut bad = good.clone();
        bad[at] ^= 1;
        let fresh = Index::open(&bad[..]).unwrap().checked().unwrap().search(&query, 1, &opts);
        let used = Index::open(&bad[..]).unwrap();
        used.search(&query, 1, &opts).unwrap();
        let again = used.checked().unwrap().search(&query, 1, &opts);
        assert_eq!(again.is_err(), fresh.is_err(), "byte {at}");
    }
}

/// The file with its sections changed and every checksum right.
pub(super) fn rewrite(bytes: &[u8], change: impl Fn(u32, &mut u32, &mut Vec<u8>)) -> Vec<u8> {
    let file = Container::open(bytes, ".vdata", MAGIC, MAJOR, 0).unwrap();
    let mut sections: Vec<(u32, u32, Vec<u8>)> = file
        .sections
        .iter()
        .filter(|s| s.kind != qx_formats::container::layout::KIND_PAGE_SUMS)
        .map(|s| (s.kind, s.flags, bytes[s.range.clone()].to_vec()))
        .collect();
    sections.iter_mut().for_each(|(kind, flags, content)| change(*kind, flags, content));
    let specs: Vec<_> =
        sections.iter().map(|(kind, flags, b)| SectionSpec { kind: *kind, flags: *flags, bytes: b }).collect();
    encode(MAGIC, MAJOR, MINOR, 0, &specs)
}

#[test]
fn every_flipped_byte_and_every_truncation_is_found() {
    let bytes = small(Metric::Cosine);
    assert_eq!(verify(&bytes, true), []);
    for i in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[i] ^= 1 << (i % 8);
        assert!(!verify(&bad, false).is_empty(), "quick: byte {i}");
        assert!(!verify(&bytes[..i], true).is_empty(), "cut at {i}");
        if i % 7 == 0 {
            survive(&bad);
        }
    }
    assert!(!verify(&[&bytes[..], b"x"].concat(), true).is_empty());
    assert!(!verify(&[], false).is_empty());
}

#[test]
fn a_liar_is_found_out_whatever_it_changes() {
    for metric in METRICS {
        let bytes = small(metric);
        let u32s = |v: u32| v.to_le_bytes();
        for (kind, name) in [
            (KIND_META, "META"),
            (KIND_ROW_IDS, "RIDS"),
            (KIND_VECTORS, "VECS"),
            (KIND_NORMS, "NORM"),
            (KIND_MEAN, "MEAN"),
            (KIND_CODES, "CODE"),
            (KIND_CODE_PARAMS, "CPRM"),
            (KIND_GRAPH, "GRPH"),
            (KIND_ENTRIES, "ENTR"),
        ] {
            for value in [0, 1, 59, 60, 0x7FC0_0000, 0x8000_0000, u32::MAX] {
                for at in [0, 8, 12, 16, 20, 40, 100] {
                    let bad = rewrite(&bytes, |k, _, content| {
                        if k == kind && at + 4 <= content.len() {
                            content[at..at + 4].copy_from_slice(&u32s(value));
                        }
                    });
                    survive(&bad);
                    // Seeds, parameters and counts of skipped rows are only a record; ids are any number; a link or an
                    // entry more or less may do no harm.
                    let record = [KIND_META, KIND_ROW_IDS, KIND_GRAPH, KIND_ENTRIES].contains(&kind);
                    if bad != bytes && !record {
                        assert!(!verify(&bad, true).is_empty(), "{metric} {name} {at} {value:#x}");
                    }
                }
            }
        }
    }
}

#[test]
fn graphs_that_lie_are_found_out() {
    let bytes = small(Metric::L2);
    let degree = 3 * 4;
    let found = |bad: &[u8], id: &str| {
        survive(bad);
        let all = verify(bad, true);
        assert!(all.iter().any(|f| f.id == id), "{id}: {all:?}");
    };
    let graph = |change: &dyn Fn(&mut Vec<u8>)| {
        rewrite(&bytes, |k, _, content| {
            if k == KIND_GRAPH {
                change(content)
            }
        })
    };
    found(&graph(&|g| g.fill(0)), "vdata.graph");
    found(&graph(&|g| g.fill(0xFF)), "vdata.unreachable");
    found(&graph(&|g| g[..4].copy_from_slice(&60u32.to_le_bytes())), "vdata.graph");
    found(&graph(&|g| g[degree..degree + 4].copy_from_slice(&1u32.to_le_bytes())), "vdata.graph");
    found(&graph(&|g| g[..4].fill(0xFF)), "vdata.graph");
    found(&graph(&|g| g.copy_within(0..4, 4)), "vdata.graph");
    let entries = |v: u32| {
        rewrite(&bytes, |k, _, content| {
            if k == KIND_ENTRIES {
                content.chunks_exact_mut(4).for_each(|e| e.copy_from_slice(&v.to_le_bytes()));
            }
        })
    };
    found(&entries(60), "vdata.entry");
    found(&entries(u32::MAX), "vdata.entry");
    found(&entries(3), "vdata.entry");
    let twice = rewrite(&bytes, |k, _, content| {
        if k == KIND_ROW_IDS {
            content.copy_within(0..8, 8)
        }
    });
    found(&twice, "vdata.row_id_twice");
    let padding = rewrite(&bytes, |k, _, content| {
        if k == KIND_CODES {
            content[31] = 0
        }
    });
    found(&padding, "vdata.code_padding");
    let nan = rewrite(&bytes, |k, _, content| {
        if k == KIND_VECTORS {
            content[..2].copy_from_slice(&[0, 0x7E])
        }
    });
    found(&nan, "vdata.vector");
    let zero = rewrite(&bytes, |k, _, content| {
        if k == KIND_META {
            content[META_ZERO_VECTORS] = 1
        }
    });
    found(&zero, "vdata.zero_vectors");
}

#[test]
fn a_graph_that_leads_nowhere_still_answers() {
    let data = Numbers::new(22).clustered(500, 5, 6);
    let (bytes, _) = built(&data, RowIds::Ordinal, &options(Metric::L2));
    let cut = rewrite(&bytes, |k, _, content| {
        if k == KIND_GRAPH {
            content.fill(0xFF)
        }
    });
    let ix = Index::open(cut).unwrap();
    let opts = SearchOptions { ef: Some(1), ..SearchOptions::default() };
    assert_eq!(ix.search(&[0.0; 5], 3, &opts).unwrap().len(), 3);
    assert_eq!(ix.search(&[0.0; 5], 500, &opts).unwrap().len(), 500);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn any_change_with_right_checksums_is_survived(
        kind in 0usize..9,
        at in any::<prop::sample::Index>(),
        new in prop::collection::vec(any::<u8>(), 0..24),
        len in prop::option::of(0usize..200),
        metric in 0usize..3,
        compacted in any::<bool>(),
    ) {
        let kinds = [KIND_META, KIND_ROW_IDS, KIND_VECTORS, KIND_NORMS, KIND_MEAN, KIND_CODES, KIND_CODE_PARAMS,
            KIND_GRAPH, KIND_ENTRIES];
        let whole = if compacted { compact(METRICS[metric]) } else { small(METRICS[metric]) };
        let bad = rewrite(&whole, |k, flags, content| {
            if k == kinds[kind] && !content.is_empty() {
                let at = at.index(content.len());
                content.iter_mut().skip(at).zip(&new).for_each(|(c, n)| *c = *n);
                if let Some(len) = len {
                    content.resize(len, 0xAB);
                    *flags = len as u32;
                }
            }
        });
        survive(&bad);
    }

    #[test]
    fn random_bytes_are_no_index(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(!verify(&bytes, true).is_empty());
        survive(&bytes);
        prop_assert!(crate::npy::read(&bytes).is_err());
        let _ = (crate::input::fvecs(&bytes), crate::input::fbin(&bytes));
        let _ = crate::ndjson::read(&bytes, crate::ndjson::Columns::default());
        prop_assert!(crate::definition::Definition::decode(&bytes).is_err());
    }
}

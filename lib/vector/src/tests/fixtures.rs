//! Frozen files under `fixtures/vdata`. QX_BLESS=1 writes them anew. One of them is the worked example of SPEC.md,
//! which a test of the format compares.

use std::fs;
use std::path::PathBuf;

use qx_formats::container::Container;
use qx_formats::vdata::layout::*;

use super::hostile::rewrite;
use super::*;
use crate::{Element, Engine, SearchOptions, verify};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Six vectors in the plane: two near pairs, one alone, one zero.
fn points() -> Vec<Vec<f32>> {
    vec![vec![1.0, 0.0], vec![0.75, 0.25], vec![-1.0, 0.5], vec![-0.75, 0.5], vec![0.0, -2.0], vec![0.0, 0.0]]
}

fn example(metric: Metric, element: Element, engine: Engine) -> Vec<u8> {
    let keys = [10i64, -20, 30, -40, 50, -60].map(|k| k as u64).to_vec();
    let opts = BuildOptions { metric, element, engine, m: 2, ef_build: 8, ef_search: 4, ..BuildOptions::default() };
    built(&points(), RowIds::PrimaryKey(keys), &opts).0
}

fn files() -> Vec<(&'static str, Vec<u8>)> {
    let good = example(Metric::L2, Element::F32, Engine::Graph);
    let mut flipped = good.clone();
    let codes = Container::open(&good, ".vdata", MAGIC, MAJOR, 0).unwrap().find(KIND_CODES).unwrap().range.clone();
    flipped[codes.start + 33] ^= 0x10;
    let truncated = good[..good.len() - 40].to_vec();
    let change = |kind: u32, at: usize, with: &[u8]| {
        rewrite(&good, |k, _, content| {
            if k == kind {
                content[at..at + with.len()].copy_from_slice(with)
            }
        })
    };
    let mut newer = good.clone();
    newer[8] = 3;
    let crc = crc32c::crc32c(&newer[..124]);
    newer[124..128].copy_from_slice(&crc.to_le_bytes());
    vec![
        ("cosine-f16.vdata", example(Metric::Cosine, Element::F16, Engine::Graph)),
        ("empty.vdata", built(&Vec::<Vec<f32>>::new(), RowIds::Ordinal, &options(Metric::Ip)).0),
        ("flipped.vdata", flipped),
        ("hostile-degree.vdata", change(KIND_META, META_DEGREE, &u32::MAX.to_le_bytes())),
        ("hostile-entry.vdata", change(KIND_ENTRIES, 0, &u32::MAX.to_le_bytes())),
        ("hostile-neighbour.vdata", change(KIND_GRAPH, 0, &6u32.to_le_bytes())),
        ("hostile-rows.vdata", change(KIND_META, META_ROWS, &u64::MAX.to_le_bytes())),
        (
            "hostile-unreachable.vdata",
            rewrite(&good, |k, _, c| {
                if k == KIND_GRAPH {
                    c.fill(0xFF)
                } else if k == KIND_ENTRIES {
                    c.truncate(4)
                } else if k == KIND_META {
                    c[META_ENTRY_COUNT] = 1
                }
            }),
        ),
        ("ip-bf16-flat.vdata", example(Metric::Ip, Element::Bf16, Engine::Flat)),
        ("l2-f32.vdata", good),
        ("newer.vdata", newer),
        ("truncated.vdata", truncated),
    ]
}

#[test]
fn frozen_files_are_what_this_build_writes() {
    let dir = root().join("fixtures/vdata/v2");
    let bless = std::env::var_os("QX_BLESS").is_some_and(|v| v == "1");
    if bless {
        fs::create_dir_all(&dir).unwrap();
    }
    let readme = fs::read_to_string(root().join("fixtures/vdata/README.md")).unwrap();
    for (name, bytes) in files() {
        if bless {
            fs::write(dir.join(name), &bytes).unwrap();
        }
        assert!(fs::read(dir.join(name)).unwrap() == bytes, "{name} has changed; QX_BLESS=1 writes it anew");
        assert!(readme.contains(&format!("`{name}`")), "{name} is not listed in README.md");
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), files().len());
}

#[test]
fn frozen_files_are_judged_as_they_should_be() {
    let found = |name: &str| {
        let bytes = fs::read(root().join("fixtures/vdata/v2").join(name)).unwrap();
        if let Ok(ix) = Index::open(&bytes) {
            // Whatever a file says, searching it ends and stays within it.
            let hits = ix.search(&vec![0.5; ix.dim()], 3, &SearchOptions { ef: Some(1), ..SearchOptions::default() });
            assert!(hits.unwrap().len() <= 3);
        }
        verify(&bytes, true).first().map(|f| f.id)
    };
    for name in ["l2-f32.vdata", "cosine-f16.vdata", "ip-bf16-flat.vdata", "empty.vdata"] {
        assert_eq!(found(name), None, "{name}");
    }
    for name in ["truncated.vdata", "newer.vdata", "hostile-degree.vdata", "hostile-rows.vdata"] {
        assert_eq!(found(name), Some("vdata.open"), "{name}");
    }
    assert_eq!(found("flipped.vdata"), Some("container.page_checksum"));
    assert_eq!(found("hostile-neighbour.vdata"), Some("vdata.graph"));
    assert_eq!(found("hostile-entry.vdata"), Some("vdata.entry"));
    assert_eq!(found("hostile-unreachable.vdata"), Some("vdata.unreachable"));
}

//! Vectors: what is fed to the index and to the readers of vectors, and what must hold whatever they were fed.

use qx_formats::legacy::OldVectors;
use qx_formats::vdata::deny;
use qx_vector::definition::Definition;
use qx_vector::ndjson::Columns;
use qx_vector::{Filter, Index, SearchOptions, VectorSource, columns, csv, input, literal, ndjson, npy, verify};

/// `.vdata`, a deny list, a definition: open answers or refuses, and so does every search and check after it.
pub fn vdata(bytes: &[u8]) {
    for full in [false, true] {
        verify(bytes, full);
    }
    let _ = (deny::decode(bytes), Definition::decode(bytes));
    let Ok(ix) = Index::open(bytes) else { return };
    let rows = ix.len().min(1000);
    let odd = Filter::new(rows, |row| row % 2 == 1);
    let some = Filter::new(rows, |row| row % 40 == 3);
    let query: Vec<f32> = (0..ix.dim()).map(|i| (i % 7) as f32 - 3.0).collect();
    for query in [query, vec![0.0; ix.dim()], vec![1e30; ix.dim()]] {
        for filter in [None, Some(&odd), Some(&some)] {
            for (ef, exact) in [(Some(1), false), (Some(9), false), (None, true)] {
                for k in [1, 8, 1000] {
                    let hits = ix.search(&query, k, &SearchOptions { ef, exact, filter }).expect("a query that fits");
                    assert!(hits.len() <= ix.len().min(k));
                    assert!(hits.iter().all(|h| (h.ordinal as usize) < ix.len()));
                }
            }
        }
        let _ = ix.rescore(&query, &[0, 1, 7, u32::MAX], 3);
    }
    for row in [0, 1, 59, u32::MAX] {
        let _ = (ix.vector(row), ix.row_id(row), ix.coded(row), ix.neighbours(row).count());
    }
}

/// Reads what a reader gave out, past its end too.
fn walk(source: &dyn VectorSource) {
    let mut v = Vec::new();
    let rows = source.rows();
    for row in (0..rows.min(20)).chain([rows.saturating_sub(1), rows, usize::MAX]) {
        let _ = source.read(row, &mut v);
    }
}

/// Every reader of vectors on the same bytes; how many of them took them.
pub fn readers(data: &[u8]) -> usize {
    let mut taken = 0;
    let mut take = |source: &dyn VectorSource| {
        taken += 1;
        walk(source);
    };
    let matrices = [input::fvecs(data), input::ivecs(data), input::bvecs(data), input::fbin(data)];
    matrices.iter().flatten().for_each(|m| take(m));
    npy::read(data).iter().for_each(|m| take(m));
    for names in [Columns::default(), Columns { vector: Some("v"), id: Some("id") }] {
        let all = [
            ndjson::read(data, names),
            csv::read(data, b',', names),
            csv::read(data, b'\t', names),
            columns::arrow(data, names),
            columns::parquet(data.to_vec(), names),
        ];
        for vectors in all.iter().flatten() {
            take(vectors);
            let _ = vectors.row_ids();
        }
    }
    let _ = (literal::parse(&String::from_utf8_lossy(data)), columns::text(data, &["id", "fit"]));
    if let Ok(old) = OldVectors::open(data) {
        taken += 1;
        for row in [0, 1, 1000, u32::MAX] {
            let _ = (old.id(row), old.vector(row).map(Iterator::count));
        }
    }
    taken
}

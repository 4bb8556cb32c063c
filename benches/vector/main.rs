//! A search of the graph finds what an exact scan finds in a fraction of its time, in the mapped file, and takes no longer
//! than hnsw_rs in memory does at the same recall; an exact search costs little more than reading the vectors.

mod data;
mod exact;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use data::Data;
use hnsw_rs::prelude::{DistL2, Hnsw};
use qx_benches::harness::{Claim, Suite, Work, main as suite_main};
use qx_benches::references::stream;
use qx_formats::Result;
use qx_io::{Job, Map, Publish};
use qx_vector::{BuildOptions, Element, Flat, Index, Metric, RowIds, SearchOptions};

const K: usize = 10;
/// Both engines search just hard enough to find this share of the true neighbours.
const RECALL: f64 = 0.95;
const M: u32 = 32;
const EF_BUILD: u32 = 200;
/// Queries in one batch.
const BATCH: usize = 10;

fn main() -> ExitCode {
    suite_main("vector", claims)
}

fn claims(suite: &mut Suite) -> Result<()> {
    let data = Data::new(suite.size(60_000, 3_000), suite.size(200, 50))?;
    let truth: Vec<Vec<u32>> = data.queries.iter().map(|q| exact::nearest(&data, q, K)).collect();
    let dir = suite.folder()?;
    let path = dir.path().join("bench.vdata");
    let options =
        BuildOptions { metric: Metric::L2, element: Element::F32, m: M, ef_build: EF_BUILD, ..BuildOptions::default() };
    let report = qx_io::publish(&path, Publish::New, |out| {
        qx_vector::build(&Flat { data: &data.rows, dim: data.dim }, RowIds::Ordinal, &options, &Job::default(), out)
    })?;
    let index = Index::open(Map::open(&path)?)?;
    search(suite, &data, &truth, &index, report.build_ms)?;
    scan(suite, &data, &truth, &index)
}

fn search(suite: &mut Suite, data: &Data, truth: &[Vec<u32>], index: &Index<Map>, build_ms: u64) -> Result<()> {
    if !suite.wants(&["search"]) {
        return Ok(());
    }
    let ours = |query: &[f32], ef: usize| ordinals(index, query, &SearchOptions { ef: Some(ef), ..Default::default() });
    let start = Instant::now();
    let hnsw = peer(data);
    let peer_ms = start.elapsed().as_millis();
    let theirs = |query: &[f32], ef: usize| -> Result<Vec<u32>> {
        Ok(hnsw.search(query, K, ef).into_iter().map(|n| n.d_id as u32).collect())
    };
    let (our_ef, our_recall) = tune(data, truth, ours)?;
    let (their_ef, their_recall) = tune(data, truth, theirs)?;
    let note = |ef, recall, ms| format!("recall {recall:.3} at ef {ef}, built in {ms} ms");
    suite.measure(
        Claim::new("search", "query")
            .reference("exact scan", queries(data, |q| Ok(exact::nearest(data, q, K))))
            .note(format!("{} rows of {} dimensions", data.len(), data.dim))
            .subject("vdata graph", queries(data, |q| ours(q, our_ef)))
            .note(note(our_ef, our_recall, u128::from(build_ms)))
            .peer("hnsw_rs", queries(data, |q| theirs(q, their_ef)))
            .note(note(their_ef, their_recall, peer_ms)),
    )
}

fn scan(suite: &mut Suite, data: &Data, truth: &[Vec<u32>], index: &Index<Map>) -> Result<()> {
    let bytes: Vec<u8> = data.rows.iter().flat_map(|v| v.to_le_bytes()).collect();
    let whole = SearchOptions { exact: true, ..Default::default() };
    let ours = |q: &[f32]| ordinals(index, q, &whole);
    let found = data.queries.iter().map(|q| ours(q)).collect::<Result<Vec<_>>>()?;
    let recall = exact::recall(truth, found.into_iter());
    suite.measure(
        Claim::new("exact", "query")
            .reference("stream", || {
                Ok(Work::units({
                    black_box(stream(&bytes));
                    1
                }))
            })
            .subject("vdata scan", queries(data, ours))
            .note(format!("recall {recall:.3}"))
            .peer("plain loop", queries(data, |q| Ok(exact::nearest(data, q, K)))),
    )
}

fn ordinals(index: &Index<Map>, query: &[f32], options: &SearchOptions<'_>) -> Result<Vec<u32>> {
    Ok(index.search(query, K, options)?.into_iter().map(|hit| hit.ordinal).collect())
}

fn peer(data: &Data) -> Hnsw<'_, f32, DistL2> {
    let layers = 16;
    let mut hnsw = Hnsw::new(M as usize, data.len(), layers, EF_BUILD as usize, DistL2 {});
    let rows: Vec<(&[f32], usize)> = (0..data.len()).map(|at| (data.row(at), at)).collect();
    hnsw.parallel_insert_slice(&rows);
    hnsw.set_searching_mode(true);
    hnsw
}

/// Batches of queries, over all of them again and again.
fn queries<'a>(data: &'a Data, search: impl Fn(&[f32]) -> Result<Vec<u32>> + 'a) -> impl FnMut() -> Result<Work> + 'a {
    let mut at = 0;
    move || {
        for _ in 0..BATCH {
            black_box(search(&data.queries[at])?);
            at = (at + 1) % data.queries.len();
        }
        Ok(Work::units(BATCH as u64))
    }
}

/// The least effort that reaches the recall, and the recall it reaches.
fn tune(data: &Data, truth: &[Vec<u32>], search: impl Fn(&[f32], usize) -> Result<Vec<u32>>) -> Result<(usize, f64)> {
    let mut ef = K;
    loop {
        let found = data.queries.iter().map(|q| search(q, ef)).collect::<Result<Vec<_>>>()?;
        let recall = exact::recall(truth, found.into_iter());
        if recall >= RECALL || ef >= data.len() {
            return Ok((ef, recall));
        }
        ef += (ef / 8).max(1);
    }
}

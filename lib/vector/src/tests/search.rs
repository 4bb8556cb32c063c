use proptest::prelude::*;

use super::*;
use crate::metric::score;
use crate::{CodeKind, Element, Engine, Filter, Hit, SearchOptions};

const EXACT: SearchOptions<'static> = SearchOptions { ef: None, exact: true, filter: None };

fn ef(ef: usize) -> SearchOptions<'static> {
    SearchOptions { ef: Some(ef), ..SearchOptions::default() }
}

/// What a search must answer: every row scored by the public metrics, sorted by (distance, row id).
fn brute(ix: &Index<Vec<u8>>, query: &[f32], k: usize, allow: impl Fn(u64) -> bool) -> Vec<Hit> {
    let mut all: Vec<Hit> = (0..ix.len() as u32)
        .filter(|&o| allow(o.into()))
        .map(|ordinal| Hit {
            segment: 0,
            ordinal,
            row_id: ix.row_id(ordinal).unwrap(),
            score: score(ix.metric(), query, &ix.vector(ordinal).unwrap()),
        })
        .collect();
    let sign = if ix.metric().larger_is_nearer() { -1.0 } else { 1.0 };
    all.sort_by(|a, b| {
        let ids = ix.flavour().order(a.row_id).cmp(&ix.flavour().order(b.row_id));
        (sign * a.score).total_cmp(&(sign * b.score)).then(ids)
    });
    all.truncate(k);
    all
}

fn recall(ix: &Index<Vec<u8>>, queries: &[Vec<f32>], k: usize, opts: &SearchOptions<'_>) -> f64 {
    let allow = |o: u64| opts.filter.is_none_or(|f| f.allows(o as u32));
    let (mut found, mut all) = (0, 0);
    for q in queries {
        let want = brute(ix, q, k, allow);
        let got = ix.search(q, k, opts).unwrap();
        assert_eq!(got.len(), want.len());
        assert!(got.iter().all(|h| allow(h.ordinal.into())));
        all += want.len();
        found += want.iter().filter(|w| got.contains(w)).count();
    }
    if all == 0 { 1.0 } else { found as f64 / all as f64 }
}

#[test]
fn graph_search_finds_what_brute_force_finds() {
    for metric in METRICS {
        for element in [Element::F32, Element::F16, Element::Bf16] {
            let mut numbers = Numbers::new(1);
            let mut data = numbers.clustered(3050, 24, 40);
            let queries = data.split_off(3000);
            let ix = index(&data, &BuildOptions { element, ..options(metric) });
            let (_, stats) = ix.search_counted(&queries[0], 10, &ef(64)).unwrap();
            assert!(!stats.path.exact() && stats.code_distances < 2500, "{stats:?}");
            let found = recall(&ix, &queries, 10, &ef(64));
            assert!(found >= 0.98, "{metric} {element}: {found}");
            // Queries that have nothing to do with the data take a longer walk.
            let strangers: Vec<_> = (0..50).map(|_| numbers.vector(24)).collect();
            let found = recall(&ix, &strangers, 10, &ef(200));
            assert!(found >= 0.9, "{metric} {element}, strangers: {found}");
        }
    }
}

#[test]
fn filters_are_answered_in_full_at_any_selectivity() {
    for metric in METRICS {
        let mut numbers = Numbers::new(2);
        let mut data = numbers.clustered(3020, 16, 30);
        let queries = data.split_off(3000);
        let ix = index(&data, &options(metric));
        for every in [1, 2, 5, 20, 100, 1000, 5000] {
            let scattered = |row: u64| row % every == every - 1;
            let together = |row: u64| row < 3000 / every;
            for allow in [&scattered as &dyn Fn(u64) -> bool, &together] {
                let filter = Filter::new(3000, |row| allow(u64::from(row)));
                let opts = SearchOptions { ef: Some(40), exact: false, filter: Some(&filter) };
                let found = recall(&ix, &queries, 10, &opts);
                assert!(found >= 0.99, "{metric}, one in {every}: {found}");
                let exact = SearchOptions { exact: true, ..opts };
                assert_eq!(recall(&ix, &queries, 10, &exact), 1.0);
            }
        }
    }
}

/// What a weak graph misses without a filter it must not miss under one, whatever `ef` is asked for.
#[test]
fn filters_are_answered_in_full_on_weak_graphs() {
    let mut walked = 0;
    for metric in METRICS {
        for (m, ef_build, clusters) in [(2, 2, 40), (4, 8, 300), (8, 20, 7), (16, 40, 100)] {
            let mut numbers = Numbers::new(u64::from(m) + 60);
            let mut data = numbers.clustered(16_060, 12, clusters);
            let queries = data.split_off(16_000);
            let ix = index(&data, &BuildOptions { m, ef_build, ..options(metric) });
            let mut near: Vec<(f32, u32)> =
                data.iter().zip(0..).map(|(v, row)| (score(metric, &data[5], v), row)).collect();
            near.sort_by(|a, b| a.0.total_cmp(&b.0));
            let draw: Vec<f64> = data.iter().map(|_| f64::from(numbers.float()) / 2.0 + 0.5).collect();
            for share in [0.1, 0.25, 0.5, 0.8, 1.0] {
                let random = Filter::new(16_000, |row| draw[row as usize] < share);
                let cut = |ranked: &mut dyn Iterator<Item = &(f32, u32)>| {
                    let kept: std::collections::HashSet<u32> =
                        ranked.take((16_000.0 * share) as usize).map(|r| r.1).collect();
                    Filter::new(16_000, |row| kept.contains(&row))
                };
                for filter in [random, cut(&mut near.iter()), cut(&mut near.iter().rev())] {
                    let (mut found, mut all) = (0u32, 0);
                    for q in &queries {
                        let opts = SearchOptions { ef: Some(10), exact: false, filter: Some(&filter) };
                        let want = ix.search(q, 10, &SearchOptions { exact: true, ..opts }).unwrap();
                        let (got, stats) = ix.search_counted(q, 10, &opts).unwrap();
                        walked += u32::from(stats.path == crate::Path::Graph);
                        all += want.len();
                        found += want.iter().filter(|w| got.contains(w)).count() as u32;
                    }
                    let recall = f64::from(found) / all as f64;
                    assert!(recall >= 0.99, "{metric}, m {m}, {share}: {recall}, ef_sure {}", ix.meta().ef_sure);
                }
            }
        }
    }
    assert!(walked > 1000, "{walked}");
}

/// Rows without clusters: a query is as far from all as any row is, and nearer to none than most.
#[test]
fn filters_are_answered_in_full_where_nothing_is_near() {
    for (metric, seed) in METRICS.into_iter().zip(70..) {
        let mut numbers = Numbers::new(seed);
        let data: Vec<_> = (0..10_000).map(|_| numbers.vector(24)).collect();
        let queries: Vec<_> = (0..200).map(|_| numbers.vector(24)).collect();
        let ix = index(&data, &options(metric));
        for every in [3, 1000] {
            let filter = Filter::new(10_000, |row| row % every > 0);
            let opts = SearchOptions { ef: Some(10), exact: false, filter: Some(&filter) };
            let found = recall(&ix, &queries, 10, &opts);
            assert!(found >= 0.99, "{metric}, all but one in {every}: {found}, ef_sure {}", ix.meta().ef_sure);
        }
    }
}

#[test]
fn duplicates_are_ordered_by_row_id() {
    for metric in METRICS {
        let data = vec![vec![0.5f32, -0.25, 1.0]; 2000];
        let ids: Vec<u64> = (0..2000u64).map(|i| (i * 7919) % 2000).collect();
        let (bytes, report) = built(&data, RowIds::Hashed(ids), &options(metric));
        assert!(crate::verify(&bytes, true).is_empty(), "{report:?}");
        let ix = Index::open(bytes).unwrap();
        let hits = ix.search(&[1.0, 0.0, 0.0], 5, &EXACT).unwrap();
        assert_eq!(hits.iter().map(|h| h.row_id).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(ix.search(&[1.0, 0.0, 0.0], 5, &ef(20)).unwrap().len(), 5);
    }
}

/// What is equal to a row is no reason to leave out all others as its neighbours.
#[test]
fn walks_do_not_end_among_rows_that_are_many_times_over() {
    for metric in METRICS {
        let mut numbers = Numbers::new(41);
        let places: Vec<Vec<f32>> = (0..100).map(|_| numbers.vector(16)).collect();
        let data: Vec<Vec<f32>> = places.iter().cycle().take(4000).cloned().collect();
        let ix = index(&data, &BuildOptions { m: 32, ef_build: 200, ..options(metric) });
        let mut found = 0;
        for place in &places {
            let q: Vec<f32> = place.iter().map(|x| x + 0.1 * numbers.float()).collect();
            let want = ix.search(&q, 10, &EXACT).unwrap();
            let (got, stats) = ix.search_counted(&q, 10, &ef(64)).unwrap();
            assert!(stats.path == crate::Path::Graph, "{stats:?}");
            // Which of forty equal rows are found is all the same.
            found += usize::from(got.iter().zip(&want).all(|(g, w)| g.score == w.score));
        }
        assert!(found >= 95, "{metric}: {found} of 100");
    }
}

#[test]
fn signed_keys_order_and_print_by_their_sign() {
    let data = vec![vec![1.0f32]; 4];
    let keys = [3i64, -1, i64::MIN, 0].map(|k| k as u64).to_vec();
    let ix = Index::open(built(&data, RowIds::PrimaryKey(keys), &options(Metric::L2)).0).unwrap();
    let hits = ix.search(&[0.0], 4, &EXACT).unwrap();
    let shown: Vec<String> = hits.iter().map(|h| ix.show_row_id(h.row_id)).collect();
    assert_eq!(shown, ["-9223372036854775808", "-1", "0", "3"]);
}

#[test]
fn counts_at_the_edges() {
    for metric in METRICS {
        let ix = index(&Numbers::new(3).clustered(30, 8, 3), &options(metric));
        let q = Numbers::new(4).vector(8);
        assert_eq!(ix.search(&q, 0, &ef(10)).unwrap(), []);
        for opts in [EXACT, ef(1), ef(10), SearchOptions::default()] {
            assert_eq!(ix.search(&q, 30, &opts).unwrap().len(), 30);
            assert_eq!(ix.search(&q, usize::MAX, &opts).unwrap(), brute(&ix, &q, 30, |_| true));
        }
        for rows in [0, 1, 2, 3] {
            let ix = index(&Numbers::new(3).clustered(rows, 8, 1), &options(metric));
            let hits = ix.search(&q, 2, &SearchOptions::default()).unwrap();
            assert_eq!(hits, brute(&ix, &q, 2, |_| true));
        }
    }
}

#[test]
fn queries_that_do_not_fit_are_refused() {
    let ix = index(&Numbers::new(5).clustered(20, 3, 1), &options(Metric::L2));
    let e = ix.search(&[1.0, 2.0], 1, &EXACT).unwrap_err();
    assert_eq!((e.get_expected(), e.get_got()), (Some("3"), Some("2")));
    assert!(ix.search(&[1.0, f32::NAN, 0.0], 1, &EXACT).unwrap_err().message().contains("component 1"));
    assert!(ix.search(&[1.0, f32::INFINITY, 0.0], 1, &EXACT).is_err());
    assert!(ix.search_many(&[vec![1.0]], 1, &EXACT).is_err());
}

#[test]
fn an_index_of_nothing_answers_nothing() {
    let ix = index(&Vec::<Vec<f32>>::new(), &options(Metric::L2));
    assert_eq!((ix.len(), ix.dim(), ix.search(&[1.0, 2.0], 5, &EXACT).unwrap().len()), (0, 0, 0));
    let ix = index(&Vec::<Vec<f32>>::new(), &BuildOptions { dim: Some(3), ..options(Metric::Cosine) });
    assert_eq!(ix.search(&[1.0, 2.0, 3.0], 5, &EXACT).unwrap(), []);
    assert!(ix.search(&[1.0, 2.0], 5, &EXACT).is_err());
    assert!(crate::verify(ix.bytes(), true).is_empty());
}

#[test]
fn zero_vectors_have_cosine_zero_to_everything() {
    let mut data = Numbers::new(6).clustered(1000, 8, 10);
    (0..1000).step_by(10).for_each(|i| data[i] = vec![0.0; 8]);
    let (bytes, report) = built(&data, RowIds::Ordinal, &options(Metric::Cosine));
    assert_eq!(report.zero_vectors, 100);
    assert!(crate::verify(&bytes, true).is_empty());
    let ix = Index::open(bytes).unwrap();
    let hits = ix.search(&[0.0; 8], 5, &ef(10)).unwrap();
    assert!(hits.iter().zip(0..).all(|(h, i)| h.row_id == i && h.score == 0.0));
    let queries = Numbers::new(6).clustered(20, 8, 10);
    assert!(recall(&ix, &queries, 10, &ef(64)) > 0.97);
}

#[test]
fn magnitudes_that_codes_cannot_hold_are_searched_exactly() {
    for (size, metric) in [(1e30f32, Metric::L2), (1e-30, Metric::L2), (1e20, Metric::Ip), (3e38, Metric::Ip)] {
        let mut numbers = Numbers::new(7);
        let data: Vec<Vec<f32>> = (0..200).map(|_| numbers.vector(4).iter().map(|x| x * size).collect()).collect();
        let (bytes, report) = built(&data, RowIds::Ordinal, &options(metric));
        assert_eq!(report.engine, Engine::Flat, "{size}");
        assert!(crate::verify(&bytes, true).is_empty());
        let ix = Index::open(bytes).unwrap();
        let q: Vec<f32> = numbers.vector(4).iter().map(|x| x * size).collect();
        assert_eq!(ix.search(&q, 7, &ef(1)).unwrap(), brute(&ix, &q, 7, |_| true));
    }
    // Under cosine only directions count, and they fit.
    let data: Vec<Vec<f32>> = (0..200).map(|i| vec![1e30 * (i as f32).sin(), 1e30, -1e29]).collect();
    assert_eq!(built(&data, RowIds::Ordinal, &options(Metric::Cosine)).1.engine, Engine::Graph);
}

#[test]
fn every_instruction_set_gives_the_same_answers() {
    let mut numbers = Numbers::new(8);
    let (bytes, _) = built(&numbers.clustered(2000, 37, 20), RowIds::Ordinal, &options(Metric::Cosine));
    let queries = numbers.clustered(20, 37, 20);
    let answers = |k: &'static Kernels| {
        let ix = Index::open_with(&bytes, k).unwrap();
        let all = [ef(20), EXACT].map(|o| queries.iter().map(|q| ix.search(q, 9, &o).unwrap()).collect::<Vec<_>>());
        (all, ix.search_many(&queries, 9, &ef(20)).unwrap())
    };
    let want = answers(Kernels::scalar());
    assert_eq!(want.0[0], want.1);
    for k in Kernels::all() {
        assert_eq!(answers(k), want, "{}", k.name);
    }
}

/// What an exact search reads from codes must be what brute force finds, whatever the data looks like.
#[test]
fn exact_search_by_codes_is_brute_force() {
    let mut numbers = Numbers::new(9);
    for (round, shift) in [0.0f32, 3.0, -200.0].into_iter().enumerate() {
        for metric in METRICS {
            for codes in [CodeKind::Eight, CodeKind::Only] {
                for engine in [Engine::Graph, Engine::Flat] {
                    let dim = [3, 33, 128][round];
                    let mut data = numbers.clustered(2040, dim, 15);
                    data.iter_mut().for_each(|v| v.iter_mut().for_each(|x| *x = *x * 10f32.powi(round as i32) + shift));
                    let twin = data[3].clone();
                    (0..30).for_each(|i| data[i * 7 + 50] = twin.clone());
                    data[100] = vec![0.0; dim];
                    let queries: Vec<_> = data.split_off(2000).into_iter().chain([twin, numbers.vector(dim)]).collect();
                    let ix = index(&data, &BuildOptions { codes, engine, ..options(metric) });
                    for q in &queries {
                        let (hits, stats) = ix.search_counted(q, 10, &EXACT).unwrap();
                        assert_eq!(hits, brute(&ix, q, 10, |_| true), "{metric} {codes} {engine} {shift} {stats:?}");
                        assert!(stats.code_distances == 2000, "{stats:?}");
                        let third = Filter::new(2000, |row| row % 3 == 0);
                        let some = SearchOptions { filter: Some(&third), ..EXACT };
                        assert_eq!(ix.search(q, 10, &some).unwrap(), brute(&ix, q, 10, |row| row % 3 == 0));
                    }
                    assert!(crate::verify(ix.bytes(), true).is_empty(), "{metric} {codes} {engine}");
                }
            }
        }
    }
}

/// The codes of a list are copied when it is used again, and are those of one file.
#[test]
fn a_list_answers_the_same_however_often_it_is_used() {
    let mut numbers = Numbers::new(77);
    for metric in METRICS {
        let [one, other] = [(); 2].map(|()| index(&numbers.clustered(3000, 40, 12), &options(metric)));
        let list = Filter::new(3000, |row| row % 9 == 4);
        let some = SearchOptions { filter: Some(&list), ..EXACT };
        for round in 0..4 {
            for ix in [&one, &other] {
                let q = numbers.vector(40);
                let want = brute(ix, &q, 10, |row| row % 9 == 4);
                assert_eq!(ix.search(&q, 10, &some).unwrap(), want, "{metric} {round}");
            }
        }
        let queries: Vec<_> = (0..20).map(|_| numbers.vector(40)).collect();
        let again = list.clone();
        let many = one.search_many(&queries, 10, &SearchOptions { filter: Some(&again), ..EXACT }).unwrap();
        for (q, got) in queries.iter().zip(many) {
            assert_eq!(got, brute(&one, q, 10, |row| row % 9 == 4), "{metric}");
        }
    }
}

#[test]
fn a_compact_index_answers_from_its_codes() {
    for metric in METRICS {
        let mut numbers = Numbers::new(31);
        let mut data = numbers.clustered(3020, 48, 30);
        let queries = data.split_off(3000);
        let whole = index(&data, &options(metric));
        let compact = index(&data, &BuildOptions { codes: CodeKind::Only, ..options(metric) });
        assert!(compact.meta().compact && compact.bytes().len() * 2 < whole.bytes().len());
        let found = recall(&compact, &queries, 10, &ef(64));
        assert!(found >= 0.98, "{metric}: {found}");
        // Against the vectors that are gone, eight bits lose little.
        let same: usize = queries
            .iter()
            .map(|q| {
                let want = brute(&whole, q, 10, |_| true);
                let got = compact.search(q, 10, &EXACT).unwrap();
                got.iter().filter(|h| want.iter().any(|w| w.row_id == h.row_id)).count()
            })
            .sum();
        assert!(same >= 185, "{metric}: {same} of 200");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Few distinct values make many ties, zeros and duplicates.
    #[test]
    fn exact_search_is_brute_force(
        data in (1usize..6).prop_flat_map(|dim| prop::collection::vec(prop::collection::vec(-2i8..3, dim), 1..60)),
        metric in 0usize..3,
        k in 0usize..70,
        row in 0usize..60,
    ) {
        let data: Vec<Vec<f32>> = data.iter().map(|v| v.iter().map(|&x| f32::from(x)).collect()).collect();
        let ids: Vec<u64> = (0..data.len() as u64).map(|i| i.wrapping_sub(20)).collect();
        let (bytes, _) = built(&data, RowIds::PrimaryKey(ids), &options(METRICS[metric]));
        prop_assert!(crate::verify(&bytes, true).is_empty());
        let ix = Index::open(bytes).unwrap();
        let query = &data[row % data.len()];
        prop_assert_eq!(ix.search(query, k, &EXACT).unwrap(), brute(&ix, query, k, |_| true));
        // A walk that keeps every row in mind finds every row, since every row can be reached.
        prop_assert_eq!(ix.search(query, data.len(), &ef(1)).unwrap(), brute(&ix, query, data.len(), |_| true));
        let even = Filter::new(data.len(), |o| o.is_multiple_of(2));
        let filtered = SearchOptions { ef: Some(1), exact: false, filter: Some(&even) };
        prop_assert_eq!(ix.search(query, 1, &filtered).unwrap().len(), 1);
    }
}

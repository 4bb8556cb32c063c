use qx_formats::Kind;
use qx_io::{Cancel, Job};

use super::*;
use crate::{DimPolicy, Element, Flat, SearchOptions};

#[test]
fn bytes_do_not_depend_on_threads_or_instructions() {
    for metric in METRICS {
        for element in [Element::F32, Element::F16] {
            let data = Numbers::new(11).clustered(700, 19, 12);
            let opts = |threads| BuildOptions { element, threads: Some(threads), ..options(metric) };
            let (want, report) = built_with(Kernels::scalar(), &data, RowIds::Ordinal, &opts(1));
            for threads in [1, 2, 3] {
                for k in Kernels::all() {
                    let (got, again) = built_with(k, &data, RowIds::Ordinal, &opts(threads));
                    assert!(got == want, "{metric} {element}: {threads} threads, {}", k.name);
                    assert_eq!(again.uuid, report.uuid);
                }
            }
            let other = built(&data, RowIds::Ordinal, &BuildOptions { seed: 1, ..opts(2) });
            assert_ne!(other.1.uuid, report.uuid);
        }
    }
}

#[test]
fn every_row_can_be_reached() {
    // Duplicates, far clusters, a line, few links: what cuts rows off.
    let mut numbers = Numbers::new(12);
    let far: Vec<Vec<f32>> =
        (0..1200).map(|i| vec![(i % 12) as f32 * 1e4 + numbers.float(), numbers.float()]).collect();
    let line: Vec<Vec<f32>> = (0..1200).map(|i| vec![i as f32, 1.0]).collect();
    let twins: Vec<Vec<f32>> = (0..1200).map(|i| vec![(i % 3) as f32, 1.0]).collect();
    for data in [far, line, twins] {
        for metric in METRICS {
            for m in [2, 3, 16] {
                let opts = BuildOptions { m, ef_build: 4, ..options(metric) };
                let (bytes, report) = built(&data, RowIds::Ordinal, &opts);
                assert_eq!(crate::verify(&bytes, true), [], "{metric} {m} {report:?}");
            }
        }
    }
}

#[test]
fn what_cannot_be_indexed_is_refused_or_counted() {
    let data = vec![
        vec![1.0, 2.0],
        vec![],
        vec![1.0, 2.0, 3.0],
        vec![f32::NAN, 0.0],
        vec![0.0, f32::INFINITY],
        vec![0.0, 0.0],
        vec![70_000.0, 1.0],
    ];
    let opts = BuildOptions { dim_policy: DimPolicy::Skip, element: Element::F16, ..options(Metric::Cosine) };
    let ids: Vec<u64> = (100..107).collect();
    let (bytes, r) = built(&data, RowIds::PrimaryKey(ids), &opts);
    assert_eq!((r.rows, r.skipped, r.skipped_null, r.skipped_dim, r.skipped_value), (2, 5, 1, 1, 3));
    assert_eq!((r.zero_vectors, r.dim), (1, 2));
    let ix = Index::open(bytes).unwrap();
    assert_eq!((ix.row_id(0), ix.row_id(1), ix.row_id(2)), (Some(100), Some(105), None));
    assert_eq!((ix.vector(0), ix.vector(2)), (Some(vec![1.0, 2.0]), None));
    assert_eq!(ix.meta().skipped_value, 3);

    let refuse = |data: &Vec<Vec<f32>>, opts: &BuildOptions| {
        crate::build(data, RowIds::Ordinal, opts, &Job::default(), Cursor::new(Vec::new())).unwrap_err()
    };
    let strict = BuildOptions { element: Element::F16, ..options(Metric::L2) };
    for (row, want) in [(2, "another dimension"), (3, "component 0"), (4, "component 1"), (6, "component 0")] {
        let e = refuse(&vec![data[0].clone(), data[row].clone()], &strict);
        assert!(e.kind() == Kind::Invalid && e.message().contains("row 1") && e.message().contains(want), "{e}");
    }
    // The first of many, whichever thread sees which.
    let many: Vec<Vec<f32>> = (0..9000).map(|i| vec![1.0; if i > 2000 { 3 } else { 2 }]).collect();
    assert!(refuse(&many, &strict).message().contains("row 2001"));
}

#[test]
fn row_ids_must_fit() {
    let run = |ids| {
        let data = Flat { data: &[1.0, 2.0, 3.0], dim: 1 };
        crate::build(&data, ids, &options(Metric::L2), &Job::default(), Cursor::new(Vec::new()))
    };
    assert_eq!(run(RowIds::Hashed(vec![1, 2])).unwrap_err().kind(), Kind::Usage);
    let e = run(RowIds::PrimaryKey(vec![u64::MAX, 2, u64::MAX])).unwrap_err();
    assert!(e.kind() == Kind::Invalid && e.message().contains("row id -1 stands twice: in row 0 and row 2"), "{e}");
    assert!(run(RowIds::UnsignedKey(vec![1, u64::MAX, 3])).is_ok());
}

#[test]
fn options_out_of_range_are_refused() {
    let base = options(Metric::L2);
    for bad in [
        BuildOptions { m: 1, ..base.clone() },
        BuildOptions { m: 100_000, ..base.clone() },
        BuildOptions { ef_build: 0, ..base.clone() },
        BuildOptions { ef_search: 0, ..base.clone() },
        BuildOptions { dim: Some(0), ..base.clone() },
        BuildOptions { dim: Some(70_000), ..base.clone() },
        BuildOptions { threads: Some(0), ..base.clone() },
        BuildOptions { threads: Some(100_000), ..base.clone() },
    ] {
        assert_eq!(bad.check().unwrap_err().kind(), Kind::Usage);
    }
    // A source without rows may know its dimension all the same.
    let hollow = crate::input::fbin([0u32.to_le_bytes(), 4u32.to_le_bytes()].concat()).unwrap();
    assert_eq!(built(&hollow, RowIds::Ordinal, &base).1.dim, 4);
    let widest = BuildOptions { m: 256, ..base };
    let data = Numbers::new(13).clustered(600, 3, 2);
    assert_eq!(crate::verify(&built(&data, RowIds::Ordinal, &widest).0, true), []);
}

#[test]
fn a_build_stops_when_asked_to() {
    let job = Job { cancel: Cancel::default(), ..Job::default() };
    job.cancel.set();
    let data = Numbers::new(14).clustered(100, 3, 2);
    let e = crate::build(&data, RowIds::Ordinal, &options(Metric::L2), &job, Cursor::new(Vec::new())).unwrap_err();
    assert_eq!(e.kind(), Kind::Cancelled);
}

#[test]
fn the_largest_dimension_works() {
    let mut numbers = Numbers::new(15);
    let data: Vec<Vec<f32>> = (0..20).map(|_| numbers.vector(65_535)).collect();
    let ix = index(&data, &BuildOptions { element: Element::Bf16, ..options(Metric::Cosine) });
    let hits = ix.search(&data[7], 1, &SearchOptions { ef: Some(1), ..SearchOptions::default() }).unwrap();
    assert_eq!(hits[0].ordinal, 7);
    assert_eq!(crate::verify(ix.bytes(), true), []);
    let too_wide = vec![vec![0.0; 65_536]];
    let e = crate::build(&too_wide, RowIds::Ordinal, &options(Metric::L2), &Job::default(), Cursor::new(Vec::new()));
    assert_eq!(e.unwrap_err().kind(), Kind::Limit);
}

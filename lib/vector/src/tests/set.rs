//! Indexes of several files: what is added, deleted and folded, against a model.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use qx_formats::Kind;
use qx_formats::vdata::layout::{KIND_ROW_IDS, KIND_VECTORS, MAGIC, MAJOR};
use qx_io::Publish;

use super::*;
use crate::definition::Definition;
use crate::metric::score;
use crate::set::{Conflict, Editor, Segments, SetOptions, combine, create, would_delete, would_recode};
use crate::{CodeKind, IdSet};

type Model = BTreeMap<i64, Vec<f32>>;

fn keys(ids: &[i64]) -> RowIds {
    RowIds::PrimaryKey(ids.iter().map(|&k| k as u64).collect())
}

fn edit(path: &Path) -> Editor {
    Editor::open(path, Duration::ZERO).unwrap()
}

/// Every answer of the index is that of the model.
fn agree(set: &Segments, model: &Model, queries: &[Vec<f32>]) {
    assert_eq!(set.len(), model.len() as u64);
    let metric = set.metric();
    for q in queries {
        let sign = if metric.larger_is_nearer() { -1.0 } else { 1.0 };
        let mut want: Vec<(i64, f32)> = model.iter().map(|(&id, v)| (id, score(metric, q, v))).collect();
        want.sort_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1)).then(a.0.cmp(&b.0)));
        for k in [1, 5, model.len() + 3] {
            let opts = SetOptions { exact: true, ..SetOptions::default() };
            let got = set.search(q, k, &opts).unwrap();
            let got: Vec<(i64, f32)> = got.hits.iter().map(|h| (h.row_id as i64, h.score)).collect();
            assert_eq!(got, want[..want.len().min(k)], "{metric} {k}");
            let walked = set.search(q, k, &SetOptions::default()).unwrap();
            assert_eq!(walked.hits.len(), want.len().min(k));
            assert!(walked.hits.iter().all(|h| model.contains_key(&(h.row_id as i64))));
        }
    }
}

#[test]
fn what_is_added_deleted_and_folded_is_seen_at_once() {
    for metric in METRICS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.vindex");
        let mut numbers = Numbers::new(41);
        let data = numbers.clustered(400, 9, 8);
        let queries = numbers.clustered(5, 9, 8);
        let ids: Vec<i64> = (0..400).map(|i| i - 100).collect();
        create(&path, Publish::New, &data[..300].to_vec(), keys(&ids[..300]), &options(metric), &Job::default())
            .unwrap();
        let mut model: Model = ids[..300].iter().copied().zip(data[..300].to_vec()).collect();
        agree(&Segments::open(&path).unwrap(), &model, &queries);

        // Half of these are new, half take the place of older ones.
        let (more, more_ids) = (data[250..400].to_vec(), ids[250..400].to_vec());
        let moved: Vec<Vec<f32>> = more.iter().map(|v| v.iter().map(|x| x * 0.5).collect()).collect();
        let mut editor = edit(&path);
        let r =
            editor.add(&moved, keys(&more_ids), Conflict::Replace, &BuildOptions::default(), &Job::default()).unwrap();
        assert_eq!((r.added, r.replaced, r.rows, r.generation), (150, 50, 400, 2));
        model.extend(more_ids.iter().copied().zip(moved));
        agree(editor.segments(), &model, &queries);
        agree(&Segments::open(&path).unwrap(), &model, &queries);

        let gone: IdSet = [-100i64, -99, 7, 290, 12345].map(|k| k as u64).into_iter().collect();
        let r = editor.delete(&gone).unwrap();
        assert_eq!((r.deleted, r.missing, r.rows), (4, 1, 396));
        [-100, -99, 7, 290].iter().for_each(|k| drop(model.remove(k)));
        agree(&Segments::open(&path).unwrap(), &model, &queries);
        // A deleted row can come back.
        let back = vec![vec![0.25; 9]];
        editor.add(&back, keys(&[7]), Conflict::Error, &BuildOptions::default(), &Job::default()).unwrap();
        model.insert(7, back[0].clone());
        agree(&Segments::open(&path).unwrap(), &model, &queries);

        let r = editor.compact(&BuildOptions { threads: Some(2), ..BuildOptions::default() }, &Job::default()).unwrap();
        assert!(r.changed && r.segments_before == 5 && r.rows == 397, "{r:?}");
        let set = Segments::open(&path).unwrap();
        assert_eq!((set.parts().len(), set.hidden()), (1, 0));
        agree(&set, &model, &queries);
        assert!(crate::verify(set.parts()[0].index.bytes(), true).is_empty());
        assert!(!editor.compact(&BuildOptions::default(), &Job::default()).unwrap().changed);
        editor.set_tuned_ef(Some(99)).unwrap();
        // The generation before and the newest name one file each; the others are gone.
        let files = std::fs::read_dir(dir.path()).unwrap().flatten();
        let names: Vec<String> = files.map(|e| e.file_name().into_string().unwrap()).collect();
        assert_eq!(names.iter().filter(|n| n.ends_with(".vdata")).count(), 1, "{names:?}");
        assert!(!names.iter().any(|n| n.ends_with(".deny") || n.contains("building")), "{names:?}");
        assert_eq!(Segments::open(&path).unwrap().default_ef(), 99);
    }
}

#[test]
fn ids_that_are_there_are_replaced_left_or_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.vindex");
    let data: Vec<Vec<f32>> = (0..6).map(|i| vec![i as f32, 1.0]).collect();
    let l2 = options(Metric::L2);
    create(&path, Publish::New, &data, keys(&[0, 1, 2, 3, 4, 5]), &l2, &Job::default()).unwrap();
    let mut editor = edit(&path);
    let new = vec![vec![50.0, 1.0], vec![60.0, 1.0]];
    let e = editor.add(&new, keys(&[5, 6]), Conflict::Error, &l2, &Job::default()).unwrap_err();
    assert!(e.kind() == Kind::Invalid && e.message().contains("5 among them"), "{e}");
    let r = editor.add(&new, keys(&[5, 6]), Conflict::Skip, &l2, &Job::default()).unwrap();
    assert_eq!((r.added, r.kept_old, r.replaced), (1, 1, 0));
    let near = |e: &Editor, x: f32| e.segments().search(&[x, 1.0], 1, &SetOptions::default()).unwrap().hits[0].row_id;
    assert_eq!((near(&editor, 49.0), near(&editor, 61.0)), (6, 6));
    // A vector that cannot be indexed does not hide the one that it was to replace.
    let skip = BuildOptions { dim_policy: crate::DimPolicy::Skip, ..l2.clone() };
    let r = editor.add(&vec![vec![1.0]], keys(&[5]), Conflict::Replace, &skip, &Job::default()).unwrap();
    assert_eq!((r.added, r.replaced, r.skipped, r.rows), (0, 0, 1, 7));
    assert_eq!(
        editor.add(&new, RowIds::Ordinal, Conflict::Replace, &l2, &Job::default()).unwrap_err().kind(),
        Kind::Usage
    );
    assert!(editor.add(&new, RowIds::UnsignedKey(vec![8, 9]), Conflict::Replace, &l2, &Job::default()).is_ok());
    let wide = RowIds::UnsignedKey(vec![u64::MAX, 9]);
    assert!(editor.add(&new, wide, Conflict::Replace, &l2, &Job::default()).is_err());
    // Another dimension is refused and leaves the index as it was.
    let before = std::fs::read(&path).unwrap();
    assert!(editor.add(&vec![vec![1.0; 3]], keys(&[70]), Conflict::Replace, &l2, &Job::default()).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

/// The vector of each row that can be answered, by id.
fn vectors(set: &Segments) -> Model {
    let mut all = Model::new();
    set.for_each(|part, row| {
        let id = set.parts()[part as usize].index.row_id(row).unwrap();
        all.insert(id as i64, set.vector(part, row).unwrap());
        Ok(())
    })
    .unwrap();
    all
}

#[test]
fn folding_a_compact_index_moves_no_vector() {
    for metric in METRICS {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.vindex");
        let opts = BuildOptions { codes: CodeKind::Only, ..options(metric) };
        let data = Numbers::new(44).clustered(730, 9, 8);
        let ids: Vec<i64> = (0..730).collect();
        create(&path, Publish::New, &data[..300].to_vec(), keys(&ids[..300]), &opts, &Job::default()).unwrap();
        let mut want = vectors(&Segments::open(&path).unwrap());
        let mut editor = edit(&path);
        let careful = BuildOptions { recode: false, ..BuildOptions::default() };
        // Deletions change the mean of what is left; the codes stay around the one that they were made with.
        editor.delete(&[3u64, 4, 299].into_iter().collect()).unwrap();
        [3, 4, 299].iter().for_each(|id| drop(want.remove(id)));
        let r = editor.compact(&careful, &Job::default()).unwrap();
        assert_eq!((r.changed, r.recoded), (true, 0));
        assert_eq!(vectors(editor.segments()), want, "{metric}");

        // What is added is coded around the mean of what is there, so that both stay.
        let add = |editor: &mut Editor, rows: std::ops::Range<usize>| {
            let more = data[rows.clone()].to_vec();
            editor.add(&more, keys(&ids[rows]), Conflict::Error, &BuildOptions::default(), &Job::default()).unwrap();
        };
        add(&mut editor, 300..330);
        let want = vectors(editor.segments());
        for (id, v) in &want {
            let near = crate::metric::cosine(v, &data[*id as usize]);
            assert!(near > 0.999, "{metric}: {id} has {near}");
        }
        let r = editor.compact(&careful, &Job::default()).unwrap();
        assert_eq!((r.recoded, r.rows), (0, 327));
        assert_eq!(vectors(editor.segments()), want, "{metric}");
        assert_eq!(crate::verify(editor.segments().parts()[0].index.bytes(), true), []);

        // More rows than are there have a mean of their own, and the others are coded anew: where that is allowed.
        add(&mut editor, 330..730);
        let (before, want) = (editor.definition().clone(), vectors(editor.segments()));
        assert_eq!(would_recode(editor.segments(), true).unwrap(), 327);
        assert_eq!(would_recode(editor.segments(), false).unwrap_err().kind(), Kind::Usage);
        let e = editor.compact(&careful, &Job::default()).unwrap_err();
        assert_eq!((e.kind(), e.get_got()), (Kind::Usage, Some("327 of 727 rows around another")));
        assert_eq!(Segments::open(&path).unwrap().definition(), Some(&before));
        let r = editor.compact(&BuildOptions::default(), &Job::default()).unwrap();
        assert_eq!((r.recoded, r.rows), (327, 727));
        let got = vectors(editor.segments());
        assert!((330..730).all(|id| got[&id] == want[&id]), "{metric}");
    }
}

#[test]
fn damage_is_not_written_anew_as_if_it_were_whole() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.vindex");
    let data = Numbers::new(46).clustered(90, 6, 4);
    let ids: Vec<i64> = (0..90).collect();
    let opts = options(Metric::L2);
    create(&path, Publish::New, &data[..60].to_vec(), keys(&ids[..60]), &opts, &Job::default()).unwrap();
    edit(&path).add(&data[60..].to_vec(), keys(&ids[60..]), Conflict::Error, &opts, &Job::default()).unwrap();
    let before = Segments::open(&path).unwrap().definition().cloned().unwrap();
    let file = dir.path().join(&before.segments[1].path);
    let good = std::fs::read(&file).unwrap();
    let container = qx_formats::container::Container::open(&good, ".vdata", MAGIC, MAJOR, 0).unwrap();
    for (kind, ids_damaged) in [(KIND_VECTORS, false), (KIND_ROW_IDS, true)] {
        let mut bad = good.clone();
        bad[container.find(kind).unwrap().range.start + 17] ^= 4;
        std::fs::write(&file, &bad).unwrap();
        let mut editor = edit(&path);
        let refused = |e: qx_formats::Error| assert_eq!((e.kind(), e.get_path()), (Kind::Corrupt, Some(&*file)));
        refused(editor.compact(&BuildOptions::default(), &Job::default()).unwrap_err());
        refused(
            combine(&[Segments::open(&path).unwrap()], &opts, &Job::default(), Cursor::new(Vec::new())).unwrap_err(),
        );
        if ids_damaged {
            let some: IdSet = [61u64, 62].into_iter().collect();
            refused(editor.delete(&some).unwrap_err());
            refused(would_delete(editor.segments(), &some).unwrap_err());
            let row = vec![data[0].clone()];
            refused(editor.add(&row, keys(&[61]), Conflict::Replace, &opts, &Job::default()).unwrap_err());
        }
        drop(editor);
        assert_eq!(Segments::open(&path).unwrap().definition(), Some(&before));
    }
    // A deny list hides by id: a damaged one would let a row through.
    std::fs::write(&file, &good).unwrap();
    edit(&path).delete(&[61u64].into_iter().collect()).unwrap();
    let mut bad = good.clone();
    bad[container.find(KIND_ROW_IDS).unwrap().range.start + 8] ^= 4;
    std::fs::write(&file, &bad).unwrap();
    assert_eq!(Segments::open(&path).unwrap_err().kind(), Kind::Corrupt);
}

#[test]
fn compact_indexes_are_merged_without_moving_those_of_one_mean() {
    let data = Numbers::new(45).clustered(240, 12, 4);
    let opts = BuildOptions { codes: CodeKind::Only, ..options(Metric::Cosine) };
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, rows: std::ops::Range<usize>| {
        let path = dir.path().join(name);
        let ids: Vec<i64> = rows.clone().map(|i| i as i64).collect();
        std::fs::write(&path, built(&data[rows].to_vec(), keys(&ids), &opts).0).unwrap();
        Segments::open(&path).unwrap()
    };
    let sets = [file("small.vdata", 0..60), file("large.vdata", 60..240)];
    let run = |opts: &BuildOptions| {
        let mut out = Cursor::new(Vec::new());
        let (report, _) = combine(&sets, opts, &Job::default(), &mut out).unwrap();
        (Index::open(out.into_inner()).unwrap(), report)
    };
    let (merged, r) = run(&opts);
    assert_eq!((r.from_codes, r.recoded), (240, 60));
    let large = vectors(&sets[1]);
    let moved = (0..240u32).filter(|&row| {
        let id = merged.row_id(row).unwrap() as i64;
        large.get(&id).is_some_and(|v| merged.vector(row).unwrap() != *v)
    });
    assert_eq!(moved.count(), 0);
    // Vectors beside new codes are what the old ones said, and counted as such.
    let (whole, r) = run(&BuildOptions { codes: CodeKind::Eight, ..opts.clone() });
    assert_eq!((r.from_codes, r.recoded), (240, 0));
    assert_eq!(whole.vector(60), sets[1].vector(0, 0));
}

#[test]
fn rows_by_position_are_numbered_on_and_never_twice() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("x.vdata");
    let data: Vec<Vec<f32>> = (0..5).map(|i| vec![i as f32]).collect();
    let l2 = options(Metric::L2);
    std::fs::write(&file, built(&data, RowIds::Ordinal, &l2).0).unwrap();
    let mut editor = edit(&file);
    editor.add(&vec![vec![10.0], vec![11.0]], RowIds::Ordinal, Conflict::Replace, &l2, &Job::default()).unwrap();
    editor.delete(&[5, 6].into_iter().collect()).unwrap();
    editor.compact(&BuildOptions::default(), &Job::default()).unwrap();
    editor.add(&vec![vec![20.0]], RowIds::Ordinal, Conflict::Replace, &l2, &Job::default()).unwrap();
    drop(editor);
    // The file by itself is searched through the definition beside it.
    let set = Segments::open_whole(&file).unwrap();
    let hits = set.search(&[20.0], 9, &SetOptions::default()).unwrap().hits;
    assert_eq!(hits.iter().map(|h| h.row_id).collect::<Vec<_>>(), [7, 4, 3, 2, 1, 0]);
    assert_eq!(set.find(7).map(|(part, _)| part), Some(1));
    assert_eq!(set.find(5), None);
}

#[test]
fn positions_go_on_behind_rows_that_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let l2 = options(Metric::L2);
    let rows = |n: u8| (0..n).map(|i| vec![f32::from(i)]).collect::<Vec<_>>();
    let grown = |editor: &mut Editor| {
        for n in [3, 2] {
            editor.add(&rows(n), RowIds::Ordinal, Conflict::Replace, &l2, &Job::default()).unwrap();
        }
        let all = vectors(editor.segments());
        assert_eq!((all.len() as u64, editor.segments().row_id_twice()), (editor.segments().len(), None));
        all.into_keys().collect::<Vec<_>>()
    };
    // None is left.
    let path = dir.path().join("gone.vindex");
    create(&path, Publish::New, &rows(4), RowIds::Ordinal, &l2, &Job::default()).unwrap();
    let mut editor = edit(&path);
    editor.delete(&(0..4).collect()).unwrap();
    editor.compact(&BuildOptions::default(), &Job::default()).unwrap();
    assert_eq!(grown(&mut editor), [4i64, 5, 6, 7, 8]);
    // What is made of them anew, in their definition's place.
    editor.delete(&[7, 8].into_iter().collect()).unwrap();
    drop(editor);
    let (left, ids) = (vec![vec![0.0], vec![1.0]], RowIds::Ordinals(vec![4, 5]));
    create(&path, Publish::Replace, &left, ids, &l2, &Job::default()).unwrap();
    assert_eq!(grown(&mut edit(&path)), [4i64, 5, 9, 10, 11, 12, 13]);
    create(&path, Publish::Replace, &rows(1), RowIds::Ordinal, &l2, &Job::default()).unwrap();
    assert_eq!(grown(&mut edit(&path)), [0i64, 1, 2, 3, 4, 5]);
    // A file whose positions have gaps, without the definition that knew how far they went.
    let file = dir.path().join("alone.vdata");
    std::fs::write(&file, built(&rows(3), RowIds::Ordinals(vec![1, 7, 5]), &l2).0).unwrap();
    assert_eq!(grown(&mut edit(&file)), [1, 5, 7, 8, 9, 10, 11, 12]);
}

#[test]
fn an_id_that_two_files_give_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.vindex");
    let data: Vec<Vec<f32>> = (0..3).map(|i| vec![i as f32]).collect();
    create(&path, Publish::New, &data, keys(&[7, 3, 9]), &options(Metric::L2), &Job::default()).unwrap();
    let set = Segments::open(&path).unwrap();
    assert_eq!(set.row_id_twice(), None);
    let mut definition = set.definition().unwrap().clone();
    let again = definition.segments[0].clone();
    definition.segments.push(again);
    assert_eq!(Segments::from_definition(&path, definition).unwrap().row_id_twice(), Some(3));
}

#[test]
fn of_rows_that_are_equally_far_any_counts_as_found() {
    for metric in [Metric::L2, Metric::Ip] {
        let (bytes, _) = built(&vec![vec![1.0f32, 1.0]; 1500], RowIds::Ordinal, &options(metric));
        let set = Segments::from_bytes(Path::new("x.vdata"), bytes.into()).unwrap();
        let truth = crate::tune::Truth::sample(&set, 20, 10).unwrap();
        // A walk ends among others than those of the lowest ids, which the exact answer has.
        let point = truth.measure(&set, 10, Duration::ZERO).unwrap();
        assert_eq!(point.recall, 1.0, "{metric}");
    }
}

#[test]
fn what_clarium_wrote_is_refused_with_what_to_do() {
    let open = |bytes: &[u8]| Segments::from_bytes(Path::new("old"), bytes.to_vec().into()).unwrap_err();
    for old in [&b"FCDV\x01\0\0\0"[..], br#"{"name":"i","table":"t","metric":"l2"}"#] {
        let e = open(old);
        assert!(e.kind() == Kind::Unsupported && e.get_hint().is_some_and(|h| h.contains("vindex convert")), "{e}");
    }
    assert_ne!(open(b"{\"a\":1}").kind(), Kind::Unsupported);
}

#[test]
fn one_writer_at_a_time_and_damage_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.vindex");
    let data = Numbers::new(42).clustered(50, 4, 3);
    create(&path, Publish::New, &data, RowIds::Ordinal, &options(Metric::Ip), &Job::default()).unwrap();
    let again = create(&path, Publish::New, &data, RowIds::Ordinal, &options(Metric::Ip), &Job::default());
    assert_eq!(again.unwrap_err().kind(), Kind::Exists);
    let mut editor = edit(&path);
    assert_eq!(Editor::open(&path, Duration::ZERO).unwrap_err().kind(), Kind::Locked);
    editor.delete(&[3, 4].into_iter().collect()).unwrap();
    drop(editor);
    let bytes = std::fs::read(&path).unwrap();
    let definition = Definition::decode(&bytes).unwrap();
    for segment in &definition.segments {
        let file = dir.path().join(&segment.path);
        let good = std::fs::read(&file).unwrap();
        std::fs::write(&file, &good[..good.len() - 1]).unwrap();
        assert_eq!(Segments::open(&path).unwrap_err().kind(), Kind::Corrupt);
        std::fs::remove_file(&file).unwrap();
        assert_eq!(Segments::open(&path).unwrap_err().kind(), Kind::Io);
        std::fs::write(&file, &good).unwrap();
    }
    assert_eq!(Segments::open(&path).unwrap().len(), 48);
    assert!(Editor::open(&dir.path().join("none.vindex"), Duration::ZERO).is_err());
    assert!(!dir.path().join("none.vindex.lock").exists());
}

#[test]
fn indexes_are_combined() {
    let dir = tempfile::tempdir().unwrap();
    let mut numbers = Numbers::new(43);
    let data = numbers.clustered(90, 6, 4);
    let save = |name: &str, rows: &[Vec<f32>], ids: RowIds, opts: &BuildOptions| {
        let path = dir.path().join(name);
        std::fs::write(&path, built(&rows.to_vec(), ids, opts).0).unwrap();
        Segments::open(&path).unwrap()
    };
    let l2 = options(Metric::L2);
    let some: Vec<i64> = (0..60).collect();
    let others: Vec<i64> = (30..90).collect();
    let changed: Vec<Vec<f32>> = data[30..90].iter().map(|v| v.iter().map(|x| x + 1.0).collect()).collect();
    let sets = [save("a.vdata", &data[..60], keys(&some), &l2), save("b.vdata", &changed, keys(&others), &l2)];
    let mut out = Cursor::new(Vec::new());
    let (report, replaced) = combine(&sets, &l2, &Job::default(), &mut out).unwrap();
    assert_eq!((report.rows, replaced), (90, 30));
    let path = dir.path().join("c.vdata");
    std::fs::write(&path, out.into_inner()).unwrap();
    let mut model: Model = some.iter().copied().zip(data[..60].to_vec()).collect();
    model.extend(others.iter().copied().zip(changed));
    agree(&Segments::open(&path).unwrap(), &model, &numbers.clustered(4, 6, 4));
    let other = save("d.vdata", &data, keys(&(0..90).collect::<Vec<_>>()), &options(Metric::Ip));
    let [a, _] = sets;
    let e = combine(&[a, other], &l2, &Job::default(), Cursor::new(Vec::new())).unwrap_err();
    assert_eq!(e.kind(), Kind::Usage);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever is added, deleted and folded in whatever order: the index answers as a map of its rows does.
    #[test]
    fn any_history_answers_as_its_model(
        steps in prop::collection::vec((0u8..6, prop::collection::vec((-6i64..7, -3i8..4, -3i8..4), 1..8)), 1..10),
        metric in 0usize..3,
        compact in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.vindex");
        let codes = if compact { CodeKind::None } else { CodeKind::Eight };
        let engine = if compact { crate::Engine::Flat } else { crate::Engine::Graph };
        let opts = BuildOptions { codes, engine, dim: Some(2), ..options(METRICS[metric]) };
        create(&path, Publish::New, &Vec::<Vec<f32>>::new(), RowIds::PrimaryKey(vec![]), &opts, &Job::default()).unwrap();
        let mut model = Model::new();
        let mut editor = edit(&path);
        for (step, rows) in steps {
            match step {
                0 => {
                    let ids: IdSet = rows.iter().map(|r| r.0 as u64).collect();
                    let r = editor.delete(&ids).unwrap();
                    let before = model.len();
                    ids.iter().for_each(|id| drop(model.remove(&(id as i64))));
                    prop_assert_eq!(r.deleted, (before - model.len()) as u64);
                }
                1 => drop(editor.compact(&opts, &Job::default()).unwrap()),
                _ => {
                    let rows: Model = rows.into_iter().map(|(k, a, b)| (k, vec![f32::from(a), f32::from(b)])).collect();
                    let (ids, vectors): (Vec<i64>, Vec<Vec<f32>>) = rows.clone().into_iter().unzip();
                    editor.add(&vectors, keys(&ids), Conflict::Replace, &opts, &Job::default()).unwrap();
                    model.extend(rows);
                }
            }
            agree(&Segments::open(&path).unwrap(), &model, &[vec![1.0, -2.0]]);
        }
    }
}

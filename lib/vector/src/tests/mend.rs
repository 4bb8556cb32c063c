//! Indexes of several files, some of them damaged: what is saved, and that no row is which a deny list hides.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use qx_formats::vdata::View;
use qx_formats::vdata::layout::{KIND_CODES, KIND_MEAN, KIND_ROW_IDS, KIND_VECTORS};
use qx_formats::{Kind, Result};
use qx_io::Publish;

use super::*;
use crate::definition::Definition;
use crate::set::{Conflict, Editor, RepairOptions, SetRepairReport, create, repair};

fn keys(ids: Range<u64>) -> RowIds {
    RowIds::PrimaryKey(ids.collect())
}

/// Rows 0 to 599, of which 20 are deleted; then 500 to 699, of which 100 take the place of older ones. Its segments are
/// a file, a deny list, a deny list, and a file.
fn grown(metric: Metric) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.vindex");
    let data = Numbers::new(61).clustered(600, 12, 5);
    create(&path, Publish::New, &data, keys(0..600), &options(metric), &Job::default()).unwrap();
    let mut editor = Editor::open(&path, Duration::ZERO).unwrap();
    editor.delete(&(0..20).collect()).unwrap();
    let moved: Vec<Vec<f32>> = data[400..].iter().map(|v| v.iter().map(|x| x * 0.5).collect()).collect();
    editor.add(&moved, keys(500..700), Conflict::Replace, &BuildOptions::default(), &Job::default()).unwrap();
    (dir, path)
}

fn mend(path: &Path, without_deny: bool) -> Result<(Vec<u8>, SetRepairReport)> {
    let definition = Definition::decode(&fs::read(path).unwrap()).unwrap();
    let opts = RepairOptions { known: crate::repair::known(), threads: Some(2), without_deny };
    let mut out = Cursor::new(Vec::new());
    let report = repair(path, &definition, &opts, &Job::default(), &mut out)?;
    Ok((out.into_inner(), report))
}

fn segment(path: &Path, at: usize) -> PathBuf {
    let definition = Definition::decode(&fs::read(path).unwrap()).unwrap();
    path.with_file_name(&definition.segments[at].path)
}

/// Damages the first page of these sections.
fn spoil(file: &Path, kinds: &[u32]) {
    let mut bytes = fs::read(file).unwrap();
    let view = View::open(&bytes).unwrap();
    for &kind in kinds {
        bytes[view.container.find(kind).unwrap().range.start] ^= 1;
    }
    fs::write(file, bytes).unwrap();
}

fn ids(mended: &[u8]) -> Vec<u64> {
    assert_eq!(crate::verify(mended, true), []);
    let index = Index::open(mended).unwrap();
    (0..index.len() as u32).map(|row| index.row_id(row).unwrap()).collect()
}

#[test]
fn a_wrong_bit_of_the_mean_costs_a_compact_file_nothing() {
    // The second mean is of two pages, and the bit in the second of them.
    for (dim, at) in [(12, 5), (1100, 4397)] {
        let data = Numbers::new(62).clustered(60, dim, 5);
        for metric in METRICS {
            let (good, _) =
                built(&data, RowIds::Ordinal, &BuildOptions { codes: crate::CodeKind::Only, ..options(metric) });
            let mean = View::open(&good).unwrap().container.find(KIND_MEAN).unwrap().range.clone();
            let mend = |bytes: &[u8]| {
                let mut out = Cursor::new(Vec::new());
                let report = crate::repair::repair(bytes, Some(2), &Job::default(), &mut out).unwrap();
                (out.into_inner(), report)
            };
            let mut bad = good.clone();
            bad[mean.start + at] ^= 0x10;
            let (mended, r) = mend(&bad);
            assert!(mended == good && r.lost == 0 && r.front.len() == 1, "{metric} {dim}: {r:?}");
            bad[mean.start] ^= 0xFF;
            let (_, r) = mend(&bad);
            assert_eq!((r.saved, r.lost, r.front.len()), (0, 60, 0), "{metric} {dim}");
        }
    }
}

#[test]
fn a_whole_index_becomes_what_compact_makes_of_it() {
    for metric in METRICS {
        let (_dir, path) = grown(metric);
        let (mended, r) = mend(&path, false).unwrap();
        assert_eq!((r.rows, r.saved, r.hidden, r.replaced), (800, 680, 120, 0), "{metric}");
        assert_eq!((r.lost, r.from_codes, r.not_hidden), (0, 0, 0), "{metric}");
        let mut editor = Editor::open(&path, Duration::ZERO).unwrap();
        editor.compact(&BuildOptions::default(), &Job::default()).unwrap();
        assert!(fs::read(segment(&path, 0)).unwrap() == mended, "{metric}");
    }
}

#[test]
fn damage_in_a_file_costs_its_rows_and_brings_none_back() {
    let (_dir, path) = grown(Metric::L2);
    let (whole, _) = mend(&path, false).unwrap();
    let (old, new) = (segment(&path, 0), segment(&path, 3));
    let good = [fs::read(&old).unwrap(), fs::read(&new).unwrap()];
    // What stands elsewhere as well costs nothing.
    for bad in [[&good[0][..], b"more"].concat(), [&[0; 128][..], &good[0][128..]].concat()] {
        fs::write(&old, bad).unwrap();
        let (mended, r) = mend(&path, false).unwrap();
        assert!(mended == whole && r.lost == 0, "{r:?}");
    }
    assert!(!mend(&path, false).unwrap().1.segments[0].front.is_empty());
    fs::write(&old, &good[0]).unwrap();
    spoil(&old, &[KIND_VECTORS]);
    let (mended, r) = mend(&path, false).unwrap();
    assert!((r.saved, r.lost, r.hidden) == (680, 0, 120) && r.from_codes > 0, "{r:?}");
    assert!(ids(&mended) == ids(&whole) && r.segments[0].damaged_pages == [("VECS".to_owned(), 1)], "{r:?}");
    spoil(&old, &[KIND_CODES]);
    let (mended, r) = mend(&path, false).unwrap();
    assert!(r.lost > 0 && r.lost == r.segments[0].lost && r.saved + r.lost == 680 && r.hidden == 120, "{r:?}");
    assert!(r.lost_ids.iter().all(|id| id.parse::<u64>().unwrap() >= 20), "{r:?}");
    assert!(ids(&mended).iter().all(|&id| id >= 20));
    // The older form of a lost row is not the row.
    fs::write(&old, &good[0]).unwrap();
    spoil(&new, &[KIND_VECTORS, KIND_CODES]);
    let (mended, r) = mend(&path, false).unwrap();
    assert!(r.lost_ids[0] == "500" && r.saved + r.lost == 680, "{r:?}");
    assert!(!ids(&mended).contains(&500));
    // Nor where no deny list says so any more.
    fs::remove_file(segment(&path, 2)).unwrap();
    let (again, r) = mend(&path, true).unwrap();
    assert!(again == mended && (r.replaced, r.not_hidden) == (100, 100), "{r:?}");
}

#[test]
fn a_file_of_which_nothing_is_left_is_told_and_another_is_refused() {
    let (_dir, path) = grown(Metric::Cosine);
    let (old, new) = (segment(&path, 0), segment(&path, 3));
    let other = fs::read(&new).unwrap();
    fs::write(&old, &other).unwrap();
    let e = mend(&path, false).unwrap_err();
    assert_eq!((e.kind(), e.get_path()), (Kind::Invalid, Some(old.as_path())));
    fs::write(&old, vec![0u8; 5000]).unwrap();
    let (_, zeros) = mend(&path, false).unwrap();
    fs::remove_file(&old).unwrap();
    let (mended, gone) = mend(&path, false).unwrap();
    for r in [zeros, gone] {
        assert_eq!((r.rows, r.saved, r.lost, r.hidden), (800, 200, 600, 0));
        assert!(r.segments[0].error.is_some() && r.segments[3].error.is_none(), "{r:?}");
    }
    assert_eq!(ids(&mended), (500..700).collect::<Vec<u64>>());
    fs::remove_file(&new).unwrap();
    assert_eq!(mend(&path, false).unwrap_err().kind(), Kind::Corrupt);
}

#[test]
fn a_damaged_deny_list_brings_rows_back_only_where_that_was_said() {
    let (_dir, path) = grown(Metric::L2);
    let (whole, _) = mend(&path, false).unwrap();
    for (at, named) in [(1, 20), (2, 100)] {
        let file = segment(&path, at);
        let good = fs::read(&file).unwrap();
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        for left in [Some(bad), None] {
            match &left {
                Some(bad) => fs::write(&file, bad).unwrap(),
                None => fs::remove_file(&file).unwrap(),
            }
            let e = mend(&path, false).unwrap_err();
            assert_eq!((e.kind() == Kind::Corrupt, e.get_path()), (left.is_some(), Some(file.as_path())));
            assert!(e.get_hint().is_some_and(|h| h.contains("--without-deny")), "{e}");
            let (mended, r) = mend(&path, true).unwrap();
            assert!(r.not_hidden == named && r.segments[at].error.is_some() && r.lost == 0, "{r:?}");
            // A later file says as much as the list of what it replaced.
            assert_eq!(mended == whole, at == 2);
            assert_eq!(ids(&mended).contains(&0), at == 1);
            assert_eq!((r.saved, r.replaced), if at == 1 { (700, 0) } else { (680, 100) });
        }
        fs::write(&file, good).unwrap();
    }
}

#[test]
fn of_a_file_that_is_cut_off_every_id_is_known_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.vindex");
    let data = Numbers::new(62).clustered(1500, 4, 5);
    create(&path, Publish::New, &data, keys(0..1500), &options(Metric::L2), &Job::default()).unwrap();
    let mut editor = Editor::open(&path, Duration::ZERO).unwrap();
    let moved = data[100..].to_vec();
    editor.add(&moved, keys(100..1500), Conflict::Replace, &BuildOptions::default(), &Job::default()).unwrap();
    let (deny, new) = (segment(&path, 1), segment(&path, 2));
    let bytes = fs::read(&new).unwrap();
    let end = View::open(&bytes).unwrap().container.find(KIND_ROW_IDS).unwrap().range.end;
    fs::write(&new, &bytes[..end]).unwrap();
    fs::remove_file(deny).unwrap();
    // Not one of the older rows, though nothing but these ids says that they are.
    let (mended, r) = mend(&path, true).unwrap();
    assert_eq!((r.saved, r.replaced, r.lost), (100, 1400, 1400));
    assert_eq!(ids(&mended), (0..100).collect::<Vec<u64>>());
}

//! Changes of a table, taken in and folded, against a map of what the table holds.

use std::collections::BTreeMap;

use qx_io::{Job, Publish};

use crate::set::{Changes, Editor, Segments, SetOptions, create_with};
use crate::{BuildOptions, DimPolicy, Engine, IdSet, Metric, RowIds};

struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn contents(set: &Segments) -> BTreeMap<u64, Vec<f32>> {
    let mut all = BTreeMap::new();
    set.for_each(|part, row| {
        let id = set.parts()[part as usize].index.row_id(row).unwrap();
        assert!(all.insert(id, set.vector(part, row).unwrap()).is_none(), "{id} stands twice");
        Ok(())
    })
    .unwrap();
    all
}

#[test]
fn numbers_that_rows_keep_for_life_are_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("i.vindex");
    let opts = BuildOptions { metric: Metric::L2, dim: Some(1), m: 4, ..BuildOptions::default() };
    let ids = |ids: &[u64]| RowIds::Ordinals(ids.to_vec());
    let first = vec![vec![1.0], vec![2.0]];
    create_with(&path, Publish::Replace, &first, ids(&[65_536, 65_537]), &opts, &Job::default(), |_| ()).unwrap();
    let mut editor = Editor::open(&path, std::time::Duration::ZERO).unwrap();
    let mut apply = |gone: &[u64], rows: Vec<Vec<f32>>, new: &[u64]| {
        let gone: IdSet = gone.iter().copied().collect();
        let changes = Changes { gone: &gone, source: &rows, ids: ids(new), engine: None };
        editor.apply(changes, &opts, &Job::default(), |_| ()).unwrap();
    };
    // One is new, one changed, one is gone; then one of a load, whose numbers are negative.
    apply(&[65_536], vec![vec![3.0], vec![20.0]], &[131_072, 65_537]);
    apply(&[131_072], vec![vec![4.0]], &[(i64::MIN + 7) as u64]);
    let want = BTreeMap::from([(65_537, vec![20.0]), ((i64::MIN + 7) as u64, vec![4.0])]);
    assert_eq!(contents(&Segments::open(&path).unwrap()), want);
}

#[test]
fn whatever_changes_and_is_folded_the_index_holds_the_table() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("i.vindex");
    let opts = BuildOptions { metric: Metric::L2, dim: Some(2), m: 4, ..BuildOptions::default() };
    let skip = BuildOptions { dim_policy: DimPolicy::Skip, ..BuildOptions::default() };
    for (seed, engine) in [(1, None), (2, Some(Engine::Flat))] {
        let mut dice = Dice(seed);
        let mut table: BTreeMap<u64, Vec<f32>> = (0..40).map(|id| (id, vec![id as f32, 1.0])).collect();
        let rows: Vec<Vec<f32>> = table.values().cloned().collect();
        let ids = RowIds::PrimaryKey(table.keys().copied().collect());
        create_with(&path, Publish::Replace, &rows, ids, &opts, &Job::default(), |d| d.covered_lsn = 1).unwrap();
        let mut most = 0;
        for step in 2..80u64 {
            let (mut gone, mut new) = (Vec::new(), BTreeMap::new());
            for _ in 0..dice.next(4) {
                let id = dice.next(60);
                table.remove(&id);
                new.remove(&id);
                gone.push(id);
            }
            for _ in 0..dice.next(4) {
                let (id, x) = (dice.next(60), dice.next(100) as f32);
                // Some rows have no vector any more, and some one that does not fit.
                let v = [vec![x, 2.0], vec![x], vec![]][[0, 0, 0, 0, 1, 2][dice.next(6) as usize]].clone();
                if v.len() == 2 {
                    table.insert(id, v.clone())
                } else {
                    table.remove(&id)
                };
                gone.push(id);
                new.insert(id, v);
            }
            let source: Vec<Vec<f32>> = new.values().cloned().collect();
            let ids = RowIds::PrimaryKey(new.keys().copied().collect());
            let gone: IdSet = gone.into_iter().collect();
            let mut editor = Editor::open(&path, std::time::Duration::ZERO).unwrap();
            let changes = Changes { gone: &gone, source: &source, ids, engine };
            editor.apply(changes, &skip, &Job::default(), |d| d.covered_lsn = step).unwrap();
            editor.fold_small(engine, &skip, &Job::default()).unwrap();
            drop(editor);
            let set = Segments::open(&path).unwrap();
            assert_eq!(contents(&set), table, "step {step} of seed {seed}");
            assert_eq!(set.definition().unwrap().covered_lsn, step);
            most = most.max(set.parts().len());
            let exact = SetOptions { exact: true, ..SetOptions::default() };
            let found = set.search(&[0.0, 0.0], 1000, &exact).unwrap();
            assert_eq!(found.hits.len(), table.len());
        }
        assert!(most <= 5, "{most} files");
        let first = Segments::open(&path).unwrap().parts()[0].index.engine();
        assert_eq!(first, Engine::Graph, "what was built stays");
    }
}

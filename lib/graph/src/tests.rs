//! The graph against a model that does everything the slow way, and a folder through builds, damage and kills.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use qx_formats::Kind;
use qx_formats::container::Severity;
use qx_io::Job;
use qx_log::{Log, Numbering, Op as LogOp, Options, Transaction};

use super::*;

type Model = BTreeSet<(u64, u64, u32)>;

fn write(dir: &Path, nodes: u64, edges: &[(u64, u64, u32)], partitions: u32) -> Report {
    let mut w = GraphWriter::create(dir, &GraphOptions { partitions, ..GraphOptions::default() }).unwrap();
    for id in 0..nodes {
        w.add_node(b"N", format!("n{id}").as_bytes(), Some(id)).unwrap();
    }
    edges.iter().for_each(|&(s, d, t)| w.add_edge(s, d, t));
    w.finish(&Job::default()).unwrap()
}

fn step(edges: &Model, node: u64, direction: Direction, etype: Option<u32>) -> BTreeSet<u64> {
    let typed = edges.iter().filter(|e| etype.is_none_or(|t| t == e.2));
    let out = |&&(s, d, _): &&(u64, u64, u32)| (s == node && direction != Direction::In).then_some(d);
    let inn = |&&(s, d, _): &&(u64, u64, u32)| (d == node && direction != Direction::Out).then_some(s);
    typed.flat_map(|e| [out(&e), inn(&e)]).flatten().collect()
}

fn slow_neighbors(edges: &Model, starts: &[u64], walk: &Walk) -> Vec<Hop> {
    let mut seen: BTreeSet<u64> = starts.iter().copied().collect();
    let mut frontier = seen.clone();
    let mut found = Vec::new();
    for hop in 1..=walk.max_hops {
        let mut level = BTreeMap::new();
        for &prev in &frontier {
            for node in step(edges, prev, walk.direction, walk.etype) {
                if !seen.contains(&node) {
                    level.entry(node).or_insert(prev);
                }
            }
        }
        if level.is_empty() {
            break;
        }
        seen.extend(level.keys());
        frontier = level.keys().copied().collect();
        found.extend(level.into_iter().map(|(node_id, prev_id)| Hop { node_id, prev_id, hop }));
    }
    found
}

/// Every path of the right length, the first in order of its ids.
fn slow_path(edges: &Model, src: u64, dst: u64, walk: &Walk) -> Option<Vec<u64>> {
    let mut paths = vec![vec![src]];
    for _ in 0..=walk.max_hops {
        if let Some(path) = paths.iter().filter(|p| p.last() == Some(&dst)).min() {
            return Some(path.clone());
        }
        let longer = paths.iter().flat_map(|p| {
            let next = step(edges, *p.last().unwrap(), walk.direction, walk.etype);
            next.into_iter().filter(|n| !p.contains(n)).map(|n| [p.as_slice(), &[n]].concat()).collect::<Vec<_>>()
        });
        // Two paths to one node: only the first can begin the first path through it.
        let mut best: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for path in longer {
            let slot = best.entry(*path.last().unwrap()).or_insert_with(|| path.clone());
            if path < *slot {
                *slot = path;
            }
        }
        paths = best.into_values().collect();
    }
    None
}

const NODES: u64 = 24;

#[derive(Debug, Clone)]
enum Op {
    Add(u64, u64, u32),
    Remove(u64, u64, u32),
    DeleteNode(u64),
}

fn edge() -> impl Strategy<Value = (u64, u64, u32)> {
    (0..NODES, 0..NODES, 1u32..3)
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => edge().prop_map(|(s, d, t)| Op::Add(s, d, t)),
        4 => edge().prop_map(|(s, d, t)| Op::Remove(s, d, t)),
        1 => (0..NODES).prop_map(Op::DeleteNode),
    ];
    proptest::collection::vec(op, 0..30)
}

fn walks() -> impl Strategy<Value = Walk> {
    let direction = prop_oneof![Just(Direction::Out), Just(Direction::In), Just(Direction::Both)];
    let etype = prop_oneof![Just(None), (1u32..4).prop_map(Some)];
    (direction, etype, prop_oneof![0u32..5, Just(u32::MAX)]).prop_map(|(direction, etype, max_hops)| Walk {
        direction,
        etype,
        max_hops,
        ..Walk::default()
    })
}

fn changed(graph: &mut Graph, model: &mut Model, ops: &[Op]) {
    let mut gone = BTreeSet::new();
    for (lsn, op) in ops.iter().enumerate() {
        match *op {
            Op::Add(s, d, t) => {
                graph.upsert_edge(lsn as u64, s, d, t, b"").unwrap();
                model.insert((s, d, t));
            }
            Op::Remove(s, d, t) => {
                graph.delete_edge(lsn as u64, s, d, t).unwrap();
                model.remove(&(s, d, t));
            }
            Op::DeleteNode(id) => {
                let was = graph.delete_node(lsn as u64 + 1, b"N", format!("n{id}").as_bytes()).unwrap();
                assert_eq!(was, gone.insert(id).then_some(id));
            }
        }
    }
    model.retain(|(s, d, _)| !gone.contains(s) && !gone.contains(d));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn searches_agree_with_the_model(
        edges in proptest::collection::vec(edge(), 0..60), ops in ops(), walk in walks(), partitions in 1u32..4,
        starts in proptest::collection::vec(0..NODES + 2, 1..3),
    ) {
        let dir = tempfile::tempdir().unwrap();
        write(dir.path(), NODES, &edges, partitions);
        prop_assert_eq!(verify(dir.path(), &Job::default()).unwrap(), []);
        let mut graph = Graph::open(dir.path()).unwrap();
        let mut model: Model = edges.iter().copied().collect();
        changed(&mut graph, &mut model, &ops);

        prop_assert_eq!(graph.neighbors(&starts, &walk).unwrap(), slow_neighbors(&model, &starts, &walk));
        let (src, dst) = (starts[0], starts[starts.len() - 1]);
        let bounded = Walk { max_hops: walk.max_hops.min(NODES as u32), ..walk.clone() };
        prop_assert_eq!(graph.shortest_path(src, dst, &walk).unwrap(), slow_path(&model, src, dst, &bounded));
        let all = Walk { max_hops: u32::MAX, ..walk.clone() };
        let one = Walk { max_hops: 1, ..walk.clone() };
        for (bound, found) in [(&walk, graph.reach(&walk).unwrap()), (&all, graph.reach(&all).unwrap())] {
            prop_assert_eq!(found.iter().map(|r| r.node_id).collect::<Vec<_>>(), graph.ids().unwrap());
            for r in found {
                prop_assert_eq!(r.reachable, slow_neighbors(&model, &[r.node_id], bound).len() as u64);
                prop_assert_eq!(r.direct, slow_neighbors(&model, &[r.node_id], &one).len() as u64);
                prop_assert_eq!(graph.reach_count(r.node_id, bound).unwrap(), r.reachable);
            }
        }
        let nodes = graph.nodes().unwrap();
        prop_assert!(nodes.iter().map(|n| n.0).eq(graph.ids().unwrap()));
        for (id, name) in nodes {
            prop_assert_eq!(graph.node(id).unwrap(), Some(name));
        }
        for id in 0..NODES {
            let names: BTreeSet<u64> = graph.edges_of(id, walk.direction, walk.etype).unwrap().iter().map(|e| e.node).collect();
            prop_assert_eq!(names, step(&model, id, walk.direction, walk.etype));
        }
    }

    #[test]
    fn the_later_lsn_wins_in_any_order(ops in ops(), seed in any::<u64>()) {
        let edge_ops: Vec<_> = ops.iter().enumerate().filter(|(_, op)| !matches!(op, Op::DeleteNode(_))).collect();
        let mut shuffled = edge_ops.clone();
        let mut state = seed | 1;
        for i in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            shuffled.swap(i, (state >> 33) as usize % (i + 1));
        }
        let index = |ops: &[(usize, &Op)]| {
            let mut index = PartitionDeltaIndex::default();
            for &(lsn, op) in ops {
                match *op {
                    Op::Add(s, d, t) => index.add(lsn as u64, s, d, t, b"{}"),
                    Op::Remove(s, d, t) => index.remove(lsn as u64, s, d, t),
                    Op::DeleteNode(_) => {}
                }
            }
            index
        };
        let (a, b) = (index(&edge_ops), index(&shuffled));
        prop_assert_eq!((a.adds(), a.tombstones(), a.id_range()), (b.adds(), b.tombstones(), b.id_range()));
        for id in 0..NODES {
            prop_assert!(a.out(id).eq(b.out(id)));
            prop_assert!(a.inn(id).eq(b.inn(id)));
        }
        let names: BTreeSet<_> = edge_ops.iter().map(|(_, op)| match **op {
            Op::Add(s, d, t) | Op::Remove(s, d, t) => (s, d, t),
            Op::DeleteNode(_) => unreachable!(),
        }).collect();
        prop_assert_eq!(a.adds() + a.tombstones(), names.len() as u64);
    }

    #[test]
    fn long_cycles_and_chains_do_not_recurse(len in 1u64..3000, back in any::<bool>()) {
        let dir = tempfile::tempdir().unwrap();
        let mut edges: Vec<_> = (1..len).map(|i| (i - 1, i, 1)).collect();
        if back {
            edges.push((len - 1, 0, 1));
        }
        write(dir.path(), len, &edges, 1);
        let graph = Graph::open(dir.path()).unwrap();
        for (id, count) in graph.reach_counts(&Walk::default()).unwrap() {
            prop_assert_eq!(count, if back { len - 1 } else { len - 1 - id });
        }
    }
}

#[test]
fn names_resolve_by_key_then_by_label_and_key() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = GraphWriter::create(dir.path(), &GraphOptions::default()).unwrap();
    let gcc = w.add_node(b"Package", b"gcc", None).unwrap();
    let tool = w.add_node(b"Tool", b"gcc", None).unwrap();
    let arch = w.add_node(b"Package", b"libc6:amd64", None).unwrap();
    let odd = w.add_node(b"a:b", b"c", None).unwrap();
    w.finish(&Job::default()).unwrap();
    let mut g = Graph::open(dir.path()).unwrap();
    assert_eq!(g.resolve("gcc").unwrap(), Some(gcc));
    assert_eq!(g.resolve("Tool:gcc").unwrap(), Some(tool));
    assert_eq!(g.resolve("libc6:amd64").unwrap(), Some(arch));
    assert_eq!(g.resolve("Package:libc6:amd64").unwrap(), Some(arch));
    assert_eq!(g.resolve("a:b:c").unwrap(), Some(odd));
    assert_eq!(g.resolve("Tool:").unwrap(), None);
    assert_eq!(g.resolve("").unwrap(), None);
    assert_eq!(g.resolve_all("gcc").unwrap(), [gcc, tool]);
    assert_eq!(g.resolve_all("Tool:gcc").unwrap(), [tool]);
    assert!(g.resolve_all("nobody").unwrap().is_empty());
    let name = g.node(tool).unwrap().unwrap();
    assert_eq!((&name.label[..], &name.key[..]), (&b"Tool"[..], &b"gcc"[..]));

    assert_eq!(g.delete_node(1, b"Package", b"gcc").unwrap(), Some(gcc));
    assert_eq!(g.resolve("gcc").unwrap(), Some(tool));
    assert_eq!(g.node(gcc).unwrap(), None);
    let again = g.upsert_node(2, b"Package", b"gcc", None).unwrap();
    assert!(again > odd, "an id is never used again");
    assert_eq!(g.resolve("gcc").unwrap(), Some(tool));
    assert_eq!(g.upsert_node(2, b"Package", b"gcc", None).unwrap(), again);
    // A later pair takes the id, and the earlier one has none any more.
    assert_eq!(g.upsert_node(3, b"New", b"x", Some(tool)).unwrap(), tool);
    assert_eq!(g.id_of(b"Tool", b"gcc").unwrap(), None);
    assert_eq!(g.resolve("gcc").unwrap(), Some(again));
    assert_eq!(g.resolve_all("gcc").unwrap(), [again]);
    assert_eq!(g.upsert_node(4, b"Tool", b"gcc", None).unwrap(), again + 1);
    assert_eq!(g.resolve_all("gcc").unwrap(), [again, again + 1]);
}

#[test]
fn properties_come_from_the_segment_until_the_delta_replaces_them() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = GraphWriter::create(dir.path(), &GraphOptions::default()).unwrap();
    for key in [b"a", b"b"] {
        w.add_node(b"N", key, None).unwrap();
    }
    let (a, b) = (w.node_id(b"N", b"a").unwrap(), w.node_id(b"N", b"b").unwrap());
    w.add_edge_with(a, b, 1, br#"{"cost":1}"#).unwrap();
    w.add_edge(a, b, 2);
    w.finish(&Job::default()).unwrap();
    let mut g = Graph::open(dir.path()).unwrap();
    let props = |g: &Graph| -> Vec<(u32, Vec<u8>)> {
        g.out_edges_with_props(a).unwrap().into_iter().map(|(e, p)| (e.etype, p)).collect()
    };
    assert_eq!(props(&g), [(1, br#"{"cost":1}"#.to_vec()), (2, vec![])]);
    g.upsert_edge(5, a, b, 1, br#"{"cost":9}"#).unwrap();
    g.delete_edge(6, a, b, 2).unwrap();
    assert_eq!(props(&g), [(1, br#"{"cost":9}"#.to_vec())]);
    assert_eq!(g.delta_counts(), (1, 1));
}

fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for sub in ["", "nodes", "edges"] {
        for entry in fs::read_dir(dir.join(sub)).unwrap().flatten() {
            if entry.path().is_file() {
                let name = format!("{sub}/{}", entry.file_name().into_string().unwrap());
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

#[test]
fn the_same_input_gives_the_same_folder_and_a_second_build_changes_nothing() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let edges = [(1, 2, 1), (2, 3, 1), (3, 1, 2), (1, 2, 1)];
    let reversed: Vec<_> = edges.iter().rev().copied().collect();
    let first = write(one.path(), 5, &edges, 2);
    write(two.path(), 5, &reversed, 2);
    assert_eq!(tree(one.path()), tree(two.path()));
    assert_eq!((first.generation, first.edges, first.nodes, first.unchanged), (1, 4, 5, false));
    let again = write(one.path(), 5, &edges, 2);
    assert_eq!((again.generation, again.unchanged), (1, true));
    assert_eq!(tree(one.path()), tree(two.path()));
}

#[test]
fn a_new_generation_keeps_the_one_before_and_removes_what_is_older() {
    let dir = tempfile::tempdir().unwrap();
    for n in 2..6 {
        write(dir.path(), n, &[(0, n - 1, 1)], 1);
    }
    let report = write(dir.path(), 9, &[(0, 8, 1)], 1);
    assert_eq!(report.generation, 5);
    let names: Vec<_> = tree(dir.path()).into_keys().collect();
    assert_eq!(names.len(), 2 + 2 * 2, "{names:?}");
    assert!(verify(dir.path(), &Job::default()).unwrap().is_empty());
}

#[test]
fn what_a_killed_build_left_is_told_and_then_removed() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 3, &[(0, 1, 1)], 1);
    fs::write(dir.path().join("edges/adj.P000.staged"), b"half").unwrap();
    fs::write(dir.path().join("nodes/dict-0000.seg"), b"half").unwrap();
    let found = verify(dir.path(), &Job::default()).unwrap();
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|f| f.severity == Severity::Note && f.id == "graph.stranger"));
    write(dir.path(), 3, &[(0, 1, 1)], 1);
    assert!(verify(dir.path(), &Job::default()).unwrap().is_empty());
}

#[test]
fn an_edge_to_nowhere_is_refused_and_the_graph_stays_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 3, &[(0, 1, 1)], 1);
    let mut w = GraphWriter::create(dir.path(), &GraphOptions::default()).unwrap();
    w.add_node(b"N", b"x", Some(1)).unwrap();
    w.add_edge(1, 77, 1);
    let e = w.finish(&Job::default()).unwrap_err();
    assert_eq!((e.kind(), e.get_got()), (Kind::Invalid, Some("id 77")));
    let g = Graph::open(dir.path()).unwrap();
    assert_eq!(g.neighbors(&[0], &Walk::default()).unwrap().len(), 1);
}

#[test]
fn a_cancelled_build_publishes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut w = GraphWriter::create(dir.path(), &GraphOptions::default()).unwrap();
    w.add_node(b"N", b"x", None).unwrap();
    let job = Job::default();
    job.cancel.set();
    assert_eq!(w.finish(&job).unwrap_err().kind(), Kind::Cancelled);
    assert_eq!(Graph::open(dir.path()).unwrap_err().kind(), Kind::NotFound);
}

#[test]
fn every_flipped_byte_of_every_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), 4, &[(0, 1, 1), (1, 2, 2), (3, 3, 1)], 2);
    for (name, bytes) in tree(dir.path()) {
        let path = dir.path().join(name.trim_start_matches('/'));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x55;
            fs::write(&path, &bad).unwrap();
            let found = verify(dir.path(), &Job::default());
            assert!(found.is_err() || found.unwrap().iter().any(|f| f.severity == Severity::Error), "{name} byte {at}");
        }
        fs::write(&path, b"").unwrap();
        assert!(verify(dir.path(), &Job::default()).unwrap().iter().any(|f| f.severity == Severity::Error));
        fs::remove_file(&path).unwrap();
        let gone = verify(dir.path(), &Job::default());
        assert!(gone.is_err() || gone.unwrap().iter().any(|f| f.severity == Severity::Error), "{name} gone");
        fs::write(&path, &bytes).unwrap();
    }
    assert!(verify(dir.path(), &Job::default()).unwrap().is_empty());
}

fn edges_of(dir: &Path) -> Model {
    let mut all = Model::new();
    let put = |src, edge: Edge, _: &[u8]| {
        all.insert((src, edge.node, edge.etype));
        Ok(())
    };
    Graph::open(dir).unwrap().each_edge(put).unwrap();
    all
}

fn restore(dir: &Path, files: &BTreeMap<String, Vec<u8>>) {
    for (name, bytes) in files {
        fs::write(dir.join(name.trim_start_matches('/')), bytes).unwrap();
    }
}

#[test]
fn what_is_whole_of_a_damaged_graph_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let edges = [(0, 1, 1), (1, 2, 2), (2, 3, 1), (3, 4, 1), (4, 5, 1)];
    write(dir, 6, &edges, 2);
    let (files, m) = (tree(dir), GraphManifest::load(dir).unwrap().unwrap());
    let sound = || verify(dir, &Job::default()).unwrap().iter().all(|f| f.severity != Severity::Error);
    // A partition that is gone: the other one stays, and every node.
    fs::remove_file(dir.join(&m.adjacency[0].path)).unwrap();
    let dry = salvage(dir, true).unwrap();
    assert!(Graph::open(dir).is_err(), "a dry run changes nothing");
    assert_eq!(salvage(dir, false).unwrap(), dry);
    assert_eq!((dry.len(), dry[0].kept, dry[0].of, dry[0].nodes), (1, 0, m.adjacency[0].rows, false));
    assert_eq!(edges_of(dir).len() as u64, 5 - dry[0].of);
    assert!(sound() && Graph::open(dir).unwrap().nodes().unwrap().len() == 6);
    assert_eq!(salvage(dir, false).unwrap(), []);
    // Another segment in its place is none of it.
    restore(dir, &files);
    fs::copy(dir.join(&m.adjacency[1].path), dir.join(&m.adjacency[0].path)).unwrap();
    assert_eq!(salvage(dir, false).unwrap()[0].kept, 0);
    // Names that are gone take the edges along that they were at the ends of, and their ids.
    restore(dir, &files);
    fs::write(dir.join(&m.dicts[0].path), b"").unwrap();
    let done = salvage(dir, false).unwrap();
    assert_eq!(done.iter().map(|s| (s.nodes, s.kept)).collect::<Vec<_>>(), [(true, 0), (false, 0), (false, 0)]);
    let mut graph = Graph::open(dir).unwrap();
    assert!(sound() && graph.upsert_node(1, b"N", b"new", None).unwrap() == 6);
}

#[test]
fn a_flipped_byte_takes_no_edge_along_that_stands_in_the_other_direction() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let edges: Model = [(0, 1, 1), (1, 2, 2), (2, 3, 1), (3, 4, 1), (4, 5, 1)].into();
    write(dir, 6, &edges.iter().copied().collect::<Vec<_>>(), 1);
    let (files, m) = (tree(dir), GraphManifest::load(dir).unwrap().unwrap());
    let segment = &m.adjacency[0].path;
    let good = fs::read(dir.join(segment)).unwrap();
    let mut whole = 0;
    for at in (0..good.len()).step_by(3) {
        restore(dir, &files);
        let mut bad = good.clone();
        bad[at] ^= 0x11;
        fs::write(dir.join(segment), bad).unwrap();
        let done = salvage(dir, false).unwrap();
        assert_eq!(done.len(), 1, "byte {at}");
        let left = edges_of(dir);
        assert!(left.is_subset(&edges) && left.len() as u64 == done[0].kept, "byte {at}");
        whole += u32::from(left == edges);
        assert!(verify(dir, &Job::default()).unwrap().iter().all(|f| f.severity != Severity::Error), "byte {at}");
    }
    assert!(whole > 0);
}

#[test]
fn segments_that_do_not_fit_each_other_are_found() {
    let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    write(a.path(), 3, &[(0, 1, 1)], 1);
    write(b.path(), 9, &[(0, 8, 1)], 1);
    let mut m = GraphManifest::load(a.path()).unwrap().unwrap();
    let other = GraphManifest::load(b.path()).unwrap().unwrap();
    m.adjacency = other.adjacency.clone();
    let segment = &other.adjacency[0].path;
    fs::copy(b.path().join(segment), a.path().join(segment)).unwrap();
    fs::write(a.path().join(MANIFEST), m.encode().unwrap()).unwrap();
    let found = verify(a.path(), &Job::default()).unwrap();
    assert!(found.iter().any(|f| f.id == "graph.endpoint"), "{found:?}");
}

#[test]
fn a_folder_without_a_graph_is_not_found() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Graph::open(dir.path()).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(verify(dir.path(), &Job::default()).unwrap_err().kind(), Kind::NotFound);
    assert_eq!(verify(&dir.path().join("x"), &Job::default()).unwrap_err().kind(), Kind::Io);
}

#[test]
fn a_hub_of_the_size_of_a_package_index_is_counted_in_one_pass() {
    let dir = tempfile::tempdir().unwrap();
    let nodes = 20_000u64;
    let mut edges = Vec::new();
    for id in 1..nodes {
        edges.extend([1u64, 2, 3].map(|k| (id, id.wrapping_mul(2_654_435_761 * k) % id, 1)));
    }
    write(dir.path(), nodes, &edges, 1);
    let g = Graph::open(dir.path()).unwrap();
    let inward = Walk { direction: Direction::In, max_hops: u32::MAX, ..Walk::default() };
    let counts = g.reach_counts(&inward).unwrap();
    assert_eq!(counts[0], (0, nodes - 1));
    for (id, count) in counts.iter().step_by(997) {
        assert_eq!(g.reach_count(*id, &inward).unwrap(), *count);
    }
}

fn node_op(key: &str, id: Option<u64>) -> LogOp {
    LogOp::NodeUpsert { label: "N".into(), key: key.into(), id, props: vec![] }
}

fn edge_op(src: u64, dst: u64) -> LogOp {
    LogOp::EdgeUpsert { part: 0, src, dst, etype: 1, props: vec![] }
}

/// Writes the operations of one transaction behind a WAL that numbered them.
fn append(dir: &Path, partition: u32, txn: u64, ops: Vec<(u64, LogOp)>) {
    let options = Options { numbering: Numbering::Given, ..Options::default() };
    let (log, _) = Log::open(delta_dir(dir, partition), options).unwrap();
    let (first_lsn, commit_lsn) = (ops[0].0, ops.last().unwrap().0 + 1);
    let ops = ops.into_iter().enumerate().map(|(i, (lsn, op))| (lsn, i as u32, op)).collect();
    log.append(&Transaction { first_lsn, commit_lsn, txn, time_us: 1, watermark: 0, ops }).unwrap();
    log.close().unwrap();
}

#[test]
fn the_delta_logs_above_the_watermark_are_part_of_the_graph() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let mut w = GraphWriter::create(dir, &GraphOptions { partitions: 2, lsn: 10, graph: None }).unwrap();
    for id in 0..4 {
        w.add_node(b"N", format!("n{id}").as_bytes(), Some(id)).unwrap();
    }
    w.add_edge(0, 1, 1);
    w.finish(&Job::default()).unwrap();
    fs::create_dir_all(delta_dir(dir, 7)).unwrap();

    // Below the watermark: in the segments already, whatever the log says.
    append(dir, 0, 1, vec![(9, edge_op(0, 3)), (10, node_op("old", None))]);
    append(dir, 0, 2, vec![(20, node_op("x", None)), (21, edge_op(0, 4))]);
    append(dir, 1, 3, vec![(30, edge_op(1, 2)), (31, LogOp::EdgeDelete { part: 1, src: 0, dst: 1, etype: 1 })]);
    append(dir, 0, 4, vec![(40, LogOp::NodeDelete { label: "N".into(), key: "n2".into(), id: Some(77) })]);

    let mut g = Graph::open(dir).unwrap();
    assert_eq!(g.resolve("x").unwrap(), Some(4));
    assert_eq!(g.resolve("old").unwrap(), None);
    let ids = |g: &Graph, id| g.edges_of(id, Direction::Out, None).unwrap().iter().map(|e| e.node).collect::<Vec<_>>();
    assert_eq!((ids(&g, 0), ids(&g, 1)), (vec![4], vec![2]));
    assert_eq!(g.delta_counts(), (2, 1));
    assert!(verify(dir, &Job::default()).unwrap().is_empty());
    assert!(Graph::open_segments(dir).unwrap().edges_of(0, Direction::Out, None).unwrap().len() == 1);

    // The WAL repeats what the delta logs have, and goes on.
    for (lsn, op) in [(20, node_op("x", None)), (21, edge_op(0, 4)), (41, node_op("y", None)), (42, edge_op(1, 5))] {
        g.apply(lsn, &op).unwrap();
    }
    assert_eq!((g.resolve("x").unwrap(), g.resolve("y").unwrap(), ids(&g, 1)), (Some(4), Some(5), vec![2, 5]));

    append(dir, 1, 5, vec![(50, edge_op(1, 99))]);
    assert_eq!(verify(dir, &Job::default()).unwrap().iter().map(|f| f.id).collect::<Vec<_>>(), ["graph.endpoint"]);
}

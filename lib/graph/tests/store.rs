//! A graph through commits, copies into its delta logs, compactions and stops, against a model that keeps it in maps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use qx_formats::Kind;
use qx_formats::container::Severity;
use qx_graph::{
    Direction, EdgeChange, Graph, Home, Limits, NodeRef, TimeRange, Walk, compact, salvage_logs, verify, write_behind,
};
use qx_io::{Cancel, Job, Progress};
use qx_log::{Log, Op, Options};
use uuid::Uuid;

type EdgeName = (u64, u64, u32);

/// The graph as maps.
#[derive(Debug, Default, Clone, PartialEq)]
struct Model {
    nodes: BTreeMap<(String, String), u64>,
    edges: BTreeMap<EdgeName, Vec<u8>>,
}

impl Model {
    fn of(graph: &Graph) -> Model {
        let mut model = Model::default();
        for (id, name) in graph.nodes().unwrap() {
            let text = |b: &[u8]| String::from_utf8(b.to_vec()).unwrap();
            model.nodes.insert((text(&name.label), text(&name.key)), id);
        }
        graph
            .each_edge(|src, edge, props| {
                assert!(
                    model.edges.insert((src, edge.node, edge.etype), props.to_vec()).is_none(),
                    "an edge stands twice"
                );
                Ok(())
            })
            .unwrap();
        model
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::NodeUpsert { label, key, id, .. } => {
                let key = String::from_utf8(key.clone()).unwrap();
                self.nodes.insert((label.clone(), key), id.unwrap());
            }
            Op::NodeDelete { label, key, .. } => {
                let name = (label.clone(), String::from_utf8(key.clone()).unwrap());
                if let Some(id) = self.nodes.remove(&name) {
                    self.edges.retain(|(s, d, _), _| *s != id && *d != id);
                }
            }
            Op::EdgeUpsert { src, dst, etype, props, .. } => {
                self.edges.insert((*src, *dst, *etype), props.clone());
            }
            Op::EdgeDelete { src, dst, etype, .. } => drop(self.edges.remove(&(*src, *dst, *etype))),
            _ => {}
        }
    }

    fn costs(&self, walk: &Walk) -> Vec<(u64, u64, u64)> {
        let mut all = Vec::new();
        for ((s, d, t), props) in &self.edges {
            let value: serde_json::Value = serde_json::from_slice(props).unwrap_or_default();
            let time = value["time"].as_i64();
            let in_time = walk.time.is_none_or(|range| time.is_some_and(|t| range.holds(t)));
            if in_time && walk.etype.is_none_or(|e| e == *t) {
                let cost = value["cost"].as_u64().unwrap_or(1);
                if walk.direction != Direction::In {
                    all.push((*s, *d, cost));
                }
                if walk.direction != Direction::Out {
                    all.push((*d, *s, cost));
                }
            }
        }
        all
    }

    /// Cost and hops of the best path: over every number of hops, the cheapest way to get there with exactly so many.
    fn cheapest(&self, src: u64, dst: u64, walk: &Walk) -> Option<(u64, u32)> {
        let edges = self.costs(walk);
        let mut at: BTreeMap<u64, u64> = [(src, 0)].into();
        let mut best = None;
        for hops in 0..=walk.max_hops.min(24) {
            if let Some(&cost) = at.get(&dst)
                && best.is_none_or(|(c, _)| cost < c)
            {
                best = Some((cost, hops));
            }
            let mut next: BTreeMap<u64, u64> = BTreeMap::new();
            for (s, d, cost) in &edges {
                if let Some(have) = at.get(s) {
                    let cost = have + cost;
                    next.entry(*d).and_modify(|c| *c = cost.min(*c)).or_insert(cost);
                }
            }
            at = next;
        }
        best
    }

    fn hops(&self, src: u64, walk: &Walk) -> BTreeMap<u64, u32> {
        let edges = self.costs(walk);
        let mut seen: BTreeMap<u64, u32> = [(src, 0)].into();
        for hop in 1..=walk.max_hops.min(24) {
            let reached: BTreeSet<u64> =
                edges.iter().filter(|e| seen.get(&e.0) == Some(&(hop - 1))).map(|e| e.1).collect();
            for node in reached {
                seen.entry(node).or_insert(hop);
            }
        }
        seen.remove(&src);
        seen
    }
}

/// A database's WAL and a graph that is written through it.
struct Fixture {
    home: Home,
    other: Uuid,
    log: Log,
    graph: Graph,
    model: Model,
    reader: Graph,
}

impl Fixture {
    fn new(dir: &Path, partitions: u32) -> Fixture {
        let home = Home { dir: dir.join("g.graph"), wal: dir.join("wal"), graph: Uuid::from_u128(7), partitions };
        std::fs::create_dir_all(&home.wal).unwrap();
        let (log, _) = Log::open(&home.wal, Options::default()).unwrap();
        let graph = Graph::open_hot(&home).unwrap();
        let reader = Graph::open_hot(&home).unwrap();
        Fixture { home, other: Uuid::from_u128(8), log, graph, model: Model::default(), reader }
    }

    fn commit(&mut self, ops: Vec<Op>) {
        let mut all = vec![
            Op::KvPut { store: "s".into(), key: "k".into(), kind: 0, value: vec![], expires_at_us: None },
            Op::UseGraph { graph: self.other },
            Op::EdgeUpsert { part: 0, src: 1, dst: 99, etype: 9, props: vec![] },
            Op::UseGraph { graph: self.home.graph },
        ];
        ops.iter().for_each(|op| self.model.apply(op));
        all.extend(ops);
        self.log.commit(&all).unwrap();
        assert!(self.graph.refresh(&self.home).unwrap());
    }

    fn check(&mut self) {
        assert_eq!(Model::of(&self.graph), self.model);
        assert_eq!(Model::of(&Graph::open_hot(&self.home).unwrap()), self.model);
        if !self.reader.refresh(&self.home).unwrap() {
            self.reader = Graph::open_hot(&self.home).unwrap();
        }
        assert_eq!(Model::of(&self.reader), self.model);
        if self.home.dir.exists() {
            let found = verify(&self.home.dir, &Job::default()).unwrap();
            assert!(found.iter().all(|f| f.severity < Severity::Error), "{found:?}");
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Node(u8, Option<u64>),
    DropNode(u8),
    Edge(u8, u8, u32, Option<u32>, Option<u64>, Option<i64>),
    DropEdge(u8, u8, u32),
    Commit,
    Behind,
    Compact,
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0u8..10;
    let edge = (
        key(),
        key(),
        1u32..3,
        prop::option::weighted(0.2, 0u32..3),
        prop::option::of(0u64..5),
        prop::option::of(0i64..9),
    );
    let step = prop_oneof![
        6 => (key(), prop::option::weighted(0.1, 0u64..40)).prop_map(|(k, id)| Step::Node(k, id)),
        2 => key().prop_map(Step::DropNode),
        12 => edge.prop_map(|(s, d, t, part, cost, time)| Step::Edge(s, d, t, part, cost, time)),
        4 => (key(), key(), 1u32..3).prop_map(|(s, d, t)| Step::DropEdge(s, d, t)),
        5 => Just(Step::Commit),
        1 => Just(Step::Behind),
        1 => Just(Step::Compact),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 0..80)
}

fn node(key: u8) -> NodeRef {
    NodeRef::Name { label: format!("L{}", key % 2), key: format!("k{key}") }
}

fn props(cost: Option<u64>, time: Option<i64>) -> Vec<u8> {
    let mut object = serde_json::Map::new();
    cost.map(|c| object.insert("cost".into(), c.into()));
    time.map(|t| object.insert("time".into(), t.into()));
    if object.is_empty() { Vec::new() } else { serde_json::to_vec(&object).unwrap() }
}

/// The operation that a step asks for; `None` where it asks for nothing that can be.
fn op(graph: &Graph, step: &Step) -> Option<Op> {
    let edge = |s: u8, d: u8, etype, part, props| EdgeChange { src: node(s), dst: node(d), etype, part, props };
    match *step {
        Step::Node(k, id) => {
            graph.insert_node(&format!("L{}", k % 2), &format!("k{k}"), id, b"").ok().map(|(_, op)| op)
        }
        Step::DropNode(k) => graph.remove_node(&node(k)).unwrap(),
        Step::Edge(s, d, t, part, cost, time) => {
            let part = part.filter(|p| *p < graph.partitions());
            graph.insert_edge(&edge(s, d, t, part, props(cost, time))).ok()
        }
        Step::DropEdge(s, d, t) => graph.remove_edge(&edge(s, d, t, None, vec![])).unwrap(),
        _ => None,
    }
}

fn run(f: &mut Fixture, steps: &[Step]) {
    let mut pending = Vec::new();
    for step in steps.iter().chain([&Step::Commit]) {
        match step {
            Step::Commit if !pending.is_empty() => {
                f.graph = Graph::open_hot(&f.home).unwrap();
                f.commit(std::mem::take(&mut pending));
            }
            Step::Behind | Step::Compact if pending.is_empty() => {
                match step {
                    Step::Behind => drop(write_behind(&f.home, &Job::default()).unwrap()),
                    _ => drop(compact(&f.home, &Job::default()).unwrap()),
                }
                f.graph = Graph::open_hot(&f.home).unwrap();
                f.check();
            }
            Step::Reopen if pending.is_empty() => f.check(),
            step => {
                if let Some(op) = op(&f.graph, step) {
                    // What a transaction has written it sees, under numbers that later get their real ones.
                    f.graph.apply(1 << 40 | pending.len() as u64, &op).unwrap();
                    pending.push(op);
                }
            }
        }
    }
    f.check();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_sequence_leaves_what_the_model_says(steps in steps(), partitions in 1u32..4) {
        let dir = tempfile::tempdir().unwrap();
        let mut f = Fixture::new(dir.path(), partitions);
        run(&mut f, &steps);
        let walks = (0..3).flat_map(|hops| {
            [Direction::Out, Direction::In, Direction::Both].into_iter().flat_map(move |direction| {
                [None, Some(1)].into_iter().flat_map(move |etype| {
                    [None, Some(TimeRange { start: Some(2), end: Some(6) })].into_iter().map(move |time| {
                        Walk { direction, etype, time, max_hops: hops * 2 + 1, ..Walk::default() }
                    })
                })
            })
        });
        let ids: Vec<u64> = f.model.nodes.values().copied().collect();
        for walk in walks {
            for &src in ids.iter().take(4) {
                let found: BTreeMap<u64, u32> =
                    f.graph.neighbors(&[src], &walk).unwrap().iter().map(|h| (h.node_id, h.hop)).collect();
                prop_assert_eq!(&found, &f.model.hops(src, &walk));
                for &dst in ids.iter().rev().take(4) {
                    let path = f.graph.cheapest_path(src, dst, &walk).unwrap();
                    let got = path.as_ref().map(|p| (p.cost as u64, p.nodes.len() as u32 - 1));
                    prop_assert_eq!(got, f.model.cheapest(src, dst, &walk), "{} to {} by {:?}", src, dst, walk);
                    let edges = f.model.costs(&walk);
                    for pair in path.iter().flat_map(|p| p.nodes.windows(2)) {
                        prop_assert!(edges.iter().any(|e| (e.0, e.1) == (pair[0], pair[1])));
                    }
                }
            }
        }
    }
}

/// Stops the work after so many steps.
struct Stop {
    left: AtomicU64,
    cancel: Cancel,
    phases: Mutex<u32>,
}

impl Progress for Stop {
    fn phase(&self, _: &str, _: Option<u64>, _: &'static str) {
        *self.phases.lock().unwrap() += 1;
    }

    fn advance(&self, _: u64) {
        if self.left.fetch_sub(1, Ordering::Relaxed) <= 1 {
            self.cancel.set();
        }
    }
}

fn stopped_after(steps: u64) -> Job {
    let cancel = Cancel::default();
    let stop = Stop { left: AtomicU64::new(steps), cancel: cancel.clone(), phases: Mutex::default() };
    Job { progress: Arc::new(stop), cancel }
}

fn filled(dir: &Path) -> Fixture {
    let mut f = Fixture::new(dir, 3);
    let mut first: Vec<Step> = (0..10).map(|k| Step::Node(k, None)).collect();
    first.extend((0..9).map(|k| Step::Edge(k, k + 1, 1, None, Some(2), None)));
    run(&mut f, &first);
    compact(&f.home, &Job::default()).unwrap();
    f.graph = Graph::open_hot(&f.home).unwrap();
    run(
        &mut f,
        &[Step::DropNode(4), Step::Node(4, None), Step::Edge(4, 1, 2, Some(0), None, None), Step::DropEdge(0, 1, 1)],
    );
    f
}

#[test]
fn a_compaction_may_stop_after_any_step_and_readers_do_not_notice() {
    for behind in [false, true] {
        for steps in 1..8 {
            let dir = tempfile::tempdir().unwrap();
            let mut f = filled(dir.path());
            if behind {
                write_behind(&f.home, &Job::default()).unwrap();
                run(&mut f, &[Step::Edge(7, 2, 2, None, None, Some(3))]);
            }
            let open = Graph::open_hot(&f.home).unwrap();
            let stopped = compact(&f.home, &stopped_after(steps));
            assert!(stopped.is_ok() || stopped.is_err_and(|e| e.kind() == Kind::Cancelled));
            assert_eq!(Model::of(&open), f.model);
            f.graph = Graph::open_hot(&f.home).unwrap();
            f.check();
            run(&mut f, &[Step::Edge(1, 2, 2, None, None, None)]);
            compact(&f.home, &Job::default()).unwrap();
            f.graph = Graph::open_hot(&f.home).unwrap();
            f.check();
            assert_eq!(Model::of(&Graph::open_segments(&f.home.dir).unwrap()), f.model);
            assert_eq!(f.graph.delta_records(), (0, 0));
            assert!(verify(&f.home.dir, &Job::default()).unwrap().is_empty());
            assert!(compact(&f.home, &Job::default()).unwrap().unchanged);
        }
    }
}

#[test]
fn a_copy_behind_the_wal_may_stop_after_any_log() {
    for steps in 1..4 {
        let dir = tempfile::tempdir().unwrap();
        let mut f = filled(dir.path());
        let stopped = write_behind(&f.home, &stopped_after(steps));
        assert!(stopped.is_ok() || stopped.is_err_and(|e| e.kind() == Kind::Cancelled));
        f.graph = Graph::open_hot(&f.home).unwrap();
        f.check();
        run(&mut f, &[Step::DropNode(2), Step::Edge(7, 3, 1, None, None, None)]);
        let done = write_behind(&f.home, &Job::default()).unwrap();
        assert_eq!(done.lsn, f.graph.lsn());
        // Nothing of it stands in the WAL alone any more.
        let away = Home { wal: dir.path().join("none"), ..f.home.clone() };
        assert_eq!(Model::of(&Graph::open_hot(&away).unwrap()), f.model);
        assert_eq!(Model::of(&Graph::open(&f.home.dir).unwrap()), f.model);
        f.graph = Graph::open_hot(&f.home).unwrap();
        f.check();
        let again = write_behind(&f.home, &Job::default()).unwrap();
        assert_eq!((again.commits, again.lsn), (0, done.lsn));
    }
}

#[test]
fn new_nodes_stack_small_dictionaries_until_they_are_made_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut f = Fixture::new(dir.path(), 1);
    let many: Vec<Op> = (0..100).map(|i| f.graph.insert_node("N", &format!("n{i}"), Some(i), b"").unwrap().1).collect();
    f.commit(many);
    let mut most = 0;
    for round in 0..12u64 {
        compact(&f.home, &Job::default()).unwrap();
        f.graph = Graph::open_hot(&f.home).unwrap();
        most = most.max(f.graph.dicts().len());
        assert!(f.graph.dicts().len() <= 8);
        f.check();
        let key = format!("m{round}");
        let (id, op) = f.graph.insert_node("M", &key, None, b"").unwrap();
        assert_eq!(id, 100 + round, "an id is never used again");
        f.commit(vec![op]);
        assert_eq!(f.graph.resolve(&key).unwrap(), Some(id));
        assert_eq!(f.graph.resolve("M:m0").unwrap(), Some(100));
        assert_eq!(f.graph.node(id).unwrap().unwrap().key, key.as_bytes());
    }
    assert!(most > 2, "{most}");
    // A deletion cannot be stacked.
    let gone = f.graph.remove_node(&NodeRef::Text("n5".into())).unwrap().unwrap();
    f.commit(vec![gone]);
    compact(&f.home, &Job::default()).unwrap();
    f.graph = Graph::open_hot(&f.home).unwrap();
    assert_eq!(f.graph.dicts().len(), 1);
    assert_eq!(f.graph.insert_node("N", "again", None, b"").unwrap().0, 112);
    f.check();
}

#[test]
fn a_compaction_is_due_by_records_by_tombstones_and_by_age() {
    let dir = tempfile::tempdir().unwrap();
    let mut f = filled(dir.path());
    compact(&f.home, &Job::default()).unwrap();
    f.graph = Graph::open_hot(&f.home).unwrap();
    let now = qx_log::now_us();
    let limits = Limits::default();
    assert!(!f.graph.compaction_due(&limits, now + (1 << 40)));
    run(&mut f, &[Step::DropEdge(5, 6, 1)]);
    assert!(!f.graph.compaction_due(&limits, now));
    assert!(f.graph.compaction_due(&limits, now + 301_000_000));
    assert!(f.graph.compaction_due(&Limits { gc_max_delta_records: 1, ..limits }, now));
    assert!(f.graph.compaction_due(&Limits { gc_tombstone_ratio_ppm: 100_000, ..limits }, now));
    let status = f.graph.status(&limits, now + 301_000_000);
    assert_eq!((status.delta_adds, status.delta_tombstones, status.compaction_backlog), (0, 1, 1));
    assert_eq!((status.epoch, status.partitions, status.wal_commits), (2, 3, 3));
    assert_eq!(f.graph.status(&limits, now).compaction_backlog, 0);
}

#[test]
fn what_cannot_be_is_refused_in_words() {
    let dir = tempfile::tempdir().unwrap();
    let f = filled(dir.path());
    let kind = |r: qx_formats::Result<()>| r.unwrap_err().kind();
    let g = &f.graph;
    assert_eq!(kind(g.insert_node("L0", "k0", Some(77), b"").map(drop)), Kind::Exists);
    let taken = g.resolve("k0").unwrap();
    assert_eq!(kind(g.insert_node("L0", "new", taken, b"").map(drop)), Kind::Exists);
    assert_eq!(kind(g.insert_node("L0", "new", None, b"[1]").map(drop)), Kind::Usage);
    let edge = |src, dst, part| EdgeChange { src, dst, etype: 1, part, props: vec![] };
    assert_eq!(kind(g.insert_edge(&edge(node(0), NodeRef::Id(99), None)).map(drop)), Kind::NotFound);
    assert_eq!(kind(g.insert_edge(&edge(node(0), node(1), Some(3))).map(drop)), Kind::Usage);
    assert_eq!(g.remove_edge(&edge(NodeRef::Id(99), node(1), None)).unwrap(), None);
    assert_eq!(g.remove_node(&NodeRef::Text("nobody".into())).unwrap(), None);
}

#[test]
fn nothing_new_is_made_of_a_segment_that_is_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let mut f = Fixture::new(dir.path(), 1);
    let mut steps: Vec<Step> = (0..6).map(|k| Step::Node(k, None)).collect();
    steps.extend((0..5).map(|k| Step::Edge(k, k + 1, 1, None, Some(2), None)));
    run(&mut f, &steps);
    compact(&f.home, &Job::default()).unwrap();
    f.graph = Graph::open_hot(&f.home).unwrap();
    // A node that goes takes edges along: both segments are to be made anew.
    run(&mut f, &[Step::DropNode(3)]);
    let manifest = f.home.manifest().unwrap().unwrap();
    for segment in manifest.dicts.iter().chain(&manifest.adjacency) {
        let path = f.home.dir.join(&segment.path);
        let whole = std::fs::read(&path).unwrap();
        for at in (0..whole.len()).step_by(5) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert!(compact(&f.home, &Job::default()).is_err(), "{} byte {at}", segment.path);
            assert_eq!(f.home.manifest().unwrap().unwrap(), manifest, "nothing is published");
        }
        std::fs::write(&path, &whole).unwrap();
    }
    compact(&f.home, &Job::default()).unwrap();
    assert_eq!(Model::of(&Graph::open_hot(&f.home).unwrap()), f.model);
}

#[test]
fn a_delta_log_that_is_gone_or_shortened_is_no_smaller_graph() {
    let dir = tempfile::tempdir().unwrap();
    let mut f = filled(dir.path());
    write_behind(&f.home, &Job::default()).unwrap();
    run(&mut f, &[Step::Edge(7, 2, 2, None, None, Some(3)), Step::Node(9, None)]);
    write_behind(&f.home, &Job::default()).unwrap();
    // The WAL has let go of all of it.
    let away = Home { wal: dir.path().join("none"), ..f.home.clone() };
    assert_eq!(Model::of(&Graph::open_hot(&away).unwrap()), f.model);
    let delta = f.home.dir.join("delta");
    let mut refused = 0;
    for part in std::fs::read_dir(&delta).unwrap().map(|e| e.unwrap().path()) {
        for file in std::fs::read_dir(&part).unwrap().map(|e| e.unwrap().path()) {
            if file.extension().is_none_or(|e| e != "dlog") {
                continue;
            }
            let aside = dir.path().join("aside");
            std::fs::rename(&file, &aside).unwrap();
            match Graph::open_hot(&away) {
                Ok(graph) => assert_eq!(Model::of(&graph), f.model, "{}", file.display()),
                Err(e) => {
                    assert_eq!(e.kind(), Kind::Corrupt, "{e}");
                    refused += 1;
                }
            }
            std::fs::rename(&aside, &file).unwrap();
        }
    }
    assert!(refused > 1, "{refused}");
    std::fs::remove_dir_all(&delta).unwrap();
    assert_eq!(Graph::open_hot(&away).unwrap_err().kind(), Kind::Corrupt);
    let found = verify(&f.home.dir, &Job::default()).unwrap();
    assert!(found.iter().any(|f| f.id == "graph.delta" && f.severity == Severity::Error), "{found:?}");
    // Without them it goes on as its segments are, once somebody says so.
    let done = salvage_logs(&f.home.dir, false).unwrap();
    assert!(!done.is_empty() && done.iter().all(|log| log.kept == 0 && log.of > 0), "{done:?}");
    assert_eq!(Model::of(&Graph::open_hot(&away).unwrap()), Model::of(&Graph::open_segments(&f.home.dir).unwrap()));
    assert_eq!(salvage_logs(&f.home.dir, false).unwrap(), []);
}

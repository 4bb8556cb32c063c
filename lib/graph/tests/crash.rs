//! A graph's folder, crashed behind every change that commits, delta logs, compactions and pruning make: what was
//! acknowledged is there, nothing else is, and the work that was under way can be done again.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;

use qx_formats::container::Severity;
use qx_graph::{Graph, Home, NodeName, compact, verify, write_behind};
use qx_io::Job;
use qx_io::model::{Crash, ModelDisk, SplitMix};
use qx_io::record::{ROOT, Recording};
use qx_log::{Log, Op, Options, PruneOptions, Uuid};

const GRAPH: Uuid = Uuid::from_u128(0x67);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Content {
    nodes: BTreeMap<u64, NodeName>,
    edges: BTreeSet<(u64, u64, u32, Vec<u8>)>,
}

fn home(root: &Path) -> Home {
    Home { dir: root.join("g.graph"), wal: root.join("wal"), graph: GRAPH, partitions: 2 }
}

fn content(graph: &Graph) -> Content {
    let mut found = Content { nodes: graph.nodes().unwrap().into_iter().collect(), ..Content::default() };
    let edge = |src, edge: qx_graph::Edge, props: &[u8]| {
        assert!(found.edges.insert((src, edge.node, edge.etype, props.to_vec())), "an edge is there twice");
        Ok(())
    };
    graph.each_edge(edge).unwrap();
    found
}

fn node(id: u64) -> Op {
    Op::NodeUpsert { label: "N".into(), key: format!("n{id}").into_bytes(), id: Some(id), props: Vec::new() }
}

fn edge(src: u64, dst: u64, props: &str) -> Op {
    Op::EdgeUpsert { part: (src % 2) as u32, src, dst, etype: 1, props: props.as_bytes().to_vec() }
}

fn no_edge(src: u64, dst: u64) -> Op {
    Op::EdgeDelete { part: (src % 2) as u32, src, dst, etype: 1 }
}

/// What was acknowledged by a step of the record.
struct Mark {
    steps: usize,
    content: Content,
}

/// A recorded run: its marks, and where each crash may come.
struct Run {
    recording: Recording,
    marks: Vec<Mark>,
}

impl Run {
    fn commit(&mut self, log: &Log, home: &Home, ops: &[Op]) {
        let mut all = vec![Op::UseGraph { graph: GRAPH }];
        all.extend_from_slice(ops);
        log.commit(&all).unwrap();
        let content = content(&Graph::open_hot(home).unwrap());
        self.marks.push(Mark { steps: self.recording.steps(), content });
    }
}

/// Everything that changes a graph's folder, some of it twice.
fn record(root: &Path) -> Run {
    let home = home(root);
    let mut run = Run { recording: Recording::start(root, None).unwrap(), marks: Vec::new() };
    run.marks.push(Mark { steps: 0, content: Content::default() });
    let job = Job::default();
    let (log, _) = Log::open(&home.wal, Options::default()).unwrap();
    run.commit(&log, &home, &[node(1), node(2), node(3), edge(1, 2, ""), edge(2, 3, r#"{"cost":2}"#)]);
    compact(&home, &job).unwrap();
    run.commit(&log, &home, &[node(4), edge(3, 4, ""), no_edge(1, 2)]);
    write_behind(&home, &job).unwrap();
    run.commit(&log, &home, &[edge(1, 2, r#"{"cost":5}"#), edge(4, 1, "")]);
    write_behind(&home, &job).unwrap();
    // A reader that has the graph open is not disturbed by what comes.
    let reader = Graph::open_hot(&home).unwrap();
    let before = content(&reader);
    run.commit(&log, &home, &[node(5), edge(5, 1, "")]);
    let done = compact(&home, &job).unwrap();
    assert_eq!(content(&reader), before);
    log.rotate().unwrap();
    log.prune(&PruneOptions { before_lsn: done.lsn + 1, ..PruneOptions::default() }).unwrap();
    // Renaming and deleting asks for the whole dictionary anew.
    let gone = Op::NodeDelete { label: "N".into(), key: b"n4".to_vec(), id: Some(4) };
    run.commit(&log, &home, &[no_edge(3, 4), no_edge(4, 1), gone, edge(2, 5, "")]);
    write_behind(&home, &job).unwrap();
    compact(&home, &job).unwrap();
    assert_eq!(content(&reader), before);
    log.close().unwrap();
    let last = run.marks.last().map(|m| m.content.clone()).unwrap();
    assert_eq!((last.nodes.len(), last.edges.len()), (4, 4));
    assert_eq!(content(&Graph::open_hot(&home).unwrap()), last);
    assert_eq!(run.recording.gap().unwrap(), None, "a change went past the record");
    run
}

/// What stands in a folder that a crash left, if nothing of it is damaged.
fn look(root: &Path) -> Content {
    let home = home(root);
    let graph = Graph::open_hot(&home).unwrap();
    if home.manifest().unwrap().is_some() {
        let found = verify(&home.dir, &Job::default()).unwrap();
        let errors: Vec<_> = found.iter().filter(|f| f.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
    content(&graph)
}

/// The next writer: it recovers the log and does what was under way again.
fn go_on(root: &Path, behind: bool) {
    let home = home(root);
    let (log, _) = Log::open(&home.wal, Options::default()).unwrap();
    if behind {
        write_behind(&home, &Job::default()).unwrap();
    }
    compact(&home, &Job::default()).unwrap();
    log.close().unwrap();
}

fn write_out(disk: &ModelDisk, scratch: &Path, name: &str) -> std::path::PathBuf {
    let to = scratch.join(name);
    let _ = std::fs::remove_dir_all(&to);
    disk.write_out(Path::new(ROOT), &to).unwrap();
    std::fs::create_dir_all(&to).unwrap();
    to
}

#[test]
fn a_crash_at_any_step_loses_nothing_and_what_was_under_way_is_made_good() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("db");
    std::fs::create_dir(&root).unwrap();
    let Run { recording, marks } = record(&root);
    let mut replay = recording.replay();
    drop(recording);
    assert!(replay.steps() > 100, "{} steps", replay.steps());
    let mut seen = HashSet::new();
    for step in 0..=replay.steps() {
        let known = marks.iter().filter(|m| m.steps <= step).count();
        let allowed: Vec<&Content> = marks.iter().skip(known - 1).take(2).map(|m| &m.content).collect();
        for crash in Crash::all(step as u64) {
            let disk = replay.crash(step, crash);
            if !seen.insert((known, disk.digest())) {
                continue;
            }
            let case = format!("step {step} ({}), {crash}", replay.describe(step));
            let crashed = write_out(&disk, dir.path(), "crashed");
            let found = look(&crashed);
            assert!(allowed.contains(&&found), "{case}: {found:?}");
            let again = Recording::resume(&crashed, disk, None).unwrap();
            go_on(&crashed, step % 2 == 0);
            assert_eq!(look(&crashed), found, "{case}, recovered");
            // What makes it good may be stopped as well.
            let mut random = SplitMix(step as u64);
            let mut second = again.replay();
            drop(again);
            let at = random.below(second.steps() as u64 + 1) as usize;
            for crash in Crash::all(random.next_u64()) {
                let twice = write_out(&second.crash(at, crash), dir.path(), "twice");
                assert_eq!(look(&twice), found, "{case}, and again behind step {at}, {crash}");
            }
        }
    }
    assert!(seen.len() > 150, "{} states", seen.len());
}

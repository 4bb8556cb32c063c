//! Graph statements against a reference that does everything the slow way, over the graph store and over tables.

mod by_hand;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use qx_formats::Kind;

use crate::session::Session;
use crate::testing::Database;

fn texts(rows: &[&[&str]]) -> Vec<Vec<String>> {
    rows.iter().map(|r| r.iter().map(|&s| s.to_owned()).collect()).collect()
}

/// Edges as (source, target, type, cost, time), the nodes by number.
type Edge = (u8, u8, u32, Option<u8>, Option<u8>);

const NODES: u8 = 8;

fn label(node: u8) -> &'static str {
    if node.is_multiple_of(2) { "A" } else { "B" }
}

/// Both kinds of graph with the same nodes and edges: `s` in the graph store, `t` over tables.
fn fill(db: &Database, edges: &[Edge], partitions: u32) {
    db.run(&format!(
        "CREATE GRAPH s NODES (A KEY(name), B KEY(name)) EDGES (X FROM A TO A, Y FROM A TO B) USING GRAPHSTORE
         WITH (partitions={partitions})"
    ));
    // Types that join any labels have numbers of their own.
    let mut script = String::from("BEGIN GRAPH s;");
    for n in 0..NODES {
        script.push_str(&format!("INSERT NODE {} KEY 'k{n}' AS {};", label(n), n + 1));
    }
    for (s, d, etype, cost, time) in edges {
        let mut props = Vec::new();
        props.extend(cost.map(|c| format!("\"cost\":{c}")));
        props.extend(time.map(|t| format!("\"time\":{t}")));
        script.push_str(&format!(
            "INSERT EDGE k{s} -> {}:k{d} ETYPE {etype} PROPS '{{{}}}';",
            label(*d),
            props.join(",")
        ));
    }
    script.push_str("COMMIT;");
    db.run(&script);
    db.run("CREATE TABLE tn (name VARCHAR PRIMARY KEY, label VARCHAR); CREATE TABLE te (src VARCHAR, dst VARCHAR, etype INT, cost INT, time BIGINT)");
    let nodes: Vec<String> = (0..NODES).map(|n| format!("('k{n}', '{}')", label(n))).collect();
    db.run(&format!("INSERT INTO tn VALUES {}", nodes.join(", ")));
    let null = |v: &Option<u8>| v.map_or("NULL".to_owned(), |v| v.to_string());
    // One edge of a name, as in the graph store: the last.
    let named: BTreeMap<(u8, u8, u32), &Edge> = edges.iter().map(|e| ((e.0, e.1, e.2), e)).collect();
    let rows: Vec<String> =
        named.values().map(|(s, d, t, c, at)| format!("('k{s}', 'k{d}', {t}, {}, {})", null(c), null(at))).collect();
    if !rows.is_empty() {
        db.run(&format!("INSERT INTO te VALUES {}", rows.join(", ")));
    }
    db.run("CREATE GRAPH t NODES (A KEY(name), B KEY(name)) EDGES () USING TABLES (nodes=tn, edges=te)");
}

/// The edges that count, without their types.
fn taken(edges: &[Edge], etype: Option<u32>, time: Option<(u8, u8)>) -> Vec<(u8, u8, u64)> {
    let named: BTreeMap<(u8, u8, u32), &Edge> = edges.iter().map(|e| ((e.0, e.1, e.2), e)).collect();
    let counts = |e: &&&Edge| {
        etype.is_none_or(|t| t == e.2) && time.is_none_or(|(a, b)| e.4.is_some_and(|at| a <= at && at <= b))
    };
    named.values().filter(counts).map(|e| (e.0, e.1, e.3.map_or(1, u64::from))).collect()
}

/// The fewest hops to each node, and the lowest node before it.
fn slow(edges: &[(u8, u8, u64)], start: u8, most: u32) -> BTreeMap<u8, (u32, u8)> {
    let mut found: BTreeMap<u8, (u32, u8)> = [(start, (0, start))].into();
    for hop in 1..=most {
        let frontier: BTreeSet<u8> = found.iter().filter(|(_, (h, _))| *h == hop - 1).map(|(n, _)| *n).collect();
        for from in frontier {
            for (_, to, _) in edges.iter().filter(|e| e.0 == from) {
                found.entry(*to).or_insert((hop, from));
            }
        }
    }
    found.remove(&start);
    found
}

fn slow_cost(edges: &[(u8, u8, u64)], start: u8, end: u8, most: u32) -> Option<(u64, u32)> {
    let mut at: BTreeMap<u8, u64> = [(start, 0)].into();
    let mut best: Option<(u64, u32)> = None;
    for hops in 0..=most {
        if let Some(&cost) = at.get(&end)
            && best.is_none_or(|(c, _)| cost < c)
        {
            best = Some((cost, hops));
        }
        let mut next: BTreeMap<u8, u64> = BTreeMap::new();
        for (s, d, cost) in edges {
            if let Some(have) = at.get(s) {
                let cost = have + cost;
                next.entry(*d).and_modify(|c| *c = cost.min(*c)).or_insert(cost);
            }
        }
        at = next;
    }
    best
}

type Name = fn(u8) -> String;

/// Each graph, and what it calls node n.
const GRAPHS: [(&str, Name); 2] = [("s", |n| (u64::from(n) + 1).to_string()), ("t", |n| format!("k{n}"))];

fn check(db: &Database, edges: &[Edge]) {
    for (graph, name) in GRAPHS {
        for (etype, time, hops) in [(None, None, 1), (None, None, 3), (Some(8), None, 2), (None, Some((2, 5)), 3)] {
            let kept = taken(edges, etype, time);
            let etype = etype.map_or("NULL".into(), |t: u32| t.to_string());
            let times = time.map_or("NULL, NULL".into(), |(a, b)| format!("{a}, {b}"));
            for start in [0, 3] {
                let sql = format!("SELECT * FROM graph_neighbors('{graph}', 'k{start}', {etype}, {hops}, {times})");
                check_neighbors(db, &sql, graph, name, slow(&kept, start, hops));
                for end in [1, 6] {
                    let sql = format!(
                        "SELECT path_id, node_id, ord, hop FROM graph_paths('{graph}', 'k{start}', '{}:k{end}', {hops},
                         {etype}, {times}) ORDER BY ord",
                        label(end)
                    );
                    check_path(&db.rows(&sql), &kept, name, slow_cost(&kept, start, end, hops));
                }
            }
        }
        check_match(db, edges, graph);
        let mut want: Vec<Vec<String>> =
            taken(edges, None, None).iter().map(|(s, d, _)| vec![name(*s), name(*d)]).collect();
        want.sort();
        assert_eq!(db.sorted(&format!("SELECT src, dst FROM graph_edges('{graph}')")), want);
        let nodes = db.rows(&format!("SELECT label, key FROM graph_nodes('{graph}') ORDER BY key"));
        assert_eq!(nodes.len(), usize::from(NODES));
    }
}

fn check_neighbors(db: &Database, sql: &str, graph: &str, name: Name, found: BTreeMap<u8, (u32, u8)>) {
    let row = |(n, (hop, prev)): (u8, (u32, u8))| vec![name(n), name(prev), hop.to_string()];
    let mut want: Vec<Vec<String>> = found.into_iter().map(row).collect();
    want.sort();
    let mut got = db.sorted(sql);
    if graph == "t" {
        // Over tables ids are places of rows, which any order of rows may be: the nodes count, and the hops.
        want.iter_mut().for_each(|r| drop(r.remove(1)));
        got.iter_mut().for_each(|r| drop(r.remove(1)));
    }
    assert_eq!(got, want, "{sql}");
}

fn check_path(path: &[Vec<String>], kept: &[(u8, u8, u64)], name: Name, best: Option<(u64, u32)>) {
    assert_eq!(path.len() as u32, best.map_or(0, |(_, hops)| hops + 1), "{path:?}");
    let cost = |a: &str, b: &str| {
        let edge = kept.iter().filter(|e| name(e.0) == a && name(e.1) == b).map(|e| e.2).min();
        edge.unwrap_or_else(|| panic!("no edge {a} -> {b}"))
    };
    let sum: u64 = path.windows(2).map(|w| cost(&w[0][1], &w[1][1])).sum();
    assert_eq!(sum, best.map_or(0, |b| b.0));
}

fn check_match(db: &Database, edges: &[Edge], graph: &str) {
    for (low, high) in [(1, 2), (2, 3), (0, 1), (2, 2)] {
        let kept = taken(edges, Some(9), None);
        let mut found = slow(&kept, 2, high);
        found.insert(2, (0, 2));
        let mut want: Vec<Vec<String>> = found
            .into_iter()
            .filter(|(n, (hop, _))| label(*n) == "A" && *hop >= low)
            .map(|(n, (hop, _))| vec![format!("k{n}"), hop.to_string()])
            .collect();
        want.sort();
        let sql =
            format!("MATCH USING GRAPH '{graph}' (s:A {{key: 'k2'}})-[:9*{low}..{high}]->(t:A) RETURN t.key, hop");
        assert_eq!(db.sorted(&sql), want, "{sql}");
        let back = format!(
            "MATCH USING GRAPH {graph} (x:A)<-[e:9*{low}..{high}]-(y:A {{key: 'k2'}}) WHERE x.label = 'A'
             RETURN x.key, hop ORDER BY x.key LIMIT 3"
        );
        let first: Vec<Vec<String>> = want.iter().take(3).cloned().collect();
        assert_eq!(db.rows(&back), first, "{back}");
    }
    let kept = taken(edges, None, None);
    for end in [1u8, 4] {
        let sql = format!(
            "MATCH SHORTEST USING GRAPH {graph} (s {{key: 'k0'}})-[*1..4]->(t {{key: 'k{end}'}})
             RETURN s.key, t.key, hop, cost"
        );
        let want: Vec<Vec<String>> = slow_cost(&kept, 0, end, 4)
            .filter(|(_, hops)| *hops > 0)
            .map(|(cost, hops)| vec!["k0".into(), format!("k{end}"), hops.to_string(), format!("{cost}.0")])
            .into_iter()
            .collect();
        assert_eq!(db.rows(&sql), want, "{sql}");
    }
}

fn edges() -> impl Strategy<Value = Vec<Edge>> {
    let edge = (0..NODES, 0..NODES, 8u32..10, prop::option::of(0u8..4), prop::option::of(0u8..8));
    prop::collection::vec(edge, 0..24)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]

    #[test]
    fn both_kinds_of_graph_agree_with_the_reference(edges in edges(), partitions in 1u32..4) {
        let mut db = Database::new();
        fill(&db, &edges, partitions);
        check(&db, &edges);
        db.run("GC GRAPH s");
        check(&db, &edges);
        db.reopen();
        check(&db, &edges);
    }
}

#[test]
fn a_transaction_is_whole_or_absent_and_sees_itself() {
    let mut db = Database::new();
    db.run("CREATE GRAPH g NODES (P KEY(id)) EDGES (Knows FROM P TO P) USING GRAPHSTORE; CREATE TABLE r (a INT PRIMARY KEY)");
    let other = Session::open(&db.store).unwrap();
    db.run("BEGIN GRAPH g; INSERT NODE P KEY 'a'; INSERT NODE P KEY 'b'; INSERT EDGE a -> b; INSERT INTO r VALUES (1)");
    let hops = "SELECT node_id, hop FROM graph_neighbors('g', 'a', 'Knows', 2)";
    assert_eq!(db.rows(hops), texts(&[&["2", "1"]]));
    let nodes = "SELECT key FROM graph_nodes('g') ORDER BY key";
    assert!(db.rows_in(&other, nodes).is_empty());
    db.run("ROLLBACK");
    assert!(db.rows(nodes).is_empty());
    db.run("INSERT INTO r VALUES (7); BEGIN; INSERT NODE P KEY 'a'; INSERT INTO r VALUES (1); INSERT NODE P KEY 'c'");
    // A statement that fails leaves the transaction as it was.
    assert_eq!(db.error("INSERT EDGE a -> nobody").kind(), Kind::NotFound);
    db.run("INSERT EDGE a -> c; COMMIT");
    assert_eq!(db.rows(hops), texts(&[&["2", "1"]]));
    assert_eq!(db.rows_in(&other, nodes), texts(&[&["a"], &["c"]]));
    assert_eq!(db.rows_in(&other, "SELECT a FROM r ORDER BY a"), texts(&[&["1"], &["7"]]));
    db.run("DELETE EDGE a -> c ETYPE Knows");
    assert!(db.rows(hops).is_empty());
    assert!(db.rows_in(&other, hops).is_empty());
    db.run("INSERT EDGE a -> c; DELETE NODE P KEY 'c'; INSERT NODE P KEY 'c'");
    assert!(db.rows(hops).is_empty(), "an edge goes with its node");
    db.run("GC GRAPH g");
    db.reopen();
    assert_eq!(db.rows(nodes), texts(&[&["a"], &["c"]]));
    assert_eq!(db.rows("SELECT node_id FROM graph_nodes('g') ORDER BY 1"), texts(&[&["1"], &["3"]]));
}

#[test]
fn many_commits_move_into_the_delta_logs_and_then_into_segments() {
    let mut db = Database::new();
    db.run("CREATE GRAPH g USING GRAPHSTORE WITH (gc_max_delta_records=700); USE GRAPH g");
    let mut script = String::new();
    for n in 0..300 {
        script.push_str(&format!("INSERT NODE N KEY 'n{n}';"));
    }
    db.run(&script);
    let status = |db: &Database| {
        let row = db.rows("SHOW GRAPH STATUS g").remove(0);
        [1, 3, 4, 11].map(|i| row[i].parse::<u64>().unwrap())
    };
    let [epoch, adds, gone, commits] = status(&db);
    assert!(epoch >= 1, "written behind");
    assert_eq!((adds, gone, commits), (43, 0, 300), "what had no segments yet is folded at once");
    script.clear();
    for n in 1..300 {
        script.push_str(&format!("INSERT EDGE n{} -> n{n};", n - 1));
    }
    db.run(&script);
    assert_eq!(status(&db)[1..], [342, 0, 599]);
    let logs = db.store.layout().graph(&qx_store::names::ObjectName::parse("graph", "g").unwrap()).join("delta/P000");
    assert!(std::fs::read_dir(&logs).unwrap().count() > 0);
    let far = "SELECT count(*) FROM graph_neighbors('g', 'n0', NULL, 1000)";
    assert_eq!(db.rows(far), texts(&[&["299"]]));
    db.reopen();
    assert_eq!(db.rows(far), texts(&[&["299"]]));
    script = "BEGIN GRAPH g;".into();
    for n in 0..401 {
        script.push_str(&format!("INSERT EDGE n{} -> n0 ETYPE 2;", n % 300));
        script.push_str(&format!("INSERT EDGE n0 -> n{} ETYPE 3;", n % 300));
    }
    script.push_str("COMMIT");
    db.run(&script);
    assert_eq!(status(&db)[1..], [0, 0, 600], "compacted behind the commit");
    db.reopen();
    assert_eq!(db.rows("SELECT count(*) FROM graph_edges('g')"), texts(&[&["899"]]));
}

#[test]
fn definitions_are_shown_and_make_the_same_graph_again() {
    let mut db = Database::new();
    db.run("CREATE GRAPH know NODES (Doc KEY(id), \"A tool\" KEY(name)) EDGES (Calls FROM \"A tool\" TO Doc) USING GRAPHSTORE
            WITH (partitions=3, gc_max_delta_records=50)");
    db.run("CREATE GRAPH IF NOT EXISTS know USING GRAPHSTORE");
    assert_eq!(db.error("CREATE GRAPH know USING GRAPHSTORE").kind(), Kind::Exists);
    let made = db.rows("SHOW CREATE GRAPH know");
    db.run(&format!("DROP GRAPH know; {}", made[0][1]));
    assert_eq!(db.rows("SHOW CREATE GRAPH know"), made);
    assert_eq!(db.rows("SHOW GRAPHS"), texts(&[&["public.know", "graphstore", "3", "Doc, A tool", "Calls"]]));
    assert_eq!(db.rows("SHOW CURRENT GRAPH"), texts(&[&[""]]));
    db.run("USE GRAPH main/public/know");
    assert_eq!(db.rows("SHOW CURRENT GRAPH"), texts(&[&["public.know"]]));
    db.run("INSERT NODE \"A tool\" KEY 'x'; INSERT NODE Doc KEY 7; INSERT EDGE 'A tool:x' -> Doc:7");
    let e = db.error("INSERT EDGE Doc:7 -> 1");
    assert_eq!((e.kind(), e.get_expected()), (Kind::Usage, Some("A tool")));
    assert_eq!(db.error("INSERT NODE Nobody KEY 'x'").kind(), Kind::Usage);
    let status = db.rows("SHOW GRAPH STATUS know");
    let searches = status[0][10].clone();
    assert_eq!(
        status,
        texts(&[&["public.know", "0", "3", "3", "0", "0", "3", "50", "300000", "300000", &searches, "3", "0"]])
    );
    db.run("GC GRAPH");
    let status = db.rows("SHOW GRAPH STATUS");
    assert_eq!(status[0][1..6], ["1", "3", "0", "0", "0"].map(str::to_owned));
    assert_eq!(status[0][11], "3");
    db.run("USE GRAPH NONE");
    assert_eq!(db.error("MATCH (s {key: 'x'})-[]->(t) RETURN t.key").kind(), Kind::Usage);
    assert_eq!(db.error("USE GRAPH nothing").kind(), Kind::NotFound);
    assert_eq!(db.error("SHOW GRAPH nothing").kind(), Kind::NotFound);
    db.run("DROP GRAPH know; DROP GRAPH IF EXISTS know");
    assert_eq!(db.error("DROP GRAPH know").kind(), Kind::NotFound);
    db.run("CREATE GRAPH know NODES (Doc KEY(id)) USING GRAPHSTORE");
    db.reopen();
    assert!(db.rows("SELECT * FROM graph_nodes('know')").is_empty(), "a name that is used again begins empty");
    for bad in [
        "CREATE GRAPH g NODES (A KEY(k)) EDGES (E FROM A TO B) USING GRAPHSTORE",
        "CREATE GRAPH g NODES (A KEY(k), A KEY(l)) USING GRAPHSTORE",
        "CREATE GRAPH g USING GRAPHSTORE WITH (partitions=0)",
        "CREATE GRAPH g USING GRAPHSTORE WITH (speed=9)",
        "CREATE GRAPH g USING GRAPHSTORE WITH (gc_max_delta_records=x)",
        "CREATE GRAPH g NODES (A KEY(k)) USING TABLES (nodes=a)",
        "CREATE GRAPH g NODES (A KEY(k))",
        "MATCH USING GRAPH know (s)-[*3..2]->(t) RETURN t.key",
        "MATCH USING GRAPH know (s)-[*1..2]->(t) RETURN u.key",
        "MATCH USING GRAPH know (s)-[*1..2]->(t) RETURN t.colour",
        "INSERT NODE Doc KEY 'x' PROPS '[1]' GRAPH know",
        "INSERT NODE",
        "GC GRAPH know know",
    ] {
        assert_eq!(db.error(bad).kind(), Kind::Usage, "{bad}");
    }
}

#[test]
fn arguments_and_graphs_go_by_any_of_their_names() {
    let db = Database::new();
    fill(&db, &[(0, 1, 8, None, None), (1, 2, 8, None, None)], 1);
    for (graph, name) in GRAPHS {
        for call in [
            format!("graph_neighbors(graph => '{graph}', start => 'k0', max_hops => 2)"),
            format!("graph_neighbors(max_hops => 2, start => 'k0', graph => '{graph}')"),
            format!("graph_neighbors('{graph}', 'k0', max_hops => 2)"),
        ] {
            let found = db.sorted(&format!("SELECT node_id, hop FROM {call}"));
            assert_eq!(found, [vec![name(1), "1".into()], vec![name(2), "2".into()]], "{call}");
        }
        db.run(&format!("BEGIN GRAPH main/public/{graph}; ROLLBACK; BEGIN GRAPH '{graph}'; ROLLBACK; USE GRAPH NONE"));
    }
    let e = db.error("BEGIN GRAPH nobody");
    assert_eq!((e.kind(), e.get_expected()), (Kind::NotFound, Some("public.s, public.t")));
    db.run("CREATE TABLE docs (id BIGINT PRIMARY KEY, v REAL[]); INSERT INTO docs VALUES (1, [1, 2]), (2, [3, 4])");
    let near = "nearest_neighbors(qvec => '[3,4]', k => 1, table => 'docs', column => 'v')";
    assert_eq!(db.rows(&format!("SELECT row_id FROM {near}")), texts(&[&["2"]]));
}

#[test]
fn graphs_over_tables_follow_their_rows_and_show_their_columns() {
    let db = Database::new();
    db.run("CREATE TABLE n (id BIGINT PRIMARY KEY, name VARCHAR, size INT); CREATE TABLE e (src BIGINT, dst BIGINT, type VARCHAR)");
    db.run("CREATE GRAPH g NODES (Tool KEY(name)) EDGES (Calls FROM Tool TO Tool) USING TABLES (nodes=n, edges=e)");
    let found = "MATCH USING GRAPH g (s:Tool {name: 'planner'})-[:Calls*1..2]->(t:Tool) WHERE t.size > 1
                 RETURN t.id AS node_id, t.name, t.size * 2 AS twice, hop ORDER BY hop, node_id";
    assert!(db.rows("SELECT * FROM graph_edges('g')").is_empty());
    db.run("INSERT INTO n VALUES (10, 'planner', 1), (20, 'executor', 2), (30, 'shell', 3)");
    db.run("INSERT INTO e VALUES (10, 20, 'Calls'), (20, 30, 'Calls'), (10, 30, 'Cites'), (30, 99, 'Calls')");
    assert_eq!(db.rows(found), texts(&[&["20", "executor", "4", "1"], &["30", "shell", "6", "2"]]));
    let hops = "SELECT node_id, prev_id, hop FROM graph_neighbors('g', 'planner', NULL, 5) ORDER BY hop, node_id";
    assert_eq!(db.rows(hops), texts(&[&["20", "10", "1"], &["30", "10", "1"], &["99", "30", "2"]]));
    assert_eq!(db.rows("SELECT hop FROM graph_neighbors('g', 10, 'Cites')"), texts(&[&["1"]]));
    let counts =
        "SELECT graph_reach_count('g', id), graph_reach_count('g', name, 1), graph_reach_count('g', id, 9, 'in'),
                  graph_reach_count('g', 'nobody'), graph_reach_count('g', id, 5, 'out', 'Cites') FROM n ORDER BY id";
    assert_eq!(
        db.rows(counts),
        texts(&[&["3", "2", "0", "", "1"], &["2", "1", "1", "", "0"], &["1", "1", "2", "", "0"]])
    );
    db.run("BEGIN; DELETE FROM e WHERE type = 'Cites'");
    assert_eq!(db.rows(hops), texts(&[&["20", "10", "1"], &["30", "20", "2"], &["99", "30", "3"]]));
    db.run("ROLLBACK");
    assert_eq!(db.rows(hops).len(), 3);
    assert_eq!(db.rows(hops)[1], texts(&[&["30", "10", "1"]])[0]);
    assert_eq!(db.error("INSERT NODE Tool KEY 'x' GRAPH g").kind(), Kind::Usage);
    assert_eq!(db.error("SHOW GRAPH STATUS g").kind(), Kind::Usage);
    let explained = format!("{:?}", db.rows(&format!("EXPLAIN {found}")));
    assert!(explained.contains("starts at") && explained.contains("breadth first"), "{explained}");
    let path = db.rows("SELECT node_id FROM graph_paths('g', 'planner', 'shell') ORDER BY ord");
    assert_eq!(path, texts(&[&["10"], &["30"]]));
    assert!(db.rows("SELECT * FROM graph_paths('g', 'shell', 'planner')").is_empty());
}

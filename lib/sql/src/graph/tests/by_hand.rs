//! A small graph whose answers were worked out by hand: costs, bounds, directions, types, times, a self loop, parallel
//! edges and a cycle; over the graph store and over tables alike. And ids, which are not given twice.

use super::*;

/// `k0` reaches `k1` in one dear step or two cheap ones; `k3` closes a cycle; `k4` only leads in, `k5` to `k7` nowhere.
const EDGES: [Edge; 8] = [
    (0, 1, 8, Some(10), Some(1)),
    (0, 2, 8, Some(1), Some(2)),
    (2, 1, 8, Some(1), Some(3)),
    (1, 3, 8, None, None),
    (3, 0, 8, Some(2), Some(5)),
    (2, 2, 8, Some(0), Some(4)),
    (0, 1, 9, Some(3), Some(7)),
    (4, 0, 8, Some(1), Some(9)),
];

/// What a MATCH gives of `t.key, hop, cost`, by the key.
fn found(db: &Database, graph: &str, shortest: bool, pattern: &str) -> Vec<String> {
    let shortest = if shortest { "SHORTEST" } else { "" };
    let sql = format!("MATCH {shortest} USING GRAPH {graph} {pattern} RETURN t.key, hop, cost ORDER BY t.key");
    db.rows(&sql).iter().map(|row| row.join(" ")).collect()
}

#[test]
fn pairs_are_joined_at_their_fewest_hops() {
    let db = Database::new();
    fill(&db, &EDGES, 2);
    for (graph, _) in GRAPHS {
        let pairs = |pattern: &str| found(&db, graph, false, pattern);
        // Where edges have costs, only a path has one.
        assert_eq!(pairs("(s {key: 'k0'})-[*1..3]->(t)"), ["k1 1 ", "k2 1 ", "k3 2 "]);
        assert_eq!(pairs("(s {key: 'k0'})-[*2..3]->(t)"), ["k3 2 "]);
        assert_eq!(pairs("(s {key: 'k0'})-[*2]->(t)"), ["k3 2 "]);
        assert_eq!(pairs("(s {key: 'k0'})-[*0..1]->(t)"), ["k0 0 0.0", "k1 1 ", "k2 1 "]);
        assert_eq!(pairs("(s {key: 'k0'})-[:9*1..3]->(t)"), ["k1 1 "]);
        assert_eq!(pairs("(s {key: 'k4'})-[*1..2]-(t)"), ["k0 1 ", "k1 2 ", "k2 2 ", "k3 2 "]);
        assert_eq!(pairs("(s {key: 'k0'})<-[*1..2]-(t)"), ["k1 2 ", "k3 1 ", "k4 1 "]);
        // A node is no hop away from itself, whatever loop or cycle leads back to it.
        assert!(pairs("(s {key: 'k2'})-[]->(t {key: 'k2'})").is_empty());
        assert_eq!(pairs("(s {key: 'k2'})-[*0..1]->(t {key: 'k2'})"), ["k2 0 0.0"]);
        assert!(pairs("(s {key: 'k0'})-[*]->(t {key: 'k0'})").is_empty());
        let into = format!("MATCH USING GRAPH {graph} (s:A)-[]->(t:B {{key: 'k1'}}) RETURN s.key, hop ORDER BY s.key");
        assert_eq!(db.rows(&into), texts(&[&["k0", "1"], &["k2", "1"]]));
        let hops = format!("SELECT hop FROM graph_neighbors('{graph}', 'k2', NULL, 1)");
        assert_eq!(db.rows(&hops), texts(&[&["1"]]), "k1, and not k2 itself");
    }
}

#[test]
fn the_cheapest_path_joins_a_pair_within_its_bounds() {
    let db = Database::new();
    fill(&db, &EDGES, 2);
    for (graph, _) in GRAPHS {
        let paths = |pattern: &str| found(&db, graph, true, pattern);
        assert_eq!(paths("(s {key: 'k0'})-[*1..3]->(t)"), ["k1 2 2.0", "k2 1 1.0", "k3 3 3.0"]);
        // With fewer edges the cheapest is a dearer one, and of parallel edges the cheaper counts.
        assert_eq!(paths("(s {key: 'k0'})-[*1..2]->(t)"), ["k1 2 2.0", "k2 1 1.0", "k3 2 4.0"]);
        assert_eq!(paths("(s {key: 'k0'})-[]->(t)"), ["k1 1 3.0", "k2 1 1.0"]);
        assert_eq!(paths("(s {key: 'k0'})-[:8]->(t)"), ["k1 1 10.0", "k2 1 1.0"]);
        assert_eq!(paths("(s {key: 'k0'})-[:9*1..3]->(t)"), ["k1 1 3.0"]);
        // The pairs are those of a MATCH without SHORTEST: one hop leads to k1, whatever its cheapest path has.
        assert_eq!(paths("(s {key: 'k0'})-[*2..3]->(t)"), ["k3 3 3.0"]);
        assert!(paths("(s {key: 'k0'})-[*2..3]->(t {key: 'k1'})").is_empty());
        assert_eq!(paths("(s {key: 'k0'})-[*0..1]->(t {key: 'k0'})"), ["k0 0 0.0"]);
        assert_eq!(paths("(s {key: 'k0'})<-[*1..2]-(t)"), ["k1 2 3.0", "k3 1 2.0", "k4 1 1.0"]);
        assert_eq!(paths("(s {key: 'k4'})-[*1..2]-(t)"), ["k0 1 1.0", "k1 2 4.0", "k2 2 2.0", "k3 2 3.0"]);
    }
}

#[test]
fn the_nodes_of_a_path_are_those_of_graph_paths() {
    let db = Database::new();
    fill(&db, &EDGES, 2);
    for (graph, name) in GRAPHS {
        let on_path = |nodes: &[u8]| -> Vec<Vec<String>> { nodes.iter().map(|n| vec![name(*n)]).collect() };
        let path =
            |rest: &str| db.rows(&format!("SELECT node_id FROM graph_paths('{graph}', 'k0', {rest}) ORDER BY ord"));
        assert_eq!(path("'k3'"), on_path(&[0, 2, 1, 3]));
        assert_eq!(path("'k3', 2"), on_path(&[0, 1, 3]));
        assert_eq!(path("'k3', 1"), on_path(&[]));
        assert_eq!(path("'k1', 3, 9"), on_path(&[0, 1]));
        assert_eq!(path("'k0'"), on_path(&[0]));
        // Both ends of a range count; an edge without a time is in none.
        assert_eq!(path("'k1', 3, NULL, 1, 3"), on_path(&[0, 2, 1]));
        assert_eq!(path("'k1', 3, NULL, 1, 1"), on_path(&[0, 1]));
        assert_eq!(path("'k1', 3, NULL, 8, 8"), on_path(&[]));
        assert_eq!(path("'k3', 5, NULL, 0, 100"), on_path(&[]));
        for pattern in [
            "(s {key: 'k0'})-[*1..3]->(t {key: 'k3'})",
            "(s)-[*1..3]->(t {key: 'k3'}) WHERE s.key = 'k0'",
            "(t {key: 'k3'})<-[*1..3]-(s {key: 'k0'})",
        ] {
            let returned = "RETURN node_id, hop = ord AS same ORDER BY ord";
            let sql = format!("MATCH SHORTEST USING GRAPH {graph} {pattern} {returned}");
            let mut want: Vec<Vec<String>> = on_path(&[0, 2, 1, 3]);
            if pattern.starts_with("(t") {
                want.reverse();
            }
            want.iter_mut().for_each(|row| row.push("true".to_owned()));
            assert_eq!(db.rows(&sql), want, "{sql}");
        }
    }
}

#[test]
fn a_number_is_an_id_and_no_key() {
    let db = Database::new();
    db.run("CREATE GRAPH g USING GRAPHSTORE; USE GRAPH g");
    db.run("INSERT NODE N KEY 7; INSERT NODE N KEY 8; INSERT EDGE 1 -> 2");
    let far = |start: &str| db.rows(&format!("SELECT node_id FROM graph_neighbors('g', {start})"));
    assert_eq!(far("1"), texts(&[&["2"]]));
    assert_eq!(far("'7'"), texts(&[&["2"]]));
    let missing = db.error("SELECT * FROM graph_neighbors('g', 7)").to_string();
    assert!(missing.contains("no node 7"), "{missing}");
    assert!(db.rows("MATCH (s {id: 7})-[]->(t) RETURN t.key").is_empty());
    assert_eq!(db.rows("MATCH (s {id: 1})-[]->(t) RETURN t.key"), texts(&[&["8"]]));
}

#[test]
fn a_key_without_a_label_is_of_every_label_that_has_it() {
    let db = Database::new();
    db.run("CREATE GRAPH g NODES (A KEY(x), B KEY(y), C KEY(x)) USING GRAPHSTORE; USE GRAPH g");
    db.run("INSERT NODE A KEY 'k'; INSERT NODE B KEY 'k'; INSERT NODE C KEY 'k'; INSERT NODE A KEY 'far'");
    db.run("INSERT EDGE A:k -> far; INSERT EDGE B:k -> far; INSERT EDGE C:k -> far; INSERT EDGE far -> C:k");
    for collected in [false, true] {
        if collected {
            db.run("GC GRAPH g");
        }
        let of = |pattern: &str| db.rows(&format!("MATCH {pattern} RETURN s.label, t.label ORDER BY s.label, t.label"));
        assert_eq!(of("(s {key: 'k'})-[]->(t)"), texts(&[&["A", "A"], &["B", "A"], &["C", "A"]]));
        assert_eq!(of("(s)-[]->(t {key: 'k'})"), texts(&[&["A", "C"]]));
        assert_eq!(of("SHORTEST (s {key: 'k'})-[*1..2]->(t {key: 'k'})"), texts(&[&["A", "C"], &["B", "C"]]));
        // A column is the key of the labels that have it for that.
        assert_eq!(of("(s {x: 'k'})-[]->(t)"), texts(&[&["A", "A"], &["C", "A"]]));
        assert_eq!(of("(s {y: 'k'})-[]->(t)"), texts(&[&["B", "A"]]));
        assert_eq!(of("(s:C {key: 'k'})-[]->(t)"), texts(&[&["C", "A"]]));
        assert_eq!(of("(s {key: 'B:k'})-[]->(t)"), texts(&[&["B", "A"]]));
        assert!(of("(s {key: 'nobody'})-[]->(t)").is_empty());
        // One node is asked for: that of the lowest id.
        assert_eq!(db.rows("SELECT prev_id FROM graph_neighbors('g', 'k')"), texts(&[&["1"]]));
    }
}

#[test]
fn over_tables_too_a_text_is_a_key_and_a_number_an_id() {
    let db = Database::new();
    db.run("CREATE TABLE n (id BIGINT PRIMARY KEY, code VARCHAR); CREATE TABLE e (src BIGINT, dst BIGINT)");
    db.run("INSERT INTO n VALUES (1, '2'), (2, '3'), (3, '1'); INSERT INTO e VALUES (1, 2), (2, 3), (3, 40)");
    db.run("CREATE GRAPH g NODES (N KEY(code)) EDGES (E FROM N TO N) USING TABLES (nodes=n, edges=e)");
    let next = |start: &str| {
        db.rows(&format!("SELECT node_id FROM graph_neighbors(max_hops => 1, start => {start}, graph => 'g')"))
    };
    assert_eq!((next("1"), next("'1'")), (texts(&[&["2"]]), texts(&[&["40"]])));
    assert_eq!((next("2"), next("'N:2'")), (texts(&[&["3"]]), texts(&[&["2"]])));
    // What no key is may be an id, as of a node that stands in no row.
    let into = |end: &str| db.rows(&format!("SELECT node_id FROM graph_neighbors('g', {end}, direction => 'in')"));
    assert_eq!((into("40"), into("'40'")), (texts(&[&["3"]]), texts(&[&["3"]])));
    let counts =
        db.rows("SELECT graph_reach_count('g', id, 1, 'in'), graph_reach_count('g', code, 1, 'in') FROM n ORDER BY id");
    assert_eq!(counts, texts(&[&["0", "0"], &["1", "1"], &["1", "1"]]));
    for (end, far) in [("{id: 1}", "2"), ("{id: '1'}", "2"), ("{key: '1'}", "40"), ("{code: 1}", "40")] {
        assert_eq!(db.rows(&format!("MATCH USING GRAPH g (s {end})-[]->(t) RETURN t.id")), texts(&[&[far]]), "{end}");
    }
}

#[test]
fn subqueries_of_a_match_have_relations_of_their_own() {
    let db = Database::new();
    db.run("CREATE TABLE tools (name VARCHAR PRIMARY KEY, size INT); INSERT INTO tools VALUES ('a', 1), ('b', 2), ('c', 3)");
    db.run("CREATE GRAPH g USING GRAPHSTORE; USE GRAPH g; INSERT NODE N KEY 'a'; INSERT NODE N KEY 'b'; INSERT NODE N KEY 'c'");
    db.run("INSERT EDGE a -> b; INSERT EDGE b -> c");
    let found = |filter: &str| {
        db.rows(&format!("MATCH (s {{key: 'a'}})-[*]->(t) WHERE {filter} RETURN t.key ORDER BY t.key"))
            .concat()
            .join(" ")
    };
    assert_eq!(found("t.key IN (SELECT tools.name FROM tools WHERE size > 2)"), "c");
    assert_eq!(
        found("t.key IN (SELECT t.name FROM tools t WHERE t.size < 3)"),
        "b",
        "a name of the pattern, used anew"
    );
    assert_eq!(found("EXISTS (SELECT 1 FROM tools x WHERE x.name = t.key AND x.size = hop + 1)"), "b c");
    assert_eq!(db.error("MATCH (s)-[]->(t) WHERE u.key = 'a' RETURN t.key").kind(), Kind::Usage);
}

#[test]
fn rows_that_are_no_nodes_or_edges_are_not_passed_over() {
    let db = Database::new();
    db.run("CREATE TABLE n (id BIGINT PRIMARY KEY, name VARCHAR); CREATE TABLE e (id BIGINT PRIMARY KEY, src BIGINT, dst BIGINT, type VARCHAR, kind INT)");
    db.run("INSERT INTO n VALUES (1, 'a'), (2, 'b'), (3, 'c'); INSERT INTO e VALUES (1, 1, 2, 'X', 1), (2, 2, 3, NULL, NULL)");
    db.run("CREATE GRAPH g NODES (N KEY(name)) EDGES (X FROM N TO N) USING TABLES (nodes=n, edges=e)");
    db.run("CREATE GRAPH h NODES (N KEY(name)) USING TABLES (nodes=n, edges=e) WITH (etype=kind)");
    for graph in ["g", "h"] {
        let far =
            |etype: &str| db.rows(&format!("SELECT count(*) FROM graph_neighbors('{graph}', 1, {etype}, 9)")).concat();
        assert_eq!(
            (far("NULL"), far("1"), far("0")),
            (vec!["2".to_owned()], vec!["1".to_owned()], vec!["0".to_owned()])
        );
        assert_eq!(
            db.rows(&format!("SELECT etype FROM graph_edges('{graph}') ORDER BY src")),
            texts(&[&["1"], &["0"]])
        );
    }
    db.run("UPDATE e SET kind = -1 WHERE id = 2");
    assert!(db.error("SELECT * FROM graph_nodes('h')").to_string().contains("no number of a type"));
    // One of them had no name, and was found by no MATCH.
    db.run("INSERT INTO n VALUES (4, 'a')");
    let e = db.error("MATCH USING GRAPH g (s)-[]->(t) RETURN t.key");
    assert!(e.to_string().contains("two rows of public.n have the key N:a"), "{e}");
    db.run("CREATE GRAPH k NODES (N KEY(id)) USING TABLES (nodes=n, edges=e)");
    assert_eq!(db.rows("MATCH USING GRAPH k (s {id: 1})-[]->(t) RETURN t.name, t.id * 2"), texts(&[&["b", "4"]]));
}

#[test]
fn what_a_match_returns_is_called_as_it_was_asked_for() {
    let db = Database::new();
    db.run("CREATE GRAPH g USING GRAPHSTORE; USE GRAPH g; INSERT NODE N KEY 'a'; INSERT EDGE a -> a ETYPE 0");
    let answer =
        db.runtime.block_on(db.session.script("MATCH (s)-[*0..1]->(t) RETURN T.key, hop + 1, s.id AS n")).unwrap();
    let names: Vec<&str> = answer.schema.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(names, ["t.key", "hop + 1", "n"]);
}

#[test]
fn a_node_that_is_inserted_again_is_no_news_to_a_compaction() {
    let mut db = Database::new();
    db.run("CREATE GRAPH g USING GRAPHSTORE; USE GRAPH g; INSERT NODE N KEY 'a'; INSERT NODE N KEY 'b'; INSERT NODE N KEY 'c'");
    db.run("GC GRAPH g");
    for key in ["d", "d", "d", "a", "e", "d"] {
        db.run(&format!("INSERT NODE N KEY '{key}'; GC GRAPH g"));
    }
    db.reopen();
    db.run("GC GRAPH g");
    let nodes = db.rows("SELECT node_id, key FROM graph_nodes('g') ORDER BY node_id");
    assert_eq!(nodes, texts(&[&["1", "a"], &["2", "b"], &["3", "c"], &["4", "d"], &["5", "e"]]));
}

#[test]
fn ids_of_nodes_that_are_gone_are_not_given_again() {
    let mut db = Database::new();
    db.run("CREATE GRAPH g USING GRAPHSTORE WITH (partitions=2); INSERT NODE N KEY 'stays' GRAPH g");
    let mut last = 1;
    let between = ["", "GC GRAPH g", "", "reopen", "flush", "reopen", "GC GRAPH g", "reopen"];
    for (step, between) in between.iter().enumerate() {
        // Each time the node of the highest id goes, at once or with the next transaction.
        let key = format!("n{step}");
        db.run(&format!("BEGIN; INSERT NODE N KEY '{key}' GRAPH g"));
        if step % 2 == 0 {
            db.run("COMMIT; BEGIN");
        }
        let id = db.rows(&format!("SELECT node_id FROM graph_nodes('g') WHERE key = '{key}'"));
        let id: u64 = id[0][0].parse().unwrap();
        assert_eq!(id, last + 1, "step {step}");
        last = id;
        db.run(&format!("DELETE NODE N KEY '{key}' GRAPH g; COMMIT"));
        match *between {
            "" => {}
            "reopen" => db.reopen(),
            "flush" => {
                let flush = db.session.maintain(async |w: &mut qx_store::Writer| w.flush_all().await);
                db.runtime.block_on(flush).unwrap();
            }
            sql => db.run(sql),
        }
    }
    // All of them may go: what is left of the dictionary still says where to go on.
    db.run("DELETE NODE N KEY 'stays' GRAPH g; GC GRAPH g");
    db.reopen();
    db.run("INSERT NODE N KEY 'new' GRAPH g");
    let all = db.rows("SELECT node_id, key FROM graph_nodes('g')");
    assert_eq!(all, texts(&[&[(last + 1).to_string().as_str(), "new"]]));
    // Whoever names an id gets it, also one that was given before.
    db.run("INSERT NODE N KEY 'old' AS 1 GRAPH g");
    assert_eq!(db.rows("SELECT key FROM graph_nodes('g') ORDER BY node_id"), texts(&[&["old"], &["new"]]));
}

#[test]
fn a_cost_that_is_none_is_refused_and_named_where_it_stands() {
    use qx_formats::delta_log::Op;
    use qx_store::names::ObjectName;

    let db = Database::new();
    db.run("CREATE GRAPH g USING GRAPHSTORE; USE GRAPH g; INSERT NODE N KEY 'a'; INSERT NODE N KEY 'b'");
    for props in [r#"{"cost": -5}"#, r#"{"cost": "x"}"#, r#"{"time": "noon"}"#] {
        let e = db.error(&format!("INSERT EDGE a -> b PROPS '{props}'"));
        assert_eq!(e.kind(), Kind::Invalid, "{props}: {e}");
        assert!(e.message().contains("the edge property"), "{e}");
    }
    db.run("INSERT EDGE a -> b PROPS '{\"cost\": 2}'");
    assert_eq!(db.rows("SELECT node_id FROM graph_paths('g', 'a', 'b')"), texts(&[&["1"], &["2"]]));
    // Another writer of the log asks nobody.
    let put = db.session.transact(async |writer: &mut qx_store::Writer| {
        let name = ObjectName::parse("graph", "public.g")?;
        let graph = writer.catalog().graph(&name).map(|def| def.uuid).unwrap();
        writer.op(Op::UseGraph { graph })?;
        writer.op(Op::EdgeUpsert { part: 0, src: 1, dst: 2, etype: 1, props: br#"{"cost":-5}"#.to_vec() })?;
        Ok(())
    });
    db.runtime.block_on(put).unwrap();
    for search in
        ["SELECT * FROM graph_paths('g', 'a', 'b')", "MATCH SHORTEST (s {key: 'a'})-[*1..3]->(t) RETURN t.key"]
    {
        let e = db.error(search);
        let says = "the graph public.g: the edge property cost is no cost, of the edge N:a -> N:b of type 1";
        assert_eq!(e.message(), says);
        assert!(e.get_hint().unwrap().contains("DELETE EDGE 'N:a' -> 'N:b' ETYPE 1"), "{e}");
    }
    db.run("DELETE EDGE 'N:a' -> 'N:b' ETYPE 1");
    assert!(db.rows("SELECT node_id FROM graph_paths('g', 'a', 'b')").is_empty());
}

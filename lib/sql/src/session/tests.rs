//! Plans that are kept give what planning anew gives.

use super::Session;
use crate::testing::{Database, texts};

/// The rows of a query in a session, a text for each.
fn rows(db: &Database, session: &Session, sql: &str) -> Vec<String> {
    db.rows_in(session, sql).iter().map(|row| row.join(" ")).collect()
}

/// The rows of a query, which a session that never ran one like it gives as well.
fn same(db: &Database, sql: &str) -> Vec<String> {
    let found = rows(db, &db.session, sql);
    let fresh = Session::open(&db.store).unwrap();
    assert_eq!(found, rows(db, &fresh, sql), "{sql}");
    found
}

fn kept(db: &Database) -> usize {
    db.session.kept.len()
}

const ROWS: &str = "CREATE TABLE v (id BIGINT PRIMARY KEY, at REAL[], name TEXT);
    INSERT INTO v VALUES (1, [0, 0], 'a'), (2, [1, 0], 'b'), (3, [5, 5], 'c'), (4, [9, 9], 'd');
    CREATE VECTOR INDEX near ON v(at) USING hnsw WITH (metric = l2, mode = immediate)";

fn nearest(vector: &str) -> String {
    format!("SELECT id FROM v ORDER BY vec_l2(at, '{vector}') LIMIT 2")
}

#[test]
fn a_search_for_another_vector_is_not_planned_again() {
    let db = Database::new();
    db.run(ROWS);
    db.close();
    assert_eq!(same(&db, &nearest("[0, 0]")), ["1", "2"]);
    assert_eq!(kept(&db), 1);
    assert_eq!(same(&db, &nearest("[9, 8]")), ["4", "3"]);
    assert_eq!(same(&db, &nearest("[5, 4]")), ["3", "2"]);
    assert_eq!(kept(&db), 1, "the three are alike");
    let scored = |v: &str| format!("SELECT id, vec_l2(at, '{v}') AS d FROM v ORDER BY vec_l2(at, '{v}') LIMIT 1");
    assert_eq!(same(&db, &scored("[0, 0]")), ["1 0.0"]);
    assert_eq!(same(&db, &scored("[1, 1]")), ["2 1.0"]);
    let two = |a: &str, b: &str| format!("SELECT id, vec_l2(at, '{a}') AS d FROM v ORDER BY vec_l2(at, '{b}') LIMIT 1");
    assert_eq!(same(&db, &two("[0, 0]", "[9, 9]")), ["4 12.727922"]);
    assert_eq!(same(&db, &two("[9, 9]", "[0, 0]")), ["1 12.727922"]);
    let function = |v: &str| format!("SELECT row_id FROM nearest_neighbors('v', 'at', qvec => '{v}', k => 1)");
    assert_eq!(same(&db, &function("[0, 0]")), ["1"]);
    let before = kept(&db);
    assert_eq!(same(&db, &function("[9, 9]")), ["4"]);
    assert_eq!(kept(&db), before);
}

#[test]
fn a_distance_of_constants_is_that_of_its_own_statement() {
    let db = Database::new();
    db.run(ROWS);
    db.close();
    let far = |v: &str| format!("SELECT id, vec_l2('{v}', [0.0, 0]) AS d FROM v ORDER BY vec_l2(at, '{v}') LIMIT 1");
    assert_eq!(same(&db, &far("[3, 4]")), ["3 5.0"]);
    assert_eq!(same(&db, &far("[0, 0]")), ["1 0.0"]);
    let list = |v: &str| format!("SELECT vec_l2(to_vec('{v}'), '[0, 0]') AS d FROM vector_search('near', '{v}', 1)");
    assert_eq!(same(&db, &list("[3, 4]")), ["5.0"]);
    assert_eq!(same(&db, &list("[0, 0]")), ["0.0"]);
}

#[test]
fn what_is_kept_ends_with_its_moment() {
    let db = Database::new();
    db.run(ROWS);
    assert_eq!(rows(&db, &db.session, &nearest("[9, 9]")), ["4", "3"]);
    db.run("INSERT INTO v VALUES (5, [9, 9], 'e')");
    assert_eq!(rows(&db, &db.session, &nearest("[9, 9]")), ["4", "5"]);
    db.run("BEGIN; DELETE FROM v WHERE id = 4");
    assert_eq!(rows(&db, &db.session, &nearest("[9, 9]")), ["5", "3"]);
    db.run("ROLLBACK");
    assert_eq!(rows(&db, &db.session, &nearest("[9, 9]")), ["4", "5"]);
    db.run("REINDEX VECTOR INDEX near");
    assert_eq!(rows(&db, &db.session, &nearest("[9, 9]")), ["4", "5"]);
    db.close();
    // Another session writes.
    same(&db, &nearest("[9, 9]"));
    let other = Session::open(&db.store).unwrap();
    db.run_in(&other, "UPDATE v SET at = [0, 0] WHERE id = 4");
    db.runtime.block_on(other.close()).unwrap();
    assert_eq!(same(&db, &nearest("[9, 9]")), ["5", "3"]);
    // A setting that plans depend on.
    let explain = format!("EXPLAIN {}", nearest("[9, 9]"));
    db.run("SET vector.search.ef_search = 77");
    assert!(rows(&db, &db.session, &explain).concat().contains("77"));
    assert_eq!(same(&db, &nearest("[9, 9]")), ["5", "3"]);
    db.run("DROP VECTOR INDEX near");
    db.close();
    assert_eq!(same(&db, &nearest("[9, 9]")), ["5", "3"]);
}

#[test]
fn a_vector_that_does_not_fit_is_refused_as_ever() {
    let db = Database::new();
    db.run(ROWS);
    assert_eq!(rows(&db, &db.session, &nearest("[9, 9]")), ["4", "3"]);
    let error = db.error(&nearest("[9, 9, 9]")).to_string();
    assert!(error.contains("dimension"), "{error}");
    let (nothing, fresh) = (nearest("x"), Session::open(&db.store).unwrap());
    assert_eq!(rows(&db, &db.session, &nothing), rows(&db, &fresh, &nothing));
}

#[test]
fn a_search_around_another_node_is_not_planned_again() {
    let db = Database::new();
    db.run(
        "CREATE GRAPH g NODES (P KEY(k)) EDGES (E FROM P TO P) USING GRAPHSTORE; USE GRAPH g;
         INSERT NODE P KEY 'a'; INSERT NODE P KEY 'b'; INSERT NODE P KEY 'c'; INSERT EDGE a -> b; INSERT EDGE b -> c",
    );
    let around = |node: &str| format!("SELECT count(*), max(hop) FROM graph_neighbors('g', 'P:{node}', NULL, 2)");
    assert_eq!(same(&db, &around("a")), ["2 2"]);
    assert_eq!(kept(&db), 1);
    assert_eq!(same(&db, &around("b")), ["1 1"]);
    assert_eq!(same(&db, &around("c")), ["0 "]);
    assert_eq!(kept(&db), 1);
    assert!(db.error(&around("z")).to_string().contains('z'));
    db.run("INSERT EDGE c -> a");
    assert_eq!(same(&db, &around("c")), ["2 2"]);
}

#[test]
fn what_depends_on_more_than_the_search_is_planned_each_time() {
    let db = Database::new();
    db.run(ROWS);
    for sql in [
        "SELECT id, now() FROM v ORDER BY vec_l2(at, '[0, 0]') LIMIT 2",
        "SELECT id FROM v WHERE id > 1 ORDER BY vec_l2(at, '[0, 0]') LIMIT 2",
        "SELECT v.id FROM v JOIN v w ON v.id = w.id ORDER BY vec_l2(v.at, '[0, 0]') LIMIT 2",
        "SELECT id FROM v UNION ALL SELECT id FROM v ORDER BY 1 LIMIT 2",
        "SELECT id, (SELECT count(*) FROM v) FROM v ORDER BY vec_l2(at, '[0, 0]') LIMIT 2",
        "SELECT id FROM v LIMIT 1",
    ] {
        db.run(sql);
        assert_eq!(kept(&db), 0, "{sql}");
    }
}

#[test]
fn a_search_is_known_by_its_text() {
    let db = Database::new();
    db.run(ROWS);
    db.close();
    let knows = |sql: &str| db.session.kept.knows(sql);
    let ids = |sql: &str| -> Vec<Vec<String>> {
        let found = db.runtime.block_on(db.session.query(sql)).unwrap();
        let fresh = db.runtime.block_on(Session::open(&db.store).unwrap().query(sql)).unwrap();
        assert_eq!(texts(&found), texts(&fresh), "{sql}");
        texts(&found)
    };
    assert!(!knows(&nearest("[9, 9]")));
    assert_eq!(ids(&nearest("[9, 9]")), [["4"], ["3"]]);
    assert!(knows(&nearest("[0, 0]")) && !knows(&format!("{} -- all", nearest("[0, 0]"))));
    assert_eq!(ids(&nearest("[0, 0]")), [["1"], ["2"]]);
    assert_eq!(ids(&format!("  {}\n", nearest("[1, 0]"))), [["2"], ["1"]]);
    // Of another dimension, or none: known by its text, and refused as ever.
    for bad in ["[1, 0, 0]", "[]", "[1,,2]", "[1", "[1e999, 0]"] {
        let sql = nearest(bad);
        assert!(knows(&sql), "{bad}");
        let fresh = Session::open(&db.store).unwrap();
        let said = |session: &Session| match db.runtime.block_on(session.query(&sql)) {
            Ok(answer) => format!("{:?}", texts(&answer)),
            Err(e) => e.to_string(),
        };
        assert_eq!(said(&db.session), said(&fresh), "{bad}");
    }
    // What others commit is seen, and the plan is made anew.
    let other = Session::open(&db.store).unwrap();
    db.run_in(&other, "UPDATE v SET at = [0, 0] WHERE id = 4");
    db.runtime.block_on(other.close()).unwrap();
    assert_eq!(ids(&nearest("[5, 5]")), [["3"], ["2"]]);
    assert_eq!(ids(&nearest("[0, 1]")), [["1"], ["4"]]);
    // EXPLAIN ANALYZE runs a statement whose text begins before it.
    let explain = |v: &str| format!("EXPLAIN ANALYZE {}", nearest(v));
    db.run(&explain("[1, 1]"));
    assert!(!knows(&explain("[1, 1]")));
}

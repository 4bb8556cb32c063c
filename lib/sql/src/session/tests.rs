//! Plans that are kept give what planning anew gives.

use std::sync::Arc;

use datafusion::arrow::util::display::array_value_to_string;
use qx_store::Store;

use super::{Answer, Session};

struct Database {
    _dir: tempfile::TempDir,
    store: Arc<Store>,
    runtime: tokio::runtime::Runtime,
    session: Session,
}

impl Database {
    fn new() -> Database {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::init(&dir.path().join("db")).unwrap().0);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let session = Session::open(&store).unwrap();
        Database { _dir: dir, store, runtime, session }
    }

    fn run(&self, session: &Session, sql: &str) -> Answer {
        self.runtime.block_on(session.script(sql)).unwrap_or_else(|e| panic!("{sql}: {e}"))
    }

    fn rows(&self, session: &Session, sql: &str) -> Vec<String> {
        let answer = self.run(session, sql);
        let row = |batch: &datafusion::arrow::array::RecordBatch, row| {
            let cells = batch.columns().iter().map(|c| array_value_to_string(c, row).unwrap());
            cells.collect::<Vec<_>>().join(" ")
        };
        answer.batches.iter().flat_map(|b| (0..b.num_rows()).map(move |r| row(b, r))).collect()
    }

    /// The rows of a query, which a session that never ran one like it gives as well.
    fn same(&self, sql: &str) -> Vec<String> {
        let rows = self.rows(&self.session, sql);
        let fresh = Session::open(&self.store).unwrap();
        assert_eq!(rows, self.rows(&fresh, sql), "{sql}");
        rows
    }

    fn kept(&self) -> usize {
        self.session.kept.len()
    }

    fn error(&self, sql: &str) -> String {
        match self.runtime.block_on(self.session.script(sql)) {
            Ok(_) => panic!("{sql} was taken"),
            Err(e) => e.to_string(),
        }
    }

    fn close(&self) {
        self.runtime.block_on(self.session.close()).unwrap();
    }
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
    db.run(&db.session, ROWS);
    db.close();
    assert_eq!(db.same(&nearest("[0, 0]")), ["1", "2"]);
    assert_eq!(db.kept(), 1);
    assert_eq!(db.same(&nearest("[9, 8]")), ["4", "3"]);
    assert_eq!(db.same(&nearest("[5, 4]")), ["3", "2"]);
    assert_eq!(db.kept(), 1, "the three are alike");
    let scored = |v: &str| format!("SELECT id, vec_l2(at, '{v}') AS d FROM v ORDER BY vec_l2(at, '{v}') LIMIT 1");
    assert_eq!(db.same(&scored("[0, 0]")), ["1 0.0"]);
    assert_eq!(db.same(&scored("[1, 1]")), ["2 1.0"]);
    let two = |a: &str, b: &str| format!("SELECT id, vec_l2(at, '{a}') AS d FROM v ORDER BY vec_l2(at, '{b}') LIMIT 1");
    assert_eq!(db.same(&two("[0, 0]", "[9, 9]")), ["4 12.727922"]);
    assert_eq!(db.same(&two("[9, 9]", "[0, 0]")), ["1 12.727922"]);
    let function = |v: &str| format!("SELECT row_id FROM nearest_neighbors('v', 'at', qvec => '{v}', k => 1)");
    assert_eq!(db.same(&function("[0, 0]")), ["1"]);
    let before = db.kept();
    assert_eq!(db.same(&function("[9, 9]")), ["4"]);
    assert_eq!(db.kept(), before);
}

#[test]
fn what_is_kept_ends_with_its_moment() {
    let db = Database::new();
    db.run(&db.session, ROWS);
    assert_eq!(db.rows(&db.session, &nearest("[9, 9]")), ["4", "3"]);
    db.run(&db.session, "INSERT INTO v VALUES (5, [9, 9], 'e')");
    assert_eq!(db.rows(&db.session, &nearest("[9, 9]")), ["4", "5"]);
    db.run(&db.session, "BEGIN; DELETE FROM v WHERE id = 4");
    assert_eq!(db.rows(&db.session, &nearest("[9, 9]")), ["5", "3"]);
    db.run(&db.session, "ROLLBACK");
    assert_eq!(db.rows(&db.session, &nearest("[9, 9]")), ["4", "5"]);
    db.run(&db.session, "REINDEX VECTOR INDEX near");
    assert_eq!(db.rows(&db.session, &nearest("[9, 9]")), ["4", "5"]);
    db.close();
    // Another session writes.
    db.same(&nearest("[9, 9]"));
    let other = Session::open(&db.store).unwrap();
    db.run(&other, "UPDATE v SET at = [0, 0] WHERE id = 4");
    db.runtime.block_on(other.close()).unwrap();
    assert_eq!(db.same(&nearest("[9, 9]")), ["5", "3"]);
    // A setting that plans depend on.
    let explain = format!("EXPLAIN {}", nearest("[9, 9]"));
    db.run(&db.session, "SET vector.search.ef_search = 77");
    assert!(db.rows(&db.session, &explain).concat().contains("77"));
    assert_eq!(db.same(&nearest("[9, 9]")), ["5", "3"]);
    db.run(&db.session, "DROP VECTOR INDEX near");
    db.close();
    assert_eq!(db.same(&nearest("[9, 9]")), ["5", "3"]);
}

#[test]
fn a_vector_that_does_not_fit_is_refused_as_ever() {
    let db = Database::new();
    db.run(&db.session, ROWS);
    assert_eq!(db.rows(&db.session, &nearest("[9, 9]")), ["4", "3"]);
    let error = db.error(&nearest("[9, 9, 9]"));
    assert!(error.contains("dimension"), "{error}");
    let (nothing, fresh) = (nearest("x"), Session::open(&db.store).unwrap());
    assert_eq!(db.rows(&db.session, &nothing), db.rows(&fresh, &nothing));
}

#[test]
fn a_search_around_another_node_is_not_planned_again() {
    let db = Database::new();
    db.run(
        &db.session,
        "CREATE GRAPH g NODES (P KEY(k)) EDGES (E FROM P TO P) USING GRAPHSTORE; USE GRAPH g;
         INSERT NODE P KEY 'a'; INSERT NODE P KEY 'b'; INSERT NODE P KEY 'c'; INSERT EDGE a -> b; INSERT EDGE b -> c",
    );
    let around = |node: &str| format!("SELECT count(*), max(hop) FROM graph_neighbors('g', 'P:{node}', NULL, 2)");
    assert_eq!(db.same(&around("a")), ["2 2"]);
    assert_eq!(db.kept(), 1);
    assert_eq!(db.same(&around("b")), ["1 1"]);
    assert_eq!(db.same(&around("c")), ["0 "]);
    assert_eq!(db.kept(), 1);
    assert!(db.error(&around("z")).contains('z'));
    db.run(&db.session, "INSERT EDGE c -> a");
    assert_eq!(db.same(&around("c")), ["2 2"]);
}

#[test]
fn what_depends_on_more_than_the_search_is_planned_each_time() {
    let db = Database::new();
    db.run(&db.session, ROWS);
    for sql in [
        "SELECT id, now() FROM v ORDER BY vec_l2(at, '[0, 0]') LIMIT 2",
        "SELECT id FROM v WHERE id > 1 ORDER BY vec_l2(at, '[0, 0]') LIMIT 2",
        "SELECT v.id FROM v JOIN v w ON v.id = w.id ORDER BY vec_l2(v.at, '[0, 0]') LIMIT 2",
        "SELECT id FROM v UNION ALL SELECT id FROM v ORDER BY 1 LIMIT 2",
        "SELECT id, (SELECT count(*) FROM v) FROM v ORDER BY vec_l2(at, '[0, 0]') LIMIT 2",
        "SELECT id FROM v LIMIT 1",
    ] {
        db.run(&db.session, sql);
        assert_eq!(db.kept(), 0, "{sql}");
    }
}

//! ORDER BY a distance with LIMIT against brute force: every combination of metric, direction, filter, secondary key,
//! LIMIT and OFFSET, over rows that are indexed, hot, changed and deleted. The answers are the same to the row, with an
//! exact search over the index, and with an approximate one whose candidates are all rows.
#![cfg(feature = "engine")]

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use qx_sql::Session;
use qx_store::{Store, Writer};

/// A row as the test knows it.
#[derive(Debug, Clone)]
struct Row {
    id: i64,
    tag: i64,
    v: Option<Vec<f32>>,
}

/// Small whole numbers: many rows are equally far, so that ties are tried.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }

    fn vector(&mut self) -> Option<Vec<f32>> {
        match self.next(20) {
            0 => None,
            1 => Some(vec![0.0; 3]),
            2 => Some(vec![1.0, 2.0]),
            _ => Some((0..3).map(|_| self.next(7) as f32 - 3.0).collect()),
        }
    }
}

fn literal(v: &Option<Vec<f32>>) -> String {
    match v {
        None => "null".to_owned(),
        Some(v) => format!("[{}]", v.iter().map(f32::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn values(rows: &[Row]) -> String {
    let one = |r: &Row| format!("({}, {}, {})", r.id, r.tag, literal(&r.v));
    rows.iter().map(one).collect::<Vec<_>>().join(", ")
}

struct Database {
    _dir: tempfile::TempDir,
    session: Session,
    rows: Vec<Row>,
    dice: Dice,
    /// The indexes hold the vectors to the bit. Else USING EXACT is a plain scan.
    faithful: bool,
}

impl Database {
    async fn new(seed: u64) -> Database {
        Self::with_key(seed, "primary key").await
    }

    /// `key` is `primary key`, or nothing: rows have the numbers that they got when they came then, and since ids count
    /// up, ties by row id go by `id` all the same.
    async fn with_key(seed: u64, key: &str) -> Database {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(Store::init(dir.path()).unwrap().0);
        let session = Session::open(&store).unwrap();
        session.query(&format!("create table t (id bigint {key}, tag bigint, v real[])")).await.unwrap();
        session.query("create table others (tag bigint primary key, name text)").await.unwrap();
        session.query("insert into others values (0, 'a'), (1, 'b'), (2, 'b')").await.unwrap();
        Database { _dir: dir, session, rows: Vec::new(), dice: Dice(seed), faithful: true }
    }

    async fn run(&self, sql: &str) {
        if let Err(e) = self.session.query(sql).await {
            panic!("{sql}: {e}");
        }
    }

    async fn insert(&mut self, count: i64) {
        let first = self.rows.iter().map(|r| r.id).max().unwrap_or(-6) + 1;
        let dice = &mut self.dice;
        let new: Vec<Row> =
            (first..first + count).map(|id| Row { id, tag: dice.next(5) as i64, v: dice.vector() }).collect();
        self.run(&format!("insert into t values {}", values(&new))).await;
        self.rows.extend(new);
    }

    async fn change(&mut self, count: usize) {
        for _ in 0..count {
            let at = self.dice.next(self.rows.len() as u64) as usize;
            let (id, v) = (self.rows[at].id, self.dice.vector());
            self.run(&format!("update t set v = {} where id = {id}", literal(&v))).await;
            self.rows[at].v = v;
            let at = self.dice.next(self.rows.len() as u64) as usize;
            let id = self.rows.remove(at).id;
            self.run(&format!("delete from t where id = {id}")).await;
        }
    }

    async fn ids(&self, sql: &str) -> Vec<i64> {
        let answer = self.session.query(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
        let column = |b: &arrow::array::RecordBatch| {
            let ids = b.column(0).as_primitive::<Int64Type>();
            (0..ids.len()).map(|i| ids.value(i)).collect::<Vec<_>>()
        };
        answer.batches.iter().flat_map(column).collect()
    }
}

fn score(metric: &str, a: &[f32], b: &[f32]) -> Option<f32> {
    if a.len() != b.len() {
        return None;
    }
    Some(match metric {
        "vec_l2" => qx_vector::metric::l2(a, b),
        "vec_ip" => qx_vector::metric::ip(a, b),
        _ => qx_vector::metric::cosine(a, b),
    })
}

#[derive(Debug, Clone, Copy)]
struct Question<'a> {
    function: &'a str,
    desc: bool,
    filter: &'a str,
    second: &'a str,
    limit: usize,
    offset: usize,
    how: &'a str,
}

const FILTERS: [&str; 5] = [
    "",
    "where tag = 1",
    "where id % 7 = 0",
    "where tag in (select tag from others where name = 'b')",
    "where id > 100000",
];
const SECONDS: [&str; 3] = ["", ", tag desc, id", ", id desc"];

impl Question<'_> {
    fn sql(&self, query: &[f32]) -> String {
        let Question { function, desc, filter, second, limit, offset, how } = self;
        let direction = if *desc { "desc" } else { "asc" };
        let vector = literal(&Some(query.to_vec()));
        // Without further keys ties go by id.
        format!(
            "select id from t {filter} order by {function}(v, '{vector}') {direction}{second} limit {limit} offset {offset} {how}"
        )
    }

    fn passes(&self, row: &Row) -> bool {
        match FILTERS.iter().position(|f| *f == self.filter) {
            Some(0) => true,
            Some(1) => row.tag == 1,
            Some(2) => row.id % 7 == 0,
            Some(3) => row.tag == 1 || row.tag == 2,
            _ => row.id > 100_000,
        }
    }

    fn brute(&self, rows: &[Row], query: &[f32]) -> Vec<i64> {
        let mut found: Vec<(Option<f32>, &Row)> = rows
            .iter()
            .filter(|r| self.passes(r))
            .map(|r| (r.v.as_ref().and_then(|v| score(self.function, v, query)), r))
            .collect();
        found.sort_by(|(a, x), (b, y)| {
            let by_score = match (a, b) {
                (Some(a), Some(b)) if self.desc => b.total_cmp(a),
                (Some(a), Some(b)) => a.total_cmp(b),
                (None, None) => Ordering::Equal,
                (None, _) => Ordering::Greater,
                (_, None) => Ordering::Less,
            };
            let by_second = match self.second {
                ", tag desc, id" => y.tag.cmp(&x.tag).then(x.id.cmp(&y.id)),
                ", id desc" => y.id.cmp(&x.id),
                _ => x.id.cmp(&y.id),
            };
            by_score.then(by_second)
        });
        found.iter().skip(self.offset).take(self.limit).map(|(_, r)| r.id).collect()
    }
}

/// Asks everything; gives how many questions an index answered.
async fn ask_all(db: &Database, functions: &[&str], query: &[f32]) -> (usize, usize) {
    let (mut asked, mut by_index) = (0, 0);
    for function in functions {
        for desc in [false, true] {
            for filter in FILTERS {
                for second in SECONDS {
                    for (limit, offset) in [(1, 0), (5, 3), (1000, 0)] {
                        for how in ["using exact", ""] {
                            let q = Question { function, desc, filter, second, limit, offset, how };
                            // The wrong direction is a plain scan.
                            let near = desc != (*function == "vec_l2");
                            let sql = q.sql(query);
                            let want = q.brute(&db.rows, query);
                            assert_eq!(db.ids(&sql).await, want, "{sql}");
                            asked += 1;
                            by_index += usize::from(near && (db.faithful || how.is_empty()));
                        }
                    }
                }
            }
        }
    }
    (asked, by_index)
}

async fn explain(db: &Database, sql: &str) -> String {
    let answer = db.session.query(&format!("explain {sql}")).await.unwrap_or_else(|e| panic!("{sql}: {e}"));
    let lines = answer.batches.iter().flat_map(|b| {
        let lines = b.column(0).as_string::<i32>();
        (0..lines.len()).map(|i| lines.value(i).to_owned()).collect::<Vec<_>>()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// `more` are options of the indexes under which they hold less than the vectors of the table.
fn run(mode: &str, more: &str, seed: u64) {
    run_with_key(mode, more, seed, "primary key");
}

fn run_with_key(mode: &str, more: &str, seed: u64, key: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut db = Database::with_key(seed, key).await;
        db.faithful = more.is_empty();
        db.insert(120).await;
        for (name, metric) in [("i_l2", "l2"), ("i_ip", "ip"), ("i_cos", "cosine")] {
            // Candidates are all rows: what is approximate is complete then.
            let with = format!(
                "metric = {metric}, mode = {mode}, dim = 3, dim_policy = skip, m = 8, alpha = 1000, batch_rows = 8{more}"
            );
            db.run(&format!("create vector index {name} on t(v) with ({with})")).await;
        }
        let functions = ["vec_l2", "vec_ip", "cosine_sim"];
        ask_all(&db, &functions[1..2], &[1.0, -2.0, 1.0]).await;
        db.insert(30).await;
        db.change(8).await;
        let (asked, by_index) = ask_all(&db, &functions, &[0.0, 1.0, 2.0]).await;
        assert!(by_index > 0 && asked > by_index, "{by_index} of {asked}");
        let plan = explain(&db, "select id from t where tag = 1 order by vec_l2(v, '[1,2,3]') limit 3").await;
        assert!(plan.contains("VectorSearch") && plan.contains("public.i_l2"), "{plan}");
        let plan = explain(&db, "select id from t order by vec_l2(v, '[1,2,3]') desc limit 3").await;
        assert!(plan.contains("exact: descending order of l2"), "{plan}");
        let plan = explain(&db, "select id from t order by vec_l2(v, '[1,2,3]')").await;
        assert!(plan.contains("exact: there is no LIMIT"), "{plan}");
        if matches!(mode, "immediate" | "batched") {
            // More changes than a batch came behind the build: each index has taken them up by itself.
            let waiting = "select count(*) from system.vector_indexes where pending_rows > 8";
            assert_eq!(db.ids(waiting).await, [0], "{mode}");
        }
        // What leaves the log is in the index before.
        db.session.maintain(async |w: &mut Writer| w.flush_all().await).await.unwrap();
        let behind = "select count(*) from system.vector_indexes where state <> 'ready' or pending_rows > 0";
        assert_eq!(db.ids(behind).await, [0], "{mode}");
        ask_all(&db, &functions[..1], &[0.0, 1.0, 2.0]).await;
        db.insert(10).await;
        db.change(3).await;
        ask_all(&db, &functions[2..], &[2.0, 2.0, -1.0]).await;
        // A query that is all zeros: under cosine everything is equally near.
        ask_all(&db, &functions[2..], &[0.0, 0.0, 0.0]).await;
        db.session.close().await.unwrap();
    });
}

#[test]
fn an_index_that_is_only_rebuilt_misses_no_row() {
    run("rebuild_only", "", 1);
}

#[test]
fn an_index_that_follows_each_statement_is_right() {
    run("immediate", "", 2);
}

#[test]
fn an_index_that_follows_in_batches_is_right() {
    run("batched", "", 3);
}

#[test]
fn an_index_that_waits_for_upkeep_is_right() {
    run("async", "", 4);
}

#[test]
fn an_index_of_shorter_floats_is_right() {
    run("immediate", ", element = f16", 7);
    run("batched", ", element = bf16", 8);
}

#[test]
fn an_index_of_codes_alone_is_right() {
    run("async", ", codes = only", 9);
}

#[test]
fn rows_without_a_key_reach_an_index_in_every_mode() {
    for (seed, mode) in [(11, "immediate"), (12, "batched"), (13, "async"), (14, "rebuild_only")] {
        run_with_key(mode, "", seed, "");
    }
}

#[test]
fn a_bulk_load_of_rows_without_a_key_reaches_an_index() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Database::new(15).await;
        db.run("create table loose (n bigint, v real[])").await;
        db.run("create vector index loose_v on loose(v) using flat with (mode = immediate, dim = 2)").await;
        db.run("insert into loose values (0, [0.5, 0])").await;
        db.run("insert into loose select value, make_array(value, 1) from generate_series(1, 100001)").await;
        db.run("insert into loose values (200000, [50000.25, 1])").await;
        db.run("delete from loose where n = 50001").await;
        let nearest = "select n from loose order by vec_l2(v, '[50000,1]') limit 3";
        let plan = explain(&db, nearest).await;
        assert!(plan.contains("VectorSearch"), "{plan}");
        assert_eq!(db.ids(nearest).await, [50_000, 200_000, 49_999]);
        let all = "select cast(rows_indexed as bigint) from system.vector_indexes where state = 'ready'";
        assert_eq!(db.ids(all).await, [100_002]);
        db.session.close().await.unwrap();
    });
}

#[test]
fn ties_are_the_same_with_an_index_and_without() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Database::new(16).await;
        for (t, columns) in [
            ("by_number", "id bigint primary key, name text, v real[]"),
            ("by_text", "id bigint, name text primary key, v real[]"),
            ("by_both", "id bigint, name text, v real[], primary key (name, id)"),
            ("by_none", "id bigint, name text, v real[]"),
        ] {
            db.run(&format!("create table {t} ({columns})")).await;
            // Three vectors, each of hundreds of rows; keys come in no order, and some are negative.
            let rows = |from: i64, to: i64| {
                let series = format!("select value * 37 % 1009 as i from generate_series({from}, {to})");
                format!("insert into {t} select i - 500, concat('n', i), make_array(i % 3, 1) from ({series}) s")
            };
            db.run(&rows(1, 700)).await;
            db.session.maintain(async |w: &mut Writer| w.flush_all().await).await.unwrap();
            let with = "metric = l2, mode = async, m = 8, ef_build = 20";
            db.run(&format!("create vector index {t}_v on {t}(v) with ({with})")).await;
            db.run(&rows(701, 900)).await;
            db.run(&format!("update {t} set v = make_array(1, 1) where id % 10 = 1")).await;
            db.run(&format!("update {t} set v = null where id % 10 = 3")).await;
            db.run(&format!("delete from {t} where id % 10 = 2")).await;
            let mut asked = Vec::new();
            for filter in ["", "where id % 2 = 0"] {
                for (direction, limit) in [("", "1"), ("", "3"), ("", "250"), ("", "40 offset 5"), ("desc", "30")] {
                    let order = format!("order by vec_l2(v, '[0,1]') {direction} limit {limit}");
                    asked.push(format!("select id from {t} {filter} {order}"));
                }
            }
            let found = format!("nearest_neighbors('{t}', 'v', '[0,1]', 30, engine => 'exact', with_ord => true)");
            asked.push(format!("select t.id from {found} n join {t} t on t.__row_id = n.row_id order by n.ord"));
            let mut by_index = Vec::new();
            for sql in &asked {
                by_index.push(db.ids(sql).await);
            }
            assert!(explain(&db, &asked[1]).await.contains("VectorSearch"), "{t}");
            if t == "by_number" {
                let told = "select id from by_number order by vec_l2(v, '[0,1]'), id limit 250";
                assert_eq!(by_index[2], db.ids(told).await);
            }
            db.run(&format!("drop vector index {t}_v")).await;
            for (sql, with_index) in asked.iter().zip(&by_index) {
                assert_eq!(db.ids(sql).await, *with_index, "{sql}");
            }
        }
        db.session.close().await.unwrap();
    });
}

#[test]
fn a_table_that_is_joined_to_itself_is_searched_where_the_order_says() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let db = Database::new(17).await;
        db.run("create table tree (id bigint primary key, parent bigint, v real[])").await;
        db.run("insert into tree values (1, null, [0, 0]), (2, 1, [5, 0]), (3, 1, [1, 0]), (4, 2, [9, 0])").await;
        db.run("create vector index tree_v on tree(v) with (metric = l2)").await;
        let vector = "vec_l2(b.v, '[0,0]')";
        for from in ["tree a join tree b", "(select * from tree) a join (select * from tree) b"] {
            let near = format!("select a.id from {from} on a.parent = b.id order by {vector}, a.id limit 2");
            assert!(explain(&db, &near).await.contains("VectorSearch"), "{near}");
            assert_eq!(db.ids(&near).await, [2, 3], "{near}");
            let far = format!("select a.id from {from} on a.parent = b.id order by {vector} desc, a.id limit 2");
            assert_eq!(db.ids(&far).await, [4, 2], "{far}");
        }
        let twice = "with x as (select * from tree) select a.id from x a join x b on a.parent = b.id";
        assert_eq!(db.ids(&format!("{twice} order by {vector}, a.id limit 2")).await, [2, 3]);
        assert_eq!(db.ids(&format!("{twice} order by vec_l2(a.v, '[9,0]'), a.id limit 2")).await, [4, 2]);
        db.session.close().await.unwrap();
    });
}

#[test]
fn keys_alone_come_from_the_index() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let mut db = Database::new(5).await;
        db.insert(50).await;
        db.run("create vector index near on t(v) with (metric = l2, dim = 3, dim_policy = skip)").await;
        let reads_table = |plan: &str| plan.contains("HashJoin");
        let keys = "select a.id + 1 as next from t a order by vec_l2(a.v, '[1,2,3]') limit 3";
        let plan = explain(&db, keys).await;
        assert!(plan.contains("VectorSearch") && !reads_table(&plan), "{plan}");
        let scored = "select id, vec_l2(v, '[1,2,3]') as far from t where tag = 1 order by far limit 3";
        let plan = explain(&db, scored).await;
        assert!(plan.contains("VectorSearch") && !reads_table(&plan), "{plan}");
        let more = explain(&db, "select id, tag from t order by vec_l2(v, '[1,2,3]') limit 3").await;
        assert!(more.contains("VectorSearch") && reads_table(&more), "{more}");
        // The ids of an index that names a column of its own may stand in several rows.
        db.run("create table parts (page bigint, part bigint, v real[], primary key (page, part))").await;
        db.run("insert into parts values (1, 1, [1, 1]), (2, 1, [1, 2]), (2, 2, [9, 9])").await;
        db.run("create vector index by_page on parts(v) with (metric = l2)").await;
        let pages = "select page from parts order by vec_l2(v, '[1,1]') limit 2";
        assert_eq!(db.ids(pages).await, [1, 2]);
        db.session.close().await.unwrap();
    });
}

#[test]
fn a_bulk_load_reaches_the_indexes_of_its_table() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let db = Database::new(6).await;
        for (name, mode) in [("now", "immediate"), ("later", "async"), ("rarely", "rebuild_only")] {
            db.run(&format!("create table {name} (id bigint primary key, v real[])")).await;
            let with = format!("metric = l2, mode = {mode}, dim = 2");
            db.run(&format!("create vector index {name}_v on {name}(v) using flat with ({with})")).await;
            db.run(&format!("insert into {name} values (0, [0.5, 0])")).await;
            let rows = "select value, make_array(value, 1) from generate_series(1, 100001)";
            db.run(&format!("insert into {name} {rows}")).await;
            db.run(&format!("insert into {name} values (200000, [50000.25, 1])")).await;
            let nearest = format!("select id from {name} order by vec_l2(v, '[50000,1]') limit 3");
            let plan = explain(&db, &nearest).await;
            assert!(plan.contains("VectorSearch"), "{name}: {plan}");
            assert_eq!(db.ids(&nearest).await, [50_000, 200_000, 49_999], "{name}");
            let all = format!(
                "select cast(rows_indexed + pending_rows as bigint) from system.vector_indexes where name = 'public.{name}_v'"
            );
            assert_eq!(db.ids(&all).await, [100_003], "{name}");
        }
        db.session.close().await.unwrap();
    });
}

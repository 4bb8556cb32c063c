//! EXPLAIN and `explain` over a database: every kind of statement is described, nothing that writes is run, the same
//! input gives the same bytes. Through the tools, so that nothing here links the engine.
#![cfg(feature = "engine")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

struct Bench {
    dir: tempfile::TempDir,
}

const SETUP: &str = "\
create table t (id bigint primary key, name varchar, n int, at timestamp);
insert into t values (1, 'a', 2, null), (2, 'b', 3, null), (3, 'c', 5, null);
create table u (id bigint, t_id bigint, weight double);
insert into u values (1, 1, 0.5), (2, 1, 1.5), (3, 3, 2.5)";

impl Bench {
    fn new() -> Bench {
        let bench = Bench { dir: tempfile::tempdir().unwrap() };
        let init = Command::new(env!("CARGO_BIN_EXE_qx")).arg("init").arg(bench.db()).output().unwrap();
        assert!(init.status.success());
        bench.sql(SETUP);
        bench
    }

    fn db(&self) -> PathBuf {
        self.dir.path().join("x.db")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn qx(&self, sql: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qx"));
        command.arg("sql").arg("--db").arg(self.db()).args(["-c", sql]).output().unwrap()
    }

    fn sql(&self, sql: &str) -> String {
        let done = self.qx(sql);
        assert!(done.status.success(), "{sql}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }

    fn explain(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_explain")).args(args).current_dir(self.dir.path()).output().unwrap()
    }

    fn told(&self, args: &[&str], code: i32) -> String {
        let done = self.explain(args);
        let err = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(code), "{args:?}: {err}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Everything that the database says, to see that it is unchanged.
    fn state(&self) -> String {
        self.sql("select * from t order by id; select * from u order by id; show tables")
    }
}

/// Statements of our own, each with what its description must say.
const STATEMENTS: &[(&str, &str)] = &[
    ("select 1", "query"),
    ("select * from t", "query"),
    ("select id, name from t where id = 2", "query"),
    ("select count(*), max(n) from t where name like 'a%' group by name having count(*) > 1", "query"),
    ("select * from t order by n desc limit 2 offset 1", "query"),
    ("select t.name, sum(u.weight) from t join u on t.id = u.t_id group by t.name", "query"),
    ("select * from t left join u on t.id = u.t_id and u.weight > 1", "query"),
    ("select * from t where exists (select 1 from u where u.t_id = t.id)", "query"),
    ("select * from t where id not in (select t_id from u)", "query"),
    ("select * from t where n > (select avg(n) from t)", "query"),
    ("with a as (select * from t) select * from a union all select * from a", "query"),
    ("select distinct n from t", "query"),
    ("select distinct on (n) n, name from t order by n, name", "query"),
    ("select n, row_number() over (partition by name order by n) from t", "query"),
    ("select case when n > 2 then 'x' else name end, cast(n as double), n is null from t", "query"),
    ("values (1, 'a'), (2, 'b')", "query"),
    ("select * from generate_series(1, 10)", "query"),
    ("with recursive r as (select 1 as x union all select x + 1 from r where x < 5) select * from r", "query"),
    ("select n, count(*) from t group by rollup(n, name)", "query"),
    ("select unnest([1, 2, 3])", "query"),
    ("select now(), random() < 2", "query"),
    ("insert into t values (9, 'z', 1, null)", "insert"),
    ("insert into t select id + 100, name, n, at from t", "insert"),
    ("update t set n = n + 1 where id = 2", "update"),
    ("delete from t", "delete"),
    ("delete from t where id in (select t_id from u)", "delete"),
    ("merge into t using u on t.id = u.t_id when matched then update set n = 0", "merge"),
    ("truncate table t", "truncate"),
    ("create table v (a int primary key, b varchar not null)", "create_table"),
    ("create table v as select * from t where n > 2", "create_table"),
    ("drop table t", "drop_table"),
    ("drop table if exists nothing", "drop_table"),
    ("alter table t add column extra int", "alter_table"),
    ("alter table t rename column name to title", "alter_table"),
    ("begin", "begin"),
    ("commit", "commit"),
    ("rollback", "rollback"),
    ("show tables", "query"),
    ("show columns from t", "query"),
    ("describe t", "query"),
    ("set datafusion.execution.batch_size = 1024", "set"),
];

#[test]
fn every_statement_is_described_and_none_is_run() {
    let bench = Bench::new();
    assert!(STATEMENTS.len() >= 40);
    let before = bench.state();
    let script: Vec<String> = STATEMENTS.iter().map(|(sql, _)| format!("explain format json {sql}")).collect();
    for (i, (sql, kind)) in STATEMENTS.iter().enumerate() {
        let text = bench.told(&["capture", sql, "--db", "x.db"], 0);
        let bundle: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(bundle["statement"]["kind"], *kind, "{sql}");
        assert_eq!(bundle["stages"].as_array().unwrap().len(), 3, "{sql}");
        assert_eq!(bench.told(&["capture", sql, "--db", "x.db"], 0), text, "{sql}: other bytes");
        // Within SQL the same document comes out, line by line.
        if i % 8 == 0 {
            let lines = bench.sql(&script[i]);
            let lines: Vec<Value> = lines.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
            let joined: Vec<&str> = lines.iter().map(|l| l["plan"].as_str().unwrap()).collect();
            assert_eq!(joined.join("\n") + "\n", text, "{sql}");
        }
    }
    for (sql, _) in STATEMENTS.iter().filter(|(_, kind)| *kind != "query") {
        bench.sql(&format!("explain {sql}"));
    }
    assert_eq!(bench.state(), before, "EXPLAIN changed the database");
}

#[test]
fn analyze_runs_what_reads_and_refuses_what_writes() {
    let bench = Bench::new();
    let before = bench.state();
    let text = bench.sql("explain analyze select count(*) from t where n > 2");
    assert!(text.contains("measured"), "{text}");
    for sql in ["delete from t", "update t set n = 1", "insert into t values (7, 'x', 1, null)", "drop table t"] {
        let done = bench.qx(&format!("explain analyze {sql}"));
        assert_eq!(done.status.code(), Some(2), "{sql}");
        assert!(String::from_utf8_lossy(&done.stderr).contains("ANALYZE would run"), "{sql}");
        assert_eq!(bench.explain(&["plan", sql, "--db", "x.db", "--analyze"]).status.code(), Some(2), "{sql}");
    }
    assert_eq!(bench.state(), before);
}

#[test]
fn what_cannot_be_explained_is_refused_with_the_reason() {
    let bench = Bench::new();
    for (sql, says) in [
        ("explain", "not SQL"),
        ("explain explain select 1", "EXPLAIN of an EXPLAIN"),
        ("explain format picture select 1", "text, json, tree"),
        ("explain (colour red) select 1", "not an option"),
        ("explain (analyze", "EXPLAIN"),
        ("explain select * from nothing", "nothing"),
        ("explain delete from nothing", "nothing"),
        ("explain select no_such_column from t", "no_such_column"),
    ] {
        let done = bench.qx(sql);
        let err = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{sql}: {err}");
        assert!(err.contains(says), "{sql}: {err}");
    }
    for args in [
        &["plan", "", "--db", "x.db"][..],
        &["plan", "select 1; select 2", "--db", "x.db"],
        &["plan", "select 1", "--db", "nowhere.db"],
        &["plan", "select $1", "--db", "x.db", "--param", "2=int64:1"],
        &["plan", "select 1", "--db", "x.db", "--set", "datafusion.no.such=1"],
        &["plan", "select 1", "--db", "x.db", "--overlay", "nothing.toml"],
        &["diff", "x.db", "x.db"],
        &["diff", "nothing.json", "x.db", "--sql", "select 1"],
    ] {
        assert_eq!(bench.explain(args).status.code(), Some(2), "{args:?}");
    }
    std::fs::write(bench.file("bad.toml"), "version = 1\n[optimizer]\nexclude = [\"no_such_rule\"]\n").unwrap();
    assert_eq!(bench.explain(&["plan", "select 1", "--db", "x.db", "--overlay", "bad.toml"]).status.code(), Some(2));
    std::fs::write(bench.file("bad.json"), "{\"format\":\"qx.plan\",\"version\":1").unwrap();
    assert_eq!(bench.explain(&["diff", "bad.json", "bad.json"]).status.code(), Some(65));
}

#[test]
fn changes_of_the_database_are_named() {
    let bench = Bench::new();
    let sql = "select name from t where n > 2";
    let capture = |name: &str| drop(bench.told(&["capture", sql, "--db", "x.db", "-o", name], 0));
    let causes = |a: &str, b: &str| -> Vec<String> {
        let text = bench.explain(&["diff", a, b, "--json"]).stdout;
        let diff: Value = serde_json::from_slice(&text).unwrap();
        let changes = diff["changes"].as_array().unwrap().iter();
        let mut found: Vec<String> =
            changes.filter(|c| c["cause"] == true).map(|c| c["category"].as_str().unwrap().to_owned()).collect();
        found.dedup();
        found
    };
    capture("a.json");
    bench.sql("insert into t values (4, 'd', 9, null)");
    capture("b.json");
    assert_eq!(causes("a.json", "b.json"), ["content"]);
    assert_eq!(bench.explain(&["diff", "a.json", "b.json", "-q"]).status.code(), Some(1));
    bench.told(&["diff", "a.json", "b.json", "--fail-on", "shape,schema"], 0);
    capture("c.json");
    assert_eq!(causes("b.json", "c.json"), [""; 0]);
    let other = |name: &str| drop(bench.told(&["capture", "select id from w", "--db", "x.db", "-o", name], 0));
    bench.sql("create table w (id bigint)");
    other("w1.json");
    bench.sql("drop table w; create table w (id bigint, extra varchar)");
    other("w2.json");
    assert_eq!(causes("w1.json", "w2.json"), ["schema"]);
    bench.told(&["capture", sql, "--db", "x.db", "--set", "datafusion.execution.batch_size=7", "-o", "d.json"], 0);
    assert_eq!(causes("c.json", "d.json"), ["settings"]);
    for form in ["words", "side", "json", "html"] {
        assert!(!bench.told(&["diff", "a.json", "c.json", "--form", form], 1).is_empty());
    }
    assert_eq!(bench.explain(&["capture", sql, "--db", "x.db", "-o", "a.json"]).status.code(), Some(2), "no --force");
}

#[test]
fn a_folder_of_queries_is_gated() {
    let bench = Bench::new();
    let queries = bench.file("queries");
    std::fs::create_dir_all(queries.join("more")).unwrap();
    std::fs::write(queries.join("one.sql"), "-- the rows\nselect * from t;\n").unwrap();
    std::fs::write(queries.join("more/two.sql"), "select count(*) from u").unwrap();
    let baseline = |args: &[&str], code: i32| {
        let args: Vec<&str> = ["baseline"].iter().chain(args).copied().collect();
        bench.told(&args, code)
    };
    let check = ["check", "queries", "--db", "x.db"];
    assert!(baseline(&check, 1).contains("no plan was approved yet"));
    assert!(baseline(&["add", "queries", "--db", "x.db"], 0).contains("unapproved\tmore/two"));
    baseline(&check, 1);
    baseline(&["approve", "queries", "--all"], 0);
    assert_eq!(baseline(&check, 0), "approved\tmore/two\napproved\tone\n");
    bench.sql("insert into u values (9, 9, 9.0)");
    assert!(baseline(&check, 1).contains("unapproved\tmore/two"));
    baseline(&["check", "queries", "--db", "x.db", "--fail-on", "schema"], 0);
    baseline(&["check", "queries", "--db", "x.db", "--keep"], 1);
    assert!(Path::new(&queries.join("plans/more/two.new.json")).is_file());
    baseline(&["approve", "queries", "more/two", "--reject"], 0);
    assert!(baseline(&check, 1).contains("rejected\tmore/two"));
    std::fs::write(queries.join("broken.sql"), "select * from nothing").unwrap();
    assert!(baseline(&check, 1).contains("failed\tbroken"));
    std::fs::remove_file(queries.join("one.sql")).unwrap();
    assert!(baseline(&check, 1).contains("orphaned\tone"));
    assert!(baseline(&["list", "queries"], 0).contains("broken"));
    assert_eq!(bench.explain(&["baseline", "approve", "queries", "nothing"]).status.code(), Some(2));
}

#[test]
fn the_functions_are_those_that_were_checked_in() {
    let bench = Bench::new();
    let found = bench.told(&["functions", "--db", "x.db", "--json"], 0);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/explain/functions.ndjson");
    if std::env::var_os("QX_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let differ =
        |a: &str, b: &str| a.lines().filter(|l| !b.lines().any(|m| m == *l)).map(str::to_owned).collect::<Vec<_>>();
    assert!(
        found == expected,
        "the function registry is another (QX_BLESS=1 writes it anew)\nnew: {:#?}\ngone: {:#?}",
        differ(&found, &expected),
        differ(&expected, &found)
    );
}

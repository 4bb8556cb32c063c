//! EXPLAIN and `explain` over a database: every kind of statement is described, nothing that writes is run, the same
//! input gives the same bytes. Through the tools, so that nothing here links the engine.
#![cfg(feature = "engine")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

struct Bench {
    dir: tempfile::TempDir,
}

const SETUP: &str = include_str!("explain/setup.sql");

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
        let graph = "select * from graph_nodes('g') order by 1; select * from graph_edges('g') order by 1";
        let keys = "list keys in s; read key n in s; show graphs; list stores";
        self.sql(&format!("select * from t order by id; select * from u order by id; show tables; {graph}; {keys}"))
    }
}

/// Statements of our own, each with its kind.
fn statements() -> Vec<(&'static str, &'static str)> {
    let lines = include_str!("explain/statements.txt").lines().filter(|l| !l.starts_with('#'));
    lines.map(|l| l.split_once('\t').map(|(kind, sql)| (sql, kind)).unwrap()).collect()
}

#[test]
fn every_statement_is_described_and_none_is_run() {
    let bench = Bench::new();
    let statements = statements();
    assert!(statements.len() >= 60);
    let before = bench.state();
    let script: Vec<String> = statements.iter().map(|(sql, _)| format!("explain format json {sql}")).collect();
    for (i, (sql, kind)) in statements.iter().enumerate() {
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
    for (sql, _) in statements.iter().filter(|(_, kind)| *kind != "query") {
        bench.sql(&format!("explain {sql}"));
    }
    assert_eq!(bench.state(), before, "EXPLAIN changed the database");
}

#[test]
fn what_graphs_and_keys_are_is_told() {
    let bench = Bench::new();
    for (sql, says) in [
        (
            "select * from graph_neighbors('g', 'planner', null, 2)",
            &["breadth first", "start => planner", "generation"][..],
        ),
        ("insert edge shell -> planner graph g", &["edge from shell to planner", "graphstore", "not run"]),
        ("select * from main.store.s.docs", &["document", "lsn ", "docs"]),
        ("write key n in s = 8", &["writes", "int", "n"]),
        ("write key rows in s = (select * from t)", &["frame", "TableScan"]),
        ("match using graph links (s:T {key: '1'})-[*]->(t:T) return t.key", &["starts at", "tables"]),
    ] {
        let text = bench.sql(&format!("explain {sql}"));
        for word in says {
            assert!(text.contains(word), "{sql}: no {word} in {text}");
        }
    }
    for sql in ["read key a in nothing", "insert node T key 'x' graph nothing", "drop graph nothing"] {
        let done = bench.qx(&format!("explain {sql}"));
        assert_eq!(done.status.code(), Some(2), "{sql}");
        assert!(String::from_utf8_lossy(&done.stderr).contains("nothing"), "{sql}");
    }
}

/// A statement that nests deeper than any stack answers or is refused; the process lives.
#[test]
fn deep_statements_do_not_end_the_process() {
    let bench = Bench::new();
    let nested = |n: usize| format!("select {}1{}", "(".repeat(n), ")".repeat(n));
    let sum = |n: usize| format!("select {}", vec!["1"; n].join("+"));
    let and = |n: usize| format!("select * from t where {}", vec!["id = 1"; n].join(" or "));
    let union = |n: usize| vec!["select 1"; n].join(" union all ");
    let minus = |n: usize| format!("select {}1", "- ".repeat(n));
    let case = |n: usize| format!("select {}1{}", "case when 1 = 1 then ".repeat(n), " else 2 end".repeat(n));
    let inner = |n: usize| format!("{}select 1{}", "select * from (".repeat(n), ")".repeat(n));
    for sql in [nested(10), sum(300), and(150), union(60), inner(10)] {
        assert!(bench.qx(&sql).status.success(), "{sql}");
        assert!(bench.qx(&format!("explain {sql}")).status.success(), "{sql}");
        std::fs::write(bench.file("plan.json"), bench.told(&["capture", &sql, "--db", "x.db"], 0)).unwrap();
        bench.told(&["diff", "plan.json", "plan.json"], 0);
    }
    // Longer chains cost the engine's rules the square of their length; these are refused or done at once.
    for (i, sql) in [nested(20_000), inner(5_000), minus(20_000), case(500)].into_iter().enumerate() {
        let file = bench.file("deep.sql");
        std::fs::write(&file, &sql).unwrap();
        for explain in [false, true] {
            let text = if explain { format!("explain {sql}") } else { sql.clone() };
            std::fs::write(&file, text).unwrap();
            let mut command = Command::new(env!("CARGO_BIN_EXE_qx"));
            let done = command.arg("sql").arg("--db").arg(bench.db()).arg("-f").arg(&file).output().unwrap();
            let code = done.status.code();
            assert!(code.is_some_and(|c| c <= 2), "statement {i}, explain {explain}: {:?}", done.status);
        }
    }
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
fn what_cannot_be_read_of_a_folder_of_queries_is_told() {
    let bench = Bench::new();
    let queries = bench.file("queries");
    std::fs::create_dir_all(&queries).unwrap();
    std::fs::write(queries.join("q1.sql"), "select * from t where n > 2").unwrap();
    std::fs::write(queries.join("q2.sql"), "select count(*) from u").unwrap();
    let db = ["--db", "x.db"];
    for args in [
        &["baseline", "check", "nope", "--db", "x.db"][..],
        &["baseline", "add", "nope", "--db", "x.db"],
        &["baseline", "list", "nope"],
        &["baseline", "approve", "nope", "--all"],
    ] {
        bench.told(args, 2);
    }
    bench.told(&[&["baseline", "add", "queries", "--approve"][..], &db].concat(), 0);
    // A plan that was rejected is so whatever kinds of change are passed over.
    std::fs::write(queries.join("q1.sql"), "select * from t where n > 3").unwrap();
    let check = [&["baseline", "check", "queries"][..], &db].concat();
    bench.told(&[&check[..], &["--keep"]].concat(), 1);
    bench.told(&["baseline", "approve", "queries", "q1", "--reject"], 0);
    for more in [&[][..], &["--fail-on", "shape"], &["--ignore", "detail"]] {
        let text = bench.told(&[&check[..], more].concat(), 1);
        assert!(text.contains("rejected\tq1") && text.contains("approved\tq2"), "{more:?}: {text}");
    }
    // The plan of one query that is damaged, or edited, says nothing about the other.
    let plan = queries.join("plans/q1.json");
    let text = std::fs::read_to_string(&plan).unwrap();
    for bad in [text.replace("n > 2", "n > 4"), text[..text.len() / 2].to_owned()] {
        assert_ne!(bad, text);
        std::fs::write(&plan, &bad).unwrap();
        let text = bench.told(&check, 1);
        assert!(text.contains("failed\tq1") && text.contains("approved\tq2"), "{text}");
        let text = bench.told(&["baseline", "list", "queries"], 1);
        assert!(text.contains("damaged") && text.contains("q2"), "{text}");
        bench.told(&["diff", "queries/plans/q1.json", "queries/plans/q2.json"], 65);
    }
}

/// The engine's rules take minutes over such a statement, and know of no request to stop.
#[cfg(unix)]
#[test]
fn a_signal_ends_a_long_planning() {
    use std::os::unix::process::ExitStatusExt;
    use std::time::{Duration, Instant};

    let bench = Bench::new();
    let sql = format!("select {}", vec!["1"; 6000].join("+"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_explain"));
    command.args(["plan", &sql, "--db", "x.db"]).current_dir(bench.dir.path());
    let mut child = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(child.try_wait().unwrap(), None, "it was planned at once: the test needs a longer statement");
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let asked = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if asked.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it went on planning");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(status.signal(), Some(15), "{status}");
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

/// Only with the feature: its build needs protoc.
#[cfg(feature = "substrait")]
#[test]
fn plans_for_other_engines_go_out_and_come_back() {
    let bench = Bench::new();
    let sql = "select t.name, sum(u.weight) from t join u on t.id = u.t_id where t.n > 2 group by t.name";
    let db = ["--db", "x.db"];
    bench.told(&["substrait", "export", sql, "--db", "x.db", "-o", "p.substrait"], 0);
    assert_eq!(
        bench.explain(&["substrait", "export", sql, "--db", "x.db", "-o", "p.substrait"]).status.code(),
        Some(2)
    );
    let text = bench.told(&[&["substrait", "import", "p.substrait"][..], &db].concat(), 0);
    assert!(text.contains("Join") && text.contains("relation=t"), "{text}");
    let text = bench.told(&[&["substrait", "validate", sql][..], &db].concat(), 0);
    assert!(text.contains("rows     the same"), "{text}");
    // What cannot be carried is named; strict fails, permissive says why.
    for sql in ["select * from graph_neighbors('g', 'planner')", "select * from main.store.s.docs", "delete from t"] {
        let done = bench.explain(&[&["substrait", "export", sql][..], &db].concat());
        assert_eq!(done.status.code(), Some(2), "{sql}");
        assert!(String::from_utf8_lossy(&done.stderr).contains("no form in Substrait"), "{sql}: {done:?}");
    }
    let sql = "select * from graph_neighbors('g', 'planner')";
    let strict = ["capture", sql, "--substrait", "strict", "--db", "x.db"];
    assert_eq!(bench.explain(&strict).status.code(), Some(2));
    let text = bench.told(&["capture", sql, "--substrait", "permissive", "--db", "x.db"], 0);
    let bundle: Value = serde_json::from_str(&text).unwrap();
    assert!(bundle["substrait"]["reason"].as_str().unwrap().contains("graph_neighbors"));
    let text = bench.told(&["capture", "select * from t", "--substrait", "strict", "--db", "x.db"], 0);
    let bundle: Value = serde_json::from_str(&text).unwrap();
    assert!(bundle["substrait"]["bytes"].is_string());
    // Bytes that are no message, in a file that is not there, or of another database.
    std::fs::write(bench.file("bad"), b"\xff\xff\xff\xff").unwrap();
    assert_eq!(bench.explain(&["substrait", "import", "bad", "--db", "x.db"]).status.code(), Some(65));
    std::fs::write(bench.file("empty"), b"").unwrap();
    assert_eq!(bench.explain(&["substrait", "import", "empty", "--db", "x.db"]).status.code(), Some(65));
    assert_eq!(bench.explain(&["substrait", "import", "nothing", "--db", "x.db"]).status.code(), Some(2));
    bench.sql("drop table u");
    let done = bench.explain(&["substrait", "import", "p.substrait", "--db", "x.db"]);
    assert_eq!(done.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&done.stderr).contains('u'), "{done:?}");
}

//! `qx sql` as scripts use it: parameters, trials, sync policies, and a log that lost its beginning.
#![cfg(feature = "engine")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

struct Db(#[allow(dead_code)] tempfile::TempDir, PathBuf);

impl Db {
    fn new() -> Db {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("my.db");
        let db = Db(dir, path);
        db.ok(&["init", db.path()]);
        db
    }

    fn path(&self) -> &str {
        self.1.to_str().unwrap()
    }

    fn run(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_qx")).args(args).stdin(Stdio::null()).output().unwrap()
    }

    fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(out.status.success(), "qx {args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    }

    fn sql(&self, sql: &str, more: &[&str]) -> Vec<Value> {
        let args = [&["sql", "--db", self.path(), "--format", "ndjson", "-c", sql], more].concat();
        self.ok(&args).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
    }

    fn refused(&self, sql: &str, more: &[&str]) -> (i32, String) {
        let out = self.run(&[&["sql", "--db", self.path(), "-c", sql], more].concat());
        assert!(!out.status.success(), "{sql}");
        (out.status.code().unwrap(), String::from_utf8_lossy(&out.stderr).into_owned())
    }

    fn wal(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.1.join("main/wal")).unwrap().map(|e| e.unwrap().path());
        let mut all: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "dlog")).collect();
        all.sort();
        all
    }
}

#[test]
fn parameters_have_types_and_names() {
    let db = Db::new();
    db.sql("create table t (id bigint primary key, name text, at timestamp); create store s", &[]);
    let given = ["--param", "1=int64:-1", "--param", "who=utf8:o'neill", "--param", "at=timestamp:2024-01-02T03:04:05"];
    db.sql("insert into t values ($1, $who, $at), ($1 + 3, $who, null); write key k in s = $who", &given);
    let rows = db.sql("select * from t where name = $who and id > $1 - 1 order by id", &given[..4]);
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["id"], &rows[0]["at"]), (&Value::from(-1), &Value::from("2024-01-02T03:04:05")));
    assert_eq!(db.sql("read key k in s", &[])[0]["value"], "o'neill");
    assert_eq!(
        db.sql("select count(*) c from t where at is not distinct from $1", &["--param", "1=timestamp:null"])[0]["c"],
        1
    );
    let typed =
        db.sql("select arrow_typeof($1) t, arrow_typeof($2) u", &["--param", "1=uint8:7", "--param", "2=float64:2"]);
    assert_eq!((&typed[0]["t"], &typed[0]["u"]), (&"UInt8".into(), &"Float64".into()));
    for (sql, given, what) in [
        ("select $1", &[][..], "the parameter $1 has no value"),
        ("select 1", &["--param", "1=int64:1"], "the statements have no parameter $1"),
        ("select $1", &["--param", "1=int64:x"], "not a value of type Int64"),
        ("select $1", &["--param", "1"], "NAME=TYPE:VALUE"),
    ] {
        let (code, said) = db.refused(sql, given);
        assert!(code == 2 && said.contains(what), "{sql} {given:?}: {said}");
    }
}

#[test]
fn a_trial_runs_and_changes_nothing() {
    let db = Db::new();
    db.sql("create table t (id bigint primary key, v text); insert into t values (1, 'a'), (2, 'b'), (3, 'c')", &[]);
    let refused = db.refused("explain analyze delete from t where id > 1", &[]);
    assert!(refused.0 == 2 && refused.1.contains("--rollback"), "{refused:?}");
    assert_eq!(db.sql("select count(*) c from t", &[])[0]["c"], 3);
    let text = |rows: &[Value]| rows.iter().map(|r| r["plan"].as_str().unwrap()).collect::<Vec<_>>().join("\n");
    for sql in [
        "explain analyze delete from t where id > 1",
        "explain analyze update t set v = 'x' where id in (select id from t where id < 3)",
        "explain analyze insert into t values (8, 'y'), (9, 'z')",
        "explain (analyze, format json) delete from t where id > 1",
    ] {
        let plan = text(&db.sql(sql, &["--rollback"]));
        let plan = plan.replace("rows_changed", "rows changed");
        assert!(plan.contains("rows changed") && plan.contains("rolled"), "{sql}: {plan}");
    }
    // A whole script, too: what it says is true for itself, and for nobody else.
    let seen = db.sql("delete from t where id = 1; select count(*) c from t", &["--rollback"]);
    assert_eq!(seen[0]["c"], 2);
    assert_eq!(db.sql("select string_agg(v, '' order by id) v from t", &[])[0]["v"], "abc");
}

#[test]
fn a_log_that_lost_a_segment_is_damage_and_no_passing_state() {
    let db = Db::new();
    db.sql("create table t (id bigint primary key)", &[]);
    for i in 0..4 {
        // Each session closes its segment of the log.
        db.sql(&format!("insert into t values ({i})"), &[]);
    }
    let wal = db.wal();
    assert!(wal.len() > 3, "{wal:?}");
    for victim in [0, 1, 2] {
        let bytes = fs::read(&wal[victim]).unwrap();
        fs::remove_file(&wal[victim]).unwrap();
        let (code, said) = db.refused("select * from t", &[]);
        assert_eq!(code, 65, "without {}: {said}", wal[victim].display());
        assert_eq!(db.run(&["fsck", db.path()]).status.code(), Some(1));
        fs::write(&wal[victim], bytes).unwrap();
    }
    assert_eq!(db.sql("select count(*) c from t", &[])[0]["c"], 4);
    let gone: Vec<(PathBuf, Vec<u8>)> = wal.iter().map(|p| (p.clone(), fs::read(p).unwrap())).collect();
    gone.iter().for_each(|(p, _)| fs::remove_file(p).unwrap());
    assert_eq!(db.refused("select * from t", &[]).0, 65, "no segment is left");
}

#[test]
fn a_log_that_lost_its_end_is_neither_read_nor_written() {
    let db = Db::new();
    db.sql("create table t (id bigint primary key); insert into t values (1)", &[]);
    let kept: Vec<(PathBuf, Vec<u8>)> = db.wal().into_iter().map(|p| (p.clone(), fs::read(p).unwrap())).collect();
    db.sql("insert into t values (2)", &[]);
    db.ok(&["flush", db.path()]);
    db.sql("insert into t values (3)", &[]);
    db.wal().iter().for_each(|p| fs::remove_file(p).unwrap());
    kept.iter().for_each(|(p, bytes)| fs::write(p, bytes).unwrap());
    let (code, said) = db.refused("insert into t values (4)", &[]);
    assert!(code == 65 && said.contains("lost its end"), "{code} {said}");
    let (code, said) = db.refused("select * from t", &[]);
    assert!(code == 65 && said.contains("lost its end"), "a reader, too: {code} {said}");
    let found = db.run(&["fsck", db.path()]);
    assert_eq!(found.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&found.stdout).contains("db.watermark"));
}

#[test]
fn a_snapshot_that_the_log_was_let_go_for_is_missed() {
    let db = Db::new();
    db.sql("create store s; write key a in s = 1; write key b in s = 2", &[]);
    db.ok(&["maintain", db.path()]);
    let manifest = db.1.join("main/store/s/manifest.json");
    let bytes = fs::read(&manifest).unwrap();
    fs::remove_file(&manifest).unwrap();
    let _ = fs::remove_file(db.1.join("main/store/s/manifest.prev.json"));
    let (code, said) = db.refused("list keys in s", &[]);
    assert!(code == 65 && said.contains("is missing"), "{said}");
    assert_eq!(db.run(&["fsck", db.path()]).status.code(), Some(1));
    fs::write(&manifest, bytes).unwrap();
    assert_eq!(db.sql("list keys in s", &[]).len(), 2);
    assert_eq!(db.run(&["fsck", db.path()]).status.code(), Some(0));
}

/// Bytes of the log that reached the disk are not for a test to see; that the policy is taken and the rows are there is.
#[test]
fn every_sync_policy_keeps_what_was_written() {
    let db = Db::new();
    for (i, policy) in ["always", "none", "interval:5", "bytes:4096"].iter().enumerate() {
        db.sql(&format!("create table t{i} (id bigint) with (sync = '{policy}')"), &[]);
        db.sql(&format!("insert into t{i} values (1); insert into t{i} values (2)"), &[]);
        assert_eq!(db.sql(&format!("select count(*) c from t{i}"), &[])[0]["c"], 2, "{policy}");
    }
}

#[test]
fn a_table_of_a_pipeline_gets_row_ids_when_it_is_written_anew() {
    let db = Db::new();
    let dir = Path::new(db.path()).parent().unwrap().to_path_buf();
    fs::write(dir.join("in.ndjson"), "{\"a\":1}\n{\"a\":1}\n{\"a\":2}\n").unwrap();
    let spec = "version = 1\nname = \"p\"\ndatabase = \"my.db\"\n[inputs.rows]\npath = \"in.ndjson\"\n[[views]]\nname = \"v\"\nsql = \"select * from rows\"\n[[outputs]]\ntable = \"t\"\nfrom = \"v\"\n";
    fs::write(dir.join("p.toml"), spec).unwrap();
    let spec = dir.join("p.toml");
    let out = db.run(&["run", spec.to_str().unwrap(), "--db", db.path()]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let (code, said) = db.refused("delete from t where a = 2", &[]);
    assert!(code == 2 && said.contains("--rewrite"), "{said}");
    db.ok(&["compact", db.path(), "t", "--rewrite"]);
    db.sql("delete from t where a = 1 limit 1; update t set a = 3 where a = 2; insert into t values (4)", &[]);
    let rows = |db: &Db| {
        db.sql("select a from t order by a", &[]).iter().map(|r| r["a"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(rows(&db), [1, 3, 4]);
    db.ok(&["flush", db.path()]);
    assert_eq!(rows(&db), [1, 3, 4]);
    assert_eq!(db.run(&["fsck", db.path()]).status.code(), Some(0));
}

#[test]
fn what_has_expired_is_removed_and_graphs_are_compacted_when_it_is_due() {
    let db = Db::new();
    db.sql("create table t (id bigint, at timestamp) with (ttl = '1d', ttl_column = 'at')", &[]);
    db.sql("insert into t values (1, now() - interval '3 days'), (2, now()), (3, null)", &[]);
    db.ok(&["flush", db.path()]);
    db.sql("insert into t values (4, now() - interval '30 hours'), (5, now())", &[]);
    db.ok(&["flush", db.path()]);
    db.sql("create store s; write key gone in s = 1 ttl 1ms; write key stays in s = 2", &[]);
    let work = |args: &[&str]| {
        let out = db.ok(&[&["maintain", db.path(), "--json"], args].concat());
        let lines = out.lines().map(|l| serde_json::from_str::<Value>(l).unwrap());
        lines.filter_map(|l| Some(format!("{} {}", l["work"].as_str()?, l["object"].as_str()?))).collect::<Vec<_>>()
    };
    // The file with the row that expired long ago is due, the other one is not yet; nor is the store.
    let due = ["remove expired rows of table public.t"];
    assert_eq!(work(&["--due", "--dry-run"]), due);
    assert_eq!(work(&["--due"]), due);
    assert_eq!(work(&["--due"]), Vec::<String>::new());
    db.sql("create graph g using graphstore with (gc_max_delta_age_ms = 1000)", &[]);
    db.sql("insert node L key 'a' graph g; insert node L key 'b' graph g; insert edge a -> b graph g", &[]);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(work(&["--due"]), ["compact graph public.g"]);
    db.sql("insert edge b -> a graph g", &[]);
    let all = ["remove expired rows of table public.t", "snapshot store s", "compact graph public.g"];
    assert_eq!(work(&["--dry-run"]), all);
    assert_eq!(work(&[]), all);
    assert_eq!(work(&[]), Vec::<String>::new());
    let ids = db.sql("select id from t order by id", &[]).iter().map(|r| r["id"].as_i64().unwrap()).collect::<Vec<_>>();
    assert_eq!(ids, [2, 3, 5]);
    let manifest = db.ok(&["manifest", "show", db.path(), "t"]);
    let manifest: Value = serde_json::from_str(manifest.lines().next().unwrap()).unwrap();
    let number = |v: &Value| v.as_i64().or_else(|| v.as_str()?.parse().ok()).unwrap();
    let rows: i64 = manifest["segments"].as_array().unwrap().iter().map(|s| number(&s["rows"])).sum();
    assert_eq!(rows, 3, "{manifest}");
    assert_eq!(db.sql("list keys in s", &[]).len(), 1);
    assert_eq!(db.sql("select * from graph_edges('g')", &[]).len(), 2);
    assert_eq!(db.run(&["fsck", db.path()]).status.code(), Some(0));
}

#[test]
fn a_script_runs_as_it_comes() {
    use std::io::{BufRead, BufReader, Write};
    let db = Db::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_qx"))
        .args(["sql", "--db", db.path(), "--format", "ndjson"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut to = child.stdin.take().unwrap();
    let mut from = BufReader::new(child.stdout.take().unwrap());
    // An answer is there before the next statement is asked for.
    for n in 0..3 {
        writeln!(
            to,
            "create table if not exists t (n bigint);\ninsert into t values ({n});\nselect count(*) as n from t;"
        )
        .unwrap();
        let mut line = String::new();
        from.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{{\"n\":{}}}\n", n + 1));
    }
    // What stands before an error is done, and nothing behind it.
    write!(to, "insert into t values (7); insert into t values; insert into t values (8);").unwrap();
    drop(to);
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(2), "{said}");
    assert!(said.contains("Line: 10, Column: 47"), "{said}");
    assert_eq!(db.sql("select max(n) as n from t", &[]), [serde_json::json!({"n": 7})]);
}

#[test]
fn a_flush_does_not_vouch_for_a_file_that_changed() {
    let db = Db::new();
    db.sql("create table t (n bigint, s text); insert into t values (1, 'first')", &[]);
    db.ok(&["flush", db.path()]);
    let cold = db.1.join("main/public/t/cold");
    let is_parquet = |p: &PathBuf| p.extension().is_some_and(|e| e == "parquet");
    let first = fs::read_dir(&cold).unwrap().map(|e| e.unwrap().path()).find(is_parquet).unwrap();
    let mut bytes = fs::read(&first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&first, bytes).unwrap();
    db.sql("insert into t values (2, 'second')", &[]);
    db.ok(&["flush", db.path()]);
    let out = db.run(&["fsck", db.path()]);
    let said = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains(first.file_name().unwrap().to_str().unwrap()), "{said}");
}

#[test]
fn a_script_that_ends_inside_a_transaction_says_that_nothing_was_done() {
    let db = Db::new();
    db.sql("create table t (n bigint)", &[]);
    let (code, said) = db.refused("begin; insert into t values (1)", &[]);
    assert!(code == 2 && said.contains("rolled back") && said.contains("COMMIT"), "{said}");
    assert_eq!(db.sql("select count(*) c from t", &[])[0]["c"], 0);
    db.sql("insert into t values (1)", &["--rollback"]);
    db.sql("begin; insert into t values (1); commit", &[]);
    assert_eq!(db.sql("select count(*) c from t", &[])[0]["c"], 1);
}

#[test]
fn what_json_does_not_fit_is_told_in_the_words_of_a_table() {
    let db = Db::new();
    db.sql("create table t (n bigint)", &[]);
    let file = db.1.with_file_name("rows.ndjson");
    fs::write(&file, "{\"n\": 1.5}\n").unwrap();
    let out = db.run(&["load", db.path(), "t", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && said.contains("ALTER TABLE") && !said.contains("--drift"), "{said}");
}

/// Every file below a folder.
fn below(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|p| if p.is_dir() { below(&p) } else { vec![p] }).collect()
}

#[test]
fn a_damaged_delta_log_is_told_once_and_counted() {
    let db = Db::new();
    db.sql("create table t (id bigint primary key); insert into t values (1)", &[]);
    db.ok(&["flush", db.path()]);
    let commits = below(&db.1).into_iter().filter(|p| p.parent().is_some_and(|d| d.ends_with("_delta_log")));
    let commits: Vec<PathBuf> = commits.filter(|p| p.extension().is_some_and(|e| e == "json")).collect();
    assert!(!commits.is_empty());
    commits.iter().for_each(|p| fs::write(p, "{\n").unwrap());
    let out = db.run(&["sql", "--db", db.path(), "-c", "select * from t"]);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(!out.status.success() && said.contains("error") && !said.contains("ERROR"), "{said}");
    let records = String::from_utf8(db.run(&["fsck", db.path(), "--json"]).stdout).unwrap();
    let summary: Value = serde_json::from_str(records.lines().last().unwrap()).unwrap();
    let errors = summary["summary"]["errors"].as_u64().unwrap();
    let told = String::from_utf8_lossy(&db.run(&["fsck", db.path()]).stderr).into_owned();
    let count = if errors == 1 { "1 error".to_owned() } else { format!("{errors} errors") };
    assert!(errors > 0 && told.contains(&format!("damaged, {count}")), "{told}");
}

#[test]
fn what_cannot_be_told_stops_nothing() {
    let db = Db::new();
    let Ok(full) = fs::File::options().write(true).open("/dev/full") else { return };
    let said = |log: &str, args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qx"));
        let stderr = full.try_clone().unwrap();
        command.args(args).env("QX_LOG", log).stdin(Stdio::null()).stderr(stderr).output().unwrap().status.code()
    };
    assert_eq!(said("trace", &["sql", "--db", db.path(), "-c", "create table t (n bigint)"]), Some(0));
    assert_eq!(said("qx=trace,loud=er", &["flush", db.path()]), Some(0));
    assert_eq!(said("trace", &["sql", "--db", db.path(), "-c", "select * from nothing"]), Some(2));
}

#[test]
fn what_is_exported_as_csv_is_loaded_back() {
    let db = Db::new();
    for name in ["a", "of_csv", "of_tsv"] {
        db.sql(&format!("create table {name} {EVERY_TYPE}"), &[]);
    }
    db.sql(
        "insert into a values (1, true, -128, -32768, 2147483647, 255, 18446744073709551615, 0.1, 1e300, 12.345, \
            '1234567890123456789012345678.0123456789', 'te\"x,t', x'00ff', '2024-02-29', '2024-02-29 01:02:03.000004', \
            '2024-02-29T01:02:03Z', [1, null, -3], [0.1, 3.4e38], [1.5, null], ['2999-01-01'], ['a,\"b', null], \
            [[1], [], null], struct(3, 'x')); \
         insert into a (id) values (2); \
         insert into a (id, t, x, tx) values (3, '', x'', []); \
         insert into a (id, t, x, tx) values (4, 'two' || chr(10) || 'lines', x'2c', ['']); \
         insert into a (id, t) values (5, 'null')",
        &[],
    );
    let rows = db.ok(&["export", db.path(), "a"]);
    assert_eq!(rows.lines().count(), 5);
    for format in ["csv", "tsv"] {
        let file = db.1.with_file_name(format!("rows.{format}"));
        let file = file.to_str().unwrap();
        db.ok(&["export", db.path(), "a", "-o", file]);
        let table = format!("of_{format}");
        db.ok(&["load", db.path(), &table, file]);
        assert_eq!(db.ok(&["export", db.path(), &table]), rows, "{format}");
    }
    // A null that is all of its row is an empty line.
    db.sql(
        "create table one (v text); create table two (v text); insert into one values ('a'), (null), (''), ('b')",
        &[],
    );
    let file = db.1.with_file_name("one.csv");
    db.ok(&["sql", "--db", db.path(), "-c", "select v from one order by v nulls last", "-o", file.to_str().unwrap()]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "v\n\"\"\na\nb\n\n");
    db.ok(&["load", db.path(), "two", file.to_str().unwrap()]);
    let all = "select count(*) n, count(v) there, count(*) filter (where v = '') empty from two";
    assert_eq!(db.sql(all, &[]), [serde_json::json!({"n": 4, "there": 3, "empty": 1})]);
    for (text, what) in [("id,x\n9,0g\n", "column x"), ("id,l\n9,\"[1,x]\"\n", "column l")] {
        fs::write(&file, text).unwrap();
        let out = db.run(&["load", db.path(), "of_csv", file.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && said.contains(what), "{text}: {said}");
    }
}

const EVERY_TYPE: &str = "(id bigint primary key, b boolean, ti tinyint, s smallint, i int, tu tinyint unsigned, \
    u bigint unsigned, f real, d double, n decimal(12, 3), w decimal(38, 10), t text, x bytea, dt date, ts timestamp, \
    tz timestamptz, l int[], fl real[], nl decimal(5, 1)[], tl timestamp[], tx text[], ll bigint[][], \
    st struct<a int, b text>)";

#[test]
fn what_is_exported_as_json_is_loaded_back() {
    let db = Db::new();
    db.sql(&format!("create table a {EVERY_TYPE}; create table b {EVERY_TYPE}"), &[]);
    db.sql(
        "insert into a values (1, true, -128, -32768, 2147483647, 255, 18446744073709551615, 0.1, 1e300, 12.345, \
            '1234567890123456789012345678.0123456789', 'te\"xt', x'00ff', '2024-02-29', '2024-02-29 01:02:03.000004', \
            '2024-02-29T01:02:03Z', [1, null, -3], [0.1, 3.4e38], [1.5, null], ['2999-01-01'], ['a', null], \
            [[1], [], null], struct(3, 'x')); \
         insert into a (id) values (2); \
         insert into a (id, s, f, ts, l, st) values (3, 7, 1, '1900-01-01', [], struct(null, 'y'))",
        &[],
    );
    let rows = db.ok(&["export", db.path(), "a"]);
    assert_eq!(rows.lines().count(), 3);
    let file = db.1.with_file_name("rows.ndjson");
    let load = |text: &str| {
        fs::write(&file, text).unwrap();
        db.run(&["load", db.path(), "b", file.to_str().unwrap()])
    };
    let out = load(&rows);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(db.ok(&["export", db.path(), "b"]), rows);
    // Rounded to the digits of the column, as everywhere.
    assert!(load(r#"{"id": 5, "n": 1.0005, "w": 1e-3, "nl": [0.25, 1e3]}"#).status.success());
    let five =
        db.sql("select cast(n as text) n, cast(w as text) w, cast(nl[1] + nl[2] as text) nl from b where id = 5", &[]);
    assert_eq!(five, [serde_json::json!({"n": "1.001", "w": "0.0010000000", "nl": "1000.3"})]);
    assert!(load(r#"{"id": 4, "n": 1.25, "w": "1.25", "i": "7", "f": 2}"#).status.success());
    let four = db.sql("select cast(n as text) n, cast(w as text) w, i, f from b where id = 4", &[]);
    assert_eq!(four, [serde_json::json!({"n": "1.250", "w": "1.2500000000", "i": 7, "f": 2.0})]);
    for (row, what) in [
        (r#"{"id": 9, "i": 2147483648}"#, "column i"),
        (r#"{"id": 9, "ti": 1.5}"#, "`ti`"),
        (r#"{"id": 9, "s": 1e5}"#, "column s"),
        (r#"{"id": 9, "tu": true}"#, "`tu`"),
        (r#"{"id": 9, "f": 1e39}"#, "column f"),
        (r#"{"id": 9, "fl": [1e39]}"#, "column fl"),
        (r#"{"id": 9, "n": 1e9}"#, "column n"),
        (r#"{"id": 9, "n": true}"#, "column n"),
        (r#"{"id": 9, "u": 1.5}"#, "column u"),
        (r#"{"id": 9, "nl": [1e4]}"#, "column nl"),
        (r#"{"id": 9, "x": "0g"}"#, "column x"),
        (r#"{"id": 9, "ts": "soon"}"#, "column ts"),
        (r#"{"id": 9, "ts": "2024-01-01T00:00:00.0000001"}"#, "column ts"),
        (r#"{"id": 9, "l": [1, 3000000000]}"#, "column l"),
        (r#"{"id": 9, "st": {"a": 3000000000}}"#, "column st"),
    ] {
        let out = load(row);
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && said.contains(what), "{row}: {said}");
    }
    assert_eq!(db.sql("select count(*) c from b", &[])[0]["c"], 5);
}

#[test]
fn floats_that_are_no_numbers_are_exported_and_loaded_back() {
    let db = Db::new();
    let columns = "(id int primary key, d double, f real, l double[], r real[])";
    db.sql(&format!("create table a {columns}; create table b {columns}"), &[]);
    db.sql(
        "insert into a values (1, 'NaN', 'inf', ['-inf', '1.5', null, 'NaN'], ['inf']); \
         insert into a values (2, '-inf', 'NaN', null, null); insert into a values (3, 'inf', '-inf', [0.5], [0.5]); \
         insert into a values (4, 2.5, 0.1, [], null)",
        &[],
    );
    let first = serde_json::json!({"id": 1, "d": "NaN", "f": "inf", "l": ["-inf", 1.5, null, "NaN"], "r": ["inf"]});
    assert_eq!(db.sql("select * from a where id = 1", &[]), std::slice::from_ref(&first));
    for format in ["ndjson", "json", "csv"] {
        let file = db.1.with_file_name(format!("floats.{format}"));
        db.ok(&["export", db.path(), "a", "-o", file.to_str().unwrap()]);
        db.ok(&["load", db.path(), "b", file.to_str().unwrap()]);
        let rows = db.ok(&["export", db.path(), "b"]);
        assert_eq!(rows, db.ok(&["export", db.path(), "a"]), "{format}");
        assert_eq!(serde_json::from_str::<Value>(rows.lines().next().unwrap()).unwrap(), first);
        db.sql("truncate table b", &[]);
    }
}

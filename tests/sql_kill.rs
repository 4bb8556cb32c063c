//! Processes that are killed while they write to one database, and others that read it meanwhile. A transaction over a
//! table, a store and a graph is there as a whole or not at all; what was acknowledged is there.
#![cfg(feature = "engine")]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn qx(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qx"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn rows(out: &Output) -> Vec<Value> {
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

fn sql(db: &str, text: &str) -> Vec<Value> {
    rows(&qx(&["sql", "--db", db, "--wait", "60s", "--format", "ndjson", "-c", text]).output().unwrap())
}

/// Two transactions, each acknowledged by a row: the numbers that it wrote.
fn writer(db: &str, first: u64) -> Child {
    let one = |n: u64| {
        format!(
            "begin; insert into t values ({n}, 1); insert into t values (-{n}, -1); write key k{n} in s = {n}; \
             insert node L key 'n{n}' graph g; commit; select {n} as done;"
        )
    };
    let text = format!("{}{}", one(first), one(first + 1));
    qx(&["sql", "--db", db, "--wait", "60s", "--format", "ndjson", "-c", &text]).spawn().unwrap()
}

fn numbers(rows: &[Value], column: &str) -> BTreeSet<u64> {
    let number = |r: &Value| match &r[column] {
        Value::String(s) => s[1..].parse().unwrap(),
        v => v.as_u64().unwrap(),
    };
    rows.iter().map(number).collect()
}

/// Everything agrees, and holds what was acknowledged.
fn check(db: &str, acknowledged: &BTreeSet<u64>) {
    let t = numbers(&sql(db, "select id from t where id > 0"), "id");
    let minus = numbers(&sql(db, "select -id as id from t where id < 0"), "id");
    let s = numbers(&sql(db, "list keys in s"), "key");
    let g = numbers(&sql(db, "select key from graph_nodes('g')"), "key");
    assert_eq!((&t, &t, &t), (&minus, &s, &g), "a transaction is there in part");
    assert!(acknowledged.is_subset(&t), "lost: {:?}", acknowledged.difference(&t).collect::<Vec<_>>());
}

#[test]
fn killed_writers_lose_nothing_and_leave_nothing_half_done() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my.db");
    let db = path.to_str().unwrap();
    assert!(qx(&["init", db]).status().unwrap().success());
    // Flushed often, so that some are killed in the midst of it.
    sql(
        db,
        "create table t (id bigint primary key, v bigint) with (flush = 'rows:4'); create store s; create graph g using graphstore",
    );
    let mut acknowledged = BTreeSet::new();
    let mut next = 1;
    for round in 0..8u64 {
        let writers: Vec<Child> = (0..3).map(|i| writer(db, next + 2 * i)).collect();
        next += 6;
        let deadline = Instant::now() + Duration::from_millis(60 + round * 97 % 700);
        let mut readers = 0;
        while Instant::now() < deadline || readers == 0 {
            let sum = sql(db, "select coalesce(sum(v), 0) as v, count(*) % 2 as odd from t");
            assert_eq!((&sum[0]["v"], &sum[0]["odd"]), (&0.into(), &0.into()), "a reader sees half a transaction");
            readers += 1;
        }
        for mut writer in writers {
            writer.kill().unwrap();
            let out = writer.wait_with_output().unwrap();
            for line in String::from_utf8_lossy(&out.stdout).lines() {
                if let Ok(row) = serde_json::from_str::<Value>(line) {
                    acknowledged.insert(row["done"].as_u64().unwrap());
                }
            }
        }
        check(db, &acknowledged);
    }
    let fsck = qx(&["fsck", db]).output().unwrap();
    assert_eq!(fsck.status.code(), Some(0), "{}", String::from_utf8_lossy(&fsck.stdout));
    // The rest of the work finds nothing in its way.
    let out = writer(db, next).wait_with_output().unwrap();
    assert_eq!(rows(&out).len(), 2);
    assert!(qx(&["maintain", db]).status().unwrap().success());
    acknowledged.extend([next, next + 1]);
    check(db, &acknowledged);
}

fn parquet(db: &Path) -> usize {
    let cold = db.join("main/public/t/cold");
    let entries = std::fs::read_dir(cold).into_iter().flatten().flatten();
    entries.filter(|e| e.path().extension().is_some_and(|x| x == "parquet")).count()
}

#[test]
fn tables_are_flushed_by_rows_and_by_age() {
    for (flush, before, wait, after) in
        [("rows:3", 2, 0, 1), ("interval:2s", 3, 2200, 1), ("rows:100,interval:1h", 5, 0, 1)]
    {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("my.db");
        let db = path.to_str().unwrap();
        assert!(qx(&["init", db]).status().unwrap().success());
        sql(db, &format!("create table t (id bigint) with (flush = '{flush}')"));
        let values: Vec<String> = (0..before).map(|i| format!("({i})")).collect();
        sql(db, &format!("insert into t values {}", values.join(", ")));
        let due = flush.starts_with("rows:100");
        assert_eq!(parquet(&path), 0, "{flush}");
        std::thread::sleep(Duration::from_millis(wait));
        sql(
            db,
            &format!(
                "insert into t values {}",
                (0..after).map(|i| format!("({})", 100 + i)).collect::<Vec<_>>().join(", ")
            ),
        );
        assert_eq!(parquet(&path) > 0, !due, "{flush}");
        assert_eq!(sql(db, "select count(*) c from t")[0]["c"], before + after, "{flush}");
    }
    // Nobody writes: the work is done when someone asks what is due.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("my.db");
    let db = path.to_str().unwrap();
    assert!(qx(&["init", db]).status().unwrap().success());
    sql(db, "create table t (id bigint) with (flush = 'interval:2s'); insert into t values (1)");
    std::thread::sleep(Duration::from_millis(2200));
    assert_eq!(parquet(&path), 0);
    assert!(qx(&["maintain", db, "--due"]).status().unwrap().success());
    assert_eq!(parquet(&path), 1);
}

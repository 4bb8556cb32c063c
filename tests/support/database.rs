//! A database folder, and `qx` at work on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub fn qx(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_qx")).args(args).stdin(Stdio::null()).output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs, and gives stdout; anything but exit 0 fails the test.
pub fn ok(args: &[&str]) -> String {
    let out = qx(args);
    assert!(out.status.success(), "qx {args:?}: {:?}\n{}{}", out.status, text(&out.stdout), text(&out.stderr));
    text(&out.stdout)
}

pub fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

pub fn code(args: &[&str]) -> i32 {
    qx(args).status.code().unwrap()
}

pub struct Db(pub tempfile::TempDir, pub String);

impl Db {
    pub fn new() -> Db {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("my.db").to_str().unwrap().to_owned();
        ok(&["init", &path, "-q"]);
        Db(dir, path)
    }

    /// Tables with hot and cold rows, a store with a snapshot and a log above it.
    pub fn full() -> Db {
        let db = Db::new();
        db.sql("create table t (id bigint primary key, v varchar); insert into t values (1,'a'),(2,'b')");
        db.sql("create table u (x int); insert into u values (1),(2),(3)");
        db.sql("create store s; write key a in s = 'hello'; write key docs in s = [{\"a\":1},{\"a\":2}]");
        ok(&["maintain", &db.1, "-q"]);
        db.sql("insert into t values (3,'c'); write key later in s = 7");
        db
    }

    pub fn sql(&self, sql: &str) -> Vec<Value> {
        lines(&ok(&["sql", "--db", &self.1, "--format", "ndjson", "-c", sql]))
    }

    pub fn path(&self) -> &Path {
        Path::new(&self.1)
    }

    /// Ids of findings, with their severity.
    pub fn findings(&self) -> Vec<(String, String, String)> {
        let out = qx(&["fsck", &self.1, "--json"]);
        let all = lines(&text(&out.stdout));
        let (summary, all) = all.split_last().unwrap();
        assert_eq!(summary["summary"]["ok"].as_bool(), Some(out.status.success()), "{summary}");
        let get = |v: &Value, name: &str| v[name].as_str().unwrap().to_owned();
        all.iter().map(|f| (get(f, "severity"), get(f, "id"), get(f, "path"))).collect()
    }
}

/// Every file of a folder, but for locks and what processes say of themselves.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        let path = entry.path();
        match entry.file_name().to_str().unwrap() {
            "LOCK" | "live" => {}
            _ if path.is_dir() => all.extend(files(&path)),
            _ => all.push(path),
        }
    }
    all.sort();
    all
}

pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)
        } else {
            fs::copy(entry.path(), target).map(drop).unwrap()
        }
    }
}

pub fn rows(db: &Db) -> (Vec<Value>, Vec<Value>, Vec<Value>) {
    (db.sql("select * from t order by id"), db.sql("select * from u order by x"), db.sql("list keys in s"))
}

//! A database folder under several processes, under backup and restore.
#![cfg(feature = "engine")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

#[path = "support/database.rs"]
#[allow(dead_code, reason = "each of the test programs takes a part of it")]
mod database;

use database::*;

#[test]
fn keys_are_written_read_listed_and_expire() {
    let db = Db::new();
    let db_path = db.1.as_str();
    assert_eq!(code(&["kv", "put", db_path, "s", "k", "v"]), 2, "the store is not there");
    ok(&["kv", "put", db_path, "s", "k", "v", "--create"]);
    assert_eq!(ok(&["kv", "get", db_path, "s", "k"]), "v\n");
    assert_eq!(code(&["kv", "get", db_path, "s", "nope"]), 1);
    ok(&["kv", "put", db_path, "s", "gone", "v", "--ttl", "1ms"]);
    std::thread::sleep(std::time::Duration::from_millis(5));
    assert_eq!(code(&["kv", "get", db_path, "s", "gone"]), 1);
    ok(&["kv", "put", db_path, "s", "stays", "1", "--ttl", "1h", "--reset-on-access"]);
    let first = lines(&ok(&["kv", "get", db_path, "s", "stays", "--json"]))[0]["expires_at"].clone();
    let second = lines(&ok(&["kv", "get", db_path, "s", "stays", "--json"]))[0]["expires_at"].clone();
    assert!(second.as_str() > first.as_str(), "an access moves the expiry: {first} {second}");
    assert_eq!(code(&["kv", "rm", db_path, "s", "k", "nope"]), 1);
    assert_eq!(ok(&["kv", "get", db_path, "s", "k"]), "v\n", "nothing was removed");
    ok(&["kv", "rm", db_path, "s", "k"]);
    assert_eq!(ok(&["kv", "ls", db_path, "s"]).lines().count(), 1);
}

#[test]
fn stores_and_keys_in_sql() {
    let db = Db::new();
    db.sql("create store a; write key 'x y' in main.store.a = {\"n\": 1}; write key k in a = X'00ff'");
    assert_eq!(db.sql("read key k in a")[0]["value"], "00ff");
    assert_eq!(db.sql("select n from main.store.a.\"x y\"")[0]["n"], 1);
    db.sql("rename key k to j in a; rename store a to b");
    let keys: Vec<_> = db.sql("list keys in b").iter().map(|r| r["key"].as_str().unwrap().to_owned()).collect();
    assert_eq!(keys, ["j", "x y"]);
    let refused = |sql: &str, what: &str| {
        let out = qx(&["sql", "--db", &db.1, "-c", sql]);
        assert!(!out.status.success() && text(&out.stderr).contains(what), "{sql}: {}", text(&out.stderr));
    };
    refused("select * from main.store.b.j", "main.store.b.j is bytes");
    refused("select * from main.store.b.nope", "main.store.b.nope");
    refused("read key nope in b", "main.store.b.nope");
    refused("select * from main.store.a.j", "there is no store main.store.a");
    refused("write key k in a = 1", "there is no store main.store.a");
    refused("create store b", "already");
    // A transaction spans tables and keys, and what was rolled back was never there.
    db.sql("create table t (x int); begin; insert into t values (1); write key m in b = 1; commit");
    db.sql("begin; insert into t values (2); write key n in b = 1; drop key j in b; rollback");
    assert_eq!(db.sql("select count(*) c from t")[0]["c"], 1);
    assert_eq!(db.sql("list keys in b").len(), 3);
    db.sql("begin; write key n in b = [{\"q\": 5}]; select * from main.store.b.n; rollback");
    db.sql("drop store b; create store b");
    assert_eq!(db.sql("list keys in b").len(), 0, "a new store of the name begins empty");
    // Typed options of documents.
    db.sql("write key d in b = [{\"a\": 1}, {\"a\": \"x\"}]");
    let nulled = db.sql("select * from main.store.b.d with (types (a int64), drift null)");
    assert_eq!(nulled[1]["a"], Value::Null);
    let all = db.sql("select keys from (select count(*) as keys from main.store.b.d) x");
    assert_eq!(all[0]["keys"], 2);
}

#[test]
fn snapshots_let_the_log_go_and_readers_do_not_notice() {
    let db = Db::full();
    let before = rows(&db);
    for _ in 0..3 {
        ok(&["maintain", &db.1, "-q"]);
        assert_eq!(rows(&db), before);
    }
    db.sql("drop key a in s");
    ok(&["maintain", &db.1, "-q"]);
    assert_eq!(db.sql("list keys in s").len(), before.2.len() - 1);
    assert!(db.findings().iter().all(|(severity, ..)| severity != "error"), "{:?}", db.findings());
}

#[test]
fn settings_have_origins() {
    let db = Db::new();
    let show = |env: Option<&str>, sql: &str| {
        let mut c = Command::new(env!("CARGO_BIN_EXE_qx"));
        c.args(["sql", "--db", &db.1, "--format", "ndjson", "-c", sql]).env_remove("QX_JSON_DRIFT");
        if let Some(value) = env {
            c.env("QX_JSON_DRIFT", value);
        }
        let all = lines(&text(&c.output().unwrap().stdout));
        let last = all.last().unwrap_or_else(|| panic!("{sql}"));
        (last["value"].as_str().unwrap().to_owned(), last["origin"].as_str().unwrap().to_owned())
    };
    let is = |v: &str, o: &str| (v.to_owned(), o.to_owned());
    assert_eq!(show(None, "show json.drift"), is("widen", "default"));
    db.sql("alter database set json.drift = 'rescue'");
    assert_eq!(show(None, "show json.drift"), is("rescue", "database"));
    assert_eq!(show(Some("null"), "show json.drift"), is("null", "environment"));
    assert_eq!(show(Some("null"), "set json.drift = error; show json.drift"), is("error", "set"));
    assert_eq!(show(None, "set json.drift = error; reset json.drift; show json.drift"), is("rescue", "database"));
    db.sql("alter database reset json.drift");
    assert_eq!(show(None, "select * from system.settings where name = 'json.drift'"), is("widen", "default"));
    assert_eq!(code(&["sql", "--db", &db.1, "-c", "set json.nothing = 1"]), 2);
    assert_eq!(code(&["sql", "--db", &db.1, "-c", "set json.sample_rows = none"]), 2);
}

#[test]
fn one_writes_others_wait_or_leave_and_readers_do_neither() {
    let db = Db::full();
    // The lock, as a writer in another process holds it.
    let lock = fs::File::options().read(true).write(true).open(db.path().join("LOCK")).unwrap();
    lock.try_lock().unwrap();
    assert_eq!(code(&["sql", "--db", &db.1, "-c", "insert into u values (9)"]), 75);
    assert_eq!(code(&["kv", "put", &db.1, "s", "k", "v"]), 75);
    assert_eq!(code(&["maintain", &db.1]), 75);
    assert_eq!(db.sql("select count(*) c from u")[0]["c"], 3, "a reader takes no lock");
    assert_eq!(code(&["fsck", &db.1]), 0);
    let waiting = Command::new(env!("CARGO_BIN_EXE_qx"))
        .args(["sql", "--db", &db.1, "--wait", "30s", "-c", "insert into u values (9)"])
        .stdin(Stdio::null())
        .spawn();
    std::thread::sleep(std::time::Duration::from_millis(200));
    drop(lock);
    assert!(waiting.unwrap().wait().unwrap().success());
    assert_eq!(db.sql("select count(*) c from u")[0]["c"], 4);
}

#[test]
fn many_writers_lose_nothing() {
    let db = Db::new();
    db.sql("create table n (x int); create store s");
    let spawn = |i: usize| {
        let sql =
            format!("insert into n values ({i}); write key k{i} in s = {i}; update n set x = x + 0 where x = {i}");
        let args = ["sql", "--db", &db.1, "--wait", "60s", "-c", &sql].map(str::to_owned);
        Command::new(env!("CARGO_BIN_EXE_qx")).args(args).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let writers: Vec<_> = (0..6).map(spawn).collect();
    for _ in 0..4 {
        assert_eq!(code(&["sql", "--db", &db.1, "-c", "select count(*) from n; list keys in s"]), 0);
    }
    for writer in writers {
        let out = writer.wait_with_output().unwrap();
        assert!(out.status.success(), "{}", text(&out.stderr));
    }
    assert_eq!(db.sql("select count(distinct x) c from n")[0]["c"], 6);
    assert_eq!(db.sql("list keys in s").len(), 6);
    assert_eq!(code(&["fsck", &db.1]), 0);
}

#[test]
fn live_queries_show_other_processes_and_forget_the_dead() {
    let db = Db::new();
    let slow =
        "select count(*) from generate_series(1, 3000000) a, generate_series(1, 100000) b where a.value = -b.value";
    let mut other = Command::new(env!("CARGO_BIN_EXE_qx"))
        .args(["sql", "--db", &db.1, "-c", slow])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let seen = || db.sql("select sql, state, pid from system.live_queries").len();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while seen() < 2 && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let all = db.sql("select sql, state, pid from system.live_queries");
    let running = other.try_wait().unwrap().is_none();
    if running {
        assert!(all.iter().any(|q| q["pid"] == other.id() && q["state"] == "running"), "{all:?}");
    }
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(seen(), 1, "a process that was killed is forgotten");
}

#[test]
fn a_backup_of_a_live_database_restores() {
    let db = Db::full();
    let before = rows(&db);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    ok(&["backup", &db.1, "-o", &path("a.bak"), "-q"]);
    assert_eq!(code(&["backup", &db.1, "-o", &path("a.bak")]), 2, "the target is there");
    db.sql("insert into t values (9, 'later'); drop key a in s");
    ok(&["restore", &path("a.bak"), "-o", &path("back.db"), "-q"]);
    let back = Db(tempfile::tempdir().unwrap(), path("back.db"));
    assert_eq!(rows(&back), before);
    assert_eq!(code(&["fsck", &back.1]), 0);
    back.sql("insert into t values (10, 'x')");
    // While somebody writes.
    let writer = Command::new(env!("CARGO_BIN_EXE_qx"))
        .args(["sql", "--db", &db.1, "-c", &"insert into u values (1);".repeat(60)])
        .stdin(Stdio::null())
        .spawn();
    let mut writer = writer.unwrap();
    ok(&["backup", &db.1, "-o", &path("live.bak"), "--wait", "60s", "-q"]);
    assert!(writer.wait().unwrap().success());
    ok(&["restore", &path("live.bak"), "-o", &path("live.db"), "-q"]);
    assert_eq!(code(&["fsck", &path("live.db")]), 0);
    // A damaged backup is refused before anything is made.
    let victim =
        files(Path::new(&path("a.bak"))).into_iter().find(|f| f.extension().is_some_and(|e| e == "parquet")).unwrap();
    fs::write(&victim, b"short").unwrap();
    let out = qx(&["restore", &path("a.bak"), "-o", &path("never.db")]);
    assert_eq!(out.status.code(), Some(65));
    assert!(text(&out.stderr).contains("`qx repair` the copy"), "{}", text(&out.stderr));
    assert!(!Path::new(&path("never.db")).exists());
    // What a killed backup left goes with the next one.
    fs::create_dir_all(path(".b.bak.tmp-1/main")).unwrap();
    ok(&["backup", &db.1, "-o", &path("b.bak"), "-q"]);
    assert!(!Path::new(&path(".b.bak.tmp-1")).exists() && Path::new(&path("b.bak")).exists());
}

#[test]
fn manifests_are_shown_compared_and_rebuilt() {
    let db = Db::full();
    assert!(ok(&["manifest", "show", &db.1]).lines().count() >= 3);
    assert_eq!(lines(&ok(&["manifest", "show", &db.1, "t"]))[0]["format"], "qx.table");
    assert_eq!(code(&["manifest", "verify", &db.1]), 0);
    assert_eq!(code(&["manifest", "show", &db.1, "nope"]), 2);
    ok(&["flush", &db.1, "-q"]);
    assert_eq!(code(&["manifest", "diff", &db.1, "t"]), 1);
    assert!(!ok(&["manifest", "history", &db.1, "t"]).is_empty());
    let manifest = db.path().join("main/public/t/manifest.json");
    fs::remove_file(&manifest).unwrap();
    ok(&["manifest", "rebuild", &db.1, "t", "-q"]);
    assert_eq!(code(&["manifest", "verify", &db.1]), 0);
    assert_eq!(code(&["fsck", &db.1]), 0);
    ok(&["upgrade", &db.1, "-q"]);
}

#[test]
fn a_read_only_folder_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let db = Db::full();
    let before = rows(&db);
    let mut dirs = vec![db.path().to_path_buf()];
    let mut all = Vec::new();
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap().map(Result::unwrap).filter(|e| e.path().is_dir()) {
            dirs.push(entry.path());
        }
        all.push(dir);
    }
    let set = |mode| all.iter().for_each(|d| fs::set_permissions(d, fs::Permissions::from_mode(mode)).unwrap());
    set(0o555);
    let (seen, fsck) = (rows(&db), code(&["fsck", &db.1]));
    set(0o755);
    assert_eq!((seen, fsck), (before, 0));
}

/// Paths with `..` in them, with a link, with spaces and signs that mean something in a URL lead to the same rows.
#[test]
fn a_database_is_the_same_by_whatever_path_it_is_reached() {
    let dir = tempfile::tempdir().unwrap();
    let odd = dir.path().join("a b#c?é");
    fs::create_dir_all(odd.join("sub/deep")).unwrap();
    std::os::unix::fs::symlink(odd.join("sub/deep"), dir.path().join("link")).unwrap();
    let real = odd.join("my.db").to_str().unwrap().to_owned();
    ok(&["init", &real, "-q"]);
    let script = "create table t (id bigint primary key, v varchar); insert into t values (1,'a'),(2,'b')";
    ok(&["sql", "--db", &real, "-c", script]);
    ok(&["flush", &real, "-q"]);
    // Through the link, `..` is the folder that the link leads out of.
    let paths = [odd.join("sub/../my.db"), dir.path().join("link/../../my.db"), odd.join("./my.db")];
    for (n, path) in paths.iter().enumerate() {
        let path = path.to_str().unwrap();
        let update = format!("update t set v = 'v{n}' where id = 1; insert into t values ({}, 'new')", n + 3);
        ok(&["sql", "--db", path, "-c", &update]);
        ok(&["flush", path, "-q"]);
        let found =
            ok(&["sql", "--db", path, "--format", "csv", "-c", "select count(*), max(v) from t where id < 100"]);
        assert_eq!(found.lines().last().unwrap(), format!("{},v{n}", n + 3), "{path}");
        ok(&["compact", path, "-q"]);
        ok(&["fsck", path, "--level", "bytes", "-q"]);
    }
    let refused = dir.path().join("a%20b");
    assert_eq!(code(&["init", refused.to_str().unwrap()]), 2);
    assert!(!refused.exists());
}

/// Values that never occur again get no dictionary in Parquet: it would be built, and given up.
#[test]
fn columns_that_repeat_are_written_with_a_dictionary_and_others_without() {
    let db = Db::new();
    let values = (0..2000).map(|i| format!("({i}, 'name {i}', 'kind {}')", i % 7)).collect::<Vec<_>>().join(",");
    db.sql(&format!("create table t (id bigint, name varchar, kind varchar); insert into t values {values}"));
    ok(&["flush", &db.1, "-q"]);
    let file = files(&db.path().join("main/public/t/cold"))
        .into_iter()
        .find(|f| f.extension().is_some_and(|e| e == "parquet"));
    let reader = parquet::file::reader::SerializedFileReader::new(fs::File::open(file.unwrap()).unwrap()).unwrap();
    let group = parquet::file::reader::FileReader::metadata(&reader).row_group(0);
    let has = |column: &str| {
        let chunk = group.columns().iter().find(|c| c.column_path().string() == column).unwrap();
        chunk.dictionary_page_offset().is_some()
    };
    assert_eq!(["id", "name", "kind"].map(has), [false, false, true]);
}

/// Parquet's bounds leave out what is no number, which is larger than every number all the same.
#[test]
fn what_is_no_number_is_found_in_files_as_it_is_in_the_log() {
    let db = Db::new();
    db.sql("create table t (id bigint primary key, f double); insert into t values (1,1.0),(2,2.0)");
    let count = |filter: &str| db.sql(&format!("select id from t where {filter}")).len();
    ok(&["flush", &db.1, "-q"]);
    db.sql("insert into t values (3,'NaN'),(4,3.0)");
    for verb in [None, Some(["flush", &db.1, "-q"].as_slice()), Some(&["compact", &db.1, "--rewrite", "-q"])] {
        if let Some(args) = verb {
            ok(args);
        }
        assert_eq!((count("f > 1000"), count("f < 2.5"), count("f = 'NaN'")), (1, 2, 1), "{verb:?}");
        assert_eq!(db.sql("select id from t order by f desc limit 1")[0]["id"], 3);
    }
}

/// A row whose time is over is not there: not for a query, and not for who writes its key.
#[test]
fn the_key_of_a_row_that_has_expired_is_free() {
    let db = Db::new();
    db.sql("create table t (id int primary key, v int) with (ttl = '2s')");
    for flush in [false, true] {
        db.sql("replace into t values (1, 1), (2, 2), (3, 3)");
        if flush {
            ok(&["flush", &db.1, "-q"]);
        }
        std::thread::sleep(std::time::Duration::from_millis(2100));
        assert_eq!(db.sql("select * from t"), Vec::<Value>::new());
        let written = "insert into t values (1, 10); insert into t values (2, 20) on conflict do nothing; \
                       insert into t values (3, 30) on conflict (id) do update set v = t.v + 1; select v from t order by id";
        let seen: Vec<_> = db.sql(written).iter().filter_map(|r| r["v"].as_i64()).collect();
        assert_eq!(seen, [10, 20, 30], "flushed: {flush}");
        std::thread::sleep(std::time::Duration::from_millis(2100));
    }
}

#[test]
fn whoever_waits_for_a_lock_stops_when_asked() {
    let db = Db::full();
    let lock = fs::File::options().read(true).write(true).open(db.path().join("LOCK")).unwrap();
    lock.lock().unwrap();
    let mut waiting = Command::new(env!("CARGO_BIN_EXE_qx"))
        .args(["sql", "--db", &db.1, "--wait", "10m", "-c", "insert into u values (9)"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert!(waiting.try_wait().unwrap().is_none(), "it waits");
    Command::new("kill").args(["-INT", &waiting.id().to_string()]).status().unwrap();
    let start = std::time::Instant::now();
    assert!(!waiting.wait().unwrap().success());
    assert!(start.elapsed() < std::time::Duration::from_secs(60), "it goes on waiting");
}

/// As on a full disk: the statement is in the log, so it succeeded.
#[test]
fn what_is_committed_stands_where_the_catalog_cannot_be_published() {
    let db = Db::full();
    let previous = db.path().join("main/catalog.prev.json");
    let _ = fs::remove_file(&previous);
    fs::create_dir(&previous).unwrap();
    db.sql("create table late (x int)");
    assert_eq!(db.sql("select x from late"), Vec::<serde_json::Value>::new());
    fs::remove_dir(&previous).unwrap();
    db.sql("insert into late values (1)");
    assert_eq!((db.sql("select x from late").len(), code(&["fsck", &db.1])), (1, 0));
}

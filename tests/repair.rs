//! A database folder under damage and under repair.
#![cfg(feature = "engine")]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

#[path = "support/database.rs"]
#[allow(dead_code, reason = "each of the test programs takes a part of it")]
mod database;

use database::*;

#[test]
fn every_kind_of_damage_is_found() {
    let db = Db::full();
    assert!(db.findings().iter().all(|f| f.0 != "error"), "{:?}", db.findings());
    let scratch = tempfile::tempdir().unwrap();
    let bad = Db(tempfile::tempdir().unwrap(), scratch.path().join("bad.db").to_str().unwrap().to_owned());
    let damaged = |what: &dyn Fn(&Path)| {
        let _ = fs::remove_dir_all(bad.path());
        copy(db.path(), bad.path());
        what(bad.path());
        bad.findings()
    };
    for file in files(db.path()) {
        let name = file.strip_prefix(db.path()).unwrap().to_path_buf();
        let previous = name.to_str().unwrap().contains(".prev.");
        let len = fs::metadata(&file).unwrap().len() as usize;
        if len == 0 {
            continue;
        }
        let flip = |dir: &Path| {
            let path = dir.join(&name);
            let mut bytes = fs::read(&path).unwrap();
            bytes[len / 2] ^= 1;
            fs::write(path, bytes).unwrap();
        };
        let cut = |dir: &Path| {
            let path = dir.join(&name);
            let bytes = fs::read(&path).unwrap();
            fs::write(path, &bytes[..len / 2]).unwrap();
        };
        // The last segment of a log that was closed cleanly is empty, and one generation back is only a courtesy.
        let last = name.extension().is_some_and(|e| e == "dlog")
            && !files(&db.path().join("main/wal")).iter().any(|f| *f > file);
        for (what, found) in [("flipped", damaged(&flip)), ("truncated", damaged(&cut))] {
            let bad = |f: &(String, String, String)| f.0 == "error" || (f.0 == "warning" && (previous || last));
            assert!(found.iter().any(bad), "{} {what}: {found:?}", name.display());
        }
        if previous || last || name.ends_with("manifest.json") {
            continue;
        }
        let found = damaged(&|dir| fs::remove_file(dir.join(&name)).unwrap());
        assert!(found.iter().any(|f| f.0 == "error"), "{} removed: {found:?}", name.display());
    }
    let stray = damaged(&|dir| fs::write(dir.join("main/public/stray"), b"x").unwrap());
    assert_eq!(stray.iter().filter(|f| f.1 == "db.orphan").count(), 1, "{stray:?}");
}

#[test]
fn repair_mends_what_can_be_mended_and_reports_the_rest() {
    let db = Db::full();
    let before = rows(&db);
    let flip = |name: &Path| {
        let mut bytes = fs::read(name).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(name, bytes).unwrap();
    };
    let home = db.path().join("main");
    for document in ["catalog.json", "public/t/manifest.json", "store/s/manifest.json"] {
        flip(&home.join(document));
        assert_eq!(code(&["fsck", &db.1]), 1, "{document}");
        let dry = lines(&ok(&["repair", &db.1, "--dry-run", "--json"]));
        assert_eq!(code(&["fsck", &db.1]), 1, "a dry run changes nothing");
        assert!(dry.last().unwrap()["summary"]["actions"].as_u64() > Some(0), "{dry:?}");
        let done = lines(&ok(&["repair", &db.1, "--json"]));
        assert_eq!(done.last().unwrap()["summary"]["losses"], 0, "{document}: {done:?}");
        assert_eq!(rows(&db), before, "{document}");
        assert_eq!(code(&["fsck", &db.1]), 0);
    }
    // A stray file goes to the lost-and-found.
    fs::write(home.join("public/stray"), b"kept").unwrap();
    ok(&["repair", &db.1, "--finding", "db.orphan", "-q"]);
    let lost = files(&db.path().join("lost+found"));
    assert!(lost.iter().any(|f| f.ends_with("main/public/stray")), "{lost:?}");
    // A missing Parquet file: the table goes on without its rows, and the report counts them.
    let parquet =
        files(&home.join("public/u")).into_iter().find(|f| f.extension().is_some_and(|e| e == "parquet")).unwrap();
    fs::remove_file(parquet).unwrap();
    assert_eq!(code(&["sql", "--db", &db.1, "-c", "select * from u"]), 2);
    let done = lines(&ok(&["repair", &db.1, "--json"]));
    assert!(done.iter().any(|a| a["loss"] == "3 of 3 rows of the file"), "{done:?}");
    assert_eq!(db.sql("select count(*) c from u")[0]["c"], 0);
    db.sql("insert into u values (5)");
    assert_eq!(db.sql("select x from u")[0]["x"], 5);
    assert_eq!(code(&["fsck", &db.1]), 0);
}

#[test]
fn a_damaged_snapshot_gives_up_what_is_whole() {
    let db = Db::new();
    db.sql("create store s");
    for i in 0..40 {
        ok(&["kv", "put", &db.1, "s", &format!("k{i:02}"), &"v".repeat(900), "-q"]);
    }
    ok(&["maintain", &db.1, "-q"]);
    db.sql("write key late in s = 1");
    let snap =
        files(&db.path().join("main/store/s")).into_iter().find(|f| f.extension().is_some_and(|e| e == "kv")).unwrap();
    let mut bytes = fs::read(&snap).unwrap();
    let at = bytes.len() - 9000;
    bytes[at] ^= 1;
    fs::write(&snap, bytes).unwrap();
    let done = lines(&ok(&["repair", &db.1, "--json"]));
    assert_eq!(done.last().unwrap()["summary"]["losses"], 1, "{done:?}");
    let left = db.sql("list keys in s").len();
    assert!((30..41).contains(&left), "{left}");
    assert_eq!(code(&["fsck", &db.1]), 0);
}

/// What the log let go of stands in files; a folder that is gone is not a table that nothing was written to.
#[test]
fn a_folder_that_is_gone_is_damage_and_no_empty_table() {
    let db = Db::new();
    db.sql("create table t (id bigint primary key, v varchar); insert into t values (1,'a'),(2,'b'); create table e (x int)");
    db.sql("create graph g using graphstore; use graph g; insert node N key 'a'; insert node N key 'b'");
    ok(&["maintain", &db.1, "-q"]);
    let graph = "select count(*) as n from graph_nodes('g')";
    assert_eq!((db.sql("select * from t").len(), &db.sql(graph)[0]["n"]), (2, &Value::from(2)));
    let public = db.path().join("main/public");
    let refused = |sql: &str| {
        let out = qx(&["sql", "--db", &db.1, "-c", sql]);
        assert_eq!(out.status.code(), Some(65), "{sql}: {}{}", text(&out.stdout), text(&out.stderr));
    };
    let found = |id: &str| assert!(db.findings().iter().any(|f| f.0 == "error" && f.1 == id), "{:?}", db.findings());
    let aside = db.path().parent().unwrap().join("aside");
    for (name, id, sql) in [("t", "db.delta_log", "select * from t"), ("g.graph", "db.graph_missing", graph)] {
        fs::rename(public.join(name), &aside).unwrap();
        refused(sql);
        found(id);
        fs::rename(&aside, public.join(name)).unwrap();
    }
    // A Delta log that lost its end has fewer rows, and files that only look like strangers.
    db.sql("insert into t values (3,'c')");
    ok(&["flush", &db.1, "-q"]);
    let log = public.join("t/cold/_delta_log");
    let last = files(&log).into_iter().rfind(|f| f.extension().is_some_and(|e| e == "json")).unwrap();
    fs::rename(&last, &aside).unwrap();
    for sql in ["select * from t", "insert into t values (1,'x')"] {
        refused(sql);
    }
    found("db.delta_log");
    assert!(!db.findings().iter().any(|f| f.1 == "db.orphan"), "{:?}", db.findings());
    fs::rename(&aside, &last).unwrap();
    assert_eq!(db.sql("select * from t").len(), 3);
    assert_eq!(db.sql("select * from e"), Vec::<Value>::new());
}

/// Whatever a catalog does not name would go to the lost-and-found.
#[test]
fn repair_makes_no_catalog_that_lacks_definitions_unasked() {
    let db = Db::full();
    for x in 0..3 {
        db.sql(&format!("insert into u values ({x})"));
        ok(&["maintain", &db.1, "-q"]);
    }
    let home = db.path().join("main");
    for name in ["catalog.json", "catalog.prev.json"] {
        fs::remove_file(home.join(name)).unwrap();
    }
    let before = files(&home);
    let out = qx(&["repair", &db.1]);
    assert_eq!(out.status.code(), Some(65), "{}", text(&out.stdout));
    assert!(text(&out.stderr).contains("--finding db.catalog"), "{}", text(&out.stderr));
    assert_eq!(files(&home), before, "nothing is moved");
    let asked = lines(&text(&qx(&["repair", &db.1, "--finding", "db.catalog", "--json"]).stdout));
    assert!(asked[0]["loss"].as_str().unwrap().starts_with("definitions from LSN 1 to "), "{asked:?}");
}

/// Where the log begins later, only a catalog says that it lost nothing.
#[test]
fn a_catalog_that_is_gone_is_made_anew_from_the_one_before() {
    let db = Db::new();
    // Flushed behind each commit, and the log let go of: it does not lead on from an older catalog.
    db.sql("create table late (x int) with (flush = 'rows:2'); insert into late values (1), (2), (3)");
    db.sql("insert into late values (4), (5), (6)");
    db.sql("insert into late values (7)");
    let all = || db.sql("select x from late order by x");
    let before = all();
    fs::remove_file(db.path().join("main/catalog.json")).unwrap();
    let found = db.findings();
    assert!(found.iter().all(|f| f.0 != "error" || f.1 == "db.catalog"), "{found:?}");
    assert_eq!(lines(&ok(&["repair", &db.1, "--json"])).last().unwrap()["summary"]["losses"], 0);
    assert_eq!((all(), code(&["fsck", &db.1])), (before, 0));
}

#[test]
fn the_manifest_of_a_graph_is_taken_from_its_generation_before() {
    let db = Db::new();
    db.sql("create graph g using graphstore; use graph g; insert node N key 'a'; insert node N key 'b'");
    ok(&["maintain", &db.1, "-q"]);
    db.sql("use graph g; insert node N key 'c'; insert edge a -> c");
    let dir = db.path().join("main/public/g.graph");
    let count = || db.sql("select count(*) as n from graph_nodes('g')")[0]["n"].clone();
    let flip = |path: &Path| {
        let mut bytes = fs::read(path).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(path, bytes).unwrap();
    };
    let help = || {
        let found = lines(&text(&qx(&["fsck", &db.1, "--json"]).stdout));
        found.iter().find(|f| f["id"] == "db.graph_manifest").unwrap()["help"].as_str().unwrap().to_owned()
    };
    fs::copy(dir.join("manifest.json"), dir.join("manifest.prev.json")).unwrap();
    flip(&dir.join("manifest.json"));
    assert!(help().starts_with("qx repair"), "{}", help());
    assert_eq!(lines(&ok(&["repair", &db.1, "--json"])).last().unwrap()["summary"]["losses"], 0);
    assert_eq!((count(), code(&["fsck", &db.1])), (Value::from(3), 0));
    // Where the logs were let go of, the one before says the same.
    let old = fs::read(dir.join("manifest.json")).unwrap();
    ok(&["maintain", &db.1, "-q"]);
    fs::remove_file(dir.join("manifest.json")).unwrap();
    assert_eq!(lines(&ok(&["repair", &db.1, "--json"])).last().unwrap()["summary"]["losses"], 0);
    assert_eq!((count(), code(&["fsck", &db.1])), (Value::from(3), 0));
    // One that is too old does not serve: the logs no longer have what came between.
    fs::write(dir.join("manifest.prev.json"), old).unwrap();
    flip(&dir.join("manifest.json"));
    assert!(help().starts_with("qx restore"), "{}", help());
    assert_eq!(code(&["repair", &db.1]), 1);
}

#[test]
fn a_graph_whose_only_manifest_is_damaged_is_named_with_what_helps() {
    let db = Db::new();
    db.sql("create graph g using graphstore; use graph g; insert node N key 'a'; insert node N key 'b'");
    ok(&["maintain", &db.1, "-q"]);
    let dir = db.path().join("main/public/g.graph");
    let _ = fs::remove_file(dir.join("manifest.prev.json"));
    let mut bytes = fs::read(dir.join("manifest.json")).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(dir.join("manifest.json"), bytes).unwrap();
    let out = qx(&["sql", "--db", &db.1, "-c", "select * from graph_nodes('g')"]);
    let said = text(&out.stderr);
    assert!(!out.status.success() && !said.contains(".prev"), "{said}");
    let out = qx(&["fsck", &db.1]);
    let (table, last) = (text(&out.stdout), text(&out.stderr));
    let help = format!("qx sql --db {} -c 'DROP GRAPH public.g'", db.1);
    assert!(table.contains(&help), "{table}");
    assert!(last.contains("repair mends none") && !last.contains("--dry-run"), "{last}");
    db.sql("drop graph public.g; create graph g using graphstore; insert node N key 'a' graph g");
    assert_eq!(code(&["fsck", &db.1]), 0);
}

/// Changes a byte that no decoder looks at: the first one of the file.
fn change_first(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[0] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn parquet_of(db: &Db, table: &str) -> PathBuf {
    let all = files(&db.path().join("main/public").join(table).join("cold"));
    all.into_iter().find(|f| f.extension().is_some_and(|e| e == "parquet")).unwrap()
}

/// What is made of damaged bytes would stand under checksums that hold.
#[test]
fn nothing_new_is_made_of_what_is_damaged() {
    let db = Db::new();
    db.sql("create table t (id bigint primary key, v varchar); insert into t values (1,'a'),(2,'b')");
    let text = "v".repeat(900);
    db.sql(&format!("create table z (x int); create store s; write key a in s = '{text}'"));
    ok(&["maintain", &db.1, "-q"]);
    change_first(&parquet_of(&db, "t"));
    db.sql("update t set v = 'c' where id = 1; write key b in s = 1; insert into z values (1)");
    for args in [vec!["flush", &db.1], vec!["compact", &db.1, "t", "--rewrite"], vec!["maintain", &db.1]] {
        assert_eq!(code(&args), 65, "{args:?}");
        assert!(db.findings().iter().any(|f| f.1 == "db.checksum"), "{args:?}: {:?}", db.findings());
    }
    assert!(db.path().join("main/public/z/cold").is_dir(), "other tables are flushed all the same");
    let copy = format!("{}.copy", db.1);
    assert_eq!(code(&["backup", &db.1, "-o", &copy]), 1, "it is damaged in the backup as well");
    assert_eq!(code(&["restore", &copy, "-o", &format!("{copy}.db")]), 0);
    // A manifest that is made anew does not vouch for it either.
    ok(&["manifest", "rebuild", &db.1, "t", "-q"]);
    assert!(db.findings().iter().any(|f| f.1 == "db.checksum"), "{:?}", db.findings());
    let done = lines(&ok(&["repair", &db.1, "--json"]));
    assert!(done[0]["loss"].as_str().unwrap().starts_with("the certainty of 2 rows"), "{done:?}");
    let rows = db.sql("select id, v from t order by id");
    assert_eq!((&rows[0]["v"], &rows[1]["v"], rows.len()), (&Value::from("c"), &Value::from("b"), 2));
    ok(&["flush", &db.1, "-q"]);
    // The snapshot of a store.
    let snap = files(&db.path().join("main/store/s")).into_iter().find(|f| f.extension().is_some_and(|e| e == "kv"));
    let snap = snap.unwrap();
    let mut bytes = fs::read(&snap).unwrap();
    let at = bytes.windows(8).position(|w| w == b"vvvvvvvv").unwrap();
    bytes[at] = b'w';
    fs::write(&snap, bytes).unwrap();
    assert_eq!(code(&["maintain", &db.1]), 65);
    assert_eq!(code(&["fsck", &db.1]), 1);
    ok(&["repair", &db.1, "-q"]);
    ok(&["maintain", &db.1, "-q"]);
    assert_eq!((db.sql("list keys in s").iter().any(|k| k["key"] == "b"), code(&["fsck", &db.1])), (true, 0));
}

#[test]
fn rows_of_a_damaged_file_keep_what_the_file_does_not_hold() {
    let db = Db::new();
    db.sql("create table p (id bigint primary key, day varchar, n int) partition by (day)");
    db.sql("insert into p values (1,'a',10),(2,'a',20),(3,'b',30)");
    ok(&["flush", &db.1, "-q"]);
    db.sql("alter table p add column later int default 7; alter table p rename column n to m");
    let rows = || db.sql("select id, day, m, later from p order by id");
    let before = rows();
    assert_eq!((&before[0]["day"], &before[0]["later"]), (&Value::from("a"), &Value::from(7)));
    for file in files(&db.path().join("main/public/p/cold")) {
        if file.extension().is_some_and(|e| e == "parquet") {
            change_first(&file);
        }
    }
    ok(&["repair", &db.1, "-q"]);
    assert_eq!((rows(), code(&["fsck", &db.1])), (before, 0));
}

/// The manifest names every file: a Delta log that is gone or damaged takes no row along.
#[test]
fn a_delta_log_is_made_anew_from_the_manifest() {
    let db = Db::new();
    db.sql("create table p (id bigint primary key, day varchar, n int, x int) partition by (day)");
    db.sql("insert into p values (1,'a b',10,1),(2,null,20,2),(3,'c',30,3)");
    ok(&["maintain", &db.1, "-q"]);
    db.sql("update p set n = 11 where id = 1; insert into p values (4,'c',40,4)");
    ok(&["maintain", &db.1, "-q"]);
    db.sql("alter table p drop column x; insert into p values (5,'d',50); delete from p where id = 3");
    let rows = || db.sql("select id, day, n from p order by id");
    let before = rows();
    assert_eq!(before.len(), 4);
    let cold = db.path().join("main/public/p/cold");
    let log = cold.join("_delta_log");
    let commits =
        || -> Vec<PathBuf> { files(&log).into_iter().filter(|f| f.extension().is_some_and(|e| e == "json")).collect() };
    let flip = || {
        let last = commits().pop().unwrap();
        let mut bytes = fs::read(&last).unwrap();
        let at = bytes.len() / 2;
        bytes[at] ^= 1;
        fs::write(&last, bytes).unwrap();
    };
    let lose_last = || fs::remove_file(commits().pop().unwrap()).unwrap();
    let lose_all = || fs::remove_dir_all(&log).unwrap();
    // One between the first and the last: what is left reads like a table with fewer rows.
    let empty = || fs::write(&commits()[1], b"").unwrap();
    let all = [("emptied", &empty as &dyn Fn()), ("flipped", &flip), ("last", &lose_last), ("all", &lose_all)];
    for (what, damage) in all {
        damage();
        if what == "emptied" {
            assert_eq!(code(&["sql", "--db", &db.1, "-c", "select * from p"]), 65);
        }
        let found = lines(&text(&qx(&["fsck", &db.1, "--json"]).stdout));
        let help =
            |f: &Value| f["severity"] == "error" && f["help"].as_str().is_some_and(|h| h.starts_with("qx repair"));
        assert!(found.iter().any(help), "{what}: {found:?}");
        let done = lines(&ok(&["repair", &db.1, "--json"]));
        assert_eq!((rows(), code(&["fsck", &db.1])), (before.clone(), 0), "{what}: {done:?}");
        assert_eq!(lines(&ok(&["repair", &db.1, "--json"])).len(), 1, "{what}: a second repair has nothing to do");
    }
    // The table goes on: a name that was dropped is still that of another column in the files.
    db.sql("alter table p add column x int; update p set n = 0 where id = 4");
    ok(&["maintain", &db.1, "-q"]);
    assert_eq!(db.sql("select count(x) as x, sum(n) as n from p")[0], serde_json::json!({"x": 0, "n": 81}));
    assert_eq!(code(&["fsck", &db.1]), 0);
    // With all files gone, what is missing is told, and no empty table is made of it.
    let aside = db.path().parent().unwrap().join("aside");
    fs::rename(&cold, &aside).unwrap();
    assert_eq!(code(&["repair", &db.1]), 1);
    fs::rename(&aside, &cold).unwrap();
    assert_eq!((code(&["fsck", &db.1]), db.sql("select id from p").len()), (0, 4));
}

/// Files hold most of a database: a log that is gone takes along what only it held, and nothing else.
#[test]
fn a_database_whose_log_is_gone_or_lost_its_end_goes_on_when_asked() {
    for (id, ids) in [("db.log", vec![1, 2]), ("db.watermark", vec![1, 2, 3, 4])] {
        let db = Db::full();
        let wal = db.path().join("main/wal");
        let aside = db.path().parent().unwrap().join("aside");
        if id == "db.watermark" {
            copy(&wal, &aside);
            db.sql("insert into t values (4,'d')");
            ok(&["flush", &db.1, "-q"]);
        }
        fs::remove_dir_all(&wal).unwrap();
        if id == "db.watermark" {
            fs::rename(&aside, &wal).unwrap();
        }
        assert_eq!(code(&["sql", "--db", &db.1, "-c", "select * from t"]), 65);
        assert_eq!(code(&["repair", &db.1]), 1, "nobody gets such a one unasked");
        let found = lines(&text(&qx(&["fsck", &db.1, "--json"]).stdout));
        let help = format!("--finding {id}");
        assert!(found.iter().any(|f| f["id"] == id && f["help"].as_str().unwrap().contains(&help)), "{found:?}");
        let done = lines(&ok(&["repair", &db.1, "--finding", id, "--json"]));
        assert!(done[0]["loss"].as_str().unwrap().starts_with("what stood in that part of the log alone"), "{done:?}");
        let t: Vec<i64> = db.sql("select id from t order by id").iter().map(|r| r["id"].as_i64().unwrap()).collect();
        assert_eq!((t, db.sql("select x from u").len(), code(&["fsck", &db.1])), (ids, 3, 0), "{id}");
        assert!(db.sql("list keys in s").iter().any(|k| k["key"] == "docs"));
        db.sql("insert into t values (9,'new'); write key new in s = 1");
        ok(&["maintain", &db.1, "-q"]);
        assert_eq!(db.sql("select v from t where id = 9")[0]["v"], "new");
        assert_eq!(code(&["fsck", &db.1]), 0, "{id}");
    }
}

/// A deny list is as much a part of an index as its vectors.
#[test]
fn an_index_without_its_deny_list_is_emptied() {
    let db = Db::new();
    db.sql("create table d (id bigint primary key, e real[]); insert into d values (1,[1,0]),(2,[0,1]),(3,[1,1])");
    db.sql("create vector index near on d(e) using flat with (metric = l2, mode = IMMEDIATE)");
    db.sql("delete from d where id = 2");
    let deny = files(&db.path().join("main/public")).into_iter().find(|f| f.extension().is_some_and(|e| e == "deny"));
    fs::remove_file(deny.unwrap()).unwrap();
    assert_eq!(code(&["fsck", &db.1]), 1);
    ok(&["repair", &db.1, "-q"]);
    assert_eq!(code(&["fsck", &db.1]), 0);
    db.sql("reindex vector index near");
    let near = db.sql("select id from d order by vec_l2(e, [0,1]) limit 1");
    assert_eq!((&near[0]["id"], code(&["fsck", &db.1])), (&Value::from(3), 0));
}

/// Edges stand in a segment twice, and nodes have one of their own: what is whole of a graph is kept.
#[test]
fn a_graph_with_a_damaged_segment_keeps_what_is_whole() {
    let db = Db::new();
    db.sql("create graph g using graphstore with (partitions = 2); use graph g");
    db.sql("use graph g; insert node N key 'a'; insert node N key 'b'; insert node N key 'c'");
    db.sql("use graph g; insert edge a -> b; insert edge b -> c; insert edge c -> a");
    ok(&["graph", "compact", &db.1, "-q"]);
    db.sql("use graph g; insert node N key 'd'; insert edge a -> d");
    let edges = || db.sql("select count(*) as n from graph_edges('g')")[0]["n"].as_u64().unwrap();
    let segment = files(&db.path().join("main/public/g.graph/edges")).into_iter().next().unwrap();
    fs::remove_file(&segment).unwrap();
    let found = lines(&text(&qx(&["fsck", &db.1, "--json"]).stdout));
    assert!(found.iter().any(|f| f["help"].as_str().is_some_and(|h| h.starts_with("qx repair"))), "{found:?}");
    let done = lines(&ok(&["repair", &db.1, "--json"]));
    let loss = done[0]["loss"].as_str().unwrap();
    assert!(loss.contains("edges of edges/adj.P"), "{done:?}");
    let lost: u64 = loss.split(' ').next().unwrap().parse().unwrap();
    assert_eq!((edges(), code(&["fsck", &db.1])), (4 - lost, 0));
    assert_eq!(db.sql("select count(*) as n from graph_nodes('g')")[0]["n"], 4);
    db.sql("use graph g; insert edge d -> c");
    ok(&["maintain", &db.1, "-q"]);
    assert_eq!((edges(), code(&["fsck", &db.1])), (5 - lost, 0));
}

/// What the log of the database let go of a graph stands in its delta logs: without them it is no smaller graph.
#[test]
fn delta_logs_that_are_gone_are_missed() {
    let db = Db::new();
    db.sql("create table t (x int); create graph g using graphstore; use graph g; insert node N key 'a'");
    ok(&["maintain", &db.1, "-q"]);
    db.sql("insert into t values (1); use graph g; insert node N key 'b'; insert edge a -> b");
    ok(&["flush", &db.1, "-q"]);
    let nodes = "select count(*) as n from graph_nodes('g')";
    assert_eq!(db.sql(nodes)[0]["n"], 2);
    fs::remove_dir_all(db.path().join("main/public/g.graph/delta")).unwrap();
    assert_eq!(code(&["sql", "--db", &db.1, "-c", nodes]), 65);
    assert!(db.findings().iter().any(|f| f.0 == "error" && f.1 == "graph.delta"), "{:?}", db.findings());
    let done = lines(&ok(&["repair", &db.1, "--json"]));
    assert!(done[0]["loss"].as_str().unwrap().ends_with("commits of delta/P000"), "{done:?}");
    assert_eq!((&db.sql(nodes)[0]["n"], code(&["fsck", &db.1])), (&Value::from(1), 0));
}

fn segments(db: &Db) -> Vec<PathBuf> {
    let mut all = files(&db.path().join("main/wal"));
    all.retain(|f| f.extension().is_some_and(|e| e == "dlog"));
    all
}

/// A segment of another log at the front is none of this one: the rest is kept.
#[test]
fn a_segment_of_another_log_is_set_aside() {
    let db = Db::new();
    db.sql("create table t (id bigint primary key); insert into t values (1)");
    ok(&["maintain", &db.1, "-q"]);
    db.sql("insert into t values (2)");
    db.sql("insert into t values (3)");
    let other = Db::full();
    let first = |db: &Db| segments(db).into_iter().next().unwrap();
    let (victim, stranger) = (first(&db), first(&other));
    fs::copy(stranger, victim).unwrap();
    assert_eq!(code(&["fsck", &db.1]), 1);
    let done = lines(&ok(&["repair", &db.1, "--json"]));
    assert!(done.iter().any(|a| a["what"].as_str().is_some_and(|w| w.starts_with("set aside"))), "{done:?}");
    assert_eq!(code(&["fsck", &db.1]), 0);
    let left = db.sql("select id from t order by id");
    assert!(left.len() >= 2 && left[0]["id"] == 1, "{left:?}");
}

/// Segments that bear one another's names hold everything: nothing is lost.
#[test]
fn segments_of_the_log_get_their_own_names_back() {
    let db = Db::new();
    db.sql("create table t (id bigint primary key)");
    for id in 1..4 {
        db.sql(&format!("insert into t values ({id})"));
    }
    let wal = segments(&db);
    let [first, second, ..] = &wal[..] else { panic!("{wal:?}") };
    let aside = db.path().join("main/aside");
    for (from, to) in [(first, &aside), (second, first), (&aside, second)] {
        fs::rename(from, to).unwrap();
    }
    assert_eq!(code(&["fsck", &db.1]), 1);
    let done = lines(&ok(&["repair", &db.1, "--json"]));
    assert_eq!(done.last().unwrap()["summary"]["losses"], 0, "{done:?}");
    assert_eq!((db.sql("select id from t").len(), code(&["fsck", &db.1])), (3, 0));
}

//! A database folder under damage and under repair.
#![cfg(feature = "engine")]

use std::fs;
use std::path::Path;

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
    // The one before is too old: the logs no longer have what came between.
    ok(&["maintain", &db.1, "-q"]);
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

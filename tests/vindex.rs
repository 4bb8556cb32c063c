//! `vindex` as scripts use it: what it answers, with which status, and what a kill leaves.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use assert_cmd::cargo::cargo_bin;
use serde_json::Value;

fn vindex(dir: &Path, args: &[&str]) -> Output {
    let mut c = Command::new(cargo_bin("vindex"));
    c.env_remove("QX_LOG").current_dir(dir).args(args).stdin(Stdio::null()).output().unwrap()
}

fn status(dir: &Path, args: &[&str]) -> i32 {
    vindex(dir, args).status.code().unwrap()
}

fn ok(dir: &Path, args: &[&str]) -> String {
    let out = vindex(dir, args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn ids(dir: &Path, args: &[&str]) -> Vec<i64> {
    let lines = ok(dir, args);
    lines.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["row_id"].as_i64().unwrap()).collect()
}

/// Points on a line, `id` at `id / 10`.
fn points(dir: &Path, name: &str, ids: std::ops::Range<i64>) {
    let lines = ids.map(|id| format!("{{\"id\":{id},\"v\":[{},1]}}\n", id as f64 / 10.0));
    fs::write(dir.join(name), lines.collect::<String>()).unwrap();
}

const COLUMNS: [&str; 4] = ["--column", "v", "--id-column", "id"];

#[test]
fn an_index_is_built_changed_and_folded() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    points(dir, "a.ndjson", -50..50);
    points(dir, "b.ndjson", 40..60);
    let with = |head: &[&'static str]| [head, &COLUMNS].concat();
    ok(dir, &with(&["build", "a.ndjson", "-o", "x.vindex", "--metric", "l2"]));
    let search = |q: &str| ids(dir, &["search", "x.vindex", "--query", q, "-k", "3"]);
    assert_eq!(search("-5 1"), [-50, -49, -48]);
    assert_eq!(search("[4.92,1]"), [49, 48, 47]);
    ok(dir, &with(&["add", "x.vindex", "b.ndjson"]));
    assert_eq!(search("(5.9 1)"), [59, 58, 57]);
    assert_eq!(status(dir, &["delete", "x.vindex", "--id", "-50", "59"]), 0);
    assert_eq!(status(dir, &["delete", "x.vindex", "--id", "-50"]), 1);
    assert_eq!((search("-5,1"), search("5.9,1")), (vec![-49, -48, -47], vec![58, 57, 56]));
    assert_eq!(status(dir, &["verify", "x.vindex"]), 0);
    ok(dir, &["compact", "x.vindex"]);
    assert_eq!((search("-5,1"), search("5.9,1")), (vec![-49, -48, -47], vec![58, 57, 56]));
    let stat: Value = serde_json::from_str(&ok(dir, &["stat", "x.vindex", "--json"])).unwrap();
    assert_eq!(
        (&stat["rows_indexed"], &stat["mode"], &stat["state"]),
        (&108.into(), &"REBUILD_ONLY".into(), &"ready".into())
    );
    for field in ["bytes", "dim", "metric", "engine", "build_time_ms", "ef_build", "ef_search"] {
        assert!(!stat[field].is_null(), "{field}");
    }
    assert_eq!(status(dir, &with(&["add", "x.vindex", "b.ndjson", "--on-conflict", "error"])), 65);
    assert_eq!(status(dir, &["tune", "x.vindex", "--recall-target", "0.9"]), 0);
}

#[test]
fn every_form_gives_the_same_index() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    points(dir, "a.ndjson", 0..40);
    ok(dir, &[&["build", "a.ndjson", "-o", "a.vdata", "--metric", "ip"], &COLUMNS[..2]].concat());
    let want = fs::read(dir.join("a.vdata")).unwrap();
    for form in ["npy", "fvecs", "csv"] {
        let file = format!("a.{form}");
        ok(dir, &["dump", "a.vdata", "--format", form, "-o", &file]);
        let columns: &[&str] = if form == "csv" { &["--column", "vector"] } else { &[] };
        let out = format!("{form}.vdata");
        ok(dir, &[&["build", &file, "-o", &out, "--metric", "ip"], columns].concat());
        assert!(fs::read(dir.join(out)).unwrap() == want, "{form}");
    }
    ok(dir, &["build", "a.vdata", "-o", "again.vdata", "--metric", "ip", "--memory", "1MiB", "--threads", "1"]);
    assert!(fs::read(dir.join("again.vdata")).unwrap() == want);
}

#[test]
fn a_compact_index_keeps_its_vectors() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let lines = (0..200).map(|i| format!("[{},{},{}]\n", (i * 37 % 101) as f64 / 7.0, (i * 11 % 53) as f64 / 3.0, i));
    fs::write(dir.join("a.ndjson"), lines.collect::<String>()).unwrap();
    ok(dir, &["build", "a.ndjson", "-o", "0.vdata", "--metric", "l2", "--codes", "only"]);
    let want = ok(dir, &["dump", "0.vdata"]);
    for (from, to, verb) in [("0", "1", "repair"), ("1", "2", "convert"), ("2", "3", "merge"), ("3", "4", "repair")] {
        ok(dir, &[verb, &format!("{from}.vdata"), "-o", &format!("{to}.vdata")]);
        assert!(ok(dir, &["dump", &format!("{to}.vdata")]) == want, "{verb}");
    }
    let out = vindex(dir, &["convert", "0.vdata", "-o", "whole.vdata", "--codes", "8bit", "--json"]);
    let report: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!((&report["from_codes"], &report["recoded"]), (&200.into(), &0.into()));
    assert!(String::from_utf8_lossy(&out.stderr).contains("the vectors of 200 rows are those of codes"));
    // What cannot keep its codes is coded anew only where that was said.
    let (code, text) = refused(dir, &["convert", "0.vdata", "-o", "other.vdata", "--metric", "cosine"]);
    assert!(code == 2 && text.contains("200 of 200 rows") && text.contains("--recode"), "{text}");
    let out = vindex(dir, &["convert", "0.vdata", "-o", "other.vdata", "--metric", "cosine", "--recode"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("200 rows coded anew, no longer exact"));

    points(dir, "b.ndjson", 0..50);
    let lines: String = (0..50).map(|i| format!("[{},{},1]\n", i * i, 7 - i)).collect();
    fs::write(dir.join("b.ndjson"), lines).unwrap();
    ok(dir, &["build", "b.ndjson", "-o", "b.vdata", "--metric", "l2", "--codes", "only"]);
    let merge = ["merge", "0.vdata", "b.vdata", "-o", "both.vdata"];
    let (code, text) = refused(dir, &merge);
    assert!(code == 2 && text.contains("50 of 250 rows"), "{text}");
    assert!(!dir.join("both.vdata").exists());
    let out = vindex(dir, &[&merge[..], &["--recode"]].concat());
    assert!(out.status.success() && String::from_utf8_lossy(&out.stderr).contains("50 rows coded anew"));

    // An addition keeps to the mean of what is there; one that is larger has its own.
    ok(dir, &["build", "b.ndjson", "-o", "x.vindex", "--metric", "l2", "--codes", "only"]);
    ok(dir, &["add", "x.vindex", "b.ndjson"]);
    ok(dir, &["compact", "x.vindex"]);
    ok(dir, &["add", "x.vindex", "a.ndjson"]);
    let before = fs::read(dir.join("x.vindex")).unwrap();
    for args in [&["compact", "x.vindex"][..], &["compact", "x.vindex", "--dry-run"]] {
        let (code, text) = refused(dir, args);
        assert!(code == 2 && text.contains("100 of 300 rows") && text.contains("x.vindex"), "{text}");
        assert!(fs::read(dir.join("x.vindex")).unwrap() == before);
    }
    ok(dir, &["compact", "x.vindex", "--recode"]);
}

/// Status and stderr of a command that is refused.
fn refused(dir: &Path, args: &[&str]) -> (i32, String) {
    let out = vindex(dir, args);
    assert!(!out.status.success(), "{args:?}");
    (out.status.code().unwrap(), String::from_utf8(out.stderr).unwrap())
}

#[test]
fn errors_name_the_file_and_the_line_that_are_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let text = |name: &str, text: &str| fs::write(dir.join(name), text).unwrap();
    text("good.ndjson", "{\"id\":1,\"v\":[1,2]}\n{\"id\":2,\"v\":[3,4]}\n");
    text("bad.ndjson", "{\"id\":3,\"v\":[1,2]}\n\n{\"id\":4,\"v\":[1,null]}\n");
    text("twice.ndjson", "{\"id\":3,\"v\":[1,2]}\n{\"id\":3,\"v\":[2,2]}\n");
    text("ids.txt", "1\n\nx\n");
    text("q.ndjson", "{\"v\":[1,2]}\n{\"v\":null}\n");
    text("none.csv", "a,b\n");
    text("open.csv", "a,b\r\n\r\n1,2\r\n3,\"4\r\n5,6\r\n");
    let with = |head: &[&'static str]| [head, &COLUMNS].concat();
    ok(dir, &with(&["build", "good.ndjson", "-o", "x.vindex", "--metric", "l2"]));
    for (args, code, want) in [
        (with(&["build", "bad.ndjson", "-o", "b.vdata", "--metric", "l2"]), 65, "bad.ndjson: vector of row 1 (line"),
        (with(&["build", "bad.ndjson", "-o", "b.vindex", "--metric", "l2"]), 65, "bad.ndjson: vector of row 1 (line"),
        (with(&["add", "x.vindex", "bad.ndjson"]), 65, "bad.ndjson: vector of row 1 (line 3)"),
        (
            with(&["build", "twice.ndjson", "-o", "b.vdata", "--metric", "l2"]),
            65,
            "twice.ndjson: row id 3 stands twice: in row 0 (line 1) and row 1 (line 2)",
        ),
        (vec!["build", "open.csv", "-o", "b.vdata", "--metric", "l2"], 65, "open.csv: line 4: a quoted cell is not"),
        (vec!["delete", "x.vindex", "--ids", "ids.txt"], 65, "ids.txt: line 3 is not a row id"),
        (vec!["search", "x.vindex", "--query", "q.ndjson", "--column", "v"], 65, "q.ndjson: row 1 (line 2): there"),
        (vec!["recall", "x.vindex", "--sample", "0"], 2, "--sample is out of range"),
        (vec!["recall", "x.vindex", "--ef", "0"], 2, "1 or more"),
        // Nothing was measured: nothing is stored, and no bound is met.
        (vec!["tune", "x.vindex", "--queries", "none.csv"], 2, "there are no queries"),
        (vec!["recall", "x.vindex", "--queries", "none.csv", "--min", "0.9"], 2, "there are no queries"),
        (vec!["search", "x.vindex", "--query", "1 2", "--ef", "0"], 2, "1 or more"),
        (vec!["recall", "x.vindex", "--svg", "-"], 2, "both want stdout"),
        (vec!["repair", "x.vindex", "-o", "b.vindex"], 2, "the name of a definition"),
        (vec!["repair", "good.ndjson", "-o", "b.vdata"], 65, "good.ndjson: "),
        (
            with(&["build", "good.ndjson", "-o", "b.vdata", "--metric", "l2", "--engine", "hnsw", "--codes", "none"]),
            2,
            "a graph is searched on codes",
        ),
    ] {
        let (status, err) = refused(dir, &args);
        assert!(status == code && err.contains(want), "{args:?}: {status} {err}");
    }
    ok(dir, &with(&["build", "good.ndjson", "-o", "b.vdata", "--metric", "l2", "--codes", "none"]));
    text("short.vdata", "QXVDAT");
    let (code, err) = refused(dir, &["repair", "short.vdata", "-o", "mended.vdata"]);
    assert!(code == 65 && err.contains("short.vdata: "), "{err}");
    // Options may stand behind ids, and ids may be negative.
    assert_eq!(status(dir, &["delete", "x.vindex", "--id", "-7", "1", "--dry-run"]), 0);
    assert_eq!(ok(dir, &["dump", "x.vindex", "--format", "ids"]), "1\n2\n");
}

#[test]
fn rows_without_a_vector_and_no_rows_are_taken_for_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let report =
        |args: &[&str]| serde_json::from_str::<Value>(&ok(dir, &[args, &["--metric", "l2", "--json"]].concat()));
    fs::write(dir.join("null.ndjson"), "null\n[1,2]\nnull\n").unwrap();
    let r = report(&["build", "null.ndjson", "-o", "a.vdata"]).unwrap();
    assert_eq!((&r["rows"], &r["skipped_null"]), (&1.into(), &2.into()));
    // Three zero vectors, the second of another dimension.
    fs::write(dir.join("u.fvecs"), [2u32, 0, 0, 1, 0, 2, 0, 0].map(u32::to_le_bytes).concat()).unwrap();
    let r = report(&["build", "u.fvecs", "-o", "b.vdata", "--dim-policy", "skip"]).unwrap();
    assert_eq!((&r["rows"], &r["skipped_dim"]), (&2.into(), &1.into()));
    let (code, err) = refused(dir, &["build", "u.fvecs", "-o", "c.vdata", "--metric", "l2"]);
    assert!(code == 65 && err.contains("u.fvecs: vector of row 1 has another dimension"), "{err}");

    fs::write(dir.join("none.ndjson"), "").unwrap();
    let r = report(&["build", "none.ndjson", "-o", "d.vdata", "--dim", "3"]).unwrap();
    assert_eq!((&r["rows"], &r["dim"]), (&0.into(), &3.into()));
    assert_eq!(status(dir, &["build", "none.ndjson", "-o", "e.vdata", "--metric", "l2"]), 65);
    ok(dir, &["dump", "d.vdata", "--format", "npy", "-o", "none.npy"]);
    let r = report(&["build", "none.npy", "-o", "f.vdata"]).unwrap();
    assert_eq!((&r["rows"], &r["dim"]), (&0.into(), &3.into()));
    // A definition of no dimension: it takes that of the first row. One made of it gives no position out again.
    fs::write(dir.join("gone.ndjson"), "null\n").unwrap();
    assert_eq!(report(&["build", "gone.ndjson", "-o", "g.vindex"]).unwrap()["rows"], 0);
    ok(dir, &["add", "g.vindex", "null.ndjson"]);
    assert_eq!(ok(dir, &["dump", "g.vindex", "--format", "ids"]), "2\n");
    ok(dir, &["delete", "g.vindex", "--id", "2"]);
    ok(dir, &["convert", "g.vindex", "-o", "h.vindex"]);
    ok(dir, &["add", "h.vindex", "null.ndjson"]);
    assert_eq!(ok(dir, &["dump", "h.vindex", "--format", "ids"]), "5\n");
}

#[test]
fn what_dump_writes_is_built_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    points(dir, "a.ndjson", -20..20);
    ok(dir, &[&["build", "a.ndjson", "-o", "a.vdata", "--metric", "l2"], &COLUMNS[..]].concat());
    for form in ["ndjson", "csv"] {
        let (file, out) = (format!("dumped.{form}"), format!("{form}.vdata"));
        ok(dir, &["dump", "a.vdata", "--format", form, "-o", &file]);
        ok(dir, &["build", &file, "-o", &out, "--metric", "l2"]);
        assert!(fs::read(dir.join(out)).unwrap() == fs::read(dir.join("a.vdata")).unwrap(), "{form}");
    }
}

#[test]
fn a_definition_is_never_written_as_a_file_of_vectors() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    points(dir, "a.ndjson", 0..20);
    ok(dir, &[&["build", "a.ndjson", "-o", "x.vindex", "--metric", "l2"], &COLUMNS[..]].concat());
    ok(dir, &["delete", "x.vindex", "--id", "3"]);
    ok(dir, &[&["build", "a.ndjson", "-o", "alone.vdata", "--metric", "l2"], &COLUMNS[..]].concat());
    // Searches of alone.vdata would answer from it.
    assert_eq!(status(dir, &["convert", "x.vindex", "-o", "alone.vindex"]), 2);
    assert_eq!(status(dir, &["delete", "alone.vdata", "--id", "3"]), 0);
    let before = fs::read(dir.join("x.vindex")).unwrap();
    assert_eq!(status(dir, &["merge", "x.vindex", "-o", "x.vindex", "--force"]), 2);
    ok(dir, &["convert", "x.vindex", "-o", "file.vdata"]);
    assert_eq!(status(dir, &["repair", "file.vdata", "-o", "x.vindex", "--force"]), 2);
    assert_eq!(fs::read(dir.join("x.vindex")).unwrap(), before);
    for target in ["y.vindex", "x.vindex"] {
        ok(dir, &["convert", "x.vindex", "-o", target, "--element", "f16", "--force"]);
        assert_eq!(status(dir, &["delete", target, "--id", "7"]), 0, "{target}");
        assert_eq!(ids(dir, &["search", target, "--query", "0.31 1", "-k", "3"]), [4, 2, 5], "{target}");
        assert_eq!(status(dir, &["verify", target]), 0, "{target}");
    }
}

#[test]
fn a_predicate_about_keys_names_their_field() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    points(dir, "a.ndjson", 5..15);
    let lines = (5..15).map(|id| format!("{{\"id\":{id},\"ok\":{}}}\n", id % 2 == 0));
    fs::write(dir.join("ok.ndjson"), lines.collect::<String>()).unwrap();
    ok(dir, &[&["build", "a.ndjson", "-o", "keys.vdata", "--metric", "l2"], &COLUMNS[..]].concat());
    ok(dir, &[&["build", "a.ndjson", "-o", "places.vdata", "--metric", "l2"], &COLUMNS[..2]].concat());
    let search = |index| ["search", index, "--query", "0 1", "--filter", "column:ok.ndjson:ok"];
    assert_eq!(ids(dir, &search("places.vdata")), [1, 3, 5, 7, 9]);
    // Line numbers are no keys; taken for some, they would answer other rows.
    assert_eq!(status(dir, &search("keys.vdata")), 2);
    assert_eq!(ids(dir, &[&search("keys.vdata")[..], &["--filter-id", "id"]].concat()), [6, 8, 10, 12, 14]);
    let by_csv = |text: &str| {
        fs::write(dir.join("ok.csv"), text).unwrap();
        let ask =
            ["search", "keys.vdata", "--query", "0 1", "--filter", "column:ok.csv:ok", "--filter-id", "id", "--json"];
        let out = vindex(dir, &ask);
        (out.status.code().unwrap(), String::from_utf8_lossy(&out.stderr).into_owned())
    };
    assert_eq!(by_csv("\u{FEFF}id,ok\r\n\r\n6,1\r\n\"8\",true\r\n").0, 0);
    // Taken for text, an open quote would swallow the rows behind it.
    for (text, line) in [
        ("id,ok\n6,1\n\n\"8\"9,1\n", "line 4: text behind the quote"),
        ("id,ok\n6,1\n8,\"1\n9,1\n", "line 3: a quoted cell is not closed"),
        ("id,ok\n\n\n6,maybe\n", "line 4: field"),
        ("id,ok\n6\n", "line 2: wrong number of columns"),
    ] {
        let (code, stderr) = by_csv(text);
        assert!(code == 65 && stderr.contains(line), "{text:?}: {code} {stderr}");
    }
}

#[test]
fn ids_of_a_predicate_are_read_as_those_of_a_build() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let rows = "{\"id\":\"null\",\"v\":[1,1]}\n{\"id\":\"b\",\"v\":[2,1]}\n{\"id\":5,\"v\":[3,1]}\n";
    fs::write(dir.join("a.ndjson"), rows).unwrap();
    ok(dir, &[&["build", "a.ndjson", "-o", "a.vdata", "--metric", "l2"], &COLUMNS[..]].concat());
    let ask = |text: &str| {
        fs::write(dir.join("ok.ndjson"), text).unwrap();
        let filter = ["--filter", "column:ok.ndjson:ok", "--filter-id", "id", "--format", "tsv"];
        vindex(dir, &[&["search", "a.vdata", "--query", "0 1"], &filter[..]].concat())
    };
    let found = |out: &Output| String::from_utf8_lossy(&out.stdout).lines().count();
    assert_eq!(found(&ask("\u{FEFF}{\"id\":5,\"ok\":true}\n{\"id\":\"b\",\"ok\":1}\n{\"id\":7,\"ok\":1}\n")), 2);
    // A null is not the key "null", and what no build takes for an id names no row by its text.
    for id in ["null", "5.0", "true", "[5]", "\"\""] {
        let out = ask(&format!("{{\"id\":5,\"ok\":1}}\n{{\"id\":{id},\"ok\":1}}\n"));
        let stderr = String::from_utf8_lossy(&out.stderr);
        let told = stderr.contains("ok.ndjson: line 2: field \"id\": not a row id");
        assert!(out.status.code() == Some(65) && told && found(&out) == 0, "{id}: {stderr}");
    }
}

#[test]
fn a_sign_is_part_of_a_row_id() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    // Of one length in bits.
    let (low, high) = ("-1", "18446744073709551615");
    for (name, id, other) in [("s", low, high), ("u", high, low)] {
        let (rows, file) =
            (format!("{{\"id\":{id},\"v\":[1,1]}}\n{{\"id\":5,\"v\":[2,1]}}\n"), format!("{name}.vdata"));
        fs::write(dir.join("a.ndjson"), rows).unwrap();
        ok(dir, &[&["build", "a.ndjson", "-o", &file, "--metric", "l2"], &COLUMNS[..]].concat());
        let found = |filter: &str| {
            let filter = format!("--filter={filter}");
            ok(dir, &["search", &file, "--query", "1 1", "--format", "tsv", &filter]).lines().count()
        };
        let one = |id: &str| format!("--id={id}");
        assert_eq!([found(id), found(other), found(&format!("!{other}"))], [1, 0, 2], "{name}");
        assert_eq!(status(dir, &["inspect", &file, &one(other)]), 2);
        assert_eq!(status(dir, &["delete", &file, &one(other)]), 1);
        let both = format!("--id={id},{other}");
        let report = ok(dir, &["delete", &file, &both, "--dry-run", "--json"]);
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!((&report["deleted"], &report["missing"]), (&1.into(), &1.into()), "{name}");
    }
}

#[test]
fn what_a_damaged_file_still_says_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    points(dir, "a.ndjson", 0..40);
    ok(dir, &[&["build", "a.ndjson", "-o", "a.vdata", "--metric", "l2"], &COLUMNS[..]].concat());
    let good = fs::read(dir.join("a.vdata")).unwrap();
    let inspect = |name: &str, bytes: &[u8]| {
        fs::write(dir.join(name), bytes).unwrap();
        let out = vindex(dir, &["inspect", name, "--json"]);
        (out.status.code().unwrap(), serde_json::from_slice::<Value>(&out.stdout).unwrap_or_default())
    };
    let (code, whole) = inspect("whole.vdata", &good);
    let named = |v: &Value| v["sections"].as_array().unwrap().iter().map(|s| s["name"].clone()).collect::<Vec<_>>();
    assert!(code == 0 && named(&whole).len() > 5, "{whole}");
    let longer = [&good[..], b"x"].concat();
    let mut flipped = good.clone();
    flipped[60] ^= 1;
    for bad in [&good[..good.len() - 1], &longer, &flipped] {
        let (code, shown) = inspect("bad.vdata", bad);
        assert_eq!((code, named(&shown)), (1, named(&whole)));
        assert!(shown["error"].is_string() && shown["stated_bytes"].is_u64(), "{shown}");
    }
    // Nothing of the table, and no header at all.
    assert_eq!(inspect("head.vdata", &good[..130]).1["sections"], Value::Array(Vec::new()));
    assert_eq!(inspect("short.vdata", &good[..100]).0, 65);
    // What was appended costs no row.
    fs::write(dir.join("longer.vdata"), longer).unwrap();
    assert_eq!(status(dir, &["verify", "longer.vdata"]), 1);
    ok(dir, &["repair", "longer.vdata", "-o", "mended.vdata"]);
    assert_eq!(fs::read(dir.join("mended.vdata")).unwrap(), good);
    // Neither does a missing end that only says whether the rest is whole.
    fs::write(dir.join("shorter.vdata"), &good[..good.len() - 1]).unwrap();
    ok(dir, &["repair", "shorter.vdata", "-o", "mended.vdata", "--force"]);
    assert_eq!(fs::read(dir.join("mended.vdata")).unwrap(), good);
    // Nor does a header that others can tell; what was told is reported.
    fs::write(dir.join("headless.vdata"), [&[0u8; 128][..], &good[128..]].concat()).unwrap();
    let report = ok(dir, &["repair", "headless.vdata", "-o", "mended.vdata", "--force", "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report["front"][0].as_str().is_some_and(|told| told.contains("section table")), "{report}");
    assert_eq!(fs::read(dir.join("mended.vdata")).unwrap(), good);
}

#[test]
fn a_repaired_index_has_no_row_that_was_deleted() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    points(dir, "a.ndjson", 0..40);
    points(dir, "b.ndjson", 30..50);
    ok(dir, &[&["build", "a.ndjson", "-o", "x.vindex", "--metric", "l2"], &COLUMNS[..]].concat());
    ok(dir, &["delete", "x.vindex", "--id", "3", "4"]);
    ok(dir, &[&["add", "x.vindex", "b.ndjson"], &COLUMNS[..]].concat());
    let definition: Value = serde_json::from_slice(&fs::read(dir.join("x.vindex")).unwrap()).unwrap();
    let file = |at: usize| definition["segments"][at]["path"].as_str().unwrap().to_owned();
    let (first, deny) = (file(0), file(1));
    let whole = fs::read(dir.join(&first)).unwrap();
    fs::write(dir.join(&first), [&whole[..], b"x"].concat()).unwrap();
    assert_eq!(status(dir, &["search", "x.vindex", "--query", "0 1"]), 65);
    let report = ok(dir, &["repair", "x.vindex", "-o", "mended.vdata", "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!((&report["saved"], &report["hidden"], &report["lost"]), (&48.into(), &12.into(), &0.into()), "{report}");
    let all = ok(dir, &["dump", "mended.vdata", "--format", "ids"]);
    assert!(all.lines().count() == 48 && !all.lines().any(|id| id == "3"), "{all}");
    // By itself a file has what was deleted, and is not all of the index.
    let out = vindex(dir, &["repair", &first, "-o", "alone.vdata"]);
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && text.contains("vindex repair x.vindex"), "{text}");
    assert!(ok(dir, &["dump", "alone.vdata", "--format", "ids"]).lines().any(|id| id == "3"));
    assert_eq!(status(dir, &["repair", "mended.vdata", "-o", "again.vdata", "--without-deny"]), 2);
    assert_eq!(status(dir, &["repair", "x.vindex", "-o", &first, "--force"]), 2);

    let list = fs::read(dir.join(&deny)).unwrap();
    fs::write(dir.join(&deny), &list[1..]).unwrap();
    let repair = ["repair", "x.vindex", "-o", "back.vdata"];
    let (code, text) = refused(dir, &repair);
    assert!(code == 65 && text.contains(&deny) && text.contains("--without-deny"), "{text}");
    assert!(!dir.join("back.vdata").exists());
    let out = vindex(dir, &[&repair[..], &["--without-deny"]].concat());
    let text = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(1) && text.contains("2 row ids were left out"), "{text}");
    assert_eq!(ok(dir, &["dump", "back.vdata", "--format", "ids"]).lines().count(), 50);
    // Without a file its rows are lost, and the others are not.
    fs::write(dir.join(&deny), list).unwrap();
    fs::remove_file(dir.join(&first)).unwrap();
    assert_eq!(status(dir, &[&repair[..], &["--force"]].concat()), 1);
    assert_eq!(ok(dir, &["dump", "back.vdata", "--format", "ids"]).lines().count(), 20);
    // What was saved takes the place of the index.
    ok(dir, &["convert", "mended.vdata", "-o", "x.vindex", "--force"]);
    assert_eq!(status(dir, &["verify", "x.vindex"]), 0);
    assert_eq!(ids(dir, &["search", "x.vindex", "--query", "0.31 1", "-k", "2"]), [2, 5]);
}

#[test]
fn answers_are_honest() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    points(dir, "a.ndjson", 0..300);
    ok(dir, &[&["build", "a.ndjson", "-o", "a.vdata", "--metric", "l2"], &COLUMNS[..]].concat());
    assert_eq!(ids(dir, &["search", "a.vdata", "--query", "0 1", "--k", "2", "--filter", "7,250"]), [7, 250]);
    assert_eq!(ids(dir, &["search", "a.vdata", "--query", "0 1", "-k", "2", "--filter", "!0,1", "--exact"]), [2, 3]);
    assert_eq!(ids(dir, &["search", "a.vdata", "--query", "0 1", "-k", "0"]), [0i64; 0]);
    for (args, want) in [
        (&["search", "a.vdata", "--query", "1,2,3"][..], 65),
        (&["search", "a.vdata", "--query", "one"], 2),
        (&["search", "none.vdata", "--query", "1,2"], 2),
        (&["search", "a.ndjson", "--query", "1,2"], 65),
        (&["build", "a.ndjson", "-o", "a.vdata", "--metric", "l2"], 2),
        (&["build", "a.ndjson", "-o", "b.vdata", "--metric", "l7"], 2),
        (&["build", "a.ndjson", "-o", "b.vdata", "--metric", "l2", "--column", "w"], 65),
        (&["recall", "a.vdata", "--min", "1", "--ef", "1"], 0),
    ] {
        assert_eq!(status(dir, args), want, "{args:?}");
    }
    let mut bytes = fs::read(dir.join("a.vdata")).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(dir.join("bad.vdata"), &bytes).unwrap();
    assert_eq!(status(dir, &["verify", "bad.vdata"]), 1);
    assert_eq!(status(dir, &["verify", "bad.vdata", "--quick"]), 1);
    assert_eq!(status(dir, &["dump", "bad.vdata"]), 65);
    assert_eq!(status(dir, &["convert", "bad.vdata", "-o", "laundered.vdata"]), 65);
    assert!(!dir.join("laundered.vdata").exists());
    let whole = fs::read(dir.join("a.vdata")).unwrap();
    let entry = whole.windows(4).position(|w| w == b"VECS").unwrap();
    let vectors = u64::from_le_bytes(whole[entry + 8..entry + 16].try_into().unwrap());
    let mut bad = whole.clone();
    bad[usize::try_from(vectors).unwrap() + 9] ^= 1;
    fs::write(dir.join("bad2.vdata"), &bad).unwrap();
    let search = ["search", "bad2.vdata", "--query", "0 1", "--exact", "-k", "300"];
    let (code, text) = refused(dir, &search);
    assert!(
        code == 65 && text.contains("bad2.vdata") && text.contains("VECS") && text.contains("vindex verify"),
        "{text}"
    );
    assert_eq!(status(dir, &[&search[..], &["--unchecked"]].concat()), 0);
    assert!([0, 1].contains(&status(dir, &["repair", "bad.vdata", "-o", "mended.vdata"])));
    assert_eq!(status(dir, &["verify", "mended.vdata"]), 0);
    assert_eq!(fs::read(dir.join("bad.vdata")).unwrap(), bytes, "a damaged file is never changed");
}

#[test]
fn a_full_disk_is_never_told_as_written() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    points(dir, "a.ndjson", 0..300);
    ok(dir, &[&["build", "a.ndjson", "-o", "a.vdata", "--metric", "l2"], &COLUMNS[..]].concat());
    let full = Command::new(cargo_bin("vindex"))
        .current_dir(dir)
        .args(["dump", "a.vdata"])
        .stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
        .stderr(Stdio::null())
        .status();
    assert_eq!(full.unwrap().code(), Some(2));
    let full = Command::new(cargo_bin("vindex"))
        .current_dir(dir)
        .args(["build", "a.ndjson", "-o", "-", "--metric", "l2"].iter().chain(&COLUMNS))
        .stdout(fs::OpenOptions::new().write(true).open("/dev/full").unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&full.stderr);
    assert!(full.status.code() == Some(2) && said.contains("No space left") && !said.contains("wrote"), "{said}");
}

#[test]
fn a_killed_addition_is_all_there_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    points(dir, "a.ndjson", 0..50);
    points(dir, "b.ndjson", 50..1500);
    ok(dir, &[&["build", "a.ndjson", "-o", "x.vindex", "--metric", "l2"], &COLUMNS[..]].concat());
    for round in 0..12u64 {
        let mut child = Command::new(cargo_bin("vindex"))
            .current_dir(dir)
            .args(["-q", "add", "x.vindex", "b.ndjson", "--threads", "1"])
            .args(COLUMNS)
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(round * 12));
        // It may have ended by itself.
        let _ = child.kill();
        child.wait().unwrap();
        let stat: Value = serde_json::from_str(&ok(dir, &["stat", "x.vindex", "--json"])).unwrap();
        assert!([50, 1500].contains(&stat["rows_indexed"].as_u64().unwrap()), "{stat}");
        assert_eq!(status(dir, &["verify", "x.vindex"]), 0);
    }
    ok(dir, &[&["add", "x.vindex", "b.ndjson"], &COLUMNS[..]].concat());
    ok(dir, &["compact", "x.vindex"]);
    assert_eq!(ids(dir, &["search", "x.vindex", "--query", "149.9 1", "-k", "2"]), [1499, 1498]);
    assert_eq!(left_over(dir), [""; 0]);
}

/// What no finished run leaves in a folder.
fn left_over(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().flatten().map(|e| e.file_name().into_string().unwrap());
    names.filter(|n| n.contains(".tmp-") || n.ends_with("building")).collect()
}

/// Starts `vindex` and kills it after this many milliseconds, unless it has ended by then.
fn killed(dir: &Path, args: &[&str], ms: u64) {
    let mut child = Command::new(cargo_bin("vindex")).current_dir(dir).arg("-q").args(args).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(ms));
    let _ = child.kill();
    child.wait().unwrap();
}

#[test]
fn a_killed_build_leaves_the_old_file_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    points(dir, "a.ndjson", 0..300);
    points(dir, "b.ndjson", 0..4000);
    let build =
        |from, to| [&["build", from, "-o", to, "--metric", "l2", "--threads", "1", "--force"], &COLUMNS[..]].concat();
    ok(dir, &build("a.ndjson", "x.vdata"));
    let old = fs::read(dir.join("x.vdata")).unwrap();
    let start = std::time::Instant::now();
    ok(dir, &build("b.ndjson", "y.vdata"));
    let (new, whole_ms) = (fs::read(dir.join("y.vdata")).unwrap(), start.elapsed().as_millis() as u64);
    for round in 0..=16 {
        killed(dir, &build("b.ndjson", "x.vdata"), whole_ms * round / 16);
        let found = fs::read(dir.join("x.vdata")).unwrap();
        assert!(found == old || found == new, "round {round}: {} bytes", found.len());
        assert_eq!(status(dir, &["verify", "x.vdata"]), 0);
    }
    ok(dir, &build("b.ndjson", "x.vdata"));
    assert!(fs::read(dir.join("x.vdata")).unwrap() == new);
    assert_eq!(left_over(dir), [""; 0]);
}

#[test]
fn a_killed_compaction_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    points(dir, "a.ndjson", 0..1500);
    points(dir, "b.ndjson", 1400..2000);
    ok(dir, &[&["build", "a.ndjson", "-o", "x.vindex", "--metric", "l2"], &COLUMNS[..]].concat());
    for round in 0..8 {
        ok(dir, &[&["add", "x.vindex", "b.ndjson"], &COLUMNS[..]].concat());
        assert!([0, 1].contains(&status(dir, &["delete", "x.vindex", "--id", "3", "1999"])));
        killed(dir, &["compact", "x.vindex", "--threads", "1"], round * 15);
        assert_eq!(status(dir, &["verify", "x.vindex"]), 0);
        assert_eq!(ids(dir, &["search", "x.vindex", "--query", "0.29 1", "-k", "2"]), [2, 4]);
        assert_eq!(ids(dir, &["search", "x.vindex", "--query", "200 1", "-k", "2"]), [1998, 1997]);
    }
    ok(dir, &["compact", "x.vindex"]);
    assert_eq!(ids(dir, &["search", "x.vindex", "--query", "200 1", "-k", "2"]), [1998, 1997]);
    assert_eq!(left_over(dir), [""; 0]);
    let stat: Value = serde_json::from_str(&ok(dir, &["stat", "x.vindex", "--json"])).unwrap();
    assert_eq!(stat["rows_indexed"], 1998, "{stat}");
}

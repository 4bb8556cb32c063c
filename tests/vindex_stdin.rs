//! `vindex` in a pipe: what is read from stdin, and that nothing is read from it twice.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output};

use assert_cmd::cargo::cargo_bin;

fn piped(dir: &Path, stdin: &str, args: &[&str]) -> Output {
    let stdin = File::open(dir.join(stdin)).unwrap();
    let mut c = Command::new(cargo_bin("vindex"));
    c.env_remove("QX_LOG").current_dir(dir).args(args).stdin(stdin).output().unwrap()
}

#[test]
fn an_index_comes_from_stdin_and_nothing_else_then() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    fs::write(dir.join("a.ndjson"), "[1,0]\n[0,1]\n").unwrap();
    let ok = |stdin: &str, args: &[&str]| {
        let out = piped(dir, stdin, args);
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    ok("a.ndjson", &["build", "-", "-o", "a.vdata", "--metric", "l2"]);
    assert_eq!(ok("a.vdata", &["search", "-", "--query", "0 1", "-k", "1", "--format", "tsv"]), "0\t1\t1\t0\n");
    ok("a.vdata", &["convert", "-", "-o", "b.vdata", "--metric", "ip"]);
    assert_eq!(ok("a.vdata", &["dump", "b.vdata"]), ok("a.vdata", &["dump", "-"]));
    for args in [
        &["search", "-", "--query", "-"][..],
        &["search", "a.vdata", "--query", "-", "--filter", "@-"],
        &["recall", "-", "--queries", "-"],
        &["merge", "-", "-", "-o", "c.vdata"],
    ] {
        let stdin = if args.contains(&"@-") { "ids" } else { "a.vdata" };
        fs::write(dir.join("ids"), "0\n").unwrap();
        let out = piped(dir, stdin, args);
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(2) && stderr.contains("from stdin"), "{args:?}: {stderr}");
    }
}

#[test]
fn keys_name_rows_by_their_hash_alone() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    // The id of the second row is the hash of the key `a`.
    fs::write(dir.join("n.ndjson"), "{\"id\":1,\"vector\":[1,0]}\n{\"id\":16629034431890738719,\"vector\":[0,1]}\n")
        .unwrap();
    fs::write(dir.join("k.ndjson"), "{\"id\":\"a\",\"vector\":[1,0]}\n{\"id\":\"b\",\"vector\":[0,1]}\n").unwrap();
    fs::write(dir.join("keys"), "a\n").unwrap();
    for (rows, code, left) in [("n", 2, 2), ("k", 0, 1)] {
        let (input, index) = (format!("{rows}.ndjson"), format!("{rows}.vindex"));
        let build = ["build", "-", "-o", &index, "--metric", "l2"];
        assert!(piped(dir, &input, &build).status.success());
        for args in [&["delete", &index, "--keys", "-", "--dry-run"][..], &["delete", &index, "--keys", "-"]] {
            let out = piped(dir, "keys", args);
            assert_eq!(out.status.code(), Some(code), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        }
        let dump = piped(dir, "keys", &["dump", &index, "--format", "ids"]);
        assert_eq!(String::from_utf8(dump.stdout).unwrap().lines().count(), left, "{rows}");
    }
}

//! `vindex` and what clarium wrote: converted with all that it says, and named for what it is by everything else.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use assert_cmd::cargo::cargo_bin;
use serde_json::{Value, json};

fn vindex(dir: &Path, args: &[&str]) -> Output {
    let mut c = Command::new(cargo_bin("vindex"));
    c.env_remove("QX_LOG").current_dir(dir).args(args).stdin(Stdio::null()).output().unwrap()
}

fn ok(dir: &Path, args: &[&str]) -> (String, String) {
    let out = vindex(dir, args);
    let (stdout, stderr) = (String::from_utf8(out.stdout).unwrap(), String::from_utf8(out.stderr).unwrap());
    assert!(out.status.success(), "{args:?}: {stderr}");
    (stdout, stderr)
}

fn stat(dir: &Path, index: &str) -> Value {
    serde_json::from_str(&ok(dir, &["stat", index, "--json"]).0).unwrap()
}

/// An index of clarium: `old.vindex`, and its rows 7, -2 and 9 in `old.vdata`.
fn older(dir: &Path) {
    let definition = r#"{"version":1,"name":"i","table":"docs","column":"emb","metric":"cosine","dim":2,
        "params":{"M":"16","ef_build":"100","ef_search":"32"}}"#;
    fs::write(dir.join("old.vindex"), definition).unwrap();
    let mut bytes: Vec<u8> = [0x5644_4346u32, 2, 3, 2, 3].iter().flat_map(|v| v.to_le_bytes()).collect();
    bytes.extend([7i64, -2, 9].iter().flat_map(|v| v.to_le_bytes()));
    bytes.extend([1.0f32, 0.0, 0.0, 1.0, 1.0, 1.0].iter().flat_map(|v| v.to_le_bytes()));
    fs::write(dir.join("old.vdata"), bytes).unwrap();
}

#[test]
fn an_older_definition_brings_its_rows() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    older(dir);
    ok(dir, &["convert", "old.vindex", "-o", "new.vindex"]);
    let s = stat(dir, "new.vindex");
    for (field, want) in [("name", "i"), ("table", "docs"), ("column", "emb"), ("metric", "cosine")] {
        assert_eq!(s[field], want, "{s}");
    }
    for (field, want) in [("rows_indexed", 3), ("m", 16), ("ef_build", 100), ("ef_search", 32)] {
        assert_eq!(s[field], want, "{s}");
    }
    assert_eq!(ok(dir, &["dump", "new.vindex", "--format", "ids"]).0, "7\n-2\n9\n");
    // The same as a file alone, and with what an option changes.
    ok(dir, &["convert", "old.vindex", "-o", "file.vdata", "--metric", "l2", "--element", "f16"]);
    let s = stat(dir, "file.vdata");
    assert_eq!(json!([s["rows_indexed"], s["m"], s["metric"], s["element"]]), json!([3, 16, "l2", "f16"]));
}

#[test]
fn an_older_definition_without_rows_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    older(dir);
    fs::remove_file(dir.join("old.vdata")).unwrap();
    let (_, stderr) = ok(dir, &["convert", "old.vindex", "-o", "new.vindex", "--codes", "only"]);
    assert!(stderr.contains("no rows") && stderr.contains("old.vdata"), "{stderr}");
    let s = stat(dir, "new.vindex");
    assert_eq!(json!([s["rows_indexed"], s["codes"], s["m"]]), json!([0, "only", 16]));
    let out = vindex(dir, &["convert", "old.vindex", "-o", "file.vdata"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(!dir.join("file.vdata").exists());
}

#[test]
fn an_older_index_is_no_damaged_one() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    older(dir);
    for file in ["old.vdata", "old.vindex"] {
        for verb in ["stat", "inspect", "verify", "repair", "dump"] {
            let more: &[&str] = if verb == "repair" { &["-o", "mended.vdata"] } else { &[] };
            let out = vindex(dir, &[&[verb, file][..], more].concat());
            let stderr = String::from_utf8_lossy(&out.stderr);
            assert_eq!(out.status.code(), Some(2), "{verb} {file}: {stderr}");
            assert!(stderr.contains("clarium") && stderr.contains("vindex convert"), "{verb} {file}: {stderr}");
        }
    }
    assert!(!dir.join("mended.vdata").exists());
}

//! `deltalog` as scripts see it: every verb, exit status, damaged logs, full disks, closed pipes.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

#[path = "support/tool.rs"]
mod tool;

#[path = "deltalog/damage.rs"]
mod damaged;

use tool::{command, feed, folder, ok, run, start};

const TOOL: &str = env!("CARGO_BIN_EXE_deltalog");

#[track_caller]
fn fails(out: &Output, status: i32) -> String {
    let err = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(status), "{err}");
    assert!(status == 1 || !err.is_empty(), "an error without a word");
    assert!(!err.contains("panicked"), "{err}");
    err
}

fn records(text: &str) -> Vec<Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
}

const OPS: &str = r#"{"op":"node","label":"Tool","key":"planner","id":1,"props":{"a":1}}
{"op":"begin"}
{"op":"edge","part":0,"src":1,"dst":2,"etype":1}
{"op":"put","store":"s","key":"k","value":{"n":1}}
{"op":"commit"}
{"op":"begin"}
{"op":"put","store":"s","key":"gone","value":1}
{"op":"abort"}
{"op":"del","store":"s","key":"k"}
"#;

/// A log with three transactions of four operations, closed cleanly.
fn small() -> TempDir {
    let dir = folder();
    ok(&feed(dir.path(), &["append", "LOG"], OPS.as_bytes()));
    dir
}

/// A log of many small segments.
fn many() -> TempDir {
    let dir = folder();
    let ops: String =
        (0..400).map(|i| format!("{{\"op\":\"put\",\"store\":\"s\",\"key\":\"k{i}\",\"value\":{i}}}\n")).collect();
    ok(&feed(dir.path(), &["append", "LOG", "--rotate-size", "8KiB"], ops.as_bytes()));
    assert!(segments(dir.path()).len() > 3);
    dir
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = fs::read_dir(dir.join("LOG")).unwrap().map(|e| e.unwrap().path()).collect();
    all.retain(|p| p.extension().is_some_and(|e| e == "dlog"));
    all.sort();
    all
}

/// Flips a bit in the middle of what the first segment holds.
fn damage(dir: &Path) {
    let path = &segments(dir)[0];
    let mut bytes = fs::read(path).unwrap();
    bytes[1000] ^= 4;
    fs::write(path, bytes).unwrap();
}

fn bytes_of(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    segments(dir).into_iter().map(|p| (p.clone(), fs::read(p).unwrap())).collect()
}

#[test]
fn what_is_appended_is_dumped_and_appended_again() {
    let dir = small();
    let d = dir.path();
    let dumped = ok(&run(d, &["dump", "LOG"]));
    let all = records(&dumped);
    let names: Vec<_> = all.iter().map(|r| r["op"].as_str().unwrap_or("")).collect();
    assert_eq!(names, ["node", "edge", "put", "del"]);
    let lsns: Vec<_> = all.iter().map(|r| r["lsn"].as_u64().unwrap()).collect();
    assert_eq!(lsns, [1, 3, 4, 6]);
    assert!(all.iter().all(|r| r["txn"].is_u64() && r["time"].is_string()), "{dumped}");
    assert_eq!(all[0]["props"]["a"], 1);
    let filtered = |args: &[&str]| {
        let mut all = vec!["dump", "LOG"];
        all.extend(args);
        records(&ok(&run(d, &all))).len()
    };
    assert_eq!(filtered(&["--kind", "put"]), 1);
    assert_eq!(filtered(&["--label", "Tool"]), 1);
    assert_eq!(filtered(&["--key", "k"]), 2);
    assert_eq!(filtered(&["--txn", "2"]), 2);
    assert_eq!(filtered(&["--from-lsn", "5"]), 1);
    assert_eq!(filtered(&["--to-lsn", "2"]), 1);
    assert_eq!(filtered(&["--since", "2100-01-01T00:00:00Z"]), 0);
    assert!(
        ok(&run(d, &["dump", "LOG", "--raw"])).contains("begin") || !ok(&run(d, &["dump", "LOG", "--raw"])).is_empty()
    );
    let out = run(d, &["dump", "LOG", "--json"]);
    let with_summary = records(&ok(&out));
    let summary = &with_summary.last().unwrap()["summary"];
    assert_eq!((summary["v"].as_u64(), summary["operations"].as_u64()), (Some(1), Some(4)), "{summary}");
    // The dump is a log's input; what it adds is passed over.
    ok(&feed(d, &["append", "COPY"], dumped.as_bytes()));
    let strip = |text: &str| {
        let plain = records(text).into_iter().map(|mut r| {
            for name in ["lsn", "txn", "time"] {
                r.as_object_mut().unwrap().remove(name);
            }
            r
        });
        plain.collect::<Vec<_>>()
    };
    assert_eq!(strip(&ok(&run(d, &["dump", "COPY"]))), strip(&dumped));
    // Its transactions stay what they were, where that is asked for.
    let ids = |text: &str| records(text).iter().map(|r| r["txn"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!((ids(&dumped), ids(&ok(&run(d, &["dump", "COPY"])))), (vec![1, 2, 2, 3], vec![1, 2, 3, 4]));
    ok(&feed(d, &["append", "KEPT", "--txn", "kept"], dumped.as_bytes()));
    let kept = ok(&run(d, &["dump", "KEPT"]));
    assert_eq!((ids(&kept), strip(&kept)), (ids(&dumped), strip(&dumped)));
    // A line that says none is one of its own, and so is what is marked.
    let mixed = format!("{OPS}{dumped}{OPS}");
    ok(&feed(d, &["append", "MIXED", "--txn", "kept"], mixed.as_bytes()));
    let mixed = ids(&ok(&run(d, &["dump", "MIXED"])));
    assert_eq!(mixed, [1, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9]);
    for txn in ["0", "x", "-1"] {
        assert!(fails(&run(d, &["append", "NONE", &format!("--txn={txn}")]), 2).contains("kept"));
    }
}

#[test]
fn acknowledgements_come_with_the_commits() {
    let dir = folder();
    let d = dir.path();
    let mut child = start(d, &["append", "LOG", "--ack"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for (line, want) in [
        ("{\"op\":\"put\",\"store\":\"s\",\"key\":\"k\",\"value\":1}\n", r#"{"lsn":2,"txn":1}"#),
        ("{\"op\":\"del\",\"store\":\"s\",\"key\":\"k\"}\n", r#"{"lsn":4,"txn":2}"#),
    ] {
        stdin.write_all(line.as_bytes()).unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), want);
        // Whoever reads beside the writer sees what was acknowledged.
        assert!(ok(&run(d, &["dump", "LOG"])).lines().count() >= 1);
    }
    // A second writer is refused, or waits in vain.
    let out = feed(d, &["append", "LOG"], OPS.as_bytes());
    assert!(fails(&out, 75).contains("--wait"));
    fails(&feed(d, &["append", "LOG", "--wait", "50ms"], OPS.as_bytes()), 75);
    drop(stdin);
    assert!(child.wait().unwrap().success());
    for sync in ["none", "interval:5ms", "bytes:1KiB", "always"] {
        ok(&feed(d, &["append", "LOG", "--sync", sync, "--txn", "2"], OPS.as_bytes()));
    }
    ok(&run(d, &["verify", "LOG"]));
    let before = bytes_of(d);
    ok(&feed(d, &["append", "LOG", "--dry-run"], OPS.as_bytes()));
    assert!(before == bytes_of(d), "a dry run writes");
}

#[test]
fn input_that_cannot_be_taken_ends_with_its_place() {
    let dir = folder();
    let d = dir.path();
    let good = "{\"op\":\"put\",\"store\":\"s\",\"key\":\"k\",\"value\":1}\n";
    for bad in [
        "nonsense\n",
        "{\"op\":\"unknown\"}\n",
        "{\"op\":\"put\",\"store\":\"s\"}\n",
        "{\"op\":\"commit\"}\n",
        "{\"op\":\"edge\",\"src\":-1,\"dst\":2}\n",
        "[1,2]\n",
        "\u{0}\n",
        "{\"op\":\"begin\"}\n{\"op\":\"begin\"}\n",
    ] {
        let out = feed(d, &["append", "LOG"], format!("{good}{bad}").as_bytes());
        let err = fails(&out, 65);
        assert!(err.contains("line"), "{bad:?}: {err}");
    }
    // What came before each of them stays.
    assert_eq!(records(&ok(&run(d, &["dump", "LOG"]))).len(), 8);
    fails(&run(d, &["append", "LOG", "missing.ndjson"]), 2);
    fails(&run(d, &["append", "LOG", "--sync", "sometimes"]), 2);
    fs::write(d.join("file"), b"x").unwrap();
    fails(&feed(d, &["append", "file"], good.as_bytes()), 2);
    fs::create_dir(d.join("other")).unwrap();
    fs::write(d.join("other/notes.txt"), b"x").unwrap();
    fails(&feed(d, &["append", "other"], good.as_bytes()), 2);
}

#[test]
fn what_is_no_log_is_told_apart_from_a_damaged_one() {
    let dir = folder();
    let d = dir.path();
    fs::create_dir(d.join("empty")).unwrap();
    fs::write(d.join("file"), b"not a folder").unwrap();
    for (name, bytes) in
        [("zero", vec![]), ("short", vec![7; 100]), ("random", (0..9000u32).map(|i| ((i * 7919) >> 3) as u8).collect())]
    {
        fs::create_dir(d.join(name)).unwrap();
        fs::write(d.join(name).join("000000000001.dlog"), bytes).unwrap();
    }
    let verbs: [&[&str]; 10] = [
        &["dump"],
        &["stat"],
        &["verify"],
        &["recover"],
        &["recover", "--dry-run"],
        &["prune", "--before-lsn", "5"],
        &["follow", "--idle", "10ms"],
        &["repair", "-o", "OUT"],
        &["compact", "-o", "OUT"],
        &["split", "--by", "store", "-o", "OUT"],
    ];
    for verb in verbs {
        let with = |name: &str| {
            let mut args = vec![verb[0], name];
            args.extend(&verb[1..]);
            run(d, &args)
        };
        for name in ["missing", "empty", "file"] {
            assert!(fails(&with(name), 2).contains("hint: "), "{verb:?} {name}");
        }
        for name in ["zero", "short", "random"] {
            let out = with(name);
            let status = out.status.code().unwrap();
            assert!(status == 65 || (status == 1 && verb[0] == "verify"), "{verb:?} {name}: {status}");
            fails(&out, status);
            let mut args = vec![verb[0], name, "--json"];
            args.extend(&verb[1..]);
            let out = run(d, &args);
            if status == 65 {
                let err = String::from_utf8_lossy(&out.stderr).into_owned();
                let first: Value =
                    serde_json::from_str(err.lines().next().unwrap_or("")).unwrap_or_else(|e| panic!("{e}: {err}"));
                assert!(first["kind"].is_string() && first["message"].is_string(), "{err}");
            }
        }
        assert!(!d.join("OUT").exists(), "{verb:?} leaves something");
    }
}

#[test]
fn a_torn_tail_is_cut_once_and_what_comes_after_it_stays() {
    let dir = folder();
    let d = dir.path();
    // Killed, so that the last segment is live.
    let mut child = start(d, &["append", "LOG", "--ack"]);
    let mut stdin = child.stdin.take().unwrap();
    let mut acks = BufReader::new(child.stdout.take().unwrap()).lines();
    for i in 0..20 {
        writeln!(stdin, "{{\"op\":\"put\",\"store\":\"s\",\"key\":\"k{i}\",\"value\":{i}}}").unwrap();
        acks.next().unwrap().unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Something torn behind the last frame, as a write that was under way leaves it.
    let path = segments(d).pop().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.iter().rposition(|b| *b != 0).unwrap().next_multiple_of(8);
    bytes[end..end + 40].fill(0xA5);
    fs::write(&path, &bytes).unwrap();
    // A tail like that keeps nobody from starting, and does not swallow what is appended later.
    for round in 0..3 {
        let out = feed(d, &["append", "LOG"], b"{\"op\":\"put\",\"store\":\"s\",\"key\":\"later\",\"value\":1}\n");
        ok(&out);
        assert_eq!(records(&ok(&run(d, &["dump", "LOG"]))).len(), 21 + round);
        let report: Value = serde_json::from_str(&ok(&run(d, &["recover", "LOG", "--json"]))).unwrap();
        assert_eq!(
            (report["clean"].as_bool(), report["kept_transactions"].as_u64()),
            (Some(true), Some(21 + round as u64))
        );
    }
    ok(&run(d, &["verify", "LOG"]));
}

#[test]
fn copies_hold_less_and_verify() {
    let dir = many();
    let d = dir.path();
    ok(&feed(d, &["append", "LOG"], OPS.as_bytes()));
    let stat: Value = serde_json::from_str(&ok(&run(d, &["stat", "LOG", "--json"]))).unwrap();
    assert_eq!(
        (stat["v"].as_u64(), stat["operations"].as_u64(), stat["closed_cleanly"].as_bool()),
        (Some(1), Some(404), Some(true))
    );
    assert!(ok(&run(d, &["stat", "LOG"])).contains("kv_operations\t402"));
    assert_eq!(ok(&run(d, &["stat", "LOG", "--segments"])).lines().count(), segments(d).len());
    ok(&run(d, &["compact", "LOG", "-o", "SMALL", "--drop-deletes"]));
    ok(&run(d, &["verify", "SMALL"]));
    let kept = records(&ok(&run(d, &["dump", "SMALL"])));
    assert!(kept.iter().all(|r| r["key"] != "k"), "a deleted key stays");
    fails(&run(d, &["compact", "LOG", "-o", "SMALL"]), 2);
    ok(&run(d, &["compact", "LOG", "-o", "SMALL", "--force", "--dry-run"]));
    ok(&run(d, &["compact", "LOG", "-o", "SMALL", "--force"]));
    ok(&run(d, &["split", "LOG", "--by", "store", "-o", "PARTS"]));
    let parts = fs::read_dir(d.join("PARTS")).unwrap().count();
    assert!(parts >= 2, "{parts}");
    ok(&run(d, &["split", "LOG", "--at-lsn", "100", "-o", "HALVES"]));
    fails(&run(d, &["split", "LOG", "-o", "NONE"]), 2);
    // Both logs as one, each operation once.
    let part =
        fs::read_dir(d.join("PARTS")).unwrap().map(|e| e.unwrap().path()).find(|p| !p.ends_with("rest")).unwrap();
    let merged = ok(&run(d, &["recover", part.to_str().unwrap(), "--wal", "LOG", "--json"]));
    let merged: Value = serde_json::from_str(&merged).unwrap();
    let counts = ["merged_operations", "merged_in_both", "merged_only_wal"].map(|name| merged["merged"][name].as_u64());
    assert_eq!(counts, [Some(404), Some(402), Some(2)], "{merged}");
    let index = ok(&run(d, &["recover", "LOG", "--index-out", "-"]));
    assert!(index.contains("planner"), "{index}");
    let before = segments(d).len();
    let pruned = ok(&run(d, &["prune", "LOG", "--before-lsn", "300", "--dry-run"]));
    assert_eq!(segments(d).len(), before, "{pruned}");
    ok(&run(d, &["prune", "LOG", "--before-lsn", "300"]));
    assert!(segments(d).len() < before);
    ok(&run(d, &["verify", "LOG"]));
    ok(&run(d, &["prune", "LOG", "--before-lsn", "300"]));
}

#[test]
fn a_follower_goes_on_where_it_was() {
    let dir = small();
    let d = dir.path();
    let follow = |args: &[&str]| {
        let mut all = vec!["follow", "LOG", "--poll", "5ms", "--idle", "150ms"];
        all.extend(args);
        records(&ok(&run(d, &all))).into_iter().filter(|r| r.get("op").is_some()).count()
    };
    assert_eq!(follow(&["--from-lsn", "0"]), 4);
    // Without a rest it would never be idle.
    assert!(fails(&run(d, &["follow", "LOG", "--poll", "0", "--idle", "10ms"]), 2).contains("--poll"));
    assert_eq!(follow(&[]), 0);
    let mut child = start(d, &["follow", "LOG", "--from-lsn", "0", "--poll", "5ms"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..4 {
        lines.next().unwrap().unwrap();
    }
    ok(&feed(d, &["append", "LOG"], OPS.as_bytes()));
    for name in ["node", "edge", "put", "del"] {
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains(&format!("\"op\":\"{name}\"")), "{line}");
    }
    Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    child.wait().unwrap();
    // A file that is not there yet stands for the front of the log.
    assert_eq!(follow(&["--state", "here"]), 8);
    ok(&feed(d, &["append", "LOG"], OPS.as_bytes()));
    assert_eq!(follow(&["--state", "here"]), 4);
    assert_eq!(follow(&["--state", "here"]), 0);
    // A log that ends before that place would be passed over until it has grown beyond it.
    fs::rename(d.join("LOG"), d.join("OLD")).unwrap();
    ok(&feed(d, &["append", "LOG"], OPS.as_bytes()));
    let err = fails(&run(d, &["follow", "LOG", "--state", "here", "--idle", "10ms"]), 2);
    assert!(err.contains("ends before the place to go on from") && err.contains("state file"), "{err}");
    fs::write(d.join("here"), b"nonsense").unwrap();
    fails(&run(d, &["follow", "LOG", "--state", "here", "--idle", "10ms"]), 65);
}

#[test]
fn a_reader_that_goes_is_no_error_and_a_full_disk_is_one() {
    let dir = many();
    let d = dir.path();
    for args in [&["dump", "LOG"][..], &["dump", "LOG", "--raw"], &["stat", "LOG"], &["verify", "LOG", "--json"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        assert_eq!(command(d, args).stdout(full).status().unwrap().code(), Some(2), "{args:?}");
    }
    let mut child = command(d, &["dump", "LOG"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 10];
    child.stdout.take().unwrap().read_exact(&mut first).unwrap();
    let out = child.wait_with_output().unwrap();
    assert_eq!((out.status.code(), String::from_utf8_lossy(&out.stderr).as_ref()), (Some(0), ""));
    ok(&feed(d, &["append", "LOG"], OPS.as_bytes()));
    fails(&run(d, &["recover", "LOG", "--index-out", "/dev/full"]), 2);
    fails(&run(d, &["repair", "LOG", "-o", "LOG/000000000001.dlog/COPY"]), 2);
}

#[test]
fn older_files_become_a_log() {
    let dir = folder();
    let d = dir.path();
    fs::write(
        d.join("old.json"),
        br#"{"entries":[{"label":"Tool","key":"planner","id":1},{"label":"","key":"x","id":2}]}"#,
    )
    .unwrap();
    let report: Value = serde_json::from_str(&ok(&run(d, &["import", "old.json", "-o", "LOG", "--json"]))).unwrap();
    assert_eq!(report["operations"], 2, "{report}");
    ok(&run(d, &["verify", "LOG"]));
    assert_eq!(records(&ok(&run(d, &["dump", "LOG"]))).len(), 2);
    fails(&run(d, &["import", "old.json", "-o", "LOG"]), 2);
    ok(&run(d, &["import", "old.json", "-o", "LOG", "--force"]));
    let manifest = br#"{"table_id":{"namespace":"a","table":"t"},"version":1,"segments":[{"id":"0","path":"batch-0.parquet",
        "min_seq":1,"max_seq":9,"row_count":7,"size_bytes":100,"status":"committed","column_stats":{}}],"last_sequence_number":9}"#;
    fs::write(d.join("manifest.json"), manifest).unwrap();
    let out = ok(&run(d, &["import", "manifest.json", "-o", "NONE", "--dry-run", "--json"]));
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(report["manifests"][0]["segments"][0]["path"], "batch-0.parquet", "{report}");
    assert!(
        ok(&run(d, &["import", "manifest.json", "-o", "NONE", "--dry-run"]))
            .contains("batch-0.parquet\tcommitted\t7\t100")
    );
    assert!(fails(&run(d, &["import", "manifest.json", "-o", "NONE"]), 2).contains("Parquet"));
    ok(&run(d, &["import", "manifest.json", "old.json", "-o", "BOTH"]));
    for (name, bytes, status) in [("nonsense", &b"nonsense"[..], 65), ("cut.json", b"{\"entries\":[{\"lab", 65)] {
        fs::write(d.join(name), bytes).unwrap();
        fails(&run(d, &["import", name, "-o", "NEW"]), status);
        assert!(!d.join("NEW").exists());
    }
    // A write-ahead log whose last frame is damaged: the rest is taken, and 1 says that something was skipped.
    fs::write(d.join("bad.lg"), b"1LWG\x03\x01\x00\x00\x10\x00\x00\x00garbage").unwrap();
    let out = run(d, &["import", "bad.lg", "-o", "NEW"]);
    fails(&out, 1);
    fails(&run(d, &["import", "missing", "-o", "NEW2"]), 2);
}

#[test]
fn drills_and_benchmarks_report() {
    let dir = folder();
    let d = dir.path();
    let out = ok(&run(d, &["drill", "--samples", "60", "--json"]));
    let last = records(&out).pop().unwrap();
    assert_eq!((last["summary"]["cases"].as_u64(), last["summary"]["ok"].as_bool()), (Some(60), Some(true)), "{out}");
    fs::write(d.join("ops"), OPS).unwrap();
    ok(&run(d, &["drill", "--samples", "20", "--workload", "ops", "--sync", "always"]));
    let of = |txn: u64| format!("{{\"txn\":{txn},\"op\":\"del\",\"store\":\"s\",\"key\":\"k\"}}\n");
    fs::write(d.join("dumped"), [of(7), of(7), of(9)].concat()).unwrap();
    let out = ok(&run(d, &["drill", "--samples", "5", "--workload", "dumped", "--json"]));
    assert_eq!(records(&out).pop().unwrap()["summary"]["transactions"], 2, "{out}");
    fs::remove_file(d.join("dumped")).unwrap();
    fails(&run(d, &["drill", "--case", "7/plain/100000/lost"]), 2);
    fails(&run(d, &["drill", "--case", "nonsense"]), 2);
    ok(&run(d, &["drill", "--real", ".", "--for", "100ms"]));
    let out = ok(&run(d, &["bench", ".", "--for", "300ms", "--writers", "2", "--json"]));
    let report: Value = serde_json::from_str(&out).unwrap();
    let lines = report["lines"].as_array().unwrap();
    assert_eq!((report["v"].as_u64(), lines.len()), (Some(1), 6), "{report}");
    assert!(lines.iter().all(|l| l["share"].as_f64().unwrap() > 0.0), "{report}");
    assert_eq!(ok(&run(d, &["bench", ".", "--for", "300ms", "--writers", "2"])).lines().count(), 6);
    fails(&run(d, &["bench", "missing"]), 2);
    fails(&run(d, &["bench", ".", "--record", "1"]), 2);
    fails(&run(d, &["bench", ".", "--writers", "0", "--for", "200ms"]), 2);
    let left: Vec<_> = fs::read_dir(d).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["ops"]);
}

#[test]
fn a_benchmark_that_is_stopped_cleans_up() {
    let dir = folder();
    let d = dir.path();
    let child = start(d, &["bench", ".", "--for", "60s"]);
    std::thread::sleep(Duration::from_millis(400));
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let out = child.wait_with_output().unwrap();
    assert!(!out.status.success());
    assert_eq!(fs::read_dir(d).unwrap().count(), 0);
}

/// Neither by its own name nor by another one, --force or not.
#[test]
fn a_copy_never_replaces_what_it_is_a_copy_of() {
    let dir = many();
    let d = dir.path();
    damage(d);
    std::os::unix::fs::symlink(d.join("LOG"), d.join("LINK")).unwrap();
    let before = bytes_of(d);
    let absolute = d.join("LOG");
    let inside = d.join("LINK/COPY");
    for out in
        ["LOG", "./LOG", "LOG/../LOG", "LINK", "LINK/.", ".", absolute.to_str().unwrap(), inside.to_str().unwrap()]
    {
        for verb in [&["repair"][..], &["compact"], &["split", "--by", "store"]] {
            let mut args = vec![verb[0], "LOG", "-o", out, "--force"];
            args.extend(&verb[1..]);
            assert!(fails(&run(d, &args), 2).contains("in place"), "{args:?}");
        }
    }
    assert!(before == bytes_of(d));
}

#[test]
fn a_writer_says_when_nobody_hears_its_acknowledgements() {
    let dir = folder();
    let d = dir.path();
    let mut child = start(d, &["append", "LOG", "--ack"]);
    let mut stdin = child.stdin.take().unwrap();
    drop(child.stdout.take());
    let line = b"{\"op\":\"put\",\"store\":\"s\",\"key\":\"k\",\"value\":1}\n";
    // It learns of it with the first acknowledgement, and then there is more.
    while stdin.write_all(line).is_ok() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let out = child.wait_with_output().unwrap();
    assert!(fails(&out, 2).contains("acknowledgements"));
    ok(&run(d, &["verify", "LOG"]));
    // All of it was appended: nothing is left unsaid.
    let mut child = start(d, &["append", "ALL", "--ack"]);
    drop(child.stdout.take());
    child.stdin.take().unwrap().write_all(line).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(records(&ok(&run(d, &["dump", "ALL"]))).len(), 1);
}

#[test]
fn what_recovery_cannot_finish_it_does_not_begin() {
    let dir = folder();
    let d = dir.path();
    let mut child = start(d, &["append", "LOG", "--ack"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(OPS.as_bytes()).unwrap();
    BufReader::new(child.stdout.take().unwrap()).lines().next().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let before = bytes_of(d);
    fs::write(d.join("index"), b"somebody's").unwrap();
    fails(&run(d, &["recover", "LOG", "--wal", "missing"]), 2);
    assert!(fails(&run(d, &["recover", "LOG", "--index-out", "index"]), 2).contains("--force"));
    assert!(before == bytes_of(d), "the log was recovered before the error");
    ok(&run(d, &["recover", "LOG", "--index-out", "index", "--force"]));
    assert!(before != bytes_of(d));
}

//! `dictctl` as scripts see it: every verb, exit status, damaged files, full disks, killed builds.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

#[path = "support/tool.rs"]
mod tool;

use tool::{command, feed, folder, ok, run, start};

const TOOL: &str = env!("CARGO_BIN_EXE_dictctl");

#[track_caller]
fn says(out: &Output, status: i32, stdout: &str) {
    let err = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(status), "stderr: {err}");
    assert_eq!(String::from_utf8_lossy(&out.stdout), stdout, "stderr: {err}");
}

const PAIRS: &[u8] =
    b"{\"label\":\"Tool\",\"key\":\"planner\",\"id\":1}\n{\"label\":\"Tool\",\"key\":\"plan\",\"id\":2}\n\
    {\"key\":\"plan\",\"id\":5}\n{\"label\":\"Tool\",\"key\":\"other\"}\n";

fn built() -> TempDir {
    let dir = folder();
    ok(&feed(dir.path(), &["build", "-", "-o", "x.seg"], PAIRS));
    dir
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn lookups_answer_in_order_and_say_what_is_missing() {
    let dir = built();
    let d = dir.path();
    says(&run(d, &["get", "x.seg", "planner", "no", "plan"]), 1, "planner\t1\nno\t\nplan\t2\n");
    says(&run(d, &["get", "x.seg", "plan", "--label", ""]), 0, "plan\t5\n");
    says(&feed(d, &["get", "x.seg"], b"plan\nno\nplanner"), 1, "plan\t2\nno\t\nplanner\t1\n");
    says(&feed(d, &["get", "x.seg", "-0"], b"plan\0planner\0"), 0, "plan\t2\0planner\t1\0");
    says(&feed(d, &["get", "x.seg", "other", "-", "plan"], b"planner\n"), 0, "other\t6\nplanner\t1\nplan\t2\n");
    says(&run(d, &["has", "x.seg", "plan", "no"]), 1, "plan\tyes\nno\t\n");
    says(&run(d, &["id", "x.seg", "1", "3", "5"]), 1, "1\tTool\tplanner\n3\t\t\n5\t\tplan\n");
    says(&feed(d, &["id", "x.seg"], b"2\n1\n"), 0, "2\tTool\tplan\n1\tTool\tplanner\n");
    // What is no id has an answer as well, so that those behind it stay beside their questions.
    let out = feed(d, &["id", "x.seg"], b"2\n\nx\ty\n1\n");
    says(&out, 1, "2\tTool\tplan\n\t\t\nx y\t\t\n1\tTool\tplanner\n");
    assert_eq!(String::from_utf8_lossy(&out.stderr), "warning: line 3: not an id: x\\ty\n");
    let out = feed(d, &["id", "x.seg", "--json"], b"2\nx\n");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.code() == Some(1) && text.contains("{\"id\":null}\n"), "{text}");
    assert!(text.ends_with("{\"summary\":{\"v\":1,\"asked\":2,\"found\":1}}\n"), "{text}");
    says(&run(d, &["prefix", "x.seg", "plan", "--format", "tsv"]), 0, "\tplan\t5\nTool\tplan\t2\nTool\tplanner\t1\n");
    says(&run(d, &["prefix", "x.seg", "plan", "--format", "tsv", "--limit", "1"]), 0, "\tplan\t5\n");
    says(&run(d, &["prefix", "x.seg", "zz"]), 1, "");
    says(
        &run(d, &["range", "x.seg", "o", "planner", "--label", "Tool", "--format", "tsv"]),
        0,
        "Tool\tother\t6\nTool\tplan\t2\n",
    );
    let all = run(d, &["range", "x.seg", "o", "planner", "--inclusive", "--label", "Tool", "--json"]);
    assert!(ok(&all).ends_with("{\"summary\":{\"v\":1,\"entries\":3}}\n"));
    let explained = ok(&run(d, &["explain", "x.seg", "planner", "--label", "Tool"]));
    assert!(explained.contains("HASH\t") && explained.contains("KEYS\t"), "{explained}");
    assert_eq!(run(d, &["explain", "x.seg", "nobody"]).status.code(), Some(1));
}

#[test]
fn a_scan_looks_into_no_more_labels_than_it_has_to() {
    let dir = folder();
    let d = dir.path();
    ok(&feed(d, &["build", "-", "-o", "x.seg"], b"A\tk\t1\nB\tk\t2\nC\tk\t3\n"));
    let fields = ok(&run(d, &["inspect", "x.seg"]));
    let at: usize =
        fields.lines().find_map(|l| l.strip_prefix("LABL\tcontent\t")?.split('\t').next()?.parse().ok()).unwrap();
    let mut bytes = fs::read(d.join("x.seg")).unwrap();
    // Where the text of the third label ends: behind all of them.
    bytes[at + 3 * 24 + 16 + 7] = 1;
    fs::write(d.join("bad.seg"), bytes).unwrap();
    for verb in ["prefix", "range"] {
        says(&run(d, &[verb, "bad.seg", "k", "--format", "tsv", "--limit", "1"]), 0, "A\tk\t1\n");
        says(&run(d, &[verb, "bad.seg", "k", "--format", "tsv", "--limit", "0"]), 0, "");
        says(&run(d, &[verb, "bad.seg", "k", "--format", "tsv"]), 65, "");
        says(&run(d, &[verb, "x.seg", "k", "--format", "tsv"]), 0, "A\tk\t1\nB\tk\t2\nC\tk\t3\n");
    }
    // More than fit a table, so that most are looked into one by one.
    let pairs: String = (0..3000).map(|i| format!("{i:04}\tkey\t{i}\n{i:04}\tno\t{}\n", 5000 + i)).collect();
    ok(&feed(d, &["build", "-", "-o", "y.seg"], pairs.as_bytes()));
    let want: String = pairs.lines().step_by(2).map(|line| format!("{line}\n")).collect();
    says(&run(d, &["prefix", "y.seg", "k", "--format", "tsv"]), 0, &want);
    says(&run(d, &["range", "y.seg", "z"]), 1, "");
}

#[test]
fn a_line_is_not_printed_in_halves() {
    let dir = folder();
    let d = dir.path();
    ok(&feed(d, &["build", "-", "-o", "x.seg"], b"{\"key\":\"a\"}\n{\"key\":\"b\\nc\"}\n{\"key\":\"d\\te\"}\n"));
    says(&run(d, &["id", "x.seg", "1", "2", "3"]), 2, "1\t\ta\n");
    says(&run(d, &["id", "x.seg", "-0", "1", "2", "3"]), 0, "1\t\ta\x002\t\tb\nc\x003\t\td\te\0");
    ok(&feed(d, &["build", "-", "-o", "y.seg"], b"{\"key\":\"a\\u0000b\"}\n"));
    let out = run(d, &["id", "y.seg", "-0", "1"]);
    assert!(String::from_utf8_lossy(&out.stderr).contains("the key of id 1 holds a tab or NUL, which"), "{out:?}");
    says(&out, 2, "");
    // Nor is a question repeated in two.
    says(&run(d, &["get", "x.seg", "a", "b\nc"]), 2, "");
    says(&run(d, &["has", "x.seg", "b\nc"]), 2, "");
    says(&run(d, &["get", "x.seg", "-0", "a", "b\nc"]), 0, "a\t1\0b\nc\t2\0");
    assert!(ok(&run(d, &["get", "x.seg", "b\nc", "--json"])).starts_with("{\"key\":\"b\\nc\",\"id\":2}\n"));
}

#[test]
fn a_question_is_answered_before_the_next_one_is_asked() {
    let dir = built();
    let mut child = start(dir.path(), &["get", "x.seg"]);
    let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for (question, want) in [(&b"plan\n"[..], &b"plan\t2\n"[..]), (b"planner\n", b"planner\t1\n")] {
        stdin.write_all(question).unwrap();
        let mut answer = vec![0; want.len()];
        stdout.read_exact(&mut answer).unwrap();
        assert_eq!(answer, want);
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_is_dumped_builds_the_same_bytes() {
    let dir = built();
    let d = dir.path();
    let whole = fs::read(d.join("x.seg")).unwrap();
    for form in ["ndjson", "tsv", "json"] {
        let text = ok(&run(d, &["dump", "x.seg", "--format", form]));
        ok(&feed(d, &["build", "-", "-o", "y.seg", "--force"], text.as_bytes()));
        assert_eq!(fs::read(d.join("y.seg")).unwrap(), whole, "{form}");
    }
    ok(&run(d, &["to-json", "x.seg", "-o", "x.json"]));
    ok(&run(d, &["from-json", "x.json", "-o", "z.seg", "--memory", "1MiB"]));
    assert_eq!(fs::read(d.join("z.seg")).unwrap(), whole);
    // The JSON form is asked as a segment is.
    says(&run(d, &["get", "x.json", "planner"]), 0, "planner\t1\n");
    says(&run(d, &["diff", "x.json", "x.seg"]), 0, "");
    let out = run(d, &["from-json", "x.seg", "-o", "no.seg"]);
    assert_eq!(out.status.code(), Some(65));
}

#[test]
fn layouts_answer_alike() {
    let dir = built();
    let d = dir.path();
    for (name, args) in
        [("small.seg", ["--layout", "small"]), ("fast.seg", ["--layout", "fast"]), ("zstd.seg", ["--compress", "zstd"])]
    {
        ok(&run(d, &["build", "x.seg", "-o", name, args[0], args[1]]));
        says(&run(d, &["get", name, "planner", "no", "plan"]), 1, "planner\t1\nno\t\nplan\t2\n");
        says(&run(d, &["diff", "x.seg", name]), 0, "");
        says(&run(d, &["verify", name]), 0, "");
    }
}

#[test]
fn append_merge_and_diff_tell_what_changed() {
    let dir = built();
    let d = dir.path();
    fs::write(d.join("new.ndjson"), "{\"label\":\"Tool\",\"key\":\"new\"}\n{\"op\":\"del\",\"key\":\"plan\"}\n")
        .unwrap();
    fs::write(d.join("gone.txt"), "other\n").unwrap();
    ok(&run(d, &["append", "x.seg", "new.ndjson", "--delete", "gone.txt", "--label", "Tool", "-o", "y.seg"]));
    let changes = "removed\tTool\tother\t6\t\nadded\tTool\tnew\t\t7\n";
    let out = run(d, &["diff", "x.seg", "y.seg"]);
    let mut lines: Vec<_> = std::str::from_utf8(&out.stdout).unwrap().lines().collect();
    lines.sort_unstable();
    let mut want: Vec<_> = changes.lines().collect();
    // A removal without a label takes that of --label.
    want.push("removed\tTool\tplan\t2\t");
    want.sort_unstable();
    assert_eq!((out.status.code(), lines), (Some(1), want));
    // Removed ids are not issued again.
    ok(&feed(d, &["append", "y.seg", "-", "-o", "z.seg"], b"other\n"));
    says(&run(d, &["get", "z.seg", "other"]), 0, "other\t8\n");
    ok(&run(d, &["merge", "x.seg", "z.seg", "-o", "m.seg"]));
    says(&run(d, &["get", "m.seg", "planner", "other", "new", "--label", "Tool"]), 0, "planner\t1\nother\t6\nnew\t7\n");
    says(&run(d, &["verify", "m.seg"]), 0, "");
    assert_eq!(run(d, &["merge", "x.seg", "new.ndjson", "-o", "no.seg"]).status.code(), Some(65));
    assert_eq!(run(d, &["append", "x.seg", "-o", "no.seg"]).status.code(), Some(2));
}

#[test]
fn what_is_appended_to_is_a_dictionary() {
    let dir = built();
    let d = dir.path();
    fs::write(d.join("lost.seg"), "").unwrap();
    fs::write(d.join("keys.txt"), "one\ntwo\n").unwrap();
    // An empty file is a damaged one: its ids would be issued again.
    for old in ["lost.seg", "keys.txt"] {
        assert_eq!(feed(d, &["append", old, "-", "-o", "y.seg"], PAIRS).status.code(), Some(65), "{old}");
        assert!(!d.join("y.seg").exists());
    }
    ok(&run(d, &["to-json", "x.seg", "-o", "x.json"]));
    ok(&feed(d, &["append", "x.json", "-", "-o", "y.seg"], PAIRS));
    says(&run(d, &["diff", "x.seg", "y.seg"]), 0, "");
}

#[test]
fn removals_that_match_nothing_are_told() {
    let dir = built();
    let d = dir.path();
    fs::write(d.join("gone.txt"), "plan\nnobody\n").unwrap();
    let warned = |out: &Output, what: &str| String::from_utf8_lossy(&out.stderr).contains(what);
    let out = run(d, &["append", "x.seg", "--delete", "gone.txt", "--label", "Tool", "-o", "y.seg", "--json"]);
    let text = ok(&out);
    assert!(text.contains("\"removed\":1,\"unmatched_removals\":1"), "{text}");
    assert!(warned(&out, "1 removal matched nothing"));
    // None of them does: the label is part of what they name.
    let out = run(d, &["append", "x.seg", "--delete", "gone.txt", "--label", "Tol", "-o", "z.seg"]);
    assert!(out.status.code() == Some(1) && warned(&out, "2 removals matched nothing"));
    says(&run(d, &["diff", "x.seg", "z.seg"]), 0, "");
    let out = feed(d, &["append", "x.seg", "-", "-o", "w.seg"], b"{\"key\":\"new\"}\n");
    assert!(ok(&out).is_empty() && !warned(&out, "matched nothing"));
    // What another dictionary issued is not issued here.
    let lines = "{\"key\":\"plan\"}\n{\"summary\":{\"next_id\":90}}\n";
    for names in [lines, "{\"entries\":[{\"key\":\"plan\"}],\"next_id\":90}"] {
        let out = feed(d, &["append", "x.seg", "--delete", "-", "-o", "v.seg", "--force", "--json"], names.as_bytes());
        assert!(ok(&out).contains("\"next_id\":7,"), "{names}");
    }
}

#[test]
fn a_mark_in_front_of_keys_is_told() {
    let dir = folder();
    let d = dir.path();
    for (text, told) in [
        (&b"\xEF\xBB\xBFone\ntwo\n"[..], true),
        (b"\xEF\xBB\xBF\tone\t1\n", true),
        (b"\xEF\xBB\xBF{\"key\":\"one\"}\n", false),
        (b"\xEF\xBB\xBFkey,id\none,1\n", false),
        (b"one\n\xEF\xBB\xBFtwo\n", false),
    ] {
        let out = feed(d, &["build", "-", "-o", "x.seg", "--force"], text);
        ok(&out);
        let err = String::from_utf8_lossy(&out.stderr);
        assert_eq!(err.contains("1 input begins with a byte-order mark"), told, "{}: {err}", text.escape_ascii());
    }
}

#[test]
fn a_dictionary_of_another_system_is_refused_by_name() {
    let dir = folder();
    let d = dir.path();
    fs::write(d.join("old.dict"), b"\x44\x4E\x47\x44\x03\x00rest").unwrap();
    for args in [
        &["build", "old.dict", "-o", "x.seg"][..],
        &["get", "old.dict", "k"],
        &["verify", "old.dict"],
        &["from-json", "old.dict", "-o", "x"],
    ] {
        let out = run(d, args);
        let err = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(2), "{args:?}: {err}");
        assert!(err.contains("clarium") && err.contains("version 3"), "{args:?}: {err}");
    }
    assert_eq!(names(d), ["old.dict"]);
}

#[test]
fn damage_is_found_and_what_is_whole_is_saved() {
    let dir = folder();
    let d = dir.path();
    let keys: String = (0..4000).map(|i| format!("http://example.org/resource/{i:05}\n")).collect();
    ok(&feed(d, &["build", "-", "-o", "x.seg", "--label", "R"], keys.as_bytes()));
    let mut bytes = fs::read(d.join("x.seg")).unwrap();
    bytes[9000] ^= 1;
    fs::write(d.join("bad.seg"), &bytes).unwrap();
    for args in [&["verify", "bad.seg"][..], &["verify", "bad.seg", "--quick"]] {
        let out = run(d, args);
        assert_eq!(out.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&out.stdout).contains("container.page_checksum\tKEYS"));
    }
    let verdicts = ok(&run(d, &["verify", "x.seg", "--json"]));
    assert!(verdicts.contains("\"KEYS\":true"), "{verdicts}");
    assert_eq!(run(d, &["inspect", "bad.seg"]).status.code(), Some(1));
    assert!(ok(&run(d, &["inspect", "x.seg"])).contains("META\tentries\t"));
    assert_eq!(run(d, &["dump", "bad.seg", "--checked"]).status.code(), Some(65));
    assert_eq!(run(d, &["build", "bad.seg", "-o", "no.seg"]).status.code(), Some(65));
    let out = run(d, &["salvage", "bad.seg", "-o", "saved.seg"]);
    assert_eq!(out.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&out.stdout).lines().count(), 1, "one gap");
    says(&run(d, &["verify", "saved.seg"]), 0, "");
    let out = run(d, &["diff", "x.seg", "saved.seg"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(text.lines().all(|l| l.starts_with("removed\tR\t")) && text.lines().count() < 1200);
    let out = run(d, &["salvage", "bad.seg", "-o", "-"]);
    assert_eq!((out.status.code(), out.stdout), (Some(1), fs::read(d.join("saved.seg")).unwrap()));
    assert!(String::from_utf8_lossy(&out.stderr).contains("a page of the keys is damaged"));
    says(&run(d, &["salvage", "x.seg", "-o", "same.seg"]), 0, "");
    assert_eq!(fs::read(d.join("same.seg")).unwrap(), fs::read(d.join("x.seg")).unwrap());
    assert_eq!(run(d, &["salvage", "x.seg", "-o", "same.seg"]).status.code(), Some(2));
    // What is no segment at all is named, not the file that was to be written.
    fs::write(d.join("hopeless"), [7; 5000]).unwrap();
    let out = run(d, &["salvage", "hopeless", "-o", "out.seg", "--json"]);
    assert_eq!(out.status.code(), Some(65));
    let text = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(text.contains("\"path\":\"hopeless\"") && !d.join("out.seg").exists(), "{text}");
}

#[test]
fn what_was_lost_lies_between_keys_that_are_told_byte_for_byte() {
    let dir = folder();
    let d = dir.path();
    let keys: Vec<u8> = (0..4000u32).flat_map(|i| [&b"\xFF"[..], format!("{i:04}\n").as_bytes()].concat()).collect();
    ok(&feed(d, &["build", "-", "-o", "x.seg", "--input", "lines"], &keys));
    let mut bytes = fs::read(d.join("x.seg")).unwrap();
    // In the second page of the keys, which stand behind the table.
    bytes[9000] ^= 1;
    fs::write(d.join("bad.seg"), bytes).unwrap();
    let out = run(d, &["salvage", "bad.seg", "-o", "saved.seg", "--json"]);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.code() == Some(1) && text.contains("\"after\":{\"label\":\"\",\"key_b64\":\"/z"), "{text}");
}

#[test]
fn a_damaged_input_is_named_and_not_another_file() {
    let dir = built();
    let d = dir.path();
    let mut bytes = fs::read(d.join("x.seg")).unwrap();
    // The first byte of the keys, behind the header and a table of nine sections.
    bytes[128 + 9 * 64] ^= 1;
    fs::write(d.join("bad.seg"), bytes).unwrap();
    for args in [
        &["diff", "bad.seg", "x.seg"][..],
        &["diff", "x.seg", "bad.seg"],
        &["merge", "bad.seg", "x.seg", "-o", "out.seg"],
        &["merge", "x.seg", "bad.seg", "-o", "out.seg"],
        &["append", "bad.seg", "x.seg", "-o", "out.seg"],
    ] {
        let out = run(d, args);
        let err = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(65), "{args:?}: {err}");
        assert!(err.starts_with("error: bad.seg: "), "{args:?}: {err}");
    }
    assert_eq!(names(d), ["bad.seg", "x.seg"]);
    // What cannot be written is no fault of the segment.
    for args in [&["dump", "x.seg"][..], &["prefix", "x.seg", "plan"], &["range", "x.seg", "a"]] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let out = command(d, args).stdout(full).output().unwrap();
        let err = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(2) && err.starts_with("error: cannot write to stdout"), "{args:?}: {err}");
    }
}

#[test]
fn what_says_nothing_is_refused_and_the_json_form_is_called_by_its_name() {
    let dir = built();
    let d = dir.path();
    for args in [
        &["build", "-", "-o", "y.seg", "--input", "lines", "--key-column", "name", "--id-column", "q"][..],
        &["bench", "x.seg", "--lookups", "0"],
    ] {
        let out = feed(d, args, b"one\n");
        assert!(out.status.code() == Some(2) && out.stdout.is_empty(), "{args:?}");
    }
    assert_eq!(names(d), ["x.seg"]);
    ok(&feed(d, &["build", "-", "-o", "y.seg", "--input", "csv", "--key-column", "name"], b"name,q\none,1\n"));
    let out = feed(d, &["append", "y.seg", "-", "-o", "z.seg", "--key-column", "name"], b"x,name\n");
    assert_eq!(out.status.code(), Some(2), "lines, for the first names no key");
    ok(&run(d, &["to-json", "x.seg", "-o", "x.json"]));
    let length = fs::metadata(d.join("x.json")).unwrap().len();
    let said = ok(&run(d, &["stat", "x.json"]));
    assert!(said.contains("format\tJSON form of a dictionary\n") && said.contains("entries\t4\n"), "{said}");
    assert!(said.contains(&format!("bytes\t{length}\n")) && !said.contains("section "), "{said}");
    assert!(ok(&run(d, &["stat", "x.seg"])).contains("section KEYS\t"));
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let dir = built();
    let d = dir.path();
    for out in ["/dev/full", "no/such/folder/x.seg", "."] {
        assert_eq!(run(d, &["build", "x.seg", "-o", out]).status.code(), Some(2), "{out}");
    }
    let out = run(d, &["build", "x.seg", "-o", "-", "--temp-dir", "gone"]);
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(2) && err.starts_with("error: gone: cannot write a temporary file"), "{err}");
    let before = fs::read(d.join("x.seg")).unwrap();
    let out = run(d, &["build", "x.seg", "-o", "x.seg"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).contains("--force"));
    let dry = ok(&run(d, &["build", "x.seg", "-o", "new.seg", "--dry-run", "--json"]));
    assert!(dry.contains("\"dry_run\":true") && dry.contains("\"entries\":4"), "{dry}");
    // A target may be an input: it is replaced at the end, as a whole.
    ok(&run(d, &["build", "x.seg", "-o", "x.seg", "--force"]));
    assert_eq!(fs::read(d.join("x.seg")).unwrap(), before);
    assert_eq!(names(d), ["x.seg"]);
    // Answers that reach nobody are an error; a reader that has gone is none.
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    assert_eq!(command(d, &["dump", "x.seg"]).stdout(full).status().unwrap().code(), Some(2));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let out = command(d, &["build", "x.seg", "-o", "-"]).stdout(full).output().unwrap();
    let err = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.code() == Some(2) && err.starts_with("error: cannot write to stdout"), "{err}");
    let mut child = start(d, &["get", "x.seg"]);
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(&b"plan\n".repeat(100_000));
    drop(stdin);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A pair a line, more than fits in the least memory, unsorted.
fn many(n: u64) -> Vec<u8> {
    let line = |i: u64| format!("http://example.org/{:012x}/{i}\n", i.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16);
    (0..n).flat_map(|i| line(i).into_bytes()).collect()
}

#[test]
fn what_is_larger_than_memory_is_sorted_on_disk_and_leaves_nothing_there() {
    let dir = folder();
    let d = dir.path();
    fs::create_dir(d.join("scratch")).unwrap();
    let input = many(120_000);
    ok(&feed(d, &["build", "-", "-o", "a.seg"], &input));
    let out = feed(d, &["build", "-", "-o", "b.seg", "--memory", "1MiB", "--temp-dir", "scratch", "--json"], &input);
    assert!(ok(&out).contains("\"spilled\":true"));
    assert_eq!(fs::read(d.join("a.seg")).unwrap(), fs::read(d.join("b.seg")).unwrap());
    assert!(names(&d.join("scratch")).is_empty());
    let out = feed(d, &["build", "-", "-o", "c.seg", "--memory", "1MiB", "--temp-dir", "nowhere"], &input);
    assert_eq!(out.status.code(), Some(2));
    assert_eq!(names(d), ["a.seg", "b.seg", "scratch"]);
}

/// Feeds a build until it works on its temporary file, then ends it.
fn interrupted(d: &Path, signal: i32) -> std::process::ExitStatus {
    let mut child = start(d, &["build", "-", "-o", "x.seg", "--force", "--memory", "1MiB"]);
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&many(60_000)).unwrap();
    let kill = || {
        Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
    };
    if signal == 9 {
        // Closed, so that it goes on to write; caught in the middle or after it, the target is whole either way.
        drop(stdin);
        let begin = Instant::now();
        while names(d).len() < 2 && begin.elapsed() < Duration::from_secs(20) {
            std::thread::sleep(Duration::from_millis(1));
        }
        kill();
    } else {
        kill();
        // A read that waits is woken by the signal; what is read after it stops at the next pair.
        let _ = stdin.write_all(&many(10_000));
        drop(stdin);
    }
    child.wait().unwrap()
}

#[test]
fn a_killed_build_leaves_the_old_file_and_the_next_one_cleans_up() {
    let dir = built();
    let d = dir.path();
    let before = fs::read(d.join("x.seg")).unwrap();
    let ended = interrupted(d, 15);
    assert_eq!(ended.signal(), Some(15));
    assert_eq!((fs::read(d.join("x.seg")).unwrap() == before, names(d)), (true, vec!["x.seg".to_owned()]));
    let ended = interrupted(d, 9);
    if ended.signal() == Some(9) {
        assert!(fs::read(d.join("x.seg")).unwrap() == before || run(d, &["verify", "x.seg"]).status.success());
    }
    ok(&feed(d, &["build", "-", "-o", "x.seg", "--force"], PAIRS));
    assert_eq!(names(d), ["x.seg"]);
    assert_eq!(fs::read(d.join("x.seg")).unwrap(), before);
}

#[test]
fn what_a_killed_build_left_is_gone_before_the_next_one_works() {
    let dir = built();
    let d = dir.path();
    let left = d.join(".x.seg.tmp-0123456789abcdef");
    for args in [&["build", "-", "-o", "x.seg", "--force"][..], &["build", "-", "-o", "x.seg"]] {
        fs::write(&left, b"half").unwrap();
        // This one fails before it writes anything: its input is no pair, or the target is there.
        assert_ne!(feed(d, args, b"{\"key\":").status.code(), Some(0));
        assert_eq!(names(d), ["x.seg"], "{args:?}");
    }
    fs::write(&left, b"half").unwrap();
    ok(&run(d, &["build", "x.seg", "-o", "x.seg", "--force", "--dry-run"]));
    assert!(left.exists(), "a dry run changes nothing");
}

#[test]
fn of_two_builders_of_one_target_one_wins_as_a_whole() {
    let dir = folder();
    let d = dir.path();
    let paths: Vec<PathBuf> = (0..2u64).map(|i| d.join(format!("in{i}"))).collect();
    for (i, path) in paths.iter().enumerate() {
        fs::write(path, many(20_000 + i as u64)).unwrap();
    }
    let children: Vec<Child> = paths.iter().map(|p| start(d, &["build", p.to_str().unwrap(), "-o", "x.seg"])).collect();
    let mut codes: Vec<_> = children.into_iter().map(|c| c.wait_with_output().unwrap().status.code()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [Some(0), Some(2)], "one is refused, for the target is there");
    says(&run(d, &["verify", "x.seg"]), 0, "");
    let children: Vec<Child> =
        paths.iter().map(|p| start(d, &["build", p.to_str().unwrap(), "-o", "x.seg", "--force"])).collect();
    assert!(children.into_iter().all(|c| c.wait_with_output().unwrap().status.success()));
    says(&run(d, &["verify", "x.seg"]), 0, "");
    assert_eq!(names(d), ["in0", "in1", "x.seg"]);
}

#[test]
fn errors_are_objects_under_json_and_bench_measures() {
    let dir = built();
    let d = dir.path();
    let out = run(d, &["get", "missing.seg", "k", "--json"]);
    assert_eq!(out.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&out.stderr).starts_with("{\"kind\":\"io\""));
    let out = ok(&run(d, &["bench", "x.seg", "--lookups", "100", "--reference", "1MiB"]));
    for name in ["chase", "open", "get", "miss", "get_batch", "id", "scan"] {
        assert!(out.lines().any(|l| l.starts_with(&format!("{name}\t"))), "{out}");
    }
    ok(&run(d, &["stat", "x.seg"]));
    ok(&feed(d, &["build", "-", "-o", "empty.seg"], b""));
    for verb in ["verify", "dump", "stat", "inspect"] {
        ok(&run(d, &[verb, "empty.seg"]));
    }
    assert_eq!(run(d, &["get", "empty.seg", "k"]).status.code(), Some(1));
    assert_eq!(run(d, &["bench", "empty.seg"]).status.code(), Some(2));
    // What cannot be opened again, and what is made into a segment first.
    ok(&run(d, &["to-json", "x.seg", "-o", "x.json"]));
    for name in ["-", "/dev/stdin", "x.json"] {
        let out =
            feed(d, &["bench", name, "--lookups", "1", "--reference", "1MiB"], &fs::read(d.join("x.seg")).unwrap());
        let err = String::from_utf8_lossy(&out.stderr);
        assert!(out.status.code() == Some(2) && err.starts_with(&format!("error: {name}: ")), "{err}");
    }
    fs::write(d.join("nothing.seg"), b"").unwrap();
    assert_eq!(run(d, &["get", "nothing.seg", "k"]).status.code(), Some(65));
    assert_eq!(run(d, &["verify", "nothing.seg"]).status.code(), Some(1));
}

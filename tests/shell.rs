//! `qx shell`, read from a pipe; and the other tools behind `qx`. What only a terminal has is tested beside its code.
#![cfg(feature = "engine")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn qx(args: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_qx"))
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // One that ended early reads no more.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn database(dir: &Path) -> String {
    let db = dir.join("my.db").to_string_lossy().into_owned();
    assert!(qx(&["init", &db], "").status.success());
    db
}

#[test]
fn statements_over_several_lines_and_commands_are_answered() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path());
    let input = "create table t (id bigint primary key, v real[]);
insert into t values
  (1, [1, 0]), (2, [0, 1]);
create vector index near on t(v);
begin;
insert into t values (3, [5, 5]);
rollback;
select id from t
  order by vec_l2(v, '[0, 2]') limit 1;
\\d
\\d t
\\di
\\timing on
select ';' as c;
\\q
select 'never';
";
    let out = qx(&["shell", &db], input);
    let (stdout, stderr) = (text(&out.stdout), text(&out.stderr));
    assert!(out.status.success(), "{stderr}");
    for want in [
        r#"{"id":2}"#,
        r#"{"kind":"table","name":"public.t"}"#,
        r#"{"kind":"vector index","name":"public.near"}"#,
        r#""name":"v","type":"List"#,
        r#""state":"ready""#,
        r#"{"c":";"}"#,
    ] {
        assert!(stdout.contains(want), "{want} in\n{stdout}");
    }
    assert!(stderr.contains(" ms"), "{stderr}");
    assert!(!stdout.contains("never"));
}

#[test]
fn the_first_error_of_a_script_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path());
    let out = qx(&["shell", &db], "select 1 as a;\nselect * from nothing;\nselect 2 as a;\n");
    assert_eq!(out.status.code(), Some(2), "{}", text(&out.stderr));
    assert_eq!(text(&out.stdout), "{\"a\":1}\n");
    let out = qx(&["shell", &db], "\\nothing\n");
    assert!(text(&out.stderr).contains("there is no command \\nothing"), "{}", text(&out.stderr));
    assert_eq!(out.status.code(), Some(2));
}

#[test]
fn the_other_tools_answer_as_themselves() {
    let seg = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/dict_seg/v1/good.seg");
    let out = qx(&["dict", "get", seg, "planner", "--label", "Package"], "");
    assert_eq!(text(&out.stdout), "planner\t50\n", "{}", text(&out.stderr));
    // Exit status and flags are the tool's own.
    assert_eq!(qx(&["dict", "get", seg, "no such key"], "").status.code(), Some(1));
    let help = qx(&["log", "--help"], "");
    assert!(text(&help.stdout).contains("deltalog"), "{}", text(&help.stdout));
    assert_eq!(qx(&["vindex", "verify", "/no/such/file"], "").status.code(), Some(2));
}

fn sql(db: &str, text: &str) -> String {
    let out = qx(&["sql", "--db", db, "-c", text], "");
    assert!(out.status.success(), "{text}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8_lossy(&out.stdout).into_owned()
}

#[test]
fn an_index_that_waits_is_brought_up_by_the_command_and_from_cron() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path());
    sql(&db, "create table t (id bigint primary key, v real[]); insert into t values (1, [1, 0]), (2, [0, 1])");
    sql(&db, "create vector index near on t(v) with (mode = async)");
    sql(&db, "insert into t values (3, [1, 1])");
    let pending = |db: &str| {
        let out = qx(&["vector", "status", db, "--json"], "");
        let line = text(&out.stdout).lines().next().unwrap_or_default().to_owned();
        let status: serde_json::Value = serde_json::from_str(&line).unwrap();
        (status["rows_indexed"].as_u64().unwrap(), status["pending_rows"].as_u64().unwrap())
    };
    assert_eq!(pending(&db), (2, 1));
    let would = qx(&["maintain", &db, "--due", "--dry-run"], "");
    assert!(text(&would.stderr).contains("would bring up vector index public.near"), "{}", text(&would.stderr));
    assert!(qx(&["vector", "sync", &db, "--dry-run"], "").status.success());
    assert_eq!(pending(&db), (2, 1));
    assert!(qx(&["vector", "sync", &db], "").status.success());
    assert_eq!(pending(&db), (3, 0));
    // Nothing to do is said by nothing.
    assert_eq!(text(&qx(&["vector", "sync", &db], "").stderr), "");
    sql(&db, "delete from t where id = 1");
    assert_eq!(pending(&db), (3, 1));
    assert!(qx(&["maintain", &db, "--due"], "").status.success());
    assert_eq!(pending(&db), (2, 0));
    let fsck = qx(&["fsck", &db], "");
    assert!(fsck.status.success(), "{}{}", text(&fsck.stdout), text(&fsck.stderr));
    assert_eq!(qx(&["vector", "sync", &db, "nothing"], "").status.code(), Some(2));
}

#[test]
fn fsck_knows_an_index_that_is_not_of_its_table() {
    let dir = tempfile::tempdir().unwrap();
    let db = database(dir.path());
    sql(&db, "create table t (id bigint primary key, v real[]); insert into t values (1, [1, 0]), (2, [0, 1])");
    sql(&db, "create vector index near on t(v) with (metric = l2)");
    let index = Path::new(&db).join("main/public/near.vindex");
    let (old, file) = (std::fs::read(&index).unwrap(), index.to_string_lossy().into_owned());
    let rows = "{\"id\":99,\"vector\":[5,5]}\n";
    let input = dir.path().join("rows.ndjson");
    std::fs::write(&input, rows).unwrap();
    let added = qx(&["vindex", "add", &file, &input.to_string_lossy(), "--column", "vector", "--id-column", "id"], "");
    assert!(added.status.success(), "{}", text(&added.stderr));
    let fsck = qx(&["fsck", &db], "");
    assert_eq!(fsck.status.code(), Some(1));
    assert!(text(&fsck.stdout).contains("db.index_rows"), "{}", text(&fsck.stdout));
    // One that is left behind is a note, and searches read the table.
    std::fs::write(&index, old).unwrap();
    sql(&db, "insert into t values (3, [0, 0.25])");
    let before = std::fs::read(&index).unwrap();
    assert!(qx(&["flush", &db], "").status.success());
    std::fs::write(&index, before).unwrap();
    let fsck = qx(&["fsck", &db, "--json"], "");
    assert!(text(&fsck.stdout).contains("db.index_stale"), "{}", text(&fsck.stdout));
    let nearest = "select id from t order by vec_l2(v, '[0, 0]') limit 1";
    assert_eq!(sql(&db, nearest), "{\"id\":3}\n");
    assert!(sql(&db, &format!("explain {nearest}")).contains("is stale"));
    assert!(qx(&["vector", "sync", &db, "near"], "").status.success());
    assert!(!sql(&db, &format!("explain {nearest}")).contains("is stale"));
    assert_eq!(sql(&db, nearest), "{\"id\":3}\n");
}

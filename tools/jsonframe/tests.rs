//! `jsonframe` as its users meet it: exit status, stdout and stderr together.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use serde_json::Value;

struct Done {
    code: i32,
    out: String,
    err: String,
}

fn run_with(dir: &Path, args: &str, stdin: &str) -> Done {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("jsonframe"))
        .current_dir(dir)
        .args(args.split_whitespace())
        .write_stdin(stdin)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Done { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
}

fn run(dir: &Path, args: &str) -> Done {
    run_with(dir, args, "")
}

fn folder() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.ndjson"), "{\"a\":1}\n{\"a\":2.5,\"b\":\"x\"}\n").unwrap();
    fs::write(dir.path().join("empty"), "").unwrap();
    fs::write(dir.path().join("null"), "null").unwrap();
    fs::write(dir.path().join("cut.json"), "[{\"a\":1},{\"a\":").unwrap();
    fs::write(dir.path().join("random"), [0x9du8, 0, 0xff, 3, 0x7b]).unwrap();
    fs::write(dir.path().join("cut.gz"), [0x1fu8, 0x8b, 8, 0, 0]).unwrap();
    dir
}

#[test]
fn each_trouble_has_its_exit_status_and_one_message() {
    let dir = folder();
    for (args, code, says) in [
        ("convert missing -o x.csv", 2, "No such file"),
        ("convert . -o x.csv", 2, "Is a directory"),
        ("convert empty -o x.csv", 65, "no JSON value"),
        ("convert null -o x.csv", 65, "null"),
        ("convert cut.json -o x.csv", 65, "ends inside a value"),
        ("convert cut.gz -o x.csv", 65, "gzip stream is damaged"),
        ("convert random -o x.csv", 65, "not JSON"),
        ("convert a.ndjson -o x.exe", 2, "extension"),
        ("convert a.ndjson -o x.csv --format table", 2, "terminal"),
        ("convert a.ndjson -o /dev/full --format parquet", 2, "No space left"),
        ("convert a.ndjson -o missing/x.csv", 2, "No such file"),
        ("convert - - -o x.csv", 2, "stdin is given twice"),
        ("convert - -o x.csv --drift widen", 2, "pipe"),
        ("convert a.ndjson -o x.csv --sample 1 --drift error", 65, "line 2"),
        ("convert a.ndjson -o x.csv --type a=int64", 65, "given"),
        ("convert a.ndjson -o x.csv --type a=floaty", 2, "is no type"),
        ("convert a.ndjson -o x.csv --max-rejects 3", 2, "--rejects"),
        ("convert a.ndjson -o x.csv --rejects x.csv", 2, "same file"),
        ("convert a.ndjson -o x.csv --rejects ./x.csv", 2, "same file"),
        ("convert a.ndjson -o x.csv --rejects -", 2, "/dev/stderr"),
        ("convert a.ndjson -o x.csv --rejects ./a.ndjson --force", 2, "replace an input"),
        ("convert a.ndjson -o x.csv --where b>=nan --type b=float64", 2, "cannot be compared"),
        ("convert cut.json -o x.csv", 65, "--rejects"),
        ("convert a.ndjson -o x.csv --map a", 65, "given"),
        ("convert a.ndjson -o x.csv --root /a~2", 2, "~0"),
        ("convert a.ndjson -o x.csv --root /c/d", 65, "at /c/d"),
        ("convert a.ndjson -o x.csv --compression snappy", 2, "snappy"),
        ("convert a.ndjson -o x.csv --compression zstd:99", 2, "levels of zstd"),
        ("convert a.ndjson -o x.csv --format parquet --compression gzip", 2, "gzip"),
        ("convert a.ndjson -o x.parquet.zst", 2, "as a whole"),
        ("schema empty", 65, "no JSON value"),
        ("schema missing", 2, "No such file"),
        ("convert", 2, "required"),
    ] {
        let done = run_with(dir.path(), args, "{}");
        assert_eq!(done.code, code, "{args}: {}", done.err);
        assert!(done.err.contains(says), "{args}: {}", done.err);
        assert!(done.out.is_empty(), "{args}: {}", done.out);
        assert!(!dir.path().join("x.csv").exists(), "{args}");
        let json = run_with(dir.path(), &format!("{args} --json"), "{}");
        assert_eq!(json.code, code, "{args}");
        let error: Value = serde_json::from_str(&json.err).unwrap();
        assert!(error["kind"].is_string() && error["message"].is_string(), "{args}: {error}");
    }
}

#[test]
fn a_conversion_reports_what_it_did() {
    let dir = folder();
    let done = run(dir.path(), "convert a.ndjson -o a.csv");
    assert_eq!((done.code, done.out.as_str()), (0, ""));
    assert_eq!(
        done.err,
        "a.csv (csv): 2 rows from 26 bytes of JSON, 2 columns\n\
         coerced: a: 1 int64 to float64, first in a.ndjson line 1 byte 5\n"
    );
    assert_eq!(fs::read_to_string(dir.path().join("a.csv")).unwrap(), "a,b\n1.0,\n2.5,x\n");
    let again = run(dir.path(), "convert a.ndjson -o a.csv");
    assert_eq!(again.code, 2);
    assert!(again.err.contains("--force"), "{}", again.err);
    let dry = run(dir.path(), "convert a.ndjson -o a.csv --dry-run");
    assert_eq!((dry.code, dry.out.as_str()), (2, ""));
    let dry = run(dir.path(), "convert a.ndjson -o b.parquet --dry-run --json");
    let summary: Value = serde_json::from_str(&dry.out).unwrap();
    assert_eq!(summary["summary"]["rows"], 2);
    assert_eq!(summary["summary"]["dry_run"], true);
    assert!(!dir.path().join("b.parquet").exists());
    let done = run(dir.path(), "convert a.ndjson -o a.csv --force --json --sample 1");
    let summary: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let summary = &summary["summary"];
    assert_eq!(summary["v"], 1);
    assert_eq!(summary["widened"], true);
    assert_eq!(summary["coercions"][0]["first"]["offset"], 5);
    assert_eq!(summary["output_bytes"], fs::metadata(dir.path().join("a.csv")).unwrap().len());
    assert_eq!(run(dir.path(), "convert a.ndjson -q").err, "");
}

#[test]
fn a_name_that_leads_nowhere_is_told() {
    let dir = folder();
    fs::write(dir.path().join("s.ndjson"), "{\"status\":200}\n{\"status\":500}\n").unwrap();
    let done = run(dir.path(), "convert s.ndjson --type stauts=int64");
    assert_eq!((done.code, done.out.as_str()), (0, "{\"status\":200}\n{\"status\":500}\n"));
    assert!(done.err.contains("warning: no row has a value of stauts (did you mean status?)"), "{}", done.err);
    let done = run(dir.path(), "convert s.ndjson -o s.csv --select stauts --json");
    let summary: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(summary["summary"]["absent"][0], serde_json::json!({"path": "stauts", "nearest": "status"}));
    let done = run(dir.path(), "schema s.ndjson --map other");
    assert!(done.err.contains("has a value of other"), "{}", done.err);
    let done = run(dir.path(), "count s.ndjson --where stat>1 --json");
    assert_eq!(serde_json::from_str::<Value>(&done.out).unwrap()["absent"][0]["path"], "stat");
    assert_eq!(run(dir.path(), "convert s.ndjson -q --type other=utf8").err, "");
}

#[test]
fn a_pipe_rescues_and_a_redirected_file_widens() {
    let dir = folder();
    let text = fs::read_to_string(dir.path().join("a.ndjson")).unwrap();
    let done = run_with(dir.path(), "convert - --sample 1", &text);
    assert_eq!(done.out, "{\"a\":1}\n{\"_rescued\":{\"/a\":2.5,\"/b\":\"x\"}}\n");
    assert!(done.err.contains("coerced: a: 1 float64 to _rescued, first in stdin line 2 byte 13"), "{}", done.err);
    let file = fs::File::open(dir.path().join("a.ndjson")).unwrap();
    let output = std::process::Command::new(assert_cmd::cargo::cargo_bin!("jsonframe"))
        .args(["convert", "-", "--sample", "1", "--json"])
        .stdin(file)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "{\"a\":1.0}\n{\"a\":2.5,\"b\":\"x\"}\n");
    let summary: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(summary["summary"]["output"], "-");
}

#[test]
fn a_pipe_counts_what_its_sample_did_not_expect() {
    let dir = folder();
    let text = "{\"a\":1}\n{\"a\":\"x\"}\n{\"a\":2.5}\n{\"a\":null}\n{\"a\":\"\\u0078\"}\n";
    let done = run_with(dir.path(), "count - --sample 1 --by a", text);
    let want = "{\"a\":\"x\",\"count\":2}\n{\"a\":1,\"count\":1}\n{\"a\":2.5,\"count\":1}\n{\"a\":null,\"count\":1}\n";
    assert_eq!((done.out.as_str(), done.err.as_str()), (want, ""));
    let done = run_with(dir.path(), "count - --sample 1 --where a>1.5", text);
    assert_eq!(done.out, "1\n");
    assert!(done.err.contains("no order with the condition's: 2 values"), "{}", done.err);
    let done = run_with(dir.path(), "convert - --sample 1 --where a>1.5", text);
    assert_eq!(done.out, "{\"_rescued\":{\"/a\":2.5}}\n");
    assert!(done.err.contains("no order with the condition's: 2 values"), "{}", done.err);
    // However a string is escaped, also among values of many types.
    let mixed = "{\"m\":1}\n{\"m\":\"\\u00e9\"}\n{\"m\":\"\u{e9}\"}\n";
    assert!(run_with(dir.path(), "count - --by m", mixed).out.starts_with("{\"m\":\"\u{e9}\",\"count\":2}\n"));
    // And however a number is written, as in a column of numbers.
    let numbers = "{\"a\":1}\n{\"a\":1.0}\n{\"a\":7.50}\n{\"a\":1e0}\n{\"a\":75e-1}\n";
    for (args, text) in [
        ("count - --sample 1 --by a", numbers.to_owned()),
        ("count - --by a", format!("{numbers}{{}}[{{\"a\":\"\"}}]")),
    ] {
        let out = run_with(dir.path(), args, &text).out;
        assert!(out.starts_with("{\"a\":1,\"count\":3}\n{\"a\":7.5,\"count\":2}\n"), "{out}");
    }
    let inside = "{\"s\":{\"k\":1}}\n{\"s\":{\"k\":\"x\"}}\n";
    assert!(run_with(dir.path(), "count - --sample 1 --by s", inside).err.contains("in them: 1 record"));
}

#[test]
fn bad_records_go_to_a_file_and_are_counted() {
    let dir = folder();
    fs::write(dir.path().join("bad.ndjson"), "{\"a\":1}\n{\"a\":2,}\n{\"a\":3}\n").unwrap();
    let done = run(dir.path(), "convert bad.ndjson -o good.ndjson --rejects r.ndjson");
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("warning: rejected: 1 bad record"), "{}", done.err);
    assert_eq!(fs::read_to_string(dir.path().join("good.ndjson")).unwrap(), "{\"a\":1}\n{\"a\":3}\n");
    let reject: Value = serde_json::from_str(&fs::read_to_string(dir.path().join("r.ndjson")).unwrap()).unwrap();
    assert_eq!(reject["line"], 2);
    assert_eq!(reject["offset"], 15);
    assert_eq!(reject["code"], "syntax");
    assert_eq!(reject["raw"], "{\"a\":2,}");
    let done = run(dir.path(), "convert bad.ndjson -o other.ndjson --rejects other-r.ndjson --max-rejects 0");
    assert_eq!(done.code, 65);
    assert!(!dir.path().join("other.ndjson").exists() && !dir.path().join("other-r.ndjson").exists());
    // Nor is there a trace of data that could not be written to its end, and it is told under its own name.
    for threads in [1, 2] {
        let args = format!("convert bad.ndjson -o /dev/full --format ndjson --rejects r2 --threads {threads}");
        let done = run(dir.path(), &args);
        assert_eq!((done.code, dir.path().join("r2").exists()), (2, false), "{}", done.err);
        assert!(done.err.contains("/dev/full: cannot write"), "{}", done.err);
    }
}

#[test]
fn a_schema_is_one_document_a_table_or_sql() {
    let dir = folder();
    let done = run(dir.path(), "schema a.ndjson");
    let document: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(document["v"], 1);
    assert_eq!(document["complete"], true);
    let b = &document["fields"][1];
    assert_eq!((&b["path"], &b["present"], &b["missing"]), (&"b".into(), &1.into(), &1.into()));
    assert_eq!(document["fields"][0]["types"]["int64"], 1);
    let done = run(dir.path(), "schema a.ndjson --format sql --name t");
    assert_eq!(done.out, "CREATE TABLE \"t\" (\n  \"a\" DOUBLE,\n  \"b\" VARCHAR\n);\n");
    // A pattern is named by its first file.
    assert!(run(dir.path(), "schema a.* --format sql").out.starts_with("CREATE TABLE \"a\" ("));
    let done = run_with(dir.path(), "convert - --dup-keys last", "{\"k\":1,\"k\":2}");
    assert!(
        done.err.contains("lost: k: 1 value of a key that stands twice, first in stdin line 1 byte 7"),
        "{}",
        done.err
    );
    let done = run(dir.path(), "schema a.ndjson --format table");
    assert!(done.out.lines().nth(1).unwrap().trim_start().starts_with("a  "), "{}", done.out);
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("a.ndjson"), "{\"a\":\"some text in each of many rows\"}\n".repeat(100_000)).unwrap();
    for format in ["ndjson", "csv", "parquet", "arrows"] {
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("jsonframe"))
            .current_dir(dir.path())
            .args(["convert", "a.ndjson", "--format", format])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{format}");
    }
}

#[test]
fn records_are_counted_by_condition_and_by_value() {
    let dir = folder();
    fs::write(dir.path().join("s.ndjson"), "{\"s\":200,\"u\":{\"n\":\"a\"}}\n{\"s\":500}\n{\"s\":200}\n").unwrap();
    assert_eq!(run(dir.path(), "count s.ndjson").out, "3\n");
    assert_eq!(run(dir.path(), "count s.ndjson --where s>=500").out, "1\n");
    assert_eq!(run(dir.path(), "count s.ndjson --where u.n=a --where s=200").out, "1\n");
    assert_eq!(run(dir.path(), "count s.ndjson --by s").out, "{\"s\":200,\"count\":2}\n{\"s\":500,\"count\":1}\n");
    let own = run_with(dir.path(), "count - --by count", "{\"count\":7}{\"count\":7}");
    assert_eq!(own.out, "{\"count\":7,\"count_\":2}\n", "{}", own.err);
    let by = run(dir.path(), "count s.ndjson --by u.n,s --where s=200 --json").out;
    assert_eq!(by.lines().next(), Some("{\"u.n\":\"a\",\"s\":200,\"count\":1}"));
    let summary: Value = serde_json::from_str(by.lines().last().unwrap()).unwrap();
    assert_eq!((&summary["summary"]["groups"], &summary["summary"]["records"]), (&2.into(), &3.into()));
    let json: Value = serde_json::from_str(&run(dir.path(), "count s.ndjson --json --where s=500").out).unwrap();
    assert_eq!((&json["count"], &json["records"]), (&1.into(), &3.into()));
    let none = run(dir.path(), "count s.ndjson --where typo=1");
    assert_eq!((none.code, none.out.as_str()), (0, "0\n"));
    assert!(none.err.contains("typo"), "{}", none.err);
    for (args, code) in [("count s.ndjson --where s=x", 2), ("count s.ndjson --where a..b", 2), ("count cut.json", 65)]
    {
        assert_eq!(run(dir.path(), args).code, code, "{args}");
    }
    let foreign = run(dir.path(), "count s.ndjson --where u.n<>a");
    assert_eq!((foreign.code, foreign.out.as_str()), (2, ""));
    assert!(foreign.err.contains("no known operator"), "{}", foreign.err);
}

#[test]
fn values_are_counted_to_their_last_digit_and_level() {
    let dir = folder();
    let (one, two) = ("1234567890123456789012345678901234567890", "1234567890123456789012345678901234567891");
    let deep = format!("{}1{}", "[".repeat(300), "]".repeat(300));
    let text = format!("{{\"n\":{one}}}{{\"n\":{two}}}{{\"n\":{two}}}{{\"n\":{deep}}}{{\"n\":\"\\n\"}}");
    let done = run_with(dir.path(), "count - --by n,n --sample 5", &text);
    let mut lines: Vec<_> = done.out.lines().collect();
    assert_eq!(lines.remove(0), format!("{{\"n\":{two},\"count\":2}}"), "{}", done.err);
    lines.sort_unstable();
    let want = [
        "{\"n\":\"\\n\",\"count\":1}".to_owned(),
        format!("{{\"n\":{one},\"count\":1}}"),
        format!("{{\"n\":{deep},\"count\":1}}"),
    ];
    assert_eq!(lines, want);
}

#[test]
fn separators_in_quoted_names_separate_nothing() {
    let dir = folder();
    let text = "{\"a,b\":1,\"c\":{\"d=e\":2},\"f\":3}";
    let done = run_with(dir.path(), "convert - --select \"a,b\",f", text);
    assert_eq!(done.out, "{\"a,b\":1,\"f\":3}\n", "{}", done.err);
    let done = run_with(dir.path(), "count - --by \"a,b\"", text);
    assert_eq!(done.out, "{\"\\\"a,b\\\"\":1,\"count\":1}\n", "{}", done.err);
    let done = run_with(dir.path(), "convert - --select c --type c=struct<\"d=e\":float64>", text);
    assert_eq!(done.out, "{\"c\":{\"d=e\":2.0}}\n", "{}", done.err);
}

#[test]
fn columns_in_columns_are_written_however_deep() {
    let dir = folder();
    let text = format!("{}1{}", "{\"a\":".repeat(300), "}".repeat(300));
    fs::write(dir.path().join("deep.json"), text).unwrap();
    let done = run(dir.path(), "convert deep.json -o deep.parquet --max-depth 256 --threads 2");
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn patterns_roots_and_columns_are_asked_for() {
    let dir = folder();
    fs::write(dir.path().join("d1.json"), "{\"data\":[{\"x\":1,\"y\":{\"z\":2}}]}").unwrap();
    fs::write(dir.path().join("d2.json"), "{\"data\":[{\"x\":3}],\"next\":null}").unwrap();
    let done = run(dir.path(), "convert d?.json --root /data --format csv --flatten _");
    assert_eq!(done.out, "x,y_z\n1,2\n3,\n", "{}", done.err);
    assert_eq!(
        run(dir.path(), "convert d*.json --root /data --select y.z,x --where x<3 --format csv").out,
        "y,x\n\"{\"\"z\"\":2}\",1\n"
    );
    assert_eq!(run(dir.path(), "convert no*.json --format csv").code, 2);
    let schema = run(dir.path(), "schema d*.json --root /data --sort-columns").out;
    fs::write(dir.path().join("s.json"), &schema).unwrap();
    let done = run(dir.path(), "convert d2.json --root /data --schema s.json --drift error --format csv");
    assert_eq!(done.out, "x,y\n3,\n", "{}", done.err);
    let json: Value = serde_json::from_str(&run(dir.path(), "schema a.ndjson --format json-schema").out).unwrap();
    assert_eq!(json["properties"]["b"]["type"], "string");
    fs::write(dir.path().join("bad.sql"), "a NOTHING").unwrap();
    let done = run(dir.path(), "convert a.ndjson --schema bad.sql --format csv");
    assert_eq!(done.code, 2);
    assert!(done.err.contains("bad.sql") && done.err.contains("NOTHING"), "{}", done.err);
}

#[test]
fn one_thread_and_two_write_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let line = |i: usize| format!("{{\"i\":{i},\"s\":\"text {}\",\"l\":[{}]}}\n", i % 97, i % 7);
    fs::write(dir.path().join("a.ndjson"), (0..60_000).map(line).collect::<String>()).unwrap();
    for format in ["parquet", "arrow", "csv"] {
        for threads in [1, 2] {
            let done = run(dir.path(), &format!("convert a.ndjson -o {threads}.{format} --threads {threads}"));
            assert_eq!(done.code, 0, "{}", done.err);
        }
        let read = |n: usize| fs::read(dir.path().join(format!("{n}.{format}"))).unwrap();
        assert!(read(1) == read(2), "{format}");
    }
}

#[test]
fn text_is_compressed_by_extension_and_by_request() {
    let dir = folder();
    let plain = "{\"a\":1.0}\n{\"a\":2.5,\"b\":\"x\"}\n";
    for (args, packed) in [
        ("a.ndjson -o x.ndjson.zst", "zst"),
        ("a.ndjson -o x.jsonl.gz", "gz"),
        ("a.ndjson -o x.ndjson --compression zstd:3", "zst"),
        ("a.ndjson -o x.gz --format ndjson", "gz"),
        ("a.ndjson -o y.zst --format ndjson --compression none", ""),
    ] {
        let done = run(dir.path(), &format!("convert {args}"));
        assert_eq!(done.code, 0, "{args}: {}", done.err);
        let path = dir.path().join(args.split_whitespace().nth(2).unwrap());
        let bytes = fs::read(&path).unwrap();
        let magic: &[u8] = match packed {
            "zst" => &[0x28, 0xb5, 0x2f, 0xfd],
            "gz" => &[0x1f, 0x8b],
            _ => b"{",
        };
        assert!(bytes.starts_with(magic), "{args}");
        // It is read by its content again, whatever its name.
        assert_eq!(run(dir.path(), &format!("convert {} --format ndjson", path.display())).out, plain, "{args}");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn an_arrow_file_is_written_again_when_its_dictionaries_grow_too_large() {
    let dir = tempfile::tempdir().unwrap();
    let mut text = "{\"a\":\"same\"}\n".repeat(9000);
    for i in 0..9000 {
        text.push_str(&format!("{{\"a\":\"{}{i}\"}}\n", "x".repeat(4000)));
    }
    fs::write(dir.path().join("late.ndjson"), text).unwrap();
    for threads in [1, 2] {
        let done = run(dir.path(), &format!("convert late.ndjson -o late.arrow --force --threads {threads}"));
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(done.err.starts_with("late.arrow (arrow): 18000 rows from "), "{}", done.err);
        let bytes = fs::read(dir.path().join("late.arrow")).unwrap();
        let reader = arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(bytes), None).unwrap();
        assert_eq!(reader.schema().field(0).data_type(), &arrow::datatypes::DataType::Utf8);
        assert_eq!(reader.map(|b| b.unwrap().num_rows()).sum::<usize>(), 18_000);
    }
    let few = "{\"a\":\"one\"}\n{\"a\":\"two\"}\n".repeat(200);
    fs::write(dir.path().join("few.ndjson"), &few).unwrap();
    for (args, stdin, dictionary) in [
        ("convert few.ndjson -o few.arrow", "", true),
        ("convert few.ndjson -o few.arrow --dictionaries none", "", false),
        ("convert - -o few.arrow", few.as_str(), false),
    ] {
        assert_eq!(run_with(dir.path(), args, stdin).code, 0, "{args}");
        let bytes = fs::read(dir.path().join("few.arrow")).unwrap();
        fs::remove_file(dir.path().join("few.arrow")).unwrap();
        let reader = arrow::ipc::reader::FileReader::try_new(std::io::Cursor::new(bytes), None).unwrap();
        let is = matches!(reader.schema().field(0).data_type(), arrow::datatypes::DataType::Dictionary(..));
        assert_eq!(is, dictionary, "{args}");
    }
}

//! The main job, on real input: what it builds, what it answers, and what a crash does to it.
#![cfg(feature = "engine")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/debian").join(name)
}

/// `qx run` of the Debian pipeline into `db`, on the 28 records with the doubled names.
fn small(db: &Path) -> Command {
    let mut command = sample(db);
    for (input, file) in [("package_records", "packages.ndjson"), ("embeddings", "embeddings.f16.npy")] {
        command.arg("--input").arg(format!("{input}={}", fixture("duplicates").join(file).display()));
    }
    command
}

/// `qx run` of the Debian pipeline into `db`, on the whole sample.
fn sample(db: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_qx"));
    command.arg("run").arg(fixture("pipeline.toml")).arg("--db").arg(db);
    command
}

fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn records(output: &Output) -> Vec<Value> {
    output.stdout.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap()).collect()
}

/// Rows by the name of the query that gave them.
fn answers(output: &Output) -> BTreeMap<String, Vec<Value>> {
    let mut by_query: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in records(output).into_iter().filter(|r| r.get("query").is_some()) {
        by_query.entry(record["query"].as_str().unwrap().to_owned()).or_default().push(record["row"].clone());
    }
    by_query
}

/// Every immutable segment under a database, by its path: these are the same whenever the input is.
fn segments(db: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut todo = vec![db.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|e| e == "seg" || e == "vdata") {
                found.insert(path.strip_prefix(db).unwrap().to_path_buf(), fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn column<'a>(rows: &'a [Value], name: &str) -> Vec<&'a str> {
    rows.iter().map(|r| r[name].as_str().unwrap()).collect()
}

#[test]
fn the_sample_is_built_answered_and_left_alone_the_second_time() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("debian.db");
    let first = succeed(sample(&db).arg("--json"));
    let by_query = answers(&first);
    // By brute force over the embeddings, and by a walk over the records.
    assert_eq!(
        column(&by_query["nearest"], "package"),
        [
            "gwenview",
            "viewnior",
            "gpicview",
            "qiv",
            "pqiv",
            "photoqt",
            "feh",
            "sxiv",
            "phototonic",
            "deepin-image-viewer"
        ]
    );
    assert_eq!(by_query["nearest_that_need_png"].len(), 141);
    let libc = &by_query["most_depended_on"][0];
    assert_eq!((libc["package"].as_str(), libc["direct"].as_u64()), (Some("libc6"), Some(2727)));
    let top = &by_query["most_depended_on_transitively"][0];
    assert_eq!((top["package"].as_str(), top["transitive"].as_u64()), (Some("gcc-12-base"), Some(4677)));
    assert_eq!(column(&by_query["document"], "question")[..2], ["image viewer", "web browser"]);

    let summary = records(&first).pop().unwrap()["summary"].clone();
    assert_eq!(summary["built"].as_array().unwrap().len(), 8);
    let note = |text: &str| {
        let notes = summary["notes"].as_array().unwrap();
        notes.iter().find(|n| n["text"].as_str().unwrap().contains(text)).unwrap()["value"].clone()
    };
    assert_eq!(note("label Virtual"), 374);
    assert_eq!(note("share a name"), 0);

    let before = segments(&db);
    assert!(before.len() >= 4, "{:?}", before.keys());
    let second = succeed(sample(&db).arg("--json"));
    assert_eq!(answers(&second), by_query);
    let summary = records(&second).pop().unwrap()["summary"].clone();
    assert_eq!((summary["built"].as_array().unwrap().len(), summary["current"].as_array().unwrap().len()), (0, 8));
    assert_eq!(segments(&db), before);
}

/// Rows of a query as `qx sql` prints them.
fn rows(db: &Path, sql: &str) -> Vec<Value> {
    records(&succeed(Command::new(env!("CARGO_BIN_EXE_qx")).arg("sql").arg("--db").arg(db).args(["-c", sql])))
}

/// How many nodes reach `to` within `hops` against the direction of edges, itself left out; and which.
fn reaching(back: &BTreeMap<u64, Vec<u64>>, to: u64, hops: usize) -> BTreeSet<u64> {
    let (mut seen, mut edge) = (BTreeSet::from([to]), vec![to]);
    for _ in 0..hops {
        let next: BTreeSet<u64> = edge.iter().flat_map(|n| back.get(n).into_iter().flatten().copied()).collect();
        edge = next.into_iter().filter(|n| seen.insert(*n)).collect();
        if edge.is_empty() {
            break;
        }
    }
    seen.remove(&to);
    seen
}

#[test]
fn one_statement_over_tables_vectors_and_graph_is_right_by_brute_force() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("debian.db");
    let answers = answers(&succeed(sample(&db).arg("--json")));
    let number = |row: &Value, name: &str| row[name].as_u64().unwrap_or_else(|| panic!("{name} of {row}"));

    let mut back: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for edge in rows(&db, "select src, dst from graph_edges('dependency_graph')") {
        back.entry(number(&edge, "dst")).or_default().push(number(&edge, "src"));
    }
    // No LIMIT: every distance is worked out from the table.
    let question = "(select vector from questions where question = 'image viewer')";
    let all = format!(
        "select v.id, p.package, p.installed_size as size, cosine_sim(v.vector, {question}) as score
         from package_vectors v join packages p on p.id = v.id"
    );
    let mut all = rows(&db, &all);
    let x11 = all.iter().find(|r| r["package"] == "libx11-6").map(|r| number(r, "id")).unwrap();
    let need = reaching(&back, x11, usize::MAX);
    assert!(need.len() > 1000, "{}", need.len());
    all.retain(|r| !need.contains(&number(r, "id")));
    all.sort_by(|a, b| b["score"].as_f64().unwrap().total_cmp(&a["score"].as_f64().unwrap()));

    let got = &answers["nearest_without_x11"];
    assert_eq!(got.len(), 10);
    for (got, want) in got.iter().zip(&all) {
        assert_eq!((&got["package"], &got["size"]), (&want["package"], &want["size"]));
        assert_eq!(number(got, "needed_by"), reaching(&back, number(want, "id"), 2).len() as u64, "{got}");
    }
}

#[test]
fn of_two_records_with_one_name_the_last_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("small.db");
    let output = succeed(small(&db).arg("--json"));
    let summary = records(&output).pop().unwrap()["summary"].clone();
    let notes = summary["notes"].to_string();
    assert!(
        notes.contains(
            r#"share a name with a later one and were left out; the last record of a name is kept","value":4"#
        ),
        "{notes}"
    );
    let sql = "select version from packages where package in ('linux-doc', 'linux-source') order by package";
    let rows =
        succeed(Command::new(env!("CARGO_BIN_EXE_qx")).args(["sql", "-c", sql, "--format", "tsv", "--db"]).arg(&db));
    assert_eq!(String::from_utf8_lossy(&rows.stdout), "version\n6.1.176-1\n6.1.176-1\n");
}

#[test]
fn killed_at_any_moment_and_run_again_it_ends_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.db");
    let start = Instant::now();
    let expected = succeed(&mut small(&whole));
    let length = start.elapsed();
    let (rows, files) = (answers(&expected), segments(&whole));

    let mut killed = 0;
    for step in 0..12u32 {
        let db = dir.path().join(format!("killed-{step}.db"));
        // Kill again and again, each time a little later, without starting over.
        for attempt in 0..2u32 {
            let mut child = small(&db).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let wait = length * (step + 1 + attempt * 4) / 14;
            std::thread::sleep(wait.max(Duration::from_millis(5)));
            child.kill().unwrap();
            killed += u32::from(!child.wait().unwrap().success());
        }
        let output = succeed(&mut small(&db));
        assert_eq!(answers(&output), rows, "step {step}");
        assert_eq!(segments(&db), files, "step {step}");
        let left: Vec<_> = walk(&db).into_iter().filter(|p| p.to_string_lossy().contains(".vdata.building")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
    assert!(killed >= 8, "only {killed} runs were killed before their end");
}

fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut todo = vec![dir.to_path_buf()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() { todo.push(entry.path()) } else { found.push(entry.path()) }
        }
    }
    found
}

/// A repair takes out what it cannot read; what a pipeline built, the next run builds again.
#[test]
fn what_a_repair_made_smaller_is_built_again() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("repaired.db");
    let rows = answers(&succeed(&mut small(&db)));
    let cold = db.join("main/public/packages/cold");
    let parquet = walk(&cold).into_iter().find(|f| f.extension().is_some_and(|e| e == "parquet")).unwrap();
    fs::remove_file(parquet).unwrap();
    succeed(Command::new(env!("CARGO_BIN_EXE_qx")).arg("repair").arg(&db));
    assert_eq!(answers(&succeed(&mut small(&db))), rows);
    succeed(Command::new(env!("CARGO_BIN_EXE_qx")).arg("fsck").arg(&db));
}

#[test]
fn an_index_of_a_pipeline_and_its_table_give_the_same_ids() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("small.db");
    succeed(&mut small(&db));
    let question = "(select vector from questions where question = 'image viewer')";
    let ids = |sql: &str| rows(&db, sql).iter().map(|r| r["id"].as_u64().unwrap()).collect::<Vec<u64>>();
    // The index is one of cosine: by any other metric the table answers.
    for (metric, function, way) in [("cosine", "cosine_sim", "desc"), ("l2", "vec_l2", "asc")] {
        let search = format!("nearest_neighbors('package_vectors', 'vector', {question}, 3, metric => '{metric}')");
        let found = ids(&format!("select row_id as id from {search} order by score {way}, row_id"));
        let sorted = format!("select id from package_vectors order by {function}(vector, {question}) {way}, id");
        let all = ids(&sorted);
        assert_eq!(found, all[..3], "{metric}");
        let joined = format!("select p.id from {search} n join packages p on p.id = n.row_id");
        assert_eq!(ids(&joined).len(), 3, "{metric}");
    }
    // The table has no number of its own by which the index knew a row.
    let sql = "select v.__row_id from package_vectors v";
    let output = Command::new(env!("CARGO_BIN_EXE_qx")).args(["sql", "-c", sql, "--db"]).arg(&db).output().unwrap();
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(
        message.contains("public.package_vectors by their column id") && message.contains("join by id"),
        "{message}"
    );
}

#[test]
fn a_second_writer_is_told_to_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("locked.db");
    succeed(Command::new(env!("CARGO_BIN_EXE_qx")).arg("init").arg(&db));
    let lock = fs::File::options().read(true).write(true).create(true).truncate(false).open(db.join("LOCK")).unwrap();
    lock.lock().unwrap();
    let output = small(&db).output().unwrap();
    assert_eq!(output.status.code(), Some(75), "{}", String::from_utf8_lossy(&output.stderr));
    drop(lock);
    succeed(&mut small(&db));
}

#[test]
fn what_writes_is_refused_and_what_is_missing_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let db = dir.path().join("small.db");
    succeed(&mut small(&db));
    let sql = |text: &str| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_qx")).args(["sql", "-c", text, "--db"]).arg(&db).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for text in ["delete from packages", "explain delete from packages", "update packages set size = 0"] {
        let (code, message) = sql(text);
        assert_eq!(code, Some(2), "{text}: {message}");
    }
    for (text, named) in [
        ("select * from nothing", "nothing"),
        ("select * from main.store.documents.nothing", "main.store.documents.nothing"),
        ("select * from main.store.nothing.x", "main.store.nothing"),
        ("select * from vector_search('nothing', '[1]', 1)", "public.nothing"),
        ("select * from vector_search('package_vectors', '[1]', 1)", "384"),
        ("select * from vector_search('package_vectors', colour => 1)", "colour"),
        ("select * from graph_neighbors('dependency_graph', 'nobody')", "nobody"),
        ("selec 1", "selec"),
    ] {
        let (code, message) = sql(text);
        assert_eq!(code, Some(2), "{text}: {message}");
        assert!(message.contains(named), "{text}: {message}");
        assert!(message.lines().count() <= 3, "{text}: {message}");
    }
    let (code, message) = sql("select count(*) from packages");
    assert_eq!(code, Some(0), "{message}");
}

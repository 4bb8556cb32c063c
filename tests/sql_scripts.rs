//! The SQL scripts of `tests/sql`, in sqllogictest format. Each runs three times: with its rows in the log, with a flush
//! behind every statement, and in a session of its own for every statement. The answers are the same.
//!
//! Of the format: `statement ok`, `statement count N`, `statement error REGEX`, `query TYPES [rowsort]`, `onlyif` and
//! `skipif` with `hot`, `flushed` or `reopened`, `$DATA` for the folder of the scripts' files, `$DB` for the database. The
//! reader of it stands here, because the crate for it changes features of half the engine's dependencies, which then
//! compile twice.

#![cfg(feature = "engine")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use qx_formats::Error;
use qx_sql::{Answer, Session};
use qx_store::{Store, Writer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Hot,
    Flushed,
    Reopened,
}

impl Mode {
    fn name(self) -> &'static str {
        match self {
            Mode::Hot => "hot",
            Mode::Flushed => "flushed",
            Mode::Reopened => "reopened",
        }
    }
}

struct Database {
    store: Arc<Store>,
    session: Session,
    mode: Mode,
}

impl Database {
    fn new(dir: &Path, mode: Mode) -> Self {
        let store = Arc::new(Store::init(dir).unwrap().0);
        let session = Session::open(&store).unwrap();
        Database { store, session, mode }
    }

    async fn run(&mut self, sql: &str) -> Result<Answer, Error> {
        let answer = self.session.query(sql).await;
        if !self.session.in_transaction().await {
            match self.mode {
                Mode::Hot => {}
                Mode::Flushed => {
                    self.session.maintain(async |w: &mut Writer| w.flush_all().await).await?;
                }
                Mode::Reopened => {
                    self.session.close().await?;
                    self.session = Session::open(&self.store)?;
                }
            }
        }
        answer
    }
}

/// The cells of an answer, a line for each row.
fn lines(answer: &Answer) -> Vec<String> {
    let options = FormatOptions::default().with_null("NULL").with_display_error(true);
    let mut rows = Vec::new();
    for batch in &answer.batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref(), &options).unwrap()).collect();
        for row in 0..batch.num_rows() {
            let cell = |text: String| if text.is_empty() { "(empty)".to_owned() } else { text };
            let cells: Vec<String> = columns.iter().map(|c| cell(c.value(row).to_string())).collect();
            rows.push(cells.join(" "));
        }
    }
    rows
}

/// One record of a script.
struct Record<'a> {
    line: usize,
    head: Vec<&'a str>,
    rest: &'a str,
    sql: String,
    expected: Vec<String>,
}

fn records<'a>(text: &'a str, mode: Mode) -> Vec<Record<'a>> {
    let mut out = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    let mut skip = false;
    while let Some((number, line)) = lines.next() {
        let head: Vec<&str> = line.split_whitespace().collect();
        match head.first().copied() {
            None => {}
            Some(comment) if comment.starts_with('#') => {}
            Some("onlyif") => skip |= head.get(1) != Some(&mode.name()),
            Some("skipif") => skip |= head.get(1) == Some(&mode.name()),
            Some("statement" | "query") => {
                let mut sql = Vec::new();
                let mut answered = false;
                while let Some((_, l)) = lines.next_if(|(_, l)| !l.trim().is_empty()) {
                    if l == "----" {
                        answered = true;
                        break;
                    }
                    sql.push(l);
                }
                let mut expected = Vec::new();
                while answered && let Some((_, l)) = lines.next_if(|(_, l)| !l.trim().is_empty()) {
                    expected.push(l.split_whitespace().collect::<Vec<_>>().join(" "));
                }
                let rest = line.split_once(head[1]).map_or("", |(_, r)| r.trim());
                if !std::mem::take(&mut skip) {
                    out.push(Record { line: number + 1, head, rest, sql: sql.join("\n"), expected });
                }
            }
            Some(other) => panic!("line {}: no such record: {other}", number + 1),
        }
    }
    out
}

async fn check(db: &mut Database, record: &Record<'_>, data: &str) -> Result<(), String> {
    let sql = record.sql.replace("$DATA", data).replace("$DB", &db.store.root().to_string_lossy());
    let answer = db.run(&sql).await;
    let text = |e: &Error| format!("{e}{}", e.get_hint().map(|h| format!(" [{h}]")).unwrap_or_default());
    match (record.head[0], record.head[1]) {
        ("statement", "error") => match answer {
            Ok(_) => Err("an error was expected".to_owned()),
            Err(e) if record.rest.split('|').any(|part| text(&e).contains(part)) => Ok(()),
            Err(e) => Err(format!("expected an error with `{}`, got: {}", record.rest, text(&e))),
        },
        (_, kind) => {
            let answer = answer.map_err(|e| text(&e))?;
            match kind {
                "ok" => Ok(()),
                "count" if answer.affected.map(|n| n.to_string()).as_deref() == Some(record.rest) => Ok(()),
                "count" => Err(format!("expected {} rows affected, got {:?}", record.rest, answer.affected)),
                _ => {
                    let (mut got, mut expected) = (lines(&answer), record.expected.clone());
                    if record.rest == "rowsort" {
                        got.sort();
                        expected.sort();
                    }
                    let got: Vec<String> =
                        got.iter().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
                    let same = got == expected;
                    same.then_some(())
                        .ok_or_else(|| format!("expected\n{}\ngot\n{}", expected.join("\n"), got.join("\n")))
                }
            }
        }
    }
}

fn scripts() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sql");
    let entries = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let mut found: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == "slt")).collect();
    found.sort();
    assert!(!found.is_empty());
    found
}

fn run(mode: Mode) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let only = std::env::var("QX_SLT").ok();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sql/data");
    let mut failed = Vec::new();
    for script in scripts() {
        let name = script.file_stem().unwrap().to_string_lossy().into_owned();
        if only.as_ref().is_some_and(|o| !name.contains(o.as_str())) {
            continue;
        }
        let dir = tempfile::tempdir().unwrap();
        let text = std::fs::read_to_string(&script).unwrap();
        runtime.block_on(async {
            let mut db = Database::new(dir.path(), mode);
            for record in records(&text, mode) {
                if let Err(e) = check(&mut db, &record, data).await {
                    failed.push(format!("{name}.slt:{} ({}): {}\n{e}", record.line, mode.name(), record.sql));
                }
            }
            db.session.close().await.unwrap();
        });
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

#[test]
fn with_rows_in_the_log() {
    run(Mode::Hot);
}

#[test]
fn with_a_flush_behind_every_statement() {
    run(Mode::Flushed);
}

#[test]
fn with_a_session_for_every_statement() {
    run(Mode::Reopened);
}

//! Statements that somebody mangled: whatever the text, it is planned or refused, and never ends the process.

use std::sync::Arc;
use std::time::Duration;

use qx_formats::Kind;
use qx_plan::{Options, capture};
use qx_store::Store;

use crate::session::Session;

const SETUP: &str = include_str!("../../../../tests/explain/setup.sql");
const STATEMENTS: &str = include_str!("../../../../tests/explain/statements.txt");

/// What is put in places where it does not belong.
const ODD: &[&str] = &[
    "null",
    "''",
    "'\u{1f}'",
    "x''",
    "-",
    "0",
    "9223372036854775808",
    "1e400",
    "(",
    ")",
    "()",
    "*",
    "$1",
    "?",
    "::",
    ".",
    "as",
    "select",
    "from",
    "where",
    "in",
    "like",
    "interval '1 day'",
    "array[]",
    "[]",
    "{}",
    "\"\"",
    "\"a\u{0}b\"",
    "cast(null as bigint)",
    "t.t.t.t.t",
    "lateral",
    "over ()",
    "explain",
    "--",
    "/*",
    ";",
    "date '0000-00-00'",
    "true",
    "struct(1)",
    "graph_neighbors('g', 'planner')",
    "(select 1)",
    "main.store.s.docs",
    "=>",
    "->",
    "with",
];

/// The sequence of SplitMix64 (Steele, Lea, Flood 2014).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// Words, and everything else a character at a time.
fn tokens(sql: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for c in sql.chars() {
        let word = c.is_alphanumeric() || c == '_';
        match out.last_mut() {
            Some(last) if word && last.chars().all(|d| d.is_alphanumeric() || d == '_') => last.push(c),
            _ => out.push(c.to_string()),
        }
    }
    out
}

fn mangled(all: &[Vec<String>], numbers: &mut Numbers) -> String {
    let mut out = all[numbers.below(all.len())].clone();
    for _ in 0..=numbers.below(3) {
        let at = numbers.below(out.len());
        match numbers.below(10) {
            // A word where a word was: what parses most often.
            6.. if !out.is_empty() => {
                let is_word = |t: &&String| t.chars().all(|c| c.is_alphanumeric() || c == '_');
                let other: Vec<&String> = all[numbers.below(all.len())].iter().filter(is_word).collect();
                let here = (at..out.len()).find(|i| is_word(&&out[*i]));
                if let (Some(here), false) = (here, other.is_empty()) {
                    out[here] = other[numbers.below(other.len())].clone();
                }
            }
            0 if out.len() > 1 => drop(out.remove(at)),
            1 => {
                let other = numbers.below(out.len());
                out.swap(at, other);
            }
            2 => out.insert(at, ODD[numbers.below(ODD.len())].to_owned() + " "),
            3 if !out.is_empty() => out[at] = ODD[numbers.below(ODD.len())].to_owned(),
            4 => {
                // The head of one with the tail of another.
                let other = &all[numbers.below(all.len())];
                out.truncate(at);
                out.extend_from_slice(&other[numbers.below(other.len())..]);
            }
            _ => {
                let end = (at + 1 + numbers.below(8)).min(out.len());
                let piece = out[at..end].to_vec();
                out.splice(at..at, piece);
            }
        }
    }
    out.concat()
}

#[test]
fn no_statement_ends_the_process() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(Store::init(&dir.path().join("x.db")).unwrap().0);
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let session = Session::open(&store).unwrap();
            session.script(SETUP).await.unwrap();
            let state = session.context().state();
            let lines = STATEMENTS.lines().filter_map(|l| l.split_once('\t'));
            let all: Vec<Vec<String>> = lines.map(|(_, sql)| tokens(sql)).collect();
            let (mut numbers, mut planned, mut refused) = (Numbers(0), 0, 0);
            for _ in 0..1_000 {
                let text = mangled(&all, &mut numbers);
                let Ok(statements) = Session::parse(&text) else {
                    refused += 1;
                    continue;
                };
                for statement in statements {
                    let one = async {
                        let subject = session.subject(statement).await?;
                        capture(&state, subject, Options::default()).await
                    };
                    let done = tokio::time::timeout(Duration::from_secs(60), one).await;
                    match done.unwrap_or_else(|_| panic!("no end: {text}")) {
                        Ok(_) => planned += 1,
                        // A statement is no reason to call the database damaged.
                        Err(e) if matches!(e.kind(), Kind::Corrupt | Kind::Io) => panic!("{text}: {e}"),
                        Err(_) => refused += 1,
                    }
                }
            }
            assert!(planned > 20 && refused > 100, "{planned} planned, {refused} refused");
        });
    };
    std::thread::Builder::new().stack_size(64 << 20).spawn(work).unwrap().join().unwrap();
}

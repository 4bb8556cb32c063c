//! Files and functions stay small enough to be read at one sitting, or say why not.

use serde::Deserialize;

use super::code::{bare, functions};
use super::tree::{self, nothing_to_say};

const MAX_FILE_LINES: usize = 600;
const MAX_FUNCTION_LINES: usize = 60;
const EXCEPTIONS: &str = "tests/house/exceptions.toml";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exceptions {
    #[serde(default)]
    file: Vec<Exception>,
    #[serde(default)]
    function: Vec<Exception>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    path: String,
    /// Of a function.
    #[serde(default)]
    name: String,
    /// What it may grow to.
    max: usize,
    reason: String,
}

/// What is larger than `limit`, held against its exceptions; and exceptions that nothing needs.
fn judge(limit: usize, exceptions: &[Exception], found: &[(String, String, usize)]) -> Vec<String> {
    let mut complaints = Vec::new();
    for (path, name, lines) in found.iter().filter(|f| f.2 > limit) {
        let exception = exceptions.iter().find(|e| e.path == *path && e.name == *name);
        let max = exception.map_or(limit, |e| e.max);
        if *lines > max {
            complaints.push(format!("{path} {name}: {lines} lines, {max} allowed"));
        }
    }
    for e in exceptions {
        if !found.iter().any(|(path, name, lines)| *path == e.path && *name == e.name && *lines > limit) {
            complaints.push(format!("{EXCEPTIONS}: {} {} needs no exception any more", e.path, e.name));
        }
        if e.max <= limit || e.reason.len() < 20 {
            complaints.push(format!("{EXCEPTIONS}: {} {} has no bound above {limit} or no reason", e.path, e.name));
        }
    }
    complaints
}

fn exceptions() -> Exceptions {
    toml::from_str(&tree::read(EXCEPTIONS)).unwrap_or_else(|e| panic!("{EXCEPTIONS}: {e}"))
}

#[test]
fn files_are_of_a_size_to_be_read() {
    let size = |path: String| {
        let lines = tree::read(&path).lines().count();
        (path, String::new(), lines)
    };
    let found: Vec<_> = tree::with_extension("rs").into_iter().map(size).collect();
    let complaints = judge(MAX_FILE_LINES, &exceptions().file, &found);
    nothing_to_say("a file holds one idea, in at most 600 lines or so", &complaints);
}

#[test]
fn functions_are_of_a_size_to_be_seen_at_once() {
    let mut found = Vec::new();
    for path in tree::with_extension("rs") {
        let sizes = functions(&bare(&tree::read(&path)));
        found.extend(sizes.into_iter().map(|f| (path.clone(), f.name.clone(), f.lines())));
    }
    assert!(found.len() > 100, "the scanner finds functions");
    let complaints = judge(MAX_FUNCTION_LINES, &exceptions().function, &found);
    nothing_to_say("a function does one thing, in at most 60 lines or so", &complaints);
}

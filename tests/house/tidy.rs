//! Nothing half-done, nothing of one machine, and every folder has what a reader looks for in it.

use std::collections::BTreeSet;
use std::path::Path;

use super::code::{bare, without_tests};
use super::tree::{self, nothing_to_say};

/// Extensions of texts that people write.
const TEXTS: [&str; 10] = ["rs", "toml", "md", "sh", "sql", "py", "yml", "yaml", "json", "1"];

fn texts() -> Vec<String> {
    let is_text = |f: &String| {
        let extension = Path::new(f).extension().and_then(|e| e.to_str()).unwrap_or_default();
        // Fixtures are data: what they hold is theirs.
        (TEXTS.contains(&extension) || f.starts_with(".ci/") || f == "justfile") && !f.starts_with("fixtures/")
    };
    tree::files("").into_iter().filter(is_text).collect()
}

fn complain(files: Vec<String>, line_is_bad: impl Fn(&str) -> bool, view: impl Fn(&str) -> String) -> Vec<String> {
    let mut complaints = Vec::new();
    for path in files {
        let text = view(&tree::read(&path));
        let bad = text.lines().enumerate().filter(|(_, line)| line_is_bad(line));
        complaints.extend(bad.map(|(i, line)| format!("{path}:{}: {}", i + 1, line.trim())));
    }
    complaints
}

#[test]
fn nothing_is_left_to_be_done() {
    let marks = ["todo!", "unimplemented!", "dbg!"];
    let found = complain(tree::with_extension("rs"), |l| marks.iter().any(|m| l.contains(m)), bare);
    nothing_to_say("finish it, or open an issue", &found);
    // Put together, so that these lines do not find themselves.
    let words = [["TO", "DO"].concat(), ["FIX", "ME"].concat(), ["XX", "X:"].concat()];
    let found = complain(texts(), |l| words.iter().any(|w| l.contains(w.as_str())), str::to_owned);
    nothing_to_say("a note to oneself belongs in an issue", &found);
}

#[test]
fn nothing_names_one_machine() {
    let bad = |folders: &[&str]| {
        let folders: Vec<String> = folders.iter().map(|f| format!("/{f}/")).collect();
        // A path that begins here, not one that goes on (`lib/work/`, `https://...`).
        let starts = |before: &str| !before.ends_with(|c: char| c.is_alphanumeric() || "_.-}/~$".contains(c));
        move |line: &str| folders.iter().any(|f| line.match_indices(f.as_str()).any(|(at, _)| starts(&line[..at])))
    };
    let mut found = complain(texts(), bad(&["work", "root", "home", "Users"]), str::to_owned);
    // A reader of a document may be sent there; a source asks for a folder of its own.
    let sources = texts().into_iter().filter(|f| !f.ends_with(".md") && !f.ends_with(".1")).collect();
    found.extend(complain(sources, bad(&["tmp"]), str::to_owned));
    nothing_to_say("a path of one machine", &found);
}

#[test]
fn merges_are_finished() {
    let marks = ["<<<<<<< ", ">>>>>>> "];
    nothing_to_say("a conflict mark", &complain(texts(), |l| marks.iter().any(|m| l.starts_with(m)), str::to_owned));
}

#[test]
fn decoders_and_libraries_do_not_unwrap() {
    let is_test = |f: &str| f.ends_with("tests.rs") || f.ends_with("testing.rs") || f.contains("/tests/");
    let sources = tree::with_extension("rs").into_iter();
    let sources = sources.filter(|f| (f.starts_with("formats/") || f.starts_with("lib/")) && !is_test(f)).collect();
    let view = |text: &str| without_tests(&bare(text));
    let found = complain(sources, |l| l.contains(".unwrap()"), view);
    nothing_to_say("an error is returned, or `expect` says why there is none", &found);
}

#[test]
fn every_format_has_its_parts() {
    let files = tree::files("formats");
    let folders: BTreeSet<&str> =
        files.iter().filter_map(|f| f.split('/').nth(1)).filter(|f| !f.contains('.')).collect();
    assert!(folders.contains("container"));
    let mut missing = Vec::new();
    for folder in folders {
        let part = |name: &str| files.iter().any(|f| f.starts_with(&format!("formats/{folder}/{name}")));
        for name in ["SPEC.md", "layout.rs", "mod.rs"] {
            if !part(name) {
                missing.push(format!("formats/{folder}/{name}"));
            }
        }
        // Older systems' files are read and never written, so there is nothing of ours to freeze or encode.
        if folder != "legacy" && tree::files("fixtures").iter().all(|f| !f.starts_with(&format!("fixtures/{folder}/v")))
        {
            missing.push(format!("fixtures/{folder}/v1/"));
        }
    }
    nothing_to_say("a format lacks", &missing);
}

#[test]
fn every_frozen_file_is_explained() {
    let files = tree::files("fixtures");
    let frozen = files
        .iter()
        .filter(|f| f.split('/').nth(2).is_some_and(|v| v.starts_with('v') && v[1..].parse::<u32>().is_ok()));
    let mut complaints = Vec::new();
    for file in frozen {
        let mut parts = file.split('/');
        let format = parts.nth(1).unwrap();
        let readme = format!("fixtures/{format}/README.md");
        // A fixture that is a folder is explained by its name; one file by its own.
        let name = file.split('/').nth(3).unwrap();
        let explained = tree::root().join(&readme).is_file() && tree::read(&readme).contains(name);
        if !explained {
            complaints.push(format!("{file} is not in {readme}"));
        }
    }
    nothing_to_say("fixtures/FORMAT/README.md says what each file is", &complaints);
}

#[test]
fn texts_end_in_a_line_break_and_have_no_spaces_at_their_ends() {
    let mut complaints = complain(texts(), |l| l.ends_with([' ', '\t']), str::to_owned);
    for path in texts() {
        let text = tree::read(&path);
        if !text.is_empty() && !text.ends_with('\n') {
            complaints.push(format!("{path}: no line break at the end"));
        }
    }
    nothing_to_say("white space", &complaints);
}

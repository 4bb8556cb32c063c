//! Each rule of a specification whose rules have marks is named by a test.

use std::collections::BTreeSet;

use super::tree::{self, nothing_to_say};

/// A specification, and where its tests stand.
const MARKED: [(&str, [&str; 2]); 1] = [("formats/delta_log/SPEC.md", ["formats/delta_log/", "lib/log/tests/"])];

/// `F3`: a letter and a number.
fn is_mark(word: &str) -> bool {
    let (letter, number) = word.split_at_checked(1).unwrap_or_default();
    letter.chars().all(|c| c.is_ascii_uppercase()) && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

/// Marks between backquotes.
fn marks_of(spec: &str) -> BTreeSet<String> {
    spec.split('`').filter(|word| is_mark(word)).map(str::to_owned).collect()
}

/// Marks in the comments of tests: `/// SPEC F1, F3`.
fn marks_named(source: &str) -> BTreeSet<String> {
    let lines = source.lines().filter_map(|line| line.trim().strip_prefix("/// SPEC "));
    lines.flat_map(|line| line.split(", ")).map(str::to_owned).collect()
}

#[test]
fn every_rule_with_a_mark_is_named_by_a_test() {
    let mut complaints = Vec::new();
    for (spec, folders) in MARKED {
        let marks = marks_of(&tree::read(spec));
        assert!(marks.len() > 50, "{spec}: {} marks", marks.len());
        let tests = tree::with_extension("rs").into_iter().filter(|f| folders.iter().any(|at| f.starts_with(at)));
        let named: BTreeSet<String> = tests.flat_map(|f| marks_named(&tree::read(&f))).collect();
        complaints.extend(marks.difference(&named).map(|m| format!("{spec}: no test names {m}")));
        complaints.extend(named.difference(&marks).map(|m| format!("{spec}: a test names {m}, which is no mark")));
    }
    nothing_to_say("write the test, or name the rule in the one that there is: `/// SPEC F3`", &complaints);
}

#[test]
fn marks_are_told_from_other_words() {
    let all = marks_of("the length (`F2`), at most `MAX_LEN`; `F10`, `u64`, `F`, `1A`, F3");
    assert_eq!(all.into_iter().collect::<Vec<_>>(), ["F10", "F2"]);
    assert_eq!(marks_named("    /// SPEC F1, F3\n/// A SPEC\n").len(), 2);
}

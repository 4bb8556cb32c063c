//! `docs/diagnostics.md` lists every log event, every finding and every kind of error; so do the sources.
//!
//! Both directions are compared: an event or id that the document does not explain fails, and so does a line that
//! explains what no longer exists.

#[path = "support/rust_source.rs"]
mod rust_source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use rust_source::{Source, Token, arguments, tokens};

const DOCUMENT: &str = "docs/diagnostics.md";
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// Of file names, which look like ids but are none.
const EXTENSIONS: [&str; 10] = ["json", "seg", "log", "vdata", "vindex", "db", "toml", "ndjson", "npy", "parquet"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of the table under a heading, as cells without their back quotes.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join(DOCUMENT)).unwrap();
    let section = text.split("\n## ").find(|s| s.lines().next() == Some(heading));
    let section = section.unwrap_or_else(|| panic!("{DOCUMENT} has no section `{heading}`"));
    let rows = section.lines().filter(|l| l.starts_with('|')).skip(2);
    let rows: Vec<Vec<String>> =
        rows.map(|l| l.trim_matches('|').split('|').map(|c| c.trim().replace('`', "")).collect()).collect();
    for row in &rows {
        assert!(row.iter().all(|cell| !cell.is_empty()), "{DOCUMENT}, {heading}: an empty cell in {row:?}");
    }
    rows
}

fn sources() -> Vec<Source> {
    rust_source::read(&root(), &["formats", "lib", "tools"])
}

/// Fails with what stands on one side only.
fn assert_same(what: &str, in_sources: &BTreeMap<String, String>, in_document: &BTreeSet<String>) {
    let unexplained: Vec<_> = in_sources
        .iter()
        .filter(|(id, _)| !in_document.contains(*id))
        .map(|(id, at)| format!("{id}   ({at})"))
        .collect();
    let gone: Vec<_> = in_document.iter().filter(|id| !in_sources.contains_key(*id)).cloned().collect();
    assert!(
        unexplained.is_empty() && gone.is_empty(),
        "{what}\nnot in {DOCUMENT}:\n  {}\nin {DOCUMENT}, but not in the sources:\n  {}",
        unexplained.join("\n  "),
        gone.join("\n  "),
    );
}

/// `target level {fields} message` of the event whose macro's bracket opens at `open`.
fn event(level: &str, tokens: &[Token], open: usize) -> Result<String, String> {
    let mut arguments = arguments(tokens, open).into_iter();
    let target = match arguments.next() {
        Some([Token::Word(word), Token::Sign(':'), Token::Text(target)])
            if word == "target" && target.starts_with("qx::") =>
        {
            target
        }
        _ => return Err("does not start with `target: \"qx::...\"`".to_owned()),
    };
    let mut fields = BTreeSet::new();
    let mut message = None;
    for argument in arguments {
        match argument {
            [Token::Text(text)] if !text.contains(['{', '|']) => message = Some(text.clone()),
            [Token::Text(_), ..] => return Err("has a message that is not fixed; use fields".to_owned()),
            _ => {
                let named = argument.iter().take_while(|t| **t != Token::Sign('='));
                let name: Vec<_> =
                    named.filter_map(|t| if let Token::Word(w) = t { Some(w.as_str()) } else { None }).collect();
                fields.insert(name.join("."));
            }
        }
    }
    let message = message.ok_or("has no message")?;
    let fields: Vec<_> = fields.into_iter().collect();
    Ok(format!("{target} {level} {{{}}} {message}", fields.join(", ")))
}

#[test]
fn log_events_are_those_of_the_document() {
    let mut found = BTreeMap::new();
    let mut wrong = Vec::new();
    for source in sources() {
        for (at, window) in source.tokens.windows(3).enumerate() {
            let [Token::Word(level), Token::Sign('!'), Token::Sign('(')] = window else { continue };
            if !LEVELS.contains(&level.as_str()) {
                continue;
            }
            let path = source.path.display();
            if !source.tokens[..at].ends_with(&tokens("tracing::")) {
                wrong.push(format!("{path}: write `tracing::{level}!` in full"));
                continue;
            }
            match event(level, &source.tokens, at + 2) {
                Ok(event) => drop(found.insert(event, path.to_string())),
                Err(e) => wrong.push(format!("{path}: tracing::{level}! {e}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let rows = table("Log events");
    let documented = rows.iter().map(|row| {
        let [target, level, message, fields, _] = row.as_slice() else { panic!("a row needs five cells: {row:?}") };
        let mut fields: Vec<_> = fields.split(", ").filter(|f| *f != "-").collect();
        fields.sort_unstable();
        format!("{target} {level} {{{}}} {message}", fields.join(", "))
    });
    assert_same("log events", &found, &documented.collect());
}

fn is_id(text: &str) -> bool {
    let Some((format, what)) = text.split_once('.') else { return false };
    let plain = |s: &str| !s.is_empty() && s.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    // `db.log` is a finding about a database; `x.log` is a file.
    plain(format) && plain(what) && (format == "db" || !EXTENSIONS.contains(&what))
}

/// In a file that makes findings, every text of an id's form is an id: they are passed on in variables, too.
#[test]
fn finding_ids_are_those_of_the_document() {
    let mut found = BTreeMap::new();
    for source in sources() {
        if !source.tokens.windows(3).any(|w| w == tokens("Finding::")) {
            continue;
        }
        for token in &source.tokens {
            if let Token::Text(text) = token
                && is_id(text)
            {
                found.insert(text.clone(), source.path.display().to_string());
            }
        }
    }
    assert_same("findings", &found, &first_cells("Findings"));
}

#[test]
fn kinds_of_errors_are_those_of_the_document() {
    let mut found = BTreeMap::new();
    for source in sources() {
        if !source.path.ends_with("container/error.rs") {
            continue;
        }
        // `Kind::Io => "io"`, as signs: K : : W = > "text".
        for window in source.tokens.windows(7) {
            if let [Token::Word(kind), _, _, Token::Word(_), Token::Sign('='), Token::Sign('>'), Token::Text(name)] =
                window
                && kind == "Kind"
            {
                found.insert(name.clone(), source.path.display().to_string());
            }
        }
    }
    assert!(!found.is_empty());
    assert_same("kinds of errors", &found, &first_cells("Errors"));
}

fn first_cells(heading: &str) -> BTreeSet<String> {
    let rows = table(heading);
    let ids: BTreeSet<_> = rows.iter().filter_map(|row| row.first().cloned()).collect();
    assert_eq!(ids.len(), rows.len(), "{DOCUMENT}, {heading}: something stands twice");
    ids
}

#[test]
fn events_are_read_as_they_are_written() {
    let text = r#"
        // tracing::warn!(target: "qx::no", "a comment")
        tracing::warn!(target: "qx::io", path = %entry.path().display(), signal, ?x, a.b = 1, "it \
                       happened");
        #[cfg(test)]
        mod tests { fn x() { tracing::warn!("{}", '}'); } }
    "#;
    let all = tokens(text);
    let at = all.iter().position(|t| *t == Token::Sign('!')).unwrap();
    assert_eq!(event("warn", &all, at + 1), Ok("qx::io warn {a.b, path, signal, x} it happened".to_owned()));
    let wrong = |text: &str| event("warn", &tokens(text), 0).unwrap_err();
    assert!(wrong(r#"("no target")"#).contains("target"));
    assert!(wrong(r#"(target: "qx::io", "with {} in it", x)"#).contains("fixed"));
    assert!(wrong(r#"(target: "qx::io", x)"#).contains("no message"));
    assert!(is_id("dict.open") && !is_id("dict.seg") && !is_id("Dict.open") && !is_id("a.b.c") && !is_id("dict."));
    assert_eq!(
        tokens(r##"b'"' 'a' '\'' r#"x"y"# 'life"##).len(),
        3,
        "{:?}",
        tokens(r##"b'"' 'a' '\'' r#"x"y"# 'life"##)
    );
}

//! Completion of keywords, functions and names; and whether a statement is at its end.

use std::collections::BTreeSet;

use qx_sql::Session;
use rustyline::Context;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};

const KEYWORDS: &[&str] = &[
    "ALTER",
    "ANALYZE",
    "AND",
    "ANN",
    "AS",
    "ASC",
    "BEGIN",
    "BETWEEN",
    "BUILD",
    "BY",
    "CASE",
    "CAST",
    "COMMIT",
    "COPY",
    "CREATE",
    "CROSS",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "DROP",
    "EDGE",
    "ELSE",
    "END",
    "EXACT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FROM",
    "FULL",
    "GRAPH",
    "GROUP",
    "HAVING",
    "IN",
    "INDEX",
    "INNER",
    "INSERT",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "LATERAL",
    "LEFT",
    "LIKE",
    "LIMIT",
    "LIST",
    "MATCH",
    "MERGE",
    "MODE",
    "NODE",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PRIMARY",
    "READ",
    "REINDEX",
    "RETURN",
    "RIGHT",
    "ROLLBACK",
    "SELECT",
    "SET",
    "SHOW",
    "STATUS",
    "STORE",
    "SYNC",
    "TABLE",
    "THEN",
    "TRUE",
    "UNION",
    "UPDATE",
    "USE",
    "USING",
    "VALUES",
    "VECTOR",
    "WHEN",
    "WHERE",
    "WITH",
    "WRITE",
];

/// Table functions: the engine's registry lists the others.
const FUNCTIONS: &[&str] = &[
    "graph_edges",
    "graph_neighbors",
    "graph_nodes",
    "graph_paths",
    "graph_reach",
    "nearest_neighbors",
    "read_dict",
    "read_json",
    "read_log",
    "read_vdata",
    "vector_search",
];

/// So many proposals are shown at most.
const MOST: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Helper {
    /// Names of things in the database, and of functions.
    names: BTreeSet<String>,
}

impl Helper {
    /// Takes in what there is by now.
    pub(super) fn learn(&mut self, session: &Session) {
        let catalog = session.view().catalog();
        self.names.clear();
        let mut name = |key: &str| {
            self.names.insert(key.strip_prefix("public.").unwrap_or(key).to_owned());
        };
        for (key, table) in &catalog.tables {
            name(key);
            table.columns.iter().for_each(|c| name(&c.name));
        }
        catalog.graphs.keys().chain(catalog.indexes.keys()).chain(catalog.stores.keys()).for_each(|key| name(key));
        FUNCTIONS.iter().for_each(|f| name(f));
        session.context().state().scalar_functions().keys().for_each(|f| name(f));
        session.context().state().aggregate_functions().keys().for_each(|f| name(f));
    }

    /// Where the word before the cursor begins, and what it may become.
    fn proposals(&self, line: &str, at: usize) -> (usize, Vec<String>) {
        let before = line.get(..at).unwrap_or(line);
        let part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let start = before.char_indices().rev().find(|(_, c)| !part(*c)).map_or(0, |(i, c)| i + c.len_utf8());
        let word = before.get(start..).unwrap_or_default();
        // A column behind `t.` is completed as itself.
        let start = start + word.rfind('.').map_or(0, |dot| if self.has_schema(word) { 0 } else { dot + 1 });
        let word = before.get(start..).unwrap_or_default();
        if word.is_empty() {
            return (start, Vec::new());
        }
        let lower = word.to_lowercase();
        let mut found: Vec<String> =
            self.names.iter().filter(|n| n.to_lowercase().starts_with(&lower)).cloned().collect();
        let small = word.chars().all(|c| !c.is_uppercase());
        let keywords = KEYWORDS.iter().filter(|k| k.to_lowercase().starts_with(&lower));
        found.extend(keywords.map(|k| if small { k.to_lowercase() } else { (*k).to_owned() }));
        found.sort();
        found.dedup();
        found.truncate(MOST);
        (start, found)
    }

    fn has_schema(&self, word: &str) -> bool {
        self.names.iter().any(|n| n.starts_with(word))
    }
}

/// Whether a text ends a statement: by a semicolon outside of quotes and comments.
pub(super) fn is_whole(text: &str) -> bool {
    if text.trim().is_empty() || text.trim_start().starts_with('\\') {
        return true;
    }
    let (mut chars, mut ended) = (text.chars().peekable(), false);
    while let Some(c) = chars.next() {
        match c {
            '\'' | '"' => {
                if !chars.by_ref().any(|next| next == c) {
                    return false;
                }
                ended = false;
            }
            '-' if chars.peek() == Some(&'-') => {
                chars.by_ref().find(|next| *next == '\n');
            }
            '/' if chars.peek() == Some(&'*') => {
                let mut before = ' ';
                if !chars.by_ref().any(|next| std::mem::replace(&mut before, next) == '*' && next == '/') {
                    return false;
                }
            }
            ';' => ended = true,
            c if c.is_whitespace() => {}
            _ => ended = false,
        }
    }
    ended
}

impl Completer for Helper {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let (start, found) = self.proposals(line, at);
        Ok((start, found.into_iter().map(|w| Pair { display: w.clone(), replacement: w }).collect()))
    }
}

impl Validator for Helper {
    fn validate(&self, cx: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_whole(cx.input()) { ValidationResult::Valid(None) } else { ValidationResult::Incomplete })
    }
}

impl Hinter for Helper {
    type Hint = String;
}

impl Highlighter for Helper {}

impl rustyline::Helper for Helper {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_outside_of_quotes_and_comments() {
        for whole in ["select 1;", "", "\\d", "select ';';", "select 1; -- done", "select 1 /* ; */;", "a; b;"] {
            assert!(is_whole(whole), "{whole}");
        }
        for open in ["select 1", "select ';", "select 1 -- ;", "select /* ;", "select \";", "a; b"] {
            assert!(!is_whole(open), "{open}");
        }
    }

    #[test]
    fn words_become_names_and_keywords() {
        let names = ["packages", "package", "main.docs"].map(str::to_owned).into();
        let helper = Helper { names };
        assert_eq!(helper.proposals("select pack", 11), (7, vec!["package".into(), "packages".into()]));
        assert_eq!(helper.proposals("sel", 3), (0, vec!["select".into()]));
        assert_eq!(helper.proposals("SEL", 3), (0, vec!["SELECT".into()]));
        assert_eq!(helper.proposals("select p.pack", 13), (9, vec!["package".into(), "packages".into()]));
        assert_eq!(helper.proposals("from main.do", 12), (5, vec!["main.docs".into()]));
        assert_eq!(helper.proposals("select ", 7).1, Vec::<String>::new());
    }
}

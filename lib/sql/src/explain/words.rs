//! What kind of statement a text is, by its first words.

/// First words, the kind that they make, and whether such a statement changes something.
const KINDS: &[(&[&str], &str, bool)] = &[
    (&["CREATE", "OR", "REPLACE", "TABLE"], "create_table", true),
    (&["CREATE", "TABLE"], "create_table", true),
    (&["CREATE", "VECTOR", "INDEX"], "create_vector_index", true),
    (&["CREATE", "GRAPH"], "create_graph", true),
    (&["CREATE", "STORE"], "create_store", true),
    (&["CREATE", "FUNCTION"], "create_function", true),
    (&["DROP", "TABLE"], "drop_table", true),
    (&["DROP", "VECTOR", "INDEX"], "drop_vector_index", true),
    (&["DROP", "GRAPH"], "drop_graph", true),
    (&["DROP", "STORE"], "drop_store", true),
    (&["DROP", "KEY"], "drop_key", true),
    (&["ALTER", "TABLE"], "alter_table", true),
    (&["ALTER", "VECTOR", "INDEX"], "alter_vector_index", true),
    (&["ALTER", "DATABASE"], "alter_database", true),
    (&["BUILD", "VECTOR", "INDEX"], "build_vector_index", true),
    (&["REINDEX", "VECTOR", "INDEX"], "reindex_vector_index", true),
    (&["INSERT", "NODE"], "insert_node", true),
    (&["INSERT", "EDGE"], "insert_edge", true),
    (&["DELETE", "NODE"], "delete_node", true),
    (&["DELETE", "EDGE"], "delete_edge", true),
    (&["INSERT", "INTO"], "insert", true),
    (&["INSERT"], "insert", true),
    (&["REPLACE", "INTO"], "insert", true),
    (&["UPDATE"], "update", true),
    (&["DELETE", "FROM"], "delete", true),
    (&["MERGE", "INTO"], "merge", true),
    (&["COPY"], "copy", true),
    (&["TRUNCATE", "TABLE"], "truncate", true),
    (&["TRUNCATE"], "truncate", true),
    (&["GC", "GRAPH"], "gc_graph", true),
    (&["USE", "GRAPH"], "use_graph", false),
    (&["RENAME", "STORE"], "rename_store", true),
    (&["RENAME", "KEY"], "rename_key", true),
    (&["WRITE", "KEY"], "write_key", true),
    (&["READ", "KEY"], "read_key", false),
    (&["DESCRIBE", "KEY"], "describe_key", false),
    (&["LIST", "STORES"], "list_stores", false),
    (&["LIST", "KEYS"], "list_keys", false),
    (&["MATCH"], "match", false),
    (&["SHOW"], "show", false),
    (&["DESCRIBE"], "describe", false),
    (&["DESC"], "describe", false),
    (&["SET"], "set", false),
    (&["RESET"], "reset", false),
    (&["BEGIN"], "begin", false),
    (&["START"], "begin", false),
    (&["COMMIT"], "commit", true),
    (&["ROLLBACK"], "rollback", false),
    (&["ABORT"], "rollback", false),
    (&["FLUSH"], "flush", true),
    (&["OPTIMIZE"], "optimize", true),
    (&["VACUUM"], "vacuum", true),
];

/// Words that stand between the kind of a statement and the name of its target.
const BETWEEN: [&str; 6] = ["IF", "NOT", "EXISTS", "ONLY", "INTO", "TABLE"];

/// What the first words of a statement say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) kind: &'static str,
    pub(super) writes: bool,
    /// The name behind them.
    pub(super) target: Option<String>,
}

pub(super) fn words(text: &str) -> Words {
    let tokens: Vec<&str> = text.split_whitespace().take(12).collect();
    let is = |i: usize, word: &str| tokens.get(i).is_some_and(|t| t.eq_ignore_ascii_case(word));
    let found = KINDS.iter().find(|(first, ..)| first.iter().enumerate().all(|(i, w)| is(i, w)));
    let Some((first, kind, writes)) = found else {
        return Words { kind: "query", writes: false, target: None };
    };
    let behind = tokens.iter().skip(first.len());
    let mut names = behind.skip_while(|t| BETWEEN.iter().any(|b| t.eq_ignore_ascii_case(b)));
    let target = writes.then(|| names.next()).flatten().map(|t| {
        let end = t.find(['(', ';', ',']).unwrap_or(t.len());
        t.get(..end).unwrap_or_default().trim_matches('"').to_owned()
    });
    Words { kind, writes: *writes, target: target.filter(|t| !t.is_empty()) }
}

/// The text behind EXPLAIN and its options.
pub(super) fn without_explain(text: &str) -> &str {
    let mut rest = text.trim_start();
    let take = |rest: &mut &str, word: &str| {
        let there = rest.get(..word.len()).is_some_and(|w| w.eq_ignore_ascii_case(word))
            && rest.get(word.len()..).is_some_and(|r| !r.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        if there {
            *rest = rest.get(word.len()..).unwrap_or_default().trim_start();
        }
        there
    };
    if !take(&mut rest, "EXPLAIN") {
        return rest;
    }
    if let Some(list) = rest.strip_prefix('(')
        && ["ANALYZE", "VERBOSE", "FORMAT"].iter().any(|w| take(&mut list.trim_start(), w))
    {
        return list.split_once(')').map_or("", |(_, rest)| rest.trim_start());
    }
    take(&mut rest, "ANALYZE");
    take(&mut rest, "VERBOSE");
    if take(&mut rest, "FORMAT") {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        rest = rest.get(end..).unwrap_or_default().trim_start();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_and_targets_are_read_from_the_first_words() {
        let read = |text| {
            let w = words(text);
            (w.kind, w.target)
        };
        assert_eq!(read("create table if not exists t(a int)"), ("create_table", Some("t".to_owned())));
        assert_eq!(read("CREATE VECTOR INDEX v ON t(c)"), ("create_vector_index", Some("v".to_owned())));
        assert_eq!(read("delete from a.b where 1 = 1"), ("delete", Some("a.b".to_owned())));
        assert_eq!(read("insert node Tool key 'x'"), ("insert_node", Some("Tool".to_owned())));
        assert_eq!(read("copy t (a) from 'x.csv'"), ("copy", Some("t".to_owned())));
        assert_eq!(read("select 1"), ("query", None));
        assert_eq!(read("match (a)-[]->(b) return a"), ("match", None));
        assert_eq!(read(""), ("query", None));
        assert_eq!(read("drop"), ("query", None));
    }

    #[test]
    fn explain_and_its_options_are_taken_off() {
        for text in [
            "explain select 1",
            "EXPLAIN ANALYZE select 1",
            "explain analyze verbose format tree  select 1",
            "explain (analyze, format json) select 1",
            " explain\nverbose\nselect 1",
        ] {
            assert_eq!(without_explain(text), "select 1", "{text}");
        }
        assert_eq!(without_explain("explain (select 1)"), "(select 1)");
        assert_eq!(without_explain("explain"), "");
    }
}

//! What the workload of a drill should have made of a database: an account of its own, kept without the engine.

use std::collections::{BTreeMap, BTreeSet};

/// Everything that is in a database, as text: name of a table, store or graph, and its lines in order.
pub(super) type Content = BTreeMap<String, Vec<String>>;

/// A value that is not there.
pub(super) const NULL: &str = "NULL";

#[derive(Debug, Clone, Default)]
pub(super) struct TableModel {
    /// Behind `id`.
    pub columns: Vec<String>,
    pub rows: BTreeMap<i64, Vec<String>>,
}

/// The database, less what is open or was rolled back.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub tables: BTreeMap<String, TableModel>,
    pub stores: BTreeMap<String, BTreeMap<String, String>>,
    pub nodes: BTreeSet<String>,
    pub edges: BTreeSet<(String, String)>,
    pub graph: bool,
    /// The vector index over table `w` is there; it finds each of its rows.
    pub index: bool,
}

impl Model {
    pub fn content(&self) -> Content {
        let mut content = Content::new();
        for (name, table) in &self.tables {
            let line = |(id, values): (&i64, &Vec<String>)| line(*id, values);
            let mut lines = vec![format!("columns id,{}", table.columns.join(","))];
            lines.extend(table.rows.iter().map(line));
            content.insert(format!("table {name}"), lines);
        }
        for (name, keys) in &self.stores {
            content.insert(format!("store {name}"), keys.iter().map(|(k, v)| format!("{k}={v}")).collect());
        }
        if let (true, Some(table)) = (self.index, self.tables.get("w")) {
            content.insert("index near".to_owned(), table.rows.keys().map(i64::to_string).collect());
        }
        if self.graph {
            content.insert("nodes".to_owned(), self.nodes.iter().cloned().collect());
            content.insert("edges".to_owned(), self.edges.iter().map(|(a, b)| format!("{a}->{b}")).collect());
        }
        content
    }
}

/// A row as a line.
pub(super) fn line(id: i64, values: &[String]) -> String {
    let mut line = format!("{id}");
    for v in values {
        line.push('|');
        line.push_str(v);
    }
    line
}

/// The first difference between what is there and what should be.
pub(super) fn difference(found: &Content, wanted: &Content) -> Option<String> {
    let names: BTreeSet<&String> = found.keys().chain(wanted.keys()).collect();
    for name in names {
        match (found.get(name), wanted.get(name)) {
            (None, Some(_)) => return Some(format!("{name} is missing")),
            (Some(_), None) => return Some(format!("{name} is there")),
            (Some(found), Some(wanted)) if found != wanted => {
                let missing = wanted.iter().find(|line| !found.contains(line));
                let extra = found.iter().find(|line| !wanted.contains(line));
                let what = match (missing, extra) {
                    (Some(m), Some(e)) => format!("has `{e}` and not `{m}`"),
                    (Some(m), None) => format!("lacks `{m}`"),
                    (None, Some(e)) => format!("has `{e}`"),
                    (None, None) => "has a line twice".to_owned(),
                };
                return Some(format!("{name} {what}"));
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_named() {
        let mut a = Model::default();
        a.tables.insert("t".into(), TableModel { columns: vec!["v".into()], rows: [(1, vec!["x".into()])].into() });
        let mut b = a.clone();
        assert_eq!(difference(&a.content(), &b.content()), None);
        b.tables.get_mut("t").unwrap().rows.insert(2, vec![NULL.into()]);
        assert_eq!(difference(&a.content(), &b.content()).unwrap(), "table t lacks `2|NULL`");
        assert_eq!(difference(&b.content(), &a.content()).unwrap(), "table t has `2|NULL`");
        let mut twice = a.content();
        twice.get_mut("table t").unwrap().push("1|x".into());
        assert_eq!(difference(&twice, &a.content()).unwrap(), "table t has a line twice");
        b.tables.clear();
        assert_eq!(difference(&b.content(), &a.content()).unwrap(), "table t is missing");
    }
}

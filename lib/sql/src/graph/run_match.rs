//! MATCH: the pattern is searched, and what it found is a relation that WHERE, RETURN, ORDER BY and LIMIT see.
//!
//! Without SHORTEST the relation has a row for each pair of ends, at the fewest hops that lead from one to the other, if
//! these lie within the bounds. With SHORTEST it has a row for each such pair and the cost of the cheapest path that has
//! no more edges than the upper bound; where the statement speaks of the nodes on the path (`path_id`, `node_id`, `ord`),
//! a row for each of these.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray, UInt64Array};
use datafusion::catalog::MemTable;
use datafusion::common::TableReference;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectNamePart, Query, SelectItem, TableFactor, Value, VisitMut, VisitorMut,
};
use qx_formats::{Error, Kind, Result};
use qx_graph::{Direction, Walk, count_search};
use serde_json::Value as Json;

use super::load::Loaded;
use super::pattern::{End, Match};
use super::{load, named_or_used, show};
use crate::dialect::written;
use crate::error::engine_error;
use crate::session::{Answer, Session};

/// One row of the relation.
struct Row {
    source: u64,
    target: u64,
    hop: u64,
    /// Nothing where edges have costs and no path was looked for.
    cost: Option<f64>,
    path_id: u64,
    node: u64,
    ord: u64,
}

/// Columns of the relation that are not of an end.
const OF_PATH: [&str; 3] = ["path_id", "node_id", "ord"];

pub(super) async fn run(session: &Session, mut statement: Match) -> Result<Answer> {
    let name = named_or_used(session, statement.graph.as_deref())?;
    let loaded = load::load(session, &name).await?;
    let mut named = rewrite(&mut statement)?;
    for column in OF_PATH {
        if named.contains(column) && !statement.shortest {
            return Err(Error::usage(format!("{column} is of a path")).hint("MATCH SHORTEST gives paths"));
        }
    }
    let with_nodes = OF_PATH.iter().any(|c| named.contains(*c));
    let found = search(session, &loaded, &statement, with_nodes).await?;
    named.extend(["s.id", "s.label", "s.key", "t.id", "t.label", "t.key"].map(str::to_owned));
    let relation = relation(&loaded, &statement, &found, &named)?;
    answer(session, statement, relation).await
}

/// How a statement is searched.
pub(super) async fn describe(session: &Session, m: &Match) -> Result<BTreeMap<String, Json>> {
    let name = named_or_used(session, m.graph.as_deref())?;
    let loaded = load::load(session, &name).await?;
    let facts = loaded.facts();
    let mut all = facts.entries;
    if let Some(version) = facts.version {
        all.insert("version".to_owned(), version.into());
    }
    let most = if m.hops.1 == u32::MAX { Json::Null } else { m.hops.1.into() };
    all.insert("hops".to_owned(), Json::Array(vec![m.hops.0.into(), most]));
    let from = match (&m.source.key, &m.target.key) {
        (Some(_), _) => "the source",
        (None, Some(_)) => "the target, against the edges",
        (None, None) => "every node of the source's label",
    };
    all.insert("starts_at".to_owned(), from.into());
    let search = if m.shortest && loaded.graph.has_props() { "dijkstra" } else { "breadth first" };
    all.insert("search".to_owned(), search.into());
    if let Some(etype) = &m.etype {
        all.insert("etype".to_owned(), loaded.etype(etype)?.into());
    }
    Ok(all)
}

/// Renames what a statement says of its nodes.
struct Rename {
    source: Option<String>,
    target: Option<String>,
    /// Names that RETURN gives, where ORDER BY may mean them.
    aliases: BTreeSet<String>,
    /// Every name that was used.
    named: BTreeSet<String>,
    /// The relations of the subqueries around an expression, by the names that they have there.
    inner: Vec<BTreeSet<String>>,
    failed: Option<Error>,
}

impl Rename {
    fn end(&self, variable: &Ident) -> Option<&'static str> {
        let variable = variable.value.to_lowercase();
        match () {
            () if self.source.as_ref() == Some(&variable) => Some("s"),
            () if self.target.as_ref() == Some(&variable) => Some("t"),
            () => None,
        }
    }

    /// The name of a node by itself, which is its key; `None` for any other word.
    fn node(&mut self, ident: &Ident) -> Option<String> {
        // Inside a subquery it is a column there.
        if let Some(end) = self.end(ident).filter(|_| self.inner.is_empty()) {
            return Some(format!("{end}.key"));
        }
        let plain = ident.value.to_lowercase();
        if ident.quote_style.is_none() && !self.aliases.contains(&plain) {
            self.named.insert(plain);
        }
        None
    }

    fn property(&mut self, variable: &Ident, column: &Ident) -> Option<String> {
        let name = variable.value.to_lowercase();
        if self.inner.iter().any(|relations| relations.contains(&name)) {
            return None;
        }
        if let Some(end) = self.end(variable) {
            return Some(format!("{end}.{}", column.value));
        }
        if !self.inner.is_empty() {
            return None;
        }
        let known: Vec<&str> = self.source.iter().chain(&self.target).map(String::as_str).collect();
        let e = Error::usage(format!("the pattern has no variable {}", variable.value));
        self.failed = Some(e.expected(known.join(", ")));
        None
    }
}

/// The names that the relations of a query have in it.
fn relations(query: &mut Query) -> BTreeSet<String> {
    struct Names(BTreeSet<String>);
    impl VisitorMut for Names {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            let name = match factor {
                TableFactor::Table { alias: Some(alias), .. }
                | TableFactor::Derived { alias: Some(alias), .. }
                | TableFactor::Function { alias: Some(alias), .. } => Some(&alias.name),
                TableFactor::Table { name, .. } => name.0.last().and_then(ObjectNamePart::as_ident),
                _ => None,
            };
            self.0.extend(name.map(|name| name.value.to_lowercase()));
            ControlFlow::Continue(())
        }
    }
    let mut names = Names(BTreeSet::new());
    let _ = query.visit(&mut names);
    names.0
}

impl VisitorMut for Rename {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.inner.push(relations(query));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.inner.pop();
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let name = match expr {
            Expr::Identifier(ident) => self.node(ident),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [variable, column] => self.property(variable, column),
                _ => None,
            },
            _ => None,
        };
        if self.failed.is_some() {
            return ControlFlow::Break(());
        }
        if let Some(name) = name {
            self.named.insert(name.clone());
            *expr = Expr::Identifier(Ident::with_quote('"', name));
        }
        ControlFlow::Continue(())
    }
}

/// Turns `variable.column` into the one name that the relation has for it, `s.column` or `t.column`; returns every name
/// that the statement uses.
fn rewrite(statement: &mut Match) -> Result<BTreeSet<String>> {
    let mut rename = Rename {
        source: statement.source.variable.clone(),
        target: statement.target.variable.clone(),
        aliases: BTreeSet::new(),
        named: BTreeSet::new(),
        inner: Vec::new(),
        failed: None,
    };
    name_items(statement);
    let _ = statement.filter.visit(&mut rename);
    let _ = statement.items.visit(&mut rename);
    rename.aliases = statement.items.iter().filter_map(alias).collect();
    let _ = statement.order.visit(&mut rename);
    rename.failed.map_or(Ok(rename.named), Err)
}

fn alias(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.to_lowercase()),
        _ => None,
    }
}

/// What is returned keeps the name that it was asked for by: `t.key`, not the name in the relation.
fn name_items(statement: &mut Match) {
    for item in &mut statement.items {
        if let SelectItem::UnnamedExpr(expr) = item {
            let text = expr.to_string();
            let plain = matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_));
            let alias = Ident::with_quote('"', if plain { text.to_lowercase() } else { text });
            *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias };
        }
    }
}

/// The nodes that an end of the pattern means: without a label, those of every label that has the key. `None` for all of
/// a label, or all.
async fn ends(session: &Session, loaded: &Loaded, end: &End) -> Result<Option<Vec<u64>>> {
    let Some((column, value)) = &end.key else { return Ok(None) };
    let (text, is_number) = constant(session, value).await?;
    let label = end.label.as_deref();
    let keys: Vec<&str> = loaded.def.labels.iter().map(|l| l.key.as_str()).collect();
    let known = match label {
        Some(label) => loaded.def.key_of(label).is_some_and(|k| k.eq_ignore_ascii_case(column)),
        None => keys.iter().any(|k| k.eq_ignore_ascii_case(column)),
    };
    // A text is an id as well, unless the column of the key has that name.
    if column == "id" && (is_number || !known) {
        return one(loaded.find(&text, true));
    }
    if column != "key" && !known {
        return Err(Error::usage(format!("a node is found by its key, not by {column}"))
            .expected(format!("key, id, {}", keys.join(", "))));
    }
    let mut found: Vec<u64> = match label {
        Some(label) => loaded.graph.id_of(label.as_bytes(), text.as_bytes())?.into_iter().collect(),
        None => loaded.graph.resolve_all(&text)?,
    };
    if column != "key" && label.is_none() {
        retain_keyed_by(loaded, column, &mut found)?;
    }
    Ok(Some(found))
}

/// A node that is there, or no node.
fn one(found: Result<u64>) -> Result<Option<Vec<u64>>> {
    match found {
        Err(e) if e.kind() == Kind::NotFound => Ok(Some(Vec::new())),
        found => Ok(Some(vec![found?])),
    }
}

/// Leaves out the nodes whose label has another column for its key.
fn retain_keyed_by(loaded: &Loaded, column: &str, nodes: &mut Vec<u64>) -> Result<()> {
    let mut kept = Vec::with_capacity(nodes.len());
    for &id in nodes.iter() {
        let Some(node) = loaded.graph.node(id)? else { continue };
        let label = String::from_utf8_lossy(&node.label);
        if loaded.def.key_of(&label).is_none_or(|key| key.eq_ignore_ascii_case(column)) {
            kept.push(id);
        }
    }
    *nodes = kept;
    Ok(())
}

/// A constant as text, and whether it is a number.
async fn constant(session: &Session, value: &Expr) -> Result<(String, bool)> {
    match value {
        Expr::Value(v) => match &v.value {
            Value::SingleQuotedString(text) => return Ok((text.clone(), false)),
            Value::Number(digits, _) => return Ok((digits.clone(), true)),
            _ => {}
        },
        Expr::Identifier(ident) if ident.quote_style == Some('"') => return Ok((ident.value.clone(), false)),
        _ => {}
    }
    let mut statements = Session::parse(&format!("SELECT CAST(({}) AS VARCHAR)", written(value)))?;
    let Some(statement) = statements.pop() else { return Err(Error::usage("no value")) };
    let answer = Box::pin(session.run_inner(statement)).await?;
    let batch = answer.batches.iter().find(|b| b.num_rows() == 1);
    let column = batch.map(|b| b.column(0));
    let text =
        column.and_then(|c| datafusion::arrow::compute::cast(c, &datafusion::arrow::datatypes::DataType::Utf8).ok());
    let text = text.and_then(|c| {
        use datafusion::arrow::array::{Array, AsArray};
        let c = c.as_string::<i32>();
        (c.is_valid(0)).then(|| c.value(0).to_owned())
    });
    text.map(|t| (t, false)).ok_or_else(|| Error::usage(format!("`{value}` gives no key")))
}

async fn search(session: &Session, loaded: &Loaded, m: &Match, with_nodes: bool) -> Result<Vec<Row>> {
    let graph = &loaded.graph;
    let etype = m.etype.as_deref().map(|t| loaded.etype(t)).transpose()?;
    let mut walk = Walk { direction: m.direction, etype, max_hops: m.hops.1, ..Walk::default() };
    let (mut sources, mut targets) = (ends(session, loaded, &m.source).await?, ends(session, loaded, &m.target).await?);
    // From the end that is given.
    let turned = sources.is_none() && targets.is_some();
    let (mut from, mut to) = (&m.source, &m.target);
    if turned {
        std::mem::swap(&mut sources, &mut targets);
        std::mem::swap(&mut from, &mut to);
        walk.direction = match walk.direction {
            Direction::Out => Direction::In,
            Direction::In => Direction::Out,
            Direction::Both => Direction::Both,
        };
    }
    let has_label = |id: u64, label: &Option<String>| -> Result<bool> {
        let Some(label) = label else { return Ok(true) };
        Ok(graph.node(id)?.is_some_and(|n| n.label == label.as_bytes()))
    };
    let starts = match sources {
        Some(starts) => starts,
        None => graph.ids()?,
    };
    let has_props = graph.has_props();
    let mut rows = Vec::new();
    let mut path_id = 0;
    for start in starts {
        if !has_label(start, &from.label)? {
            continue;
        }
        count_search();
        for (end, hops, cost, path) in reached(loaded, start, &walk, m, has_props, &targets)? {
            if hops < u64::from(m.hops.0) || !has_label(end, &to.label)? {
                continue;
            }
            path_id += 1;
            let (source, target) = if turned { (end, start) } else { (start, end) };
            let row = |node, ord| Row { source, target, hop: hops, cost, path_id, node, ord };
            match path.filter(|_| with_nodes) {
                None => rows.push(row(end, hops)),
                Some(mut nodes) => {
                    if turned {
                        nodes.reverse();
                    }
                    rows.extend((0u64..).zip(nodes).map(|(ord, node)| Row { hop: ord, ..row(node, ord) }));
                }
            }
        }
    }
    Ok(rows)
}

type Reached = Vec<(u64, u64, Option<f64>, Option<Vec<u64>>)>;

/// The nodes that one start leads to within the bounds, with hops, cost and (where asked for) path.
fn reached(
    loaded: &Loaded,
    start: u64,
    walk: &Walk,
    m: &Match,
    has_props: bool,
    targets: &Option<Vec<u64>>,
) -> Result<Reached> {
    let graph = &loaded.graph;
    let wanted = |id: u64| targets.as_ref().is_none_or(|t| t.contains(&id));
    if m.shortest && has_props {
        let near = nearer(loaded, start, walk, m.hops.0)?;
        let paths = graph.cheapest_paths(start, walk, wanted, targets.is_some()).map_err(|e| loaded.failed(e))?;
        return Ok(paths
            .into_iter()
            .filter_map(|p| Some((*p.nodes.last()?, p.nodes.len() as u64 - 1, Some(p.cost), Some(p.nodes))))
            .filter(|(end, ..)| !near.contains(end))
            .collect());
    }
    // Without costs every edge costs 1. Where there may be some, only the cheapest path says what it costs.
    let cost_of = |hops: u64| (!has_props).then_some(hops as f64);
    let mut found: Reached = Vec::new();
    if m.hops.0 == 0 && wanted(start) {
        found.push((start, 0, Some(0.0), Some(vec![start])));
    }
    if m.shortest
        && let Some(targets) = targets
    {
        for &target in targets.iter().filter(|t| **t != start) {
            if let Some(path) = graph.shortest_path(start, target, walk)? {
                let hops = path.len() as u64 - 1;
                found.push((target, hops, cost_of(hops), Some(path)));
            }
        }
        return Ok(found);
    }
    let hops = graph.neighbors(&[start], walk)?;
    let before: std::collections::HashMap<u64, u64> = match m.shortest {
        true => hops.iter().map(|h| (h.node_id, h.prev_id)).collect(),
        false => Default::default(),
    };
    for h in hops.iter().filter(|h| wanted(h.node_id)) {
        let path = m.shortest.then(|| {
            let mut nodes = vec![h.node_id];
            while let Some(prev) = nodes.last().and_then(|n| before.get(n)) {
                nodes.push(*prev);
            }
            nodes.reverse();
            nodes
        });
        found.push((h.node_id, u64::from(h.hop), cost_of(u64::from(h.hop)), path));
    }
    Ok(found)
}

/// The nodes that fewer hops than `low` lead to: they are no ends of a pair, however many edges their cheapest path has.
fn nearer(loaded: &Loaded, start: u64, walk: &Walk, low: u32) -> Result<BTreeSet<u64>> {
    // The start itself is reached by a path without edges, whose hops say enough.
    let max_hops = low.saturating_sub(1);
    if max_hops == 0 {
        return Ok(BTreeSet::new());
    }
    let hops = loaded.graph.neighbors(&[start], &Walk { max_hops, ..walk.clone() })?;
    Ok(hops.iter().map(|h| h.node_id).collect())
}

/// The rows with every column that the statement uses.
fn relation(loaded: &Loaded, m: &Match, rows: &[Row], named: &BTreeSet<String>) -> Result<RecordBatch> {
    let numbers = |f: fn(&Row) -> u64| -> ArrayRef { Arc::new(UInt64Array::from_iter_values(rows.iter().map(f))) };
    let mut columns: Vec<(&str, ArrayRef)> = vec![("hop", numbers(|r| r.hop))];
    columns.push(("cost", Arc::new(rows.iter().map(|r| r.cost).collect::<Float64Array>())));
    if m.shortest {
        let nodes: Vec<u64> = rows.iter().map(|r| r.node).collect();
        columns.push(("path_id", numbers(|r| r.path_id)));
        columns.push(("node_id", loaded.id_column(&nodes)?));
        columns.push(("ord", numbers(|r| r.ord)));
    }
    for name in named {
        let Some((end, column)) = name.split_once('.') else { continue };
        let ids: Vec<u64> = rows.iter().map(|r| if end == "s" { r.source } else { r.target }).collect();
        columns.push((name, end_column(loaded, column, &ids)?));
    }
    show::batch(columns)
}

/// One column of the nodes at an end: `id`, `label`, `key`, the name of the key's column, or over tables any column.
fn end_column(loaded: &Loaded, column: &str, ids: &[u64]) -> Result<ArrayRef> {
    let lower = column.to_lowercase();
    let name = |f: fn(qx_graph::NodeName) -> Vec<u8>| -> Result<ArrayRef> {
        let mut texts = Vec::with_capacity(ids.len());
        for id in ids {
            texts.push(loaded.graph.node(*id)?.map(|n| String::from_utf8_lossy(&f(n)).into_owned()));
        }
        Ok(Arc::new(StringArray::from(texts)))
    };
    match lower.as_str() {
        "id" | "node_id" => return loaded.id_column(ids),
        "label" => return name(|n| n.label),
        "key" => return name(|n| n.key),
        _ => {}
    }
    if let Some(rows) = &loaded.rows {
        let schema = rows.table.schema();
        let exact = schema.index_of(column).ok();
        let at = exact.or_else(|| schema.fields().iter().position(|f| f.name().eq_ignore_ascii_case(column)));
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
        let at = at.ok_or_else(|| no_property(column).expected(format!("id, label, key, {}", names.join(", "))))?;
        return rows.take(rows.table.column(at), ids);
    }
    if loaded.def.labels.iter().any(|l| l.key.eq_ignore_ascii_case(column)) {
        return name(|n| n.key);
    }
    Err(no_property(column).expected("id, label, key"))
}

fn no_property(column: &str) -> Error {
    Error::usage(format!("a node has no property {column}"))
}

/// Runs the rest of the statement over the relation.
async fn answer(session: &Session, m: Match, relation: RecordBatch) -> Result<Answer> {
    let list = |items: &[SelectItem]| items.iter().map(written).collect::<Vec<_>>().join(", ");
    let name = "__qx_match";
    let mut sql = format!("SELECT {}{} FROM {name}", if m.distinct { "DISTINCT " } else { "" }, list(&m.items));
    if let Some(filter) = &m.filter {
        sql.push_str(&format!(" WHERE {}", written(filter)));
    }
    if !m.order.is_empty() {
        let keys: Vec<String> = m.order.iter().map(written).collect();
        sql.push_str(&format!(" ORDER BY {}", keys.join(", ")));
    }
    for (word, value) in [("LIMIT", &m.limit), ("OFFSET", &m.offset)] {
        if let Some(value) = value {
            sql.push_str(&format!(" {word} {value}"));
        }
    }
    let mut statements = Session::parse(&sql)?;
    let Some(statement) = statements.pop() else { return Err(Error::usage("no statement")) };
    let table = MemTable::try_new(relation.schema(), vec![vec![relation]]).map_err(engine_error)?;
    let context = session.context();
    context.register_table(TableReference::bare(name), Arc::new(table)).map_err(engine_error)?;
    let answer = Box::pin(session.run_inner(statement)).await;
    context.deregister_table(TableReference::bare(name)).map_err(engine_error)?;
    answer
}

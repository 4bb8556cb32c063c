//! The grammar of graph statements, MATCH aside.

use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use qx_graph::NodeRef;

use super::{Change, Create, EdgeKind, Statement, pattern};
use crate::statement::{ahead, take, word};

type Parsed<T> = Result<T, ParserError>;

/// Takes a statement of this area; `None`, and nothing taken, for any other.
pub(crate) fn parse(p: &mut Parser<'_>) -> Parsed<Option<Statement>> {
    let statement = if take(p, &["CREATE", "GRAPH"]) {
        create(p)?
    } else if take(p, &["DROP", "GRAPH"]) {
        let if_exists = take(p, &["IF", "EXISTS"]);
        Statement::Drop { name: name(p)?, if_exists }
    } else if take(p, &["SHOW", "GRAPH", "STATUS"]) {
        Statement::Status(optional_name(p)?)
    } else if take(p, &["SHOW", "GRAPHS"]) {
        Statement::ShowAll
    } else if take(p, &["SHOW", "CURRENT", "GRAPH"]) {
        Statement::ShowCurrent
    } else if take(p, &["SHOW", "CREATE", "GRAPH"]) {
        Statement::ShowCreate(name(p)?)
    } else if take(p, &["SHOW", "GRAPH"]) {
        Statement::Show(name(p)?)
    } else if take(p, &["UNSET", "GRAPH"]) || take(p, &["USE", "GRAPH", "NONE"]) {
        Statement::Use(None)
    } else if take(p, &["USE", "GRAPH"]) {
        Statement::Use(Some(name(p)?))
    } else if take(p, &["GC", "GRAPH"]) {
        Statement::Gc(optional_name(p)?)
    } else if take(p, &["INSERT", "NODE"]) {
        insert_node(p)?
    } else if take(p, &["INSERT", "EDGE"]) {
        edge(p, true)?
    } else if take(p, &["DELETE", "NODE"]) {
        let node = node_ref(p)?;
        Statement::Write { change: Change::DeleteNode(node), graph: in_graph(p)? }
    } else if take(p, &["DELETE", "EDGE"]) {
        edge(p, false)?
    } else if ahead(p, &["MATCH"]) {
        p.next_token();
        Statement::Match(Box::new(pattern::parse(p)?))
    } else {
        return Ok(None);
    };
    Ok(Some(statement))
}

fn wrong<T>(p: &Parser<'_>, expected: &str) -> Parsed<T> {
    p.expected(expected, p.peek_token())
}

fn expect(p: &mut Parser<'_>, words: &[&str]) -> Parsed<()> {
    if take(p, words) { Ok(()) } else { wrong(p, &words.join(" ")) }
}

/// A word or a text.
pub(super) fn text(p: &mut Parser<'_>, what: &str) -> Parsed<String> {
    match p.peek_token().token {
        Token::Word(w) => {
            p.next_token();
            Ok(w.value)
        }
        Token::SingleQuotedString(s) | Token::DoubleQuotedString(s) => {
            p.next_token();
            Ok(s)
        }
        _ => wrong(p, what),
    }
}

fn number(p: &mut Parser<'_>, what: &str) -> Parsed<u64> {
    let Token::Number(digits, _) = p.peek_token().token else { return wrong(p, what) };
    let Ok(n) = digits.parse() else { return wrong(p, what) };
    p.next_token();
    Ok(n)
}

/// `name`, `schema.name` or `db.schema.name`, the parts separated by points or strokes, or all of it as a text. What is
/// not quoted is in lower case, as names of tables are.
pub(crate) fn name(p: &mut Parser<'_>) -> Parsed<String> {
    dotted(p, plain)
}

fn dotted(p: &mut Parser<'_>, part: fn(&mut Parser<'_>, &str) -> Parsed<String>) -> Parsed<String> {
    let mut name = part(p, "the name of a graph or table")?;
    loop {
        match p.peek_token().token {
            Token::Period | Token::Div => {
                p.next_token();
                name.push('.');
                name.push_str(&part(p, "a part of a name")?);
            }
            _ => return Ok(name.replace('/', ".")),
        }
    }
}

/// A word in lower case, or what is quoted.
fn plain(p: &mut Parser<'_>, what: &str) -> Parsed<String> {
    let quoted = !matches!(&p.peek_token_ref().token, Token::Word(w) if w.quote_style.is_none());
    let text = text(p, what)?;
    Ok(if quoted { text } else { text.to_lowercase() })
}

fn optional_name(p: &mut Parser<'_>) -> Parsed<Option<String>> {
    match p.peek_token().token {
        Token::EOF | Token::SemiColon => Ok(None),
        _ => name(p).map(Some),
    }
}

fn in_graph(p: &mut Parser<'_>) -> Parsed<Option<String>> {
    if take(p, &["GRAPH"]) { name(p).map(Some) } else { Ok(None) }
}

// ---- definitions ----

fn create(p: &mut Parser<'_>) -> Parsed<Statement> {
    let if_not_exists = take(p, &["IF", "NOT", "EXISTS"]);
    let mut create = Create { name: name(p)?, if_not_exists, ..Create::default() };
    if take(p, &["NODES"]) {
        create.labels = list(p, |p| {
            let label = text(p, "a label")?;
            expect(p, &["KEY"])?;
            p.expect_token(&Token::LParen)?;
            let key = plain(p, "the column of the key")?;
            p.expect_token(&Token::RParen)?;
            Ok((label, key))
        })?;
    }
    if take(p, &["EDGES"]) {
        create.edges = list(p, |p| {
            let name = text(p, "an edge type")?;
            expect(p, &["FROM"])?;
            let from = text(p, "a label")?;
            expect(p, &["TO"])?;
            Ok(EdgeKind { name, from, to: text(p, "a label")? })
        })?;
    }
    if take(p, &["USING", "TABLES"]) {
        let tables = names(p)?;
        let table = |wanted: &str| {
            let found = tables.iter().find(|(k, _)| k == wanted);
            found.map(|(_, v)| v.clone()).ok_or(ParserError::ParserError(format!("USING TABLES needs {wanted}=TABLE")))
        };
        create.tables = Some((table("nodes")?, table("edges")?));
        if let Some((other, _)) = tables.iter().find(|(k, _)| k != "nodes" && k != "edges") {
            return Err(ParserError::ParserError(format!("USING TABLES takes nodes and edges, not {other}")));
        }
    } else {
        expect(p, &["USING", "GRAPHSTORE"]).map_err(|_| {
            let found = p.peek_token();
            ParserError::ParserError(format!(
                "expected USING TABLES (nodes=..., edges=...) or USING GRAPHSTORE, found {found}"
            ))
        })?;
    }
    if take(p, &["WITH"]) {
        // Over tables they name columns, in the graph store properties.
        create.options = if create.tables.is_some() { names(p)? } else { options(p)? };
    }
    Ok(Statement::Create(Box::new(create)))
}

fn list<T>(p: &mut Parser<'_>, mut item: impl FnMut(&mut Parser<'_>) -> Parsed<T>) -> Parsed<Vec<T>> {
    p.expect_token(&Token::LParen)?;
    let mut items = Vec::new();
    if p.consume_token(&Token::RParen) {
        return Ok(items);
    }
    loop {
        items.push(item(p)?);
        if !p.consume_token(&Token::Comma) {
            p.expect_token(&Token::RParen)?;
            return Ok(items);
        }
    }
}

/// `(name = value, ...)`; names in lower case, values as text: a name, a number, a text.
pub(crate) fn options(p: &mut Parser<'_>) -> Parsed<Vec<(String, String)>> {
    options_of(p, |p| dotted(p, text))
}

/// [`options`] whose values are names of tables and columns: in lower case where they are not quoted.
fn names(p: &mut Parser<'_>) -> Parsed<Vec<(String, String)>> {
    options_of(p, name)
}

fn options_of(p: &mut Parser<'_>, value: fn(&mut Parser<'_>) -> Parsed<String>) -> Parsed<Vec<(String, String)>> {
    list(p, |p| {
        let mut key = text(p, "the name of an option")?.to_lowercase();
        while p.consume_token(&Token::Period) {
            key.push('.');
            key.push_str(&text(p, "the name of an option")?.to_lowercase());
        }
        p.expect_token(&Token::Eq)?;
        let value = match p.peek_token().token {
            Token::Number(digits, _) => {
                p.next_token();
                digits
            }
            _ => value(p)?,
        };
        Ok((key, value))
    })
}

// ---- nodes and edges ----

fn insert_node(p: &mut Parser<'_>) -> Parsed<Statement> {
    let label = text(p, "a label")?;
    expect(p, &["KEY"])?;
    let key = key(p)?;
    let (mut id, mut props, mut graph) = (None, None, None);
    loop {
        match word(p, 0).as_deref() {
            Some("AS") if id.is_none() => {
                p.next_token();
                id = Some(number(p, "a node id")?);
            }
            Some("PROPS") if props.is_none() => props = Some(properties(p)?),
            Some("GRAPH") if graph.is_none() => graph = in_graph(p)?,
            _ => break,
        }
    }
    let change = Change::InsertNode { label, key, id, props: props.unwrap_or_default() };
    Ok(Statement::Write { change, graph })
}

fn key(p: &mut Parser<'_>) -> Parsed<String> {
    if let Token::Number(digits, _) = p.peek_token().token {
        p.next_token();
        return Ok(digits);
    }
    text(p, "a key")
}

fn properties(p: &mut Parser<'_>) -> Parsed<String> {
    p.next_token();
    match p.next_token().token {
        Token::SingleQuotedString(json) => Ok(json),
        other => Err(ParserError::ParserError(format!(
            "expected properties as a text that holds a JSON object, found {other}"
        ))),
    }
}

/// An id, `'key'`, `'label:key'`, `label:key`, or `Label KEY 'key'`.
pub(super) fn node_ref(p: &mut Parser<'_>) -> Parsed<NodeRef> {
    match p.peek_token().token {
        Token::Number(digits, _) => {
            let id = digits.parse().map_err(|_| ParserError::ParserError(format!("{digits} is no node id")))?;
            p.next_token();
            Ok(NodeRef::Id(id))
        }
        Token::SingleQuotedString(text) | Token::DoubleQuotedString(text) if word(p, 1).as_deref() != Some("KEY") => {
            p.next_token();
            Ok(NodeRef::Text(text))
        }
        _ => {
            let label = text(p, "a node: an id, 'key', label:key, or Label KEY 'key'")?;
            if take(p, &["KEY"]) || p.consume_token(&Token::Colon) {
                return Ok(NodeRef::Name { label, key: key(p)? });
            }
            Ok(NodeRef::Text(label))
        }
    }
}

fn edge(p: &mut Parser<'_>, insert: bool) -> Parsed<Statement> {
    let src = node_ref(p)?;
    p.expect_token(&Token::Arrow)?;
    let dst = node_ref(p)?;
    let (mut etype, mut part, mut props, mut graph) = (None, None, None, None);
    loop {
        match word(p, 0).as_deref() {
            Some("ETYPE") if etype.is_none() => {
                p.next_token();
                etype = Some(key(p)?);
            }
            Some("PART") if part.is_none() => {
                p.next_token();
                let n = number(p, "a partition")?;
                let n = u32::try_from(n).map_err(|_| ParserError::ParserError(format!("{n} is no partition")))?;
                part = Some(n);
            }
            Some("PROPS") if insert && props.is_none() => props = Some(properties(p)?),
            Some("GRAPH") if graph.is_none() => graph = in_graph(p)?,
            _ => break,
        }
    }
    let change = Change::Edge { insert, src, dst, etype, part, props: props.unwrap_or_default() };
    Ok(Statement::Write { change, graph })
}

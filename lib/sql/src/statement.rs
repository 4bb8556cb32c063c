//! Statements: which part of the house takes each. Own statements are recognised by looking ahead in the parser's
//! tokens; everything else goes to the engine - but nothing that writes: the engine's own hooks for DELETE and UPDATE run
//! while planning and on recovered filters, which loses rows.

use datafusion::sql::parser::{DFParser, DFParserBuilder, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::{Query, SetExpr, Statement as Sql};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};
use qx_formats::{Error, Result};

use crate::error::engine_error;
use crate::parameters::{self, Parameter};
use crate::{documents, explain, graph, kv, system, tables, transactions, vector};

/// One statement, parsed.
#[derive(Debug, Clone)]
pub struct Statement {
    /// As it was written.
    pub(crate) text: String,
    pub(crate) body: Body,
}

/// By area: each is a module with `parse`, which looks ahead and takes what is its own, and `run`.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Transaction(transactions::Statement),
    Table(Box<tables::Statement>),
    Kv(kv::Statement),
    Graph(graph::Statement),
    Vector(vector::Statement),
    System(system::Statement),
    Explain(Box<explain::Statement>),
    /// Planned and run by the engine. Reads only.
    Engine(Box<EngineStatement>),
}

impl Statement {
    /// The statement as it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

pub(crate) fn syntax(e: ParserError) -> Error {
    Error::usage(format!("not SQL: {e}"))
}

/// Splits a text into statements.
///
/// # Errors
/// `Usage` with line and column for what does not parse; `Unsupported` for a statement that is not taken.
pub(crate) fn parse(text: &str) -> Result<Vec<Statement>> {
    parse_with(text, None)
}

/// [`parse`] with the values of parameters; without any, they stay what they are.
pub(crate) fn parse_with(text: &str, values: Option<&[Parameter]>) -> Result<Vec<Statement>> {
    let tokens = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location().map_err(|e| syntax(e.into()))?;
    let tokens = match values {
        Some(values) => parameters::fill(tokens, values)?,
        None => tokens,
    };
    split(&Lines::new(text), tokens).collect()
}

/// The statements of a text, each parsed when it is asked for.
pub(crate) fn split(lines: &Lines<'_>, tokens: Vec<TokenWithSpan>) -> impl Iterator<Item = Result<Statement>> {
    let mut tokens = tokens.into_iter();
    std::iter::from_fn(move || {
        loop {
            let mut own = Vec::new();
            let mut ended = None;
            for token in tokens.by_ref() {
                let end = token.token == Token::SemiColon;
                ended = end.then_some(token.span.start);
                own.push(token);
                if end {
                    break;
                }
            }
            if own.is_empty() {
                return None;
            }
            let first = own.iter().find(|t| !matches!(t.token, Token::Whitespace(_) | Token::SemiColon));
            let Some(start) = first.map(|t| t.span.start) else { continue };
            return Some(statement(lines, own, start, ended));
        }
    })
}

/// The one statement of these tokens.
fn statement(
    lines: &Lines<'_>,
    tokens: Vec<TokenWithSpan>,
    start: Location,
    end: Option<Location>,
) -> Result<Statement> {
    let end = end.map_or(lines.text.len(), |end| lines.offset(end));
    let text = lines.text.get(lines.offset(start)..end).unwrap_or_default().trim().to_owned();
    let tokens = tables::as_of::rewrite(vector::hint::lift(documents::lift(tokens)?)?)?;
    let dialect = GenericDialect {};
    let mut parser = DFParserBuilder::new("").with_dialect(&dialect).build().map_err(engine_error)?;
    parser.parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    let body = one(&mut parser)?;
    match parser.parser.peek_token_ref() {
        next if matches!(next.token, Token::SemiColon | Token::EOF) => Ok(Statement { text, body }),
        next => Err(Error::usage(format!("not SQL: expected the end of the statement, found {next}"))),
    }
}

/// One statement at the parser's place.
pub(crate) fn one(p: &mut DFParser<'_>) -> Result<Body> {
    if let Some(s) = explain::parse(p)? {
        return Ok(Body::Explain(Box::new(s)));
    }
    if let Some(s) = transactions::parse(&mut p.parser).map_err(syntax)? {
        return Ok(Body::Transaction(s));
    }
    if let Some(s) = kv::parse(&mut p.parser)? {
        return Ok(Body::Kv(s));
    }
    if let Some(s) = graph::parse(&mut p.parser).map_err(syntax)? {
        return Ok(Body::Graph(s));
    }
    if let Some(s) = vector::parse(&mut p.parser).map_err(syntax)? {
        return Ok(Body::Vector(s));
    }
    if let Some(s) = system::parse(&mut p.parser).map_err(syntax)? {
        return Ok(Body::System(s));
    }
    if let Some(s) = tables::parse(&mut p.parser).map_err(syntax)? {
        return Ok(Body::Table(Box::new(s)));
    }
    let statement = p.parse_statement().map_err(engine_error)?;
    check_read_only(&statement)?;
    Ok(Body::Engine(Box::new(statement)))
}

/// The word at `n` tokens from here, in upper case; nothing for anything else than a word.
pub(crate) fn word(p: &Parser<'_>, n: usize) -> Option<String> {
    match p.peek_nth_token_ref(n).token {
        Token::Word(ref w) if w.quote_style.is_none() => Some(w.value.to_ascii_uppercase()),
        _ => None,
    }
}

/// Whether the next words are these (upper case).
pub(crate) fn ahead(p: &Parser<'_>, words: &[&str]) -> bool {
    words.iter().enumerate().all(|(i, w)| word(p, i).as_deref() == Some(w))
}

/// Takes the next words if they are these.
pub(crate) fn take(p: &mut Parser<'_>, words: &[&str]) -> bool {
    let there = ahead(p, words);
    if there {
        for _ in words {
            p.next_token();
        }
    }
    there
}

/// Byte offsets of the tokenizer's places, which count from the beginning of the whole text.
pub(crate) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
    /// Where the text begins.
    origin: Location,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self::behind(text, Location { line: 1, column: 1 })
    }

    /// Those of a part of the text that begins at `origin`.
    pub(crate) fn behind(text: &'a str, origin: Location) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(i, _)| i + 1)).collect();
        Lines { text, starts, origin }
    }

    /// A place in this part as one of the whole text.
    pub(crate) fn place(&self, at: Location) -> Location {
        let Location { line, column } = self.origin;
        let column = if at.line == 1 { at.column + column - 1 } else { at.column };
        Location { line: at.line + line - 1, column }
    }

    pub(crate) fn offset(&self, at: Location) -> usize {
        let line = usize::try_from(at.line.saturating_sub(self.origin.line)).unwrap_or(usize::MAX);
        let before = if line == 0 { self.origin.column } else { 1 };
        let column = usize::try_from(at.column.saturating_sub(before)).unwrap_or(usize::MAX);
        let Some(start) = self.starts.get(line) else { return self.text.len() };
        let rest = self.text.get(*start..).unwrap_or_default();
        // Most text is ASCII, where a column is a byte; a vector of a thousand numbers is one long line of it.
        if rest.as_bytes().get(..column).is_some_and(<[u8]>::is_ascii) {
            return start + column;
        }
        start + rest.char_indices().nth(column).map_or(rest.len(), |(i, _)| i)
    }
}

/// # Errors
/// `Unsupported` with the statement's first words for anything but a query or a look at the catalog.
pub(crate) fn check_read_only(statement: &EngineStatement) -> Result<()> {
    let fine = match statement {
        EngineStatement::Statement(sql) => reads(sql),
        EngineStatement::Explain(explain) => return check_read_only(&explain.statement),
        EngineStatement::Reset(_) => true,
        EngineStatement::CreateExternalTable(_) | EngineStatement::CopyTo(_) => false,
    };
    if fine {
        return Ok(());
    }
    let text = statement.to_string();
    let head: Vec<&str> = text.split_whitespace().take(3).collect();
    Err(Error::unsupported(format!("`{} ...` is not a statement that this build takes", head.join(" ")))
        .hint("docs/sql.md lists the statements"))
}

fn reads(sql: &Sql) -> bool {
    match sql {
        Sql::Query(query) => query_reads(query),
        Sql::Explain { statement, .. } => reads(statement),
        Sql::ExplainTable { .. } | Sql::Set(_) => true,
        Sql::ShowTables { .. } | Sql::ShowColumns { .. } | Sql::ShowVariable { .. } | Sql::ShowFunctions { .. } => true,
        _ => false,
    }
}

/// A query whose body, at any depth, is not an INSERT, UPDATE, DELETE or MERGE in disguise.
pub(crate) fn query_reads(query: &Query) -> bool {
    let ctes = query.with.iter().flat_map(|w| &w.cte_tables).all(|cte| query_reads(&cte.query));
    ctes && body_reads(&query.body)
}

fn body_reads(body: &SetExpr) -> bool {
    match body {
        SetExpr::Select(select) => select.into.is_none(),
        SetExpr::Values(_) | SetExpr::Table(_) => true,
        SetExpr::Query(query) => query_reads(query),
        SetExpr::SetOperation { left, right, .. } => body_reads(left) && body_reads(right),
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_split_and_each_statement_keeps_its_text() {
        let all = parse("select 1;\n  begin ;; insert into t values ('é;')  ;commit").unwrap();
        let texts: Vec<&str> = all.iter().map(Statement::text).collect();
        assert_eq!(texts, ["select 1", "begin", "insert into t values ('é;')", "commit"]);
        assert!(matches!(all[0].body, Body::Engine(_)));
        assert!(matches!(all[2].body, Body::Table(_)));
    }

    #[test]
    fn parameters_are_values_wherever_they_stand() {
        use datafusion::common::ScalarValue;
        let values = [
            ("1".to_owned(), ScalarValue::Int64(Some(-5))),
            ("who".to_owned(), ScalarValue::from("x'; drop table t; --")),
            ("small".to_owned(), ScalarValue::Int8(Some(3))),
        ];
        let text = "select 1-$1, $who, $small; write key k in s = $who";
        let all = parse_with(text, Some(&values)).unwrap();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].text(), "select 1-$1, $who, $small");
        let Body::Engine(statement) = &all[0].body else { panic!("not a query") };
        let said = statement.to_string();
        assert_eq!(said, "SELECT 1 - (-5), 'x''; drop table t; --', arrow_cast('3', 'Int8')");
        assert!(parse_with("select $2, $1, $who, $small", Some(&values)).is_err(), "$2 has no value");
        assert!(parse_with("select $1", Some(&values)).is_err(), "$who does not occur");
        assert!(parse("select $1").is_ok(), "without values they stay");
    }

    #[test]
    fn what_writes_never_reaches_the_engine() {
        for text in [
            "insert into t values (1)",
            "delete from t where false",
            "update t set a = 1",
            "explain delete from t",
            "explain analyze insert into t select 1",
            "create table t as select 1",
            "drop table t",
            "merge into t using s on t.a = s.a when matched then delete",
            "alter table t add column b int",
        ] {
            let all = parse(text).unwrap();
            assert!(!matches!(all[0].body, Body::Engine(_)), "{text}");
        }
        for text in [
            "copy t to 'x'",
            "create external table t stored as csv location 'x'",
            "select 1 into t",
            "with a as (delete from t returning 1) select * from a",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

//! The grammar of statements about vector indexes.

use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::{Create, Statement};
use crate::graph::{parse_object, parse_options};
use crate::statement::{ahead, take};
use crate::tables::ident;

type Parsed<T> = Result<T, ParserError>;

/// Takes a statement of this area; `None`, and nothing taken, for any other.
pub(crate) fn parse(p: &mut Parser<'_>) -> Parsed<Option<Statement>> {
    let statement = if take(p, &["CREATE", "VECTOR", "INDEX"]) {
        create(p)?
    } else if take(p, &["ALTER", "VECTOR", "INDEX"]) {
        alter(p)?
    } else if take(p, &["DROP", "VECTOR", "INDEX"]) {
        let if_exists = take(p, &["IF", "EXISTS"]);
        Statement::Drop { name: name(p)?, if_exists }
    } else if take(p, &["BUILD", "VECTOR", "INDEX"]) || take(p, &["REINDEX", "VECTOR", "INDEX"]) {
        Statement::Build(name(p)?)
    } else if take(p, &["SYNC", "VECTOR", "INDEXES"]) {
        Statement::Sync(None)
    } else if take(p, &["SYNC", "VECTOR", "INDEX"]) {
        Statement::Sync(Some(name(p)?))
    } else if take(p, &["SHOW", "VECTOR", "INDEX", "STATUS"]) {
        Statement::Status(optional_name(p)?)
    } else if take(p, &["SHOW", "VECTOR", "INDEXES"]) {
        Statement::ShowAll
    } else if take(p, &["SHOW", "CREATE", "VECTOR", "INDEX"]) {
        Statement::ShowCreate(name(p)?)
    } else if take(p, &["SHOW", "VECTOR", "INDEX"]) {
        Statement::Show(name(p)?)
    } else {
        return Ok(None);
    };
    Ok(Some(statement))
}

fn wrong<T>(p: &Parser<'_>, expected: &str) -> Parsed<T> {
    p.expected(expected, p.peek_token())
}

fn name(p: &mut Parser<'_>) -> Parsed<String> {
    // Names that are not quoted are in lower case, as those of tables.
    let quoted = matches!(&p.peek_token_ref().token, Token::Word(w) if w.quote_style.is_some());
    let name = parse_object(p)?;
    Ok(if quoted { name } else { name.to_lowercase() })
}

fn optional_name(p: &mut Parser<'_>) -> Parsed<Option<String>> {
    match p.peek_token().token {
        Token::EOF | Token::SemiColon => Ok(None),
        _ => name(p).map(Some),
    }
}

fn create(p: &mut Parser<'_>) -> Parsed<Statement> {
    let if_not_exists = take(p, &["IF", "NOT", "EXISTS"]);
    let mut create = Create { name: name(p)?, if_not_exists, ..Create::default() };
    if !take(p, &["ON"]) {
        return wrong(p, "ON table(column)");
    }
    create.table = name(p)?;
    p.expect_token(&Token::LParen)?;
    create.column = ident(&p.parse_identifier()?);
    p.expect_token(&Token::RParen)?;
    if take(p, &["USING"]) {
        create.engine = Some(parse_object(p)?);
    }
    if ahead(p, &["WITH"]) {
        p.next_token();
        create.options = parse_options(p)?;
    }
    Ok(Statement::Create(Box::new(create)))
}

fn alter(p: &mut Parser<'_>) -> Parsed<Statement> {
    let name = name(p)?;
    if !take(p, &["SET"]) {
        return wrong(p, "SET MODE m or SET (option = value, ...)");
    }
    if take(p, &["MODE"]) {
        return Ok(Statement::SetMode { name, mode: parse_object(p)? });
    }
    Ok(Statement::SetOptions { name, options: parse_options(p)? })
}

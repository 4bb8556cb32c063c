//! From tokens to statements. A text that is none of ours is left where it was.

use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;
use qx_formats::{Error, Result};
use qx_store::names::KV_SCHEMA;
use qx_store::units::parse_duration;

use super::{Statement, StoreName, Written};

/// The word at `n`, in capitals, unless it is quoted.
fn word(p: &Parser<'_>, n: usize) -> Option<String> {
    match p.peek_nth_token(n).token {
        Token::Word(w) if w.quote_style.is_none() => Some(w.value.to_uppercase()),
        _ => None,
    }
}

fn eat(p: &mut Parser<'_>, wanted: &str) -> bool {
    let there = word(p, 0).is_some_and(|w| w == wanted);
    if there {
        p.next_token();
    }
    there
}

fn wrong(p: &Parser<'_>, expected: &str) -> Error {
    let token = p.peek_token();
    let got = if token.token == Token::EOF { "the end".to_owned() } else { format!("`{}`", token.token) };
    let at = token.span.start;
    let e = Error::usage("not a statement about key-value stores").expected(expected);
    if at.line > 0 { e.got(format!("{got} at line {}, column {}", at.line, at.column)) } else { e.got(got) }
}

fn need(p: &mut Parser<'_>, wanted: &str) -> Result<()> {
    if eat(p, wanted) { Ok(()) } else { Err(wrong(p, wanted)) }
}

/// Parses one statement, if it is one of ours, to its end; the semicolon is left.
///
/// # Errors
/// `Usage` with the place for one of ours that goes on in another way.
pub(crate) fn parse(p: &mut Parser<'_>) -> Result<Option<Statement>> {
    let (first, second) = (word(p, 0).unwrap_or_default(), word(p, 1).unwrap_or_default());
    let ours = matches!(
        (first.as_str(), second.as_str()),
        ("CREATE" | "DROP" | "RENAME", "STORE")
            | ("LIST", "STORES" | "KEYS")
            | ("READ" | "DESCRIBE" | "DESC" | "DROP" | "RENAME" | "WRITE", "KEY")
    );
    // A table may be called `key`: DESCRIBE KEY is ours only where a key and IN follow.
    let describes = matches!(first.as_str(), "DESCRIBE" | "DESC");
    if !ours || (describes && word(p, 3).is_none_or(|w| w != "IN")) {
        return Ok(None);
    }
    p.next_token();
    p.next_token();
    let statement = match (first.as_str(), second.as_str()) {
        ("CREATE", _) => {
            let if_not_exists = eat(p, "IF");
            if if_not_exists {
                need(p, "NOT")?;
                need(p, "EXISTS")?;
            }
            Statement::CreateStore { store: store(p)?, if_not_exists }
        }
        ("DROP", "STORE") => {
            let if_exists = if_exists(p)?;
            Statement::DropStore { store: store(p)?, if_exists }
        }
        ("RENAME", "STORE") => {
            let from = store(p)?;
            need(p, "TO")?;
            Statement::RenameStore { from, to: store(p)? }
        }
        ("LIST", "STORES") => {
            let _ = eat(p, "IN") || eat(p, "FROM");
            let named = !matches!(p.peek_token().token, Token::EOF | Token::SemiColon);
            Statement::ListStores { database: if named { Some(name(p, "a database")?) } else { None } }
        }
        ("LIST", _) => {
            need(p, "IN")?;
            let store = store(p)?;
            let like = if eat(p, "LIKE") { Some(text(p)?) } else { None };
            Statement::ListKeys { store, like }
        }
        ("READ", _) => {
            let key = key(p)?;
            Statement::ReadKey { key, store: in_store(p)? }
        }
        ("DESCRIBE" | "DESC", _) => {
            let key = key(p)?;
            Statement::DescribeKey { key, store: in_store(p)? }
        }
        ("DROP", _) => {
            let if_exists = if_exists(p)?;
            let key = key(p)?;
            Statement::DropKey { key, store: in_store(p)?, if_exists }
        }
        ("RENAME", _) => {
            let from = key(p)?;
            need(p, "TO")?;
            let to = key(p)?;
            Statement::RenameKey { from, to, store: in_store(p)? }
        }
        _ => write(p)?,
    };
    match p.peek_token().token {
        Token::EOF | Token::SemiColon => Ok(Some(statement)),
        _ => Err(wrong(p, "the end of the statement")),
    }
}

fn if_exists(p: &mut Parser<'_>) -> Result<bool> {
    let there = word(p, 0).is_some_and(|w| w == "IF") && word(p, 1).is_some_and(|w| w == "EXISTS");
    if there {
        p.next_token();
        p.next_token();
    }
    Ok(there)
}

fn name(p: &mut Parser<'_>, what: &str) -> Result<String> {
    match p.peek_token().token {
        // An unquoted name is folded to lower case, as the engine folds the names of tables.
        Token::Word(w) => {
            p.next_token();
            Ok(if w.quote_style.is_some() { w.value } else { w.value.to_lowercase() })
        }
        _ => Err(wrong(p, what)),
    }
}

/// A key: a name as it is written, or a text in quotes of either kind.
fn key(p: &mut Parser<'_>) -> Result<String> {
    match p.peek_token().token {
        Token::Word(w) => {
            p.next_token();
            Ok(w.value)
        }
        Token::SingleQuotedString(text) => {
            p.next_token();
            Ok(text)
        }
        Token::Number(digits, false) => {
            p.next_token();
            Ok(digits)
        }
        _ => Err(wrong(p, "a key")),
    }
}

fn text(p: &mut Parser<'_>) -> Result<String> {
    match p.peek_token().token {
        Token::SingleQuotedString(text) => {
            p.next_token();
            Ok(text)
        }
        _ => Err(wrong(p, "a text in single quotes")),
    }
}

fn in_store(p: &mut Parser<'_>) -> Result<StoreName> {
    need(p, "IN")?;
    store(p)
}

/// `s`, `store.s` or `db.store.s`.
fn store(p: &mut Parser<'_>) -> Result<StoreName> {
    let mut parts = vec![name(p, "a store")?];
    while p.consume_token(&Token::Period) {
        parts.push(name(p, "a store")?);
    }
    let schema = |s: &str| s.eq_ignore_ascii_case(KV_SCHEMA);
    match parts.as_slice() {
        [s] => Ok(StoreName { database: None, store: s.clone() }),
        [schema_name, s] if schema(schema_name) => Ok(StoreName { database: None, store: s.clone() }),
        [db, schema_name, s] if schema(schema_name) => Ok(StoreName { database: Some(db.clone()), store: s.clone() }),
        _ => Err(Error::usage(format!("`{}` cannot name a store", parts.join("."))).expected("db.store.NAME")),
    }
}

fn write(p: &mut Parser<'_>) -> Result<Statement> {
    let key = key(p)?;
    let store = in_store(p)?;
    if !p.consume_token(&Token::Eq) {
        return Err(wrong(p, "= and a value"));
    }
    let value = value(p)?;
    let ttl_us = if eat(p, "TTL") { Some(ttl(p)?) } else { None };
    let mut reset = false;
    if eat(p, "RESET") {
        need(p, "ON")?;
        need(p, "ACCESS")?;
        reset = true;
        if ttl_us.is_none() {
            return Err(Error::usage("RESET ON ACCESS needs a TTL").expected("TTL 10s RESET ON ACCESS"));
        }
    } else if eat(p, "NO") {
        need(p, "RESET")?;
    }
    Ok(Statement::WriteKey { key, store, value, ttl_us, reset })
}

/// `10s`, as a number and a word or as a text.
fn ttl(p: &mut Parser<'_>) -> Result<u64> {
    let written = match p.peek_token().token {
        Token::SingleQuotedString(text) => text,
        Token::Number(digits, _) => match p.peek_nth_token(1).token {
            Token::Word(unit) => {
                p.next_token();
                format!("{digits}{}", unit.value)
            }
            _ => digits,
        },
        _ => return Err(wrong(p, "a duration, such as 10s")),
    };
    p.next_token();
    let us = u64::try_from(parse_duration(&written)?.as_micros()).unwrap_or(u64::MAX);
    if us == 0 { Err(Error::usage("a TTL of nothing").hint("DROP KEY takes a key away")) } else { Ok(us) }
}

fn value(p: &mut Parser<'_>) -> Result<Written> {
    let engine = |e| crate::error::engine_error(datafusion::error::DataFusionError::SQL(Box::new(e), None));
    match p.peek_token().token {
        Token::SingleQuotedString(text) => {
            p.next_token();
            Ok(Written::Text(text))
        }
        Token::HexStringLiteral(digits) => {
            p.next_token();
            Ok(Written::Bytes(hex(&digits)?))
        }
        Token::Minus | Token::Number(..) => number(p),
        Token::LBrace | Token::LBracket => document(p),
        Token::LParen => {
            p.next_token();
            let query = p.parse_query().map_err(engine)?;
            if !p.consume_token(&Token::RParen) {
                return Err(wrong(p, "`)`"));
            }
            Ok(Written::Frame(query))
        }
        Token::Word(w) if w.quote_style.is_none() => {
            p.next_token();
            match w.value.to_uppercase().as_str() {
                "JSON" => Ok(Written::Json(text(p)?)),
                "FRAME" => value(p).and_then(|v| match v {
                    Written::Frame(_) => Ok(v),
                    _ => Err(Error::usage("a frame is the rows of a query").expected("FRAME (SELECT ...)")),
                }),
                "TRUE" | "FALSE" | "NULL" => Ok(Written::Json(w.value.to_lowercase())),
                _ => Err(Error::usage(format!("`{}` is not a value", w.value)).expected(FORMS)),
            }
        }
        _ => Err(wrong(p, FORMS)),
    }
}

const FORMS: &str = "'text', a number, JSON '...', {...}, [...], X'hex' or (SELECT ...)";

fn number(p: &mut Parser<'_>) -> Result<Written> {
    let sign = if p.consume_token(&Token::Minus) { "-" } else { "" };
    match p.peek_token().token {
        Token::Number(digits, _) => {
            p.next_token();
            let text = format!("{sign}{digits}");
            Ok(text.parse().map_or(Written::Json(text), Written::Int))
        }
        _ => Err(wrong(p, "a number")),
    }
}

fn hex(digits: &str) -> Result<Vec<u8>> {
    let nibble = |c: char| c.to_digit(16).map(|d| d as u8);
    let nibbles: Option<Vec<u8>> = digits.chars().map(nibble).collect();
    let bytes = nibbles.filter(|n| n.len() % 2 == 0);
    let bytes = bytes.ok_or_else(|| Error::usage(format!("X'{digits}' is not hexadecimal, two digits a byte")))?;
    Ok(bytes.chunks(2).map(|c| c.iter().fold(0, |byte, n| byte << 4 | n)).collect())
}

/// A document written out: every token up to the bracket that closes the first one.
fn document(p: &mut Parser<'_>) -> Result<Written> {
    let (mut text, mut depth) = (String::new(), 0u32);
    // The token that was peeked at may stand behind white space, which the first call below gives.
    while let Some(token) = p.next_token_no_skip() {
        let token = token.token.clone();
        match token {
            Token::LBrace | Token::LBracket => depth += 1,
            Token::RBrace | Token::RBracket => depth = depth.saturating_sub(1),
            _ => {}
        }
        let blank = matches!(token, Token::Whitespace(_));
        text.push_str(&token.to_string());
        if depth == 0 && !blank {
            return Ok(Written::Json(text.trim().to_owned()));
        }
    }
    Err(Error::usage("the document is not closed").hint("JSON '...' takes any document as a text"))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    fn one(text: &str) -> Result<Option<Statement>> {
        let mut p = Parser::new(&GenericDialect {}).try_with_sql(text).unwrap();
        parse(&mut p)
    }

    fn written(text: &str) -> Written {
        match one(&format!("WRITE KEY k IN main.store.s = {text}")).unwrap().unwrap() {
            Statement::WriteKey { value, .. } => value,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_statement_is_read() {
        for text in [
            "CREATE STORE main.store.s",
            "create store if not exists s",
            "DROP STORE IF EXISTS store.s",
            "RENAME STORE main.store.a TO main.store.b",
            "LIST STORES",
            "LIST STORES main",
            "LIST KEYS IN main.store.s",
            "LIST KEYS IN s LIKE 'a%';",
            "READ KEY k IN s",
            "DESCRIBE KEY 'odd key' IN s",
            "DROP KEY IF EXISTS \"k\" IN s",
            "RENAME KEY a TO b IN s",
            "WRITE KEY k IN s = 'x' TTL 10s RESET ON ACCESS",
            "WRITE KEY k IN s = 7 TTL '1.5h' NO RESET",
        ] {
            assert!(one(text).unwrap().is_some(), "{text}");
        }
        for text in ["select 1", "create table store (a int)", "describe key", "drop table t", "rename table a to b"] {
            assert!(one(text).unwrap().is_none(), "{text}");
        }
        for text in [
            "create store",
            "create store a.b",
            "write key k in s",
            "write key k in s = ",
            "write key k in s = 'x' ttl 10",
            "write key k in s = 'x' ttl 0s",
            "write key k in s = 'x' reset on access",
            "write key k in s = {\"a\": 1",
            "read key k in s s",
            "list keys s",
        ] {
            assert!(one(text).is_err(), "{text}");
        }
    }

    #[test]
    fn values_keep_their_type() {
        assert_eq!(written("'it''s'"), Written::Text("it's".into()));
        assert_eq!(written("-9223372036854775808"), Written::Int(i64::MIN));
        assert_eq!(written("9223372036854775808"), Written::Json("9223372036854775808".into()));
        assert_eq!(written("1.5"), Written::Json("1.5".into()));
        assert_eq!(written("JSON '{\"a\": 1}'"), Written::Json("{\"a\": 1}".into()));
        assert_eq!(written("{\"a\": [1, {\"b\": null}]}"), Written::Json("{\"a\": [1, {\"b\": null}]}".into()));
        assert_eq!(written("[1, 2]"), Written::Json("[1, 2]".into()));
        assert_eq!(written("X'00fF'"), Written::Bytes(vec![0, 255]));
        assert!(matches!(written("(select 1 as a)"), Written::Frame(_)));
        assert!(matches!(written("frame (values (1))"), Written::Frame(_)));
        assert_eq!(written("true"), Written::Json("true".into()));
    }
}

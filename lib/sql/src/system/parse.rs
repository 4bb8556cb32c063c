//! SET, RESET and SHOW of our own knobs, and ALTER DATABASE. Knobs of the engine are left to the engine.

use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

use super::Statement;
use crate::settings::KNOBS;
use crate::statement::{ahead, take, word};

/// The dotted name at `n` tokens from here, and how many tokens it has.
fn dotted(p: &Parser<'_>, n: usize) -> Option<(String, usize)> {
    let part = |at: usize| match p.peek_nth_token_ref(at).token {
        Token::Word(ref w) => Some(w.value.clone()),
        _ => None,
    };
    let mut name = part(n)?;
    let mut taken = 1;
    while p.peek_nth_token_ref(n + taken).token == Token::Period {
        name.push('.');
        name.push_str(&part(n + taken + 1)?);
        taken += 2;
    }
    Some((name, taken))
}

/// Whether a name is one of our areas: a name that is not known there is an error, and none of the engine's.
fn ours(name: &str) -> bool {
    let area = name.split('.').next().unwrap_or_default();
    name.contains('.') && KNOBS.iter().any(|k| k.name.split('.').next().is_some_and(|a| a.eq_ignore_ascii_case(area)))
}

fn skip(p: &mut Parser<'_>, n: usize) {
    for _ in 0..n {
        p.next_token();
    }
}

/// Takes a statement of this area; `None`, and nothing taken, for any other.
pub(crate) fn parse(p: &mut Parser<'_>) -> Result<Option<Statement>, ParserError> {
    let (first, second) = (word(p, 0).unwrap_or_default(), word(p, 1).unwrap_or_default());
    match (first.as_str(), second.as_str()) {
        ("SHOW", "ALL") => {
            skip(p, 2);
            Ok(Some(Statement::Show { name: None }))
        }
        ("RESET", "ALL") => {
            skip(p, 2);
            Ok(Some(Statement::Reset { name: None }))
        }
        ("ALTER", "DATABASE") => {
            skip(p, 2);
            if !ahead(p, &["SET"]) && !ahead(p, &["RESET"]) {
                // The name of the database may stand there.
                p.next_token();
            }
            let set = take(p, &["SET"]);
            if !set && !take(p, &["RESET"]) {
                return p.expected("SET or RESET", p.peek_token());
            }
            let Some((name, taken)) = dotted(p, 0) else { return p.expected("a setting", p.peek_token()) };
            skip(p, taken);
            let value = if set { Some(value(p)?) } else { None };
            Ok(Some(Statement::AlterDatabase { name, value }))
        }
        ("SET" | "RESET" | "SHOW", _) => {
            let Some((name, taken)) = dotted(p, 1).filter(|(name, _)| ours(name)) else { return Ok(None) };
            skip(p, 1 + taken);
            Ok(Some(match first.as_str() {
                "SET" => Statement::Set { name, value: value(p)? },
                "RESET" => Statement::Reset { name: Some(name) },
                _ => Statement::Show { name: Some(name) },
            }))
        }
        _ => Ok(None),
    }
}

/// `= VALUE` or `TO VALUE`: a text, or the words up to the end of the statement, so that units need no quotes.
fn value(p: &mut Parser<'_>) -> Result<String, ParserError> {
    if !p.consume_token(&Token::Eq) && !take(p, &["TO"]) {
        return p.expected("= or TO", p.peek_token());
    }
    let mut value = String::new();
    loop {
        match p.peek_token().token {
            Token::EOF | Token::SemiColon => break,
            Token::SingleQuotedString(text) => value.push_str(&text),
            other => value.push_str(&other.to_string()),
        }
        p.next_token();
    }
    if value.is_empty() { p.expected("a value", p.peek_token()) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;

    use super::*;

    fn one(text: &str) -> Option<Statement> {
        parse(&mut Parser::new(&GenericDialect {}).try_with_sql(text).unwrap()).unwrap()
    }

    #[test]
    fn our_knobs_are_taken_and_the_engines_are_left() {
        let set = |name: &str, value: &str| Some(Statement::Set { name: name.into(), value: value.into() });
        assert_eq!(one("SET json.sample_rows = all"), set("json.sample_rows", "all"));
        assert_eq!(one("set lock.wait to 30s;"), set("lock.wait", "30s"));
        assert_eq!(one("set log.sync = 'interval:50ms'"), set("log.sync", "interval:50ms"));
        assert_eq!(one("set vector.search.ef_search = 16"), set("vector.search.ef_search", "16"));
        assert_eq!(one("RESET json.drift"), Some(Statement::Reset { name: Some("json.drift".into()) }));
        assert_eq!(one("SHOW ALL"), Some(Statement::Show { name: None }));
        let alter = Statement::AlterDatabase { name: "json.drift".into(), value: Some("null".into()) };
        assert_eq!(one("ALTER DATABASE main SET json.drift = null"), Some(alter));
        let alter = Statement::AlterDatabase { name: "json.drift".into(), value: None };
        assert_eq!(one("ALTER DATABASE RESET json.drift"), Some(alter));
        assert!(one("set datafusion.execution.batch_size = 1").is_none());
        assert!(one("show tables").is_none() && one("set x = 1").is_none());
    }
}

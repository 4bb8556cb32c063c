//! The grammar of MATCH.
//!
//! `MATCH [SHORTEST] [USING GRAPH g] (s:Label {key: x})-[:Type*L..U]->(t:Label {key: y}) [WHERE e] RETURN ...
//! [ORDER BY ...] [LIMIT n [OFFSET n]]`

use datafusion::sql::sqlparser::ast::{Expr, OrderByExpr, SelectItem};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use qx_graph::Direction;

use super::parse::{name, text};
use crate::statement::take;

type Parsed<T> = Result<T, ParserError>;

/// One end of the pattern.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// The variable, in lower case.
    pub variable: Option<String>,
    pub label: Option<String>,
    /// `{name: value}`: `key`, or the column that is the key.
    pub key: Option<(String, Expr)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Match {
    pub shortest: bool,
    pub graph: Option<String>,
    pub source: End,
    pub target: End,
    pub etype: Option<String>,
    pub direction: Direction,
    /// Fewest and most hops; `u32::MAX` for all the way.
    pub hops: (u32, u32),
    pub filter: Option<Expr>,
    pub distinct: bool,
    pub items: Vec<SelectItem>,
    pub order: Vec<OrderByExpr>,
    pub limit: Option<Expr>,
    pub offset: Option<Expr>,
}

fn wrong<T>(p: &Parser<'_>, expected: &str) -> Parsed<T> {
    p.expected(expected, p.peek_token())
}

/// MATCH itself was taken.
pub(super) fn parse(p: &mut Parser<'_>) -> Parsed<Match> {
    let shortest = take(p, &["SHORTEST"]);
    let graph = if take(p, &["USING", "GRAPH"]) { Some(name(p)?) } else { None };
    let source = end(p)?;
    let back = match p.next_token().token {
        Token::Lt => {
            p.expect_token(&Token::Minus)?;
            true
        }
        Token::Minus => false,
        other if other.to_string() == "<-" => true,
        other => return Err(ParserError::ParserError(format!("expected -[ or <-[ after a node, found {other}"))),
    };
    let (etype, hops) = edge(p)?;
    let forth = match p.next_token().token {
        Token::Arrow => true,
        Token::Minus => p.consume_token(&Token::Gt),
        other => return Err(ParserError::ParserError(format!("expected ]-> or ]- after an edge, found {other}"))),
    };
    let direction = match (back, forth) {
        (true, false) => Direction::In,
        (false, true) => Direction::Out,
        _ => Direction::Both,
    };
    let target = end(p)?;
    if source.variable.is_some() && source.variable == target.variable {
        return Err(ParserError::ParserError("both ends of a pattern have one variable".to_owned()));
    }
    let filter = if take(p, &["WHERE"]) { Some(p.parse_expr()?) } else { None };
    if !take(p, &["RETURN"]) {
        return wrong(p, "RETURN");
    }
    let distinct = take(p, &["DISTINCT"]);
    let items = p.parse_comma_separated(Parser::parse_select_item)?;
    let order = match take(p, &["ORDER", "BY"]) {
        true => p.parse_comma_separated(Parser::parse_order_by_expr)?,
        false => Vec::new(),
    };
    let (mut limit, mut offset) = (None, None);
    loop {
        if limit.is_none() && take(p, &["LIMIT"]) {
            limit = Some(p.parse_expr()?);
        } else if offset.is_none() && (take(p, &["OFFSET"]) || take(p, &["SKIP"])) {
            offset = Some(p.parse_expr()?);
        } else {
            break;
        }
    }
    Ok(Match { shortest, graph, source, target, etype, direction, hops, filter, distinct, items, order, limit, offset })
}

/// `(variable:Label {key: value})`, every part of it optional.
fn end(p: &mut Parser<'_>) -> Parsed<End> {
    p.expect_token(&Token::LParen)?;
    let mut end = End { variable: None, label: None, key: None };
    if let Token::Word(_) = p.peek_token().token {
        end.variable = Some(text(p, "a variable")?.to_lowercase());
    }
    if p.consume_token(&Token::Colon) {
        end.label = Some(text(p, "a label")?);
    }
    if p.consume_token(&Token::LBrace) {
        let name = text(p, "key")?.to_lowercase();
        p.expect_token(&Token::Colon)?;
        end.key = Some((name, p.parse_expr()?));
        p.expect_token(&Token::RBrace)?;
    }
    p.expect_token(&Token::RParen)?;
    Ok(end)
}

/// `[variable:Type*L..U]`, every part of it optional. Nothing can be asked of the variable.
fn edge(p: &mut Parser<'_>) -> Parsed<(Option<String>, (u32, u32))> {
    p.expect_token(&Token::LBracket)?;
    if let Token::Word(_) = p.peek_token().token {
        p.next_token();
    }
    let etype = match p.consume_token(&Token::Colon) {
        true => match p.peek_token().token {
            Token::Number(digits, _) => {
                p.next_token();
                Some(digits)
            }
            _ => Some(text(p, "an edge type")?),
        },
        false => None,
    };
    let hops = match p.consume_token(&Token::Mul) {
        true => bounds(p)?,
        false => (1, 1),
    };
    p.expect_token(&Token::RBracket)?;
    Ok((etype, hops))
}

/// What stands between `*` and `]`. The tokenizer takes the points for parts of numbers, so they are put together again.
fn bounds(p: &mut Parser<'_>) -> Parsed<(u32, u32)> {
    let mut range = String::new();
    while let Token::Number(..) | Token::Period = p.peek_token().token {
        range.push_str(&p.next_token().token.to_string());
    }
    let bad = |what: &str| ParserError::ParserError(format!("`*{range}`: {what}"));
    let number = |text: &str| text.parse::<u32>().map_err(|_| bad("expected *, *N, *L..U, *L.. or *..U"));
    let (low, high) = match range.split_once("..") {
        None if range.is_empty() => (1, u32::MAX),
        None => (number(&range)?, number(&range)?),
        Some((low, high)) => {
            (if low.is_empty() { 1 } else { number(low)? }, if high.is_empty() { u32::MAX } else { number(high)? })
        }
    };
    if low > high {
        return Err(bad("the lower bound is above the upper one"));
    }
    Ok((low, high))
}

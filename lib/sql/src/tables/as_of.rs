//! `t AS OF VERSION 3`, `t AS OF TIMESTAMP '2026-01-01'`, and `VERSION AS OF`, `TIMESTAMP AS OF` as other engines write
//! it. The parser knows neither, so the tokens are put into its terms: a name that asks for the older version.

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::keywords::{Keyword, RESERVED_FOR_TABLE_ALIAS};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};
use qx_formats::{Error, Result};
use qx_store::delta::At;

use super::Shape;
use super::names::rows_suffix;

/// Puts every AS OF among the tokens into the name before it.
///
/// # Errors
/// `Usage` for a version that is no number, or a time that is none.
pub(crate) fn rewrite(tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>> {
    let word = |i: usize, text: &str| {
        tokens.get(i).is_some_and(
            |t| matches!(&t.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(text)),
        )
    };
    if !(0..tokens.len()).any(|i| word(i, "of")) {
        return Ok(tokens);
    }
    // Places of the tokens that are not white space.
    let solid: Vec<usize> = (0..tokens.len()).filter(|i| !matches!(tokens[*i].token, Token::Whitespace(_))).collect();
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len() + 4);
    let mut at = 0;
    while at < solid.len() {
        let place = |n: usize| solid.get(at + n).copied().unwrap_or(usize::MAX);
        let is = |n: usize, text: &str| word(place(n), text);
        let unit = |n: usize| is(n, "version") || is(n, "timestamp");
        let named = matches!(tokens[solid[at]].token, Token::Word(_));
        let behind = named && is(1, "as") && is(2, "of") && unit(3);
        let before = named && unit(1) && is(2, "as") && is(3, "of");
        let Some(value) = (behind || before).then(|| tokens.get(place(4))).flatten() else {
            out.push(tokens[solid[at]].clone());
            at += 1;
            continue;
        };
        let version = if behind { is(3, "version") } else { is(1, "version") };
        let shape = Shape::At(moment(version, &value.token)?);
        let mut name = tokens[solid[at]].clone();
        let Token::Word(old) = &name.token else { return Err(Error::usage("AS OF follows the name of a table")) };
        let plain = if old.quote_style.is_some() { old.value.clone() } else { old.value.to_lowercase() };
        let quoted = |value: String| Token::Word(Word { value, quote_style: Some('"'), keyword: Keyword::NoKeyword });
        name.token = quoted(rows_suffix(&plain, shape));
        let span = name.span;
        out.push(name);
        at += 5;
        let alias = solid.get(at).is_some_and(|i| match &tokens[*i].token {
            Token::Word(w) => {
                w.value.eq_ignore_ascii_case("as")
                    || w.quote_style.is_some()
                    || !RESERVED_FOR_TABLE_ALIAS.contains(&w.keyword)
            }
            _ => false,
        });
        if !alias {
            let keyword = Word { value: "AS".to_owned(), quote_style: None, keyword: Keyword::AS };
            out.push(TokenWithSpan { token: Token::Word(keyword), span });
            out.push(TokenWithSpan { token: quoted(plain), span });
        }
    }
    Ok(out)
}

fn moment(version: bool, value: &Token) -> Result<At> {
    match value {
        Token::Number(n, _) if version => {
            n.parse().map(At::Version).map_err(|_| Error::usage("AS OF VERSION").expected("a whole number").got(n))
        }
        Token::SingleQuotedString(text) if !version => {
            let t = datafusion::arrow::datatypes::DataType::Timestamp(
                datafusion::arrow::datatypes::TimeUnit::Microsecond,
                Some("UTC".into()),
            );
            match ScalarValue::try_from_string(text.clone(), &t) {
                Ok(ScalarValue::TimestampMicrosecond(Some(us), _)) => Ok(At::Time(us)),
                _ => Err(Error::usage("AS OF TIMESTAMP").expected("a time such as '2026-01-31T12:00:00Z'").got(text)),
            }
        }
        other => Err(Error::usage("AS OF").expected("VERSION number or TIMESTAMP 'time'").got(other)),
    }
}

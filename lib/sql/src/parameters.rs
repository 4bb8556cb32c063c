//! Typed parameters, put in the place of `$1` or `$name` before a statement is parsed: as tokens, so that a value is a
//! value in every statement, whatever it holds.

use std::collections::BTreeSet;

use datafusion::common::ScalarValue;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use qx_formats::{Error, Result};

use crate::error::engine_error;

/// A parameter: its name, and its value.
pub type Parameter = (String, ScalarValue);

/// Puts the values in the place of their names.
///
/// # Errors
/// `Usage` for a name without a value, and for a value whose name does not occur.
pub(crate) fn fill(tokens: Vec<TokenWithSpan>, parameters: &[Parameter]) -> Result<Vec<TokenWithSpan>> {
    let mut used = BTreeSet::new();
    let mut out = Vec::with_capacity(tokens.len());
    for token in tokens {
        let Token::Placeholder(text) = &token.token else {
            out.push(token);
            continue;
        };
        let name = text.trim_start_matches(['$', ':', '@']);
        let Some((name, value)) = parameters.iter().find(|(n, _)| n == name) else {
            return Err(Error::usage(format!("the parameter {text} has no value"))
                .hint(format!("--param {name}=int64:42 gives it one")));
        };
        used.insert(name);
        out.extend(literal(value)?.into_iter().map(|t| TokenWithSpan { token: t, span: token.span }));
    }
    match parameters.iter().find(|(name, _)| !used.contains(name)) {
        Some((name, _)) => Err(Error::usage(format!("the statements have no parameter ${name}"))),
        None => Ok(out),
    }
}

/// The tokens of a value, from which the same value of the same type comes back.
fn literal(value: &ScalarValue) -> Result<Vec<Token>> {
    let number = |text: String| match text.strip_prefix('-') {
        // In brackets, lest two minus signs meet.
        Some(digits) => vec![Token::LParen, Token::Minus, Token::Number(digits.to_owned(), false), Token::RParen],
        None => vec![Token::Number(text, false)],
    };
    Ok(match value {
        ScalarValue::Boolean(Some(v)) => vec![Token::make_keyword(if *v { "TRUE" } else { "FALSE" })],
        ScalarValue::Int64(Some(v)) if *v > i64::MIN => number(v.to_string()),
        ScalarValue::Float64(Some(v)) if v.is_finite() => number(format!("{v:?}")),
        ScalarValue::Utf8(Some(v)) => vec![Token::SingleQuotedString(v.clone())],
        other => {
            let text = other.cast_to(&datafusion::arrow::datatypes::DataType::Utf8).map_err(engine_error)?;
            let text = match text {
                ScalarValue::Utf8(Some(text)) => Token::SingleQuotedString(text),
                _ => Token::make_keyword("NULL"),
            };
            vec![
                Token::make_word("arrow_cast", None),
                Token::LParen,
                text,
                Token::Comma,
                Token::SingleQuotedString(other.data_type().to_string()),
                Token::RParen,
            ]
        }
    })
}

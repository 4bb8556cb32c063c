//! What a statement says of a search beside SQL: `USING ANN | EXACT` behind ORDER BY. The engine's parser knows no such
//! clause, so it is taken out of the tokens and travels as a function around the first key.

use std::ops::ControlFlow;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::expr::Sort as SortExpr;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::SessionContext;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, FunctionArg, FunctionArgExpr, FunctionArguments, Query, Statement as Sql, visit_expressions_mut,
};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use qx_formats::{Error, Result};

use crate::functions::distance;

/// By what a search is asked to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Using {
    Ann,
    Exact,
}

impl Using {
    fn function(self) -> &'static str {
        match self {
            Using::Ann => "__using_ann",
            Using::Exact => "__using_exact",
        }
    }

    pub(super) fn of(function: &str) -> Option<Using> {
        [Using::Ann, Using::Exact].into_iter().find(|u| u.function() == function)
    }
}

pub(crate) fn register(context: &SessionContext) {
    for using in [Using::Ann, Using::Exact] {
        context.register_udf(ScalarUDF::from(Marker { using, signature: Signature::any(1, Volatility::Immutable) }));
    }
}

/// Gives what it is given: a mark around an expression.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Marker {
    using: Using,
    signature: Signature,
}

impl ScalarUDFImpl for Marker {
    fn name(&self) -> &str {
        self.using.function()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> EngineResult<DataType> {
        match types {
            [one] => Ok(one.clone()),
            _ => plan_err!("{} marks one expression", self.name()),
        }
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> EngineResult<ColumnarValue> {
        match args.args.pop() {
            Some(value) => Ok(value),
            None => plan_err!("{} marks one expression", self.name()),
        }
    }
}

/// Takes the marks off the keys of a sort.
pub(super) fn strip(keys: &mut [SortExpr]) -> EngineResult<Option<Using>> {
    let mut said = None;
    for key in keys {
        if let Expr::ScalarFunction(call) = &key.expr
            && let Some(using) = Using::of(call.func.name())
            && let [inner] = call.args.as_slice()
        {
            said = Some(using);
            key.expr = inner.clone();
        }
    }
    Ok(said)
}

fn is_word(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

/// Turns `ORDER BY key ... USING ANN` into `ORDER BY __using_ann(key) ...`.
///
/// # Errors
/// `Usage` for the clause without an ORDER BY before it.
pub(crate) fn lift(tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>> {
    let solid: Vec<TokenWithSpan> =
        tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).cloned().collect();
    let ends =
        |n: usize| matches!(solid.get(n).map(|t| &t.token), None | Some(Token::EOF | Token::SemiColon | Token::RParen));
    let mut found = Vec::new();
    for n in 0..solid.len() {
        let (Some(first), Some(second)) = (solid.get(n), solid.get(n + 1)) else { continue };
        let using = [("ann", Using::Ann), ("exact", Using::Exact)].into_iter().find(|(w, _)| is_word(second, w));
        let Some((_, using)) = using.filter(|_| is_word(first, "using") && ends(n + 2)) else { continue };
        if let Some((start, end)) = first_key(&solid, n)? {
            found.push((n, start, end, using));
        }
    }
    if found.is_empty() {
        return Ok(tokens);
    }
    let mut out = Vec::with_capacity(solid.len() + 2 * found.len());
    for (i, token) in solid.iter().enumerate() {
        let span = token.span;
        for (_, start, end, using) in &found {
            if i == *end {
                out.push(TokenWithSpan { token: Token::RParen, span });
            }
            if i == *start {
                out.push(TokenWithSpan { token: Token::make_word(using.function(), None), span });
                out.push(TokenWithSpan { token: Token::LParen, span });
            }
        }
        if !found.iter().any(|(n, ..)| i == *n || i == n + 1) {
            out.push(token.clone());
        }
    }
    Ok(out)
}

/// Where the first key of the ORDER BY before a place begins and ends; nothing where the clause belongs to another
/// statement than a query.
fn first_key(tokens: &[TokenWithSpan], at: usize) -> Result<Option<(usize, usize)>> {
    let mut depth = 0i64;
    let mut start = None;
    for i in (1..at).rev() {
        let Some(token) = tokens.get(i) else { break };
        match token.token {
            Token::RParen => depth += 1,
            Token::LParen => depth -= 1,
            Token::SemiColon => break,
            _ if depth == 0 && is_word(token, "by") && tokens.get(i - 1).is_some_and(|t| is_word(t, "order")) => {
                start = Some(i + 1);
                break;
            }
            _ => {}
        }
        if depth < 0 {
            break;
        }
    }
    let Some(start) = start else {
        let query = tokens.iter().take(at).any(|t| is_word(t, "select"));
        let other = tokens.iter().take(at).any(|t| is_word(t, "delete") || is_word(t, "merge"));
        return match query && !other {
            true => Err(Error::usage("USING ANN and USING EXACT stand behind an ORDER BY")),
            false => Ok(None),
        };
    };
    let mut depth = 0i64;
    let mut end = start;
    while let Some(token) = tokens.get(end).filter(|_| end < at) {
        match token.token {
            Token::LParen | Token::LBracket => depth += 1,
            Token::RParen | Token::RBracket => depth -= 1,
            Token::Comma if depth == 0 => break,
            _ if depth == 0
                && ["asc", "desc", "nulls", "limit", "offset", "fetch"].iter().any(|w| is_word(token, w)) =>
            {
                break;
            }
            _ => {}
        }
        end += 1;
    }
    Ok(Some((start, end)))
}

/// The scalar subqueries that a statement has as sides of distances, in the order of [`fill`].
pub(crate) fn subqueries(sql: &mut Sql) -> Vec<Query> {
    let mut found = Vec::new();
    each_side(sql, &mut |side| {
        if let SqlExpr::Subquery(query) = side {
            found.push(query.as_ref().clone());
        }
    });
    found
}

/// Puts values in the places of [`subqueries`]; those that have none stay.
pub(crate) fn fill(sql: &mut Sql, values: Vec<Option<SqlExpr>>) {
    let mut values = values.into_iter();
    each_side(sql, &mut |side| {
        if matches!(side, SqlExpr::Subquery(_))
            && let Some(Some(value)) = values.next()
        {
            *side = value;
        }
    });
}

fn each_side(sql: &mut Sql, f: &mut dyn FnMut(&mut SqlExpr)) {
    let _ = visit_expressions_mut(sql, |e| {
        if let SqlExpr::Function(call) = e
            && call
                .name
                .0
                .last()
                .and_then(|p| p.as_ident())
                .is_some_and(|n| distance::metric_of(&n.value.to_lowercase()).is_some())
            && let FunctionArguments::List(list) = &mut call.args
        {
            for arg in &mut list.args {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(side)) = arg {
                    f(side);
                }
            }
        }
        ControlFlow::<()>::Continue(())
    });
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn lifted(sql: &str) -> Result<String> {
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().unwrap();
        let texts: Vec<String> = lift(tokens)?
            .iter()
            .filter(|t| !matches!(t.token, Token::EOF | Token::Whitespace(_)))
            .map(|t| t.token.to_string())
            .collect();
        Ok(texts.join(" "))
    }

    #[test]
    fn the_clause_becomes_a_mark_around_the_first_key() {
        assert_eq!(lifted("select 1 order by a limit 3").unwrap(), "select 1 order by a limit 3");
        assert_eq!(
            lifted("select 1 from t order by f(v, '[1,2]') desc, b limit 3 using ann").unwrap(),
            "select 1 from t order by __using_ann ( f ( v , '[1,2]' ) ) desc , b limit 3"
        );
        assert_eq!(
            lifted("select * from (select 1 order by s limit 3 using exact) x order by y").unwrap(),
            "select * from ( select 1 order by __using_exact ( s ) limit 3 ) x order by y"
        );
        assert_eq!(lifted("delete from t using ann").unwrap(), "delete from t using ann");
        assert!(lifted("select 1 from t using ann").is_err());
    }
}

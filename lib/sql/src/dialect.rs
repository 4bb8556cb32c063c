//! What SQL says and the engine reads otherwise, said in a way that it reads: the escape of a LIKE, the patterns of SIMILAR
//! TO, times in the unit that columns keep, and a column that stands twice in the ORDER BY of a DISTINCT ON. What it reads
//! wrongly and nobody can say for it is refused.

use std::fmt::Display;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Distinct, Expr, JoinConstraint, JoinOperator, OrderByKind, Query, Select, SetExpr,
    Statement as Sql, TableFactor, TableWithJoins, TypedString, Value, ValueWithSpan, VisitMut, VisitorMut,
    visit_expressions_mut,
};
use qx_formats::{Error, Result};

use crate::unread;

/// Rewrites a statement.
///
/// # Errors
/// `Unsupported` for a SIMILAR TO without a pattern that can be read, for a RIGHT or FULL JOIN with USING, and for clauses that
/// nobody would heed; `Usage` for a pattern that is none.
pub(crate) fn rewrite(sql: &mut Sql) -> Result<()> {
    match sql.visit(&mut Rewriter { arguments: 0 }) {
        ControlFlow::Break(e) => Err(e),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Rewriter {
    /// Table functions around the place, which take times in nanoseconds.
    arguments: u32,
}

fn has_arguments(factor: &TableFactor) -> bool {
    matches!(
        factor,
        TableFactor::Table { args: Some(_), .. } | TableFactor::Function { .. } | TableFactor::TableFunction { .. }
    )
}

impl VisitorMut for Rewriter {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        once(query);
        match unread::query(query).and_then(|()| one_sided(&query.body)) {
            Err(e) => ControlFlow::Break(e),
            Ok(()) => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Error> {
        match unread::select(select) {
            Err(e) => ControlFlow::Break(e),
            Ok(()) => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        if let Err(e) = unread::factor(factor) {
            return ControlFlow::Break(e);
        }
        self.arguments += u32::from(has_arguments(factor));
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        self.arguments -= u32::from(has_arguments(factor));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, e: &mut Expr) -> ControlFlow<Error> {
        match e {
            Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
                escaped(pattern, escape_char);
            }
            Expr::SimilarTo { .. } => {
                if let Err(error) = similar(e) {
                    return ControlFlow::Break(error);
                }
            }
            Expr::TypedString(TypedString { data_type, value, .. }) if self.arguments == 0 => {
                in_microseconds(data_type, quoted(value));
            }
            Expr::Cast { expr, data_type, .. } if self.arguments == 0 => in_microseconds(data_type, text(expr)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// A part of a statement as text that reads as what it is. The parser's own takes two quotes in a text, or one behind a
/// backslash, for one that is escaped already.
pub(crate) fn written<T: VisitMut + Clone + Display>(part: &T) -> String {
    let mut part = part.clone();
    let _ = visit_expressions_mut(&mut part, |e| {
        if let Expr::Value(value) = e
            && let Value::SingleQuotedString(text) = &mut value.value
        {
            *text = text.replace('\'', "''");
        }
        ControlFlow::<()>::Continue(())
    });
    part.to_string()
}

fn quoted(value: &ValueWithSpan) -> Option<&str> {
    match &value.value {
        Value::SingleQuotedString(text) => Some(text),
        _ => None,
    }
}

fn text(e: &Expr) -> Option<&str> {
    match e {
        Expr::Value(value) => quoted(value),
        _ => None,
    }
}

fn string(text: String) -> Expr {
    Expr::Value(Value::SingleQuotedString(text).into())
}

/// TIMESTAMP in the unit that columns keep: years 1 to 9999 can be counted in it, and in nanoseconds 1678 to 2261 alone. A
/// text of more digits keeps the type of which an assignment says that it is too fine.
fn in_microseconds(data_type: &mut DataType, text: Option<&str>) {
    let digits = text.and_then(|t| t.split_once('.')).map_or("", |(_, digits)| digits);
    if digits.bytes().take_while(u8::is_ascii_digit).count() > 6 {
        return;
    }
    if let DataType::Timestamp(precision, _) = data_type {
        *precision = precision.or(Some(6));
    }
}

/// ORDER BY with each expression once: what orders nothing any more is more than the engine's DISTINCT ON bears.
fn once(query: &mut Query) {
    if !matches!(query.body.as_ref(), SetExpr::Select(s) if matches!(s.distinct, Some(Distinct::On(_)))) {
        return;
    }
    if let Some(order) = &mut query.order_by
        && let OrderByKind::Expressions(list) = &mut order.kind
    {
        let mut seen: Vec<Expr> = Vec::new();
        list.retain(|by| {
            let new = !seen.contains(&by.expr);
            if new {
                seen.push(by.expr.clone());
            }
            new
        });
    }
}

/// Refuses what makes one column of two where a row may have the right one alone: the engine takes the left one.
fn one_sided(body: &SetExpr) -> Result<()> {
    match body {
        SetExpr::Select(select) => select.from.iter().try_for_each(joined),
        SetExpr::SetOperation { left, right, .. } => one_sided(left).and_then(|()| one_sided(right)),
        _ => Ok(()),
    }
}

fn joined(from: &TableWithJoins) -> Result<()> {
    let nested = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin { table_with_joins, .. } => joined(table_with_joins),
        _ => Ok(()),
    };
    nested(&from.relation)?;
    for join in &from.joins {
        nested(&join.relation)?;
        let (JoinOperator::Right(on) | JoinOperator::RightOuter(on) | JoinOperator::FullOuter(on)) =
            &join.join_operator
        else {
            continue;
        };
        if matches!(on, JoinConstraint::Using(_) | JoinConstraint::Natural) {
            return Err(Error::unsupported("USING and NATURAL are not supported in a RIGHT or FULL JOIN")
                .hint("ON a.c = b.c, and coalesce(a.c, b.c) for the column of both"));
        }
    }
    Ok(())
}

/// The character that an ESCAPE names; the inner `None` where it names none.
fn escape(value: &ValueWithSpan) -> Option<Option<char>> {
    let mut characters = quoted(value)?.chars();
    let first = characters.next();
    characters.next().is_none().then_some(first)
}

/// A pattern with an escape of its own, as one with backslashes.
fn escaped(pattern: &mut Expr, escape_char: &mut Option<ValueWithSpan>) {
    let Some(character) = escape_char.as_ref().and_then(escape).filter(|c| *c != Some('\\')) else { return };
    if let Some(new) = text(pattern).and_then(|p| with_backslashes(p, character)) {
        *pattern = string(new);
        *escape_char = None;
    }
}

/// `None` for a pattern that ends in the escape.
fn with_backslashes(pattern: &str, escape: Option<char>) -> Option<String> {
    let mut out = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        let plain = if Some(c) == escape { Some(characters.next()?) } else { None };
        match plain.unwrap_or(c) {
            '\\' => out.push_str("\\\\"),
            c @ ('%' | '_') if plain.is_some() => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    Some(out)
}

/// SIMILAR TO as a regular expression over the whole text.
fn similar(e: &mut Expr) -> Result<()> {
    let Expr::SimilarTo { negated, expr, pattern, escape_char } = e else { return Ok(()) };
    if matches!(&**pattern, Expr::Value(v) if v.value == Value::Null) {
        return Ok(());
    }
    let wrong = |what: &str| Error::usage(format!("SIMILAR TO {what}"));
    let escape = match escape_char {
        Some(value) => escape(value).ok_or_else(|| wrong("has an ESCAPE of one character"))?,
        None => Some('\\'),
    };
    let Some(pattern) = text(pattern) else {
        return Err(Error::unsupported("SIMILAR TO takes its pattern as a text in quotes")
            .hint("`~` takes any regular expression"));
    };
    let regex = regex(pattern, escape).ok_or_else(|| wrong("has a pattern that ends too early").got(pattern))?;
    let op = if *negated { BinaryOperator::PGRegexNotMatch } else { BinaryOperator::PGRegexMatch };
    let left = std::mem::replace(&mut **expr, Expr::Value(Value::Null.into()));
    *e = Expr::BinaryOp { left: Box::new(left), op, right: Box::new(string(regex)) };
    Ok(())
}

fn plain(out: &mut String, c: char) {
    if "\\.+*?()|[]{}^$&-~#".contains(c) {
        out.push('\\');
    }
    out.push(c);
}

fn regex(pattern: &str, escape: Option<char>) -> Option<String> {
    let mut out = String::from("^(?s:");
    let mut characters = pattern.chars();
    let mut class = false;
    while let Some(c) = characters.next() {
        match c {
            c if Some(c) == escape => plain(&mut out, characters.next()?),
            ']' if class => {
                class = false;
                out.push(c);
            }
            '[' if class && characters.as_str().starts_with(':') => {
                let end = characters.as_str().find(":]")? + 2;
                out.push(c);
                out.push_str(&characters.as_str()[..end]);
                characters = characters.as_str()[end..].chars();
            }
            '[' | '&' | '~' | '\\' if class => out.extend(['\\', c]),
            c if class => out.push(c),
            '[' => {
                class = true;
                out.push(c);
                if characters.as_str().starts_with('^') {
                    out.extend(characters.next());
                }
            }
            '%' => out.push_str(".*"),
            '_' => out.push('.'),
            '.' | '^' | '$' | '\\' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push_str(")$");
    (!class).then_some(out)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::ast::Expr;
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::{regex, with_backslashes, written};

    #[test]
    fn what_is_written_reads_as_what_it_was() {
        let read =
            |text: &str| -> Expr { Parser::new(&GenericDialect {}).try_with_sql(text).unwrap().parse_expr().unwrap() };
        for text in
            ["''", "''''", "''''''", "'a''b'", "'\\''''x'", "'\\'''", "'it''s'", "concat('''''', lower('\\'''))"]
        {
            let e = read(text);
            assert_eq!(read(&written(&e)), e, "{text} as {}", written(&e));
        }
    }

    #[test]
    fn an_escape_becomes_a_backslash() {
        let of = |pattern, escape| with_backslashes(pattern, escape);
        assert_eq!(of("a!%b!_c%", Some('!')).as_deref(), Some("a\\%b\\_c%"));
        assert_eq!(of("!!a!x\\", Some('!')).as_deref(), Some("!ax\\\\"));
        assert_eq!(of("a\\_", None).as_deref(), Some("a\\\\_"));
        assert_eq!(of("%%a%", Some('%')), None, "the escape escapes nothing");
        assert_eq!(of("%%a%%", Some('%')).as_deref(), Some("\\%a\\%"));
    }

    #[test]
    fn a_pattern_of_sql_becomes_a_regular_expression() {
        let of = |pattern| regex(pattern, Some('\\'));
        assert_eq!(of("(a|b)%_").as_deref(), Some("^(?s:(a|b).*.)$"));
        assert_eq!(of("a.b$^").as_deref(), Some("^(?s:a\\.b\\$\\^)$"));
        assert_eq!(of("\\%\\_\\\\x").as_deref(), Some("^(?s:%_\\\\x)$"));
        assert_eq!(of("[^a%_&[:digit:]]{2}").as_deref(), Some("^(?s:[^a%_\\&[:digit:]]{2})$"));
        assert_eq!(regex("a\\b", None).as_deref(), Some("^(?s:a\\\\b)$"));
        assert_eq!(of("a\\"), None);
        assert_eq!(of("[a"), None);
    }
}

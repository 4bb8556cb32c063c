//! `WITH (types (size int64, ...), sample 1024, drift widen)` behind the name of a document. The engine's parser knows
//! no such thing, so the tokens are taken out before it sees them, and travel in the name.

use std::collections::BTreeMap;

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};
use qx_formats::{Error, Result};
use qx_store::names::KV_SCHEMA;
use serde::{Deserialize, Serialize};

use super::SEPARATOR;
use crate::settings::{self, Settings};

/// What the clause said.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Given {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    types: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sample: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drift: Option<String>,
}

fn word(token: Option<&TokenWithSpan>) -> Option<&str> {
    match &token?.token {
        Token::Word(w) => Some(&w.value),
        _ => None,
    }
}

/// Takes `WITH (...)` behind four-part names of documents out of the tokens, and puts it into their last part.
///
/// # Errors
/// `Usage` for an option that there is not, or a value that it does not take.
pub(crate) fn lift(tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>> {
    let solid: Vec<usize> = (0..tokens.len())
        .filter(|&i| tokens.get(i).is_some_and(|t| !matches!(t.token, Token::Whitespace(_))))
        .collect();
    let at = |n: usize| solid.get(n).and_then(|&i| tokens.get(i));
    let is = |n: usize, wanted: &Token| at(n).is_some_and(|t| t.token == *wanted);
    // Of each clause: the last part of the name, the text that it gets, and the tokens that go.
    let mut lifted: Vec<(usize, String, std::ops::RangeInclusive<usize>)> = Vec::new();
    for n in 0..solid.len() {
        let named = word(at(n)).is_some()
            && is(n + 1, &Token::Period)
            && word(at(n + 2)).is_some_and(|w| w.eq_ignore_ascii_case(KV_SCHEMA))
            && is(n + 3, &Token::Period)
            && word(at(n + 4)).is_some()
            && is(n + 5, &Token::Period)
            && word(at(n + 6)).is_some();
        let with = word(at(n + 7)).is_some_and(|w| w.eq_ignore_ascii_case("WITH")) && is(n + 8, &Token::LParen);
        if !named || !with {
            continue;
        }
        let mut depth = 0usize;
        let mut end = n + 8;
        while let Some(t) = at(end) {
            match t.token {
                Token::LParen => depth += 1,
                Token::RParen => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            end += 1;
        }
        let inside: Vec<&Token> = (n + 9..end).filter_map(|i| Some(&at(i)?.token)).collect();
        let given = parse(&inside)?;
        let json = serde_json::to_string(&given).map_err(|e| Error::usage(e.to_string()))?;
        if let (Some(&key), Some(&first), Some(&last)) = (solid.get(n + 6), solid.get(n + 7), solid.get(end)) {
            lifted.push((key, json, first..=last));
        }
    }
    if lifted.is_empty() {
        return Ok(tokens);
    }
    let mut out = Vec::with_capacity(tokens.len());
    for (i, mut token) in tokens.into_iter().enumerate() {
        if lifted.iter().any(|(.., range)| range.contains(&i)) {
            continue;
        }
        if let (Some((_, json, _)), Token::Word(w)) = (lifted.iter().find(|(key, ..)| *key == i), &mut token.token) {
            w.value = format!("{}{SEPARATOR}{json}", w.value);
            w.quote_style = Some('"');
            w.keyword = datafusion::sql::sqlparser::keywords::Keyword::NoKeyword;
        }
        out.push(token);
    }
    Ok(out)
}

fn parse(tokens: &[&Token]) -> Result<Given> {
    let mut given = Given::default();
    for part in split(tokens) {
        let [Token::Word(name), rest @ ..] = part.as_slice() else {
            return Err(Error::usage("an option of a document has a name").expected(NAMES));
        };
        // `sample = 10` and `sample 10` are the same.
        let rest = match rest {
            [Token::Eq, rest @ ..] => rest,
            rest => rest,
        };
        match name.value.to_lowercase().as_str() {
            "sample" | "sample_rows" => given.sample = Some(text(rest)),
            "drift" => given.drift = Some(text(rest)),
            "types" => {
                let [Token::LParen, inside @ .., Token::RParen] = rest else {
                    return Err(Error::usage("types stand in brackets").expected("types (column type, ...)"));
                };
                for one in split(inside) {
                    let [first, kind @ ..] = one.as_slice() else { continue };
                    let column = match first {
                        Token::Word(w) => w.value.clone(),
                        Token::SingleQuotedString(s) => s.clone(),
                        other => return Err(Error::usage("a column has a name").got(other)),
                    };
                    given.types.push((column, text(kind)));
                }
            }
            other => return Err(Error::usage(format!("documents have no option {other}")).expected(NAMES)),
        }
    }
    // A mistake is told where it was made, not when the table is opened.
    options(&given)?;
    Ok(given)
}

const NAMES: &str = "types (...), sample N, drift widen|rescue|null|error";

/// The tokens between commas outside of brackets.
fn split<'a>(tokens: &[&'a Token]) -> Vec<Vec<&'a Token>> {
    let mut parts = vec![Vec::new()];
    let mut depth = 0usize;
    for &token in tokens {
        match token {
            Token::LParen | Token::Lt => depth += 1,
            Token::RParen | Token::Gt => depth = depth.saturating_sub(1),
            _ => {}
        }
        match (token, parts.last_mut()) {
            (Token::Comma, _) if depth == 0 => parts.push(Vec::new()),
            (_, Some(last)) => last.push(token),
            (_, None) => {}
        }
    }
    parts.retain(|p| !p.is_empty());
    parts
}

fn text(tokens: &[&Token]) -> String {
    let part = |t: &&Token| match t {
        Token::SingleQuotedString(s) => s.clone(),
        other => other.to_string(),
    };
    tokens.iter().map(part).collect()
}

/// SQL's own names of types, beside those of the frame reader.
fn frame_type(name: &str) -> Result<qx_frame::Type> {
    let lower = name.to_lowercase();
    let known = match lower.as_str() {
        "bigint" | "int8" => "int64",
        "int" | "integer" | "smallint" | "tinyint" => "int64",
        "double" | "real" | "float" | "doubleprecision" => "float64",
        "text" | "varchar" | "string" => "utf8",
        "boolean" => "bool",
        "numeric" => "decimal",
        other => other,
    };
    qx_frame::parse_type(known).map_err(Error::usage)
}

fn options(given: &Given) -> Result<qx_frame::Options> {
    let mut options = qx_frame::Options::default();
    for (column, kind) in &given.types {
        match frame_type(kind)? {
            qx_frame::Type::Json => options.as_json.push(column.clone()),
            other => options.hints.push((column.clone(), other.data_type())),
        }
    }
    if let Some(sample) = &given.sample {
        options.sample = sample_of(sample)?;
    }
    if let Some(drift) = &given.drift {
        options.drift = drift_of(drift)?;
    }
    Ok(options)
}

fn sample_of(text: &str) -> Result<Option<usize>> {
    let knob = settings::find("json.sample_rows").ok_or_else(|| settings::unknown("json.sample_rows"))?;
    let text = knob.check(text)?;
    Ok(text.parse().ok())
}

fn drift_of(text: &str) -> Result<qx_frame::Drift> {
    use qx_frame::Drift::{Error as Fail, Null, Rescue, Widen};
    let all = [Widen, Rescue, Null, Fail];
    let found = all.into_iter().find(|d| d.name().eq_ignore_ascii_case(text));
    found.ok_or_else(|| Error::usage(format!("drift cannot be `{text}`")).expected("widen, rescue, null or error"))
}

/// What the clause says, and the session where it says nothing.
///
/// # Errors
/// `Usage` for a value that its knob does not take.
pub(super) fn decode(
    given: Option<&str>,
    settings: &Settings,
    database: &BTreeMap<String, String>,
) -> Result<qx_frame::Options> {
    let mut given: Given = given.and_then(|g| serde_json::from_str(g).ok()).unwrap_or_default();
    let value = |name: &str| settings::find(name).map(|knob| settings.get(knob, database).0);
    given.sample = given.sample.or_else(|| value("json.sample_rows"));
    given.drift = given.drift.or_else(|| value("json.drift"));
    options(&given)
}

/// The options of a reader of files: types as `size int64, name utf8`, and the session where nothing is said.
///
/// # Errors
/// `Usage` for what is no type, sample or drift.
pub(crate) fn frame_options(
    types: Option<&str>,
    sample: Option<String>,
    drift: Option<String>,
    settings: &Settings,
    database: &BTreeMap<String, String>,
) -> Result<qx_frame::Options> {
    let mut given = Given { types: Vec::new(), sample, drift };
    let mut depth = 0i32;
    let parts = types.unwrap_or_default().split(|c: char| {
        depth += i32::from(matches!(c, '(' | '<')) - i32::from(matches!(c, ')' | '>'));
        c == ',' && depth == 0
    });
    for part in parts.map(str::trim).filter(|p| !p.is_empty()) {
        let (column, kind) = part.split_once(char::is_whitespace).ok_or_else(|| {
            Error::usage(format!("`{part}` is no column and type")).expected("'size int64, name utf8'")
        })?;
        given.types.push((column.to_owned(), kind.trim().to_owned()));
    }
    let json = serde_json::to_string(&given).map_err(|e| Error::usage(e.to_string()))?;
    decode(Some(&json), settings, database)
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn lifted(sql: &str) -> Result<String> {
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location().unwrap();
        Ok(lift(tokens)?.iter().map(|t| t.token.to_string()).collect())
    }

    #[test]
    fn the_clause_goes_into_the_name() {
        let plain = "select * from main.store.kv.k where a = 1";
        assert_eq!(lifted(plain).unwrap(), plain);
        let cte = "with a as (select 1) select * from a";
        assert_eq!(lifted(cte).unwrap(), cte);
        let got = lifted(
            "select * from main.store.kv.k WITH (types (size bigint, \"odd name\" list<utf8>), sample all, drift null) t",
        )
        .unwrap();
        assert!(got.starts_with("select * from main.store.kv.\"k\u{1f}{"), "{got}");
        assert!(got.ends_with(" t"), "{got}");
        for bad in ["sample 0", "drift sideways", "types (a nothing)", "colour red", "types a int64"] {
            assert!(lifted(&format!("select * from main.store.kv.k with ({bad})")).is_err(), "{bad}");
        }
    }
}

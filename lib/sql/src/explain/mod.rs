//! EXPLAIN [ANALYZE] [VERBOSE] [FORMAT f] of any statement. What is shown is a plan bundle (`qx_plan`); a statement that
//! changes something is never run by it: what is explained is the query that finds its rows, or what it would define.

mod subject;
#[cfg(test)]
mod tests;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::StringArray;
use datafusion::arrow::datatypes::{DataType, Field, Schema};
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::sql::parser::DFParser;
use datafusion::sql::sqlparser::tokenizer::Token;
use qx_formats::{Error, Kind, Result};
use qx_plan::render::{Format, Show};
use qx_plan::{Options, capture};
use serde_json::Value;

use crate::error::engine_error;
use crate::session::{Answer, Session};
use crate::statement::{self, Body, take, word};

pub(crate) use subject::subject;

#[derive(Debug, Clone)]
pub(crate) struct Statement {
    asked: Asked,
    body: Body,
    /// The statement below, as it was written.
    text: String,
}

#[derive(Debug, Clone, Copy, Default)]
struct Asked {
    analyze: bool,
    verbose: bool,
    format: Format,
}

pub(crate) fn parse(p: &mut DFParser<'_>) -> Result<Option<Statement>> {
    if word(&p.parser, 0).as_deref() != Some("EXPLAIN") {
        return Ok(None);
    }
    p.parser.next_token();
    let asked = match p.parser.consume_token(&Token::LParen) {
        true => listed(p)?,
        false => Asked {
            analyze: take(&mut p.parser, &["ANALYZE"]),
            verbose: take(&mut p.parser, &["VERBOSE"]),
            format: p.parse_explain_format().map_err(engine_error)?.map_or(Ok(Format::default()), |f| f.parse())?,
        },
    };
    if word(&p.parser, 0).as_deref() == Some("EXPLAIN") {
        return Err(Error::usage("EXPLAIN of an EXPLAIN").hint("one of them is enough"));
    }
    let body = statement::one(p)?;
    Ok(Some(Statement { asked, body, text: String::new() }))
}

/// The options as PostgreSQL writes them: `(ANALYZE, VERBOSE off, FORMAT json)`.
fn listed(p: &mut DFParser<'_>) -> Result<Asked> {
    let mut asked = Asked::default();
    loop {
        let name = word(&p.parser, 0).ok_or_else(|| Error::usage("EXPLAIN (...)").expected("a list of options"))?;
        p.parser.next_token();
        match name.as_str() {
            "ANALYZE" => asked.analyze = switch(p)?,
            "VERBOSE" => asked.verbose = switch(p)?,
            "FORMAT" => {
                let token = p.parser.next_token().token;
                let format = match token {
                    Token::Word(w) => w.value,
                    Token::SingleQuotedString(s) => s,
                    other => return Err(Error::usage("EXPLAIN (FORMAT ...)").got(other)),
                };
                asked.format = format.parse()?;
            }
            other => {
                return Err(Error::usage(format!("`{other}` is not an option of EXPLAIN"))
                    .expected("ANALYZE, VERBOSE or FORMAT"));
            }
        }
        if p.parser.consume_token(&Token::RParen) {
            return Ok(asked);
        }
        if !p.parser.consume_token(&Token::Comma) {
            return Err(Error::usage("EXPLAIN (...)").expected("a comma or a closing bracket"));
        }
    }
}

/// A truth value behind an option; none means yes.
fn switch(p: &mut DFParser<'_>) -> Result<bool> {
    let value = match word(&p.parser, 0).as_deref() {
        Some("TRUE" | "ON") => true,
        Some("FALSE" | "OFF") => false,
        Some(other) => return Err(Error::usage(format!("`{other}` is not a truth value")).expected("on or off")),
        None => return Ok(true),
    };
    p.parser.next_token();
    Ok(value)
}

impl Statement {
    /// With the text of the whole statement, from which that of the explained one is taken.
    pub(crate) fn within(mut self, text: &str) -> Self {
        self.text = words::without_explain(text).to_owned();
        self
    }
}

pub(crate) async fn run(session: &Session, statement: Statement, text: &str) -> Result<Answer> {
    let Statement { asked, body, text } = statement.within(text);
    let state = session.context().state();
    let ran = match asked.analyze {
        true => trial(session, &body, &text).await?,
        false => None,
    };
    let mut subject = subject(session, body, text).await?;
    if let Some(ran) = ran {
        subject.ran = true;
        subject.facts.extend(ran);
        subject.reasons = vec!["it was run, and what it changed was rolled back".to_owned()];
    }
    let root = session.store().root().to_path_buf();
    let options = Options { analyze: asked.analyze, verbose: asked.verbose, root: Some(&root), ..Options::default() };
    let bundle = capture(&state, subject, options).await?;
    let show = Show { verbose: asked.verbose, stage: None };
    lines(&bundle.render(asked.format, show)?)
}

/// Runs a statement that writes, if the session is a trial, and takes it back. What came of it; nothing for one that
/// only reads.
async fn trial(session: &Session, body: &Body, text: &str) -> Result<Option<BTreeMap<String, Value>>> {
    let Body::Table(table) = body else { return Ok(None) };
    if !table.is_dml() || !session.is_trial() {
        return Ok(None);
    }
    let start = std::time::Instant::now();
    let statement = statement::Statement { text: text.to_owned(), body: body.clone() };
    let answer = session.undone(session.run_inner(statement)).await?;
    let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Some(BTreeMap::from([
        ("rows_changed".to_owned(), answer.affected.unwrap_or(0).into()),
        ("elapsed_ms".to_owned(), ms.into()),
        ("rolled_back".to_owned(), true.into()),
    ])))
}

/// A text as rows, a line each.
fn lines(text: &str) -> Result<Answer> {
    let schema = Schema::new(vec![Field::new("plan", DataType::Utf8, false)]);
    let rows = StringArray::from(text.lines().collect::<Vec<_>>());
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(rows)]);
    batch.map(Answer::batch).map_err(|e| Error::new(Kind::Engine, e.to_string()))
}

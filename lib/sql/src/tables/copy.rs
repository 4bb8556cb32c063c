//! COPY t FROM 'file' | STDIN: one transaction, however many rows; many of them go to Parquet in one Delta commit
//! rather than through the log.

use std::path::PathBuf;

use datafusion::arrow::array::RecordBatch;
use datafusion::sql::sqlparser::ast::ObjectName as SqlName;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use qx_formats::{Error, Result};
use qx_store::Writer;
use qx_store::names::ObjectName;

use super::create::not_there;
use super::fields::typed;
use super::input::{Input, InputFormat, InputOptions, read};
use super::insert::{self, Source};
use super::names::{ident, table_name};
use crate::session::{Answer, Session};
use crate::statement::{ahead, take, word};

/// A load of more rows than this does not go through the log.
pub(crate) const BULK_ROWS: usize = 100_000;

#[derive(Debug, Clone)]
pub(crate) struct Copy {
    table: SqlName,
    columns: Option<Vec<String>>,
    /// None is stdin.
    path: Option<String>,
    options: Vec<(String, String)>,
}

/// `COPY t [(columns)] FROM 'path' | STDIN [[WITH] (option value, ...)]`.
pub(crate) fn parse(p: &mut Parser<'_>) -> Result<Option<Copy>, ParserError> {
    if !ahead(p, &["COPY"]) || p.peek_nth_token_ref(1).token == Token::LParen {
        return Ok(None);
    }
    // COPY ... TO is not ours: look for FROM behind the name and the columns.
    let mut n = 1;
    let mut depth = 0;
    loop {
        match &p.peek_nth_token_ref(n).token {
            Token::LParen => depth += 1,
            Token::RParen => depth -= 1,
            Token::EOF | Token::SemiColon => return Ok(None),
            Token::Word(w) if depth == 0 && w.value.eq_ignore_ascii_case("from") => break,
            Token::Word(w) if depth == 0 && w.value.eq_ignore_ascii_case("to") => return Ok(None),
            _ => {}
        }
        n += 1;
    }
    p.next_token();
    let table = p.parse_object_name(false)?;
    let mut columns = None;
    if p.consume_token(&Token::LParen) {
        let list = p.parse_comma_separated(Parser::parse_identifier)?;
        p.expect_token(&Token::RParen)?;
        columns = Some(list.iter().map(ident).collect());
    }
    take(p, &["FROM"]);
    let path = if take(p, &["STDIN"]) { None } else { Some(p.parse_literal_string()?) };
    take(p, &["WITH"]);
    let mut options = Vec::new();
    if p.consume_token(&Token::LParen) {
        loop {
            let name = p.parse_identifier()?.value.to_lowercase();
            let _ = p.consume_token(&Token::Eq);
            let value = match p.next_token().token {
                Token::Word(w) => w.value,
                Token::SingleQuotedString(s) | Token::DoubleQuotedString(s) | Token::EscapedStringLiteral(s) => s,
                Token::Number(n, _) => n,
                other => return Err(ParserError::ParserError(format!("expected a value, found {other}"))),
            };
            options.push((name, value));
            if !p.consume_token(&Token::Comma) {
                break;
            }
        }
        p.expect_token(&Token::RParen)?;
    } else if let Some(format) = word(p, 0).filter(|w| InputFormat::parse(w).is_ok()) {
        p.next_token();
        options.push(("format".to_owned(), format));
    }
    Ok(Some(Copy { table, columns, path, options }))
}

pub(crate) async fn run(session: &Session, copy: Copy) -> Result<Answer> {
    let name = table_name(session, &copy.table)?;
    let input = match copy.path {
        Some(path) if path != "-" => Input::Path(PathBuf::from(path)),
        _ => Input::Stdin,
    };
    let mut options = InputOptions::default();
    let mut format = match &input {
        Input::Path(path) => InputFormat::of(path),
        Input::Stdin => None,
    };
    for (name, value) in &copy.options {
        match name.as_str() {
            "format" => format = Some(InputFormat::parse(value)?),
            "header" => {
                options.header = match value.to_lowercase().as_str() {
                    "true" | "on" | "1" | "yes" => true,
                    "false" | "off" | "0" | "no" => false,
                    _ => return Err(Error::usage("COPY option header").expected("true or false").got(value)),
                };
            }
            "delimiter" => {
                let text = if value == "\\t" { "\t" } else { value };
                options.delimiter = match text.as_bytes() {
                    [one] => Some(*one),
                    _ => return Err(Error::usage("COPY option delimiter").expected("one byte").got(value)),
                };
            }
            other => {
                return Err(
                    Error::usage(format!("there is no COPY option {other}")).expected("format, header, delimiter")
                );
            }
        }
    }
    let format = format.ok_or_else(|| {
        Error::usage("the format of the input is not known")
            .hint("COPY t FROM ... WITH (FORMAT csv|tsv|ndjson|parquet|arrow)")
    })?;
    load(session, &name, copy.columns, &[(input, format)], &options).await.map(Answer::affected)
}

/// Loads inputs into a table, all of them or nothing; returns how many rows.
pub(crate) async fn load(
    session: &Session,
    name: &ObjectName,
    columns: Option<Vec<String>>,
    inputs: &[(Input, InputFormat)],
    options: &InputOptions,
) -> Result<u64> {
    let explicit = session.in_transaction().await;
    session
        .transact(async |writer: &mut Writer| {
            let table = writer.view().table(name).await?;
            let table = table.ok_or_else(|| not_there(&writer.catalog(), name))?;
            let def = std::sync::Arc::clone(&table.def);
            let wanted = columns.clone().unwrap_or_else(|| def.columns.iter().map(|c| c.name.clone()).collect());
            let mut batches: Vec<Box<dyn Iterator<Item = Result<RecordBatch>> + Send>> = Vec::new();
            for (input, format) in inputs {
                let rows = read(input, *format, options, &wanted, &def)?;
                let (def, columns) = (std::sync::Arc::clone(&def), columns.clone());
                batches.push(match format {
                    InputFormat::Csv | InputFormat::Tsv => Box::new(rows.map(move |batch| {
                        let batch = batch?;
                        typed(&batch, &names_of(&batch, columns.as_deref()), &def)
                    })),
                    _ => rows,
                });
            }
            let mut all = batches.into_iter().flatten();
            let mut held: Vec<RecordBatch> = Vec::new();
            let mut rows = 0;
            for batch in all.by_ref() {
                let batch = batch?;
                rows += batch.num_rows();
                held.push(batch);
                if rows > BULK_ROWS && !explicit {
                    break;
                }
            }
            if rows > BULK_ROWS && !explicit {
                let rest = held.into_iter().map(Ok).chain(all);
                return insert::bulk(session, writer, &table, rest, columns.as_deref()).await;
            }
            let mut count = 0;
            for batch in held {
                let names = names_of(&batch, columns.as_deref());
                count += insert::write(session, writer, name, Source::Rows(vec![batch]), Some(names), None).await?;
            }
            Ok(count)
        })
        .await
}

/// What the columns of a batch are in the table: those that the statement names, in its order, or those of their names.
pub(super) fn names_of(batch: &RecordBatch, columns: Option<&[String]>) -> Vec<String> {
    match columns {
        Some(list) if list.len() == batch.num_columns() => list.to_vec(),
        _ => batch.schema().fields().iter().map(|f| f.name().clone()).collect(),
    }
}

//! EXPLAIN [ANALYZE] [VERBOSE] [FORMAT f] of any statement. A statement that writes is never run by it: what is explained
//! is the query that finds its rows.

use std::str::FromStr;

use datafusion::common::format::{ExplainFormat, ExplainStatementOptions};
use datafusion::sql::parser::{DFParser, ExplainStatement, Statement as EngineStatement};
use datafusion::sql::sqlparser::ast::Statement as Sql;
use qx_formats::{Error, Result};

use crate::error::engine_error;
use crate::session::{Answer, Session};
use crate::statement::{self, Body, take, word};
use crate::tables;

#[derive(Debug, Clone)]
pub(crate) struct Statement {
    options: ExplainStatementOptions,
    body: Body,
}

pub(crate) fn parse(p: &mut DFParser<'_>) -> Result<Option<Statement>> {
    if word(&p.parser, 0).as_deref() != Some("EXPLAIN") {
        return Ok(None);
    }
    p.parser.next_token();
    let analyze = take(&mut p.parser, &["ANALYZE"]);
    let verbose = take(&mut p.parser, &["VERBOSE"]);
    let format = p.parse_explain_format().map_err(engine_error)?;
    let format = format.map(|f| ExplainFormat::from_str(&f)).transpose().map_err(engine_error)?;
    let options = ExplainStatementOptions { analyze, verbose, format, ..Default::default() };
    let body = statement::one(p)?;
    Ok(Some(Statement { options, body }))
}

impl Statement {
    /// As the engine takes it.
    pub(crate) async fn into_engine(self, session: &Session) -> Result<EngineStatement> {
        let inner = match self.body {
            Body::Engine(inner) => *inner,
            Body::Table(statement) => {
                if self.options.analyze {
                    return Err(Error::usage("EXPLAIN ANALYZE would run the statement").hint("EXPLAIN shows its plan"));
                }
                let query = tables::query_of(session, &statement).await?;
                EngineStatement::Statement(Box::new(Sql::Query(Box::new(query))))
            }
            _ => return Err(Error::unsupported("this statement has no plan to explain")),
        };
        Ok(EngineStatement::Explain(ExplainStatement { options: self.options, statement: Box::new(inner) }))
    }
}

pub(crate) async fn run(session: &Session, statement: Statement) -> Result<Answer> {
    let statement = statement.into_engine(session).await?;
    session.run_engine(statement).await
}

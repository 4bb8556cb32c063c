//! BEGIN [GRAPH g], COMMIT, ROLLBACK | ABORT.

use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use qx_formats::Result;

use crate::graph;
use crate::session::{Answer, Session};
use crate::statement::{take, word};

#[derive(Debug, Clone)]
pub(crate) enum Statement {
    /// With the graph that its node and edge statements mean.
    Begin(Option<String>),
    Commit,
    Rollback,
}

pub(crate) fn parse(p: &mut Parser<'_>) -> Result<Option<Statement>, ParserError> {
    let first = word(p, 0);
    let statement = match first.as_deref() {
        Some("BEGIN" | "START") => {
            p.next_token();
            if !take(p, &["TRANSACTION"]) {
                take(p, &["WORK"]);
            }
            let graph = if take(p, &["GRAPH"]) { Some(graph::parse_object(p)?) } else { None };
            Statement::Begin(graph)
        }
        Some("COMMIT" | "END") => {
            p.next_token();
            if !take(p, &["TRANSACTION"]) {
                take(p, &["WORK"]);
            }
            Statement::Commit
        }
        Some("ROLLBACK" | "ABORT") => {
            p.next_token();
            if !take(p, &["TRANSACTION"]) {
                take(p, &["WORK"]);
            }
            Statement::Rollback
        }
        _ => return Ok(None),
    };
    Ok(Some(statement))
}

pub(crate) async fn run(session: &Session, statement: Statement) -> Result<Answer> {
    match statement {
        Statement::Begin(graph) => {
            let graph = graph.map(|g| graph::graph_name(session, &g)).transpose()?;
            session.begin(graph).await?;
        }
        Statement::Commit => session.commit().await?,
        Statement::Rollback => session.rollback().await?,
    }
    Ok(Answer::none())
}

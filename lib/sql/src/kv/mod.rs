//! Key-value stores: CREATE STORE, WRITE KEY and the like.

use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use qx_formats::Result;

use crate::session::{Answer, Session};

/// The statements of this area.
#[derive(Debug, Clone)]
pub(crate) enum Statement {}

/// Takes a statement of this area; `None`, and nothing taken, for any other.
pub(crate) fn parse(_: &mut Parser<'_>) -> Result<Option<Statement>, ParserError> {
    Ok(None)
}

pub(crate) async fn run(_: &Session, statement: Statement) -> Result<Answer> {
    match statement {}
}

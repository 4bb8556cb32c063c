//! Any statement as what a plan is made of: its kind, what it would change, the query behind it.

use std::collections::BTreeMap;

use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{AlterTable, CreateTable, Query, Statement as Sql};
use qx_formats::{Error, Result};
use qx_plan::Subject;
use serde_json::{Value, json};

use super::words::words;
use crate::graph;
use crate::kv;
use crate::session::Session;
use crate::statement::Body;
use crate::tables;

/// Describes a statement. Nothing is changed; scalar subqueries in the arguments of table functions are evaluated, since
/// the plan depends on them.
///
/// # Errors
/// Those of planning: names and types that do not fit.
pub(crate) async fn subject(session: &Session, body: Body, text: String) -> Result<Subject> {
    match body {
        Body::Engine(statement) => {
            let kind = words(&text).kind.to_owned();
            let plan = session.plan_engine(*statement).await?;
            let kind = if matches!(plan, LogicalPlan::Statement(_)) { kind } else { "query".to_owned() };
            Ok(Subject { kind, sql: text, plan: Some(plan), ..Subject::default() })
        }
        Body::Explain(_) => Err(Error::usage("EXPLAIN of an EXPLAIN").hint("one of them is enough")),
        Body::Table(statement) => {
            let tables::Statement::Sql(sql) = statement.as_ref() else { return Ok(said(text)) };
            let mut subject = said(text);
            match sql {
                Sql::Insert(_) | Sql::Update(_) | Sql::Delete(_) | Sql::Merge(_) => {
                    let query = tables::query_of(session, &statement).await?;
                    subject.plan = Some(query_plan(session, query).await?);
                }
                Sql::CreateTable(create) => created(session, create, &mut subject).await?,
                Sql::AlterTable(alter) => altered(alter, &mut subject),
                _ => {}
            }
            Ok(subject)
        }
        Body::Graph(statement) => {
            let mut subject = said(text);
            subject.facts = graph::describe(session, &statement).await?;
            if let (Some(target), Some(graph)) =
                (&mut subject.target, subject.facts.get("graph").and_then(Value::as_str))
            {
                graph.clone_into(target);
            }
            if matches!(statement, graph::Statement::Match(_)) {
                subject.reasons = vec!["WHERE, RETURN and ORDER BY are a query over what the search finds".to_owned()];
            }
            Ok(subject)
        }
        Body::Kv(statement) => {
            let mut subject = said(text);
            subject.facts = kv::facts(session, &statement)?;
            if let Some(query) = kv::query_of(&statement) {
                subject.plan = Some(query_plan(session, query.clone()).await?);
            }
            Ok(subject)
        }
        Body::Transaction(_) | Body::Vector(_) | Body::System(_) => Ok(said(text)),
    }
}

/// By its words alone.
fn said(text: String) -> Subject {
    let words = words(&text);
    let target = words.target.or_else(|| words.writes.then(|| "the database".to_owned()));
    let reasons = match words.writes {
        true => vec!["it changes the database and is not run; EXPLAIN changes nothing".to_owned()],
        false => vec!["it reads no rows by operators, so there is no plan to show".to_owned()],
    };
    Subject { kind: words.kind.to_owned(), sql: text, target, reasons, ..Subject::default() }
}

async fn query_plan(session: &Session, query: Query) -> Result<LogicalPlan> {
    session.plan_engine(EngineStatement::Statement(Box::new(Sql::Query(Box::new(query))))).await
}

async fn created(session: &Session, create: &CreateTable, subject: &mut Subject) -> Result<()> {
    let facts = &mut subject.facts;
    let columns: Vec<Value> = create.columns.iter().map(|c| json!(c.to_string())).collect();
    if !columns.is_empty() {
        facts.insert("columns".to_owned(), columns.into());
    }
    let constraints: Vec<Value> = create.constraints.iter().map(|c| json!(c.to_string())).collect();
    if !constraints.is_empty() {
        facts.insert("constraints".to_owned(), constraints.into());
    }
    if let Some(query) = &create.query {
        subject.plan = Some(query_plan(session, query.as_ref().clone()).await?);
    }
    Ok(())
}

fn altered(alter: &AlterTable, subject: &mut Subject) {
    let operations: Vec<Value> = alter.operations.iter().map(|o| json!(o.to_string())).collect();
    subject.facts = BTreeMap::from([("operations".to_owned(), operations.into())]);
}

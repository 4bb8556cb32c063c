//! A session: one engine context over one database folder.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement;
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{Expr, Query, Statement as Sql, Value};
use qx_formats::{Error, Result};
use qx_store::Store;
use qx_store::names::DEFAULT_SCHEMA;

use crate::catalog::Database;
use crate::error::engine_error;
use crate::functions::{self, Source};
use crate::{arguments, documents, statement};

/// A DataFusion context that sees one database: its tables, documents, graphs and vector indexes.
pub struct Session {
    context: SessionContext,
}

/// The rows that one statement gave.
pub struct Answer {
    pub schema: SchemaRef,
    pub batches: Vec<RecordBatch>,
}

impl Answer {
    pub fn rows(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }
}

impl Session {
    /// Opens a session on a database. Tables are opened when a statement names them.
    ///
    /// # Errors
    /// Those of reading the catalog.
    pub fn open(store: &Arc<Store>) -> Result<Session> {
        let catalog = Arc::new(store.catalog()?);
        let config = SessionConfig::new()
            .with_default_catalog_and_schema(store.database(), DEFAULT_SCHEMA)
            .with_create_default_catalog_and_schema(false)
            .with_information_schema(true);
        let context = SessionContext::new_with_config(config);
        let database = Database::new(store, &catalog, &context.state());
        context.register_catalog(store.database(), Arc::new(database));
        functions::register(&context, &Arc::new(Source { store: Arc::clone(store), catalog }));
        Ok(Session { context })
    }

    /// The engine's context, for callers that register relations of their own or look at plans.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// Splits a text into statements.
    ///
    /// # Errors
    /// `Usage` with the place for what does not parse.
    pub fn parse(text: &str) -> Result<Vec<Statement>> {
        statement::parse(text).map(Vec::from)
    }

    /// The relations that the statements of a text name, without their qualifiers, sorted.
    ///
    /// # Errors
    /// `Usage` for what does not parse.
    pub fn references(text: &str) -> Result<Vec<String>> {
        let mut names = BTreeSet::new();
        for statement in statement::parse(text)? {
            let (tables, _) = resolve_table_references(&statement, true).map_err(engine_error)?;
            names.extend(tables.iter().map(|t| t.table().to_owned()));
        }
        Ok(names.into_iter().collect())
    }

    /// Plans one statement, without optimizing it.
    ///
    /// # Errors
    /// `Unsupported` for a statement that writes; `Usage` for names and types that do not fit.
    pub async fn plan(&self, mut statement: Statement) -> Result<LogicalPlan> {
        statement::check_read_only(&statement)?;
        if let Some(sql) = arguments::inner(&mut statement) {
            self.prepare(sql).await?;
        }
        self.context.state().statement_to_plan(statement).await.map_err(engine_error)
    }

    /// Runs one statement and collects its rows.
    ///
    /// # Errors
    /// Those of [`Session::plan`]; `Engine` for what fails while running.
    pub async fn run(&self, statement: Statement) -> Result<Answer> {
        let plan = self.plan(statement).await?;
        self.run_plan(plan).await
    }

    /// Runs a plan and collects its rows.
    ///
    /// # Errors
    /// `Engine`.
    pub async fn run_plan(&self, plan: LogicalPlan) -> Result<Answer> {
        let frame = self.context.execute_logical_plan(plan).await.map_err(engine_error)?;
        let schema = Arc::clone(frame.schema().inner());
        let batches = frame.collect().await.map_err(engine_error)?;
        Ok(Answer { schema, batches })
    }

    /// Runs a text that holds exactly one statement.
    ///
    /// # Errors
    /// As [`Session::run`]; `Usage` for none or several.
    pub async fn query(&self, text: &str) -> Result<Answer> {
        let mut statements = Self::parse(text)?;
        match (statements.pop(), statements.is_empty()) {
            (Some(one), true) => self.run(one).await,
            _ => Err(Error::usage("expected exactly one statement")),
        }
    }

    /// Our own parts of the language, put into the terms of the engine.
    async fn prepare(&self, sql: &mut Sql) -> Result<()> {
        documents::rewrite(sql);
        let mut values = Vec::new();
        for query in arguments::subqueries(sql) {
            values.push(Box::pin(self.scalar(query)).await?);
        }
        arguments::fill(sql, values)
    }

    /// The one value of a scalar subquery, as a literal.
    async fn scalar(&self, query: Query) -> Result<Expr> {
        let text = query.to_string();
        let answer = self.run(Statement::Statement(Box::new(Sql::Query(Box::new(query))))).await?;
        let shape = || {
            let got = format!("{} rows of {} columns", answer.rows(), answer.schema.fields().len());
            Error::usage(format!("a subquery as an argument gives one value: {text}"))
                .expected("one row, one column")
                .got(got)
        };
        if answer.rows() != 1 || answer.schema.fields().len() != 1 {
            return Err(shape());
        }
        let batch = answer.batches.iter().find(|b| b.num_rows() == 1).ok_or_else(shape)?;
        literal(batch.column(0))
    }
}

fn literal(column: &dyn Array) -> Result<Expr> {
    let value = ScalarValue::try_from_array(column, 0).map_err(engine_error)?;
    let literal = match &value {
        v if v.is_null() => Value::Null,
        v if v.data_type().is_integer() => Value::Number(v.to_string(), false),
        ScalarValue::List(list) => Value::SingleQuotedString(vector_text(&list.value(0))?),
        ScalarValue::FixedSizeList(list) => Value::SingleQuotedString(vector_text(&list.value(0))?),
        v => Value::SingleQuotedString(v.to_string()),
    };
    Ok(Expr::Value(literal.into()))
}

/// A list of floats as a literal from which every bit comes back.
fn vector_text(values: &dyn Array) -> Result<String> {
    use datafusion::arrow::array::AsArray;
    use datafusion::arrow::datatypes::{DataType, Float64Type};
    let doubles = datafusion::arrow::compute::cast(values, &DataType::Float64)
        .map_err(|e| Error::usage(format!("a list argument holds numbers: {e}")))?;
    if doubles.null_count() > 0 {
        return Err(Error::usage("a list argument holds a null"));
    }
    let parts: Vec<String> = doubles.as_primitive::<Float64Type>().values().iter().map(f64::to_string).collect();
    Ok(format!("[{}]", parts.join(",")))
}

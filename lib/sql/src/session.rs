//! A session: one engine context over one database folder, its view of the database, and its open transaction.

mod again;
mod brief;
mod frame;
mod kept;
#[cfg(test)]
mod tests;
mod transact;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::dataframe::DataFrame;
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::physical_plan::common::spawn_buffered;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{EmptyRecordBatchStream, execute_stream};
use datafusion::prelude::{SessionConfig, SessionContext};
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::resolve::resolve_table_references;
use datafusion::sql::sqlparser::ast::{Expr, Query, Statement as Sql};
use futures::stream::iter;
use futures::{StreamExt, TryStreamExt};
use qx_formats::{Error, Result};
use qx_store::names::{DEFAULT_SCHEMA, ObjectName};
use qx_store::view::is_moved;
use qx_store::{Store, View, Writer, sync, units};

use self::brief::is_brief;
use self::kept::{Kept, Question, Ready};
pub use crate::answer::{Answer, Rows};
use crate::catalog::Database;
use crate::current::Current;
use crate::error::engine_error;
use crate::functions::{self, Source};
use crate::parameters::Parameter;
use crate::settings::{self, Settings};
use crate::statement::{Body, Statement};
use crate::system::Live;
use crate::{
    absent, arguments, dialect, documents, exact, explain, graph, in_values, kv, membership, multiset, overflow,
    scalar, statement, system, tables, transactions, vector,
};

/// How often a reader starts a statement over because a writer moved on under it.
const MAX_RESTARTS: u32 = 16;

/// What a caller may decide about a session.
#[derive(Debug, Clone, Default)]
pub struct SessionOptions {
    /// How long a statement that writes waits for another process's lock.
    pub wait: Duration,
    /// Settings that the command line gives, by name.
    pub flags: Vec<(String, String)>,
    /// The environment's variables; those that name no setting are passed over.
    pub environment: Vec<(String, String)>,
    /// The session is a trial, whose transaction its caller will roll back: EXPLAIN ANALYZE runs what it explains.
    pub trial: bool,
}

/// A DataFusion context that sees one database: its tables, documents, graphs and vector indexes.
///
/// Statements that read take no lock. The first one that writes takes the database's lock before it reads anything; the
/// session keeps it until [`Session::close`], so that a script of many small writes opens the log once.
pub struct Session {
    context: SessionContext,
    store: Arc<Store>,
    current: Arc<Current>,
    options: SessionOptions,
    settings: Arc<Settings>,
    live: Arc<Live>,
    kept: Kept,
    work: tokio::sync::Mutex<Work>,
}

/// What only one statement at a time may touch.
#[derive(Default)]
struct Work {
    writer: Option<Writer>,
    /// BEGIN was said, and no COMMIT or ROLLBACK since.
    explicit: bool,
}

impl Session {
    /// Opens a session on a database. Tables are opened when a statement names them.
    ///
    /// # Errors
    /// Those of reading the catalog.
    pub fn open(store: &Arc<Store>) -> Result<Session> {
        Self::open_with(store, SessionOptions::default())
    }

    /// [`Session::open`] with options.
    ///
    /// # Errors
    /// As [`Session::open`].
    pub fn open_with(store: &Arc<Store>, options: SessionOptions) -> Result<Session> {
        let current = Arc::new(Current::new(View::open(store)?));
        let mut config = SessionConfig::new()
            .with_default_catalog_and_schema(store.database(), DEFAULT_SCHEMA)
            .with_create_default_catalog_and_schema(false)
            .with_information_schema(true);
        // Without it a TIMESTAMP WITH TIME ZONE would have none.
        config.options_mut().execution.time_zone = Some("+00:00".to_owned());
        let settings = Arc::new(Settings::new(&options.flags, &options.environment)?);
        let live = Arc::new(Live::new(store.root()));
        let source = Arc::new(Source { current: Arc::clone(&current), settings: Arc::clone(&settings) });
        let context = SessionContext::new_with_state(state(config, &source));
        context.register_catalog(store.database(), Arc::new(Database::new(&current, &settings, &live)));
        functions::register(&context, &source);
        let (store, work) = (Arc::clone(store), tokio::sync::Mutex::default());
        Ok(Session { context, store, current, options, settings, live, kept: Kept::default(), work })
    }

    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Values of the settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The value of a setting, whoever decides it.
    pub fn setting(&self, name: &str) -> String {
        let database = &self.view().catalog().settings;
        settings::find(name).map_or_else(String::new, |knob| self.settings.get(knob, database).0)
    }

    pub(crate) fn is_trial(&self) -> bool {
        self.options.trial
    }

    /// What a statement sees now.
    pub fn view(&self) -> Arc<View> {
        self.current.view()
    }

    /// The graph that statements mean which name none.
    pub fn graph(&self) -> Option<ObjectName> {
        self.current.graph()
    }

    pub fn set_graph(&self, graph: Option<ObjectName>) {
        self.current.set_graph(graph);
    }

    pub(crate) fn vectors(&self) -> &vector::Cache {
        self.current.vectors()
    }

    pub(crate) fn graphs(&self) -> &graph::Cache {
        self.current.graphs()
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
        statement::parse(text)
    }

    /// [`Session::parse`] with values in the place of `$1` or `$name`.
    ///
    /// # Errors
    /// As [`Session::parse`]; `Usage` for a name without a value, or a value without a name.
    pub fn parse_with(text: &str, values: &[Parameter]) -> Result<Vec<Statement>> {
        statement::parse_with(text, Some(values))
    }

    /// The relations that the queries of a text name, without their qualifiers, sorted.
    ///
    /// # Errors
    /// `Usage` for what does not parse.
    pub fn references(text: &str) -> Result<Vec<String>> {
        let mut names = BTreeSet::new();
        for statement in statement::parse(text)? {
            if let Body::Engine(statement) = &statement.body {
                let (tables, _) = resolve_table_references(statement, true).map_err(engine_error)?;
                names.extend(tables.iter().map(|t| t.table().to_owned()));
            }
        }
        Ok(names.into_iter().collect())
    }

    /// Plans one statement that the engine runs, without optimizing it.
    ///
    /// # Errors
    /// `Unsupported` for a statement that writes; `Usage` for names and types that do not fit.
    pub async fn plan(&self, statement: Statement) -> Result<LogicalPlan> {
        self.refresh().await?;
        match statement.body {
            Body::Engine(statement) => self.plan_engine(*statement).await,
            _ => Err(Error::unsupported("only a query has a plan").got(statement.text)),
        }
    }

    /// Any statement as what a plan is made of. Nothing is changed.
    ///
    /// # Errors
    /// `Usage` for names and types that do not fit, and for EXPLAIN.
    pub async fn subject(&self, statement: Statement) -> Result<qx_plan::Subject> {
        self.refresh().await?;
        explain::subject(self, statement.body, statement.text).await
    }

    /// A session on the same database in another state of the engine; this one stays as it is.
    #[must_use]
    pub fn in_state(&self, state: SessionState) -> Session {
        Session {
            context: SessionContext::new_with_state(state),
            store: Arc::clone(&self.store),
            current: Arc::clone(&self.current),
            options: self.options.clone(),
            settings: Arc::clone(&self.settings),
            live: Arc::clone(&self.live),
            kept: Kept::default(),
            work: tokio::sync::Mutex::default(),
        }
    }

    /// The engine's state for one statement, which begins now. In microseconds: columns keep no more of `now()`.
    fn state(&self) -> SessionState {
        let mut state = self.context.state();
        let properties = state.execution_props_mut();
        let begun = properties.query_execution_start_time;
        properties.query_execution_start_time =
            begun.map(|at| at - Duration::from_nanos(u64::from(at.timestamp_subsec_nanos() % 1000)));
        state
    }

    pub(crate) async fn plan_engine(&self, statement: EngineStatement) -> Result<LogicalPlan> {
        self.plan_in(&self.state(), statement).await
    }

    /// Plans a statement of the engine in a state, of which a copy is not cheap.
    async fn plan_in(&self, state: &SessionState, mut statement: EngineStatement) -> Result<LogicalPlan> {
        let (mut marks, mut described) = (false, None);
        if let Some(sql) = arguments::inner(&mut statement) {
            self.prepare(sql).await?;
            marks = exact::mark(sql)?;
            described = tables::described(self, sql);
        }
        let plan = state.statement_to_plan(statement).await.map_err(engine_error)?;
        let plan = absent::settle(multiset::settle(exact::settle(plan, marks)?)?)?;
        Ok(match described {
            Some(def) => tables::nullable(plan, &def),
            None => plan,
        })
    }

    /// A plan with the types that its columns have when it runs: before, those of a UNION are those of its first input.
    ///
    /// # Errors
    /// `Engine` for types that do not come to one.
    pub(crate) fn analyzed(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let state = self.context.state();
        state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}).map_err(engine_error)
    }

    /// Runs one statement and collects its rows.
    ///
    /// # Errors
    /// Those of the statement; `Engine` for what fails while running.
    pub async fn run(&self, statement: Statement) -> Result<Answer> {
        self.live.begin(statement.text());
        let done = self.run_to_end(statement).await;
        self.live.end();
        done
    }

    /// Runs one statement; the rows of a query come as they are asked for, so that they need not fit in memory.
    ///
    /// # Errors
    /// As [`Session::run`]; what fails later comes with the rows.
    pub async fn stream(&self, statement: Statement) -> Result<Rows<'_>> {
        let Body::Engine(query) = &statement.body else { return Ok(Rows::of(self.run(statement).await?)) };
        self.live.begin(statement.text());
        let mut rows = Rows { schema: Arc::new(Schema::empty()), affected: None, source: None, live: Some(&self.live) };
        let mut restarts = 0;
        let stream = loop {
            self.refresh().await?;
            let launched = match self.launch(query, Some(&statement.text)).await {
                Ok((schema, rows)) => begun(schema, rows).await,
                Err(e) => Err(e),
            };
            match launched {
                Err(e) if is_moved(&e) && restarts < MAX_RESTARTS => {
                    restarts += 1;
                    self.renew().await?;
                }
                other => break other?,
            }
        };
        (rows.schema, rows.source) = (stream.0, Some(stream.1));
        Ok(rows)
    }

    async fn run_to_end(&self, statement: Statement) -> Result<Answer> {
        let mut restarts = 0;
        loop {
            self.refresh().await?;
            let done = match &statement.body {
                Body::Engine(query) => Box::pin(self.run_engine(query, Some(&statement.text))).await,
                _ => Box::pin(self.dispatch(&statement)).await,
            };
            match done {
                Err(e) if is_moved(&e) && restarts < MAX_RESTARTS => {
                    restarts += 1;
                    self.renew().await?;
                }
                other => return other,
            }
        }
    }

    async fn dispatch(&self, Statement { text, body }: &Statement) -> Result<Answer> {
        match body {
            // Of a statement within another one, the text may be that of both.
            Body::Engine(statement) => self.run_engine(statement, None).await,
            Body::Transaction(statement) => transactions::run(self, statement.clone()).await,
            Body::Table(statement) => tables::run(self, statement.as_ref().clone()).await,
            Body::Kv(statement) => kv::run(self, statement.clone()).await,
            Body::Graph(statement) => graph::run(self, statement.clone()).await,
            Body::Vector(statement) => vector::run(self, statement.clone()).await,
            Body::System(statement) => system::run(self, statement.clone()).await,
            Body::Explain(explain) => explain::run(self, explain.as_ref().clone(), text).await,
        }
    }

    /// Runs a statement that is part of another one, at the same moment.
    pub(crate) async fn run_inner(&self, statement: Statement) -> Result<Answer> {
        Box::pin(self.dispatch(&statement)).await
    }

    /// Plans and runs a statement of the engine, written as `text`.
    async fn run_engine(&self, statement: &EngineStatement, text: Option<&str>) -> Result<Answer> {
        let (schema, rows) = self.launch(statement, text).await?;
        let batches = rows.try_collect().await.map_err(engine_error)?;
        Ok(Answer::new(schema, batches))
    }

    /// Plans and runs a query that was put together.
    pub(crate) async fn run_query(&self, query: Query) -> Result<Answer> {
        let statement = EngineStatement::Statement(Box::new(Sql::Query(Box::new(query))));
        Box::pin(self.run_engine(&statement, None)).await
    }

    /// Runs a plan and collects its rows.
    ///
    /// # Errors
    /// `Engine`.
    pub async fn run_plan(&self, plan: LogicalPlan) -> Result<Answer> {
        let (schema, rows) = self.start(self.state(), plan, None).await?;
        let batches = rows.try_collect().await.map_err(engine_error)?;
        Ok(Answer::new(schema, batches))
    }

    /// Begins to run a statement of the engine: the columns that it gives, and its rows.
    async fn launch(
        &self,
        statement: &EngineStatement,
        text: Option<&str>,
    ) -> Result<(SchemaRef, SendableRecordBatchStream)> {
        let mut question = Question::of(statement, text);
        let known = question.as_mut().and_then(|q| self.kept.find(q, &self.current, &self.settings));
        if let Some(ready) = known {
            return run(ready);
        }
        let mut state = self.state();
        let question = question.filter(|q| q.is_timeless(&state));
        if question.is_some() {
            // How much a search finds is an estimate to the engine; it is not worth two threads where it is little.
            state.config_mut().options_mut().execution.use_row_number_estimates_to_optimize_partitioning = true;
        }
        let plan = self.plan_in(&state, statement.clone()).await?;
        self.start(state, plan, question).await
    }

    /// Begins to run a plan, and keeps it for what the next statement searches for where `question` says so.
    async fn start(
        &self,
        state: SessionState,
        plan: LogicalPlan,
        question: Option<Question>,
    ) -> Result<(SchemaRef, SendableRecordBatchStream)> {
        let frame = match plan {
            // What changes the engine's own state is for its context to do.
            LogicalPlan::Ddl(_) | LogicalPlan::Statement(_) => {
                self.kept.clear();
                self.context.execute_logical_plan(plan).await
            }
            plan => Ok(DataFrame::new(state, plan)),
        };
        let frame = frame.map_err(engine_error)?;
        let schema = Arc::clone(frame.schema().inner());
        let context = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await.map_err(engine_error)?;
        let ready = Ready { schema, plan, context };
        if let Some(question) = question.filter(|_| is_brief(&ready.plan)) {
            self.kept.keep(question, &ready, &self.current, &self.settings);
        }
        run(ready)
    }

    /// Runs a text that holds exactly one statement.
    ///
    /// # Errors
    /// As [`Session::run`]; `Usage` for none or several.
    pub async fn query(&self, text: &str) -> Result<Answer> {
        if let Some(answer) = self.again(text).await? {
            return Ok(answer);
        }
        let mut statements = Self::parse(text)?;
        match (statements.pop(), statements.is_empty()) {
            (Some(one), true) => self.run(one).await,
            _ => Err(Error::usage("expected exactly one statement")),
        }
    }

    /// Runs the statements of a text one after the other, up to the first error. Returns what the last one gave.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub async fn script(&self, text: &str) -> Result<Answer> {
        let mut last = Answer::none();
        for statement in Self::parse(text)? {
            last = self.run(statement).await?;
        }
        Ok(last)
    }

    /// Loads inputs into a table, all of them or nothing. Returns how many rows.
    ///
    /// # Errors
    /// `NotFound` for the table; `Invalid` for rows that do not fit; `Io`.
    pub async fn load(
        &self,
        table: &ObjectName,
        columns: Option<Vec<String>>,
        inputs: &[(tables::input::Input, tables::input::InputFormat)],
        options: &tables::input::InputOptions,
    ) -> Result<u64> {
        self.refresh().await?;
        tables::load(self, table, columns, inputs, options).await
    }

    /// Sees what others committed since. A session that writes holds the lock, so that nobody else does.
    async fn refresh(&self) -> Result<()> {
        let work = self.work.lock().await;
        if work.writer.is_none() && !self.current.view().is_current()? {
            self.current.set_view(View::open(&self.store)?);
        }
        Ok(())
    }

    async fn renew(&self) -> Result<()> {
        let work = self.work.lock().await;
        if work.writer.is_none() {
            self.current.set_view(View::open(&self.store)?);
        }
        Ok(())
    }

    /// The writer, opened when a statement first asks for it. From then on the session sees what the writer sees.
    async fn writer<'a>(&self, work: &'a mut Work) -> Result<&'a mut Writer> {
        if work.writer.is_none() {
            let (store, wait) = (Arc::clone(&self.store), self.wait()?);
            let opened = tokio::task::spawn_blocking(move || store.writer(wait)).await;
            let writer = opened.map_err(|e| Error::new(qx_formats::Kind::Engine, e.to_string()))??;
            self.current.set_view(Arc::clone(writer.view()));
            work.writer = Some(writer);
        }
        let writer = work.writer.as_mut().ok_or_else(|| Error::usage("the session has no writer"))?;
        writer.sync = sync::parse(&self.setting("log.sync"))?;
        writer.log_bytes_max = units::parse_size(&self.setting("log.bytes_max"))?;
        writer.flush_rows = self.setting("table.flush_rows").parse().unwrap_or(writer.flush_rows);
        Ok(writer)
    }

    /// How long to wait for another process's lock: what the caller said, else what the settings say.
    fn wait(&self) -> Result<Duration> {
        if self.options.wait.is_zero() {
            units::parse_duration(&self.setting("lock.wait"))
        } else {
            Ok(self.options.wait)
        }
    }

    /// Our own parts of the language, put into the terms of the engine.
    async fn prepare(&self, sql: &mut Sql) -> Result<()> {
        dialect::rewrite(sql)?;
        in_values::rewrite(sql);
        documents::rewrite(sql);
        vector::row_ids::rewrite(self, sql)?;
        vector::nulls::last(sql);
        let mut known = Vec::new();
        for query in vector::hint::subqueries(sql) {
            // One that depends on the rows around it has no value by itself; the engine plans it with them.
            known.push(Box::pin(self.scalar(query)).await.ok());
        }
        vector::hint::fill(sql, known);
        let mut values = Vec::new();
        for query in arguments::subqueries(sql) {
            values.push(Box::pin(self.scalar(query)).await?);
        }
        arguments::fill(sql, values)?;
        // Of which graph, table or index a call is stands in its first place by now, however it was said.
        Box::pin(graph::preload(self, sql)).await?;
        vector::preload(self, sql).await
    }

    /// The one value of a scalar subquery, as a literal.
    async fn scalar(&self, query: Query) -> Result<Expr> {
        let text = query.to_string();
        let answer = self.run_query(query).await?;
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
        scalar::literal(batch.column(0))
    }
}

/// Rows of which the first are made: what it took to make them may be gone by now, and then the statement can still begin
/// again.
async fn begun(
    schema: SchemaRef,
    mut rows: SendableRecordBatchStream,
) -> Result<(SchemaRef, SendableRecordBatchStream)> {
    let of = rows.schema();
    let first = rows.next().await.transpose().map_err(engine_error)?;
    let rows: SendableRecordBatchStream = match first {
        Some(first) => Box::pin(RecordBatchStreamAdapter::new(of, iter([Ok(first)]).chain(rows))),
        None => Box::pin(EmptyRecordBatchStream::new(of)),
    };
    Ok((schema, rows))
}

/// Begins to run a plan: its columns, and its rows.
fn run(Ready { schema, plan, context }: Ready) -> Result<(SchemaRef, SendableRecordBatchStream)> {
    let brief = is_brief(&plan);
    let rows = execute_stream(plan, context).map_err(engine_error)?;
    // A task of its own makes the rows where there are threads for it: whoever waits for them can then stop waiting,
    // however long an operator works without a pause.
    Ok((schema, if brief { rows } else { spawn_buffered(rows, 2) }))
}

/// The engine's state, with our rules among its own.
fn state(config: SessionConfig, source: &Arc<Source>) -> SessionState {
    let mut rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = vec![
        Arc::new(membership::Membership),
        Arc::new(vector::Outer),
        Arc::new(vector::OrderByDistance(Arc::clone(source))),
    ];
    for rule in Optimizer::new().rules {
        if rule.name() == "simplify_expressions" {
            rules.push(Arc::new(overflow::Constants));
        }
        rules.push(rule);
    }
    rules.push(Arc::new(vector::KeysOnly));
    let mut physical: Vec<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = vec![Arc::new(overflow::Checked)];
    physical.extend(PhysicalOptimizer::new().rules);
    SessionStateBuilder::new()
        .with_config(config)
        .with_expr_planners(vec![Arc::new(exact::Arithmetic)])
        .with_default_features()
        .with_optimizer_rules(rules)
        .with_physical_optimizer_rules(physical)
        .build()
}

//! The run of a pipeline: what is current is left alone, the rest is built, then the questions are answered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::catalog::MemTable;
use datafusion::datasource::ViewTable;
use qx_formats::{Error, Kind, Result};
use qx_io::Job;
use qx_sql::{Answer, Session, engine_error};
use qx_store::catalog::{Catalog, Origin};
use qx_store::names::ObjectName;
use qx_store::{Store, Writer};
use serde_json::{Value, json};

use crate::inputs::{self, Found};
use crate::lineage::Lineage;
use crate::record::{NoteResult, RunRecord, StepRecord};
use crate::spec::{Artifact, Output, Query, Spec};
use crate::steps::Bench;

/// How to run a pipeline.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Folder that the paths of the specification are relative to.
    pub base: PathBuf,
    /// Database folder; the specification's when not given.
    pub database: Option<PathBuf>,
    /// Other files for inputs, by name.
    pub inputs: BTreeMap<String, PathBuf>,
    /// How long to wait for another writer of the database.
    pub wait: Duration,
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
}

/// What happens while a pipeline runs.
pub enum Event<'a> {
    /// A step is about to be built.
    Step { step: &'a str, position: usize, of: usize },
    /// It was built.
    Built(&'a StepRecord),
    /// Everything is in place; the questions follow.
    Ready(&'a Outcome),
    /// The answer to one question.
    Answer(&'a Query, &'a Answer),
}

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub database: PathBuf,
    /// Steps that were built, or would be built by a dry run.
    pub built: Vec<String>,
    /// Steps that were current.
    pub current: Vec<String>,
    pub record: RunRecord,
}

/// A step and what decides whether it is current.
struct Step<'a> {
    name: String,
    work: Work<'a>,
    fingerprint: String,
    closure: BTreeSet<String>,
}

enum Work<'a> {
    Table(&'a Output),
    Artifact(&'a Artifact),
}

/// Runs a pipeline, telling `tell` what happens.
///
/// # Errors
/// What the inputs, the views, the steps or the questions say; `Locked` when another process writes the database.
pub async fn run(
    spec: &Spec,
    options: &RunOptions,
    job: &Job,
    tell: &mut (dyn FnMut(Event<'_>) -> Result<()> + Send),
) -> Result<Outcome> {
    let root = options.database.clone().unwrap_or_else(|| PathBuf::from(&spec.database));
    let found = inputs::find(spec, &options.base, &options.inputs, job)?;
    let lineage = Lineage::new(spec, &found)?;
    let steps = steps(spec, &lineage);
    let notes_closure: BTreeSet<String> =
        spec.inputs.keys().chain(spec.views.iter().map(|v| &v.name)).cloned().collect();
    let notes_fingerprint = lineage.fingerprint(&json!(spec.notes), &notes_closure);

    let store = if options.dry_run { Store::open(&root).ok() } else { Some(Store::init(&root)?.0) };
    let Some(store) = store.map(Arc::new) else {
        let record = RunRecord::new(&spec.name, spec.hash());
        return Ok(Outcome {
            database: root,
            built: steps.into_iter().map(|s| s.name).collect(),
            current: vec![],
            record,
        });
    };
    let previous = RunRecord::read(store.root(), &spec.name)?;
    let fresh = |p: &RunRecord| p.notes_fingerprint == notes_fingerprint;
    let stale = stale(&store, &steps, &found)?;
    if options.dry_run || (stale.is_empty() && previous.as_ref().is_some_and(fresh)) {
        let record = previous.unwrap_or_else(|| RunRecord::new(&spec.name, spec.hash()));
        let outcome = outcome(&store, &steps, &stale, record);
        if !options.dry_run {
            answer(&store, spec, &outcome, job, tell).await?;
        }
        return Ok(outcome);
    }

    let mut writer = store.writer(options.wait)?;
    // Another run may have done the work while this one waited for the lock.
    let stale = self::stale(&store, &steps, &found)?;
    let needed = if previous.as_ref().is_some_and(fresh) { closure_of(&steps, &stale) } else { notes_closure };
    let session = workbench(&store, spec, &found, &needed, job).await?;
    let mut record = RunRecord::new(&spec.name, spec.hash());
    record.inputs = found.iter().map(|(n, f)| (n.clone(), f.hash.clone())).collect();
    let old_steps = previous.as_ref().map(|p| p.steps.as_slice()).unwrap_or_default();
    for (i, step) in steps.iter().enumerate() {
        job.cancel.check()?;
        if !stale.contains(&step.name) {
            record.steps.extend(old_steps.iter().find(|s| s.step == step.name).cloned());
            continue;
        }
        tell(Event::Step { step: &step.name, position: i + 1, of: steps.len() })?;
        let built = build(step, spec, &session, &mut writer, &found, job).await.map_err(|e| during(e, &step.name))?;
        tell(Event::Built(&built))?;
        record.steps.push(built);
    }
    match previous.filter(fresh) {
        Some(p) => record.notes = p.notes,
        None => record.notes = notes(spec, &session).await?,
    }
    record.notes_fingerprint = notes_fingerprint;
    record.publish(store.root())?;
    writer.close()?;
    drop(session);
    let outcome = outcome(&store, &steps, &stale, record);
    answer(&store, spec, &outcome, job, tell).await?;
    Ok(outcome)
}

fn closure_of(steps: &[Step<'_>], wanted: &BTreeSet<String>) -> BTreeSet<String> {
    steps.iter().filter(|s| wanted.contains(&s.name)).flat_map(|s| s.closure.iter().cloned()).collect()
}

fn during(e: Error, step: &str) -> Error {
    let mut with = Error::new(e.kind(), format!("{step}: {}", e.message()));
    if let Some(path) = e.get_path() {
        with = with.path(path);
    }
    if let Some(expected) = e.get_expected() {
        with = with.expected(expected);
    }
    if let Some(got) = e.get_got() {
        with = with.got(got);
    }
    with.source(e)
}

fn outcome(store: &Store, steps: &[Step<'_>], stale: &BTreeSet<String>, record: RunRecord) -> Outcome {
    let (built, current) = steps.iter().map(|s| s.name.clone()).partition(|name| stale.contains(name));
    Outcome { database: store.root().to_path_buf(), built, current, record }
}

fn steps<'a>(spec: &'a Spec, lineage: &Lineage<'_>) -> Vec<Step<'a>> {
    let tables =
        spec.outputs.iter().map(|o| (format!("table {}", o.table), Work::Table(o), vec![o.from.as_str()], json!(o)));
    let artifacts = spec.artifacts.iter().map(|a| (a.label(), Work::Artifact(a), a.sources(), json!(a)));
    let all = tables.chain(artifacts).map(|(name, work, sources, definition)| {
        let closure = lineage.closure(sources);
        Step { name, work, fingerprint: lineage.fingerprint(&definition, &closure), closure }
    });
    all.collect()
}

/// The steps whose result is missing or was built from something else.
fn stale(store: &Store, steps: &[Step<'_>], found: &BTreeMap<String, Found>) -> Result<BTreeSet<String>> {
    let catalog = store.catalog()?;
    let mut stale = BTreeSet::new();
    for step in steps {
        if !is_current(store, &catalog, step, found)? {
            stale.insert(step.name.clone());
        }
    }
    Ok(stale)
}

fn is_current(store: &Store, catalog: &Catalog, step: &Step<'_>, found: &BTreeMap<String, Found>) -> Result<bool> {
    let layout = store.layout();
    let (origin, file): (Option<&Origin>, PathBuf) = match step.work {
        Work::Table(o) => {
            let name = ObjectName::parse("table", &o.table)?;
            (catalog.table(&name).and_then(|d| d.origin.as_ref()), layout.table(&name).join("manifest.json"))
        }
        Work::Artifact(Artifact::Dictionary { name, .. }) => {
            let name = ObjectName::parse("dictionary", name)?;
            let def = catalog.dictionaries.get(&name.key());
            (def.and_then(|d| d.origin.as_ref()), layout.dictionary(&name))
        }
        Work::Artifact(Artifact::Graph { name, .. }) => {
            let name = ObjectName::parse("graph", name)?;
            (catalog.graph(&name).and_then(|d| d.origin.as_ref()), layout.graph(&name).join("manifest.json"))
        }
        Work::Artifact(Artifact::VectorIndex { name, .. }) => {
            let name = ObjectName::parse("vector index", name)?;
            (catalog.index(&name).and_then(|d| d.origin.as_ref()), layout.index_definition(&name))
        }
        Work::Artifact(Artifact::Document { store: kv, key, input }) => {
            let stored = match store.document(kv, key) {
                Err(e) if matches!(e.kind(), Kind::NotFound | Kind::Unsupported) => None,
                other => other?,
            };
            let hash = stored.map(|bytes| blake3::hash(&bytes).to_hex().to_string());
            return Ok(hash.is_some() && hash.as_deref() == found.get(input).map(|f| f.hash.as_str()));
        }
    };
    Ok(origin.is_some_and(|o| o.fingerprint == step.fingerprint) && file.exists())
}

/// A session in which the inputs and views that are needed stand as relations.
async fn workbench(
    store: &Arc<Store>,
    spec: &Spec,
    found: &BTreeMap<String, Found>,
    needed: &BTreeSet<String>,
    job: &Job,
) -> Result<Session> {
    let session = Session::open(store)?;
    for (name, input) in spec.inputs.iter().filter(|(name, _)| needed.contains(*name)) {
        let Some(found) = found.get(name) else { continue };
        job.progress.phase(&format!("reading {name}"), Some(found.bytes), "bytes");
        let (schema, batches) = inputs::read(input, found, job)?;
        let table = MemTable::try_new(schema, vec![batches]).map_err(engine_error)?;
        session.context().register_table(bare(name), Arc::new(table)).map_err(engine_error)?;
    }
    for view in spec.views.iter().filter(|v| needed.contains(&v.name)) {
        let what = |e: Error| Error::new(e.kind(), format!("view {}: {}", view.name, e.message()));
        let [statement] = <[_; 1]>::try_from(Session::parse(&view.sql).map_err(what)?)
            .map_err(|_| Error::invalid(format!("view {}: expected exactly one statement", view.name)))?;
        let plan = session.plan(statement).await.map_err(what)?;
        let table = ViewTable::new(plan, Some(view.sql.clone()));
        session.context().register_table(bare(&view.name), Arc::new(table)).map_err(engine_error)?;
    }
    Ok(session)
}

/// A name as it stands, whatever its case.
fn bare(name: &str) -> datafusion::common::TableReference {
    datafusion::common::TableReference::bare(name)
}

async fn build(
    step: &Step<'_>,
    spec: &Spec,
    session: &Session,
    writer: &mut Writer,
    found: &BTreeMap<String, Found>,
    job: &Job,
) -> Result<StepRecord> {
    let start = Instant::now();
    let origin = Origin { pipeline: spec.name.clone(), fingerprint: step.fingerprint.clone() };
    let result = match &step.work {
        Work::Artifact(Artifact::Document { store, key, input }) => document(writer, store, key, found.get(input))?,
        Work::Table(output) => Bench { session, writer, origin, job, outputs: &spec.outputs }.table(output).await?,
        Work::Artifact(artifact) => {
            Bench { session, writer, origin, job, outputs: &spec.outputs }.artifact(artifact).await?
        }
    };
    let seconds = start.elapsed().as_secs_f64();
    tracing::info!(target: "qx::pipeline", step = %step.name, seconds, "step built");
    Ok(StepRecord { step: step.name.clone(), fingerprint: step.fingerprint.clone(), seconds, result })
}

fn document(writer: &mut Writer, store: &str, key: &str, found: Option<&Found>) -> Result<Value> {
    let found = found.ok_or_else(|| Error::usage("the document has no input"))?;
    let bytes = std::fs::read(&found.path).map_err(|e| Error::io("read", e).path(&found.path))?;
    qx_frame::value_to_frame(&bytes, &qx_frame::Options::default()).map_err(|e| e.path(&found.path))?;
    let len = bytes.len();
    let lsn = writer.put_document(store, key, bytes)?;
    Ok(json!({"bytes": len, "lsn": lsn}))
}

async fn notes(spec: &Spec, session: &Session) -> Result<Vec<NoteResult>> {
    let mut results = Vec::new();
    for note in &spec.notes {
        let answer = session.query(&note.sql).await.map_err(|e| during(e, &format!("note \"{}\"", note.text)))?;
        if answer.rows() != 1 || answer.schema.fields().len() != 1 {
            return Err(Error::invalid(format!("note \"{}\": its query gives one value", note.text))
                .expected("one row, one column")
                .got(format!("{} rows, {} columns", answer.rows(), answer.schema.fields().len())));
        }
        let column = answer.batches.iter().find(|b| b.num_rows() == 1).map(|b| b.column(0).clone());
        let text = column.map(|c| arrow::util::display::array_value_to_string(&c, 0)).transpose();
        let text = text.map_err(|e| Error::new(Kind::Engine, e.to_string()))?.unwrap_or_default();
        let value = text.parse::<i64>().map_or_else(|_| json!(text), |n| json!(n));
        results.push(NoteResult { text: note.text.clone(), value });
    }
    Ok(results)
}

async fn answer(
    store: &Arc<Store>,
    spec: &Spec,
    outcome: &Outcome,
    job: &Job,
    tell: &mut (dyn FnMut(Event<'_>) -> Result<()> + Send),
) -> Result<()> {
    tell(Event::Ready(outcome))?;
    let session = Session::open(store)?;
    for query in &spec.queries {
        job.cancel.check()?;
        let answer = session.query(&query.sql).await.map_err(|e| during(e, &format!("query {}", query.name)))?;
        tell(Event::Answer(query, &answer))?;
    }
    Ok(())
}

/// The folder that the paths of a specification are relative to.
pub fn base_of(spec: &Path) -> PathBuf {
    spec.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_path_buf()
}

//! Graphs as statements see them: loaded once, brought up to the moment of each statement, kept for the next.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use datafusion::arrow::array::{ArrayRef, UInt32Array, UInt64Array};
use datafusion::arrow::compute::take;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Statement as Sql, TableFactor, Value, VisitMut, VisitorMut,
};
use qx_formats::delta_log::Op;
use qx_formats::{Error, Kind, Result};
use qx_graph::{Graph, Home, Limits, NodeRef, compact, write_behind};
use qx_io::Job;
use qx_plan::Facts;
use qx_store::graph_def::GraphDef;
use qx_store::names::ObjectName;
use qx_store::view::moved;
use qx_store::{View, Writer, check_taken_over, graph_holds};
use uuid::Uuid;

use super::{definition, parse_name, show, tables};
use crate::arguments;
use crate::session::Session;

/// A graph at one moment.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub name: ObjectName,
    pub def: GraphDef,
    pub graph: Arc<Graph>,
    /// Of a graph over tables: what its nodes are there.
    pub rows: Option<tables::Rows>,
}

impl Loaded {
    /// An error of a search, with the graph that it came from.
    pub(crate) fn failed(&self, e: Error) -> Error {
        match e.kind() {
            Kind::Invalid => e.reworded(|message| format!("the graph {}: {message}", self.name.key())),
            _ => e,
        }
    }
}

/// How much a graph has taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment {
    lsn: u64,
    /// Operations of the open transaction.
    pending: usize,
    /// How often the session took operations of a transaction back.
    rewinds: u64,
}

impl Moment {
    fn of(view: &View) -> Moment {
        Moment { lsn: view.lsn(), pending: view.pending_len(), rewinds: view.rewinds() }
    }
}

/// So many commits of a graph stand in the log alone before they are copied into its delta logs.
const MAX_COMMITS_BEHIND: u64 = 256;

/// The graphs that a session has loaded.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    graphs: Mutex<HashMap<Uuid, (Arc<Loaded>, Moment)>>,
    /// When the session last copied commits into the delta logs of a graph.
    copied: Mutex<HashMap<Uuid, Instant>>,
}

impl Cache {
    fn lock(&self) -> MutexGuard<'_, HashMap<Uuid, (Arc<Loaded>, Moment)>> {
        self.graphs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether commits of a graph are to be copied into its delta logs now: enough of them wait, and those that came
    /// within one window are taken together.
    fn is_behind(&self, loaded: &Loaded, limits: &Limits) -> bool {
        if loaded.graph.commits_behind() < MAX_COMMITS_BEHIND {
            return false;
        }
        let mut copied = self.copied.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let ready = copied.get(&loaded.def.uuid).is_none_or(|at| now.duration_since(*at) >= limits.commit_window);
        if ready {
            copied.insert(loaded.def.uuid, now);
        }
        ready
    }

    /// Every graph is opened anew when it is next asked for.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// A graph over tables that [`preload`] put here.
    fn current(&self, view: &View, def: &GraphDef) -> Option<Arc<Loaded>> {
        let (loaded, at) = self.lock().get(&def.uuid).cloned()?;
        (at == Moment::of(view) && loaded.def == *def).then_some(loaded)
    }

    /// A graph of the graph store as `view` shows it.
    fn stored(&self, view: &View, name: &ObjectName, def: &GraphDef) -> Result<Arc<Loaded>> {
        let to = Moment::of(view);
        let home = def.home(view.store().layout(), name);
        let mut graphs = self.lock();
        if let Some((mut loaded, at)) = graphs.remove(&def.uuid)
            && loaded.def == *def
            && loaded.name == *name
        {
            let ready = at == to;
            let advanced = ready
                || match Arc::get_mut(&mut loaded).and_then(|l| Arc::get_mut(&mut l.graph)) {
                    Some(graph) => advance(graph, &home, at, to, view)?,
                    // Somebody still reads it as it was.
                    None => false,
                };
            if advanced {
                graphs.insert(def.uuid, (Arc::clone(&loaded), to));
                return Ok(loaded);
            }
        }
        check_taken_over(&view.catalog(), def.uuid, "graph", &home.dir, graph_holds(&home.dir)?)?;
        let mut graph = Graph::open_hot_at(&home, to.lsn)?;
        if graph.lsn() > to.lsn {
            // Its segments are younger than what the statement sees.
            return Err(moved());
        }
        graph.set_props(def.props());
        apply_pending(&mut graph, &home, to.lsn, view, 0)?;
        let loaded = Arc::new(Loaded { name: name.clone(), def: def.clone(), graph: Arc::new(graph), rows: None });
        graphs.insert(def.uuid, (Arc::clone(&loaded), to));
        Ok(loaded)
    }
}

/// Takes in what came since. False when the graph has to be opened anew.
fn advance(graph: &mut Graph, home: &Home, at: Moment, to: Moment, view: &View) -> Result<bool> {
    if at.pending > 0 && at.rewinds != to.rewinds {
        return Ok(false);
    }
    let mut taken = at.pending;
    if at.lsn != to.lsn {
        if at.lsn > to.lsn || !graph.refresh_to(home, to.lsn)? {
            return Ok(false);
        }
        taken = 0;
    }
    if taken > to.pending {
        return Ok(false);
    }
    apply_pending(graph, home, to.lsn, view, taken)?;
    Ok(true)
}

/// Applies operations of the open transaction behind the first `from`, under the numbers that the log will give them.
/// Each statement names its graph, so that nothing before `from` matters.
fn apply_pending(graph: &mut Graph, home: &Home, lsn: u64, view: &View, from: usize) -> Result<()> {
    let mut ours = false;
    for (i, op) in view.pending_from(from).iter().enumerate() {
        if let Op::UseGraph { graph } = op {
            ours = *graph == home.graph;
        } else if ours {
            graph.apply(lsn + 1 + (from + i) as u64, op)?;
        }
    }
    Ok(())
}

/// A graph of the graph store, as a view shows it.
pub(super) fn stored(session: &Session, view: &View, name: &ObjectName, def: &GraphDef) -> Result<Arc<Loaded>> {
    session.graphs().stored(view, name, def)
}

/// A graph, wherever it stands.
pub(crate) async fn load(session: &Session, name: &ObjectName) -> Result<Arc<Loaded>> {
    let view = session.view();
    let catalog = view.catalog();
    let def = definition(&catalog, name)?;
    if def.tables.is_none() {
        return stored(session, &view, name, def);
    }
    if let Some(loaded) = session.graphs().current(&view, def) {
        return Ok(loaded);
    }
    let at = Moment::of(&view);
    let (graph, rows) = Box::pin(tables::read(session, def)).await?;
    let loaded = Loaded { name: name.clone(), def: def.clone(), graph: Arc::new(graph), rows: Some(rows) };
    let loaded = Arc::new(loaded);
    session.graphs().lock().insert(def.uuid, (Arc::clone(&loaded), at));
    Ok(loaded)
}

/// A graph for a table function, which cannot wait for tables to be read: [`preload`] did.
pub(crate) fn for_function(cache: &Cache, view: &View, text: &str) -> Result<Arc<Loaded>> {
    let name = parse_name(view.store().database(), text)?;
    let catalog = view.catalog();
    let def = definition(&catalog, &name)?;
    if def.tables.is_none() {
        return cache.stored(view, &name, def);
    }
    cache.current(view, def).ok_or_else(|| {
        Error::unsupported(format!("the tables of {} were not read before", name.key()))
            .hint("name the graph by a text, not by an expression")
    })
}

/// Reads the tables of the graphs that a statement's table functions name.
pub(crate) async fn preload(session: &Session, sql: &mut Sql) -> Result<()> {
    let view = session.view();
    let catalog = view.catalog();
    if catalog.graphs.values().all(|def| def.tables.is_none()) {
        return Ok(());
    }
    struct Named(Vec<String>);
    impl VisitorMut for Named {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            self.0.extend(arguments::text(factor, "graph"));
            ControlFlow::Continue(())
        }

        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Function(call) = expr
                && call.name.to_string().to_lowercase().starts_with("graph_")
                && let FunctionArguments::List(args) = &call.args
                && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))) = args.args.first()
                && let Value::SingleQuotedString(text) = &value.value
            {
                self.0.push(text.clone());
            }
            ControlFlow::Continue(())
        }
    }
    let mut named = Named(Vec::new());
    let _ = sql.visit(&mut named);
    for text in named.0 {
        let name = parse_name(session.store().database(), &text)?;
        if catalog.graph(&name).is_some_and(|def| def.tables.is_some()) {
            load(session, &name).await?;
        }
    }
    Ok(())
}

/// Compacts graphs of this session that are due, and copies commits that wait into their delta logs, behind a commit.
/// The commit stands whatever comes of it.
pub(crate) fn settle(cache: &Cache, writer: &Writer) {
    let catalog = writer.catalog();
    let due: Vec<(ObjectName, Home, bool)> = {
        let graphs = cache.lock();
        let due = graphs.values().filter(|(loaded, _)| loaded.rows.is_none()).filter_map(|(loaded, _)| {
            let limits = loaded.def.limits(&catalog.settings);
            let fold = loaded.graph.compaction_due(&limits, show::qx_log_now());
            let home = || loaded.def.home(writer.store().layout(), &loaded.name);
            (fold || cache.is_behind(loaded, &limits)).then(|| (loaded.name.clone(), home(), fold))
        });
        due.collect()
    };
    for (name, home, fold) in due {
        let done = writer.log().wait(writer.view().lsn()).and_then(|()| match fold {
            true => compact(&home, &Job::default()).map(drop),
            false => write_behind(&home, &Job::default()).map(drop),
        });
        if let Err(e) = done {
            tracing::warn!(target: "qx::sql", graph = %name.key(), error = %e, "a graph was not compacted, its changes stay in the log");
        }
        cache.lock().remove(&home.graph);
    }
}

impl Loaded {
    /// What EXPLAIN says of the graph.
    pub(crate) fn facts(&self) -> Facts {
        let manifest = self.graph.manifest();
        let facts = Facts::new("graph").entry("graph", self.name.key());
        if let Some(tables) = &self.def.tables {
            let facts = facts.entry("stands_in", "tables");
            return facts.entry("nodes_table", tables.nodes.clone()).entry("edges_table", tables.edges.clone());
        }
        let (adds, tombstones) = self.graph.delta_records();
        facts
            .version(format!("generation {} and the log up to {}", manifest.generation, self.graph.lsn()))
            .entry("stands_in", "graphstore")
            .entry("partitions", self.graph.partitions())
            .entry("delta_adds", adds)
            .entry("delta_tombstones", tombstones)
    }

    /// The ids of nodes as its relations show them: numbers in the graph store, what the tables hold over tables.
    pub(crate) fn id_column(&self, ids: &[u64]) -> Result<ArrayRef> {
        match &self.rows {
            None => Ok(Arc::new(UInt64Array::from(ids.to_vec()))),
            Some(rows) => rows.take(&rows.ids, ids),
        }
    }

    /// The node that an argument means.
    pub(crate) fn find(&self, text: &str, is_number: bool) -> Result<u64> {
        let in_tables = || self.rows.as_ref().and_then(|rows| rows.by_id.get(text)).copied();
        if is_number {
            // A number is an id, and not the key of another node that is written like it.
            if let Some(id) = in_tables() {
                return Ok(id);
            }
            if self.rows.is_none()
                && let Ok(id) = text.parse()
            {
                return self.graph.find(&NodeRef::Id(id));
            }
        }
        match self.graph.find(&NodeRef::Text(text.to_owned())) {
            Err(e) if e.kind() == Kind::NotFound => in_tables().ok_or(e),
            found => found,
        }
    }

    /// The name of an edge type; its number where it has none.
    pub(crate) fn etype_name(&self, etype: u32) -> String {
        let named = self.rows.as_ref().and_then(|r| r.etypes.get(&etype)).or_else(|| self.def.etypes.get(&etype));
        named.cloned().unwrap_or_else(|| etype.to_string())
    }

    /// The number of an edge type that is given by number or name.
    pub(crate) fn etype(&self, text: &str) -> Result<u32> {
        let of_rows = self.rows.iter().flat_map(|r| &r.etypes).find(|(_, name)| *name == text);
        match of_rows {
            Some((number, _)) => Ok(*number),
            None => super::etype_number(&self.def, text),
        }
    }
}

impl tables::Rows {
    /// The values of nodes in a column that has one for each.
    pub(crate) fn take(&self, column: &ArrayRef, ids: &[u64]) -> Result<ArrayRef> {
        // Ids are places in the column, from 1.
        let places: UInt32Array = ids.iter().map(|id| u32::try_from(id.saturating_sub(1)).ok()).collect();
        take(column, &places, None).map_err(|e| Error::new(Kind::Engine, e.to_string()))
    }
}

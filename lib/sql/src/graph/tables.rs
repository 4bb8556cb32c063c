//! A graph that is a view of two tables: read whole, and searched as one of the graph store is.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    UInt32Array,
};
use datafusion::arrow::compute::{cast, concat_batches, take};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use qx_formats::{Error, Kind, Result};
use qx_graph::{AdjBuilder, DictBuilder, Graph, parse_time};
use qx_store::graph_def::{GraphDef, TablesDef, usual_columns};

use crate::session::Session;

/// What the nodes of a graph are in its tables. Ids are places from 1: first the rows of the table of nodes, then the
/// ends of edges that stand in no row.
#[derive(Debug)]
pub(crate) struct Rows {
    /// What the edges call each node.
    pub ids: ArrayRef,
    /// The node that edges call so.
    pub by_id: HashMap<String, u64>,
    /// The table of nodes, with a row of nulls for each node that has none.
    pub table: RecordBatch,
    /// Names of edge types, those included that no definition names.
    pub etypes: BTreeMap<u32, String>,
}

/// Reads the tables of a graph as they are now.
pub(super) async fn read(session: &Session, def: &GraphDef) -> Result<(Graph, Rows)> {
    let Some(of) = &def.tables else { return Err(Error::usage("the graph does not stand in tables")) };
    let nodes = whole(session, &of.nodes).await?;
    let edges = whole(session, &of.edges).await?;
    let ends = Ends { src: end(def, &edges, of, "src")?, dst: end(def, &edges, of, "dst")? };
    let ends = Ends { dst: unify(&ends.src, ends.dst, of)?, ..ends };
    let named = Names::read(def, &nodes, of)?;
    let place = Placed::new(def, &nodes, &named, &ends, of)?;
    let graph_etypes = Etypes::read(def, &edges)?;
    let mut part = AdjBuilder::new(0);
    let (costs, times) = (costs(def, &edges)?, times(def, &edges)?);
    let (src, dst) = (texts(&ends.src)?, texts(&ends.dst)?);
    for row in 0..edges.num_rows() {
        if src.is_null(row) || dst.is_null(row) {
            continue;
        }
        let (Some(s), Some(d)) = (place.by_id.get(src.value(row)), place.by_id.get(dst.value(row))) else { continue };
        let Some(etype) = graph_etypes.of.get(row).copied() else { continue };
        part.add_with(*s, *d, etype, &properties(costs.as_ref(), times.as_ref(), row))?;
    }
    let graph = Graph::in_memory(place.dict, vec![part])?;
    Ok((graph, Rows { ids: place.ids, by_id: place.by_id, table: place.table, etypes: graph_etypes.names }))
}

async fn whole(session: &Session, table: &str) -> Result<RecordBatch> {
    let (schema, name) = table.split_once('.').unwrap_or(("public", table));
    let quote = |s: &str| format!("\"{}\"", s.replace('"', "\"\""));
    let mut statements = Session::parse(&format!("SELECT * FROM {}.{}", quote(schema), quote(name)))?;
    let Some(statement) = statements.pop() else { return Err(Error::usage("no statement")) };
    let answer = session.run_inner(statement).await?;
    concat_batches(&answer.schema, &answer.batches).map_err(engine)
}

fn engine(e: datafusion::arrow::error::ArrowError) -> Error {
    Error::new(Kind::Engine, e.to_string())
}

/// The column that an option names, or else the first of the usual names.
fn column<'a>(def: &GraphDef, batch: &'a RecordBatch, option: &str) -> Result<Option<&'a ArrayRef>> {
    if let Some(name) = def.options.get(option) {
        return match batch.column_by_name(name) {
            Some(column) => Ok(Some(column)),
            None => Err(no_column(batch, name, &format!("option {option}"))),
        };
    }
    Ok(usual_columns(option).iter().find_map(|name| batch.column_by_name(name)))
}

fn no_column(batch: &RecordBatch, name: &str, what: &str) -> Error {
    let names: Vec<String> = batch.schema().fields().iter().map(|f| f.name().clone()).collect();
    Error::usage(format!("{what}: there is no column {name}")).expected(names.join(", "))
}

struct Ends {
    src: ArrayRef,
    dst: ArrayRef,
}

fn end(def: &GraphDef, edges: &RecordBatch, of: &TablesDef, which: &str) -> Result<ArrayRef> {
    let found = column(def, edges, which)?;
    let column = found.ok_or_else(|| no_column(edges, which, &format!("table {}", of.edges)))?;
    plain(column, &format!("{}.{which}", of.edges))
}

/// Text as Utf8, whole numbers as Int64.
fn plain(column: &ArrayRef, what: &str) -> Result<ArrayRef> {
    let to = match column.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Dictionary(_, value) if **value == DataType::Utf8 => DataType::Utf8,
        // Numbers above what a signed one holds stay as they are written.
        DataType::UInt64 => DataType::UInt64,
        t if t.is_integer() => DataType::Int64,
        other => return Err(Error::usage(format!("{what} is no text and no whole number")).got(other)),
    };
    cast(column, &to).map_err(engine)
}

fn unify(src: &ArrayRef, dst: ArrayRef, of: &TablesDef) -> Result<ArrayRef> {
    let text = |a: &ArrayRef| *a.data_type() == DataType::Utf8;
    if text(src) != text(&dst) {
        return Err(Error::usage(format!("src and dst of {} are of two kinds", of.edges))
            .expected(src.data_type())
            .got(dst.data_type()));
    }
    Ok(dst)
}

fn texts(column: &ArrayRef) -> Result<StringArray> {
    Ok(cast(column, &DataType::Utf8).map_err(engine)?.as_string::<i32>().clone())
}

/// Label and key of each row of the table of nodes, and what else may name it.
struct Names {
    labels: Vec<String>,
    /// As text; null where the row has no key.
    keys: Vec<Option<String>>,
    ids: Option<StringArray>,
    /// Whether keys, and ids, are of the kind that the edges use.
    keys_are_text: bool,
    ids_are_text: bool,
}

impl Names {
    fn read(def: &GraphDef, nodes: &RecordBatch, of: &TablesDef) -> Result<Names> {
        let mut columns: Vec<(&str, StringArray)> = Vec::new();
        let mut keys_are_text = false;
        for label in &def.labels {
            let column = nodes.column_by_name(&label.key);
            let column = column.ok_or_else(|| no_column(nodes, &label.key, &format!("table {}", of.nodes)))?;
            let column = plain(column, &format!("{}.{}", of.nodes, label.key))?;
            keys_are_text |= *column.data_type() == DataType::Utf8;
            columns.push((&label.label, texts(&column)?));
        }
        let by_column = match column(def, nodes, "label")? {
            Some(c) if *plain(c, "label")?.data_type() == DataType::Utf8 => Some(texts(c)?),
            _ => None,
        };
        let (mut labels, mut keys) = (Vec::new(), Vec::new());
        for row in 0..nodes.num_rows() {
            let value = |c: &StringArray| (!c.is_null(row)).then(|| c.value(row).to_owned());
            let named = by_column.as_ref().and_then(value);
            let at = match &named {
                Some(label) => columns.iter().position(|(l, _)| l == label),
                // The first label whose key the row has.
                None => columns.iter().position(|(_, c)| !c.is_null(row)),
            };
            let (label, key) = columns.get(at.unwrap_or(0)).map_or(("", None), |(l, c)| (*l, value(c)));
            labels.push(named.unwrap_or_else(|| label.to_owned()));
            keys.push(key);
        }
        let id = match column(def, nodes, "id")? {
            Some(c) => plain(c, "id").ok(),
            None => None,
        };
        let ids_are_text = id.as_ref().is_some_and(|c| *c.data_type() == DataType::Utf8);
        Ok(Names { labels, keys, ids: id.as_ref().map(texts).transpose()?, keys_are_text, ids_are_text })
    }

    /// What the edges call a row: its key or its id, whichever more of the ends are found among.
    fn called(&self, def: &GraphDef, ends: &Ends) -> Result<Vec<Option<String>>> {
        let ids = || -> Vec<Option<String>> {
            let value = |c: &StringArray, row| (!c.is_null(row)).then(|| c.value(row).to_owned());
            (0..self.labels.len()).map(|row| self.ids.as_ref().and_then(|c| value(c, row))).collect()
        };
        if def.options.contains_key("id") {
            return Ok(ids());
        }
        let text = *ends.src.data_type() == DataType::Utf8;
        let (by_key, by_id) = (text == self.keys_are_text, self.ids.is_some() && text == self.ids_are_text);
        if by_key && by_id {
            let (src, dst) = (texts(&ends.src)?, texts(&ends.dst)?);
            let used: HashSet<&str> = src.iter().chain(dst.iter()).flatten().collect();
            let hits = |names: &[Option<String>]| names.iter().flatten().filter(|n| used.contains(n.as_str())).count();
            let ids = ids();
            return Ok(if hits(&ids) > hits(&self.keys) { ids } else { self.keys.clone() });
        }
        Ok(if by_id { ids() } else { self.keys.clone() })
    }
}

/// Every node with its place.
struct Placed {
    dict: DictBuilder,
    by_id: HashMap<String, u64>,
    ids: ArrayRef,
    table: RecordBatch,
}

impl Placed {
    fn new(def: &GraphDef, nodes: &RecordBatch, names: &Names, ends: &Ends, of: &TablesDef) -> Result<Placed> {
        let called = names.called(def, ends)?;
        let mut dict = DictBuilder::new();
        let mut by_id = HashMap::new();
        let mut keys: HashSet<(&str, &str)> = HashSet::new();
        for (row, id) in (1u64..).zip(0..nodes.num_rows()).map(|(id, row)| (row, id)) {
            let (Some(label), Some(call)) = (names.labels.get(row), called.get(row)) else { break };
            let Some(call) = call else { continue };
            let key = names.keys.get(row).and_then(Option::as_deref).unwrap_or(call);
            dict.insert(label.as_bytes(), key.as_bytes(), Some(id))?;
            if by_id.insert(call.clone(), id).is_some() {
                return Err(Error::invalid(format!("two rows of {} are called {call}", of.nodes))
                    .hint("the key of a node is unique; WITH (id=COLUMN) says what the edges call it"));
            }
            // Of two nodes of one name all that asks for names would see one.
            if !keys.insert((label.as_str(), key)) {
                return Err(Error::invalid(format!("two rows of {} have the key {label}:{key}", of.nodes))
                    .hint("the key of a node is unique within its label; KEY(COLUMN) may be the column of the ids"));
            }
        }
        let mut order: Vec<Option<String>> = called;
        for end in [&ends.src, &ends.dst] {
            for text in texts(end)?.iter().flatten() {
                if !by_id.contains_key(text) {
                    let id = order.len() as u64 + 1;
                    dict.insert(b"", text.as_bytes(), Some(id))?;
                    by_id.insert(text.to_owned(), id);
                    order.push(Some(text.to_owned()));
                }
            }
        }
        let column: ArrayRef = Arc::new(StringArray::from_iter(&order));
        let ids = cast(&column, ends.src.data_type()).map_err(engine)?;
        let rows = nodes.num_rows() as u32;
        let places: UInt32Array = (0..order.len() as u32).map(|i| (i < rows).then_some(i)).collect();
        let columns = nodes.columns().iter().map(|c| take(c, &places, None)).collect::<Result<Vec<_>, _>>();
        let fields = nodes.schema().fields().iter().map(|f| f.as_ref().clone().with_nullable(true)).collect::<Vec<_>>();
        let schema = Arc::new(datafusion::arrow::datatypes::Schema::new(fields));
        let table = RecordBatch::try_new(schema, columns.map_err(engine)?).map_err(engine)?;
        Ok(Placed { dict, by_id, ids, table })
    }
}

/// The number of edges whose type is null: searches for any type follow them all the same. Names count from 1.
const NO_TYPE: u32 = 0;

/// The type of each edge, and the names of all types.
struct Etypes {
    of: Vec<u32>,
    names: BTreeMap<u32, String>,
}

impl Etypes {
    fn read(def: &GraphDef, edges: &RecordBatch) -> Result<Etypes> {
        let mut names = def.etypes.clone();
        let Some(column) = column(def, edges, "etype")? else {
            let only = names.keys().next().copied().unwrap_or(1);
            return Ok(Etypes { of: vec![only; edges.num_rows()], names });
        };
        let column = plain(column, "etype")?;
        if *column.data_type() != DataType::Utf8 {
            let numbers = cast(&column, &DataType::UInt32).map_err(engine)?;
            let numbers = numbers.as_primitive::<datafusion::arrow::datatypes::UInt32Type>();
            if let Some(row) = (0..column.len()).find(|row| column.is_valid(*row) && numbers.is_null(*row)) {
                let got = texts(&column)?.value(row).to_owned();
                let most = format!("a whole number from 0 to {}", u32::MAX);
                return Err(Error::invalid("the type of an edge is no number of a type").expected(most).got(got));
            }
            return Ok(Etypes { of: numbers.iter().map(|n| n.unwrap_or(NO_TYPE)).collect(), names });
        }
        let mut numbers: HashMap<String, u32> = names.iter().map(|(number, name)| (name.clone(), *number)).collect();
        let mut of = Vec::with_capacity(edges.num_rows());
        for name in texts(&column)?.iter() {
            let Some(name) = name else {
                of.push(NO_TYPE);
                continue;
            };
            let next = names.keys().next_back().map_or(1, |n| n.saturating_add(1));
            let number = *numbers.entry(name.to_owned()).or_insert(next);
            names.entry(number).or_insert_with(|| name.to_owned());
            of.push(number);
        }
        Ok(Etypes { of, names })
    }
}

fn costs(def: &GraphDef, edges: &RecordBatch) -> Result<Option<Float64Array>> {
    let Some(column) = column(def, edges, "cost")? else { return Ok(None) };
    if !column.data_type().is_numeric() {
        return Err(Error::usage("the cost of an edge is a number").got(column.data_type()));
    }
    let numbers = cast(column, &DataType::Float64).map_err(engine)?;
    let numbers = numbers.as_primitive::<datafusion::arrow::datatypes::Float64Type>().clone();
    if let Some(bad) = numbers.iter().flatten().find(|c| !c.is_finite() || *c < 0.0) {
        return Err(Error::invalid("the cost of an edge is no number from 0").got(bad));
    }
    Ok(Some(numbers))
}

/// Whole numbers as they stand, times in microseconds since 1970.
fn times(def: &GraphDef, edges: &RecordBatch) -> Result<Option<Int64Array>> {
    let Some(column) = column(def, edges, "time")? else { return Ok(None) };
    match column.data_type() {
        t if t.is_integer() => {
            let numbers = cast(column, &DataType::Int64).map_err(engine)?;
            Ok(Some(numbers.as_primitive::<datafusion::arrow::datatypes::Int64Type>().clone()))
        }
        DataType::Timestamp(..) | DataType::Date32 | DataType::Date64 => {
            let times = cast(column, &DataType::Timestamp(TimeUnit::Microsecond, None)).map_err(engine)?;
            let times: TimestampMicrosecondArray = times.as_primitive().clone();
            Ok(Some(times.iter().collect()))
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let bad = |text: &str| Error::invalid("the time of an edge is no time").got(text);
            let texts = texts(column)?;
            let parsed = texts.iter().map(|t| t.map(|t| parse_time(t).ok_or_else(|| bad(t))).transpose());
            Ok(Some(parsed.collect::<Result<Vec<_>>>()?.into_iter().collect()))
        }
        other => Err(Error::usage("the time of an edge is a time or a whole number").got(other)),
    }
}

/// As an edge of the graph store would have them.
fn properties(costs: Option<&Float64Array>, times: Option<&Int64Array>, row: usize) -> Vec<u8> {
    let mut members = Vec::new();
    if let Some(costs) = costs.filter(|c| c.is_valid(row)) {
        members.push(format!("\"cost\":{:?}", costs.value(row)));
    }
    if let Some(times) = times.filter(|t| t.is_valid(row)) {
        members.push(format!("\"time\":{}", times.value(row)));
    }
    if members.is_empty() { Vec::new() } else { format!("{{{}}}", members.join(",")).into_bytes() }
}

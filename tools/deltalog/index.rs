//! What both logs say in the end: adds and tombstones per source and edge type, and the last word on each node.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use qx_cli::{Context, is_dash};
use qx_formats::{Error, Result};
use qx_graph::PartitionDeltaIndex;
use qx_io::{Publish, publish};
use qx_log::{Op, Uuid};
use serde_json::{Map, Value, json};

use qx_dict::base64;

/// The last word on a node: there, with an id or without one yet; or gone.
#[derive(Debug, Clone, Copy)]
struct Node {
    id: Option<u64>,
    there: bool,
}

#[derive(Default)]
struct OneGraph {
    parts: BTreeMap<u32, PartitionDeltaIndex>,
    nodes: BTreeMap<(String, Vec<u8>), Node>,
}

/// Everything that operations on graphs left behind. Graphs that were not named are one.
#[derive(Default)]
pub struct Index {
    graphs: BTreeMap<Uuid, OneGraph>,
}

impl Index {
    /// Takes the operations of one transaction.
    pub fn apply(&mut self, ops: &[(u64, u32, Op)]) {
        let mut graph = Uuid::nil();
        for (lsn, _, op) in ops {
            match op {
                Op::UseGraph { graph: named } => graph = *named,
                Op::EdgeUpsert { part, src, dst, etype, props } => {
                    let parts = &mut self.graphs.entry(graph).or_default().parts;
                    parts.entry(*part).or_default().add(*lsn, *src, *dst, *etype, props);
                }
                Op::EdgeDelete { part, src, dst, etype } => {
                    let parts = &mut self.graphs.entry(graph).or_default().parts;
                    parts.entry(*part).or_default().remove(*lsn, *src, *dst, *etype);
                }
                Op::NodeUpsert { label, key, id, .. } => self.node(graph, label, key, Node { id: *id, there: true }),
                Op::NodeDelete { label, key, id } => self.node(graph, label, key, Node { id: *id, there: false }),
                _ => {}
            }
        }
    }

    fn node(&mut self, graph: Uuid, label: &str, key: &[u8], word: Node) {
        let nodes = &mut self.graphs.entry(graph).or_default().nodes;
        let slot = nodes.entry((label.to_owned(), key.to_vec())).or_insert(word);
        // An upsert without an id keeps the one that the node has.
        let id = word.id.or(slot.id.filter(|_| slot.there));
        *slot = Node { id, ..word };
    }

    /// Adds and tombstones of each partition, over all graphs.
    pub fn partitions(&self) -> Value {
        let mut sums: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for (part, index) in self.graphs.values().flat_map(|g| &g.parts) {
            let sum = sums.entry(*part).or_default();
            *sum = (sum.0 + index.adds(), sum.1 + index.tombstones());
        }
        let list = sums.iter().map(|(part, (adds, gone))| json!({"part": part, "adds": adds, "tombstones": gone}));
        list.collect()
    }

    /// Writes a line for each node, and one for each partition, source and edge type.
    pub fn write(&self, path: &Path, force: bool, cx: &mut Context) -> Result<()> {
        if is_dash(path) {
            return self.lines(|line| cx.out.record(&line));
        }
        let mode = if force { Publish::Replace } else { Publish::New };
        publish(path, mode, |out| {
            self.lines(|line| writeln!(out, "{}", Value::Object(line)).map_err(|e| Error::io("write", e)))
        })
    }

    fn lines(&self, mut put: impl FnMut(Map<String, Value>) -> Result<()>) -> Result<()> {
        for (uuid, graph) in &self.graphs {
            let line = |fields: Value| {
                let mut line = Map::new();
                if !uuid.is_nil() {
                    line.insert("graph".to_owned(), uuid.to_string().into());
                }
                if let Value::Object(fields) = fields {
                    line.extend(fields);
                }
                line
            };
            for ((label, key), word) in &graph.nodes {
                let mut fields = Map::from_iter([("label".to_owned(), Value::from(label.as_str()))]);
                match std::str::from_utf8(key) {
                    Ok(text) => fields.insert("key".to_owned(), text.into()),
                    Err(_) => fields.insert("key_b64".to_owned(), base64::encode(key).into()),
                };
                if let Some(id) = word.id {
                    fields.insert("id".to_owned(), id.into());
                }
                fields.insert("deleted".to_owned(), (!word.there).into());
                put(line(Value::Object(fields)))?;
            }
            for (part, index) in &graph.parts {
                rows(*part, index, |fields| put(line(fields)))?;
            }
        }
        Ok(())
    }
}

/// One line for each source and edge type of a partition.
fn rows(part: u32, index: &PartitionDeltaIndex, mut put: impl FnMut(Value) -> Result<()>) -> Result<()> {
    let mut changes = index.changes().peekable();
    while let Some(&(src, etype, _, _)) = changes.peek() {
        let (mut adds, mut gone, mut props) = (Vec::new(), Vec::new(), Map::new());
        while let Some((_, _, dst, edge)) = changes.next_if(|c| (c.0, c.1) == (src, etype)) {
            match edge {
                Some(bytes) => {
                    adds.push(dst);
                    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
                        props.insert(dst.to_string(), value);
                    }
                }
                None => gone.push(dst),
            }
        }
        let mut fields = json!({"part": part, "src": src, "etype": etype, "adds": adds, "tombstones": gone});
        if !props.is_empty() {
            fields["props"] = Value::Object(props);
        }
        put(fields)?;
    }
    Ok(())
}

//! Changes as a person asks for them, checked against the graph and turned into the operations of a log.

use qx_formats::{Error, Kind, Result};
use qx_log::Op;

use crate::folder::route;
use crate::graph::Graph;
use crate::names::NodeName;

/// A node as a statement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeRef {
    Id(u64),
    /// `key`, or `label:key`.
    Text(String),
    Name {
        label: String,
        key: String,
    },
}

impl std::fmt::Display for NodeRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            NodeRef::Id(id) => write!(f, "{id}"),
            NodeRef::Text(text) => f.write_str(text),
            NodeRef::Name { label, key } => write!(f, "{label}:{key}"),
        }
    }
}

/// An edge as a statement names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeChange {
    pub src: NodeRef,
    pub dst: NodeRef,
    pub etype: u32,
    /// The partition to put it in; that of the source when absent.
    pub part: Option<u32>,
    /// A JSON object, empty for none.
    pub props: Vec<u8>,
}

impl Graph {
    /// The id of a node that has to be there.
    ///
    /// # Errors
    /// `NotFound`; `Corrupt` where a dictionary is damaged.
    pub fn find(&self, node: &NodeRef) -> Result<u64> {
        let found = match node {
            NodeRef::Id(id) => self.node(*id)?.map(|_| *id),
            NodeRef::Text(text) => self.resolve(text)?,
            NodeRef::Name { label, key } => self.id_of(label.as_bytes(), key.as_bytes())?,
        };
        found.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("the graph has no node {node}")).expected("an id, a key or label:key")
        })
    }

    /// The operation that makes a node, and the id that it has then: the one that is asked for, the one that it has
    /// already, or the next free one.
    ///
    /// # Errors
    /// `Exists` when the id is another node's, or the node has another id; `Limit`.
    pub fn insert_node(&self, label: &str, key: &str, id: Option<u64>, props: &[u8]) -> Result<(u64, Op)> {
        check_props(props)?;
        let have = self.id_of(label.as_bytes(), key.as_bytes())?;
        let id = match (have, id) {
            (Some(have), Some(id)) if have != id => {
                return Err(Error::new(Kind::Exists, format!("node {label}:{key} has another id"))
                    .expected(have)
                    .got(id));
            }
            (Some(have), _) => have,
            (None, Some(id)) => id,
            (None, None) => self.names.next_id(),
        };
        if id == u64::MAX {
            return Err(Error::limit("node id", u64::MAX - 1, id));
        }
        if let Some(NodeName { label: l, key: k }) = self.node(id)?
            && (l != label.as_bytes() || k != key.as_bytes())
        {
            let other = format!("{}:{}", String::from_utf8_lossy(&l), String::from_utf8_lossy(&k));
            return Err(Error::new(Kind::Exists, format!("id {id} is that of another node")).got(other));
        }
        let (label, key, props) = (label.to_owned(), key.as_bytes().to_vec(), props.to_vec());
        let op = Op::NodeUpsert { label, key, id: Some(id), props };
        op.check()?;
        Ok((id, op))
    }

    /// The operation that removes a node with its edges; `None` when there is no such node.
    ///
    /// # Errors
    /// `Corrupt` where a dictionary is damaged.
    pub fn remove_node(&self, node: &NodeRef) -> Result<Option<Op>> {
        let id = match self.find(node) {
            Err(e) if e.kind() == Kind::NotFound => return Ok(None),
            id => id?,
        };
        let Some(NodeName { label, key }) = self.node(id)? else { return Ok(None) };
        let label = String::from_utf8(label)
            .map_err(|_| Error::unsupported("a label that is no UTF-8 cannot stand in a log").got(id))?;
        Ok(Some(Op::NodeDelete { label, key, id: Some(id) }))
    }

    /// The operation that puts an edge there, in place of one of that name.
    ///
    /// # Errors
    /// `NotFound` for an end that is no node; `Usage` for a partition that the graph does not have, and for properties
    /// that are no JSON object; `Invalid` for a cost that is none, and a time: searches would stop at such an edge.
    pub fn insert_edge(&self, change: &EdgeChange) -> Result<Op> {
        check_props(&change.props)?;
        self.props.cost_of(&change.props)?;
        self.props.time_of(&change.props)?;
        let (src, dst) = (self.find(&change.src)?, self.find(&change.dst)?);
        let part = self.partition(change.part, src)?;
        Ok(Op::EdgeUpsert { part, src, dst, etype: change.etype, props: change.props.clone() })
    }

    /// The operation that removes an edge; `None` when no such edge stands.
    ///
    /// # Errors
    /// As [`Graph::insert_edge`], ends aside: between nodes that are not there is no edge.
    pub fn remove_edge(&self, change: &EdgeChange) -> Result<Option<Op>> {
        let ends = self.find(&change.src).and_then(|src| Ok((src, self.find(&change.dst)?)));
        let (src, dst) = match ends {
            Err(e) if e.kind() == Kind::NotFound => return Ok(None),
            ends => ends?,
        };
        let part = self.partition(change.part, src)?;
        let mut stands = false;
        let follow = crate::filter::Follow { etype: Some(change.etype), ..Default::default() };
        self.visit(src, &follow, |e| stands |= e.node == dst)?;
        Ok(stands.then_some(Op::EdgeDelete { part, src, dst, etype: change.etype }))
    }

    fn partition(&self, asked: Option<u32>, src: u64) -> Result<u32> {
        match asked {
            // A route is below the number of partitions.
            None => Ok(route(src, self.partitions()) as u32),
            Some(part) if part < self.partitions() => Ok(part),
            Some(part) => Err(Error::usage("the graph has no such partition")
                .expected(format!("0 to {}", self.partitions() - 1))
                .got(part)),
        }
    }
}

fn check_props(props: &[u8]) -> Result<()> {
    if props.is_empty() || serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(props).is_ok() {
        return Ok(());
    }
    Err(Error::usage("properties are a JSON object").got(String::from_utf8_lossy(props)))
}

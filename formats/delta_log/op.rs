//! Operations: what a transaction does, and their bytes (bincode 2, standard configuration).

use bincode::{BorrowDecode, Encode};
use uuid::Uuid;

use super::fast::{bytes, edge, number, option};
use super::layout::*;
use crate::{Error, Result};

/// Leaves room for the fixed fields, the names and the commit record beside the body.
pub(super) const MAX_BODY_LEN: usize = MAX_PAYLOAD_LEN - 2 * MAX_NAME_LEN - 1024;

/// One change. Properties are the bytes of a JSON object, empty for none; the log does not look inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Sets a node's properties; without an id the dictionary gives it one.
    NodeUpsert {
        label: String,
        key: Vec<u8>,
        id: Option<u64>,
        props: Vec<u8>,
    },
    NodeDelete {
        label: String,
        key: Vec<u8>,
        id: Option<u64>,
    },
    EdgeUpsert {
        part: u32,
        src: u64,
        dst: u64,
        etype: u32,
        props: Vec<u8>,
    },
    EdgeDelete {
        part: u32,
        src: u64,
        dst: u64,
        etype: u32,
    },
    /// `kind` says what the bytes are: one of `layout::VALUE_*`.
    KvPut {
        store: String,
        key: String,
        kind: u8,
        value: Vec<u8>,
        expires_at_us: Option<u64>,
    },
    KvDelete {
        store: String,
        key: String,
    },
    /// Rows as an Arrow IPC stream.
    RowUpsert {
        table: Uuid,
        ipc: Vec<u8>,
    },
    /// Keys of rows as an Arrow IPC stream.
    RowDelete {
        table: Uuid,
        ipc: Vec<u8>,
    },
    /// A change of definitions, as JSON.
    Define {
        json: Vec<u8>,
    },
    /// The node and edge operations after it, to the end of the transaction, belong to this graph. Without it they
    /// belong to the only graph that the log serves.
    UseGraph {
        graph: Uuid,
    },
    /// Moves the expiry of a key, without its value. With `reset_us`, each later access moves it to so many
    /// microseconds after the access; a put forgets that.
    KvTouch {
        store: String,
        key: String,
        expires_at_us: Option<u64>,
        reset_us: Option<u64>,
    },
}

/// The stored form. The order of variants and fields is the format.
#[derive(Encode, BorrowDecode)]
pub(super) enum Wire<'a> {
    NodeUpsert { label: &'a str, key: &'a [u8], id: Option<u64>, props: &'a [u8] },
    NodeDelete { label: &'a str, key: &'a [u8], id: Option<u64> },
    EdgeUpsert { part: u32, src: u64, dst: u64, etype: u32, props: &'a [u8] },
    EdgeDelete { part: u32, src: u64, dst: u64, etype: u32 },
    KvPut { store: &'a str, key: &'a str, kind: u8, value: &'a [u8], expires_at_us: Option<u64> },
    KvDelete { store: &'a str, key: &'a str },
    RowUpsert { table: [u8; 16], ipc: &'a [u8] },
    RowDelete { table: [u8; 16], ipc: &'a [u8] },
    Define { json: &'a [u8] },
    UseGraph { graph: [u8; 16] },
    KvTouch { store: &'a str, key: &'a str, expires_at_us: Option<u64>, reset_us: Option<u64> },
}

impl<'a> From<&'a Op> for Wire<'a> {
    #[inline(always)]
    fn from(op: &'a Op) -> Self {
        match op {
            Op::NodeUpsert { label, key, id, props } => Wire::NodeUpsert { label, key, id: *id, props },
            Op::NodeDelete { label, key, id } => Wire::NodeDelete { label, key, id: *id },
            &Op::EdgeUpsert { part, src, dst, etype, ref props } => Wire::EdgeUpsert { part, src, dst, etype, props },
            &Op::EdgeDelete { part, src, dst, etype } => Wire::EdgeDelete { part, src, dst, etype },
            Op::KvPut { store, key, kind, value, expires_at_us } => {
                Wire::KvPut { store, key, kind: *kind, value, expires_at_us: *expires_at_us }
            }
            Op::KvDelete { store, key } => Wire::KvDelete { store, key },
            Op::RowUpsert { table, ipc } => Wire::RowUpsert { table: table.into_bytes(), ipc },
            Op::RowDelete { table, ipc } => Wire::RowDelete { table: table.into_bytes(), ipc },
            Op::Define { json } => Wire::Define { json },
            Op::UseGraph { graph } => Wire::UseGraph { graph: graph.into_bytes() },
            Op::KvTouch { store, key, expires_at_us, reset_us } => {
                Wire::KvTouch { store, key, expires_at_us: *expires_at_us, reset_us: *reset_us }
            }
        }
    }
}

impl From<Wire<'_>> for Op {
    fn from(w: Wire<'_>) -> Self {
        match w {
            Wire::NodeUpsert { label, key, id, props } => {
                Op::NodeUpsert { label: label.to_owned(), key: key.to_vec(), id, props: props.to_vec() }
            }
            Wire::NodeDelete { label, key, id } => Op::NodeDelete { label: label.to_owned(), key: key.to_vec(), id },
            Wire::EdgeUpsert { part, src, dst, etype, props } => {
                Op::EdgeUpsert { part, src, dst, etype, props: props.to_vec() }
            }
            Wire::EdgeDelete { part, src, dst, etype } => Op::EdgeDelete { part, src, dst, etype },
            Wire::KvPut { store, key, kind, value, expires_at_us } => {
                Op::KvPut { store: store.to_owned(), key: key.to_owned(), kind, value: value.to_vec(), expires_at_us }
            }
            Wire::KvDelete { store, key } => Op::KvDelete { store: store.to_owned(), key: key.to_owned() },
            Wire::RowUpsert { table, ipc } => Op::RowUpsert { table: Uuid::from_bytes(table), ipc: ipc.to_vec() },
            Wire::RowDelete { table, ipc } => Op::RowDelete { table: Uuid::from_bytes(table), ipc: ipc.to_vec() },
            Wire::Define { json } => Op::Define { json: json.to_vec() },
            Wire::UseGraph { graph } => Op::UseGraph { graph: Uuid::from_bytes(graph) },
            Wire::KvTouch { store, key, expires_at_us, reset_us } => {
                Op::KvTouch { store: store.to_owned(), key: key.to_owned(), expires_at_us, reset_us }
            }
        }
    }
}

impl Wire<'_> {
    /// Checks the limits of names and payloads.
    #[inline]
    pub(super) fn check(&self) -> Result<()> {
        let (names, body): (&[(&str, usize)], usize) = match self {
            Wire::NodeUpsert { label, key, props, .. } => {
                (&[("label length", label.len()), ("key length", key.len())], props.len())
            }
            Wire::NodeDelete { label, key, .. } => (&[("label length", label.len()), ("key length", key.len())], 0),
            Wire::EdgeUpsert { props, .. } => (&[], props.len()),
            Wire::KvPut { store, key, value, kind, .. } => {
                if *kind > VALUE_FRAME {
                    return Err(Error::invalid("unknown kind of value").got(kind));
                }
                (&[("store name length", store.len()), ("key length", key.len())], value.len())
            }
            Wire::KvDelete { store, key } | Wire::KvTouch { store, key, .. } => {
                (&[("store name length", store.len()), ("key length", key.len())], 0)
            }
            Wire::RowUpsert { ipc, .. } | Wire::RowDelete { ipc, .. } => (&[], ipc.len()),
            Wire::Define { json } => (&[], json.len()),
            Wire::EdgeDelete { .. } | Wire::UseGraph { .. } => (&[], 0),
        };
        for &(what, len) in names {
            if len > MAX_NAME_LEN {
                return Err(Error::limit(what, MAX_NAME_LEN as u64, len as u64));
            }
        }
        if body > MAX_BODY_LEN {
            return Err(Error::limit("operation length", MAX_BODY_LEN as u64, body as u64));
        }
        Ok(())
    }
}

/// A record from the front of `bytes`, in place.
pub(super) fn record<'a>(bytes: &mut &'a [u8]) -> Result<(u32, Wire<'a>)> {
    let mut front = *bytes;
    let (index, wire) = match super::fast::record(&mut front) {
        Some(record) => {
            *bytes = front;
            record
        }
        // What is rare, and what is wrong, takes the long way, which also says what it is.
        None => take(bytes)?,
    };
    wire.check()?;
    Ok((index, wire))
}

/// An encode into memory fails for no value that these types can hold.
pub(super) fn put<T: Encode>(out: &mut Vec<u8>, value: T) {
    if let Err(e) = bincode::encode_into_std_write(value, out, bincode::config::standard()) {
        unreachable!("encoding to memory: {e}");
    }
}

/// Decodes one value from the front of `bytes` and moves past it. Borrowed fields keep hostile lengths from allocating.
pub(super) fn take<'a, T: BorrowDecode<'a, ()>>(bytes: &mut &'a [u8]) -> Result<T> {
    let (value, used) = bincode::borrow_decode_from_slice(bytes, bincode::config::standard())
        .map_err(|e| Error::corrupt(format!("payload cannot be decoded: {e}")))?;
    *bytes = bytes.get(used..).unwrap_or(&[]);
    Ok(value)
}

impl Op {
    /// Stable name, as NDJSON operation forms and reports use it.
    pub fn name(&self) -> &'static str {
        match self {
            Op::NodeUpsert { .. } => "node",
            Op::NodeDelete { .. } => "del_node",
            Op::EdgeUpsert { .. } => "edge",
            Op::EdgeDelete { .. } => "del_edge",
            Op::KvPut { .. } => "put",
            Op::KvDelete { .. } => "del",
            Op::RowUpsert { .. } => "row",
            Op::RowDelete { .. } => "del_row",
            Op::Define { .. } => "define",
            Op::UseGraph { .. } => "graph",
            Op::KvTouch { .. } => "touch",
        }
    }

    /// Checks the limits of names and payloads.
    ///
    /// # Errors
    /// `Limit`; `Invalid` for an unknown kind of value.
    pub fn check(&self) -> Result<()> {
        Wire::from(self).check()
    }

    /// Appends a record: the operation's index in its transaction, then the operation. By hand, since every commit
    /// comes through here; a test compares the bytes with those of bincode.
    pub fn encode(&self, op_index: u32, out: &mut Vec<u8>) {
        number(out, u64::from(op_index));
        match self {
            Op::NodeUpsert { label, key, id, props } => {
                number(out, u64::from(OP_NODE_UPSERT));
                bytes(out, label.as_bytes());
                bytes(out, key);
                option(out, *id);
                bytes(out, props);
            }
            Op::NodeDelete { label, key, id } => {
                number(out, u64::from(OP_NODE_DELETE));
                bytes(out, label.as_bytes());
                bytes(out, key);
                option(out, *id);
            }
            Op::EdgeUpsert { part, src, dst, etype, props } => {
                edge(out, OP_EDGE_UPSERT, *part, *src, *dst, *etype);
                bytes(out, props);
            }
            Op::EdgeDelete { part, src, dst, etype } => edge(out, OP_EDGE_DELETE, *part, *src, *dst, *etype),
            Op::KvPut { store, key, kind, value, expires_at_us } => {
                number(out, u64::from(OP_KV_PUT));
                bytes(out, store.as_bytes());
                bytes(out, key.as_bytes());
                out.push(*kind);
                bytes(out, value);
                option(out, *expires_at_us);
            }
            other => put(out, Wire::from(other)),
        }
    }

    /// Decodes one record from the front of `bytes` and moves past it.
    ///
    /// # Errors
    /// `Corrupt`; `Invalid` or `Limit` when a rule of the operation is broken.
    pub fn decode(bytes: &mut &[u8]) -> Result<(u32, Op)> {
        let (index, wire) = record(bytes)?;
        Ok((index, Op::from(wire)))
    }
}

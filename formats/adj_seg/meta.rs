//! The META section: counts, widths and the hash that ties the two directions together.

use super::ints;
use super::layout::*;
use crate::{Error, Result};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Meta {
    pub partition: u32,
    pub dense: bool,
    pub row_width: u8,
    pub col_width: u8,
    pub type_width: u8,
    pub prop_width: u8,
    /// The type of every edge where `type_width` is 0.
    pub only_type: u32,
    pub nodes: u64,
    pub edges: u64,
    pub first_id: u64,
    pub last_id: u64,
    pub sources: u64,
    pub targets: u64,
    pub prop_bytes: u64,
    pub edge_hash: u128,
}

impl Meta {
    pub fn encode(&self) -> [u8; META_LEN] {
        let mut out = [0; META_LEN];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(META_PARTITION, &self.partition.to_le_bytes());
        put(META_FLAGS, &(if self.dense { FLAG_DENSE } else { 0 }).to_le_bytes());
        put(META_ROW_WIDTH, &[self.row_width, self.col_width, self.type_width, self.prop_width]);
        put(META_ONLY_TYPE, &self.only_type.to_le_bytes());
        put(META_NODES, &self.nodes.to_le_bytes());
        put(META_EDGES, &self.edges.to_le_bytes());
        put(META_FIRST_ID, &self.first_id.to_le_bytes());
        put(META_LAST_ID, &self.last_id.to_le_bytes());
        put(META_SOURCES, &self.sources.to_le_bytes());
        put(META_TARGETS, &self.targets.to_le_bytes());
        put(META_PROP_BYTES, &self.prop_bytes.to_le_bytes());
        put(META_EDGE_HASH, &self.edge_hash.to_le_bytes());
        out
    }

    /// Reads and bounds every field; `base` is where the section stands in the file.
    pub fn decode(bytes: &[u8], base: u64) -> Result<Meta> {
        if bytes.len() != META_LEN {
            let e = Error::corrupt("section META has the wrong length").offset(base);
            return Err(e.expected(META_LEN).got(bytes.len()));
        }
        let at = |at: usize, width: u8| {
            let field = bytes.get(at..).and_then(|b| ints::get(b, width, 0));
            field.ok_or_else(|| Error::corrupt("section META ends inside a field").offset(base + at as u64))
        };
        let small = |offset: usize| at(offset, 4).map(|v| v as u32);
        let bad =
            |what: &str, offset: usize| Error::corrupt(format!("section META: {what}")).offset(base + offset as u64);
        let width = |offset: usize, allowed: &[u8]| {
            let v = at(offset, 1)? as u8;
            if allowed.contains(&v) { Ok(v) } else { Err(bad("an impossible width", offset).got(v)) }
        };
        let flags = small(META_FLAGS)?;
        if flags & !FLAG_DENSE != 0 {
            return Err(bad("unknown flags", META_FLAGS).got(format!("{flags:#x}")));
        }
        if at(META_RESERVED, 8)? != 0 {
            return Err(bad("reserved bytes are not zero", META_RESERVED));
        }
        let meta = Meta {
            partition: small(META_PARTITION)?,
            dense: flags & FLAG_DENSE != 0,
            row_width: width(META_ROW_WIDTH, &[4, 8])?,
            col_width: width(META_COL_WIDTH, &[4, 8])?,
            type_width: width(META_TYPE_WIDTH, &[0, 1, 2, 4])?,
            prop_width: width(META_PROP_WIDTH, &[0, 4, 8])?,
            only_type: small(META_ONLY_TYPE)?,
            nodes: at(META_NODES, 8)?,
            edges: at(META_EDGES, 8)?,
            first_id: at(META_FIRST_ID, 8)?,
            last_id: at(META_LAST_ID, 8)?,
            sources: at(META_SOURCES, 8)?,
            targets: at(META_TARGETS, 8)?,
            prop_bytes: at(META_PROP_BYTES, 8)?,
            edge_hash: u128::from(at(META_EDGE_HASH, 8)?) | u128::from(at(META_EDGE_HASH + 8, 8)?) << 64,
        };
        if meta.nodes > MAX_NODES {
            return Err(Error::limit("node count", MAX_NODES, meta.nodes).offset(base + META_NODES as u64));
        }
        if meta.edges > MAX_EDGES {
            return Err(Error::limit("edge count", MAX_EDGES, meta.edges).offset(base + META_EDGES as u64));
        }
        let span = meta.last_id.checked_sub(meta.first_id);
        let fits = match (meta.nodes, span) {
            (0, span) => span == Some(0) && meta.first_id == 0,
            (n, Some(span)) if meta.dense => span == n - 1,
            (n, Some(span)) => span >= n - 1,
            (_, None) => false,
        };
        if !fits {
            return Err(bad("node count and id range do not agree", META_FIRST_ID));
        }
        Ok(meta)
    }
}

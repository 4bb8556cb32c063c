//! clarium's adjacency segment: the rows of a compressed sparse matrix, node ids being row numbers.

use super::bytes::Bytes;
use super::layout::ADJACENCY_MAGIC;
use crate::{Error, Result};

/// A segment, read in place.
#[derive(Debug, Clone, Copy)]
pub struct Adjacency<'a> {
    pub nodes: u64,
    pub edges: u64,
    pub flags: u16,
    rows: &'a [u8],
    columns: &'a [u8],
}

fn at(bytes: &[u8], index: u64) -> Option<u64> {
    let from = usize::try_from(index).ok()?.checked_mul(8)?;
    bytes.get(from..)?.first_chunk::<8>().map(|b| u64::from_le_bytes(*b))
}

fn section<'a>(bytes: &'a [u8], offset: u64, count: u64, what: &str) -> Result<&'a [u8]> {
    let outside = || {
        Error::corrupt(format!("{what} reach beyond the file"))
            .offset(offset)
            .expected(format!("{count} of 8 bytes each"))
            .got(format!("{} bytes in all", bytes.len()))
    };
    let from = usize::try_from(offset).map_err(|_| outside())?;
    let len = count.checked_mul(8).and_then(|n| usize::try_from(n).ok()).ok_or_else(outside)?;
    bytes.get(from..).and_then(|rest| rest.get(..len)).ok_or_else(outside)
}

impl<'a> Adjacency<'a> {
    /// # Errors
    /// `Corrupt` when a section does not lie in the file or rows do not ascend; `Unsupported` for another version.
    pub fn open(bytes: &'a [u8]) -> Result<Adjacency<'a>> {
        let mut b = Bytes(bytes);
        let head = (b.u32(), b.u16(), b.u16(), b.u64(), b.u64(), b.u64(), b.u64());
        let (Some(magic), Some(version), Some(flags), Some(nodes), Some(edges), Some(row_at), Some(col_at)) = head
        else {
            return Err(Error::corrupt("the file ends inside its header").offset(bytes.len() as u64));
        };
        if magic != ADJACENCY_MAGIC {
            return Err(Error::corrupt("not a clarium adjacency segment: wrong magic").offset(0));
        }
        if version != 1 {
            return Err(Error::unsupported(format!("clarium adjacency version {version}")).offset(4).expected(1));
        }
        let row_count = nodes.checked_add(1).ok_or_else(|| Error::limit("nodes", u64::MAX - 1, nodes))?;
        let rows = section(bytes, row_at, row_count, "row pointers")?;
        let columns = section(bytes, col_at, edges, "columns")?;
        let out = Adjacency { nodes, edges, flags, rows, columns };
        let mut before = 0;
        for row in 0..=nodes {
            let end = at(rows, row).unwrap_or(0);
            if end < before || end > edges {
                return Err(Error::corrupt("row pointers do not ascend").offset(row_at + row * 8).got(end));
            }
            before = end;
        }
        if before != edges {
            let e = Error::corrupt("the rows do not cover the edges").offset(row_at + nodes * 8);
            return Err(e.expected(edges).got(before));
        }
        Ok(out)
    }

    /// Every edge as (source, target), by source.
    pub fn edges(&self) -> impl Iterator<Item = (u64, u64)> + 'a {
        let Adjacency { nodes, rows, columns, .. } = *self;
        (0..nodes).flat_map(move |src| {
            let (from, to) = (at(rows, src).unwrap_or(0), at(rows, src + 1).unwrap_or(0));
            (from..to).filter_map(move |i| Some((src, at(columns, i)?)))
        })
    }
}

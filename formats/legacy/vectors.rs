//! clarium's `.vdata` in both versions.

use super::bytes::Bytes;
use super::layout::VECTORS_MAGIC;
use crate::{Error, Result};

/// What row ids are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldRowIds {
    /// There are none: the position counts.
    None,
    Numeric,
    Hashed,
    Ordinal,
    /// The flags do not say.
    Unknown,
}

/// A vector file, read in place.
#[derive(Debug, Clone, Copy)]
pub struct OldVectors<'a> {
    pub version: u32,
    pub dim: u32,
    pub rows: u32,
    pub flavour: OldRowIds,
    /// Behind the last vector.
    pub trailing: u64,
    ids: &'a [u8],
    values: &'a [u8],
}

impl<'a> OldVectors<'a> {
    /// # Errors
    /// `Corrupt` when the file is too short, or (version 1) too long, or has rows of dimension 0; `Unsupported` for another version.
    pub fn open(bytes: &'a [u8]) -> Result<OldVectors<'a>> {
        let mut b = Bytes(bytes);
        let short = || Error::corrupt("the file ends before its last vector").offset(bytes.len() as u64);
        let (magic, version) = (b.u32().ok_or_else(short)?, b.u32().ok_or_else(short)?);
        if magic != VECTORS_MAGIC {
            return Err(Error::corrupt("not a clarium vector file: wrong magic").offset(0));
        }
        let flags = match version {
            1 => 0,
            2 => b.u32().ok_or_else(short)?,
            other => {
                return Err(Error::unsupported(format!("clarium vector file version {other}"))
                    .offset(4)
                    .expected("1 or 2"));
            }
        };
        let (dim, rows) = (b.u32().ok_or_else(short)?, b.u32().ok_or_else(short)?);
        if dim == 0 && rows > 0 {
            // Any number of them fits a few bytes.
            return Err(Error::corrupt("vectors without components").got(format!("{rows} rows of dimension 0")));
        }
        let id_len = if flags & 1 == 1 { u64::from(rows) * 8 } else { 0 };
        let value_len = u64::from(rows).checked_mul(u64::from(dim)).and_then(|n| n.checked_mul(4));
        let value_len = value_len.and_then(|n| usize::try_from(n).ok()).ok_or_else(short)?;
        let ids = usize::try_from(id_len).ok().and_then(|n| b.take(n)).ok_or_else(short)?;
        let values = b.take(value_len).ok_or_else(short)?;
        let trailing = b.0.len() as u64;
        if version == 1 && trailing > 0 {
            return Err(Error::corrupt("bytes follow the last vector").offset(bytes.len() as u64 - trailing));
        }
        let flavour = match flags & 0b1111 {
            f if f & 1 == 0 => OldRowIds::None,
            f if f & 2 != 0 => OldRowIds::Numeric,
            f if f & 4 != 0 => OldRowIds::Hashed,
            f if f & 8 != 0 => OldRowIds::Ordinal,
            _ => OldRowIds::Unknown,
        };
        Ok(OldVectors { version, dim, rows, flavour, trailing, ids, values })
    }

    /// The id of a row, where there are ids.
    pub fn id(&self, row: u32) -> Option<u64> {
        let from = (row as usize).checked_mul(8)?;
        self.ids.get(from..)?.first_chunk::<8>().map(|b| u64::from_le_bytes(*b))
    }

    /// The vector of a row.
    pub fn vector(&self, row: u32) -> Option<impl Iterator<Item = f32> + 'a> {
        let len = (self.dim as usize).checked_mul(4)?;
        let from = (row as usize).checked_mul(len)?;
        let bytes = self.values.get(from..from.checked_add(len)?)?;
        if row >= self.rows {
            return None;
        }
        Some(bytes.chunks_exact(4).filter_map(|c| c.first_chunk::<4>().map(|b| f32::from_le_bytes(*b))))
    }
}

//! Where vectors and row ids come from.

use qx_formats::vdata::{Flavour, Metric};
use qx_formats::{Error, Result};

/// Vectors that can be read in any order, from several threads.
pub trait VectorSource: Sync {
    fn rows(&self) -> usize;

    /// Replaces `out` with the vector of row `row`; leaves it empty when that row has none.
    ///
    /// # Errors
    /// What the source says; it ends the build.
    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()>;

    /// The dimension that the source says its vectors have, for one without rows.
    fn declared_dim(&self) -> Option<usize> {
        None
    }

    /// Where a row stands in the source, for messages: "row 3", with the line of a file of text.
    fn place(&self, row: usize) -> String {
        format!("row {row}")
    }

    /// The codes that the vector of a row is read from, where it is a row of a compact index: another such index takes
    /// them over as they are. None by default.
    fn coded(&self, _row: usize) -> Option<CodedRow<'_>> {
        None
    }
}

/// A row of a compact index, which its codes stand for.
#[derive(Debug, Clone, Copy)]
pub struct CodedRow<'a> {
    /// Of the index that they are codes of.
    pub metric: Metric,
    /// What all codes of that index are centred on, one component each.
    pub mean: &'a [f32],
    /// A byte for each component, and padding.
    pub codes: &'a [u8],
    pub scale: f32,
}

/// Vectors one after the other in memory.
#[derive(Debug, Clone, Copy)]
pub struct Flat<'a> {
    pub data: &'a [f32],
    pub dim: usize,
}

impl VectorSource for Flat<'_> {
    fn rows(&self) -> usize {
        self.data.len().checked_div(self.dim).unwrap_or(0)
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        out.extend(self.data.get(row * self.dim..(row + 1) * self.dim).unwrap_or(&[]));
        Ok(())
    }
}

/// Vectors of any length, each by itself; an empty one is a row without a vector.
impl VectorSource for [Vec<f32>] {
    fn rows(&self) -> usize {
        self.len()
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        out.extend(self.get(row).map_or(&[][..], Vec::as_slice));
        Ok(())
    }
}

impl VectorSource for Vec<Vec<f32>> {
    fn rows(&self) -> usize {
        self.len()
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        self.as_slice().read(row, out)
    }
}

/// The id of every source row, and what it is.
#[derive(Debug, Clone)]
pub enum RowIds {
    /// A signed integral primary key, bit for bit (`key as u64`).
    PrimaryKey(Vec<u64>),
    /// An unsigned integral primary key.
    UnsignedKey(Vec<u64>),
    /// xxh3-64 of another or composite key; see [`hash_key`](crate::hash_key).
    Hashed(Vec<u64>),
    /// The position in the source.
    Ordinal,
    /// The position in the source, counted on from here: what is added to an index of ordinals.
    OrdinalFrom(u64),
    /// Ordinals that were given out before: what is left of an index of them.
    Ordinals(Vec<u64>),
}

impl RowIds {
    /// Ids of a flavour that were given out before.
    pub fn of(flavour: Flavour, ids: Vec<u64>) -> Self {
        match flavour {
            Flavour::SignedKey => RowIds::PrimaryKey(ids),
            Flavour::UnsignedKey => RowIds::UnsignedKey(ids),
            Flavour::HashedKey => RowIds::Hashed(ids),
            Flavour::Ordinal => RowIds::Ordinals(ids),
        }
    }

    pub fn flavour(&self) -> Flavour {
        match self {
            RowIds::PrimaryKey(_) => Flavour::SignedKey,
            RowIds::UnsignedKey(_) => Flavour::UnsignedKey,
            RowIds::Hashed(_) => Flavour::HashedKey,
            RowIds::Ordinal | RowIds::OrdinalFrom(_) | RowIds::Ordinals(_) => Flavour::Ordinal,
        }
    }

    pub(super) fn check(&self, rows: usize) -> Result<()> {
        match self {
            RowIds::PrimaryKey(ids) | RowIds::UnsignedKey(ids) | RowIds::Hashed(ids) | RowIds::Ordinals(ids)
                if ids.len() != rows =>
            {
                Err(Error::usage("row ids and vectors differ in number").expected(rows).got(ids.len()))
            }
            RowIds::OrdinalFrom(first) if first.checked_add(rows as u64).is_none() => {
                Err(Error::limit("row ids by position", u64::MAX, *first))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn get(&self, row: usize) -> u64 {
        match self {
            RowIds::PrimaryKey(ids) | RowIds::UnsignedKey(ids) | RowIds::Hashed(ids) | RowIds::Ordinals(ids) => {
                ids.get(row).copied().unwrap_or_default()
            }
            RowIds::Ordinal => row as u64,
            RowIds::OrdinalFrom(first) => first + row as u64,
        }
    }
}

//! Where walks set out: the entry points of a graph.
//!
//! Many of them save a walk its first steps, which lead from far away to where the query is and wait for memory at each row.
//! An open file keeps their codes side by side: read as a stream, some hundreds cost what a few rows here and there do.

use crate::kernel::Coded;
use crate::packed::Packed;
use crate::quant::{Codes, Query};

/// Entry points, and what is kept of them.
#[derive(Clone, Copy)]
pub(crate) struct Starts<'a> {
    pub rows: &'a [u32],
    /// Their codes, in their order.
    pub kept: Option<&'a Packed>,
}

impl<'a> From<&'a [u32]> for Starts<'a> {
    fn from(rows: &'a [u32]) -> Self {
        Starts { rows, kept: None }
    }
}

impl Starts<'_> {
    /// Where the codes of the entry points are kept, some that are near to a query: of those whose places leave the same rest
    /// when they are divided by `N` the nearest. So the nearest of all is there, and most of the next ones, and no branch had
    /// to be taken to tell which.
    #[inline(always)]
    pub(crate) fn nearest<const N: usize>(
        self,
        codes: &Codes<'_>,
        query: &Query,
        memory: &mut Vec<f32>,
    ) -> Option<impl Iterator<Item = u32>> {
        let kept = self.kept?;
        memory.clear();
        memory.resize(self.rows.len().next_multiple_of(N), f32::NEG_INFINITY);
        let codes = kept.codes(codes);
        (codes.kernels.stream)(codes.rows(), Coded::from(query), memory.get_mut(..self.rows.len())?);
        let (mut best, mut block) = ([f32::NEG_INFINITY; N], [u32::MAX; N]);
        for (at, similarities) in (0..).zip(memory.as_chunks::<N>().0) {
            for lane in 0..N {
                let nearer = similarities[lane] > best[lane];
                best[lane] = if nearer { similarities[lane] } else { best[lane] };
                block[lane] = if nearer { at } else { block[lane] };
            }
        }
        Some(block.into_iter().enumerate().filter_map(move |(lane, block)| {
            let place = (block as usize).checked_mul(N)?.checked_add(lane)?;
            self.rows.get(place).copied()
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::Kernels;

    #[test]
    fn of_every_nth_entry_point_the_nearest_is_there() {
        const ROWS: u32 = 100;
        // One component says how near a row is; the others are zero.
        let codes: Vec<u8> = (0..ROWS).flat_map(|row| [(row * 37 % ROWS) as u8 + 100, 128, 128, 128]).collect();
        let params: Vec<u8> = (0..ROWS).flat_map(|_| [1f32, 0.0]).flat_map(f32::to_le_bytes).collect();
        let mut query = Query::default();
        (query.scale, query.codes) = (1.0, vec![1, 0, 0, 0]);
        for kernels in Kernels::all() {
            let codes = Codes { kernels, codes: &codes, each: 4, params: &params, lift: &[] };
            for n in 1..ROWS {
                let rows: Vec<u32> = (0..n).map(|i| (i * 7 + 3) % ROWS).collect();
                let near = |row: u32| row * 37 % ROWS;
                let kept = Packed::new(&codes, &rows).unwrap();
                let starts = Starts { rows: &rows, kept: Some(&kept) };
                let found: Vec<u32> = starts.nearest::<8>(&codes, &query, &mut vec![7.0; 3]).unwrap().collect();
                let nth = |rest| rows.iter().copied().skip(rest).step_by(8).max_by_key(|&row| near(row));
                assert_eq!(found, (0..8).filter_map(nth).collect::<Vec<_>>(), "{n} {}", kernels.name);
            }
            assert!(Starts::from(&[1, 2][..]).nearest::<8>(&codes, &query, &mut Vec::new()).is_none());
        }
    }
}

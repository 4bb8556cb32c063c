//! One search: the files of an index, less what changed since, and the rows that changed scored as they are now.

use std::sync::Arc;

use qx_formats::Result;
use qx_store::vectors::Delta;
use qx_vector::set::{SetFilter, SetOptions, SetStats};
use qx_vector::{Flavour, IdSet};

use super::opened::Opened;
use crate::functions::distance;

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// Rows that are wanted.
    pub(crate) k: usize,
    /// Rows that the first phase gives: alpha times as many.
    pub(crate) width: usize,
    pub(crate) ef: Option<usize>,
    pub(crate) exact: bool,
    /// Rows at the same distance as the last one that is wanted count as well: further keys decide among them.
    pub(crate) ties: bool,
}

impl Ask {
    /// Whether the last row that is wanted may have equals behind the last of the `width` rows that were looked at, and
    /// one of those belongs before it: by a further key, or by its row id. Of the latter an exact search gives the
    /// lowest; a walk gives those that it met.
    fn is_open(&self, rows: &[Row], width: usize, exact: bool) -> bool {
        let unsure = self.ties || (!exact && width > self.k);
        let last = self.k.checked_sub(1).and_then(|k| rows.get(k)).map(|r| r.score);
        unsure && rows.len() >= width && last.is_some() && last == rows.last().map(|r| r.score)
    }
}

/// A row that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Row {
    pub(crate) id: u64,
    pub(crate) score: f32,
}

/// An index, what changed above it, and what is asked of both.
#[derive(Debug, Clone)]
pub(crate) struct Searcher {
    pub(crate) index: Opened,
    pub(crate) delta: Arc<Delta>,
    pub(crate) flavour: Flavour,
    pub(crate) ask: Ask,
}

/// A search that looks at no more than this many rows, or scores no more than this many that changed, takes about as long as
/// another thread takes to wake.
const BRIEF: usize = 512;

impl Searcher {
    /// Whether a search takes so little that it need not have a thread of its own.
    pub(crate) fn is_brief(&self) -> bool {
        let ef = self.ask.ef.unwrap_or_else(|| self.index.set.default_ef());
        !self.ask.exact && ef.max(self.ask.width) <= BRIEF && self.delta.len() <= BRIEF
    }

    /// The rows of the files that may be answered.
    pub(crate) fn filter(&self, allowed: Option<&IdSet>) -> Option<SetFilter> {
        let gone = &self.delta.gone;
        match allowed {
            None if gone.is_empty() => None,
            None => Some(self.index.set.filter_ids(gone, false)),
            Some(allowed) => {
                let set = &self.index.set;
                let id = |part: u32, row: u32| set.parts().get(part as usize)?.index.row_id(row);
                let keep = |id: u64| allowed.contains(id) && !gone.contains(id);
                Some(set.filter(|part, row| id(part, row).is_some_and(keep)))
            }
        }
    }

    /// The rows nearest to `query` among those that `allowed` names, nearest first, ties by row id.
    ///
    /// # Errors
    /// `Invalid` for a query of another dimension.
    pub(crate) fn search(
        &self,
        query: &[f32],
        allowed: Option<&IdSet>,
        filter: Option<&SetFilter>,
    ) -> Result<(Vec<Row>, SetStats)> {
        let mut width = self.ask.width.max(self.ask.k);
        let metric = self.index.metric();
        let hot = self.hot(query, allowed);
        loop {
            let opts = SetOptions { ef: self.ask.ef, exact: self.ask.exact, filter };
            let answer = self.index.set.search(query, width, &opts)?;
            let found = answer.hits.iter().map(|h| Row { id: h.row_id, score: h.score });
            let mut rows: Vec<Row> = found.chain(hot.iter().copied()).collect();
            if !hot.is_empty() {
                let flip = metric.larger_is_nearer();
                let key = |r: &Row| (if flip { -r.score } else { r.score }, self.flavour.order(r.id));
                rows.sort_unstable_by(|a, b| {
                    let (a, b) = (key(a), key(b));
                    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
                });
                rows.truncate(width);
            }
            if !self.ask.is_open(&rows, width, answer.stats.exact()) {
                return Ok((rows, answer.stats));
            }
            width = width.saturating_mul(4);
        }
    }

    /// The rows that changed, scored.
    fn hot(&self, query: &[f32], allowed: Option<&IdSet>) -> Vec<Row> {
        let metric = self.index.metric();
        let one = |(row, &id): (usize, &u64)| {
            let mine = allowed.is_none_or(|a| a.contains(id));
            let vector = self.delta.rows.get(row).filter(|_| mine)?;
            Some(Row { id, score: distance::score(metric, query, vector)? })
        };
        self.delta.ids.iter().enumerate().filter_map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_goes_on_while_equals_may_be_left() {
        let rows = |scores: &[f32]| -> Vec<Row> { (0..).zip(scores).map(|(id, &score)| Row { id, score }).collect() };
        let by_id = Ask { k: 2, width: 4, ef: None, exact: false, ties: false };
        let by_key = Ask { ties: true, ..by_id.clone() };
        let equal = rows(&[1.0, 2.0, 2.0, 2.0]);
        assert!(by_id.is_open(&equal, 4, false) && by_key.is_open(&equal, 4, false));
        // The lowest row ids are there; what a further key says of the others is not known.
        assert!(!by_id.is_open(&equal, 4, true) && by_key.is_open(&equal, 4, true));
        for done in [rows(&[1.0, 2.0, 2.0, 3.0]), rows(&[1.0, 2.0, 2.0]), rows(&[])] {
            assert!(!by_id.is_open(&done, 4, false) && !by_key.is_open(&done, 4, false), "{done:?}");
        }
        // Who asks for as many as are looked at takes what a walk finds.
        assert!(!by_id.is_open(&rows(&[1.0, 1.0]), 2, false));
        let none = Ask { k: 0, ..by_key };
        assert!(!none.is_open(&rows(&[]), 0, false));
    }
}

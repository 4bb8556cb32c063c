//! One answer out of several files.

use qx_formats::{Error, Kind, Result};
use rayon::prelude::*;

use super::{Part, Segments};
use crate::filter::{Filter, IdSet};
use crate::index::{Hit, Path, SearchOptions, SearchStats};
use crate::walk::ordered;

/// Rows that may be answered, of each file of one [`Segments`]; hidden ones are out already.
#[derive(Debug, Clone, Default)]
pub struct SetFilter {
    parts: Vec<Filter>,
}

impl SetFilter {
    /// Rows that it lets through.
    pub fn count(&self) -> u64 {
        self.parts.iter().map(Filter::count).sum()
    }
}

#[derive(Debug, Clone, Copy, Default)]
pub struct SetOptions<'a> {
    /// As in [`SearchOptions`]; [`Segments::default_ef`] when not given.
    pub ef: Option<usize>,
    pub exact: bool,
    pub filter: Option<&'a SetFilter>,
}

/// How an answer was found, for EXPLAIN.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SetStats {
    /// Of each file.
    pub parts: Vec<SearchStats>,
    pub ef: usize,
    /// Rows asked for: `k`, or `alpha * k` of a search in two phases.
    pub width: usize,
}

impl SetStats {
    fn sum(&self, of: impl Fn(&SearchStats) -> u64) -> u64 {
        self.parts.iter().map(of).sum()
    }

    /// Rows that could be answered.
    pub fn matches(&self) -> u64 {
        self.sum(|s| s.matches)
    }

    pub fn code_distances(&self) -> u64 {
        self.sum(|s| s.code_distances)
    }

    pub fn vector_distances(&self) -> u64 {
        self.sum(|s| s.vector_distances)
    }

    pub fn expanded(&self) -> u64 {
        self.sum(|s| s.expanded)
    }

    /// No file was searched approximately.
    pub fn exact(&self) -> bool {
        self.parts.iter().all(|s| s.path.exact())
    }

    /// How the largest file was searched.
    pub fn path(&self) -> Path {
        self.parts.iter().max_by_key(|s| s.matches).map_or(Path::Empty, |s| s.path)
    }
}

/// The rows nearest to a query, nearest first, and how they were found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    pub hits: Vec<Hit>,
    pub stats: SetStats,
}

/// Damage is of one file, what is wrong with a query of none.
fn of_file(e: Error, part: &Part) -> Error {
    if e.kind() == Kind::Corrupt { e.path(&part.path) } else { e }
}

impl Segments {
    /// The rows whose id is in `ids` (`keep`), or is not.
    pub fn filter_ids(&self, ids: &IdSet, keep: bool) -> SetFilter {
        self.filter(|part, row| self.parts[part as usize].index.row_id(row).is_some_and(|id| ids.contains(id)) == keep)
    }

    /// The rows (part and ordinal) that `allow` lets through.
    pub fn filter(&self, allow: impl Fn(u32, u32) -> bool) -> SetFilter {
        let parts = (0u32..).zip(&self.parts);
        let parts = parts.map(|(at, part)| Filter::new(part.index.len(), |row| part.is_live(row) && allow(at, row)));
        SetFilter { parts: parts.collect() }
    }

    /// The `k` rows nearest to `query`, nearest first, ties by row id; all that the filter lets through when there are
    /// fewer. Each row is scored on its vector.
    ///
    /// # Errors
    /// `Invalid` for a query of another dimension or with a component that is not finite; `Corrupt` where pages are checked
    /// ([`Segments::checked`]) and one that the answer relies on is damaged.
    pub fn search(&self, query: &[f32], k: usize, opts: &SetOptions<'_>) -> Result<Answer> {
        let ef = opts.ef.unwrap_or_else(|| self.default_ef());
        let mut answer = Answer { hits: Vec::new(), stats: SetStats { parts: Vec::new(), ef, width: k } };
        for (at, part) in self.parts.iter().enumerate() {
            let filter = match opts.filter {
                Some(f) => f.parts.get(at),
                None => part.live.as_ref(),
            };
            let one = SearchOptions { ef: Some(ef), exact: opts.exact, filter };
            let (hits, stats) = part.index.search_counted(query, k, &one).map_err(|e| of_file(e, part))?;
            answer.hits.extend(hits.into_iter().map(|h| Hit { segment: at as u32, ..h }));
            answer.stats.parts.push(stats);
        }
        if self.parts.len() > 1 {
            let (flip, flavour) = (self.metric().larger_is_nearer(), self.flavour());
            let key = |h: &Hit| {
                let distance = ordered(if flip { -h.score } else { h.score });
                (distance, flavour.order(h.row_id), h.segment, h.ordinal)
            };
            answer.hits.sort_unstable_by_key(key);
            answer.hits.truncate(k);
        }
        Ok(answer)
    }

    /// Whether a query can be asked at all.
    ///
    /// # Errors
    /// As [`Segments::search`].
    pub fn check_query(&self, query: &[f32]) -> Result<()> {
        self.parts.iter().try_for_each(|part| part.index.check_query(query))
    }

    /// [`Segments::search`] for each query, on all cores.
    ///
    /// # Errors
    /// As [`Segments::search`], for the first query that is refused.
    pub fn search_many(&self, queries: &[Vec<f32>], k: usize, opts: &SetOptions<'_>) -> Result<Vec<Answer>> {
        if let [one] = queries {
            self.parts.iter().for_each(|p| p.index.expect(1));
            return Ok(vec![self.search(one, k, opts)?]);
        }
        queries.iter().try_for_each(|q| self.check_query(q))?;
        self.parts.iter().for_each(|p| p.index.expect(queries.len()));
        queries.par_iter().map(|q| self.search(q, k, opts)).collect()
    }

    /// The first phase of a search in two: `alpha * k` rows, each scored on its vector, nearest first. A caller that
    /// sorts by further keys, or has rows of its own to add, picks its `k` among them; the stats say how many were
    /// preselected (`width`) and what it took.
    ///
    /// # Errors
    /// As [`Segments::search`].
    pub fn preselect(&self, query: &[f32], k: usize, alpha: usize, opts: &SetOptions<'_>) -> Result<Answer> {
        self.search(query, k.saturating_mul(alpha.max(1)), opts)
    }
}

//! Neighbours within a number of hops.

use qx_formats::Result;
use qx_io::Cancel;

use crate::filter::{Follow, TimeRange};
use crate::graph::Graph;

/// Which edges of a node are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// From source to target.
    #[default]
    Out,
    /// From target to source.
    In,
    /// Either way.
    Both,
}

impl Direction {
    pub(crate) fn reversed(self) -> Direction {
        match self {
            Direction::Out => Direction::In,
            Direction::In => Direction::Out,
            Direction::Both => Direction::Both,
        }
    }
}

/// How a search goes through the graph.
#[derive(Debug, Clone)]
pub struct Walk {
    pub direction: Direction,
    /// Only edges of this type.
    pub etype: Option<u32>,
    /// Only edges whose time lies in the range.
    pub time: Option<TimeRange>,
    /// `u32::MAX` for all the way.
    pub max_hops: u32,
    /// Asked between two hops.
    pub cancel: Cancel,
}

impl Default for Walk {
    /// Out-edges of every type, one hop.
    fn default() -> Self {
        Walk { direction: Direction::Out, etype: None, time: None, max_hops: 1, cancel: Cancel::default() }
    }
}

impl Walk {
    pub(crate) fn follow(&self) -> Follow {
        Follow { direction: self.direction, etype: self.etype, time: self.time }
    }

    pub(crate) fn back(&self) -> Follow {
        Follow { direction: self.direction.reversed(), ..self.follow() }
    }
}

/// A node that a search reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hop {
    pub node_id: u64,
    /// The node it was reached from: the lowest id of those one hop nearer to a start.
    pub prev_id: u64,
    pub hop: u32,
}

impl Graph {
    /// Every node within `walk.max_hops` of a start, each once, at its fewest hops, by hop and node id. The starts
    /// themselves are left out, also where an edge leads back to them.
    ///
    /// # Errors
    /// `Corrupt` where a segment is damaged; `Cancelled`.
    pub fn neighbors(&self, starts: &[u64], walk: &Walk) -> Result<Vec<Hop>> {
        let follow = walk.follow();
        let mut seen = self.seen();
        let mut frontier = starts.to_vec();
        frontier.sort_unstable();
        frontier.dedup();
        for &start in &frontier {
            seen.insert(start);
        }
        let mut found: Vec<Hop> = Vec::new();
        for hop in 1..=walk.max_hops {
            walk.cancel.check()?;
            let first = found.len();
            // The frontier ascends, so the first to reach a node is the lowest of those that do.
            for &prev_id in &frontier {
                self.visit(prev_id, &follow, |edge| {
                    if seen.insert(edge.node) {
                        found.push(Hop { node_id: edge.node, prev_id, hop });
                    }
                })?;
            }
            let Some(level) = found.get_mut(first..).filter(|level| !level.is_empty()) else { break };
            level.sort_unstable_by_key(|h| h.node_id);
            frontier.clear();
            frontier.extend(level.iter().map(|h| h.node_id));
        }
        Ok(found)
    }
}

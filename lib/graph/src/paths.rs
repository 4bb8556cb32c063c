//! Shortest paths by number of hops, searched from both ends.

use qx_formats::Result;

use crate::filter::Follow;
use crate::graph::Graph;
use crate::seen::Seen;
use crate::walk::Walk;

/// A search from one end: its levels, each ascending, and what it has met.
struct Side {
    follow: Follow,
    levels: Vec<Vec<u64>>,
    seen: Seen,
}

impl Side {
    fn frontier(&self) -> &[u64] {
        self.levels.last().map_or(&[], Vec::as_slice)
    }
}

impl Graph {
    /// The nodes of a shortest path from `src` to `dst`, both included, or `None` when there is none within
    /// `walk.max_hops`. Of several it is the one whose ids come first, compared from `src` on.
    ///
    /// # Errors
    /// `Corrupt` where a segment is damaged; `Cancelled`.
    pub fn shortest_path(&self, src: u64, dst: u64, walk: &Walk) -> Result<Option<Vec<u64>>> {
        if src == dst {
            return Ok(Some(vec![src]));
        }
        let side = |end: u64, follow| {
            let mut seen = self.seen();
            seen.insert(end);
            Side { follow, levels: vec![vec![end]], seen }
        };
        let mut from = side(src, walk.follow());
        let mut to = side(dst, walk.back());
        for _ in 0..walk.max_hops {
            walk.cancel.check()?;
            // The smaller side goes on: near a hub the other one would meet half the graph.
            let (next, other) =
                if from.frontier().len() <= to.frontier().len() { (&mut from, &to) } else { (&mut to, &from) };
            self.advance(next)?;
            if next.frontier().is_empty() {
                return Ok(None);
            }
            // Levels grow by one at a time, so the two sides first meet in their newest levels.
            let meeting: Vec<u64> =
                next.frontier().iter().copied().filter(|&n| other.frontier().binary_search(&n).is_ok()).collect();
            if !meeting.is_empty() {
                return self.first_path(&from, &to, meeting, walk).map(Some);
            }
        }
        Ok(None)
    }

    fn advance(&self, side: &mut Side) -> Result<()> {
        let mut level = Vec::new();
        let Side { follow, levels, seen } = side;
        for &node in levels.last().map_or(&[][..], Vec::as_slice) {
            self.visit(node, follow, |edge| {
                if seen.insert(edge.node) {
                    level.push(edge.node);
                }
            })?;
        }
        level.sort_unstable();
        levels.push(level);
        Ok(())
    }

    /// Goes back from the meeting to mark which nodes lie on a shortest path at each hop, then takes the lowest at
    /// each hop that the one before leads to.
    fn first_path(&self, from: &Side, to: &Side, meeting: Vec<u64>, walk: &Walk) -> Result<Vec<u64>> {
        let mut on_path = vec![meeting];
        for level in from.levels.iter().rev().skip(1) {
            let mut before = Vec::new();
            for &node in on_path.last().map_or(&[][..], Vec::as_slice) {
                self.visit(node, &walk.back(), |e| {
                    if level.binary_search(&e.node).is_ok() {
                        before.push(e.node);
                    }
                })?;
            }
            before.sort_unstable();
            before.dedup();
            on_path.push(before);
        }
        on_path.reverse();
        // Behind the meeting every node of a level leads to the end, in as many hops as the level says.
        let hops = on_path.iter().skip(1).map(Vec::as_slice).chain(to.levels.iter().rev().skip(1).map(Vec::as_slice));
        let mut path = from.levels.first().cloned().unwrap_or_default();
        for allowed in hops {
            let Some(&here) = path.last() else { break };
            let mut lowest = None;
            self.visit(here, &walk.follow(), |e| {
                if lowest.is_none_or(|low| e.node < low) && allowed.binary_search(&e.node).is_ok() {
                    lowest = Some(e.node);
                }
            })?;
            path.extend(lowest);
        }
        Ok(path)
    }
}

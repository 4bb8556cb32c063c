//! Reachability: every row gets a path from an entry point.
//!
//! Dropping links can cut a row off. Rows that the entry points reach form a tree (who was reached from whom); a row
//! that they do not reach gets a link from the nearest row in the tree, in a free slot or in place of a link that the
//! tree does not need, so that nothing is cut off in turn.

use super::link::Lists;
use super::prune::{Choice, Space};
use crate::walk::Scratch;

/// Not reached.
const NONE: u32 = u32::MAX;

struct Tree {
    /// From whom a row was reached; itself for an entry point.
    parent: Vec<u32>,
    queue: Vec<u32>,
}

impl Tree {
    fn reach(&mut self, lists: &Lists, row: u32, parent: u32) {
        let mut visit = |row: u32, parent: u32, queue: &mut Vec<u32>| {
            if let Some(slot) = self.parent.get_mut(row as usize)
                && *slot == NONE
            {
                *slot = parent;
                queue.push(row);
            }
        };
        visit(row, parent, &mut self.queue);
        while let Some(row) = self.queue.pop() {
            for &n in lists.get(row) {
                visit(n, row, &mut self.queue);
            }
        }
    }

    fn reached(&self, row: u32) -> bool {
        self.parent.get(row as usize).is_some_and(|&p| p != NONE)
    }

    /// The list of `from` with a link to `to`; `None` when every link of it is needed.
    fn with_link(&self, lists: &Lists, from: u32, to: u32, degree: usize) -> Option<Vec<u32>> {
        let mut list = lists.get(from).to_vec();
        if list.len() < degree {
            list.push(to);
            return Some(list);
        }
        // From the end: the farthest of the list as it was chosen.
        let spare = list.iter_mut().rev().find(|n| self.parent.get(**n as usize).is_none_or(|&p| p != from))?;
        *spare = to;
        Some(list)
    }
}

/// Returns how many rows needed a link.
pub(super) fn repair(
    space: &Space<'_>,
    lists: &mut Lists,
    entries: &[u32],
    rows: u32,
    degree: usize,
    ef: usize,
    (mut walk, _): (Scratch, Choice),
) -> u64 {
    let mut tree = Tree { parent: vec![NONE; rows as usize], queue: Vec::new() };
    for &e in entries {
        tree.reach(lists, e, e);
    }
    let mut repaired = 0;
    for row in 0..rows {
        if tree.reached(row) {
            continue;
        }
        space.query(row, &mut walk.query);
        walk.walk(&space.codes, lists, entries.into(), rows, ef);
        // A tree of n rows needs fewer links than n lists have slots, so that someone always has one to spare.
        let linked = walk
            .nearest()
            .iter()
            .map(|n| n.row())
            .chain(0..rows)
            .filter(|&from| tree.reached(from))
            .find_map(|from| tree.with_link(lists, from, row, degree).map(|list| (from, list)));
        if let Some((from, list)) = linked {
            lists.set(from, &list);
            tree.reach(lists, row, from);
            repaired += 1;
        }
    }
    repaired
}

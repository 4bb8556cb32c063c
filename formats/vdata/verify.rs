//! The verifier: every byte against its checksum, then what checksums cannot see.

use super::layout::*;
use super::{Engine, View};
use crate::container::Finding;

/// Findings of one kind that are listed one by one; the rest is counted.
const LISTED: usize = 20;

/// Verifies a file: its structure, every checksum and, when `full`, the content hash, the uniqueness of row ids, the
/// padding, and the graph - lists within bounds, no loops or repeats, every row reachable from an entry point.
///
/// That codes, norms and vectors agree needs arithmetic that this crate does not have; `qx-vector` checks it.
pub fn verify(bytes: &[u8], full: bool) -> Vec<Finding> {
    let view = match View::open(bytes) {
        Ok(view) => view,
        Err(e) => return vec![Finding::from_error("vdata.open", &e)],
    };
    let mut findings = Vec::new();
    view.container.verify(bytes, &mut findings);
    if !full {
        return findings;
    }
    let uuid = view.container.content_uuid(bytes);
    if uuid != view.container.uuid {
        findings.push(
            Finding::error("vdata.uuid", "the UUID is not the hash of the content")
                .expected(uuid)
                .got(view.container.uuid),
        );
    }
    if !view.dense() {
        unique_ids(&view, bytes, &mut findings);
    }
    if view.meta.codes {
        code_padding(&view, bytes, &mut findings);
    }
    if view.meta.engine == Engine::Graph {
        let sound = lists(&view, bytes, &mut findings);
        if sound {
            reachability(&view, bytes, &mut findings);
        }
    }
    findings
}

/// Keeps the first [`LISTED`] findings and counts the others.
struct Limited<'a> {
    out: &'a mut Vec<Finding>,
    id: &'static str,
    seen: usize,
}

impl<'a> Limited<'a> {
    fn new(out: &'a mut Vec<Finding>, id: &'static str) -> Self {
        Limited { out, id, seen: 0 }
    }

    fn push(&mut self, make: impl FnOnce(&'static str) -> Finding) {
        if self.seen < LISTED {
            self.out.push(make(self.id));
        }
        self.seen += 1;
    }
}

impl Drop for Limited<'_> {
    fn drop(&mut self) {
        if self.seen > LISTED {
            let more = self.seen - LISTED;
            self.out.push(Finding::error(self.id, format!("and {more} more of this kind")));
        }
    }
}

fn rows(view: &View) -> std::ops::Range<u32> {
    // View::open refuses more rows than a u32 counts.
    0..u32::try_from(view.meta.rows).unwrap_or(u32::MAX)
}

fn unique_ids(view: &View, bytes: &[u8], findings: &mut Vec<Finding>) {
    let mut ids: Vec<(u64, u32)> = rows(view).map(|r| (view.row_id(bytes, r).unwrap_or(0), r)).collect();
    ids.sort_unstable();
    let mut out = Limited::new(findings, "vdata.row_id_twice");
    for pair in ids.windows(2) {
        if let [(a, first), (b, second)] = pair
            && a == b
        {
            out.push(|id| {
                Finding::error(id, format!("row id {a} stands twice: in rows {first} and {second}"))
                    .section("RIDS")
                    .offset(view.offset(KIND_ROW_IDS, u64::from(*second), 8))
            });
        }
    }
}

fn code_padding(view: &View, bytes: &[u8], findings: &mut Vec<Finding>) {
    let (dim, each) = (view.meta.dim as usize, view.meta.code_len());
    if each == 0 {
        return;
    }
    let mut out = Limited::new(findings, "vdata.code_padding");
    for (row, codes) in view.codes(bytes).chunks_exact(each).enumerate() {
        if codes.get(dim..).is_some_and(|rest| rest.iter().any(|&b| b != CODE_ZERO)) {
            out.push(|id| {
                Finding::error(id, format!("the codes of row {row} are not padded with {CODE_ZERO}"))
                    .section("CODE")
                    .offset(view.offset(KIND_CODES, row as u64, each))
            });
        }
    }
}

/// Checks each list by itself. False when the graph cannot be walked.
fn lists(view: &View, bytes: &[u8], findings: &mut Vec<Finding>) -> bool {
    let each = view.meta.degree as usize * 4;
    let rows = rows(view).end;
    let mut sound = true;
    let mut out = Limited::new(findings, "vdata.graph");
    let mut list: Vec<u32> = Vec::new();
    for (row, slots) in view.graph(bytes).chunks_exact(each).enumerate() {
        list.clear();
        list.extend(slots.as_chunks::<4>().0.iter().map(|b| u32::from_le_bytes(*b)));
        let used = list.iter().position(|&n| n == NO_NEIGHBOUR).unwrap_or(list.len());
        let (used, free) = list.split_at_mut(used);
        let wrong = if free.iter().any(|&n| n != NO_NEIGHBOUR) {
            Some("has a neighbour behind a free slot")
        } else if used.iter().any(|&n| n >= rows) {
            sound = false;
            Some("has a neighbour that is no row")
        } else if used.iter().any(|&n| n as usize == row) {
            Some("is its own neighbour")
        } else {
            used.sort_unstable();
            used.windows(2).any(|p| p.first() == p.last()).then_some("has a neighbour twice")
        };
        if let Some(wrong) = wrong {
            out.push(|id| {
                Finding::error(id, format!("row {row} {wrong}"))
                    .section("GRPH")
                    .offset(view.offset(KIND_GRAPH, row as u64, each))
            });
        }
    }
    drop(out);
    let mut entries = view.entries(bytes);
    if let Some(i) = entries.iter().position(|&e| e >= rows) {
        sound = false;
        findings.push(Finding::error("vdata.entry", "an entry point is no row").section("ENTR").offset(view.offset(
            KIND_ENTRIES,
            i as u64,
            4,
        )));
    }
    entries.sort_unstable();
    if entries.windows(2).any(|p| p.first() == p.last()) {
        findings.push(Finding::error("vdata.entry", "an entry point stands twice").section("ENTR"));
    }
    sound
}

fn reachability(view: &View, bytes: &[u8], findings: &mut Vec<Finding>) {
    let mut seen = vec![false; rows(view).len()];
    let mut queue: Vec<u32> = Vec::new();
    let mut visit = |n: u32, queue: &mut Vec<u32>| {
        if let Some(s) = seen.get_mut(n as usize)
            && !std::mem::replace(s, true)
        {
            queue.push(n);
        }
    };
    view.entries(bytes).into_iter().for_each(|e| visit(e, &mut queue));
    while let Some(row) = queue.pop() {
        view.neighbours(bytes, row).for_each(|n| visit(n, &mut queue));
    }
    let mut out = Limited::new(findings, "vdata.unreachable");
    for (row, _) in seen.iter().enumerate().filter(|(_, s)| !**s) {
        out.push(|id| {
            Finding::error(id, format!("row {row} cannot be reached from an entry point"))
                .section("GRPH")
                .offset(view.offset(KIND_GRAPH, row as u64, view.meta.degree as usize * 4))
        });
    }
}

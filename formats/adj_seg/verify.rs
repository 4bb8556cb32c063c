//! Full verification: checksums first, then everything that the specification says about the content.

use super::decode::{AdjSeg, Side};
use super::encode::{edge_hash, is_dense, is_object};
use super::ints;
use super::layout::*;
use crate::container::Finding;

/// Verifies a whole segment. Without `full` it reads every byte once and checks the checksums; with it, it also
/// checks that the content makes sense: order, counts, and that the two directions hold the same edges.
pub fn verify(bytes: &[u8], full: bool) -> Vec<Finding> {
    match AdjSeg::open(bytes) {
        Ok(seg) => seg.verify(full),
        Err(e) => vec![Finding::from_error("adj.open", &e)],
    }
}

impl<B: AsRef<[u8]>> AdjSeg<B> {
    /// See [`verify`].
    pub fn verify(&self, full: bool) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.container.verify(self.bytes(), &mut findings);
        let known = [
            KIND_META,
            KIND_NODE_IDS,
            KIND_OUT_ROWS,
            KIND_OUT_COLS,
            KIND_OUT_TYPES,
            KIND_IN_ROWS,
            KIND_IN_COLS,
            KIND_IN_TYPES,
            KIND_PROP_ENDS,
            KIND_PROPS,
            crate::container::layout::KIND_PAGE_SUMS,
        ];
        for section in self.container.sections.iter().filter(|s| !known.contains(&s.kind) || s.flags != 0) {
            findings.push(
                Finding::error("adj.section", "a section of this kind or with these flags is not part of the format")
                    .section(section.name())
                    .offset(section.range.start as u64),
            );
        }
        let uuid = self.container.content_uuid(self.bytes());
        if uuid != self.container.uuid {
            findings.push(
                Finding::error("adj.uuid", "the file's uuid is not the hash of its content")
                    .expected(uuid)
                    .got(self.container.uuid),
            );
        }
        // Damaged bytes would only be reported a second time as nonsense.
        if full && findings.is_empty() {
            self.verify_content(&mut findings);
        }
        findings
    }

    fn verify_content(&self, findings: &mut Vec<Finding>) {
        let before = findings.len();
        self.verify_ids(findings);
        let outward = self.verify_side("F", &self.outward, findings, |row, other| (row, other));
        let inward = self.verify_side("R", &self.inward, findings, |row, other| (other, row));
        self.verify_props(findings);
        if findings.len() > before {
            return;
        }
        let differ = |what: &str, expected: String, got: String| {
            Finding::error("adj.counts", format!("{what} in META and in the edges differ")).expected(expected).got(got)
        };
        for (what, stated, found) in
            [("sources", self.meta.sources, outward.used), ("targets", self.meta.targets, inward.used)]
        {
            if stated != found {
                findings.push(differ(what, stated.to_string(), found.to_string()));
            }
        }
        for (what, found) in [("the sum of the out-edges", outward.hash), ("the sum of the in-edges", inward.hash)] {
            if found != self.meta.edge_hash {
                findings.push(
                    Finding::error("adj.transpose", format!("{what} is not the one in META"))
                        .expected(format!("{:#034x}", self.meta.edge_hash))
                        .got(format!("{found:#034x}")),
                );
            }
        }
        self.verify_form(outward.largest_type, findings);
    }

    fn verify_ids(&self, findings: &mut Vec<Finding>) {
        if self.meta.dense {
            return;
        }
        let ids = self.slice(&self.ids);
        let mut last = None;
        for i in 0..ids.len() / 8 {
            let id = ints::get(ids, 8, i);
            if id <= last {
                let at = (self.ids.start + i * 8) as u64;
                findings.push(Finding::error("adj.id_order", "node ids do not ascend").section("NIDS").offset(at));
                return;
            }
            last = id;
        }
        if self.id_of(0).unwrap_or(0) != self.meta.first_id || last.unwrap_or(0) != self.meta.last_id {
            findings.push(Finding::error("adj.id_range", "first and last node id are not those of META"));
        }
    }

    /// Row offsets, neighbours and order of one direction. Stops at the first broken row: what follows it cannot be
    /// told apart.
    fn verify_side(
        &self,
        name: &str,
        side: &Side,
        findings: &mut Vec<Finding>,
        src_dst: impl Fn(u64, u64) -> (u64, u64),
    ) -> SideSum {
        let mut sum = SideSum::default();
        let mut at = 0;
        for row in 0..self.meta.nodes {
            let index = row as usize;
            let offset = side.rows.start as u64 + row * u64::from(self.meta.row_width);
            let mut bad = |what: &str| {
                findings.push(Finding::error("adj.row", what).section(format!("{name}ROW")).offset(offset));
            };
            let range = match self.row_range(index, side) {
                Ok(range) if range.start == at => range,
                _ => {
                    bad("row offsets do not begin at zero or do not ascend");
                    return sum;
                }
            };
            at = range.end;
            sum.used += u64::from(!range.is_empty());
            let Ok(mut edges) = self.row(index, side) else { continue };
            let Some(id) = self.id_of(row) else { continue };
            let mut last = None;
            while let Some((other, etype)) = edges.next_raw() {
                let Some(other_id) = self.id_of(other) else {
                    bad("a neighbour of this row is outside the node table");
                    return sum;
                };
                if last > Some((etype, other)) {
                    bad("the edges of this row are not sorted by type and neighbour");
                    return sum;
                }
                last = Some((etype, other));
                sum.largest_type = sum.largest_type.max(etype);
                let (src, dst) = src_dst(id, other_id);
                sum.hash = sum.hash.wrapping_add(edge_hash(src, dst, etype));
            }
        }
        let first = ints::get(self.slice(&side.rows), self.meta.row_width, 0);
        if first != Some(0) || at as u64 != self.meta.edges {
            findings.push(
                Finding::error("adj.row", "the rows do not cover all edges")
                    .section(format!("{name}ROW"))
                    .expected(self.meta.edges)
                    .got(at),
            );
        }
        sum
    }

    fn verify_props(&self, findings: &mut Vec<Finding>) {
        let width = self.meta.prop_width;
        if width == 0 {
            return;
        }
        let mut end = 0;
        for edge in 0..self.meta.edges as usize {
            let at = self.prop_ends.start as u64 + edge as u64 * u64::from(width);
            let mut bad = |id, what: &str| findings.push(Finding::error(id, what).section("PEND").offset(at));
            let Ok(props) = self.props_of_edge(edge) else {
                return bad("adj.prop_offset", "property offsets do not ascend or leave their section");
            };
            if props.len() as u64 > MAX_PROP_LEN || !(props.is_empty() || is_object(props)) {
                return bad("adj.props", "properties are too long or not a JSON object");
            }
            end += props.len() as u64;
        }
        if end != self.meta.prop_bytes {
            let finding = Finding::error("adj.prop_offset", "bytes of the properties belong to no edge");
            findings.push(finding.section("PROP").expected(self.meta.prop_bytes).got(end));
        }
        self.verify_parallel_props(findings);
    }

    /// Parallel edges stand in the order of their properties, or equal input would not give equal bytes.
    fn verify_parallel_props(&self, findings: &mut Vec<Finding>) {
        for row in 0..self.meta.nodes as usize {
            let (Ok(range), Ok(mut edges)) = (self.row_range(row, &self.outward), self.row(row, &self.outward)) else {
                return;
            };
            let mut last = None;
            for edge in range {
                let here = edges.next_raw().zip(self.props_of_edge(edge).ok());
                if let (Some((last, low)), Some((now, high))) = (last, here)
                    && last == now
                    && low > high
                {
                    let at = self.prop_ends.start as u64 + edge as u64 * u64::from(self.meta.prop_width);
                    let what = "parallel edges are not sorted by their properties";
                    findings.push(Finding::error("adj.prop_order", what).section("PEND").offset(at));
                    return;
                }
                last = here;
            }
        }
    }

    /// The choices that a writer does not have: widths and the form of the node table follow from the edges.
    fn verify_form(&self, largest_type: u32, findings: &mut Vec<Finding>) {
        let m = &self.meta;
        let (distinct, one_type) = (self.nodes().count() as u64, self.only_one_type());
        let mut want = m.clone();
        want.dense = is_dense(distinct, m.first_id, m.last_id);
        want.row_width = ints::wide(m.edges);
        want.col_width = ints::wide(m.nodes.saturating_sub(1));
        want.type_width = if one_type { 0 } else { ints::narrow(largest_type) };
        want.only_type = if one_type { largest_type } else { 0 };
        want.prop_width = if m.prop_bytes == 0 { 0 } else { ints::wide(m.prop_bytes) };
        let ends = [m.first_id, m.last_id].into_iter().all(|id| {
            let used = |side| self.index_of(id).and_then(|row| self.row_range(row, side).ok());
            m.nodes == 0 || [&self.outward, &self.inward].into_iter().any(|s| used(s).is_some_and(|r| !r.is_empty()))
        });
        let listed = m.dense || self.used_rows() == m.nodes;
        if want != *m || !ends || !listed {
            findings.push(Finding::error("adj.form", "widths or node table are not the ones that these edges give"));
        }
    }

    fn only_one_type(&self) -> bool {
        let types = self.slice(&self.outward.types);
        let width = usize::from(self.meta.type_width);
        let first = types.get(..width);
        width == 0 || first.is_none_or(|first| types.chunks_exact(width).all(|t| t == first))
    }

    fn used_rows(&self) -> u64 {
        let used = |row: usize, side| self.row_range(row, side).is_ok_and(|r| !r.is_empty());
        (0..self.meta.nodes as usize).filter(|&r| used(r, &self.outward) || used(r, &self.inward)).count() as u64
    }
}

#[derive(Default)]
struct SideSum {
    used: u64,
    hash: u128,
    largest_type: u32,
}

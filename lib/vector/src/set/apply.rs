//! Changes as a table gives them: rows that are gone and rows that came, in one publication; and folding what many of
//! them left.

use std::sync::Arc;

use qx_formats::Result;
use qx_formats::manifest::Segment;
use qx_formats::vdata::{Engine, Flavour};
use qx_io::Job;

use super::Segments;
use super::edit::{Editor, living, write_segment};
use super::report::AddReport;
use crate::build::{BuildOptions, CodedRow, RowIds, VectorSource};
use crate::definition::{Definition, KIND_DENY, KIND_VDATA};
use crate::filter::IdSet;

/// So many files are searched one after the other before the small ones are folded.
const MAX_PARTS: usize = 4;

/// What became of the rows of a table.
pub struct Changes<'a> {
    /// Rows that no longer count, or count in another form; the index may have them or not.
    pub gone: &'a IdSet,
    /// Rows as they are now, with their ids.
    pub source: &'a dyn VectorSource,
    pub ids: RowIds,
    /// Of the file that they go into; the index's own when not given.
    pub engine: Option<Engine>,
}

/// Rows of some parts of an index that can be answered.
struct Tail<'a> {
    set: &'a Segments,
    rows: Vec<(u32, u32)>,
}

impl VectorSource for Tail<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        if let Some(&(part, ordinal)) = self.rows.get(row)
            && let Some(part) = self.set.parts.get(part as usize)
        {
            part.index.vector_into(ordinal, out);
        }
        Ok(())
    }

    fn coded(&self, row: usize) -> Option<CodedRow<'_>> {
        let &(part, ordinal) = self.rows.get(row)?;
        self.set.parts.get(part as usize)?.index.coded_row(ordinal)
    }
}

fn ids_of(ids: &RowIds) -> &[u64] {
    match ids {
        RowIds::PrimaryKey(ids) | RowIds::UnsignedKey(ids) | RowIds::Hashed(ids) | RowIds::Ordinals(ids) => ids,
        RowIds::Ordinal | RowIds::OrdinalFrom(_) => &[],
    }
}

impl Editor {
    /// Takes changes in and publishes once. `opts` gives threads, memory and the dimension policy; `change` sees the
    /// definition last.
    ///
    /// # Errors
    /// Those of [`build`](crate::build()).
    pub fn apply(
        &mut self,
        changes: Changes<'_>,
        opts: &BuildOptions,
        job: &Job,
        change: impl FnOnce(&mut Definition),
    ) -> Result<AddReport> {
        let ids = match changes.ids {
            // The rows of a table without a key have numbers of their own, which they keep for life.
            ids @ RowIds::Ordinals(_) if self.set.flavour() == Flavour::Ordinal => ids,
            ids => self.fit(ids)?,
        };
        let flavour = ids.flavour();
        let touched: IdSet = changes.gone.iter().chain(ids_of(&ids).iter().copied()).collect();
        let over = living(&self.set, &touched)?;
        let mut next = self.definition.clone();
        if !over.is_empty() {
            next.segments.push(self.deny(self.set.flavour(), &over)?);
        }
        let (mut added, mut skipped) = (0, 0);
        if changes.source.rows() > 0 {
            let mut opts = self.options(opts, changes.source.rows())?;
            opts.engine = changes.engine.unwrap_or(opts.engine);
            let generation = self.definition.generation + 1;
            let (segment, report) = write_segment(&self.path, generation, changes.source, ids, &opts, job)?;
            (added, skipped) = (report.rows, report.skipped);
            next.dim = Some(report.dim).filter(|&d| d > 0).or(next.dim);
            next.status.skipped += report.skipped;
            next.status.zero_vectors += report.zero_vectors;
            if report.rows > 0 {
                next.segments.push(segment);
            }
        }
        debug_assert!(over.is_empty() || self.set.is_empty() || self.set.flavour() == flavour);
        change(&mut next);
        self.publish(next)?;
        Ok(AddReport {
            added,
            replaced: over.len() as u64,
            kept_old: 0,
            skipped,
            rows: self.set.len(),
            segments: self.definition.segments.len(),
            generation: self.definition.generation,
        })
    }

    /// What the codes of so many added rows are centred on in a compact index: as those of its largest file, so that folding
    /// takes both over as they are. More rows than that file has know their mean better, and are the ones that keep it.
    pub(super) fn centre(&self, rows: usize) -> Option<Arc<[f32]>> {
        let files = self.set.parts.iter().map(|p| &p.index).filter(|ix| ix.meta().compact && ix.len() >= rows.max(1));
        // Of equal ones the first, as folding has it.
        files.rev().max_by_key(|ix| ix.len()).map(|ix| ix.mean().into())
    }

    /// Folds files behind the first large ones into one once there are many, so that their number grows with the
    /// logarithm of what was added. Returns whether it did.
    ///
    /// # Errors
    /// `Corrupt` when a file to fold is damaged; those of [`build`](crate::build()); `Io`.
    pub fn fold_small(&mut self, engine: Option<Engine>, opts: &BuildOptions, job: &Job) -> Result<bool> {
        if self.set.parts.len() <= MAX_PARTS {
            return Ok(false);
        }
        let rows: Vec<u64> = self.set.parts.iter().map(|p| p.index.len() as u64).collect();
        let mut from = rows.len() - 1;
        let mut sum = rows[from];
        // The first file is what a build made: only a build makes it anew.
        while from > 1 && (rows[from - 1] <= sum.saturating_mul(2) || rows.len() - from < 2) {
            from -= 1;
            sum += rows[from];
        }
        self.fold_from(from, engine, opts, job)?;
        Ok(true)
    }

    fn fold_from(&mut self, from: usize, engine: Option<Engine>, opts: &BuildOptions, job: &Job) -> Result<()> {
        let set = &self.set;
        // What is written anew has checksums of its own: damage would look whole.
        set.parts.iter().skip(from).try_for_each(|p| p.index.check_whole().map_err(|e| e.path(&p.path)))?;
        let (mut rows, mut ids) = (Vec::new(), Vec::new());
        let mut next = self.definition.clone();
        let files: Vec<Segment> = next.segments.iter().filter(|s| s.kind == KIND_VDATA).cloned().collect();
        let mut segments = Vec::new();
        for (at, (part, file)) in set.parts.iter().zip(files).enumerate() {
            let mut hidden = Vec::new();
            for row in 0..u32::try_from(part.index.len()).unwrap_or(u32::MAX) {
                let Some(id) = part.index.row_id(row) else { continue };
                match (at < from, part.is_live(row)) {
                    (true, false) => hidden.push(id),
                    (false, true) => {
                        rows.push((at as u32, row));
                        ids.push(id);
                    }
                    _ => {}
                }
            }
            if at < from {
                segments.push(file);
            }
            // Right behind its file: a later one may have the row in its newer form.
            if !hidden.is_empty() {
                hidden.sort_unstable();
                hidden.dedup();
                segments.push(self.deny(set.flavour(), &hidden)?);
            }
        }
        let mut opts = self.options(opts, rows.len())?;
        opts.engine = engine.unwrap_or(opts.engine);
        let tail = Tail { set, rows };
        if !tail.rows.is_empty() {
            let ids = RowIds::of(set.flavour(), ids);
            let (segment, _) = write_segment(&self.path, self.definition.generation + 1, &tail, ids, &opts, job)?;
            segments.push(segment);
        }
        debug_assert!(segments.iter().all(|s| s.kind == KIND_VDATA || s.kind == KIND_DENY));
        next.segments = segments;
        self.publish(next)
    }
}

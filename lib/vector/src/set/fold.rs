//! The rows of several indexes as one source.

use qx_formats::vdata::Flavour;
use qx_formats::{Error, Result};
use qx_io::Job;

use super::Segments;
use crate::build::{BuildOptions, BuildReport, CodeKind, CodedRow, RowIds, VectorSource, build};
use crate::filter::IdSet;

/// The rows of several indexes that can be answered.
pub(super) struct Live<'a> {
    sets: Vec<&'a Segments>,
    /// Set, part, ordinal.
    rows: Vec<(u32, u32, u32)>,
}

impl VectorSource for Live<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        if let Some(&(set, part, ordinal)) = self.rows.get(row)
            && let Some(part) = self.sets.get(set as usize).and_then(|s| s.parts.get(part as usize))
        {
            part.index.vector_into(ordinal, out);
        }
        Ok(())
    }

    fn coded(&self, row: usize) -> Option<CodedRow<'_>> {
        let &(set, part, ordinal) = self.rows.get(row)?;
        self.sets.get(set as usize)?.parts.get(part as usize)?.index.coded_row(ordinal)
    }
}

/// The rows of these indexes that can be answered, with their ids. Of rows with one id the last index counts; ordinals
/// of several indexes are numbered anew.
pub(super) fn live<'a>(sets: &[&'a Segments], renumber: bool) -> Result<(Live<'a>, RowIds)> {
    let mut all = Live { sets: sets.to_vec(), rows: Vec::new() };
    let flavour = sets.iter().find(|s| !s.is_empty()).map_or(Flavour::Ordinal, |s| s.flavour());
    let mut ids = Vec::new();
    let mut later = IdSet::default();
    for (at, set) in sets.iter().enumerate().rev() {
        let (mut rows, mut own) = (Vec::new(), Vec::new());
        set.for_each(|part, row| {
            let id = set.parts[part as usize].index.row_id(row).unwrap_or(0);
            if renumber || !later.contains(id) {
                rows.push((at as u32, part, row));
                own.push(id);
            }
            Ok(())
        })?;
        later = later.iter().chain(own.iter().copied()).collect();
        all.rows.splice(0..0, rows);
        ids.splice(0..0, own);
    }
    Ok((all, if renumber { RowIds::Ordinal } else { RowIds::of(flavour, ids) }))
}

/// How many rows of a compact index folding would code anew.
///
/// # Errors
/// `Usage` when there are such rows and `recode` does not allow it.
pub fn would_recode(set: &Segments, recode: bool) -> Result<u64> {
    let Some(part) = set.parts.iter().find(|p| !p.index.is_empty()) else { return Ok(0) };
    let codes = if part.index.meta().compact { CodeKind::Only } else { CodeKind::Eight };
    let opts = BuildOptions { metric: set.metric(), codes, recode, ..BuildOptions::default() };
    crate::build::would_recode(&live(&[set], false)?.0, &opts).map_err(|e| e.path(set.path()))
}

/// Builds one file from the rows of several indexes. Of rows with one id the last index counts; rows that are known by
/// position are numbered anew. Returns the report and how many rows a later index replaced.
///
/// # Errors
/// `Usage` for indexes of different metric, dimension or flavour; `Corrupt` for one that is damaged; those of [`build`].
pub fn combine(
    sets: &[Segments],
    opts: &BuildOptions,
    job: &Job,
    out: impl std::io::Write + std::io::Seek,
) -> Result<(BuildReport, u64)> {
    let filled: Vec<&Segments> = sets.iter().filter(|s| !s.is_empty()).collect();
    for pair in filled.windows(2) {
        let [a, b] = pair else { continue };
        let kind = |s: &Segments| format!("{}, dimension {}, row ids {}", s.metric(), s.dim(), s.flavour().name());
        if kind(a) != kind(b) {
            return Err(Error::usage("these indexes do not fit each other")
                .path(b.path())
                .expected(kind(a))
                .got(kind(b)));
        }
    }
    // What is written anew has checksums of its own: damage would look whole.
    filled.iter().try_for_each(|s| s.check_whole())?;
    let all: u64 = filled.iter().map(|s| s.len()).sum();
    let renumber = filled.first().is_none_or(|s| s.flavour() == Flavour::Ordinal);
    let (live, ids) = live(&filled, renumber)?;
    let replaced = all - live.rows() as u64;
    Ok((build(&live, ids, opts, job, out)?, replaced))
}

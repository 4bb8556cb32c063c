//! What can be saved from a damaged file, and a report of what cannot.
//!
//! Header, section table and META say where everything lies: where one of them is damaged, it is made again from the others
//! and from what follows them, if enough is left. What follows the end is cut off, and an end may be missing. A section
//! whose checksum in the table holds is whole; of any other, every page is judged by its own checksum, which stands at the
//! end of the file: where that is missing, only what is whole as a section is known to be. A row is kept when the pages of
//! its id and of its vector are whole; where only the vector is lost but its codes are whole, it is taken from them - not
//! exactly, and counted apart. Codes, norms and graph are made anew, but for the codes of a compact file, which are all that
//! it has: they stay as they are.

use std::io::{Seek, Write};

use qx_formats::container::header_holds;
use qx_formats::container::layout::{OFF_FILE_LEN, PAGE_LEN};
pub use qx_formats::vdata::front::Known;
use qx_formats::vdata::layout::*;
use qx_formats::vdata::{Flavour, Metric, View, front};
use qx_formats::{Error, Kind, Result};
use qx_io::Job;
use serde::Serialize;

use crate::build::{BuildOptions, BuildReport, CodeKind, CodedRow, DimPolicy, RowIds, VectorSource, build};
use crate::rows;

/// Lost rows whose ids are listed one by one; the rest is counted.
const LISTED: usize = 1000;

/// What was saved, and what was left behind.
#[derive(Debug, Clone, Serialize)]
pub struct RepairReport {
    /// Rows of the damaged file.
    pub rows: u64,
    pub saved: u64,
    /// Saved rows whose vectors were read from their codes: near the lost ones, not equal to them.
    pub from_codes: u64,
    pub lost: u64,
    /// Ids of lost rows, where their pages are whole; at most a thousand.
    pub lost_ids: Vec<String>,
    /// What of header, section table, META and MEAN was made again, and from what.
    pub front: Vec<String>,
    /// Damaged pages by section, those that are cut off included.
    pub damaged_pages: Vec<(String, u64)>,
    /// What the new file is.
    pub built: BuildReport,
}

/// Where a row's vector is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Vector,
    Codes,
}

pub(crate) struct Saved<'a> {
    view: &'a View,
    bytes: &'a [u8],
    mean: Vec<f32>,
    rows: Vec<(u32, From)>,
}

impl VectorSource for Saved<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        match self.rows.get(row) {
            Some(&(row, From::Vector)) => {
                rows::read(self.view, self.bytes, &self.mean, row, out);
            }
            Some(&(row, From::Codes)) => {
                let each = self.view.meta.code_len();
                let start = row as usize * each;
                let codes = self.view.codes(self.bytes).get(start..start + each).unwrap_or(&[]);
                rows::decode(&self.mean, codes, self.view.scale(self.bytes, row).unwrap_or(0.0), out);
                // Under cosine codes are of the vector divided by its norm.
                if self.view.meta.metric == Metric::Cosine
                    && let Some(norm) = self.view.norm(self.bytes, row).filter(|n| n.is_finite())
                {
                    out.iter_mut().for_each(|x| *x *= norm);
                }
            }
            None => {}
        }
        Ok(())
    }

    fn coded(&self, row: usize) -> Option<CodedRow<'_>> {
        rows::coded(self.view, self.bytes, &self.mean, self.rows.get(row)?.0)
    }
}

/// Which rows of a section are whole: every page that holds a byte of them has the right checksum.
struct Whole {
    /// Damaged pages, by number within the section: those of which a byte is there.
    bad: Vec<bool>,
    /// Pages of the section, those that are cut off included.
    pages: usize,
    each: usize,
    present: bool,
}

impl Whole {
    fn new(view: &View, bytes: &[u8], kind: u32, each: usize) -> Whole {
        let Some(section) = view.container.find(kind) else {
            return Whole { bad: Vec::new(), pages: 0, each, present: false };
        };
        let pages = section.len().div_ceil(PAGE_LEN);
        let there = bytes.len().saturating_sub(section.range.start).div_ceil(PAGE_LEN).min(pages);
        // The sums of the pages may be what is damaged: they say nothing of a section that holds as a whole.
        let bad = if view.container.section_holds(bytes, section) {
            vec![false; there]
        } else {
            (0..there).map(|p| view.container.check_page(bytes, section, p * PAGE_LEN).is_err()).collect()
        };
        Whole { bad, pages, each, present: true }
    }

    fn row(&self, row: u32) -> bool {
        let start = row as usize * self.each;
        let end = (start + self.each).max(start + 1);
        self.present && (start / PAGE_LEN..=(end - 1) / PAGE_LEN).all(|p| self.bad.get(p) == Some(&false))
    }

    fn all(&self) -> bool {
        self.present && self.damaged() == 0
    }

    /// How many pages are damaged or cut off.
    fn damaged(&self) -> u64 {
        (self.pages - self.bad.iter().filter(|bad| !**bad).count()) as u64
    }
}

/// Saves what can be saved of a file into a new one at the beginning of `out`. A whole file gives an equal one.
///
/// # Errors
/// Those of opening, when header, section table or META do not hold and too little is left to make them again; those of
/// [`build`].
pub fn repair(bytes: &[u8], threads: Option<usize>, job: &Job, out: impl Write + Seek) -> Result<RepairReport> {
    repair_with(bytes, &known(), threads, job, out)
}

/// What is taken where neither a file nor anybody else tells.
pub fn known() -> Known {
    let (ef_build, ef_search) = (crate::DEFAULT_EF_BUILD, crate::DEFAULT_EF_SEARCH);
    Known { dim: None, metric: None, ef_build, ef_search, seed: 0 }
}

/// [`repair`] of a file of which this is known from elsewhere, for where its META is damaged.
///
/// # Errors
/// As [`repair`]; `Usage` where more must be known.
pub fn repair_with(
    bytes: &[u8],
    known: &Known,
    threads: Option<usize>,
    job: &Job,
    out: impl Write + Seek,
) -> Result<RepairReport> {
    let bytes = stated(bytes);
    let hopeless = |e: Error, why: &str| match e.kind() {
        Kind::Corrupt => e.hint(format!("{why}: build it again from its source, or restore it")),
        _ => e,
    };
    let front = front::mend(bytes, known).map_err(|e| hopeless(e, "nothing says where its rows lie"))?;
    let mended = front.as_ref().map(|f| [&f.bytes[..], bytes.get(f.bytes.len()..).unwrap_or(&[])].concat());
    let bytes = mended.as_deref().map_or(bytes, stated);
    let view = View::open_cut(bytes).map_err(|e| hopeless(e, "nothing says where its rows lie"))?;
    let Kept { saved, kept_ids, lost_ids, lost, from_codes } = sort(&view, bytes, &mut |_| false);
    if saved.rows.is_empty() && lost > 0 {
        // Of a file that was cut off before anything that can be proven, an empty one is no repair.
        View::open(bytes).map_err(|e| hopeless(e, "no row is left that can be proven"))?;
    }
    let opts = options(&view, threads)?;
    let dense = view.dense() && lost == 0;
    let ids =
        if dense && view.flavour == Flavour::Ordinal { RowIds::Ordinal } else { RowIds::of(view.flavour, kept_ids) };
    let built = build(&saved, ids, &opts, job, out)?;
    Ok(RepairReport {
        rows: view.meta.rows,
        saved: saved.rows.len() as u64,
        from_codes,
        lost: lost + built.skipped,
        lost_ids: listed(view.flavour, lost_ids),
        front: front.map_or_else(Vec::new, |f| f.told),
        damaged_pages: damaged_pages(&view, bytes),
        built,
    })
}

/// The first of these ids, as people write them.
pub(crate) fn listed(flavour: Flavour, ids: impl IntoIterator<Item = u64>) -> Vec<String> {
    ids.into_iter().take(LISTED).map(|id| crate::show_row_id(flavour, id)).collect()
}

/// Damaged pages by section.
pub(crate) fn damaged_pages(view: &View, bytes: &[u8]) -> Vec<(String, u64)> {
    let sections = view.container.sections.iter().filter(|s| s.kind != qx_formats::container::layout::KIND_PAGE_SUMS);
    sections.map(|s| (s.name(), Whole::new(view, bytes, s.kind, 1).damaged())).filter(|(_, n)| *n > 0).collect()
}

/// The file without what follows the end that its header states, where the header holds.
pub(crate) fn stated(bytes: &[u8]) -> &[u8] {
    let len = bytes.get(OFF_FILE_LEN..).and_then(|b| b.first_chunk::<8>()).map(|b| u64::from_le_bytes(*b));
    let len = len.filter(|_| header_holds(bytes)).and_then(|n| usize::try_from(n).ok());
    len.and_then(|n| bytes.get(..n)).unwrap_or(bytes)
}

/// The rows of a file, those that can be saved and those that cannot.
pub(crate) struct Kept<'a> {
    pub saved: Saved<'a>,
    pub kept_ids: Vec<u64>,
    pub lost_ids: Vec<u64>,
    pub lost: u64,
    pub from_codes: u64,
}

/// Rows that `left_out` names, by ids that are whole, are neither saved nor lost.
pub(crate) fn sort<'a>(view: &'a View, bytes: &'a [u8], left_out: &mut dyn FnMut(u64) -> bool) -> Kept<'a> {
    let meta = &view.meta;
    let each = |kind| match kind {
        KIND_ROW_IDS => 8,
        KIND_VECTORS => meta.vector_len(),
        KIND_CODES => meta.code_len(),
        KIND_CODE_PARAMS => CODE_PARAMS_LEN,
        _ => 4,
    };
    let whole = |kind| Whole::new(view, bytes, kind, each(kind));
    let (ids, vectors, codes) = (whole(KIND_ROW_IDS), whole(KIND_VECTORS), whole(KIND_CODES));
    let (params, mean, norms) = (whole(KIND_CODE_PARAMS), whole(KIND_MEAN), whole(KIND_NORMS));
    let mut saved = Saved { view, bytes, mean: view.mean(bytes), rows: Vec::new() };
    let (mut kept_ids, mut lost_ids, mut lost, mut from_codes) = (Vec::new(), Vec::new(), 0u64, 0u64);
    let mut seen = std::collections::HashSet::new();
    let mut v = Vec::new();
    // Of a file that ends before its vectors and codes no row is left, whatever it claims: the ids that are there are told.
    let there = |kind| view.container.find(kind).is_some_and(|s| !s.is_empty() && s.range.end <= bytes.len());
    let any = there(KIND_VECTORS) || there(KIND_CODES) || there(KIND_ROW_IDS);
    let looked = if any { meta.rows } else { meta.rows.min(LISTED as u64) };
    for row in 0..u32::try_from(looked).unwrap_or(u32::MAX) {
        let id_whole = view.dense() || ids.row(row);
        let id = view.row_id(bytes, row).unwrap_or(0);
        let coded =
            codes.row(row) && params.row(row) && mean.all() && (meta.metric != Metric::Cosine || norms.row(row));
        let finite = |v: &mut Vec<f32>| rows::read(view, bytes, &saved.mean, row, v) && v.iter().all(|x| x.is_finite());
        let from = if !meta.compact && vectors.row(row) && finite(&mut v) {
            Some(From::Vector)
        } else if coded {
            Some(if meta.compact { From::Vector } else { From::Codes })
        } else {
            None
        };
        match from {
            _ if id_whole && left_out(id) => {}
            // An id that stands twice is a damage that no checksum sees; the first row keeps it.
            Some(from) if id_whole && seen.insert(id) => {
                from_codes += u64::from(from == From::Codes);
                saved.rows.push((row, from));
                kept_ids.push(id);
            }
            _ => {
                lost += 1;
                if id_whole {
                    lost_ids.push(id);
                }
            }
        }
    }
    Kept { saved, kept_ids, lost_ids, lost: lost + (meta.rows - looked), from_codes }
}

/// The options that the file says it was built with.
fn options(view: &View, threads: Option<usize>) -> Result<BuildOptions> {
    let meta = &view.meta;
    let opts = BuildOptions {
        metric: meta.metric,
        element: meta.element,
        engine: meta.engine,
        codes: match (meta.compact, meta.codes) {
            (true, _) => CodeKind::Only,
            (false, true) => CodeKind::Eight,
            (false, false) => CodeKind::None,
        },
        dim: Some(meta.dim).filter(|&d| d > 0),
        dim_policy: DimPolicy::Skip,
        m: meta.m.clamp(2, MAX_DEGREE / 2),
        ef_build: meta.ef_build.clamp(1, MAX_EF),
        ef_search: meta.ef_search.clamp(1, MAX_EF),
        seed: meta.seed,
        linker: crate::Linker::default(),
        threads: None,
        memory: None,
        centre: None,
        recode: true,
    };
    opts.check().map_err(|e| Error::invalid(format!("META says what no build can do: {e}")))?;
    // What the caller asks for is checked by the build, in its own name.
    Ok(BuildOptions { threads, ..opts })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use qx_formats::container::layout::{
        ENT_CRC, ENT_FIRST_PAGE, ENT_LEN, ENT_OFFSET, HEADER_LEN, KIND_PAGE_SUMS, OFF_HEADER_CRC, OFF_TABLE_CRC,
        SECTION_ALIGN, SECTION_ENTRY_LEN,
    };

    use super::*;
    use crate::tests::{METRICS, Numbers, built, options};

    fn mend(bytes: &[u8]) -> (Vec<u8>, RepairReport) {
        let mut out = Cursor::new(Vec::new());
        let report = repair(bytes, Some(2), &Job::default(), &mut out).unwrap();
        (out.into_inner(), report)
    }

    #[test]
    fn a_whole_file_gives_an_equal_one() {
        for metric in METRICS {
            for codes in [CodeKind::Eight, CodeKind::None] {
                let engine = if codes == CodeKind::None { crate::Engine::Flat } else { crate::Engine::Graph };
                let data = Numbers::new(51).clustered(200, 20, 5);
                let opts = BuildOptions { codes, engine, ..options(metric) };
                for ids in [RowIds::Ordinal, RowIds::PrimaryKey((0..200).map(|i| i * 3).collect())] {
                    let (bytes, _) = built(&data, ids, &opts);
                    let (again, r) = mend(&bytes);
                    assert!(again == bytes, "{metric} {codes}");
                    assert_eq!((r.saved, r.lost, r.from_codes), (200, 0, 0));
                }
            }
        }
    }

    #[test]
    fn a_wrong_number_of_threads_is_no_damage() {
        let (good, _) = built(&Numbers::new(55).clustered(50, 4, 5), RowIds::Ordinal, &options(crate::Metric::L2));
        let e = repair(&good, Some(0), &Job::default(), Cursor::new(Vec::new())).unwrap_err();
        assert!(e.kind() == Kind::Usage && e.message().starts_with("threads"), "{e}");
    }

    #[test]
    fn what_follows_the_end_is_cut_off() {
        let data = Numbers::new(55).clustered(50, 4, 5);
        let (good, _) = built(&data, RowIds::Ordinal, &options(crate::Metric::L2));
        let mut bad = [&good[..], b"more"].concat();
        assert!(crate::Index::open(&bad[..]).is_err());
        let (mended, r) = mend(&bad);
        assert!(mended == good && (r.saved, r.lost) == (50, 0), "{r:?}");
        // Here the length itself is damaged: the table knows it as well.
        bad[OFF_FILE_LEN] ^= 1;
        let (mended, r) = mend(&bad);
        assert!(mended == good && (r.saved, r.lost, r.front.len()) == (50, 0, 1), "{r:?}");
    }

    /// Every kind of file, with ids of every kind.
    fn kinds() -> Vec<Vec<u8>> {
        let data = Numbers::new(59).clustered(70, 12, 5);
        let ids = |add: u64| (0..70).map(|i| i * 3 + add).collect::<Vec<u64>>();
        let mut all = Vec::new();
        for metric in METRICS {
            for element in [crate::Element::F32, crate::Element::F16, crate::Element::Bf16] {
                all.push((RowIds::Hashed(ids(7)), BuildOptions { element, ..options(metric) }));
            }
            let only = BuildOptions { codes: CodeKind::Only, ..options(metric) };
            let none = BuildOptions { codes: CodeKind::None, engine: crate::Engine::Flat, ..options(metric) };
            let flat = BuildOptions { engine: crate::Engine::Flat, ..options(metric) };
            all.extend([(RowIds::Ordinal, only), (RowIds::UnsignedKey(ids(1)), none)]);
            all.push((RowIds::PrimaryKey(ids(0)), flat));
        }
        all.into_iter().map(|(ids, opts)| built(&data, ids, &opts).0).collect()
    }

    #[test]
    fn a_wrong_byte_in_front_of_the_rows_costs_nothing() {
        for (i, good) in kinds().iter().enumerate() {
            let meta = View::open(good).unwrap().container.find(KIND_META).unwrap().range.clone();
            for at in (i..meta.end).step_by(19) {
                let mut bad = good.clone();
                bad[at] ^= if at % 2 == 0 { 0x01 } else { 0x80 };
                let (mended, r) = mend(&bad);
                assert!(mended == *good && r.lost == 0 && !r.front.is_empty(), "byte {at} of {}: {r:?}", meta.end);
            }
        }
    }

    #[test]
    fn of_header_table_and_meta_one_may_be_missing() {
        for good in kinds() {
            let view = View::open(&good).unwrap();
            let meta = view.container.find(KIND_META).unwrap().range.clone();
            for part in [0..HEADER_LEN, HEADER_LEN..meta.start] {
                let mut bad = good.clone();
                bad[part.clone()].fill(0);
                let (mended, r) = mend(&bad);
                assert!(mended == good && r.lost == 0, "{part:?}: {r:?}");
            }
            // Without both of them nothing tells what the row ids are, but which they are.
            let mut bad = good.clone();
            bad[..meta.start].fill(0);
            let (mended, r) = mend(&bad);
            let told = r.front.iter().any(|t| t.contains("primary_key"));
            assert!(r.lost == 0 && told != view.dense() && crate::verify(&mended, true).is_empty(), "{r:?}");
        }
    }

    #[test]
    fn what_meta_said_is_told_by_the_sections_or_asked_for() {
        for good in kinds() {
            let view = View::open(&good).unwrap();
            let mut bad = good.clone();
            bad[view.container.find(KIND_META).unwrap().range.clone()].fill(0xAB);
            let mut out = Cursor::new(Vec::new());
            let needs = !view.meta.codes && view.meta.metric != Metric::Cosine;
            if !view.meta.codes {
                let e = repair(&bad, None, &Job::default(), Cursor::new(Vec::new())).unwrap_err();
                assert!(e.kind() == Kind::Usage && e.get_hint().is_some_and(|h| h.contains("--dim")), "{e}");
                let dim = Known { dim: Some(12), ..known() };
                let r = repair_with(&bad, &dim, None, &Job::default(), Cursor::new(Vec::new()));
                assert_eq!(r.is_err(), needs);
            }
            let known = Known { dim: Some(12), metric: needs.then_some(view.meta.metric), ..known() };
            let r = repair_with(&bad, &known, None, &Job::default(), &mut out).unwrap();
            let mended = crate::Index::open(out.into_inner()).unwrap();
            assert!((r.saved, r.lost, r.from_codes) == (70, 0, 0) && r.front.len() == 3, "{r:?}");
            let (have, want) = (mended.meta(), &view.meta);
            assert_eq!((have.metric, have.element, have.engine), (want.metric, want.element, want.engine));
            assert_eq!((have.compact, have.codes, have.dim), (want.compact, want.codes, want.dim));
            let index = crate::Index::open(&good[..]).unwrap();
            for row in 0..70 {
                assert_eq!((mended.row_id(row), mended.vector(row)), (index.row_id(row), index.vector(row)));
            }
        }
    }

    #[test]
    fn what_is_no_index_is_not_made_one() {
        let noise: Vec<u8> =
            Numbers::new(60).clustered(300, 8, 5).concat().iter().flat_map(|v| v.to_le_bytes()).collect();
        let (good, _) = built(&Numbers::new(55).clustered(50, 4, 5), RowIds::Ordinal, &options(crate::Metric::L2));
        let mut both = good.clone();
        both[HEADER_LEN..HEADER_LEN + 1000].fill(0);
        for bad in [&noise[..], &[0; 5000], &good[HEADER_LEN..], &both] {
            let e = repair(bad, None, &Job::default(), Cursor::new(Vec::new())).unwrap_err();
            assert!(e.kind() == Kind::Corrupt && e.get_hint().is_some(), "{e}");
        }
    }

    #[test]
    fn of_a_file_that_is_cut_off_whole_sections_are_saved() {
        let data = Numbers::new(56).clustered(600, 24, 5);
        let ids = RowIds::PrimaryKey((0..600).collect());
        let (good, _) = built(&data, ids, &options(Metric::L2));
        let view = View::open(&good).unwrap();
        let end = |kind| view.container.find(kind).unwrap().range.end;
        for len in [end(KIND_VECTORS), end(KIND_CODES) - 1, end(KIND_GRAPH), good.len() - 1] {
            let (mended, r) = mend(&good[..len]);
            assert!(mended == good && (r.saved, r.lost, r.from_codes) == (600, 0, 0), "{len}: {r:?}");
        }
        // An empty file is no repair.
        for len in [end(KIND_VECTORS) - 1, end(KIND_ROW_IDS) - 1, end(KIND_META), end(KIND_META) - 1, 100] {
            let e = repair(&good[..len], None, &Job::default(), Cursor::new(Vec::new())).unwrap_err();
            assert!(
                e.kind() == Kind::Corrupt && e.get_hint().is_some_and(|h| h.contains("from its source")),
                "{len}: {e}"
            );
        }
        // One that is cut off in its codes keeps its vectors; a compact one has nothing else.
        let compact = BuildOptions { codes: CodeKind::Only, ..options(Metric::L2) };
        let (good, _) = built(&data, RowIds::Ordinal, &compact);
        let end = View::open(&good).unwrap().container.find(KIND_CODE_PARAMS).unwrap().range.end;
        let (mended, r) = mend(&good[..end]);
        assert!(mended == good && (r.saved, r.lost) == (600, 0), "{r:?}");
    }

    /// The beginning of a file, as far as its META goes, that says that it was one of so many rows.
    fn claiming(rows: u64) -> Vec<u8> {
        let (mut bytes, _) = built(&Numbers::new(58).clustered(600, 24, 5), RowIds::Ordinal, &options(Metric::L2));
        let sections = View::open(&bytes).unwrap().container.sections;
        let meta = sections.iter().find(|s| s.kind == KIND_META).unwrap().range.clone();
        bytes.truncate(meta.end);
        let put = |bytes: &mut [u8], at: usize, with: &[u8]| bytes[at..at + with.len()].copy_from_slice(with);
        put(&mut bytes, meta.start + META_ROWS, &rows.to_le_bytes());
        let (mut end, mut pages) = (HEADER_LEN + sections.len() * SECTION_ENTRY_LEN, 0);
        let table = HEADER_LEN..end;
        for (i, section) in sections.iter().enumerate() {
            let (start, sums) = (end.next_multiple_of(SECTION_ALIGN), section.kind == KIND_PAGE_SUMS);
            let of_rows = [KIND_VECTORS, KIND_CODES, KIND_CODE_PARAMS, KIND_GRAPH].contains(&section.kind);
            let len = if of_rows { section.len() / 600 * rows as usize } else { section.len() };
            let (len, first) = if sums { (4 * pages, 0) } else { (len, pages) };
            pages += len.div_ceil(PAGE_LEN);
            let at = HEADER_LEN + i * SECTION_ENTRY_LEN;
            for (field, value) in [(ENT_OFFSET, start), (ENT_LEN, len), (ENT_FIRST_PAGE, first)] {
                put(&mut bytes, at + field, &(value as u64).to_le_bytes());
            }
            if section.kind == KIND_META {
                let sum = crc32c::crc32c(&bytes[meta.clone()]);
                put(&mut bytes, at + ENT_CRC, &crc32c::crc32c(&sum.to_le_bytes()).to_le_bytes());
            }
            end = start + len;
        }
        put(&mut bytes, OFF_FILE_LEN, &(end as u64).to_le_bytes());
        let sum = crc32c::crc32c(&bytes[table]);
        put(&mut bytes, OFF_TABLE_CRC, &sum.to_le_bytes());
        let sum = crc32c::crc32c(&bytes[..OFF_HEADER_CRC]);
        put(&mut bytes, OFF_HEADER_CRC, &sum.to_le_bytes());
        bytes
    }

    #[test]
    fn rows_that_are_only_claimed_are_not_looked_for() {
        for rows in [600, 5000, u64::from(u32::MAX)] {
            let bytes = claiming(rows);
            let view = View::open_cut(&bytes).unwrap();
            let Kept { saved, lost, lost_ids, .. } = sort(&view, &bytes, &mut |_| false);
            assert_eq!((saved.rows.len(), lost, lost_ids.len() as u64), (0, rows, rows.min(1000)));
            let e = repair(&bytes, None, &Job::default(), Cursor::new(Vec::new())).unwrap_err();
            assert!(e.kind() == Kind::Corrupt && e.message().contains("truncated"), "{e}");
        }
    }

    #[test]
    fn damaged_page_sums_cost_no_row() {
        let data = Numbers::new(57).clustered(600, 24, 5);
        let (good, _) = built(&data, RowIds::Ordinal, &options(Metric::L2));
        let view = View::open(&good).unwrap();
        let mut bad = good.clone();
        bad[view.container.find(KIND_PAGE_SUMS).unwrap().range.clone()].fill(0);
        let (mended, r) = mend(&bad);
        assert!(mended == good && r.damaged_pages.is_empty() && r.from_codes == 0, "{r:?}");
        // Without them nothing tells the whole pages of a damaged section; the codes are one that holds.
        bad[view.container.find(KIND_VECTORS).unwrap().range.start] ^= 1;
        let (_, r) = mend(&bad);
        assert_eq!((r.saved, r.lost, r.from_codes), (600, 0, 600));
    }

    #[test]
    fn damage_anywhere_costs_no_more_rows_than_its_pages_hold() {
        let data = Numbers::new(52).clustered(600, 24, 5);
        for metric in METRICS {
            let ids = RowIds::PrimaryKey((0..600).collect());
            let (good, _) = built(&data, ids, &options(metric));
            let front = View::open(&good).unwrap().container.find(KIND_ROW_IDS).unwrap().range.start;
            let index = crate::Index::open(&good[..]).unwrap();
            for at in (front..good.len()).step_by(997) {
                let mut bad = good.clone();
                bad[at] ^= 0x40;
                let (mended, r) = mend(&bad);
                assert_eq!(crate::verify(&mended, true), [], "byte {at}");
                assert_eq!(r.saved + r.lost, 600);
                // A page of ids holds 512 of them.
                assert!(r.lost <= 512, "byte {at}: {r:?}");
                let mended = crate::Index::open(mended).unwrap();
                for row in 0..mended.len() as u32 {
                    let id = mended.row_id(row).unwrap() as u32;
                    let (a, b) = (mended.vector(row).unwrap(), index.vector(id).unwrap());
                    if r.from_codes == 0 {
                        assert_eq!(a, b, "byte {at}");
                    } else {
                        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 0.05), "byte {at}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_whole_compact_file_gives_an_equal_one() {
        for metric in METRICS {
            // So many that the graph is measured.
            let data = Numbers::new(54).clustered(1100, 20, 5);
            let opts = BuildOptions { codes: CodeKind::Only, ..options(metric) };
            let (bytes, _) = built(&data, RowIds::Ordinal, &opts);
            let (again, r) = mend(&bytes);
            assert!(again == bytes, "{metric}");
            assert_eq!((r.saved, r.lost, r.built.from_codes, r.built.recoded), (1100, 0, 1100, 0));
        }
    }

    #[test]
    fn a_compact_file_keeps_what_its_codes_hold() {
        let data = Numbers::new(53).clustered(300, 40, 5);
        let opts = BuildOptions { codes: CodeKind::Only, ..options(crate::Metric::L2) };
        let (good, _) = built(&data, RowIds::Ordinal, &opts);
        let at = View::open(&good).unwrap().container.find(KIND_CODES).unwrap().range.start + 5000;
        let mut bad = good.clone();
        bad[at] ^= 1;
        let (mended, r) = mend(&bad);
        assert!(r.lost > 0 && r.lost < 120 && r.damaged_pages == [("CODE".to_owned(), 1)], "{r:?}");
        assert_eq!(crate::verify(&mended, true), []);
        let (mended, good_index) = (crate::Index::open(mended).unwrap(), crate::Index::open(&good[..]).unwrap());
        for row in 0..mended.len() as u32 {
            let id = mended.row_id(row).unwrap() as u32;
            assert_eq!(mended.vector(row), good_index.vector(id), "row id {id}");
        }
        assert!(repair(&good[..100], None, &Job::default(), Cursor::new(Vec::new())).is_err());
    }
}

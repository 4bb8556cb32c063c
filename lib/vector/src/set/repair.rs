//! What can be saved of an index of several files: from each file what is whole, and of that what no deny list hides.
//!
//! Rows are read where they lie in the damaged files, and nothing is written but the new one. A row of which a later file
//! has a newer form is left out even where that form is lost: the older one would be an answer that is no longer true.

use std::collections::HashSet;
use std::io::{ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};

use qx_formats::container::header_holds;
use qx_formats::manifest::Segment;
use qx_formats::vdata::{Flavour, View, deny, front};
use qx_formats::{Error, Kind, Result};
use qx_io::{Job, Map};
use serde::Serialize;

use crate::build::{BuildOptions, BuildReport, CodedRow, DimPolicy, RowIds, VectorSource, build};
use crate::definition::{Definition, KIND_DENY, KIND_VDATA};
use crate::repair::{Kept, Known, Saved, damaged_pages, listed, sort, stated};

/// How an index of several files is repaired.
#[derive(Debug, Clone)]
pub struct RepairOptions {
    /// Where the META of a file is damaged.
    pub known: Known,
    pub threads: Option<usize>,
    /// Go on where a deny list cannot be read: rows that it hid come back.
    pub without_deny: bool,
}

/// What was saved of one file, and what was left behind.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SegmentRepair {
    /// As the definition names it.
    pub path: String,
    pub kind: String,
    /// Rows of the file; of a deny list, the ids that it names.
    pub rows: u64,
    pub saved: u64,
    pub from_codes: u64,
    /// Rows that deny lists hide.
    pub hidden: u64,
    /// Rows of which a later file has a newer form, though no deny list says so.
    pub replaced: u64,
    /// Rows of a file of which nothing can be read count as lost, hidden or not.
    pub lost: u64,
    pub damaged_pages: Vec<(String, u64)>,
    /// What of header, section table and META was made again, and from what.
    pub front: Vec<String>,
    /// Why nothing could be read of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What was saved of an index of several files. Deny lists count neither in `rows` nor in `saved`.
#[derive(Debug, Clone, Serialize)]
pub struct SetRepairReport {
    pub rows: u64,
    pub saved: u64,
    pub from_codes: u64,
    pub hidden: u64,
    pub replaced: u64,
    pub lost: u64,
    /// Ids of lost rows, where their pages are whole; at most a thousand.
    pub lost_ids: Vec<String>,
    /// Ids of deny lists that could not be read: so many rows are back at most.
    pub not_hidden: u64,
    pub segments: Vec<SegmentRepair>,
    /// What the new file is.
    pub built: BuildReport,
}

/// A file that the definition names.
struct File {
    path: PathBuf,
    left: Left,
}

/// What is left of it.
enum Left {
    Vectors(Map, Box<View>),
    Deny(Flavour, Vec<u64>),
    Nothing,
}

/// The rows that count, file by file.
struct Mended<'a> {
    files: Vec<Saved<'a>>,
    /// File, and row of it.
    rows: Vec<(u32, u32)>,
}

impl VectorSource for Mended<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        out.clear();
        match self.rows.get(row) {
            Some(&(file, row)) => self.files.get(file as usize).map_or(Ok(()), |f| f.read(row as usize, out)),
            None => Ok(()),
        }
    }

    fn coded(&self, row: usize) -> Option<CodedRow<'_>> {
        let &(file, row) = self.rows.get(row)?;
        self.files.get(file as usize)?.coded(row as usize)
    }
}

/// Saves what can be saved of all files of an index into one at the beginning of `out`; the files lie in the folder of
/// `path`, which the definition was read from. Of a whole index it is the file that [`compact`](super::Editor::compact)
/// makes of it.
///
/// # Errors
/// Those of reading a deny list, which is damaged or gone, without `without_deny`; `Corrupt` when no row is left or files do
/// not fit each other; `Invalid` for a file that is not the one that the definition means; those of [`build`].
pub fn repair(
    path: &Path,
    definition: &Definition,
    opts: &RepairOptions,
    job: &Job,
    out: impl Write + Seek,
) -> Result<SetRepairReport> {
    let (files, mut segments) = open(path, definition, opts)?;
    let model = model(&files)?;
    let mut picked = pick(&files, &mut segments);
    let of = |kind: &'static str| segments.iter().filter(move |s| s.kind == kind);
    let sum = |of_one: fn(&SegmentRepair) -> u64| of(KIND_VDATA).map(of_one).sum::<u64>();
    let flavour = model.map_or(Flavour::Ordinal, |v| v.flavour);
    let lost_ids = listed(flavour, picked.iter().flat_map(|k| k.lost_ids.iter().copied()));
    let (mut rows, mut ids) = (Vec::new(), Vec::new());
    for (at, kept) in (0u32..).zip(&mut picked) {
        // Rows are counted in u32 by the format.
        rows.extend((0..kept.kept_ids.len() as u32).map(|row| (at, row)));
        ids.append(&mut kept.kept_ids);
    }
    if ids.is_empty() && sum(|s| s.lost) > 0 {
        // As of a single file, an empty one is no repair.
        return Err(Error::corrupt("no row of its files is left that can be proven")
            .hint("build it again from its source, or restore its files"));
    }
    let source = Mended { files: picked.into_iter().map(|k| k.saved).collect(), rows };
    let build_opts = BuildOptions {
        dim: model.map(|v| v.meta.dim).filter(|&d| d > 0).or(definition.dim),
        dim_policy: DimPolicy::Skip,
        threads: opts.threads,
        ..definition.build_options()?
    };
    let built = build(&source, RowIds::of(flavour, ids), &build_opts, job, out)?;
    Ok(SetRepairReport {
        rows: sum(|s| s.rows),
        saved: built.rows,
        from_codes: sum(|s| s.from_codes),
        hidden: sum(|s| s.hidden),
        replaced: sum(|s| s.replaced),
        lost: sum(|s| s.lost) + built.skipped,
        lost_ids,
        not_hidden: of(KIND_DENY).filter(|s| s.error.is_some()).map(|s| s.rows).sum(),
        segments,
        built,
    })
}

/// Opens what the definition names. Of a file of vectors that cannot be read all rows are lost, and the report says why.
fn open(path: &Path, definition: &Definition, opts: &RepairOptions) -> Result<(Vec<File>, Vec<SegmentRepair>)> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut files, mut reports) = (Vec::new(), Vec::new());
    for segment in &definition.segments {
        let file = folder.join(&segment.path);
        let mut report = SegmentRepair {
            path: segment.path.clone(),
            kind: segment.kind.clone(),
            rows: segment.rows,
            ..SegmentRepair::default()
        };
        let opened = match segment.kind.as_str() {
            KIND_VDATA => vectors(&file, segment, &opts.known, &mut report),
            KIND_DENY => deny_list(&file, segment),
            other => {
                return Err(Error::unsupported(format!("segments of kind {other:?}")).expected("vdata or deny"));
            }
        };
        let is_deny = segment.kind == KIND_DENY;
        let unreadable = |e: &Error| e.kind() == Kind::Corrupt || e.io_kind() == Some(ErrorKind::NotFound);
        let left = match opened {
            Ok(left) => left,
            Err(e) if unreadable(&e) && is_deny && !opts.without_deny => {
                let back = |m: &str| format!("a deny list cannot be read, and rows that it hides would come back: {m}");
                let hint = "restore it; with --without-deny they do, except where a later file has a newer form";
                return Err(e.reworded(back).path(&file).hint(hint));
            }
            Err(e) if unreadable(&e) => {
                report.error = Some(e.message().to_owned());
                report.lost = if is_deny { 0 } else { segment.rows };
                Left::Nothing
            }
            Err(e) => return Err(e.path(&file)),
        };
        files.push(File { path: file, left });
        reports.push(report);
    }
    Ok((files, reports))
}

fn vectors(file: &Path, segment: &Segment, known: &Known, report: &mut SegmentRepair) -> Result<Left> {
    let bytes = Map::open(file)?;
    let believed = header_holds(&bytes);
    let front = front::mend(stated(&bytes), known).map_err(|e| match e.kind() {
        Kind::Usage | Kind::Corrupt => e,
        // What a header says that does not hold is neither a later version nor above a limit.
        _ if !believed => Error::corrupt(e.message()),
        _ => e,
    })?;
    let bytes = match front {
        Some(front) => {
            let rest = stated(&bytes).get(front.bytes.len()..).unwrap_or(&[]);
            let whole = [&front.bytes[..], rest].concat();
            report.front = front.told;
            Map::from(whole)
        }
        None => bytes,
    };
    let view = Box::new(View::open_cut(stated(&bytes))?);
    // A header that was made again has no UUID.
    if believed && !view.container.uuid.is_nil() && is_another(segment, &view) {
        return Err(Error::invalid("another file stands in the place of the one that the definition names")
            .expected(&segment.id)
            .got(view.container.uuid)
            .hint("restore that one; without either its rows are lost, and the report says so"));
    }
    Ok(Left::Vectors(bytes, view))
}

/// Whether a file has other content than the one that the definition means, where that is named for its content.
fn is_another(segment: &Segment, view: &View) -> bool {
    let told = segment.id.rsplit('-').next().unwrap_or_default();
    let hash: String = view.container.uuid.as_bytes().iter().take(8).map(|b| format!("{b:02x}")).collect();
    told.len() == hash.len() && told.bytes().all(|b| b.is_ascii_hexdigit()) && told != hash
}

/// A deny list counts as it was published, or not at all.
fn deny_list(file: &Path, segment: &Segment) -> Result<Left> {
    let bytes = Map::open(file)?;
    let crc = crc32c::crc32c(&bytes);
    if bytes.len() as u64 != segment.bytes || crc != segment.crc32c {
        return Err(Error::corrupt("length or checksum is not that of the definition")
            .expected(format!("{} bytes, {:08x}", segment.bytes, segment.crc32c))
            .got(format!("{} bytes, {crc:08x}", bytes.len())));
    }
    deny::decode(&bytes).map(|(flavour, ids)| Left::Deny(flavour, ids))
}

/// The file that says what kind of index this is: the first with rows, else the first.
fn model(files: &[File]) -> Result<Option<&View>> {
    let views = || {
        files.iter().filter_map(|f| match &f.left {
            Left::Vectors(_, view) => Some((&f.path, &**view)),
            Left::Deny(..) | Left::Nothing => None,
        })
    };
    let filled = || views().filter(|(_, v)| v.meta.rows > 0);
    let Some((_, first)) = filled().next() else { return Ok(views().next().map(|(_, v)| v)) };
    let kind = |v: &View| (v.meta.metric, v.meta.dim, v.flavour);
    let show = |v: &View| format!("{}, dimension {}, row ids {}", v.meta.metric, v.meta.dim, v.flavour.name());
    if let Some((path, other)) = filled().find(|&(_, v)| kind(v) != kind(first)) {
        return Err(Error::corrupt("segments of one index do not fit each other")
            .path(path)
            .expected(show(first))
            .got(show(other)));
    }
    for file in files {
        if let Left::Deny(flavour, ids) = &file.left
            && !ids.is_empty()
            && *flavour != first.flavour
        {
            return Err(Error::corrupt("the deny list names row ids of another flavour than the segments have")
                .path(&file.path)
                .expected(first.flavour.name())
                .got(flavour.name()));
        }
    }
    Ok(Some(first))
}

/// The rows of each file of vectors that count. What hides a row stands behind it: the last file is looked at first.
fn pick<'a>(files: &'a [File], reports: &mut [SegmentRepair]) -> Vec<Kept<'a>> {
    let (mut denied, mut newer) = (HashSet::<u64>::new(), HashSet::<u64>::new());
    let mut picked = Vec::new();
    for (file, report) in files.iter().zip(reports.iter_mut()).rev() {
        match &file.left {
            Left::Nothing => {}
            Left::Deny(_, ids) => denied.extend(ids),
            Left::Vectors(bytes, view) => {
                let bytes = stated(bytes);
                let (mut hidden, mut replaced) = (0u64, 0u64);
                let kept = sort(view, bytes, &mut |id| {
                    let (gone, old) = (denied.contains(&id), newer.contains(&id));
                    hidden += u64::from(gone);
                    replaced += u64::from(old && !gone);
                    gone || old
                });
                newer.extend(kept.kept_ids.iter().chain(&kept.lost_ids));
                (report.rows, report.saved) = (view.meta.rows, kept.kept_ids.len() as u64);
                (report.hidden, report.replaced, report.lost) = (hidden, replaced, kept.lost);
                (report.from_codes, report.damaged_pages) = (kept.from_codes, damaged_pages(view, bytes));
                picked.push(kept);
            }
        }
    }
    picked.reverse();
    picked
}

//! Changing an index: files are only ever added, and the definition is published anew.
//!
//! One writer at a time, by a lock beside the definition. A file is whole under its name before the definition names
//! it, so that whoever is killed leaves the index as it was; what such a writer left is removed by the next one.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use qx_formats::manifest::Segment;
use qx_formats::vdata::{Flavour, deny};
use qx_formats::{Error, Kind, Result};
use qx_io::{Job, Lock, Map, Publish};

use super::Segments;
use super::fold::live;
use super::report::{AddReport, CompactReport, DeleteReport};
use crate::build::{BuildOptions, BuildReport, CodedRow, RowIds, VectorSource, build};
use crate::definition::{Definition, KIND_DENY, KIND_VDATA, State};
use crate::filter::IdSet;

/// What happens to an added row whose id is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflict {
    /// It takes the place of the older one.
    #[default]
    Replace,
    /// It is left out and counted.
    Skip,
    /// The addition is refused.
    Error,
}

/// The one writer of an index.
#[derive(Debug)]
pub struct Editor {
    _lock: Lock,
    pub(super) path: PathBuf,
    pub(super) definition: Definition,
    pub(super) set: Segments,
}

/// Rows of a source, chosen.
struct Chosen<'a> {
    source: &'a dyn VectorSource,
    rows: Vec<usize>,
}

impl VectorSource for Chosen<'_> {
    fn rows(&self) -> usize {
        self.rows.len()
    }

    fn read(&self, row: usize, out: &mut Vec<f32>) -> Result<()> {
        match self.rows.get(row) {
            Some(&at) => self.source.read(at, out),
            None => {
                out.clear();
                Ok(())
            }
        }
    }

    fn declared_dim(&self) -> Option<usize> {
        self.source.declared_dim()
    }

    fn place(&self, row: usize) -> String {
        self.rows.get(row).map_or_else(|| format!("row {row}"), |&at| self.source.place(at))
    }

    fn coded(&self, row: usize) -> Option<CodedRow<'_>> {
        self.source.coded(*self.rows.get(row)?)
    }
}

fn stem(path: &Path) -> OsString {
    path.file_stem().unwrap_or_default().to_owned()
}

/// Creates an index of one segment: the file, then the definition at `path` that names it.
///
/// # Errors
/// Those of [`build`]; `Exists` without [`Publish::Replace`]; `Locked`; `Io`.
pub fn create(
    path: &Path,
    mode: Publish,
    vectors: &dyn VectorSource,
    row_ids: RowIds,
    opts: &BuildOptions,
    job: &Job,
) -> Result<BuildReport> {
    create_with(path, mode, vectors, row_ids, opts, job, |_| ())
}

/// [`create`]; `fill` says what the definition holds beside what the build found.
///
/// # Errors
/// As [`create`].
pub fn create_with(
    path: &Path,
    mode: Publish,
    vectors: &dyn VectorSource,
    row_ids: RowIds,
    opts: &BuildOptions,
    job: &Job,
    fill: impl FnOnce(&mut Definition),
) -> Result<BuildReport> {
    let _lock = lock(path, Duration::ZERO)?;
    if mode == Publish::New && path.exists() {
        return Err(Error::new(Kind::Exists, "the target is already there")
            .path(path)
            .hint("give --force to replace it"));
    }
    let old = Map::open(path).ok().and_then(|b| Definition::decode(&b).ok());
    let (generation, counted) = old.map_or((1, None), |d| (d.generation + 1, d.next_ordinal));
    // Where rows keep their positions, none that the index gave out before is given out again.
    let kept = counted.filter(|_| matches!(row_ids, RowIds::Ordinals(_)));
    let next_ordinal = matches!(row_ids, RowIds::Ordinal).then_some(vectors.rows() as u64).or(kept);
    let (segment, report) = write_segment(path, generation, vectors, row_ids, opts, job)?;
    let name = stem(path).to_string_lossy().into_owned();
    let mut definition = Definition::new(&name, "", "", opts.metric);
    definition.generation = generation;
    definition.built(opts, &report);
    definition.next_ordinal = next_ordinal;
    definition.segments = vec![segment];
    fill(&mut definition);
    publish(path, &definition)?;
    sweep(path, &definition);
    Ok(report)
}

fn lock(path: &Path, wait: Duration) -> Result<Lock> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    Lock::acquire(Path::new(&name), wait)
}

fn publish(path: &Path, definition: &Definition) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default();
    let name = name.to_str().ok_or_else(|| Error::usage("the name of a definition is not UTF-8").path(path))?;
    qx_io::publish_generation(folder, name, &definition.encode()?, |b| Definition::decode(b).map(|_| ()))
}

/// Writes one file beside the definition, under a name of the generation that will name it and of its content: the
/// same rows may be added, deleted and added again.
fn write_file<T>(
    path: &Path,
    generation: u64,
    extension: &str,
    fill: impl FnOnce(&mut std::io::BufWriter<std::fs::File>) -> Result<T>,
) -> Result<(String, PathBuf, T)> {
    let building = path.with_extension(format!("{extension}.building"));
    let mut refused = None;
    let done = qx_io::publish(&building, Publish::Replace, |out| {
        fill(out).map_err(|e| {
            let same = Error::new(e.kind(), e.message());
            refused = Some(e);
            same
        })
    });
    // What was wrong with the content is not of this file, which is gone.
    let value = match refused {
        Some(e) => return Err(if e.kind() == Kind::Io { e.path(path) } else { e }),
        None => done?,
    };
    // The content hash of a container stands in its header.
    let bytes = Map::open(&building)?;
    let content: String = bytes.get(40..48).unwrap_or(&[]).iter().map(|b| format!("{b:02x}")).collect();
    drop(bytes);
    let id = format!("g{generation}-{content}");
    let mut name = stem(path);
    name.push(format!("-{id}.{extension}"));
    let file = path.with_file_name(name);
    qx_io::rename(&building, &file).map_err(|e| Error::io("rename into place", e).path(&file))?;
    qx_io::sync_dir(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    Ok((id, file, value))
}

fn segment(kind: &str, id: &str, file: &Path, rows: u64) -> Result<Segment> {
    let bytes = Map::open(file)?;
    let name = file.file_name().unwrap_or_default();
    let name = name.to_str().ok_or_else(|| Error::usage("the name of a segment is not UTF-8").path(file))?;
    Ok(Segment::new(id, name, kind, rows, bytes.len() as u64, crc32c::crc32c(&bytes)))
}

pub(super) fn write_segment(
    path: &Path,
    generation: u64,
    vectors: &dyn VectorSource,
    row_ids: RowIds,
    opts: &BuildOptions,
    job: &Job,
) -> Result<(Segment, BuildReport)> {
    let (id, file, report) = write_file(path, generation, KIND_VDATA, |out| build(vectors, row_ids, opts, job, out))?;
    Ok((segment(KIND_VDATA, &id, &file, report.rows)?, report))
}

/// Removes files of this index that neither the newest definition nor the one before it names.
fn sweep(path: &Path, newest: &Definition) {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let file = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    // One that cannot be read may name anything: then nothing is removed.
    let Ok(before) = qx_io::read_previous_generation(folder, file, Definition::decode) else { return };
    let named: Vec<&Segment> = newest.segments.iter().chain(before.iter().flat_map(|d| &d.segments)).collect();
    let prefix = format!("{}-", stem(path).to_string_lossy());
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let ours = name.strip_prefix(&prefix).and_then(|rest| rest.split_once('.')).is_some_and(|(id, extension)| {
            let hash = id.strip_prefix('g').and_then(|id| id.split_once('-')).map_or(id, |(_, hash)| hash);
            hash.len() == 16
                && hash.bytes().all(|b| b.is_ascii_hexdigit())
                && [KIND_VDATA, KIND_DENY].contains(&extension)
        });
        if ours && !named.iter().any(|s| s.path == name) {
            // Readers that have it mapped keep it; one that stays is only an orphan.
            let _ = qx_io::remove_file(&entry.path());
        }
    }
}

impl Editor {
    /// Becomes the writer of an index, waiting up to `wait` for another one. `x.vdata` without an `x.vindex` beside it
    /// gets a definition with the first change.
    ///
    /// # Errors
    /// `Locked`; as [`Segments::open`].
    pub fn open(path: &Path, wait: Duration) -> Result<Editor> {
        let is_file = path.extension().is_some_and(|e| e == "vdata");
        let target = if is_file { super::definition_beside(path) } else { path.to_owned() };
        if is_file {
            // Before a lock file is made beside what is no index.
            drop(Map::open(path)?);
        } else {
            drop(Segments::open(path)?);
        }
        let lock = lock(&target, wait)?;
        let (definition, set) = if target.is_file() {
            let set = Segments::open(&target)?;
            let definition = set.definition.clone();
            (definition.ok_or_else(|| Error::usage("not a definition").path(&target))?, set)
        } else {
            adopt(path)?
        };
        Ok(Editor { _lock: lock, path: target, definition, set })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    pub fn segments(&self) -> &Segments {
        &self.set
    }

    pub(super) fn publish(&mut self, mut next: Definition) -> Result<()> {
        next.generation = self.definition.generation + 1;
        self.set = Segments::from_definition(&self.path, next.clone())?;
        next.status.rows_indexed = self.set.len();
        next.status.bytes = next.segments.iter().map(|s| s.bytes).sum();
        next.status.state = State::Ready;
        publish(&self.path, &next)?;
        sweep(&self.path, &next);
        self.set.definition = Some(next.clone());
        self.definition = next;
        Ok(())
    }

    /// Ids as this index has them.
    pub(super) fn fit(&self, ids: RowIds) -> Result<RowIds> {
        let flavour = self.set.flavour();
        let wrong = |what: &str, hint: &str| Err(Error::usage(what).expected(flavour.name()).hint(hint));
        // Counted on where all rows are gone, too: no position is given out twice.
        let on = || -> Result<RowIds> {
            Ok(RowIds::OrdinalFrom(self.definition.next_ordinal.unwrap_or(0).max(self.set.behind_last()?)))
        };
        if self.set.parts.iter().all(|p| p.index.is_empty()) {
            return if matches!(ids, RowIds::Ordinal) { on() } else { Ok(ids) };
        }
        match (flavour, ids) {
            (Flavour::Ordinal, RowIds::Ordinal) => on(),
            (Flavour::Ordinal, _) => wrong("the rows of this index are known by their position", "add without row ids"),
            (_, RowIds::Ordinal | RowIds::OrdinalFrom(_) | RowIds::Ordinals(_)) => {
                wrong("the rows of this index are known by a key", "name the column of the key with --id-column")
            }
            (Flavour::SignedKey, RowIds::UnsignedKey(ids)) if ids.iter().all(|&id| i64::try_from(id).is_ok()) => {
                Ok(RowIds::PrimaryKey(ids))
            }
            (Flavour::UnsignedKey, RowIds::PrimaryKey(ids)) if ids.iter().all(|&id| (id as i64) >= 0) => {
                Ok(RowIds::UnsignedKey(ids))
            }
            (Flavour::HashedKey, RowIds::PrimaryKey(ids)) => {
                Ok(RowIds::Hashed(ids.iter().map(|&id| crate::hash_key((id as i64).to_string().as_bytes())).collect()))
            }
            (Flavour::HashedKey, RowIds::UnsignedKey(ids)) => {
                Ok(RowIds::Hashed(ids.iter().map(|id| crate::hash_key(id.to_string().as_bytes())).collect()))
            }
            (want, ids) if ids.flavour() == want => Ok(ids),
            (_, ids) => Err(Error::usage("row ids of another kind than the index has")
                .expected(flavour.name())
                .got(ids.flavour().name())),
        }
    }

    /// Adds rows as one further segment, and hides the older rows that they replace. `opts` gives threads, memory and
    /// the dimension policy; everything else is the index's own.
    ///
    /// # Errors
    /// Those of [`build`]; `Invalid` for an id that is there, under [`Conflict::Error`]; `Usage` for ids of another kind.
    pub fn add(
        &mut self,
        source: &dyn VectorSource,
        ids: RowIds,
        conflict: Conflict,
        opts: &BuildOptions,
        job: &Job,
    ) -> Result<AddReport> {
        let ids = self.fit(ids)?;
        let (chosen, ids, clashing) = self.resolve(source, ids, conflict)?;
        let kept_old = (source.rows() - chosen.rows()) as u64;
        let opts = self.options(opts, chosen.rows())?;
        let mut next = self.definition.clone();
        let flavour = ids.flavour();
        if let RowIds::OrdinalFrom(first) = ids {
            next.next_ordinal = Some(first + source.rows() as u64);
        }
        let (segment, report) = write_segment(&self.path, self.definition.generation + 1, &chosen, ids, &opts, job)?;
        next.dim = Some(report.dim).filter(|&d| d > 0).or(next.dim);
        next.status.skipped += report.skipped;
        next.status.zero_vectors += report.zero_vectors;
        next.status.build_time_ms = report.build_ms;
        // Rows that could not be indexed do not hide the ones that they were to replace.
        let indexed = Segments::open(&self.path.with_file_name(&segment.path))?;
        let written: IdSet = (0..report.rows as u32).filter_map(|r| indexed.parts.first()?.index.row_id(r)).collect();
        let replaced: Vec<u64> = clashing.into_iter().filter(|&id| written.contains(id)).collect();
        if !replaced.is_empty() {
            next.segments.push(self.deny(flavour, &replaced)?);
        }
        if report.rows > 0 {
            next.segments.push(segment);
        }
        self.publish(next)?;
        Ok(AddReport {
            added: report.rows,
            replaced: replaced.len() as u64,
            kept_old,
            skipped: report.skipped,
            rows: self.set.len(),
            segments: self.definition.segments.len(),
            generation: self.definition.generation,
        })
    }

    /// The options of an addition: what is the index's own, and what is the caller's.
    pub(super) fn options(&self, caller: &BuildOptions, rows: usize) -> Result<BuildOptions> {
        Ok(BuildOptions {
            centre: self.centre(rows),
            recode: caller.recode,
            dim: Some(self.set.dim() as u32).filter(|&d| d > 0).or(caller.dim),
            dim_policy: caller.dim_policy,
            threads: caller.threads,
            memory: caller.memory,
            ..self.definition.build_options()?
        })
    }

    /// [`Editor::add`] without writing anything: the same checks, the same report.
    ///
    /// # Errors
    /// As [`Editor::add`].
    pub fn try_add(
        &self,
        source: &dyn VectorSource,
        ids: RowIds,
        conflict: Conflict,
        opts: &BuildOptions,
        job: &Job,
    ) -> Result<AddReport> {
        let ids = self.fit(ids)?;
        let (chosen, ids, clashing) = self.resolve(source, ids, conflict)?;
        let kept_old = (source.rows() - chosen.rows()) as u64;
        crate::build::would_recode(&chosen, &self.options(opts, chosen.rows())?)?;
        let mut memory = std::io::Cursor::new(Vec::new());
        // Flat and without codes: what decides about rows, and none of the work that does not.
        let opts = BuildOptions {
            engine: crate::Engine::Flat,
            codes: crate::CodeKind::None,
            ..self.options(opts, chosen.rows())?
        };
        let report = build(&chosen, ids, &opts, job, &mut memory)?;
        let indexed = crate::Index::open(memory.into_inner())?;
        let written: IdSet = (0..report.rows as u32).filter_map(|r| indexed.row_id(r)).collect();
        let replaced = clashing.iter().filter(|&&id| written.contains(id)).count() as u64;
        Ok(AddReport {
            added: report.rows,
            replaced,
            kept_old,
            skipped: report.skipped,
            rows: self.set.len() + report.rows - replaced,
            segments: self.definition.segments.len() + usize::from(report.rows > 0) + usize::from(replaced > 0),
            generation: self.definition.generation + 1,
        })
    }

    /// The rows to add with their ids, and which ids are there already.
    fn resolve<'a>(
        &self,
        source: &'a dyn VectorSource,
        ids: RowIds,
        conflict: Conflict,
    ) -> Result<(Chosen<'a>, RowIds, Vec<u64>)> {
        let all = || (0..source.rows()).collect::<Vec<_>>();
        let list = match &ids {
            RowIds::PrimaryKey(list) | RowIds::UnsignedKey(list) | RowIds::Hashed(list) => list.clone(),
            RowIds::Ordinal | RowIds::OrdinalFrom(_) | RowIds::Ordinals(_) => {
                return Ok((Chosen { source, rows: all() }, ids, Vec::new()));
            }
        };
        let wanted: IdSet = list.iter().copied().collect();
        let clashing = living(&self.set, &wanted)?;
        if clashing.is_empty() || conflict == Conflict::Replace {
            return Ok((Chosen { source, rows: all() }, ids, clashing));
        }
        if conflict == Conflict::Error {
            let shown = crate::show_row_id(ids.flavour(), clashing.first().copied().unwrap_or(0));
            return Err(Error::invalid(format!(
                "{} row ids are in the index already, {shown} among them",
                clashing.len()
            ))
            .hint("--on-conflict replace updates them, skip leaves them"));
        }
        let clash: IdSet = clashing.into_iter().collect();
        let rows: Vec<usize> =
            (0..source.rows()).filter(|&r| !list.get(r).is_some_and(|&id| clash.contains(id))).collect();
        let left = rows.iter().filter_map(|&r| list.get(r).copied()).collect();
        Ok((Chosen { source, rows }, RowIds::of(ids.flavour(), left), Vec::new()))
    }

    pub(super) fn deny(&self, flavour: Flavour, ids: &[u64]) -> Result<Segment> {
        let io = |e| Error::io("write the deny list", e);
        let bytes = deny::encode(flavour, ids).map_err(io)?;
        let (id, file, ()) = write_file(&self.path, self.definition.generation + 1, KIND_DENY, |out| {
            std::io::Write::write_all(out, &bytes).map_err(io)
        })?;
        segment(KIND_DENY, &id, &file, ids.len() as u64)
    }

    /// Hides rows. Nothing is published when no row has one of the ids.
    ///
    /// # Errors
    /// `Corrupt` when row ids are damaged; `Io`.
    pub fn delete(&mut self, ids: &IdSet) -> Result<DeleteReport> {
        let found = living(&self.set, ids)?;
        if !found.is_empty() {
            let mut next = self.definition.clone();
            next.segments.push(self.deny(self.set.flavour(), &found)?);
            self.publish(next)?;
        }
        Ok(DeleteReport {
            deleted: found.len() as u64,
            missing: (ids.len() - found.len()) as u64,
            rows: self.set.len(),
            segments: self.definition.segments.len(),
            generation: self.definition.generation,
        })
    }

    /// Folds all segments into one file without the rows that deny lists hide. `opts` gives threads, memory and whether rows
    /// may be coded anew; everything else is the index's own.
    ///
    /// # Errors
    /// `Corrupt` when a segment is damaged; those of [`build`].
    pub fn compact(&mut self, opts: &BuildOptions, job: &Job) -> Result<CompactReport> {
        let before = &self.definition;
        let mut report = CompactReport {
            changed: before.segments.len() > 1 || self.set.hidden() > 0,
            segments_before: before.segments.len(),
            bytes_before: before.segments.iter().map(|s| s.bytes).sum(),
            bytes: before.segments.iter().map(|s| s.bytes).sum(),
            dropped: self.set.hidden(),
            recoded: 0,
            rows: self.set.len(),
            build_ms: 0,
            generation: before.generation,
        };
        if !report.changed {
            return Ok(report);
        }
        // What is written anew has checksums of its own: damage would look whole.
        self.set.check_whole()?;
        let opts = BuildOptions {
            dim: Some(self.set.dim() as u32).filter(|&d| d > 0),
            threads: opts.threads,
            memory: opts.memory,
            recode: opts.recode,
            ..before.build_options()?
        };
        let (live, ids) = live(&[&self.set], false)?;
        let (segment, built) = write_segment(&self.path, self.definition.generation + 1, &live, ids, &opts, job)?;
        let mut next = before.clone();
        next.segments = vec![segment];
        next.status.build_time_ms = built.build_ms;
        next.status.zero_vectors = built.zero_vectors;
        self.publish(next)?;
        (report.bytes, report.recoded) = (built.bytes, built.recoded);
        report.build_ms = built.build_ms;
        report.generation = self.definition.generation;
        Ok(report)
    }

    /// Makes `ef` the default of searches.
    ///
    /// # Errors
    /// `Usage` for one out of range; `Io`.
    pub fn set_tuned_ef(&mut self, ef: Option<u32>) -> Result<()> {
        let mut next = self.definition.clone();
        next.tuned_ef = ef;
        next.build_options()?;
        self.publish(next)
    }

    /// Publishes a definition whose members other than the segments were changed.
    ///
    /// # Errors
    /// `Usage` for values out of range; `Io`.
    pub fn update(&mut self, change: impl FnOnce(&mut Definition)) -> Result<()> {
        let mut next = self.definition.clone();
        change(&mut next);
        next.segments.clone_from(&self.definition.segments);
        next.build_options()?;
        self.publish(next)
    }
}

/// Which of these ids rows have that can be answered.
pub(super) fn living(set: &Segments, ids: &IdSet) -> Result<Vec<u64>> {
    // A damaged id would not be found.
    set.check_row_ids()?;
    let mut found = Vec::new();
    for part in &set.parts {
        let rows = 0..u32::try_from(part.index.len()).unwrap_or(u32::MAX);
        let live = rows.filter(|&r| part.is_live(r)).filter_map(|r| part.index.row_id(r));
        found.extend(live.filter(|&id| ids.contains(id)));
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// What [`Editor::delete`] would do.
///
/// # Errors
/// `Corrupt` when row ids are damaged.
pub fn would_delete(set: &Segments, ids: &IdSet) -> Result<DeleteReport> {
    let found = living(set, ids)?.len() as u64;
    Ok(DeleteReport {
        deleted: found,
        missing: ids.len() as u64 - found,
        rows: set.len() - found,
        segments: set.parts.len() + set.denied.len(),
        generation: set.definition.as_ref().map_or(0, |d| d.generation),
    })
}

/// A definition for a file that has none.
fn adopt(path: &Path) -> Result<(Definition, Segments)> {
    let set = Segments::open(path)?;
    let Some(part) = set.parts.first() else { return Err(Error::usage("not an index").path(path)) };
    let meta = part.index.meta();
    let name = stem(path).to_string_lossy().into_owned();
    let mut definition = Definition::new(&name, "", "", meta.metric);
    definition.generation = 0;
    definition.dim = Some(meta.dim).filter(|&d| d > 0);
    let p = &mut definition.parameters;
    p.engine = meta.engine.to_string();
    p.element = meta.element.to_string();
    p.codes = match (meta.codes, meta.compact) {
        (_, true) => crate::CodeKind::Only,
        (true, false) => crate::CodeKind::Eight,
        (false, false) => crate::CodeKind::None,
    }
    .to_string();
    (p.m, p.ef_build, p.ef_search, p.seed) = (meta.m.max(2), meta.ef_build.max(1), meta.ef_search.max(1), meta.seed);
    definition.status.skipped = meta.skipped();
    definition.status.zero_vectors = meta.zero_vectors;
    if part.index.flavour() == Flavour::Ordinal {
        definition.next_ordinal = Some(meta.rows.saturating_add(meta.skipped()));
    }
    let hash: String = part.index.uuid().as_bytes()[..8].iter().map(|b| format!("{b:02x}")).collect();
    definition.segments = vec![segment(KIND_VDATA, &hash, path, meta.rows)?];
    Ok((definition, set))
}

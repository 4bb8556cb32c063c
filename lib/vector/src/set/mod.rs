//! An index of several files: a definition, the segments that it names, and the rows that deny lists hide in them.

mod apply;
mod edit;
mod fold;
mod repair;
mod report;
mod search;

use std::path::{Path, PathBuf};

use qx_formats::legacy::VECTORS_MAGIC;
use qx_formats::vdata::{Flavour, deny};
use qx_formats::{Error, Result};
use qx_io::Map;

use crate::definition::{Definition, KIND_DENY, KIND_VDATA, from_clarium, is_current};
use crate::filter::{Filter, IdSet};
use crate::index::Index;
use crate::metric::Metric;

pub use apply::Changes;
pub use edit::{Conflict, Editor, create, create_with, would_delete};
pub use fold::{combine, would_recode};
pub use repair::{RepairOptions, SegmentRepair, SetRepairReport, repair};
pub use report::{AddReport, CompactReport, DeleteReport};
pub use search::{Answer, SetFilter, SetOptions, SetStats};

/// One file of an index.
#[derive(Debug)]
pub struct Part {
    pub path: PathBuf,
    pub index: Index<Map>,
    /// The rows that no deny list hides; all of them where there is none.
    pub live: Option<Filter>,
}

impl Part {
    /// Rows that can be answered.
    pub fn rows(&self) -> u64 {
        self.live.as_ref().map_or(self.index.len() as u64, Filter::count)
    }

    /// Every row of the file, hidden ones too, with its id.
    fn ids(&self) -> impl Iterator<Item = (u32, u64)> + '_ {
        let rows = 0..u32::try_from(self.index.len()).unwrap_or(u32::MAX);
        rows.filter_map(move |row| self.index.row_id(row).map(|id| (row, id)))
    }

    pub fn is_live(&self, ordinal: u32) -> bool {
        (ordinal as usize) < self.index.len() && self.live.as_ref().is_none_or(|f| f.allows(ordinal))
    }
}

/// All files of an index, open. What is added or deleted afterwards is seen by the next one that opens it.
#[derive(Debug)]
pub struct Segments {
    path: PathBuf,
    definition: Option<Definition>,
    parts: Vec<Part>,
    /// Deny lists: where they lie, and how many ids they name.
    denied: Vec<(PathBuf, u64)>,
}

/// Where the definition of `x.vdata` stands: `x.vindex`.
pub fn definition_beside(vdata: &Path) -> PathBuf {
    vdata.with_extension("vindex")
}

impl Segments {
    /// Opens a definition, or a single file by itself.
    ///
    /// # Errors
    /// `Io`, `Corrupt`, `Invalid`, `Limit`, `Unsupported`, with path and place.
    pub fn open(path: &Path) -> Result<Segments> {
        Self::from_bytes(path, Map::open(path)?)
    }

    /// [`Segments::open`], but `x.vdata` with an `x.vindex` beside it is opened through that definition.
    ///
    /// # Errors
    /// As [`Segments::open`].
    pub fn open_whole(path: &Path) -> Result<Segments> {
        let beside = definition_beside(path);
        let through = path.extension().is_some_and(|e| e == "vdata") && beside.is_file();
        Self::open(if through { &beside } else { path })
    }

    /// As [`Segments::open`], of bytes that were read already.
    ///
    /// # Errors
    /// As [`Segments::open`].
    pub fn from_bytes(path: &Path, bytes: Map) -> Result<Segments> {
        current(&bytes).map_err(|e| e.path(path))?;
        if bytes.trim_ascii_start().first() == Some(&b'{') {
            let definition = Definition::decode(&bytes).map_err(|e| e.path(path))?;
            return Self::from_definition(path, definition);
        }
        let index = open_index(path, bytes)?;
        let part = Part { path: path.to_owned(), index, live: None };
        Ok(Segments { path: path.to_owned(), definition: None, parts: vec![part], denied: Vec::new() })
    }

    /// Opens the segments that a definition names; they lie in the folder of `path`, which the definition was read from.
    ///
    /// # Errors
    /// As [`Segments::open`].
    pub fn from_definition(path: &Path, definition: Definition) -> Result<Segments> {
        let folder = path.parent().unwrap_or(Path::new(""));
        let (mut parts, mut denied) = (Vec::<Part>::new(), Vec::new());
        for segment in &definition.segments {
            let file = folder.join(&segment.path);
            let bytes = Map::open(&file)?;
            if bytes.len() as u64 != segment.bytes {
                return Err(Error::corrupt("the segment has another length than its definition says")
                    .path(&file)
                    .expected(segment.bytes)
                    .got(bytes.len()));
            }
            match segment.kind.as_str() {
                KIND_VDATA => parts.push(Part { index: open_index(&file, bytes)?, path: file, live: None }),
                KIND_DENY => {
                    let (flavour, ids) = deny::decode(&bytes).map_err(|e| e.path(&file))?;
                    denied.push((file.clone(), ids.len() as u64));
                    hide(&mut parts, flavour, ids)
                        .map_err(|e| if e.get_path().is_none() { e.path(&file) } else { e })?;
                }
                other => {
                    return Err(Error::unsupported(format!("segments of kind {other:?}"))
                        .path(path)
                        .expected("vdata or deny"));
                }
            }
        }
        let set = Segments { path: path.to_owned(), definition: Some(definition), parts, denied };
        set.check()?;
        Ok(set)
    }

    /// The same index, whose searches hold each page that they read against its checksum; see [`Index::checked`].
    ///
    /// # Errors
    /// `Corrupt`, where what every search begins with is damaged.
    pub fn checked(mut self) -> Result<Segments> {
        let checked =
            |p: Part| -> Result<Part> { Ok(Part { index: p.index.checked().map_err(|e| e.path(&p.path))?, ..p }) };
        self.parts = self.parts.into_iter().map(checked).collect::<Result<_>>()?;
        Ok(self)
    }

    /// Holds every page of every file against its checksum; see [`Index::check_whole`].
    ///
    /// # Errors
    /// `Corrupt`, with file and place of the first damaged page.
    pub fn check_whole(&self) -> Result<()> {
        self.parts.iter().try_for_each(|p| p.index.check_whole().map_err(|e| e.path(&p.path)))
    }

    /// Holds the row ids of every file against their checksums, for a filter that is made from them.
    ///
    /// # Errors
    /// As [`Segments::check_whole`].
    pub fn check_row_ids(&self) -> Result<()> {
        self.parts.iter().try_for_each(|p| p.index.check_row_ids().map_err(|e| e.path(&p.path)))
    }

    /// That all segments answer the same kind of question.
    fn check(&self) -> Result<()> {
        let kind = |ix: &Index<Map>| (ix.metric(), ix.dim(), ix.flavour());
        let filled = || self.parts.iter().filter(|p| !p.index.is_empty());
        let Some(first) = filled().next() else { return Ok(()) };
        let show = |(m, d, f): (Metric, usize, Flavour)| format!("{m}, dimension {d}, row ids {}", f.name());
        match filled().find(|p| kind(&p.index) != kind(&first.index)) {
            Some(other) => Err(Error::corrupt("segments of one index do not fit each other")
                .path(&other.path)
                .expected(show(kind(&first.index)))
                .got(show(kind(&other.index)))),
            None => Ok(()),
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `None` for a single file.
    pub fn definition(&self) -> Option<&Definition> {
        self.definition.as_ref()
    }

    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Deny lists and how many ids each names.
    pub fn denied(&self) -> &[(PathBuf, u64)] {
        &self.denied
    }

    /// Rows that can be answered.
    pub fn len(&self) -> u64 {
        self.parts.iter().map(Part::rows).sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows in the files that deny lists hide.
    pub fn hidden(&self) -> u64 {
        self.parts.iter().map(|p| p.index.len() as u64 - p.rows()).sum()
    }

    /// The part that says what kind of index this is: the first with rows, else the first.
    fn model(&self) -> Option<&Part> {
        self.parts.iter().find(|p| !p.index.is_empty()).or(self.parts.first())
    }

    /// 0 where nothing says it.
    pub fn dim(&self) -> usize {
        let told = self.definition.as_ref().and_then(|d| d.dim).unwrap_or(0) as usize;
        self.model().map_or(told, |p| p.index.dim())
    }

    pub fn metric(&self) -> Metric {
        let told = || self.definition.as_ref().and_then(|d| d.metric.parse().ok());
        self.model().map(|p| p.index.metric()).or_else(told).unwrap_or(Metric::L2)
    }

    pub fn flavour(&self) -> Flavour {
        self.model().map_or(Flavour::Ordinal, |p| p.index.flavour())
    }

    /// Rows that a search keeps in mind when nobody says otherwise: the tuned number, the definition's, the file's.
    pub fn default_ef(&self) -> usize {
        let told = self.definition.as_ref().map(|d| d.tuned_ef.unwrap_or(d.parameters.ef_search));
        let file = || self.model().map_or(crate::DEFAULT_EF_SEARCH, |p| p.index.meta().ef_search);
        told.unwrap_or_else(file) as usize
    }

    /// Where a row that can be answered lies: part and ordinal. Looks through all ids.
    pub fn find(&self, row_id: u64) -> Option<(u32, u32)> {
        (0u32..).zip(&self.parts).find_map(|(at, part)| {
            let mut rows = 0..u32::try_from(part.index.len()).unwrap_or(u32::MAX);
            rows.find(|&r| part.is_live(r) && part.index.row_id(r) == Some(row_id)).map(|row| (at, row))
        })
    }

    /// The number behind the highest row id of these files, hidden rows counted; 0 without rows.
    ///
    /// # Errors
    /// As [`Segments::check_row_ids`]: a damaged id might hide the highest.
    fn behind_last(&self) -> Result<u64> {
        self.check_row_ids()?;
        let last = self.parts.iter().flat_map(Part::ids).map(|(_, id)| id).max();
        Ok(last.map_or(0, |id| id.saturating_add(1)))
    }

    /// The lowest row id that two rows have which both can be answered.
    pub fn row_id_twice(&self) -> Option<u64> {
        let mut ids: Vec<u64> = Vec::new();
        for part in &self.parts {
            ids.extend(part.ids().filter(|&(row, _)| part.is_live(row)).map(|(_, id)| id));
        }
        ids.sort_unstable();
        ids.windows(2).find(|pair| pair.first() == pair.last()).and_then(|pair| pair.first().copied())
    }

    /// The vector of a row as it is stored; `None` where there is no such row.
    pub fn vector(&self, segment: u32, ordinal: u32) -> Option<Vec<f32>> {
        self.parts.get(segment as usize)?.index.vector(ordinal)
    }

    /// Calls `each` with part and ordinal of every row that can be answered, in order.
    ///
    /// # Errors
    /// What `each` says.
    pub fn for_each(&self, mut each: impl FnMut(u32, u32) -> Result<()>) -> Result<()> {
        for (at, part) in (0u32..).zip(&self.parts) {
            let rows = u32::try_from(part.index.len()).unwrap_or(u32::MAX);
            (0..rows).filter(|&r| part.is_live(r)).try_for_each(|r| each(at, r))?;
        }
        Ok(())
    }
}

/// Refuses what clarium wrote, with what to do about it.
///
/// # Errors
/// `Unsupported` for its files of vectors and its definitions.
pub fn current(bytes: &[u8]) -> Result<()> {
    let document = || !is_current(bytes) && from_clarium(bytes, Some(Metric::L2)).is_ok();
    let json = bytes.trim_ascii_start().first() == Some(&b'{');
    if bytes.get(..4) == Some(&VECTORS_MAGIC.to_le_bytes()) || json && document() {
        return Err(Error::unsupported("an index of clarium, which is not read as it is")
            .hint("`vindex convert` makes one of this format of it"));
    }
    Ok(())
}

fn open_index(path: &Path, bytes: Map) -> Result<Index<Map>> {
    bytes.advise_random();
    Index::open(bytes).map_err(|e| e.path(path))
}

/// Takes rows out of the parts that stand before a deny list.
fn hide(parts: &mut [Part], flavour: Flavour, ids: Vec<u64>) -> Result<()> {
    let ids: IdSet = ids.into_iter().collect();
    if ids.is_empty() {
        return Ok(());
    }
    for part in parts.iter_mut().filter(|p| !p.index.is_empty()) {
        if part.index.flavour() != flavour {
            return Err(Error::corrupt(
                "the deny list names row ids of another flavour than the segment before it has",
            )
            .expected(part.index.flavour().name())
            .got(flavour.name()));
        }
        // A damaged id would let a hidden row through.
        part.index.check_row_ids().map_err(|e| e.path(&part.path))?;
        let left = Filter::of_ids(&part.index, &ids, false);
        if left.count() < part.index.len() as u64 {
            part.live = Some(match &part.live {
                Some(live) => live.and(&left),
                None => left,
            });
        }
    }
    Ok(())
}

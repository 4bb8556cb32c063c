//! Opening a graph: its segments, the delta logs above them, the WAL above those; and going on with the WAL later.

use std::path::{Path, PathBuf};

use qx_formats::adj_seg::{AdjBuilder, AdjSeg};
use qx_formats::dict_seg::{DictBuilder, DictSeg};
use qx_formats::manifest::Segment;
use qx_formats::{Error, Kind, Result};
use qx_io::Map;
use qx_log::{Op, Reader, Transaction};
use uuid::Uuid;

use crate::folder::{GraphManifest, MANIFEST, MAX_PARTITIONS};
use crate::graph::{Graph, Tail};

/// A graph of a database: its folder, and the one WAL in which its commits stand among others.
#[derive(Debug, Clone)]
pub struct Home {
    /// The graph's folder, which need not be there yet.
    pub dir: PathBuf,
    /// The database's WAL.
    pub wal: PathBuf,
    /// What the WAL calls the graph.
    pub graph: Uuid,
    /// How many partitions the graph is made with.
    pub partitions: u32,
}

/// Opening is tried this often when a writer publishes meanwhile.
const TRIES: usize = 16;

impl Graph {
    /// Maps the segments of the newest generation and reads the delta logs above its watermark.
    ///
    /// # Errors
    /// `NotFound` where no graph is; `Corrupt` and its kin for a damaged manifest, segment front or log; `Io`.
    pub fn open(dir: &Path) -> Result<Graph> {
        let load = || GraphManifest::load(dir);
        stable(load, |manifest| {
            let manifest = manifest.ok_or_else(|| not_found(dir))?;
            let mut graph = Self::map(dir, manifest)?;
            crate::tail::load(&mut graph)?;
            Ok(graph)
        })
    }

    /// [`Graph::open`] without the delta logs: the graph as it was built.
    ///
    /// # Errors
    /// As [`Graph::open`], logs aside.
    pub fn open_segments(dir: &Path) -> Result<Graph> {
        let load = || GraphManifest::load(dir);
        stable(load, |manifest| Self::map(dir, manifest.ok_or_else(|| not_found(dir))?))
    }

    /// The graph as the last commit in the WAL left it. Where nothing was published yet, all of it stands in the WAL.
    ///
    /// # Errors
    /// As [`Graph::open`]; what reading the WAL says.
    pub fn open_hot(home: &Home) -> Result<Graph> {
        Self::open_hot_at(home, u64::MAX)
    }

    /// [`Graph::open_hot`] as the commit at `lsn` left it; segments that are newer show as a higher [`Graph::lsn`].
    ///
    /// # Errors
    /// As [`Graph::open_hot`].
    pub fn open_hot_at(home: &Home, lsn: u64) -> Result<Graph> {
        stable(
            || home.manifest(),
            |manifest| {
                let mut graph = match manifest {
                    Some(manifest) => Self::map(&home.dir, manifest)?,
                    // Logs that may be there are of a graph that had this name before.
                    None => Self::empty(home)?,
                };
                if graph.manifest().generation > 0 {
                    crate::tail::load(&mut graph)?;
                }
                graph.follow(home, lsn)?;
                Ok(graph)
            },
        )
    }

    /// Reads what was committed since this graph was opened. False when the segments have changed, too: then it is
    /// opened anew, and this one still answers as before.
    ///
    /// # Errors
    /// What reading the WAL or the manifest says.
    pub fn refresh(&mut self, home: &Home) -> Result<bool> {
        self.refresh_to(home, u64::MAX)
    }

    /// [`Graph::refresh`] up to the commit at `lsn`.
    ///
    /// # Errors
    /// As [`Graph::refresh`].
    pub fn refresh_to(&mut self, home: &Home, lsn: u64) -> Result<bool> {
        let read = self.follow(home, lsn);
        // What the WAL no longer has was published before it went.
        if home.manifest()?.map_or(0, |m| m.generation) != self.manifest().generation {
            return Ok(false);
        }
        read.map(|()| true)
    }

    fn follow(&mut self, home: &Home, lsn: u64) -> Result<()> {
        let Some(reader) = open_log(&home.wal)? else { return Ok(()) };
        let mut all = reader.transactions_of(self.tail.lsn.saturating_add(1), |t| t.graphs.may_hold(&home.graph));
        for transaction in all.by_ref() {
            let transaction = transaction?;
            if transaction.commit_lsn > lsn {
                break;
            }
            self.apply_transaction(&transaction, home.graph)?;
        }
        let reached = if lsn < u64::MAX { lsn } else { all.reached() };
        self.tail.lsn = self.tail.lsn.max(reached);
        Ok(())
    }

    /// Applies the operations of a WAL's transaction that are for `graph`; one that was applied before changes nothing.
    ///
    /// # Errors
    /// As [`Graph::apply`].
    pub fn apply_transaction(&mut self, transaction: &Transaction, graph: Uuid) -> Result<()> {
        if transaction.commit_lsn <= self.tail.lsn {
            return Ok(());
        }
        let mut touched = false;
        for (lsn, _, op) in operations(transaction, graph) {
            touched = true;
            self.apply(*lsn, op)?;
        }
        self.applied(transaction.commit_lsn, touched.then_some(transaction.time_us));
        Ok(())
    }

    /// Notes that everything up to `lsn` is in; `time_us` where the commit there changed this graph.
    pub(crate) fn applied(&mut self, lsn: u64, time_us: Option<u64>) {
        self.tail.lsn = self.tail.lsn.max(lsn);
        if let Some(at) = time_us {
            self.tail.commits += 1;
            self.tail.since(at);
        }
    }

    fn map(dir: &Path, manifest: GraphManifest) -> Result<Graph> {
        let dict = |segment: &Segment| open_segment(dir, segment, DictSeg::open, |d| d.uuid());
        let dicts = manifest.dicts.iter().map(dict).collect::<Result<_>>()?;
        let part = |segment: &Segment| open_segment(dir, segment, AdjSeg::open, |a| a.uuid());
        let parts = manifest.adjacency.iter().map(part).collect::<Result<_>>()?;
        Ok(Graph::over(dir, manifest, dicts, parts))
    }

    fn empty(home: &Home) -> Result<Graph> {
        if home.partitions == 0 || home.partitions > MAX_PARTITIONS {
            return Err(Error::limit("graph partitions", u64::from(MAX_PARTITIONS), u64::from(home.partitions)));
        }
        let manifest = GraphManifest { graph: Some(home.graph), ..GraphManifest::default() };
        let parts = (0..home.partitions).map(AdjBuilder::new).collect();
        Graph::in_memory_at(&home.dir, manifest, DictBuilder::new(), parts)
    }
}

impl Home {
    /// The newest manifest, if the folder holds this graph: one of a graph that had its name before is none.
    ///
    /// # Errors
    /// As [`GraphManifest::load`].
    pub fn manifest(&self) -> Result<Option<GraphManifest>> {
        let manifest = GraphManifest::load(&self.dir)?;
        Ok(manifest.filter(|m| m.graph.is_none_or(|g| g == self.graph)))
    }
}

impl Tail {
    /// A commit above the segments was made then.
    pub fn since(&mut self, time_us: u64) {
        self.oldest_us = Some(self.oldest_us.map_or(time_us, |old| old.min(time_us)));
    }
}

/// The operations of a transaction that are for one graph, with their LSNs and indexes. Without an operation that names a graph
/// they are for the only graph that a log serves, which a database's WAL never is.
pub fn operations(transaction: &Transaction, graph: Uuid) -> impl Iterator<Item = &(u64, u32, Op)> {
    let mut ours = false;
    transaction.ops.iter().filter(move |(_, _, op)| match op {
        Op::UseGraph { graph: named } => {
            ours = *named == graph;
            false
        }
        Op::NodeUpsert { .. } | Op::NodeDelete { .. } | Op::EdgeUpsert { .. } | Op::EdgeDelete { .. } => ours,
        _ => false,
    })
}

/// `None` where no log is.
pub(crate) fn open_log(dir: &Path) -> Result<Option<Reader>> {
    if !dir.is_dir() {
        return Ok(None);
    }
    match Reader::open(dir) {
        Ok(reader) => Ok(Some(reader)),
        Err(e) if e.kind() == Kind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

fn not_found(dir: &Path) -> Error {
    Error::new(Kind::NotFound, "there is no graph here").path(dir.join(MANIFEST))
}

/// Reads until the manifest before and after is the same: a writer removes logs and segments only after it has
/// published a manifest that needs them no more, so what was read in between is whole.
fn stable(
    load: impl Fn() -> Result<Option<GraphManifest>>,
    read: impl Fn(Option<GraphManifest>) -> Result<Graph>,
) -> Result<Graph> {
    let mut manifest = load()?;
    for _ in 1..TRIES {
        let graph = read(manifest.clone());
        let again = load()?;
        if again == manifest {
            return graph;
        }
        manifest = again;
    }
    read(manifest)
}

/// Opens a segment and checks at once that it is the one that the manifest means: by length and content hash.
fn open_segment<S>(
    dir: &Path,
    segment: &Segment,
    open: impl FnOnce(Map) -> Result<S>,
    uuid: impl FnOnce(&S) -> Uuid,
) -> Result<S> {
    let path = dir.join(&segment.path);
    let map = Map::open(&path)?;
    if map.len() as u64 != segment.bytes {
        return Err(Error::corrupt("the segment is not as long as the manifest says")
            .path(&path)
            .expected(format!("{} bytes", segment.bytes))
            .got(format!("{} bytes", map.len())));
    }
    let seg = open(map).map_err(|e| e.path(&path))?;
    let id = uuid(&seg).simple().to_string();
    if id != segment.id {
        let e = Error::corrupt("the segment is not the one that the manifest names").path(&path);
        return Err(e.expected(&segment.id).got(id));
    }
    Ok(seg)
}

/// That a segment still has the bytes that were published. Whoever makes a new segment of it asks first: what became of them
/// since would stand there under a checksum that holds, and nobody would find it any more.
pub(crate) fn check_whole(dir: &Path, segment: &Segment) -> Result<()> {
    let path = dir.join(&segment.path);
    let map = Map::open(&path)?;
    let crc = crc32c::crc32c(&map);
    if map.len() as u64 == segment.bytes && crc == segment.crc32c {
        return Ok(());
    }
    Err(Error::corrupt("the segment is damaged, and no new one is made of it")
        .path(&path)
        .expected(format!("{} bytes, {:08x}", segment.bytes, segment.crc32c))
        .got(format!("{} bytes, {crc:08x}", map.len()))
        .hint("what was committed since stays in the logs; restore the file, or build the graph again"))
}

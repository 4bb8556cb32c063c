//! Acting on what a check found. Nothing is destroyed: what is damaged, or that nothing names, goes to the lost-and-found
//! with a report that says what was kept and what was not.

mod catalog;
mod delta_log;
mod graphs;
mod indexes;
mod log;
mod lost;
mod stores;
mod tables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use qx_formats::container::Severity;
use qx_formats::{Error, Kind, Result};
use qx_io::{Job, Lock};
use serde::Serialize;

use crate::Store;
use crate::catalog::{Catalog, FILE, Origin};
use crate::fsck::{self, Found, Level, Report};

pub(crate) use delta_log::source as delta_log_source;
pub(crate) use graphs::generation_before;
pub use lost::LOST_AND_FOUND;
use lost::Lost;
pub use tables::rebuild_table_manifest;

/// Which findings to act on.
#[derive(Debug, Clone)]
pub enum Select {
    All,
    /// Those with one of these ids.
    Ids(Vec<String>),
}

impl Select {
    fn takes(&self, found: &Found) -> bool {
        match self {
            Select::All => true,
            Select::Ids(ids) => ids.iter().any(|id| id == found.finding.id),
        }
    }
}

/// One thing that was done, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Action {
    pub finding: String,
    /// Relative to the database folder.
    pub path: String,
    pub what: String,
    /// What is gone for good, in words; absent when nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<String>,
}

/// What a repair came to.
#[derive(Debug, Clone, Serialize)]
pub struct RepairReport {
    pub dry_run: bool,
    pub actions: Vec<Action>,
    /// Where files were set aside, relative to the database folder; absent when none was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lost_and_found: Option<PathBuf>,
    /// What a check finds afterwards; before, in a dry run.
    pub left: Vec<Found>,
}

impl RepairReport {
    /// No error is left.
    pub fn sound(&self) -> bool {
        self.left.iter().all(|f| f.finding.severity != Severity::Error)
    }
}

/// A repair under way.
pub(crate) struct Repair<'a> {
    root: &'a Path,
    select: &'a Select,
    dry_run: bool,
    wait: Duration,
    lost: Lost,
    actions: Vec<Action>,
}

impl Repair<'_> {
    fn act(&mut self, found: &Found, what: impl Into<String>, loss: Option<String>) {
        let (finding, path) = (found.finding.id.to_owned(), found.path.clone());
        tracing::info!(target: "qx::store", finding = %finding, path = %path, "repairing");
        self.actions.push(Action { finding, path, what: what.into(), loss });
    }

    fn store(&self) -> Result<Store> {
        Store::open(self.root)
    }

    /// What a pipeline built and a repair made smaller is not current any more: the next run builds it again. `of` takes
    /// away where it came from.
    fn outdate(&self, of: impl FnOnce(&mut Catalog) -> Option<Origin>) -> Result<()> {
        let store = self.store()?;
        let home = &store.layout().home;
        let Ok(Some(mut catalog)) = qx_io::read_generation(home, FILE, Catalog::decode) else { return Ok(()) };
        if self.dry_run || of(&mut catalog).is_none() {
            return Ok(());
        }
        catalog.generation += 1;
        qx_io::publish_generation(home, FILE, &catalog.encode()?, |old| Catalog::decode(old).map(drop))
    }
}

/// Acts on the findings of a full check of `root`. A repair that was stopped half-way is finished by the next one.
///
/// # Errors
/// `Locked`; `Io`; `Invalid` when the folder is no database folder; what stands in the way of an action.
pub async fn repair(root: &Path, select: &Select, dry_run: bool, wait: Duration, job: &Job) -> Result<RepairReport> {
    let lost = Lost::new(root, dry_run);
    let mut r = Repair { root, select, dry_run, wait, lost, actions: Vec::new() };
    // Other writers are kept out from the first look to the last; each step takes the inner locks that it needs.
    let lock = if dry_run { None } else { Some(Lock::acquire(&root.join("LOCK"), wait)?) };
    // Every byte is read for it: again only where something was done.
    let mut report = look(root, dry_run, job).await?;
    for step in Step::ALL {
        let found: Vec<Found> = report.found.iter().filter(|f| select.takes(f) && step.takes(f)).cloned().collect();
        if found.is_empty() {
            continue;
        }
        if let Err(e) = r.step(step, &found).await {
            // What was done before it is told all the same.
            r.lost.report(&r.actions)?;
            return Err(e);
        }
        if !dry_run {
            report = look(root, dry_run, job).await?;
        }
    }
    let left = report.found;
    drop(lock);
    r.lost.report(&r.actions)?;
    let lost_and_found = r.lost.folder().map(|p| p.strip_prefix(root).unwrap_or(p).to_path_buf());
    Ok(RepairReport { dry_run, actions: r.actions, lost_and_found, left })
}

/// A full check; under the lock nobody moves anything meanwhile, so one look is enough.
async fn look(root: &Path, dry_run: bool, job: &Job) -> Result<Report> {
    if dry_run { fsck::check(root, Level::Bytes, job).await } else { fsck::once(root, Level::Bytes, job).await }
}

/// The steps, in their order: each stands on what the ones before it mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Marker,
    Log,
    Catalog,
    Stores,
    Graphs,
    GraphLogs,
    GraphSegments,
    DeltaLogs,
    TableFiles,
    TableManifests,
    Indexes,
    Strangers,
}

impl Step {
    const ALL: [Step; 12] = [
        Step::Marker,
        Step::Log,
        Step::Catalog,
        Step::Stores,
        Step::Graphs,
        Step::GraphLogs,
        Step::GraphSegments,
        Step::DeltaLogs,
        Step::TableFiles,
        Step::TableManifests,
        Step::Indexes,
        Step::Strangers,
    ];

    fn takes(self, found: &Found) -> bool {
        let (id, path) = (found.finding.id, found.path.as_str());
        // What the system does not give may be whole: nobody goes on without it.
        let error = found.finding.severity == Severity::Error && id != "db.unreadable";
        let index = [".vdata", ".vindex", ".deny"].iter().any(|end| path.ends_with(end));
        let in_store = path.split('/').nth(1) == Some("store");
        let in_wal = path.split('/').nth(1) == Some("wal");
        match self {
            Step::Marker => id == "db.marker",
            Step::Log => error && (in_wal || id == "db.watermark"),
            Step::Catalog => id == "db.catalog",
            Step::Stores => error && in_store,
            Step::Graphs => id == "db.graph_manifest",
            Step::GraphLogs => error && is_graph_log(path) && id != "graph.endpoint",
            Step::GraphSegments => error && is_graph_segment(path),
            Step::DeltaLogs => {
                let file = matches!(id, "db.length" | "db.checksum") && path.contains("/_delta_log/");
                error && (id == "db.delta_log" || file)
            }
            Step::TableFiles => {
                let damaged = matches!(id, "db.missing" | "db.length" | "db.checksum" | "db.parquet");
                damaged && path.ends_with(".parquet") && !path.contains("_delta_log/")
            }
            Step::TableManifests => matches!(id, "db.table_manifest" | "db.delta_manifest" | "db.behind"),
            Step::Indexes => error && (id == "db.index" || index),
            Step::Strangers => matches!(id, "db.orphan" | "db.temporary" | "db.stale" | "db.run"),
        }
    }
}

/// Whether a file is a segment of a graph, by its name.
pub(crate) fn is_graph_segment(path: &str) -> bool {
    path.contains(".graph/") && path.ends_with(".seg")
}

/// Whether a path is that of delta logs of a graph.
pub(crate) fn is_graph_log(path: &str) -> bool {
    path.contains(".graph/delta")
}

impl Repair<'_> {
    async fn step(&mut self, step: Step, found: &[Found]) -> Result<()> {
        match step {
            Step::Marker => self.marker(&found[..1]),
            Step::Log => self.log(found).await,
            Step::Catalog => self.catalog(found),
            Step::Stores => self.stores(found),
            Step::Graphs => self.graphs(found),
            Step::GraphLogs => self.graph_logs(found),
            Step::GraphSegments => self.graph_segments(found),
            Step::DeltaLogs => self.delta_logs(found).await,
            Step::TableFiles => self.table_files(found).await,
            Step::TableManifests => self.table_manifests(found).await,
            Step::Indexes => self.indexes(found),
            Step::Strangers => self.strangers(found),
        }
    }

    fn strangers(&mut self, found: &[Found]) -> Result<()> {
        for f in found {
            let path = self.root.join(&f.path);
            if path.exists() {
                self.lost.set_aside(&path)?;
                let loss = (f.finding.id == "db.run").then(|| "the record of a run, and nothing else".to_owned());
                self.act(f, "moved to the lost-and-found", loss);
            }
        }
        Ok(())
    }
}

/// The object that a file belongs to, of those that a catalog names.
fn missing(what: &str, path: &str) -> Error {
    Error::new(Kind::NotFound, format!("no {what} that the catalog names has this file")).path(path)
}

//! Baselines: the plans that a folder of queries is to keep.
//!
//! Beside the queries stands a folder of bundles. `NAME.json` is the plan that was approved for the query `NAME.sql`,
//! `NAME.new.json` one that waits for a decision, `NAME.rejected.json` one that is not wanted, so that it is told by name
//! when the planner falls back to it.

use std::fs;
use std::path::{Path, PathBuf};

use qx_formats::{Error, Kind, Result};
use qx_io::Publish;
use serde::Serialize;

use crate::bundle::{Bundle, MAX_BYTES, parse};
use crate::diff::{Diff, Rules};

/// Largest text of a query.
const MAX_SQL_BYTES: u64 = 16 << 20;
/// Folders below folders.
const MAX_DEPTH: usize = 32;

/// One query of a folder.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Query {
    /// Path below the folder, without `.sql`.
    pub name: String,
    pub path: PathBuf,
}

/// The queries at or below a path, by name.
///
/// # Errors
/// `Io`; `NotFound` when there are none.
pub fn queries(path: &Path, skip: &Path) -> Result<Vec<Query>> {
    let mut found = Vec::new();
    if path.is_dir() {
        walk(path, path, skip, 0, &mut found)?;
    } else {
        let name = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        found.push(Query { name, path: path.to_path_buf() });
    }
    found.sort();
    if found.is_empty() {
        return Err(Error::new(Kind::NotFound, "the folder has no queries").path(path).expected("files named *.sql"));
    }
    Ok(found)
}

fn walk(top: &Path, dir: &Path, skip: &Path, depth: usize, found: &mut Vec<Query>) -> Result<()> {
    if depth > MAX_DEPTH || dir == skip {
        return Ok(());
    }
    let entries = fs::read_dir(dir).map_err(|e| Error::io("list", e).path(dir))?;
    for entry in entries {
        let path = entry.map_err(|e| Error::io("list", e).path(dir))?.path();
        if path.is_dir() {
            walk(top, &path, skip, depth + 1, found)?;
        } else if path.extension().is_some_and(|e| e == "sql") {
            let below = path.strip_prefix(top).unwrap_or(&path).with_extension("");
            found.push(Query { name: below.to_string_lossy().into_owned(), path });
        }
    }
    Ok(())
}

/// The one statement of a query's file: its comments stay, the semicolon at its end goes.
///
/// # Errors
/// `Io`, `Limit`, `Invalid` for what is not UTF-8.
pub fn text(query: &Query) -> Result<String> {
    let bytes = read(&query.path, MAX_SQL_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|e| {
        Error::invalid("SQL is UTF-8 text").path(&query.path).offset(e.utf8_error().valid_up_to() as u64)
    })?;
    Ok(text.trim().trim_end_matches(';').trim_end().to_owned())
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|e| Error::io("read", e).path(path))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| Error::io("read", e).path(path))?;
    if bytes.len() as u64 > limit {
        return Err(Error::limit("bytes of a file", limit, bytes.len() as u64).path(path));
    }
    Ok(bytes)
}

/// What stands of one query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The plan is the approved one.
    Approved,
    /// Another plan than the approved one, or none was approved yet.
    Unapproved,
    /// A plan that was rejected.
    Rejected,
    /// It could not be planned, or what was decided about it cannot be read.
    Failed,
    /// Plans without a query.
    Orphaned,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Status::Approved => "approved",
            Status::Unapproved => "unapproved",
            Status::Rejected => "rejected",
            Status::Failed => "failed",
            Status::Orphaned => "orphaned",
        }
    }
}

/// The bundles of a folder of queries.
#[derive(Debug, Clone)]
pub struct Baselines {
    dir: PathBuf,
}

/// Which plan of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    Approved,
    New,
    Rejected,
}

impl Slot {
    fn suffix(self) -> &'static str {
        match self {
            Slot::Approved => ".json",
            Slot::New => ".new.json",
            Slot::Rejected => ".rejected.json",
        }
    }
}

impl Baselines {
    pub fn new(dir: &Path) -> Self {
        Baselines { dir: dir.to_path_buf() }
    }

    /// Where a plan of a query stands.
    pub fn path(&self, name: &str, slot: Slot) -> PathBuf {
        self.dir.join(format!("{name}{}", slot.suffix()))
    }

    /// # Errors
    /// `Io`; those of [`parse`], with the path.
    pub fn load(&self, name: &str, slot: Slot) -> Result<Option<Bundle>> {
        let path = self.path(name, slot);
        if !path.is_file() {
            return Ok(None);
        }
        parse(&read(&path, MAX_BYTES)?).map(Some).map_err(|e| e.path(&path))
    }

    /// # Errors
    /// `Io`.
    pub fn save(&self, name: &str, slot: Slot, bundle: &Bundle) -> Result<()> {
        let path = self.path(name, slot);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|e| Error::io("create folder", e).path(parent))?;
        }
        qx_io::write_atomic(&path, Publish::Replace, &bundle.encode()?)
    }

    /// # Errors
    /// `Io`.
    pub fn remove(&self, name: &str, slot: Slot) -> Result<()> {
        let path = self.path(name, slot);
        match fs::remove_file(&path) {
            Ok(()) => path.parent().map_or(Ok(()), qx_io::sync_dir),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(Error::io("remove", e).path(path)),
        }
    }

    /// Decides about the plan that waits: it becomes the approved one, or is kept as a rejected one.
    ///
    /// # Errors
    /// `NotFound` when none waits; `Io`.
    pub fn decide(&self, name: &str, approve: bool) -> Result<()> {
        let waiting = self.load(name, Slot::New)?.ok_or_else(|| {
            Error::new(Kind::NotFound, format!("no plan of {name} waits for a decision"))
                .path(self.path(name, Slot::New))
                .hint("`explain baseline check --keep` writes the plans that differ")
        })?;
        self.save(name, if approve { Slot::Approved } else { Slot::Rejected }, &waiting)?;
        if approve
            && let Some(rejected) = self.load(name, Slot::Rejected)?
            && same_plan(&rejected, &waiting)
        {
            self.remove(name, Slot::Rejected)?;
        }
        self.remove(name, Slot::New)
    }

    /// Compares a plan with what was decided about this query. One that was rejected stays so whatever `rules` pass
    /// over; they only say which differences from the approved one count.
    ///
    /// # Errors
    /// Those of [`Baselines::load`].
    pub fn judge(&self, name: &str, plan: &Bundle, rules: &Rules) -> Result<(Status, Option<Diff>)> {
        let approved = self.load(name, Slot::Approved)?;
        let diff = approved.map(|a| Diff::of(&a, plan));
        let equal = diff.as_ref().is_some_and(|d| d.same);
        let diff = diff.map(|d| d.judged(rules));
        if !equal && self.load(name, Slot::Rejected)?.is_some_and(|r| same_plan(&r, plan)) {
            return Ok((Status::Rejected, diff));
        }
        let passes = diff.as_ref().is_some_and(|d| d.same);
        Ok((if passes { Status::Approved } else { Status::Unapproved }, diff))
    }

    /// Names of all queries that have a plan here, sorted.
    ///
    /// # Errors
    /// `Io`.
    pub fn names(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        if self.dir.is_dir() {
            names_below(&self.dir, &self.dir, 0, &mut found)?;
        }
        found.sort();
        found.dedup();
        Ok(found)
    }
}

fn names_below(top: &Path, dir: &Path, depth: usize, found: &mut Vec<String>) -> Result<()> {
    if depth > MAX_DEPTH {
        return Ok(());
    }
    for entry in fs::read_dir(dir).map_err(|e| Error::io("list", e).path(dir))? {
        let path = entry.map_err(|e| Error::io("list", e).path(dir))?.path();
        if path.is_dir() {
            names_below(top, &path, depth + 1, found)?;
            continue;
        }
        let below = path.strip_prefix(top).unwrap_or(&path).to_string_lossy().into_owned();
        let suffixes = [Slot::New.suffix(), Slot::Rejected.suffix(), Slot::Approved.suffix()];
        found.extend(suffixes.iter().find_map(|s| below.strip_suffix(s)).map(str::to_owned));
    }
    Ok(())
}

/// Whether two bundles show the same plan, whatever it depends on.
fn same_plan(a: &Bundle, b: &Bundle) -> bool {
    let digest = |x: &Bundle, stage: &str| x.stage(stage).and_then(|s| s.full.clone());
    ["P1", "P2"].iter().all(|s| digest(a, s) == digest(b, s))
}

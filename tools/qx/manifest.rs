//! `qx manifest`: what belongs together, according to the manifests of a database.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use clap::Subcommand;
use qx_cli::{Context, Status, WaitArg};
use qx_formats::container::Finding;
use qx_formats::manifest::{Manifest, Segment};
use qx_formats::{Error, Kind, Result, manifest};
use qx_store::manifests::{self, Place};
use qx_store::{Store, repair};
use serde_json::json;

use crate::runtime::block_on;
use crate::show;

/// Show, verify, compare and rebuild manifests
#[derive(Subcommand)]
pub enum Verb {
    /// List what the manifests name, or print one of them
    ///
    /// An object is a table, graph, index or store, or `catalog`.
    #[command(before_help = "Examples:\n  qx manifest show my.db\n  qx manifest show my.db orders --json")]
    Show {
        #[arg(value_name = "DIR")]
        db: PathBuf,
        #[arg(value_name = "OBJECT")]
        object: Option<String>,
    },
    /// Prove the documents themselves: checksum, form and rules
    ///
    /// `qx fsck` also compares them with the files. Exit 1 when one is damaged.
    #[command(before_help = "Examples:\n  qx manifest verify my.db")]
    Verify {
        #[arg(value_name = "DIR")]
        db: PathBuf,
        #[arg(value_name = "OBJECT")]
        object: Option<String>,
    },
    /// Compare the newest generation with the one before it, or two manifest files
    ///
    /// Exit 1 when they differ.
    #[command(
        before_help = "Examples:\n  qx manifest diff my.db orders\n  qx manifest diff a/manifest.json b/manifest.json"
    )]
    Diff {
        #[arg(value_name = "DIR|FILE")]
        first: PathBuf,
        #[arg(value_name = "OBJECT|FILE")]
        second: String,
    },
    /// List the generations that are kept
    #[command(before_help = "Examples:\n  qx manifest history my.db orders")]
    History {
        #[arg(value_name = "DIR")]
        db: PathBuf,
        #[arg(value_name = "OBJECT")]
        object: String,
    },
    /// Make the manifest of a table anew from its files
    #[command(before_help = "Examples:\n  qx manifest rebuild my.db orders --dry-run")]
    Rebuild {
        #[arg(value_name = "DIR")]
        db: PathBuf,
        #[arg(value_name = "TABLE")]
        object: String,
        /// Say what would be done, and change nothing
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        wait: WaitArg,
    },
}

pub fn run(verb: Verb, cx: &mut Context) -> Result<Status> {
    match verb {
        Verb::Show { db, object: None } => list(&db, cx),
        Verb::Show { db, object: Some(object) } => show_one(&db, &object, cx),
        Verb::Verify { db, object } => verify(&db, object.as_deref(), cx),
        Verb::Diff { first, second } => diff(&first, &second, cx),
        Verb::History { db, object } => history(&db, &object, cx),
        Verb::Rebuild { db, object, dry_run, wait } => rebuild(&db, &object, dry_run, wait, cx),
    }
}

fn list(db: &std::path::Path, cx: &mut Context) -> Result<Status> {
    let store = Store::open(db)?;
    let all = manifests::segments(&store, &store.catalog()?)?;
    if cx.json() {
        for s in &all {
            cx.out.record(&json!({
                "object": s.object, "kind": s.of, "generation": s.generation, "path": s.path, "format": s.segment.kind,
                "rows": s.segment.rows, "bytes": s.segment.bytes, "crc32c": format!("{:08x}", s.segment.crc32c),
            }))?;
        }
        cx.out.record(&json!({"summary": {"v": 1, "segments": all.len()}}))?;
        return Ok(Status::Yes);
    }
    let cells = |s: &manifests::Named| {
        let numbers = [s.generation, s.segment.rows, s.segment.bytes].map(|n| n.to_string());
        let [generation, rows, bytes] = numbers;
        vec![s.object.clone(), s.of.to_owned(), generation, s.path.clone(), rows, bytes]
    };
    let columns = ["object", "kind", ">generation", "path", ">rows", ">bytes"];
    show::rows(cx, &columns, all.iter().map(cells).collect())?;
    Ok(Status::Yes)
}

fn place(db: &std::path::Path, object: &str) -> Result<Place> {
    let store = Store::open(db)?;
    manifests::find(&store, &store.catalog()?, object)
}

fn none(place: &Place) -> Error {
    Error::new(Kind::NotFound, format!("{} has no manifest yet", place.object)).path(place.path())
}

fn show_one(db: &std::path::Path, object: &str, cx: &mut Context) -> Result<Status> {
    let place = place(db, object)?;
    let path = place.path();
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(none(&place)),
        Err(e) => return Err(Error::io("read", e).path(path)),
    };
    let value = manifest::open(&bytes, place.format).map_err(|e| e.path(&path))?;
    if cx.for_people() {
        cx.out.line(serde_json::to_string_pretty(&value).unwrap_or_default())?;
    } else {
        cx.out.record(&value)?;
    }
    Ok(Status::Yes)
}

fn verify(db: &std::path::Path, object: Option<&str>, cx: &mut Context) -> Result<Status> {
    let store = Store::open(db)?;
    let mut places = manifests::places(&store, &store.catalog()?);
    if let Some(object) = object {
        places = vec![manifests::find(&store, &store.catalog()?, object)?];
    }
    let mut found: Vec<(String, Finding)> = Vec::new();
    let mut documents = 0;
    for place in &places {
        for path in [place.path(), qx_io::previous_path(&place.dir, &place.file)] {
            match std::fs::read(&path) {
                Ok(bytes) => {
                    documents += 1;
                    let name = path.strip_prefix(db).unwrap_or(&path).to_string_lossy().into_owned();
                    found.extend(manifest::verify(&bytes, place.format).into_iter().map(|f| (name.clone(), f)));
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io("read", e).path(path)),
            }
        }
    }
    if cx.json() {
        for (path, f) in &found {
            let mut value = serde_json::to_value(f).unwrap_or_default();
            value["path"] = json!(path);
            cx.out.record(&value)?;
        }
        cx.out.record(&json!({"summary": {"v": 1, "documents": documents, "findings": found.len()}}))?;
    } else {
        let cells = |(path, f): &(String, Finding)| vec![f.id.to_owned(), path.clone(), show::message(f)];
        if !found.is_empty() {
            show::rows(cx, &["finding", "path", "message"], found.iter().map(cells).collect())?;
        }
    }
    cx.say(format!("{}: {documents} documents, {} damaged", db.display(), found.len()));
    Ok(Status::from_bool(found.is_empty()))
}

fn diff(first: &std::path::Path, second: &str, cx: &mut Context) -> Result<Status> {
    let (old, new) = if first.is_dir() {
        let place = place(first, second)?;
        let new = place.read()?.ok_or_else(|| none(&place))?;
        let old = place.read_previous()?;
        (old.unwrap_or_else(|| Manifest { generation: 0, segments: Vec::new(), ..new.clone() }), new)
    } else {
        (read_file(first)?, read_file(std::path::Path::new(second))?)
    };
    let by_id =
        |m: &Manifest| -> BTreeMap<String, Segment> { m.segments.iter().map(|s| (s.id.clone(), s.clone())).collect() };
    let (before, after) = (by_id(&old), by_id(&new));
    let mut changes: Vec<(&str, &Segment)> = Vec::new();
    changes.extend(before.iter().filter(|(id, _)| !after.contains_key(*id)).map(|(_, s)| ("removed", s)));
    changes.extend(after.iter().filter(|(id, _)| !before.contains_key(*id)).map(|(_, s)| ("added", s)));
    changes
        .extend(after.iter().filter(|(id, s)| before.get(*id).is_some_and(|b| b != *s)).map(|(_, s)| ("changed", s)));
    let members: Vec<&String> = new
        .extra
        .keys()
        .chain(old.extra.keys().filter(|k| !new.extra.contains_key(*k)))
        .filter(|k| new.extra.get(*k) != old.extra.get(*k))
        .collect();
    let same = changes.is_empty() && members.is_empty();
    if cx.json() {
        for (what, s) in &changes {
            cx.out.record(&json!({"change": what, "segment": s}))?;
        }
        for k in &members {
            cx.out
                .record(&json!({"change": "member", "name": k, "old": old.extra.get(*k), "new": new.extra.get(*k)}))?;
        }
        cx.out.record(&json!({"summary": {
            "v": 1, "same": same, "old_generation": old.generation, "new_generation": new.generation,
        }}))?;
    } else {
        let mut rows: Vec<Vec<String>> = Vec::new();
        for (what, s) in &changes {
            rows.push(vec![
                (*what).to_owned(),
                s.path.clone(),
                format!("{} rows", s.rows),
                format!("{} bytes", s.bytes),
            ]);
        }
        for k in &members {
            let text = |m: &Manifest| m.extra.get(*k).map_or_else(String::new, ToString::to_string);
            rows.push(vec!["member".to_owned(), (*k).clone(), text(&old), text(&new)]);
        }
        if !rows.is_empty() {
            show::rows(cx, &["change", "what", "old", "new"], rows)?;
        }
    }
    cx.say(format!(
        "generation {} and {}: {}",
        old.generation,
        new.generation,
        if same { "the same" } else { "differ" }
    ));
    Ok(Status::from_bool(same))
}

fn read_file(path: &std::path::Path) -> Result<Manifest> {
    let bytes = std::fs::read(path).map_err(|e| Error::io("read", e).path(path))?;
    let said = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
    let said = said.as_ref().and_then(|v| v.get("format")?.as_str()).unwrap_or("manifest").to_owned();
    Manifest::decode(&bytes, &said).map_err(|e| e.path(path))
}

fn history(db: &std::path::Path, object: &str, cx: &mut Context) -> Result<Status> {
    let place = place(db, object)?;
    let all: Vec<Manifest> = place.read_previous()?.into_iter().chain(place.read()?).collect();
    if all.is_empty() {
        return Err(none(&place));
    }
    let mut rows = Vec::new();
    for m in &all {
        let sum = |f: fn(&Segment) -> u64| m.committed().map(f).sum::<u64>();
        let (bytes, records) = (sum(|s| s.bytes), sum(|s| s.rows));
        if cx.json() {
            cx.out.record(&json!({
                "generation": m.generation, "segments": m.segments.len(), "rows": records, "bytes": bytes,
                "members": m.extra,
            }))?;
        }
        rows.push([m.generation, m.segments.len() as u64, records, bytes].map(|n| n.to_string()).to_vec());
    }
    if cx.json() {
        cx.out.record(&json!({"summary": {"v": 1, "generations": all.len()}}))?;
    } else {
        show::rows(cx, &[">generation", ">segments", ">rows", ">bytes"], rows)?;
    }
    Ok(Status::Yes)
}

fn rebuild(db: &std::path::Path, object: &str, dry_run: bool, wait: WaitArg, cx: &mut Context) -> Result<Status> {
    let store = Arc::new(Store::open(db)?);
    let cancel = cx.cancel.clone();
    let wait = wait.wait.unwrap_or_default();
    let generation = block_on(&cancel, async { repair::rebuild_table_manifest(&store, object, dry_run, wait).await })?;
    if cx.json() {
        cx.out.record(&json!({"v": 1, "object": object, "generation": generation, "dry_run": dry_run}))?;
    }
    let verb = if dry_run { "would be" } else { "is" };
    cx.say(format!("{object}: the manifest {verb} generation {generation}, made from the Delta log and its files"));
    Ok(Status::Yes)
}

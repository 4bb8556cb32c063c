//! The run of the workload, the crashes of it, and what each left.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::container::Severity;
use qx_formats::{Error, Kind, Result};
use qx_io::model::{Crash, ModelDisk, Replay, SplitMix};
use qx_io::record::{ROOT, Recording};
use qx_store::Store;
use qx_store::fsck::{self, Level};
use qx_store::names::ObjectName;

use super::model::{Content, difference};
use super::workload::{Action, Workload};
use super::{DrillOptions, DrillReport, Violation, Which, failed, observe};
use crate::session::Session;

/// An action that was acknowledged.
struct Mark {
    /// Changes that were made by then.
    steps: usize,
    text: String,
    /// What is there from then on.
    content: Content,
}

/// The record of a run.
struct Run {
    replay: Replay,
    /// The first one is that the folder became a database.
    marks: Vec<Mark>,
}

pub(super) async fn rehearse(options: &DrillOptions, report: &mut DrillReport) -> Result<()> {
    let root = options.scratch.join("run");
    let mut run = record(options, &root).await?;
    remove(&root)?;
    report.steps = run.replay.steps() as u64;
    let cases = chosen(options, run.replay.steps())?;
    options.job.progress.phase("drill", Some(cases.len() as u64), "cases");
    let mut seen: HashMap<u64, Found> = HashMap::new();
    for (step, crash) in cases {
        options.job.step(1)?;
        let disk = run.replay.crash(step, crash);
        let digest = disk.digest();
        let found = match seen.get(&digest) {
            Some(found) => found.clone(),
            None => {
                report.states += 1;
                let found = examine(options, disk, digest).await?;
                seen.insert(digest, found.clone());
                found
            }
        };
        let broken = judge(&run, step, &found).map(|message| Violation {
            case: format!("{}/{step}/{crash}", options.seed),
            seed: options.seed,
            step: step as u64,
            after: run.replay.describe(step),
            action: at_work(&run, step),
            message,
        });
        report.add(kind(crash), broken);
    }
    Ok(())
}

fn kind(crash: Crash) -> &'static str {
    match crash {
        Crash::Lost => "unsynced lost",
        Crash::Kept => "process died",
        Crash::Torn(_) => "torn sectors",
        Crash::Reordered(_) => "reordered writes",
    }
}

/// Runs the workload once, recording.
async fn record(options: &DrillOptions, root: &Path) -> Result<Run> {
    std::fs::create_dir_all(root).map_err(|e| Error::io("create folder", e).path(root))?;
    let io = |e| Error::io("record", e).path(root);
    let recording = Recording::start(root, options.forget.clone()).map_err(io)?;
    let (store, _) = Store::init(root)?;
    let store = Arc::new(store);
    let mut marks = vec![Mark { steps: recording.steps(), text: "init".to_owned(), content: Content::new() }];
    let mut session = Session::open(&store)?;
    let mut workload = Workload::new(options.seed);
    for _ in 0..options.actions {
        options.job.cancel.check()?;
        let action = workload.next();
        let text = action.text();
        session = act(&store, session, action).await.map_err(|e| failed(&text, &e))?;
        let content = workload.model.content();
        if let Some(wrong) = difference(&observe::of(&session).await?, &content) {
            return Err(Error::new(Kind::Engine, format!("before any crash, {wrong}, after: {text}")));
        }
        marks.push(Mark { steps: recording.steps(), text, content });
    }
    session.close().await?;
    marks.push(Mark { steps: recording.steps(), text: "close".to_owned(), content: workload.model.content() });
    if let Some(gap) = recording.gap().map_err(io)? {
        return Err(Error::new(Kind::Engine, format!("a change went past the drill's record: {gap}")));
    }
    Ok(Run { replay: recording.replay(), marks })
}

async fn act(store: &Arc<Store>, session: Session, action: Action) -> Result<Session> {
    match action {
        Action::Sql(sql) => drop(session.script(&sql).await?),
        Action::FlushAll => drop(session.maintain(async |writer| writer.flush_all().await).await?),
        Action::Flush(table) => {
            let name = ObjectName::parse("table", table)?;
            session.maintain(async |writer| writer.flush(&name).await).await?;
        }
        Action::Rewrite(table) => {
            let name = ObjectName::parse("table", table)?;
            session.maintain(async |writer| writer.rewrite(&name).await).await?;
        }
        Action::Snapshot => drop(session.maintain(async |writer| writer.snapshot_store("s")).await?),
        Action::Reopen => {
            session.close().await?;
            return Session::open(store);
        }
        Action::Die => {
            drop(session);
            return Session::open(store);
        }
    }
    Ok(session)
}

/// The crashes to rehearse, in the order of their steps.
fn chosen(options: &DrillOptions, steps: usize) -> Result<Vec<(usize, Crash)>> {
    let seed = |step: usize| options.seed.wrapping_mul(0x9E37_79B9).wrapping_add(step as u64);
    let at = |step: usize| Crash::all(seed(step)).into_iter().map(move |crash| (step, crash));
    let missing =
        |what: String| Error::usage(format!("the drill has no {what}")).expected(format!("a step from 0 to {steps}"));
    match &options.which {
        Which::Every => Ok((0..=steps).flat_map(at).collect()),
        Which::Step(step) => match usize::try_from(*step).ok().filter(|s| *s <= steps) {
            Some(step) => Ok(at(step).collect()),
            None => Err(missing(format!("step {step}"))),
        },
        Which::Case(name) => {
            let parsed = name.split_once('/').and_then(|(step, way)| Some((step.parse().ok()?, way.parse().ok()?)));
            match parsed.filter(|(step, _)| *step <= steps) {
                Some(case) => Ok(vec![case]),
                None => Err(missing(format!("case {name}"))),
            }
        }
        Which::Samples(samples) => {
            let mut random = SplitMix(options.seed ^ 0x0D21);
            let mut all: Vec<(u64, (usize, Crash))> =
                (0..=steps).flat_map(at).map(|c| (random.next_u64(), c)).collect();
            all.sort_unstable_by_key(|(rank, _)| *rank);
            all.truncate(usize::try_from(*samples).unwrap_or(usize::MAX));
            all.sort_by_key(|(_, (step, _))| *step);
            Ok(all.into_iter().map(|(_, case)| case).collect())
        }
    }
}

fn at_work(run: &Run, step: usize) -> String {
    run.marks.iter().find(|m| m.steps >= step).map_or_else(String::new, |m| m.text.clone())
}

/// What a crash left, as far as it does not depend on what was acknowledged.
#[derive(Clone)]
enum Found {
    Content(Option<Content>),
    Broken(String),
}

/// Whether what was found is what was acknowledged, or that and the action that was under way.
fn judge(run: &Run, step: usize, found: &Found) -> Option<String> {
    let found = match found {
        Found::Content(found) => found.as_ref(),
        Found::Broken(message) => return Some(message.clone()),
    };
    let acknowledged = run.marks.iter().filter(|m| m.steps <= step).count();
    let last = acknowledged.checked_sub(1).and_then(|i| run.marks.get(i)).map(|m| &m.content);
    let next = run.marks.get(acknowledged).map(|m| &m.content);
    let against = |wanted: Option<&Content>| match (found, wanted) {
        (None, None) => None,
        (None, Some(_)) => Some("the folder is no database".to_owned()),
        (Some(found), None) if found.is_empty() => None,
        (Some(_), None) => Some("the folder is a database".to_owned()),
        (Some(found), Some(wanted)) => difference(found, wanted),
    };
    let wrong = against(last)?;
    if next.is_some() && against(next).is_none() {
        return None;
    }
    Some(format!("acknowledged and not found, or found and never said: {wrong}"))
}

/// Writes a crash state out, and has it read, proven, worked on and proven again.
async fn examine(options: &DrillOptions, disk: ModelDisk, digest: u64) -> Result<Found> {
    let root = options.scratch.join("crashed");
    remove(&root)?;
    let io = |e| Error::io("write out a crash state", e).path(&root);
    disk.write_out(Path::new(ROOT), &root).map_err(io)?;
    let recording = Recording::resume(&root, disk, options.forget.clone()).map_err(io)?;
    let found = match look(options, &root).await {
        Ok(found) => found,
        Err(e) if e.kind() == Kind::Cancelled => return Err(e),
        Err(e) => return Ok(Found::Broken(told(&e, &root))),
    };
    let after = match go_on(options, &root, found.clone()).await {
        Ok(after) => after,
        Err(e) if e.kind() == Kind::Cancelled => return Err(e),
        Err(e) => return Ok(Found::Broken(format!("after recovery: {}", told(&e, &root)))),
    };
    // Recovery is crashed, too, once for each state: whatever it was at, nothing more may be lost.
    let mut random = SplitMix(digest);
    let mut replay = recording.replay();
    drop(recording);
    let step = random.below(replay.steps() as u64 + 1) as usize;
    let ways = Crash::all(random.next_u64());
    let Some(crash) = ways.get(random.below(4) as usize).copied() else { return Ok(Found::Content(found)) };
    let again = options.scratch.join("again");
    remove(&again)?;
    replay.crash(step, crash).write_out(Path::new(ROOT), &again).map_err(io)?;
    let message = match look(options, &again).await {
        Ok(content) if content == found || after.contains(&content) => return Ok(Found::Content(found)),
        Ok(Some(content)) => {
            let wrong = difference(&content, found.as_ref().unwrap_or(&Content::new())).unwrap_or_default();
            format!("what was there is not, or more is: {wrong}")
        }
        Ok(None) => "the folder is no database any more".to_owned(),
        Err(e) if e.kind() == Kind::Cancelled => return Err(e),
        Err(e) => told(&e, &again),
    };
    Ok(Found::Broken(format!("after a second crash, behind step {step} of recovery ({crash}): {message}")))
}

/// The error without the scratch folder, which is another one each time.
fn told(e: &Error, root: &Path) -> String {
    let path = e.get_path().map(|p| p.strip_prefix(root).unwrap_or(p).display().to_string());
    let got = e.get_got().map(|g| format!(" (got {g})")).unwrap_or_default();
    match path {
        Some(path) if !path.is_empty() => format!("{path}: {}{got}", e.message()),
        _ => format!("{}{got}", e.message()),
    }
}

/// What a reader finds, if fsck finds no error.
async fn look(options: &DrillOptions, root: &Path) -> Result<Option<Content>> {
    let found = observe::content(root).await?;
    prove(options, root, found.is_some()).await?;
    Ok(found)
}

async fn prove(options: &DrillOptions, root: &Path, is_database: bool) -> Result<()> {
    if !is_database {
        return Ok(());
    }
    let report = fsck::check(root, Level::Bytes, &options.job).await?;
    match report.found.iter().find(|f| f.finding.severity == Severity::Error) {
        Some(f) => {
            let (expected, got) = (f.finding.expected.clone(), f.finding.got.clone());
            let text = format!("fsck: {} {}: {}", f.finding.id, f.path, f.finding.message);
            let detail = format!(", expected {}, got {}", expected.unwrap_or_default(), got.unwrap_or_default());
            Err(Error::corrupt(text + &detail))
        }
        None => Ok(()),
    }
}

/// Recovers, writes, flushes: everything that was there stays, and what is added is there. Returns what may be found
/// from then on.
async fn go_on(options: &DrillOptions, root: &Path, found: Option<Content>) -> Result<Vec<Option<Content>>> {
    let mut stages = vec![found.clone()];
    let (store, _) = Store::init(root)?;
    let store = Arc::new(store);
    let mut wanted = found.unwrap_or_default();
    stages.push(Some(wanted.clone()));
    let session = Session::open(&store)?;
    for (statement, name, line) in [
        ("write key zzz in s = 'after'", "store s", "zzz=after"),
        ("insert node L key 'zzz' graph g", "nodes", "zzz"),
        ("insert into b (id, v) values (999999, 'after')", "table b", "999999|after"),
        ("create table zzz (id bigint primary key)", "table zzz", "columns id"),
    ] {
        let Some(lines) = (match name {
            "table zzz" => Some(wanted.entry(name.to_owned()).or_default()),
            name => wanted.get_mut(name),
        }) else {
            continue;
        };
        lines.push(line.to_owned());
        session.script(statement).await?;
        stages.push(Some(wanted.clone()));
    }
    if wanted.contains_key("index near") {
        for (name, line) in [("table w", "999999|[1.0, 2.0]"), ("index near", "999999")] {
            wanted.entry(name.to_owned()).or_default().push(line.to_owned());
        }
        session.script("insert into w (id, v) values (999999, [1, 2])").await?;
        stages.push(Some(wanted.clone()));
    }
    session.maintain(async |writer| writer.flush_all().await).await?;
    if wanted.contains_key("store s") {
        session.maintain(async |writer| writer.snapshot_store("s")).await?;
    }
    if wanted.contains_key("nodes") {
        session.script("gc graph g").await?;
    }
    session.close().await?;
    let after = observe::content(root).await?.unwrap_or_default();
    if let Some(wrong) = difference(&after, &wanted) {
        return Err(Error::corrupt(format!("having gone on, {wrong}")));
    }
    prove(options, root, true).await?;
    Ok(stages)
}

fn remove(dir: &PathBuf) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", e).path(dir)),
        _ => Ok(()),
    }
}

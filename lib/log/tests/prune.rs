//! Removing segments from the front, at whatever step it is stopped.

use std::path::Path;
use std::sync::Arc;

use qx_formats::Kind;
use qx_formats::container::{Finding, Severity};
use qx_io::Disk;
use qx_io::model::{Crash, ModelDisk};
use qx_log::{
    CompactOptions, Log, LsnRange, Mode, Op, Options, PruneOptions, Reader, RecoverOptions, SyncPolicy, compact_on,
    prune, prune_on, recover_on, verify_on,
};

const DIR: &str = "/log";

fn options() -> Options {
    Options { rotate_size: 4 << 10, ..Options::default() }
}

fn op(n: u64) -> Op {
    Op::KvPut { store: "s".into(), key: n.to_string(), kind: 0, value: vec![n as u8; 400], expires_at_us: None }
}

fn filled(disk: &Arc<dyn Disk>, commits: u64) -> Log {
    let (log, _) = Log::open_on(Arc::clone(disk), Path::new(DIR), options()).unwrap();
    for n in 0..commits {
        log.commit(&[op(n)]).unwrap();
    }
    log
}

fn lsns(disk: &Arc<dyn Disk>) -> Vec<u64> {
    let reader = Reader::open_on(disk, Path::new(DIR)).unwrap();
    reader.transactions(0).map(|t| t.unwrap().commit_lsn).collect()
}

#[test]
fn whole_segments_below_the_lsn_go_and_nothing_else() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let log = filled(&disk, 60);
    let before = lsns(&disk);
    let at = |before_lsn| PruneOptions { before_lsn, ..PruneOptions::default() };
    assert_eq!(prune_on(&disk, Path::new(DIR), &at(50)).unwrap_err().kind(), Kind::Locked);
    let dry = log.prune(&PruneOptions { dry_run: true, ..at(50) }).unwrap();
    assert!(!dry.segments.is_empty() && lsns(&disk) == before);
    let done = log.prune(&at(50)).unwrap();
    assert_eq!(done, dry);
    let after = lsns(&disk);
    assert!(after[0] <= 50 && after[0] >= done.first_lsn && before.ends_with(&after), "{after:?}");
    assert_eq!(log.prune(&at(50)).unwrap().segments, [], "a second time there is nothing to do");
    let ack = log.commit(&[op(1)]).unwrap();
    assert_eq!(Some(&ack.lsn), lsns(&disk).last());
    log.close().unwrap();
    let all = prune_on(&disk, Path::new(DIR), &at(u64::MAX)).unwrap();
    assert_eq!(lsns(&disk), [] as [u64; 0]);
    assert_eq!(all.first_lsn, ack.lsn + 1, "the last segment knows where the numbers go on");
    let (log, _) = Log::open_on(Arc::clone(&disk), Path::new(DIR), options()).unwrap();
    assert_eq!(log.commit(&[op(2)]).unwrap().lsn, ack.lsn + 2);
}

#[test]
fn what_a_recovery_left_behind_goes_with_its_neighbours_or_when_asked() {
    let model = ModelDisk::new();
    let disk: Arc<dyn Disk> = Arc::new(model.clone());
    drop(filled(&disk, 30));
    let log = filled(&disk, 5);
    let dead = |disk: &Arc<dyn Disk>| {
        Reader::open_on(disk, Path::new(DIR)).unwrap().segments().iter().filter(|s| s.dead || s.cut.is_some()).count()
    };
    assert_eq!(dead(&disk), 1);
    let before = lsns(&disk);
    let done = log.prune(&PruneOptions { superseded: true, ..PruneOptions::default() }).unwrap();
    assert!(done.segments.iter().all(|s| s.superseded));
    assert_eq!(lsns(&disk), before);
    log.prune(&PruneOptions { before_lsn: 66, ..PruneOptions::default() }).unwrap();
    assert_eq!(dead(&disk), 0);
    assert!(before.ends_with(&lsns(&disk)));
    let findings = verify_on(&disk, Path::new(DIR)).unwrap();
    assert!(findings.iter().all(|f| f.severity < Severity::Error), "{findings:?}");
}

/// A log that was stopped at once behind a rotation, so that all of a segment in the middle of it is superseded.
fn superseded_in_the_middle(disk: &Arc<dyn Disk>) -> Log {
    let log = filled(disk, 1);
    while log.stats().rotations < 2 {
        log.commit(&[op(1)]).unwrap();
    }
    drop(log);
    filled(disk, 1)
}

/// A log whose writer was stopped again and again before it wrote anything: each time another segment says how much of
/// the one before counts.
fn superseded_twice(disk: &Arc<dyn Disk>) -> Log {
    drop(filled(disk, 5));
    (0..3).for_each(|_| drop(filled(disk, 0)));
    filled(disk, 1)
}

#[test]
fn s1_superseded_segments_go_and_the_log_stays_whole_without_them() {
    // What bounds a segment that stays has to stay with it.
    for (in_the_middle, goes) in [(true, 1), (false, 0)] {
        let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
        let log = if in_the_middle { superseded_in_the_middle(&disk) } else { superseded_twice(&disk) };
        let before = lsns(&disk);
        let ask = PruneOptions { superseded: true, ..PruneOptions::default() };
        let done = log.prune(&ask).unwrap();
        assert!(done.segments.len() == goes && done.segments.iter().all(|s| s.superseded), "{done:?}");
        assert_eq!(lsns(&disk), before);
        assert_eq!(log.prune(&ask).unwrap().segments, [], "a second time there is nothing to do");
        let findings = verify_on(&disk, Path::new(DIR)).unwrap();
        assert!(findings.iter().all(|f| f.severity < Severity::Error), "{findings:?}");
        drop(log);
        let log = filled(&disk, 1);
        assert_eq!(lsns(&disk).len(), before.len() + 1);
        // Once the whole of it is below, nothing that was superseded keeps anything.
        log.prune(&PruneOptions { before_lsn: u64::MAX, ..ask }).unwrap();
        log.close().unwrap();
        prune_on(&disk, Path::new(DIR), &PruneOptions { before_lsn: u64::MAX, ..ask }).unwrap();
        assert_eq!(Reader::open_on(&disk, Path::new(DIR)).unwrap().segments().len(), 1);
    }
}

#[test]
fn a_crash_at_any_step_of_pruning_leaves_a_whole_log() {
    let model = ModelDisk::new();
    let disk: Arc<dyn Disk> = Arc::new(model.clone());
    drop(filled(&disk, 40));
    let log = filled(&disk, 40);
    let before = lsns(&disk);
    let begin = model.steps();
    log.prune(&PruneOptions { before_lsn: 150, superseded: true, ..PruneOptions::default() }).unwrap();
    let mut replay = model.replay();
    for step in begin..=replay.steps() {
        for crash in Crash::all(step as u64) {
            let after: Arc<dyn Disk> = Arc::new(replay.crash(step, crash));
            let errors = errors(&after);
            assert!(errors.is_empty(), "step {step} {crash}: {errors:?}");
            let (log, report) = Log::open_on(Arc::clone(&after), Path::new(DIR), options()).unwrap();
            assert!(report.lossless(), "step {step} {crash}: {report:?}");
            assert!(before.ends_with(&lsns(&after)), "step {step} {crash}");
            log.commit(&[op(0)]).unwrap();
        }
    }
}

fn errors(disk: &Arc<dyn Disk>) -> Vec<Finding> {
    let findings = verify_on(disk, Path::new(DIR)).unwrap();
    findings.into_iter().filter(|f| f.severity == Severity::Error && f.id == "log.begin").collect()
}

fn names(disk: &Arc<dyn Disk>, end: &str) -> Vec<String> {
    let mut all: Vec<String> =
        disk.list(Path::new(DIR)).unwrap().into_iter().map(|n| n.to_string_lossy().into_owned()).collect();
    all.retain(|n| n.ends_with(end));
    all.sort();
    all
}

/// SPEC D7
#[test]
fn a_front_that_nobody_pruned_is_missed() {
    for pruned in [false, true] {
        let model = ModelDisk::new();
        let disk: Arc<dyn Disk> = Arc::new(model.clone());
        let log = filled(&disk, 60);
        if pruned {
            log.prune(&PruneOptions { before_lsn: 50, ..PruneOptions::default() }).unwrap();
        }
        log.close().unwrap();
        let from = Reader::open_on(&disk, Path::new(DIR)).unwrap().first().0;
        assert_eq!(names(&disk, ".first").len(), usize::from(pruned));
        assert_eq!(errors(&disk), []);
        for name in &names(&disk, ".dlog")[..2] {
            disk.remove(&Path::new(DIR).join(name)).unwrap();
        }
        let reader = Reader::open_on(&disk, Path::new(DIR)).unwrap();
        let begins = reader.first().0;
        assert!(from < begins && pruned == (from > 1));
        let missing = format!("LSNs {from} to {} are missing", begins - 1);
        assert_eq!(errors(&disk).first().and_then(|f| f.got.clone()).as_deref(), Some(missing.as_str()));
        let lossy = Reader::open_lossy_on(&disk, Path::new(DIR)).unwrap();
        let first = lossy.transactions_lossy(0).next().unwrap().unwrap_err();
        assert_eq!(first.get_got(), Some(missing.as_str()));
        let recover = |mode, dry_run| {
            recover_on(&disk, Path::new(DIR), &RecoverOptions { mode, dry_run, ..RecoverOptions::default() })
        };
        for e in [
            recover(Mode::Tail, true).unwrap_err(),
            recover(Mode::Strict, false).unwrap_err(),
            Log::open_on(Arc::clone(&disk), Path::new(DIR), options()).map(drop).unwrap_err(),
            prune_on(&disk, Path::new(DIR), &PruneOptions { before_lsn: from, ..PruneOptions::default() }).unwrap_err(),
        ] {
            assert_eq!((e.kind(), e.get_got()), (Kind::Corrupt, Some(missing.as_str())), "{e}");
            assert!(e.get_hint().is_some_and(|h| h.contains("--mode salvage")), "{e}");
        }
        let before = lsns(&disk);
        let dry = recover(Mode::Salvage, true).unwrap();
        let report = recover(Mode::Salvage, false).unwrap();
        assert_eq!((&dry.cuts, dry.kept_transactions), (&report.cuts, before.len() as u64));
        assert_eq!((report.cuts.len(), report.lossless(), report.copied_transactions), (1, false, 0));
        assert_eq!(report.cuts[0].lost_lsns, Some(LsnRange { from, to: Some(begins - 1) }));
        // It is said once.
        assert_eq!((lsns(&disk), errors(&disk)), (before, vec![]));
        assert!(recover(Mode::Strict, false).unwrap().clean);
        let (log, _) = Log::open_on(Arc::clone(&disk), Path::new(DIR), options()).unwrap();
        log.prune(&PruneOptions { before_lsn: 100, ..PruneOptions::default() }).unwrap();
        assert_eq!(names(&disk, ".first"), [format!("{:020}.first", lsns(&disk)[0] - 1)]);
    }
}

/// Whoever prunes says that what is missing is not needed any more.
#[test]
fn a_front_that_is_missing_may_be_pruned() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    filled(&disk, 60).close().unwrap();
    disk.remove(&Path::new(DIR).join(&names(&disk, ".dlog")[0])).unwrap();
    assert_eq!(errors(&disk).len(), 1);
    let copied = compact_on(&disk, Path::new(DIR), Path::new("/copy"), &CompactOptions::default()).unwrap_err();
    assert_eq!(copied.kind(), Kind::Corrupt, "a copy would look whole");
    let begins = Reader::open_on(&disk, Path::new(DIR)).unwrap().first().0;
    let options = PruneOptions { before_lsn: begins, ..PruneOptions::default() };
    assert_eq!(prune_on(&disk, Path::new(DIR), &options).unwrap().segments, []);
    assert_eq!((errors(&disk), names(&disk, ".first")), (vec![], vec![format!("{begins:020}.first")]));
}

/// A recovery that left its first segment behind as a whole goes on with the numbers that it began with.
#[test]
fn a_first_segment_that_was_superseded_is_not_missed() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let (log, _) =
        Log::open_on(Arc::clone(&disk), Path::new(DIR), Options { base_lsn: 500, sync: SyncPolicy::None, ..options() })
            .unwrap();
    log.submit(&[op(1)]).map(|ack| log.settle(ack.lsn)).unwrap().unwrap();
    drop(log);
    let salvage = RecoverOptions { mode: Mode::Salvage, ..RecoverOptions::default() };
    recover_on(&disk, Path::new(DIR), &salvage).unwrap();
    assert_eq!((errors(&disk), lsns(&disk)), (vec![], vec![501]));
    prune_on(&disk, Path::new(DIR), &PruneOptions { superseded: true, ..PruneOptions::default() }).unwrap();
    assert!(!names(&disk, ".dlog").contains(&qx_log::segment_name(1)));
    assert_eq!((errors(&disk), lsns(&disk)), (vec![], vec![501]));
}

#[test]
fn a_folder_without_a_log_is_named() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(prune(dir.path(), &PruneOptions::default()).unwrap_err().kind(), Kind::NotFound);
}

//! Removing segments from the front, at whatever step it is stopped.

use std::path::Path;
use std::sync::Arc;

use qx_formats::Kind;
use qx_formats::container::Severity;
use qx_io::Disk;
use qx_io::model::{Crash, ModelDisk};
use qx_log::{Log, Op, Options, PruneOptions, Reader, prune, prune_on, verify_on};

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
    let cases: [(fn(&Arc<dyn Disk>) -> Log, usize); 2] = [(superseded_in_the_middle, 1), (superseded_twice, 0)];
    for (make, goes) in cases {
        let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
        let log = make(&disk);
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
            let (log, report) = Log::open_on(Arc::clone(&after), Path::new(DIR), options()).unwrap();
            assert!(report.lossless(), "step {step} {crash}: {report:?}");
            assert!(before.ends_with(&lsns(&after)), "step {step} {crash}");
            log.commit(&[op(0)]).unwrap();
        }
    }
}

#[test]
fn a_folder_without_a_log_is_named() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(prune(dir.path(), &PruneOptions::default()).unwrap_err().kind(), Kind::NotFound);
}

//! Threads that commit at the same time: they share syncs, and what each was told holds.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use qx_formats::Kind;
use qx_io::Disk;
use qx_io::model::{Crash, Fault, ModelDisk};
use qx_log::{Log, Op, Options, Reader, SyncPolicy};

const DIR: &str = "/log";

fn put(thread: u64, n: u64) -> Op {
    Op::KvPut { store: "s".into(), key: format!("{thread}/{n}"), kind: 0, value: vec![7; 90], expires_at_us: None }
}

/// Runs something that must not hang.
fn within<T: Send + 'static>(time: Duration, run: impl FnOnce() -> T + Send + 'static) -> T {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || send.send(run()));
    receive.recv_timeout(time).expect("threads wait for one another for ever")
}

fn committed(disk: &Arc<dyn Disk>, dir: &Path) -> Vec<u64> {
    Reader::open_on(disk, dir).unwrap().transactions(0).map(|t| t.unwrap().commit_lsn).collect()
}

#[test]
fn threads_share_syncs_and_each_is_told_the_truth() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_path_buf();
    let stats = within(Duration::from_secs(120), move || {
        let (log, _) = Log::open(&path, Options { rotate_size: 64 << 10, ..Options::default() }).unwrap();
        std::thread::scope(|scope| {
            for t in 0..8 {
                let log = &log;
                scope.spawn(move || {
                    for n in 0..120 {
                        let ack = log.commit(&[put(t, n)]).unwrap();
                        assert!(log.durable_lsn() >= ack.lsn, "acknowledged before it was durable");
                        if t == 3 && n % 40 == 0 {
                            // One that does something else for a while, and one that changes segments.
                            std::thread::sleep(Duration::from_millis(3));
                            log.rotate().unwrap();
                        }
                    }
                });
            }
        });
        let stats = log.stats();
        log.close().unwrap();
        stats
    });
    assert_eq!((stats.commits, stats.errors), (960, 0));
    assert!(stats.syncs < 700, "{} syncs for {} commits", stats.syncs, stats.commits);
    let disk: Arc<dyn Disk> = Arc::new(qx_io::RealDisk);
    let all = committed(&disk, dir.path());
    assert_eq!(all.len(), 960);
    assert!(all.windows(2).all(|w| w[0] < w[1]));
}

/// Several threads, and a disk that fails once, here or there. Nobody waits for ever, nobody is told of success after the
/// failure, and what was acknowledged survives a crash.
#[test]
fn a_failure_reaches_everybody_who_waits() {
    for nth in 0..60 {
        for fault in [Fault::Sync(nth), Fault::Write(nth), Fault::FullWrite(nth)] {
            within(Duration::from_secs(60), move || failing(fault));
        }
    }
}

fn failing(fault: Fault) {
    let model = ModelDisk::new();
    let disk: Arc<dyn Disk> = Arc::new(model.clone());
    let options = Options { rotate_size: 6 << 10, ..Options::default() };
    let (log, _) = Log::open_on(Arc::clone(&disk), Path::new(DIR), options.clone()).unwrap();
    model.inject(fault);
    let told = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for t in 0..5 {
            let (log, told) = (&log, &told);
            scope.spawn(move || {
                for n in 0..12 {
                    match log.commit(&[put(t, n)]) {
                        Ok(ack) => {
                            told.fetch_max(ack.lsn, Ordering::SeqCst);
                        }
                        // A full disk costs the transaction that needed the space, and the next one may find some.
                        Err(e) if e.kind() == Kind::Io => {}
                        Err(e) => {
                            assert_eq!(e.kind(), Kind::Poisoned, "{fault:?}: {e}");
                            break;
                        }
                    }
                }
            });
        }
    });
    drop(log);
    let told = told.into_inner();
    model.heal();
    let after = model.crash(model.steps(), Crash::Lost);
    let disk: Arc<dyn Disk> = Arc::new(after);
    let (log, report) = Log::open_on(Arc::clone(&disk), Path::new(DIR), options).unwrap();
    let found = committed(&disk, Path::new(DIR));
    assert!(found.last().copied().unwrap_or(0) >= told, "{fault:?}: LSN {told} was acknowledged; {report:?}");
    drop(log);
}

#[test]
fn writes_without_syncs_go_on_beside_one_another() {
    let dir = tempfile::tempdir().unwrap();
    for (i, sync) in [SyncPolicy::None, SyncPolicy::Bytes(3000), SyncPolicy::Interval(Duration::from_millis(2))]
        .into_iter()
        .enumerate()
    {
        let path = dir.path().join(i.to_string());
        let at = path.clone();
        within(Duration::from_secs(60), move || {
            let (log, _) = Log::open(&at, Options { sync, rotate_size: 128 << 10, ..Options::default() }).unwrap();
            std::thread::scope(|scope| {
                for t in 0..6 {
                    let log = &log;
                    scope.spawn(move || {
                        (0..500).map(|n| log.commit(&[put(t, n)])).for_each(|done| assert!(done.is_ok()))
                    });
                }
            });
            log.close().unwrap();
        });
        let disk: Arc<dyn Disk> = Arc::new(qx_io::RealDisk);
        assert_eq!(committed(&disk, &path).len(), 3000, "{sync:?}");
    }
}

/// Threads that wait for syncs, for writes, for what others handed in, and one that changes segments: each call ends, and
/// says what is so.
#[test]
fn whatever_threads_wait_for_comes() {
    for sync in [SyncPolicy::Always, SyncPolicy::None, SyncPolicy::Bytes(5000)] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().to_path_buf();
        within(Duration::from_secs(120), move || {
            let (log, _) = Log::open(&path, Options { sync, rotate_size: 64 << 10, ..Options::default() }).unwrap();
            std::thread::scope(|scope| {
                for t in 0..8 {
                    let log = &log;
                    scope.spawn(move || (0..150).for_each(|n| one_way(log, t, n)));
                }
            });
            log.close().unwrap();
        });
        let disk: Arc<dyn Disk> = Arc::new(qx_io::RealDisk);
        assert_eq!(committed(&disk, dir.path()).len(), 1200, "{sync:?}");
    }
}

/// Commits in one of the ways that there are.
fn one_way(log: &Log, thread: u64, n: u64) {
    let ack = log.submit(&[put(thread, n)]).unwrap();
    match (thread + n) % 8 {
        0 => log.write(ack.lsn).unwrap(),
        1 => log.settle(ack.lsn).unwrap(),
        2 => log.settle_within(ack.lsn, Duration::from_millis(1)).unwrap(),
        // What another thread handed in before, and waits for as well.
        3 => log.wait(ack.lsn - 1).unwrap(),
        4 if n.is_multiple_of(5) => log.rotate().unwrap(),
        _ => {
            log.wait(ack.lsn).unwrap();
            assert!(log.durable_lsn() >= ack.lsn, "told before it was durable");
        }
    }
}

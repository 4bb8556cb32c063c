//! The modelled disk: what it keeps, what it loses, and that a case can be named and met again.

use std::path::Path;
use std::sync::Arc;

use qx_io::model::{Crash, Fault, ModelDisk, SECTOR};
use qx_io::{Disk, Publish, RealDisk};

fn path(name: &str) -> std::path::PathBuf {
    Path::new("/d").join(name)
}

fn disk() -> ModelDisk {
    let disk = ModelDisk::new();
    disk.create_dir_all(Path::new("/d")).unwrap();
    disk
}

#[test]
fn what_was_not_synced_is_lost_and_names_need_a_sync_of_their_folder() {
    let d = disk();
    let f = d.create(&path("a")).unwrap();
    f.write_all_at(b"one", 0).unwrap();
    f.sync_data().unwrap();
    assert!(d.crash(d.steps(), Crash::Lost).files().is_empty(), "the name was not synced");
    d.sync_dir(Path::new("/d")).unwrap();
    f.write_all_at(b"two", 0).unwrap();
    assert_eq!(d.crash(d.steps(), Crash::Lost).read(&path("a")).unwrap(), b"one");
    assert_eq!(d.crash(d.steps(), Crash::Kept).read(&path("a")).unwrap(), b"two");
    d.rename(&path("a"), &path("b")).unwrap();
    assert_eq!(d.crash(d.steps(), Crash::Lost).files(), [path("a")]);
    assert_eq!(d.crash(d.steps(), Crash::Kept).files(), [path("b")]);
}

#[test]
fn sectors_and_writes_are_lost_one_by_one() {
    let d = disk();
    let f = d.create(&path("a")).unwrap();
    f.write_all_at(&[1; 3 * SECTOR], 0).unwrap();
    f.sync_data().unwrap();
    d.sync_dir(Path::new("/d")).unwrap();
    f.write_all_at(&[2; 2 * SECTOR], SECTOR as u64 / 2).unwrap();
    f.write_all_at(&[3; 10], 3 * SECTOR as u64 - 10).unwrap();
    let mut torn = std::collections::BTreeSet::new();
    let mut whole = std::collections::BTreeSet::new();
    let mut replay = d.replay();
    for seed in 0..64 {
        torn.insert(replay.crash(d.steps(), Crash::Torn(seed)).read(&path("a")).unwrap());
        whole.insert(replay.crash(d.steps(), Crash::Reordered(seed)).read(&path("a")).unwrap());
    }
    assert_eq!((torn.len(), whole.len()), (16, 4), "three pieces and one; two writes");
    assert!(whole.is_subset(&torn));
}

#[test]
fn a_failed_sync_leaves_what_is_read_but_never_was_written() {
    let d = disk();
    let f = d.create(&path("a")).unwrap();
    d.sync_dir(Path::new("/d")).unwrap();
    f.write_all_at(b"gone", 0).unwrap();
    d.inject(Fault::Sync(0));
    assert!(f.sync_data().is_err());
    f.sync_data().unwrap();
    assert_eq!(d.read(&path("a")).unwrap(), b"gone");
    assert_eq!(d.crash(d.steps(), Crash::Lost).read(&path("a")).unwrap(), b"");
}

#[test]
fn faults_strike_the_call_that_they_count() {
    let d = disk();
    let f = d.create(&path("a")).unwrap();
    d.inject(Fault::Write(1));
    f.write_all_at(b"12345678", 0).unwrap();
    assert!(f.write_all_at(b"abcdefgh", 8).is_err());
    assert_eq!(d.read(&path("a")).unwrap(), b"12345678abcd");
    d.inject(Fault::Space(2));
    assert_eq!(f.write_all_at(b"xyz", 12).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    f.write_all_at(b"xy", 12).unwrap();
    d.inject(Fault::FullWrite(0));
    d.inject(Fault::Space(100));
    assert_eq!(f.write_all_at(b"1234", 14).unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    d.inject(Fault::Read(0));
    assert!(d.open(&path("a")).unwrap().read_at(&mut [0; 4], 0).is_err());
    d.inject(Fault::ShortReads(3));
    assert_eq!(d.open(&path("a")).unwrap().read_at(&mut [0; 8], 0).unwrap(), 3);
    assert_eq!((&d as &dyn Disk).read(&path("a")).unwrap().len(), 16, "whole in spite of it");
    d.heal();
    assert_eq!(d.open(&path("a")).unwrap().read_at(&mut [0; 8], 0).unwrap(), 8);
}

#[test]
fn a_crash_state_can_be_worked_on_and_crashed_again_damage_included() {
    let d = disk();
    (&d as &dyn Disk).publish(&path("a"), Publish::New, b"one").unwrap();
    let after = d.crash(d.steps(), Crash::Lost);
    assert_eq!(after.steps(), 0);
    after.flip(&path("a"), 0, 1).unwrap();
    let again = after.crash(after.steps(), Crash::Lost);
    assert_eq!(again.read(&path("a")).unwrap(), [b'o' ^ 2, b'n', b'e']);
    assert_eq!(again.replay().describe(0), "the beginning");
}

#[test]
fn crashes_are_named_so_that_they_can_be_met_again() {
    for crash in Crash::all(77) {
        assert_eq!(crash.to_string().parse(), Ok(crash));
    }
    assert!("torn".parse::<Crash>().is_err() && "lost:1".parse::<Crash>().is_err());
    let d = disk();
    (&d as &dyn Disk).publish(&path("a"), Publish::New, b"one").unwrap();
    let replay = d.replay();
    let steps: Vec<_> = (0..=replay.steps()).map(|s| replay.describe(s)).collect();
    assert!(steps.contains(&"rename /d/.a.tmp to /d/a".to_owned()), "{steps:?}");
    assert!(steps.contains(&"write 3 bytes at 0 of /d/.a.tmp".to_owned()), "{steps:?}");
}

#[test]
fn publishing_is_atomic_at_every_step() {
    let d = disk();
    (&d as &dyn Disk).publish(&path("a"), Publish::New, b"one").unwrap();
    let old = d.steps();
    (&d as &dyn Disk).publish(&path("a"), Publish::Replace, b"three").unwrap();
    let mut replay = d.replay();
    for step in old..=replay.steps() {
        for crash in Crash::all(step as u64) {
            let bytes = replay.crash(step, crash).read(&path("a")).unwrap();
            assert!(bytes == b"one" || bytes == b"three", "step {step} {crash}: {bytes:?}");
        }
    }
}

/// Both disks answer alike, errors included.
#[test]
fn the_model_and_the_real_disk_agree() {
    let dir = tempfile::tempdir().unwrap();
    let both: [(Arc<dyn Disk>, &Path); 2] = [(Arc::new(disk()), Path::new("/d")), (Arc::new(RealDisk), dir.path())];
    let mut answers = both.map(|(disk, root)| {
        let mut log = Vec::new();
        let mut say = |what: &str, kind: Option<std::io::ErrorKind>| log.push(format!("{what} {kind:?}"));
        let at = |name: &str| root.join(name);
        disk.create_dir_all(&at("x/y")).unwrap();
        say("publish", disk.publish(&at("x/f"), Publish::New, b"1").err().map(|e| e.kind()));
        say("again", disk.publish(&at("x/f"), Publish::New, b"2").err().map(|e| e.kind()));
        say("create", disk.create(&at("x/f")).err().map(|e| e.kind()));
        say("open", disk.open(&at("x/g")).err().map(|e| e.kind()));
        say("remove", disk.remove(&at("x/g")).err().map(|e| e.kind()));
        say("remove dir", disk.remove_dir(&at("x")).err().map(|e| e.kind()));
        say("rename", disk.rename(&at("x/f"), &at("x/y/f")).err().map(|e| e.kind()));
        say("rename_new", disk.rename_new(&at("x/f"), &at("x/h")).err().map(|e| e.kind()));
        say("list", disk.list(&at("nothing")).err().map(|e| e.kind()));
        let stat = disk.stat(&at("x/y/f")).unwrap();
        log.push(format!("{} {}", stat.len, stat.is_dir));
        log.push(format!("{:?} {:?}", disk.list(&at("x")).unwrap(), disk.stat(&at("x")).unwrap().is_dir));
        log.push(format!("{:?}", disk.read(&at("x/y/f")).unwrap()));
        log
    });
    let real = answers[1].split_off(0);
    assert_eq!(answers[0], real);
}

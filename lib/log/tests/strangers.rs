//! Files in a log's folder that are none of its segments - of another log, under a wrong name, under a name that is none -
//! and segments that are missing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::container::Severity;
use qx_formats::{Error, Kind, Result};
use qx_io::Disk;
use qx_io::model::ModelDisk;
use qx_log::{
    Log, Mode, Op, Options, Reader, RecoverOptions, RecoveryReport, Uuid, recover_on, segment_name, verify_on,
};

const DIR: &str = "/log";

fn disk_of(model: &ModelDisk) -> Arc<dyn Disk> {
    Arc::new(model.clone())
}

fn segment(n: u64) -> PathBuf {
    Path::new(DIR).join(segment_name(n))
}

/// Four sealed segments of two transactions each, two LSNs a transaction, and an empty one.
fn log(uuid: u128) -> ModelDisk {
    let model = ModelDisk::new();
    let options = Options { uuid: Some(Uuid::from_u128(uuid)), clock: || 1_795_203_960_000_000, ..Options::default() };
    let (log, _) = Log::open_on(disk_of(&model), Path::new(DIR), options).unwrap();
    for n in 0..4u8 {
        (0..2).for_each(|_| assert!(log.commit(&[Op::Define { json: vec![b'1' + n] }]).is_ok()));
        log.rotate().unwrap();
    }
    log.close().unwrap();
    model
}

fn put(model: &ModelDisk, path: &Path, bytes: &[u8]) {
    let file = disk_of(model).create(path).unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

fn recovered(model: &ModelDisk, mode: Mode) -> Result<RecoveryReport> {
    recover_on(&disk_of(model), Path::new(DIR), &RecoverOptions { mode, ..RecoverOptions::default() })
}

/// Refused in every mode but one that salvages, with the file and what to do.
fn refused(model: &ModelDisk, name: &Path) -> Error {
    let verified = verify_on(&disk_of(model), Path::new(DIR)).unwrap();
    let file = name.file_name().map(|n| n.to_string_lossy().into_owned());
    assert!(verified.iter().any(|f| f.severity == Severity::Error && f.section == file), "{verified:?}");
    let options = Options::default();
    let open = Log::open_on(disk_of(model), Path::new(DIR), options).map(drop).unwrap_err();
    let strict = recovered(model, Mode::Strict).unwrap_err();
    let e = recovered(model, Mode::Tail).unwrap_err();
    for e in [&open, &strict, &e] {
        assert_eq!((e.kind(), e.get_path()), (Kind::Corrupt, Some(name)), "{e}");
        assert!(e.get_hint().is_some_and(|h| h.contains("move it out")), "{e}");
    }
    e
}

/// Commit LSNs of a log that is whole.
fn read(model: &ModelDisk) -> Vec<u64> {
    let verified = verify_on(&disk_of(model), Path::new(DIR)).unwrap();
    assert!(verified.iter().all(|f| f.severity != Severity::Error), "{verified:?}");
    let reader = Reader::open_on(&disk_of(model), Path::new(DIR)).unwrap();
    reader.transactions(0).map(|t| t.unwrap().commit_lsn).collect()
}

const ALL: [u64; 8] = [2, 4, 6, 8, 10, 12, 14, 16];

#[test]
fn a_segment_of_another_log_behind_ours_is_left_out_and_nothing_is_copied() {
    let model = log(1);
    let stranger = log(2).read(&segment(2)).unwrap();
    put(&model, &segment(6), &stranger);
    assert!(refused(&model, &segment(6)).message().contains("another log"));
    let report = recovered(&model, Mode::Salvage).unwrap();
    assert_eq!((report.kept_transactions, report.copied_transactions, report.new_segment), (8, 0, Some(7)));
    assert_eq!(read(&model), ALL);
    assert_eq!(model.read(&segment(6)).unwrap(), stranger);
    assert!(recovered(&model, Mode::Strict).unwrap().clean);
}

#[test]
fn a_segment_of_another_log_in_the_place_of_ours_costs_that_one_alone() {
    for (n, kept) in [(2, [2, 4, 10, 12, 14, 16]), (4, [2, 4, 6, 8, 10, 12])] {
        let model = log(1);
        model.damage(&segment(n), log(2).read(&segment(n)).unwrap()).unwrap();
        assert!(refused(&model, &segment(n)).message().contains("another log"));
        let report = recovered(&model, Mode::Salvage).unwrap();
        assert_eq!(report.kept_transactions, 6, "{report:?}");
        // What stands before it stays where it is.
        assert_eq!(report.copied_transactions, if n == 2 { 4 } else { 0 });
        assert_eq!(read(&model), kept);
    }
}

#[test]
fn a_segment_that_is_missing_costs_that_one_alone() {
    for (n, kept) in [(2, [2, 4, 10, 12, 14, 16]), (3, [2, 4, 6, 8, 14, 16]), (4, [2, 4, 6, 8, 10, 12])] {
        let model = log(1);
        disk_of(&model).remove(&segment(n)).unwrap();
        assert_eq!(recovered(&model, Mode::Tail).unwrap_err().kind(), Kind::Corrupt);
        let report = recovered(&model, Mode::Salvage).unwrap();
        assert_eq!((report.kept_transactions, report.cuts.len()), (6, 1), "{report:?}");
        assert_eq!(read(&model), kept);
        assert!(recovered(&model, Mode::Strict).unwrap().clean);
    }
}

/// Most of the segments say what log it is, not the first.
#[test]
fn a_segment_of_another_log_before_ours_is_to_be_moved_away() {
    let model = log(1);
    model.damage(&segment(1), log(2).read(&segment(1)).unwrap()).unwrap();
    let before = model.files();
    refused(&model, &segment(1));
    let e = recovered(&model, Mode::Salvage).unwrap_err();
    assert_eq!((e.kind(), e.get_path(), model.files()), (Kind::Corrupt, Some(segment(1).as_path()), before), "{e}");
    let lossy = Reader::open_lossy_on(&disk_of(&model), Path::new(DIR)).unwrap();
    let shown: Vec<_> = lossy.transactions_lossy(0).filter_map(|t| t.ok().map(|t| t.commit_lsn)).collect();
    assert_eq!(shown, ALL[2..]);
    disk_of(&model).remove(&segment(1)).unwrap();
    // Nobody pruned what stood there.
    assert_eq!(recovered(&model, Mode::Tail).unwrap_err().get_got(), Some("LSNs 1 to 4 are missing"));
    assert_eq!(recovered(&model, Mode::Salvage).unwrap().kept_transactions, 6);
    assert_eq!(read(&model), ALL[2..]);
    assert!(recovered(&model, Mode::Strict).unwrap().clean);
}

/// SPEC R14
#[test]
fn segments_under_the_names_of_others_are_to_be_renamed_and_nothing_is_lost() {
    // Two that exchanged their names, and one that went behind all others.
    for to in [3, 9] {
        let model = log(1);
        let (two, other) = (model.read(&segment(2)).unwrap(), model.read(&segment(to)).ok());
        match &other {
            Some(other) => {
                model.damage(&segment(2), other.clone()).unwrap();
                model.damage(&segment(to), two.clone()).unwrap();
            }
            None => {
                disk_of(&model).remove(&segment(2)).unwrap();
                put(&model, &segment(to), &two);
            }
        }
        let before = model.files();
        for mode in [Mode::Strict, Mode::Tail, Mode::Salvage] {
            let e = recovered(&model, mode).unwrap_err();
            assert!(e.kind() == Kind::Corrupt && e.message().contains("the name of another"), "{e}");
            assert!(e.get_hint().is_some_and(|h| h.contains("nothing was changed; rename it to 00000000000")), "{e}");
        }
        assert_eq!(model.files(), before);
        let verified = verify_on(&disk_of(&model), Path::new(DIR)).unwrap();
        assert!(verified.iter().any(|f| f.section.as_deref() == Some(&segment_name(to))), "{verified:?}");
        disk_of(&model).remove(&segment(to)).unwrap();
        match other {
            Some(other) => {
                model.damage(&segment(2), two).unwrap();
                put(&model, &segment(to), &other);
            }
            None => put(&model, &segment(2), &two),
        }
        assert_eq!(read(&model), ALL);
        assert!(recovered(&model, Mode::Strict).unwrap().clean);
    }
}

#[test]
fn a_segment_under_two_names_counts_once() {
    let model = log(1);
    let twice = model.read(&segment(2)).unwrap();
    put(&model, &segment(6), &twice);
    assert!(refused(&model, &segment(6)).message().contains("the name of another"));
    assert_eq!(recovered(&model, Mode::Salvage).unwrap().kept_transactions, 8);
    assert_eq!(read(&model), ALL);
    // Names that no segment has: other spellings of a number, and numbers behind which there is none.
    for name in ["0000000000002.dlog", "00000000002.dlog", "18446744073709551615.dlog", "+00000000002.dlog"] {
        let model = log(1);
        put(&model, &Path::new(DIR).join(name), &twice);
        assert_eq!(read(&model), ALL, "{name}");
        assert!(recovered(&model, Mode::Strict).unwrap().clean);
        let (log, _) = Log::open_on(disk_of(&model), Path::new(DIR), Options::default()).unwrap();
        assert_eq!(log.commit(&[]).unwrap().lsn, 17);
    }
}

/// Where no number follows, nothing is written, and it is said.
#[test]
fn the_last_number_there_is_has_none_behind_it() {
    let model = log(1);
    let last = (1u64 << 62) - 1;
    let stranger = log(2).read(&segment(2)).unwrap();
    put(&model, &segment(last), &stranger);
    let e = recovered(&model, Mode::Salvage).unwrap_err();
    assert_eq!((e.kind(), e.get_got()), (Kind::Limit, Some((last + 1).to_string().as_str())), "{e}");
    disk_of(&model).remove(&segment(last)).unwrap();
    assert_eq!(read(&model), ALL);
}

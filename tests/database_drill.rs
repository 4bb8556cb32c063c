//! The crash drill of a whole database keeps its promises, and would find one that is broken.
#![cfg(feature = "engine")]

use std::sync::Arc;

use qx_sql::drill::{DrillOptions, DrillReport, Which, drill};

fn run(seed: u64, samples: u64, actions: u64, forget: Option<&'static str>) -> DrillReport {
    let scratch = tempfile::tempdir().unwrap();
    let forget = forget.map(|text| {
        let forget: qx_io::record::Forget = Arc::new(move |path| path.to_string_lossy().contains(text));
        forget
    });
    let options = DrillOptions {
        seed,
        which: Which::Samples(samples),
        actions,
        scratch: scratch.path().to_path_buf(),
        forget,
        job: qx_io::Job::default(),
    };
    drill(&options).unwrap()
}

#[test]
fn whatever_was_acknowledged_survives_and_nothing_else() {
    let report = run(1, 40, 60, None);
    assert_eq!(report.violations, []);
    assert_eq!(report.cases, 40);
    assert!(report.steps > 200, "{} steps", report.steps);
}

#[test]
fn a_sync_that_is_missing_is_found() {
    for place in ["/wal", "/cold/"] {
        let report = run(2, 30, 30, Some(place));
        assert!(!report.passed(), "syncs of {place} were forgotten, and nobody noticed");
    }
}

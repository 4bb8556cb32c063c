//! The drill keeps its promises; and it finds what is wrong with a log that does not.

use qx_log::SyncPolicy;
use qx_log::drill::{DrillOptions, DrillReport, drill};

fn passed(options: &DrillOptions) -> DrillReport {
    let report = drill(options).unwrap();
    let first: Vec<_> = report.violations.iter().take(5).collect();
    assert!(report.passed(), "{} violations, such as {first:#?}", report.violations.len());
    report
}

#[test]
fn every_case_of_one_seed() {
    let report = passed(&DrillOptions { seed: 1, sync: Some(SyncPolicy::Always), ..DrillOptions::default() });
    for kind in ["crash", "failed sync", "short write", "disk full", "bit flip", "failed read", "short reads"] {
        assert!(report.kinds.get(kind).is_some_and(|k| k.cases > 0), "{kind}: {:?}", report.kinds);
    }
}

/// Two halves, so that two cores share them.
#[test]
fn five_thousand_cases_of_many_seeds() {
    let report = passed(&DrillOptions { seed: 1000, samples: Some(5000), ..DrillOptions::default() });
    assert!(report.cases == 5000 && report.seeds.len() > 10);
}

#[test]
fn five_thousand_more() {
    passed(&DrillOptions { seed: 2000, samples: Some(5000), ..DrillOptions::default() });
}

#[test]
fn a_case_is_named_so_that_it_can_be_met_again() {
    let options = DrillOptions { seed: 7, commits: 10, ..DrillOptions::default() };
    for name in ["7/plain/30/torn:25", "7/sync:3/18446744073709551615/lost", "7/short-reads/7/kept"] {
        let only = Some(name.parse().unwrap());
        let report = passed(&DrillOptions { only, ..options.clone() });
        assert_eq!(report.cases, 1, "{name}");
    }
    let only = Some("7/plain/100000/lost".parse().unwrap());
    assert!(drill(&DrillOptions { only, ..options }).is_err());
}

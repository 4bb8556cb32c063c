//! What moved since the baseline.

use super::baseline::{ClaimRecord, ContenderRecord};
use super::claim::Role;
use super::run;
use super::stats::Estimate;

/// A ratio within this share of the baseline's counts as unmoved.
pub const TOLERANCE: f64 = 0.05;

/// How one contender's ratio stands to the baseline's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Within the tolerance.
    Same,
    /// Slower by more than the tolerance, and the two intervals do not touch.
    Worse,
    /// Faster by more than the tolerance, and the two intervals do not touch.
    Better,
    /// Beyond the tolerance, but the intervals overlap: the noise of the runs explains it as well.
    Unclear,
    /// Not in the baseline.
    New,
    /// In the baseline, but not measured by this run.
    Missing,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Verdict::Same => "same",
            Verdict::Worse => "worse",
            Verdict::Better => "better",
            Verdict::Unclear => "unclear",
            Verdict::New => "new",
            Verdict::Missing => "missing",
        }
    }

    fn of(before: &Estimate, now: &Estimate) -> Verdict {
        let change = now.median / before.median - 1.0;
        if change.abs() <= TOLERANCE {
            Verdict::Same
        } else if now.low > before.high {
            Verdict::Worse
        } else if now.high < before.low {
            Verdict::Better
        } else {
            Verdict::Unclear
        }
    }
}

/// One line of a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct Movement {
    pub claim: String,
    pub contender: String,
    pub role: Role,
    pub before: Option<Estimate>,
    pub now: Option<Estimate>,
    pub verdict: Verdict,
}

impl Movement {
    /// The change of the ratio as a share; 0.05 is 5% slower.
    pub fn change(&self) -> Option<f64> {
        Some(self.now?.median / self.before?.median - 1.0)
    }

    /// Only our own ratios fail a comparison: a peer is as fast as it is. A subject that is no longer measured
    /// could hide anything, so that fails too.
    pub fn fails(&self) -> bool {
        self.role == Role::Subject && matches!(self.verdict, Verdict::Worse | Verdict::Missing)
    }
}

/// Sets a claim's numbers against its record. Either may be missing; against another reference nothing can be said, so
/// everything is new then.
pub fn compare(claim: &str, before: Option<&ClaimRecord>, now: Option<&run::Result>) -> Vec<Movement> {
    let line = |contender: &str, role, before: Option<Estimate>, now: Option<Estimate>| {
        let verdict = match (&before, &now) {
            (Some(b), Some(n)) => Verdict::of(b, n),
            (None, _) => Verdict::New,
            (Some(_), None) => Verdict::Missing,
        };
        Movement { claim: claim.to_owned(), contender: contender.to_owned(), role, before, now, verdict }
    };
    let reference = now.and_then(|n| n.contenders.iter().find(|c| c.role == Role::Reference));
    let before = before.filter(|b| reference.is_none_or(|r| r.name == b.reference));
    let recorded = |name: &str| before.and_then(|b| b.contenders.get(name)).copied();
    let mut lines = Vec::new();
    let measured = now.map(|n| n.contenders.as_slice()).unwrap_or_default();
    for c in measured.iter().filter(|c| c.role != Role::Reference) {
        lines.push(line(&c.name, c.role, recorded(&c.name).map(|r: ContenderRecord| r.ratio), Some(c.ratio)));
    }
    for (name, record) in before.map(|b| &b.contenders).into_iter().flatten() {
        if measured.iter().all(|c| c.name != *name) {
            lines.push(line(name, record.role, Some(record.ratio), None));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::run::Measured;

    fn around(median: f64, spread: f64) -> Estimate {
        Estimate { low: median * (1.0 - spread), median, high: median * (1.0 + spread) }
    }

    fn result(reference: &str, contenders: &[(&str, Role, Estimate)]) -> run::Result {
        let one = |name: &str, role, ratio| Measured { name: name.into(), role, note: "".into(), nanos: ratio, ratio };
        let mut all = vec![one(reference, Role::Reference, around(1.0, 0.0))];
        all.extend(contenders.iter().map(|&(name, role, ratio)| one(name, role, ratio)));
        run::Result { claim: "get".into(), unit: "lookup".into(), contenders: all }
    }

    #[test]
    fn a_verdict_needs_both_five_percent_and_disjoint_intervals() {
        for (before, now, verdict) in [
            (around(1.0, 0.01), around(1.04, 0.001), Verdict::Same),
            (around(1.0, 0.01), around(1.06, 0.01), Verdict::Worse),
            (around(1.0, 0.01), around(0.94, 0.01), Verdict::Better),
            (around(1.0, 0.01), around(1.20, 0.20), Verdict::Unclear),
            (around(1.0, 0.30), around(1.20, 0.01), Verdict::Unclear),
        ] {
            assert_eq!(Verdict::of(&before, &now), verdict, "{before:?} {now:?}");
        }
    }

    #[test]
    fn only_subjects_fail() {
        let old =
            result("chase", &[("ours", Role::Subject, around(2.0, 0.01)), ("map", Role::Peer, around(1.0, 0.01))]);
        let record = ClaimRecord::of(&old);
        let slow =
            result("chase", &[("ours", Role::Subject, around(3.0, 0.01)), ("map", Role::Peer, around(2.0, 0.01))]);
        let lines = compare("get", Some(&record), Some(&slow));
        assert!(lines.iter().all(|l| l.verdict == Verdict::Worse));
        assert_eq!(lines.iter().map(Movement::fails).collect::<Vec<_>>(), [true, false]);
        assert!((lines[0].change().unwrap() - 0.5).abs() < 1e-9);
    }

    #[test]
    fn what_is_gone_fails_and_what_is_new_does_not() {
        let old = result("chase", &[("ours", Role::Subject, around(2.0, 0.01))]);
        let record = ClaimRecord::of(&old);
        let gone = compare("get", Some(&record), None);
        assert_eq!((gone[0].verdict, gone[0].fails()), (Verdict::Missing, true));
        let new = compare("get", None, Some(&old));
        assert_eq!((new[0].verdict, new[0].fails()), (Verdict::New, false));
        // Another reference: the old ratio says nothing about the new one.
        let moved = result("stream", &[("ours", Role::Subject, around(9.0, 0.01))]);
        assert_eq!(compare("get", Some(&record), Some(&moved))[0].verdict, Verdict::New);
    }
}

//! What an earlier run found: ratios, never times.

use std::collections::BTreeMap;
use std::path::Path;

use qx_formats::{Error, Kind, Result};
use qx_io::Publish;
use serde::{Deserialize, Serialize};

use super::claim::Role;
use super::machine::Machine;
use super::run;
use super::stats::Estimate;

const VERSION: u32 = 1;

/// The baseline file: one record per suite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    v: u32,
    suites: BTreeMap<String, SuiteRecord>,
}

/// One suite's record. Each suite says where and how it was measured, since they may be saved one at a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteRecord {
    pub machine: Machine,
    pub quick: bool,
    pub claims: BTreeMap<String, ClaimRecord>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimRecord {
    pub reference: String,
    pub contenders: BTreeMap<String, ContenderRecord>,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContenderRecord {
    pub role: Role,
    pub ratio: Estimate,
}

impl Default for Baseline {
    fn default() -> Self {
        Baseline { v: VERSION, suites: BTreeMap::new() }
    }
}

impl Baseline {
    /// Reads the file; `None` when there is none yet.
    ///
    /// # Errors
    /// `Io`; `Invalid` for anything that is not a baseline; `Unsupported` for a later version.
    pub fn load(path: &Path) -> Result<Option<Baseline>> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(Error::io("read", e).path(path)),
        };
        let invalid = |e| Error::invalid(format!("not a baseline: {e}")).path(path);
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(invalid)?;
        // Asked before the rest, which a later version may have changed.
        if let Some(v) = value.get("v").and_then(serde_json::Value::as_u64)
            && v != u64::from(VERSION)
        {
            return Err(Error::unsupported("unknown version of the baseline").path(path).expected(VERSION).got(v));
        }
        serde_json::from_value(value).map_err(invalid).map(Some)
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// `Io`.
    pub fn save(&self, path: &Path) -> Result<()> {
        let mut text = serde_json::to_vec_pretty(self)
            .map_err(|e| Error::new(Kind::Engine, format!("cannot write the baseline: {e}")))?;
        text.push(b'\n');
        qx_io::write_atomic(path, Publish::Replace, &text)
    }

    pub fn suite(&self, name: &str) -> Option<&SuiteRecord> {
        self.suites.get(name)
    }

    /// Takes in what a run found. Claims that the run did not measure stay if they were measured alike (same computer,
    /// same inputs), and go otherwise, since one record describes all of them.
    pub fn put(&mut self, suite: &str, machine: Machine, quick: bool, results: &[run::Result]) {
        let mut claims = match self.suites.remove(suite) {
            Some(old) if old.machine == machine && old.quick == quick => old.claims,
            _ => BTreeMap::new(),
        };
        claims.extend(results.iter().map(|r| (r.claim.clone(), ClaimRecord::of(r))));
        self.suites.insert(suite.to_owned(), SuiteRecord { machine, quick, claims });
    }
}

impl ClaimRecord {
    pub fn of(result: &run::Result) -> ClaimRecord {
        let reference = result.contenders.iter().find(|c| c.role == Role::Reference);
        ClaimRecord {
            reference: reference.map(|c| c.name.clone()).unwrap_or_default(),
            contenders: result
                .contenders
                .iter()
                .filter(|c| c.role != Role::Reference)
                .map(|c| (c.name.clone(), ContenderRecord { role: c.role, ratio: rounded(c.ratio) }))
                .collect(),
        }
    }
}

/// Four digits are more than any run repeats; the rest would only make noise in a diff.
fn rounded(e: Estimate) -> Estimate {
    let round = |v: f64| format!("{v:.3e}").parse().unwrap_or(v);
    Estimate { low: round(e.low), median: round(e.median), high: round(e.high) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness::run::Measured;

    fn result(claim: &str, ratio: f64) -> run::Result {
        let estimate = Estimate { low: ratio * 0.99, median: ratio, high: ratio * 1.01 };
        let one =
            |name: &str, role| Measured { name: name.into(), role, note: "".into(), nanos: estimate, ratio: estimate };
        let contenders = vec![one("chase", Role::Reference), one("ours", Role::Subject)];
        run::Result { claim: claim.into(), unit: "call".into(), contenders }
    }

    fn here() -> Machine {
        Machine { cpu: "this".into(), cores: 2 }
    }

    #[test]
    fn what_is_saved_is_read_again_and_suites_do_not_disturb_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("baseline.json");
        assert_eq!(Baseline::load(&path).unwrap(), None);
        let mut b = Baseline::default();
        b.put("dict", here(), false, &[result("get", 1.0 / 3.0), result("scan", 2.0)]);
        b.save(&path).unwrap();
        let mut b = Baseline::load(&path).unwrap().unwrap();
        assert_eq!(b.suite("dict").unwrap().claims["get"].contenders["ours"].ratio.median, 0.3333);
        // A filtered run replaces its own claim and leaves the other.
        b.put("dict", here(), false, &[result("get", 9.0)]);
        b.put("log", here(), true, &[result("append", 1.0)]);
        let dict = b.suite("dict").unwrap();
        assert_eq!((dict.claims["get"].contenders["ours"].ratio.median, dict.claims.len()), (9.0, 2));
        // Another computer starts anew.
        b.put("dict", Machine { cpu: "that".into(), cores: 2 }, false, &[result("get", 9.0)]);
        assert_eq!(b.suite("dict").unwrap().claims.len(), 1);
    }

    #[test]
    fn alien_files_are_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("baseline.json");
        for (text, kind) in [
            ("", Kind::Invalid),
            ("[]", Kind::Invalid),
            (r#"{"v":1}"#, Kind::Invalid),
            (r#"{"v":1,"suites":{},"x":0}"#, Kind::Invalid),
            (r#"{"v":2,"other":{}}"#, Kind::Unsupported),
        ] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(Baseline::load(&path).unwrap_err().kind(), kind, "{text}");
        }
        assert_eq!(Baseline::load(dir.path()).unwrap_err().kind(), Kind::Io);
    }
}

//! Full verification: checksums first, then what the specification says about the content.

use super::decode::KvSnap;
use super::layout::*;
use crate::container::Finding;
use crate::container::layout::KIND_PAGE_SUMS;

/// Verifies a whole snapshot.
pub fn verify(bytes: &[u8]) -> Vec<Finding> {
    match KvSnap::open(bytes) {
        Ok(snap) => snap.verify(),
        Err(e) => vec![Finding::from_error("kv.open", &e)],
    }
}

impl<B: AsRef<[u8]>> KvSnap<B> {
    /// See [`verify`].
    pub fn verify(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        self.container.verify(self.bytes(), &mut findings);
        let known = [KIND_META, KIND_ENTRIES, KIND_KEYS, KIND_VALUES, KIND_PAGE_SUMS];
        for section in self.container.sections.iter().filter(|s| !known.contains(&s.kind) || s.flags != 0) {
            let f =
                Finding::error("kv.section", "a section of this kind or with these flags is not part of the format");
            findings.push(f.section(section.name()).offset(section.range.start as u64));
        }
        let uuid = self.container.content_uuid(self.bytes());
        if uuid != self.uuid() {
            let f = Finding::error("kv.uuid", "the file's uuid is not the hash of its content");
            findings.push(f.expected(uuid).got(self.uuid()));
        }
        if findings.is_empty() {
            self.verify_entries(&mut findings);
        }
        findings
    }

    fn verify_entries(&self, findings: &mut Vec<Finding>) {
        let mut last: Option<&str> = None;
        for i in 0..self.len() {
            let e = match self.entry(i) {
                Ok(e) => e,
                Err(e) => {
                    findings.push(Finding::from_error("kv.entry", &e).section("ENTR"));
                    return;
                }
            };
            if last.is_some_and(|last| last >= e.key) {
                findings.push(Finding::error("kv.order", format!("entry {i}: keys do not ascend")).section("KEYS"));
                return;
            }
            if e.lsn > self.lsn() {
                let f = Finding::error("kv.lsn", format!("entry {i} was written after the snapshot"));
                findings.push(f.section("ENTR").expected(format!("at most {}", self.lsn())).got(e.lsn));
                return;
            }
            last = Some(e.key);
        }
    }
}

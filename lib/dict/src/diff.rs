//! What two dictionaries do not have in common.

use std::cmp::Ordering;
use std::path::Path;

use qx_formats::Result;
use qx_formats::dict_seg::{DictSeg, EntryRef, compare_labels};
use qx_io::Job;

/// One difference, in the order of (label, key).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Only the second has the key.
    Added(u64),
    /// Only the first has it.
    Removed(u64),
    /// Both have it, with different ids.
    Changed { from: u64, to: u64 },
}

/// How many there are of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Differences {
    pub added: u64,
    pub removed: u64,
    pub changed: u64,
    /// Pairs that both have.
    pub same: u64,
}

impl Differences {
    pub fn any(&self) -> bool {
        self.added + self.removed + self.changed > 0
    }
}

/// A pair, kept while the other side catches up.
#[derive(Default)]
struct Held {
    label: Vec<u8>,
    key: Vec<u8>,
    id: u64,
    there: bool,
}

impl Held {
    fn set(&mut self, e: Option<EntryRef<'_>>) {
        self.there = e.is_some();
        let Some(e) = e else { return };
        self.label.clear();
        self.label.extend_from_slice(e.label);
        self.key.clear();
        self.key.extend_from_slice(e.key);
        self.id = e.id;
    }
}

/// Walks both in order and hands each difference to `each`: label, key, change. `names` are their paths, for errors.
///
/// # Errors
/// `Corrupt` where one of them is damaged; `Cancelled`; whatever `each` says.
pub fn diff<A: AsRef<[u8]>, B: AsRef<[u8]>>(
    first: &DictSeg<A>,
    second: &DictSeg<B>,
    names: [&Path; 2],
    job: &Job,
    mut each: impl FnMut(&[u8], &[u8], Change) -> Result<()>,
) -> Result<Differences> {
    let mut counts = Differences::default();
    let (mut a, mut b) = (first.cursor(), second.cursor());
    let (mut x, mut y) = (Held::default(), Held::default());
    x.set(a.next_entry().map_err(|e| e.path(names[0]))?);
    y.set(b.next_entry().map_err(|e| e.path(names[1]))?);
    let mut steps = 0u64;
    while x.there || y.there {
        steps += 1;
        if steps.is_multiple_of(4096) {
            job.step(4096)?;
        }
        let order = match (x.there, y.there) {
            (true, false) => Ordering::Less,
            (false, _) => Ordering::Greater,
            (true, true) => compare_labels(&x.label, &y.label).then_with(|| x.key.cmp(&y.key)),
        };
        match order {
            Ordering::Less => {
                counts.removed += 1;
                each(&x.label, &x.key, Change::Removed(x.id))?;
            }
            Ordering::Greater => {
                counts.added += 1;
                each(&y.label, &y.key, Change::Added(y.id))?;
            }
            Ordering::Equal if x.id == y.id => counts.same += 1,
            Ordering::Equal => {
                counts.changed += 1;
                each(&x.label, &x.key, Change::Changed { from: x.id, to: y.id })?;
            }
        }
        if order != Ordering::Greater {
            x.set(a.next_entry().map_err(|e| e.path(names[0]))?);
        }
        if order != Ordering::Less {
            y.set(b.next_entry().map_err(|e| e.path(names[1]))?);
        }
    }
    Ok(counts)
}

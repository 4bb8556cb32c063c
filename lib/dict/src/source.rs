//! The pairs that are left, in order, as an encoder asks for them.

use qx_formats::dict_seg::{Source, SourcePair};
use qx_formats::{Error, Result};
use qx_io::Job;

use crate::pairs::{Labels, Op, Write, Writes};
use crate::resolve::{Group, Groups, Id, Resolved};

/// Pairs walked once more, with the ids that were found, and without those that lost theirs.
pub struct Left<'a> {
    pub sorted: &'a mut (dyn Writes + 'a),
    pub labels: &'a Labels,
    pub resolved: &'a mut Resolved,
    /// Number of a label to its place among those that are used.
    pub places: Vec<usize>,
    pub job: &'a Job,
    ahead: Write,
    more: bool,
    group: Group,
    key: u64,
    dropped: Option<u128>,
}

impl<'a> Left<'a> {
    pub fn new(
        sorted: &'a mut (dyn Writes + 'a),
        labels: &'a Labels,
        resolved: &'a mut Resolved,
        places: Vec<usize>,
        job: &'a Job,
    ) -> Self {
        let group = Group { write: Write::default(), id: Id::Given(0), last: 0 };
        Left {
            sorted,
            labels,
            resolved,
            places,
            job,
            ahead: Write::default(),
            more: false,
            group,
            key: 0,
            dropped: None,
        }
    }
}

impl Left<'_> {
    /// The next pair where each write is one.
    fn next_straight(&mut self) -> Result<Option<SourcePair<'_>>> {
        if self.key.is_multiple_of(4096) {
            self.job.step(4096)?;
        }
        self.key += 1;
        let Some(write) = self.sorted.next_view(self.labels, &mut self.ahead)? else { return Ok(None) };
        let id = match write.op {
            Op::PutId(id) => id,
            _ => self.resolved.first + write.seq,
        };
        let label = self.places.get(write.label as usize).copied().unwrap_or(0);
        Ok(Some(SourcePair { label, key: write.key, id }))
    }
}

impl Source for Left<'_> {
    fn rewind(&mut self) -> Result<()> {
        self.sorted.rewind(self.labels)?;
        self.key = 0;
        if self.resolved.straight {
            return Ok(());
        }
        self.more = self.sorted.next(self.labels, &mut self.ahead)?;
        if let Some(issued) = &mut self.resolved.issued {
            issued.sort()?;
        }
        self.dropped = None;
        if let Some(dropped) = &mut self.resolved.dropped {
            dropped.sort()?;
            self.dropped = dropped.next_number()?;
        }
        Ok(())
    }

    fn next_pair(&mut self) -> Result<Option<SourcePair<'_>>> {
        if self.resolved.straight {
            return self.next_straight();
        }
        loop {
            let found = {
                let mut groups = Groups::resume(self.sorted, self.labels, std::mem::take(&mut self.ahead), self.more);
                let found = groups.next(&mut self.group, |_, _| Ok(()))?;
                (self.ahead, self.more) = groups.pause();
                found
            };
            if !found {
                return Ok(None);
            }
            let key = self.key;
            self.key += 1;
            if key.is_multiple_of(4096) {
                self.job.step(4096)?;
            }
            let id = match (self.group.id, &mut self.resolved.issued) {
                (Id::Given(id), _) => id,
                (Id::Fresh(seq), None) => self.resolved.first + seq,
                (Id::Fresh(_), Some(issued)) => match issued.next_number()? {
                    Some(n) if (n >> 64) as u64 == key => n as u64,
                    _ => return Err(Error::corrupt("the temporary files do not hold what was written to them")),
                },
            };
            if self.dropped == Some(u128::from(key)) {
                self.dropped = self.resolved.dropped.as_mut().map_or(Ok(None), |d| d.next_number())?;
                continue;
            }
            let label = self.places.get(self.group.write.label as usize).copied().unwrap_or(0);
            return Ok(Some(SourcePair { label, key: &self.group.write.key, id }));
        }
    }
}

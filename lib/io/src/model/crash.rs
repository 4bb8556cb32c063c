//! What a crash leaves of a recorded run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::state::{Inode, Snapshot, Step};
use super::{ModelDisk, SECTOR, SplitMix};

/// What becomes of that which was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// All of it is lost.
    Lost,
    /// All of it stays: only the process died.
    Kept,
    /// Each sector is lost or stays by itself, as this seed says; names are lost from some point on.
    Torn(u64),
    /// Each write is lost or stays as a whole, so that later ones may be there without earlier ones.
    Reordered(u64),
}

impl Crash {
    /// One of each kind, the random ones by this seed.
    pub fn all(seed: u64) -> [Crash; 4] {
        [Crash::Lost, Crash::Kept, Crash::Torn(seed), Crash::Reordered(seed)]
    }

    fn seed(self) -> u64 {
        match self {
            Crash::Torn(seed) | Crash::Reordered(seed) => seed,
            Crash::Lost | Crash::Kept => 0,
        }
    }
}

impl std::fmt::Display for Crash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Crash::Lost => f.write_str("lost"),
            Crash::Kept => f.write_str("kept"),
            Crash::Torn(seed) => write!(f, "torn:{seed}"),
            Crash::Reordered(seed) => write!(f, "reordered:{seed}"),
        }
    }
}

impl std::str::FromStr for Crash {
    type Err = String;

    fn from_str(text: &str) -> Result<Crash, String> {
        let wrong = || format!("`{text}` is none of lost, kept, torn:SEED, reordered:SEED");
        let (name, seed) = text.split_once(':').map_or((text, None), |(n, s)| (n, Some(s)));
        let seed = seed.map(|s| s.parse::<u64>().map_err(|_| wrong())).transpose()?;
        match (name, seed) {
            ("lost", None) => Ok(Crash::Lost),
            ("kept", None) => Ok(Crash::Kept),
            ("torn", Some(seed)) => Ok(Crash::Torn(seed)),
            ("reordered", Some(seed)) => Ok(Crash::Reordered(seed)),
            _ => Err(wrong()),
        }
    }
}

/// Goes through the record of a run, from crash to crash. Forwards it does each step once.
#[derive(Debug)]
pub struct Replay {
    begin: Snapshot,
    trace: Vec<Step>,
    now: Snapshot,
    at: usize,
}

impl Replay {
    pub(super) fn new(begin: Snapshot, trace: Vec<Step>) -> Replay {
        Replay { now: begin.clone(), begin, trace, at: 0 }
    }

    /// Changes on record: a crash may come after any of them, and before the first.
    pub fn steps(&self) -> usize {
        self.trace.len()
    }

    /// The disk as it is found after a crash that came when the first `step` changes were made. What it holds is
    /// durable; its own record starts anew, so it can be worked on and crashed again.
    pub fn crash(&mut self, step: usize, crash: Crash) -> ModelDisk {
        if step < self.at {
            self.now = self.begin.clone();
            self.at = 0;
        }
        while self.at < step
            && let Some(step) = self.trace.get(self.at)
        {
            self.now.apply(step);
            self.at += 1;
        }
        ModelDisk::holding(self.now.after(crash))
    }

    /// The last change before a crash at `step`, in words.
    pub fn describe(&self, step: usize) -> String {
        let Some(last) = step.checked_sub(1).and_then(|i| self.trace.get(i)) else {
            return "the beginning".to_owned();
        };
        let name = |inode: usize| self.name_of(inode, step).display().to_string();
        match last {
            Step::MakeDir(dir) => format!("make folder {}", dir.display()),
            Step::RemoveDir(dir) => format!("remove folder {}", dir.display()),
            Step::Create(path, _) => format!("create {}", path.display()),
            Step::Write { inode, at, bytes } => format!("write {} bytes at {at} of {}", bytes.len(), name(*inode)),
            Step::Sync(inode) => format!("sync {}", name(*inode)),
            Step::SyncFailed(inode) => format!("failed sync of {}", name(*inode)),
            Step::Rename(from, to) => format!("rename {} to {}", from.display(), to.display()),
            Step::Remove(path) => format!("remove {}", path.display()),
            Step::SyncDir(dir) => format!("sync folder {}", dir.display()),
            Step::Damage(inode, _) => format!("damage to {}", name(*inode)),
        }
    }

    /// The name that an inode had at a step.
    fn name_of(&self, inode: usize, step: usize) -> PathBuf {
        let mut name = self.begin.live.files.iter().find(|(_, i)| **i == inode).map(|(p, _)| p.clone());
        for step in self.trace.iter().take(step) {
            match step {
                Step::Create(path, i) if *i == inode => name = Some(path.clone()),
                Step::Rename(from, to) if name.as_deref() == Some(from) => name = Some(to.clone()),
                _ => {}
            }
        }
        name.unwrap_or_else(|| Path::new("a removed file").to_path_buf())
    }
}

impl Snapshot {
    fn after(&self, crash: Crash) -> Snapshot {
        let mut random = SplitMix(crash.seed());
        let mut names = Snapshot { durable: self.durable.clone(), ..Snapshot::default() };
        let kept = match crash {
            Crash::Lost => 0,
            Crash::Kept => self.pending_names.len(),
            // A journal keeps the order of changes to names.
            Crash::Torn(_) | Crash::Reordered(_) => random.below(self.pending_names.len() as u64 + 1) as usize,
        };
        for (_, step) in self.pending_names.iter().take(kept) {
            names.settle_name(step);
        }
        names.durable.drop_lost(&self.live);
        let mut after = Snapshot { live: names.durable.clone(), durable: names.durable, ..Snapshot::default() };
        for inode in &self.inodes {
            let bytes = inode.after(crash, &mut random);
            after.inodes.push(Inode { live: Arc::clone(&bytes), durable: bytes, pending: Vec::new() });
        }
        after
    }
}

impl Inode {
    fn after(&self, crash: Crash, random: &mut SplitMix) -> Arc<Vec<u8>> {
        if crash == Crash::Kept {
            return Arc::clone(&self.live);
        }
        let mut bytes = Arc::clone(&self.durable);
        for (at, data) in &self.pending {
            match crash {
                Crash::Lost | Crash::Kept => {}
                Crash::Reordered(_) => {
                    if random.below(2) == 0 {
                        Inode::put(&mut bytes, *at, data);
                    }
                }
                Crash::Torn(_) => {
                    let mut from = 0;
                    while let Some(rest) = data.get(from..).filter(|r| !r.is_empty()) {
                        // Sectors are those of the file, not of the write.
                        let len = (SECTOR - (at + from) % SECTOR).min(rest.len());
                        if random.below(2) == 0 {
                            Inode::put(&mut bytes, at + from, rest.get(..len).unwrap_or(rest));
                        }
                        from += len;
                    }
                }
            }
        }
        bytes
    }
}

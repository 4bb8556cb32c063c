//! What a drill commits, and how.

use std::path::Path;
use std::sync::Arc;

use qx_formats::delta_log::Op;
use qx_io::Disk;
use qx_io::model::{ModelDisk, SplitMix};
use uuid::Uuid;

use super::{Between, DrillOptions};
use crate::{Options, SyncPolicy};

/// Where the log stands on the modelled disk.
pub(super) fn dir() -> &'static Path {
    Path::new("/log")
}

/// Transactions, and the sessions in which they are committed.
#[derive(Debug, Clone)]
pub struct Workload {
    pub seed: u64,
    pub transactions: Vec<Vec<Op>>,
    pub sync: SyncPolicy,
    pub rotate_size: u64,
    /// The session that ends with this transaction is closed cleanly, or not.
    pub sessions: Vec<(usize, bool)>,
    between: Option<Between>,
}

fn clock() -> u64 {
    1_795_203_960_000_000
}

impl Workload {
    /// The workload of a seed.
    pub fn of(options: &DrillOptions, seed: u64) -> Workload {
        let mut random = SplitMix(seed ^ 0xD811);
        let transactions = match &options.recorded {
            Some(all) => all.clone(),
            None => (0..options.commits).map(|n| transaction(n, &mut random)).collect(),
        };
        let any = match random.below(4) {
            0 | 1 => SyncPolicy::Always,
            2 => SyncPolicy::Bytes(1500),
            _ => SyncPolicy::None,
        };
        let count = transactions.len();
        let mut sessions = vec![(count, random.below(2) == 0)];
        if count > 4 {
            let middle = count / 3 + random.below(count as u64 / 3) as usize;
            sessions.insert(0, (middle, random.below(2) == 0));
        }
        let rotate_size = (5 + random.below(12)) << 10;
        Workload {
            seed,
            transactions,
            sync: options.sync.unwrap_or(any),
            rotate_size,
            sessions,
            between: options.between,
        }
    }

    /// The disk as the log sees it; whoever checks looks at the model itself.
    pub(super) fn disk(&self, model: &ModelDisk) -> Arc<dyn Disk> {
        let disk: Arc<dyn Disk> = Arc::new(model.clone());
        self.between.map_or(Arc::clone(&disk), |between| between(disk))
    }

    pub(super) fn options(&self) -> Options {
        Options {
            sync: self.sync,
            rotate_size: self.rotate_size,
            clock,
            uuid: Some(Uuid::from_u128(7)),
            ..Options::default()
        }
    }

    /// For whoever opens the log after a crash.
    pub(super) fn careful(&self) -> Options {
        Options { sync: SyncPolicy::Always, ..self.options() }
    }
}

/// The operations of the n-th transaction: recognizable, of many sizes.
fn transaction(n: u64, random: &mut SplitMix) -> Vec<Op> {
    let count = if random.below(8) == 0 { 30 } else { random.below(4) };
    (0..count).map(|i| operation(n, i, random)).collect()
}

fn operation(n: u64, i: u64, random: &mut SplitMix) -> Op {
    match random.below(4) {
        0 => Op::KvPut {
            store: "drill".into(),
            key: format!("{n}/{i}"),
            kind: 0,
            value: vec![n as u8; random.below(700) as usize],
            expires_at_us: None,
        },
        1 => Op::EdgeUpsert { part: (n % 3) as u32, src: n, dst: i, etype: 1, props: Vec::new() },
        2 => Op::EdgeDelete { part: (n % 3) as u32, src: n, dst: i, etype: 1 },
        _ => Op::NodeUpsert { label: "Drill".into(), key: n.to_le_bytes().to_vec(), id: Some(i), props: Vec::new() },
    }
}

//! Every case of a workload, and which of them are run.

use qx_formats::Result;
use qx_io::Job;
use qx_io::model::{Crash, Fault, Replay, SplitMix};

use super::damage::{Flip, flipped, flips, unreadable};
use super::record::{Trace, record};
use super::workload::Workload;
use super::{CaseName, DrillReport, Violation, check};

/// What goes wrong while a trace is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    Sync(u64),
    Write(u64),
    FullWrite(u64),
    Space(u64),
}

impl Wrong {
    fn fault(self) -> Option<Fault> {
        Some(match self {
            Wrong::Nothing => return None,
            Wrong::Sync(n) => Fault::Sync(n),
            Wrong::Write(n) => Fault::Write(n),
            Wrong::FullWrite(n) => Fault::FullWrite(n),
            Wrong::Space(n) => Fault::Space(n),
        })
    }

    fn name(self) -> String {
        match self {
            Wrong::Nothing => "plain".to_owned(),
            Wrong::Sync(n) => format!("sync:{n}"),
            Wrong::Write(n) => format!("write:{n}"),
            Wrong::FullWrite(n) => format!("full:{n}"),
            Wrong::Space(n) => format!("space:{n}"),
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Wrong::Nothing => "crash",
            Wrong::Sync(_) => "failed sync",
            Wrong::Write(_) => "short write",
            Wrong::FullWrite(_) | Wrong::Space(_) => "disk full",
        }
    }
}

/// One case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Crash { wrong: Wrong, step: usize, crash: Crash },
    Flip(Flip),
    Read(u64),
    ShortReads(u64),
}

impl Case {
    /// The name without the seed.
    pub fn name(&self) -> String {
        match self {
            Case::Crash { wrong, step, crash } => format!("{}/{step}/{crash}", wrong.name()),
            Case::Flip(f) => format!("flip/{}/{}.{}", f.segment, f.byte, f.bit),
            Case::Read(n) => format!("read/{n}/kept"),
            Case::ShortReads(n) => format!("short-reads/{n}/kept"),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Case::Crash { wrong, .. } => wrong.kind(),
            Case::Flip(_) => "bit flip",
            Case::Read(_) => "failed read",
            Case::ShortReads(_) => "short reads",
        }
    }
}

/// The plain trace of a workload, and what can be done to it.
pub(super) struct Plan {
    plain: Trace,
    flips: Vec<Flip>,
    seed: u64,
    syncs: u64,
    writes: u64,
    reads: u64,
    bytes: u64,
}

impl Plan {
    pub fn of(work: &Workload) -> Plan {
        let plain = record(work, None);
        let calls = plain.model.calls();
        let flips = flips(&plain);
        let after = plain.model.crash(plain.model.steps(), Crash::Kept);
        drop(crate::Log::open_on(work.disk(&after), super::workload::dir(), work.careful()));
        let reads = after.calls().reads;
        let (syncs, writes, bytes) = (calls.syncs, calls.writes, calls.grown);
        Plan { plain, flips, seed: work.seed, syncs, writes, reads, bytes }
    }

    /// Every case, in an order in which traces are replayed forwards.
    pub fn all(&self) -> impl Iterator<Item = Case> + '_ {
        let steps = self.plain.model.steps();
        let crashes = |wrong, step: usize, seed: u64| {
            let more = [Crash::Torn(seed ^ 0x5A5A), Crash::Reordered(seed ^ 0xA5A5)];
            Crash::all(seed).into_iter().chain(more).map(move |crash| Case::Crash { wrong, step, crash })
        };
        let seed = self.seed;
        let plain = (0..=steps).flat_map(move |step| crashes(Wrong::Nothing, step, seed ^ step as u64));
        let faults = (0..self.syncs).map(Wrong::Sync);
        let faults = faults.chain((0..self.writes).map(Wrong::Write)).chain((0..self.writes).map(Wrong::FullWrite));
        let faults = faults.chain((0..24).map(|i| Wrong::Space(self.bytes * i / 24)));
        // The steps of these traces are known once they are recorded: the last one stands for them.
        let faulty = faults.flat_map(move |wrong| crashes(wrong, usize::MAX, seed));
        let flips = self.flips.iter().map(|f| Case::Flip(*f));
        let reads = (0..self.reads).map(Case::Read).chain([1, 7, 64].map(Case::ShortReads));
        plain.chain(faulty).chain(flips).chain(reads)
    }

    /// So many of them, by the seed; in the same order.
    pub fn sample(&self, seed: u64, wanted: u64) -> Vec<Case> {
        let mut random = SplitMix(seed ^ 0x5A3B);
        let mut all: Vec<(u64, Case)> = self.all().map(|case| (random.next_u64(), case)).collect();
        let keep = usize::try_from(wanted).unwrap_or(usize::MAX).min(all.len());
        let mut ranks: Vec<u64> = all.iter().map(|c| c.0).collect();
        ranks.sort_unstable();
        if let Some(limit) = ranks.get(keep) {
            all.retain(|c| c.0 < *limit);
        }
        all.into_iter().map(|c| c.1).collect()
    }

    pub fn run(&self, work: &Workload, cases: Vec<Case>, job: &Job, report: &mut DrillReport) -> Result<()> {
        report.steps += self.plain.model.steps() as u64;
        report.transactions += work.transactions.len() as u64;
        let mut plain = self.plain.model.replay();
        let mut faulty: Option<(Wrong, Trace, Replay)> = None;
        for case in cases {
            job.step(1)?;
            let (case, after, done) = match case {
                Case::Crash { wrong: Wrong::Nothing, step, .. } => {
                    let done = crash(work, &self.plain, &mut plain, case);
                    (case, plain.describe(step), done)
                }
                Case::Crash { wrong, crash: how, step } => {
                    if faulty.as_ref().is_none_or(|f| f.0 != wrong) {
                        let trace = record(work, wrong.fault());
                        let replay = trace.model.replay();
                        report.steps += replay.steps() as u64;
                        faulty = Some((wrong, trace, replay));
                    }
                    let Some((_, trace, replay)) = &mut faulty else { continue };
                    let at = Case::Crash { wrong, crash: how, step: step.min(replay.steps()) };
                    let done = match &trace.broken {
                        Some(why) => Err(why.clone()),
                        None => crash(work, trace, replay, at),
                    };
                    let after = replay.describe(replay.steps());
                    (case, after, done)
                }
                Case::Flip(flip) => (case, "the end".to_owned(), flipped(work, &self.plain, flip)),
                Case::Read(n) => (case, "the end".to_owned(), unreadable(work, &self.plain, Fault::Read(n))),
                Case::ShortReads(n) => {
                    let most = usize::try_from(n).unwrap_or(1);
                    (case, "the end".to_owned(), unreadable(work, &self.plain, Fault::ShortReads(most)))
                }
            };
            let broken = done.err().map(|message| self.violation(&case, after, message));
            report.add(case.kind(), broken);
        }
        Ok(())
    }

    fn violation(&self, case: &Case, after: String, message: String) -> Violation {
        let name = CaseName { seed: self.seed, rest: case.name() };
        let step = match case {
            Case::Crash { step, .. } => (*step).min(self.plain.model.steps()) as u64,
            Case::Flip(_) | Case::Read(_) | Case::ShortReads(_) => self.plain.model.steps() as u64,
        };
        Violation { case: name.to_string(), seed: self.seed, step, after, message }
    }
}

fn crash(work: &Workload, trace: &Trace, replay: &mut Replay, case: Case) -> Result<(), String> {
    let Case::Crash { step, crash, .. } = case else { return Ok(()) };
    let after = replay.crash(step, crash);
    check::survive(&after, work, &trace.promises, step)
}

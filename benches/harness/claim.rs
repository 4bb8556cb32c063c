//! What is measured.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a contender is to its claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// What everything else is divided by.
    Reference,
    /// Ours: the only one whose ratio can fail a comparison.
    Subject,
    /// Somebody else's way to the same answer.
    Peer,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Role::Reference => "reference",
            Role::Subject => "subject",
            Role::Peer => "peer",
        }
    }
}

/// What one call of a contender did.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    pub(crate) units: u64,
    pub(crate) answer: Option<u64>,
    pub(crate) untimed: Duration,
}

impl Work {
    /// `units` of work: lookups, records, bytes - whatever the claim counts.
    pub fn units(units: u64) -> Self {
        Work { units, answer: None, untimed: Duration::ZERO }
    }

    /// A digest of what was found. Contenders that give one must agree, or the claim compares different things.
    #[must_use]
    pub fn answer(mut self, answer: u64) -> Self {
        self.answer = Some(answer);
        self
    }

    /// Time inside the call that does not count, such as making room for the next batch.
    #[must_use]
    pub fn untimed(mut self, untimed: Duration) -> Self {
        self.untimed = untimed;
        self
    }
}

type Batch<'a> = Box<dyn FnMut() -> qx_formats::Result<Work> + 'a>;

pub(crate) struct Contender<'a> {
    pub name: String,
    pub role: Role,
    pub note: String,
    pub batch: Batch<'a>,
}

/// One claim: a name, the unit that is counted, and the contenders.
pub struct Claim<'a> {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) contenders: Vec<Contender<'a>>,
}

impl<'a> Claim<'a> {
    /// `unit` is singular: "lookup", "byte", "record".
    pub fn new(name: impl Into<String>, unit: impl Into<String>) -> Self {
        Claim { name: name.into(), unit: unit.into(), contenders: Vec::new() }
    }

    fn with(mut self, role: Role, name: &str, batch: Batch<'a>) -> Self {
        self.contenders.push(Contender { name: name.to_owned(), role, note: String::new(), batch });
        self
    }

    /// What the others are divided by; the first one given counts.
    #[must_use]
    pub fn reference(self, name: &str, batch: impl FnMut() -> qx_formats::Result<Work> + 'a) -> Self {
        self.with(Role::Reference, name, Box::new(batch))
    }

    #[must_use]
    pub fn subject(self, name: &str, batch: impl FnMut() -> qx_formats::Result<Work> + 'a) -> Self {
        self.with(Role::Subject, name, Box::new(batch))
    }

    #[must_use]
    pub fn peer(self, name: &str, batch: impl FnMut() -> qx_formats::Result<Work> + 'a) -> Self {
        self.with(Role::Peer, name, Box::new(batch))
    }

    /// What a reader must know beside the last contender's numbers: its recall, its size.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        if let Some(last) = self.contenders.last_mut() {
            last.note = note.into();
        }
        self
    }
}

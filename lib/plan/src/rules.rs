//! The rules of a session: analyzer, optimizer, physical optimizer, in their order.

use datafusion::execution::SessionState;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::structure::digest_of;

/// The names of a session's rules, in the order in which they run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleSet {
    pub analyzer: Vec<String>,
    pub optimizer: Vec<String>,
    pub physical: Vec<String>,
}

impl RuleSet {
    pub fn of(state: &SessionState) -> RuleSet {
        RuleSet {
            analyzer: state.analyzer().rules.iter().map(|r| r.name().to_owned()).collect(),
            optimizer: state.optimizers().iter().map(|r| r.name().to_owned()).collect(),
            physical: state.physical_optimizers().iter().map(|r| r.name().to_owned()).collect(),
        }
    }

    pub fn fingerprint(&self) -> String {
        digest_of("qx.plan.rules.1", self)
    }

    /// The lists with the names of their stages.
    pub fn stages(&self) -> [(&'static str, &[String]); 3] {
        [("analyzer", &self.analyzer), ("optimizer", &self.optimizer), ("physical", &self.physical)]
    }
}

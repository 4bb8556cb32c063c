//! Overlays: another rule set or other settings for one session, built from an existing one that stays as it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::execution::SessionState;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::optimizer::analyzer::Analyzer;
use datafusion::optimizer::{AnalyzerRule, Optimizer, OptimizerRule};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use qx_formats::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::planning::engine;

/// What is different from the session that it is laid over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlay {
    /// Version of this document.
    pub version: u32,
    #[serde(default)]
    pub analyzer: Change,
    #[serde(default)]
    pub optimizer: Change,
    #[serde(default)]
    pub physical: Change,
    /// Settings by name.
    #[serde(default)]
    pub settings: BTreeMap<String, Setting>,
}

/// Changes to one list of rules, in this order: `exclude`, `add`, `order`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Every rule of such a name is left out.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Rules that the engine has, put at the end or before another one.
    #[serde(default)]
    pub add: Vec<Add>,
    /// These first, in this order; the others follow as they were.
    #[serde(default)]
    pub order: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Add {
    Name(String),
    Before { name: String, before: String },
}

/// A value of a setting; numbers and truth values need no quotes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Setting {
    Bool(bool),
    Number(i64),
    Text(String),
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Setting::Bool(b) => b.fmt(f),
            Setting::Number(n) => n.fmt(f),
            Setting::Text(t) => t.fmt(f),
        }
    }
}

const VERSION: u32 = 1;

impl Overlay {
    /// # Errors
    /// `Unsupported` for another version.
    pub fn check(&self) -> Result<()> {
        if self.version != VERSION {
            return Err(Error::unsupported("the overlay's version").expected(VERSION).got(self.version));
        }
        Ok(())
    }

    /// A new session that differs from `state` as the overlay says.
    ///
    /// # Errors
    /// `Usage` naming the rule or setting that does not exist.
    pub fn apply(&self, state: &SessionState) -> Result<SessionState> {
        self.check()?;
        let mut config = state.config().clone();
        for (name, value) in &self.settings {
            config.options_mut().set(name, &value.to_string()).map_err(|e| {
                Error::usage(format!("setting {name}: {}", engine(e).message()))
                    .hint("`explain rules` and SHOW ALL list names")
            })?;
        }
        // A builder that is told to make a default catalog puts an empty one over the one that is there.
        let made = config.options().catalog.create_default_catalog_and_schema;
        config.options_mut().catalog.create_default_catalog_and_schema = false;
        let mut builder = SessionStateBuilder::new_from_existing(state.clone()).with_config(config);
        if self.analyzer != Change::default() {
            let now = state.analyzer();
            let rules = self.analyzer.apply("analyzer", &now.rules, &Analyzer::new().rules, analyzer_name)?;
            let mut analyzer = Analyzer::with_rules(rules);
            for rewrite in now.function_rewrites() {
                analyzer.add_function_rewrite(Arc::clone(rewrite));
            }
            *builder.analyzer() = Some(analyzer);
        }
        if self.optimizer != Change::default() {
            let stock = Optimizer::new().rules;
            builder = builder.with_optimizer_rules(self.optimizer.apply(
                "optimizer",
                state.optimizers(),
                &stock,
                optimizer_name,
            )?);
        }
        if self.physical != Change::default() {
            let stock = PhysicalOptimizer::new().rules;
            let rules = self.physical.apply("physical", state.physical_optimizers(), &stock, physical_name)?;
            builder = builder.with_physical_optimizer_rules(rules);
        }
        let mut new = builder.build();
        new.config_mut().options_mut().catalog.create_default_catalog_and_schema = made;
        Ok(new)
    }
}

type AnalyzerRef = Arc<dyn AnalyzerRule + Send + Sync>;
type OptimizerRef = Arc<dyn OptimizerRule + Send + Sync>;
type PhysicalRef = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

fn analyzer_name(rule: &AnalyzerRef) -> &str {
    rule.name()
}

fn optimizer_name(rule: &OptimizerRef) -> &str {
    rule.name()
}

fn physical_name(rule: &PhysicalRef) -> &str {
    rule.name()
}

impl Change {
    fn apply<R: Clone>(&self, stage: &str, now: &[R], stock: &[R], name: fn(&R) -> &str) -> Result<Vec<R>> {
        let unknown = |wanted: &str, among: &[R]| {
            let names: Vec<&str> = among.iter().map(name).collect();
            Error::usage(format!("there is no {stage} rule {wanted}"))
                .expected(names.join(", "))
                .hint("`explain rules` lists them")
        };
        let mut rules = now.to_vec();
        for wanted in &self.exclude {
            if !rules.iter().any(|r| name(r) == wanted) {
                return Err(unknown(wanted, &rules));
            }
            rules.retain(|r| name(r) != wanted);
        }
        for add in &self.add {
            let (wanted, before) = match add {
                Add::Name(name) => (name, None),
                Add::Before { name, before } => (name, Some(before)),
            };
            let from = now.iter().chain(stock).find(|r| name(r) == wanted);
            let rule = from.cloned().ok_or_else(|| unknown(wanted, &[now, stock].concat()))?;
            let at = match before {
                None => rules.len(),
                Some(before) => rules.iter().position(|r| name(r) == before).ok_or_else(|| unknown(before, &rules))?,
            };
            rules.insert(at, rule);
        }
        let mut ordered = Vec::with_capacity(rules.len());
        for wanted in &self.order {
            let at = rules.iter().position(|r| name(r) == wanted).ok_or_else(|| unknown(wanted, &rules))?;
            ordered.push(rules.remove(at));
        }
        ordered.extend(rules);
        Ok(ordered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strs(list: &[&'static str], change: &Change) -> Result<Vec<&'static str>> {
        change.apply("optimizer", list, &["a", "z"], |r| r)
    }

    #[test]
    fn rules_are_left_out_added_and_moved_and_unknown_ones_named() {
        let change = |exclude: &[&str], add: Vec<Add>, order: &[&str]| Change {
            exclude: exclude.iter().map(|s| (*s).to_owned()).collect(),
            add,
            order: order.iter().map(|s| (*s).to_owned()).collect(),
        };
        let list = ["a", "b", "a", "c"];
        assert_eq!(strs(&list, &change(&["a"], vec![], &[])).unwrap(), ["b", "c"]);
        let before = Add::Before { name: "z".into(), before: "b".into() };
        assert_eq!(strs(&list, &change(&[], vec![before], &["c"])).unwrap(), ["c", "a", "z", "b", "a"]);
        assert_eq!(strs(&list, &change(&["c"], vec![Add::Name("c".into())], &[])).unwrap(), ["a", "b", "a", "c"]);
        for wrong in [
            change(&["x"], vec![], &[]),
            change(&[], vec![Add::Name("x".into())], &[]),
            change(&[], vec![], &["x"]),
            change(&[], vec![], &["c", "c"]),
        ] {
            let e = strs(&list, &wrong).unwrap_err().to_string();
            assert!(e.contains("there is no optimizer rule"), "{e}");
        }
    }
}

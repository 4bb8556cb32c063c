//! The plan bundle: one statement's plan and everything it depends on, as a versioned document.
//!
//! It holds no time, no path of a machine and nothing in an order that is not fixed: the same input gives the same
//! bytes. What was measured (`measured`) is the exception, and is there only when it was asked for.

use std::collections::BTreeMap;

use qx_formats::{Error, Kind, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::measure::Measured;
use crate::params::Parameter;
use crate::planning::Delta;
use crate::providers::Provider;
use crate::rules::RuleSet;
use crate::schema::ColumnInfo;
use crate::structure::Node;
use crate::summary::Summary;

/// Name of the format.
pub const FORMAT: &str = "qx.plan";
/// Version that this build writes. Members are added without a new one.
pub const VERSION: u32 = 1;
/// Largest document that is read.
pub const MAX_BYTES: u64 = 256 << 20;

/// One statement's plan, and what it depends on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bundle {
    /// `qx.plan`.
    pub format: String,
    pub version: u32,
    pub engine: Engine,
    pub statement: StatementInfo,
    pub summary: Summary,
    /// P0 as written, P1 optimized, P2 physical.
    pub stages: Vec<Stage>,
    pub fingerprints: Prints,
    pub rules: RuleSet,
    /// Every setting by name; null where it has no value.
    pub settings: BTreeMap<String, Option<String>>,
    pub providers: Vec<Provider>,
    /// What each rule did, when that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deltas: Vec<Delta>,
    /// What a run came to, when that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measured>,
    pub substrait: Substrait,
    pub capabilities: Vec<Capability>,
    /// Literals and names were taken out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redacted: bool,
}

/// Who made the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Engine {
    /// `datafusion`.
    pub name: String,
    pub version: String,
    /// Version of this toolkit.
    pub tool: String,
}

/// The statement.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StatementInfo {
    /// `query`, `insert`, `delete`, `create_table`, `create_vector_index`, ...
    pub kind: String,
    /// As it was given.
    pub sql: String,
    /// Written anew from the plan; none where the engine cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unparsed: Option<String>,
    /// Why it could not be written anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unparsed_reason: Option<String>,
    /// What the statement changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// What the area of the store that runs it says about it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub facts: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
}

/// One stage of planning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Stage {
    /// `P0`, `P1` or `P2`.
    pub name: String,
    pub title: String,
    /// Digest over operators, edges and relations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<String>,
    /// Digest over everything but estimates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<String>,
    /// Fingerprint of the columns that come out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnInfo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Node>,
    /// Why there is no plan at this stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Fingerprints of what a plan depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Prints {
    pub statement: String,
    pub schema: String,
    pub providers: String,
    pub rules: String,
    pub settings: String,
    /// The functions that the session has.
    pub functions: String,
}

/// The plan for other engines.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Substrait {
    /// Of a substrait.Plan message, in base 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<String>,
    /// Why there are none: the node and the feature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a bundle can hold, and whether this one does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capability {
    pub name: String,
    /// `yes`, `no` (it cannot be had) or `off` (it was not asked for).
    pub state: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Bundle {
    pub fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|s| s.name == name)
    }

    /// The document: indented, ended by a newline.
    ///
    /// # Errors
    /// `Usage` when a value cannot be written as JSON, which none of these types allow.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes =
            serde_json::to_vec_pretty(self).map_err(|e| Error::usage(format!("a plan that cannot be written: {e}")))?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The physical plan's nodes with what was measured of each, parents first; `None` where the run had another plan.
    pub fn runs(&self) -> Vec<Option<&crate::measure::OperatorRun>> {
        let Some(plan) = self.stage("P2").and_then(|s| s.plan.as_ref()) else { return Vec::new() };
        let mut ops = Vec::new();
        children_first(plan, &mut ops);
        let runs = self.measured.as_ref().map(|m| m.operators.as_slice()).unwrap_or_default();
        let same = runs.len() == ops.len() && runs.iter().zip(&ops).all(|(r, op)| r.op == *op);
        (0..ops.len()).map(|i| if same { runs.get(i) } else { None }).collect()
    }
}

fn children_first<'a>(node: &'a Node, out: &mut Vec<&'a str>) {
    out.push(&node.op);
    node.children.iter().for_each(|c| children_first(c, out));
}

/// Reads a bundle, and checks that its digests are of what it holds, since comparisons go by them. Those of a redacted
/// one are of what was taken out of it, and are believed.
///
/// # Errors
/// `Invalid` with the place for what is not a bundle, and for one that was changed; `Unsupported` for another version;
/// `Limit`.
pub fn parse(bytes: &[u8]) -> Result<Bundle> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::limit("bytes of a plan bundle", MAX_BYTES, bytes.len() as u64));
    }
    #[derive(Deserialize)]
    struct Head {
        format: Option<String>,
        version: Option<u64>,
    }
    let head: Head = serde_json::from_slice(bytes).map_err(|e| Error::invalid(format!("not a plan bundle: {e}")))?;
    if head.format.as_deref() != Some(FORMAT) {
        let got = head.format.unwrap_or_else(|| "no format".to_owned());
        return Err(Error::invalid("not a plan bundle").expected(FORMAT).got(got));
    }
    if head.version != Some(u64::from(VERSION)) {
        let got = head.version.map_or_else(|| "none".to_owned(), |v| v.to_string());
        return Err(Error::new(Kind::Unsupported, "the bundle's version").expected(VERSION).got(got));
    }
    let bundle: Bundle =
        serde_json::from_slice(bytes).map_err(|e| Error::invalid(format!("not a plan bundle: {e}")))?;
    crate::prints::check(&bundle)?;
    Ok(bundle)
}

/// The JSON Schema of the document.
pub fn json_schema() -> Value {
    let mut schema = schemars::schema_for!(Bundle).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("$id".to_owned(), format!("urn:qx:plan:{VERSION}").into());
        object.insert("title".to_owned(), "qx plan bundle".into());
    }
    schema
}

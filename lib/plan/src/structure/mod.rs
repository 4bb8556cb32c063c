//! A plan as data: operators, edges and expressions in one canonical form, for logical and physical plans alike.
//!
//! Digests are taken over this, never over rendered text. `shape` covers operators, edges and the relations that are
//! read; `full` covers every attribute and expression besides. Estimates belong to neither: they are costs.

mod digest;
mod logical;
mod logical_expr;
mod physical;
mod physical_expr;
mod text;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use digest::{digest_of, digest_parts};
pub use logical::logical;
pub(crate) use logical::relation;
pub use physical::physical;
pub(crate) use physical::{Names, physical_bare, physical_named};

/// One operator with its inputs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// The operator: `Filter`, `Join`, `HashJoinExec`.
    pub op: String,
    /// What counts for the shape beside the operator: the relation that is read, the kind of a join.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shape: BTreeMap<String, String>,
    /// Further attributes, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub detail: BTreeMap<String, String>,
    /// Expressions by their role: `predicate`, `group`, `on`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub exprs: BTreeMap<String, Vec<Expression>>,
    /// What the planner expects to come out; not part of any digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
}

/// Rows and bytes that the planner expects, as `12` (exact) or `~12` (estimated).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Estimate {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<Figure>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<Figure>,
}

/// A number that is known, or guessed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Figure {
    pub value: u64,
    pub exact: bool,
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", if self.exact { "" } else { "~" }, self.value)
    }
}

/// One expression with its arguments.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Expression {
    /// `column`, `literal`, `binary`, `call`, `cast`, `alias`, `sort`, ...
    pub e: String,
    /// Of a column, operator, function or alias.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Relation of a column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relation: Option<String>,
    /// Type of a literal, placeholder or cast, in Arrow's notation.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub data_type: Option<String>,
    /// Value of a literal; none for null.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `distinct`, `negated`, `desc`, ...
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Expression>,
    /// Plan of a subquery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Box<Node>>,
}

impl Expression {
    fn json_depth(&self) -> usize {
        let args = self.args.iter().map(|a| 1 + a.json_depth()).max();
        let plan = self.plan.as_ref().map(|p| p.json_depth());
        1 + args.max(plan).unwrap_or(1)
    }
}

impl Node {
    pub fn new(op: impl Into<String>) -> Self {
        Node { op: op.into(), ..Node::default() }
    }

    pub(crate) fn shape(mut self, name: &str, value: impl ToString) -> Self {
        self.shape.insert(name.to_owned(), value.to_string());
        self
    }

    pub(crate) fn detail(mut self, name: &str, value: impl ToString) -> Self {
        self.detail.insert(name.to_owned(), value.to_string());
        self
    }

    pub(crate) fn maybe(self, name: &str, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.detail(name, value),
            None => self,
        }
    }

    /// Expressions in a role; none leave no trace.
    pub(crate) fn exprs(mut self, role: &str, exprs: impl IntoIterator<Item = Expression>) -> Self {
        let exprs: Vec<_> = exprs.into_iter().collect();
        if !exprs.is_empty() {
            self.exprs.insert(role.to_owned(), exprs);
        }
        self
    }

    /// How deep the JSON of this node nests.
    pub(crate) fn json_depth(&self) -> usize {
        let exprs = self.exprs.values().flatten().map(|e| 2 + e.json_depth()).max();
        let children = self.children.iter().map(|c| 1 + c.json_depth()).max();
        1 + exprs.max(children).unwrap_or(1)
    }

    /// Calls `f` on this node and all below it, subqueries included, parents first.
    pub fn visit<'a>(&'a self, f: &mut dyn FnMut(&'a Node, usize)) {
        self.visit_at(0, f);
    }

    fn visit_at<'a>(&'a self, depth: usize, f: &mut dyn FnMut(&'a Node, usize)) {
        f(self, depth);
        for expr in self.exprs.values().flatten() {
            expr.visit(&mut |e| {
                if let Some(plan) = &e.plan {
                    plan.visit_at(depth + 1, f);
                }
            });
        }
        for child in &self.children {
            child.visit_at(depth + 1, f);
        }
    }

    /// Takes the literals out, as texts, in the order of the plan.
    pub(crate) fn take_literals(&mut self, out: &mut Vec<String>) {
        fn take(e: &mut Expression, out: &mut Vec<String>) {
            if e.e == "literal" {
                out.push(e.to_string());
                (e.value, e.data_type) = (None, None);
            }
            e.args.iter_mut().for_each(|a| take(a, out));
            if let Some(plan) = &mut e.plan {
                plan.take_literals(out);
            }
        }
        for name in ["fetch", "skip"] {
            out.extend(self.detail.remove(name));
        }
        self.exprs.values_mut().flatten().for_each(|e| take(e, out));
        self.children.iter_mut().for_each(|c| c.take_literals(out));
    }

    /// The operator and its attributes in one line.
    pub fn line(&self) -> String {
        text::line(self)
    }

    /// Expressions, then attributes, as name and text.
    pub fn properties(&self) -> Vec<(String, String)> {
        text::properties(self)
    }
}

impl Expression {
    pub(crate) fn new(e: &str) -> Self {
        Expression { e: e.to_owned(), ..Expression::default() }
    }

    pub(crate) fn named(e: &str, name: impl Into<String>) -> Self {
        Expression { e: e.to_owned(), name: Some(name.into()), ..Expression::default() }
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = Expression>) -> Self {
        self.args.extend(args);
        self
    }

    pub(crate) fn flag(mut self, flag: &str, on: bool) -> Self {
        if on {
            self.flags.push(flag.to_owned());
        }
        self
    }

    pub(crate) fn typed(mut self, data_type: impl ToString) -> Self {
        self.data_type = Some(data_type.to_string());
        self
    }

    /// Calls `f` on this expression and its arguments, not on the expressions of subqueries.
    pub fn visit<'a>(&'a self, f: &mut dyn FnMut(&'a Expression)) {
        f(self);
        for arg in &self.args {
            arg.visit(f);
        }
    }
}

impl std::fmt::Display for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&text::expression(self))
    }
}

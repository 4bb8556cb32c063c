//! What is different between two bundles: causes first, then what followed from them.
//!
//! A cause is something that the plan depends on: the statement, a relation's schema, content or statistics, the
//! rules, the settings, the functions, the engine. An effect is a difference of the plan itself. So a literal that
//! changed is named once, as a change of the statement, and the stages that differ because of it are named as effects.

mod causes;
mod effects;
pub mod html;
pub mod lines;
pub mod text;

use std::fmt;
use std::str::FromStr;

use qx_formats::{Error, Result};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::bundle::Bundle;

/// What kind of thing is different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Its text, kind or parameters.
    Statement,
    /// Columns of a relation.
    Schema,
    /// Version, files or rows of a relation.
    Content,
    /// What the planner knows of a relation, at the same content.
    Statistics,
    /// Indexes on a relation.
    Indexes,
    /// Whatever else a relation's owner says.
    Facts,
    Rules,
    Settings,
    Functions,
    Engine,
    /// Operators, edges or relations of a stage.
    Shape,
    /// Expressions or attributes of a stage, at the same shape.
    Detail,
    /// Columns that come out.
    Output,
    /// What the planner expects.
    Costs,
}

/// Every category, in the order in which changes are told.
pub const CATEGORIES: [Category; 14] = [
    Category::Statement,
    Category::Schema,
    Category::Content,
    Category::Statistics,
    Category::Indexes,
    Category::Facts,
    Category::Rules,
    Category::Settings,
    Category::Functions,
    Category::Engine,
    Category::Shape,
    Category::Detail,
    Category::Output,
    Category::Costs,
];

impl Category {
    pub fn name(self) -> &'static str {
        match self {
            Category::Statement => "statement",
            Category::Schema => "schema",
            Category::Content => "content",
            Category::Statistics => "statistics",
            Category::Indexes => "indexes",
            Category::Facts => "facts",
            Category::Rules => "rules",
            Category::Settings => "settings",
            Category::Functions => "functions",
            Category::Engine => "engine",
            Category::Shape => "shape",
            Category::Detail => "detail",
            Category::Output => "output",
            Category::Costs => "costs",
        }
    }

    /// Whether a plan depends on it, rather than shows it.
    pub fn is_cause(self) -> bool {
        self < Category::Shape
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    pub category: Category,
    /// A cause rather than an effect.
    pub cause: bool,
    /// What it is about: a relation, a setting, a rule, a stage.
    pub subject: String,
    /// In words.
    pub what: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<String>,
}

impl Change {
    pub(crate) fn new(category: Category, subject: impl Into<String>, what: impl Into<String>) -> Self {
        let (subject, what) = (subject.into(), what.into());
        Change { category, cause: category.is_cause(), subject, what, left: None, right: None }
    }

    pub(crate) fn values(mut self, left: Option<impl ToString>, right: Option<impl ToString>) -> Self {
        self.left = left.map(|v| v.to_string());
        self.right = right.map(|v| v.to_string());
        self
    }
}

/// Everything that is different.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diff {
    /// Version of this document.
    pub v: u32,
    /// Nothing is different, beside what was to be ignored.
    pub same: bool,
    pub changes: Vec<Change>,
    /// What to bear in mind: other engine versions, a text that is written differently.
    pub warnings: Vec<String>,
}

/// What to leave out, and what to fail on.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Leave these out of the answer.
    pub ignore: Vec<Selector>,
    /// Only these make the answer `differs`; any, when there are none.
    pub fail_on: Vec<Selector>,
}

/// A category, or one subject of it: `settings:datafusion.execution.batch_size`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    categories: Vec<Category>,
    subject: Option<String>,
}

impl FromStr for Selector {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, subject) = match text.split_once(':') {
            Some((name, subject)) => (name, Some(subject.to_owned())),
            None => (text, None),
        };
        let categories = match name {
            // The plan in full is its shape and its detail; providers are what is known of relations.
            "full" => vec![Category::Shape, Category::Detail, Category::Output],
            "providers" => vec![Category::Content, Category::Statistics, Category::Indexes, Category::Facts],
            _ => CATEGORIES.iter().copied().filter(|c| c.name() == name).collect(),
        };
        if categories.is_empty() {
            let names: Vec<&str> = CATEGORIES.iter().map(|c| c.name()).collect();
            return Err(Error::usage(format!("`{name}` is not a kind of change"))
                .expected(format!("{}, full or providers", names.join(", "))));
        }
        Ok(Selector { categories, subject })
    }
}

impl Selector {
    fn takes(&self, change: &Change) -> bool {
        self.categories.contains(&change.category)
            && self.subject.as_ref().is_none_or(|s| change.subject.starts_with(s.as_str()))
    }
}

impl Diff {
    /// Compares two bundles.
    pub fn of(left: &Bundle, right: &Bundle) -> Diff {
        let mut diff = Diff { v: 1, ..Diff::default() };
        causes::add(left, right, &mut diff);
        effects::add(left, right, &mut diff);
        diff.changes.sort_by_key(|c| c.category);
        diff.same = diff.changes.is_empty();
        diff
    }

    /// Leaves out what is to be ignored, and judges the rest.
    #[must_use]
    pub fn judged(mut self, rules: &Rules) -> Diff {
        self.changes.retain(|c| !rules.ignore.iter().any(|s| s.takes(c)));
        let counts = |c: &Change| rules.fail_on.is_empty() || rules.fail_on.iter().any(|s| s.takes(c));
        self.same = !self.changes.iter().any(counts);
        self
    }

    /// The categories of causes that are there, without repetition.
    pub fn causes(&self) -> Vec<Category> {
        let mut found: Vec<Category> = self.changes.iter().filter(|c| c.cause).map(|c| c.category).collect();
        found.dedup();
        found
    }
}

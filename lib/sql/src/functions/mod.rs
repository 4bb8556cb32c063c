//! Table functions over graphs and vector indexes, and their signatures.

mod artifacts;
pub(crate) mod distance;
mod files;
mod found;
mod graph;
pub(crate) mod literal;
mod reach;
mod vector;

use std::fmt;
use std::sync::Arc;

use datafusion::prelude::SessionContext;
use qx_store::catalog::Catalog;

pub(crate) use self::found::GraphSearch;
use crate::current::Current;
use crate::settings::{self, Origin, Settings};
use crate::vector::hint;
use crate::{exact, overflow};

/// Name and parameters of a table function; the first `required` parameters must be given.
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [&'static str],
    pub(crate) required: usize,
}

const SIGNATURES: &[Signature] = &[
    graph::NEIGHBORS,
    graph::REACH,
    graph::PATHS,
    graph::NODES,
    graph::EDGES,
    vector::SEARCH,
    vector::NEIGHBORS,
    files::JSON,
    artifacts::LOG,
    artifacts::DICT,
    artifacts::VDATA,
];

impl Signature {
    pub(crate) fn find(name: &str) -> Option<&'static Signature> {
        SIGNATURES.iter().find(|s| s.name == name)
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (required, optional) = self.parameters.split_at(self.required);
        write!(f, "{}({}", self.name, required.join(", "))?;
        if !optional.is_empty() {
            write!(f, " [, {}]", optional.join(", "))?;
        }
        f.write_str(")")
    }
}

/// What the functions work on.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) current: Arc<Current>,
    pub(crate) settings: Arc<Settings>,
}

impl Source {
    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.current.view().catalog()
    }

    /// The value of a knob, whoever decides it.
    pub(crate) fn value(&self, name: &str) -> String {
        let database = &self.catalog().settings;
        settings::find(name).map_or_else(String::new, |knob| self.settings.get(knob, database).0)
    }

    /// What a search keeps in mind, where somebody says so; else the index says it.
    pub(crate) fn ef_search(&self) -> Option<usize> {
        self.set_to("vector.search.ef_search").and_then(|text| text.parse().ok())
    }

    /// How many candidates the first phase of a search gives for each row: SET, the index's own, or what else is said.
    pub(crate) fn preselect_alpha(&self, own: Option<u32>) -> usize {
        let Some(knob) = settings::find("vector.preselect_alpha") else { return 1 };
        let (value, origin) = self.settings.get(knob, &self.catalog().settings);
        let said = value.parse().unwrap_or(1);
        own.filter(|_| origin > Origin::Table).map_or(said, |n| n as usize)
    }

    /// What somebody set a knob to; `None` where the default holds.
    pub(crate) fn set_to(&self, name: &str) -> Option<String> {
        let (value, origin) = self.settings.get(settings::find(name)?, &self.catalog().settings);
        (origin != Origin::Default).then_some(value)
    }
}

pub(crate) fn register(context: &SessionContext, source: &Arc<Source>) {
    graph::register(context, source);
    reach::register(context, source);
    vector::register(context, source);
    distance::register(context);
    hint::register(context);
    exact::register(context);
    overflow::register(context);
    files::register(context, source);
    artifacts::register(context);
}

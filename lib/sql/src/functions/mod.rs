//! Table functions over graphs and vector indexes, and their signatures.

mod graph;
mod literal;
mod reach;
mod vector;

use std::fmt;
use std::sync::Arc;

use datafusion::prelude::SessionContext;
use qx_store::Store;
use qx_store::catalog::Catalog;

use crate::current::Current;
use crate::settings::{self, Origin, Settings};

/// Name and parameters of a table function; the first `required` parameters must be given.
pub(crate) struct Signature {
    pub(crate) name: &'static str,
    pub(crate) parameters: &'static [&'static str],
    pub(crate) required: usize,
}

const SIGNATURES: &[Signature] =
    &[graph::NEIGHBORS, graph::REACH, graph::PATHS, graph::NODES, graph::EDGES, vector::SEARCH];

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
    pub(crate) fn store(&self) -> Arc<Store> {
        self.current.store()
    }

    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        self.current.view().catalog()
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
}

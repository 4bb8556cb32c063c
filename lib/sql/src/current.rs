//! What the session's catalog and functions look at: the view of the moment, and the graph in use.

use std::sync::{Arc, PoisonError, RwLock};

use qx_store::View;
use qx_store::names::ObjectName;

use crate::graph::Cache;
use crate::vector;

#[derive(Debug)]
pub(crate) struct Current {
    view: RwLock<Arc<View>>,
    graph: RwLock<Option<ObjectName>>,
    graphs: Cache,
    vectors: vector::Cache,
}

impl Current {
    pub(crate) fn new(view: Arc<View>) -> Self {
        Current {
            view: RwLock::new(view),
            graph: RwLock::new(None),
            graphs: Cache::default(),
            vectors: vector::Cache::default(),
        }
    }

    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn set_view(&self, view: Arc<View>) {
        *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
    }

    /// The graphs that were loaded.
    pub(crate) fn graphs(&self) -> &Cache {
        &self.graphs
    }

    /// The vector indexes that were opened.
    pub(crate) fn vectors(&self) -> &vector::Cache {
        &self.vectors
    }

    pub(crate) fn graph(&self) -> Option<ObjectName> {
        self.graph.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_graph(&self, graph: Option<ObjectName>) {
        *self.graph.write().unwrap_or_else(PoisonError::into_inner) = graph;
    }
}

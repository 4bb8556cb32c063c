//! Plans as artifacts, on the engine alone: the same input gives the same bytes, every prepared change is named.

mod changes;
mod forms;
mod rules;
#[cfg(feature = "substrait")]
mod substrait;
mod support;
mod tpch;

//! The rules of the house, as tests: which layer may know which, where versions stand, how large things grow, and
//! that nothing half-done or half-forgotten lies about.
//!
//! They read files and run nothing, so they need the Rust toolchain and a moment. What a rule must leave out for a
//! reason stands in `house/exceptions.toml`, with the reason; an exception that is no longer needed fails, too.

#[path = "house/arrows.rs"]
mod arrows;
#[path = "house/clauses.rs"]
mod clauses;
#[path = "house/code.rs"]
mod code;
#[path = "house/manifests.rs"]
mod manifests;
#[path = "house/reached.rs"]
mod reached;
#[path = "house/sizes.rs"]
mod sizes;
#[path = "house/tidy.rs"]
mod tidy;
#[path = "house/tree.rs"]
mod tree;
#[path = "house/versions.rs"]
mod versions;

//! What a plan is, in words: the stages of planning one statement, and what each of them names.

mod describe;
mod stages;

pub use describe::{Input, Operator, Summary};
pub use stages::{Stage, Stages};

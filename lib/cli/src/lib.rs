//! The command-line contract, for `tools/` alone: flags, exit status, output, progress, logging, signals.
//!
//! A tool is a `clap` parser that flattens [`Global`] and implements [`Tool`]; its `main` is [`main`]. stdout is
//! data and goes through [`Out`]; stderr is talk and goes through [`Context::say`] and [`Context::warn`].

mod context;
mod generate;
mod global;
mod log;
mod memory;
mod out;
mod panics;
mod progress;
mod run;
mod signals;
mod table;
mod units;

pub use context::{Context, is_dash};
pub use generate::{Shell, man_page};
pub use global::{ColorWhen, Global, OutputArgs, WaitArg};
pub use memory::{give_back_large_memory, keep_freed_memory};
pub use out::Out;
pub use run::{Status, Tool, main, main_on_stack};
pub use signals::EndsOnSignal;
pub use table::{Align, Table};
pub use units::{Duration, Size, count, parse_duration, parse_size};

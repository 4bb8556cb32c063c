//! From `main` to the exit status: one table maps kinds of errors to numbers.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use qx_formats::{Error, Kind, Result};
use qx_io::Cancel;

use crate::out::CLOSED;
use crate::{Context, Global, context, generate, log, panics, signals};

/// The honest answer of a verb that went well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Yes, clean, found: exit 0.
    Yes,
    /// The honest no - not found, differs, damage found: exit 1.
    No,
}

impl Status {
    pub fn from_bool(yes: bool) -> Self {
        if yes { Status::Yes } else { Status::No }
    }
}

/// A command-line tool.
pub trait Tool: Parser + CommandFactory {
    fn global(&self) -> &Global;

    /// Does what was asked.
    ///
    /// # Errors
    /// Whatever stands in the way; its kind decides the exit status.
    fn run(self, cx: &mut Context) -> Result<Status>;
}

/// The exit status of each kind of error.
pub(crate) fn exit_status(kind: Kind) -> u8 {
    match kind {
        Kind::Corrupt | Kind::Invalid | Kind::Limit => 65,
        Kind::Locked => 75,
        _ => 2,
    }
}

/// Parses the arguments, runs the tool and reports. Call it from `main` and return what it returns.
pub fn main<T: Tool>() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    if let Some(what) = generate::requested(&args) {
        return match generate::print(T::command(), what) {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => fail(&crate::out::write_error(e), false),
        };
    }
    // Asked before parsing, since a usage error must know how to speak.
    let json = args.iter().skip(1).take_while(|a| *a != "--").any(|a| a == "--json");
    let tool = match T::try_parse_from(&args) {
        Ok(tool) => tool,
        Err(e) => return usage(e, json),
    };
    let global = tool.global().clone();
    log::init(&global, context::color_wanted(global.color, io::stderr().is_terminal()));
    panics::install();
    let cancel = Cancel::default();
    signals::install(&cancel);
    let mut cx = Context::new(global, cancel);
    let done = tool.run(&mut cx);
    // What was answered before an error is still data; its own failure to reach the reader counts only after success.
    let flushed = cx.out.finish();
    let json = cx.global.json;
    match done.and_then(|status| flushed.map(|()| status)) {
        Ok(Status::Yes) => ExitCode::SUCCESS,
        Ok(Status::No) => ExitCode::from(1),
        Err(e) => fail(&e, json),
    }
}

/// [`main`] on a thread with a stack of so many bytes, for tools that walk trees of any depth by recursion. Only the
/// pages that are touched take memory. Where such a thread cannot be had, the stack is the usual one.
pub fn main_on_stack<T: Tool + 'static>(bytes: usize) -> ExitCode {
    let Ok(thread) = std::thread::Builder::new().stack_size(bytes).spawn(main::<T>) else { return main::<T>() };
    // The hook has told of a panic already.
    thread.join().unwrap_or_else(|_| ExitCode::from(101))
}

fn usage(e: clap::Error, json: bool) -> ExitCode {
    if !e.use_stderr() {
        // --help and --version: their text is data.
        let printed =
            write!(io::stdout(), "{}", styled(&e, io::stdout().is_terminal())).and_then(|()| io::stdout().flush());
        return match printed {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => fail(&crate::out::write_error(e), json),
        };
    }
    if json {
        let text = e.render().to_string();
        let mut message = text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
        for line in text.lines().skip(1).take_while(|l| l.starts_with("  ")) {
            message.push(' ');
            message.push_str(line.trim());
        }
        return fail(&Error::usage(message).hint("see --help"), true);
    }
    let _ = write!(io::stderr(), "{}", styled(&e, io::stderr().is_terminal()));
    ExitCode::from(2)
}

fn styled(e: &clap::Error, terminal: bool) -> String {
    let text = e.render();
    if context::color_wanted(crate::ColorWhen::Auto, terminal) { text.ansi().to_string() } else { text.to_string() }
}

fn fail(e: &Error, json: bool) -> ExitCode {
    if e.kind() == Kind::Cancelled {
        if e.message() == CLOSED {
            return ExitCode::SUCCESS;
        }
        signals::die_by_signal();
    }
    // Writers that know stdout only as `impl Write` report a reader that has gone in the system's words.
    if e.io_kind() == Some(io::ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    let mut err = io::stderr();
    // Nobody can be told that stderr is gone.
    let _ = if json {
        let path = e.get_path().map(|p| p.to_string_lossy());
        let object = serde_json::json!({
            "kind": e.kind().name(), "message": e.message(), "path": path, "offset": e.get_offset(),
            "expected": e.get_expected(), "got": e.get_got(), "hint": e.get_hint(),
        });
        writeln!(err, "{object}")
    } else {
        writeln!(err, "error: {e}")
    };
    if !json && let Some(hint) = e.get_hint() {
        let _ = writeln!(err, "hint: {hint}");
    }
    ExitCode::from(exit_status(e.kind()))
}

//! `qx shell`: SQL at a prompt, with history, completion, statements over several lines, timing and a pager.

mod commands;
mod complete;
mod history;
mod page;

use std::cell::RefCell;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use qx_cli::{Context, Status, WaitArg};
use qx_formats::{Error, Kind, Result};
use qx_sql::{Answer, Session, SessionOptions};
use qx_store::Store;
use rustyline::error::ReadlineError;
use rustyline::history::{History, MemHistory};
use rustyline::{CompletionType, Config, Editor};

use crate::answers::{self, Encoder, Format};
use crate::runtime::Engine;
use crate::sql::{left_open, text_pair};
use commands::Command;
use complete::Helper;

const EXAMPLES: &str = "\
Examples:
  qx shell debian.db
  qx shell debian.db --no-history
  echo '\\d packages' | qx shell debian.db";

/// Run SQL at a prompt
///
/// A statement ends with a semicolon and may take several lines. Tab completes keywords, functions and names; Ctrl-C stops
/// a statement, or empties the line; Ctrl-D leaves. `\?` lists the commands that begin with a backslash. Read from a
/// pipe, the first error ends it, as with `qx sql`.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// File that keeps what was typed (default: qx/history in the folder for state, XDG_STATE_HOME)
    #[arg(long, value_name = "FILE", conflicts_with = "no_history")]
    history: Option<PathBuf>,

    /// Keep nothing of what was typed
    #[arg(long)]
    no_history: bool,

    #[command(flatten)]
    wait: WaitArg,
}

/// What a session at the prompt has of its own.
struct Shell {
    session: Session,
    /// Another one behind each statement that was stopped: the threads of the old one may be busy with it still.
    engine: RefCell<Engine>,
    timing: bool,
    pager: bool,
    format: Option<Format>,
    people: bool,
    /// How many files are being run, one from within the other.
    files: u32,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let store = Arc::new(Store::open(&args.db)?);
    let options = SessionOptions {
        wait: args.wait.wait.unwrap_or_default(),
        environment: std::env::vars_os().filter_map(text_pair).collect(),
        ..SessionOptions::default()
    };
    let people = std::io::stdin().is_terminal();
    let session = Session::open_with(&store, options)?;
    let engine = RefCell::new(Engine::start()?);
    let mut shell = Shell { session, engine, timing: false, pager: true, format: None, people, files: 0 };
    let done = if people { shell.prompt(&args, cx) } else { shell.piped(cx) };
    let open = shell.in_transaction();
    let closed = shell.engine.borrow().wait(shell.session.close());
    shell.engine.into_inner().leave();
    done.and(closed)?;
    match (open?, people) {
        (true, true) => cx.warn("the open transaction was rolled back"),
        (true, false) => return Err(left_open()),
        (false, _) => {}
    }
    Ok(Status::Yes)
}

fn broken(e: &ReadlineError) -> Error {
    Error::new(Kind::Io, format!("cannot read the terminal: {e}"))
}

/// What is asked for lines at a terminal.
struct Prompt {
    config: Config,
    history: MemHistory,
    helper: Helper,
}

impl Prompt {
    fn new() -> Prompt {
        let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
        Prompt { history: MemHistory::with_config(&config), helper: Helper::default(), config }
    }

    /// One line, or the several of one statement. The editor lives no longer than that: as long as it does it has SIGINT for
    /// itself, and a statement that runs could not be stopped.
    fn line(&mut self, text: &str) -> std::result::Result<String, ReadlineError> {
        let empty = || MemHistory::with_config(&self.config);
        let history = std::mem::replace(&mut self.history, empty());
        let mut editor: Editor<Helper, MemHistory> = Editor::with_history(self.config.clone(), history)?;
        editor.set_helper(Some(std::mem::take(&mut self.helper)));
        let line = editor.readline(text);
        self.history = std::mem::replace(editor.history_mut(), empty());
        self.helper = editor.helper_mut().map(std::mem::take).unwrap_or_default();
        line
    }
}

impl Shell {
    /// What comes from a pipe: up to the first error.
    fn piped(&mut self, cx: &mut Context) -> Result<()> {
        let mut text = String::new();
        for line in std::io::stdin().lines() {
            text.push_str(&line.map_err(|e| Error::io("read", e).path("-"))?);
            text.push('\n');
            if complete::is_whole(&text) && !self.take(&std::mem::take(&mut text), cx)? {
                return Ok(());
            }
        }
        self.take(&text, cx).map(drop)
    }

    fn prompt(&mut self, args: &Args, cx: &mut Context) -> Result<()> {
        let mut prompt = Prompt::new();
        prompt.helper.learn(&self.session);
        let kept = if args.no_history { None } else { args.history.clone().or_else(history::default_file) };
        for entry in kept.iter().flat_map(|path| history::load(path)) {
            prompt.history.add_owned(entry).map_err(|e| broken(&e))?;
        }
        cx.say(format!("qx {}: {}; \\? for help", env!("CARGO_PKG_VERSION"), args.db.display()));
        let done = self.read(&mut prompt, cx);
        if let Some(path) = &kept
            && let Err(e) = history::save(path, prompt.history.into_iter())
        {
            cx.warn(format!("what was typed is not kept: {e}"));
        }
        done
    }

    fn read(&mut self, prompt: &mut Prompt, cx: &mut Context) -> Result<()> {
        loop {
            let text = match self.in_transaction()? {
                true => "qx*> ",
                false => "qx> ",
            };
            let line = match prompt.line(text) {
                Ok(line) => line,
                Err(ReadlineError::Interrupted) => continue,
                Err(ReadlineError::Eof) => return Ok(()),
                Err(e) => return Err(broken(&e)),
            };
            // Ctrl-C that was pressed while an answer was shown meant that answer, and not the next statement.
            cx.cancel.flag().store(false, Ordering::Relaxed);
            match self.take(&line, cx) {
                Ok(true) => {}
                Ok(false) => return Ok(()),
                Err(e) => {
                    cx.warn(&e);
                    if let Some(hint) = e.get_hint() {
                        cx.say(format!("hint: {hint}"));
                    }
                }
            }
            prompt.helper.learn(&self.session);
        }
    }

    /// Runs what was typed; false when it asks to leave.
    fn take(&mut self, text: &str, cx: &mut Context) -> Result<bool> {
        let text = text.trim();
        if text.starts_with('\\') {
            return match Command::parse(text)? {
                Command::Quit => Ok(false),
                command => command.run(self, cx).map(|()| true),
            };
        }
        for statement in Session::parse(text)? {
            let start = Instant::now();
            let answer = self.stoppable(self.session.run(statement), cx)?;
            let took = start.elapsed();
            self.print(&answer, cx)?;
            if self.timing {
                cx.say(format!("{:.1} ms", took.as_secs_f64() * 1000.0));
            }
        }
        Ok(true)
    }

    fn in_transaction(&self) -> Result<bool> {
        self.engine.borrow().wait(async { Ok(self.session.in_transaction().await) })
    }

    /// Runs work that Ctrl-C stops. What it wrote so far is forgotten then, and so is the transaction around it: nobody
    /// can say how far it came.
    fn stoppable<T>(&self, work: impl Future<Output = Result<T>>, cx: &Context) -> Result<T> {
        let done = self.engine.borrow().run(&cx.cancel, work);
        if let Err(e) = &done
            && e.kind() == Kind::Cancelled
            && self.people
        {
            cx.cancel.flag().store(false, Ordering::Relaxed);
            self.engine.replace(Engine::start()?).leave();
            let open = self.engine.borrow().wait(self.session.abandon())?;
            let what = if open { "stopped; the transaction was rolled back" } else { "stopped" };
            return Err(Error::new(Kind::Cancelled, what));
        }
        done
    }

    /// A statement that a command stands for.
    fn query(&self, sql: &str, cx: &Context) -> Result<Answer> {
        self.stoppable(self.session.query(sql), cx)
    }

    fn print(&self, answer: &Answer, cx: &mut Context) -> Result<()> {
        let format = self.format.unwrap_or(if cx.for_people() { Format::Table } else { Format::Ndjson });
        if answer.schema.fields().is_empty() {
            if let Some(n) = answer.affected {
                cx.say(format!("{n} row{} affected", if n == 1 { "" } else { "s" }));
            }
            return Ok(());
        }
        if format == Format::Table {
            let table = answers::table(answer)?;
            if !(self.pager && self.people && page::show(&table.plain(), cx)) {
                cx.out.table(&table)?;
            }
            let rows = answer.rows();
            cx.say(format!("{rows} row{}", if rows == 1 { "" } else { "s" }));
            return cx.out.flush();
        }
        let mut encoder = Encoder::new(format, &answer.schema)?;
        for batch in &answer.batches {
            cx.out.bytes(&encoder.rows(batch.clone())?)?;
        }
        cx.out.bytes(&encoder.finish()?)?;
        cx.out.flush()
    }
}

//! DuckDB in a process of its own, which is asked over a pipe.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use qx_formats::{Error, Kind, Result};
use serde_json::{Value, json};

pub struct DuckDb {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

fn failed(what: &str, e: impl std::fmt::Display) -> Error {
    Error::new(Kind::Io, format!("{what}: {e}")).hint("the peer needs python3 with venv, and the package index once")
}

/// A Python with the pinned DuckDB, made in `home` where it is not there yet.
fn python(home: &Path) -> Result<PathBuf> {
    let venv = home.join("duckdb-2.0.1");
    let python = venv.join("bin/python");
    let run = |command: &mut Command| {
        let status = command.stdout(Stdio::null()).status().map_err(|e| failed("python3", e))?;
        if status.success() { Ok(()) } else { Err(failed("python3", status)) }
    };
    if !venv.join("ready").is_file() {
        std::fs::create_dir_all(home).map_err(|e| Error::io("create folder", e).path(home))?;
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("requirements.txt");
        run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(pinned))?;
        qx_io::write_atomic(&venv.join("ready"), qx_io::Publish::Replace, b"")?;
    }
    Ok(python)
}

impl DuckDb {
    /// # Errors
    /// When there is no Python, or DuckDB cannot be installed.
    pub fn start(home: &Path) -> Result<DuckDb> {
        let server = Path::new(env!("CARGO_MANIFEST_DIR")).join("server.py");
        let mut command = Command::new(python(home)?);
        command.arg(server).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|e| failed("python", e))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("python", "no pipes"));
        };
        Ok(DuckDb { child, input, output: BufReader::new(output) })
    }

    fn ask(&mut self, request: &Value) -> Result<Vec<u64>> {
        writeln!(self.input, "{request}").map_err(|e| failed("duckdb", e))?;
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|e| failed("duckdb", e))?;
        serde_json::from_str(&line).map_err(|_| failed("duckdb", "it ended"))
    }

    /// Runs a statement that gives nothing.
    ///
    /// # Errors
    /// What DuckDB says.
    pub fn run(&mut self, sql: &str) -> Result<()> {
        self.ask(&json!({ "do": sql })).map(|_| ())
    }

    /// Fetches all rows of a query, and says how many.
    ///
    /// # Errors
    /// What DuckDB says.
    pub fn count(&mut self, sql: &str) -> Result<u64> {
        Ok(self.ask(&json!({ "count": sql }))?.first().copied().unwrap_or(0))
    }

    /// The first row of a query, of whole numbers.
    ///
    /// # Errors
    /// What DuckDB says.
    pub fn row(&mut self, sql: &str) -> Result<Vec<u64>> {
        self.ask(&json!({ "sql": sql }))
    }
}

impl DuckDb {
    /// Processor time that it has taken so far, on all threads.
    ///
    /// # Errors
    /// Where the system does not say.
    pub fn cpu(&self) -> Result<Duration> {
        cpu(&self.child.id().to_string())
    }
}

/// Processor time of a process, on all threads: `self`, or its number. In hundredths of a second, as Linux counts it for
/// every process.
///
/// # Errors
/// Where the system does not say.
pub fn cpu(process: &str) -> Result<Duration> {
    let path = format!("/proc/{process}/stat");
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io("read", e).path(&path))?;
    // Behind the name, which is in brackets: user and system time are the 14th and 15th field of all.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|f| f.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

impl Drop for DuckDb {
    fn drop(&mut self) {
        // It ends by itself when its input does; this is for when it hangs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Runs the tool under test, whose path the test gives as `TOOL`.

use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

use crate::TOOL;

pub fn folder() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

pub fn command(dir: &Path, args: &[&str]) -> Command {
    let mut c = Command::new(TOOL);
    c.args(args).current_dir(dir).env_remove("QX_LOG").stdin(Stdio::null());
    c
}

pub fn start(dir: &Path, args: &[&str]) -> Child {
    command(dir, args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

pub fn run(dir: &Path, args: &[&str]) -> Output {
    command(dir, args).output().unwrap()
}

/// Runs with something on stdin.
pub fn feed(dir: &Path, args: &[&str], input: &[u8]) -> Output {
    let mut child = start(dir, args);
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A tool that stops early closes its end.
        let _ = stdin.write_all(&input);
    });
    let out = child.wait_with_output().unwrap();
    writer.join().unwrap();
    out
}

#[track_caller]
pub fn ok(out: &Output) -> String {
    assert_eq!(out.status.code(), Some(0), "{}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout.clone()).unwrap()
}

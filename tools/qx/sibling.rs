//! `qx dict`, `qx log`, `qx vindex`, `qx frame`, `qx explain`: the other tools, which stand beside this one. They are run
//! in its place, so that flags, output and exit status are theirs.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use qx_cli::{Context, Status};
use qx_formats::{Error, Kind, Result};

/// Verbs of ours, and the tool that each means.
const TOOLS: [(&str, &str); 5] =
    [("dict", "dictctl"), ("log", "deltalog"), ("vindex", "vindex"), ("frame", "jsonframe"), ("explain", "explain")];

/// What stands behind the verb goes to the tool as it is.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Arguments of the tool; --help shows them
    #[arg(value_name = "ARGS", trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

fn tool_of(verb: &OsStr) -> Option<&'static str> {
    TOOLS.iter().find(|(name, _)| verb == *name).map(|(_, tool)| *tool)
}

/// Beside this program, else wherever programs are looked for.
fn find(tool: &str) -> Option<PathBuf> {
    let own = std::env::current_exe().ok();
    let beside = own.as_deref().and_then(|p| p.parent()).map(|dir| dir.join(tool));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let elsewhere: Vec<PathBuf> = std::env::split_paths(&path).map(|dir| dir.join(tool)).collect();
    beside.into_iter().chain(elsewhere).find(|p| p.is_file())
}

/// Becomes the tool that the first argument names, if it names one that is there. Before anything else is parsed: what
/// stands behind the verb is none of ours.
pub fn become_tool() {
    let mut args = std::env::args_os().skip(1);
    let Some(path) = args.next().and_then(|verb| tool_of(&verb)).and_then(find) else { return };
    // When it comes back it failed, and `run` says so.
    let _ = replace(path, args.collect());
}

#[cfg(unix)]
fn replace(path: PathBuf, args: Vec<OsString>) -> std::io::Error {
    use std::os::unix::process::CommandExt;
    std::process::Command::new(path).args(args).exec()
}

#[cfg(not(unix))]
fn replace(path: PathBuf, args: Vec<OsString>) -> std::io::Error {
    match std::process::Command::new(path).args(args).status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(2)),
        Err(e) => e,
    }
}

/// Only where [`become_tool`] could not, or where flags of ours stand before the verb.
pub fn run(verb: &str, args: Args, _: &mut Context) -> Result<Status> {
    let tool = tool_of(OsStr::new(verb)).unwrap_or(verb);
    let Some(path) = find(tool) else {
        return Err(Error::new(Kind::NotFound, format!("the tool {tool} is not there"))
            .expected(format!("{tool} beside qx, or in a folder of PATH"))
            .hint("install the six tools together"));
    };
    let e = replace(path.clone(), args.args);
    Err(Error::io("run", e).path(path))
}

//! Man pages and completions, from the same definitions that parse the arguments.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Write};

use clap::{Arg, Command, ValueEnum};

/// What `--generate` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    Man,
    Bash,
    Zsh,
    Fish,
}

/// `--generate WHAT` as the first argument, looked for before parsing: a verb is not needed then.
pub(crate) fn requested(args: &[OsString]) -> Option<Shell> {
    let first = args.get(1)?.to_str()?;
    let value = match first.strip_prefix("--generate") {
        Some("") => args.get(2)?.to_str()?,
        Some(rest) => rest.strip_prefix('=')?,
        None => return None,
    };
    Shell::from_str(value, false).ok()
}

pub(crate) fn print(mut cmd: Command, what: Shell) -> io::Result<()> {
    let name = cmd.get_name().to_owned();
    let mut text = Vec::new();
    match what {
        Shell::Man => text = man_page(cmd).into_bytes(),
        Shell::Bash => clap_complete::generate(clap_complete::Shell::Bash, &mut cmd, name, &mut text),
        Shell::Zsh => clap_complete::generate(clap_complete::Shell::Zsh, &mut cmd, name, &mut text),
        Shell::Fish => clap_complete::generate(clap_complete::Shell::Fish, &mut cmd, name, &mut text),
    }
    let mut out = io::stdout().lock();
    out.write_all(&text)?;
    out.flush()
}

/// Text as roff: backslashes, leading dots and hyphens protected.
fn roff(text: &str) -> String {
    let mut out = String::new();
    for (i, line) in text.lines().enumerate() {
        if i > 0 {
            out.push('\n');
        }
        if line.starts_with(['.', '\'']) {
            out.push_str("\\&");
        }
        out.push_str(&line.replace('\\', "\\e").replace('-', "\\-"));
    }
    out
}

fn invocation(arg: &Arg) -> String {
    let mut names = Vec::new();
    if let Some(short) = arg.get_short() {
        names.push(format!("\\fB\\-{short}\\fR"));
    }
    if let Some(long) = arg.get_long() {
        names.push(format!("\\fB\\-\\-{}\\fR", roff(long)));
    }
    let value = arg.get_value_names().map(|v| v.iter().map(|v| v.as_str()).collect::<Vec<_>>().join(" "));
    let takes = arg.get_action().takes_values();
    let mut text = names.join(", ");
    if let (true, Some(value)) = (takes, value) {
        let _ = write!(text, "{}\\fI{}\\fR", if text.is_empty() { "" } else { " " }, roff(&value));
    }
    text
}

fn options(out: &mut String, cmd: &Command, global: bool) {
    for arg in cmd.get_arguments().filter(|a| !a.is_hide_set()) {
        let is_global = arg.get_help_heading() == Some("Global options") || arg.is_global_set();
        if is_global != global {
            continue;
        }
        let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
        let mut help = roff(&help);
        let values: Vec<_> = arg.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect();
        if arg.get_action().takes_values() && !values.is_empty() && !arg.is_hide_possible_values_set() {
            let _ = write!(help, " [{}]", roff(&values.join(", ")));
        }
        let defaults: Vec<_> = arg.get_default_values().iter().map(|v| v.to_string_lossy().into_owned()).collect();
        if arg.get_action().takes_values() && !defaults.is_empty() && !arg.is_hide_default_value_set() {
            let _ = write!(help, " (default {})", roff(&defaults.join(" ")));
        }
        let _ = writeln!(out, ".TP\n{}\n{help}", invocation(arg));
    }
}

fn examples(out: &mut String, cmd: &Command) {
    if let Some(text) = cmd.get_before_long_help().or(cmd.get_before_help()) {
        let text = text.to_string();
        let body = text.trim_start_matches("Examples:").trim_matches('\n');
        let _ = writeln!(out, ".nf\n{}\n.fi", roff(body));
    }
}

/// One page for a whole tool: its verbs are sections, its examples come first.
pub fn man_page(cmd: Command) -> String {
    let mut cmd = cmd.disable_help_subcommand(true);
    cmd.build();
    let name = cmd.get_name().to_owned();
    let about = cmd.get_about().map(ToString::to_string).unwrap_or_default();
    let version = cmd.get_version().unwrap_or_default();
    let mut out =
        format!(".TH {} 1 \"\" \"{name} {version}\"\n.SH NAME\n{name} \\- {}\n", name.to_uppercase(), roff(&about));
    let _ = writeln!(out, ".SH SYNOPSIS\n\\fB{name}\\fR \\fIVERB\\fR [\\fIARGUMENTS\\fR]\n.SH EXAMPLES");
    examples(&mut out, &cmd);
    if let Some(long) = cmd.get_long_about() {
        let _ = writeln!(out, ".SH DESCRIPTION\n{}", roff(&long.to_string()));
    }
    verbs(&mut out, &cmd, "");
    out.push_str(".SH GLOBAL OPTIONS\n");
    options(&mut out, &cmd, true);
    out.push_str(EXIT_STATUS);
    out
}

fn verbs(out: &mut String, cmd: &Command, prefix: &str) {
    for verb in cmd.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        let name = format!("{prefix}{}", verb.get_name());
        let about = verb.get_long_about().or(verb.get_about()).map(ToString::to_string).unwrap_or_default();
        let usage = verb.clone().render_usage().to_string();
        let usage = usage.trim_start_matches("Usage: ").trim().to_owned();
        let _ = writeln!(out, ".SH \"{}\"\n{}\n.PP\n{}", name.to_uppercase(), roff(&usage), roff(&about));
        examples(out, verb);
        options(out, verb, false);
        verbs(out, verb, &format!("{name} "));
    }
}

const EXIT_STATUS: &str = r".SH EXIT STATUS
.TP
0
Yes, clean, found.
.TP
1
The honest no: not found, differs, damage found by verify.
.TP
2
Could not do it: usage, input or output, unsupported.
.TP
65
The input data is damaged or invalid.
.TP
75
Locked by another process; try again later.
.SH ENVIRONMENT
.TP
QX_LOG
Filters for log events on stderr, such as qx::log=debug.
.TP
NO_COLOR
No colour, whatever the terminal.
";

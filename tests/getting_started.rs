//! Every command in `docs/getting-started.md` and in the tour of `README.md` is run, and prints what the document says.
//!
//! A `console` block holds commands after `$ ` (continued on lines that start with `> `), each followed by what it
//! prints. Commands run one after another in one empty folder, beside a link to `fixtures/`, with the built tools
//! first in PATH. Each must exit with 0; a command that shows another status says `; echo "exit $?"`.
//! Blanks at the end of a line do not count. In an expected line `...` stands for any text; a line of `...` alone
//! stands for any number of lines.
//! A block after `<!-- engine -->` needs the query engine and is skipped where it is not built.
//!
//! `QX_BLESS=1 cargo test --test getting_started` writes the outputs anew; lines whose `...` still fit stay.

#[path = "support/bins.rs"]
mod bins;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// One command with what it is said to print.
#[derive(Debug, PartialEq)]
struct Step {
    line: usize,
    command: String,
    expected: Vec<String>,
}

/// The document cut into lines that stay as they are and steps that are run.
#[derive(Debug, PartialEq)]
enum Part {
    Text(String),
    Step(Step),
}

fn parse(document: &str, engine: bool) -> Vec<Part> {
    let mut parts = Vec::new();
    let (mut in_block, mut marked) = (false, false);
    for (at, line) in document.lines().enumerate() {
        if line.starts_with("```") {
            in_block = !in_block && line == "```console" && (engine || !marked);
            marked = false;
        } else if !in_block {
            // The mark counts for the next block, whatever blank lines stand between.
            marked = line == "<!-- engine -->" || (marked && line.is_empty());
        } else if let Some(command) = line.strip_prefix("$ ") {
            parts.push(Part::Step(Step { line: at + 1, command: command.to_owned(), expected: Vec::new() }));
            continue;
        } else if let Some(Part::Step(step)) = parts.last_mut() {
            match line.strip_prefix("> ") {
                Some(more) if step.expected.is_empty() => {
                    step.command.push('\n');
                    step.command.push_str(more);
                }
                _ => step.expected.push(line.to_owned()),
            }
            continue;
        }
        parts.push(Part::Text(line.to_owned()));
    }
    parts
}

fn print(parts: &[Part]) -> String {
    let mut text = String::new();
    for part in parts {
        match part {
            Part::Text(line) => text.push_str(line),
            Part::Step(step) => {
                text.push_str("$ ");
                text.push_str(&step.command.replace('\n', "\n> "));
                for line in &step.expected {
                    text.push('\n');
                    text.push_str(line);
                }
            }
        }
        text.push('\n');
    }
    text
}

/// Whether `line` is `pattern`, where `...` stands for any text.
fn line_fits(pattern: &str, line: &str) -> bool {
    let Some((head, tail)) = pattern.split_once("...") else { return pattern == line };
    let Some(rest) = line.strip_prefix(head) else { return false };
    (0..=rest.len()).filter(|&at| rest.is_char_boundary(at)).any(|at| line_fits(tail, &rest[at..]))
}

/// Whether the lines fit, where a line of `...` alone stands for any number of them.
fn fits(expected: &[String], got: &[String]) -> bool {
    match expected.split_first() {
        None => got.is_empty(),
        Some((first, rest)) if first == "..." => (0..=got.len()).any(|skip| fits(rest, &got[skip..])),
        Some((first, rest)) => got.split_first().is_some_and(|(line, more)| line_fits(first, line) && fits(rest, more)),
    }
}

/// What was printed, with the masked lines of the document where they fit.
fn blessed(expected: &[String], got: &[String]) -> Vec<String> {
    if fits(expected, got) {
        return expected.to_vec();
    }
    let keep = |at: usize, line: &String| expected.get(at).filter(|old| line_fits(old, line)).unwrap_or(line).clone();
    got.iter().enumerate().map(|(at, line)| keep(at, line)).collect()
}

fn path_with_tools() -> OsString {
    let mut folders: Vec<_> = bins::tools().iter().filter_map(|(_, tool)| tool.parent()).map(Path::to_owned).collect();
    folders.dedup();
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&inherited));
    std::env::join_paths(folders).unwrap()
}

fn run(step: &Step, folder: &Path, path: &OsString) -> (bool, Vec<String>) {
    let done = Command::new("sh")
        .arg("-c")
        // One stream, as a terminal shows it.
        .arg(format!("exec 2>&1\n{}", step.command))
        .current_dir(folder)
        .env("PATH", path)
        .env("TZ", "UTC")
        .env_remove("QX_LOG")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    (done.status.success(), text.lines().map(|l| l.trim_end().to_owned()).collect())
}

/// Runs a document's commands in an empty folder, and compares or blesses what they print.
fn check(name: &str) {
    let document = fs::read_to_string(bins::root().join(name)).unwrap();
    let mut parts = parse(&document, cfg!(feature = "engine"));
    assert_eq!(print(&parts), document, "{name} must end in a newline and hold no stray carriage returns");
    // Beside the build, since the folder for temporary files may be small.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    std::os::unix::fs::symlink(bins::root().join("fixtures"), folder.path().join("fixtures")).unwrap();
    let path = path_with_tools();
    let mut failures = Vec::new();
    for part in &mut parts {
        let Part::Step(step) = part else { continue };
        let (ok, got) = run(step, folder.path(), &path);
        let place = format!("{name}:{}: $ {}", step.line, step.command);
        if !ok {
            failures.push(format!("{place}\n  did not exit with 0; it printed:\n{}", got.join("\n")));
            break;
        }
        if bins::bless() {
            step.expected = blessed(&step.expected, &got);
        } else if !fits(&step.expected, &got) {
            failures.push(format!("{place}\n--- expected\n{}\n--- got\n{}", step.expected.join("\n"), got.join("\n")));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    if bins::bless() {
        fs::write(bins::root().join(name), print(&parts)).unwrap();
    }
}

#[test]
fn getting_started_shows_what_its_commands_print() {
    check("docs/getting-started.md");
}

#[test]
fn the_readme_shows_what_its_commands_print() {
    check("README.md");
}

#[test]
fn commands_outputs_and_marks_are_read_as_described() {
    let text =
        "a\n```console\n$ cat <<E\n> x\n> E\nx\n```\n\n<!-- engine -->\n\n```console\n$ qx\n```\n```sh\n$ no\n```\n";
    let steps = |engine| {
        let parts = parse(text, engine);
        assert_eq!(print(&parts), text);
        parts.into_iter().filter_map(|p| if let Part::Step(s) = p { Some(s) } else { None }).collect::<Vec<_>>()
    };
    let cat = || Step { line: 3, command: "cat <<E\nx\nE".into(), expected: vec!["x".into()] };
    assert_eq!(steps(false), [cat()]);
    assert_eq!(steps(true), [cat(), Step { line: 12, command: "qx".into(), expected: vec![] }]);
}

#[test]
fn dots_stand_for_any_text_and_any_lines() {
    assert!(line_fits("took ... ms", "took 12 ms") && line_fits("...", "") && line_fits("a...b...c", "a-b-b-c"));
    assert!(!line_fits("took ... ms", "took 12 s") && !line_fits("a", "ab"));
    let lines = |text: &str| text.split('|').map(str::to_owned).collect::<Vec<_>>();
    assert!(fits(&lines("a|...|z"), &lines("a|b|c|z")) && fits(&lines("a|...|z"), &lines("a|z")));
    assert!(!fits(&lines("a|...|z"), &lines("a|b")) && !fits(&lines("a"), &lines("a|b")));
    assert_eq!(blessed(&lines("id ...|n 1"), &lines("id 7|n 2")), lines("id ...|n 2"));
}

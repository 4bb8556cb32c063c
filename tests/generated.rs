//! Man pages and completions are checked in; they must be what the tools' own definitions give.
//!
//! `QX_BLESS=1 cargo test --test generated` writes them anew.

#[path = "support/bins.rs"]
mod bins;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where each generated text of a tool stands, below `man/`.
fn targets(tool: &str) -> [(&'static str, PathBuf); 4] {
    let completions = Path::new("completions");
    [
        ("man", PathBuf::from(format!("{tool}.1"))),
        ("bash", completions.join(format!("{tool}.bash"))),
        ("zsh", completions.join(format!("_{tool}"))),
        ("fish", completions.join(format!("{tool}.fish"))),
    ]
}

fn generate(tool: &Path, what: &str) -> String {
    let done = Command::new(tool).args(["--generate", what]).env_remove("QX_LOG").output().unwrap();
    assert!(done.status.success(), "{} --generate {what}: {done:?}", tool.display());
    assert!(!done.stdout.is_empty(), "{} --generate {what} printed nothing", tool.display());
    String::from_utf8(done.stdout).unwrap()
}

fn files_below(dir: &Path, prefix: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        let name = prefix.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            files_below(&entry.path(), &name, found);
        } else {
            found.insert(name);
        }
    }
}

#[test]
fn man_pages_and_completions_are_fresh() {
    let man = bins::root().join("man");
    let mut stale = Vec::new();
    for (name, tool) in bins::tools() {
        for (what, file) in targets(name) {
            let text = generate(tool, what);
            let path = man.join(&file);
            if fs::read_to_string(&path).is_ok_and(|old| old == text) {
                continue;
            }
            if bins::bless() {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &text).unwrap();
            } else {
                stale.push(file);
            }
        }
    }
    assert!(stale.is_empty(), "stale below man/: {stale:?}; run `just man` and look at the difference");
}

#[test]
fn nothing_else_stands_among_the_generated_files() {
    let known: BTreeSet<PathBuf> = ["dictctl", "deltalog", "vindex", "jsonframe", "explain", "qx"]
        .iter()
        .flat_map(|tool| targets(tool).map(|(_, file)| file))
        .collect();
    let mut found = BTreeSet::new();
    files_below(&bins::root().join("man"), Path::new(""), &mut found);
    let alien: Vec<_> = found.difference(&known).collect();
    assert!(alien.is_empty(), "below man/, but of no tool: {alien:?}");
}

/// The verbs under `Commands:` in a tool's help.
fn verbs(tool: &Path) -> BTreeSet<String> {
    let done = Command::new(tool).arg("--help").output().unwrap();
    let help = String::from_utf8(done.stdout).unwrap();
    let commands = help.lines().skip_while(|l| *l != "Commands:").skip(1).take_while(|l| !l.is_empty());
    let names =
        commands.filter(|l| l.starts_with("  ") && !l.starts_with("   ")).filter_map(|l| l.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn the_readme_lists_every_verb_and_no_other() {
    let readme = fs::read_to_string(bins::root().join("README.md")).unwrap();
    for (name, tool) in bins::tools() {
        let row = readme.lines().find(|l| l.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("README.md has no row for {name}"));
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let listed: BTreeSet<String> = cell.split_whitespace().map(|verb| verb.trim_matches('`').to_owned()).collect();
        assert_eq!(listed, verbs(tool), "{name}: README.md on the left, --help on the right");
    }
}

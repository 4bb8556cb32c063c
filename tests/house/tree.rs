//! The files of the repository.

use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold no sources: what a build or a person's tools put there.
const SKIPPED: [&str; 4] = [".git", "target", ".venv", "node_modules"];

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below a folder of the repository, as paths from its root with `/`, sorted.
pub fn files(below: &str) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root().join(below), &mut found);
    found.sort();
    found
}

/// Files with this extension.
pub fn with_extension(extension: &str) -> Vec<String> {
    let ending = format!(".{extension}");
    files("").into_iter().filter(|f| f.ends_with(&ending)).collect()
}

pub fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn collect(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy();
        if SKIPPED.contains(&&*name) || path.is_symlink() {
            continue;
        }
        // A database folder of somebody's trial run, as .gitignore has it.
        if path.is_dir() && !name.ends_with(".db") {
            collect(&path, found);
        } else if path.is_file() {
            let relative = path.strip_prefix(root()).unwrap();
            found.push(relative.to_str().unwrap_or_else(|| panic!("{}: not UTF-8", relative.display())).to_owned());
        }
    }
}

/// Fails with every complaint at once, one a line.
pub fn nothing_to_say(rule: &str, complaints: &[String]) {
    assert!(complaints.is_empty(), "{rule}\n  {}", complaints.join("\n  "));
}

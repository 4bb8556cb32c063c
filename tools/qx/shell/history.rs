//! What was typed, kept in a file: an entry a line, the newest last. Line breaks and backslashes inside are escaped.

use std::path::{Path, PathBuf};

use qx_formats::{Error, Result};
use qx_io::Publish;

/// So many entries are kept.
const MOST: usize = 1000;

/// Where they are kept, when nobody says otherwise.
pub(super) fn default_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").filter(|d| !d.is_empty()).map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    state.or_else(home).map(|dir| dir.join("qx/history"))
}

/// The entries of a file; none where there is no such file, or it cannot be read.
pub(super) fn load(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap_or_default().lines().map(unescape).collect()
}

/// # Errors
/// `Io`.
pub(super) fn save<'a>(path: &Path, entries: impl DoubleEndedIterator<Item = &'a String>) -> Result<()> {
    if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|e| Error::io("create folder", e).path(folder))?;
    }
    let mut newest: Vec<String> = entries.rev().take(MOST).map(|e| escape(e)).collect();
    newest.reverse();
    let text: String = newest.into_iter().map(|e| e + "\n").collect();
    qx_io::write_atomic(path, Publish::Replace, text.as_bytes())
}

fn escape(entry: &str) -> String {
    entry.replace('\\', "\\\\").replace('\n', "\\n")
}

fn unescape(line: &str) -> String {
    let (mut out, mut chars) = (String::with_capacity(line.len()), line.chars());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some(other) => out.push(other),
                None => {}
            },
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_as_they_were_and_the_newest_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state/qx/history");
        assert_eq!(load(&file), Vec::<String>::new());
        let mut entries: Vec<String> = (0..MOST).map(|i| format!("select {i};")).collect();
        entries.push("select '\\n',\n  1;".to_owned());
        save(&file, entries.iter()).unwrap();
        assert_eq!(load(&file), entries[1..]);
    }
}

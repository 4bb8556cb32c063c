//! A source that no crate root leads to is compiled by nobody and tested by nobody.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use toml::Value;

use super::code::bare;
use super::manifests::{Member, packages};
use super::tree::{self, nothing_to_say};

/// The files that Cargo starts from.
fn roots(member: &Member) -> Vec<String> {
    let at = |path: &str| if member.folder.is_empty() { path.to_owned() } else { format!("{}/{path}", member.folder) };
    let named = |kind: &str| {
        let entries = match member.manifest.get(kind) {
            Some(Value::Array(list)) => list.clone(),
            Some(one) => vec![one.clone()],
            None => Vec::new(),
        };
        entries.iter().filter_map(|e| e.get("path").and_then(Value::as_str).map(at)).collect::<Vec<_>>()
    };
    let mut found: Vec<String> = ["lib", "bin", "test", "bench", "example"].into_iter().flat_map(named).collect();
    found.extend([at("src/lib.rs"), at("src/main.rs"), at("build.rs")]);
    for folder in ["tests", "benches", "examples", "src/bin"] {
        let folder = at(folder);
        if tree::root().join(&folder).is_dir() {
            let direct = |f: &String| f.ends_with(".rs") && Path::new(f).parent() == Some(Path::new(&folder));
            found.extend(tree::files(&folder).into_iter().filter(direct));
        }
    }
    found.retain(|f| tree::root().join(f).is_file());
    found
}

/// The modules that a file names, as the files that may hold them.
fn modules(path: &str, is_root: bool, text: &str) -> Vec<Vec<PathBuf>> {
    let folder = Path::new(path).parent().unwrap().to_path_buf();
    let stem = Path::new(path).file_stem().unwrap().to_str().unwrap();
    let below = if is_root || stem == "mod" { folder.clone() } else { folder.join(stem) };
    let mut found = Vec::new();
    let mut explicit = None;
    for (line, shown) in bare(text).lines().zip(text.lines()) {
        if line.trim_start().starts_with("#[path") {
            explicit = shown.split('"').nth(1).map(str::to_owned);
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(at) = words.iter().position(|w| *w == "mod") else { continue };
        let Some(name) = words.get(at + 1).and_then(|w| w.strip_suffix(';')) else { continue };
        found.push(match explicit.take() {
            Some(path) => vec![plain(&folder.join(path))],
            None => vec![below.join(format!("{name}.rs")), below.join(name).join("mod.rs")],
        });
    }
    found
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(out.pop()),
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}

#[test]
fn every_source_is_part_of_a_crate() {
    let roots: BTreeSet<String> = packages().iter().flat_map(roots).collect();
    let mut todo: Vec<String> = roots.iter().cloned().collect();
    let mut reached = BTreeSet::new();
    while let Some(path) = todo.pop() {
        if !reached.insert(path.clone()) {
            continue;
        }
        for candidates in modules(&path, roots.contains(&path), &tree::read(&path)) {
            let real = candidates.iter().filter(|c| tree::root().join(c).is_file());
            todo.extend(real.map(|c| c.to_str().unwrap().to_owned()));
        }
    }
    let forgotten: Vec<String> = tree::with_extension("rs").into_iter().filter(|f| !reached.contains(f)).collect();
    nothing_to_say("no crate root leads to", &forgotten);
}

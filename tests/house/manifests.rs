//! The Cargo.toml files and the lock file, as far as the rules need them.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

use super::tree;

/// One crate of the workspace.
#[derive(Debug)]
pub struct Member {
    pub name: String,
    /// From the root of the repository, `""` for the root package.
    pub folder: String,
    pub manifest: Table,
}

/// One dependency of a member, as its manifest has it.
#[derive(Debug)]
pub struct Dependency<'a> {
    pub name: &'a str,
    /// `dependencies`, `dev-dependencies` or `build-dependencies`, also under a target.
    pub section: &'static str,
    pub spec: &'a Value,
}

const SECTIONS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Members of the workspace: root package first, then the rest by folder.
pub fn members() -> Vec<Member> {
    packages().into_iter().filter(|m| m.folder.is_empty() || !m.manifest.contains_key("workspace")).collect()
}

/// Every package in the repository, those included that are a workspace of their own.
pub fn packages() -> Vec<Member> {
    let mut found = Vec::new();
    for path in tree::files("").into_iter().filter(|f| f == "Cargo.toml" || f.ends_with("/Cargo.toml")) {
        let manifest: Table = tree::read(&path).parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        let Some(package) = manifest.get("package").and_then(Value::as_table) else { continue };
        let name = package["name"].as_str().unwrap().to_owned();
        let folder = path.trim_end_matches("Cargo.toml").trim_end_matches('/').to_owned();
        found.push(Member { name, folder, manifest });
    }
    found.sort_by(|a, b| a.folder.cmp(&b.folder));
    found
}

impl Member {
    pub fn dependencies(&self) -> Vec<Dependency<'_>> {
        let targets = self.manifest.get("target").and_then(Value::as_table);
        let tables = std::iter::once(&self.manifest)
            .chain(targets.into_iter().flat_map(|t| t.values()).filter_map(Value::as_table));
        let mut found = Vec::new();
        for table in tables {
            for section in SECTIONS {
                let entries = table.get(section).and_then(Value::as_table);
                found.extend(entries.into_iter().flatten().map(|(name, spec)| Dependency { name, section, spec }));
            }
        }
        found
    }

    /// Dependencies that a build with these features links, the `default` feature only if it is named.
    fn linked(&self, features: &[&str]) -> Vec<&str> {
        let table = self.manifest.get("features").and_then(Value::as_table);
        let mut on: BTreeSet<&str> = BTreeSet::new();
        let mut todo: Vec<&str> = features.to_vec();
        while let Some(feature) = todo.pop() {
            if on.insert(feature) {
                let enables = table.and_then(|t| t.get(feature)).and_then(Value::as_array);
                todo.extend(enables.into_iter().flatten().filter_map(Value::as_str));
            }
        }
        let optional = |d: &Dependency<'_>| d.spec.get("optional").and_then(Value::as_bool).unwrap_or(false);
        let enabled =
            |name: &str| on.iter().any(|f| f.strip_prefix("dep:").unwrap_or(f).split(['/', '?']).next() == Some(name));
        let normal = self.dependencies().into_iter().filter(|d| d.section != "dev-dependencies");
        normal.filter(|d| !optional(d) || enabled(d.name)).map(|d| d.name).collect()
    }
}

/// The packages of the lock file: name to its entries (version, names that it depends on).
pub struct Lock(BTreeMap<String, Vec<(String, Vec<String>)>>);

impl Lock {
    pub fn read() -> Lock {
        let table: Table = tree::read("Cargo.lock").parse().unwrap();
        let mut packages: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for package in table["package"].as_array().unwrap() {
            let text = |key: &str| package[key].as_str().unwrap().to_owned();
            let dependencies = package.get("dependencies").and_then(Value::as_array).into_iter().flatten();
            // An entry is a name, with the version behind it where there are several.
            let name = |d: &Value| d.as_str().unwrap().split(' ').next().unwrap().to_owned();
            packages.entry(text("name")).or_default().push((text("version"), dependencies.map(name).collect()));
        }
        Lock(packages)
    }

    pub fn versions(&self, name: &str) -> Vec<&str> {
        self.0.get(name).into_iter().flatten().map(|(version, _)| version.as_str()).collect()
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Every package that a build of the root package with these features may link. For packages of others the lock
    /// file names what any feature in the workspace needs, so this is a little too much and never too little.
    pub fn closure(&self, members: &[Member], features: &[&str]) -> BTreeSet<String> {
        let root = members.iter().find(|m| m.folder.is_empty()).unwrap();
        let mut reached = BTreeSet::new();
        let mut todo: Vec<String> = root.linked(features).into_iter().map(str::to_owned).collect();
        while let Some(name) = todo.pop() {
            if !reached.insert(name.clone()) {
                continue;
            }
            match members.iter().find(|m| m.name == name) {
                Some(member) => todo.extend(member.linked(&["default"]).into_iter().map(str::to_owned)),
                None => todo.extend(self.0.get(&name).into_iter().flatten().flat_map(|(_, d)| d.iter().cloned())),
            }
        }
        reached
    }
}

//! The Debian package graph: who depends on whom.

use std::collections::{BTreeSet, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qx_formats::{Error, Result};
use qx_graph::{GraphOptions, GraphWriter};
use qx_io::Job;
use qx_store::Store;
use qx_store::catalog::{Define, GraphDef};
use qx_store::names::ObjectName;
use serde::Deserialize;
use uuid::Uuid;

#[derive(Deserialize)]
struct Alternative {
    name: String,
}

#[derive(Deserialize)]
struct Package {
    package: String,
    #[serde(default)]
    depends: Vec<Vec<Alternative>>,
    #[serde(default)]
    pre_depends: Vec<Vec<Alternative>>,
}

/// A database with one graph, `deps`, and its edges as a file.
pub struct Debian {
    pub store: Arc<Store>,
    pub nodes: u64,
    pub edges: u64,
    pub csv: PathBuf,
    /// Names of packages, each with its id.
    pub names: Vec<(String, u64)>,
}

/// Where the index and its vectors are.
pub fn folder() -> PathBuf {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/debian");
    std::env::var_os("QX_DEBIAN").map_or(sample, PathBuf::from)
}

fn packages() -> Result<Box<dyn BufRead>> {
    let folder = folder();
    let (plain, packed) = (folder.join("packages.ndjson"), folder.join("packages.ndjson.zst"));
    let open = |path: &Path| std::fs::File::open(path).map_err(|e| Error::io("read", e).path(path));
    if plain.is_file() {
        return Ok(Box::new(BufReader::new(open(&plain)?)));
    }
    let decoder = zstd::Decoder::new(open(&packed)?).map_err(|e| Error::io("read", e).path(&packed))?;
    Ok(Box::new(BufReader::new(decoder)))
}

fn read() -> Result<Vec<Package>> {
    let mut all = Vec::new();
    for line in packages()?.lines() {
        let line = line.map_err(|e| Error::io("read the package index", e))?;
        let package: Package =
            serde_json::from_str(&line).map_err(|e| Error::invalid(format!("package index: {e}")))?;
        all.push(package);
    }
    Ok(all)
}

impl Debian {
    /// Builds the graph in `dir`.
    ///
    /// # Errors
    /// What reading the index and building say.
    pub fn build(dir: &Path) -> Result<Debian> {
        let all = read()?;
        let (store, _) = Store::init(&dir.join("db"))?;
        let store = Arc::new(store);
        let name = ObjectName::parse("graph", "deps")?;
        let def = GraphDef {
            uuid: Uuid::now_v7(),
            partitions: 1,
            etypes: [(1, "depends".to_owned()), (2, "pre_depends".to_owned())].into(),
            ..GraphDef::default()
        };
        let options = GraphOptions { graph: Some(def.uuid), ..GraphOptions::default() };
        let mut graph = GraphWriter::create(&store.layout().graph(&name), &options)?;
        let mut ids: HashMap<&str, u64> = HashMap::new();
        for p in &all {
            let id = graph.add_node(b"Package", p.package.as_bytes(), None)?;
            ids.insert(&p.package, id);
        }
        let groups = |p: &Package| -> Vec<(u32, String)> {
            let typed = |etype, groups: &[Vec<Alternative>]| {
                groups.iter().flatten().map(|a| (etype, a.name.clone())).collect::<Vec<_>>()
            };
            [typed(1, &p.depends), typed(2, &p.pre_depends)].concat()
        };
        let mut edges: BTreeSet<(u64, u64, u32)> = BTreeSet::new();
        let mut virtuals: HashMap<String, u64> = HashMap::new();
        for p in &all {
            let Some(&src) = ids.get(p.package.as_str()) else { continue };
            for (etype, target) in groups(p) {
                let dst = match ids.get(target.as_str()).or_else(|| virtuals.get(&target)) {
                    Some(id) => *id,
                    None => {
                        let id = graph.add_node(b"Virtual", target.as_bytes(), None)?;
                        virtuals.insert(target, id);
                        id
                    }
                };
                edges.insert((src, dst, etype));
            }
        }
        let csv = dir.join("edges.csv");
        let mut text = b"src,dst,etype\n".to_vec();
        for (src, dst, etype) in &edges {
            graph.add_edge(*src, *dst, *etype);
            writeln!(text, "{src},{dst},{etype}").map_err(|e| Error::io("write", e))?;
        }
        qx_io::write_atomic(&csv, qx_io::Publish::Replace, &text)?;
        let report = graph.finish(&Job::default())?;
        let mut writer = store.writer(std::time::Duration::ZERO)?;
        writer.define(vec![Define::Graph { name: name.key(), def }])?;
        writer.close()?;
        let names = all.iter().filter_map(|p| Some((p.package.clone(), *ids.get(p.package.as_str())?))).collect();
        Ok(Debian { store, nodes: report.nodes, edges: report.edges, csv, names })
    }
}

//! What a specification must satisfy beyond its syntax: names that exist, are sound, and stand once.

use std::collections::BTreeSet;

use qx_formats::{Error, Result};
use qx_store::names::{ObjectName, check_name};

use crate::spec::{Artifact, InputFormat, Spec, VERSION};

pub(crate) fn check(spec: &Spec) -> Result<()> {
    if spec.version != VERSION {
        return Err(Error::invalid("specification version").expected(VERSION).got(spec.version));
    }
    check_name("pipeline", &spec.name).map_err(invalid)?;
    if spec.database.is_empty() {
        return Err(Error::invalid("`database` is empty"));
    }
    let mut relations = BTreeSet::new();
    let names = spec.inputs.keys().map(|n| ("input", n)).chain(spec.views.iter().map(|v| ("view", &v.name)));
    for (kind, name) in names {
        check_name(kind, name).map_err(invalid)?;
        once(&mut relations, kind, name)?;
    }
    let mut tables = BTreeSet::new();
    for output in &spec.outputs {
        once(&mut tables, "table", &ObjectName::parse("table", &output.table).map_err(invalid)?.key())?;
        known(&relations, &output.table, &output.from)?;
    }
    let mut artifacts = BTreeSet::new();
    for artifact in &spec.artifacts {
        once(&mut artifacts, "artifact", &artifact.label())?;
        for source in artifact.sources() {
            known(&relations, &artifact.label(), source)?;
        }
        check_artifact(spec, artifact)?;
    }
    let mut queries = BTreeSet::new();
    for query in &spec.queries {
        once(&mut queries, "query", &query.name)?;
    }
    Ok(())
}

fn check_artifact(spec: &Spec, artifact: &Artifact) -> Result<()> {
    match artifact {
        Artifact::Dictionary { name, .. } => ObjectName::parse("dictionary", name).map(drop).map_err(invalid),
        Artifact::Graph { name, partitions, .. } => {
            if !(1..=4096).contains(partitions) {
                return Err(Error::invalid(format!("graph {name}: partitions")).expected("1 to 4096").got(partitions));
            }
            ObjectName::parse("graph", name).map(drop).map_err(invalid)
        }
        Artifact::VectorIndex { name, metric, m, ef_build, .. } => {
            metric.parse::<qx_vector::Metric>().map_err(|_| {
                Error::invalid(format!("vector index {name}: metric")).expected("l2, ip or cosine").got(metric)
            })?;
            if !(4..=256).contains(m) || !(8..=4096).contains(ef_build) {
                return Err(Error::invalid(format!("vector index {name}: m or ef_build"))
                    .expected("m 4 to 256, ef_build 8 to 4096")
                    .got(format!("{m}, {ef_build}")));
            }
            ObjectName::parse("vector index", name).map(drop).map_err(invalid)
        }
        Artifact::Document { store, key, input } => {
            check_name("store", store).map_err(invalid)?;
            let json = spec.inputs.get(input).is_some_and(|i| i.format == InputFormat::Json);
            if key.is_empty() || !json {
                return Err(Error::invalid(format!("{}: needs a key and a JSON input", artifact.label())));
            }
            Ok(())
        }
    }
}

/// A bad name in a file is bad input, not bad usage.
fn invalid(e: Error) -> Error {
    Error::invalid(e.message()).expected(e.get_expected().unwrap_or("a sound name"))
}

fn once(seen: &mut BTreeSet<String>, kind: &str, name: &str) -> Result<()> {
    if seen.insert(name.to_owned()) { Ok(()) } else { Err(Error::invalid(format!("{kind} `{name}` stands twice"))) }
}

fn known(relations: &BTreeSet<String>, what: &str, source: &str) -> Result<()> {
    if relations.contains(source) {
        return Ok(());
    }
    let names: Vec<&str> = relations.iter().map(String::as_str).collect();
    Err(Error::invalid(format!("{what} is built from `{source}`, which is neither an input nor a view"))
        .expected(names.join(", ")))
}

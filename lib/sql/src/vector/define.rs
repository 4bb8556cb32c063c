//! CREATE, ALTER and DROP VECTOR INDEX.

use std::collections::BTreeSet;

use qx_formats::{Error, Kind, Result};
use qx_store::catalog::{Catalog, Define, IndexDef, IndexOptions, Object};
use qx_store::names::ObjectName;
use qx_store::vectors::{self, RowKey};
use qx_vector::definition::{Definition, Mode, Parameters};
use qx_vector::{BuildOptions, Metric};
use uuid::Uuid;

use super::opened::find;
use super::{Create, build, index_name, parse_name};
use crate::session::{Answer, Session};
use crate::tables::check_schema;

const OPTIONS: &str = "metric, dim, mode, m, ef_build, ef_search, dim_policy, element, codes, seed, alpha, batch_rows";
/// What ALTER may change: everything else is in the files.
const CHANGEABLE: [&str; 4] = ["mode", "ef_search", "alpha", "batch_rows"];

pub(super) async fn create(session: &Session, create: Create) -> Result<Answer> {
    let name = index_name(session, &create.name)?;
    check_schema("vector index", &name)?;
    let table = parse_name("table", session.store().database(), &create.table)?;
    let (metric, options) = options_of(session, &create)?;
    let if_not_exists = create.if_not_exists;
    let made = session
        .transact(async |writer| {
            let catalog = writer.catalog();
            if catalog.index(&name).is_some() {
                return match if_not_exists {
                    true => Ok(false),
                    false => Err(Error::new(Kind::Exists, format!("there is a vector index {} already", name.key()))),
                };
            }
            let def = on_table(&catalog, &table, &create.column, metric, options.clone())?;
            writer.change(&Define::Index { name: name.key(), def }).map(|()| true)
        })
        .await?;
    // Inside a transaction there is nothing committed to build from; BUILD or the first upkeep does it then.
    if made && !session.in_transaction().await {
        let built = build::build(session, &name).await;
        if built.is_err() {
            // Nothing is half created.
            session
                .transact(async |writer| writer.change(&Define::Drop { object: Object::Index, name: name.key() }))
                .await?;
        }
        built?;
    }
    Ok(Answer::none())
}

fn on_table(
    catalog: &Catalog,
    table: &ObjectName,
    column: &str,
    metric: Metric,
    options: IndexOptions,
) -> Result<IndexDef> {
    let def = catalog.table(table).ok_or_else(|| crate::tables::not_there(catalog, table))?;
    let column = def.column(column).ok_or_else(|| {
        let names: Vec<&str> = def.columns.iter().map(|c| c.name.as_str()).collect();
        Error::usage(format!("{} has no column {column}", table.key())).expected(names.join(", "))
    })?;
    let t = column.arrow_type()?;
    if !vectors::is_vectors(&t) {
        return Err(Error::usage(format!("column {} of {} holds no vectors", column.name, table.key()))
            .expected("a list of numbers, such as REAL[]")
            .got(t));
    }
    RowKey::of(def)?;
    let mut index = IndexDef::plain(Uuid::now_v7(), &table.key(), &column.name, &metric.to_string());
    (index.table_uuid, index.column_id, index.options) = (Some(def.uuid), Some(column.id), Some(options));
    Ok(index)
}

fn options_of(session: &Session, create: &Create) -> Result<(Metric, IndexOptions)> {
    let number = |name: &str| session.setting(name).parse::<u32>().ok();
    let defaults = BuildOptions::default();
    let defaults = BuildOptions {
        metric: Metric::L2,
        m: number("vector.hnsw.M").unwrap_or(defaults.m),
        ef_build: number("vector.hnsw.ef_build").unwrap_or(defaults.ef_build),
        ..defaults
    };
    let mut metric = defaults.metric;
    let mut parameters = Parameters::of(&defaults);
    if let Some(engine) = &create.engine {
        parameters.engine = engine.parse::<qx_vector::Engine>()?.to_string();
        if parameters.engine == qx_vector::Engine::Flat.to_string() {
            parameters.codes = defaults.codes.to_string();
        }
    }
    let mut options = IndexOptions { mode: Mode::default(), dim: None, parameters, alpha: None, batch_rows: None };
    twice(&create.options)?;
    for (name, value) in &create.options {
        if name == "metric" {
            metric = value.parse()?;
        } else {
            set(&mut options, name, value)?;
        }
    }
    checked(metric, &options)?;
    Ok((metric, options))
}

fn twice(options: &[(String, String)]) -> Result<()> {
    let mut seen = BTreeSet::new();
    match options.iter().find(|(name, _)| !seen.insert(name)) {
        Some((name, _)) => Err(Error::usage(format!("the option {name} stands twice"))),
        None => Ok(()),
    }
}

/// Sets one option; values are checked together by [`checked`].
fn set(options: &mut IndexOptions, name: &str, value: &str) -> Result<()> {
    let wrong = |expected: &str| Error::usage(format!("{name} cannot be `{value}`")).expected(expected);
    let count = || value.parse::<u32>().map_err(|_| wrong("a whole number"));
    let p = &mut options.parameters;
    match name {
        "dim" => options.dim = Some(count()?),
        "mode" => options.mode = mode(value)?,
        "m" => p.m = count()?,
        "ef_build" | "ef_construction" => p.ef_build = count()?,
        "ef_search" => p.ef_search = count()?,
        "dim_policy" => p.dim_policy = value.parse::<qx_vector::DimPolicy>()?.to_string(),
        "element" => p.element = value.parse::<qx_vector::Element>()?.to_string(),
        "codes" => p.codes = value.parse::<qx_vector::CodeKind>()?.to_string(),
        "seed" => p.seed = value.parse().map_err(|_| wrong("a whole number"))?,
        "alpha" => {
            let alpha = count()?;
            options.alpha = Some(alpha).filter(|a| (1..=1000).contains(a));
            options.alpha.ok_or_else(|| wrong("a whole number from 1 to 1000"))?;
        }
        "batch_rows" => {
            options.batch_rows = value.parse().ok().filter(|n| *n > 0);
            options.batch_rows.ok_or_else(|| wrong("a whole number from 1"))?;
        }
        _ => return Err(Error::usage(format!("there is no option {name} of a vector index")).expected(OPTIONS)),
    }
    Ok(())
}

fn mode(text: &str) -> Result<Mode> {
    let all = [Mode::Immediate, Mode::Batched, Mode::Async, Mode::RebuildOnly];
    all.into_iter().find(|m| mode_name(*m).eq_ignore_ascii_case(text)).ok_or_else(|| {
        Error::usage(format!("mode cannot be `{text}`")).expected("IMMEDIATE, BATCHED, ASYNC or REBUILD_ONLY")
    })
}

/// A mode as statements write it.
pub(super) fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Immediate => "IMMEDIATE",
        Mode::Batched => "BATCHED",
        Mode::Async => "ASYNC",
        Mode::RebuildOnly => "REBUILD_ONLY",
    }
}

/// Refuses what no build could do.
fn checked(metric: Metric, options: &IndexOptions) -> Result<()> {
    let mut definition = Definition::new("", "", "", metric);
    definition.parameters = options.parameters.clone();
    definition.dim = options.dim;
    definition.build_options().map(drop)
}

pub(super) async fn alter(session: &Session, text: &str, changes: &[(String, String)]) -> Result<Answer> {
    let name = index_name(session, text)?;
    twice(changes)?;
    if let Some((option, _)) = changes.iter().find(|(option, _)| !CHANGEABLE.contains(&option.as_str())) {
        return Err(Error::usage(format!("{option} of a vector index cannot be changed"))
            .expected(CHANGEABLE.join(", "))
            .hint("DROP VECTOR INDEX and CREATE it anew"));
    }
    session
        .transact(async |writer| {
            let catalog = writer.catalog();
            let mut def = find(&catalog, &name)?.clone();
            let Some(options) = &mut def.options else {
                return Err(Error::usage(format!("{} is built by a pipeline", name.key()))
                    .hint("its options stand in the pipeline's specification"));
            };
            for (option, value) in changes {
                set(options, option, value)?;
            }
            checked(def.metric.parse()?, options)?;
            writer.change(&Define::Index { name: name.key(), def })
        })
        .await?;
    if !session.in_transaction().await {
        build::follow(session, &name).await?;
    }
    Ok(Answer::none())
}

pub(super) async fn drop_index(session: &Session, text: &str, if_exists: bool) -> Result<Answer> {
    let name = index_name(session, text)?;
    let dropped = session
        .transact(async |writer| {
            let catalog = writer.catalog();
            match find(&catalog, &name) {
                Err(e) if e.kind() == Kind::NotFound && if_exists => return Ok(false),
                found => found?,
            };
            writer.change(&Define::Drop { object: Object::Index, name: name.key() }).map(|()| true)
        })
        .await?;
    // Inside a transaction the files may be wanted again; the next index of this name does not take them for its own.
    if dropped && !session.in_transaction().await {
        remove_files(session, &name);
    }
    Ok(Answer::none())
}

fn remove_files(session: &Session, name: &ObjectName) {
    let path = session.store().layout().index_definition(name);
    let (Some(folder), Some(file)) = (path.parent(), path.file_name().and_then(|n| n.to_str())) else { return };
    let Ok(bytes) = std::fs::read(&path) else { return };
    let newest = Definition::decode(&bytes).ok();
    let before = qx_io::read_previous_generation(folder, file, Definition::decode).ok().flatten();
    let segments = newest.iter().chain(&before).flat_map(|d| &d.segments).map(|s| folder.join(&s.path));
    let files: Vec<_> = segments.collect();
    // The definition goes first: what nothing names is only an orphan.
    let prefix = format!("{file}.");
    let others = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path());
    let beside = others.filter(|p| p.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(&prefix)));
    let beside: Vec<_> = beside.collect();
    for path in std::iter::once(&path).chain(&beside).chain(&files) {
        if let Err(e) = std::fs::remove_file(path)
            && e.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(target: "qx::sql", path = %path.display(), error = %e, "a dropped index left a file");
        }
    }
}

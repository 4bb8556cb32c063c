//! What a database holds, read as any reader reads it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use datafusion::arrow::array::Array;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use qx_formats::{Error, Kind, Result};
use qx_store::Store;
use qx_store::kv;

use super::model::{Content, NULL, line};
use crate::session::{Answer, Session};

/// The content of the database in `root`; `None` while it is no database.
pub(super) async fn content(root: &Path) -> Result<Option<Content>> {
    if !root.join("qx.json").exists() {
        return Ok(None);
    }
    let session = Session::open(&Arc::new(Store::open(root)?))?;
    let found = of(&session).await?;
    session.close().await?;
    Ok(Some(found))
}

/// What a session sees.
pub(super) async fn of(session: &Session) -> Result<Content> {
    let view = session.view();
    let catalog = view.catalog();
    let mut content = Content::new();
    for (name, def) in &catalog.tables {
        let columns: Vec<&str> = def.columns.iter().map(|c| c.name.as_str()).collect();
        let mut lines = vec![format!("columns {}", columns.join(","))];
        let rows = rows(&session.query(&format!("select * from {name} order by id")).await?)?;
        for row in rows {
            let id = row.first().and_then(|id| id.parse().ok()).unwrap_or(-1);
            lines.push(line(id, row.get(1..).unwrap_or_default()));
        }
        content.insert(format!("table {}", plain(name)), lines);
    }
    for name in catalog.stores.keys() {
        let mut lines = Vec::new();
        kv::keys(&view, name, None)?.each("", qx_log::now_us(), |key, item| {
            lines.push(format!("{key}={}", String::from_utf8_lossy(&item.value)));
            Ok(())
        })?;
        content.insert(format!("store {name}"), lines);
    }
    for name in catalog.indexes.keys() {
        // As many as there are: whatever the graph is like, each of its rows is reached.
        let found = session.query(&format!("select row_id from vector_search('{name}', '[0, 0]', 1000000)")).await?;
        let mut ids: Vec<u64> = rows(&found)?.iter().flatten().filter_map(|id| id.parse().ok()).collect();
        ids.sort_unstable();
        content.insert(format!("index {}", plain(name)), ids.iter().map(u64::to_string).collect());
    }
    for name in catalog.graphs.keys() {
        graph(session, name, &mut content).await?;
    }
    Ok(content)
}

fn plain(name: &str) -> &str {
    name.strip_prefix("public.").unwrap_or(name)
}

async fn graph(session: &Session, name: &str, content: &mut Content) -> Result<()> {
    let nodes = rows(&session.query(&format!("select node_id, key from graph_nodes('{name}')")).await?)?;
    let mut keys = BTreeMap::new();
    for row in &nodes {
        if let [id, key] = row.as_slice()
            && let Some(other) = keys.insert(id.clone(), key.clone())
        {
            return Err(Error::corrupt(format!("nodes {other} and {key} have the same id")).got(id));
        }
    }
    let edges = rows(&session.query(&format!("select src, dst from graph_edges('{name}')")).await?)?;
    let name_of = |id: &String| keys.get(id).cloned().unwrap_or_else(|| format!("no node {id}"));
    let mut lines: Vec<String> = edges
        .iter()
        .filter_map(|row| match row.as_slice() {
            [src, dst] => Some((name_of(src), name_of(dst))),
            _ => None,
        })
        .map(|(a, b)| format!("{a}->{b}"))
        .collect();
    lines.sort();
    content.insert("edges".to_owned(), lines);
    let mut lines: Vec<String> = keys.into_values().collect();
    lines.sort();
    content.insert("nodes".to_owned(), lines);
    Ok(())
}

/// The rows of an answer as texts.
fn rows(answer: &Answer) -> Result<Vec<Vec<String>>> {
    let engine = |e: datafusion::arrow::error::ArrowError| Error::new(Kind::Engine, e.to_string());
    let options = FormatOptions::default().with_null(NULL);
    let mut rows = Vec::new();
    for batch in &answer.batches {
        let columns = batch.columns().iter().map(|c| ArrayFormatter::try_new(c.as_ref() as &dyn Array, &options));
        let columns = columns.collect::<std::result::Result<Vec<_>, _>>().map_err(engine)?;
        for at in 0..batch.num_rows() {
            rows.push(columns.iter().map(|c| c.value(at).to_string()).collect());
        }
    }
    Ok(rows)
}

//! What helps against a finding: the command, and whether repair can do it by itself.

use std::path::Path;

use crate::repair::{is_graph_log, is_graph_segment};

/// What helps.
pub(super) struct Help {
    /// What `qx repair` would do.
    pub repair: Option<&'static str>,
    pub command: String,
}

pub(super) fn of(id: &str, root: &Path, path: &str) -> Help {
    let (full, folder) = (root.join(path), root);
    let root = root.display();
    let repair = |what| Help { repair: Some(what), command: format!("qx repair {root} --finding {id}") };
    let command = |command: String| Help { repair: None, command };
    match id {
        "db.unreadable" => command(format!(
            "ls -ld {}: mend its permissions, move away what stands in its place, or restore it; then qx fsck again",
            full.display()
        )),
        "log.superseded" | "log.open" => command("nothing".to_owned()),
        "db.marker" => repair("write a new marker from the folders that are there"),
        "db.catalog" => repair("fold the definitions of the log over the generation before"),
        "db.previous" => command("nothing: the next publication replaces it".to_owned()),
        "db.table_manifest" | "db.delta_manifest" | "db.behind" => repair("make the manifest anew from the Delta log"),
        "db.graph_manifest" => repair("take the generation before, if all of its files are there"),
        "db.store_manifest" => repair("take the generation before, or the log alone, whichever reaches back"),
        "db.orphan" | "db.temporary" | "db.stale" | "db.run" => repair("move it to the lost-and-found"),
        "db.index_stale" => command(format!("qx vector sync {root} {}", index_of(path))),
        "db.index_rows" => command(format!("qx sql --db {root} -c 'REINDEX VECTOR INDEX {}'", index_of(path))),
        "db.index" => repair("set the damaged file aside; the index is empty until it is built again"),
        _ if [".vdata", ".vindex", ".deny"].iter().any(|end| path.ends_with(end)) => {
            repair("set the damaged file aside; the index is empty until it is built again")
        }
        "db.delta_log" | "db.length" | "db.checksum" if id == "db.delta_log" || path.contains("/_delta_log/") => {
            repair("make the Delta log anew from the manifest, which names every file; older versions go")
        }
        _ if is_graph_log(path) && id != "graph.endpoint" => {
            repair("keep every whole commit of the delta logs; the report counts the rest")
        }
        // Edges without an end, and segments that were mixed up, are whole as files.
        _ if is_graph_segment(path)
            && !["graph.endpoint", "graph.source_partition", "graph.partition"].contains(&id) =>
        {
            repair("keep the nodes and edges that are whole, in new segments; the report counts the rest")
        }
        "db.missing" | "db.length" | "db.checksum" | "db.parquet" if path.ends_with(".parquet") => repair(
            "keep what can be read, set the file aside, take it out of the Delta table; the report counts the loss",
        ),
        _ if path.contains("/store/") => {
            repair("keep the entries whose checksums hold, and what the log has; the report lists the rest")
        }
        _ if id.starts_with("log.") || matches!(id, "db.log" | "db.log_begin") => {
            repair("recover the log: keep every whole transaction; the report lists the gaps")
        }
        "db.watermark" => command(without_log(folder, id)),
        _ => command(from_backup(path)),
    }
}

/// What helps where nothing in the folder does.
pub(super) fn from_backup(path: &str) -> String {
    format!("qx restore, or build {path} again from what it was built from")
}

/// What helps where the log is gone, or its end.
pub(super) fn without_log(root: &Path, id: &str) -> String {
    let root = root.display();
    format!(
        "qx restore BACKUP -o NEW; without one, qx repair {root} --finding {id} goes on without what only the log held"
    )
}

/// What helps where a graph cannot be read any more.
pub(super) fn of_graph(root: &Path, name: &str) -> String {
    let root = root.display();
    format!(
        "qx restore BACKUP -o NEW; without one, qx sql --db {root} -c 'DROP GRAPH {name}', and make {name} again from what \
         it was built from"
    )
}

/// The name of the index whose definition stands there: `main/public/name.vindex`.
fn index_of(path: &str) -> String {
    let mut parts = path.rsplit('/');
    let name = parts.next().unwrap_or_default().trim_end_matches(".vindex").to_owned();
    match parts.next() {
        Some(schema) => format!("{schema}.{name}"),
        None => name,
    }
}

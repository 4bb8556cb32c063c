//! `qx graph export`: nodes and edges as operations that `deltalog append` takes.

use std::io::Write;
use std::path::PathBuf;

use qx_cli::{Context, OutputArgs, Status, is_dash};
use qx_formats::{Error, Result};
use qx_graph::Graph;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{one, open};

const EXAMPLES: &str = "\
Examples:
  qx graph export my.db dependency_graph > graph.ndjson
  qx graph export my.db dependency_graph -o graph.ndjson
  qx graph export my.db dependency_graph | deltalog append copy.log --txn 1000";

/// Write the nodes and edges of a graph as NDJSON operations
///
/// Nodes first, by id, then edges: `deltalog append` takes them as they are.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Database folder
    #[arg(value_name = "DIR")]
    db: PathBuf,

    /// The graph
    #[arg(value_name = "GRAPH")]
    graph: String,

    /// File to write to (default: stdout)
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    #[command(flatten)]
    target: OutputArgs,
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let store = std::sync::Arc::new(qx_store::Store::open(&args.db)?);
    let view = qx_store::View::open(&store)?;
    let (name, def) = one(&view, &args.graph)?;
    let graph = open(&view, &name, &def)?;
    let (nodes, edges) = match args.output.as_ref().filter(|p| !is_dash(p)) {
        Some(path) => {
            args.target.check_target(path)?;
            if args.target.dry_run {
                write(&graph, |_| Ok(()))?
            } else {
                qx_io::publish(path, args.target.mode(), |out| {
                    write(&graph, |line| out.write_all(line).map_err(|e| Error::io("write", e)))
                })?
            }
        }
        None if args.target.dry_run => write(&graph, |_| Ok(()))?,
        None => write(&graph, |line| cx.out.bytes(line))?,
    };
    let verb = if args.target.dry_run { "would write" } else { "wrote" };
    cx.say(format!("{}: {verb} {nodes} nodes, {edges} edges", name.key()));
    if cx.json() {
        let summary =
            json!({"v": 1, "graph": name.key(), "nodes": nodes, "edges": edges, "dry_run": args.target.dry_run});
        cx.out.record(&json!({"summary": summary}))?;
    }
    Ok(Status::Yes)
}

fn write(graph: &Graph, mut out: impl FnMut(&[u8]) -> Result<()>) -> Result<(u64, u64)> {
    let (mut nodes, mut edges) = (0, 0);
    for (id, name) in graph.nodes()? {
        let label = text("label", &name.label)?;
        let mut op = Map::new();
        op.insert("op".into(), "node".into());
        op.insert("label".into(), label.into());
        op.insert("key".into(), text("key", &name.key)?.into());
        op.insert("id".into(), id.into());
        out(&line(&Value::Object(op))?)?;
        nodes += 1;
    }
    graph.each_edge(|src, edge, props| {
        #[derive(serde::Serialize)]
        struct Op<'a> {
            op: &'static str,
            part: u32,
            src: u64,
            dst: u64,
            etype: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            props: Option<&'a RawValue>,
        }
        let props = match props.is_empty() {
            true => None,
            false => Some(serde_json::from_slice(props).map_err(|e| Error::corrupt(format!("properties: {e}")))?),
        };
        let part = qx_graph::route(src, graph.partitions()) as u32;
        edges += 1;
        out(&line(&Op { op: "edge", part, src, dst: edge.node, etype: edge.etype, props })?)
    })?;
    Ok((nodes, edges))
}

fn text<'a>(what: &str, bytes: &'a [u8]) -> Result<&'a str> {
    std::str::from_utf8(bytes).map_err(|_| {
        Error::unsupported(format!("a {what} that is no UTF-8 cannot be exported as JSON"))
            .got(String::from_utf8_lossy(bytes))
    })
}

fn line(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut bytes = serde_json::to_vec(value).map_err(|e| Error::usage(e.to_string()))?;
    bytes.push(b'\n');
    Ok(bytes)
}

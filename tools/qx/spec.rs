//! `qx spec`: look at a specification file without running it.

use std::path::PathBuf;

use clap::Subcommand;
use qx_cli::{Context, Status};
use qx_formats::Result;
use qx_pipeline::Spec;
use serde_json::json;

/// Check, hash or describe specification files
#[derive(Subcommand)]
pub enum Verb {
    /// Say whether a specification is sound
    ///
    /// Reads it as `qx run` does: version, unknown fields, names. Exit 65 when it is not, with the place.
    #[command(before_help = "Examples:\n  qx spec check pipeline.toml")]
    Check {
        #[arg(value_name = "SPEC")]
        spec: PathBuf,
    },
    /// Print the hash of what a specification means
    ///
    /// BLAKE3 of its canonical form, so comments, order and TOML or JSON make no difference.
    #[command(before_help = "Examples:\n  qx spec hash pipeline.toml")]
    Hash {
        #[arg(value_name = "SPEC")]
        spec: PathBuf,
    },
    /// Print the JSON Schema of specification files
    #[command(before_help = "Examples:\n  qx spec schema > pipeline.schema.json")]
    Schema,
}

pub fn run(verb: Verb, cx: &mut Context) -> Result<Status> {
    match verb {
        Verb::Check { spec: path } => {
            let spec = Spec::read(&path)?;
            if cx.json() {
                cx.out.record(&json!({
                    "v": 1, "path": path.to_string_lossy(), "ok": true, "name": spec.name, "version": spec.version,
                    "inputs": spec.inputs.len(), "views": spec.views.len(), "outputs": spec.outputs.len(),
                    "artifacts": spec.artifacts.len(), "queries": spec.queries.len(), "hash": spec.hash(),
                }))?;
            }
            cx.say(format!(
                "{}: sound; {} inputs, {} views, {} tables, {} artifacts, {} queries",
                path.display(),
                spec.inputs.len(),
                spec.views.len(),
                spec.outputs.len(),
                spec.artifacts.len(),
                spec.queries.len(),
            ));
        }
        Verb::Hash { spec: path } => {
            let hash = Spec::read(&path)?.hash();
            if cx.json() {
                cx.out.record(&json!({"v": 1, "path": path.to_string_lossy(), "hash": hash}))?;
            } else {
                cx.out.line(hash)?;
            }
        }
        Verb::Schema => {
            let text = serde_json::to_string_pretty(&Spec::schema()).unwrap_or_default();
            cx.out.line(text)?;
        }
    }
    Ok(Status::Yes)
}

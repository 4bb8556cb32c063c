//! `explain schema`: the JSON Schema of a plan bundle.

use qx_cli::{Context, Status};
use qx_formats::{Error, Result};

const EXAMPLES: &str = "\
Examples:
  explain schema > plan.schema.json
  check-jsonschema --schemafile plan.schema.json before.json";

/// Print the JSON Schema of a plan bundle
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {}

pub fn run(_: Args, cx: &mut Context) -> Result<Status> {
    let schema = qx_plan::json_schema();
    if cx.json() {
        cx.out.record(&schema)?;
    } else {
        let text = serde_json::to_string_pretty(&schema).map_err(|e| Error::usage(e.to_string()))?;
        cx.out.line(text)?;
    }
    Ok(Status::Yes)
}

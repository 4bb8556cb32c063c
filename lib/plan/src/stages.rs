//! The three stages of a plan: as written (P0), optimized (P1), physical (P2), each as text and under a digest.

use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::displayable;
use qx_formats::{Error, Kind, Result};
use serde::Serialize;

use crate::describe::Summary;

/// One stage of planning.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stage {
    /// `P0`, `P1` or `P2`.
    pub name: &'static str,
    pub title: &'static str,
    /// Operators, one a line, indented by depth.
    pub text: String,
    /// BLAKE3 of the text, in hexadecimal: equal for equal plans.
    pub digest: String,
}

/// How one statement is planned. Nothing is executed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stages {
    /// Version of this document.
    pub v: u32,
    pub statement: String,
    pub summary: Summary,
    pub stages: Vec<Stage>,
}

fn engine(e: datafusion::error::DataFusionError) -> Error {
    Error::new(Kind::Engine, e.strip_backtrace())
}

fn stage(name: &'static str, title: &'static str, text: String) -> Stage {
    let digest = blake3::hash(text.as_bytes()).to_hex().to_string();
    Stage { name, title, text, digest }
}

impl Stages {
    /// Plans `plan` to the end.
    ///
    /// # Errors
    /// `Engine`: an optimizer rule or the physical planner failed.
    pub async fn new(state: &SessionState, statement: String, plan: LogicalPlan) -> Result<Stages> {
        let optimized = state.optimize(&plan).map_err(engine)?;
        let physical = state.query_planner().create_physical_plan(&optimized, state).await.map_err(engine)?;
        let stages = vec![
            stage("P0", "logical plan, as written", plan.display_indent().to_string()),
            stage("P1", "logical plan, optimized", optimized.display_indent().to_string()),
            stage(
                "P2",
                "physical plan",
                displayable(physical.as_ref()).indent(false).to_string().trim_end().to_owned(),
            ),
        ];
        Ok(Stages { v: 1, statement, summary: Summary::of(&optimized), stages })
    }
}

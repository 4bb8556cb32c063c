//! `qx run`: build what a specification names, then answer its questions.

use std::collections::BTreeMap;
use std::path::PathBuf;

use qx_cli::{Context, Status, WaitArg};
use qx_formats::Result;
use qx_pipeline::spec::Query;
use qx_pipeline::{Event, Outcome, RunOptions, Spec, StepRecord, base_of};
use qx_sql::Answer;
use serde_json::{Value, json};

use crate::answers;
use crate::runtime::block_on;

const EXAMPLES: &str = "\
Examples:
  qx run pipeline.toml                            build what is missing or stale, then answer
  qx run pipeline.toml --dry-run                  say which steps are stale
  qx run pipeline.toml --db /data/full.db --input packages=/data/packages.ndjson.zst
  qx run pipeline.toml | jq -r 'select(.query == \"nearest\") | .row.package'";

/// Run a pipeline: tables, graph, vectors and documents from input files, then its questions
///
/// A step whose definition and input are as they were when it was built is left alone, so a second run only answers.
/// A run that was killed at any moment is finished by the next one. Answers are tables on a terminal and NDJSON
/// (`{\"query\":NAME,\"row\":{...}}`) in a pipe; what happened is told on stderr, or in the summary record of --json.
#[derive(clap::Args)]
#[command(before_help = EXAMPLES)]
pub struct Args {
    /// Specification file, TOML or JSON
    #[arg(value_name = "SPEC")]
    spec: PathBuf,

    /// Database folder (default: the specification's, relative to the working directory)
    #[arg(long, value_name = "DIR")]
    db: Option<PathBuf>,

    /// Read another file for an input; repeatable
    #[arg(long, value_name = "NAME=PATH", value_parser = name_and_path)]
    input: Vec<(String, PathBuf)>,

    /// Say which steps would be built, and build nothing
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    wait: WaitArg,
}

fn name_and_path(text: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = text.split_once('=').ok_or("expected NAME=PATH")?;
    if name.is_empty() || path.is_empty() { Err("expected NAME=PATH".into()) } else { Ok((name.into(), path.into())) }
}

pub fn run(args: Args, cx: &mut Context) -> Result<Status> {
    let spec = Spec::read(&args.spec)?;
    let options = RunOptions {
        base: base_of(&args.spec),
        database: args.db,
        inputs: args.input.into_iter().collect::<BTreeMap<_, _>>(),
        wait: args.wait.wait.unwrap_or_default(),
        dry_run: args.dry_run,
    };
    let job = cx.job();
    let cancel = cx.cancel.clone();
    let outcome = block_on(&cancel, async {
        qx_pipeline::run(&spec, &options, &job, &mut |event| match event {
            Event::Step { step, position, of } => {
                job.progress.phase(&format!("[{position}/{of}] {step}"), None, "rows");
                Ok(())
            }
            Event::Built(step) => {
                cx.say(built(step));
                Ok(())
            }
            Event::Ready(outcome) => {
                ready(outcome, cx);
                Ok(())
            }
            Event::Answer(query, answer) => print(query, answer, cx),
        })
        .await
    })?;
    if args.dry_run {
        for step in &outcome.built {
            cx.say(format!("would build {step}"));
        }
        if outcome.built.is_empty() {
            cx.say("nothing to do");
        }
    }
    if cx.json() {
        cx.out.record(&summary(&spec, &outcome, args.dry_run))?;
    }
    Ok(Status::Yes)
}

fn built(step: &StepRecord) -> String {
    let counts = match &step.result {
        Value::Object(members) => members.iter().filter(|(_, v)| v.is_u64()).map(|(k, v)| format!("{v} {k}")).collect(),
        _ => Vec::new(),
    };
    format!("{}: {} in {:.1} s", step.step, counts.join(", "), step.seconds)
}

fn ready(outcome: &Outcome, cx: &mut Context) {
    let path = outcome.database.display();
    if outcome.built.is_empty() {
        cx.say(format!("{path}: nothing to do, all {} steps are current", outcome.current.len()));
    } else {
        cx.say(format!("{path}: {} steps built, {} were current", outcome.built.len(), outcome.current.len()));
    }
    for note in &outcome.record.notes {
        let value = note.value.as_str().map_or_else(|| note.value.to_string(), str::to_owned);
        cx.say(format!("  {value} {}", note.text));
    }
}

fn print(query: &Query, answer: &Answer, cx: &mut Context) -> Result<()> {
    if cx.for_people() {
        cx.out.line(format!("\n{}", query.title.as_deref().unwrap_or(&query.name)))?;
        let table = answers::table(answer)?;
        return cx.out.table(&table);
    }
    let name = json!(query.name).to_string();
    let lines = answers::ndjson(answer)?;
    for line in lines.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        cx.out.bytes(format!("{{\"query\":{name},\"row\":").as_bytes())?;
        cx.out.bytes(line)?;
        cx.out.line("}")?;
    }
    Ok(())
}

fn summary(spec: &Spec, outcome: &Outcome, dry_run: bool) -> Value {
    let record = &outcome.record;
    json!({"summary": {
        "v": 1, "pipeline": spec.name, "spec_hash": spec.hash(), "database": outcome.database.to_string_lossy(),
        "dry_run": dry_run, "built": outcome.built, "current": outcome.current, "notes": record.notes,
        "steps": record.steps, "inputs": record.inputs, "finished_at": record.finished_at,
    }})
}

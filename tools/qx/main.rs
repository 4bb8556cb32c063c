//! `qx`: SQL over a database folder, and pipelines that build one. A file per verb; this one parses and dispatches.

mod answers;
mod backup;
mod compact;
mod drill;
mod export;
mod flush;
mod fsck;
mod graph;
mod init;
mod kv;
mod load;
mod maintain;
mod manifest;
mod repair;
mod run;
mod runtime;
mod script;
mod shell;
mod show;
mod sibling;
mod spec;
mod sql;
mod vector;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use qx_cli::{Context, Global, Status, Tool};
use qx_formats::Result;

/// A statement makes and frees many small things on changing threads, for which glibc gives memory back and forth.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXAMPLES: &str = "\
Examples:
  qx run fixtures/debian/pipeline.toml           build the database and answer its questions
  qx sql --db debian.db -c 'select count(*) from packages'
  echo 'show tables' | qx sql --db debian.db
  qx spec check pipeline.toml && qx run pipeline.toml --dry-run";

/// SQL over a database folder of Delta Lake tables, documents, graphs and vector indexes
#[derive(Parser)]
#[command(name = "qx", version, before_help = EXAMPLES, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Backup(backup::BackupArgs),
    Compact(compact::Args),
    Drill(drill::Args),
    Export(export::Args),
    Flush(flush::Args),
    #[command(subcommand)]
    Graph(graph::Verb),
    Fsck(fsck::Args),
    Init(init::Args),
    #[command(subcommand)]
    Kv(kv::Verb),
    Maintain(maintain::Args),
    #[command(subcommand)]
    Manifest(manifest::Verb),
    Repair(repair::Args),
    Restore(backup::RestoreArgs),
    Load(load::Args),
    Run(run::Args),
    Shell(shell::Args),
    Sql(sql::Args),
    #[command(subcommand)]
    Spec(spec::Verb),
    Upgrade(maintain::UpgradeArgs),
    #[command(subcommand)]
    Vector(vector::Verb),
    /// Run dictctl: dictionary segments
    Dict(sibling::Args),
    /// Run deltalog: logs
    Log(sibling::Args),
    /// Run vindex: files of vector indexes
    Vindex(sibling::Args),
    /// Run jsonframe: JSON as typed columns
    Frame(sibling::Args),
    /// Run explain: plans, kept and compared
    Explain(sibling::Args),
}

impl Tool for Cli {
    fn global(&self) -> &Global {
        &self.global
    }

    fn run(self, cx: &mut Context) -> Result<Status> {
        match self.verb {
            Verb::Backup(args) => backup::backup(args, cx),
            Verb::Compact(args) => compact::run(args, cx),
            Verb::Drill(args) => drill::run(args, cx),
            Verb::Export(args) => export::run(args, cx),
            Verb::Flush(args) => flush::run(args, cx),
            Verb::Graph(verb) => graph::run(verb, cx),
            Verb::Fsck(args) => fsck::run(args, cx),
            Verb::Kv(verb) => kv::run(verb, cx),
            Verb::Maintain(args) => maintain::run(args, cx),
            Verb::Manifest(verb) => manifest::run(verb, cx),
            Verb::Repair(args) => repair::run(args, cx),
            Verb::Restore(args) => backup::restore(args, cx),
            Verb::Upgrade(args) => maintain::upgrade(args, cx),
            Verb::Init(args) => init::run(args, cx),
            Verb::Load(args) => load::run(args, cx),
            Verb::Run(args) => run::run(args, cx),
            Verb::Shell(args) => shell::run(args, cx),
            Verb::Sql(args) => sql::run(args, cx),
            Verb::Spec(verb) => spec::run(verb, cx),
            Verb::Vector(verb) => vector::run(verb, cx),
            Verb::Dict(args) => sibling::run("dict", args, cx),
            Verb::Log(args) => sibling::run("log", args, cx),
            Verb::Vindex(args) => sibling::run("vindex", args, cx),
            Verb::Frame(args) => sibling::run("frame", args, cx),
            Verb::Explain(args) => sibling::run("explain", args, cx),
        }
    }
}

/// The planner recurses over expressions, and a machine can write them thousands deep.
const STACK: usize = 512 << 20;

fn main() -> ExitCode {
    sibling::become_tool();
    qx_cli::main_on_stack::<Cli>(STACK)
}

//! Arrows run one way: tools -> lib -> formats; and the light tools never link the query engine.

use super::manifests::{Lock, Member, members};
use super::tree::nothing_to_say;

/// Crates that talk to a terminal or decide for a process. Only `lib/cli` and the tools have them.
const OF_A_PROCESS: [&str; 11] = [
    "anstream",
    "anstyle",
    "anyhow",
    "clap",
    "clap_complete",
    "comfy-table",
    "indicatif",
    "qx-cli",
    "signal-hook",
    "toml",
    "tracing-subscriber",
];
/// A specification file is TOML; reading one is what this crate is for.
const MAY_HAVE: [(&str, &str); 1] = [("lib/pipeline", "toml")];
/// What makes a build heavy.
const ENGINE: [&str; 6] = ["datafusion", "deltalake", "qx-sql", "qx-store", "qx-plan", "qx-pipeline"];

fn complain(
    members: &[Member],
    of: impl Fn(&Member) -> bool,
    forbidden: impl Fn(&Member, &str) -> bool,
) -> Vec<String> {
    let mut complaints = Vec::new();
    for member in members.iter().filter(|m| of(m)) {
        for d in member.dependencies().iter().filter(|d| forbidden(member, d.name)) {
            complaints.push(format!("{} has {} in [{}]", member.folder, d.name, d.section));
        }
    }
    complaints
}

fn in_lib(m: &Member) -> bool {
    m.folder.starts_with("lib/")
}

#[test]
fn formats_know_no_library() {
    let members = members();
    let ours = |name: &str| members.iter().any(|m| m.name == name);
    let found = complain(&members, |m| m.folder == "formats", |_, d| ours(d));
    nothing_to_say("formats/ depends on no crate of ours", &found);
}

#[test]
fn formats_know_no_terminal_no_threads_and_no_engine() {
    let heavy = |d: &str| {
        OF_A_PROCESS.contains(&d) || ["tokio", "rayon", "memmap2", "arrow", "parquet", "datafusion"].contains(&d)
    };
    let found = complain(&members(), |m| m.folder == "formats", |_, d| heavy(d));
    nothing_to_say("formats/ is bytes in, bytes out", &found);
}

#[test]
fn libraries_know_no_tool() {
    let found = complain(&members(), in_lib, |_, d| ["qx", "qx-benches"].contains(&d));
    nothing_to_say("lib/ depends on no tool and no bench", &found);
}

#[test]
fn libraries_leave_the_process_to_the_tools() {
    let found = complain(
        &members(),
        |m| in_lib(m) && m.folder != "lib/cli",
        |m, d| OF_A_PROCESS.contains(&d) && !MAY_HAVE.contains(&(m.folder.as_str(), d)),
    );
    nothing_to_say("lib/ never touches the terminal; lib/cli does, for the tools alone", &found);
}

#[test]
fn nobody_depends_on_the_benches() {
    let found = complain(&members(), |m| !m.folder.starts_with("benches"), |_, d| d.starts_with("qx-benches"));
    nothing_to_say("benches/ is the end of the line", &found);
}

#[test]
fn the_light_tools_do_not_reach_the_engine() {
    let (lock, members) = (Lock::read(), members());
    let heavy = |name: &&String| ENGINE.iter().any(|e| *name == e || name.starts_with(&format!("{e}-")));
    let light = lock.closure(&members, &[]);
    let found: Vec<String> = light.iter().filter(heavy).cloned().collect();
    nothing_to_say("a build with --no-default-features links", &found);
    assert!(light.contains("crc32c"), "the closure goes past our own crates");
    // The same walk must see the engine where it is, or it would see nothing anywhere.
    assert!(lock.closure(&members, &["default"]).contains("datafusion"));
}

#[test]
fn tools_that_need_the_engine_say_so() {
    let members = members();
    let root = members.iter().find(|m| m.folder.is_empty()).unwrap();
    let mut complaints = Vec::new();
    for bin in root.manifest["bin"].as_array().unwrap() {
        let name = bin["name"].as_str().unwrap();
        let needs = bin.get("required-features").is_some();
        if needs != ["explain", "qx"].contains(&name) {
            complaints.push(name.to_owned());
        }
    }
    nothing_to_say("required-features = [\"engine\"] belongs to explain and qx alone", &complaints);
}

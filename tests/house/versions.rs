//! Every version stands once, in the root Cargo.toml.

use super::manifests::{Lock, members};
use super::tree::nothing_to_say;

#[test]
fn the_lock_file_holds_one_engine() {
    let lock = Lock::read();
    let ours = ["arrow", "datafusion", "deltalake", "object_store", "parquet"];
    let families = ["arrow-", "datafusion-", "deltalake-"];
    let mut complaints = Vec::new();
    for name in lock.names().filter(|n| ours.contains(n) || families.iter().any(|f| n.starts_with(f))) {
        let versions = lock.versions(name);
        if versions.len() > 1 {
            complaints.push(format!("{name}: {}", versions.join(", ")));
        }
    }
    for name in ours {
        if lock.versions(name).is_empty() {
            complaints.push(format!("{name}: not there"));
        }
    }
    nothing_to_say("Cargo.lock holds one version each of", &complaints);
}

#[test]
fn versions_stand_in_the_root_manifest_only() {
    let mut complaints = Vec::new();
    for member in members() {
        for d in member.dependencies() {
            let shared = d.spec.get("workspace").and_then(toml::Value::as_bool) == Some(true);
            if !shared || ["version", "path", "git"].iter().any(|k| d.spec.get(k).is_some()) {
                complaints.push(format!("{}/Cargo.toml: {}", member.folder, d.name));
            }
        }
        let package = member.manifest["package"].as_table().unwrap();
        for key in ["version", "edition", "rust-version", "license"] {
            if package.get(key).and_then(|v| v.get("workspace")).is_none() {
                complaints.push(format!("{}/Cargo.toml: package.{key}", member.folder));
            }
        }
    }
    nothing_to_say("members say `workspace = true`", &complaints);
}

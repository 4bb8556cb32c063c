//! The built tools, by name.

use std::path::{Path, PathBuf};

/// Every tool of this build: four without the query engine, six with it.
pub fn tools() -> Vec<(&'static str, &'static Path)> {
    let light = [
        ("dictctl", env!("CARGO_BIN_EXE_dictctl")),
        ("deltalog", env!("CARGO_BIN_EXE_deltalog")),
        ("vindex", env!("CARGO_BIN_EXE_vindex")),
        ("jsonframe", env!("CARGO_BIN_EXE_jsonframe")),
    ];
    #[cfg(feature = "engine")]
    let engine = [("explain", env!("CARGO_BIN_EXE_explain")), ("qx", env!("CARGO_BIN_EXE_qx"))];
    #[cfg(not(feature = "engine"))]
    let engine = [];
    light.into_iter().chain(engine).map(|(name, path)| (name, Path::new(path))).collect()
}

/// The root of the repository.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// `QX_BLESS=1`: write what was found instead of comparing with it.
pub fn bless() -> bool {
    std::env::var_os("QX_BLESS").is_some_and(|v| v == "1")
}

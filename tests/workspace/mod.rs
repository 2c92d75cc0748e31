//! Finds the parts of the repository that tests about the repository read.

use std::fs;
use std::path::{Path, PathBuf};

use testkit::peers::root;

/// Lists the manifest of every package, sorted.
pub(crate) fn manifests() -> Vec<PathBuf> {
    let mut manifests: Vec<_> = fs::read_dir(root().join("crates"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("Cargo.toml"))
        .filter(|manifest| manifest.exists())
        .collect();
    manifests.push(root().join("tests/Cargo.toml"));
    manifests.sort();
    assert!(manifests.len() > 8, "the packages were not found");
    manifests
}

/// Lists the Rust files below a folder, sorted, except files that hold only tests.
pub(crate) fn rust_sources(folder: &Path) -> Vec<PathBuf> {
    let mut sources = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return sources;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap_or_default();
        if name == "tests" {
            continue;
        }
        if path.is_dir() {
            sources.extend(rust_sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(path);
        }
    }
    sources.sort();
    sources
}

/// Cuts a source off where its module of tests begins.
pub(crate) fn without_tests(source: &str) -> &str {
    source
        .match_indices("#[cfg(test)]\n")
        .find(|(start, head)| source[start + head.len()..].starts_with("mod "))
        .map_or(source, |(start, _)| &source[..start])
}

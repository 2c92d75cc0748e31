//! Finds files by their digests.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use liftlock::digest::Digest;
use liftlock::name::Name;

/// How deep folders may be nested.
const DEPTH: usize = 8;

/// The file of each artifact.
///
/// # Errors
///
/// Fails when one is missing; the message names it.
pub(crate) fn all(
    folder: &Path,
    wanted: &BTreeMap<Name, Digest>,
) -> Result<BTreeMap<Name, PathBuf>> {
    let mut files = BTreeMap::new();
    collect(folder, DEPTH, &mut files)?;
    let found = wanted.iter().map(|(name, digest)| {
        let path = files.get(digest).cloned();
        let path =
            path.with_context(|| format!("no file of `{}` is {digest}", folder.display()))?;
        Ok((name.clone(), path))
    });
    found.collect()
}

/// In the order of names, so that of two equal files the first is taken.
fn collect(folder: &Path, depth: usize, files: &mut BTreeMap<Digest, PathBuf>) -> Result<()> {
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot read `{}`", folder.display()))?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<PathBuf>>>()?;
    paths.sort();
    for path in paths {
        if path.is_file() {
            files.entry(Digest::of(&fs::read(&path)?)).or_insert(path);
        } else if depth > 0 && path.is_dir() {
            collect(&path, depth - 1, files)?;
        }
    }
    Ok(())
}

//! A file of routes that Envoy watches: only weights are changed in it.

use std::collections::BTreeMap;
use std::path::Path;

use liftlock::config::traffic::Envoy;
use liftlock::failure::{Explain, Kind};
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock::traffic::envoy;
use serde_json::Value;

use crate::file;

/// The most such a file may have.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Sets the weights and reads them back. The file is replaced by a rename,
/// which is the one change that Envoy watches for.
///
/// # Errors
///
/// Fails when the file cannot be read, understood or written, when no route
/// splits between the slots, and when it holds something else afterwards.
pub fn set(target: &Envoy, shares: &BTreeMap<Name, Percent>) -> Result<(), Error> {
    let mut routes = read(target)?;
    envoy::set(&mut routes, shares).map_err(|source| unfit(target, source))?;
    let mut bytes = serde_json::to_vec_pretty(&routes).map_err(Error::Json)?;
    bytes.push(b'\n');
    file::write(Path::new(&target.path), &bytes)?;
    match is_set(target, shares)? {
        true => Ok(()),
        false => Err(Error::NotKept(target.path.clone())),
    }
}

/// Whether every split between the slots has these weights.
///
/// # Errors
///
/// Fails when the file cannot be read or understood, or has no such split.
pub fn is_set(target: &Envoy, shares: &BTreeMap<Name, Percent>) -> Result<bool, Error> {
    envoy::is_set(&read(target)?, shares).map_err(|source| unfit(target, source))
}

fn read(target: &Envoy) -> Result<Value, Error> {
    let bytes = file::read(Path::new(&target.path), LARGEST)?;
    envoy::parse(&bytes).map_err(|source| unfit(target, source))
}

fn unfit(target: &Envoy, source: envoy::Unfit) -> Error {
    Error::Unfit {
        path: target.path.clone(),
        source,
    }
}

/// Why the routes do not split requests as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] file::Error),
    /// It has nothing to weigh.
    #[error("cannot weigh the routes in `{path}`")]
    Unfit {
        /// The file.
        path: String,
        /// Why.
        source: envoy::Unfit,
    },
    /// Somebody else writes it as well.
    #[error("`{0}` holds other weights right after it was written")]
    NotKept(String),
    /// Routes that are no JSON.
    #[error("the routes cannot be written")]
    Json(#[source] serde_json::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::Unfit { .. } => Kind::Invalid,
            Self::NotKept(_) => Kind::Upstream,
            Self::Json(_) => Kind::Bug,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt as _;

    use liftlock::config::target::Slots;

    use super::*;

    #[test]
    fn the_file_is_replaced_as_a_whole_and_read_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("routes.json");
        let target = Envoy {
            path: path.display().to_string(),
            slots: Slots {
                stable: "blue".parse().unwrap(),
                canary: "green".parse().unwrap(),
            },
        };
        let canary: Percent = "5%".parse().unwrap();
        let shares = BTreeMap::from([
            (target.slots.stable.clone(), canary.rest()),
            (target.slots.canary.clone(), canary),
        ]);
        assert!(matches!(is_set(&target, &shares), Err(Error::File(_))));
        let split = r#"{"resources":[{"weighted_clusters":{"clusters":[{"name":"blue"},{"name":"green"}]}}]}"#;
        fs::write(&path, split).unwrap();
        let before = fs::metadata(&path).unwrap().ino();
        assert!(!is_set(&target, &shares).unwrap());
        set(&target, &shares).unwrap();
        assert!(is_set(&target, &shares).unwrap());
        assert_ne!(fs::metadata(&path).unwrap().ino(), before, "a rename");
        fs::write(&path, r#"{"resources":[]}"#).unwrap();
        let error = set(&target, &shares).unwrap_err();
        assert!(matches!(error, Error::Unfit { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"resources":[]}"#);
    }
}

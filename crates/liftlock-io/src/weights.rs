//! A JSON file with weights and roles that a proxy or an application reads.

use std::collections::BTreeMap;
use std::path::Path;

use liftlock::config::target::{Slots, WeightsFile};
use liftlock::failure::{Explain, Kind};
use liftlock::json;
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock::traffic;
use serde::{Deserialize, Serialize};

use crate::file;

/// The most such a file may have.
const LARGEST: u64 = 64 * 1024;

/// The file: shares in hundredths of a percent, and the roles of the plan that
/// wrote them.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Written {
    weights: BTreeMap<Name, u16>,
    stable: Name,
    canary: Name,
}

/// Writes the shares, whole or not at all, and reads them back.
///
/// # Errors
///
/// Fails when the file cannot be written or holds something else afterwards.
pub fn set(
    target: &WeightsFile,
    roles: &Slots,
    shares: &BTreeMap<Name, Percent>,
) -> Result<(), Error> {
    let written = written(roles, shares);
    let bytes = json::line(&written).map_err(Error::Json)?;
    file::write(Path::new(&target.path), &bytes)?;
    match read(target)? {
        Some(found) if found == written => Ok(()),
        Some(_) | None => Err(Error::NotKept(target.path.clone())),
    }
}

/// Whether the file says exactly these shares; without a file nobody gets any.
///
/// # Errors
///
/// Fails when the file is there but cannot be understood.
pub fn is_set(target: &WeightsFile, shares: &BTreeMap<Name, Percent>) -> Result<bool, Error> {
    Ok(match read(target)? {
        Some(found) => found.weights == points(shares),
        None => shares.values().all(|share| *share == Percent::ZERO),
    })
}

/// What the file says, in words.
///
/// # Errors
///
/// Fails when the file is there but cannot be understood.
pub fn found(target: &WeightsFile) -> Result<String, Error> {
    Ok(match read(target)? {
        Some(found) => traffic::weighed(&found.weights),
        None => format!("unknown, as `{}` is not there", target.path),
    })
}

fn written(roles: &Slots, shares: &BTreeMap<Name, Percent>) -> Written {
    Written {
        weights: points(shares),
        stable: roles.stable.clone(),
        canary: roles.canary.clone(),
    }
}

fn points(shares: &BTreeMap<Name, Percent>) -> BTreeMap<Name, u16> {
    shares
        .iter()
        .map(|(slot, share)| (slot.clone(), share.basis_points()))
        .collect()
}

fn read(target: &WeightsFile) -> Result<Option<Written>, Error> {
    let path = Path::new(&target.path);
    if !file::exists(path)? {
        return Ok(None);
    }
    let bytes = file::read(path, LARGEST)?;
    json::parse(&bytes)
        .map(Some)
        .map_err(|source| Error::Parse {
            path: target.path.clone(),
            source,
        })
}

/// Why the file does not say what it should.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] file::Error),
    /// It holds something else.
    #[error("cannot understand the weights in `{path}`")]
    Parse {
        /// The file.
        path: String,
        /// Why.
        source: json::ParseError,
    },
    /// Somebody else writes it as well.
    #[error("`{0}` holds something else right after it was written")]
    NotKept(String),
    /// Weights that are no JSON.
    #[error("the weights cannot be written")]
    Json(#[source] serde_json::Error),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::Parse { .. } => Kind::Invalid,
            Self::NotKept(_) => Kind::Upstream,
            Self::Json(_) => Kind::Bug,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_kept_and_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let slots = Slots {
            stable: "blue".parse().unwrap(),
            canary: "green".parse().unwrap(),
        };
        let target = WeightsFile {
            path: folder.path().join("w.json").display().to_string(),
            slots: slots.clone(),
        };
        let shares = |canary: &str| -> BTreeMap<Name, Percent> {
            let canary: Percent = canary.parse().unwrap();
            BTreeMap::from([
                (slots.stable.clone(), canary.rest()),
                (slots.canary.clone(), canary),
            ])
        };
        assert!(!is_set(&target, &shares("5%")).unwrap());
        assert!(found(&target).unwrap().ends_with("` is not there"));
        set(&target, &slots, &shares("5%")).unwrap();
        assert_eq!(found(&target).unwrap(), "blue 95%, green 5%");
        assert!(is_set(&target, &shares("5%")).unwrap());
        assert!(!is_set(&target, &shares("25%")).unwrap());
        std::fs::write(&target.path, "<html>").unwrap();
        assert!(matches!(
            is_set(&target, &shares("5%")),
            Err(Error::Parse { .. })
        ));
    }
}

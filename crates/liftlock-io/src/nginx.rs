//! A file that nginx includes, and the command that makes nginx read it.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use liftlock::config::traffic::Nginx;
use liftlock::failure::{Explain, Kind};
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock::traffic::{self, nginx};

use crate::{file, process};

/// How long a reload may take.
pub const RELOAD: Duration = Duration::from_secs(30);

/// The most such a file may have.
const LARGEST: u64 = 64 * 1024;

/// Writes the block, whole or not at all, and has nginx read it.
///
/// What runs is not what the file says until the reload went well: a run that
/// was killed in between reloads again.
///
/// # Errors
///
/// Fails when the file cannot be written, when the reload does not end with 0,
/// and when the file holds something else afterwards.
pub fn set(target: &Nginx, shares: &BTreeMap<Name, Percent>) -> Result<(), Error> {
    file::write(
        Path::new(&target.include),
        rendered(target, shares).as_bytes(),
    )?;
    process::run(&process::Call {
        argv: &target.reload,
        input: b"",
        timeout: RELOAD,
    })
    .map_err(Error::Reload)?;
    match is_set(target, shares)? {
        true => Ok(()),
        false => Err(Error::NotKept(target.include.clone())),
    }
}

/// Whether the file splits requests like this, to the byte; without a file
/// nobody gets any.
///
/// # Errors
///
/// Fails when the file is there but cannot be read.
pub fn is_set(target: &Nginx, shares: &BTreeMap<Name, Percent>) -> Result<bool, Error> {
    let path = Path::new(&target.include);
    if !file::exists(path)? {
        return Ok(shares.values().all(|share| *share == Percent::ZERO));
    }
    let found = file::read(path, LARGEST)?;
    Ok(found == rendered(target, shares).as_bytes())
}

/// What the file says, in words.
///
/// # Errors
///
/// Fails when it is there but cannot be read.
pub fn found(target: &Nginx) -> Result<String, Error> {
    let path = Path::new(&target.include);
    if !path.exists() {
        return Ok(format!("unknown, as `{}` is not there", target.include));
    }
    let text = file::read(path, LARGEST)?;
    let shares = nginx::parse(&String::from_utf8_lossy(&text));
    Ok(match shares {
        Some(shares) => format!("{} in `{}`", traffic::told(&shares), target.include),
        None => format!("unknown, as `{}` holds something else", target.include),
    })
}

fn rendered(target: &Nginx, shares: &BTreeMap<Name, Percent>) -> String {
    nginx::render(target.key(), target.variable(), shares)
}

/// Why nginx does not split requests as asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] file::Error),
    /// nginx did not take it.
    #[error("nginx was not reloaded")]
    Reload(#[source] process::Error),
    /// Somebody else writes it as well.
    #[error("`{0}` holds something else right after it was written")]
    NotKept(String),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::File(error) => error.kind(),
            Self::Reload(error) => error.kind(),
            Self::NotKept(_) => Kind::Upstream,
        }
    }
}

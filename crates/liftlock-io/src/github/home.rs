//! Which GitHub this job's environment names.

use liftlock::approval::forge::Instance;
use liftlock::approval::request::Place;

use crate::env;
use crate::forge::{Error, same};

/// Where GitHub's own API is.
const PUBLIC: &str = "https://api.github.com";

/// The address of the API that this job's environment names.
pub(super) fn address() -> String {
    env::var("GITHUB_API_URL").unwrap_or_else(|| PUBLIC.to_owned())
}

/// The installation that this job's environment names.
///
/// # Errors
///
/// Fails on an address that is none of an API.
pub fn here() -> Result<Instance, Error> {
    let address = address();
    Instance::github(&address).ok_or(Error::Address(address))
}

/// Whether people were asked on the installation that this job's environment
/// names.
///
/// # Errors
///
/// Fails unless it is that one.
pub fn there(place: &Place) -> Result<(), Error> {
    same(&place.instance(), &here()?)
}

/// Whether a team, or a file with owners, is on that installation.
///
/// # Errors
///
/// Fails unless it is.
pub fn on(instance: &Instance) -> Result<(), Error> {
    same(instance, &here()?)
}

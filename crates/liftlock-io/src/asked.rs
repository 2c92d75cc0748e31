//! What people were asked, in the state store.

use liftlock::approval::request::Identified;
use liftlock::approval::request_key;
use liftlock::config::effective::Rules;
use liftlock::digest::Digest;
use liftlock::failure::{Explain as _, Failure, Kind};

use crate::store::Store;

/// The request with this digest, of any environment of the service.
///
/// # Errors
///
/// Fails when there is none, when its bytes have another digest, and when the
/// store cannot be read.
pub fn find(rules: &Rules, state: &dyn Store, digest: &Digest) -> Result<Identified, Failure> {
    for environment in rules.environments.keys() {
        let key = request_key(&rules.service, environment, digest);
        let Some(stored) = state.get(&key)? else {
            continue;
        };
        let asked = understood(&stored.bytes, &key)?;
        return if asked.digest == *digest {
            Ok(asked)
        } else {
            let message = format!("`{key}` in the state store was altered");
            Err(Failure::new(Kind::Refuted, message))
        };
    }
    let message = format!("there is no request {digest} in `{}`", rules.state);
    Err(Failure::new(Kind::Invalid, message))
}

/// Reads a request.
///
/// # Errors
///
/// Fails on anything else, naming where it was found.
pub fn understood(bytes: &[u8], name: &str) -> Result<Identified, Failure> {
    Identified::parse(bytes).map_err(|error| {
        let kind = error.kind();
        let told = Failure::from(error).lines().join(": ");
        Failure::new(kind, format!("cannot understand `{name}`: {told}"))
    })
}

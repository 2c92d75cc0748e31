//! What signing without a key needs of its surroundings: looked at, not used.
//! No certificate is asked for and no log.

use liftlock::failure::{Failure, Kind};
use liftlock::sigstore::skew::Meaning;
use liftlock::sigstore::tuf::Age;
use liftlock_io::cli::signing;
use liftlock_io::keyless;
use liftlock_io::keyless::instance::Instance;
use liftlock_io::keyless::token::Source;
use liftlock_io::{clock, http};

use crate::args::keyless::Keyless;
use crate::trust_root::Standing;

/// Whether somebody wants to sign without a key here: an instance or a token
/// is named, or the CI offers one.
pub(crate) fn is_meant(asked: &Keyless) -> bool {
    asked.identity_token.is_some() || asked.instance.is_named() || Source::ambient().is_ok()
}

/// Where the root is from and how old it is, for who only proves.
pub(crate) fn told_root(asked: &Keyless) -> Result<String, Failure> {
    let instance = Instance::read(asked.instance.files())?;
    Ok(Standing::of(&instance.origin, clock::now()).to_string())
}

/// The same for who signs: too old is bad; what is only due is updated before
/// it signs.
pub(crate) fn root(asked: &Keyless) -> Result<String, Failure> {
    let instance = Instance::read(asked.instance.files())?;
    let now = clock::now();
    let standing = Standing::of(&instance.origin, now);
    match standing.day.map(|day| Age::of(day, now)) {
        Some(Age::Over) => Err(Failure::new(Kind::Upstream, standing.to_string())
            .with_hint("run `sign-artifact trust-root --refresh`")),
        None | Some(Age::Fresh | Age::Due) => Ok(standing.to_string()),
    }
}

/// Compares our clock with the first timestamp authority that answers.
pub(crate) fn clock_skew(asked: &Keyless, client: &http::Client) -> Result<String, Failure> {
    let instance = Instance::read(asked.instance.files())?;
    let services = instance.services(clock::now())?;
    let mut last = None;
    for service in &services.timestamps.services {
        let skew = match keyless::skew(service, &services.root, client) {
            Ok(skew) => skew,
            Err(error) => {
                last = Some(error);
                continue;
            }
        };
        let found = format!("{skew}, says {}", service.url);
        return match skew.meaning() {
            Meaning::Good => Ok(found),
            Meaning::Told => Ok(format!("{found}: set it before signing fails")),
            Meaning::Bad => Err(Failure::new(Kind::Invalid, found)
                .with_hint("set this machine's clock: tokens and certificates live for minutes")),
        };
    }
    match last {
        Some(error) => Err(error.into()),
        None => Ok("not compared, as no timestamp authority is named".to_owned()),
    }
}

/// Whether the certificate authority will take the token; it is never shown.
pub(crate) fn token(asked: &Keyless, client: &http::Client) -> Result<String, Failure> {
    let source = match &asked.identity_token {
        Some(reference) => Source::named(reference),
        None => Source::ambient()?,
    };
    signing::token(&source, &asked.instance, client)
}

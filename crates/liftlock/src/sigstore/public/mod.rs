//! The public instance of Sigstore, as it was on the day of [`DATE`].

use super::anchors::{self, TrustedRoot};
use super::signing_config::{self, SigningConfig};

/// The day on which the two files were the newest, RFC 3339.
pub const DATE: &str = "2026-11-25T00:00:00Z";

/// The version of [`ROOT`].
pub const ROOT_VERSION: u64 = 15;

/// The version of the targets that have the two files. An older one, however
/// well signed, trusts whom these do not trust any more.
pub const TARGETS_VERSION: u64 = 14;

/// The compiled-in trusted root.
pub const TRUSTED_ROOT: &[u8] = include_bytes!("trusted_root.json");

/// The keys that updates begin with: a TUF root.
pub const ROOT: &[u8] = include_bytes!("root.json");

/// Where updates are.
pub const MIRROR: &str = "https://tuf-repo-cdn.sigstore.dev";

/// The compiled-in signing config.
pub const SIGNING_CONFIG: &[u8] = include_bytes!("signing_config.json");

/// Whom the public instance trusts.
///
/// # Errors
///
/// Fails never: a test reads it.
pub fn trusted_root() -> Result<TrustedRoot, anchors::ParseError> {
    TrustedRoot::parse(TRUSTED_ROOT)
}

/// Where the public instance is served.
///
/// # Errors
///
/// Fails never: a test reads it.
pub fn signing_config() -> Result<SigningConfig, signing_config::ParseError> {
    SigningConfig::parse(SIGNING_CONFIG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    #[test]
    fn the_public_instance_is_read() {
        let root = trusted_root().unwrap();
        assert!(root.logs.iter().all(|log| log.key.is_some()));
        assert_eq!(
            (root.authorities.len(), root.timestamp_authorities.len()),
            (2, 1)
        );
        let keys: serde_json::Value = serde_json::from_slice(ROOT).unwrap();
        assert_eq!(keys["signed"]["version"], ROOT_VERSION);
        let now: Time = DATE.parse().unwrap();
        let chosen = signing_config().unwrap().logs(now).unwrap();
        assert_eq!(chosen.services[0].url, "https://rekor.sigstore.dev");
    }
}

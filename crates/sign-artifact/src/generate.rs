//! `generate-key-pair`: a new key, sealed, that never overwrites another.

use liftlock::crypto::Signer as _;
use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::{env, key};
use serde::Serialize;

use crate::args::{Algorithm, GenerateKeyPair};

#[derive(Serialize)]
struct Generated {
    private_key: String,
    public_key: String,
    key_id: String,
    algorithm: String,
}

pub(crate) fn run(asked: &GenerateKeyPair, session: &Session) -> Result<Report, Failure> {
    let password = match (env::var(key::PASSWORD), asked.empty_password) {
        (Some(password), _) => password,
        (None, true) => String::new(),
        (None, false) => {
            let message = format!("`{}` is not set", key::PASSWORD);
            let hint = format!("set `{}`, or give `--empty-password`", key::PASSWORD);
            return Err(Failure::new(Kind::Credentials, message).with_hint(hint));
        }
    };
    let prefix = &asked.output_key_prefix;
    if session.dry_run {
        let headline = format!("`{prefix}.key` and `{prefix}.pub` would be written");
        return Ok(Report::new("generate-key-pair", Verdict::Pass, headline));
    }
    let key = key::Private::generate_as(match asked.algorithm {
        Algorithm::P256 => key::New::P256,
        Algorithm::P384 => key::New::P384,
        Algorithm::Ed25519 => key::New::Ed25519,
    })?;
    let pair = key::write_pair(&key, prefix, &password)?;
    let detail = Generated {
        private_key: pair.private.display().to_string(),
        public_key: pair.public.display().to_string(),
        key_id: key.public_key().id().to_string(),
        algorithm: key.public_key().algorithm().to_string(),
    };
    let headline = format!(
        "`{}` and `{}` written",
        detail.private_key, detail.public_key
    );
    Ok(Report::new("generate-key-pair", Verdict::Pass, headline)
        .with_detail(&detail)
        .with_output("public-key", detail.public_key.clone())
        .with_output("key-id", detail.key_id.clone()))
}

//! `public-key`: the public half of a key, wherever the private one is.

use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::{file, key};
use serde::Serialize;

use crate::args::PublicKey;
use crate::target::options;

#[derive(Serialize)]
struct Shown {
    key_id: Digest,
    algorithm: String,
    pem: String,
}

pub(crate) fn run(asked: &PublicKey, session: &Session) -> Result<Report, Failure> {
    let options = options(session);
    let public = match key::Private::reach(&asked.key, &options) {
        Ok(key) => key.public_key().clone(),
        Err(key::Error::Public { .. }) => key::reach_public(&asked.key, &options)?,
        Err(error) => return Err(error.into()),
    };
    if let (Some(path), false) = (&asked.output, session.dry_run) {
        file::write(path, public.pem().as_bytes())?;
    }
    let detail = Shown {
        key_id: public.id(),
        algorithm: public.algorithm().to_string(),
        pem: public.pem(),
    };
    let headline = format!("{} key `{}`", detail.algorithm, detail.key_id);
    Ok(Report::new("public-key", Verdict::Pass, headline)
        .with_output("key-id", detail.key_id.to_string())
        .with_human(detail.pem.clone())
        .with_detail(&detail))
}

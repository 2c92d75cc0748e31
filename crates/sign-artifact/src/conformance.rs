//! `conformance`: the client protocol of Sigstore's conformance suite. Its
//! options are the suite's, in the suite's order.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use liftlock::crypto::Hash;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::signature::Artifact;
use liftlock::sigstore::identity::{Identity, Matcher};
use liftlock::sigstore::token::Token;
use liftlock::sigstore::verify::{self, Unlogged};
use liftlock::span::Span;
use liftlock::statement::Statement;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::keyless::instance::{Files, Instance};
use liftlock_io::keyless::token::Source;
use liftlock_io::keyless::{self, Patience, Who};
use liftlock_io::verify::{Known, Local};
use liftlock_io::{clock, file, hash, http, key};

use crate::found::Raw;
use crate::sign::twofold;
use crate::target::{LARGEST_BUNDLE, options};

#[derive(Debug, Args)]
pub(crate) struct Conformance {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Sign a file
    SignBundle(SignBundle),
    /// Prove a bundle
    VerifyBundle(VerifyBundle),
}

#[derive(Debug, Args)]
struct SignBundle {
    /// The staging instance
    #[arg(long)]
    staging: bool,
    /// The file is a statement
    #[arg(long)]
    in_toto: bool,
    /// The token itself
    #[arg(long, value_name = "JWT")]
    identity_token: String,
    /// Where the bundle goes
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    /// Whom to trust
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
    /// Where to sign
    #[arg(long, value_name = "FILE")]
    signing_config: Option<PathBuf>,
    /// What to sign
    file: PathBuf,
}

#[derive(Debug, Args)]
struct VerifyBundle {
    /// The staging instance
    #[arg(long)]
    staging: bool,
    /// The bundle
    #[arg(long, value_name = "FILE")]
    bundle: PathBuf,
    /// The public key
    #[arg(long, value_name = "FILE", conflicts_with_all = ["certificate_identity", "certificate_oidc_issuer"])]
    key: Option<String>,
    /// The name
    #[arg(long, value_name = "NAME", requires = "certificate_oidc_issuer")]
    certificate_identity: Option<String>,
    /// Who vouches for it
    #[arg(long, value_name = "URL", requires = "certificate_identity")]
    certificate_oidc_issuer: Option<String>,
    /// Whom to trust
    #[arg(long, value_name = "FILE")]
    trusted_root: Option<PathBuf>,
    /// The artifact, or its digest
    file_or_digest: String,
}

pub(crate) fn run(asked: &Conformance, session: &Session) -> Result<Report, Failure> {
    match &asked.command {
        Command::SignBundle(asked) => sign(asked, session),
        Command::VerifyBundle(asked) => prove(asked),
    }
}

/// Nothing about the staging instance is compiled in.
fn staging(asked: bool, root: Option<&Path>) -> Result<(), Failure> {
    if asked && root.is_none() {
        let message = "the staging instance is not built in";
        return Err(Failure::new(Kind::Invalid, message).with_hint("give `--trusted-root FILE`"));
    }
    Ok(())
}

fn prove(asked: &VerifyBundle) -> Result<Report, Failure> {
    staging(asked.staging, asked.trusted_root.as_deref())?;
    let files = Files {
        trusted_root: asked.trusted_root.as_deref(),
        ..Files::default()
    };
    let instance = Instance::read(files)?;
    let bundle = Raw::read(&asked.bundle)?.bundle()?;
    let path = Path::new(&asked.file_or_digest);
    let (digest, path) = match asked.file_or_digest.parse::<Digest>() {
        Ok(digest) if !path.exists() => (digest, None),
        Ok(_) | Err(_) => (hash::file(path)?.digest, Some(path)),
    };
    let key = asked.key.as_deref().map(key::public).transpose()?;
    let known = Known::of(&bundle, key.as_slice(), digest, path)?;
    let artifact = known.artifact();
    let exact = |text: &Option<String>| Matcher::Exact(text.clone().unwrap_or_default());
    match &key {
        Some(key) => {
            verify::by_key(&bundle, &artifact, key, &instance.root, &Local)?;
        }
        None if asked.certificate_identity.is_none() => {
            return Err(Failure::new(
                Kind::Usage,
                "neither a key nor an identity is given",
            ));
        }
        None => {
            let identity = Identity {
                issuer: exact(&asked.certificate_oidc_issuer),
                name: exact(&asked.certificate_identity),
                build_config: None,
            };
            verify::by_identity(&bundle, &artifact, &[identity], &instance.root, &Local)?;
        }
    }
    Ok(Report::new(
        "verify",
        Verdict::Pass,
        format!("`{digest}` is signed"),
    ))
}

fn sign(asked: &SignBundle, session: &Session) -> Result<Report, Failure> {
    staging(asked.staging, asked.trusted_root.as_deref())?;
    let instance = Instance::read(Files {
        trusted_root: asked.trusted_root.as_deref(),
        signing_config: asked.signing_config.as_deref(),
        ..Files::default()
    })?;
    let services = instance.services(clock::now())?;
    let client = http::Client::new(&options(session))?;
    let wait = |length: Span| {
        session
            .wait(length.duration())
            .map_err(keyless::Error::Ended)
    };
    let limit = session
        .remaining(Duration::from_secs(120))
        .unwrap_or_default();
    let limit = Span::from_millis(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX));
    let patience = Patience {
        until: clock::now().after(limit),
        wait: &wait,
    };
    let source = Source::Given(Box::new(Token::parse(&asked.identity_token)?));
    let signature = keyless::Signature::begin(&services, &source, &client, &patience)?;
    let (bundle, digest) = if asked.in_toto {
        let payload = file::read(&asked.file, LARGEST_BUNDLE)?;
        let subject = Statement::parse(&payload)?.digests().next();
        let digest = subject.unwrap_or_else(|| Digest::of(&payload));
        (signature.envelope(payload)?, digest)
    } else {
        let seen = hash::file_with(&asked.file, Hash::Sha256)?;
        if let Some(guise) = seen.guise {
            return Err(twofold(&asked.file.display().to_string(), guise));
        }
        let digest = seen.hashed.digest;
        (signature.sign(&digest)?, digest)
    };
    let who = Who::Certificate(signature.certificate());
    let witnessed = keyless::show(bundle, who, &services, &client, &patience)?;
    if let Some((_, error)) = witnessed.missing.into_iter().next() {
        return Err(error.into());
    }
    let trusted = (&services.root, Unlogged::Refused);
    signature.prove(&witnessed.bundle, &Artifact::known_by(digest), trusted)?;
    file::write(&asked.bundle, witnessed.bundle.bytes())?;
    Ok(Report::new(
        "sign",
        Verdict::Pass,
        format!("`{digest}` signed"),
    ))
}

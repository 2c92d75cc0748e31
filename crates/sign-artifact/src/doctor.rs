//! `doctor`: whether this machine can sign, and what to change when it can't.

use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::oci::compat::{Answer, Format, VERIFIERS, Verifier};
use liftlock::report::Report;
use liftlock::signature::Artifact;
use liftlock::statement::Subject;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::{attest, env, http, key, kms};
use serde::Serialize;

use crate::args::Doctor;
use crate::keyless;
use crate::support::{self, Writing};
use crate::target::{Place, Target, options};

#[derive(Debug, Serialize)]
struct Check {
    name: String,
    ok: bool,
    found: String,
}

#[derive(Serialize)]
struct Checked {
    checks: Vec<Check>,
    yaml: &'static str,
    /// Who reads what is attached to images in the chosen format.
    verifiers: Vec<Verifies>,
}

#[derive(Serialize)]
struct Verifies {
    name: &'static str,
    #[serde(flatten)]
    answer: Answer,
    source: &'static str,
}

impl Verifies {
    const fn of(verifier: &Verifier, format: Format) -> Self {
        Self {
            name: verifier.name,
            answer: verifier.answer(format),
            source: verifier.source,
        }
    }
}

/// What to add to a workflow that signs with the job's identity.
const KEYLESS_YAML: &str = "\
permissions:
  contents: read
  id-token: write
";

/// What to add to a workflow; the password comes from the CI's secrets.
const YAML: &str = "\
env:
  COSIGN_PASSWORD: ${{ secrets.COSIGN_PASSWORD }}
  LIFTLOCK_SIGN_ARTIFACT_KEY: env://COSIGN_PRIVATE_KEY
  COSIGN_PRIVATE_KEY: ${{ secrets.COSIGN_PRIVATE_KEY }}
";

pub(crate) fn run(asked: &Doctor, session: &Session) -> Result<Report, Failure> {
    let mut checks = signing(asked, session);
    let writing = match asked.probe_write {
        true => Writing::Probed,
        false => Writing::Spared,
    };
    for image in &asked.images {
        checks.extend(look(image, writing, session));
    }
    let bad = checks.iter().filter(|check| !check.ok).count();
    let verdict = if bad == 0 {
        Verdict::Pass
    } else {
        Verdict::Fail
    };
    let headline = format!("{bad} of {} checks failed", checks.len());
    let lines = checks.iter().map(|check| {
        let mark = if check.ok { "ok" } else { "BAD" };
        format!("{mark:<5}{}: {}\n", check.name, check.found)
    });
    let format = asked.image_format.into();
    let table = match asked.images.is_empty() {
        true => String::new(),
        false => support::table(format),
    };
    let yaml = match is_keyless(asked) {
        true => KEYLESS_YAML,
        false => YAML,
    };
    let human = format!("{}\n{table}\n{yaml}", lines.collect::<String>());
    let verifiers: Vec<Verifies> = VERIFIERS
        .iter()
        .map(|one| Verifies::of(one, format))
        .collect();
    Ok(Report::new("doctor", verdict, headline)
        .with_output("bad", bad.to_string())
        .with_human(human)
        .with_detail(&Checked {
            checks,
            yaml,
            verifiers,
        }))
}

fn is_keyless(asked: &Doctor) -> bool {
    asked.key.is_none() && keyless::is_meant(&asked.keyless)
}

/// What can be said about who signs, and who sees it.
fn signing(asked: &Doctor, session: &Session) -> Vec<Check> {
    let by_identity = is_keyless(asked);
    let is_seen = by_identity || asked.keyless.instance.is_named();
    let root = match is_seen {
        true => keyless::root(&asked.keyless),
        false => keyless::told_root(&asked.keyless),
    };
    let mut checks = vec![
        check("new key signs", new_key()),
        check("certificate authorities", authorities(session)),
        check("trusted root", root),
    ];
    if is_seen {
        let client = || Ok(http::Client::new(&options(session))?);
        let skew = client().and_then(|client| keyless::clock_skew(&asked.keyless, &client));
        checks.push(check("clock", skew));
        if by_identity {
            let token = client().and_then(|client| keyless::token(&asked.keyless, &client));
            checks.push(check("identity token", token));
        }
    }
    // A service asks for credentials of its own, and an identity has none.
    if !by_identity && !asked.key.as_deref().is_some_and(kms::is_meant_by) {
        checks.insert(0, check("password", password()));
    }
    if let Some(reference) = &asked.key {
        checks.push(check("key", opens(reference, session)));
    }
    checks
}

/// What can be said about one image and the repository that it is in.
fn look(image: &str, writing: Writing, session: &Session) -> Vec<Check> {
    let target = match Target::find(image, session) {
        Ok(target) => target,
        Err(failure) => return vec![check(&format!("image {image}"), Err(failure))],
    };
    let digest = target.digest.to_string();
    let mut checks = vec![check(&format!("image {image}"), Ok(digest))];
    if let Place::Image {
        repository,
        descriptor,
    } = &target.place
    {
        let listed = support::listing(repository, descriptor);
        checks.push(check(&format!("attachments of {image}"), listed));
        let written = support::writing(repository, writing);
        checks.push(check(&format!("writing to {image}"), written));
    }
    checks
}

fn password() -> Result<String, Failure> {
    match env::var(key::PASSWORD) {
        Some(_) => Ok(format!("`{}` is set", key::PASSWORD)),
        None => {
            let message = format!("`{}` is not set", key::PASSWORD);
            Err(Failure::new(Kind::Credentials, message))
        }
    }
}

fn new_key() -> Result<String, Failure> {
    signs(&key::Private::generate()?)?;
    Ok("randomness and mathematics work".to_owned())
}

fn authorities(session: &Session) -> Result<String, Failure> {
    http::Client::new(&options(session))?;
    Ok("can be read".to_owned())
}

/// Opens a key and signs with it, as a service may show a key and not let
/// anyone use it.
fn opens(reference: &str, session: &Session) -> Result<String, Failure> {
    use std::os::unix::fs::PermissionsExt as _;
    let key = key::Private::reach(reference, &options(session))?;
    let open_to_others = std::fs::metadata(reference)
        .is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0);
    if open_to_others {
        let message = format!("`{reference}` is readable by others: run `chmod 600 {reference}`");
        return Err(Failure::new(Kind::Credentials, message));
    }
    signs(&key)?;
    let public = key.public_key();
    let (kind, id) = (public.algorithm(), public.id());
    Ok(format!("{kind}, signs, its id is `{id}`"))
}

fn signs(key: &key::Private) -> Result<(), Failure> {
    let digest = Digest::of(b"doctor");
    let artifact = Artifact {
        digest,
        hashes: &[],
        bytes: Some(b"doctor"),
    };
    attest::sign(key, &artifact, Subject::new(&digest))?;
    Ok(())
}

fn check(name: &str, asked: Result<String, Failure>) -> Check {
    let ok = asked.is_ok();
    Check {
        name: name.to_owned(),
        ok,
        found: asked.unwrap_or_else(|failure| {
            let hint = failure.hint.iter().map(|hint| format!("; {hint}"));
            failure.lines().join(": ") + &hint.collect::<String>()
        }),
    }
}

//! `doctor`: whether this machine can sign, and what to change when it can't.

use liftlock::crypto::Signer as _;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::oci::compat::{Answer, Format, VERIFIERS, Verifier};
use liftlock::report::Report;
use liftlock::signature::Artifact;
use liftlock::sigstore::tuf::Age;
use liftlock::statement::Subject;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::keyless::instance::Instance;
use liftlock_io::{attest, clock, env, http, key, kms};
use serde::Serialize;

use crate::args::Doctor;
use crate::support::{self, Writing};
use crate::target::{Place, Target, options};
use crate::trust_root::Standing;

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

/// What to add to a workflow; the password comes from the CI's secrets.
const YAML: &str = "\
env:
  COSIGN_PASSWORD: ${{ secrets.COSIGN_PASSWORD }}
  LIFTLOCK_SIGN_ARTIFACT_KEY: env://COSIGN_PRIVATE_KEY
  COSIGN_PRIVATE_KEY: ${{ secrets.COSIGN_PRIVATE_KEY }}
";

pub(crate) fn run(asked: &Doctor, session: &Session) -> Result<Report, Failure> {
    let mut checks = vec![
        check("new key signs", new_key()),
        check("certificate authorities", authorities(session)),
        check("trusted root", root(asked)),
    ];
    // A service asks for credentials of its own.
    if !asked.key.as_deref().is_some_and(kms::is_meant_by) {
        checks.insert(0, check("password", password()));
    }
    if let Some(reference) = &asked.key {
        checks.push(check("key", opens(reference, session)));
    }
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
    let human = format!("{}\n{table}\n{YAML}", lines.collect::<String>());
    let verifiers: Vec<Verifies> = VERIFIERS
        .iter()
        .map(|one| Verifies::of(one, format))
        .collect();
    Ok(Report::new("doctor", verdict, headline)
        .with_output("bad", bad.to_string())
        .with_human(human)
        .with_detail(&Checked {
            checks,
            yaml: YAML,
            verifiers,
        }))
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

/// Too old to sign by is bad; what is only due is updated before it signs.
fn root(asked: &Doctor) -> Result<String, Failure> {
    let instance = Instance::read(asked.updates.files())?;
    let now = clock::now();
    let standing = Standing::of(&instance.origin, now);
    match standing.day.map(|day| Age::of(day, now)) {
        Some(Age::Over) => Err(Failure::new(
            Kind::Upstream,
            format!("{standing}: run `sign-artifact trust-root --refresh`"),
        )),
        None | Some(Age::Fresh | Age::Due) => Ok(standing.to_string()),
    }
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
        found: asked.unwrap_or_else(|failure| failure.lines().join(": ")),
    }
}

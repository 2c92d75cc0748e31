//! `policy-from`: the rules that let exactly the signer of a bundle count.

use liftlock::attestation;
use liftlock::bundle::{Bundle, Content, Material};
use liftlock::config::trust::Role;
use liftlock::crypto::PublicKey;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::predicate::SIGNATURE;
use liftlock::report::Report;
use liftlock::sigstore::identity::{Known, Matcher};
use liftlock::sigstore::verify::Witness;
use liftlock::verdict::Verdict;
use liftlock::x509::Certificate;
use liftlock_io::cli::Session;
use liftlock_io::key;
use liftlock_io::keyless::instance::{Files, Instance};
use serde::Serialize;

use crate::args::PolicyFrom;
use crate::found::Raw;
use crate::proof::{Proof, Signer, Trust, Unproved, prove};
use crate::target::{Target, options};
use crate::wanted::Wanted;

#[derive(Serialize)]
struct Found<'a> {
    signer: &'a Signer,
    witnesses: &'a [Witness],
    /// What to write into `liftlock.yaml` or the policy.
    policy: String,
}

pub(crate) fn run(asked: &PolicyFrom, session: &Session) -> Result<Report, Failure> {
    let bundle = Raw::read(&asked.bundle)?.bundle()?;
    let trust = whoever(asked, &bundle, session)?;
    let (about, uri) = claimed(&bundle)?;
    let target = match &asked.target {
        Some(text) => Target::find(text, session)?,
        None => Target::bare("", about),
    };
    let role = Role::of_predicate(&uri).ok_or_else(|| {
        let message = format!("no role may say `{uri}`: such statements count in others only");
        Failure::new(Kind::Invalid, message)
    })?;
    let wanted = match bundle.content() {
        Content::Message { .. } => Wanted::Signature,
        Content::Envelope(_) => Wanted::Type(&uri),
    };
    let known = target.known(&bundle, &trust.keys)?;
    let proof = match prove(&bundle, &known.artifact(), &trust, wanted) {
        Ok(proof) => proof,
        Err(Unproved::Refused(reason)) => return Err(Failure::new(Kind::Refuted, reason)),
        Err(Unproved::Malformed(failure)) => return Err(failure),
    };
    report(&proof, role, &trust, asked)
}

/// The signer, whoever that is: what is left to prove is that it signed.
fn whoever(asked: &PolicyFrom, bundle: &Bundle, session: &Session) -> Result<Trust, Failure> {
    let files = Files {
        trust_config: asked.trust_config.as_deref(),
        trusted_root: asked.trusted_root.as_deref(),
        ..Files::default()
    };
    match (bundle.material(), &asked.key) {
        (Material::Certificates(chain), None) => {
            let leaf = chain.first().map(|leaf| Certificate::parse(leaf));
            let leaf = leaf.ok_or_else(|| Failure::new(Kind::Invalid, "no certificate"))??;
            let known = Known::of(&leaf).map_err(|error| {
                Failure::because(Kind::Invalid, "the certificate is of nobody", error)
            })?;
            Ok(Trust {
                identities: known.identities(),
                root: Some(Instance::read(files)?.root),
                ..Trust::default()
            })
        }
        (Material::Key { .. }, Some(reference)) => Ok(Trust::keys(vec![key::reach_public(
            reference,
            &options(session),
        )?])),
        (Material::Key { .. }, None) => Err(Failure::new(
            Kind::Usage,
            "it was signed with a key, and a bundle does not hold its key",
        )
        .with_hint("give `--key FILE.pub`")),
        (Material::Certificates(_), Some(_)) => Err(Failure::new(
            Kind::Usage,
            "it was signed with a certificate, not with a key",
        )
        .with_hint("leave out `--key`")),
    }
}

/// What the bundle says of itself: what it is about, and the type of that.
fn claimed(bundle: &Bundle) -> Result<(Digest, String), Failure> {
    match bundle.content() {
        Content::Message { digest, .. } => {
            // Over another hash the file has to be there, and says its digest.
            let bytes = <[u8; 32]>::try_from(digest.bytes.as_slice());
            let about = bytes.map_or_else(|_other| Digest::of(&[]), Digest::from_bytes);
            Ok((about, SIGNATURE.to_owned()))
        }
        Content::Envelope(_) => {
            let statement = attestation::claimed(bundle)?;
            let about = statement.digests().next();
            let about = about
                .ok_or_else(|| Failure::new(Kind::Invalid, "the statement is about nothing"))?;
            Ok((about, statement.predicate_type().to_owned()))
        }
    }
}

fn report(proof: &Proof, role: Role, trust: &Trust, asked: &PolicyFrom) -> Result<Report, Failure> {
    let headline = format!(
        "signed by {}; trust that one only if you know it",
        proof.signer
    );
    let report = Report::new("policy-from", Verdict::Pass, headline);
    let mut policy = String::new();
    let (holder, report) = match &proof.signer {
        Signer::Key(id) => {
            let key = trust.keys.first().map(PublicKey::pem).unwrap_or_default();
            (
                format!("    keys:\n      - key: {}\n", json(&key)?),
                report.with_output("key-id", id.to_string()),
            )
        }
        Signer::Identity(known) => {
            if let Some(root) = &asked.trusted_root {
                policy = format!("sigstore:\n  trusted-root: {}\n", json(root)?);
            }
            let issuer = known.issuer.clone().unwrap_or_default();
            let name = known.names.join(", ");
            (
                identity(&issuer, &name)? + &begun(known, role)?,
                report
                    .with_output("issuer", issuer)
                    .with_output("identity", name),
            )
        }
    };
    let role = json(&role)?;
    policy += &format!("trust:\n  - name: signer\n    roles: [{role}]\n{holder}");
    Ok(report.with_human(policy.clone()).with_detail(&Found {
        signer: &proof.signer,
        witnesses: &proof.witnesses,
        policy,
    }))
}

/// The lines of an identity, with what would let every tag in where one did.
fn identity(issuer: &str, name: &str) -> Result<String, Failure> {
    let mut lines = format!(
        "    identities:\n      - issuer: {}\n        name: {}\n",
        json(&issuer)?,
        json(&name)?
    );
    if let Some(every) = Matcher::every_tag(name) {
        lines += &format!("        # for every tag: {}\n", json(&every)?);
    }
    Ok(lines)
}

/// What began the run, which counts of everybody but builders, where that is
/// not what the certificate is named after.
fn begun(known: &Known, role: Role) -> Result<String, Failure> {
    match known.caller() {
        Some(caller) if role != Role::Builder => {
            Ok(format!("        build-config: {}\n", json(&caller)?))
        }
        Some(_) | None => Ok(String::new()),
    }
}

/// As JSON, which YAML contains.
fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value)
        .map_err(|error| Failure::because(Kind::Bug, "cannot write the policy", error))
}

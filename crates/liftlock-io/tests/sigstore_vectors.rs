//! The conformance suite of Sigstore: every bundle is accepted, or refused by
//! the check that it is there for.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use liftlock::bundle::Bundle;
use liftlock::digest::Digest;
use liftlock::signature::Artifact;
use liftlock::sigstore::anchors::TrustedRoot;
use liftlock::sigstore::identity::Identity;
use liftlock::sigstore::verify;
use liftlock_io::key;
use liftlock_io::verify::Local;

const NAME: &str = "https://github.com/sigstore-conformance/extremely-dangerous-public-oidc-beacon/.github/workflows/extremely-dangerous-oidc-beacon.yml@refs/heads/main";
const ISSUER: &str = "https://token.actions.githubusercontent.com";

/// Part of what each refusal has to say.
const REASONS: [(&str, &str); 34] = [
    (
        "bundle-empty-certificate-chain_fail",
        "`x509CertificateChain` is empty",
    ),
    (
        "bundle-from-wrong-instance_fail",
        "a log that is not trusted",
    ),
    ("bundle-malformed-json_fail", "not the expected JSON"),
    (
        "bundle-with-root-cert_fail",
        "brings a root certificate along",
    ),
    (
        "checkpoint-bad-keyhint_fail",
        "not signed by the log of the entry",
    ),
    ("dsse-invalid-sig_fail", "the signature differs"),
    ("dsse-mismatch-envelope_fail", "the payload differs"),
    ("dsse-mismatch-sig_fail", "the signature differs"),
    ("incorrect-public-key_fail", "the signer differs"),
    ("intoto-missing-inclusion-proof_fail", "no inclusion proof"),
    (
        "intoto-set-outside-signing-cert-validity_fail",
        "outside of the certificate's life",
    ),
    (
        "intoto-tsa-timestamp-outside-cert-validity_fail",
        "outside of the certificate's life",
    ),
    (
        "invalid-checkpoint-signature_fail",
        "not signed by the log of the entry",
    ),
    ("invalid-ct-key_fail", "no valid SCT"),
    (
        "invalid-inclusion-proof_fail",
        "no inclusion proof with a checkpoint",
    ),
    ("message-digest-mismatch_fail", "the digest differs"),
    (
        "rekor2-checkpoint-missing-log-signature_fail",
        "not a signed note",
    ),
    (
        "rekor2-checkpoint-missing-root-hash_fail",
        "checkpoint of the log cannot be used",
    ),
    (
        "rekor2-checkpoint-no-matching-signature_fail",
        "not signed by the log of the entry",
    ),
    ("rekor2-dsse-invalid-sig_fail", "the signature differs"),
    ("rekor2-dsse-mismatch-envelope_fail", "the envelope differs"),
    ("rekor2-dsse-mismatch-sig_fail", "the signature differs"),
    ("rekor2-no-inclusion-proof_fail", "no inclusion proof"),
    (
        "rekor2-timestamp-outside-trust-root-tsa-validity_fail",
        "when its authority did not count",
    ),
    (
        "rekor2-timestamp-outside-tsa-cert-validity_fail",
        "outside of the certificate's life",
    ),
    (
        "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail",
        "nobody trusted says when",
    ),
    (
        "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail",
        "nobody trusted says when",
    ),
    (
        "rekor2-timestamp-with-incorrect-time_fail",
        "outside of the certificate's life",
    ),
    (
        "set-invalid-signature_fail",
        "promise (signed entry timestamp) is wrong",
    ),
    ("signature-mismatch_fail", "the signature differs"),
    (
        "trust-root-tlog-missing-validity-start_fail",
        "has no `validFor.start`",
    ),
    ("wrong-hashedrekord-artifact_fail", "the digest differs"),
    ("wrong-hashedrekord-cert-and-sig_fail", "differs"),
    ("wrong-hashedrekord-entry_fail", "differs"),
];

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/vectors/sigstore-bundles")
}

/// The file of the case, else the one that all share.
fn either(folder: &Path, own: &str, shared: &str) -> Vec<u8> {
    let own = fs::read(folder.join(own));
    own.unwrap_or_else(|_| fs::read(folder.parent().unwrap().join(shared)).unwrap())
}

fn judge(folder: &Path) -> Result<(), String> {
    let text = |name: &str, default: &str| {
        let own = fs::read_to_string(folder.join(name));
        own.map_or_else(|_| default.to_owned(), |text| text.trim().to_owned())
    };
    let identity = Identity {
        issuer: text("issuer", ISSUER).parse().unwrap(),
        name: text("identity", NAME).parse().unwrap(),
        build_config: None,
    };
    let artifact = either(folder, "artifact", "a.txt");
    let artifact = Artifact::known_by(Digest::of(&artifact));
    let root = either(folder, "trusted_root.json", "default_trusted_root.json");
    let root = TrustedRoot::parse(&root).map_err(|error| chain(&error))?;
    let bundle = fs::read(folder.join("bundle.sigstore.json")).unwrap();
    let bundle = Bundle::parse(&bundle).map_err(|error| chain(&error))?;
    let own_key = folder.join("key.pub");
    let outcome = if own_key.exists() {
        let key = key::public(own_key.to_str().unwrap()).unwrap();
        verify::by_key(&bundle, &artifact, &key, &root, &Local)
            .map(|seen| assert!(!seen.is_empty()))
    } else {
        verify::by_identity(&bundle, &artifact, &[identity], &root, &Local).map(|_| ())
    };
    outcome.map_err(|error| chain(&error))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

#[test]
fn every_bundle_of_the_suite_is_judged_by_the_right_check() {
    let Ok(entries) = fs::read_dir(vectors()) else {
        println!("skipped: the vectors are not there");
        return;
    };
    let reasons = BTreeMap::from(REASONS);
    let (mut accepted, mut wrong) = (0, Vec::new());
    for entry in entries {
        let folder = entry.unwrap().path();
        if !folder.join("bundle.sigstore.json").exists() {
            continue;
        }
        let name = folder.file_name().unwrap().to_str().unwrap();
        match (judge(&folder), reasons.get(name)) {
            (Ok(()), None) if !name.ends_with("_fail") => accepted += 1,
            (Err(found), Some(expected)) if found.contains(expected) => {}
            (outcome, expected) => wrong.push(format!("{name}: {outcome:?}, not {expected:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(accepted, 15);
}

/// A log of v2 has no clock; that it was still trusted is seen by the others'.
#[test]
fn a_log_that_had_ended_by_then_proves_nothing() {
    let folder = vectors().join("rekor2-happy-path");
    let Ok(root) = fs::read_to_string(folder.join("trusted_root.json")) else {
        println!("skipped: the vectors are not there");
        return;
    };
    let bundle = fs::read(folder.join("bundle.sigstore.json")).unwrap();
    let bundle = Bundle::parse(&bundle).unwrap();
    let artifact = fs::read(vectors().join("a.txt")).unwrap();
    let identity = Identity {
        issuer: ISSUER.parse().unwrap(),
        name: NAME.parse().unwrap(),
        build_config: None,
    };
    let judge = |root: &str| {
        let root = TrustedRoot::parse(root.as_bytes()).unwrap();
        let artifact = Artifact::known_by(Digest::of(&artifact));
        let proved = verify::by_identity(
            &bundle,
            &artifact,
            std::slice::from_ref(&identity),
            &root,
            &Local,
        );
        proved.map_err(|error| chain(&error))
    };
    assert!(judge(&root).is_ok());
    let mut ended: serde_json::Value = serde_json::from_str(&root).unwrap();
    for log in ended["tlogs"].as_array_mut().unwrap() {
        log["publicKey"]["validFor"]["end"] = "2025-04-17T00:00:00Z".into();
    }
    let refused = judge(&ended.to_string()).unwrap_err();
    assert!(refused.starts_with("the log did not count"), "{refused}");
}

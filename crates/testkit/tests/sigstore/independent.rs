//! Bundles made with the instance on loopback, before independent verifiers.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::digest::Digest;
use serde_json::{Value, json};
use testkit::cli::Run;
use testkit::peers;
use testkit::sigstore::{
    Case, Curve, Fault, Identity, Judge, Lie, LogVersion, Loopback, SctForm, Service, Settings,
    Signer,
};

use super::client::{Client, Content, Signing};

pub(crate) const ARTIFACT: &[u8] = b"hello\n";
pub(crate) const SAN: &str =
    "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main";
const CHALLENGE: &str = "repo:acme/shop:ref:refs/heads/main";

pub(crate) fn client(loopback: &Loopback) -> Client {
    Client {
        fulcio: loopback.url(),
        rekor: loopback.url(),
        stamps: loopback.stamps_url(),
    }
}

fn statement() -> Vec<u8> {
    let digest = Digest::of(ARTIFACT).hex();
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": "artifact", "digest": { "sha256": digest } }],
        "predicateType": "https://example.com/predicate/v1",
        "predicate": {},
    })
    .to_string()
    .into_bytes()
}

fn github(loopback: &Loopback) -> Signing {
    let token = loopback.token(&Identity::github("acme/shop")).unwrap();
    client(loopback).signing(&token, CHALLENGE)
}

/// The four forms of a keyless bundle.
fn bundles(loopback: &Loopback) -> Vec<(&'static str, Value)> {
    let (client, statement) = (client(loopback), statement());
    [
        ("message v1", Content::Message(ARTIFACT), LogVersion::V1),
        ("message v2", Content::Message(ARTIFACT), LogVersion::V2),
        (
            "statement v1",
            Content::Statement(&statement),
            LogVersion::V1,
        ),
        (
            "statement v2",
            Content::Statement(&statement),
            LogVersion::V2,
        ),
    ]
    .map(|(name, content, log)| (name, client.bundle(&github(loopback), &content, log)))
    .to_vec()
}

pub(crate) fn judged(
    judge: Judge,
    loopback: &Loopback,
    bundle: &Value,
    san: &str,
) -> Option<Result<(), String>> {
    let (root, url) = (loopback.trusted_root(), loopback.url());
    let config = loopback.signing_config(LogVersion::V2);
    let signer = Signer::Identity { san, issuer: &url };
    let case = Case {
        root: &root,
        signing_config: &config,
        bundle,
        artifact: ARTIFACT,
        signer,
    };
    judge.verdict(&case).unwrap()
}

/// How many of the changed bundles a judge is shown; one that takes a second for
/// each need not see all.
#[derive(Clone, Copy)]
enum Thorough {
    All,
    First,
}

fn accepted_by(judge: Judge, stamps: Curve, thorough: Thorough) {
    let settings = Settings {
        stamps,
        ..Settings::default()
    };
    let loopback = Loopback::start(&settings).unwrap();
    for (name, bundle) in bundles(&loopback) {
        let Some(verdict) = judged(judge, &loopback, &bundle, SAN) else {
            return;
        };
        assert_eq!(verdict, Ok(()), "{name}");
        let mut wrong = tampered(&bundle);
        if let Thorough::First = thorough {
            wrong.truncate(1);
        }
        for (part, changed) in wrong {
            let verdict = judged(judge, &loopback, &changed, SAN).unwrap();
            assert!(verdict.is_err(), "{name} with another {part}");
        }
    }
    let (_, bundle) = bundles(&loopback).remove(0);
    let other = judged(judge, &loopback, &bundle, "https://example.com/");
    assert!(other.unwrap().is_err());
}

/// The bundle with one bit of each part that proves something changed.
fn tampered(bundle: &Value) -> Vec<(&'static str, Value)> {
    let log = "/verificationMaterial/tlogEntries/0";
    let parts = [
        ("signature", "/messageSignature/signature".to_owned()),
        (
            "envelope signature",
            "/dsseEnvelope/signatures/0/sig".to_owned(),
        ),
        ("payload", "/dsseEnvelope/payload".to_owned()),
        ("entry", format!("{log}/canonicalizedBody")),
        ("proof", format!("{log}/inclusionProof/hashes/0")),
        (
            "certificate",
            "/verificationMaterial/certificate/rawBytes".to_owned(),
        ),
        (
            "stamp",
            "/verificationMaterial/timestampVerificationData/rfc3161Timestamps/0/signedTimestamp"
                .to_owned(),
        ),
    ];
    let mut all = Vec::new();
    for (part, pointer) in parts {
        let mut changed = bundle.clone();
        if let Some(field) = changed.pointer_mut(&pointer) {
            let mut bytes = STANDARD.decode(field.as_str().unwrap()).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            *field = STANDARD.encode(bytes).into();
            all.push((part, changed));
        }
    }
    assert!(all.len() >= 4);
    all
}

#[test]
fn javascript_accepts_what_is_true_and_nothing_else() {
    for stamps in [Curve::P256, Curve::P384] {
        accepted_by(Judge::JavaScript, stamps, Thorough::All);
    }
}

#[test]
fn python_accepts_what_is_true_and_nothing_else() {
    accepted_by(Judge::Python, Curve::P384, Thorough::First);
}

#[test]
fn a_bundle_with_a_key_is_accepted_and_with_another_refused() {
    let loopback = Loopback::start(&Settings::default()).unwrap();
    for log in [LogVersion::V1, LogVersion::V2] {
        let signing = Signing::with_key();
        let bundle = client(&loopback).bundle(&signing, &Content::Message(ARTIFACT), log);
        for (key, accepted) in [(&signing, true), (&Signing::with_key(), false)] {
            let (root, spki) = (loopback.trusted_root(), key.key.spki());
            let case = Case {
                root: &root,
                signing_config: &Value::Null,
                bundle: &bundle,
                artifact: ARTIFACT,
                signer: Signer::Key(&spki),
            };
            let Some(verdict) = Judge::JavaScript.verdict(&case).unwrap() else {
                return;
            };
            assert_eq!(verdict.is_ok(), accepted, "{log:?}: {verdict:?}");
        }
    }
}

#[test]
fn every_lie_in_a_bundle_is_seen_through() {
    let (fulcio, stamps) = (Service::Fulcio, Service::Stamps);
    let (v1, v2) = (Service::RekorV1, Service::RekorV2);
    let cases = [
        (fulcio, Lie::OtherIdentity, "UNTRUSTED_SIGNER"),
        (fulcio, Lie::Expired, "CERTIFICATE"),
        (fulcio, Lie::OtherAuthority, "CERTIFICATE"),
        (fulcio, Lie::OtherCtLog, "SCT"),
        (v1, Lie::OtherEntry, "TLOG_BODY"),
        (v1, Lie::OtherLog, "invalid checkpoint"),
        (v1, Lie::OtherPromise, "TLOG_INCLUSION_PROMISE"),
        (v1, Lie::WrongProof, "root hash"),
        (v1, Lie::OtherTime, "CERTIFICATE"),
        (stamps, Lie::OtherTime, "TIMESTAMP"),
        (v2, Lie::OtherEntry, "TLOG_BODY"),
        (v2, Lie::OtherLog, "invalid checkpoint"),
        (v2, Lie::WrongProof, "root hash"),
        (stamps, Lie::OtherImprint, "TIMESTAMP"),
        (stamps, Lie::OtherAuthority, "TIMESTAMP"),
    ];
    let loopback = Loopback::start(&Settings::default()).unwrap();
    for (service, lie, why) in cases {
        let log = if service == v1 {
            LogVersion::V1
        } else {
            LogVersion::V2
        };
        loopback.next(service, 1, &Fault::Lie(lie));
        let content = Content::Message(ARTIFACT);
        let bundle = client(&loopback).bundle(&github(&loopback), &content, log);
        let Some(verdict) = judged(Judge::JavaScript, &loopback, &bundle, SAN) else {
            return;
        };
        let text = verdict.unwrap_err();
        assert!(text.contains(why), "{service:?} tells {lie:?}: {text}");
    }
}

#[test]
fn without_a_log_of_certificates_nobody_accepts() {
    let settings = Settings {
        sct: SctForm::Absent,
        ..Settings::default()
    };
    let loopback = Loopback::start(&settings).unwrap();
    let (name, bundle) = bundles(&loopback).remove(0);
    let Some(verdict) = judged(Judge::JavaScript, &loopback, &bundle, SAN) else {
        return;
    };
    assert!(verdict.is_err(), "{name}");
}

fn openssl(folder: &Path, args: &[&str]) -> Option<i32> {
    let program = peers::require("openssl")?;
    let output = Run::new(program)
        .args(args)
        .folder(folder)
        .output()
        .unwrap();
    Some(output.code)
}

#[test]
fn openssl_verifies_stamps() {
    for stamps in [Curve::P256, Curve::P384] {
        let settings = Settings {
            stamps,
            ..Settings::default()
        };
        let loopback = Loopback::start(&settings).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let root = loopback.trusted_root();
        let anchor = &root["timestampAuthorities"][0]["certChain"]["certificates"][1]["rawBytes"];
        let anchor = STANDARD.decode(anchor.as_str().unwrap()).unwrap();
        let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
        write("root.pem", super::client::pem_of(&anchor).as_bytes());
        write("sig", b"signature");
        write("other", b"another signature");
        write("stamp", &client(&loopback).stamp(b"signature"));
        let verify = |data: &str| {
            let line = [
                "ts", "-verify", "-in", "stamp", "-data", data, "-CAfile", "root.pem",
            ];
            openssl(folder.path(), &line)
        };
        let Some(code) = verify("sig") else { return };
        assert_eq!(code, 0, "{stamps:?}");
        assert_ne!(verify("other"), Some(0), "{stamps:?}");
    }
}

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::crypto::Verifier as _;
use liftlock::digest::Digest;
use liftlock::failure::{Explain as _, Kind};
use liftlock::signature::{self, Artifact};
use liftlock::statement::{Statement, Subject};

use super::*;
use crate::attest;
use crate::verify::Local;

/// Made by cosign 3.1.2 with the password `secret`, over the text `hello`.
const COSIGN_KEY: &str = include_str!("testdata/cosign.key");
const COSIGN_PUB: &str = include_str!("testdata/cosign.pub");
const COSIGN_BUNDLE: &[u8] = include_bytes!("testdata/hello.bundle");
const COSIGN_ATTESTED: &[u8] = include_bytes!("testdata/hello.attested.bundle");

fn hello() -> Digest {
    Digest::of(b"hello\n")
}

#[test]
fn a_key_of_cosign_opens_and_belongs_to_its_public_half() {
    let key = Private::from_pem(COSIGN_KEY, "cosign.key", Some("secret")).unwrap();
    assert_eq!(*key.public_key(), PublicKey::from_pem(COSIGN_PUB).unwrap());
    assert!(!format!("{key:?}").contains("secret"));
}

#[test]
fn bundles_of_cosign_verify_and_only_for_their_bytes_and_key() {
    let key = PublicKey::from_pem(COSIGN_PUB).unwrap();
    let other = Private::generate().unwrap();
    let signed = Bundle::parse(COSIGN_BUNDLE).unwrap();
    let check = |digest: &Digest, key: &PublicKey| {
        signature::verify(
            &signed,
            &Artifact::known_by(*digest),
            std::slice::from_ref(key),
            &Local,
        )
    };
    assert_eq!(check(&hello(), &key), Ok(key.clone()));
    assert!(check(&Digest::of(b"hullo\n"), &key).is_err());
    assert!(check(&hello(), other.public_key()).is_err());
    let attested = Bundle::parse(COSIGN_ATTESTED).unwrap();
    let proved = attestation::verify(&attested, &[key], &Local).unwrap();
    assert!(proved.statement.is_about(&hello()));
    assert_eq!(proved.statement.predicate_type(), "https://example.com/p");
    assert!(attestation::verify(&attested, &[other.public_key().clone()], &Local).is_err());
}

#[test]
fn a_wrong_password_and_a_wrong_file_are_told_apart() {
    let json = |edit: fn(&mut serde_json::Value)| {
        let (label, body) = sealed::block(COSIGN_KEY).unwrap();
        let mut value = serde_json::from_slice(&body).unwrap();
        edit(&mut value);
        let body = base64::Engine::encode(
            &base64::engine::general_purpose::STANDARD,
            value.to_string(),
        );
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
    };
    let cases = [
        (
            "wrong password",
            COSIGN_KEY.to_owned(),
            Some("wrong"),
            Kind::Credentials,
        ),
        (
            "no password",
            COSIGN_KEY.to_owned(),
            None,
            Kind::Credentials,
        ),
        ("no PEM", "hello".to_owned(), Some("secret"), Kind::Invalid),
        (
            "public",
            COSIGN_PUB.to_owned(),
            Some("secret"),
            Kind::Invalid,
        ),
        (
            "label",
            COSIGN_KEY.replace("SIGSTORE", "OTHER"),
            Some("secret"),
            Kind::Invalid,
        ),
        (
            "work factor that stalls",
            json(|value| value["kdf"]["params"]["N"] = (1_u64 << 30).into()),
            Some("secret"),
            Kind::Invalid,
        ),
        (
            "nonce",
            json(|value| value["cipher"]["nonce"] = "AAAA".into()),
            Some("secret"),
            Kind::Invalid,
        ),
        (
            "other cipher",
            json(|value| value["cipher"]["name"] = "rot13".into()),
            Some("secret"),
            Kind::Invalid,
        ),
    ];
    for (name, text, password, kind) in cases {
        let error = Private::from_pem(&text, "k", password).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
    }
}

#[test]
fn a_new_key_survives_being_sealed_and_both_doors_make_its_signatures() {
    let key = Private::generate().unwrap();
    let again = Private::from_pem(&key.sealed("").unwrap(), "k", None).unwrap();
    assert_eq!(again.public_key(), key.public_key());
    let (message, digest) = (b"hello\n", hello());
    for signature in [
        key.sign(message).unwrap(),
        again.sign_prehashed(digest.as_bytes()).unwrap(),
    ] {
        assert!(Local.verify(key.public_key(), message, &signature));
        assert!(Local.verify_digest(key.public_key(), &digest, &signature));
        assert!(!Local.verify(key.public_key(), b"hullo\n", &signature));
        assert!(!Local.verify(key.public_key(), message, b""));
    }
}

#[test]
fn what_was_attested_is_proved_before_it_is_handed_out() {
    let key = Private::generate().unwrap();
    let subject = vec![Subject::new(&hello())];
    let statement = Statement::new(subject, "https://example.com/p", &1).unwrap();
    let bundle = attest::attest(&key, &statement).unwrap();
    let proved = attestation::verify(&bundle, &[key.public_key().clone()], &Local).unwrap();
    assert_eq!(proved.statement, statement);
    let known = Artifact::known_by(hello());
    assert!(attest::sign(&key, &known, Subject::new(&hello())).is_ok());
}

#[test]
fn key_files_are_private_and_never_overwritten() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let prefix = folder.path().join("k").display().to_string();
    let key = Private::generate().unwrap();
    let pair = write_pair(&key, &prefix, "x").unwrap();
    let mode = std::fs::metadata(&pair.private)
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(
        public(&pair.public.display().to_string()).unwrap(),
        key.public
    );
    let error = write_pair(&key, &prefix, "x").unwrap_err();
    assert!(matches!(error, Error::Exists(_)), "{error}");
    let error = public(&pair.private.display().to_string()).unwrap_err();
    assert!(matches!(error, Error::Private { .. }), "{error}");
}

#[test]
fn services_that_hold_keys_are_refused_by_name() {
    let error = Private::open("awskms:///alias/release").unwrap_err();
    assert_eq!(
        error.to_string(),
        "key references with `awskms://` are not supported here"
    );
}

/// Every change of one bit either breaks the proof or changes nothing that was
/// proved (the hint of the key, space between fields).
#[test]
fn no_changed_bit_of_a_bundle_proves_something_else() {
    let key = [PublicKey::from_pem(COSIGN_PUB).unwrap()];
    let original = Bundle::parse(COSIGN_ATTESTED).unwrap();
    let original = attestation::verify(&original, &key, &Local).unwrap();
    for at in 0..COSIGN_ATTESTED.len() {
        for bit in [0x01, 0x20] {
            let mut bytes = COSIGN_ATTESTED.to_vec();
            bytes[at] ^= bit;
            let Ok(bundle) = Bundle::parse(&bytes) else {
                continue;
            };
            if let Ok(proved) = attestation::verify(&bundle, &key, &Local) {
                assert_eq!(proved, original, "byte {at}");
            }
        }
    }
}

/// The conformance suite: what a managed key signed is judged as it should be.
#[test]
fn the_conformance_suite_is_judged_as_it_should_be() {
    let vectors = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/vectors/sigstore-bundles"
    );
    let Ok(entries) = std::fs::read_dir(vectors) else {
        println!("skipped: the vectors are not there");
        return;
    };
    let artifact = crate::hash::file(&Path::new(vectors).join("a.txt")).unwrap();
    let mut proved = 0;
    for entry in entries {
        let folder = entry.unwrap().path();
        let Ok(bytes) = std::fs::read(folder.join("bundle.sigstore.json")) else {
            continue;
        };
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let own = folder.join("key.pub");
        if !own.exists() {
            continue;
        }
        let key = public(&own.display().to_string()).unwrap();
        let verified = Bundle::parse(&bytes).is_ok_and(|bundle| {
            signature::verify(
                &bundle,
                &Artifact::known_by(artifact.digest),
                &[key],
                &Local,
            )
            .is_ok()
        });
        assert_eq!(verified, !name.ends_with("_fail"), "{name}");
        proved += usize::from(verified);
    }
    assert!(proved > 0);
}

/// A message and its SHA-384, for what signs either.
fn hullo() -> Artifact<'static> {
    const MESSAGE: &[u8] = b"hullo\n";
    Artifact {
        digest: Digest::of(MESSAGE),
        hashes: &[],
        bytes: Some(MESSAGE),
    }
}

#[test]
fn each_new_kind_survives_being_sealed_and_signs_files_in_its_own_form() {
    use liftlock::bundle::Content;
    for (kind, algorithm) in [
        (New::P256, Algorithm::P256),
        (New::P384, Algorithm::P384),
        (New::Ed25519, Algorithm::Ed25519),
    ] {
        let key = Private::generate_as(kind).unwrap();
        assert_eq!(key.public_key().algorithm(), algorithm);
        let again = Private::from_pem(&key.sealed("x").unwrap(), "k", Some("x")).unwrap();
        assert_eq!(again.public_key(), key.public_key());
        let artifact = hullo();
        let bundle = attest::sign(&again, &artifact, Subject::new(&artifact.digest)).unwrap();
        match bundle.content() {
            Content::Message { digest, .. } => {
                assert!(algorithm.takes_digests());
                assert_eq!(digest.hash, algorithm.hash());
            }
            Content::Envelope(_) => assert!(!algorithm.takes_digests()),
        }
        let refused = key.sign_prehashed(artifact.digest.as_bytes());
        assert_eq!(refused.is_ok(), algorithm.takes_digests());
        let signature = key.sign(b"hello\n").unwrap();
        assert!(Local.verify(key.public_key(), b"hello\n", &signature));
        assert!(!Local.verify(key.public_key(), b"hullo\n", &signature));
        assert_eq!(
            format!("{key:?}").len(),
            "Private(".len() + key.public.id().short().len() + 1
        );
    }
}

#[test]
fn a_key_that_needs_another_hash_signs_no_bare_digest() {
    let key = Private::generate_as(New::P384).unwrap();
    let known = Artifact::known_by(hello());
    let error = attest::sign(&key, &known, Subject::new(&hello())).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    assert!(error.hint().is_some());
}

#[test]
fn plain_keys_of_openssl_open_in_every_form_it_writes() {
    // Each made by OpenSSL 3.0 (`genpkey`, `ecparam -genkey`, `rsa -traditional`).
    let rsa = include_str!("testdata/rsa.pem");
    let cases = [
        (
            include_str!("testdata/p384.pem"),
            include_str!("testdata/p384.sec1.pem"),
            Algorithm::P384,
        ),
        (
            include_str!("testdata/ed25519.pem"),
            include_str!("testdata/ed25519.pem"),
            Algorithm::Ed25519,
        ),
        (
            rsa,
            include_str!("testdata/rsa.pkcs1.pem"),
            Algorithm::Rsa { bits: 2048 },
        ),
    ];
    for (one, other, algorithm) in cases {
        let key = Private::from_pem(one, "one", None).unwrap();
        let same = Private::from_pem(other, "other", None).unwrap();
        assert_eq!(key.public_key().algorithm(), algorithm);
        assert_eq!(key.public_key(), same.public_key());
        let signature = key.sign(b"hello\n").unwrap();
        assert!(Local.verify(same.public_key(), b"hello\n", &signature));
        let sealed = key.sealed("x").unwrap();
        let opened = Private::from_pem(&sealed, "sealed", Some("x")).unwrap();
        assert_eq!(opened.public_key(), key.public_key());
        // Half a key is no key, and the message does not quote it.
        let body: String = one
            .lines()
            .take(one.lines().count() - 2)
            .collect::<Vec<_>>()
            .join("\n");
        let label = "-----END PRIVATE KEY-----";
        let error = Private::from_pem(&format!("{body}\n{label}"), "half", None).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid);
    }
}

#[test]
fn a_number_that_is_no_key_of_its_curve_is_refused() {
    use liftlock::pkcs8;
    for secret in [[0; 32], [0xff; 32]] {
        let der = pkcs8::encode(Secret::P256(&secret), &[4; 65]).unwrap();
        let body = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, der);
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n");
        let error = Private::from_pem(&pem, "k", None).unwrap_err();
        assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    }
}

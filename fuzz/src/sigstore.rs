//! Bundles, and what stands in them: certificates, logs, timestamps.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use liftlock::bundle::entry::Entry;
use liftlock::bundle::{Bundle, Content, Material};
use liftlock::crypto::{Hash, PublicKey, Verifier};
use liftlock::digest::Digest;
use liftlock::dsse::Envelope;
use liftlock::json;
use liftlock::signature::Artifact;
use liftlock::sigstore::anchors::TrustedRoot;
use liftlock::sigstore::body::{self, Signatory};
use liftlock::sigstore::checkpoint::Checkpoint;
use liftlock::sigstore::identity::Known;
use liftlock::sigstore::signing_config::{self, SigningConfig};
use liftlock::sigstore::timestamp::Timestamp;
use liftlock::sigstore::token::Token;
use liftlock::sigstore::{fulcio, rekor, sct, verify};
use liftlock::x509::Certificate;

use super::{KEY, Reach, split};

/// A trusted root that knows the authorities of the corpus.
const ROOT: &[u8] = include_bytes!("../corpus/services/root");

static TRUSTED: LazyLock<TrustedRoot> = LazyLock::new(|| {
    let root = TrustedRoot::parse(ROOT);
    assert!(root.is_ok(), "the sample is no trusted root");
    root.unwrap_or_default()
});

/// No signature is good.
pub(super) struct No;

impl Verifier for No {
    fn verify_with(&self, _: &PublicKey, _: Hash, _: &[u8], _: &[u8]) -> bool {
        false
    }

    fn verify_prehashed(&self, _: &PublicKey, _: Hash, _: &[u8], _: &[u8]) -> bool {
        false
    }
}

/// Every signature is good, so that what comes after it is reached.
pub(super) struct Yes;

impl Verifier for Yes {
    fn verify_with(&self, _: &PublicKey, _: Hash, _: &[u8], _: &[u8]) -> bool {
        true
    }

    fn verify_prehashed(&self, _: &PublicKey, _: Hash, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

pub(super) fn bundle(bytes: &[u8], reach: Reach<'_>) {
    let Ok(read) = Bundle::parse(bytes) else {
        return;
    };
    reach("read");
    let packed = Bundle::pack(read.material().clone(), read.content().clone());
    assert!(packed.is_ok(), "what was read cannot be written");
    let Ok(mut packed) = packed else { return };
    for entry in read.entries() {
        reach("entry");
        let more = packed.with_entry(entry.clone());
        assert!(more.is_ok(), "an entry that was read cannot be written");
        let Ok(more) = more else { return };
        packed = more;
    }
    for stamp in read.timestamps() {
        reach("timestamp");
        let more = packed.with_timestamp(stamp.clone());
        assert!(more.is_ok(), "a timestamp that was read cannot be written");
        let Ok(more) = more else { return };
        packed = more;
    }
    let again = Bundle::parse(packed.bytes());
    assert!(again.is_ok(), "what was written cannot be read");
    let Ok(again) = again else { return };
    assert_eq!(again.content(), read.content(), "another content");
    assert_eq!(again.material(), read.material(), "another signer");
    assert_eq!(again.entries(), read.entries(), "other entries");
    assert_eq!(again.timestamps(), read.timestamps(), "other timestamps");
    prove(&read, reach);
}

fn prove(bundle: &Bundle, reach: Reach<'_>) {
    let artifact = Artifact::known_by(Digest::of(b"hello\n"));
    // Exactly who is in the certificate, so that nothing ends before the proof.
    let leaf = match bundle.material() {
        Material::Certificates(all) => all.first().map(|one| Certificate::parse(one)),
        Material::Key { .. } => None,
    };
    let known = leaf.and_then(|leaf| Known::of(&leaf.ok()?).ok());
    let who = known.map(|known| known.identities()).unwrap_or_default();
    for verifier in [&No as &dyn Verifier, &Yes] {
        let nobody = verify::by_identity(bundle, &artifact, &[], &TRUSTED, verifier);
        assert!(nobody.is_err(), "an identity was proved that nobody trusts");
    }
    let broken = verify::by_identity(bundle, &artifact, &who, &TRUSTED, &No);
    assert!(broken.is_err(), "a broken signature was taken");
    if verify::by_identity(bundle, &artifact, &who, &TRUSTED, &Yes).is_ok() {
        reach("identity");
    }
    if let Ok(key) = PublicKey::from_pem(KEY) {
        let broken = verify::by_key(bundle, &artifact, &key, &TRUSTED, &No);
        assert!(broken.is_err(), "a broken signature was taken");
        let seen = verify::by_key(bundle, &artifact, &key, &TRUSTED, &Yes);
        if seen.is_ok_and(|seen| !seen.is_empty()) {
            reach("key");
        }
    }
}

pub(super) fn certificate(bytes: &[u8], reach: Reach<'_>) {
    let Ok(read) = Certificate::parse(bytes) else {
        return;
    };
    reach("read");
    assert_eq!(read.der(), bytes, "bytes were lost");
    assert!(
        !read.is_signed_by(read.key(), &No),
        "a broken signature was taken"
    );
    drop(read.authority());
    drop(read.key_usage());
    drop(read.purposes());
    drop(read.alt_names());
    for number in 0..=30 {
        drop(read.claim(number));
    }
    if let Ok(known) = Known::of(&read)
        && !known.to_string().is_empty()
        && !known.identities().is_empty()
    {
        reach("identity");
    }
    let promises = sct::embedded(&read).unwrap_or_default();
    let log = TRUSTED.certificate_logs.first();
    for (promise, log) in promises.iter().zip(log) {
        let pair = (&read, &read);
        assert!(!promise.is_of(log, pair, &No), "a broken promise was taken");
        if promise.is_of(log, pair, &Yes) {
            reach("sct");
        }
    }
}

pub(super) fn promise(bytes: &[u8], reach: Reach<'_>) {
    if sct::parse(bytes).is_ok() {
        reach("read");
    }
}

pub(super) fn timestamp(bytes: &[u8], reach: Reach<'_>) {
    let Ok(read) = Timestamp::parse(bytes) else {
        return;
    };
    reach("read");
    let _nonce = read.answers(1);
    let empty = TrustedRoot::default();
    let nobody = read.verify(b"signature", &empty, &Yes);
    assert!(
        nobody.is_err(),
        "an authority was proved that nobody trusts"
    );
    let broken = read.verify(b"signature", &TRUSTED, &No);
    assert!(broken.is_err(), "a broken signature was taken");
    if read.verify(b"signature", &TRUSTED, &Yes).is_ok() {
        reach("proved");
    }
}

pub(super) fn checkpoint(bytes: &[u8], reach: Reach<'_>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(read) = Checkpoint::parse(text) else {
        return;
    };
    reach("read");
    for log in &TRUSTED.logs {
        assert!(!read.is_signed_by(log, &No), "a broken signature was taken");
        if read.is_signed_by(log, &Yes) {
            reach("signed");
        }
    }
}

pub(super) fn services(bytes: &[u8], reach: Reach<'_>) {
    if TrustedRoot::parse(bytes).is_ok() {
        reach("root");
    }
    config(bytes, reach);
    if let Ok((root, rest)) = signing_config::split(bytes)
        && TrustedRoot::parse(&root).is_ok()
        && SigningConfig::parse(&rest).is_ok()
    {
        reach("both");
    }
}

fn config(bytes: &[u8], reach: Reach<'_>) {
    let now = liftlock::time::Time::from_unix_millis(1_767_600_000_000);
    let (Ok(read), Ok(now)) = (SigningConfig::parse(bytes), now) else {
        return;
    };
    let _public = read.is_public();
    let chosen = [
        ("authorities", read.authorities(now)),
        ("logs", read.logs(now)),
        ("timestamps", read.timestamps(now)),
    ];
    for (place, chosen) in chosen {
        let Ok(chosen) = chosen else { continue };
        assert!(
            chosen.needed <= chosen.services.len(),
            "more are needed than there are"
        );
        if !chosen.services.is_empty() {
            reach(place);
        }
    }
}

pub(super) fn log_answer(bytes: &[u8], reach: Reach<'_>) {
    let entries = [
        ("first", rekor::entry_1(bytes)),
        ("second", rekor::entry_2(bytes)),
    ];
    for (place, entry) in entries {
        let Ok(entry) = entry else { continue };
        reach(place);
        if bytes.len() > json::LARGEST / 2 {
            // Too large for a bundle around it.
            continue;
        }
        let key = Material::Key {
            hint: String::new(),
        };
        let bundle = Bundle::pack(key, message()).and_then(|one| one.with_entry(entry.clone()));
        assert!(bundle.is_ok(), "an entry that was read cannot be written");
        let again = bundle.and_then(|bundle| Bundle::parse(bundle.bytes()));
        assert!(again.is_ok(), "an entry that was taken cannot be read");
        if about(&entry) {
            reach("about");
        }
    }
}

/// The first line is the kind and version, the rest is the body.
pub(super) fn log_body(bytes: &[u8], reach: Reach<'_>) {
    let Some((head, rest)) = split(bytes) else {
        return;
    };
    let Some((kind, version)) = head.split_once(' ') else {
        return;
    };
    let entry = serde_json::json!({
        "logId": { "keyId": "" },
        "kindVersion": { "kind": kind, "version": version },
        "canonicalizedBody": "",
    });
    let entry = serde_json::from_value::<Entry>(entry);
    let Ok(mut entry) = entry else { return };
    entry.canonicalized_body = rest.to_vec();
    if about(&entry) {
        reach(match (kind, version) {
            ("hashedrekord", "0.0.1") => "hashed 1",
            ("hashedrekord", "0.0.2") => "hashed 2",
            ("dsse", "0.0.1") => "dsse 1",
            ("dsse", "0.0.2") => "dsse 2",
            ("intoto", "0.0.2") => "intoto 2",
            _ => panic!("a kind was read that nobody knows"),
        });
    }
}

fn message() -> Content {
    Content::Message {
        digest: (&Digest::of(b"hello\n")).into(),
        signature: b"signature".to_vec(),
    }
}

/// Whether an entry is about one of two signatures.
fn about(entry: &Entry) -> bool {
    let Ok(key) = PublicKey::from_pem(KEY) else {
        return false;
    };
    let envelope = Content::Envelope(Envelope {
        payload: b"{}".to_vec(),
        payload_type: liftlock::dsse::IN_TOTO.to_owned(),
        signature: b"signature".to_vec(),
    });
    [message(), envelope].iter().any(|content| {
        let other = body::check(entry, content, Signatory::Certificate(b"der"));
        let right = body::check(entry, content, Signatory::Key(&key));
        assert!(
            right.is_err() || other.is_err(),
            "an entry is about two signers"
        );
        right.is_ok()
    })
}

pub(super) fn fulcio_answer(bytes: &[u8], reach: Reach<'_>) {
    let claims = r#"{"iss":"https://issuer.example","sub":"b","exp":2000000000}"#;
    let token = Token::parse(&format!("e30.{}.e30", URL_SAFE_NO_PAD.encode(claims)));
    let key = PublicKey::from_pem(KEY);
    assert!(token.is_ok() && key.is_ok(), "the samples cannot be used");
    let (Ok(token), Ok(key)) = (token, key) else {
        return;
    };
    if let Ok(leaf) = fulcio::certificate(bytes, &key, &token) {
        assert_eq!(leaf.key(), &key, "another key");
        reach("certificate");
    }
}

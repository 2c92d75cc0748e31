//! The real services start, take plain calls, and answer as ours do.

use std::fs;

use liftlock::digest::Digest;
use serde_json::Value;
use testkit::cli::Run;
use testkit::peers;
use testkit::sigstore::{
    Case, Curve, Fulcio, Identity, IssuerKind, Judge, LogVersion, Loopback, Pair, Real, RekorTiles,
    Settings, Signer, TimestampServer,
};

use super::client::{
    Client, Content, Signing, certificate_request, hashedrekord_v2, json_of, pem_of,
};
use super::independent;

const ARTIFACT: &[u8] = b"hello\n";

fn client(fulcio: &str, rekor: &str, stamps: &str) -> Client {
    Client {
        fulcio: fulcio.to_owned(),
        rekor: rekor.to_owned(),
        stamps: stamps.to_owned(),
    }
}

#[test]
fn the_timestamp_server_stamps() {
    let Some(mut server) = TimestampServer::start().unwrap() else {
        return;
    };
    let Some(openssl) = peers::require("openssl") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).unwrap();
    let chain = server.chain().unwrap();
    let pem: String = chain.iter().map(|bytes| pem_of(bytes)).collect();
    write("chain.pem", pem.as_bytes());
    write("sig", b"signature");
    write("stamp", &client("", "", &server.url()).stamp(b"signature"));
    let line = "ts -verify -in stamp -data sig -CAfile chain.pem -untrusted chain.pem";
    let run = Run::new(openssl)
        .args(line.split(' '))
        .folder(folder.path());
    let output = run.output().unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);
    server.process().stop().unwrap();
    assert!(server.chain().is_err());
}

#[test]
fn fulcio_certifies_every_kind_of_identity() {
    let kinds = [IssuerKind::Email, IssuerKind::Uri, IssuerKind::GitHub];
    for kind in kinds {
        let Some(mut fulcio) = Fulcio::start(kind).unwrap() else {
            return;
        };
        let uri = format!("{}/build/1", fulcio.issuer().url());
        let (identity, challenge) = match kind {
            IssuerKind::Email => (Identity::email("a@example.com"), "a@example.com"),
            IssuerKind::Uri => (Identity::uri(&uri), uri.as_str()),
            IssuerKind::GitHub => (
                Identity::github("acme/shop"),
                "repo:acme/shop:ref:refs/heads/main",
            ),
        };
        let token = fulcio.issuer().token(&identity).unwrap();
        let client = client(&fulcio.url(), "", "");
        let request = certificate_request(&Pair::new(Curve::P256).unwrap(), challenge);
        let answer = client.certificate(&token, &request);
        let said = fulcio.process().stdout();
        assert_eq!(answer.status, 200, "{}: {said}", answer.text());
        assert!(!fulcio.chain().unwrap().is_empty());
        let request = certificate_request(&Pair::new(Curve::P256).unwrap(), "another");
        let refused = client.certificate(&token, &request);
        assert_eq!(refused.status, 400, "{}", refused.text());
        let other = identity.claim("aud", "other");
        let token = fulcio.issuer().token(&other).unwrap();
        let refused = client.certificate(&token, &request);
        assert_eq!(refused.status, 400, "{}", refused.text());
    }
}

/// The names of all fields, as paths.
fn shape(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => {
            let mut all: Vec<String> = fields
                .iter()
                .flat_map(|(name, value)| {
                    let inner = shape(value);
                    let inner = if inner.is_empty() {
                        vec![String::new()]
                    } else {
                        inner
                    };
                    inner.into_iter().map(move |rest| format!("{name}/{rest}"))
                })
                .collect();
            all.sort();
            all
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Vec::new()
        }
    }
}

#[test]
fn our_log_answers_as_the_real_one_does() {
    let Some(rekor) = RekorTiles::start().unwrap() else {
        return;
    };
    let loopback = Loopback::start(&Settings::default()).unwrap();
    let clients = [client("", &rekor.url(), ""), independent::client(&loopback)];
    let signing = Signing::with_key();
    let signature = signing.key.sign(ARTIFACT).unwrap();
    let good = hashedrekord_v2(&signing, &Digest::of(ARTIFACT), &signature);
    let bad = hashedrekord_v2(&signing, &Digest::of(b"other"), &signature);
    let [real, ours] = clients.map(|client| {
        let first = client.post_v2(&good);
        let again = client.post_v2(&good);
        let refused = client.post_v2(&bad);
        let body = json_of(&first)["canonicalizedBody"].clone();
        let index = again.header("x-log-index").map(str::to_owned);
        (
            (first.status, shape(&json_of(&first)), body),
            (again.status, shape(&json_of(&again)), index.is_some()),
            (refused.status, shape(&json_of(&refused))),
        )
    });
    assert_eq!(real, ours);
}

#[test]
fn the_real_services_together_make_a_bundle() {
    let Some(real) = Real::start(IssuerKind::GitHub).unwrap() else {
        return;
    };
    let issuer = real.fulcio.issuer();
    let token = issuer.token(&Identity::github("acme/shop")).unwrap();
    let client = client(&real.fulcio.url(), &real.rekor.url(), &real.stamps.url());
    let signing = client.signing(&token, "repo:acme/shop:ref:refs/heads/main");
    let bundle = client.bundle(&signing, &Content::Message(ARTIFACT), LogVersion::V2);
    let (root, url) = (real.trusted_root().unwrap(), issuer.url());
    let judged = |artifact: &[u8]| {
        let case = Case {
            root: &root,
            signing_config: &real.signing_config(),
            bundle: &bundle,
            artifact,
            signer: Signer::Identity {
                san: "https://github.com/acme/shop/.github/workflows/release.yml@refs/heads/main",
                issuer: &url,
            },
        };
        Judge::JavaScript.verdict(&case).unwrap()
    };
    assert!(matches!(judged(ARTIFACT), None | Some(Ok(()))));
    assert!(!matches!(judged(b"other"), Some(Ok(()))));
}

/// The extensions that say who somebody is, as openssl shows them, in order of
/// their names.
fn identity_of(leaf: &[u8], issuer: &str) -> Vec<String> {
    let program = peers::require("openssl").unwrap();
    let run = Run::new(program)
        .args(["x509", "-noout", "-text"])
        .stdin(pem_of(leaf));
    let text = run.output().unwrap().stdout.replace(issuer, "ISSUER");
    let (_, text) = text.split_once("X509v3 extensions:\n").unwrap();
    let (text, _) = text.split_once("    Signature Algorithm").unwrap();
    let mut all: Vec<String> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("                "), all.last_mut()) {
            (Some(value), Some(last)) => last.push_str(value),
            _ => all.push(line.to_owned()),
        }
    }
    let of_keys = ["Key Identifier", "CT Precertificate SCTs"];
    all.retain(|extension| !of_keys.iter().any(|name| extension.contains(name)));
    all.sort();
    all
}

#[test]
fn our_certificates_say_what_the_real_ones_say() {
    if peers::require("openssl").is_none() {
        return;
    }
    let kinds = [
        (
            IssuerKind::Email,
            Identity::email("a@example.com"),
            "a@example.com",
        ),
        (
            IssuerKind::GitHub,
            Identity::github("acme/shop"),
            "repo:acme/shop:ref:refs/heads/main",
        ),
    ];
    for (kind, identity, challenge) in kinds {
        let Some(fulcio) = Fulcio::start(kind).unwrap() else {
            return;
        };
        let loopback = Loopback::start(&Settings::default()).unwrap();
        let (real, ours) = (fulcio.issuer().url(), loopback.url());
        let leaf = |url: &str, token: &str| {
            let signing = client(url, "", "").signing(token, challenge);
            signing.certificate.unwrap()
        };
        let real = identity_of(
            &leaf(&fulcio.url(), &fulcio.issuer().token(&identity).unwrap()),
            &real,
        );
        let ours = identity_of(&leaf(&ours, &loopback.token(&identity).unwrap()), &ours);
        assert_eq!(ours, real, "{kind:?}");
        assert!(real.len() >= 4, "{real:?}");
    }
}

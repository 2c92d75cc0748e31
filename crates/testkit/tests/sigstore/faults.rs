//! Faults happen as they are scripted, and what is wrong is refused.

use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use liftlock::digest::Digest;
use liftlock::time::Time;
use serde_json::{Value, json};
use testkit::http::{self, Gate};
use testkit::samples;
use testkit::sigstore::{
    Clock, Curve, Fault, Identity, Lie, LogVersion, Loopback, Pair, SctForm, Service, Settings,
};
use testkit::wait;

use super::client::{
    Signing, certificate_request, der_of, hashedrekord_v1, hashedrekord_v2, json_of, stamp_query,
};
use super::independent::client;

const LIMIT: Duration = Duration::from_secs(20);

fn start() -> Loopback {
    Loopback::start(&Settings::default()).unwrap()
}

/// A signature by a new key, proposed to each of the logs.
fn proposals() -> [Value; 2] {
    let signing = Signing::with_key();
    let signature = signing.key.sign(b"artifact").unwrap();
    let hash = Digest::of(b"artifact");
    [
        hashedrekord_v1(&signing, &hash, &signature),
        hashedrekord_v2(&signing, &hash, &signature),
    ]
}

#[test]
fn an_outage_lasts_as_long_as_it_is_scripted() {
    let loopback = start();
    let client = client(&loopback);
    let [v1, v2] = proposals();
    loopback.next(Service::RekorV1, 2, &Fault::status(502));
    let statuses: Vec<u16> = (0..3).map(|_| client.post_v1(&v1).status).collect();
    assert_eq!(statuses, [502, 502, 201]);
    assert_eq!(loopback.calls_of(Service::RekorV1).len(), 3);
    loopback.until_healed(Service::RekorV2, &Fault::retry_after(429, 7));
    for _ in 0..4 {
        let answer = client.post_v2(&v2);
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (429, Some("7"))
        );
    }
    assert_eq!(loopback.entries(LogVersion::V2), 0);
    loopback.heal(Service::RekorV2);
    assert_eq!(client.post_v2(&v2).status, 201);
    assert_eq!(loopback.entries(LogVersion::V2), 1);
}

#[test]
fn a_dropped_request_was_not_served_and_a_lost_one_was() {
    let loopback = start();
    let url = format!("{}/api/v1/log/entries", loopback.url());
    let [v1, v2] = proposals();
    let send = |url: &str, body: &Value| {
        http::send("POST", url, &[], body.to_string().as_bytes()).map(|answer| answer.status)
    };
    loopback.next(Service::RekorV1, 1, &Fault::drop());
    assert!(send(&url, &v1).is_err());
    assert_eq!(loopback.entries(LogVersion::V1), 0);
    loopback.next(Service::RekorV1, 1, &Fault::Lost);
    assert!(send(&url, &v1).is_err());
    assert_eq!(loopback.entries(LogVersion::V1), 1);
    let again = client(&loopback).post_v1(&v1);
    assert_eq!(again.status, 409);
    let place = format!("{}{}", loopback.url(), again.header("location").unwrap());
    let entry = json_of(&http::get(&place).unwrap());
    let body = entry.as_object().unwrap().values().next().unwrap()["body"].clone();
    let body: Value =
        serde_json::from_slice(&STANDARD.decode(body.as_str().unwrap()).unwrap()).unwrap();
    assert_eq!(body["spec"]["data"], v1["spec"]["data"]);
    loopback.next(Service::RekorV2, 1, &Fault::Lost);
    assert!(send(&format!("{}/api/v2/log/entries", loopback.url()), &v2).is_err());
    let again = client(&loopback).post_v2(&v2);
    assert_eq!(
        (again.status, again.header("x-log-index")),
        (409, Some("3"))
    );
}

#[test]
fn a_held_answer_waits_for_its_gate_and_holds_nobody_else() {
    let loopback = start();
    let gate = Gate::default();
    loopback.next(Service::Stamps, 1, &Fault::Held(gate.clone()));
    let held = client(&loopback);
    let waiting = thread::spawn(move || held.stamp(b"signature"));
    let asked = || (!loopback.calls_of(Service::Stamps).is_empty()).then_some(());
    wait::until("request", LIMIT, asked).unwrap();
    let [v1, _] = proposals();
    assert_eq!(client(&loopback).post_v1(&v1).status, 201);
    assert!(!waiting.is_finished());
    gate.open();
    assert!(!waiting.join().unwrap().is_empty());
    // An open gate holds nothing.
    loopback.next(Service::RekorV1, 1, &Fault::hang(&gate));
    let [v1, _] = proposals();
    let refused = client(&loopback).post_v1(&v1);
    assert_eq!((refused.status, loopback.entries(LogVersion::V1)), (503, 1));
}

#[test]
fn fulcio_wants_a_good_token_and_a_proof() {
    let loopback = start();
    let client = client(&loopback);
    let key = Pair::new(Curve::P256).unwrap();
    let alice = Identity::email("alice@example.com");
    let asked = |identity: &Identity, challenge: &str| {
        let token = loopback.token(identity).unwrap();
        let answer = client.certificate(&token, &certificate_request(&key, challenge));
        (answer.status, answer.text())
    };
    assert_eq!(asked(&alice, "alice@example.com").0, 200);
    let cases = [
        (
            alice.clone(),
            "mallory@example.com",
            400,
            "could not be verified",
        ),
        (
            alice.clone().claim("aud", "other"),
            "alice@example.com",
            400,
            "audience",
        ),
        (
            alice.clone().claim("exp", 1),
            "alice@example.com",
            400,
            "expired",
        ),
        (
            alice.claim("email_verified", false),
            "alice@example.com",
            400,
            "email_verified",
        ),
    ];
    for (identity, challenge, status, why) in cases {
        let (got, text) = asked(&identity, challenge);
        assert_eq!(got, status, "{text}");
        assert!(text.contains(why), "{text}");
    }
    let request = certificate_request(&key, "alice@example.com");
    assert_eq!(client.certificate("", &request).status, 400);
}

#[test]
fn a_certificate_for_another_key_is_not_ours() {
    let loopback = start();
    let holds_our_key = || {
        let token = loopback.token(&Identity::uri("spiffe://x/y")).unwrap();
        let signing = client(&loopback).signing(&token, "spiffe://x/y");
        let (leaf, spki) = (signing.certificate.unwrap(), signing.key.spki());
        leaf.windows(spki.len()).any(|part| part == spki)
    };
    assert!(holds_our_key());
    loopback.next(Service::Fulcio, 1, &Fault::Lie(Lie::OtherKey));
    assert!(!holds_our_key());
    assert!(holds_our_key());
}

#[test]
fn an_sct_may_be_beside_the_certificate() {
    let settings = Settings {
        sct: SctForm::Detached,
        ..Settings::default()
    };
    let loopback = Loopback::start(&settings).unwrap();
    let key = Pair::new(Curve::P256).unwrap();
    let token = loopback.token(&Identity::uri("spiffe://x/y")).unwrap();
    let request = certificate_request(&key, "spiffe://x/y");
    let answer = json_of(&client(&loopback).certificate(&token, &request));
    let detached = &answer["signedCertificateDetachedSct"];
    let sct = detached["signedCertificateTimestamp"].as_str().unwrap();
    let sct: Value = serde_json::from_slice(&STANDARD.decode(sct).unwrap()).unwrap();
    let log = loopback.trusted_root()["ctlogs"][0].clone();
    assert_eq!(sct["id"], log["logId"]["keyId"]);
    let certificates = detached["chain"]["certificates"].as_array().unwrap();
    assert_eq!(certificates.len(), 3);
    let leaf = der_of(certificates[0].as_str().unwrap());
    let bytes = |text: &Value| STANDARD.decode(text.as_str().unwrap()).unwrap();
    // RFC 6962 §3.2: version, kind, time, x509_entry, certificate, no extensions.
    let time = sct["timestamp"].as_u64().unwrap().to_be_bytes();
    let length = u32::try_from(leaf.len()).unwrap().to_be_bytes();
    let signed = [&[0, 0], &time[..], &[0, 0], &length[1..], &leaf, &[0, 0]].concat();
    let key = bytes(&log["publicKey"]["rawBytes"]);
    let point = &key[key.len() - 65..];
    let algorithm = &ring::signature::ECDSA_P256_SHA256_ASN1;
    let key = ring::signature::UnparsedPublicKey::new(algorithm, point);
    let signature = bytes(&sct["signature"]);
    assert_eq!(signature[..2], [4, 3]);
    assert!(key.verify(&signed, &signature[4..]).is_ok());
    assert!(key.verify(&signed[1..], &signature[4..]).is_err());
}

#[test]
fn logs_take_only_signatures_that_verify() {
    let loopback = start();
    let client = client(&loopback);
    let [mut v1, mut v2] = proposals();
    let other = Digest::of(b"another artifact");
    v1["spec"]["data"]["hash"]["value"] = other.hex().into();
    v2["hashedRekordRequestV002"]["digest"] = STANDARD.encode(other.as_bytes()).into();
    assert_eq!(client.post_v1(&v1).status, 400);
    assert_eq!(client.post_v2(&v2).status, 400);
    let envelope = json!({
        "payload": "e30=", "payloadType": "x", "signatures": [{ "sig": "AAAA" }],
    });
    let pem = STANDARD.encode(Pair::new(Curve::P256).unwrap().public_pem());
    let dsse = json!({ "kind": "dsse", "apiVersion": "0.0.1", "spec": { "proposedContent": {
        "envelope": envelope.to_string(), "verifiers": [pem],
    } } });
    let answer = client.post_v1(&dsse);
    assert_eq!(answer.status, 400);
    assert!(
        answer.text().contains("verifying the envelope"),
        "{}",
        answer.text()
    );
    assert_eq!(loopback.entries(LogVersion::V1), 0);
    assert_eq!(loopback.entries(LogVersion::V2), 0);
}

#[test]
fn all_services_share_the_clock() {
    let clock = Clock::fixed(samples::now());
    let settings = Settings {
        clock: clock.clone(),
        ..Settings::default()
    };
    let loopback = Loopback::start(&settings).unwrap();
    let [v1, _] = proposals();
    let time_of = |answer: &Value| {
        let entry = answer.as_object().unwrap().values().next().unwrap();
        entry["integratedTime"].as_i64().unwrap()
    };
    let client = client(&loopback);
    let first = json_of(&client.post_v1(&v1));
    assert_eq!(time_of(&first) * 1000, samples::now().unix_millis());
    assert!(String::from_utf8_lossy(&client.stamp(b"x")).contains("20260105080000Z"));
    let later: Time = "2026-01-05T09:00:00Z".parse().unwrap();
    clock.set(later);
    let [v1, _] = proposals();
    assert_eq!(
        time_of(&json_of(&client.post_v1(&v1))) * 1000,
        later.unix_millis()
    );
}

#[test]
fn a_job_of_github_gets_a_token_for_the_audience_it_names() {
    let loopback = start();
    let [(_, url), (_, secret)] = loopback.job("acme/shop");
    let url = format!("{url}&audience=sigstore");
    let bearer = format!("bearer {secret}");
    let answer = http::send("GET", &url, &[("authorization", &bearer)], &[]).unwrap();
    let token = json_of(&answer)["value"].as_str().unwrap().to_owned();
    let challenge = "repo:acme/shop:ref:refs/heads/main";
    client(&loopback).signing(&token, challenge);
    assert_eq!(http::get(&url).unwrap().status, 401);
    assert_eq!(loopback.calls_of(Service::Issuer).len(), 2);
    assert_eq!(loopback.calls_of(Service::Fulcio).len(), 1);
}

#[test]
fn a_query_that_is_none_gets_no_stamp() {
    let loopback = start();
    let headers = [("content-type", "application/timestamp-query")];
    let mut query = stamp_query(&Digest::of(b"x"));
    query.truncate(20);
    let answer = http::send("POST", &loopback.stamps_url(), &headers, &query).unwrap();
    assert_eq!(answer.status, 400);
}

#[test]
fn every_instance_has_certificates_of_its_own() {
    let (one, other) = (start(), start());
    let both = testkit::sigstore::trusted_root_of(&[&one, &other]);
    assert_eq!(both["tlogs"].as_array().unwrap().len(), 4);
    let config = testkit::sigstore::signing_config_of(&[&one, &other], LogVersion::V2);
    let urls = [one.stamps_url(), other.stamps_url()].map(Value::from);
    assert_eq!([0, 1].map(|at| config["tsaUrls"][at]["url"].clone()), urls);
    let operator = |at: usize| config["rekorTlogUrls"][at]["operator"].clone();
    assert_ne!(operator(0), operator(1));
    let token = one.token(&Identity::uri("spiffe://x/y")).unwrap();
    let request = certificate_request(&Pair::new(Curve::P256).unwrap(), "spiffe://x/y");
    assert_eq!(client(&other).certificate(&token, &request).status, 400);
    let chain = json_of(&client(&one).certificate(&token, &request));
    let root = chain["signedCertificateEmbeddedSct"]["chain"]["certificates"][2].as_str();
    let root = STANDARD.encode(der_of(root.unwrap()));
    let known = &both["certificateAuthorities"][0]["certChain"]["certificates"][1]["rawBytes"];
    assert_eq!(known, &Value::from(root));
}

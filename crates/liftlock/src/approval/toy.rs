//! A small world for tests: five people, toy mathematics, one request.

use std::collections::BTreeMap;
use std::error::Error as StdError;

use super::answer::{Answer, Heard, Say, hear};
use super::policy::Policy;
use super::request::{Identified, Request, SCHEMA_VERSION};
use crate::attestation;
use crate::bundle::Bundle;
use crate::config::approval::Approval;
use crate::config::trust::{DatedKey, Keyring, Person, Role, Trusted};
use crate::crypto::{Hash, PublicKey, Signer, Verifier};
use crate::digest::Digest;
use crate::name::Name;
use crate::release;
use crate::time::Time;

/// Stands in for mathematics: the "signature" is key id and message.
#[derive(Debug)]
pub(super) struct Toy(pub(super) PublicKey);

pub(super) const CHECK: Check = Check;

#[derive(Debug)]
pub(super) struct Check;

fn mark(key: &PublicKey, bytes: &[u8]) -> Vec<u8> {
    [key.id().as_bytes(), bytes].concat()
}

impl Signer for Toy {
    fn public_key(&self) -> &PublicKey {
        &self.0
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Box<dyn StdError + Send + Sync>> {
        Ok(mark(&self.0, message))
    }

    fn sign_prehashed(&self, digest: &[u8]) -> Result<Vec<u8>, Box<dyn StdError + Send + Sync>> {
        Ok(mark(&self.0, digest))
    }
}

impl Verifier for Check {
    fn verify_with(&self, key: &PublicKey, _: Hash, message: &[u8], signature: &[u8]) -> bool {
        signature == mark(key, message)
    }

    fn verify_prehashed(&self, key: &PublicKey, _: Hash, digest: &[u8], signature: &[u8]) -> bool {
        signature == mark(key, digest)
    }
}

pub(super) fn key(fill: u8) -> PublicKey {
    let sample = PublicKey::from_pem(include_str!("../testdata/p256.pub")).unwrap();
    let mut der = sample.der().to_vec();
    der[90] = fill;
    PublicKey::from_der(&der).unwrap()
}

pub(super) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(super) fn at(clock: &str) -> Time {
    format!("2026-11-23T{clock}:00Z").parse().unwrap()
}

pub(super) fn dated(fill: u8) -> DatedKey {
    DatedKey {
        key: Some(key(fill)),
        key_file: None,
        valid_from: None,
        valid_until: None,
        revoked_at: None,
    }
}

/// Keys: alice 1 and 11, bob 2, carol 3 (author), dave 4 (signer), erin 5 (not
/// asked), the judge 9.
pub(super) fn keyring() -> Keyring {
    let person = |keys: &[u8], email: &str| Person {
        keys: keys.iter().map(|fill| dated(*fill)).collect(),
        emails: [email.to_owned()].into(),
        ..Person::default()
    };
    Keyring {
        trusted: vec![Trusted {
            name: name("ci-judge"),
            roles: [Role::Judge].into(),
            keys: vec![dated(9)],
            identities: Vec::new(),
        }],
        people: BTreeMap::from([
            (name("alice"), person(&[1, 11], "alice@shop.example")),
            (name("bob"), person(&[2], "bob@shop.example")),
            (name("carol"), person(&[3], "carol@shop.example")),
            (name("dave"), person(&[4], "dave@shop.example")),
            (name("erin"), person(&[5], "erin@shop.example")),
        ]),
    }
}

pub(super) fn rule() -> Approval {
    let people = ["alice", "bob", "carol", "dave"].map(name);
    Approval::of(2, people.to_vec()).unwrap()
}

pub(super) fn policy() -> Policy {
    Policy::new(Digest::of(b"policy"), &rule(), keyring())
        .excluding(&request().release.release, &[key(4)])
}

pub(super) fn release(id: &str) -> String {
    serde_json::json!({
        "schema_version": 1, "id": id, "service": "shop", "version": "1",
        "artifacts": { "api": { "digest": Digest::of(b"a"), "name": "api" } },
        "owner": "team-shop", "created_at": "2026-11-23T08:00:00Z",
        "authors": ["Carol@Shop.example", "somebody@else.example"],
    })
    .to_string()
}

pub(super) fn wanted() -> Request {
    let document = release("shop-1");
    let read = release::Identified::parse(document.as_bytes()).unwrap();
    Request {
        schema_version: SCHEMA_VERSION,
        id: "1".to_owned(),
        nonce: "n".to_owned(),
        service: name("shop"),
        environment: name("production"),
        release: read.reference(),
        document,
        policy: Digest::of(b"policy"),
        evidence: Vec::new(),
        rules: rule().filled(),
        distinct: false,
        compared: BTreeMap::new(),
        actors: Vec::new(),
        requested_by: None,
        run_url: None,
        place: None,
        deployment: None,
        break_glass: None,
        made_at: at("10:00"),
        expires_at: "2026-11-24T10:00:00Z".parse().unwrap(),
    }
}

pub(super) fn request() -> Identified {
    Identified::new(&wanted()).unwrap()
}

pub(super) fn answer(person: &str, say: Say, clock: &str) -> Answer {
    Answer::to(&request(), name(person), say, at(clock))
}

pub(super) fn signed(answer: &Answer, fill: u8) -> Bundle {
    attestation::sign(&answer.statement().unwrap(), &Toy(key(fill))).unwrap()
}

pub(super) fn heard(answer: &Answer, fill: u8) -> Heard {
    hear(&signed(answer, fill).into(), &keyring(), &CHECK)
}

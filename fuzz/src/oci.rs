//! What registries say, and what is kept in them.

use std::collections::BTreeMap;

use liftlock::bundle::Bundle;
use liftlock::crypto::PublicKey;
use liftlock::digest::Digest;
use liftlock::oci::challenge::Challenge;
use liftlock::oci::docker::{self, Login};
use liftlock::oci::document::{Descriptor, INDEX, Index, Manifest};
use liftlock::oci::legacy::{self, Layer};
use liftlock::oci::tree::Tree;
use liftlock::oci::view::{Attached, View};

use super::sigstore::{No, Yes, bundle};
use super::{KEY, Reach, split};

pub(super) fn documents(bytes: &[u8], reach: Reach<'_>) {
    let subject = Digest::of(b"subject");
    if let Ok(index) = Index::parse(bytes) {
        reach("index");
        let written = index.bytes();
        assert!(written.is_ok(), "what was read cannot be written");
        let again = written.and_then(|bytes| Index::parse(&bytes));
        assert_eq!(again.ok(), Some(index), "another index");
    }
    if Manifest::parse(bytes).is_ok() {
        reach("manifest");
    }
    let mut tree = Tree::new(Descriptor::of(INDEX, b""));
    while let Some((_, depth)) = tree.next_index() {
        if tree.grow(depth, bytes).is_err() {
            break;
        }
    }
    if tree.found().len() > 1 {
        reach("tree");
    }
    for attached in Attached::ALL {
        if let Ok(Some(_)) = attached.entry(&subject, bytes) {
            reach("entry");
        }
        if let Ok(view) = View::parse(attached, bytes) {
            let known = view.ids().len();
            assert!(known <= view.entries().len(), "entries were made up");
            assert!(view.document().is_ok(), "what was read cannot be written");
            reach("list");
        }
    }
}

/// Zero bytes stand between the annotations and in front of the payload.
pub(super) fn legacy_layer(bytes: &[u8], reach: Reach<'_>) {
    let mut parts = bytes.splitn(NOTES.len() + 1, |byte| *byte == 0);
    let mut annotations = BTreeMap::new();
    for (name, value) in NOTES.iter().zip(parts.by_ref()) {
        let Ok(value) = std::str::from_utf8(value) else {
            return;
        };
        annotations.insert((*name).to_owned(), value.to_owned());
    }
    let payload = parts.next().unwrap_or_default().to_vec();
    let mut layer = Layer::signed(payload, b"");
    if annotations
        .get(legacy::SIGNATURE)
        .is_none_or(String::is_empty)
    {
        layer.descriptor.media_type = legacy::ENVELOPE.to_owned();
    }
    layer.descriptor.annotations = annotations;
    let image = Digest::of(b"image");
    if let Ok(key) = PublicKey::from_pem(KEY) {
        let keys = [key];
        let broken = legacy::verify(&layer, &image, &keys, &No);
        assert!(broken.is_err(), "a broken signature was taken");
        if legacy::verify(&layer, &image, &keys, &Yes).is_ok() {
            reach("signature");
        }
    }
    let Ok(read) = layer.bundle() else { return };
    let mut found = false;
    bundle(read.bytes(), &mut |place| {
        found = true;
        reach(place);
    });
    assert!(found, "what was written cannot be read");
    let again = Bundle::parse(read.bytes());
    assert_eq!(again.ok().as_ref(), Some(&read), "another bundle");
    again_and_again(&layer, &read);
}

/// What is written reads as it was written, from the second time on: what
/// nobody needs is left out the first time.
fn again_and_again(layer: &Layer, read: &Bundle) {
    let Ok(first) = layer.clone().with_proof(read) else {
        return;
    };
    let once = first.bundle();
    assert!(once.is_ok(), "annotations that were written cannot be read");
    let Ok(once) = once else { return };
    let second = first.with_proof(&once).map(|second| second.bundle());
    assert_eq!(second, Ok(Ok(once)), "other annotations");
}

/// The annotations that are read, in the order of the inputs.
const NOTES: [&str; 5] = [
    legacy::SIGNATURE,
    legacy::CERTIFICATE,
    "dev.sigstore.cosign/chain",
    "dev.sigstore.cosign/bundle",
    "dev.sigstore.cosign/rfc3161timestamp",
];

/// The first line is a registry and a repository, the rest the file.
pub(super) fn docker_config(bytes: &[u8], reach: Reach<'_>) {
    let Some((head, rest)) = split(bytes) else {
        return;
    };
    if let Ok(Some(login)) = docker::answer(rest) {
        reach("answer");
        hidden(&login);
    }
    let (host, repository) = head.split_once('/').unwrap_or((head, ""));
    let Ok(known) = docker::parse(rest, host, repository) else {
        return;
    };
    if known.helper.is_some() {
        reach("helper");
    }
    if let Some(login) = known.login {
        hidden(&login);
        reach(match login {
            Login::Password { .. } => "password",
            Login::Identity(_) => "identity",
            Login::Bearer(_) => "bearer",
        });
    }
}

fn hidden(login: &Login) {
    assert_eq!(format!("{login:?}"), "Login", "a log would show a secret");
}

pub(super) fn challenge(bytes: &[u8], reach: Reach<'_>) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Challenge::parse(text) {
        Some(Challenge::Basic) => reach("basic"),
        Some(Challenge::Bearer { service, scope, .. }) => {
            reach("bearer");
            if service.is_some() {
                reach("service");
            }
            if scope.is_some() {
                reach("scope");
            }
        }
        None => {}
    }
}

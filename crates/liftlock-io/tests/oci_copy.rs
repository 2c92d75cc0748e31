//! Copies between real registries: same bytes, nothing lost, nothing half done.
#![cfg(test)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::digest::Digest;
use liftlock::oci::document::{INDEX, MANIFEST};
use liftlock::oci::{Descriptor, Place, Tag, Version};
use liftlock::statement::{Statement, Subject};
use liftlock::time::Time;
use liftlock_io::http::Options;
use liftlock_io::key::Private;
use liftlock_io::oci::{Copied, Error, Repository, copy};
use serde_json::json;
use testkit::http::{self, Answer, Server};
use testkit::servers::{Crane, Registry};

fn open(host: &str, repository: &str) -> Repository {
    let place = Place::Registry {
        host: host.to_owned(),
        repository: repository.to_owned(),
    };
    let options = Options {
        ca_file: None,
        timeout: Duration::from_secs(30),
    };
    Repository::open(&place, &options).unwrap()
}

fn tag(text: &str) -> Tag {
    text.parse().unwrap()
}

/// An index of two platforms with so many layers each, under a tag.
fn index(repository: &Repository, layers: usize) -> Descriptor {
    let mut children = Vec::new();
    for platform in ["amd64", "arm64"] {
        let blob = |text: String| {
            let bytes = text.repeat(100).into_bytes();
            let digest = repository.put_blob(&bytes).unwrap();
            json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar",
                    "digest": digest, "size": bytes.len() })
        };
        let config = blob(format!("config {platform} "));
        let layers: Vec<_> = (0..layers)
            .map(|number| blob(format!("{platform} {number} ")))
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers,
        });
        let bytes = manifest.to_string().into_bytes();
        repository.put_manifest(None, MANIFEST, &bytes).unwrap();
        children.push(json!({
            "mediaType": MANIFEST, "digest": Digest::of(&bytes), "size": bytes.len(),
            "platform": { "os": "linux", "architecture": platform },
        }));
    }
    let bytes = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": children });
    let bytes = bytes.to_string().into_bytes();
    repository
        .put_manifest(Some(&tag("v1")), INDEX, &bytes)
        .unwrap();
    Descriptor::of(INDEX, &bytes)
}

/// Attaches a bundle as cosign 3 does, and a list of layers as cosign 2 does.
fn attach(repository: &Repository, subject: &Descriptor) -> Bundle {
    let key = Private::generate().unwrap();
    let about = Subject::new(&subject.digest);
    let kind = "https://example.org/said/v1";
    let statement = Statement::new(vec![about], kind, &json!({ "said": "yes" })).unwrap();
    let bundle = attestation::sign(&statement, &key).unwrap();
    repository
        .attach(subject, &bundle, kind, Time::EPOCH)
        .unwrap();
    let config = repository.put_blob(b"{}").unwrap();
    let layer = repository.put_blob(b"payload").unwrap();
    let manifest = json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": config, "size": 2 },
        "layers": [{ "mediaType": "application/vnd.dev.cosign.simplesigning.v1+json",
                     "digest": layer, "size": 7 }],
    });
    let name = format!("sha256-{}.sig", subject.digest.hex());
    let bytes = manifest.to_string().into_bytes();
    repository
        .put_manifest(Some(&tag(&name)), MANIFEST, &bytes)
        .unwrap();
    bundle
}

/// Everything of the source is at the target, to the byte.
fn same(source: &Repository, target: &Repository, root: &Descriptor, name: &str) {
    let live = target.resolve(Some(&Version::Tag(tag(name)))).unwrap();
    assert_eq!(live.unwrap().digest, root.digest);
    for one in source.tree(root).unwrap() {
        let version = Version::Digest(one.digest);
        let (here, there) = (
            source.manifest(Some(&version)),
            target.manifest(Some(&version)),
        );
        let here = here.unwrap().unwrap();
        assert_eq!(here.bytes, there.unwrap().unwrap().bytes);
        if let Ok(manifest) = liftlock::oci::document::Manifest::parse(&here.bytes) {
            for blob in manifest.blobs().unwrap() {
                assert!(!target.blob(&blob.digest, 1_000_000).unwrap().is_empty());
            }
        }
        let (mut here, mut there) = (
            source.bundles(&one.digest).unwrap(),
            target.bundles(&one.digest).unwrap(),
        );
        here.sort();
        there.sort();
        assert_eq!(here, there, "{}", one.digest);
        let signature = Version::Tag(tag(&format!("sha256-{}.sig", one.digest.hex())));
        let digest = |repository: &Repository| repository.resolve(Some(&signature)).unwrap();
        assert_eq!(digest(source), digest(target));
    }
}

/// Copies, and once more, when nothing is left to be done.
fn twice(source: &Repository, target: &Repository, root: &Descriptor) -> Copied {
    let copied = copy(source, target, (&root.digest, Some(&tag("live")))).unwrap();
    same(source, target, root, "live");
    let again = copy(source, target, (&root.digest, Some(&tag("live")))).unwrap();
    assert_eq!((again.mounted, again.sent, again.attached.len()), (0, 0, 0));
    copied
}

#[test]
fn everything_goes_along_between_repositories_and_registries_of_all_kinds() {
    let (Some(one), Some(two)) = (
        Registry::start(None).unwrap(),
        Registry::start(None).unwrap(),
    ) else {
        return;
    };
    let Some(native) = Crane::with_referrers().unwrap() else {
        return;
    };
    let source = open(&one.host(), "team/shop");
    let root = index(&source, 3);
    let children = source.tree(&root).unwrap();
    for subject in [&root, &children[1]] {
        attach(&source, subject);
    }
    let copied = twice(&source, &open(&one.host(), "team/production"), &root);
    assert_eq!((copied.sent, copied.attached.len()), (0, 3));
    assert!(copied.mounted >= 8, "{copied:?}");
    let copied = twice(&source, &open(&two.host(), "shop"), &root);
    assert_eq!((copied.mounted, copied.attached.len()), (0, 3));
    assert!(copied.sent >= 8 && copied.bytes > 1_000, "{copied:?}");
    // To a registry that lists referrers itself, and back to one that does not.
    let listing = open(&native.host(), "shop");
    twice(&source, &listing, &root);
    let bare = open(&two.host(), "from/listing");
    twice(&listing, &bare, &root);
}

#[test]
fn what_is_there_already_stays_in_the_list_of_the_target() {
    let (Some(one), Some(two)) = (
        Registry::start(None).unwrap(),
        Registry::start(None).unwrap(),
    ) else {
        return;
    };
    let (source, target) = (open(&one.host(), "shop"), open(&two.host(), "shop"));
    let root = index(&source, 1);
    copy(&source, &target, (&root.digest, Some(&tag("live")))).unwrap();
    let (here, there) = (attach(&source, &root), attach(&target, &root));
    copy(&source, &target, (&root.digest, Some(&tag("live")))).unwrap();
    let found = target.bundles(&root.digest).unwrap();
    for bundle in [&here, &there] {
        assert!(found.iter().any(|bytes| bytes == bundle.bytes()));
    }
}

#[test]
fn a_list_of_more_than_anyone_attaches_is_refused_before_the_tag() {
    let (Some(one), Some(two)) = (
        Registry::start(None).unwrap(),
        Registry::start(None).unwrap(),
    ) else {
        return;
    };
    let (source, target) = (open(&one.host(), "shop"), open(&two.host(), "shop"));
    let root = index(&source, 1);
    let child = source.tree(&root).unwrap().remove(1);
    let entry = json!({ "mediaType": MANIFEST, "digest": child.digest, "size": child.size });
    let list = json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": vec![entry; 1_001],
    });
    let name = format!("sha256-{}", root.digest.hex());
    let bytes = list.to_string().into_bytes();
    source
        .put_manifest(Some(&tag(&name)), INDEX, &bytes)
        .unwrap();
    let failed = copy(&source, &target, (&root.digest, Some(&tag("live")))).unwrap_err();
    assert!(matches!(failed, Error::TooMany(_)), "{failed:?}");
    let live = target.resolve(Some(&Version::Tag(tag("live")))).unwrap();
    assert_eq!(live, None);
}

/// Every file of a registry's data with this text.
fn data(folder: &Path, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if fs::read(&path).is_ok_and(|bytes| bytes.starts_with(text.as_bytes())) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn a_layer_that_was_altered_or_is_gone_moves_no_tag() {
    let (Some(one), Some(two)) = (
        Registry::start(None).unwrap(),
        Registry::start(None).unwrap(),
    ) else {
        return;
    };
    let (source, target) = (open(&one.host(), "shop"), open(&two.host(), "shop"));
    let root = index(&source, 2);
    let layer = data(one.folder(), "arm64 1 ").remove(0);
    let bytes = fs::read(&layer).unwrap();
    let mut altered = bytes.clone();
    altered[0] = b'x';
    for broken in [Some(altered), None] {
        match broken {
            Some(altered) => fs::write(&layer, altered).unwrap(),
            None => fs::remove_file(&layer).unwrap(),
        }
        let failed = copy(&source, &target, (&root.digest, Some(&tag("live")))).unwrap_err();
        assert!(
            matches!(failed, Error::Status { .. } | Error::Absent(_)),
            "{failed:?}"
        );
        assert_eq!(
            target.resolve(Some(&Version::Tag(tag("live")))).unwrap(),
            None
        );
    }
    fs::write(&layer, bytes).unwrap();
    copy(&source, &target, (&root.digest, Some(&tag("live")))).unwrap();
    same(&source, &target, &root, "live");
    let nothing = Digest::of(b"nothing");
    let failed = copy(&source, &target, (&nothing, Some(&tag("live")))).unwrap_err();
    assert!(matches!(failed, Error::Absent(_)), "{failed:?}");
}

/// In front of a registry; with `mounts` false it is one that never mounts.
fn proxy(registry: &Registry, mounts: bool) -> Server {
    let host = registry.host();
    Server::start(move |request| {
        let mut target = request.target.clone();
        if let Some((path, _)) = target.split_once("?mount=").filter(|_| !mounts) {
            target = path.to_owned();
        }
        let own = ["host", "connection", "content-length", "transfer-encoding"];
        let headers = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let headers: Vec<_> = headers.filter(|(name, _)| !own.contains(name)).collect();
        let url = format!("http://{host}{target}");
        let is_head = request.method == "HEAD";
        let method = if is_head { "GET" } else { &request.method };
        let response = http::send(method, &url, &headers, &request.body).unwrap();
        let mut answer = Answer::new(response.status);
        for (name, value) in &response.headers {
            if !own.contains(&name.as_str()) {
                answer = answer.header(name, value);
            }
        }
        answer.body(if is_head { Vec::new() } else { response.body })
    })
    .unwrap()
}

#[test]
fn a_copy_asks_as_little_as_the_protocol_lets_it() {
    let Some(registry) = Registry::start(None).unwrap() else {
        return;
    };
    let root = index(&open(&registry.host(), "shop"), 10);
    let proxy = proxy(&registry, true);
    let host = proxy.address().to_string();
    let (source, target) = (open(&host, "shop"), open(&host, "production"));
    let asked = |work: &dyn Fn()| {
        let before = proxy.requests().len();
        work();
        let requests = proxy.requests();
        let new = requests[before..].iter();
        // Looking for what is attached is counted apart.
        let lists = |target: &str| target.contains("/tags/list") || target.contains("/referrers/");
        new.filter(|request| !lists(&request.target)).count()
    };
    let cold = asked(&|| drop(copy(&source, &target, (&root.digest, Some(&tag("live")))).unwrap()));
    assert!(cold <= 30, "{cold} requests");
    let repeated =
        asked(&|| drop(copy(&source, &target, (&root.digest, Some(&tag("live")))).unwrap()));
    assert!(repeated <= 3, "{repeated} requests");
    let retagged =
        asked(&|| drop(copy(&target, &target, (&root.digest, Some(&tag("next")))).unwrap()));
    assert!(retagged <= 3, "{retagged} requests");
}

#[test]
fn a_registry_that_does_not_mount_is_sent_the_blobs_in_the_upload_it_opened() {
    let Some(registry) = Registry::start(None).unwrap() else {
        return;
    };
    let root = index(&open(&registry.host(), "shop"), 2);
    let proxy = proxy(&registry, false);
    let host = proxy.address().to_string();
    let (source, target) = (open(&host, "shop"), open(&host, "production"));
    let copied = copy(&source, &target, (&root.digest, Some(&tag("live")))).unwrap();
    assert_eq!((copied.mounted, copied.sent), (0, 6));
    same(&source, &target, &root, "live");
}

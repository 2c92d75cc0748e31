use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::crypto::Signer as _;
use liftlock::failure::{Explain as _, Kind};
use liftlock::oci::view::Attached;
use liftlock::oci::{attachment, document, legacy};
use liftlock::statement::{Statement, Subject};
use liftlock::time::Time;

use super::*;
use crate::key::Private;
use crate::verify::Local;

fn image(repository: &Repository, text: &str) -> Descriptor {
    let config = repository.put_blob(b"{}").unwrap();
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": document::MANIFEST,
        "config": { "mediaType": attachment::EMPTY, "digest": config, "size": 2 },
        "layers": [], "annotations": { "text": text },
    });
    let bytes = manifest.to_string().into_bytes();
    let tag: Tag = text.parse().unwrap();
    repository
        .put_manifest(Some(&tag), document::MANIFEST, &bytes)
        .unwrap();
    Descriptor::of(document::MANIFEST, &bytes)
}

fn named(tag: &str) -> Version {
    Version::Tag(tag.parse().unwrap())
}

fn layout() -> (tempfile::TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().display().to_string();
    (folder, Repository::Layout(Layout::create(&path).unwrap()))
}

/// One answer for each request, whatever it is; `{host}` becomes the address.
/// The requests' first lines and authorizations come out at the end.
fn served(answers: Vec<String>) -> (Repository, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let address = host.clone();
    let asked = thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).unwrap();
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            let kept = text
                .lines()
                .filter(|line| line.contains(" HTTP/") || line.starts_with("authorization"));
            asked.push(kept.collect::<Vec<_>>().join(" "));
            let answer = answer.replace("{host}", &address);
            stream.write_all(answer.as_bytes()).unwrap();
        }
        asked
    });
    let place = Place::Registry {
        host,
        repository: "shop".to_owned(),
    };
    let repository = Repository::open(&place, &http::Options::default()).unwrap();
    (repository, asked)
}

fn registry(answers: &[&str]) -> Repository {
    served(answers.iter().map(|&answer| answer.to_owned()).collect()).0
}

fn answer(head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

#[test]
fn answers_that_are_no_manifest_are_told_apart() {
    let cases = [
        ("404 Not Found\r\n", "{}", None),
        ("401 Unauthorized\r\n", "{}", Some(Kind::Credentials)),
        (
            "401 Unauthorized\r\nwww-authenticate: Basic realm=x\r\n",
            "{}",
            Some(Kind::Credentials),
        ),
        ("403 Forbidden\r\n", "{}", Some(Kind::Credentials)),
        ("418 Teapot\r\n", "{}", Some(Kind::Upstream)),
        ("302 Found\r\n", "", Some(Kind::Upstream)),
        ("200 OK\r\n", "<html>", Some(Kind::Upstream)),
        (
            "200 OK\r\ncontent-type: text/html\r\n",
            "{}",
            Some(Kind::Upstream),
        ),
        (
            "200 OK\r\ncontent-type: application/json\r\n",
            "{}",
            Some(Kind::Upstream),
        ),
        (
            "200 OK\r\ncontent-type: application/vnd.oci.image.manifest.v1+json\r\ndocker-content-digest: sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\r\n",
            "{}",
            Some(Kind::Refuted),
        ),
    ];
    for (head, body, kind) in cases {
        let answer = format!(
            "HTTP/1.1 {head}connection: close\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        let result = registry(&[&answer]).resolve(Some(&named("v1")));
        match kind {
            None => assert_eq!(result.unwrap(), None, "{head}"),
            Some(kind) => assert_eq!(result.unwrap_err().kind(), kind, "{head}"),
        }
    }
}

#[test]
fn a_manifest_with_another_digest_than_asked_for_is_refuted() {
    let repository = registry(&[
        "HTTP/1.1 200 OK\r\ncontent-type: application/vnd.oci.image.manifest.v1+json\r\ncontent-length: 2\r\n\r\n{}",
    ]);
    let wanted = Version::Digest(Digest::of(b"other"));
    let error = repository.manifest(Some(&wanted)).unwrap_err();
    assert_eq!(error.kind(), Kind::Refuted);
}

#[test]
fn a_tag_of_a_layout_moves_and_the_old_manifest_stays() {
    let (_folder, repository) = layout();
    let (old, new) = (image(&repository, "v1"), image(&repository, "v2"));
    let live: Tag = "live".parse().unwrap();
    for image in [&old, &new] {
        repository.tag(&live, &image.digest).unwrap();
        let found = repository.resolve(Some(&named("live"))).unwrap().unwrap();
        assert_eq!(found.digest, image.digest);
    }
    let found = repository.resolve(Some(&named("v1"))).unwrap().unwrap();
    assert_eq!(found.digest, old.digest);
    assert_eq!(repository.resolve(Some(&named("v3"))).unwrap(), None);
    let absent = repository.tag(&live, &Digest::of(b"x")).unwrap_err();
    assert!(matches!(absent, Error::Absent(_)), "{absent}");
}

#[test]
fn a_changed_blob_of_a_layout_is_refuted() {
    let (folder, repository) = layout();
    let image = image(&repository, "v1");
    let blob = folder.path().join("blobs/sha256").join(image.digest.hex());
    std::fs::write(blob, "{}").unwrap();
    let error = repository.resolve(Some(&named("v1"))).unwrap_err();
    assert_eq!(error.kind(), Kind::Refuted);
}

#[test]
fn bundles_are_found_by_what_they_are_attached_to() {
    let (_folder, repository) = layout();
    let (one, two) = (image(&repository, "v1"), image(&repository, "v2"));
    let key = Private::generate().unwrap();
    let statement = Statement::new(vec![Subject::new(&one.digest)], "https://e.example/p", &1);
    let bundle = crate::attest::attest(&key, &statement.unwrap()).unwrap();
    for _ in 0..2 {
        repository
            .attach(&one, &bundle, "https://e.example/p", Time::EPOCH)
            .unwrap();
    }
    let found = repository.bundles(&one.digest).unwrap();
    assert_eq!(found, [bundle.bytes()]);
    let read = Bundle::parse(&found[0]).unwrap();
    assert!(attestation::verify(&read, &[key.public_key().clone()], &Local).is_ok());
    assert!(repository.bundles(&two.digest).unwrap().is_empty());
}

/// A list of layers of one blob, each with an annotation of its own.
fn list(repository: &Repository, subject: &Digest, (blob, count): (&Descriptor, usize)) {
    let layers = (0..count).map(|number| {
        let mut layer = blob.clone();
        let note = (legacy::SIGNATURE.to_owned(), number.to_string());
        layer.annotations.extend([note]);
        layer
    });
    let manifest = serde_json::json!({
        "schemaVersion": 2, "mediaType": document::MANIFEST,
        "config": { "mediaType": attachment::EMPTY, "digest": Digest::of(b"{}"), "size": 2 },
        "layers": layers.collect::<Vec<_>>(),
    });
    let tag = Attached::Attestations.tag(subject);
    let bytes = manifest.to_string().into_bytes();
    repository
        .put_manifest(Some(&tag), document::MANIFEST, &bytes)
        .unwrap();
}

#[test]
fn what_is_attached_to_one_image_has_a_largest_size_together() {
    let (_folder, repository) = layout();
    let image = image(&repository, "v1");
    let attached = Attached::Attestations;
    let large = vec![b' '; 32 * 1024 * 1024];
    let blob = Descriptor::of(attached.layer_type(), &large);
    repository.put_blob(&large).unwrap();
    list(&repository, &image.digest, (&blob, 4));
    let read = repository.layers(&image.digest, attached).unwrap();
    assert!(read.len() == 4 && read.iter().all(|layer| layer.bytes == large));
    list(&repository, &image.digest, (&blob, 5));
    let error = repository.layers(&image.digest, attached).unwrap_err();
    assert!(matches!(error, Error::TooMuch { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Upstream);
    let told = (error.to_string(), error.hint().unwrap());
    assert!(told.0.contains("more than 134217728 bytes"), "{}", told.0);
    assert!(told.1.contains("`--bundle FILE`"), "{}", told.1);
}

#[test]
fn bundles_have_a_largest_size_together_and_each_counts_once() {
    let (folder, repository) = layout();
    let image = image(&repository, "v1");
    let attach = |bytes: &[u8], note: &str| {
        repository.put_blob(bytes).unwrap();
        let kind = liftlock::bundle::MEDIA_TYPE;
        let manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": document::MANIFEST, "artifactType": kind,
            "config": { "mediaType": attachment::EMPTY, "digest": Digest::of(b"{}"), "size": 2 },
            "layers": [Descriptor::of(kind, bytes)], "subject": image,
            "annotations": { "note": note },
        });
        let bytes = manifest.to_string().into_bytes();
        let mut entry = Descriptor::of(document::MANIFEST, &bytes);
        entry.artifact_type = Some(kind.to_owned());
        repository.put_blob(&bytes).unwrap();
        let layout = Layout::open(&folder.path().display().to_string()).unwrap();
        layout.merge(&entry).unwrap();
    };
    let mut large = vec![b' '; 32 * 1024 * 1024];
    for note in ["1", "2", "3", "4", "5"] {
        attach(&large, note);
    }
    let read = repository.bundles(&image.digest).unwrap();
    assert!(read.len() == 1 && read[0] == large);
    for number in b'1'..=b'4' {
        assert_eq!(
            repository.bundles(&image.digest).unwrap().len(),
            usize::from(number - b'0')
        );
        large[0] = number;
        attach(&large, "other");
    }
    let error = repository.bundles(&image.digest).unwrap_err();
    assert!(matches!(error, Error::TooMuch { .. }), "{error}");
}

#[test]
fn writers_of_one_layout_do_not_undo_each_other() {
    let (folder, repository) = layout();
    let image = image(&repository, "v1");
    let path = folder.path().display().to_string();
    let writers: Vec<_> = (0..8)
        .map(|number| {
            let (path, digest) = (path.clone(), image.digest);
            thread::spawn(move || {
                let repository = Repository::Layout(Layout::open(&path).unwrap());
                let tag: Tag = format!("t{number}").parse().unwrap();
                repository.tag(&tag, &digest).unwrap();
            })
        })
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    for number in 0..8 {
        let found = repository.resolve(Some(&named(&format!("t{number}"))));
        assert!(found.unwrap().is_some(), "t{number}");
    }
}

#[test]
fn a_folder_without_a_layout_and_one_with_several_images_are_invalid() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::Layout {
        path: folder.path().display().to_string(),
    };
    let error = Repository::open(&place, &http::Options::default()).unwrap_err();
    assert_eq!(error.kind(), Kind::Invalid);
    let (_folder, repository) = layout();
    image(&repository, "v1");
    assert!(repository.resolve(None).unwrap().is_some());
    image(&repository, "v2");
    let error = repository.resolve(None).unwrap_err();
    assert!(matches!(error, Error::Several { count: 2, .. }), "{error}");
}

#[test]
fn a_token_is_fetched_where_the_registry_says_and_used() {
    let challenge = "401 Unauthorized\r\nwww-authenticate: Bearer realm=\"http://{host}/token\",service=\"s\",scope=\"repository:shop:pull\"";
    let (repository, asked) = served(vec![
        answer(challenge, ""),
        answer("200 OK", r#"{"token":"t0k"}"#),
        answer(
            "200 OK\r\ncontent-type: application/vnd.oci.image.manifest.v1+json",
            "{}",
        ),
    ]);
    assert!(repository.resolve(Some(&named("v1"))).unwrap().is_some());
    assert_eq!(
        asked.join().unwrap(),
        [
            "GET /v2/shop/manifests/v1 HTTP/1.1",
            "GET /token?service=s&scope=repository%3Ashop%3Apull HTTP/1.1",
            "GET /v2/shop/manifests/v1 HTTP/1.1 authorization: Bearer t0k",
        ]
    );
}

#[test]
fn nobody_else_than_the_registry_is_told_who_we_are() {
    let challenge =
        "401 Unauthorized\r\nwww-authenticate: Bearer realm=\"http://{host}/token\",service=\"s\"";
    let (other, asked) = served(vec![answer(challenge, "")]);
    let Repository::Registry(other) = other else {
        panic!("a registry");
    };
    let head = format!("302 Found\r\nlocation: http://{}/v2/x", other.host);
    let (repository, _) = served(vec![answer(&head, "")]);
    let error = repository.resolve(Some(&named("v1"))).unwrap_err();
    assert!(matches!(error, Error::Strange { .. }), "{error}");
    assert_eq!(error.kind(), Kind::Credentials);
    assert!(error.to_string().contains(&other.host), "{error}");
    // Its token service was asked for nothing.
    assert_eq!(asked.join().unwrap(), ["GET /v2/x HTTP/1.1"]);
}

#[test]
fn a_password_never_goes_to_a_token_service_in_plain_text() {
    let challenge = "401 Unauthorized\r\nwww-authenticate: Bearer realm=\"http://tokens.example/\"";
    let error = registry(&[&answer(challenge, "")])
        .resolve(Some(&named("v1")))
        .unwrap_err();
    assert!(error.to_string().contains("in plain text"), "{error}");
}

#[test]
fn every_page_of_a_native_list_is_read() {
    let key = Private::generate().unwrap();
    let subject = Descriptor::of(document::MANIFEST, b"image");
    let statement = Statement::new(
        vec![Subject::new(&subject.digest)],
        "https://e.example/p",
        &1,
    );
    let bundle = crate::attest::attest(&key, &statement.unwrap()).unwrap();
    let (manifest, entry) =
        attachment::manifest(&bundle, &subject, "https://e.example/p", Time::EPOCH).unwrap();
    let empty = r#"{"schemaVersion":2,"manifests":[]}"#;
    let listed = serde_json::json!({ "schemaVersion": 2, "manifests": [entry] });
    let (repository, asked) = served(vec![
        answer(
            "200 OK\r\nlink: </v2/shop/referrers/next?n=2>; rel=\"next\"",
            empty,
        ),
        answer("200 OK", &listed.to_string()),
        answer("404 Not Found", ""),
        answer("200 OK", &String::from_utf8(manifest).unwrap()),
        answer("200 OK", std::str::from_utf8(bundle.bytes()).unwrap()),
    ]);
    assert_eq!(
        repository.bundles(&subject.digest).unwrap(),
        [bundle.bytes()]
    );
    let asked = asked.join().unwrap();
    assert_eq!(asked[1], "GET /v2/shop/referrers/next?n=2 HTTP/1.1");
}

#[test]
fn a_bad_moment_of_a_registry_is_waited_out_but_effects_are_sent_once() {
    let bad = || answer("503 Later", "");
    let good = answer(
        "200 OK\r\ncontent-type: application/vnd.oci.image.manifest.v1+json",
        "{}",
    );
    let (repository, asked) = served(vec![bad(), bad(), good]);
    assert!(repository.resolve(Some(&named("v1"))).unwrap().is_some());
    assert_eq!(asked.join().unwrap().len(), 3);
    let (repository, asked) = served(vec![bad()]);
    let tag: Tag = "v1".parse().unwrap();
    let error = repository
        .put_manifest(Some(&tag), document::MANIFEST, b"{}")
        .unwrap_err();
    assert!(
        matches!(error, Error::Status { status: 503, .. }),
        "{error}"
    );
    assert_eq!(asked.join().unwrap().len(), 1);
}

#[test]
fn an_image_lacks_what_is_missing_anywhere_below_it() {
    let (folder, repository) = layout();
    let children = [image(&repository, "one"), image(&repository, "two")];
    let entries: Vec<_> = children
        .iter()
        .map(|child| {
            serde_json::json!({
                "mediaType": child.media_type, "digest": child.digest, "size": child.size,
            })
        })
        .collect();
    let index = serde_json::json!({
        "schemaVersion": 2, "mediaType": document::INDEX, "manifests": entries,
    });
    let bytes = index.to_string().into_bytes();
    let root = repository
        .put_manifest(None, document::INDEX, &bytes)
        .unwrap();
    assert_eq!(repository.lacks(&root).unwrap(), None);
    assert_eq!(repository.lacks(&children[0].digest).unwrap(), None);
    let missing = children[1].digest;
    let blob = format!("blobs/sha256/{}", missing.hex());
    std::fs::remove_file(folder.path().join(blob)).unwrap();
    assert_eq!(repository.lacks(&root).unwrap(), Some(missing));
    assert_eq!(repository.lacks(&missing).unwrap(), Some(missing));
}

#![cfg(test)]
//! What a bucket may answer beside yes, with moto as the bucket.

use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use liftlock::failure::{Explain as _, Kind};
use liftlock_io::store::{self, Access, BucketError, Error, Put, S3, Store as _, Swap, Version};
use testkit::http::{Answer, Ending, Request, Server};
use testkit::peers;
use testkit::servers::Moto;

fn open(url: &str, bucket: &str) -> S3 {
    let key = ("AKIDEXAMPLE".to_owned(), "secret".to_owned());
    let access = Access::new(Some(url), "us-east-1", key).unwrap();
    S3::new(bucket, "shop/state", access, Duration::from_secs(20)).unwrap()
}

fn moto() -> Option<Moto> {
    let moto = Moto::start(u32::MAX).unwrap()?;
    moto.bucket("acme").unwrap();
    Some(moto)
}

fn refused(status: u16, code: &str) -> Answer {
    Answer::new(status).body(format!(
        "<Error><Code>{code}</Code><Message>m</Message></Error>"
    ))
}

fn is_put(request: &Request) -> bool {
    request.method == "PUT"
}

/// Answers the first requests that fit with the given answers.
fn first<const N: usize>(
    fits: fn(&Request) -> bool,
    answers: [Answer; N],
) -> impl FnMut(&Request) -> Option<Answer> {
    let mut answers = answers.into_iter();
    move |request| fits(request).then(|| answers.next()).flatten()
}

/// A store that answers everything alike, and how often it was asked.
fn asked(answer: Answer) -> (Server, S3) {
    let server = Server::script([answer]).unwrap();
    let store = open(&server.url(""), "acme");
    (server, store)
}

#[test]
fn every_request_is_signed_as_amazon_checks_it() {
    // A user takes three requests, a bucket one; the fifth is checked.
    let Some(moto) = Moto::start(4).unwrap() else {
        return;
    };
    let key = moto.user("s3:*").unwrap();
    moto.bucket("acme").unwrap();
    let open = |key| {
        let access = Access::new(Some(&moto.url()), "us-east-1", key).unwrap();
        S3::new("acme", "shop/a.b_c-d", access, store::TIMEOUT).unwrap()
    };
    let store = open(key.clone());
    store::probe(&store).unwrap();
    assert!(matches!(
        store.put_if_absent("a/b.json", b"1").unwrap(),
        Put::Written(_)
    ));
    let wrong = open((key.0, "wrong".to_owned()));
    let error = wrong.get("a/b.json").unwrap_err();
    assert_eq!(error.kind(), Kind::Credentials, "{error:?}");
    assert!(error.hint().unwrap().contains("s3:ListBucket"));
}

/// What botocore signs for a request: moto decodes slashes of a query before
/// it checks, so it takes no listing.
const SIGNATURE: &str = r#"
import json, sys
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
asked = json.load(sys.stdin)
sent = dict(asked["headers"])
signed = sent["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
request = AWSRequest("GET", "http://" + sent["host"] + asked["target"],
    headers={name: value for name, value in sent.items() if name in signed})
request.context["timestamp"] = sent["x-amz-date"]
auth = S3SigV4Auth(Credentials("AKIDEXAMPLE", "secret"), "s3", "us-east-1")
text = auth.string_to_sign(request, auth.canonical_request(request))
print(auth.signature(text, request))
"#;

#[test]
fn a_listing_is_signed_as_botocore_signs_it() {
    if peers::require("moto_server").is_none() {
        return;
    }
    let end = "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>";
    let (server, store) = asked(Answer::new(200).body(end));
    assert!(store.list("a/b+c").unwrap().is_empty());
    let request = server.requests().remove(0);
    let input = serde_json::json!({ "target": request.target, "headers": request.headers });
    let python = peers::folder().join("venv-moto/bin/python");
    let mut python = Command::new(python)
        .args(["-c", SIGNATURE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    serde_json::to_writer(python.stdin.take().unwrap(), &input).unwrap();
    let output = python.wait_with_output().unwrap();
    let expected = String::from_utf8(output.stdout).unwrap();
    let authorization = request.header("authorization").unwrap();
    let ours = authorization.split_once("Signature=").unwrap().1;
    assert_eq!(ours, expected.trim(), "{}", request.target);
}

#[test]
fn a_listing_goes_on_behind_a_thousand_keys() {
    let Some(moto) = moto() else { return };
    for number in 0..1_003 {
        let path = format!("/acme/shop/state/n/{number:04}");
        moto.ask("s3", ("PUT", &path), &[], b"-").unwrap();
    }
    for foreign in [
        "/acme/shop/state/n/",
        "/acme/shop/state/n/a%20b",
        "/acme/shop/stateful",
    ] {
        moto.ask("s3", ("PUT", foreign), &[], b"-").unwrap();
    }
    let store = open(&moto.url(), "acme");
    let keys = store.list("").unwrap();
    assert_eq!(keys.len(), 1_003);
    assert!(keys.is_sorted());
    assert_eq!(keys.last().unwrap(), "n/1002");
    assert_eq!(store.scan("n/10").unwrap().len(), 3);
}

#[test]
fn a_write_that_another_one_delays_is_tried_again() {
    let Some(moto) = moto() else { return };
    let conflict = || refused(409, "ConditionalRequestConflict");
    let front = moto
        .faulty(first(is_put, [conflict(), conflict()]))
        .unwrap();
    let store = open(&front.url(""), "acme");
    assert!(matches!(
        store.put_if_absent("a", b"1").unwrap(),
        Put::Written(_)
    ));
    assert_eq!(front.requests().len(), 3);
}

#[test]
fn a_busy_store_is_asked_again_and_not_without_end() {
    let Some(moto) = moto() else { return };
    let slow = || refused(503, "SlowDown");
    let front = moto.faulty(first(|_| true, [slow(), slow()])).unwrap();
    let store = open(&front.url(""), "acme");
    assert_eq!(store.get("a").unwrap(), None);
    let (server, store) = asked(refused(503, "SlowDown").header("retry-after", "0"));
    let error = store.get("a").unwrap_err();
    assert_eq!(error.kind(), Kind::Upstream);
    assert_eq!(server.requests().len(), 5);
}

#[test]
fn a_write_whose_answer_got_lost_is_known_as_ours() {
    let Some(moto) = moto() else { return };
    let url = moto.url();
    let lost = AtomicUsize::new(0);
    // It lands, and the connection breaks instead of an answer.
    let front = moto
        .faulty(move |request| {
            let first = is_put(request) && lost.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
            first.then(|| {
                let headers: Vec<(&str, &str)> = request
                    .headers
                    .iter()
                    .filter(|(name, _)| name != "content-length")
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                let target = format!("{url}{}", request.target);
                let landed = testkit::http::send_as("PUT", &target, &headers, &request.body);
                assert_eq!(landed.unwrap().status, 200);
                Answer::new(200).ending(Ending::CloseAtOnce)
            })
        })
        .unwrap();
    let store = open(&front.url(""), "acme");
    let Put::Written(version) = store.put_if_absent("a", b"1").unwrap() else {
        panic!("our own write was taken for another's");
    };
    assert_eq!(store.get("a").unwrap().unwrap().version, version);
    let swapped = store.swap("a", b"2", &version).unwrap();
    assert!(matches!(swapped, Swap::Written(_)), "{swapped:?}");
}

#[test]
fn the_same_bytes_of_somebody_else_are_not_ours() {
    let Some(moto) = moto() else { return };
    let other = open(&moto.url(), "acme");
    drop(other.put_if_absent("a", b"same").unwrap());
    let front = moto
        .faulty(first(is_put, [refused(500, "InternalError")]))
        .unwrap();
    let store = open(&front.url(""), "acme");
    assert_eq!(store.put_if_absent("a", b"same").unwrap(), Put::Exists);
    let front = moto
        .faulty(first(is_put, [refused(500, "InternalError")]))
        .unwrap();
    let store = open(&front.url(""), "acme");
    let error = store.swap("a", b"same", &Version::named("\"0\"".to_owned()));
    let error = error.unwrap_err();
    assert!(
        matches!(
            &error,
            Error::S3 {
                source: BucketError::Overtaken,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_condition_that_does_not_hold_is_no_error() {
    let Some(moto) = moto() else { return };
    let store = open(&moto.url(), "acme");
    let absent = Version::named("\"0\"".to_owned());
    assert_eq!(store.swap("a", b"1", &absent).unwrap(), Swap::Conflict);
    drop(store.put_if_absent("a", b"1").unwrap());
    assert_eq!(store.swap("a", b"2", &absent).unwrap(), Swap::Conflict);
    assert_eq!(store.put_if_absent("a", b"2").unwrap(), Put::Exists);
}

#[test]
fn a_bucket_that_is_not_there_is_not_an_empty_one() {
    let Some(moto) = moto() else { return };
    let store = open(&moto.url(), "other");
    let errors = [
        store.get("a").unwrap_err(),
        store.list("").unwrap_err(),
        store.put_if_absent("a", b"1").unwrap_err(),
        store
            .swap("a", b"1", &Version::named("\"0\"".to_owned()))
            .unwrap_err(),
    ];
    for error in errors {
        assert!(
            matches!(
                &error,
                Error::S3 {
                    source: BucketError::NoBucket,
                    ..
                }
            ),
            "{error:?}"
        );
        assert_eq!(error.kind(), Kind::Invalid);
    }
    // Nor is a page that knows nothing of buckets.
    let (_server, store) = asked(Answer::new(404).body("<html>not found</html>"));
    assert_eq!(store.get("a").unwrap_err().kind(), Kind::Upstream);
}

#[test]
fn a_store_without_conditions_is_refused_by_name() {
    let Some(moto) = moto() else { return };
    // As services do that do not know the header: it is dropped.
    let url = moto.url();
    for (dropped, word) in [
        ("if-none-match", "put-if-absent"),
        ("if-match", "compare-and-swap"),
    ] {
        let url = url.clone();
        let deaf = moto
            .faulty(move |request| {
                let kept: Vec<(&str, &str)> = request
                    .headers
                    .iter()
                    .filter(|(name, _)| name != dropped && name != "content-length")
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                let target = format!("{url}{}", request.target);
                let answer =
                    testkit::http::send_as(&request.method, &target, &kept, &request.body).unwrap();
                let tag = answer.header("etag").unwrap_or_default().to_owned();
                Some(
                    Answer::new(answer.status)
                        .header("etag", &tag)
                        .body(answer.body),
                )
            })
            .unwrap();
        let error = store::probe(&open(&deaf.url(""), "acme")).unwrap_err();
        let start = format!("store does not honour {word}");
        assert!(error.to_string().starts_with(&start), "{error}");
        assert_eq!(error.kind(), Kind::Invalid);
    }
    let (_server, store) = asked(refused(501, "NotImplemented"));
    let error = store::probe(&store).unwrap_err();
    assert!(error.to_string().contains("conditional writes"), "{error}");
}

#[test]
fn a_version_that_cannot_be_compared_is_refused() {
    for (answer, word) in [
        (Answer::new(200).body("{}"), "no ETag"),
        (
            Answer::new(200).header("etag", "W/\"1\"").body("{}"),
            "weak",
        ),
    ] {
        let (_server, store) = asked(answer.clone());
        for error in [
            store.get("a").unwrap_err(),
            store.put_if_absent("a", b"1").unwrap_err(),
        ] {
            assert!(matches!(error, Error::NotHonoured(_)), "{error:?}");
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}

#[test]
fn half_a_document_is_none() {
    let Some(moto) = moto() else { return };
    drop(
        open(&moto.url(), "acme")
            .put_if_absent("a", b"0123456789")
            .unwrap(),
    );
    let half = || {
        Answer::new(200)
            .header("etag", "\"1\"")
            .body("0123456789")
            .ending(Ending::CloseAfter(4))
    };
    let front = moto.faulty(first(|_| true, [half(), half()])).unwrap();
    let store = open(&front.url(""), "acme");
    assert_eq!(store.get("a").unwrap().unwrap().bytes, b"0123456789");
    let (_server, store) = asked(half());
    assert_eq!(store.get("a").unwrap_err().kind(), Kind::Upstream);
}

#[test]
fn a_listing_without_end_or_of_another_kind_is_no_listing() {
    let endless = "<ListBucketResult><IsTruncated>true</IsTruncated>\
                   <NextContinuationToken>1</NextContinuationToken></ListBucketResult>";
    let (server, store) = asked(Answer::new(200).body(endless));
    assert!(matches!(store.list("").unwrap_err(), Error::TooLarge(_)));
    assert_eq!(server.requests().len(), 1_000);
    let (_server, store) = asked(Answer::new(200).body("<html/>"));
    assert_eq!(store.list("").unwrap_err().kind(), Kind::Upstream);
}

#[test]
fn a_refusal_says_what_to_do() {
    for (answer, kind, hint) in [
        (
            refused(403, "AccessDenied"),
            Kind::Credentials,
            "s3:PutObject",
        ),
        (
            refused(400, "ExpiredToken"),
            Kind::Credentials,
            "s3:PutObject",
        ),
        (
            Answer::new(301)
                .header("x-amz-bucket-region", "eu-west-1")
                .body("<Error><Code>PermanentRedirect</Code></Error>"),
            Kind::Invalid,
            "set `AWS_REGION` to `eu-west-1`",
        ),
    ] {
        let (_server, store) = asked(answer);
        let errors = [
            store.get("a").unwrap_err(),
            store.put_if_absent("a", b"1").unwrap_err(),
            store.list("").unwrap_err(),
        ];
        for error in errors {
            assert_eq!(error.kind(), kind, "{error:?}");
            assert!(error.hint().unwrap().contains(hint), "{error:?}");
        }
    }
}

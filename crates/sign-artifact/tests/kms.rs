#![cfg(test)]
//! Keys that services hold: moto in the place of AWS, and loopback services in
//! the places of all four.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use liftlock::crypto::{Hash, PublicKey, Signer as _, Verifier as _};
use liftlock_io::key::{New, Private};
use liftlock_io::verify::Local;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::cli::Run;
use testkit::http::{self, Answer, Ending, Request, Server};
use testkit::peers;
use testkit::process::{Process, free_address};

const BINARY: &str = env!("CARGO_BIN_EXE_sign-artifact");

struct Bench {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Bench {
    fn new(variables: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "hello\n").unwrap();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Self {
            folder,
            variables: variables.iter().map(owned).collect(),
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs, expects this code, and finds none of these secrets in the output.
    fn ours(&self, code: i32, line: &str) -> String {
        let mut run = Run::new(BINARY)
            .args(line.split(' '))
            .folder(self.folder.path());
        for (name, value) in &self.variables {
            run = run.env(name, value);
        }
        let output = run.output().unwrap();
        let text = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "`{line}`: {text}");
        for (name, value) in &self.variables {
            let secret = ["TOKEN", "CLIENT_SECRET", "ACCESS_KEY"];
            if secret.iter().any(|word| name.contains(word)) {
                assert!(!text.contains(value), "{name} in {text}");
            }
        }
        text
    }

    /// Signs with the key, then proves that by the public half in a file.
    fn signs(&self, key: &str, prehash: &str) {
        self.ours(0, &format!("public-key --key {key} --output k.pub"));
        self.ours(0, &format!("sign --key {key} --log trace a"));
        self.ours(0, "verify --key k.pub a");
        self.ours(0, &format!("verify --key {key} a"));
        let text = self.ours(0, &format!("doctor --key {key} --format json"));
        assert!(text.contains("signs, its id is"), "{text}");
        let bundle: Value =
            serde_json::from_slice(&fs::read(self.path("a.sigstore.json")).unwrap()).unwrap();
        let said = bundle.pointer("/messageSignature/messageDigest/algorithm");
        assert_eq!(said.and_then(Value::as_str).unwrap_or("DSSE"), prehash);
        fs::remove_file(self.path("a.sigstore.json")).unwrap();
    }
}

/// The word of a server, and a list of those it should not say.
fn refuses(request: &Request, wanted: &str) -> Option<Answer> {
    let found = request.header("authorization").unwrap_or_default();
    (found != wanted).then(|| Answer::new(401).body(r#"{"error":"unauthenticated"}"#))
}

fn field(body: &[u8], pointer: &str) -> String {
    let body: Value = serde_json::from_slice(body).unwrap();
    body.pointer(pointer).unwrap().as_str().unwrap().to_owned()
}

#[test]
fn credentials_references_and_answers_that_do_not_fit_are_told_apart() {
    let mut bench = Bench::new(&[]);
    let text = bench.ours(4, "sign --key hashivault://release a");
    assert!(text.contains("VAULT_ADDR"), "{text}");
    bench.set("VAULT_TOKEN", "s.secret-of-the-test");
    bench.set("VAULT_ADDR", "http://vault.example:8200");
    let text = bench.ours(4, "sign --key hashivault://release a");
    assert!(text.contains("without TLS"), "{text}");
    bench.ours(3, "sign --key hashivault://a/b a");
    bench.ours(3, "verify --key gcpkms://projects/p a");
    bench.ours(4, "sign --key awskms:///alias/x a");
    bench.ours(4, "sign --key azurekms://shop/key a");
    bench.ours(
        4,
        "sign --key gcpkms://projects/p/locations/l/keyRings/r/cryptoKeys/k a",
    );
    for (answer, code) in [
        (
            Answer::new(403).body(r#"{"errors":["permission denied"]}"#),
            4,
        ),
        (Answer::new(404).body(r#"{"errors":[]}"#), 3),
        (Answer::new(400).body(r#"{"errors":["no"]}"#), 1),
        (Answer::json("{}"), 1),
        (Answer::json("<html>"), 1),
        (Answer::json(vec![b' '; 300_000]), 1),
    ] {
        let server = Server::script([answer]).unwrap();
        bench.set("VAULT_ADDR", &server.url(""));
        bench.ours(code, "sign --key hashivault://release a");
        assert_eq!(server.requests().len(), 1);
        assert!(!bench.path("a.sigstore.json").exists());
    }
}

/// The answers of Vault's transit engine to one key.
fn transit(request: &Request, key: &Private, lie: &Lie) -> Answer {
    assert_eq!(
        request.header("x-vault-token"),
        Some("s.secret-of-the-test")
    );
    if request.method == "GET" {
        assert_eq!(request.target, "/v1/transit/keys/release");
        let keys = json!({ "7": { "public_key": key.public_key().pem() } });
        let data = json!({ "type": "ecdsa-p256", "latest_version": 7, "keys": keys });
        return Answer::json(json!({ "data": data }).to_string());
    }
    assert_eq!(request.target, "/v1/transit/sign/release/sha2-256");
    let digest = STANDARD.decode(field(&request.body, "/input")).unwrap();
    let signature = match lie {
        Lie::None => key.sign_prehashed(&digest).unwrap(),
        Lie::OtherMessage => key.sign(b"other").unwrap(),
        Lie::NoPermission => return Answer::new(403).body(r#"{"errors":["denied"]}"#),
    };
    let signature = format!("vault:v7:{}", STANDARD.encode(signature));
    Answer::json(json!({ "data": { "signature": signature } }).to_string())
}

enum Lie {
    None,
    OtherMessage,
    NoPermission,
}

#[test]
fn a_service_that_signs_something_else_is_not_believed() {
    for (lie, code) in [
        (Lie::None, 0),
        (Lie::OtherMessage, 1),
        (Lie::NoPermission, 4),
    ] {
        let key = Private::generate().unwrap();
        let server = Server::start(move |request| transit(request, &key, &lie)).unwrap();
        let bench = Bench::new(&[
            ("VAULT_ADDR", &server.url("")),
            ("VAULT_TOKEN", "s.secret-of-the-test"),
        ]);
        bench.ours(code, "sign --key hashivault://release a");
        assert_eq!(bench.path("a.sigstore.json").exists(), code == 0);
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn failures_of_the_moment_are_tried_again_within_the_time() {
    let key = Private::generate().unwrap();
    let mut bad = vec![
        Answer::new(503),
        Answer::json("{}").ending(Ending::CloseAtOnce),
        Answer::new(502),
    ];
    let server = Server::start(move |request| {
        bad.pop()
            .unwrap_or_else(|| transit(request, &key, &Lie::None))
    })
    .unwrap();
    let mut bench = Bench::new(&[
        ("VAULT_ADDR", &server.url("")),
        ("VAULT_TOKEN", "s.secret-of-the-test"),
    ]);
    bench.ours(0, "sign --key openbao://release a");
    assert_eq!(server.requests().len(), 5);
    let down = Server::script([Answer::new(503)]).unwrap();
    bench.set("VAULT_ADDR", &down.url(""));
    bench.ours(1, "sign --key openbao://release a");
    assert_eq!(down.requests().len(), 4);
}

/// Google's side: tokens for a service account, two versions of a key.
fn google(request: &Request, key: &Private, account: &PublicKey) -> Answer {
    const KEY: &str = "projects/p/locations/global/keyRings/r/cryptoKeys/k";
    if request.path() == "/token" {
        let form = String::from_utf8(request.body.clone()).unwrap();
        let jwt = form.split("assertion=").nth(1).unwrap();
        let (signed, signature) = jwt.rsplit_once('.').unwrap();
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(Local.verify_with(account, Hash::Sha256, signed.as_bytes(), &signature));
        let claims = URL_SAFE_NO_PAD
            .decode(signed.split('.').nth(1).unwrap())
            .unwrap();
        assert_eq!(field(&claims, "/iss"), "robot@p.example");
        assert!(field(&claims, "/aud").ends_with("/token"));
        return Answer::json(r#"{"access_token":"ya29.made","expires_in":3599}"#);
    }
    if let Some(refused) = refuses(request, "Bearer ya29.made") {
        return refused;
    }
    let version = format!("{KEY}/cryptoKeyVersions/3");
    if request.target == format!("/v1/{KEY}/cryptoKeyVersions?filter=state%3DENABLED") {
        let list = json!({ "cryptoKeyVersions": [{ "name": version, "state": "ENABLED" }] });
        Answer::json(list.to_string())
    } else if request.target == format!("/v1/{version}/publicKey") {
        let pem = key.public_key().pem();
        Answer::json(json!({ "pem": pem, "algorithm": "EC_SIGN_P384_SHA384" }).to_string())
    } else if request.target == format!("/v1/{version}:asymmetricSign") {
        let digest = STANDARD
            .decode(field(&request.body, "/digest/sha384"))
            .unwrap();
        let signature = STANDARD.encode(key.sign_prehashed(&digest).unwrap());
        Answer::json(json!({ "signature": signature, "name": version }).to_string())
    } else {
        Answer::new(404)
    }
}

#[test]
fn google_cloud_gets_a_token_that_a_service_account_signed() {
    let Some(openssl) = peers::require("openssl") else {
        return;
    };
    let pem = Command::new(openssl)
        .args(["genpkey", "-algorithm", "rsa"])
        .output()
        .unwrap();
    let pem = String::from_utf8(pem.stdout).unwrap();
    let account = Private::from_pem(&pem, "account", None)
        .unwrap()
        .public_key()
        .clone();
    let key = Private::generate_as(New::P384).unwrap();
    let server = Server::start(move |request| google(request, &key, &account)).unwrap();
    let mut bench = Bench::new(&[("CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDKMS", &server.url("/"))]);
    let file = json!({
        "type": "service_account", "client_email": "robot@p.example", "private_key_id": "1",
        "private_key": pem, "token_uri": server.url("/token"),
    });
    let path = bench.path("account.json");
    fs::write(&path, file.to_string()).unwrap();
    bench.set("GOOGLE_APPLICATION_CREDENTIALS", path.to_str().unwrap());
    let reference = "gcpkms://projects/p/locations/global/keyRings/r/cryptoKeys/k";
    bench.signs(reference, "SHA2_384");
    bench.signs(&format!("{reference}/versions/3"), "SHA2_384");
    bench.ours(3, &format!("sign --key {reference}/versions/4 a"));
    bench.set("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.other");
    bench.ours(4, &format!("sign --key {reference} a"));
}

/// Azure's side: client credentials, a P-256 key, raw signatures.
fn azure(request: &Request, key: &Private) -> Answer {
    if request.path() == "/tenant-1/oauth2/v2.0/token" {
        let form = String::from_utf8(request.body.clone()).unwrap();
        let good = form.contains("client_id=client-1")
            && form.contains("client_secret=s3%2Fcret%26x")
            && form.contains("scope=https%3A%2F%2Fvault.azure.net%2F.default");
        return match good {
            true => Answer::json(r#"{"token_type":"Bearer","access_token":"eyJ.made"}"#),
            false => Answer::new(401).body(r#"{"error":"invalid_client"}"#),
        };
    }
    if let Some(refused) = refuses(request, "Bearer eyJ.made") {
        return refused;
    }
    let kid = "https://shop.vault.azure.net/keys/k/0a1b";
    match request.target.as_str() {
        "/keys/k?api-version=7.4" | "/keys/k/0a1b?api-version=7.4" => {
            let (x, y) = key.public_key().bits()[1..].split_at(32);
            let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            let jwk =
                json!({ "kid": kid, "kty": "EC-HSM", "crv": "P-256", "x": part(x), "y": part(y) });
            Answer::json(json!({ "key": jwk }).to_string())
        }
        "/keys/k/0a1b/sign?api-version=7.4" => {
            assert_eq!(field(&request.body, "/alg"), "ES256");
            let digest = URL_SAFE_NO_PAD
                .decode(field(&request.body, "/value"))
                .unwrap();
            let raw = raw(&key.sign_prehashed(&digest).unwrap());
            let value = URL_SAFE_NO_PAD.encode(raw);
            Answer::json(json!({ "kid": kid, "value": value }).to_string())
        }
        _ => Answer::new(404),
    }
}

/// Both numbers of a signature in DER, in 32 bytes each.
fn raw(der: &[u8]) -> Vec<u8> {
    let mut numbers = liftlock::der::document(der).unwrap().reader();
    let mut number = || {
        let digits = numbers
            .expect(liftlock::der::tag::INTEGER)
            .unwrap()
            .unsigned()
            .unwrap();
        [vec![0; 32 - digits.len()], digits.to_vec()].concat()
    };
    [number(), number()].concat()
}

#[test]
fn azure_gets_client_credentials_and_its_signatures_become_der() {
    let key = Private::generate().unwrap();
    let server = Server::start(move |request| azure(request, &key)).unwrap();
    let mut bench = Bench::new(&[
        ("AZURE_AUTHORITY_HOST", &server.url("/")),
        ("AZURE_TENANT_ID", "tenant-1"),
        ("AZURE_CLIENT_ID", "client-1"),
        ("AZURE_CLIENT_SECRET", "s3/cret&x"),
    ]);
    let reference = format!("azurekms://{}/k", server.address());
    bench.signs(&reference, "SHA2_256");
    bench.signs(&format!("{reference}/0a1b"), "SHA2_256");
    bench.ours(3, &format!("sign --key {reference}/0a1c a"));
    bench.set("AZURE_CLIENT_SECRET", "wrong-one");
    bench.ours(4, &format!("sign --key {reference} a"));
}

/// moto with its check of signatures switched on after the first requests.
struct Moto {
    _process: Process,
    url: String,
}

impl Moto {
    fn start(folder: &TempDir) -> Option<Self> {
        let program = peers::require("moto_server")?;
        let address = free_address().unwrap();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = Command::new(program);
        command
            .args(["-H", &host, "-p", &port])
            // What follows the six requests that prepare it is authenticated.
            .env("INITIAL_NO_AUTH_ACTION_COUNT", "6");
        let mut process = Process::spawn("moto", &mut command, folder.path()).unwrap();
        let url = format!("http://{address}/");
        process
            .ready(|| http::answers(&format!("{url}moto-api/data.json"), 200))
            .unwrap();
        Some(Self {
            _process: process,
            url,
        })
    }

    fn ask(&self, service: &str, headers: &[(&str, &str)], body: &str) -> String {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=x/20260101/us-east-1/{service}/aws4_request, \
             SignedHeaders=host, Signature=0"
        );
        let mut all = vec![("authorization", authorization.as_str())];
        all.extend(headers);
        let answer = http::send("POST", &self.url, &all, body.as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{body}: {}", answer.text());
        answer.text()
    }

    fn iam(&self, body: &str) -> String {
        let kind = [("content-type", "application/x-www-form-urlencoded")];
        self.ask(
            "iam",
            &kind,
            &format!("{body}&UserName=u&Version=2010-05-08"),
        )
    }

    fn key(&self, spec: &str) -> String {
        let headers = [
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", "TrentService.CreateKey"),
        ];
        let body = json!({ "KeySpec": spec, "KeyUsage": "SIGN_VERIFY" }).to_string();
        field(
            self.ask("kms", &headers, &body).as_bytes(),
            "/KeyMetadata/Arn",
        )
    }
}

#[test]
fn aws_checks_the_signature_of_each_request() {
    let mut bench = Bench::new(&[("AWS_DEFAULT_REGION", "us-east-1")]);
    let Some(moto) = Moto::start(&bench.folder) else {
        return;
    };
    moto.iam("Action=CreateUser");
    let policy = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22kms%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";
    moto.iam(&format!(
        "Action=PutUserPolicy&PolicyName=p&PolicyDocument={policy}"
    ));
    let made = moto.iam("Action=CreateAccessKey");
    let keys = ["ECC_NIST_P256", "ECC_NIST_P384", "RSA_2048"].map(|spec| moto.key(spec));
    let between = |tag: &str| {
        let (_, rest) = made.split_once(&format!("<{tag}>")).unwrap();
        rest.split('<').next().unwrap().to_owned()
    };
    bench.set("AWS_ACCESS_KEY_ID", &between("AccessKeyId"));
    bench.set("AWS_SECRET_ACCESS_KEY", &between("SecretAccessKey"));
    let host = moto.url.trim_start_matches("http://");
    let keys = keys.map(|arn| format!("awskms://{host}{arn}"));
    for key in &keys {
        bench.ours(0, &format!("public-key --key {key}"));
        // moto lets us in and then hashes the digest once more, which AWS does
        // not: its signature is over something else and gets nowhere.
        let text = bench.ours(1, &format!("sign --key {key} a"));
        assert!(text.contains("does not fit the public key"), "{text}");
        assert!(!bench.path("a.sigstore.json").exists());
    }
    let [p256, ..] = keys;
    let id = p256.rsplit('/').next().unwrap();
    bench.ours(0, &format!("public-key --key awskms://{host}{id}"));
    let other = format!("awskms://{host}00000000-0000-0000-0000-000000000000");
    bench.ours(3, &format!("sign --key {other} a"));
    bench.set("AWS_SECRET_ACCESS_KEY", "wrong-secret-of-the-test");
    let text = bench.ours(4, &format!("sign --key {p256} a"));
    assert!(text.contains("SignatureDoesNotMatch"), "{text}");
}

/// AWS's side, without its check of signatures.
fn aws(request: &Request, key: &Private) -> Answer {
    let authorization = request.header("authorization").unwrap();
    let scope = authorization.split_once("Credential=AKIA1/").unwrap().1;
    assert!(
        scope[8..].starts_with("/eu-west-1/kms/aws4_request, SignedHeaders="),
        "{scope}"
    );
    let session = "x-amz-date;x-amz-security-token;x-amz-target, Signature=";
    assert!(authorization.contains(session), "{authorization}");
    assert_eq!(
        request.header("x-amz-security-token"),
        Some("session-of-the-test")
    );
    assert_eq!(field(&request.body, "/KeyId"), "alias/release");
    match request.header("x-amz-target").unwrap() {
        "TrentService.GetPublicKey" => {
            let der = STANDARD.encode(key.public_key().der());
            let answer = json!({
                "KeyId": "arn:x", "PublicKey": der, "KeyUsage": "SIGN_VERIFY",
                "KeySpec": "ECC_NIST_P384", "SigningAlgorithms": ["ECDSA_SHA_384"],
            });
            Answer::json(answer.to_string())
        }
        "TrentService.Sign" => {
            assert_eq!(field(&request.body, "/MessageType"), "DIGEST");
            assert_eq!(field(&request.body, "/SigningAlgorithm"), "ECDSA_SHA_384");
            let digest = STANDARD.decode(field(&request.body, "/Message")).unwrap();
            let signature = key.sign_prehashed(&digest).unwrap();
            Answer::json(json!({ "Signature": STANDARD.encode(signature) }).to_string())
        }
        other => panic!("{other}"),
    }
}

#[test]
fn aws_signs_digests_for_a_session() {
    let key = Private::generate_as(New::P384).unwrap();
    let server = Server::start(move |request| aws(request, &key)).unwrap();
    let bench = Bench::new(&[
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA1"),
        ("AWS_SECRET_ACCESS_KEY", "secret-of-the-test"),
        ("AWS_SESSION_TOKEN", "session-of-the-test"),
    ]);
    bench.signs(
        &format!("awskms://{}/alias/release", server.address()),
        "SHA2_384",
    );
}

/// The answers of the transit engine to a key of another kind.
fn transit_of(request: &Request, kind: &str, key: &Private) -> Answer {
    let public = match kind {
        // Without a frame, as the engine shows this kind.
        "ed25519" => STANDARD.encode(key.public_key().bits()),
        _ => key.public_key().pem(),
    };
    if request.method == "GET" {
        let data = json!({
            "type": kind, "latest_version": 1, "keys": { "1": { "public_key": public } }
        });
        return Answer::json(json!({ "data": data }).to_string());
    }
    let input = STANDARD.decode(field(&request.body, "/input")).unwrap();
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    let signature = match request.target.as_str() {
        "/v1/deep/transit/sign/k" => {
            assert_eq!(body.get("prehashed"), None);
            key.sign(&input).unwrap()
        }
        "/v1/deep/transit/sign/k/sha2-384" => {
            assert_eq!(body["prehashed"], true);
            key.sign_prehashed(&input).unwrap()
        }
        other => panic!("{other}"),
    };
    let signature = format!("vault:v1:{}", STANDARD.encode(signature));
    Answer::json(json!({ "data": { "signature": signature } }).to_string())
}

#[test]
fn each_kind_of_a_vault_key_is_asked_in_its_own_way() {
    for (kind, new, form) in [
        ("ed25519", New::Ed25519, "DSSE"),
        ("ecdsa-p384", New::P384, "SHA2_384"),
    ] {
        let key = Private::generate_as(new).unwrap();
        let server = Server::start(move |request| transit_of(request, kind, &key)).unwrap();
        let bench = Bench::new(&[
            ("BAO_ADDR", &server.url("")),
            ("BAO_TOKEN", "s.secret-of-the-test"),
            ("TRANSIT_SECRET_ENGINE_PATH", "deep/transit"),
        ]);
        bench.signs("openbao://k", form);
    }
}

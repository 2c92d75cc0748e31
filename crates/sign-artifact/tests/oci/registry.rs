//! Images in registries: what must be found, kept, refused and told.

use liftlock::digest::Digest;
use serde_json::{Value, json};
use testkit::http::{Answer, Server};
use testkit::servers::{Login, Quirk, Registry, Toy};

use crate::bench::Bench;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

fn toy(quirks: &[Quirk]) -> (Bench, Toy, String) {
    let toy = Toy::start(quirks).unwrap();
    toy.push("v1", "one").unwrap();
    let image = format!("{}:v1", toy.repository());
    (Bench::with_keys(&["one", "two"]), toy, image)
}

fn list(image: &Digest, ending: &str) -> String {
    format!("sha256-{}{ending}", image.hex())
}

fn digest(bench: &Bench, image: &str) -> Digest {
    let result = bench.json(10, &format!("verify --key none.pub {image}"));
    let text = result["detail"]["targets"][0]["digest"].as_str().unwrap();
    text.parse().unwrap()
}

/// How many entries `repair` found to be missing.
fn added(result: &Value) -> u64 {
    let lists = result["detail"]["lists"].as_array().unwrap();
    lists
        .iter()
        .map(|list| list["added"].as_u64().unwrap())
        .sum()
}

#[test]
fn each_format_alone_proves_and_no_other_key_does() {
    for format in ["v3", "v2", "both"] {
        let (bench, _toy, image) = toy(&[]);
        bench.ours(10, &format!("verify --key one.pub {image}"));
        bench.ours(
            0,
            &format!("sign --key one.key --image-format {format} {image}"),
        );
        let result = bench.json(0, &format!("verify --key one.pub {image}"));
        let proofs = result["detail"]["targets"][0]["bundles"]
            .as_array()
            .unwrap();
        assert_eq!(proofs.len(), if format == "both" { 2 } else { 1 });
        bench.ours(10, &format!("verify --key two.pub {image}"));
        // A signature is no attestation, and the other way round.
        bench.ours(10, &format!("verify --key one.pub --type openvex {image}"));
        let attest = "attest --key one.key --type openvex --predicate p.json --image-format";
        bench.ours(0, &format!("{attest} {format} {image}"));
        bench.ours(0, &format!("verify --key one.pub --type openvex {image}"));
        bench.ours(
            10,
            &format!("verify --key one.pub --type cyclonedx {image}"),
        );
        bench.ours(10, &format!("verify --key two.pub --type openvex {image}"));
    }
}

#[test]
fn a_layer_of_another_image_proves_nothing() {
    let (bench, toy, image) = toy(&[]);
    let other = toy.push("v2", "two").unwrap();
    bench.ours(0, &format!("sign --key one.key --image-format v2 {image}"));
    let one = digest(&bench, &image);
    let signed = toy.manifest(&list(&one, ".sig")).unwrap();
    toy.put(
        &list(&other, ".sig"),
        MANIFEST,
        signed.to_string().as_bytes(),
    )
    .unwrap();
    let text = bench.ours(10, &format!("verify --key one.pub {}:v2", toy.repository()));
    assert!(text.contains("the signature is for"), "{text}");
}

#[test]
fn a_layer_with_a_broken_certificate_proves_nothing() {
    let (bench, toy, image) = toy(&[]);
    bench.ours(0, &format!("sign --key one.key --image-format v2 {image}"));
    let one = digest(&bench, &image);
    let mut signed = toy.manifest(&list(&one, ".sig")).unwrap();
    signed["layers"][0]["annotations"]["dev.sigstore.cosign/certificate"] = "-----BEGIN".into();
    toy.put(&list(&one, ".sig"), MANIFEST, signed.to_string().as_bytes())
        .unwrap();
    let text = bench.ours(10, &format!("verify --key one.pub {image}"));
    assert!(text.contains("a certificate that is none"), "{text}");
    // The signer's own object is untouched, so that the list can be repaired.
    let result = bench.json(0, &format!("repair {image}"));
    assert_eq!(added(&result), 1);
    bench.ours(0, &format!("verify --key one.pub {image}"));
}

#[test]
fn a_malformed_list_proves_nothing_and_hides_nothing() {
    let (bench, toy, image) = toy(&[]);
    let one = digest(&bench, &image);
    let odd = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":1}"#;
    toy.put(&list(&one, ".sig"), MANIFEST, odd.as_bytes())
        .unwrap();
    let text = bench.ours(10, &format!("verify --key one.pub {image}"));
    assert!(text.contains("not an OCI document"), "{text}");
    bench.ours(0, &format!("sign --key one.key {image}"));
    bench.ours(0, &format!("verify --key one.pub {image}"));
    // What cannot be read is not overwritten either.
    bench.ours(1, &format!("sign --key one.key --image-format v2 {image}"));
    assert_eq!(toy.manifest(&list(&one, ".sig")).unwrap()["layers"], 1);
}

#[test]
fn every_quirk_is_met() {
    let cases: [&[Quirk]; 7] = [
        &[Quirk::Referrers],
        &[Quirk::ClaimsReferrers],
        &[Quirk::ForgetsReferrers],
        &[Quirk::HidesAbsentTags],
        &[Quirk::ListsNoTags],
        &[Quirk::UndoesLists],
        &[Quirk::HidesAbsentTags, Quirk::UndoesLists],
    ];
    for quirks in cases {
        let (bench, toy, image) = toy(quirks);
        for key in ["one", "two"] {
            bench.ours(
                0,
                &format!("sign --key {key}.key --image-format both {image}"),
            );
        }
        for key in ["one", "two"] {
            let result = bench.json(0, &format!("verify --key {key}.pub {image}"));
            let proofs = result["detail"]["targets"][0]["bundles"]
                .as_array()
                .unwrap();
            let good = proofs.iter().filter(|proof| proof["verified"] == true);
            assert_eq!((proofs.len(), good.count()), (4, 2), "{quirks:?}");
        }
        let one = digest(&bench, &image);
        let fallback = toy.manifest(&list(&one, "")).is_ok();
        assert_eq!(fallback, !quirks.contains(&Quirk::Referrers), "{quirks:?}");
    }
}

#[test]
fn a_lost_list_is_rebuilt_by_repair_and_by_the_next_writer() {
    for quirks in [&[][..], &[Quirk::Referrers]] {
        let (bench, toy, image) = toy(quirks);
        bench.ours(
            0,
            &format!("sign --key one.key --image-format both {image}"),
        );
        let one = digest(&bench, &image);
        let foreign = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[]}"#;
        let lose = || {
            toy.put(&list(&one, ".sig"), MANIFEST, foreign.as_bytes())
                .unwrap()
        };
        lose();
        let result = bench.json(0, &format!("repair --dry-run {image}"));
        assert_eq!(added(&result), 1);
        assert_eq!(
            toy.manifest(&list(&one, ".sig")).unwrap()["layers"],
            Value::Array(Vec::new())
        );
        let result = bench.json(0, &format!("repair {image}"));
        assert_eq!(added(&result), 1);
        let result = bench.json(0, &format!("repair {image}"));
        assert_eq!(added(&result), 0);
        lose();
        bench.ours(0, &format!("sign --key two.key --image-format v2 {image}"));
        let layers = toy.manifest(&list(&one, ".sig")).unwrap()["layers"].take();
        assert_eq!(layers.as_array().unwrap().len(), 2);
    }
    let bench = Bench::with_keys(&["one"]);
    bench.ours(2, "repair p.json");
}

#[test]
fn a_connection_that_breaks_in_a_blob_gives_no_verdict() {
    for (quirk, word) in [
        (Quirk::DropsBlobs, "broke"),
        (Quirk::SendsPages, "page for people"),
    ] {
        let (bench, _toy, image) = toy(&[quirk]);
        bench.ours(
            0,
            &format!("sign --key one.key --image-format both {image}"),
        );
        let text = bench.ours(1, &format!("verify --key one.pub {image}"));
        assert!(text.contains(word), "{text}");
    }
}

#[test]
fn an_upload_that_breaks_leaves_nothing_half() {
    let (bench, toy, image) = toy(&[Quirk::DropsUploads]);
    let text = bench.ours(
        1,
        &format!("sign --key one.key --image-format both {image}"),
    );
    assert!(text.contains("broke"), "{text}");
    assert_eq!(toy.tags().unwrap(), ["v1"]);
    bench.ours(10, &format!("verify --key one.pub {image}"));
}

#[test]
fn a_tag_that_moves_is_told_and_the_digest_is_what_is_signed() {
    let (bench, toy, image) = toy(&[Quirk::MovesTag]);
    let before = digest(&bench, &image);
    let result = bench.json(0, &format!("sign --key one.key --image-format v2 {image}"));
    let one = &result["detail"]["signed"][0];
    assert_eq!(one["digest"], before.to_string());
    assert_eq!(one["moved"]["tag"], "v1");
    assert_ne!(one["moved"]["now"], before.to_string());
    bench.ours(10, &format!("verify --key one.pub {image}"));
    let by_digest = format!("{}@{before}", toy.repository());
    bench.ours(0, &format!("verify --key one.pub {by_digest}"));
    // A digest does not move, so there is nothing to tell.
    let text = bench.ours(0, &format!("sign --key one.key {by_digest}"));
    assert!(!text.contains("moved"), "{text}");
}

/// An index of two images and an index of a third.
fn nested(toy: &Toy) -> (String, Vec<Digest>) {
    let size = |tag: &str| toy.manifest(tag).unwrap().to_string().len();
    let images: Vec<Digest> = ["a", "b", "c"]
        .map(|text| toy.push(text, text).unwrap())
        .to_vec();
    let inner = toy
        .push_index("inner", &[(MANIFEST, images[2], size("c"))])
        .unwrap();
    let entries = [
        (MANIFEST, images[0], size("a")),
        (MANIFEST, images[1], size("b")),
        (INDEX, inner, size("inner")),
    ];
    let root = toy.push_index("all", &entries).unwrap();
    let all = [vec![root, inner], images].concat();
    (format!("{}:all", toy.repository()), all)
}

#[test]
fn an_index_is_signed_and_verified_with_everything_below_it() {
    let (bench, toy, _) = toy(&[]);
    let (index, all) = nested(&toy);
    bench.ours(0, &format!("sign --key one.key {index}"));
    bench.ours(0, &format!("verify --key one.pub {index}"));
    let text = bench.ours(10, &format!("verify --key one.pub --recursive {index}"));
    assert!(text.contains("no signature was found"), "{text}");
    let sign = "sign --key one.key --recursive --image-format both";
    let result = bench.json(0, &format!("{sign} {index}"));
    assert_eq!(result["detail"]["signed"].as_array().unwrap().len(), 5);
    bench.ours(0, &format!("verify --key one.pub --recursive {index}"));
    for digest in &all {
        bench.ours(
            0,
            &format!("verify --key one.pub {}@{digest}", toy.repository()),
        );
    }
    // What this key signed already is left out; the root had its bundle.
    let attached = |result: &Value| -> usize {
        let signed = result["detail"]["signed"].as_array().unwrap();
        let counts = signed
            .iter()
            .map(|one| one["attached"].as_array().map_or(0, Vec::len));
        counts.sum()
    };
    assert_eq!(attached(&result), 9);
    let again = bench.json(0, &format!("{sign} {index}"));
    assert_eq!(attached(&again), 0);
    bench.ours(10, &format!("verify --key two.pub --recursive {index}"));
    let other = bench.json(0, &format!("{} {index}", sign.replace("one", "two")));
    assert_eq!(attached(&other), 10);
}

#[test]
fn one_unsigned_image_below_an_index_is_refused() {
    let (bench, toy, _) = toy(&[]);
    let (index, all) = nested(&toy);
    for digest in &all[..4] {
        bench.ours(
            0,
            &format!("sign --key one.key {}@{digest}", toy.repository()),
        );
    }
    let result = bench.json(10, &format!("verify --key one.pub --recursive {index}"));
    let targets = result["detail"]["targets"].as_array().unwrap();
    let bad: Vec<&Value> = targets
        .iter()
        .filter(|one| one["verified"] == false)
        .collect();
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0]["digest"], all[4].to_string());
}

#[test]
fn towers_crowds_and_holes_in_an_index_are_invalid() {
    let (bench, toy, _) = toy(&[]);
    let (mut kind, mut digest) = (MANIFEST, toy.push("leaf", "leaf").unwrap());
    for floor in 0..10 {
        digest = toy
            .push_index(&format!("floor{floor}"), &[(kind, digest, 1)])
            .unwrap();
        kind = INDEX;
    }
    let tower = format!("{}:floor9", toy.repository());
    let text = bench.ours(3, &format!("sign --key one.key --recursive {tower}"));
    assert!(text.contains("in one another"), "{text}");
    bench.ours(3, &format!("verify --key one.pub --recursive {tower}"));
    let crowd: Vec<(&str, Digest, usize)> = (0..1_100)
        .map(|number| (MANIFEST, Digest::of(format!("{number}").as_bytes()), 1))
        .collect();
    toy.push_index("crowd", &crowd).unwrap();
    let crowd = format!("{}:crowd", toy.repository());
    bench.ours(3, &format!("sign --key one.key --recursive {crowd}"));
    toy.push_index("hole", &[(INDEX, Digest::of(b"gone"), 1)])
        .unwrap();
    let hole = format!("{}:hole", toy.repository());
    let text = bench.ours(3, &format!("sign --key one.key --recursive {hole}"));
    assert!(text.contains("there is no"), "{text}");
    bench.ours(
        2,
        &format!("sign --key one.key --recursive --bundle b.json {hole}"),
    );
}

#[test]
fn an_image_in_a_folder_has_the_same_formats() {
    let bench = Bench::with_keys(&["one", "two"]);
    bench.layout("img");
    for key in ["one", "two"] {
        let sign = format!("sign --key {key}.key --image-format both --recursive");
        bench.ours(0, &format!("{sign} oci-layout:img:v1"));
    }
    // Without a tag it is still the one image of the folder.
    let result = bench.json(0, "verify --key two.pub oci-layout:img");
    let proofs = result["detail"]["targets"][0]["bundles"]
        .as_array()
        .unwrap();
    assert_eq!(proofs.len(), 4);
    bench.ours(0, "repair oci-layout:img:v1");
}

#[test]
fn doctor_says_what_the_registry_and_the_verifiers_take() {
    let cases: [(&[Quirk], &str, i32); 3] = [
        (&[Quirk::Referrers], "referrers API: ", 0),
        (&[Quirk::ClaimsReferrers], "no referrers API, the tag", 0),
        (&[Quirk::ListsNoTags], "may undo each other", 10),
    ];
    for (quirks, words, code) in cases {
        let (bench, toy, image) = toy(quirks);
        let text = bench.ours(code, &format!("doctor --key one.key {image}"));
        assert!(text.contains(words), "{text}");
        assert!(text.contains("--probe-write"), "{text}");
        let writes = |toy: &Toy| {
            let asked = toy.asked();
            asked.iter().filter(|line| line.starts_with("PUT")).count()
        };
        assert_eq!(writes(&toy), 1, "only the image itself was put");
        let text = bench.ours(
            code,
            &format!("doctor --probe-write --image-format v2 {image}"),
        );
        assert!(text.contains("was removed again"), "{text}");
        assert!(text.contains("@sigstore/verify"), "{text}");
        assert!(text.contains("reads bundles only"), "{text}");
        assert!(writes(&toy) > 1);
    }
}

/// A registry without images that wants a token, and gives one for the
/// identity token `s3cret`.
fn token_registry() -> Server {
    let server = Server::start(|request| {
        let authorization = request.header("authorization");
        match (request.path(), authorization) {
            ("/token", _) => {
                let form = String::from_utf8_lossy(&request.body).into_owned();
                match form.contains("grant_type=refresh_token") && form.contains("s3cret") {
                    true => Answer::json(r#"{"access_token":"t0k3n"}"#),
                    false => Answer::new(401),
                }
            }
            (_, Some("Bearer t0k3n")) => Answer::new(404),
            (_, Some(_) | None) => {
                let host = request.header("host").unwrap_or_default();
                let realm = format!("Bearer realm=\"http://{host}/token\"");
                let challenge = format!("{realm},service=\"s\",scope=\"repository:shop:pull\"");
                Answer::new(401).header("www-authenticate", &challenge)
            }
        }
    });
    server.unwrap()
}

const HELPER: &str = "docker-credential-own";

/// Answers like a helper that knows an identity token.
const IDENTITY: &str =
    r#"cat >asked; echo '{"ServerURL":"x","Username":"<token>","Secret":"s3cret"}'"#;

#[test]
fn an_identity_token_comes_from_a_helper_or_a_file() {
    let server = token_registry();
    let bench = Bench::with_keys(&["one"]);
    let host = server.address().to_string();
    let verify = format!("verify --log debug --key one.pub {host}/shop:v1");
    bench.program(HELPER, IDENTITY);
    let configs = [
        json!({ "credHelpers": { host.as_str(): "own" } }),
        json!({ "credsStore": "own" }),
        json!({ "auths": { host.as_str(): { "identitytoken": "s3cret" } } }),
    ];
    for config in configs {
        bench.write("config.json", &config.to_string());
        // The registry knows us and has no such image.
        let text = bench.ours(3, &verify);
        assert!(text.contains("there is no image"), "{text}");
        assert!(
            !text.contains("s3cret") && !text.contains("t0k3n"),
            "{text}"
        );
    }
    let asked = std::fs::read_to_string(bench.path("asked")).unwrap();
    assert_eq!(asked, host);
    let requests = server.requests();
    let posted = requests.iter().filter(|request| request.method == "POST");
    assert_eq!(posted.count(), 3);
}

#[test]
fn a_helper_that_fails_is_named_and_what_it_says_is_not_told() {
    let server = token_registry();
    let bench = Bench::with_keys(&["one"]);
    let verify = format!(
        "verify --log debug --key one.pub {}/shop:v1",
        server.address()
    );
    bench.write("config.json", r#"{"credsStore":"own"}"#);
    for (script, word) in [
        (
            "cat >asked; echo credentials not found; exit 1",
            "docker login",
        ),
        ("cat >asked; echo s3cret; exit 1", "ends with an error"),
        ("cat >asked; echo s3cret >&2; exit 1", "ends with an error"),
        ("cat >asked; echo s3cret", "another form"),
        ("cat >asked; yes s3cret | head -c 100000", "prints too much"),
    ] {
        bench.program(HELPER, script);
        let text = bench.ours(4, &verify);
        assert!(text.contains(word), "{text}");
        assert!(!text.contains("s3cret"), "{text}");
    }
    bench.write("config.json", r#"{"credsStore":"absent"}"#);
    let text = bench.ours(4, &verify);
    assert!(text.contains("docker-credential-absent"), "{text}");
}

#[test]
fn a_helper_logs_in_where_a_password_is_wanted_and_nowhere_else() {
    let login = Login {
        user: "alice",
        password: "s3cret",
    };
    let Some(registry) = Registry::start(Some(login)).unwrap() else {
        return;
    };
    let bench = Bench::with_keys(&["one"]);
    let verify = format!("verify --key one.pub {}/shop:v1", registry.host());
    bench.write("config.json", r#"{"credsStore":"own"}"#);
    let script = r#"cat >asked; echo '{"ServerURL":"x","Username":"alice","Secret":"s3cret"}'"#;
    bench.program(HELPER, script);
    bench.ours(3, &verify);
    bench.program(HELPER, &script.replace("s3cret", "wr0ng"));
    bench.ours(4, &verify);
    std::fs::remove_file(bench.path("asked")).unwrap();
    // Whoever asks for no login gets none.
    let (_, _toy, image) = toy(&[]);
    bench.ours(10, &format!("verify --key one.pub {image}"));
    assert!(!bench.path("asked").exists());
}

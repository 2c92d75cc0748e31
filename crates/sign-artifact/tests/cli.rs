#![cfg(test)]
//! What the binary promises, asked of the binary.

mod bench;

use std::fs;

use bench::{BINARY, Bench, sample};
use serde_json::Value;
use testkit::cli::Run;

#[test]
fn a_tampered_file_is_refused_with_10() {
    let bench = Bench::new();
    bench.write("a", "hullo\n");
    let text = bench.expect(10, "verify --key cosign.pub a");
    assert!(text.contains("the signature is for"), "{text}");
}

#[test]
fn a_signature_by_another_key_is_refused_with_10() {
    let bench = Bench::new();
    bench.expect(0, "generate-key-pair --output-key-prefix other");
    let text = bench.expect(10, "verify --key other.pub a");
    assert!(text.contains("none of the given keys"), "{text}");
    bench.expect(0, "verify --key other.pub --key cosign.pub a");
}

#[test]
fn a_missing_signature_and_another_digest_are_refused_with_10() {
    let bench = Bench::new();
    bench.write("b", "hello!\n");
    bench.expect(10, "verify --key cosign.pub b");
    bench.expect(10, "verify --key cosign.pub --bundle a.sigstore.json b");
    let other = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    bench.expect(
        10,
        &format!("verify --key cosign.pub --bundle a.sigstore.json {other}"),
    );
    let own = "sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
    bench.expect(
        0,
        &format!("verify --key cosign.pub --bundle a.sigstore.json {own}"),
    );
    bench.expect(10, "verify --key cosign.pub a b");
}

#[test]
fn a_digest_with_letters_missing_is_told_as_that() {
    let bench = Bench::new();
    let line = "sign --key cosign.key localhost:5000/shop/api@sha256:793c5e";
    let told = bench.expect(3, line);
    assert!(told.contains("64"), "{told}");
}

#[test]
fn a_malformed_bundle_is_invalid_3() {
    let bench = Bench::new();
    let good = bench.read("a.sigstore.json");
    let cases = [
        "",
        "{}",
        "<html></html>",
        r#"{"mediaType":"application/vnd.dev.sigstore.bundle.v0.4+json"}"#,
        &good.replace("publicKey", "certificate"),
        &good.replacen('{', r#"{"stray":1,"#, 1),
    ];
    for text in cases {
        bench.write("a.sigstore.json", text);
        bench.expect(3, "verify --key cosign.pub a");
    }
    fs::File::create(bench.path("a.sigstore.json"))
        .unwrap()
        .set_len(33 * 1024 * 1024)
        .unwrap();
    let text = bench.expect(3, "verify --key cosign.pub a");
    assert!(text.contains("larger than"), "{text}");
}

#[test]
fn a_signature_of_another_bundle_is_refused() {
    let bench = Bench::new();
    bench.write("b", "other\n");
    bench.expect(0, "sign --key cosign.key b");
    let other: Value = serde_json::from_str(&bench.read("b.sigstore.json")).unwrap();
    bench.edit("a.sigstore.json", |bundle| {
        bundle["messageSignature"]["signature"] = other["messageSignature"]["signature"].clone();
    });
    bench.expect(10, "verify --key cosign.pub a");
}

#[test]
fn passwords_and_keys_that_do_not_fit_have_codes_of_their_own() {
    let bench = Bench::new();
    assert_eq!(bench.run("sign --key cosign.key a", "wrong").code, 4);
    let without = bench.run("sign --key cosign.key a", "");
    assert_eq!(without.code, 4);
    assert!(
        without.stderr.contains("set `COSIGN_PASSWORD`"),
        "{}",
        without.stderr
    );
    assert_eq!(
        bench
            .run("generate-key-pair --output-key-prefix x", "")
            .code,
        4
    );
    bench.write(
        "broken.key",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    );
    bench.expect(3, "sign --key broken.key a");
    bench.expect(3, "sign --key absent.key a");
    bench.expect(3, "sign --key cosign.pub a");
    bench.expect(3, "verify --key cosign.key a");
    bench.expect(3, "sign --key k8s://ns/secret a");
    bench.expect(4, "sign --key awskms:///alias/x a");
    bench.expect(4, "sign --key env://NOTHING a");
    // Without a key the identity of a CI would sign, and there is none.
    bench.expect(4, "sign a");
    bench.expect(2, "verify a");
    bench.expect(3, "sign --key cosign.key absent");
}

#[test]
fn a_key_is_never_overwritten() {
    let bench = Bench::new();
    let before = bench.read("cosign.key");
    bench.expect(3, "generate-key-pair");
    assert_eq!(bench.read("cosign.key"), before);
}

#[test]
fn a_dry_run_writes_nothing() {
    let bench = Bench::new();
    bench.write("b", "x");
    bench.expect(0, "sign --key cosign.key --dry-run b");
    assert!(!bench.path("b.sigstore.json").exists());
    bench.expect(
        0,
        "release --dry-run --key cosign.key --service shop --version 1 --owner t --artifact a=a",
    );
    assert!(!bench.path("release.json").exists());
}

#[test]
fn a_key_from_a_variable_signs_like_one_from_a_file() {
    let bench = Bench::new();
    let key = bench.read("cosign.key");
    let output = Run::new(BINARY)
        .args(["sign", "--key", "env://KEY", "--bundle", "b.json", "a"])
        .env("KEY", key)
        .env("COSIGN_PASSWORD", "secret")
        .folder(bench.0.path())
        .output()
        .unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);
    bench.expect(0, "verify --key cosign.pub --bundle b.json a");
}

#[test]
fn an_attestation_is_no_signature_and_counts_for_its_type_only() {
    let bench = Bench::new();
    bench.write("p.json", &sample("openvex"));
    bench.expect(
        0,
        "attest --key cosign.key --type openvex --predicate p.json --bundle v.json a",
    );
    bench.expect(
        0,
        "verify --key cosign.pub --type openvex --bundle v.json a",
    );
    bench.expect(
        10,
        "verify --key cosign.pub --type cyclonedx --bundle v.json a",
    );
    bench.expect(10, "verify --key cosign.pub --bundle v.json a");
    bench.expect(
        10,
        "verify --key cosign.pub --type openvex --bundle a.sigstore.json a",
    );
    bench.write("b", "x");
    bench.expect(
        10,
        "verify --key cosign.pub --type openvex --bundle v.json b",
    );
    bench.expect(
        2,
        "attest --key cosign.key --type openvx --predicate p.json a",
    );
    bench.write("p.json", "{");
    bench.expect(
        3,
        "attest --key cosign.key --type openvex --predicate p.json a",
    );
}

#[test]
fn a_release_names_and_attests_all_of_its_artifacts() {
    let bench = Bench::new();
    bench.write("b", "worker\n");
    bench.expect(0, "sign --key cosign.key b");
    let line = "release --key cosign.key --service shop --version 1.4 --owner team-shop \
                --commit abc --migration expand --author alice --artifact api=a \
                --artifact worker=b --evidence file:evidence";
    let result = bench.json(0, &line.replace("                ", ""));
    let release: Value = serde_json::from_str(&bench.read("release.json")).unwrap();
    assert_eq!(release["id"], "shop-1.4");
    assert_eq!(release["migration"], "expand");
    assert_eq!(release["authors"], serde_json::json!(["alice"]));
    assert_eq!(release["artifacts"]["api"]["name"], "a");
    assert_eq!(result["recorded"], false);
    bench.expect(0, "verify --key cosign.pub --type release release.json");
    let all = "verify --key cosign.pub --type release --evidence file:evidence a b release.json";
    bench.expect(0, all);
    bench.edit("release.json", |release| {
        release["owner"] = "mallory".into();
    });
    bench.expect(10, "verify --key cosign.pub --type release release.json");
}

#[test]
fn the_configuration_names_service_and_evidence_where_flags_do_not() {
    let bench = Bench::new();
    bench.write(
        "liftlock.yaml",
        "version: 1\nservice: shop\nevidence: file:kept\n",
    );
    let release = "release --key cosign.key --version 1 --owner t --artifact api=a";
    let result = bench.json(0, release);
    assert_eq!(
        (&result["service"], &result["policy"]),
        (&"shop".into(), &"local".into())
    );
    bench.expect(
        0,
        "verify --key cosign.pub --type release --evidence file:kept a",
    );
    bench.write("p.json", &sample("openvex"));
    bench.expect(
        0,
        "attest --key cosign.key --type openvex --predicate p.json a",
    );
    bench.expect(
        0,
        "verify --key cosign.pub --type openvex --evidence file:kept a",
    );
    bench.write(
        "liftlock.yaml",
        "version: 1\nservice: shop\nevidense: file:kept\n",
    );
    bench.expect(3, release);
}

#[test]
fn a_release_without_service_owner_or_with_an_artifact_twice_is_refused() {
    let bench = Bench::new();
    let base = "release --key cosign.key --version 1";
    bench.expect(2, &format!("{base} --owner t --artifact a=a"));
    bench.expect(2, &format!("{base} --service shop --artifact a=a"));
    bench.expect(2, &format!("{base} --service shop --owner t"));
    bench.expect(
        2,
        &format!("{base} --service shop --owner t --artifact a=a --artifact a=a"),
    );
    bench.expect(
        2,
        &format!("{base} --service shop --owner t --artifact a=a --migration odd"),
    );
    let output = Run::new(BINARY)
        .args(base.split(' '))
        .args(["--service=shop", "--owner= ", "--artifact=a=a"])
        .env("COSIGN_PASSWORD", "secret")
        .folder(bench.0.path())
        .output()
        .unwrap();
    assert_eq!(output.code, 3, "{}", output.stderr);
}

#[test]
fn explain_names_everything_that_is_missing_at_once() {
    let bench = Bench::new();
    bench.write("b", "x");
    let result = bench.json(10, "explain --key absent.pub a b");
    let conditions = result["detail"]["conditions"].as_array().unwrap();
    assert_eq!(conditions.len(), 3);
    assert!(conditions.iter().all(|one| one["met"] == false));
    bench.expect(0, "explain --key cosign.pub a");
}

#[test]
fn doctor_tells_a_key_that_others_can_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    bench.expect(0, "doctor --key cosign.key");
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(bench.path("cosign.key"), open).unwrap();
    let text = bench.expect(10, "doctor --key cosign.key");
    assert!(text.contains("chmod 600"), "{text}");
}

#[test]
fn a_file_larger_than_the_memory_is_signed() {
    let bench = Bench::new();
    let file = fs::File::create(bench.path("large")).unwrap();
    file.set_len(1024 * 1024 * 1024).unwrap();
    // Sealed keys need 64 MiB; the file has 1 GiB.
    let script = r#"ulimit -v 400000; "$0" sign --key cosign.key large"#;
    let output = Run::new("sh")
        .args(["-c", script, BINARY])
        .env("COSIGN_PASSWORD", "secret")
        .folder(bench.0.path())
        .output()
        .unwrap();
    assert_eq!(output.code, 0, "{}", output.stderr);
    bench.expect(0, "verify --key cosign.pub large");
}

#[test]
fn openssl_accepts_the_signature() {
    use base64::Engine as _;
    let Some(openssl) = testkit::peers::require("openssl") else {
        return;
    };
    let bench = Bench::new();
    let bundle: Value = serde_json::from_str(&bench.read("a.sigstore.json")).unwrap();
    let signature = bundle["messageSignature"]["signature"].as_str().unwrap();
    let signature = base64::engine::general_purpose::STANDARD
        .decode(signature)
        .unwrap();
    fs::write(bench.path("a.sig"), signature).unwrap();
    let output = Run::new(openssl)
        .args([
            "dgst",
            "-sha256",
            "-verify",
            "cosign.pub",
            "-signature",
            "a.sig",
            "a",
        ])
        .folder(bench.0.path())
        .output()
        .unwrap();
    assert_eq!((output.code, output.stdout.as_str()), (0, "Verified OK\n"));
}

#[test]
fn a_plain_key_of_openssl_signs() {
    let Some(openssl) = testkit::peers::require("openssl") else {
        return;
    };
    let bench = Bench::new();
    let run = |line: &str| {
        let args = line.split(' ');
        let run = Run::new(&openssl).args(args).folder(bench.0.path());
        assert_eq!(run.output().unwrap().code, 0, "{line}");
    };
    run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out plain.key");
    run("pkey -in plain.key -pubout -out plain.pub");
    bench.expect(0, "sign --key plain.key a");
    bench.expect(0, "verify --key plain.pub a");
    run("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521 -out large.key");
    let text = bench.expect(3, "sign --key large.key a");
    assert!(text.contains("not an ECDSA P-256 or P-384"), "{text}");
}

#[test]
fn an_image_in_a_folder_is_signed_by_digest() {
    let bench = Bench::new();
    bench.image("img");
    bench.expect(10, "verify --key cosign.pub oci-layout:img:v1");
    bench.expect(0, "sign --key cosign.key oci-layout:img:v1");
    let result = bench.json(0, "verify --key cosign.pub oci-layout:img:v1");
    let digest = result["detail"]["targets"][0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    bench.expect(
        0,
        &format!("verify --key cosign.pub oci-layout:img@{digest}"),
    );
    bench.expect(3, "verify --key cosign.pub oci-layout:img:v2");
    bench.expect(3, "verify --key cosign.pub oci-layout:nowhere:v1");
    bench.expect(0, "generate-key-pair --output-key-prefix other");
    bench.expect(10, "verify --key other.pub oci-layout:img:v1");
    let release = "release --key cosign.key --service shop --version 1 --owner t";
    bench.expect(0, &format!("{release} --artifact api=oci-layout:img:v1"));
    let release: Value = serde_json::from_str(&bench.read("release.json")).unwrap();
    assert_eq!(release["artifacts"]["api"]["digest"], digest.as_str());
}

#[test]
fn a_manifest_that_was_signed_as_a_file_is_no_signed_image() {
    let bench = Bench::new();
    bench.image("image");
    let image = "oci-layout:image:v1";
    let found = bench.json(10, &format!("verify --key cosign.pub {image}"));
    let digest = found["detail"]["targets"][0]["digest"].as_str().unwrap();
    let release = "release --key cosign.key --service s --version 1 --owner o --evidence file:kept";
    let release = format!("{release} --artifact api={image}");
    bench.expect(0, "sign --key cosign.key --evidence file:kept image");
    bench.expect(0, "sign --key cosign.key --statement all.json image");
    bench.expect(
        0,
        &format!("sign --key cosign.key --bundle d.json {digest}"),
    );
    for (rest, told) in [
        ("--evidence file:kept", "a signature of a file"),
        ("--bundle d.json", "a signature of a file"),
        ("--bundle all.json", "which is no signature of an image"),
    ] {
        let line = format!("verify --key cosign.pub {rest}");
        let text = bench.expect(10, &format!("{line} {image}"));
        assert!(text.contains(told), "{text}");
        // The bytes of the manifest are signed, whatever they are.
        bench.expect(0, &format!("{line} {digest}"));
    }
    bench.expect(10, &release);
    bench.expect(
        0,
        &format!("sign --key cosign.key --evidence file:kept {image}"),
    );
    bench.expect(0, &format!("verify --key cosign.pub {image}"));
    bench.expect(0, &release);
    for format in ["v2", "v3"] {
        bench.image(format);
        let image = format!("oci-layout:{format}:v1");
        bench.expect(
            0,
            &format!("sign --key cosign.key --image-format {format} {image}"),
        );
        bench.expect(0, &format!("verify --key cosign.pub --recursive {image}"));
    }
}

#[test]
fn observing_is_refused_where_the_policy_forbids_it_or_cannot_be_read() {
    let bench = Bench::new();
    bench.write("b", "never signed\n");
    bench.write("policy.yaml", "version: 1\nallow: { observe: false }\n");
    let observe = |policy: Option<&str>| {
        let line = "verify --key cosign.pub --mode observe b";
        let run = Run::new(BINARY)
            .args(line.split(' '))
            .folder(bench.0.path());
        let run = match policy {
            Some(place) => run.env("LIFTLOCK_POLICY", place),
            None => run,
        };
        run.output().unwrap().code
    };
    assert_eq!(observe(None), 0);
    assert_eq!(observe(Some("file:policy.yaml")), 3);
    assert_eq!(observe(Some("file:absent.yaml")), 3);
    let gone = "git+file:///absent/policy.git@main#policy.yaml";
    assert_eq!(observe(Some(gone)), 3);
}

#[test]
fn a_wrapper_cannot_be_told_to_judge_nothing() {
    for word in ["--help", "--version"] {
        let run = Run::new(BINARY).args([word]);
        assert_eq!(run.output().unwrap().code, 0);
        let run = Run::new(BINARY).args([word]);
        let run = run.env("LIFTLOCK_SIGN_ARTIFACT_COMMAND", word);
        assert_eq!(run.output().unwrap().code, 2);
    }
}

#[test]
fn a_key_without_a_name_is_a_mistake_of_the_command_line() {
    let bench = Bench::new();
    for line in ["verify --key= a", "sign --key= a"] {
        let told = bench.expect(2, line);
        assert!(told.contains("is a variable not set?"), "{told}");
    }
}

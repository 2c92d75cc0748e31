#![cfg(test)]
//! Many files in one run: folders, patterns, checksums, statements, kills.

mod bench;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use bench::{BINARY, Bench};
use liftlock::bundle::Bundle;
use liftlock::digest::Digest;
use serde_json::Value;
use testkit::wait;

/// A folder `dist` with three files, and a key.
fn bench() -> Bench {
    let bench = Bench::new();
    fs::create_dir_all(bench.path("dist/sub")).unwrap();
    for name in ["one.gz", "two.gz", "sub/three.txt"] {
        bench.write(&format!("dist/{name}"), name);
    }
    bench
}

fn count(bench: &Bench, folder: &str) -> usize {
    let found = fs::read_dir(bench.path(folder)).unwrap();
    found
        .filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().ends_with(".sigstore.json")
        })
        .count()
}

fn payload(bench: &Bench, name: &str) -> Value {
    use base64::Engine as _;
    let bundle: Value = serde_json::from_str(&bench.read(name)).unwrap();
    let payload = bundle["dsseEnvelope"]["payload"].as_str().unwrap();
    let bytes = base64::engine::general_purpose::STANDARD
        .decode(payload)
        .unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn sums(names: &[&str], bench: &Bench) -> String {
    let line = |name: &&str| {
        let digest = Digest::of(&fs::read(bench.path(&format!("dist/{name}"))).unwrap());
        format!("{}  {name}\n", digest.hex())
    };
    names.iter().map(line).collect()
}

#[test]
fn a_folder_is_proved_only_if_every_file_in_it_is() {
    let bench = bench();
    bench.expect(10, "verify --key cosign.pub dist");
    bench.expect(0, "sign --key cosign.key dist/");
    let result = bench.json(0, "verify --key cosign.pub dist");
    let names: Vec<&str> = result["detail"]["targets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["target"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["dist/one.gz", "dist/sub/three.txt", "dist/two.gz"]);
    bench.write("dist/sub/three.txt", "changed");
    let text = bench.expect(10, "verify --key cosign.pub dist");
    assert!(text.contains("1 of 3 targets are not proved"), "{text}");
    bench.write("dist/sub/three.txt", "sub/three.txt");
    bench.write("dist/stray", "nobody signed this");
    bench.expect(10, "verify --key cosign.pub dist");
    bench.expect(0, "sign --key cosign.key dist");
    bench.expect(0, "verify --key cosign.pub dist");
    assert_eq!(count(&bench, "dist"), 3, "no bundle of a bundle");
}

#[test]
fn explain_names_each_file_of_a_folder() {
    let bench = bench();
    bench.expect(0, "sign --key cosign.key dist/one.gz");
    let result = bench.json(10, "explain --key cosign.pub dist");
    let conditions = result["detail"]["conditions"].as_array().unwrap();
    let met: Vec<bool> = conditions
        .iter()
        .map(|one| one["met"].as_bool().unwrap())
        .collect();
    assert_eq!(met, [true, true, false, false]);
}

#[test]
fn what_a_folder_leaves_out_is_told_with_the_reason() {
    let bench = bench();
    symlink("one.gz", bench.path("dist/link")).unwrap();
    bench.write("dist/.liftlock-abc", "half");
    bench.expect(0, "sign --key cosign.key dist/one.gz");
    let result = bench.json(0, "sign --key cosign.key dist");
    let skipped: Vec<(&str, &str)> = result["detail"]["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["path"].as_str().unwrap(),
                one["reason"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        skipped,
        [
            ("dist/.liftlock-abc", "a draft that an interrupted run left"),
            ("dist/link", "a symbolic link"),
            ("dist/one.gz.sigstore.json", "a bundle"),
        ]
    );
    assert!(!bench.path("dist/link.sigstore.json").exists());
}

#[test]
fn a_quoted_pattern_names_what_a_shell_would_and_never_nothing() {
    let bench = bench();
    bench.expect(0, "sign --key cosign.key dist/*.gz");
    assert_eq!(count(&bench, "dist"), 2);
    bench.expect(0, "sign --key cosign.key dist/*");
    bench.expect(0, "verify --key cosign.pub dist/* a");
    bench.expect(0, "verify --key cosign.pub **/*.txt");
    for line in [
        "sign --key cosign.key dist/*.zip",
        "verify --key cosign.pub dist/*.zip",
        "verify --key cosign.pub dist/*.sigstore.json",
        "verify --key cosign.pub dist/[",
        "sign --key cosign.key nothing",
    ] {
        bench.expect(3, line);
    }
    fs::create_dir(bench.path("empty")).unwrap();
    let text = bench.expect(3, "sign --key cosign.key empty");
    assert!(text.contains("no file to work on in `empty`"), "{text}");
    bench.expect(2, "verify --key cosign.pub");
}

#[test]
fn the_same_file_named_twice_is_one() {
    let bench = bench();
    let line = "sign --key cosign.key dist dist/one.gz ./dist/one.gz dist/*.gz";
    let result = bench.json(0, line);
    assert_eq!(result["detail"]["signed"].as_array().unwrap().len(), 3);
}

#[test]
fn a_file_that_differs_from_its_line_stops_the_run_before_any_signature() {
    let bench = bench();
    let good = sums(&["one.gz", "two.gz", "sub/three.txt"], &bench);
    bench.write("dist/SHA256SUMS", &good);
    bench.write("dist/two.gz", "changed");
    let text = bench.expect(10, "sign --key cosign.key --checksums dist/SHA256SUMS");
    assert!(text.contains("`two.gz`"), "{text}");
    assert_eq!(count(&bench, "dist"), 0);
    bench.write("dist/two.gz", "two.gz");
    bench.expect(0, "sign --key cosign.key --checksums dist/SHA256SUMS");
    bench.expect(0, "verify --key cosign.pub --checksums dist/SHA256SUMS");
    // The list itself is a target only when it is named as one.
    let both = "sign --key cosign.key --checksums dist/SHA256SUMS dist";
    let result = bench.json(0, both);
    assert_eq!(result["detail"]["signed"].as_array().unwrap().len(), 4);
    bench.write("dist/two.gz", "changed");
    bench.expect(10, both);
    bench.expect(10, "verify --key cosign.pub --checksums dist/SHA256SUMS");
}

#[test]
fn checksums_are_read_in_both_forms_and_refused_in_any_other() {
    let bench = bench();
    bench.write("dist/a\nb", "x");
    let hex = |name: &str| Digest::of(&fs::read(bench.path(name)).unwrap()).hex();
    let (one, odd) = (hex("dist/one.gz"), hex("dist/a\nb"));
    let text = format!("SHA256 (one.gz) = {one}\n\\{odd} *a\\nb\n");
    bench.write("dist/sums", &text);
    bench.expect(0, "sign --key cosign.key --checksums dist/sums");
    assert!(bench.path("dist/a\nb.sigstore.json").exists());
    let cases = [
        ("", "no line names a file"),
        ("hello\n", "line 1: neither"),
        (&format!("{one}  ../a\n"), "line 1: the name `../a`"),
        (&format!("SHA512 (one.gz) = {one}{one}\n"), "`SHA512`"),
    ];
    for (text, message) in cases {
        bench.write("dist/sums", text);
        let told = bench.expect(3, "verify --key cosign.pub --checksums dist/sums");
        assert!(told.contains(message), "{told}");
    }
    bench.expect(3, "verify --key cosign.pub --checksums dist/absent");
}

#[test]
fn files_that_are_not_here_are_signed_only_when_that_is_asked_for() {
    let bench = bench();
    let text = sums(&["one.gz", "two.gz"], &bench);
    bench.write("dist/sums", &text);
    fs::rename(bench.path("dist/two.gz"), bench.path("elsewhere")).unwrap();
    let sign = "sign --key cosign.key --checksums dist/sums";
    let told = bench.expect(3, sign);
    assert!(told.contains("--listed-digests"), "{told}");
    assert_eq!(count(&bench, "dist"), 0);
    bench.expect(0, &format!("{sign} --listed-digests"));
    bench.expect(10, "verify --key cosign.pub elsewhere");
    bench.expect(
        0,
        "verify --key cosign.pub --bundle dist/two.gz.sigstore.json elsewhere",
    );
    // A file that is here is read, whatever the flag says.
    bench.write("dist/one.gz", "changed");
    bench.expect(10, &format!("{sign} --listed-digests"));
    bench.expect(2, "sign --key cosign.key --listed-digests a");
}

#[test]
fn one_statement_proves_exactly_the_files_it_is_about() {
    let bench = bench();
    bench.expect(
        0,
        "sign --key cosign.key --statement all.sigstore.json dist",
    );
    assert_eq!(count(&bench, "dist"), 0, "one bundle and no others");
    let said = payload(&bench, "all.sigstore.json");
    assert_eq!(
        said["predicateType"],
        "https://liftlock.github.io/predicates/signature/v1"
    );
    let names: Vec<&str> = said["subject"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["one.gz", "sub/three.txt", "two.gz"]);
    let verify = "verify --key cosign.pub --bundle all.sigstore.json";
    bench.expect(0, &format!("{verify} dist"));
    bench.expect(0, &format!("{verify} dist/one.gz"));
    bench.expect(10, &format!("{verify} dist a"));
    bench.expect(10, &format!("{verify} --type release dist"));
    bench.expect(0, "generate-key-pair --output-key-prefix other");
    bench.expect(10, "verify --key other.pub --bundle all.sigstore.json dist");
    bench.write("dist/one.gz", "changed");
    let text = bench.expect(10, &format!("{verify} dist"));
    assert!(text.contains("the statement is not about"), "{text}");
    bench.expect(2, "sign --key cosign.key --statement x --bundle y a");
    bench.expect(2, "sign --key cosign.key --bundle y a dist");
}

#[test]
fn more_files_than_a_statement_may_name_are_spread_and_found_again() {
    let bench = Bench::new();
    fs::create_dir(bench.path("many")).unwrap();
    for number in 0..1025 {
        bench.write(&format!("many/{number:04}"), &number.to_string());
    }
    bench.expect(
        0,
        "sign --key cosign.key --statement many.sigstore.json many",
    );
    let counts: Vec<usize> = [1, 2]
        .map(|piece| payload(&bench, &format!("many.{piece}.sigstore.json")))
        .iter()
        .map(|said| said["subject"].as_array().unwrap().len())
        .collect();
    assert_eq!(counts, [1024, 1]);
    assert!(!bench.path("many.sigstore.json").exists());
    let verify = "verify --key cosign.pub --bundle many.sigstore.json many";
    bench.expect(0, verify);
    bench.write("many/1024", "changed");
    let text = bench.expect(10, verify);
    assert!(text.contains("none of 2 statements is about"), "{text}");
    bench.write("many/1024", "1024");
    fs::remove_file(bench.path("many.2.sigstore.json")).unwrap();
    bench.expect(10, verify);
    let text = "attest --key cosign.key --type custom --predicate p.json --bundle said.json many";
    bench.write("p.json", "{}");
    bench.expect(0, text);
    bench.expect(
        0,
        "verify --key cosign.pub --type custom --bundle said.json many",
    );
    fs::remove_file(bench.path("said.1.sigstore.json")).unwrap();
    bench.expect(
        3,
        "verify --key cosign.pub --type custom --bundle said.json many",
    );
}

#[test]
fn a_file_is_opened_once_and_read_once() {
    let bench = Bench::new();
    let pipe = bench.path("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    // Whoever opens it a second time waits for ever: the run has a limit.
    let writer = std::thread::spawn(move || fs::write(pipe, "once").unwrap());
    bench.expect(0, "sign --key cosign.key pipe");
    writer.join().unwrap();
    let digest = Digest::of(b"once");
    bench.expect(
        0,
        &format!("verify --key cosign.pub --bundle pipe.sigstore.json {digest}"),
    );
}

#[test]
fn a_file_that_would_sign_a_statement_or_an_image_is_not_signed() {
    let bench = bench();
    let digest = Digest::of(b"somebody's");
    let statement = format!(
        r#"{{"_type":"https://in-toto.io/Statement/v1","subject":[{{"digest":{{"sha256":"{}"}}}}],"predicateType":"https://example.com/p","predicate":{{}}}}"#,
        digest.hex()
    );
    let message = liftlock::dsse::message(liftlock::dsse::IN_TOTO, statement.as_bytes());
    let payload = liftlock::oci::legacy::payload("r.example/shop", &digest).unwrap();
    bench.expect(
        0,
        "generate-key-pair --algorithm ed25519 --output-key-prefix edwards",
    );
    for (bytes, told) in [
        (message, "begins with `DSSEv1 `"),
        (payload, "is what cosign signs for an image"),
    ] {
        bench.write("dist/two.gz", &String::from_utf8(bytes).unwrap());
        bench.write("dist/SHA256SUMS", &sums(&["two.gz"], &bench));
        for operands in ["dist/two.gz", "dist", "--checksums dist/SHA256SUMS"] {
            let text = bench.expect(3, &format!("sign --key cosign.key {operands}"));
            assert!(
                text.contains(told) && text.contains("--statement"),
                "{text}"
            );
            assert_eq!(count(&bench, "dist"), 0, "nothing is signed");
        }
        // Its digest in a statement is the file's and nobody else's.
        bench.expect(0, "sign --key cosign.key --statement all.json dist");
        bench.expect(0, "verify --key cosign.pub --bundle all.json dist/two.gz");
        bench.expect(
            0,
            "sign --key edwards.key --bundle edwards.json dist/two.gz",
        );
        bench.expect(
            0,
            "verify --key edwards.pub --bundle edwards.json dist/two.gz",
        );
    }
}

#[test]
fn bundles_are_kept_as_evidence_as_well() {
    let bench = bench();
    bench.expect(0, "sign --key cosign.key --evidence file:kept dist");
    for name in ["one.gz", "two.gz"] {
        fs::remove_file(bench.path(&format!("dist/{name}.sigstore.json"))).unwrap();
    }
    bench.expect(10, "verify --key cosign.pub dist");
    bench.expect(0, "verify --key cosign.pub --evidence file:kept dist");
    let line = "sign --key cosign.key --evidence file:more --statement s.json dist";
    bench.expect(0, line);
    bench.expect(
        0,
        "verify --key cosign.pub --evidence file:more dist/two.gz",
    );
}

#[test]
fn an_unfinished_run_leaves_each_bundle_whole_or_absent() {
    const FILES: usize = 120;
    let bench = Bench::new();
    fs::create_dir(bench.path("dist")).unwrap();
    for number in 0..FILES {
        bench.write(&format!("dist/{number:03}"), &number.to_string());
    }
    let mut seed: u64 = 20_261_125;
    println!("seed {seed}");
    let mut stopped = 0;
    for _ in 0..12 {
        // Knuth's MMIX generator: any seed shows the same run again.
        seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let enough = usize::try_from(seed >> 33).unwrap() % (FILES - 10);
        clear(&bench.path("dist"));
        let mut child = Command::new(BINARY)
            .args(["sign", "--key", "cosign.key", "dist"])
            .env_clear()
            .env("COSIGN_PASSWORD", "secret")
            .current_dir(bench.0.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait::until("bundles", Duration::from_secs(60), || {
            (count(&bench, "dist") >= enough).then_some(())
        })
        .unwrap();
        child.kill().unwrap();
        if !child.wait().unwrap().success() {
            stopped += 1;
        }
        let mut signed = Vec::new();
        for entry in fs::read_dir(bench.path("dist")).unwrap() {
            let path = entry.unwrap().path().display().to_string();
            if let Some(file) = path.strip_suffix(".sigstore.json") {
                Bundle::parse(&fs::read(&path).unwrap()).unwrap();
                signed.push(file.to_owned());
            }
        }
        if !signed.is_empty() {
            bench.expect(0, &format!("verify --key cosign.pub {}", signed.join(" ")));
        }
    }
    assert!(
        stopped > 6,
        "only {stopped} runs were stopped in the middle"
    );
    bench.expect(0, "sign --key cosign.key dist");
    bench.expect(0, "verify --key cosign.pub dist");
}

/// Removes bundles and what killed runs left.
fn clear(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.ends_with(".sigstore.json") || name.starts_with(".liftlock-") {
            fs::remove_file(path).unwrap();
        }
    }
}

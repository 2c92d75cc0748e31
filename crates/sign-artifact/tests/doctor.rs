#![cfg(test)]
//! What `doctor` says of signing without a key, on an instance of Sigstore on
//! loopback; and that it leaves nothing behind there.

use serde_json::Value;
use tempfile::TempDir;
use testkit::cli::{Output, Run};
use testkit::sigstore::{Fault, Identity, Lie, Loopback, Service, Settings};
use testkit::wait;

const BINARY: &str = env!("CARGO_BIN_EXE_sign-artifact");
const CONFIG: &str = "doctor --trust-config trust_config.json";

struct Bench {
    folder: TempDir,
    loopback: Loopback,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let loopback = Loopback::start(&Settings::default()).unwrap();
        loopback.write(folder.path()).unwrap();
        Self { folder, loopback }
    }

    /// Runs with these variables, and expects this code.
    fn expect(&self, code: i32, line: &str, environment: &[(&str, String)]) -> Output {
        let mut run = Run::new(BINARY)
            .args(line.split(' '))
            .folder(self.folder.path());
        for (name, value) in environment {
            run = run.env(name, value);
        }
        let output = run.output().unwrap();
        let text = format!("{}{}", output.stdout, output.stderr);
        assert_eq!(output.code, code, "`{line}`: {text}");
        output
    }

    fn job(&self) -> [(&'static str, String); 2] {
        self.loopback.job("acme/shop")
    }

    /// Nobody was asked for a certificate or an entry.
    fn left_nothing(&self) {
        for service in [Service::Fulcio, Service::RekorV1, Service::RekorV2] {
            assert_eq!(self.loopback.calls_of(service), [], "{service:?}");
        }
    }
}

/// What was found by one check, and whether it is good.
fn found(output: &Output, name: &str) -> (bool, String) {
    let report: Value = serde_json::from_str(&output.stdout).unwrap();
    let checks = report["detail"]["checks"].as_array().unwrap();
    let one = checks.iter().find(|one| one["name"] == name);
    let one = one.unwrap_or_else(|| panic!("no check `{name}`: {}", output.stdout));
    let text = one["found"].as_str().unwrap();
    (one["ok"].as_bool().unwrap(), text.to_owned())
}

#[test]
fn the_root_is_told_with_its_origin_and_age() {
    let bench = Bench::new();
    let password = [("COSIGN_PASSWORD", "x".to_owned())];
    let output = bench.expect(0, "doctor --format json", &password);
    let (ok, text) = found(&output, "trusted root");
    assert!(ok && text.starts_with("compiled in, of 20"), "{text}");
    assert!(text.ends_with(" old"), "{text}");
    let output = bench.expect(0, &format!("{CONFIG} --format json"), &bench.job());
    let (ok, text) = found(&output, "trusted root");
    assert_eq!((ok, text.as_str()), (true, "from files"));
    bench.left_nothing();
}

#[test]
fn the_clock_is_held_against_a_timestamp_authority() {
    let bench = Bench::new();
    let now = wait::now();
    let at = |seconds: i64| {
        let millis = now.unix_millis() + seconds * 1000;
        bench
            .loopback
            .clock()
            .set(liftlock::time::Time::from_unix_millis(millis).unwrap());
    };
    // The token comes from a variable, so that its life is that of the present.
    let token = bench.loopback.token(&Identity::github("acme/shop"));
    let variable = [("SIGSTORE_ID_TOKEN", token.unwrap())];
    let line = format!("{CONFIG} --format json");
    // Half a minute is for the run itself.
    let cases = [
        (0, 0, "", ""),
        (150, 0, " s behind", "set it before signing fails"),
        (-150, 0, " s ahead", "set it before signing fails"),
        (340, 10, " s behind", "set this machine's clock"),
        (-340, 10, " s ahead", "set this machine's clock"),
    ];
    for (seconds, code, side, advice) in cases {
        at(seconds);
        let output = bench.expect(code, &line, &variable);
        let (ok, text) = found(&output, "clock");
        assert_eq!(ok, code == 0, "{text}");
        assert!(text.contains(side) && text.contains(advice), "{text}");
        assert!(text.contains(&bench.loopback.stamps_url()), "{text}");
        assert_eq!(text.contains("set "), seconds != 0, "{text}");
    }
    bench.left_nothing();
}

#[test]
fn a_clock_that_nobody_vouches_for_says_nothing() {
    let bench = Bench::new();
    let faults = [
        (Fault::status(502), "answers 502"),
        (Fault::Lie(Lie::OtherImprint), "of another signature"),
        (
            Fault::Lie(Lie::OtherAuthority),
            "not of a trusted authority",
        ),
    ];
    for (fault, words) in faults {
        bench.loopback.next(Service::Stamps, 1, &fault);
        let output = bench.expect(10, &format!("{CONFIG} --format json"), &bench.job());
        let (ok, text) = found(&output, "clock");
        assert!(!ok && text.contains(words), "{text}");
    }
}

#[test]
fn a_token_is_for_sigstore_and_never_shown() {
    let bench = Bench::new();
    let output = bench.expect(0, &format!("{CONFIG} --format json"), &bench.job());
    let (ok, text) = found(&output, "identity token");
    assert!(ok && text.contains("for `sigstore`"), "{text}");
    assert!(text.contains(&bench.loopback.url()), "{text}");
    assert!(output.stdout.contains("id-token: write"));
    let github = Identity::github("acme/shop");
    let cases = [
        (github.clone(), 0, "for `sigstore`"),
        (
            github.clone().claim("aud", "vault"),
            10,
            "is for `vault`, not for `sigstore`",
        ),
        (github.claim("exp", 1_000_000_000), 10, "expired at"),
    ];
    for (identity, code, words) in cases {
        let token = bench.loopback.token(&identity).unwrap();
        let variable = [("MINE", token.clone())];
        let line = format!("{CONFIG} --identity-token env://MINE");
        let output = bench.expect(code, &line, &variable);
        assert!(output.stdout.contains(words), "{words}: {}", output.stdout);
        let all = format!("{}{}", output.stdout, output.stderr);
        for part in token.split('.') {
            assert!(!all.contains(part), "{words}: {all}");
        }
    }
    let forbidden = [("GITHUB_ACTIONS", "true".to_owned())];
    let output = bench.expect(10, CONFIG, &forbidden);
    let text = &output.stdout;
    assert!(text.contains("permissions: id-token: write"), "{text}");
    bench.left_nothing();
}

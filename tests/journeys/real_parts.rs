//! A canary behind HAProxy, seen by Prometheus, under load: what the gate says
//! of it, and that what it signed can be checked without any of them.

use std::fs;
use std::path::Path;
use std::time::Duration;

use liftlock::attestation;
use liftlock::bundle::Bundle;
use liftlock::crypto::Signer as _;
use liftlock::predicate;
use liftlock_io::verify::Local;
use testkit::cli::{self, Output, Run};
use testkit::demo::{App, Load};
use testkit::samples::{Key, Release};
use testkit::servers::{Haproxy, Prometheus, Scrape};
use testkit::wait;

const LIMIT: Duration = Duration::from_secs(120);

/// Two versions that share the users, and everything around them.
struct Stage {
    folder: tempfile::TempDir,
    canary: App,
    _stable: App,
    _proxy: Haproxy,
    prometheus: Prometheus,
    load: Load,
}

impl Stage {
    /// Nothing where a counterpart is not installed. The canary gets half of
    /// the users, so that a verdict takes seconds.
    fn open() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let app = |version: &str| {
            let slot = folder.path().join(version);
            fs::create_dir(&slot).unwrap();
            fs::write(slot.join("api"), version).unwrap();
            App::start(&slot).unwrap()
        };
        let (stable, canary) = (app("v1"), app("v2"));
        let proxy = Haproxy::start((stable.address(), 50), (canary.address(), 50)).unwrap()?;
        let scrapes = [
            Scrape::labelled(stable.address(), "track", "stable"),
            Scrape::labelled(canary.address(), "track", "canary"),
        ];
        let prometheus = Prometheus::start(&scrapes).unwrap()?;
        let load = Load::start(&proxy.url(), 400).unwrap();
        let seen = r#"sum(http_requests_total{track="canary"})"#;
        wait::until("canary requests in Prometheus", LIMIT, || {
            prometheus
                .value(seen)
                .unwrap()
                .filter(|count| *count > 100.0)
        })
        .unwrap();
        Some(Self {
            folder,
            canary,
            _stable: stable,
            _proxy: proxy,
            prometheus,
            load,
        })
    }

    fn check(&self, more: &[&str]) -> Output {
        let url = self.prometheus.url();
        let args = [
            "run",
            "--prometheus",
            &url,
            "--total",
            r#"http_requests_total{track="{slot}"}"#,
            "--bad",
            r#"http_requests_total{track="{slot}",code="500"}"#,
            "--baseline-slot",
            "stable",
            "--canary-slot",
            "canary",
            "--interval",
            "2s",
            "--format",
            "json",
        ];
        Run::new(cli::bin("canary-check"))
            .args(args)
            .args(more)
            .folder(self.folder.path())
            .limit(LIMIT)
            .output()
            .unwrap()
    }

    /// Ends the load, which has to have been answered to the last request.
    fn close(self) {
        let counts = self.load.finish().unwrap();
        assert_eq!(counts.failed, 0, "{counts:?}");
        assert!(counts.of("v1") > 0 && counts.of("v2") > 0, "{counts:?}");
    }
}

fn verdict(output: &Output) -> (i32, String) {
    let json = output.json().unwrap();
    let verdict = json["verdict"].as_str().unwrap_or("none").to_owned();
    (output.code, verdict)
}

fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    fs::write(folder.join(name), bytes).unwrap();
}

#[test]
fn a_healthy_canary_passes_and_its_verdict_is_proved_offline() {
    let Some(stage) = Stage::open() else { return };
    let (key, folder) = (Key::named("canary"), stage.folder.path().to_owned());
    let release = Release::new("shop", "2").artifact("api", b"v2");
    put(&folder, "release.json", release.bytes());
    put(&folder, "gate.key", key.private_pem());
    let output = stage.check(&[
        "--bake",
        "6s",
        "--min-requests",
        "200",
        "--environment",
        "staging",
        "--release",
        "release.json",
        "--key",
        "gate.key",
        "--bundle",
        "verdict.json",
        "--timeout",
        "60s",
    ]);
    assert_eq!(
        verdict(&output),
        (0, "pass".to_owned()),
        "{}",
        output.stderr
    );
    let bundle = Bundle::parse(&fs::read(folder.join("verdict.json")).unwrap()).unwrap();
    stage.close();

    let keys = [key.public_key().clone()];
    let proved = attestation::verify(&bundle, &keys, &Local).unwrap();
    let identified = release.identified().unwrap();
    assert_eq!(proved.statement.predicate_type(), predicate::CANARY);
    assert!(proved.statement.is_about(&identified.digest));
    let strangers = [Key::named("stranger").public_key().clone()];
    assert!(attestation::verify(&bundle, &strangers, &Local).is_err());
}

#[test]
fn a_broken_canary_fails() {
    let Some(stage) = Stage::open() else { return };
    stage.canary.slot().set_error_rate("25%").unwrap();
    let output = stage.check(&["--bake", "1m", "--timeout", "90s"]);
    assert_eq!(
        verdict(&output),
        (10, "fail".to_owned()),
        "{}",
        output.stderr
    );
    stage.close();
}

#[test]
fn a_canary_that_nobody_can_see_is_neither_good_nor_bad() {
    let Some(mut stage) = Stage::open() else {
        return;
    };
    stage.prometheus.process().kill().unwrap();
    let output = stage.check(&["--bake", "6s", "--timeout", "10s"]);
    assert_eq!(
        verdict(&output),
        (12, "blind".to_owned()),
        "{}",
        output.stderr
    );
    stage.close();
}

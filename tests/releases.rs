//! Good and bad releases under load, on real counterparts: which way each goes,
//! what users saw of it, and how long that took.
//!
//! `LIFTLOCK_RELEASES` says how many of each; 2 where it is not set.
#![cfg(test)]

use std::env;
use std::fs;

use liftlock::time::Time;
use serde_json::Value;
use testkit::cli::bin;
use testkit::demo::{App, Counts};
use testkit::git;
use testkit::house::House;
use testkit::http::{self, Answer, Server};
use testkit::peers;
use testkit::servers::{Haproxy, Prometheus, Registry, Scrape, Wrk};

/// Requests a second, over both slots.
const RATE: u32 = 400;

const RULES: &str = r#"version: 1
service: shop
state: git+file://HOUSEstate.git#refs/liftlock/state
environments:
  production:
    requires: [signature]
    place:
      command: [DEPLOY, --from, builds, --slots, slots, --slot, "{slot}", --reload, "DOORS/{slot}/-/reload"]
    prove: { http: "DOORS/{slot}/version", json: /digests }
    traffic: { haproxy: { socket: "SOCKET", backend: be, slots: { stable: v1, canary: v2 } } }
    targets:
      - { registry: { image: REGISTRY/production/shop, tag: live, from: REGISTRY/shop }, artifact: image }
    steps: [25%, 100%]
    bake: 4s
    look: 500ms
    patience: 60s
    min-requests: 100
    slo: { availability: 99%, alpha: 0.01% }
    metrics:
      prometheus:
        url: METRICS
        total: http_requests_total{slot="{slot}"}
        bad: http_requests_total{slot="{slot}",code=~"5.."}
        interval: 2s
trust:
  - { name: ci-builder, roles: [builder], keys: [{ key-file: keys/builder.pub }] }
"#;

/// A service with everything around it.
struct Stage {
    house: House,
    registry: Registry,
    proxy: Haproxy,
    _apps: [App; 2],
    _doors: Server,
    _metrics: Prometheus,
}

/// What one bad release did before it was gone.
#[derive(Debug)]
struct Harm {
    served: u64,
    bad: u64,
    detected_ms: i64,
    restored_ms: i64,
}

impl Stage {
    fn open() -> Option<Self> {
        let house = House::new().unwrap();
        let app = |slot: &str| {
            let folder = house.path(&format!("slots/{slot}"));
            fs::create_dir(&folder).unwrap();
            App::start(&folder).unwrap()
        };
        let apps = [app("v1"), app("v2")];
        let [one, other] = [apps[0].address(), apps[1].address()];
        let proxy = Haproxy::start((one, 1), (other, 0)).unwrap()?;
        let registry = Registry::start(None).unwrap()?;
        peers::require("wrk")?;
        let scrapes = [("v1", one), ("v2", other)];
        let scrapes = scrapes.map(|(slot, at)| Scrape::labelled(at, "slot", slot));
        let metrics = Prometheus::start(&scrapes).unwrap()?;
        // Each slot by its name, past the proxy.
        let doors = Server::start(move |request| {
            let rest = request.target.strip_prefix("/v1");
            let (at, path) = match rest {
                Some(path) => (one, path),
                None => (other, request.target.trim_start_matches("/v2")),
            };
            let url = format!("http://{at}{path}");
            let found = http::send(&request.method, &url, &[], &[]).unwrap();
            Answer::new(found.status).body(found.body)
        });
        let doors = doors.unwrap();
        let rules = RULES
            .replace("HOUSE", &house.path("").display().to_string())
            .replace("DEPLOY", &bin("demo-deploy").display().to_string())
            .replace("DOORS", &doors.url(""))
            .replace("SOCKET", &proxy.socket().display().to_string())
            .replace("REGISTRY", &registry.host())
            .replace("METRICS", &metrics.url());
        house.write("liftlock.yaml", rules).unwrap();
        git::bare(&house.path("state.git")).unwrap();
        Some(Self {
            house,
            registry,
            proxy,
            _apps: apps,
            _doors: doors,
            _metrics: metrics,
        })
    }

    fn build(&self, version: &str, error_rate: &str) {
        self.house.build(version, error_rate).unwrap();
        let folder = format!("builds/shop-{version}");
        self.house
            .write(&format!("{folder}/version"), version)
            .unwrap();
        let image = self.house.text(&format!("{folder}/image"));
        let pushed = self.registry.push("shop", version, image.as_bytes());
        pushed.unwrap();
        self.house.sign(version, "builder", &[]).unwrap();
    }

    /// Promotes a version under load: the result, and what users saw.
    fn promote(&self, code: i32, version: &str) -> (Value, Counts) {
        let load = Wrk::start(&self.proxy.url(), RATE).unwrap().unwrap();
        let output = self.house.promote(code, version).unwrap();
        let counts = load.finish().unwrap();
        assert_eq!(counts.failed, 0, "somebody got no answer: {counts:?}");
        (output.json().unwrap(), counts)
    }

    fn tag(&self) -> Option<String> {
        self.registry.digest("production/shop", "live").unwrap()
    }

    /// A good version is live afterwards.
    fn goes_up(&self, version: &str) {
        self.build(version, "0.2%");
        let (result, counts) = self.promote(0, version);
        assert_eq!(result["verdict"], "pass", "{result}");
        assert!(counts.of(version) > 0, "{counts:?}");
        self.is_live(version);
    }

    fn is_live(&self, version: &str) {
        let status = self
            .house
            .expect(0, "promote", &["status", "--environment", "production"])
            .unwrap();
        assert!(
            status.stdout.contains(&format!("shop-{version} is live")),
            "{}",
            status.stdout
        );
    }

    /// A bad version is gone afterwards, and the one before is live.
    fn goes_back(&self, version: &str, before: &str) -> Harm {
        self.build(version, "5%");
        let tag = self.tag();
        let (result, counts) = self.promote(10, version);
        let outcome = &result["detail"]["outcome"];
        assert_eq!(
            (&result["verdict"], &outcome["restored"]),
            (&"fail".into(), &true.into())
        );
        assert_eq!(self.tag(), tag);
        self.is_live(before);
        let time = |value: &Value| value.as_str().unwrap().parse::<Time>().unwrap();
        let entries = outcome["journal"].as_array().unwrap();
        let first = |word: &str| {
            let mut entries = entries.iter();
            let found = entries.find(|entry| entry["step"].as_str().unwrap().ends_with(word));
            time(&found.unwrap()["ended_at"])
        };
        let turned = time(&outcome["turned"]["at"]);
        let restored = entries
            .iter()
            .find(|entry| entry["step"] == "back-01-shift")
            .unwrap();
        let seen = &counts.versions[version];
        Harm {
            served: counts.of(version),
            bad: seen.get(&500).copied().unwrap_or_default(),
            detected_ms: turned.millis_since(first("-shift")),
            restored_ms: time(&restored["ended_at"]).millis_since(turned),
        }
    }
}

/// Median and most of some numbers, as cells of a table.
fn cells<N: Ord + std::fmt::Display>(numbers: impl Iterator<Item = N>) -> String {
    let mut numbers: Vec<N> = numbers.collect();
    numbers.sort();
    let middle = numbers.len() / 2;
    let most = numbers.len() - 1;
    format!("{} | {}", numbers[middle], numbers[most])
}

fn table(count: u32, harm: &[Harm]) -> String {
    format!(
        "| {count} good, {count} bad | median | most |\n|---|---|---|\n\
         | requests that a bad release got | {} |\n\
         | of them answered with an error | {} |\n\
         | ms from the first share to the verdict | {} |\n\
         | ms from the verdict to no request more | {} |",
        cells(harm.iter().map(|one| one.served)),
        cells(harm.iter().map(|one| one.bad)),
        cells(harm.iter().map(|one| one.detected_ms)),
        cells(harm.iter().map(|one| one.restored_ms)),
    )
}

#[test]
fn good_releases_go_up_and_bad_ones_come_back() {
    let Some(stage) = Stage::open() else { return };
    let count = env::var_os("LIFTLOCK_RELEASES").map_or(2, |text| {
        let text = text.into_string().unwrap();
        text.parse::<u32>().unwrap()
    });
    assert!(count > 0, "no releases");
    stage.goes_up("0");
    let mut harm = Vec::new();
    for number in 1..=count {
        let (good, bad) = (format!("{number}"), format!("{number}-bad"));
        stage.goes_up(&good);
        harm.push(stage.goes_back(&bad, &good));
    }
    eprintln!("{}", table(count, &harm));
    // Nobody who is on the way back is asked for long.
    assert!(harm.iter().all(|one| one.restored_ms < 10_000), "{harm:?}");
}

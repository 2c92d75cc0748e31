#![cfg(test)]
//! Envoy itself splits requests as the file says, and tells what it took.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use liftlock::config::target::Slots;
use liftlock::config::traffic::Envoy as Target;
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock_io::envoy::{self, Error};
use liftlock_io::http::{self as client, Client};
use serde_json::{Value, json};
use testkit::http::{self, Answer, Server};
use testkit::process::free_address;
use testkit::servers::Envoy;
use testkit::servers::envoy::{ROUTES, routes};
use testkit::wait;

/// How many requests are counted at each share.
const REQUESTS: u32 = 2_000;

/// How often a right split may look wrong: once in a thousand million tests.
const ALPHA: f64 = 1e-9;

const SOON: Duration = Duration::from_secs(20);

fn connect() -> Result<Client, client::Error> {
    Client::new(&client::Options::default())
}

struct Site {
    envoy: Envoy,
    folder: tempfile::TempDir,
    target: Target,
    slots: Vec<(&'static str, Server)>,
}

impl Site {
    /// Envoy before two servers; nothing where it is not installed.
    fn open() -> Option<Self> {
        let slots: Vec<(&str, Server)> = ["blue", "green"]
            .map(|slot| {
                (
                    slot,
                    Server::start(move |_| Answer::new(200).body(slot)).unwrap(),
                )
            })
            .into();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shop.json");
        fs::write(&path, routes(&[("blue", 1), ("green", 0)]).to_string()).unwrap();
        let clusters: Vec<(&str, SocketAddr)> = slots
            .iter()
            .map(|(slot, server)| (*slot, server.address()))
            .collect();
        let envoy = Envoy::start(&path, &clusters).unwrap()?;
        let target = Target {
            path: path.display().to_string(),
            admin: vec![format!("{}/", envoy.admin())],
            slots: Slots {
                stable: "blue".parse().unwrap(),
                canary: "green".parse().unwrap(),
            },
        };
        Some(Self {
            envoy,
            folder,
            target,
            slots,
        })
    }

    fn shares(&self, canary: &str) -> BTreeMap<Name, Percent> {
        let canary: Percent = canary.parse().unwrap();
        [
            (self.target.slots.stable.clone(), canary.rest()),
            (self.target.slots.canary.clone(), canary),
        ]
        .into()
    }

    fn set(&self, canary: &str) -> Result<(), Error> {
        envoy::set(&self.target, &self.shares(canary), &connect)
    }

    fn is_set(&self, canary: &str) -> bool {
        envoy::is_set(&self.target, &self.shares(canary), &connect).unwrap()
    }

    /// The routes as somebody else writes them: by a rename, which Envoy sees.
    fn write(&self, routes: &Value) {
        let draft = self.folder.path().join("draft");
        fs::write(&draft, routes.to_string()).unwrap();
        fs::rename(draft, &self.target.path).unwrap();
    }

    fn path(&self) -> PathBuf {
        self.target.path.clone().into()
    }

    /// How many requests got this answer.
    fn count(&self, answer: &str) -> u32 {
        // The thread for requests hears of new routes by the one that tells of them.
        http::get(&self.envoy.url()).unwrap();
        let got = |_: &u32| {
            let found = http::get(&self.envoy.url()).unwrap();
            let text = match found.status {
                200 => found.text(),
                status => status.to_string(),
            };
            text == answer
        };
        u32::try_from((0..REQUESTS).filter(got).count()).unwrap()
    }

    /// Fails where the share of an answer is another one.
    fn holds(&self, answer: &str, share: &str) {
        let percent: Percent = share.parse().unwrap();
        let (least, most) = bounds(REQUESTS, f64::from(percent.basis_points()) / 10_000.0);
        let found = self.count(answer);
        let fits = least <= found && found <= most;
        assert!(
            fits,
            "{share}: {found} of {REQUESTS} are not {least} to {most}"
        );
    }
}

/// The least and the most successes among so many tries that do not speak
/// against a chance: exact tails of the binomial distribution.
fn bounds(tries: u32, chance: f64) -> (u32, u32) {
    if chance <= 0.0 || chance >= 1.0 {
        let only = if chance <= 0.0 { 0 } else { tries };
        return (only, only);
    }
    let mut logarithm = f64::from(tries) * (-chance).ln_1p();
    let mut below = Vec::new();
    let mut sum = 0.0;
    for count in 0..=tries {
        sum += logarithm.exp();
        below.push(sum);
        let odds = chance / (1.0 - chance);
        logarithm += (f64::from(tries - count) / f64::from(count + 1) * odds).ln();
    }
    let at = |limit: f64| below.iter().position(|sum| *sum > limit).unwrap();
    let [least, most] = [ALPHA / 2.0, 1.0 - ALPHA / 2.0].map(at);
    (u32::try_from(least).unwrap(), u32::try_from(most).unwrap())
}

#[test]
fn bounds_are_those_of_the_binomial_distribution() {
    // Of ten coins none and ten come once in 1,024 each: nothing speaks against them.
    assert_eq!(bounds(10, 0.5), (0, 10));
    // SciPy 1.17.1: binom.ppf([5e-10, 1 - 5e-10], 2000, p)
    assert_eq!(bounds(2_000, 0.05), (46, 165));
    assert_eq!(bounds(2_000, 0.5), (864, 1136));
    assert_eq!(bounds(2_000, 0.0), (0, 0));
}

#[test]
fn requests_are_split_as_envoy_was_told() {
    let Some(site) = Site::open() else { return };
    site.holds("green", "0%");
    for share in ["5%", "50%", "100%", "0%"] {
        site.set(share).unwrap();
        assert!(site.is_set(share));
        site.holds("green", share);
    }
    // Envoy takes a file that was replaced by itself, whoever is asked or nobody.
    let unasked = Target {
        admin: Vec::new(),
        ..site.target.clone()
    };
    envoy::set(&unasked, &site.shares("20%"), &|| {
        panic!("nobody is to be asked")
    })
    .unwrap();
    wait::until("the routes", SOON, || site.is_set("20%").then_some(())).unwrap();
    site.holds("green", "20%");
    assert_eq!(site.envoy.count("update_rejected").unwrap(), 0);
    let left = fs::read_dir(site.folder.path()).unwrap().count();
    assert_eq!(left, 1, "drafts are left beside the file");
}

#[test]
fn envoy_takes_whatever_we_write() {
    let Some(site) = Site::open() else { return };
    let plain = routes(&[("blue", 1), ("green", 0)]);
    let at = "/resources/0/virtual_hosts/0/routes/0/route";
    let mut camel = plain.clone();
    let split = camel.pointer_mut(at).unwrap();
    split["weightedClusters"] = split["weighted_clusters"].take();
    split.as_object_mut().unwrap().remove("weighted_clusters");
    split["weightedClusters"]["totalWeight"] = 1.into();
    camel["versionInfo"] = "of the team".into();
    let mut rich = plain.clone();
    rich["resources"][0]["validate_clusters"] = true.into();
    rich["resources"][0]["request_headers_to_remove"] = json!(["x-secret"]);
    let mut other = rich
        .pointer("/resources/0/virtual_hosts/0/routes/0")
        .unwrap()
        .clone();
    other["match"] =
        json!({ "prefix": "/other", "headers": [{ "name": "x-a", "present_match": true }] });
    other["route"]["timeout"] = "3s".into();
    other["route"]["weighted_clusters"]["clusters"][0]["request_headers_to_add"] =
        json!([{ "header": { "key": "x-slot", "value": "blue" } }]);
    let all = rich
        .pointer_mut("/resources/0/virtual_hosts/0/routes")
        .unwrap();
    all.as_array_mut().unwrap().insert(0, other);
    let mut wrapped = plain.clone();
    wrapped["resources"] = json!([{
        "@type": "type.googleapis.com/envoy.service.discovery.v3.Resource",
        "name": ROUTES, "version": "1", "resource": plain["resources"][0],
    }]);
    for document in [plain, camel, rich, wrapped] {
        site.write(&document);
        for share in ["0.01%", "33.33%", "99.99%", "100%", "0%"] {
            site.set(share)
                .unwrap_or_else(|error| panic!("{share} of {document}: {error}"));
            let weights = site.envoy.weights().unwrap();
            let sum: u64 = weights.iter().map(|(_, weight)| weight).sum();
            let canary: Percent = share.parse().unwrap();
            let green = ("green".to_owned(), u64::from(canary.basis_points()));
            assert!(sum == 10_000 && weights.contains(&green), "{weights:?}");
        }
    }
    assert_eq!(site.envoy.count("update_rejected").unwrap(), 0);
}

#[test]
fn what_envoy_does_not_take_is_no_success() {
    let Some(mut site) = Site::open() else { return };
    site.set("5%").unwrap();
    // The team adds a route to a cluster that there is not: Envoy refuses it all.
    let mut broken: Value = serde_json::from_slice(&fs::read(site.path()).unwrap()).unwrap();
    broken["resources"][0]["validate_clusters"] = true.into();
    let all = broken
        .pointer_mut("/resources/0/virtual_hosts/0/routes")
        .unwrap();
    let no_such = json!({ "match": { "prefix": "/new" }, "route": { "cluster": "no-such" } });
    all.as_array_mut().unwrap().insert(0, no_such);
    site.write(&broken);
    let rejected = || (site.envoy.count("update_rejected").unwrap() > 0).then_some(());
    wait::until("a refusal", SOON, rejected).unwrap();
    assert!(
        site.is_set("5%"),
        "the routes of before are in force, as the file says"
    );
    let error = site.set("50%").unwrap_err();
    assert!(matches!(error, Error::NotTaken(_)), "{error}");
    assert!(!site.is_set("50%"));
    assert!(!site.is_set("5%"), "the file says another thing");
    let split = envoy::found(&site.target, &site.shares("50%"), &connect).unwrap();
    let told = ["blue 50%, green 50% in `", "` but not in the Envoy at `"];
    assert!(told.iter().all(|part| split.contains(part)), "{split}");
    site.holds("green", "5%");
    // The way back is proved, as nothing else ever was in force.
    site.set("5%").unwrap();
    site.write(&routes(&[("blue", 1), ("green", 0)]));
    site.set("50%").unwrap();
    // A file that Envoy would refuse is not written.
    let two = [
        routes(&[("blue", 1), ("green", 0)]),
        routes(&[("blue", 1), ("green", 0)]),
    ];
    let resources: Vec<&Value> = two.iter().map(|one| &one["resources"][0]).collect();
    site.write(&json!({ "resources": resources }));
    let before = fs::read(site.path()).unwrap();
    assert!(matches!(site.set("5%"), Err(Error::Unfit { .. })));
    assert_eq!(fs::read(site.path()).unwrap(), before);
    // Of several Envoys each has to take it.
    site.write(&routes(&[("blue", 1), ("green", 0)]));
    let nobody = format!("http://{}", free_address().unwrap());
    site.target.admin.push(nobody);
    assert!(matches!(site.set("5%"), Err(Error::Http(_))));
}

#[test]
fn an_envoy_with_other_routes_proves_nothing() {
    let Some(site) = Site::open() else { return };
    let mut other = routes(&[("blue", 1), ("green", 0)]);
    other["resources"][0]["name"] = "other".into();
    site.write(&other);
    let error = site.set("5%").unwrap_err();
    assert!(matches!(error, Error::Untold { .. }), "{error}");
    let answers = [
        (Answer::new(404), "answered 404"),
        (Answer::json("{}"), "cannot tell"),
        (Answer::new(200).body("<html>"), "cannot tell"),
        (
            Answer::new(302).header("location", &site.envoy.admin()),
            "answered 302",
        ),
    ];
    for (answer, why) in answers {
        let server = Server::script([answer]).unwrap();
        let target = Target {
            admin: vec![server.url("")],
            ..site.target.clone()
        };
        site.write(&routes(&[("blue", 9_500), ("green", 500)]));
        let error = envoy::is_set(&target, &site.shares("5%"), &connect).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
}

#[test]
fn a_slot_without_a_server_is_no_secret_and_a_restart_changes_nothing() {
    let Some(mut site) = Site::open() else { return };
    let healthy = |site: &Site| {
        let found = envoy::healthy(&site.target, &site.target.slots, &connect).unwrap();
        let [blue, green] = ["blue", "green"].map(|slot| found[&slot.parse::<Name>().unwrap()]);
        (blue, green)
    };
    let both = || (healthy(&site) == (1, 1)).then_some(());
    wait::until("two healthy slots", SOON, both).unwrap();
    site.set("20%").unwrap();
    site.slots.retain(|(slot, _)| *slot == "blue");
    let one = || (healthy(&site) == (1, 0)).then_some(());
    wait::until("a dead slot", SOON, one).unwrap();
    // Envoy sends a slot its share whether it has servers or not.
    site.holds("503", "20%");
    let clusters = [
        ("blue", site.slots[0].1.address()),
        ("green", free_address().unwrap()),
    ];
    site.envoy.process().stop().unwrap();
    assert!(envoy::is_set(&site.target, &site.shares("20%"), &connect).is_err());
    site.envoy = Envoy::start(&site.path(), &clusters).unwrap().unwrap();
    site.target.admin = vec![site.envoy.admin()];
    assert!(site.is_set("20%"));
    // What no Envoy knows has no servers.
    let stranger = Slots {
        stable: "blue".parse().unwrap(),
        canary: "red".parse().unwrap(),
    };
    let found = envoy::healthy(&site.target, &stranger, &connect).unwrap();
    assert_eq!(found[&stranger.canary], 0);
}

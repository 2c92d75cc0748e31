//! Many signers of one image at once, in real registries without
//! compare-and-swap and without a list of referrers.

use serde_json::Value;
use testkit::http;
use testkit::servers::{Crane, Registry};

use crate::bench::{Bench, push};

const SIGNERS: usize = 20;

fn names() -> Vec<String> {
    (0..SIGNERS).map(|number| format!("k{number}")).collect()
}

/// Twenty processes with twenty keys sign one image in both formats; once the
/// last has ended, every signature is in both lists and every one verifies.
fn race(bench: &Bench, image: &str) {
    std::thread::scope(|scope| {
        for name in names() {
            let line = format!("sign --key {name}.key --image-format both {image}");
            scope.spawn(move || bench.ours(0, &line));
        }
    });
    let keys: Vec<String> = names()
        .iter()
        .map(|name| format!("--key {name}.pub"))
        .collect();
    let result = bench.json(0, &format!("verify {} {image}", keys.join(" ")));
    let target = &result["detail"]["targets"][0];
    assert_eq!(target["key_ids"].as_array().unwrap().len(), SIGNERS);
    let proofs = target["bundles"].as_array().unwrap();
    let (layers, bundles): (Vec<&Value>, Vec<&Value>) = proofs
        .iter()
        .filter(|proof| proof["verified"] == true)
        .partition(|proof| proof["from"].as_str().unwrap().starts_with("tag "));
    assert_eq!((layers.len(), bundles.len()), (SIGNERS, SIGNERS));
    // Each for itself, too: a count alone would not show who is missing.
    for name in names() {
        let result = bench.json(0, &format!("verify --key {name}.pub {image}"));
        let proofs = result["detail"]["targets"][0]["bundles"]
            .as_array()
            .unwrap();
        let good = proofs.iter().filter(|proof| proof["verified"] == true);
        assert_eq!(good.count(), 2, "{name}");
    }
    let result = bench.json(0, &format!("repair --dry-run {image}"));
    let lists = result["detail"]["lists"].as_array().unwrap();
    assert!(lists.iter().all(|list| list["added"] == 0), "{result}");
}

fn bench() -> Bench {
    let names = names();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Bench::with_keys(&names)
}

#[test]
fn twenty_signers_lose_nothing_in_distribution() {
    let Some(registry) = Registry::start(None).unwrap() else {
        return;
    };
    let repository = format!("{}/shop", registry.host());
    push(&repository, "v1", "one");
    race(&bench(), &format!("{repository}:v1"));
}

#[test]
fn twenty_signers_lose_nothing_in_the_registry_of_crane() {
    let Some(registry) = Crane::start().unwrap() else {
        return;
    };
    let repository = format!("{}/shop", registry.host());
    push(&repository, "v1", "one");
    race(&bench(), &format!("{repository}:v1"));
}

#[test]
fn twenty_signers_lose_nothing_where_referrers_are_listed() {
    let Some(registry) = Crane::with_referrers().unwrap() else {
        return;
    };
    let repository = format!("{}/shop", registry.host());
    push(&repository, "v1", "one");
    race(&bench(), &format!("{repository}:v1"));
}

#[test]
fn signers_that_are_killed_leave_what_others_need() {
    let Some(registry) = Registry::start(None).unwrap() else {
        return;
    };
    let bench = bench();
    let repository = format!("{}/shop", registry.host());
    push(&repository, "v1", "one");
    let image = format!("{repository}:v1");
    // Each is killed at another moment of its work.
    std::thread::scope(|scope| {
        for (number, name) in names().into_iter().enumerate() {
            let (bench, image) = (&bench, &image);
            scope.spawn(move || bench.kill_after(number * 15, &name, image));
        }
    });
    bench.ours(0, &format!("repair {image}"));
    let result = bench.json(0, &format!("repair --dry-run {image}"));
    let tags = http::get(&format!("{}/v2/shop/tags/list", registry.url())).unwrap();
    let tags: Value = serde_json::from_slice(&tags.body).unwrap();
    let tags = tags["tags"].as_array().unwrap();
    // Every manifest of a signer that was written is in its list.
    for list in result["detail"]["lists"].as_array().unwrap() {
        let ending = match list["kind"].as_str().unwrap() {
            "bundles" => ".bundle",
            "signatures" => ".sig",
            kind => kind,
        };
        let tags = tags.iter().map(|tag| tag.as_str().unwrap());
        let own = tags.filter(|tag| list["tag"] != *tag && tag.ends_with(ending));
        assert_eq!(list["entries"], own.count(), "{result}");
        assert_eq!(list["added"], 0, "{result}");
    }
    bench.ours(0, &format!("sign --key k0.key --image-format both {image}"));
    bench.ours(0, &format!("verify --key k0.pub {image}"));
}

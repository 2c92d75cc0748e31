#![cfg(test)]
//! HAProxy itself, with several servers a slot.

use std::collections::BTreeMap;
use std::time::Duration;

use liftlock::config::target::{Haproxy as Target, Slots};
use liftlock::name::Name;
use liftlock::percent::Percent;
use liftlock_io::haproxy::{self, Error};
use testkit::http::{self, Answer, Server};
use testkit::process::free_address;
use testkit::servers::{BACKEND, Haproxy};
use testkit::wait;

fn server(name: &'static str) -> Server {
    Server::start(move |_| Answer::new(200).body(name)).unwrap()
}

fn shares(canary: &str) -> BTreeMap<Name, Percent> {
    let canary: Percent = canary.parse().unwrap();
    [("v1", canary.rest()), ("v2", canary)]
        .map(|(slot, share)| (slot.parse().unwrap(), share))
        .into()
}

#[test]
fn servers_of_a_slot_share_its_weight_and_only_running_ones_are_capacity() {
    let apps = ["v1", "v1", "v2", "v2"].map(server);
    let gone = free_address().unwrap();
    let lines = format!(
        "  server v1-1 {} weight 1 check inter 50ms fall 1\n  server v1-2 {} weight 1 check inter 50ms fall 1\n  \
         server v2-1 {} weight 0 check inter 50ms fall 1\n  server v2-2 {} weight 0 check inter 50ms fall 1\n  \
         server v2-3 {gone} weight 0 check inter 50ms fall 1\n  server other {} weight 0\n",
        apps[0].address(),
        apps[1].address(),
        apps[2].address(),
        apps[3].address(),
        apps[0].address(),
    );
    let Some(proxy) = Haproxy::before(&lines).unwrap() else {
        return;
    };
    let target = Target {
        socket: proxy.socket().display().to_string(),
        backend: BACKEND.to_owned(),
        slots: Slots {
            stable: "v1".parse().unwrap(),
            canary: "v2".parse().unwrap(),
        },
    };
    let healthy = || -> Vec<u32> {
        let found = haproxy::healthy(&target, &target.slots).unwrap();
        found.into_values().collect()
    };
    wait::until("HAProxy's checks", Duration::from_secs(20), || {
        (healthy() == [2, 2]).then_some(())
    })
    .unwrap();
    haproxy::set(&target, &shares("25%")).unwrap();
    assert!(haproxy::is_set(&target, &shares("25%")).unwrap());
    assert!(!haproxy::is_set(&target, &shares("5%")).unwrap());
    let split = haproxy::found(&target, &target.slots).unwrap();
    assert_eq!(split, "v1 75%, v2 25%");
    let told = haproxy::examine(&target, &target.slots).unwrap();
    assert!(told.ends_with("is admin"), "{told}");
    let reading = Target {
        socket: proxy.reading().display().to_string(),
        ..target.clone()
    };
    let refused = haproxy::examine(&reading, &target.slots).unwrap_err();
    assert!(
        matches!(&refused, Error::Level { level, .. } if level == "user"),
        "{refused}"
    );
    let weights =
        ["v1-1", "v1-2", "v2-1", "v2-2", "v2-3", "other"].map(|one| proxy.weight(one).unwrap());
    assert_eq!(weights, [9, 9, 2, 2, 2, 0]);
    haproxy::set(&target, &shares("0%")).unwrap();
    let canary = (0..100).filter(|_| http::get(&proxy.url()).unwrap().text() == "v2");
    assert_eq!(canary.count(), 0);
    haproxy::set(&target, &shares("100%")).unwrap();
    let canary = (0..100).filter(|_| http::get(&proxy.url()).unwrap().text() == "v2");
    assert_eq!(canary.count(), 100);
}

#[test]
fn a_slot_without_a_server_that_runs_gets_nothing() {
    let app = server("v1");
    let gone = free_address().unwrap();
    let lines = format!(
        "  server v1 {} weight 1\n  server v2-1 {gone} weight 0 check inter 50ms fall 1\n",
        app.address()
    );
    let Some(proxy) = Haproxy::before(&lines).unwrap() else {
        return;
    };
    let mut target = Target {
        socket: proxy.runtime().to_string(),
        backend: BACKEND.to_owned(),
        slots: Slots {
            stable: "v1".parse().unwrap(),
            canary: "v2".parse().unwrap(),
        },
    };
    let down = || match haproxy::set(&target, &shares("5%")) {
        Err(Error::Down(slot)) => Some(slot),
        Ok(()) | Err(_) => None,
    };
    let slot = wait::until("HAProxy's checks", Duration::from_secs(20), down).unwrap();
    assert_eq!(slot.as_str(), "v2");
    haproxy::set(&target, &shares("0%")).unwrap();
    let unknown: BTreeMap<Name, Percent> = [("v3".parse().unwrap(), Percent::FULL)].into();
    let error = haproxy::set(&target, &unknown).unwrap_err();
    assert!(
        matches!(&error, Error::Unknown(slot) if slot.as_str() == "v3"),
        "{error}"
    );
    assert!(!haproxy::is_set(&target, &unknown).unwrap());
    let slots = Slots {
        canary: "v3".parse().unwrap(),
        ..target.slots.clone()
    };
    let split = haproxy::found(&target, &slots).unwrap();
    assert_eq!(split, "v1 100%, v3 0% (there is no server of `v3`)");
    target.backend = "none".to_owned();
    assert!(matches!(
        haproxy::set(&target, &shares("0%")),
        Err(Error::Parse(_))
    ));
}

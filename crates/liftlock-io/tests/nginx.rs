#![cfg(test)]
//! nginx itself splits a thousand requests as the file says.

use liftlock::config::target::Slots;
use liftlock::config::traffic::Nginx as Target;
use liftlock::percent::Percent;
use liftlock_io::nginx;
use testkit::http::{self, Answer, Server};
use testkit::servers::Nginx;
use testkit::servers::nginx::VARIABLE;
use testkit::wait;

/// Three and a half standard deviations of a half of a thousand.
const TOLERANCE: usize = 60;

struct Site {
    nginx: Nginx,
    target: Target,
    _slots: [Server; 2],
}

impl Site {
    /// nginx before two servers; nothing where it is not installed.
    fn open() -> Option<Self> {
        let slots = ["blue", "green"]
            .map(|slot| Server::start(move |_| Answer::new(200).body(slot)).unwrap());
        let upstreams = [("blue", slots[0].address()), ("green", slots[1].address())];
        let nginx = Nginx::new(&upstreams).unwrap()?;
        let target = Target {
            include: nginx.include().display().to_string(),
            key: None,
            variable: Some(VARIABLE.to_owned()),
            reload: nginx.reload(),
            slots: Slots {
                stable: "blue".parse().unwrap(),
                canary: "green".parse().unwrap(),
            },
        };
        let mut site = Self {
            nginx,
            target,
            _slots: slots,
        };
        // At first contact the file is written before there is a server to reload.
        assert!(nginx::set(&site.target, &site.shares("0%")).is_err());
        assert!(nginx::is_set(&site.target, &site.shares("0%")).unwrap());
        site.nginx.start().unwrap();
        Some(site)
    }

    fn shares(&self, canary: &str) -> std::collections::BTreeMap<liftlock::name::Name, Percent> {
        let canary: Percent = canary.parse().unwrap();
        [
            (self.target.slots.stable.clone(), canary.rest()),
            (self.target.slots.canary.clone(), canary),
        ]
        .into()
    }

    fn asks(&self) -> String {
        http::get(&self.nginx.url()).unwrap().text()
    }

    /// How many of a thousand requests come to the canary.
    fn count(&self) -> usize {
        (0..1_000).filter(|_| self.asks() == "green").count()
    }
}

#[test]
fn a_thousand_requests_are_split_as_the_file_says() {
    let Some(site) = Site::open() else { return };
    assert_eq!(site.count(), 0);
    for (share, expected) in [("5%", 50), ("50%", 500)] {
        let old = site.nginx.workers();
        nginx::set(&site.target, &site.shares(share)).unwrap();
        // The signal is sent when the reload ends; the workers change a moment
        // later, and until the old ones are gone they split as before.
        let changed = || {
            let workers = site.nginx.workers();
            let gone = old.iter().all(|worker| !workers.contains(worker));
            (gone && !workers.is_empty()).then_some(())
        };
        wait::until("other workers", std::time::Duration::from_secs(20), changed).unwrap();
        let found = site.count();
        assert!(found.abs_diff(expected) <= TOLERANCE, "{share}: {found}");
        assert!(nginx::is_set(&site.target, &site.shares(share)).unwrap());
        assert!(!nginx::is_set(&site.target, &site.shares("6%")).unwrap());
        let split = nginx::found(&site.target).unwrap();
        assert!(split.contains(&format!("green {share} in `")), "{split}");
    }
    nginx::set(&site.target, &site.shares("100%")).unwrap();
    let whole = || (0..50).all(|_| site.asks() == "green").then_some(());
    wait::until(
        "all requests at the canary",
        std::time::Duration::from_secs(20),
        whole,
    )
    .unwrap();
    assert_eq!(site.count(), 1_000);
}

#[test]
fn what_nginx_does_not_take_is_no_success() {
    let Some(mut site) = Site::open() else { return };
    // An upstream that the configuration does not have is no fault for nginx;
    // a line that it cannot read is.
    site.target.variable = Some("9_is_no_start".to_owned());
    let before = site.asks();
    let result = nginx::set(&site.target, &site.shares("100%"));
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "nginx was not reloaded");
    assert_eq!(site.asks(), before);
    site.target.variable = Some(VARIABLE.to_owned());
    site.target.reload = vec!["false".to_owned()];
    assert!(nginx::set(&site.target, &site.shares("100%")).is_err());
}

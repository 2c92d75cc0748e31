#![cfg(test)]
//! nginx itself splits a thousand requests as the file says.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use liftlock::config::target::Slots;
use liftlock::config::traffic::Nginx;
use liftlock::percent::Percent;
use liftlock_io::nginx;
use testkit::http::{self, Answer, Server};
use testkit::peers;
use testkit::process::{Process, free_address};
use testkit::wait;

/// Three and a half standard deviations of a half of a thousand.
const TOLERANCE: usize = 60;

struct Site {
    _process: Option<Process>,
    folder: tempfile::TempDir,
    target: Nginx,
    front: SocketAddr,
    _slots: [Server; 2],
}

impl Site {
    /// nginx before two servers; nothing where it is not installed.
    fn open() -> Option<Self> {
        let program = peers::require("nginx")?;
        let folder = tempfile::tempdir().unwrap();
        let slots = ["blue", "green"]
            .map(|slot| Server::start(move |_| Answer::new(200).body(slot)).unwrap());
        let front = free_address().unwrap();
        let root = folder.path().display().to_string();
        let config = format!(
            "daemon off;\nmaster_process on;\nworker_processes 1;\npid {root}/pid;\nerror_log {root}/error.log;\n\
             events {{ worker_connections 256; }}\n\
             http {{\n  access_log off;\n  client_body_temp_path {root}/t1;\n  proxy_temp_path {root}/t2;\n  \
             fastcgi_temp_path {root}/t3;\n  uwsgi_temp_path {root}/t4;\n  scgi_temp_path {root}/t5;\n  \
             include {root}/shop.conf;\n  upstream blue {{ server {}; }}\n  upstream green {{ server {}; }}\n  \
             server {{ listen {front}; location / {{ proxy_pass http://$shop; }} }}\n}}\n",
            slots[0].address(),
            slots[1].address(),
        );
        fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let words = |more: &[&str]| -> Vec<String> {
            let program = program.display().to_string();
            let common = ["-p", &root, "-e", "error.log", "-c", "nginx.conf"];
            let all = [&[program.as_str()], &common[..], more].concat();
            all.into_iter().map(str::to_owned).collect()
        };
        let target = Nginx {
            include: format!("{root}/shop.conf"),
            key: None,
            variable: Some("shop".to_owned()),
            reload: words(&["-s", "reload"]),
            slots: Slots {
                stable: "blue".parse().unwrap(),
                canary: "green".parse().unwrap(),
            },
        };
        let mut site = Self {
            folder,
            target,
            front,
            _slots: slots,
            _process: None,
        };
        // At first contact the file is written before there is a server to reload.
        assert!(nginx::set(&site.target, &site.shares("0%")).is_err());
        assert!(nginx::is_set(&site.target, &site.shares("0%")).unwrap());
        let start = words(&[]);
        let mut command = Command::new(&start[0]);
        command.args(&start[1..]);
        let mut process = Process::spawn("nginx", &mut command, site.folder.path()).unwrap();
        process.ready(|| http::answers(&site.url(), 200)).unwrap();
        site._process = Some(process);
        Some(site)
    }

    fn url(&self) -> String {
        format!("http://{}/", self.front)
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
        http::get(&self.url()).unwrap().text()
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
        nginx::set(&site.target, &site.shares(share)).unwrap();
        // The signal is sent when the reload ends; new workers come a moment later.
        wait::until(
            "the canary's first request",
            std::time::Duration::from_secs(20),
            || (site.asks() == "green").then_some(()),
        )
        .unwrap();
        let found = site.count();
        assert!(found.abs_diff(expected) <= TOLERANCE, "{share}: {found}");
        assert!(nginx::is_set(&site.target, &site.shares(share)).unwrap());
        assert!(!nginx::is_set(&site.target, &site.shares("6%")).unwrap());
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
    site.target.variable = Some("shop".to_owned());
    site.target.reload = vec!["false".to_owned()];
    assert!(nginx::set(&site.target, &site.shares("100%")).is_err());
}

//! Users who ask by the weights in force, and the counts of their requests.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use liftlock::haproxy;
use testkit::wait;

use crate::counterparts::ask;

const INTERVAL: Duration = Duration::from_millis(20);
const REQUESTS: u64 = 400;
const HEAD: &str = "time,baseline_total,baseline_bad,canary_total,canary_bad\n";

/// Counts that go on until they are dropped.
#[derive(Debug)]
pub(crate) struct Users {
    book: Arc<Mutex<Book>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Book {
    file: PathBuf,
    canary: &'static str,
    rows: String,
    is_open: bool,
}

impl Users {
    pub(crate) fn start(runtime: SocketAddr, file: &Path) -> Self {
        let book = Arc::new(Mutex::new(Book {
            file: file.to_owned(),
            canary: "v2",
            rows: String::new(),
            is_open: false,
        }));
        let over = Arc::new(AtomicBool::new(false));
        let (writing, ended) = (Arc::clone(&book), Arc::clone(&over));
        let thread = thread::spawn(move || {
            while !ended.load(Ordering::SeqCst) {
                writing.lock().unwrap().row(runtime);
                wait::pause(INTERVAL);
            }
        });
        Self {
            book,
            over,
            thread: Some(thread),
        }
    }

    /// No rows are written until it is opened again.
    pub(crate) fn close(&self) {
        self.book.lock().unwrap().is_open = false;
    }

    /// Begins an empty book in which this slot is the canary's.
    pub(crate) fn open(&self, canary: &'static str) {
        let mut book = self.book.lock().unwrap();
        book.rows.clear();
        book.canary = canary;
        book.is_open = true;
    }

    /// From now on this slot is the canary's.
    pub(crate) fn turn(&self, canary: &'static str) {
        self.book.lock().unwrap().canary = canary;
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // A panic of the users shows as counts that do not come.
            drop(thread.join());
        }
    }
}

impl Book {
    fn row(&mut self, runtime: SocketAddr) {
        if !self.is_open {
            return;
        }
        let weights = weights(runtime);
        let total: u64 = weights.iter().map(|(_, weight)| weight).sum();
        let of = |name: &str| {
            let found = weights.iter().find(|(server, _)| server == name);
            found.map_or(0, |(_, weight)| weight * REQUESTS / total.max(1))
        };
        let stable = if self.canary == "v1" { "v2" } else { "v1" };
        let row = format!("{},{},0,{},0\n", wait::now(), of(stable), of(self.canary));
        self.rows.push_str(&row);
        let next = self.file.with_extension("next");
        fs::write(&next, format!("{HEAD}{}", self.rows)).unwrap();
        fs::rename(next, &self.file).unwrap();
    }
}

/// The weights of all servers in force.
pub(crate) fn weights(runtime: SocketAddr) -> Vec<(String, u64)> {
    let answer = ask(runtime, "show servers state be\n").unwrap();
    let servers = haproxy::parse(&String::from_utf8(answer).unwrap()).unwrap();
    let servers = servers.into_iter();
    servers
        .map(|(name, server)| (name, server.weight.into()))
        .collect()
}

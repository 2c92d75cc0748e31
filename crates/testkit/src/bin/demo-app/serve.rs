//! Answers requests: one thread per connection.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;

use liftlock::digest::Digest;
use liftlock::percent::Percent;
use testkit::demo::{Random, Slot};
use testkit::wire::{self, Request};

use crate::Args;
use crate::metrics::Metrics;

/// What is served, and what happened so far.
pub(crate) struct Service {
    slot: Slot,
    name: Option<String>,
    error_rate: Percent,
    live: RwLock<Live>,
    random: Mutex<Random>,
    metrics: Metrics,
}

/// What was in the slot when it was loaded: a slot that changes later does not
/// change what is served.
#[derive(Clone)]
struct Live {
    version: String,
    artifacts: BTreeMap<String, Digest>,
}

struct Answer {
    status: u16,
    kind: &'static str,
    body: String,
    version: String,
}

impl Service {
    pub(crate) fn new(args: &Args) -> io::Result<Self> {
        let slot = Slot::new(&args.slot);
        let live = load(&slot, args.version_name.as_deref())?;
        let metrics = Metrics::default();
        metrics.show(&live.version);
        Ok(Self {
            slot,
            name: args.version_name.clone(),
            error_rate: args.error_rate,
            live: RwLock::new(live),
            random: Mutex::new(Random::new(args.seed)),
            metrics,
        })
    }

    fn answer(&self, request: &Request) -> Answer {
        let live = self.live();
        let (status, kind, body) = match (request.method.as_str(), request.path()) {
            ("GET", "/version") => {
                let body =
                    serde_json::json!({ "version": live.version, "digests": live.artifacts });
                (200, "application/json", format!("{body}\n"))
            }
            ("GET", "/metrics") => (200, "text/plain; version=0.0.4", self.metrics.render()),
            ("POST", "/-/reload") => self.reload(),
            _ => self.work(&live.version),
        };
        Answer {
            status,
            kind,
            body,
            version: live.version,
        }
    }

    /// Serves a user, or fails to.
    fn work(&self, version: &str) -> (u16, &'static str, String) {
        let rate = self.slot.error_rate().unwrap_or(self.error_rate);
        let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
        let (status, word) = if random.happens(rate) {
            (500, "sorry")
        } else {
            (200, "hello")
        };
        self.metrics.count(version, status, 1);
        (status, "text/plain", format!("{word} from {version}\n"))
    }

    fn reload(&self) -> (u16, &'static str, String) {
        match load(&self.slot, self.name.as_deref()) {
            Ok(live) => {
                self.metrics.show(&live.version);
                *self.live.write().unwrap_or_else(PoisonError::into_inner) = live;
                (200, "text/plain", "reloaded\n".to_owned())
            }
            Err(error) => (503, "text/plain", format!("{error}\n")),
        }
    }

    fn live(&self) -> Live {
        self.live
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn load(slot: &Slot, name: Option<&str>) -> io::Result<Live> {
    Ok(Live {
        version: name.map_or_else(|| slot.version(), str::to_owned),
        artifacts: slot.artifacts()?,
    })
}

/// Serves until the process ends.
pub(crate) fn forever(listener: &TcpListener, service: &Arc<Service>) {
    for stream in listener.incoming().filter_map(Result::ok) {
        let service = Arc::clone(service);
        // A client may close whenever it likes.
        thread::spawn(move || drop(connection(&stream, &service)));
    }
}

fn connection(mut stream: &TcpStream, service: &Service) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = wire::request(&mut reader)? {
        let answer = service.answer(&request);
        let length = answer.body.len().to_string();
        let headers = [
            ("content-type", answer.kind),
            ("content-length", length.as_str()),
            ("x-version", answer.version.as_str()),
        ];
        let first = format!("HTTP/1.1 {} {}", answer.status, reason(answer.status));
        let mut message = Vec::new();
        wire::head(&mut message, &first, headers)?;
        if request.method != "HEAD" {
            message.extend_from_slice(answer.body.as_bytes());
        }
        stream.write_all(&message)?;
        if !request.keeps_alive() {
            break;
        }
    }
    Ok(())
}

const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        500 => "Internal Server Error",
        _ => "Service Unavailable",
    }
}

//! What stands between a run and its counterparts: it counts, and goes wrong
//! where it is told to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use testkit::http::{self, Answer, Ending, Request, Server};

use crate::fault::{Act, Watch};

const PATIENCE: Duration = Duration::from_secs(20);

/// Between a run and the runtime socket of HAProxy: one command a connection.
#[derive(Debug)]
pub(crate) struct Relay {
    address: SocketAddr,
    over: Arc<AtomicBool>,
}

impl Relay {
    pub(crate) fn start(runtime: SocketAddr, watch: Watch) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ended.load(Ordering::SeqCst) {
                    return;
                }
                // Whoever was killed does not wait for an answer.
                drop(pass(&stream, runtime, &watch));
            }
        });
        Self { address, over }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(self.address));
    }
}

fn pass(mut stream: &TcpStream, runtime: SocketAddr, watch: &Watch) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut command = String::new();
    BufReader::new(stream).read_line(&mut command)?;
    let what = if command.starts_with("set ") {
        "set-weight"
    } else {
        "show-servers"
    };
    let act = watch.meet(what);
    if what == "set-weight" {
        watch.hear(&command);
    }
    match act {
        Some(Act::KillBefore | Act::Delay) => {
            watch.kill();
            return Ok(());
        }
        Some(Act::FailBefore) => return stream.shutdown(Shutdown::Both),
        Some(Act::Refuse) => return stream.write_all(b"Resource temporarily unavailable.\n\n"),
        Some(Act::KillAfter | Act::FailAfter) | None => {}
        Some(Act::KillHalfway | Act::Orphan) => panic!("a command has no halves and no children"),
    }
    let answer = ask(runtime, &command)?;
    match act {
        Some(Act::KillAfter) => watch.kill(),
        Some(_) => {}
        None => stream.write_all(&answer)?,
    }
    stream.shutdown(Shutdown::Both)
}

/// Says one command to a runtime socket and gives its answer.
pub(crate) fn ask(runtime: SocketAddr, command: &str) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(runtime)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(command.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

/// Before a registry at `HOST:PORT`, under an address of its own.
pub(crate) fn gateway(registry: &str, watch: Watch) -> Server {
    let registry = registry.to_owned();
    Server::start(move |request| {
        let what = match request.method.as_str() {
            "GET" | "HEAD" => "registry-read",
            _ => "registry-write",
        };
        let act = watch.meet(what);
        let broken = Answer::new(500).ending(Ending::CloseAtOnce);
        match act {
            None => forward(&registry, request),
            Some(Act::KillBefore) => {
                watch.kill();
                broken
            }
            Some(Act::FailBefore) => broken,
            Some(Act::Refuse) => Answer::new(503),
            Some(act) => {
                drop(forward(&registry, request));
                if act == Act::KillAfter {
                    watch.kill();
                }
                broken
            }
        }
    })
    .unwrap()
}

fn forward(registry: &str, request: &Request) -> Answer {
    let own = ["host", "connection", "content-length", "transfer-encoding"];
    let headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !own.contains(name))
        .collect();
    // An answer to HEAD has the length of a body that does not come.
    let method = match request.method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    let url = format!("http://{registry}{}", request.target);
    let found = http::send(method, &url, &headers, &request.body).unwrap();
    let here = request.header("host").unwrap_or_default();
    let headers = found.headers.iter();
    let kept = headers.filter(|(name, _)| !own.contains(&name.as_str()));
    let answer = Answer::new(found.status).body(found.body.clone());
    kept.fold(answer, |answer, (name, value)| {
        answer.header(name, &value.replace(registry, here))
    })
}

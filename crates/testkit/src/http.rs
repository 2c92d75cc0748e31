//! A counterpart that speaks HTTP on loopback: it answers as a test scripts it,
//! also wrongly, and remembers what it was asked. With a small client.

use std::io::{self, BufReader, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

pub use crate::wire::{Request, Response};
use crate::{wait, wire};

/// How long either side waits for the other's bytes.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the server says to one request.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    delay: Duration,
    gate: Option<Gate>,
    ending: Ending,
}

/// Holds answers back until a test opens it.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    /// Lets everything through, from now on.
    pub fn open(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// How an answer ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Whole,
    /// The connection closes after that many bytes of the body.
    CloseAfter(usize),
    /// Nothing more comes after that many bytes of the body, and nothing closes.
    HangAfter(usize),
    /// The connection closes before a single byte.
    CloseAtOnce,
}

impl Answer {
    /// An answer with an empty body.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            delay: Duration::ZERO,
            gate: None,
            ending: Ending::Whole,
        }
    }

    /// 200 with a JSON body.
    #[must_use]
    pub fn json(body: impl Into<Vec<u8>>) -> Self {
        Self::new(200)
            .header("content-type", "application/json")
            .body(body)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Lets that much time pass before the first byte.
    #[must_use]
    pub const fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits for the gate before the first byte.
    #[must_use]
    pub fn held(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// Ends otherwise than it should.
    #[must_use]
    pub const fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }
}

type Handler = Box<dyn FnMut(&Request) -> Answer + Send>;

/// A server on a free port of loopback, until it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    handler: Mutex<Handler>,
    requests: Mutex<Vec<Request>>,
    connections: Mutex<Vec<TcpStream>>,
    over: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shared").finish_non_exhaustive()
    }
}

impl Server {
    /// Answers each request by what the closure says.
    ///
    /// # Errors
    ///
    /// Fails when there is no free port.
    pub fn start(handler: impl FnMut(&Request) -> Answer + Send + 'static) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            handler: Mutex::new(Box::new(handler)),
            requests: Mutex::default(),
            connections: Mutex::default(),
            over: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Ok(Self { address, shared })
    }

    /// Gives these answers in order; the last one again and again.
    ///
    /// # Errors
    ///
    /// Fails when there is no free port.
    pub fn script(answers: impl IntoIterator<Item = Answer>) -> Result<Self> {
        let answers: Vec<Answer> = answers.into_iter().collect();
        let mut answers = answers.into_iter();
        let mut last = Answer::new(500);
        Self::start(move |_| {
            if let Some(next) = answers.next() {
                last = next;
            }
            last.clone()
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path that begins with a slash.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What was asked so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.shared.requests).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection; a refusal means it is gone.
        drop(TcpStream::connect(self.address));
        for connection in locked(&self.shared.connections).drain(..) {
            drop(connection.shutdown(Shutdown::Both));
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming().map_while(Result::ok) {
        if shared.over.load(Ordering::SeqCst) {
            return;
        }
        if let Ok(copy) = stream.try_clone() {
            locked(&shared.connections).push(copy);
        }
        let shared = Arc::clone(shared);
        // A client may close whenever it likes; what it asked is on record.
        thread::spawn(move || drop(serve(&stream, &shared)));
    }
}

fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = wire::request(&mut reader)? {
        locked(&shared.requests).push(request.clone());
        let answer = (locked(&shared.handler))(&request);
        wait::pause(answer.delay);
        if let Some(gate) = &answer.gate {
            let open = || (gate.is_open() || shared.over.load(Ordering::SeqCst)).then_some(());
            drop(wait::until("open gate", PATIENCE * 10, open));
        }
        write(stream, &request, &answer)?;
        match answer.ending {
            Ending::Whole if request.keeps_alive() => {}
            Ending::Whole | Ending::CloseAfter(_) | Ending::CloseAtOnce => break,
            Ending::HangAfter(_) => {
                let over = || shared.over.load(Ordering::SeqCst).then_some(());
                drop(wait::until("end of the server", PATIENCE * 10, over));
            }
        }
    }
    stream.shutdown(Shutdown::Both)
}

fn write(mut stream: &TcpStream, request: &Request, answer: &Answer) -> io::Result<()> {
    let shown = match answer.ending {
        Ending::CloseAtOnce => return Ok(()),
        Ending::Whole => answer.body.len(),
        Ending::CloseAfter(bytes) | Ending::HangAfter(bytes) => bytes.min(answer.body.len()),
    };
    let length = answer.body.len().to_string();
    let own = answer
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let sized = answer
        .headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = (!sized).then_some(("content-length", length.as_str()));
    let first = format!("HTTP/1.1 {} Scripted", answer.status);
    wire::head(&mut stream, &first, own.chain(length))?;
    if request.method != "HEAD" {
        stream.write_all(answer.body.get(..shown).unwrap_or_default())?;
    }
    stream.flush()
}

/// Asks `http://HOST:PORT/PATH`.
///
/// # Errors
///
/// Fails when nobody answers, or not in HTTP.
pub fn get(url: &str) -> Result<Response> {
    send("GET", url, &[], &[])
}

/// Sends a request to `http://HOST:PORT/PATH`.
///
/// # Errors
///
/// Fails when nobody answers, or not in HTTP.
pub fn send(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response> {
    let (host, _) = parts(url)?;
    let mut all = vec![("host", host)];
    all.extend(headers);
    send_as(method, url, &all, body)
}

fn parts(url: &str) -> Result<(&str, &str)> {
    let rest = url.strip_prefix("http://").context("not an http URL")?;
    let whole = || (rest, "/");
    Ok(rest
        .find('/')
        .map_or_else(whole, |slash| rest.split_at(slash)))
}

/// As [`send`], with the header `host` among the others, as whoever passes on
/// somebody else's request has it.
///
/// # Errors
///
/// Fails when nobody answers, or not in HTTP.
pub fn send_as(method: &str, url: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Response> {
    let (host, path) = parts(url)?;
    let mut stream = TcpStream::connect(host).with_context(|| format!("no one at `{host}`"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len().to_string();
    let own = [("connection", "close"), ("content-length", length.as_str())];
    let first = format!("{method} {path} HTTP/1.1");
    wire::head(
        &mut stream,
        &first,
        own.into_iter().chain(headers.iter().copied()),
    )?;
    stream.write_all(body)?;
    Ok(wire::response(&mut BufReader::new(stream))?)
}

/// Whether `url` answers with that status right now.
#[must_use]
pub fn answers(url: &str, status: u16) -> bool {
    get(url).is_ok_and(|response| response.status == status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_followed_and_the_last_answer_stays() {
        let server = Server::script([Answer::new(503), Answer::json("{}")]).unwrap();
        let statuses: Vec<u16> = (0..3)
            .map(|_| get(&server.url("/x?y=z")).unwrap().status)
            .collect();
        assert_eq!(statuses, [503, 200, 200]);
        assert_eq!(server.requests().first().unwrap().target, "/x?y=z");
    }

    #[test]
    fn a_request_is_recorded_whole() {
        let server = Server::start(|request| Answer::new(201).body(request.body.clone())).unwrap();
        let answer = send("PUT", &server.url("/"), &[("x-one", "1")], b"body").unwrap();
        assert_eq!((answer.status, answer.text()), (201, "body".to_owned()));
        let request = server.requests().remove(0);
        assert_eq!(
            (request.header("x-one"), request.body.as_slice()),
            (Some("1"), &b"body"[..])
        );
    }

    #[test]
    fn answers_can_break_off() {
        let broken = Answer::json("0123456789");
        let server = Server::script([
            broken.clone().ending(Ending::CloseAfter(4)),
            broken.ending(Ending::CloseAtOnce),
        ])
        .unwrap();
        assert!(get(&server.url("/")).is_err());
        assert!(get(&server.url("/")).is_err());
    }

    #[test]
    fn a_hanging_answer_ends_with_the_server() {
        let server = Server::script([Answer::json("12345").ending(Ending::HangAfter(2))]).unwrap();
        let url = server.url("/");
        let client = thread::spawn(move || get(&url).is_err());
        wait::until("request", PATIENCE, || server.requests().pop()).unwrap();
        drop(server);
        assert!(client.join().unwrap());
    }
}

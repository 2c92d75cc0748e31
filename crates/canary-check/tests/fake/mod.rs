//! A server on loopback that answers queries as Prometheus does, or does not.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    /// Requests and bad ones per 15 seconds, of each slot.
    Counters {
        baseline: (u64, u64),
        canary: (u64, u64),
    },
    Empty,
    NotANumber,
    Fractions,
    Warned,
    Refused(u16),
    Page(u16),
}

#[derive(Debug)]
pub(crate) struct Fake {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Fake {
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if seen.load(Ordering::SeqCst) {
                    return;
                }
                serve(stream.unwrap(), answer);
            }
        });
        Self {
            address,
            stopped,
            thread: Some(thread),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn serve(stream: TcpStream, answer: Answer) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap_or(0) > 2 {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).unwrap();
    let form = String::from_utf8(form).unwrap();
    let (status, body) = respond(&form, answer);
    let head = format!(
        "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let mut stream = reader.into_inner();
    // A client that went away is no concern of the server's.
    drop(stream.write_all(format!("{head}{body}").as_bytes()));
}

fn respond(form: &str, answer: Answer) -> (u16, String) {
    let canary = form.contains("v2");
    let bad = form.contains("500");
    match answer {
        Answer::Counters {
            baseline: (total, failed),
            canary: (canary_total, canary_failed),
        } => {
            let pick = match (canary, bad) {
                (false, false) => total,
                (false, true) => failed,
                (true, false) => canary_total,
                (true, true) => canary_failed,
            };
            (200, matrix(&values(pick, ""), ""))
        }
        Answer::Empty => (200, matrix("", "")),
        Answer::NotANumber => (200, matrix(&series("[[1,\"NaN\"]]"), "")),
        Answer::Fractions => (200, matrix(&series("[[1,\"0.25\"]]"), "")),
        Answer::Warned => (
            200,
            matrix(&values(40, ""), r#","warnings":["a store is down"]"#),
        ),
        Answer::Refused(status) => {
            let body = r#"{"status":"error","errorType":"execution","error":"many-to-many"}"#;
            (status, body.to_owned())
        }
        Answer::Page(status) => (status, "<html>sign in</html>".to_owned()),
    }
}

fn matrix(result: &str, more: &str) -> String {
    format!(r#"{{"status":"success","data":{{"resultType":"matrix","result":[{result}]}}{more}}}"#)
}

fn series(values: &str) -> String {
    format!(r#"{{"metric":{{"__name__":"requests_total","instance":"a"}},"values":{values}}}"#)
}

/// Samples every 15 seconds over the last 16 minutes.
fn values(step: u64, separator: &str) -> String {
    let newest = testkit::wait::now().unix_millis() / 15_000;
    let samples: Vec<String> = (0..64)
        .map(|at| {
            let seconds = (newest - 63 + at) * 15;
            let value = step * u64::try_from(at).unwrap() + 7;
            format!("[{seconds},\"{value}\"]")
        })
        .collect();
    series(&format!("[{}]{separator}", samples.join(",")))
}

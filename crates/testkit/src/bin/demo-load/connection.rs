//! One connection: it asks, waits for the answer, and asks again.

use std::io::BufReader;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use testkit::demo::{Counts, Stop};
use testkit::wait;
use testkit::wire::{self, Response};

const PATIENCE: Duration = Duration::from_secs(10);

/// Asks until it is over, at most once in each `pace`.
///
/// # Errors
///
/// Fails when `url` is no URL of the form `http://HOST:PORT/PATH`.
pub(crate) fn ask(url: &str, pace: Duration, stop: &Stop) -> Result<Counts> {
    let rest = url.strip_prefix("http://").context("not an http URL")?;
    let (host, path) = rest
        .find('/')
        .map_or((rest, "/"), |slash| rest.split_at(slash));
    let mut counts = Counts::default();
    let mut open = None;
    while !stop.is_over() {
        let start = Instant::now();
        match once(&mut open, host, path) {
            Ok(answer) => {
                counts.answer(
                    answer.header("x-version").unwrap_or("unknown"),
                    answer.status,
                );
            }
            Err(_) => {
                counts.failed += 1;
                open = None;
            }
        }
        wait::pause(pace.saturating_sub(start.elapsed()));
    }
    Ok(counts)
}

fn once(open: &mut Option<BufReader<TcpStream>>, host: &str, path: &str) -> Result<Response> {
    let mut reader = match open.take() {
        Some(reader) => reader,
        None => connect(host)?,
    };
    let headers = [("host", host)];
    wire::head(reader.get_mut(), &format!("GET {path} HTTP/1.1"), headers)?;
    let answer = wire::response(&mut reader)?;
    if answer.header("connection") != Some("close") {
        *open = Some(reader);
    }
    Ok(answer)
}

fn connect(host: &str) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(BufReader::new(stream))
}

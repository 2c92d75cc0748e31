//! Sends requests that are known to be answered badly, and waits until the
//! source counts them.

use std::time::Duration;

use liftlock::canary::probe::{Expected, Probe};
use liftlock::canary::record::Asked;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::time::Time;
use liftlock_io::cli::Session;
use liftlock_io::clock;
use liftlock_io::http::{Client, Limits, Options, Request};
use url::Url;

use crate::args::Probing;

/// An answer that is larger is not one of the application's.
const LIMITS: Limits = Limits {
    bytes: 1024 * 1024,
    timeout: Duration::from_secs(10),
};

/// Sends them one after the other; each has to be answered as expected.
pub(crate) fn send(asked: &Probing, session: &Session) -> Result<(Probe, Vec<Asked>), Failure> {
    let text = asked.probe.as_deref().unwrap_or_default();
    let url = address(text)?;
    let expected = asked.probe_status.unwrap_or(Expected::SERVER);
    let client = Client::new(&Options {
        ca_file: session.ca_file.clone(),
        timeout: session
            .remaining(LIMITS.timeout)
            .unwrap_or(Duration::from_secs(1)),
    })?;
    let from = clock::now();
    let mut answers = Vec::new();
    for _ in 0..asked.probe_count {
        session.check()?;
        let at = clock::now();
        let response = client.send(Request::get(url.clone()), LIMITS)?;
        if !expected.is(response.status) {
            let message = format!(
                "the probe was not bad: `{text}` was answered with {}, not with {expected}",
                response.status
            );
            return Err(Failure::new(Kind::Invalid, message)
                .with_hint("give an address that is known to fail, or `--probe-status`"));
        }
        answers.push(Asked {
            query: format!("GET {url}"),
            at,
            answer: Digest::of(&response.body),
        });
    }
    let sent = u64::from(asked.probe_count);
    let times: (Time, Time) = (from, clock::now());
    let probe = Probe::new((url.into(), expected), sent, times);
    Ok((probe, answers))
}

fn address(text: &str) -> Result<Url, Failure> {
    let refused = || {
        let message = format!("`{text}` is no address of HTTP without credentials");
        Failure::new(Kind::Usage, message)
    };
    let url: Url = text
        .parse()
        .map_err(|_not_url: url::ParseError| refused())?;
    let bare = url.username().is_empty() && url.password().is_none();
    let known = matches!(url.scheme(), "http" | "https") && url.host().is_some();
    (bare && known).then_some(url).ok_or_else(refused)
}

//! Asks a Prometheus server for raw counters; what they mean is asked of
//! `liftlock::prometheus`.

use std::time::Duration;

use liftlock::canary::Reason;
use liftlock::canary::record::Asked;
use liftlock::canary::sight::Blind;
use liftlock::config::target;
use liftlock::digest::Digest;
use liftlock::failure::{Explain, Kind};
use liftlock::prometheus::{self, Answer, Arms, Gathered, NotSelector, Selector, Window};
use liftlock::span::Span;
use liftlock::time::Time;
use url::Url;

use crate::env;
use crate::http::{self, Client, Limits, Method, Request};

/// The variable that holds a bearer token.
pub const TOKEN: &str = "LIFTLOCK_PROMETHEUS_TOKEN";

/// Width of a row where none is given.
const INTERVAL: Span = Span::seconds(15);

/// How far before a window the last sample of a living series may be: after
/// five minutes Prometheus itself calls a series stale.
const LOOKBACK: Span = Span::seconds(300);

/// The longest that a scrape takes until it can be seen.
const LAG: Span = Span::seconds(10);

const LIMITS: Limits = Limits {
    bytes: 64 * 1024 * 1024,
    timeout: Duration::from_secs(30),
};

/// Where the counts of two slots come from.
#[derive(Clone, Debug)]
pub struct Source {
    endpoint: Url,
    total: Selector,
    bad: Selector,
    interval: Span,
    baseline: Option<String>,
    canary: String,
}

/// One look.
#[derive(Clone, Debug, Default)]
pub struct Look {
    /// What was counted, and what hid it.
    pub gathered: Gathered,
    /// What was asked, and the digests of the answers that it was counted from.
    pub asked: Vec<Asked>,
    /// The server's idea of the time, as its answers' `Date` tells.
    pub date: Option<String>,
}

impl Source {
    /// A source for a canary, and for its baseline where there is one.
    ///
    /// # Errors
    ///
    /// Fails when the URL or a selector cannot be used, and when a selector
    /// could not tell the two slots apart.
    pub fn new(
        place: &target::Prometheus,
        baseline: Option<&str>,
        canary: &str,
    ) -> Result<Self, Error> {
        let selector = |field, text: &str| {
            text.parse::<Selector>()
                .map_err(|source| Error::Selector { field, source })
        };
        let source = Self {
            endpoint: endpoint(&place.url)?,
            total: selector("total", &place.total)?,
            bad: selector("bad", &place.bad)?,
            interval: place.interval.unwrap_or(INTERVAL),
            baseline: baseline.map(str::to_owned),
            canary: canary.to_owned(),
        };
        if source.interval < Span::seconds(1) {
            return Err(Error::Interval(source.interval));
        }
        let fields = [("total", &source.total), ("bad", &source.bad)];
        let blind = fields.into_iter().find(|(_, one)| !one.has_slot());
        match blind {
            Some((field, _)) if baseline.is_some() => Err(Error::NoSlot(field)),
            Some(_) | None => Ok(source),
        }
    }

    /// Width of a row.
    #[must_use]
    pub const fn interval(&self) -> Span {
        self.interval
    }

    /// What tells this source from others: the server, and what it is asked.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        let slots = self.baseline.iter().chain([&self.canary]);
        let mut told = vec![
            self.endpoint.to_string(),
            self.total.to_string(),
            self.bad.to_string(),
        ];
        told.extend(slots.cloned());
        told
    }

    /// The moment until which everything was scraped and can be seen: the
    /// best `to` for [`rows`].
    #[must_use]
    pub fn settled(&self, now: Time) -> Time {
        let lag = i64::try_from(self.interval.min(LAG).millis()).unwrap_or(0);
        Time::from_unix_millis(now.unix_millis().saturating_sub(lag)).unwrap_or(now)
    }
}

/// The counts between two moments, in rows that end at `from` plus whole
/// intervals. What hides the canary is a fault inside the answer; the same
/// `from` gives the same rows again, and more of them.
///
/// # Errors
///
/// Fails when the query, the credentials or the trusted authorities are wrong:
/// waiting would not help.
pub fn rows(client: &Client, source: &Source, from: Time, to: Time) -> Result<Look, Error> {
    let mut look = Look::default();
    let mut faults = Vec::new();
    let canary = arms(client, source, &source.canary, (from, to), &mut look);
    let canary = unseen(canary, &mut faults)?;
    let baseline = match &source.baseline {
        Some(slot) if faults.is_empty() => {
            let arms = arms(client, source, slot, (from, to), &mut look);
            Some(unseen(arms, &mut faults)?)
        }
        Some(_) | None => None,
    };
    if faults.is_empty() {
        let window = Window {
            from,
            to,
            interval: source.interval,
        };
        look.gathered = prometheus::gather(window, baseline.as_ref(), &canary)?;
    } else {
        look.gathered.faults = faults;
    }
    Ok(look)
}

/// Telemetry that cannot be reached or read is no sight, but no error either.
fn unseen(arms: Result<Arms, Error>, faults: &mut Vec<Blind>) -> Result<Arms, Error> {
    let error = match arms {
        Ok(arms) => return Ok(arms),
        Err(error) => error,
    };
    let reason = match &error {
        Error::Ask(cause) if cause.kind() == Kind::Upstream => Reason::Unreachable,
        Error::Answer(cause) if cause.kind() == Kind::Blind => Reason::Unreadable,
        Error::Ask(_)
        | Error::Answer(_)
        | Error::Count(_)
        | Error::Url(_)
        | Error::Clear(_)
        | Error::Secret
        | Error::Selector { .. }
        | Error::NoSlot(_)
        | Error::Interval(_) => return Err(error),
    };
    let lines = liftlock::failure::Failure::from(error).lines();
    faults.push(Blind::new(reason, lines.join(": ")));
    Ok(Arms::default())
}

fn arms(
    client: &Client,
    source: &Source,
    slot: &str,
    (from, to): (Time, Time),
    look: &mut Look,
) -> Result<Arms, Error> {
    let length = u64::try_from(to.millis_since(from)).unwrap_or(0);
    let span = Span::from_millis(length.saturating_add(LOOKBACK.millis()));
    let mut ask = |selector: &Selector| {
        let query = selector.query(slot, span);
        question(client, &source.endpoint, &query, to, look)
    };
    Ok(Arms {
        total: ask(&source.total)?,
        bad: ask(&source.bad)?,
    })
}

fn question(
    client: &Client,
    endpoint: &Url,
    query: &str,
    time: Time,
    look: &mut Look,
) -> Result<Answer, Error> {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("query", query)
        .append_pair("time", &time.to_string())
        .append_pair("timeout", "30s")
        .finish();
    let mut request = Request::new(Method::Post, endpoint.clone())
        .with_body("application/x-www-form-urlencoded", form.into_bytes());
    if let Some(token) = env::var(TOKEN) {
        if !keeps_secrets(endpoint) {
            return Err(Error::Clear(
                endpoint.host_str().unwrap_or_default().to_owned(),
            ));
        }
        request = request.with_header("authorization", format!("Bearer {token}"));
    }
    let response = client.send(request, LIMITS)?;
    look.date = response.header("date").map(str::to_owned);
    look.asked.push(Asked {
        query: query.to_owned(),
        at: time,
        answer: Digest::of(&response.body),
    });
    Ok(prometheus::parse(response.status, &response.body)?)
}

/// Whether nobody on the way can read what is sent: TLS, or this machine.
fn keeps_secrets(url: &Url) -> bool {
    let here = match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    };
    url.scheme() == "https" || here
}

fn endpoint(base: &str) -> Result<Url, Error> {
    let refused = || Error::Url(base.to_owned());
    let mut url: Url = base
        .parse()
        .map_err(|_not_url: url::ParseError| refused())?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(refused());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Error::Secret);
    }
    let path = format!("{}/api/v1/query", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// Nothing can be counted, and waiting would not help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not the address of a server.
    #[error("`{0}` is no http or https URL of a Prometheus server")]
    Url(String),
    /// A password in the URL would be printed and logged.
    #[error("the URL of Prometheus holds credentials")]
    Secret,
    /// A token would be sent where anybody on the way could read it.
    #[error("`{0}` is asked without TLS, and a token would be sent in the clear")]
    Clear(String),
    /// A selector that selects no counters.
    #[error("cannot use the selector `{field}`")]
    Selector {
        /// `total` or `bad`.
        field: &'static str,
        /// Why.
        source: NotSelector,
    },
    /// Canary and baseline would be the same.
    #[error(
        "the selector `{0}` does not hold `{{slot}}`, so canary and baseline would be the same"
    )]
    NoSlot(&'static str),
    /// Shorter than scrapes are.
    #[error("the interval `{0}` is shorter than a second")]
    Interval(Span),
    /// No exchange.
    #[error("cannot ask Prometheus")]
    Ask(#[from] http::Error),
    /// No answer.
    #[error("cannot use the answer of Prometheus")]
    Answer(#[from] prometheus::Error),
    /// No counts.
    #[error("cannot count what Prometheus answers")]
    Count(#[from] prometheus::Invalid),
}

impl Explain for Error {
    fn kind(&self) -> Kind {
        match self {
            Self::Url(_)
            | Self::Secret
            | Self::Clear(_)
            | Self::Selector { .. }
            | Self::NoSlot(_)
            | Self::Interval(_)
            | Self::Count(_) => Kind::Invalid,
            Self::Ask(cause) => cause.kind(),
            Self::Answer(cause) => cause.kind(),
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Secret => Some(format!("set `{TOKEN}` instead")),
            Self::Clear(_) => Some("give an https URL, or no token".to_owned()),
            Self::NoSlot(_) => {
                Some("put `{slot}` where the label's value differs between the slots".to_owned())
            }
            Self::Selector { source, .. } => source.hint(),
            Self::Ask(cause) => cause.hint(),
            Self::Answer(cause) => cause.hint(),
            Self::Count(cause) => cause.hint(),
            Self::Url(_) | Self::Interval(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(url: &str, total: &str) -> target::Prometheus {
        target::Prometheus {
            url: url.to_owned(),
            total: total.to_owned(),
            bad: "m{v=\"{slot}\",code=\"500\"}".to_owned(),
            interval: None,
        }
    }

    #[test]
    fn a_token_goes_only_where_nobody_on_the_way_can_read_it() {
        let cases = [
            ("https://prometheus.example/", true),
            ("http://127.0.0.1:9090/", true),
            ("http://[::1]:9090/", true),
            ("http://localhost:9090/", true),
            ("http://prometheus.example:9090/", false),
            ("http://10.0.0.1:9090/", false),
            ("http://localhost.example/", false),
        ];
        for (url, kept) in cases {
            assert_eq!(keeps_secrets(&url.parse().unwrap()), kept, "{url}");
        }
    }

    #[test]
    fn the_api_is_below_the_url() {
        let url = endpoint("https://metrics.example/team/?x=1#y").unwrap();
        assert_eq!(url.as_str(), "https://metrics.example/team/api/v1/query");
    }

    #[test]
    fn what_could_not_be_judged_is_refused_before_anything_is_asked() {
        let both = |url: &str, total: &str| {
            Source::new(&place(url, total), Some("v1"), "v2")
                .unwrap_err()
                .to_string()
        };
        let cases = [
            (
                both("ftp://a", "m{v=\"{slot}\"}"),
                "`ftp://a` is no http or https URL",
            ),
            (
                both("http://u:p@a", "m{v=\"{slot}\"}"),
                "the URL of Prometheus holds credentials",
            ),
            (
                both("http://a", "m"),
                "the selector `total` does not hold `{slot}`",
            ),
            (
                both("http://a", "rate(m[5m])"),
                "cannot use the selector `total`",
            ),
        ];
        for (found, expected) in cases {
            assert!(found.starts_with(expected), "{found}");
        }
        assert!(Source::new(&place("http://a", "m"), None, "").is_ok());
    }
}

//! Answers of sources of telemetry; the first letter says whose.

use liftlock::span::Span;
use liftlock::telemetry::exposition::{self, Format};
use liftlock::telemetry::influxdb::Dialect;
use liftlock::telemetry::{
    Answer, Arms, Counter, Error, Matcher, Memory, Window, cloudwatch, datadog, envoy, gather,
    graphite, haproxy, newrelic,
};
use liftlock::time::Time;

use super::Reach;

fn window() -> Option<Window> {
    Some(Window {
        from: Time::from_unix_millis(1_795_435_200_000).ok()?,
        to: Time::from_unix_millis(1_795_435_320_000).ok()?,
        interval: Span::seconds(60),
    })
}

pub(super) fn answer(bytes: &[u8], reach: Reach<'_>) {
    let (Some((letter, body)), Some(window)) = (bytes.split_first(), window()) else {
        return;
    };
    let (name, read) = match letter {
        b'o' => ("page", page(Format::OpenMetrics, body)),
        b't' => ("page", page(Format::Text, body)),
        b'h' => ("haproxy", table(body)),
        b'e' => ("envoy", stats(body)),
        b'd' => ("datadog", datadog::parse(200, body, window)),
        b'c' => ("cloudwatch", pages(body, window)),
        b'n' => ("newrelic", both(|| newrelic::parse(200, body, "bad"))),
        b'g' => (
            "graphite",
            both(|| graphite::parse(200, body, "bad", window)),
        ),
        b'i' => (
            "influxql",
            both(|| Dialect::InfluxQl.parse(200, body, "bad", window)),
        ),
        b'f' => (
            "flux",
            both(|| Dialect::Flux.parse(200, body, "bad", window)),
        ),
        _ => return,
    };
    let Ok(arms) = read else { return };
    reach(name);
    let Ok(seen) = gather(window, Some(&arms), &arms) else {
        return;
    };
    for row in seen.rows {
        reach("rows");
        assert!(row.canary.bad <= row.canary.total, "more bad than all");
        assert!(
            row.time > window.from && row.time <= window.to,
            "another row"
        );
    }
}

/// The same counter of all and of bad requests.
fn both(read: impl Fn() -> Result<Counter, Error>) -> Result<Arms, Error> {
    Ok(Arms {
        total: read()?,
        bad: read()?,
    })
}

/// What a look sees, kept as the first one of two.
fn kept(seen: [Vec<(std::collections::BTreeMap<String, String>, f64)>; 2]) -> Arms {
    let time = window().map_or(Time::EPOCH, |window| window.to);
    let [total, bad] = seen.map(|seen| {
        let mut memory = Memory::default();
        memory.learn(seen, time, Time::EPOCH);
        let answer: Answer = memory.answer();
        Counter::Polled(answer)
    });
    Arms { total, bad }
}

fn page(format: Format, body: &[u8]) -> Result<Arms, Error> {
    let total = Matcher::new("total", "m{a=~\".*{slot}\"}")?.about("v2")?;
    let bad = Matcher::new("bad", "{__name__!=\"n\",c!~\"2..\"}")?.about("v2")?;
    exposition::parse(200, format, body, [&total, &bad]).map(kept)
}

fn table(body: &[u8]) -> Result<Arms, Error> {
    let total = haproxy::Query::new("total", "be/{slot}/stot")?.about("total", "v2")?;
    let bad = haproxy::Query::new("bad", "be/{slot}/hrsp_5xx+econ")?.about("bad", "v2")?;
    haproxy::parse(200, body, [&total, &bad]).map(kept)
}

fn stats(body: &[u8]) -> Result<Arms, Error> {
    let total = envoy::Query::new("total", "cluster.{slot}.upstream_rq_total")?.about("v2")?;
    let bad = envoy::Query::new("bad", "cluster.{slot}.upstream_rq_5xx")?.about("v2")?;
    envoy::parse(200, body, [&total, &bad]).map(kept)
}

fn pages(body: &[u8], window: Window) -> Result<Arms, Error> {
    cloudwatch::arms(&[cloudwatch::page(200, body)?], window)
}

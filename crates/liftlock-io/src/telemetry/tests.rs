use super::*;

fn place(url: &str, total: &str) -> Counters {
    Counters {
        url: url.to_owned(),
        total: total.to_owned(),
        bad: "m{v=\"{slot}\",code=\"500\"}".to_owned(),
        ..Counters::default()
    }
}

#[test]
fn what_could_not_be_judged_is_refused_before_anything_is_asked() {
    let both = |url: &str, total: &str| {
        Source::new(Provider::Prometheus, &place(url, total), Some("v1"), "v2")
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
            "the URL of the source holds credentials",
        ),
        (
            both("http://a", "m"),
            "the query `total` does not hold `{slot}`",
        ),
        (
            both("http://a", "rate(m[5m])"),
            "cannot count with prometheus",
        ),
    ];
    for (found, expected) in cases {
        assert!(found.starts_with(expected), "{found}");
    }
    let same = place("http://a", "m{v=\"{slot}\"}");
    let same = Source::new(Provider::Prometheus, &same, Some("v1"), "v1");
    assert!(matches!(same, Err(Error::SameSlot(_))));
    let alone = Source::new(Provider::Prometheus, &place("http://a", "m"), None, "");
    assert!(alone.is_ok());
}

#[test]
fn each_vendor_says_what_it_cannot_count() {
    let refused = |provider, url: &str, total: &str, bad: &str, canary: &str| {
        let counters = Counters {
            url: url.to_owned(),
            total: total.to_owned(),
            bad: bad.to_owned(),
            ..Counters::default()
        };
        let error = Source::new(provider, &counters, Some("v1"), canary).unwrap_err();
        let lines = liftlock::failure::Failure::from(error).lines();
        lines.join(": ")
    };
    let dog = "sum:web.hits{v:{slot}}.as_count()";
    let nrql = "SELECT count(*) FROM T WHERE v = '{slot}'";
    #[rustfmt::skip]
    let cases = [
        (refused(Provider::Datadog, "https://a", "sum:m{*}", dog, "v2"), "`.as_count()`"),
        (refused(Provider::Datadog, "https://a", dog, dog, "v2} or"), "the slot `v2} or` cannot"),
        (refused(Provider::CloudWatch, "eu-west-1", "m", "m", "v2"), "is no metric such as"),
        (refused(Provider::NewRelic, "https://a", nrql, nrql, "v2"), "does not name an account"),
        (refused(Provider::NewRelic, "https://a?account=1", nrql, nrql, "v2'"), "no quotes"),
        (refused(Provider::Graphite, "https://a", "a.{slot}", "b.{slot}", "v2.x"), "the slot `v2.x`"),
        (refused(Provider::InfluxDb, "https://a", "a", "b", "v2"), "names neither a database"),
        (refused(Provider::InfluxDb, "https://a?db=x", "a", "b", "v2"), "where the time goes"),
        (refused(Provider::OpenMetrics, "https://a", "rate(m[5m])", "m", "v2"), "is no selector"),
        (refused(Provider::OpenMetrics, "http://{slot}/m", "m", "m", "a/b"), "cannot stand in a URL"),
        (refused(Provider::OpenMetrics, "http://{slot}/m", "m", "m", "u@b"), "cannot stand in a URL"),
        (refused(Provider::Haproxy, "/run/x", "be/{slot}/scur", "m", "v2"), "counts no requests"),
        (refused(Provider::Envoy, "http://a", "c.{slot}.x", "c.{slot}.y", "v\n2"), "the slot `v 2`"),
        (refused(Provider::Envoy, "http://a", "c.{slot}.x", "c.y", "v2"), "the query `bad` does not hold"),
    ];
    for (found, expected) in cases {
        assert!(found.contains(expected), "{found} / {expected}");
    }
}

#[test]
fn rows_begin_where_a_vendor_cuts_its_intervals() {
    let at = |millis: i64| Time::from_unix_millis(millis).unwrap();
    let counters = Counters {
        url: "https://a".to_owned(),
        total: "a.{slot}".to_owned(),
        bad: "b.{slot}".to_owned(),
        ..Counters::default()
    };
    let graphite = Source::new(Provider::Graphite, &counters, Some("v1"), "v2").unwrap();
    assert_eq!(graphite.begin(at(60_000)), at(60_000));
    assert_eq!(graphite.begin(at(60_001)), at(120_000));
    assert_eq!(graphite.settled(at(100_000)), at(85_000));
    let selectors = place("http://a", "m{v=\"{slot}\"}");
    let prometheus = Source::new(Provider::Prometheus, &selectors, Some("v1"), "v2").unwrap();
    assert_eq!(prometheus.begin(at(60_001)), at(60_001));
    let tenant = Counters {
        tenant: Some("a".to_owned()),
        ..counters
    };
    let refused = Source::new(Provider::Graphite, &tenant, Some("v1"), "v2");
    assert!(matches!(refused, Err(Error::Tenant(_))));
}

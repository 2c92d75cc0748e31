use super::super::alerting::{Alerting, Burn};
use super::super::indicator::{Form, Indicator, Op, Part, Query, Source};
use super::super::objective::Budgeting;
use super::super::target::{Share, Target};
use super::super::window::{Calendar, Unit, Window};
use super::super::{Format, Labels, parse};
use super::*;
use crate::span::Span;

fn slo(indicator: Indicator) -> Slo {
    Slo {
        format: Format::OpenSloV1,
        name: "up".to_owned(),
        service: "shop".to_owned(),
        description: "stays up: \"always\"\nor so".to_owned(),
        labels: Labels::from([("a/b".to_owned(), "true".to_owned())]),
        indicator,
        grouping: Vec::new(),
        target: Target::from_ratio("0.999999999").unwrap(),
        window: Window::Rolling(Span::seconds(28 * 86_400)),
        budgeting: Budgeting::Occurrences,
        alerting: Alerting::default(),
    }
}

fn share(source: Source) -> Indicator {
    Indicator::Share {
        part: Part::Bad,
        query: Query {
            source,
            text: "sum(\n  rate(e[{{.window}}])\n)\n".to_owned(),
        },
    }
}

fn again(text: &str) -> Vec<Slo> {
    let found = parse(text.as_bytes()).unwrap_or_else(|refused| panic!("{refused}\n{text}"));
    let count = found.len();
    let slos: Vec<Slo> = found.into_iter().filter_map(Found::slo).collect();
    assert_eq!(slos.len(), count, "{text}");
    slos
}

/// What is written of an objective, which has to lose nothing.
fn whole(slo: &Slo) -> Vec<Slo> {
    let imported = import(&[Found::Slo(Box::new(slo.clone()))]);
    assert_eq!(imported.lost, Vec::new());
    again(&imported.text)
}

#[test]
fn what_cannot_be_written_is_named() {
    let mut grouped = slo(share(Source::Prometheus));
    grouped.grouping = vec!["handler".to_owned()];
    grouped.alerting.name = Some("Burns".to_owned());
    let imported = import(&[Found::Slo(Box::new(grouped.clone()))]);
    let why: Vec<&str> = imported.lost.iter().map(|lost| lost.why.as_str()).collect();
    assert_eq!(why.len(), 2, "{why:?}");
    assert!(why[0].contains("labels, annotations") && why[1].contains("each value of a label"));
    let mut short = grouped;
    short.window = Window::Rolling(Span::seconds(90));
    let imported = import(&[Found::Slo(Box::new(short))]);
    assert_eq!((imported.text.as_str(), imported.written.len()), ("", 0));
    assert!(imported.lost[0].why.contains("seconds"));
}

#[test]
fn every_indicator_reads_the_same_again() {
    let query = Query::prometheus;
    for indicator in [
        share(Source::Prometheus),
        share(Source::Other("newrelic".to_owned())),
        Indicator::Ratio {
            part: Part::Bad,
            form: Form::Counter,
            events: query("e{c=~\"5..\"}"),
            total: query("t"),
        },
        Indicator::Ratio {
            part: Part::Good,
            form: Form::Amount,
            events: query("g[{{.window}}]"),
            total: query("t[{{.window}}]"),
        },
        Indicator::Latency {
            within: query("m_bucket{le=\"0.05\"}"),
            total: query("m_count"),
            bound: "0.05".to_owned(),
        },
        Indicator::Threshold {
            query: query("histogram_quantile(0.9, x)"),
            op: Op::Lt,
            limit: 0.1,
        },
    ] {
        let slo = slo(indicator);
        assert_eq!(whole(&slo), [slo]);
    }
}

#[test]
fn windows_slices_and_conditions_read_the_same_again() {
    let mut slo = slo(share(Source::Prometheus));
    slo.window = Window::Calendar(Calendar {
        count: 3,
        unit: Unit::Month,
        start: "2026-01-01 00:00:00".to_owned(),
        zone: "Europe/Berlin".to_owned(),
    });
    slo.budgeting = Budgeting::Timeslices {
        target: Share::from_ratio("1").unwrap(),
        window: Span::seconds(90),
    };
    slo.alerting.burns = vec![
        Burn {
            name: "fast".to_owned(),
            severity: "page".to_owned(),
            op: Op::Gte,
            threshold: 14.4,
            lookback: Span::seconds(3600),
            after: Span::ZERO,
        },
        Burn {
            name: String::new(),
            severity: String::new(),
            op: Op::Gt,
            threshold: 1e300,
            lookback: Span::from_millis(1),
            after: Span::seconds(300),
        },
    ];
    assert_eq!(whole(&slo), [slo.clone()]);
    slo.budgeting = Budgeting::RatioTimeslices {
        window: Span::seconds(60),
    };
    assert_eq!(whole(&slo), [slo]);
}

#[test]
fn a_name_is_written_once() {
    let found = Found::Slo(Box::new(slo(share(Source::Prometheus))));
    let imported = import(&[found.clone(), found]);
    assert_eq!(imported.written, ["up"]);
    assert!(imported.lost[0].why.contains("that name"));
    assert_eq!(again(&imported.text).len(), 1);
}

/// A template with this query, conditions and limits.
fn template(query: &str, rest: &str) -> Imported {
    let text = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {{name: t}}\nspec:\n  \
         metrics:\n  - name: m\n    provider: {{prometheus: {{query: '{query}'}}}}\n    {rest}\n"
    );
    import(&parse(text.as_bytes()).unwrap())
}

#[test]
fn a_limit_on_a_quotient_is_a_promise() {
    for (rest, part, target) in [
        ("successCondition: result[0] >= 0.95", Part::Good, "95%"),
        ("failureCondition: result[0] > 0.01", Part::Bad, "99%"),
    ] {
        let imported = template("a / b", rest);
        let [slo] = again(&imported.text).try_into().unwrap();
        assert!(matches!(slo.indicator, Indicator::Share { part: found, .. } if found == part));
        assert_eq!(
            (slo.name.as_str(), slo.target.to_string().as_str()),
            ("t-m", target)
        );
        assert!(
            imported
                .lost
                .iter()
                .any(|lost| lost.why.contains("28d was written"))
        );
    }
}

#[test]
fn a_limit_on_a_value_needs_a_share_of_measurements() {
    let rest =
        "successCondition: result[0] < 0.5\n    interval: 1m\n    count: 4\n    failureLimit: 1";
    let imported = template("q", rest);
    let [slo] = again(&imported.text).try_into().unwrap();
    assert_eq!(slo.target.to_string(), "75%");
    assert!(matches!(
        slo.indicator,
        Indicator::Threshold { op: Op::Lt, .. }
    ));
    let none = template("q", "successCondition: result[0] < 0.5");
    assert_eq!(none.written.len(), 0);
    assert!(none.lost[0].why.contains("100 %"), "{:?}", none.lost);
    let two = template("a / b", "successCondition: result[0] < 1 || result[0] > 2");
    assert!(
        two.lost[0].why.contains("not one comparison"),
        "{:?}",
        two.lost
    );
}

//! Objectives of others as metrics: their queries without what adds them up.
//!
//! Raw samples are counted here, so of `sum(rate(SELECTOR[5m]))` the selector
//! is taken, and a query of which no selector can be taken exactly is named.

use super::file::BadMetrics;
use super::{Counts, Wanted};
use crate::canary::Against;
use crate::canary::metric::Metric;
use crate::name::Name;
use crate::percent::Percent;
use crate::slo::{
    self, Budgeting, Form, Found, Indicator, Op, Part, Query, Slo, Source, counted, difference,
    quantile,
};
use crate::telemetry::matcher::Matcher;
use crate::telemetry::question::Question;

/// What the queries of objectives lack.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    /// The label whose value is the slot, where a selector does not say where
    /// the slot is.
    pub slot_label: Option<&'a str>,
    /// What the canary is held against: without a baseline each objective is
    /// held against its own target.
    pub against: Against,
}

const SLOT: &str = "{slot}";

/// The metrics of a file of objectives, each decisive.
///
/// # Errors
///
/// Fails where the file is none, and with every objective in it that cannot be
/// judged: what nobody judges would count as healthy.
pub(super) fn objectives(bytes: &[u8], reading: Reading<'_>) -> Result<Vec<Wanted>, BadMetrics> {
    let found = slo::parse(bytes)?;
    let mut wanted = Vec::new();
    let mut refused = Vec::new();
    for one in found {
        match one {
            Found::Slo(slo) => match metric(&slo, reading) {
                Ok(metric) => wanted.push(metric),
                Err(why) => refused.push(format!("objective `{}` {why}", slo.name)),
            },
            Found::Analysis(analysis) => {
                let name = &analysis.name;
                refused.push(format!("`{name}` is a metric of an analysis, no objective"));
            }
            // They say when people are called.
            Found::Windows(_) => {}
            Found::Skipped(skipped) => {
                refused.push(format!("{} cannot be run: {}", skipped.what, skipped.why));
            }
        }
    }
    match (refused.is_empty(), wanted.is_empty()) {
        (false, _) => Err(BadMetrics::Objectives(refused.join("; "))),
        (true, true) => Err(BadMetrics::Objectives("there is none".to_owned())),
        (true, false) => Ok(wanted),
    }
}

fn metric(slo: &Slo, reading: Reading<'_>) -> Result<Wanted, String> {
    let name: Name = slo
        .name
        .to_lowercase()
        .parse()
        .map_err(|error| format!("has no name that a metric can have: {error}"))?;
    if let Some(label) = slo.grouping.first() {
        return Err(format!("holds for each value of `{label}` by itself"));
    }
    let (counts, own) = counts(&slo.indicator, reading.slot_label)?;
    let against = match reading.against {
        Against::Baseline => None,
        Against::Slo(_) => Some(promised(slo, own)?),
    };
    Ok(Wanted {
        metric: Metric {
            against,
            ..Metric::new(name)
        },
        counts,
        by: Vec::new(),
    })
}

/// The share of good events that an objective promises of each moment.
fn promised(slo: &Slo, own: Option<Percent>) -> Result<Against, String> {
    let share = match (own, slo.budgeting) {
        (Some(own), _) => own,
        (None, Budgeting::Occurrences) => {
            let target = slo.target.share();
            let percent = format!("{target}").parse::<Percent>();
            percent.map_err(|_too_fine| {
                format!("promises {target}: without a baseline it has to be whole hundredths of a percent")
            })?
        }
        (None, Budgeting::Timeslices { .. } | Budgeting::RatioTimeslices { .. }) => {
            let why = "promises a share of time slices, which needs a baseline here";
            return Err(why.to_owned());
        }
    };
    Against::slo(share).map_err(|error| error.to_string())
}

/// What is counted, and the share that the indicator itself promises.
fn counts(
    indicator: &Indicator,
    slot_label: Option<&str>,
) -> Result<(Counts, Option<Percent>), String> {
    let place = |field, text: &str| selector(field, text, slot_label);
    match indicator {
        Indicator::Ratio {
            part,
            form,
            events,
            total,
        } => {
            let all = place("total", taken(total, *form)?)?;
            Ok((ratio((*part, *form), events, (all, slot_label))?, None))
        }
        Indicator::Latency { within, total, .. } => {
            let total = place("total", taken(total, Form::Counter)?)?;
            let good = place("good", taken(within, Form::Counter)?)?;
            Ok((Counts::Good(Question::new(total, good)), None))
        }
        Indicator::Threshold { query, op, limit } => {
            let (counts, share) = slow(query, (*op, *limit), slot_label)?;
            Ok((counts, Some(share)))
        }
        Indicator::Share { query, .. } => {
            prometheus(query)?;
            Err("measures a share, of which no counts can be taken".to_owned())
        }
    }
}

fn ratio(
    (part, form): (Part, Form),
    events: &Query,
    (total, slot_label): (Matcher, Option<&str>),
) -> Result<Counts, String> {
    let place = |field, text: &str| selector(field, text, slot_label);
    // Bad ones as all without the good ones, as latencies are often written.
    let rest = difference(&events.text).filter(|_| part == Part::Bad);
    if let Some((all, good)) = rest {
        let all = place("bad", read(all, form)?)?;
        if !all.is_same(&total) {
            return Err("takes good events from others than all of them".to_owned());
        }
        let good = place("good", read(good, form)?)?;
        return Ok(Counts::Good(Question::new(total, good)));
    }
    let text = taken(events, form)?;
    Ok(match part {
        Part::Good => Counts::Good(Question::new(total, place("good", text)?)),
        Part::Bad => Counts::Bad(Question::new(total, place("bad", text)?)),
    })
}

/// A quantile within a limit: that share of requests is within it. The limit
/// has to be an edge of the histogram, or nothing is seen.
fn slow(
    query: &Query,
    (op, limit): (Op, f64),
    slot_label: Option<&str>,
) -> Result<(Counts, Percent), String> {
    prometheus(query)?;
    let other = "compares a value that is no quantile of a histogram, of which nothing is counted";
    let (share, buckets) = quantile(&query.text).ok_or(other)?;
    if !matches!(op, Op::Lt | Op::Lte) {
        return Err("is good above its limit, which no bucket counts".to_owned());
    }
    let share = share.parse::<Percent>();
    let share = share.map_err(|_not_share| "has a quantile that is no plain share".to_owned())?;
    let buckets = read(buckets, Form::Amount)?;
    let all = selector("total", buckets, slot_label)?;
    let taken = || "selects buckets by their bound".to_owned();
    let total = all.clone().with("le", "+Inf").ok_or_else(taken)?;
    let good = all.like("le", &bounds(limit)).ok_or_else(taken)?;
    let counts = Counts::Good(Question::new(total, good));
    Ok((counts, share))
}

/// An expression for a bound however the histogram writes it: `1` or `1.0`.
fn bounds(limit: f64) -> String {
    let text = regex_lite::escape(&format!("{limit}"));
    match limit.fract() {
        0.0 => format!("{text}|{text}\\.0"),
        _ => text,
    }
}

fn prometheus(query: &Query) -> Result<(), String> {
    match &query.source {
        Source::Prometheus => Ok(()),
        Source::Other(name) => Err(format!("asks {name}, not Prometheus")),
    }
}

fn taken(query: &Query, form: Form) -> Result<&str, String> {
    prometheus(query)?;
    read(&query.text, form)
}

fn read(text: &str, form: Form) -> Result<&str, String> {
    let found = counted(text)?;
    match (form, found.rises) {
        (Form::Counter, _) | (Form::Amount, true) => Ok(found.selector),
        (Form::Amount, false) => {
            Err("takes a value as it stands, not what a counter rose by".to_owned())
        }
    }
}

/// A selector that tells slots apart.
fn selector(field: &'static str, text: &str, slot_label: Option<&str>) -> Result<Matcher, String> {
    let matcher = Matcher::new(field, text).map_err(|error| error.to_string())?;
    if matcher.has_slot() {
        return Ok(matcher);
    }
    let Some(label) = slot_label else {
        let why = "does not say where the slot is: give `--slot-label`, or write `{slot}`";
        return Err(why.to_owned());
    };
    let found = matcher.with(label, SLOT);
    found.ok_or_else(|| format!("selects by `{label}` already: write `{{slot}}` there"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::span::Span;
    use crate::telemetry::several::{Slots, parse};

    fn openslo(sli: &str, objective: &str) -> String {
        format!(
            "apiVersion: openslo/v1\nkind: SLO\nmetadata: {{ name: up }}\nspec:\n  service: shop\n  \
             indicator: {{ metadata: {{ name: up }}, spec: {{ {sli} }} }}\n  \
             timeWindow: [{{ duration: 28d, isRolling: true }}]\n  budgetingMethod: Occurrences\n  \
             objectives: [{{ {objective} }}]\n"
        )
    }

    fn query(text: &str) -> String {
        let text = text.replace('\'', "''");
        format!("{{ metricSource: {{ type: Prometheus, spec: {{ query: '{text}' }} }} }}")
    }

    fn ratio(part: &str, events: &str, total: &str) -> String {
        let (events, total) = (query(events), query(total));
        format!("ratioMetric: {{ counter: true, {part}: {events}, total: {total} }}")
    }

    fn read(text: &str, against: Against) -> Result<Vec<Wanted>, BadMetrics> {
        let reading = Reading {
            slot_label: Some("version"),
            against,
        };
        parse(text, reading)
    }

    fn asked(text: &str) -> Vec<String> {
        let slots = Slots {
            baseline: Some("v1"),
            canary: "v2",
        };
        let wanted = read(text, Against::Baseline).unwrap();
        let mut queries = wanted[0].queries(slots, Span::seconds(1));
        for query in &mut queries {
            *query = query.replace(r#"version=~"(?:v1|v2)""#, "SLOTS");
        }
        queries
    }

    fn why(text: &str, against: Against) -> String {
        read(text, against).unwrap_err().to_string()
    }

    #[test]
    fn objectives_become_selectors_with_the_slot() {
        let bad = ratio("bad", r#"m{code=~"5.."}"#, "m");
        assert_eq!(asked(&openslo(&bad, "target: 0.99")), ["m{SLOTS}[1000ms]"]);
        let good = ratio("good", "sum(rate(n[5m]))", "sum(rate(m[5m]))");
        let text = openslo(&good, "target: 0.99");
        assert_eq!(asked(&text), ["m{SLOTS}[1000ms]", "n{SLOTS}[1000ms]"]);
        let own = ratio("bad", r#"m{code=~"5..",v="{slot}"}"#, r#"m{v="{slot}"}"#);
        let asked_own = asked(&openslo(&own, "target: 0.99"));
        assert_eq!(asked_own, [r#"m{v=~"(?:v1|v2)"}[1000ms]"#]);
        // Slow ones as all but the quick ones, as Sloth's examples have it.
        let slow = "(sum(rate(m_count[5m])) - sum(rate(m_bucket{le=\"0.5\"}[5m])))";
        let text = openslo(
            &ratio("bad", slow, "sum(rate(m_count[5m]))"),
            "target: 0.99",
        );
        let expected = [
            "m_count{SLOTS}[1000ms]",
            "m_bucket{le=\"0.5\",SLOTS}[1000ms]",
        ];
        assert_eq!(asked(&text), expected);
        let quantile = query("histogram_quantile(0.9, sum by (le) (rate(m_bucket[5m])))");
        let text = openslo(
            &format!("thresholdMetric: {quantile}"),
            "op: lte, value: 1, target: 0.99",
        );
        let expected = [
            "m_bucket{SLOTS,le=\"+Inf\"}[1000ms]",
            "m_bucket{SLOTS,le=~\"1|1\\\\.0\"}[1000ms]",
        ];
        assert_eq!(asked(&text), expected);
    }

    #[test]
    fn without_a_baseline_each_is_held_against_its_own_target() {
        let slo = |share: &str| Against::slo(share.parse().unwrap()).unwrap();
        let against = |text: &str| read(text, slo("99%")).unwrap()[0].metric.against;
        let bad = ratio("bad", "n", "m");
        assert_eq!(
            against(&openslo(&bad, "target: 0.9995")),
            Some(slo("99.95%"))
        );
        let quantile = query("histogram_quantile(0.9, sum by (le) (rate(m_bucket[5m])))");
        let text = openslo(
            &format!("thresholdMetric: {quantile}"),
            "op: lt, value: 0.5, target: 0.99",
        );
        assert_eq!(against(&text), Some(slo("90%")));
        let fine = openslo(&bad, "target: 0.99999");
        assert!(why(&fine, slo("99%")).contains("promises 99.999%"));
        assert_eq!(
            read(&fine, Against::Baseline).unwrap()[0].metric.against,
            None
        );
        let slices = openslo(
            &bad,
            "target: 0.99, timeSliceTarget: 0.9, timeSliceWindow: 1m",
        )
        .replace("Occurrences", "Timeslices");
        assert!(why(&slices, slo("99%")).contains("share of time slices"));
    }

    #[test]
    fn what_cannot_be_judged_is_named_with_the_reason() {
        let threshold = |text: &str, op: &str| {
            let metric = format!("thresholdMetric: {}", query(text));
            openslo(&metric, &format!("op: {op}, value: 1, target: 0.99"))
        };
        let one = |sli: String| openslo(&sli, "target: 0.99");
        let amount = ratio("bad", "n", "m").replace("counter: true, ", "");
        let raw = format!("ratioMetric: {{ raw: {}, rawType: failure }}", query("r"));
        let elsewhere = ratio("bad", "n", "m").replace("Prometheus", "Datadog");
        for (text, expected) in [
            (one(ratio("bad", "irate(n[5m])", "m")), "calls `irate`"),
            (one(ratio("bad", "a + b", "m")), "no sum over one selector"),
            (one(ratio("bad", "m - n", "o")), "from others than all"),
            (
                one(ratio("bad", "n", r#"m{version="v1"}"#)),
                "selects by `version` already",
            ),
            (one(amount), "a value as it stands"),
            (one(raw), "measures a share"),
            (one(elsewhere), "asks datadog"),
            (threshold("avg(m)", "lte"), "no quantile of a histogram"),
            (
                threshold("histogram_quantile(0.9, rate(b[5m]))", "gt"),
                "good above its limit",
            ),
            (
                threshold("histogram_quantile(x, rate(b[5m]))", "lt"),
                "no plain share",
            ),
        ] {
            let found = why(&text, Against::Baseline);
            assert!(
                found.starts_with("not all of it can be judged: objective `up` "),
                "{found}"
            );
            assert!(found.contains(expected), "{found}");
        }
        let two = one(ratio("bad", "n", "m"))
            + "---\n"
            + &one(ratio("bad", "abs(n)", "m")).replace("name: up }\nspec", "name: other }\nspec");
        assert!(why(&two, Against::Baseline).contains("objective `other` calls `abs`"));
        assert!(
            why("apiVersion: v1\nkind: Pod\n", Against::Baseline).contains("no file of objectives")
        );
        let nowhere = Reading {
            slot_label: None,
            against: Against::Baseline,
        };
        let found = parse(&one(ratio("bad", "n", "m")), nowhere)
            .unwrap_err()
            .to_string();
        assert!(found.contains("give `--slot-label`"), "{found}");
    }
}

//! PromQL for an objective: how many events there were, and which share of
//! them was bad.

use crate::failure::{Explain, Kind};
use crate::slo::{Budgeting, Form, Indicator, Part, Query, Slo, Source};
use crate::span::Span;

use super::budget::Budget;
use super::tier::Tier;

/// Digits of a threshold: more than a double holds.
const PLACES: usize = 20;

/// Drops `NaN`, which compares with nothing, and keeps every number.
const NUMBERS: &str = ">= -Inf";

/// The queries of one objective.
#[derive(Clone, Debug)]
pub struct Queries<'slo> {
    grouping: &'slo [String],
    count: Count<'slo>,
}

/// What an event is, and how the bad ones are found.
#[derive(Clone, Debug)]
enum Count<'slo> {
    /// Whatever two queries count.
    Pair(Pair<'slo>),
    /// Nobody knows; one query gives a share of events.
    Share(Part, &'slo Query),
    /// One evaluation of this query, 1 or 0 or between: how bad it is. The
    /// step is empty for that of the server.
    Slices { bad: String, step: String },
}

#[derive(Clone, Copy, Debug)]
struct Pair<'slo> {
    part: Part,
    form: Form,
    events: &'slo Query,
    total: &'slo Query,
}

impl<'slo> Queries<'slo> {
    /// The queries of an objective.
    ///
    /// # Errors
    ///
    /// Fails when somebody else than Prometheus answers, and when a value that
    /// is compared with a limit depends on the window.
    pub fn new(slo: &'slo Slo) -> Result<Self, NoQuery> {
        for query in slo.indicator.queries() {
            if query.source != Source::Prometheus {
                return Err(NoQuery::Source(query.source.clone()));
            }
        }
        let occurrences = Self {
            grouping: &slo.grouping,
            count: occurrences(&slo.indicator)?,
        };
        let (bad, step) = match slo.budgeting {
            Budgeting::Occurrences => return Ok(occurrences),
            Budgeting::RatioTimeslices { window } => {
                let ratio = occurrences.error_ratio(window);
                (format!("({ratio}) {NUMBERS}"), window.to_string())
            }
            Budgeting::Timeslices { target, window } => {
                let (ratio, most) = (occurrences.error_ratio(window), target.rest().ratio());
                let bad = format!("(({ratio}) {NUMBERS}) > bool {most}");
                (bad, window.to_string())
            }
        };
        let count = Count::Slices { bad, step };
        Ok(Self {
            count,
            ..occurrences
        })
    }

    /// All events of a window; nothing where only their share is known. A
    /// query that its file gives as an amount may as well be a rate.
    #[must_use]
    pub fn total(&self, window: Span) -> Option<String> {
        match &self.count {
            Count::Pair(pair) => Some(self.amount(pair.form, "increase", pair.total, window)),
            Count::Share(..) => None,
            Count::Slices { bad, step } => {
                Some(format!("count_over_time(({bad})[{window}:{step}])"))
            }
        }
    }

    /// The events of a window that the objective counts, good or bad, like
    /// [`total`](Self::total): to be read beside it, without a difference of
    /// reals.
    #[must_use]
    pub fn events(&self, window: Span) -> Option<(Part, String)> {
        match &self.count {
            Count::Pair(pair) => {
                let [events, _] = self.amounts(*pair, "increase", window);
                Some((pair.part, events))
            }
            Count::Share(..) => None,
            Count::Slices { .. } => Some((Part::Bad, self.bad(window)?)),
        }
    }

    /// The bad events of a window, like [`total`](Self::total).
    #[must_use]
    pub fn bad(&self, window: Span) -> Option<String> {
        match &self.count {
            Count::Pair(pair) => {
                let [events, total] = self.amounts(*pair, "increase", window);
                Some(match pair.part {
                    Part::Bad => events,
                    Part::Good => format!("({total}) - ({events})"),
                })
            }
            Count::Share(..) => None,
            Count::Slices { bad, step } => Some(format!("sum_over_time(({bad})[{window}:{step}])")),
        }
    }

    /// The share of bad events in a window, 0 to 1; no number without events.
    #[must_use]
    pub fn error_ratio(&self, window: Span) -> String {
        match &self.count {
            Count::Pair(pair) => {
                let [events, total] = self.amounts(*pair, "rate", window);
                match pair.part {
                    Part::Bad => format!("({events}) / ({total})"),
                    Part::Good => format!("1 - (({events}) / ({total}))"),
                }
            }
            Count::Share(Part::Bad, query) => query.over(window),
            Count::Share(Part::Good, query) => format!("1 - ({})", query.over(window)),
            Count::Slices { bad, step } => format!("avg_over_time(({bad})[{window}:{step}])"),
        }
    }

    /// A query that has a value where one of the tiers fires; nothing without
    /// tiers, or with a factor that has no place in a query. Where it is
    /// certain that events are counted, the long window needs `minimum`.
    ///
    /// Prometheus compares reals: exactly at the factor it may fire where
    /// [`Tier::judge`] does not.
    #[must_use]
    pub fn fires(&self, tiers: &[Tier], budget: Budget, minimum: u64) -> Option<String> {
        let fires = |tier: &Tier| {
            let threshold = tier.threshold(budget)?.decimal(PLACES);
            let burns = |window| format!("(({}) > {threshold})", self.error_ratio(window));
            let both = format!("{} and {}", burns(tier.short), burns(tier.long));
            Some(match self.counted(tier.long).filter(|_| minimum > 1) {
                Some(count) => format!("({both} and (({count}) >= {minimum}))"),
                None => format!("({both})"),
            })
        };
        let all: Option<Vec<String>> = tiers.iter().map(fires).collect();
        let all = all.filter(|all| !all.is_empty());
        all.map(|all| all.join(" or "))
    }

    /// All events, where that is certainly a number of events.
    fn counted(&self, window: Span) -> Option<String> {
        match &self.count {
            Count::Pair(pair) if pair.form == Form::Amount => None,
            Count::Pair(_) | Count::Share(..) | Count::Slices { .. } => self.total(window),
        }
    }

    /// Good or bad events, and all. Series of errors are born with the first
    /// error, those of good events with the first good one: until then they
    /// are 0 where there are events at all.
    fn amounts(&self, pair: Pair<'_>, function: &str, window: Span) -> [String; 2] {
        let events = self.amount(pair.form, function, pair.events, window);
        let total = self.amount(pair.form, function, pair.total, window);
        match pair.form {
            Form::Counter => [format!("{events} or 0 * {total}"), total],
            Form::Amount => [events, total],
        }
    }

    fn amount(&self, form: Form, function: &str, query: &Query, window: Span) -> String {
        let text = query.over(window);
        let by = self.grouping.join(", ");
        match form {
            Form::Amount => text,
            Form::Counter if by.is_empty() => format!("sum({function}({text}[{window}]))"),
            Form::Counter => format!("sum by ({by}) ({function}({text}[{window}]))"),
        }
    }
}

/// What an event is where the budget is counted in events.
fn occurrences(indicator: &Indicator) -> Result<Count<'_>, NoQuery> {
    Ok(match indicator {
        Indicator::Ratio {
            part,
            form,
            events,
            total,
        } => Count::Pair(Pair {
            part: *part,
            form: *form,
            events,
            total,
        }),
        Indicator::Latency { within, total, .. } => Count::Pair(Pair {
            part: Part::Good,
            form: Form::Counter,
            events: within,
            total,
        }),
        Indicator::Share { part, query } => Count::Share(*part, query),
        Indicator::Threshold { query, .. } if query.is_windowed() => return Err(NoQuery::Windowed),
        Indicator::Threshold { query, op, limit } => {
            let value = format!("({}) {NUMBERS}", query.text);
            Count::Slices {
                bad: format!("1 - (({value}) {} bool {limit})", op.sign()),
                step: String::new(),
            }
        }
    })
}

/// Prometheus cannot be asked for this objective.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoQuery {
    /// Somebody else answers.
    #[error("`{0}` answers this objective, not Prometheus")]
    Source(Source),
    /// A value that depends on the window is no value of a moment.
    #[error("a value with `{{{{.window}}}}` cannot be compared with a limit at each moment")]
    Windowed,
}

impl Explain for NoQuery {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::Source(_) => None,
            Self::Windowed => Some("give a length of time instead, such as 5m".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::windows::Windows;
    use super::*;
    use crate::slo::{self, Found, Op, Share};

    fn slo(indicator: Indicator) -> Slo {
        let text = indoc::indoc! {"
            version: prometheus/v1
            service: shop
            slos:
              - name: up
                objective: 99.9
                sli: {raw: {error_ratio_query: up}}
        "};
        let found = slo::parse(text.as_bytes()).unwrap();
        let [Found::Slo(slo)] = found.as_slice() else {
            panic!("{found:?}")
        };
        Slo {
            indicator,
            ..*slo.clone()
        }
    }

    fn ratio(part: Part, form: Form, events: &str, total: &str) -> Indicator {
        Indicator::Ratio {
            part,
            form,
            events: Query::prometheus(events),
            total: Query::prometheus(total),
        }
    }

    fn threshold(query: &str) -> Indicator {
        Indicator::Threshold {
            query: Query::prometheus(query),
            op: Op::Lt,
            limit: 0.5,
        }
    }

    const MINUTES: Span = Span::seconds(300);

    #[test]
    fn what_prometheus_cannot_be_asked_is_refused() {
        let mut other = ratio(Part::Bad, Form::Amount, "a", "b");
        if let Indicator::Ratio { total, .. } = &mut other {
            total.source = Source::Other("datadog".to_owned());
        }
        let refused = Queries::new(&slo(other)).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "`datadog` answers this objective, not Prometheus"
        );
        let windowed = slo(threshold("max_over_time(x[{{.window}}])"));
        assert_eq!(Queries::new(&windowed).unwrap_err(), NoQuery::Windowed);
    }

    #[test]
    fn amounts_are_asked_for_as_they_are_given() {
        let slo = slo(ratio(
            Part::Bad,
            Form::Amount,
            "e[{{.window}}]",
            "t[{{.window}}]",
        ));
        let queries = Queries::new(&slo).unwrap();
        assert_eq!(queries.error_ratio(MINUTES), "(e[5m]) / (t[5m])");
        assert_eq!(queries.bad(MINUTES).unwrap(), "e[5m]");
        assert_eq!(queries.total(MINUTES).unwrap(), "t[5m]");
    }

    #[test]
    fn good_events_are_turned_into_bad_ones() {
        let amount = slo(ratio(Part::Good, Form::Amount, "g", "t"));
        let queries = Queries::new(&amount).unwrap();
        assert_eq!(queries.error_ratio(MINUTES), "1 - ((g) / (t))");
        assert_eq!(queries.bad(MINUTES).unwrap(), "(t) - (g)");
        let good = (Part::Good, "g".to_owned());
        assert_eq!(queries.events(MINUTES), Some(good));
        let share = slo(Indicator::Share {
            part: Part::Good,
            query: Query::prometheus("up[{{.window}}]"),
        });
        let queries = Queries::new(&share).unwrap();
        assert_eq!(queries.error_ratio(MINUTES), "1 - (up[5m])");
        assert_eq!(queries.total(MINUTES), None);
        assert_eq!(queries.bad(MINUTES), None);
    }

    #[test]
    fn counters_without_series_count_nothing_where_there_are_events() {
        let mut slo = slo(ratio(Part::Bad, Form::Counter, "m{c=\"5\"}", "m"));
        let queries = Queries::new(&slo).unwrap();
        assert_eq!(
            queries.error_ratio(MINUTES),
            "(sum(rate(m{c=\"5\"}[5m])) or 0 * sum(rate(m[5m]))) / (sum(rate(m[5m])))"
        );
        assert_eq!(
            queries.bad(MINUTES).unwrap(),
            "sum(increase(m{c=\"5\"}[5m])) or 0 * sum(increase(m[5m]))"
        );
        slo.grouping = ["a", "b"].map(str::to_owned).into();
        let queries = Queries::new(&slo).unwrap();
        assert_eq!(
            queries.total(MINUTES).unwrap(),
            "sum by (a, b) (increase(m[5m]))"
        );
    }

    #[test]
    fn latency_is_what_is_missing_in_the_bucket() {
        let slo = slo(Indicator::Latency {
            within: Query::prometheus("h_bucket{le=\"1\"}"),
            total: Query::prometheus("h_count"),
            bound: "1".to_owned(),
        });
        let queries = Queries::new(&slo).unwrap();
        assert_eq!(
            queries.error_ratio(MINUTES),
            "1 - ((sum(rate(h_bucket{le=\"1\"}[5m])) or 0 * sum(rate(h_count[5m]))) / (sum(rate(h_count[5m]))))"
        );
    }

    #[test]
    fn moments_and_slices_are_events_too() {
        let mut slo = slo(threshold("x"));
        let queries = Queries::new(&slo).unwrap();
        let bad = "(1 - (((x) >= -Inf) < bool 0.5))";
        assert_eq!(
            queries.error_ratio(MINUTES),
            format!("avg_over_time({bad}[5m:])")
        );
        assert_eq!(
            queries.total(MINUTES).unwrap(),
            format!("count_over_time({bad}[5m:])")
        );
        slo.indicator = ratio(Part::Bad, Form::Amount, "e", "t");
        slo.budgeting = Budgeting::Timeslices {
            target: Share::from_ratio("0.95").unwrap(),
            window: Span::seconds(60),
        };
        let queries = Queries::new(&slo).unwrap();
        assert_eq!(
            queries.bad(MINUTES).unwrap(),
            "sum_over_time(((((e) / (t)) >= -Inf) > bool 0.05)[5m:1m])"
        );
        slo.budgeting = Budgeting::RatioTimeslices {
            window: Span::seconds(60),
        };
        let queries = Queries::new(&slo).unwrap();
        assert_eq!(
            queries.error_ratio(MINUTES),
            "avg_over_time((((e) / (t)) >= -Inf)[5m:1m])"
        );
    }

    #[test]
    fn an_alert_asks_for_both_windows_and_a_minimum() {
        let windows = Windows::google("28d".parse().unwrap()).unwrap();
        let budget = Budget::beside(999_000_000).unwrap();
        let fires = |slo: &Slo, minimum| {
            let queries = Queries::new(slo).unwrap();
            queries.fires(&windows.tiers()[3..], budget, minimum)
        };
        let amount = slo(ratio(Part::Bad, Form::Amount, "e", "t"));
        let plain =
            "((((e) / (t)) > 0.00093333333333333333) and (((e) / (t)) > 0.00093333333333333333))";
        assert_eq!(fires(&amount, 50).unwrap(), plain);
        let counter = slo(ratio(Part::Bad, Form::Counter, "e", "t"));
        let counted = fires(&counter, 50).unwrap();
        assert!(counted.ends_with(" and ((sum(increase(t[3d]))) >= 50))"));
        assert!(!fires(&counter, 1).unwrap().contains(">= 1"));
        let queries = Queries::new(&amount).unwrap();
        assert_eq!(queries.fires(&[], budget, 1), None);
    }
}

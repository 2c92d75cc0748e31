//! The alerts of a period: Google's, Pyrra's, or given ones.

use std::collections::{BTreeMap, BTreeSet};

use crate::failure::{Explain, Kind};
use crate::slo::{AlertWindows, Format, Slo};
use crate::span::Span;

use super::budget::Budget;
use super::events::Reading;
use super::ratio::Ratio;
use super::tier::{Alarm, Pace, Seen, Severity, Tier};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Nobody has more alerts for one objective.
const MOST: usize = 16;

/// An alert as the share of the budget that is gone when it fires: that share
/// of the period's budget, burnt within the long window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spend {
    /// How loud.
    pub severity: Severity,
    /// Which of two.
    pub pace: Pace,
    /// The share of the whole budget.
    pub share: Ratio,
    /// The short window.
    pub short: Span,
    /// The long window.
    pub long: Span,
}

/// All alerts of an objective, in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    period: Span,
    tiers: Vec<Tier>,
}

/// Share in billionths, short and long window in minutes: the table of the
/// Site Reliability Workbook, chapter 5, which Sloth has for both periods.
const GOOGLE: [(Severity, Pace, u32, u64, u64); 4] = [
    (Severity::Page, Pace::Quick, 20_000_000, 5, 60),
    (Severity::Page, Pace::Slow, 50_000_000, 30, 6 * 60),
    (Severity::Ticket, Pace::Quick, 100_000_000, 2 * 60, 24 * 60),
    (
        Severity::Ticket,
        Pace::Slow,
        100_000_000,
        6 * 60,
        3 * 24 * 60,
    ),
];

/// Factor and, for a period of 28 days, short window, long window and wait in
/// minutes (`slo/rules.go` of Pyrra).
const PYRRA: [(Severity, Pace, u32, [u64; 3]); 4] = [
    (Severity::Page, Pace::Quick, 14, [5, 60, 2]),
    (Severity::Page, Pace::Slow, 7, [30, 6 * 60, 15]),
    (Severity::Ticket, Pace::Quick, 2, [2 * 60, 24 * 60, 60]),
    (
        Severity::Ticket,
        Pace::Slow,
        1,
        [6 * 60, 4 * 24 * 60, 3 * 60],
    ),
];

impl Windows {
    /// The windows of the Site Reliability Workbook, as Sloth has them: for a
    /// period of 28 or 30 days.
    ///
    /// # Errors
    ///
    /// Fails for other periods, to which these windows do not fit.
    pub fn google(period: Span) -> Result<Self, Invalid> {
        if ![28 * DAY, 30 * DAY].contains(&period.millis()) {
            return Err(Invalid::NoDefaults(period));
        }
        let spends = GOOGLE.map(|(severity, pace, share, short, long)| Spend {
            severity,
            pace,
            share: billionths(share),
            short: Span::from_millis(short * MINUTE),
            long: Span::from_millis(long * MINUTE),
        });
        Self::of(period, &spends)
    }

    /// The windows of Pyrra: those for 28 days, stretched to the period and
    /// rounded to a minute.
    ///
    /// # Errors
    ///
    /// Fails for periods so short that a window is rounded to nothing.
    pub fn pyrra(period: Span) -> Result<Self, Invalid> {
        let stretched = |minutes: u64| {
            let parts = u64::checked_div(28 * DAY, minutes * MINUTE).unwrap_or(1);
            rounded(period.millis() / parts)
        };
        let tiers = PYRRA.map(|(severity, pace, factor, [short, long, wait])| Tier {
            severity,
            pace,
            factor: Ratio::whole(factor),
            short: stretched(short),
            long: stretched(long),
            wait: stretched(wait),
        });
        Self::new(period, tiers.to_vec())
    }

    /// The windows that the tool whose format it is has for an objective:
    /// Pyrra's for Pyrra, else those of the Site Reliability Workbook.
    ///
    /// # Errors
    ///
    /// Fails for periods to which these do not fit.
    pub fn usual(slo: &Slo) -> Result<Self, Invalid> {
        let period = slo.window.span();
        match slo.format {
            Format::Pyrra => Self::pyrra(period),
            Format::Sloth
            | Format::SlothKubernetes
            | Format::SlothWindows
            | Format::OpenSloV1
            | Format::OpenSloV2Alpha
            | Format::OpenSloV1Alpha
            | Format::Argo
            | Format::Flagger
            | Format::Kayenta => Self::google(period),
        }
    }

    /// Alerts by the share of the budget that is gone: the factor is
    /// share × period / long.
    ///
    /// # Errors
    ///
    /// Fails like [`new`](Self::new), and on a share of nothing or of more
    /// than everything.
    pub fn of(period: Span, spends: &[Spend]) -> Result<Self, Invalid> {
        let tiers = spends.iter().map(|spend| spend.tier(period));
        Self::new(period, tiers.collect::<Result<_, _>>()?)
    }

    /// Given alerts.
    ///
    /// # Errors
    ///
    /// Fails without alerts and with too many of them, and when a window is
    /// empty, is not longer than its short one, or is longer than the period.
    pub fn new(period: Span, tiers: Vec<Tier>) -> Result<Self, Invalid> {
        if tiers.is_empty() || tiers.len() > MOST {
            return Err(Invalid::Count(tiers.len()));
        }
        for tier in &tiers {
            let (name, short, long) = (Name::of(tier), tier.short, tier.long);
            if short == Span::ZERO {
                return Err(Invalid::Empty(name));
            }
            if short >= long {
                return Err(Invalid::Order { name, short, long });
            }
            if long > period {
                return Err(Invalid::Beyond { name, long, period });
            }
            if tier.factor == Ratio::ZERO {
                return Err(Invalid::Share(name));
            }
        }
        Ok(Self { period, tiers })
    }

    /// The period of the objective.
    #[must_use]
    pub const fn period(&self) -> Span {
        self.period
    }

    /// The alerts.
    #[must_use]
    pub fn tiers(&self) -> &[Tier] {
        &self.tiers
    }

    /// Every window in which events have to be counted, once, shortest first.
    #[must_use]
    pub fn spans(&self) -> BTreeSet<Span> {
        let spans = self.tiers.iter().flat_map(|tier| [tier.short, tier.long]);
        spans.collect()
    }

    /// What every alert says about its windows, in their order. A window that
    /// was not read is silent.
    #[must_use]
    pub fn judge(
        &self,
        budget: Budget,
        minimum: u64,
        read: &BTreeMap<Span, Reading>,
    ) -> Vec<(Tier, Alarm)> {
        let judge = |tier: &Tier| {
            let seen = Seen {
                short: read.get(&tier.short).copied(),
                long: read.get(&tier.long).copied(),
            };
            tier.judge(budget, minimum, seen)
        };
        let alarms = self.tiers.iter().map(|tier| (*tier, judge(tier)));
        alarms.collect()
    }

    /// How long telemetry may be absent before that counts as an outage: as
    /// long as an outage goes on until the quickest alert fires, rounded to a
    /// minute (`AbsentDuration` of Pyrra). Nothing where none ever fires.
    #[must_use]
    pub fn absence(&self, budget: Budget) -> Option<Span> {
        let delays = self.tiers.iter().filter_map(|tier| tier.delay(budget));
        delays.min().map(|delay| rounded(delay.millis()))
    }
}

impl TryFrom<&AlertWindows> for Windows {
    type Error = Invalid;

    fn try_from(windows: &AlertWindows) -> Result<Self, Invalid> {
        let AlertWindows {
            period,
            page,
            ticket,
        } = windows;
        let severities = [(Severity::Page, page), (Severity::Ticket, ticket)];
        let spends = severities.into_iter().flat_map(|(severity, pairs)| {
            let paces = [Pace::Quick, Pace::Slow].into_iter().zip(pairs);
            paces.map(move |(pace, pair)| Spend {
                severity,
                pace,
                share: billionths(pair.budget.billionths()),
                short: pair.short,
                long: pair.long,
            })
        });
        Self::of(*period, &spends.collect::<Vec<_>>())
    }
}

fn billionths(share: u32) -> Ratio {
    Ratio::small(share, Budget::WHOLE)
}

impl Spend {
    fn tier(&self, period: Span) -> Result<Tier, Invalid> {
        let Self {
            severity,
            pace,
            share,
            short,
            long,
        } = *self;
        let name = Name { severity, pace };
        if share == Ratio::ZERO || share > Ratio::ONE {
            return Err(Invalid::Share(name));
        }
        let millis = |span: Span| u128::from(span.millis());
        let factor = Ratio::new(millis(period), millis(long))
            .ok_or(Invalid::Empty(name))?
            .times(share)
            .ok_or(Invalid::Share(name))?;
        Ok(Tier {
            severity,
            pace,
            factor,
            short,
            long,
            wait: Span::ZERO,
        })
    }
}

/// The nearest whole minute, half a minute upwards.
fn rounded(millis: u64) -> Span {
    Span::from_millis(millis.saturating_add(MINUTE / 2) / MINUTE * MINUTE)
}

/// Which alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name {
    severity: Severity,
    pace: Pace,
}

impl Name {
    const fn of(tier: &Tier) -> Self {
        Self {
            severity: tier.severity,
            pace: tier.pace,
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.severity, self.pace)
    }
}

/// These are no windows to alert on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// Nobody says which windows fit this period.
    #[error("there are no default windows for a period of {0}")]
    NoDefaults(Span),
    /// None, or too many.
    #[error("{0} alerts, expected 1 to {MOST}")]
    Count(usize),
    /// A window of no length.
    #[error("{0}: a window has no length")]
    Empty(Name),
    /// The short window is not the short one.
    #[error("{name}: the short window {short} is not shorter than the long one, {long}")]
    Order {
        /// Which alert.
        name: Name,
        /// The short window.
        short: Span,
        /// The long window.
        long: Span,
    },
    /// The long window does not fit into the period.
    #[error("{name}: the window {long} is longer than the period, {period}")]
    Beyond {
        /// Which alert.
        name: Name,
        /// The long window.
        long: Span,
        /// The period of the objective.
        period: Span,
    },
    /// The share makes no factor.
    #[error("{0}: the share of the budget is not above 0% and up to 100%")]
    Share(Name),
}

impl Explain for Invalid {
    fn kind(&self) -> Kind {
        Kind::Invalid
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::NoDefaults(_) => {
                Some("give alert windows for this period, or choose 28d or 30d".to_owned())
            }
            Self::Empty(_) | Self::Order { .. } | Self::Beyond { .. } => {
                Some("choose windows that fit the period".to_owned())
            }
            Self::Count(_) | Self::Share(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::events::Events;
    use super::*;
    use crate::slo::{self, Found};

    fn span(text: &str) -> Span {
        text.parse().unwrap()
    }

    fn shown(windows: &Windows) -> Vec<String> {
        windows.tiers().iter().map(ToString::to_string).collect()
    }

    fn spend(share: &str, short: &str, long: &str) -> Spend {
        Spend {
            severity: Severity::Page,
            pace: Pace::Quick,
            share: share.parse().unwrap(),
            short: span(short),
            long: span(long),
        }
    }

    #[test]
    fn windows_that_cannot_alert_are_refused() {
        let refused = |share, short, long| {
            let spends = [spend(share, short, long)];
            Windows::of(span("7d"), &spends).unwrap_err().to_string()
        };
        for (share, short, long, expected) in [
            (
                "0%",
                "5m",
                "1h",
                "the share of the budget is not above 0% and up to 100%",
            ),
            (
                "100.1%",
                "5m",
                "1h",
                "the share of the budget is not above 0% and up to 100%",
            ),
            ("2%", "0s", "1h", "a window has no length"),
            ("2%", "5m", "0s", "a window has no length"),
            (
                "2%",
                "1h",
                "1h",
                "the short window 1h is not shorter than the long one, 1h",
            ),
            (
                "2%",
                "5m",
                "8d",
                "the window 8d is longer than the period, 7d",
            ),
        ] {
            let expected = format!("page quick: {expected}");
            assert_eq!(refused(share, short, long), expected);
        }
        let none = Windows::of(span("7d"), &[]).unwrap_err();
        assert_eq!(none.to_string(), "0 alerts, expected 1 to 16");
        for period in ["7d", "29d", "31d", "90d"] {
            let refused = Windows::google(span(period)).unwrap_err();
            assert_eq!(refused, Invalid::NoDefaults(span(period)));
        }
        let short = Windows::pyrra(span("1d")).unwrap_err();
        assert_eq!(short.to_string(), "page quick: a window has no length");
    }

    #[test]
    fn factors_follow_from_share_and_period() {
        let month = [
            "page quick (5m, 1h) 14.4",
            "page slow (30m, 6h) 6",
            "ticket quick (2h, 1d) 3",
            "ticket slow (6h, 3d) 1",
        ];
        let weeks = [
            "page quick (5m, 1h) 13.44",
            "page slow (30m, 6h) 5.6",
            "ticket quick (2h, 1d) 2.8",
            "ticket slow (6h, 3d) 0.933333333",
        ];
        assert_eq!(shown(&Windows::google(span("30d")).unwrap()), month);
        let windows = Windows::google(span("28d")).unwrap();
        assert_eq!(shown(&windows), weeks);
        assert_eq!(windows.tiers()[3].factor, Ratio::new(14, 15).unwrap());
    }

    #[test]
    fn windows_of_sloth_become_exact_factors() {
        let text = indoc::indoc! {"
            apiVersion: sloth.slok.dev/v1
            kind: AlertWindows
            spec:
              sloPeriod: 7d
              page:
                quick: {errorBudgetPercent: 8, shortWindow: 5m, longWindow: 1h}
                slow: {errorBudgetPercent: 12.5, shortWindow: 30m, longWindow: 6h}
              ticket:
                quick: {errorBudgetPercent: 20, shortWindow: 2h, longWindow: 1d}
                slow: {errorBudgetPercent: 42, shortWindow: 6h, longWindow: 3d}
        "};
        let read = |text: &str| {
            let found = slo::parse(text.as_bytes()).unwrap();
            let [Found::Windows(windows)] = found.as_slice() else {
                panic!("{found:?}")
            };
            Windows::try_from(windows)
        };
        assert_eq!(
            shown(&read(text).unwrap()),
            [
                "page quick (5m, 1h) 13.44",
                "page slow (30m, 6h) 3.5",
                "ticket quick (2h, 1d) 1.4",
                "ticket slow (6h, 3d) 0.98",
            ]
        );
        let beyond = read(&text.replace("7d", "2d")).unwrap_err().to_string();
        assert_eq!(
            beyond,
            "ticket slow: the window 3d is longer than the period, 2d"
        );
        assert!(read(&text.replace("5m", "1h")).is_err());
    }

    #[test]
    fn an_objective_has_the_windows_of_its_tool() {
        let pyrra = indoc::indoc! {r#"
            apiVersion: pyrra.dev/v1alpha1
            kind: ServiceLevelObjective
            metadata: {name: up}
            spec:
              target: "99"
              window: 2w
              indicator: {ratio: {errors: {metric: e_total}, total: {metric: t_total}}}
        "#};
        let sloth = indoc::indoc! {"
            version: prometheus/v1
            service: shop
            slos: [{name: up, objective: 99.9, sli: {raw: {error_ratio_query: up}}}]
        "};
        let usual = |text: &str| {
            let found = slo::parse(text.as_bytes()).unwrap();
            let slo = found.into_iter().find_map(Found::slo).unwrap();
            Windows::usual(&slo)
        };
        assert_eq!(usual(pyrra), Windows::pyrra(span("14d")));
        assert_eq!(usual(sloth), Windows::google(span("30d")));
        let day = usual(&pyrra.replace("2w", "1d"));
        assert!(day.is_err(), "{day:?}");
    }

    #[test]
    fn pyrra_stretches_the_windows_of_28_days() {
        let shown = |period| {
            let windows = Windows::pyrra(span(period)).unwrap();
            let tiers = windows.tiers().iter();
            let lines: Vec<String> = tiers
                .map(|tier| {
                    let (short, long, wait) = (tier.short, tier.long, tier.wait);
                    format!("{} {short} {long} {wait}", tier.factor)
                })
                .collect();
            lines
        };
        let four = ["14 5m 1h 2m", "7 30m 6h 15m", "2 2h 1d 1h", "1 6h 4d 3h"];
        assert_eq!(shown("28d"), four);
        // 14 days: 2.5 minutes round to 3, 7.5 to 8.
        let two = ["14 3m 30m 1m", "7 15m 3h 8m", "2 1h 12h 30m", "1 3h 2d 90m"];
        assert_eq!(shown("14d"), two);
        let month = [
            "14 5m 64m 2m",
            "7 32m 386m 16m",
            "2 129m 1543m 64m",
            "1 386m 6171m 193m",
        ];
        assert_eq!(shown("30d"), month);
    }

    #[test]
    fn absence_is_an_outage_after_a_while() {
        let absence = |windows: &Windows, target| windows.absence(Budget::beside(target).unwrap());
        let windows = Windows::pyrra(span("28d")).unwrap();
        // 14 x 1 % x 1 h + 2 m = 624 s
        assert_eq!(absence(&windows, 990_000_000), Some(span("10m")));
        assert_eq!(absence(&windows, 999_900_000), Some(span("2m")));
        // The quick pages are out of reach: 7 x 10 % x 6 h + 15 m.
        assert_eq!(absence(&windows, 900_000_000), Some(span("267m")));
        assert_eq!(absence(&windows, 0), None);
    }

    #[test]
    fn every_window_is_counted_once_and_a_missing_one_is_silent() {
        let windows = Windows::google(span("30d")).unwrap();
        let spans: Vec<String> = windows.spans().iter().map(ToString::to_string).collect();
        assert_eq!(spans, ["5m", "30m", "1h", "2h", "6h", "1d", "3d"]);
        let budget = Budget::beside(999_000_000).unwrap();
        let bad = Events::new(20, 1_000).unwrap().reading().unwrap();
        let read: BTreeMap<_, _> = ["5m", "1h", "30m", "6h", "2h"]
            .map(|text| (span(text), bad))
            .into();
        let alarms = windows.judge(budget, 1, &read);
        let alarms: Vec<Alarm> = alarms.into_iter().map(|(_, alarm)| alarm).collect();
        use Alarm::{Fires, Silent};
        assert_eq!(alarms, [Fires, Fires, Silent, Silent]);
    }
}

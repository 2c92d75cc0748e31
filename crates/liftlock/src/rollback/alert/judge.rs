//! Whether an alert is a reason to leave the release that is live.

use std::fmt;

use super::{Alert, Notification, ParseError, Status, told};
use crate::name::Name;
use crate::plan::Kind;
use crate::release::Reference;
use crate::span::Span;
use crate::state::{Document, How, Live};
use crate::time::Time;
use crate::verdict::Verdict;

/// By how much a monitor's clock may be ahead of ours.
const SKEW: Span = Span::seconds(60);

/// What alerts are held against.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    /// The service that would be moved.
    pub service: &'a Name,
    /// The environment that would be moved.
    pub environment: &'a Name,
    /// Its state.
    pub state: &'a Document,
    /// How long a release may have been live when an alert begins.
    pub within: Option<Span>,
    /// Now.
    pub now: Time,
}

/// What alerts come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// The release is left, because of these.
    Back(Noticed),
    /// Nothing moves, and why, for each alert.
    Stay(Vec<(Alert, Doubt)>),
}

/// The fault as the alerts tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noticed {
    /// What the earliest alert that counts is called.
    pub name: String,
    /// When that began.
    pub at: Time,
}

/// Why an alert is no reason to go back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// It is over.
    Resolved,
    /// It is about another service.
    Other(String),
    /// It is about another environment.
    Elsewhere(String),
    /// The monitor saw nothing.
    Blind,
    /// It is about another release than the one that is live.
    Another(String),
    /// What is live was gone back to. Automation goes one step down, and neither
    /// further nor up again to what was left: both need a person.
    Restored,
    /// It was there before that release.
    Before(Time),
    /// It came too long after it.
    Late(Span),
}

impl fmt::Display for Doubt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolved => formatter.write_str("it is resolved"),
            Self::Other(other) => write!(formatter, "it is about the service `{other}`"),
            Self::Elsewhere(other) => write!(formatter, "it is about the environment `{other}`"),
            Self::Blind => {
                formatter.write_str("it says that Grafana cannot see, not what is wrong")
            }
            Self::Another(other) => write!(formatter, "it is about `{other}`, which is not live"),
            Self::Restored => {
                formatter.write_str("a rollback brought what is live, so a person decides")
            }
            Self::Before(since) => {
                write!(
                    formatter,
                    "it began before what is live went up, at {since}"
                )
            }
            Self::Late(within) => {
                write!(
                    formatter,
                    "it began more than {within} after what is live went live"
                )
            }
        }
    }
}

/// Since when what is live serves requests: a promotion lets a share of them in
/// before it is over, and an alert may begin there.
#[must_use]
pub fn up_since(state: &Document, live: &Live) -> Time {
    let brought = state.run.as_ref().filter(|run| {
        run.plan.kind != Kind::Rollback
            && run.verdict == Some(Verdict::Pass)
            && run.plan.release.digest == live.release.digest
    });
    let since = brought.and_then(|run| run.plan.up_since(&run.journal));
    since.map_or(live.since, |since| since.min(live.since))
}

/// Decides whether the release that is live is left because of a notification.
/// One alert that counts is enough.
///
/// # Errors
///
/// Fails when an alert that would count begins more than a minute from now:
/// then one of two clocks is wrong, and no rule about times means anything.
pub fn judge(notification: &Notification, scene: Scene<'_>) -> Result<Ruling, ParseError> {
    rule(notification, scene.now, &|alert| doubt(alert, scene))
}

/// Whether a promotion under way goes back because of a notification: it let
/// users in, and while it waits for people to merge what is left of it nobody
/// judges it.
///
/// # Errors
///
/// As [`judge`].
pub fn judge_waiting(
    notification: &Notification,
    scene: Scene<'_>,
) -> Result<Option<Noticed>, ParseError> {
    let Some(run) = scene.state.under_way() else {
        return Ok(None);
    };
    let waits = !run.journal.requests.is_empty() && !run.journal.is_going_back();
    let up_since = run.plan.up_since(&run.journal);
    let Some(since) = up_since.filter(|_| waits && run.plan.kind != Kind::Rollback) else {
        return Ok(None);
    };
    let doubt = |alert: &Alert| {
        let other = alert.release.as_ref();
        let other = other.filter(|other| !is_called(&run.plan.release, other));
        away(alert, scene)
            .or_else(|| other.map(|other| Doubt::Another(told(other))))
            .or_else(|| (alert.starts_at < since).then_some(Doubt::Before(since)))
    };
    Ok(match rule(notification, scene.now, &doubt)? {
        Ruling::Back(noticed) => Some(noticed),
        Ruling::Stay(_) => None,
    })
}

fn rule(
    notification: &Notification,
    now: Time,
    doubt: &dyn Fn(&Alert) -> Option<Doubt>,
) -> Result<Ruling, ParseError> {
    let mut noticed: Option<Noticed> = None;
    let mut against = Vec::new();
    for alert in &notification.0 {
        if let Some(doubt) = doubt(alert) {
            against.push((alert.clone(), doubt));
            continue;
        }
        if alert.starts_at > now.after(SKEW) {
            let (name, at) = (alert.name.clone(), alert.starts_at);
            return Err(ParseError::Ahead { name, at });
        }
        let at = alert.starts_at.min(now);
        if noticed.as_ref().is_none_or(|known| at < known.at) {
            let name = alert.name.clone();
            noticed = Some(Noticed { name, at });
        }
    }
    Ok(noticed.map_or(Ruling::Stay(against), Ruling::Back))
}

/// Why an alert is no reason to go back, whatever is live.
fn away(alert: &Alert, scene: Scene<'_>) -> Option<Doubt> {
    if alert.status == Status::Resolved {
        return Some(Doubt::Resolved);
    }
    if let Some(other) = &alert.service
        && other != scene.service.as_str()
    {
        return Some(Doubt::Other(told(other)));
    }
    if let Some(other) = &alert.environment
        && other != scene.environment.as_str()
    {
        return Some(Doubt::Elsewhere(told(other)));
    }
    alert.blind.then_some(Doubt::Blind)
}

fn doubt(alert: &Alert, scene: Scene<'_>) -> Option<Doubt> {
    if let Some(doubt) = away(alert, scene) {
        return Some(doubt);
    }
    let live = scene.state.live.as_ref();
    if let Some(other) = &alert.release
        && !live.is_some_and(|live| is_called(&live.release, other))
    {
        return Some(Doubt::Another(told(other)));
    }
    // Where nothing is live there is nothing to leave: who goes back says so.
    let live = live?;
    if live.how == How::RolledBack {
        return Some(Doubt::Restored);
    }
    let since = up_since(scene.state, live);
    if alert.starts_at < since {
        return Some(Doubt::Before(since));
    }
    let late = |within: &Span| alert.starts_at > live.since.after(*within);
    scene.within.filter(late).map(Doubt::Late)
}

/// Whether a release is meant: by its id, its digest, or that of an artifact.
fn is_called(release: &Reference, name: &str) -> bool {
    let mut artifacts = release.artifacts.values();
    name == release.id
        || name == release.digest.to_string()
        || artifacts.any(|digest| name == digest.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::pointer::Reversible;
    use crate::config::target::Slots;
    use crate::digest::Digest;
    use crate::plan::journal::{Journal, Requested};
    use crate::plan::{Action, Plan, Step};
    use crate::rollback::alert::tests::ALERTMANAGER;
    use crate::state::Run;

    fn at(minute: u8) -> Time {
        format!("2026-11-27T12:{minute:02}:00Z").parse().unwrap()
    }

    fn release(id: &str) -> Reference {
        let artifacts = [("api".parse().unwrap(), Digest::of(b"api"))];
        Reference {
            id: id.to_owned(),
            digest: Digest::of(id.as_bytes()),
            artifacts: artifacts.into(),
        }
    }

    fn point(reversible: Reversible) -> Step {
        Step {
            id: "01-point".to_owned(),
            action: Action::Point {
                target: 0,
                label: "x".to_owned(),
                from: None,
                to: Digest::of(b"api"),
                reversible,
            },
        }
    }

    /// A share of requests for `green`.
    fn shift(id: &str, percent: &str) -> Step {
        let share = percent.parse().unwrap();
        Step {
            id: id.to_owned(),
            action: Action::Shift {
                weights: [("green".parse().unwrap(), share)].into(),
            },
        }
    }

    /// `shop-2` went up in five minutes and is live since 12:15.
    fn state(kind: Kind) -> Document {
        let plan = Plan {
            kind,
            service: "shop".parse().unwrap(),
            environment: "production".parse().unwrap(),
            release: release("shop-2"),
            previous: None,
            slots: None,
            found: std::collections::BTreeMap::new(),
            judging: None,
            metrics: Vec::new(),
            policy: Digest::of(b""),
            approval: None,
            break_glass: None,
            reason: None,
            cause: None,
            made_at: at(1),
            steps: vec![point(Reversible::Yes)],
        };
        let mut journal = Journal::default();
        journal.begin("01-point", 1, at(10));
        journal.end("01-point", String::new(), at(14));
        let mut state = Document {
            run: Some(Run {
                id: Digest::of(b"plan"),
                plan,
                journal,
                actors: Vec::new(),
                verdict: Some(Verdict::Pass),
                held: None,
            }),
            ..Document::default()
        };
        state.go_live(release("shop-2"), How::Promoted, at(15));
        state
    }

    fn alert(minute: u8) -> Alert {
        Alert {
            status: Status::Firing,
            name: format!("at {minute}"),
            starts_at: at(minute),
            release: None,
            service: None,
            environment: None,
            blind: false,
        }
    }

    fn judged(alerts: Vec<Alert>, state: &Document) -> Result<Ruling, ParseError> {
        let scene = Scene {
            service: &"shop".parse().unwrap(),
            environment: &"production".parse().unwrap(),
            state,
            within: Some(Span::seconds(30 * 60)),
            now: at(50),
        };
        judge(&Notification(alerts), scene)
    }

    fn named(release: &str) -> Alert {
        let release = Some(release.to_owned());
        Alert {
            release,
            ..alert(20)
        }
    }

    #[test]
    fn an_alert_counts_where_nothing_speaks_against_it() {
        let state = state(Kind::Promotion);
        let before = || Doubt::Before(at(10));
        let late = || Doubt::Late(Span::seconds(30 * 60));
        let elsewhere = |name: &str| Alert {
            environment: Some(name.to_owned()),
            ..alert(20)
        };
        let status = Status::Resolved;
        let cases = [
            (
                "resolved",
                Alert {
                    status,
                    ..alert(20)
                },
                Some(Doubt::Resolved),
            ),
            (
                "staging",
                elsewhere("staging"),
                Some(Doubt::Elsewhere("staging".to_owned())),
            ),
            ("production", elsewhere("production"), None),
            (
                "blind",
                Alert {
                    blind: true,
                    ..alert(20)
                },
                Some(Doubt::Blind),
            ),
            (
                "another",
                named("shop-1"),
                Some(Doubt::Another("shop-1".to_owned())),
            ),
            ("its id", named("shop-2"), None),
            (
                "its digest",
                named(&Digest::of(b"shop-2").to_string()),
                None,
            ),
            ("its artifact", named(&Digest::of(b"api").to_string()), None),
            ("before it went up", alert(9), Some(before())),
            ("while it went up", alert(10), None),
            ("just in time", alert(45), None),
            ("too late", alert(46), Some(late())),
        ];
        for (name, alert, expected) in cases {
            let ruling = judged(vec![alert.clone()], &state).unwrap();
            match expected {
                Some(doubt) => assert_eq!(ruling, Ruling::Stay(vec![(alert, doubt)]), "{name}"),
                None => assert!(matches!(ruling, Ruling::Back(_)), "{name}: {ruling:?}"),
            }
        }
    }

    #[test]
    fn what_waited_for_people_went_up_when_they_merged_it_and_not_when_it_was_planned() {
        let mut state = state(Kind::Promotion);
        let before = |minute, at| Ruling::Stay(vec![(alert(minute), Doubt::Before(at))]);
        let run = state.run.as_mut().unwrap();
        run.plan.steps = vec![point(Reversible::Request)];
        let counts = |minute, state: &Document| {
            matches!(judged(vec![alert(minute)], state), Ok(Ruling::Back(_)))
        };
        // The step began at 12:10, and a run saw at 12:14 that it was merged.
        for (merged, up) in [(Some(12), 12), (Some(9), 10), (Some(30), 14), (None, 10)] {
            let run = state.run.as_mut().unwrap();
            run.journal.merged("01-point", merged.map(at));
            assert!(counts(up, &state), "{merged:?}");
            let ruling = judged(vec![alert(up - 1)], &state).unwrap();
            assert_eq!(ruling, before(up - 1, at(up)), "{merged:?}");
        }
        let run = state.run.as_mut().unwrap();
        run.journal.entries[0].merged_at = None;
        assert!(counts(10, &state), "an older version kept no time");
        // A probe without users is no share; what comes after it is.
        let run = state.run.as_mut().unwrap();
        run.plan.steps = vec![shift("02-shift", "0%"), shift("03-shift", "5%")];
        run.plan.slots = Some(Slots {
            stable: "blue".parse().unwrap(),
            canary: "green".parse().unwrap(),
        });
        for (step, minute) in [("02-shift", 2), ("03-shift", 13)] {
            run.journal.begin(step, 1, at(minute));
        }
        let ruling = judged(vec![alert(12)], &state).unwrap();
        assert_eq!(ruling, before(12, at(13)));
        assert!(counts(13, &state));
    }

    #[test]
    fn what_waits_for_people_goes_back_for_an_alert_about_it_alone() {
        let mut state = state(Kind::Promotion);
        state.go_live(release("shop-1"), How::Promoted, at(2));
        let noticed = |alert: Alert, state: &Document| {
            let scene = Scene {
                service: &"shop".parse().unwrap(),
                environment: &"production".parse().unwrap(),
                state,
                within: None,
                now: at(50),
            };
            let noticed = judge_waiting(&Notification(vec![alert]), scene).unwrap();
            noticed.map(|noticed| noticed.at)
        };
        let run = state.run.as_mut().unwrap();
        run.verdict = None;
        assert_eq!(noticed(alert(20), &state), None);
        let run = state.run.as_mut().unwrap();
        run.journal.request(Requested {
            step: "02-point".to_owned(),
            page: "page".to_owned(),
            until: None,
        });
        assert_eq!(noticed(alert(20), &state), Some(at(20)));
        assert_eq!(noticed(named("shop-2"), &state), Some(at(20)));
        assert_eq!(noticed(named("shop-1"), &state), None);
        assert_eq!(noticed(alert(9), &state), None);
        // Without traffic users are let in by people, whoever saw that.
        let run = state.run.as_mut().unwrap();
        run.plan.steps = vec![point(Reversible::Request)];
        run.journal.entries[0].ended_at = None;
        assert_eq!(noticed(alert(20), &state), None);
        let run = state.run.as_mut().unwrap();
        run.journal.merged("01-point", Some(at(18)));
        assert_eq!(noticed(alert(20), &state), Some(at(20)));
        assert_eq!(noticed(alert(17), &state), None);
        // Nobody is served by it yet.
        state.run.as_mut().unwrap().journal.entries.clear();
        assert_eq!(noticed(alert(20), &state), None);
    }

    #[test]
    fn an_alert_about_another_service_does_not_count() {
        let state = state(Kind::Promotion);
        for (service, counts) in [("shop", true), ("worker", false)] {
            let alert = Alert {
                service: Some(service.to_owned()),
                ..alert(20)
            };
            let ruling = judged(vec![alert.clone()], &state).unwrap();
            let stays = Ruling::Stay(vec![(alert, Doubt::Other(service.to_owned()))]);
            assert_eq!(ruling != stays, counts, "{service}: {ruling:?}");
        }
    }

    #[test]
    fn what_was_gone_back_to_is_left_by_people_alone() {
        let mut state = state(Kind::Rollback);
        state.go_live(release("shop-1"), How::RolledBack, at(20));
        for minute in [12, 20, 30] {
            let stays = Ruling::Stay(vec![(alert(minute), Doubt::Restored)]);
            assert_eq!(judged(vec![alert(minute)], &state).unwrap(), stays);
        }
    }

    #[test]
    fn a_plan_down_lets_nothing_in_early() {
        let state = state(Kind::Rollback);
        let stays = Ruling::Stay(vec![(alert(12), Doubt::Before(at(15)))]);
        assert_eq!(judged(vec![alert(12)], &state).unwrap(), stays);
    }

    #[test]
    fn the_earliest_that_counts_tells_when_the_fault_was_noticed() {
        let state = state(Kind::Promotion);
        let ruling = judged(vec![alert(30), alert(9), alert(20), alert(46)], &state).unwrap();
        let noticed = Noticed {
            name: "at 20".to_owned(),
            at: at(20),
        };
        assert_eq!(ruling, Ruling::Back(noticed));
    }

    #[test]
    fn a_clock_may_be_a_minute_ahead_and_no_more() {
        let mut state = state(Kind::Promotion);
        state.go_live(release("shop-3"), How::Promoted, at(40));
        let ruling = judged(vec![alert(51)], &state).unwrap();
        let noticed = Noticed {
            name: "at 51".to_owned(),
            at: at(50),
        };
        assert_eq!(ruling, Ruling::Back(noticed));
        let error = judged(vec![alert(52)], &state).unwrap_err();
        assert!(matches!(error, ParseError::Ahead { .. }), "{error}");
    }

    #[test]
    fn where_nothing_is_live_only_a_named_release_is_in_doubt() {
        let state = Document::default();
        let ruling = judged(vec![alert(20)], &state).unwrap();
        assert!(matches!(ruling, Ruling::Back(_)));
        let ruling = judged(vec![named("shop-2")], &state).unwrap();
        assert!(matches!(ruling, Ruling::Stay(_)));
    }

    #[test]
    fn a_notification_of_alertmanager_is_judged() {
        let notification = Notification::parse(ALERTMANAGER.as_bytes()).unwrap();
        let ruling = judged(notification.0, &state(Kind::Promotion)).unwrap();
        let Ruling::Stay(against) = ruling else {
            panic!("it began before: {ruling:?}");
        };
        let told: Vec<String> = against.iter().map(|(_, doubt)| doubt.to_string()).collect();
        assert!(told[0].contains("before what is live went up"), "{told:?}");
        assert_eq!(told[1], "it is resolved");
    }
}

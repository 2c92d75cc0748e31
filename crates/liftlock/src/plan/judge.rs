//! Whether a canary could be judged at all, and whether a step that waits may
//! end, has to wait on, or turns the plan back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::make::Refusal;
use super::{Judging, Kind};
use crate::config::effective::Environment;
use crate::config::environment::Otherwise;
use crate::percent::Percent;
use crate::span::Span;
use crate::time::Time;
use crate::verdict::Verdict;

/// What a look at the canary showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Look {
    /// Proved to be worse.
    Failed(String),
    /// No sight, and why.
    Blind(String),
    /// Nothing failed.
    Going {
        /// Whether the planned sample of this step was seen.
        sampled: bool,
        /// What was seen, for people.
        seen: String,
    },
}

impl Look {
    /// Both looks at once: the worse of them counts, and a sample is there
    /// when it is there for both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (failed @ Self::Failed(_), _) | (_, failed @ Self::Failed(_)) => failed,
            (blind @ Self::Blind(_), _) | (_, blind @ Self::Blind(_)) => blind,
            (
                Self::Going {
                    sampled: one,
                    seen: first,
                },
                Self::Going {
                    sampled: other,
                    seen: second,
                },
            ) => Self::Going {
                sampled: one && other,
                seen: format!("{first}; {second}"),
            },
        }
    }
}

/// What a waiting step was begun with, and what people said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When its shift was done.
    pub since: Time,
    /// The least time.
    pub length: Span,
    /// Until when people are asked, where they are.
    pub asked_until: Option<Time>,
    /// What it may go on without, by somebody's word, and when that was given.
    pub past: BTreeMap<Verdict, Time>,
}

/// What follows from a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Look again after this long.
    Wait(Span),
    /// Ask people until then whether it goes on without what it lacks, and why
    /// it lacks that.
    Ask(Verdict, String, Time),
    /// Time, sample and sight are there, and nothing failed.
    GoOn,
    /// Somebody's word stands in for the sight or the sample that is not there;
    /// the time is, and nothing failed.
    GoOnWithout(Verdict),
    /// Go back, with this verdict for this reason.
    Turn(Verdict, String),
}

/// Decides a look. Permission is the last branch and needs everything.
#[must_use]
pub fn decide(judging: &Judging, wait: &Wait, look: &Look, now: Time) -> Decision {
    let spent = now.millis_since(wait.since);
    let length = millis(wait.length);
    let (otherwise, verdict, why) = match look {
        Look::Failed(why) => return Decision::Turn(Verdict::Fail, why.clone()),
        Look::Blind(why) => (judging.on_blind, Verdict::Blind, why.clone()),
        Look::Going {
            sampled: false,
            seen,
        } => {
            let why = format!("the sample did not come: {seen}");
            (judging.on_inconclusive, Verdict::Inconclusive, why)
        }
        Look::Going { sampled: true, .. } if spent >= length => return Decision::GoOn,
        Look::Going { sampled: true, .. } => return again(judging, length, spent),
    };
    // One more bake, but long enough to take a second look.
    let more = length.max(millis(judging.look).saturating_mul(2));
    let patience = match otherwise {
        Otherwise::Back | Otherwise::Ask => length,
        Otherwise::Wait => length.saturating_add(judging.patience.map_or(more, millis)),
    };
    if spent < patience {
        return again(judging, length, spent);
    }
    // A word that came when its time was over is none.
    let in_time = |at: &Time| wait.asked_until.is_none_or(|until| *at < until);
    match otherwise {
        Otherwise::Back | Otherwise::Wait | Otherwise::Ask
            if wait.past.get(&verdict).is_some_and(in_time) =>
        {
            Decision::GoOnWithout(verdict)
        }
        Otherwise::Back | Otherwise::Wait => Decision::Turn(verdict, why),
        Otherwise::Ask => {
            let more = Span::from_millis(u64::try_from(more).unwrap_or_default());
            let within = judging.answer_within.unwrap_or(more);
            let until = wait.asked_until.unwrap_or(now.after(within));
            if now < until {
                Decision::Ask(verdict, why, until)
            } else {
                let why = format!("{why}; nobody advanced it until {until}");
                Decision::Turn(verdict, why)
            }
        }
    }
}

/// Whether a canary could be judged in every step that such a plan would have.
///
/// # Errors
///
/// Refuses where it could not.
pub fn judgeable(environment: &Environment, kind: Kind) -> Result<(), Refusal> {
    let name = || environment.name.clone();
    if environment.metrics.is_none() {
        return Err(Refusal::NoMetrics(name()));
    }
    let metrics = environment.metrics.as_ref();
    match metrics.and_then(|metrics| metrics.source()) {
        Some((provider, _)) if !provider.is_shared() => {
            return Err(Refusal::NoHistory(name(), provider));
        }
        Some(_) | None => {}
    }
    if environment.prove.is_none() {
        return Err(Refusal::NoProof(name()));
    }
    if environment.availability.is_some() {
        return Ok(());
    }
    match kind {
        Kind::First => Err(Refusal::NoObjective(name())),
        Kind::Promotion | Kind::Rollback if environment.watch > Span::ZERO => {
            Err(Refusal::NoWatch(name()))
        }
        Kind::Promotion
            if environment
                .steps
                .iter()
                .all(|share| *share == Percent::FULL) =>
        {
            Err(Refusal::NoBaseline(name()))
        }
        Kind::Promotion if !environment.bake.is_zero() || environment.min_requests > 0 => {
            Err(Refusal::NoWhole(name()))
        }
        Kind::Promotion | Kind::Rollback => Ok(()),
    }
}

fn millis(span: Span) -> i64 {
    i64::try_from(span.millis()).unwrap_or(i64::MAX)
}

fn again(judging: &Judging, length: i64, spent: i64) -> Decision {
    // Past its length a step is looked at as often as before.
    let left = u64::try_from(length.saturating_sub(spent)).ok();
    let left = left.filter(|left| *left > 0);
    Decision::Wait(left.map_or(judging.look, |left| judging.look.shorter(left)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judging(on_blind: Otherwise, on_inconclusive: Otherwise) -> Judging {
        Judging {
            alpha: 0.01,
            margin: 1.25,
            spread: Percent::TENTH,
            horizon: Span::seconds(3600),
            availability: None,
            look: Span::seconds(15),
            on_blind,
            on_inconclusive,
            patience: None,
            answer_within: None,
        }
    }

    /// A step of a minute that began with the epoch.
    fn minute() -> Wait {
        Wait {
            since: Time::EPOCH,
            length: Span::seconds(60),
            asked_until: None,
            past: BTreeMap::new(),
        }
    }

    fn word(decision: &Decision) -> String {
        match decision {
            Decision::Wait(_) => "wait".to_owned(),
            Decision::Ask(verdict, _, until) => format!("ask {verdict} {until}"),
            Decision::GoOn => "go on".to_owned(),
            Decision::GoOnWithout(verdict) => format!("go on past {verdict}"),
            Decision::Turn(verdict, _) => format!("turn {verdict}"),
        }
    }

    #[test]
    fn a_step_goes_on_only_with_time_sample_and_sight() {
        use Otherwise::{Back, Wait as Patient};
        let going = |sampled| Look::Going {
            sampled,
            seen: String::new(),
        };
        let blind = || Look::Blind("no data".to_owned());
        let failed = Look::Failed("worse".to_owned());
        let cases = [
            ("all there", Patient, 60, going(true), "go on"),
            ("too early", Patient, 59, going(true), "wait"),
            ("too few", Patient, 60, going(false), "wait"),
            (
                "too few for long",
                Patient,
                120,
                going(false),
                "turn inconclusive",
            ),
            (
                "too few, no patience",
                Back,
                60,
                going(false),
                "turn inconclusive",
            ),
            ("blind", Patient, 60, blind(), "wait"),
            ("blind for long", Patient, 120, blind(), "turn blind"),
            ("blind, no patience", Back, 60, blind(), "turn blind"),
            ("failed at once", Patient, 0, failed, "turn fail"),
        ];
        for (name, otherwise, seconds, look, expected) in cases {
            let now = Time::EPOCH.after(Span::seconds(seconds));
            let judging = judging(otherwise, otherwise);
            let decision = decide(&judging, &minute(), &look, now);
            assert_eq!(word(&decision), expected, "{name}");
        }
    }

    #[test]
    fn a_step_waits_as_long_as_its_rules_say_and_not_where_they_say_back() {
        let blind = Look::Blind("no data".to_owned());
        let patient = |otherwise| Judging {
            patience: Some(Span::seconds(3_600)),
            ..judging(otherwise, Otherwise::Back)
        };
        let word =
            |otherwise, seconds| word(&decide(&patient(otherwise), &minute(), &blind, at(seconds)));
        assert_eq!(word(Otherwise::Wait, 3_659), "wait");
        assert_eq!(word(Otherwise::Wait, 3_660), "turn blind");
        assert_eq!(word(Otherwise::Back, 60), "turn blind");
        assert_eq!(word(Otherwise::Ask, 60), format!("ask blind {}", at(120)));
    }

    #[test]
    fn past_its_length_a_step_is_looked_at_as_often_as_before() {
        let few = Look::Going {
            sampled: false,
            seen: String::new(),
        };
        let judging = judging(Otherwise::Wait, Otherwise::Wait);
        let waits = |seconds| decide(&judging, &minute(), &few, at(seconds));
        for (seconds, wait) in [(0, 15), (50, 10), (60, 15), (61, 15), (119, 15)] {
            let expected = Decision::Wait(Span::seconds(wait));
            assert_eq!(waits(seconds), expected, "{seconds}");
        }
    }

    #[test]
    fn of_two_looks_the_worse_counts() {
        let going = |sampled| Look::Going {
            sampled,
            seen: "s".to_owned(),
        };
        let failed = || Look::Failed("worse".to_owned());
        let blind = || Look::Blind("no data".to_owned());
        for (one, other, expected) in [
            (going(true), failed(), "turn fail"),
            (blind(), failed(), "turn fail"),
            (going(true), blind(), "turn blind"),
            (going(true), going(false), "turn inconclusive"),
            (going(true), going(true), "go on"),
        ] {
            let judging = judging(Otherwise::Back, Otherwise::Back);
            for both in [one.clone().and(other.clone()), other.and(one)] {
                let decision = decide(&judging, &minute(), &both, at(60));
                assert_eq!(word(&decision), expected);
            }
        }
    }

    #[test]
    fn a_clock_that_steps_back_never_lets_a_step_end() {
        let wait = Wait {
            since: Time::EPOCH.after(Span::seconds(1_000)),
            ..minute()
        };
        let look = Look::Going {
            sampled: true,
            seen: String::new(),
        };
        let decision = decide(
            &judging(Otherwise::Wait, Otherwise::Wait),
            &wait,
            &look,
            Time::EPOCH,
        );
        assert!(matches!(decision, Decision::Wait(_)));
    }

    /// What is decided after so many seconds of a step that asks: asked until
    /// then, with this answer, by this look.
    fn asked(seconds: u32, until: Option<u32>, past: Option<Verdict>, look: &Look) -> String {
        let wait = Wait {
            asked_until: until.map(at),
            past: past.map(|past| (past, at(90))).into_iter().collect(),
            ..minute()
        };
        let judging = judging(Otherwise::Ask, Otherwise::Ask);
        word(&decide(&judging, &wait, look, at(seconds)))
    }

    fn at(seconds: u32) -> Time {
        Time::EPOCH.after(Span::seconds(seconds))
    }

    #[test]
    fn a_question_stands_until_its_time_is_over() {
        let blind = Look::Blind("no data".to_owned());
        let few = Look::Going {
            sampled: false,
            seen: String::new(),
        };
        let asks = |verdict: &str, seconds| format!("ask {verdict} {}", at(seconds));
        assert_eq!(asked(59, None, None, &blind), "wait");
        assert_eq!(asked(60, None, None, &blind), asks("blind", 120));
        assert_eq!(asked(60, None, None, &few), asks("inconclusive", 120));
        assert_eq!(asked(90, Some(100), None, &blind), asks("blind", 100));
        assert_eq!(asked(100, Some(100), None, &blind), "turn blind");
        let within = Judging {
            answer_within: Some(Span::seconds(3_600)),
            ..judging(Otherwise::Ask, Otherwise::Back)
        };
        let decision = decide(&within, &minute(), &blind, at(60));
        assert_eq!(word(&decision), asks("blind", 3_660));
    }

    #[test]
    fn an_answer_stands_in_for_what_was_asked_and_never_for_time_or_a_fault() {
        let yes = Some(Verdict::Blind);
        let blind = Look::Blind("no data".to_owned());
        let failed = Look::Failed("worse".to_owned());
        assert_eq!(asked(90, Some(100), yes, &blind), "go on past blind");
        assert_eq!(asked(500, Some(100), yes, &blind), "go on past blind");
        assert_eq!(asked(59, None, yes, &blind), "wait");
        // Given when its time was over: at the moment itself, and after it.
        assert_eq!(asked(91, Some(90), yes, &blind), "turn blind");
        assert_eq!(asked(91, Some(80), yes, &blind), "turn blind");
        assert_eq!(asked(91, Some(91), yes, &blind), "go on past blind");
        let other = asked(90, Some(100), Some(Verdict::Inconclusive), &blind);
        assert_eq!(other, format!("ask blind {}", at(100)));
        assert_eq!(asked(90, Some(100), yes, &failed), "turn fail");
    }
}

//! Whether a step that waits may end, has to wait on, or turns the plan back.

use serde::{Deserialize, Serialize};

use super::Judging;
use crate::config::environment::Otherwise;
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

/// What a waiting step was begun with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// When its shift was done.
    pub since: Time,
    /// The least time.
    pub length: Span,
}

/// What follows from a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Look again after this long.
    Wait(Span),
    /// Time, sample and sight are there, and nothing failed.
    GoOn,
    /// Go back, with this verdict for this reason.
    Turn(Verdict, String),
}

/// Decides a look. Permission is the last branch and needs everything.
#[must_use]
pub fn decide(judging: &Judging, wait: Wait, look: &Look, now: Time) -> Decision {
    let spent = now.millis_since(wait.since);
    let length = i64::try_from(wait.length.millis()).unwrap_or(i64::MAX);
    let patience = |otherwise| match otherwise {
        Otherwise::Back => length,
        // One more bake, but long enough to take a second look.
        Otherwise::Wait => {
            let look = i64::try_from(judging.look.millis()).unwrap_or(i64::MAX);
            length.saturating_add(length.max(look.saturating_mul(2)))
        }
    };
    match look {
        Look::Failed(why) => Decision::Turn(Verdict::Fail, why.clone()),
        Look::Blind(why) if spent >= patience(judging.on_blind) => {
            Decision::Turn(Verdict::Blind, why.clone())
        }
        Look::Going {
            sampled: false,
            seen,
        } if spent >= patience(judging.on_inconclusive) => Decision::Turn(
            Verdict::Inconclusive,
            format!("the sample did not come: {seen}"),
        ),
        Look::Going { sampled: true, .. } if spent >= length => Decision::GoOn,
        Look::Blind(_) | Look::Going { .. } => {
            let left = u64::try_from(length.saturating_sub(spent)).unwrap_or_default();
            Decision::Wait(judging.look.shorter(left))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judging(on_blind: Otherwise, on_inconclusive: Otherwise) -> Judging {
        Judging {
            alpha: 0.01,
            margin: 1.25,
            spread: crate::percent::Percent::TENTH,
            horizon: Span::seconds(3600),
            availability: None,
            look: Span::seconds(15),
            on_blind,
            on_inconclusive,
        }
    }

    fn word(decision: &Decision) -> String {
        match decision {
            Decision::Wait(_) => "wait".to_owned(),
            Decision::GoOn => "go on".to_owned(),
            Decision::Turn(verdict, _) => format!("turn {verdict}"),
        }
    }

    #[test]
    fn a_step_goes_on_only_with_time_sample_and_sight() {
        use Otherwise::{Back, Wait as Patient};
        let since = Time::EPOCH;
        let length = Span::seconds(60);
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
            let now = since.after(Span::seconds(seconds));
            let judging = judging(otherwise, otherwise);
            let decision = decide(&judging, Wait { since, length }, &look, now);
            assert_eq!(word(&decision), expected, "{name}");
        }
    }

    #[test]
    fn a_clock_that_steps_back_never_lets_a_step_end() {
        let wait = Wait {
            since: Time::EPOCH.after(Span::seconds(1_000)),
            length: Span::seconds(60),
        };
        let look = Look::Going {
            sampled: true,
            seen: String::new(),
        };
        let decision = decide(
            &judging(Otherwise::Wait, Otherwise::Wait),
            wait,
            &look,
            Time::EPOCH,
        );
        assert!(matches!(decision, Decision::Wait(_)));
    }
}

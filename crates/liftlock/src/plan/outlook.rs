//! What a run for a release would do now: whoever only looks is told the same
//! as whoever runs it.

use std::fmt;

use super::rest::Resting;
use super::standing::Standing;
use super::stray::Stray;
use crate::digest::Digest;
use crate::name::Name;
use crate::state::{Document, Hold, Lease, Live, Owner, Run};
use crate::time::Time;
use crate::verdict::Verdict;

/// What a run would do, as far as the state tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Outlook<'a> {
    /// Nothing: the release is live.
    Live(&'a Live),
    /// Nothing: another release has a plan under way.
    Another(&'a Run),
    /// Nothing: its plan is under way, and nobody goes on with it now.
    Rests(&'a Run, Resting<'a>),
    /// Nothing: its plan is under way, and somebody drives it.
    Driven(&'a Run, &'a Lease),
    /// It goes on with its plan, up or back.
    GoesOn(&'a Run),
    /// Nothing: it went back, and a pointer stayed at it.
    Stuck(&'a Stray),
    /// Nothing: automation may not move the environment.
    Held(&'a Hold),
    /// It begins a plan, where everything demanded is there.
    Begins,
}

/// What is known beside the state.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Pointers that are still where a plan left them.
    pub strays: &'a [Stray],
    /// Now.
    pub now: Time,
}

impl Document {
    /// What a run for this release would do now.
    #[must_use]
    pub fn outlook<'a>(
        &'a self,
        release: &Digest,
        seen: Seen<'a>,
        dead: &dyn Fn(&Owner) -> bool,
    ) -> Outlook<'a> {
        if let Some(run) = self.under_way() {
            if run.plan.release.digest != *release {
                return Outlook::Another(run);
            }
            return match (self.resting(seen.now), self.holder(seen.now, dead)) {
                (Some(resting), _) => Outlook::Rests(run, resting),
                (None, Some(lease)) => Outlook::Driven(run, lease),
                (None, None) => Outlook::GoesOn(run),
            };
        }
        if let Some(live) = self
            .live
            .as_ref()
            .filter(|live| live.release.digest == *release)
        {
            return Outlook::Live(live);
        }
        let mut strays = seen.strays.iter();
        if let Some(stray) = strays.find(|stray| stray.digest == *release) {
            return Outlook::Stuck(stray);
        }
        self.hold.as_ref().map_or(Outlook::Begins, Outlook::Held)
    }
}

impl Outlook<'_> {
    /// How a run would end, as far as the state tells: a pass is what it may
    /// come to.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::Live(_) | Self::Begins => Verdict::Pass,
            Self::Another(_) | Self::Driven(..) | Self::Held(_) => Verdict::Blocked,
            Self::Rests(..) => Verdict::Pending,
            Self::Stuck(_) => Verdict::Stuck,
            Self::GoesOn(run) if !run.journal.stuck.is_empty() => Verdict::Stuck,
            Self::GoesOn(run) => match &run.journal.turned {
                Some(turned) => turned.verdict,
                // It looks again, and people may not have said anything yet.
                None if run.waits_for_people() => Verdict::Pending,
                None => Verdict::Pass,
            },
        }
    }

    /// The same once it is known what is in everybody's way beside the state, such
    /// as drift, and what the chain came to.
    #[must_use]
    pub fn ends(&self, in_the_way: &[String], chain: Verdict) -> Verdict {
        match (self.verdict(), in_the_way) {
            (Verdict::Pass, []) => chain,
            (Verdict::Pass, [_, ..]) => Verdict::Blocked,
            (verdict, _) => verdict,
        }
    }

    /// The next thing to do, where a person has to.
    #[must_use]
    pub fn hint(&self, environment: &Name) -> Option<String> {
        match self {
            Self::Live(_) | Self::Begins => None,
            Self::Another(run) | Self::Rests(run, _) | Self::GoesOn(run) => Some(run.way_on()),
            Self::Driven(..) => {
                Some("wait for it to end; the same command then goes on".to_owned())
            }
            Self::Stuck(_) => Some(STRAY.to_owned()),
            Self::Held(_) => Some(Hold::way_out(environment)),
        }
    }
}

/// What to do about a pointer that was left at what failed.
pub const STRAY: &str = "delete it or move it by hand; where a release is live, `promote reconcile` may, else promote another release, which moves it there";

impl fmt::Display for Outlook<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(live) => {
                write!(
                    formatter,
                    "{} is live since {}",
                    live.release.id, live.since
                )
            }
            Self::Another(run) => {
                write!(formatter, "a plan for {} is under way", run.plan.release.id)
            }
            Self::Rests(run, resting) => write!(formatter, "{}: {resting}", Of(run)),
            Self::Driven(run, lease) => write!(
                formatter,
                "{}: {} drives it until {}",
                Of(run),
                lease.owner.run,
                lease.expires_at
            ),
            Self::GoesOn(run) => {
                let standing = Standing::of(&run.plan, &run.journal);
                match &run.journal.turned {
                    None => write!(formatter, "{}: {standing}", Of(run)),
                    Some(turned) => {
                        write!(
                            formatter,
                            "{} and goes back: {}; {standing}",
                            Of(run),
                            turned.reason
                        )
                    }
                }
            }
            Self::Stuck(stray) => write!(formatter, "{stray}"),
            Self::Held(hold) => {
                write!(
                    formatter,
                    "a hold is in place since {}: {}",
                    hold.at, hold.reason
                )
            }
            Self::Begins => formatter.write_str("a plan would begin"),
        }
    }
}

/// A plan under way, by its release and its place.
struct Of<'a>(&'a Run);

impl fmt::Display for Of<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plan = &self.0.plan;
        write!(
            formatter,
            "{} is under way in {}",
            plan.release.id, plan.environment
        )
    }
}

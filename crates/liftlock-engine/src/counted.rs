//! Has people's answers counted again: inside an approval, and inside a
//! permission to go past gates.

use liftlock::approval::automatic::Facts;
use liftlock::approval::break_glass::Broken;
use liftlock::approval::recheck::{Frame, Refused, by_a_judge, count_break_glass, count_with};
use liftlock::chain::{self, Circumstances, Said};
use liftlock::config::requirement::Requirement;
use liftlock::digest::Digest;
use liftlock::failure::Failure;
use liftlock::release::{Identified, Reference};
use liftlock_io::verify::Local;

use crate::fresh::{Asking, Judged};
use crate::gather::{Gathered, Moment};
use crate::world::World;

impl World {
    /// Judges an approval again: the request that it answers.
    pub(crate) fn approved(
        &self,
        said: &Said,
        (gathered, live): (&Gathered, Option<&Reference>),
        (moment, asking): (Moment, Option<&Asking>),
        used: &dyn Fn(&Digest) -> bool,
    ) -> Result<Digest, String> {
        let release = attested(gathered)?;
        let frame = self.frame(release, (gathered, live));
        let reference = release.reference();
        let around = Circumstances {
            service: &self.rules.service,
            policy: self.rules.policy,
            good_before: true,
            rejected: None,
            used: &|_| true,
            approve: &|_| Err("an approval is no evidence for another".to_owned()),
            broken: &|_| Err("nothing is gone past for an approval".to_owned()),
            now: moment.as_of,
            accept: &self.rules.accept,
        };
        let evidence = |requirement: &Requirement| {
            let place = (&self.environment, &reference);
            chain::met(requirement, place, &gathered.items, &around)
        };
        let facts = Facts {
            release,
            live,
            evidence: &evidence,
        };
        let count =
            |frame: &Frame<'_>| count_with(&said.statement, frame, Some(&facts), moment.as_of);
        let approval = by_a_judge(said, &frame, moment.as_of)
            .and_then(|()| count(&frame))
            .map_err(refusal)?;
        self.standing(&approval.request)?;
        // Of what does not count anyhow nobody is asked.
        if let Some(asking) = asking.filter(|_| !used(&approval.request)) {
            let judged = (Judged::Approval, &approval);
            self.still(judged, &frame, (asking, moment), &|frame| {
                count(frame).map(drop)
            })?;
        }
        Ok(approval.request)
    }

    /// Judges a permission to go past gates again: what it permits.
    pub(crate) fn broken(
        &self,
        said: &Said,
        (gathered, live): (&Gathered, Option<&Reference>),
        (moment, asking): (Moment, Option<&Asking>),
        used: &dyn Fn(&Digest) -> bool,
    ) -> Result<Broken, String> {
        let frame = self.frame(attested(gathered)?, (gathered, live));
        let allowed = self.environment.break_glass.as_ref();
        let count =
            |frame: &Frame<'_>| count_break_glass(&said.statement, frame, allowed, moment.as_of);
        let (broken, people) = by_a_judge(said, &frame, moment.as_of)
            .and_then(|()| count(&frame))
            .map_err(refusal)?;
        let request = broken.judged.request;
        let until = broken.judged.ruling.expires_at;
        let expires_at = until.ok_or("it does not say until when it holds")?;
        self.standing(&request)?;
        if let Some(asking) = asking.filter(|_| !used(&request)) {
            let judged = (Judged::BreakGlass, &broken.judged);
            self.still(judged, &frame, (asking, moment), &|frame| {
                count(frame).map(drop)
            })?;
        }
        Ok(Broken {
            request,
            // Whoever has the bundle knows its digest.
            statement: request,
            reason: broken.reason,
            past: broken.past,
            people,
            expires_at,
        })
    }

    fn frame<'a>(
        &'a self,
        release: &'a Identified,
        (gathered, live): (&'a Gathered, Option<&Reference>),
    ) -> Frame<'a> {
        Frame {
            keyring: &self.rules.trust,
            environment: &self.environment.name,
            rule: self.environment.approval.as_ref(),
            policy: self.rules.policy,
            release,
            live: live.map(|live| live.digest),
            signers: &gathered.signers,
            shown: None,
            verifier: &Local,
        }
    }

    /// Refuses what was denied or taken back since.
    fn standing(&self, request: &Digest) -> Result<(), String> {
        match self.recalled(request).map_err(|failure| told(&failure))? {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }
}

fn attested(gathered: &Gathered) -> Result<&Identified, String> {
    let release = gathered.release.as_ref();
    release.ok_or_else(|| "no builder attested the release it is about".to_owned())
}

pub(crate) fn refusal(refused: Refused) -> String {
    told(&Failure::from(refused))
}

pub(crate) fn told(failure: &Failure) -> String {
    failure.lines().join(": ")
}

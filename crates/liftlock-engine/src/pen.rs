//! Who signs what plans come to: chosen once, and known to be able to before
//! anything moves. A token is asked for when something is signed, which may be
//! hours later.

use liftlock::config::effective::Rules;
use liftlock::config::trust::Role;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::state::Document;
use liftlock_io::cli::Session;
use liftlock_io::cli::office::Office;
use liftlock_io::cli::signing::{self, Signer, Signing};

use crate::drive::Engine;
use crate::outcome::Outcome;
use crate::pace::Pace as _;
use crate::world::World;

/// What helps where a plan is over and what it came to was not signed.
const LATER: &str = "run `promote resume` once that is mended: it signs what the last plan came to";

/// Who signs, if anybody does.
#[derive(Debug)]
pub struct Pen<'a> {
    signer: Option<Signer<'a>>,
    /// Why nobody does, where somebody should.
    lacking: Option<Failure>,
    /// Why whoever is named cannot.
    unable: Option<Failure>,
    session: &'a Session,
}

/// What is to happen before something is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Before {
    /// A plan is begun: without a signer it is not.
    Begun,
    /// A plan under way is gone on with, which nothing but a signer that
    /// would not count holds up; where it goes down or back, not even that.
    GoneOn,
}

impl<'a> Pen<'a> {
    /// Whom the flags name; else the identity that the CI offers, where the
    /// rules name identities whose word about a plan counts.
    ///
    /// # Errors
    ///
    /// Fails when a key cannot be opened, and on flags that do not go together.
    pub fn open(
        signing: &'a Signing,
        rules: &Rules,
        session: &'a Session,
    ) -> Result<Self, Failure> {
        let mut pen = Self {
            signer: None,
            lacking: None,
            unable: None,
            session,
        };
        let holders = rules.trust.holders(Role::Promotion, session.now());
        if !signing.is_named() && holders.identities.is_empty() {
            return Ok(pen);
        }
        let signer = signing.open(session)?;
        let offered = match &signer {
            Signer::Identity(identity) => identity.source().map(drop),
            Signer::Key(_) => Ok(()),
        };
        match offered {
            Ok(()) => pen.signer = Some(signer),
            // Whoever has a key may leave it out.
            Err(_) if !signing.is_named() && holders.keys > 0 => {}
            Err(error) => {
                let what = "nobody is there to sign what the plan comes to";
                let lacking = signing::nobody(what, error);
                if signing.is_named() {
                    return Err(lacking);
                }
                pen.lacking = Some(lacking);
            }
        }
        Ok(pen)
    }

    /// The same for whatever may be under way: that whoever is named cannot sign
    /// is found out when it matters.
    ///
    /// # Errors
    ///
    /// Fails on flags that do not go together.
    pub fn later(
        signing: &'a Signing,
        rules: &Rules,
        session: &'a Session,
    ) -> Result<Self, Failure> {
        match Self::open(signing, rules, session) {
            Err(failure) if failure.kind != Kind::Usage => Ok(Self {
                signer: None,
                lacking: None,
                unable: Some(failure),
                session,
            }),
            opened => opened,
        }
    }

    /// The same for a way down, which does not fail for want of a signature:
    /// why there will be none is told.
    ///
    /// # Errors
    ///
    /// Fails on flags that do not go together.
    pub fn hoped(
        signing: &'a Signing,
        rules: &Rules,
        session: &'a Session,
    ) -> Result<Self, Failure> {
        let pen = Self::later(signing, rules, session)?;
        let pen = match pen.checked(rules) {
            Err(failure) => pen.without(failure),
            Ok(()) => pen,
        };
        pen.tell();
        Ok(pen)
    }

    /// Nobody signs, and why.
    fn without(&self, lacking: Failure) -> Self {
        Self {
            signer: None,
            lacking: Some(lacking),
            unable: None,
            session: self.session,
        }
    }

    /// Refuses where whoever is named cannot sign.
    ///
    /// # Errors
    ///
    /// Fails with why.
    pub fn able(&self) -> Result<(), Failure> {
        self.unable.as_ref().map_or(Ok(()), |why| Err(again(why)))
    }

    /// Who signs where a plan under way is gone on with: where it goes down or
    /// back nobody is waited for, and a service that is away holds no plan up.
    ///
    /// # Errors
    ///
    /// Fails where a plan would go on upwards and the signature would not count.
    pub fn going_on(&self, engine: &Engine<'_>) -> Result<Option<Self>, Failure> {
        let Err(failure) = self.ready(&engine.world().rules, Before::GoneOn) else {
            return Ok(None);
        };
        if failure.kind != Kind::Upstream && !engine.goes_back() {
            return Err(failure);
        }
        let pen = self.without(failure);
        pen.tell();
        Ok(Some(pen))
    }

    /// Says before anything moves whether whoever is to sign may.
    ///
    /// # Errors
    ///
    /// Fails where the signature would not count; where a plan is begun, also
    /// where nobody is there to sign.
    pub fn ready(&self, rules: &Rules, before: Before) -> Result<(), Failure> {
        match (before, &self.lacking) {
            (Before::Begun, Some(lacking)) => Err(again(lacking)),
            (Before::Begun | Before::GoneOn, _) => {
                self.tell();
                self.checked(rules)
            }
        }
    }

    /// Signs what a plan came to and keeps it; nothing while it is under way.
    ///
    /// # Errors
    ///
    /// Fails when the signer cannot or may not sign, and when the store cannot
    /// be written.
    pub fn sign(&self, world: &World, outcome: &Outcome) -> Result<Option<Digest>, Failure> {
        if outcome.waits.is_some() {
            return Ok(None);
        }
        let signed = self.word(world, outcome);
        signed.map_err(|mut failure| {
            failure.hint = failure.hint.or_else(|| Some(LATER.to_owned()));
            failure
        })
    }

    /// The same of a plan under way, of which somebody said something.
    ///
    /// # Errors
    ///
    /// As [`Self::sign`].
    pub fn word(&self, world: &World, outcome: &Outcome) -> Result<Option<Digest>, Failure> {
        let signer = self.signer.as_ref();
        signer
            .map(|signer| world.attest(outcome, signer, self.session))
            .transpose()
    }

    /// Signs what the last plan came to, where whoever drove it did not: killed
    /// at its very end, or while a service of the signature was away. Where a
    /// release is named, only if the plan was for that one.
    ///
    /// # Errors
    ///
    /// As [`Self::sign`].
    pub fn sign_last(
        &self,
        world: &World,
        document: &Document,
        release: Option<&Digest>,
    ) -> Result<Option<Digest>, Failure> {
        let Some(run) = document.run.as_ref().filter(|_| !self.session.dry_run) else {
            return Ok(None);
        };
        let same = release.is_none_or(|release| *release == run.plan.release.digest);
        if !same || run.verdict.is_none() {
            return Ok(None);
        }
        let outcome = Outcome::of(run, true);
        let now = self.session.now();
        let known = |signer| world.attested(&outcome, (signer, now)).is_some();
        // Nobody sees a certificate of who may not sign.
        if !self.signer.as_ref().is_some_and(known) {
            self.checked(&world.rules)?;
        }
        self.sign(world, &outcome)
    }

    /// Why nobody signs though somebody should.
    #[must_use]
    pub fn lacking(&self) -> Option<String> {
        let lacking = self.lacking.as_ref();
        lacking.map(|failure| failure.lines().join(": "))
    }

    fn checked(&self, rules: &Rules) -> Result<(), Failure> {
        self.able()?;
        let office = Office {
            role: Role::Promotion,
            rules: Some(rules),
        };
        match &self.signer {
            Some(signer) if !self.session.dry_run => office.ready(signer, self.session),
            Some(_) | None => Ok(()),
        }
    }

    fn tell(&self) {
        if let Some(why) = self.lacking().filter(|_| !self.session.dry_run) {
            self.session.tell(&format!("not to be signed: {why}"));
        }
    }
}

/// A failure once more.
fn again(failure: &Failure) -> Failure {
    let mut same = Failure::new(failure.kind, failure.lines().join(": "));
    same.hint.clone_from(&failure.hint);
    same
}

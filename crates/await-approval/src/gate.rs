//! Tells a run that waits for the rule of our App how a request came out. Unlike
//! a workflow that is started anew, the run goes on with whatever it does next,
//! so nothing is said before the approval is proved and the run is known to be
//! the release's.

use liftlock::approval::request::{Identified, Place};
use liftlock::approval::{Closed, gate_key, recheck, signer};
use liftlock::bundle::Bundle;
use liftlock::ci;
use liftlock::failure::{Failure, Kind};
use liftlock::json;
use liftlock::release;
use liftlock::state::Hold;
use liftlock::time::Time;
use liftlock_io::cli::Session;
use liftlock_io::github::{Error, GitHub, Ruling};
use liftlock_io::store::{Put, Store};
use liftlock_io::verify::Local;
use serde::{Deserialize, Serialize};

use crate::args::Rule;
use crate::facts::{self, Known};
use crate::settings::{Asks, Settings};
use crate::{approve, forge, gather, kept, live};

/// GitHub's answer where nothing waits.
const NOTHING_WAITS: u16 = 422;

/// The one run and environment that an approval let in.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Opened {
    repository: String,
    run: u64,
    attempt: u64,
    environment: String,
}

/// Lets the run in after a pass. An approval opens one gate once: what it let
/// in before it may let in again, and nothing else.
pub(crate) fn open(
    asked: &Identified,
    end: &Closed,
    (place, run, environment): (&Place, u64, &str),
    (settings, session): (&Settings, &Session),
) -> Result<(), Failure> {
    let Some(state) = settings.state()? else {
        return Err(Failure::new(Kind::Bug, "there is no state store"));
    };
    let state = state.as_ref();
    stands(asked, end, state)?;
    let release = prove(asked, end, settings, session.started)?;
    let github = forge::open_at(place, settings)?;
    let attempt = bound(&github, run, &release)?;
    let wanted = Opened {
        repository: place.repository.clone(),
        run,
        attempt,
        environment: environment.to_owned(),
    };
    let before = claim(asked, &wanted, state)?;
    let comment = format!("approved: request {}", asked.digest);
    match github.rule((run, environment), Ruling::Approved, &comment) {
        Err(Error::Refused { status, .. }) if before && status == NOTHING_WAITS => Ok(()),
        told => Ok(told?),
    }
}

/// Refuses what `promote` would not begin either: while there is a hold, and
/// once a plan that is over used the approval up.
fn stands(asked: &Identified, end: &Closed, state: &dyn Store) -> Result<(), Failure> {
    let document = kept::document(asked, state)?;
    if let Some(hold) = &document.hold {
        let environment = &asked.request.environment;
        let reason = ci::line(&hold.reason);
        let message = format!("`{environment}` is on hold since {}: {reason}", hold.at);
        let way_out = Hold::way_out(environment);
        return Err(Failure::new(Kind::Blocked, message)
            .with_hint(format!("once that is settled, {way_out}")));
    }
    match document.spent(&kept::names(asked, end)) {
        Some(plan) => {
            let message = format!("the approval was used up by the plan {plan}, which is over");
            Err(Failure::new(Kind::Refuted, message)
                .with_hint("ask again with `await-approval request`"))
        }
        None => Ok(()),
    }
}

/// Stops the run: its people said no, or nothing in time.
pub(crate) fn shut(
    asked: &Identified,
    why: &str,
    (place, run, environment): (&Place, u64, &str),
    settings: &Settings,
) -> Result<(), Failure> {
    let github = forge::open_at(place, settings)?;
    bound(&github, run, &asked.release)?;
    let comment = format!("{why}: request {}", asked.digest);
    match github.rule((run, environment), Ruling::Rejected, &comment) {
        Err(Error::Refused { status, .. }) if status == NOTHING_WAITS => Ok(()),
        told => Ok(told?),
    }
}

/// Proves the approval as `promote` does: of the release as a builder attested
/// it, whatever the request says of it.
fn prove(
    asked: &Identified,
    end: &Closed,
    settings: &Settings,
    now: Time,
) -> Result<release::Identified, Failure> {
    let unproved = |why: &str| {
        Failure::new(Kind::Refuted, format!("the approval is not proved: {why}"))
            .with_hint("run `await-approval judge` again")
    };
    let digest = end.approval.ok_or_else(|| unproved("there is none"))?;
    let Some(store) = settings.evidence()? else {
        return Err(unproved("there is no evidence store"));
    };
    let found = store.list(&asked.request.release.digest)?;
    let found = found.iter().find(|item| item.digest == digest);
    let found = found.ok_or_else(|| unproved("it is not in the evidence store"))?;
    let bundle = Bundle::parse(&found.bytes)?;
    let environment = &asked.request.environment;
    // What lets a release go past gates is no approval, and opens none here.
    let policy = settings.policy(environment, &Rule::default(), Asks::Approval)?;
    let said = approve::examined(&bundle, settings, now);
    let said = said.ok_or_else(|| unproved("there are no rules"))?;
    let said = said.map_err(|why| unproved(&why))?;
    let about = gather::about_release(&asked.release, &[], settings)?;
    let signers = signer::signers(&about, &policy.keyring, &Local);
    let release = facts::attested(asked, &about, (settings, now))
        .ok_or_else(|| unproved("no builder attested the release it is about"))?;
    let frame = recheck::Frame {
        keyring: &policy.keyring,
        environment,
        rule: Some(&policy.approval),
        policy: policy.digest,
        release: &release,
        live: live::now(asked, settings)?,
        signers: &signers,
        shown: None,
        verifier: &Local,
    };
    recheck::by_a_judge(&said, &frame, now)?;
    let known = Known::read(asked, &about, (&policy, settings), now)?;
    let approval = known.counted(&said.statement, &frame, (asked, settings), now)?;
    if approval.request == asked.digest {
        Ok(release)
    } else {
        Err(unproved("it is of another request"))
    }
}

/// The attempt of a run, which has to be at the release's commit: it goes on with
/// the code of its own. That it asked says nothing of what it runs.
fn bound(github: &GitHub, run: u64, release: &release::Identified) -> Result<u64, Failure> {
    let Some(commit) = &release.release.commit else {
        let message = "the release names no commit, so nobody knows which run is its";
        return Err(Failure::new(Kind::Invalid, message)
            .with_hint("leave `--protection-rule` out, and let `resume` start a workflow"));
    };
    let found = github.run(run)?;
    if *commit == found.head_sha {
        return Ok(found.run_attempt);
    }
    let message = format!(
        "run {run} of {} is not of the release's commit, {commit}",
        found.head_sha
    );
    Err(Failure::new(Kind::Invalid, message)
        .with_hint("name a run of that commit, or let `resume` start a workflow"))
}

/// Whether the same was let in before; another one may not be.
fn claim(asked: &Identified, wanted: &Opened, state: &dyn Store) -> Result<bool, Failure> {
    let request = &asked.request;
    let key = gate_key(&request.service, &request.environment, &asked.digest);
    let bytes = json::line(wanted).map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    if let Put::Written(_) = state.put_if_absent(&key, &bytes)? {
        return Ok(false);
    }
    let stored = state.get(&key)?;
    let known = stored.and_then(|stored| json::parse::<Opened>(&stored.bytes).ok());
    if known.as_ref() == Some(wanted) {
        return Ok(true);
    }
    let message = "the approval let another run, attempt or environment in before";
    Err(Failure::new(Kind::Refuted, message).with_hint("ask again with `await-approval request`"))
}

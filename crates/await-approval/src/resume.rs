//! `resume`: starts the workflow that goes on after an approval. That workflow
//! proves everything again; what it is told here is only where to look. A run
//! that waits for the rule of our App is told the outcome itself.

use liftlock::approval::Closed;
use liftlock::approval::forge::Forge;
use liftlock::approval::request::Place;
use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use serde::Serialize;
use serde_json::Value;

use crate::settings::{Recorded, Settings};
use crate::{args, forge, gate, gitlab, kept};

/// What the workflow is told: names to look up, nothing to believe.
#[derive(Serialize)]
struct Payload {
    request: String,
    service: String,
    environment: String,
    release: String,
}

pub(crate) fn resume(
    args: &args::Resume,
    settings: &Settings,
    session: &Session,
) -> Result<Report, Failure> {
    let asked = kept::read(&args.request, settings)?;
    let request = &asked.request;
    let place = forge::placed(&asked)?;
    let Some(state) = settings.state()? else {
        let message = "without a configuration there is no store that knows of an approval";
        return Err(Failure::new(Kind::Usage, message).with_hint("write a liftlock.yaml"));
    };
    let end = kept::end(&asked, state.as_ref())?;
    let verdict = match &end {
        Some(end) if end.denies() => Verdict::Fail,
        _ if !asked.is_open(session.started) => Verdict::Expired,
        Some(Closed {
            approval: Some(_), ..
        }) => Verdict::Pass,
        Some(_) | None => Verdict::Pending,
    };
    let payload = Payload {
        request: asked.digest.to_string(),
        service: request.service.to_string(),
        environment: request.environment.to_string(),
        release: request.release.digest.to_string(),
    };
    let named = args.protected_environment.as_deref();
    let environment = named.unwrap_or(request.environment.as_str());
    let gate = args.protection_rule.map(|run| (place, run, environment));
    if gate.is_some() {
        has_rules(place)?;
    }
    if !session.dry_run {
        match (verdict, &end, gate) {
            (Verdict::Pass, Some(end), Some(gate)) => {
                gate::open(&asked, end, gate, (settings, session))?;
            }
            (Verdict::Pass, _, None) => start(args, place, &payload, settings)?,
            (Verdict::Fail, _, Some(gate)) => gate::shut(&asked, "denied", gate, settings)?,
            (Verdict::Expired, _, Some(gate)) => gate::shut(&asked, "expired", gate, settings)?,
            (_, _, _) => {}
        }
    }
    let headline = match verdict {
        Verdict::Pass if gate.is_some() => "the run may go on",
        Verdict::Pass => "the next workflow was started",
        Verdict::Fail => "the request was denied",
        Verdict::Expired => "the request expired",
        Verdict::Pending
        | Verdict::Inconclusive
        | Verdict::Blind
        | Verdict::Blocked
        | Verdict::Stuck => "no approval was signed yet",
    };
    let report = Report::new("resume", verdict, headline)
        .with_detail(&payload)
        .with_output("request", asked.digest.to_string())
        .with_scope(
            Some(request.service.clone()),
            Some(request.environment.clone()),
        );
    Ok(settings.label(report, Recorded::No))
}

fn has_rules(place: &Place) -> Result<(), Failure> {
    if place.forge == Forge::Github {
        return Ok(());
    }
    let message = "only GitHub has rules of Apps, and people were asked elsewhere";
    Err(Failure::new(Kind::Usage, message).with_hint("leave `--protection-rule` out"))
}

fn start(
    args: &args::Resume,
    place: &Place,
    payload: &Payload,
    settings: &Settings,
) -> Result<(), Failure> {
    let payload = serde_json::to_value(payload)
        .map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
    let Value::Object(fields) = &payload else {
        return Err(Failure::new(Kind::Bug, "what is told has no names"));
    };
    if place.forge == Forge::Gitlab {
        return gitlab::resume(args, place, (fields, settings));
    }
    let other = args.job.is_some() || args.inputs;
    if other || (args.branch.is_some() && args.workflow.is_none()) {
        let message =
            "a request on GitHub is resumed by `--event`, or by `--workflow` and `--branch`";
        return Err(Failure::new(Kind::Usage, message).with_hint("leave the other flags out"));
    }
    let github = forge::open_at(place, settings)?;
    match &args.workflow {
        Some(file) => github.dispatch_workflow((file, args.branch()), &payload)?,
        None => github.dispatch(&args.event, &payload)?,
    }
    Ok(())
}

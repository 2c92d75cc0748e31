//! `resume`: starts the workflow that goes on after an approval. That workflow
//! proves everything again; what it is told here is only where to look.

use liftlock::approval::Closed;
use liftlock::failure::{Failure, Kind};
use liftlock::report::Report;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use serde::Serialize;

use crate::settings::{Recorded, Settings};
use crate::{args, forge, kept};

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
    if verdict == Verdict::Pass && !session.dry_run {
        let github = forge::open(&place.repository, settings)?;
        let payload = serde_json::to_value(&payload)
            .map_err(|error| Failure::new(Kind::Bug, error.to_string()))?;
        match &args.workflow {
            Some(file) => github.dispatch_workflow((file, &args.branch), &payload)?,
            None => github.dispatch(&args.event, &payload)?,
        }
    }
    let headline = match verdict {
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

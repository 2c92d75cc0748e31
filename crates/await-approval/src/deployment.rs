//! A deployment on GitHub that shows how a request stands.

use liftlock::approval::forge::Forge;
use liftlock::approval::policy::Policy;
use liftlock::approval::request::{Deployment, Identified};
use liftlock::failure::{Failure, Kind};
use liftlock::release::Release;
use liftlock::verdict::Verdict;
use liftlock_io::github::{GitHub, Stage, Wanted};

use crate::forge::Age;
use crate::gather::Judged;
use crate::settings::Settings;
use crate::{args, forge};

/// The deployment that the flags name.
pub(crate) fn wanted(
    args: &args::Request,
    release: &Release,
    policy: &Policy,
) -> Result<Option<Deployment>, Failure> {
    let Some(repository) = &args.github_deployment else {
        return Ok(None);
    };
    forge::named(repository, policy)?;
    let Some(commit) = release.commit.clone() else {
        let message = "the release names no commit, and a deployment is of one";
        return Err(Failure::new(Kind::Invalid, message)
            .with_hint("leave `--github-deployment` out, or write `commit` into release.json"));
    };
    Ok(Some(Deployment {
        forge: Forge::Github,
        repository: repository.clone(),
        commit,
    }))
}

/// Shows that people are asked, once, where the request wants it.
pub(crate) fn ask(asked: &Identified, age: Age, settings: &Settings) -> Result<(), Failure> {
    match &asked.request.deployment {
        Some(deployment) => show(
            asked,
            deployment,
            (age, Stage::Queued, "people are asked"),
            settings,
        ),
        None => Ok(()),
    }
}

/// Shows how the request came out, where it wants it and did.
pub(crate) fn settle(judged: &Judged, settings: &Settings) -> Result<(), Failure> {
    let Some(deployment) = &judged.asked.request.deployment else {
        return Ok(());
    };
    let stage = match judged.judgement.verdict {
        Verdict::Pass => Stage::Success,
        Verdict::Fail => Stage::Failure,
        Verdict::Expired => Stage::Inactive,
        Verdict::Pending
        | Verdict::Inconclusive
        | Verdict::Blind
        | Verdict::Blocked
        | Verdict::Stuck => return Ok(()),
    };
    let why = judged.judgement.why.as_str();
    show(&judged.asked, deployment, (Age::Old, stage, why), settings)
}

/// Finds the deployment by its payload, or makes it, and sets its state.
fn show(
    asked: &Identified,
    deployment: &Deployment,
    (age, stage, why): (Age, Stage, &str),
    settings: &Settings,
) -> Result<(), Failure> {
    let github: GitHub = forge::open(&deployment.repository, settings)?;
    let payload = asked.payload();
    let wanted = Wanted {
        reference: &deployment.commit,
        environment: asked.request.environment.as_str(),
        payload: &payload,
    };
    let known = match age {
        Age::New => None,
        Age::Old => github.deployment(&wanted)?,
    };
    let id = match known {
        Some(id) => id,
        None => github.deploy(&wanted)?,
    };
    Ok(github.show(id, stage, why)?)
}

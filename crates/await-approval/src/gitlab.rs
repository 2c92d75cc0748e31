//! People on GitLab: where they are asked, and what they answered there.

use std::str::FromStr;

use liftlock::approval::forge::{Forge, gitlab, said_on};
use liftlock::approval::policy::Policy;
use liftlock::approval::request::{Identified, Noteable, Place, Spot};
use liftlock::ci::Actor;
use liftlock::config::trust::Keyring;
use liftlock::failure::{Failure, Kind};
use liftlock_io::cli::Session;
use liftlock_io::forge::{Answers, Error};
use liftlock_io::gitlab::{self as api, GitLab, Starter, Told};
use liftlock_io::{env, file};
use serde_json::{Map, Value};

use crate::args;
use crate::forge::{Age, Asking, LARGEST_PAYLOAD};
use crate::settings::Settings;
use crate::started::Started;

/// What the names of a started pipeline's variables begin with: those of
/// outputs, which no verb reads as flags.
const VARIABLE: &str = "LIFTLOCK_OUT_AWAIT_APPROVAL_";

/// An issue as `GROUP/NAME#NUMBER`, or a merge request as `GROUP/NAME!NUMBER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thread {
    project: String,
    on: Noteable,
    number: u64,
}

impl FromStr for Thread {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not GROUP/NAME#NUMBER or GROUP/NAME!NUMBER");
        let at = text.find(['#', '!']).ok_or_else(wrong)?;
        let (project, rest) = text.split_at_checked(at).ok_or_else(wrong)?;
        let on = if rest.starts_with('!') {
            Noteable::MergeRequest
        } else {
            Noteable::Issue
        };
        let number = rest.get(1..).and_then(number).ok_or_else(wrong)?;
        let project = project.to_owned();
        Ok(Self {
            project,
            on,
            number,
        })
    }
}

/// A deployment as `GROUP/NAME:NUMBER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Deploying {
    project: String,
    number: u64,
}

impl FromStr for Deploying {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not GROUP/NAME:NUMBER");
        let (project, rest) = text.split_once(':').ok_or_else(wrong)?;
        let number = number(rest).ok_or_else(wrong)?;
        let project = project.to_owned();
        Ok(Self { project, number })
    }
}

fn number(text: &str) -> Option<u64> {
    let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// Finds out about the place that the flags name, if they name one here.
pub(crate) fn place(
    args: &args::Request,
    (policy, settings): (&Policy, &Settings),
) -> Result<Option<Asking>, Failure> {
    let project = match (&args.gitlab, &args.gitlab_deployment) {
        (Some(thread), _) => &thread.project,
        (None, Some(deploying)) => &deploying.project,
        (None, None) => return Ok(None),
    };
    let here = api::here()?;
    if let Some(why) = policy.approval.misplaced(&here, project) {
        return Err(Failure::new(Kind::Invalid, why).with_hint(
            "have it written in the environment's rule: `approval: { at: ['gitlab:GROUP/NAME'] }`, with `@HOST` behind it on a GitLab of your own",
        ));
    }
    let gitlab = GitLab::from_environment(project, &settings.options, settings.deadline)?;
    let host = here.host;
    let (at, authors) = match (&args.gitlab, &args.gitlab_deployment) {
        (Some(thread), _) => {
            let makers = match thread.on {
                Noteable::Issue => api::Makers::default(),
                Noteable::MergeRequest => gitlab.makers(thread.number)?,
            };
            let spot = Spot::Notes {
                host,
                on: thread.on,
                number: thread.number,
                addresses: makers.addresses,
            };
            (spot, makers.accounts)
        }
        (None, Some(deploying)) => {
            let found = gitlab.deployment(deploying.number)?;
            let spot = Spot::Deployment {
                host,
                deployment: found.id,
                starters: found.starters().collect(),
            };
            (spot, [].into())
        }
        (None, None) => return Ok(None),
    };
    Ok(Some(Asking {
        place: Some(Place {
            forge: Forge::Gitlab,
            host: None,
            repository: project.clone(),
            at,
            authors,
            addresses: [].into(),
        }),
        actors: Vec::new(),
    }))
}

/// By whom the job came about, as GitLab says: variables that are given to a
/// pipeline go before its own. Where it says nothing, whom they name may not
/// answer either, and is nobody who is known.
pub(crate) fn started(
    session: &Session,
    policy: &Policy,
    settings: &Settings,
) -> Result<Vec<Actor>, Failure> {
    let named = &session.ci.actors;
    let until = (&settings.options, settings.deadline);
    match api::starter(named, &policy.keyring, until)? {
        Starter::Told(actors) => Ok(actors),
        Starter::Other { named, found } => Err(api::another(&named, &found)),
        Starter::Unsaid if policy.approval.known_actors == Some(true) => {
            let message = "nothing but variables, which anybody can set, says who started this job";
            Err(Failure::new(Kind::Credentials, message).with_hint(
                "leave the job its `CI_JOB_TOKEN`, and have accounts there below `people:`",
            ))
        }
        Starter::Unsaid => Ok(named.clone()),
    }
}

/// The project where a request was asked, on the installation where it was.
pub(crate) fn open(place: &Place, settings: &Settings) -> Result<GitLab, Failure> {
    api::there(place)?;
    let (options, deadline) = (&settings.options, settings.deadline);
    Ok(GitLab::from_environment(
        &place.repository,
        options,
        deadline,
    )?)
}

/// Asks, once, and tells the page where people answer.
pub(crate) fn ask(
    (asked, place): (&Identified, &Place),
    (age, text): (Age, &str),
    settings: &Settings,
) -> Result<Option<String>, Failure> {
    let gitlab = open(place, settings)?;
    let page = match (&place.at, age) {
        (Spot::Notes { on, number, .. }, Age::New) => gitlab.ask_anew((*on, *number), text)?,
        (Spot::Notes { on, number, .. }, Age::Old) => gitlab.ask((*on, *number), asked, text)?,
        (Spot::Deployment { deployment, .. }, _) => {
            gitlab.page_of_deployment(&gitlab.deployment(*deployment)?)
        }
        (Spot::Comments { .. } | Spot::Reviews { .. } | Spot::Gates { .. }, _) => {
            return Err(Error::Foreign.into());
        }
    };
    Ok(Some(page))
}

/// What people answered.
pub(crate) fn answers(
    (asked, place): (&Identified, &Place),
    (question, keyring): (&str, &Keyring),
    settings: &Settings,
) -> Result<Answers, Failure> {
    Ok(open(place, settings)?.answers(&place.at, (asked, question), keyring)?)
}

/// The place with whoever wrote the change, or started the deployment, by
/// GitLab's word now.
pub(crate) fn fresh(place: &Place, settings: &Settings) -> Result<Option<Place>, Failure> {
    let mut now = place.clone();
    match &mut now.at {
        Spot::Notes {
            on: Noteable::MergeRequest,
            number,
            addresses,
            ..
        } => {
            let makers = open(place, settings)?.makers(*number)?;
            *addresses = makers.addresses;
            now.authors = makers.accounts;
        }
        Spot::Deployment {
            deployment,
            starters,
            ..
        } => {
            let found = open(place, settings)?.deployment(*deployment)?;
            *starters = found.starters().collect();
        }
        Spot::Notes { .. } | Spot::Comments { .. } | Spot::Reviews { .. } | Spot::Gates { .. } => {
            return Ok(None);
        }
    }
    Ok(Some(now))
}

/// Starts what goes on: a job that waits, or a pipeline, which are told where
/// to look.
pub(crate) fn resume(
    args: &args::Resume,
    place: &Place,
    (payload, settings): (&Map<String, Value>, &Settings),
) -> Result<(), Failure> {
    if args.workflow.is_some() {
        let message = "`--workflow` is for requests on GitHub";
        return Err(Failure::new(Kind::Usage, message).with_hint("give `--job`, or neither"));
    }
    if let Some(job) = args.job {
        return Ok(open(place, settings)?.play(job)?);
    }
    let named = payload.iter().map(|(name, value)| {
        let name = if args.inputs {
            name.clone()
        } else {
            format!("{VARIABLE}{}", name.to_ascii_uppercase())
        };
        (name, value.clone())
    });
    let told = if args.inputs {
        Told::Inputs
    } else {
        Told::Variables
    };
    let values: Map<String, Value> = named.collect();
    api::trigger(
        (place, args.branch()),
        (told, &values),
        (&settings.options, settings.deadline),
    )?;
    Ok(())
}

/// The request that the note answers which started this pipeline, from the
/// webhook that GitLab keeps in the file that `TRIGGER_PAYLOAD` names.
pub(crate) fn of_event() -> Result<Started, Failure> {
    let path = env::var("TRIGGER_PAYLOAD").ok_or_else(|| {
        Failure::new(Kind::Usage, "`TRIGGER_PAYLOAD` is not set")
            .with_hint("give `--request`, or let a webhook on comments trigger the pipeline")
    })?;
    let bytes = file::read(path.as_ref(), LARGEST_PAYLOAD)?;
    let payload: gitlab::Payload = gitlab::parse(&bytes)?;
    let note = &payload.object_attributes;
    if payload.object_kind != "note" {
        return Err(
            Failure::new(Kind::Invalid, "the webhook does not tell of a note")
                .with_hint("let it tell of comments alone"),
        );
    }
    if note
        .action
        .as_deref()
        .is_some_and(|action| action != "create")
    {
        return Ok(Started::beside("the note was not created by it"));
    }
    Ok(said_on(Forge::Gitlab, note.note.as_deref().unwrap_or_default()).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issue_a_merge_request_and_a_deployment_are_told_apart() {
        let thread = |text: &str| text.parse::<Thread>();
        let found = thread("acme/back/shop!7").unwrap();
        assert_eq!(found.project, "acme/back/shop");
        assert_eq!((found.on, found.number), (Noteable::MergeRequest, 7));
        assert_eq!(thread("acme/shop#7").unwrap().on, Noteable::Issue);
        let found: Deploying = "acme/shop:42".parse().unwrap();
        assert_eq!((found.project.as_str(), found.number), ("acme/shop", 42));
        for wrong in [
            "",
            "acme/shop",
            "acme/shop#",
            "acme/shop#07",
            "a/b#x",
            "a/b!1#2",
            "a/b?1",
        ] {
            assert!(thread(wrong).is_err(), "{wrong}");
            assert!(wrong.parse::<Deploying>().is_err(), "{wrong}");
        }
    }
}

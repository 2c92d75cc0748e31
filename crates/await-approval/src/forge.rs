//! People on GitHub: where they are asked, and what they answered there.

use std::str::FromStr;

use liftlock::approval::forge::{Event, Forge, Said, github, said};
use liftlock::approval::policy::Policy;
use liftlock::approval::request::{Identified, Place, Spot};
use liftlock::ci::github::escape_markdown;
use liftlock::config::trust::Keyring;
use liftlock::digest::Digest;
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock_io::github::GitHub;
use liftlock_io::{env, file};

use crate::settings::Settings;

/// The most bytes of an event that started a workflow: GitHub's own limit is 25 MB.
const LARGEST_PAYLOAD: u64 = 32 * 1024 * 1024;

/// An issue or pull request, as `OWNER/NAME#NUMBER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issue {
    repository: String,
    number: u64,
}

impl FromStr for Issue {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not OWNER/NAME#NUMBER");
        let (repository, number) = text.split_once('#').ok_or_else(wrong)?;
        let digits = !number.starts_with('0') && number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| digits).ok_or_else(wrong)?;
        let repository = repository.to_owned();
        Ok(Self { repository, number })
    }
}

/// Where people are asked, and who may not answer there.
pub(crate) fn place(issue: &Issue, policy: &Policy, settings: &Settings) -> Result<Place, Failure> {
    if let Some(why) = policy.misplaced(Forge::Github, &issue.repository) {
        return Err(Failure::new(Kind::Invalid, why).with_hint(
            "have it written in the environment's rule: `approval: { at: ['github:OWNER/NAME'] }`",
        ));
    }
    let github = open(&issue.repository, settings)?;
    Ok(Place {
        forge: Forge::Github,
        repository: issue.repository.clone(),
        at: Spot::Comments {
            issue: issue.number,
        },
        authors: github.authors(issue.number)?.into_iter().collect(),
    })
}

/// The place of a request that has to have one.
pub(crate) fn placed(asked: &Identified) -> Result<&Place, Failure> {
    asked.request.place.as_ref().ok_or_else(|| {
        Failure::new(Kind::Usage, "the request names no place on a forge")
            .with_hint("ask with `--github OWNER/NAME#NUMBER`")
    })
}

/// Whether a request may have been asked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// It was made by this run.
    New,
    /// It was found, or whoever made it may have been killed.
    Old,
}

/// Asks on the forge, once, where the request names a place there.
pub(crate) fn ask(
    asked: &Identified,
    age: Age,
    settings: &Settings,
) -> Result<Option<String>, Failure> {
    let Some(place) = &asked.request.place else {
        return Ok(None);
    };
    let github = open(&place.repository, settings)?;
    let text = question(asked);
    let comment = match age {
        Age::New => github.write(place.at.issue(), &text)?,
        Age::Old => github.ask(place.at.issue(), asked, &text)?,
    };
    Ok(Some(comment.html_url))
}

/// What people answered on the forge, where the request names a place there.
pub(crate) fn events(
    asked: &Identified,
    keyring: &Keyring,
    settings: &Settings,
) -> Result<Vec<Event>, Failure> {
    let Some(place) = &asked.request.place else {
        return Ok(Vec::new());
    };
    let github = open(&place.repository, settings)?;
    Ok(github.events(place.at.issue(), asked, keyring)?)
}

pub(crate) fn open(repository: &str, settings: &Settings) -> Result<GitHub, Failure> {
    let found = GitHub::from_environment(repository, &settings.options, settings.deadline);
    Ok(found?)
}

/// The text that people see. It is the same for the same request, so that it
/// is found again, and holds nothing of others that is not escaped.
fn question(asked: &Identified) -> String {
    let (request, digest) = (&asked.request, asked.digest);
    let artifacts = request.release.artifacts.iter();
    let artifacts: String = artifacts
        .map(|(name, digest)| format!("| {} | `{digest}` |\n", escape_markdown(name.as_str())))
        .collect();
    let rules = request.rules.iter().map(|rule| {
        let people: Vec<&str> = rule.people.iter().map(Name::as_str).collect();
        format!("{} of {}", rule.quorum, escape_markdown(&people.join(", ")))
    });
    let rules = rules.collect::<Vec<_>>().join(" and ");
    format!(
        "**May {} go to {}?** {rules}, until {}.\n\n\
         | artifact | digest |\n|---|---|\n| release | `{}` |\n{artifacts}\n\
         Answer with a comment whose first line is exactly one of these; a reason may stand below. \
         An edited comment does not count.\n\n\
         ```\n/approve {digest}\n```\n```\n/deny {digest}\n```\n\n\
         <!-- liftlock-request: {digest} -->",
        escape_markdown(&request.release.id),
        escape_markdown(request.environment.as_str()),
        request.expires_at,
        request.release.digest,
    )
}

/// The request that the comment answers which started this workflow, from the
/// file that `GITHUB_EVENT_PATH` names.
pub(crate) fn of_event() -> Result<Digest, Failure> {
    let path = env::var("GITHUB_EVENT_PATH").ok_or_else(|| {
        Failure::new(Kind::Usage, "`GITHUB_EVENT_PATH` is not set")
            .with_hint("give `--request`, or run on `issue_comment`")
    })?;
    let bytes = file::read(path.as_ref(), LARGEST_PAYLOAD)?;
    let payload: github::Payload = github::parse(&bytes)?;
    let no_answer = |why: &str| {
        Failure::new(Kind::Invalid, format!("the event is no new answer: {why}")).with_hint(
            "start the job only `if: startsWith(github.event.comment.body, '/approve ') || \
             startsWith(github.event.comment.body, '/deny ')`",
        )
    };
    if payload.action != "created" {
        return Err(no_answer("the comment was not created by it"));
    }
    match said(payload.comment.body.as_deref().unwrap_or_default()) {
        Said::Answer { request, .. } => Ok(request),
        Said::Unclear(why) => Err(no_answer(&why)),
        Said::Nothing => Err(no_answer("the comment says something else")),
    }
}

//! People on GitHub: where they are asked, and what they answered there.

use std::str::FromStr;

use liftlock::approval::forge::review::Pull;
use liftlock::approval::forge::{Event, Forge, LEAST, Question, github, said};
use liftlock::approval::policy::Policy;
use liftlock::approval::request::{Identified, Place, Spot};
use liftlock::ci::{self, Actor, Did, System};
use liftlock::failure::{Failure, Kind};
use liftlock::release::Release;
use liftlock_io::cli::Session;
use liftlock_io::forge::Answers;
use liftlock_io::github::{self as api, GitHub};
use liftlock_io::{env, file};

use crate::settings::Settings;
use crate::started::Started;
use crate::{args, gitlab, question};

/// The most bytes of an event that started a workflow: GitHub's own limit is 25 MB.
pub(crate) const LARGEST_PAYLOAD: u64 = 32 * 1024 * 1024;

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
#[derive(Debug, Default)]
pub(crate) struct Asking {
    pub(crate) place: Option<Place>,
    /// By whom the run came about whose environments they let it into.
    pub(crate) actors: Vec<Actor>,
}

/// Finds out about the place that the flags name.
pub(crate) fn place(
    args: &args::Request,
    release: &Release,
    (policy, settings): (&Policy, &Settings),
) -> Result<Asking, Failure> {
    if let Some(asking) = gitlab::place(args, (policy, settings))? {
        return Ok(asking);
    }
    let flags = [&args.github, &args.github_reviews, &args.github_run];
    let Some(issue) = flags.into_iter().flatten().next() else {
        return Ok(Asking::default());
    };
    named(&issue.repository, policy)?;
    let github = open(&issue.repository, settings)?;
    let number = issue.number;
    let (at, authors, actors) = if args.github_run.is_some() {
        let run = github.run(number)?;
        let authors = github.commit_authors(&run.head_sha)?;
        let spot = Spot::Gates {
            run: run.id,
            attempt: run.run_attempt,
            commit: run.head_sha.clone(),
        };
        (spot, authors, run.actors(&api::here()?))
    } else if args.github_reviews.is_some() {
        let (commit, authors) = reviewed(&github, number, release)?;
        let pull = number;
        (Spot::Reviews { pull, commit }, authors, Vec::new())
    } else {
        let authors = github.authors(number)?;
        (Spot::Comments { issue: number }, authors, Vec::new())
    };
    let place = Place {
        forge: Forge::Github,
        host: api::here()?.host,
        repository: issue.repository.clone(),
        at,
        authors: authors.accounts,
        addresses: authors.addresses,
    };
    let place = Some(place);
    Ok(Asking { place, actors })
}

/// Refuses a repository that the policy does not name.
pub(crate) fn named(repository: &str, policy: &Policy) -> Result<(), Failure> {
    let Some(why) = policy.approval.misplaced(&api::here()?, repository) else {
        return Ok(());
    };
    Err(Failure::new(Kind::Invalid, why).with_hint(
        "have it written in the environment's rule: `approval: { at: ['github:OWNER/NAME'] }`, with `@HOST` behind it on a GitHub of your own",
    ))
}

/// The commit that has to be reviewed: the newest one of the pull request, and
/// the release has to come from it.
fn reviewed(
    github: &GitHub,
    number: u64,
    release: &Release,
) -> Result<(String, github::Authors), Failure> {
    let pull = github.pull(number)?;
    comes_from((number, &pull.head.sha, &pull), release)?;
    let opened = pull.user.map(|user| user.id);
    Ok((pull.head.sha, github.authors_of(number, opened)?))
}

/// Refuses a release that is neither of the commit that is reviewed nor of what
/// the pull request is merged as.
fn comes_from(
    (number, reviewed, pull): (u64, &str, &Pull),
    release: &Release,
) -> Result<(), Failure> {
    let merged = pull.merge_commit_sha.as_deref();
    match release.commit.as_deref() {
        Some(commit) if commit != reviewed && merged != Some(commit) => {
            let message = format!(
                "the release is of commit {commit}, which is neither the newest of pull request {number} nor what it is merged as"
            );
            Err(Failure::new(Kind::Invalid, message)
                .with_hint("name the pull request that the release comes from"))
        }
        Some(_) | None => Ok(()),
    }
}

/// The actors as the CI names them, with more about the same people. On GitLab
/// whoever starts a pipeline can set the variables that name them. GitHub
/// tells of whoever started a run once more the login alone, which may be
/// somebody else's by now; the run itself tells the number. A token that may
/// not read runs leaves them as they are: unrecognised, and told so.
pub(crate) fn actors(
    session: &Session,
    more: Vec<Actor>,
    (policy, settings): (&Policy, &Settings),
) -> Result<Vec<Actor>, Failure> {
    if session.ci.system == System::GitLab {
        let started = gitlab::started(session, policy, settings)?;
        return Ok(ci::merged(started, more));
    }
    let actors = ci::merged(session.ci.actors.clone(), more);
    let on = api::here()?;
    let numbered = |actor: &Actor| {
        let mut names = actor.known_as.iter();
        names.any(|name| on.number(name).is_some())
    };
    let again = |actor: &&Actor| actor.did == Did::ReRan && !numbered(actor);
    if session.ci.system != System::GitHub || actors.iter().find(again).is_none() {
        return Ok(actors);
    }
    let named = env::var("GITHUB_REPOSITORY").zip(env::var("GITHUB_RUN_ID"));
    let run = named.and_then(|(repository, id)| Some((repository, id.parse().ok()?)));
    let Some((repository, id)) = run else {
        return Ok(actors);
    };
    let found = GitHub::from_environment(&repository, &settings.options, settings.deadline)
        .and_then(|github| github.run(id));
    match found {
        Ok(run) => Ok(ci::merged(actors, run.actors(&on))),
        Err(error) if error.passes() => Err(error.into()),
        Err(_no_rights) => Ok(actors),
    }
}

/// The place of a request that has to have one.
pub(crate) fn placed(asked: &Identified) -> Result<&Place, Failure> {
    asked.request.place.as_ref().ok_or_else(|| {
        Failure::new(Kind::Usage, "the request names no place on a forge")
            .with_hint("ask with `--github OWNER/NAME#NUMBER` or `--gitlab GROUP/NAME#NUMBER`")
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
    let text = question::below(asked, place);
    if place.forge == Forge::Gitlab {
        return gitlab::ask((asked, place), (age, &text), settings);
    }
    let github = open_at(place, settings)?;
    let Some(issue) = place.at.issue() else {
        return Ok(asked.request.run_url.clone());
    };
    let comment = match age {
        Age::New => github.write(issue, &text)?,
        Age::Old => github.ask(issue, asked, &text)?,
    };
    Ok(Some(comment.html_url))
}

/// What people answered on the forge, where the request names a place there.
pub(crate) fn answers(
    asked: &Identified,
    policy: &Policy,
    settings: &Settings,
) -> Result<Answers, Failure> {
    let keyring = &policy.keyring;
    let Some(place) = &asked.request.place else {
        let (events, question) = (Vec::new(), Question::Unwritten);
        return Ok(Answers { events, question });
    };
    let text = question::below(asked, place);
    if place.forge == Forge::Gitlab {
        return gitlab::answers((asked, place), (&text, keyring), settings);
    }
    let github = open_at(place, settings)?;
    let least = policy.approval.permission.unwrap_or(LEAST);
    Ok(github.answers(&place.at, (asked, &text), (keyring, least))?)
}

/// The place of a request with whoever wrote the change by the forge's word now:
/// the request's own list is that of whoever asks. Nothing where the forge names
/// no change.
pub(crate) fn fresh(
    asked: &Identified,
    events: &[Event],
    settings: &Settings,
) -> Result<Option<Place>, Failure> {
    let Some(place) = &asked.request.place else {
        return Ok(None);
    };
    if place.forge == Forge::Gitlab {
        return gitlab::fresh(place, settings);
    }
    let github = || open_at(place, settings);
    let found = match &place.at {
        // Comments tell by their pages what they are below.
        Spot::Comments { issue } => {
            let below = format!("/pull/{issue}#");
            match events.iter().any(|event| event.url.contains(&below)) {
                true => github()?.authors(*issue)?,
                false => return Ok(None),
            }
        }
        Spot::Reviews { pull, commit } => {
            let github = github()?;
            let found = github.pull(*pull)?;
            comes_from((*pull, commit, &found), &asked.release.release)?;
            github.authors_of(*pull, found.user.map(|user| user.id))?
        }
        Spot::Gates { commit, .. } => github()?.commit_authors(commit)?,
        Spot::Notes { .. } | Spot::Deployment { .. } => return Ok(None),
    };
    Ok(Some(Place {
        authors: found.accounts,
        addresses: found.addresses,
        ..place.clone()
    }))
}

/// The repository where a request was asked, on the installation where it was.
pub(crate) fn open_at(place: &Place, settings: &Settings) -> Result<GitHub, Failure> {
    api::there(place)?;
    open(&place.repository, settings)
}

pub(crate) fn open(repository: &str, settings: &Settings) -> Result<GitHub, Failure> {
    let found = GitHub::from_environment(repository, &settings.options, settings.deadline);
    Ok(found?)
}

/// The request that the comment answers which started this workflow, from the
/// file that `GITHUB_EVENT_PATH` names.
pub(crate) fn of_event() -> Result<Started, Failure> {
    let path = env::var("GITHUB_EVENT_PATH").ok_or_else(|| {
        Failure::new(Kind::Usage, "`GITHUB_EVENT_PATH` is not set")
            .with_hint("give `--request`, or run on `issue_comment`")
    })?;
    let bytes = file::read(path.as_ref(), LARGEST_PAYLOAD)?;
    let payload: github::Payload = github::parse(&bytes)?;
    let body = match (&payload.comment, &payload.review, payload.action.as_str()) {
        (Some(comment), None, "created") => &comment.body,
        (None, Some(review), "submitted") => &review.body,
        (Some(_), None, _) => return Ok(Started::beside("the comment was not created by it")),
        (None, Some(_), _) => return Ok(Started::beside("the review was not submitted by it")),
        (_, _, _) => {
            let message = "the event has neither a comment nor a review";
            return Err(Failure::new(Kind::Invalid, message)
                .with_hint("run on `issue_comment`, or give `--request`"));
        }
    };
    Ok(said(body.as_deref().unwrap_or_default()).into())
}

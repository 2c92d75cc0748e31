//! Collects what the answers to a request are judged on, and tells the ledger.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use liftlock::approval::answer::{Heard, hear};
use liftlock::approval::automatic::{Tried, allow};
use liftlock::approval::decide::{Evidence, Judgement, decide};
use liftlock::approval::forge::{Event, Question};
use liftlock::approval::form::Signed;
use liftlock::approval::policy::Policy;
use liftlock::approval::predicate::Latency;
use liftlock::approval::sight::Sightings;
use liftlock::approval::{Closed, LARGEST_ANSWER, MOST_ANSWERS, request, signer};
use liftlock::bundle::Bundle;
use liftlock::crypto::PublicKey;
use liftlock::digest::Digest;
use liftlock::failure::{Explain, Failure, Kind};
use liftlock::json;
use liftlock::name::Name;
use liftlock::predicate::ANSWER;
use liftlock::record::{self, Actor, Id, Record};
use liftlock::release;
use liftlock::time::Time;
use liftlock::verdict::Verdict;
use liftlock_io::cli::Session;
use liftlock_io::verify::Local;
use liftlock_io::{clock, evidence, file};

use crate::args::About;
use crate::facts::Known;
use crate::groups::{self, For, Subject};
use crate::kept::Effect;
use crate::settings::{Asks, Settings};
use crate::{forge, kept, live, sight};

/// Everything about one request, judged.
#[derive(Debug)]
pub(crate) struct Judged {
    pub(crate) asked: request::Identified,
    pub(crate) policy: Policy,
    pub(crate) signers: Vec<PublicKey>,
    /// The answers that somebody known signed, whether they count or not.
    pub(crate) answers: Vec<Signed>,
    /// The answers on a forge that were understood.
    pub(crate) events: Vec<Event>,
    pub(crate) judgement: Judgement,
    /// When request and answers were first seen, where that is kept.
    pub(crate) seen: Option<Sightings>,
    /// The release that is live, where the approval rests on it.
    pub(crate) live: Option<Digest>,
    /// What automatic rules look up, and how each came out.
    pub(crate) known: Known,
    pub(crate) tried: Vec<Tried>,
    /// How the request ended before, if it did.
    pub(crate) end: Option<Closed>,
    pub(crate) at: Time,
}

impl Judged {
    /// Somebody denied the request or took it back while it was judged.
    pub(crate) fn overtaken(&mut self, end: Closed) {
        self.judgement.verdict = Verdict::Fail;
        self.judgement.why = end.told();
        self.judgement.automatic = None;
        self.end = Some(end);
    }

    /// How long people took so far.
    pub(crate) fn latency(&self) -> Latency {
        Latency {
            first_seen_at: self.seen.as_ref().map(|seen| seen.request),
            ..Latency::of(&self.asked.request, &self.judgement, self.at)
        }
    }
}

/// Reads request, answers and signatures, and judges.
pub(crate) fn judged(
    about: &About,
    settings: &Settings,
    effect: Effect,
) -> Result<Judged, Failure> {
    let asked = kept::read(&about.reference()?, settings)?;
    let asks = Asks::of(&asked.request);
    let policy = settings.policy(&asked.request.environment, &about.rule, asks)?;
    let said = said(&asked, &about.answer, (&policy, settings))?;
    let policy = with_groups(policy, &asked, (about, &said.heard), settings)?;
    let about_it = about_release(&asked.release, &about.signature, settings)?;
    let signers = signer::signers(&about_it, &policy.keyring, &Local);
    let policy = policy
        .excluding(&asked.release.release, &signers)
        .separating(&asked.request.actors)
        .asked_at(asked.request.place.as_ref());
    let at = clock::now();
    let (mut end, mut seen) = (None, None);
    if let Some(state) = settings.state()? {
        end = kept::end(&asked, state.as_ref())?;
        seen = Some(sight::note(
            &asked,
            (&said.heard, said.question.asked_at()),
            state.as_ref(),
            (effect, at),
        )?);
    }
    let evidence = Evidence {
        asked: &asked,
        answers: &said.heard,
        withdrawn: end.as_ref().is_some_and(Closed::denies),
        seen: seen.as_ref(),
    };
    let facts = Known::read(&asked, &about_it, (&policy, settings), at)?;
    let tried = facts.tried(&asked, (&policy, settings), at)?;
    let decided = |policy: &Policy| allow(policy, decide(policy, &evidence, at), &tried);
    let (policy, mut judgement) = last_look(policy, &decided, (&evidence, &said, settings))?;
    if let Some(end) = end.as_ref().filter(|end| end.denies())
        && !judgement.is_denied()
    {
        judgement.why = end.told();
    }
    Ok(Judged {
        live: live::now(&asked, settings)?,
        asked,
        policy,
        signers,
        answers: said.answers,
        events: said.events,
        judgement,
        seen,
        known: facts,
        tried,
        end,
        at,
    })
}

/// Judges, and once more before a pass by whom the forge names now as having
/// written the change: the request's own list is the word of whoever asks.
fn last_look(
    policy: Policy,
    decided: &dyn Fn(&Policy) -> Judgement,
    (evidence, said, settings): (&Evidence<'_>, &Sayings, &Settings),
) -> Result<(Policy, Judgement), Failure> {
    let judgement = decided(&policy);
    if judgement.verdict != Verdict::Pass {
        return Ok((policy, judgement));
    }
    let Some(now) = forge::fresh(evidence.asked, &said.events, settings)? else {
        return Ok((policy, judgement));
    };
    let policy = policy.asked_at(Some(&now));
    let judgement = decided(&policy);
    Ok((policy, judgement))
}

/// What people said about a request.
struct Sayings {
    /// All of it, understood or not.
    heard: Vec<Heard>,
    /// The answers that somebody known signed.
    answers: Vec<Signed>,
    /// The answers on a forge that were understood.
    events: Vec<Event>,
    /// Whether what they answer is still there.
    question: Question,
}

/// Hears everybody, in files, in the evidence store and on a forge.
fn said(
    asked: &request::Identified,
    files: &[PathBuf],
    (policy, settings): (&Policy, &Settings),
) -> Result<Sayings, Failure> {
    let (found, heard) = answers(asked, files, settings)?;
    let mut said = Sayings {
        heard,
        answers: Vec::new(),
        events: Vec::new(),
        question: Question::Unwritten,
    };
    for signed in found {
        let one = hear(&signed, &policy.keyring, &Local);
        if matches!(one, Heard::Proved { .. }) {
            said.answers.push(signed);
        }
        said.heard.push(one);
    }
    let told = forge::answers(asked, policy, settings)?;
    said.question = told.question;
    for event in told.events {
        let one = told.question.hear(&event, asked, policy);
        if matches!(one, Heard::Told { .. }) {
            said.events.push(event);
        }
        said.heard.push(one);
    }
    Ok(said)
}

/// The rules with the people of their groups, as tight as flags make them.
fn with_groups(
    policy: Policy,
    asked: &request::Identified,
    (about, heard): (&About, &[Heard]),
    settings: &Settings,
) -> Result<Policy, Failure> {
    let subject = Subject {
        environment: &asked.request.environment,
        release: &asked.release,
        change: &about.change,
    };
    let answered = answered(heard);
    let found = groups::look(&policy, subject, For::Judging(&answered), settings)?;
    settings.tightened(policy.knowing(found), &about.rule)
}

/// Everybody who says something, and in whose place.
fn answered(heard: &[Heard]) -> BTreeSet<Name> {
    let said = heard.iter().filter_map(|one| match one {
        Heard::Proved { answer, .. } | Heard::Told { answer, .. } => Some(answer),
        Heard::Refused { .. } => None,
    });
    said.flat_map(|answer| [answer.person.clone(), answer.place().clone()])
        .collect()
}

/// The answers in files and in the evidence store, each once.
fn answers(
    asked: &request::Identified,
    files: &[PathBuf],
    settings: &Settings,
) -> Result<(Vec<Signed>, Vec<Heard>), Failure> {
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for path in files {
        found.push(read(path, LARGEST_ANSWER, Signed::parse)?);
    }
    if let Some(store) = settings.evidence()? {
        let slug = evidence::slug(ANSWER)?;
        let items = store.list(&asked.digest)?;
        for item in items.iter().filter(|item| item.predicate_slug == slug) {
            match small(&item.bytes) {
                Ok(signed) => found.push(signed),
                Err(why) => unreadable.push(Heard::Refused {
                    claimed: None,
                    why,
                    bundle: item.digest,
                }),
            }
        }
    }
    found.sort_by_key(Signed::digest);
    found.dedup_by_key(|signed| signed.digest());
    if found.len() > MOST_ANSWERS {
        let message = format!(
            "{} answers to one request, and at most {MOST_ANSWERS} are judged",
            found.len()
        );
        return Err(Failure::new(Kind::Invalid, message));
    }
    Ok((found, unreadable))
}

fn small(bytes: &[u8]) -> Result<Signed, String> {
    if bytes.len() > LARGEST_ANSWER {
        let length = bytes.len();
        return Err(format!(
            "{length} bytes are more than the {LARGEST_ANSWER} of an answer"
        ));
    }
    Signed::parse(bytes).map_err(|error| Failure::from(error).lines().join(": "))
}

/// What is known about a release and its artifacts, under which digest.
pub(crate) fn about_release(
    release: &release::Identified,
    files: &[PathBuf],
    settings: &Settings,
) -> Result<Vec<(Digest, Bundle)>, Failure> {
    let artifacts = release.release.artifacts.values();
    let mut subjects = vec![release.digest];
    subjects.extend(artifacts.map(|artifact| artifact.digest));
    let mut found = Vec::new();
    for path in files {
        let bundle = read(path, json::LARGEST, Bundle::parse)?;
        found.extend(subjects.iter().map(|subject| (*subject, bundle.clone())));
    }
    let Some(store) = settings.evidence()? else {
        return Ok(found);
    };
    for subject in &subjects {
        let bundles = store.list(subject)?;
        // Whatever is no bundle is nobody's signature.
        let bundles = bundles
            .iter()
            .filter_map(|item| Bundle::parse(&item.bytes).ok());
        found.extend(bundles.map(|bundle| (*subject, bundle)));
    }
    Ok(found)
}

fn read<T, E: Explain>(
    path: &Path,
    limit: usize,
    parse: impl FnOnce(&[u8]) -> Result<T, E>,
) -> Result<T, Failure> {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    parse(&file::read(path, limit)?).map_err(|error| {
        let kind = error.kind();
        let told = Failure::from(error).lines().join(": ");
        Failure::new(
            kind,
            format!("cannot understand `{}`: {told}", path.display()),
        )
    })
}

/// Whoever runs this, as the CI says.
pub(crate) fn asserted(session: &Session) -> Actor {
    let actor = session.ci.actor.clone();
    Actor {
        id: actor.unwrap_or_else(|| "unknown".to_owned()),
        proof: "asserted".to_owned(),
    }
}

/// A record about a request. What tells two records of one kind apart is in
/// `evidence` and `verdict`, which [`identified`] puts into the id.
pub(crate) fn record(
    kind: record::Kind,
    asked: &request::Identified,
    at: Time,
    actor: Actor,
) -> Record {
    let request = &asked.request;
    let id = Id::derived(&[kind.word(), &asked.digest.to_string()]);
    let mut record = Record {
        environment: Some(request.environment.clone()),
        release: Some(request.release.clone()),
        commit: asked.release.release.commit.clone(),
        run_url: request.run_url.clone(),
        policy: Some(request.policy),
        ..Record::new(id, kind, at, request.service.clone(), actor)
    };
    record
        .detail
        .insert("request".to_owned(), asked.digest.to_string().into());
    if let Some(wanted) = &request.break_glass {
        let reason = wanted.reason.as_str().into();
        record.detail.insert("break_glass".to_owned(), reason);
    }
    record
}

/// The same record with an id that covers its verdict and evidence as well.
pub(crate) fn identified(mut record: Record) -> Record {
    let mut parts = vec![record.id.to_string()];
    parts.extend(record.verdict.map(|verdict| verdict.word().to_owned()));
    parts.extend(record.evidence.iter().map(Digest::to_string));
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    record.id = Id::derived(&parts);
    record
}

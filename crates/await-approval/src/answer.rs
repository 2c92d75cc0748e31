//! `answer`: one person's yes or no, signed with that person's key.

use liftlock::approval::answer::{Answer, LONGEST_COMMENT, Say};
use liftlock::approval::policy::Exclusion;
use liftlock::approval::request::Identified;
use liftlock::crypto::{PublicKey, Signer as _};
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::predicate::ANSWER;
use liftlock::record::{self, Actor};
use liftlock::report::Report;
use liftlock::time::Time;
use liftlock_io::cli::Session;
use liftlock_io::key::Private;
use liftlock_io::{attest, clock, file};

use crate::settings::{Recorded, Settings};
use crate::{args, gather, kept, render};

pub(crate) fn answer(
    args: &args::Answer,
    settings: &Settings,
    session: &Session,
) -> Result<Report, Failure> {
    let asked = kept::read(&args.request, settings)?;
    let now = clock::now();
    if !asked.is_open(now) {
        let message = format!("the request expired at {}", asked.request.expires_at);
        return Err(Failure::new(Kind::Expired, message)
            .with_hint("ask again with `await-approval request`"));
    }
    if settings.rules.is_none() && args.output.is_none() {
        let message = "there is no place for the answer";
        return Err(Failure::new(Kind::Usage, message)
            .with_hint("give `--output FILE`, or write a liftlock.yaml"));
    }
    let said = said(args, &asked, now)?;
    let signer = Private::open(&args.key)?;
    may(args, &asked, settings, (signer.public_key(), now))?;
    let bundle = attest::attest(&signer, &said.statement()?)?;
    let mut recorded = Recorded::No;
    if !session.dry_run {
        if let Some(store) = settings.evidence()? {
            let subjects = [asked.digest, asked.request.release.digest];
            store.put(&subjects, ANSWER, bundle.bytes())?;
        }
        if let Some(path) = &args.output {
            file::write(path, bundle.bytes())?;
        }
        if let Some(ledger) = settings.ledger()? {
            let actor = Actor {
                id: args.person.to_string(),
                proof: "key".to_owned(),
            };
            let mut record = gather::record(record::Kind::ApprovalAnswered, &asked, now, actor);
            record.evidence = vec![bundle.digest()];
            record.run_url.clone_from(&session.ci.url);
            let answer = said.answer.to_string();
            record.detail.insert("answer".to_owned(), answer.into());
            ledger.append(&gather::identified(record))?;
            recorded = Recorded::Yes;
        }
    }
    let report = render::answered(&said, &bundle.digest(), &asked);
    Ok(settings.label(report, recorded))
}

fn said(args: &args::Answer, asked: &Identified, now: Time) -> Result<Answer, Failure> {
    let say = if args.yes { Say::Yes } else { Say::No };
    let long = |comment: &&String| comment.len() > LONGEST_COMMENT;
    if args.comment.as_ref().is_some_and(|comment| long(&comment)) {
        let message = format!("`--comment` is longer than {LONGEST_COMMENT} bytes");
        return Err(Failure::new(Kind::Usage, message));
    }
    let mut said = Answer::to(asked, args.person.clone(), say, now);
    said.on_behalf_of.clone_from(&args.on_behalf_of);
    said.comment.clone_from(&args.comment);
    Ok(said)
}

/// Refuses an answer that would not count, as far as is known here.
fn may(
    args: &args::Answer,
    asked: &Identified,
    settings: &Settings,
    (key, now): (&PublicKey, Time),
) -> Result<(), Failure> {
    let person = &args.person;
    let place = args.on_behalf_of.as_ref().unwrap_or(person);
    if !asked.request.asks(place) {
        let people = asked.request.people();
        let people: Vec<&str> = people.iter().map(Name::as_str).collect();
        let message = format!("`{place}` is not asked: {} are", people.join(", "));
        return Err(Failure::new(Kind::Refuted, message));
    }
    let authors = &asked.release.release.authors;
    let mut excluded = authors
        .iter()
        .any(|author| author == person.as_str() || author == place.as_str())
        .then_some(Exclusion::Author);
    if settings.rules.is_none() && place != person {
        let message = "without a configuration nobody may answer in another's place";
        return Err(Failure::new(Kind::Usage, message).with_hint("leave `--on-behalf-of` out"));
    }
    if settings.rules.is_some() {
        let policy = settings.policy(&asked.request.environment, &args::Rule::default())?;
        if !policy.holds(person, key, now) {
            let message = format!("`{}` is not a key of `{person}` that counts", args.key);
            return Err(Failure::new(Kind::Credentials, message).with_hint(format!(
                "have the public key written below `people: {{ {person}: … }}`"
            )));
        }
        if !policy.stands_in(person, place, now) {
            let message = format!("`{person}` is no delegate of `{place}` now");
            return Err(Failure::new(Kind::Refuted, message).with_hint(format!(
                "have it written below `people: {{ {place}: {{ delegates: … }} }}`"
            )));
        }
        let from = policy.counts_from(asked.request.made_at);
        if args.yes && now < from {
            let message = format!("a yes counts from {from} on: there has to be time to look");
            return Err(Failure::new(Kind::Invalid, message).with_hint("answer then"));
        }
        let found = gather::about_release(&asked.release, &[], settings)?;
        let signers = liftlock::approval::signer::signers(
            &found,
            &policy.keyring,
            &liftlock_io::verify::Local,
        );
        let policy = policy
            .excluding(&asked.release.release, &signers)
            .separating(&asked.request.actors);
        let mut both = [person, place].into_iter();
        excluded = excluded.or_else(|| both.find_map(|one| policy.excluded.get(one).copied()));
    }
    let Some(why) = excluded else {
        return Ok(());
    };
    let message = if place == person {
        format!("`{person}` {why}, and so may not answer")
    } else {
        format!("`{person}` or `{place}` {why}, and so it would not count")
    };
    Err(Failure::new(Kind::Refuted, message).with_hint("let somebody else answer"))
}

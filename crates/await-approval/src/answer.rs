//! `answer`: one person's yes or no, signed with that person's key.

use std::path::Path;

use liftlock::approval::LARGEST_ANSWER;
use liftlock::approval::answer::{self, Answer, LONGEST_COMMENT, Say};
use liftlock::approval::form::{NAMESPACE, Signed, SshSigned};
use liftlock::approval::policy::{Exclusion, Policy};
use liftlock::approval::request::Identified;
use liftlock::crypto::{PublicKey, Signer as _};
use liftlock::failure::{Failure, Kind};
use liftlock::name::Name;
use liftlock::predicate::ANSWER;
use liftlock::record::{self, Actor};
use liftlock::report::Report;
use liftlock::ssh::Signature;
use liftlock::time::Time;
use liftlock_io::cli::Session;
use liftlock_io::key::Private;
use liftlock_io::verify::Local;
use liftlock_io::{attest, clock, file, ssh};

use crate::settings::{Asks, Recorded, Settings};
use crate::{args, gather, kept, render, withdraw};

/// An answer on its way to the store.
pub(crate) struct Given {
    pub(crate) said: Answer,
    pub(crate) signed: Signed,
    key: PublicKey,
    /// What the key is called in a message.
    name: String,
}

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
    if let Some(path) = &args.unsigned {
        return unsigned(path, &said(args, &asked, now)?, &asked, settings, session);
    }
    if settings.rules.is_none() && args.output.is_none() {
        let message = "there is no place for the answer";
        return Err(Failure::new(Kind::Usage, message)
            .with_hint("give `--output FILE`, or write a liftlock.yaml"));
    }
    let given = given(args, &asked, now)?;
    let policy = may(&given.said, &asked, settings)?;
    if let Some(policy) = policy {
        holds(&given, &policy, now)?;
    }
    let recorded = if session.dry_run {
        Recorded::No
    } else {
        let recorded = keep(args, &given, &asked, settings, (session, now))?;
        if given.said.answer == Say::No
            && let Some(state) = settings.state()?
        {
            kept::close(&asked, &withdraw::by(&given, now), state.as_ref())?;
        }
        recorded
    };
    let mut report = render::answered(&given.said, &given.signed.digest(), &asked);
    if settings.rules.is_none() {
        report.human.push_str(
            "whether the request was denied or withdrawn meanwhile is not known here: there is no state store\n",
        );
    }
    Ok(settings.label(report, recorded))
}

/// Writes what somebody has to sign, to the byte.
fn unsigned(
    path: &Path,
    said: &Answer,
    asked: &Identified,
    settings: &Settings,
    session: &Session,
) -> Result<Report, Failure> {
    drop(may(said, asked, settings)?);
    if !session.dry_run {
        file::write(path, &said.statement()?.bytes()?)?;
    }
    let report = render::to_be_signed(said, path, asked);
    Ok(settings.label(report, Recorded::No))
}

/// The signed answer, by whatever way it was signed.
fn given(args: &args::Answer, asked: &Identified, now: Time) -> Result<Given, Failure> {
    if let (Some(statement), Some(signature)) = (&args.statement, &args.ssh_signature) {
        return brought(statement, signature, asked);
    }
    let said = said(args, asked, now)?;
    sign(said, args.key.as_deref(), args.ssh_key.as_deref())
}

/// Signs what somebody says, with one key or the other.
pub(crate) fn sign(
    said: Answer,
    key: Option<&str>,
    ssh_key: Option<&Path>,
) -> Result<Given, Failure> {
    let statement = said.statement()?;
    match (key, ssh_key) {
        (Some(reference), _) => {
            let signer = Private::open(reference)?;
            let bundle = attest::attest(&signer, &statement)?;
            Ok(Given {
                said,
                signed: Signed::Bundle(bundle),
                key: signer.public_key().clone(),
                name: reference.to_owned(),
            })
        }
        (None, Some(path)) => {
            let payload = statement.bytes()?;
            let name = path.display().to_string();
            let signature = ssh::sign(&name, NAMESPACE, &payload)?;
            checked(payload, signature, name)
        }
        (None, None) => Err(Failure::new(Kind::Usage, "there is no key to sign with")
            .with_hint("give `--key`, `--ssh-key`, or `--unsigned` to sign elsewhere")),
    }
}

/// An answer that was signed elsewhere.
fn brought(statement: &Path, signature: &Path, asked: &Identified) -> Result<Given, Failure> {
    let limit = u64::try_from(LARGEST_ANSWER).unwrap_or(u64::MAX);
    let payload = file::read(statement, limit)?;
    let name = signature.display().to_string();
    let signature = Signature::parse(&file::read_text(signature, limit)?).map_err(|error| {
        let message = format!("cannot understand `{name}`");
        Failure::because(Kind::Invalid, message, error)
    })?;
    let given = checked(payload, signature, name)?;
    let (said, request) = (&given.said, &asked.request);
    let fits = said.request == asked.digest
        && said.release == request.release.digest
        && said.service == request.service
        && said.environment == request.environment;
    if fits {
        Ok(given)
    } else {
        let message = format!("`{}` answers another request", statement.display());
        Err(Failure::new(Kind::Refuted, message)
            .with_hint("sign what `--unsigned` writes for this request"))
    }
}

/// What an SSH signature proves, whoever holds its key.
fn checked(payload: Vec<u8>, signature: Signature, name: String) -> Result<Given, Failure> {
    let signed = SshSigned::new(payload, signature)?;
    let proved = signed.proved(&Local)?;
    let said = answer::read(&proved).map_err(|why| Failure::new(Kind::Invalid, why))?;
    Ok(Given {
        said,
        signed: Signed::Ssh(signed),
        key: proved.key,
        name,
    })
}

fn keep(
    args: &args::Answer,
    given: &Given,
    asked: &Identified,
    settings: &Settings,
    (session, now): (&Session, Time),
) -> Result<Recorded, Failure> {
    let bytes = given.signed.bytes();
    if let Some(store) = settings.evidence()? {
        let subjects = [asked.digest, asked.request.release.digest];
        store.put(&subjects, ANSWER, bytes)?;
    }
    if let Some(path) = &args.output {
        file::write(path, bytes)?;
    }
    let Some(ledger) = settings.ledger()? else {
        return Ok(Recorded::No);
    };
    let actor = Actor {
        id: given.said.person.to_string(),
        proof: "key".to_owned(),
    };
    let mut record = gather::record(record::Kind::ApprovalAnswered, asked, now, actor);
    record.evidence = vec![given.signed.digest()];
    record.run_url.clone_from(&session.ci.url);
    let answer = given.said.answer.to_string();
    record.detail.insert("answer".to_owned(), answer.into());
    ledger.append(&gather::identified(record))?;
    Ok(Recorded::Yes)
}

fn said(args: &args::Answer, asked: &Identified, now: Time) -> Result<Answer, Failure> {
    let say = if args.yes { Say::Yes } else { Say::No };
    let (Some(person), true) = (&args.person, args.yes || args.no) else {
        let message = "nobody says anything";
        return Err(Failure::new(Kind::Usage, message)
            .with_hint("give `--person NAME`, and `--yes` or `--no`"));
    };
    let long = |comment: &&String| comment.len() > LONGEST_COMMENT;
    if args.comment.as_ref().is_some_and(|comment| long(&comment)) {
        let message = format!("`--comment` is longer than {LONGEST_COMMENT} bytes");
        return Err(Failure::new(Kind::Usage, message));
    }
    let mut said = Answer::to(asked, person.clone(), say, now);
    said.on_behalf_of.clone_from(&args.on_behalf_of);
    said.comment.clone_from(&args.comment);
    match said.is_plain() {
        true => Ok(said),
        false => Err(Failure::new(
            Kind::Usage,
            "`--comment` holds letters that cannot be seen",
        )),
    }
}

/// Refuses an answer of somebody who is not asked or may not, as far as is
/// known here; gives the policy where there is one.
fn may(said: &Answer, asked: &Identified, settings: &Settings) -> Result<Option<Policy>, Failure> {
    stands(said, asked, settings)?;
    let person = &said.person;
    let place = said.on_behalf_of.as_ref().unwrap_or(person);
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
    let mut known = None;
    if settings.rules.is_some() {
        let asks = Asks::of(&asked.request);
        let place_of = &asked.request.environment;
        let policy = settings.policy(place_of, &args::Rule::default(), asks)?;
        admits(said, place, asked, &policy)?;
        let found = gather::about_release(&asked.release, &[], settings)?;
        let signers = liftlock::approval::signer::signers(&found, &policy.keyring, &Local);
        let policy = policy
            .excluding(&asked.release.release, &signers)
            .separating(&asked.request.actors)
            .asked_at(asked.request.place.as_ref());
        let mut both = [person, place].into_iter();
        excluded = excluded.or_else(|| both.find_map(|one| policy.excluded.get(one).copied()));
        known = Some(policy);
    }
    let Some(why) = excluded else {
        return Ok(known);
    };
    let message = if place == person {
        format!("`{person}` {why}, and so may not answer")
    } else {
        format!("`{person}` or `{place}` {why}, and so it would not count")
    };
    Err(Failure::new(Kind::Refuted, message).with_hint("let somebody else answer"))
}

/// Refuses a yes to a request that somebody denied or took back, where there is
/// a store that says so; another no does no harm.
fn stands(said: &Answer, asked: &Identified, settings: &Settings) -> Result<(), Failure> {
    let Some(state) = settings.state()?.filter(|_| said.answer == Say::Yes) else {
        return Ok(());
    };
    match kept::end(asked, state.as_ref())? {
        Some(end) if end.denies() => {
            let message = format!("{}: a yes to it counts no more", end.told());
            Err(Failure::new(Kind::Refuted, message)
                .with_hint("ask again with `await-approval request`"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Refuses a delegate who is none, and a yes that comes too soon.
fn admits(said: &Answer, place: &Name, asked: &Identified, policy: &Policy) -> Result<(), Failure> {
    let person = &said.person;
    if !policy.stands_in(person, place, said.made_at) {
        let message = format!("`{person}` is no delegate of `{place}` now");
        return Err(Failure::new(Kind::Refuted, message).with_hint(format!(
            "have it written below `people: {{ {place}: {{ delegates: … }} }}`"
        )));
    }
    let from = policy.counts_from(asked.request.made_at);
    if said.answer == Say::Yes && said.made_at < from {
        let message = format!("a yes counts from {from} on: there has to be time to look");
        return Err(Failure::new(Kind::Invalid, message).with_hint("answer then"));
    }
    Ok(())
}

/// Refuses a key that is not this person's or does not count.
pub(crate) fn holds(given: &Given, policy: &Policy, now: Time) -> Result<(), Failure> {
    let (person, name) = (&given.said.person, &given.name);
    if policy.holds(person, &given.key, now) {
        return Ok(());
    }
    let message = match given.signed {
        Signed::Bundle(_) => format!("`{name}` is not a key of `{person}` that counts"),
        Signed::Ssh(_) => format!("`{name}` is not of a key of `{person}` that counts"),
    };
    Err(Failure::new(Kind::Credentials, message).with_hint(format!(
        "have the public key written below `people: {{ {person}: … }}`"
    )))
}

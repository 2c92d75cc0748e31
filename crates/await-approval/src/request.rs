//! `request`: writes down what people are asked, once for the same question.

use std::collections::BTreeSet;
use std::path::Path;

use liftlock::approval::break_glass::Wanted;
use liftlock::approval::groups::too_few;
use liftlock::approval::notice::Notice;
use liftlock::approval::policy::Policy;
use liftlock::approval::request::{Identified, ParseError, Request, SCHEMA_VERSION};
use liftlock::approval::seats::{Overlap, Seats};
use liftlock::approval::{DEFAULT_EXPIRY, signer};
use liftlock::config::break_glass::Gate;
use liftlock::config::requirement::What;
use liftlock::failure::{Explain as _, Failure, Kind};
use liftlock::foreign;
use liftlock::json;
use liftlock::name::Name;
use liftlock::record;
use liftlock::release;
use liftlock::report::Report;
use liftlock::span::Span;
use liftlock_io::cli::Session;
use liftlock_io::verify::Local;
use liftlock_io::{clock, file, random};

use crate::forge::Age;
use crate::settings::{Asks, Recorded, Settings};
use crate::{args, deployment, forge, gather, groups, kept, notify, render, sight};

pub(crate) fn request(
    args: &args::Request,
    settings: &Settings,
    session: &Session,
) -> Result<Report, Failure> {
    notify::named(args.notify.as_deref())?;
    if settings.rules.is_none() && args.output.is_none() {
        let message = "there is no place for the request";
        return Err(Failure::new(Kind::Usage, message)
            .with_hint("give `--output FILE`, or write a liftlock.yaml"));
    }
    let (wanted, policy) = about(args, settings, session)?;
    let new = wanted.digest;
    let asked = remember(wanted, settings, session)?;
    let age = if asked.digest == new {
        Age::New
    } else {
        Age::Old
    };
    let mut recorded = Recorded::No;
    let mut page = None;
    if !session.dry_run {
        if let Some(path) = &args.output {
            file::write(path, &asked.bytes)?;
        }
        if let Some(ledger) = settings.ledger()? {
            let record = gather::record(
                record::Kind::ApprovalRequested,
                &asked,
                asked.request.made_at,
                gather::asserted(session),
            );
            ledger.append(&record)?;
            recorded = Recorded::Yes;
        }
        if policy.approval.min_look.is_some()
            && let Some(state) = settings.state()?
        {
            // Whoever looks from now on has the time that is demanded.
            let now = match age {
                Age::New => asked.request.made_at,
                Age::Old => clock::now(),
            };
            let effect = kept::Effect::Write;
            sight::note(&asked, (&[], None), state.as_ref(), (effect, now))?;
        }
        page = forge::ask(&asked, age, settings)?;
        deployment::ask(&asked, age, settings)?;
        let able = policy.eligible(asked.request.made_at).into_iter();
        let who_may = able.filter(|name| asked.request.asks(name)).collect();
        let notice = Notice::asked(&asked, who_may, page.clone());
        notify::tell(args.notify.as_deref(), &asked, &notice, settings);
    }
    let report = render::requested(&asked, &policy, (args.output.as_deref(), page));
    Ok(settings.label(report, recorded))
}

/// What people are to be asked, and by which rules, if anybody can answer.
fn about(
    args: &args::Request,
    settings: &Settings,
    session: &Session,
) -> Result<(Identified, Policy), Failure> {
    let (document, release) = match &args.release {
        Some(path) => read_release(path)?,
        None => of_images(args, settings, session)?,
    };
    settings.check_service(&release.release.service, "the release")?;
    let asks = match args.break_glass {
        true => Asks::BreakGlass,
        false => Asks::Approval,
    };
    let policy = settings.policy(&args.environment, &args.rule, asks)?;
    let policy = known(policy, args, &release, settings)?;
    let found = gather::about_release(&release, &[], settings)?;
    let signers = signer::signers(&found, &policy.keyring, &Local);
    let asking = forge::place(args, &release.release, (&policy, settings))?;
    let actors = forge::actors(session, asking.actors, (&policy, settings))?;
    let policy = policy
        .excluding(&release.release, &signers)
        .separating(&actors)
        .asked_at(asking.place.as_ref());
    let deployment = deployment::wanted(args, &release.release, &policy)?;
    let wanted = wanted(args, (document, &release), &policy, (settings, session))?;
    let request = Request {
        place: asking.place,
        deployment,
        actors,
        ..wanted.request
    };
    let wanted = Identified::new(&request).map_err(contradiction)?;
    reachable(&wanted, &policy)?;
    Ok((wanted, policy))
}

/// The rules with the people of their groups, if these are enough.
fn known(
    policy: Policy,
    args: &args::Request,
    release: &release::Identified,
    settings: &Settings,
) -> Result<Policy, Failure> {
    let subject = groups::Subject {
        environment: &args.environment,
        release,
        change: &args.change,
    };
    let found = groups::look(&policy, subject, groups::For::Asking, settings)?;
    let few = found
        .as_ref()
        .and_then(|found| too_few(&policy.approval, found, &policy.keyring));
    if let Some(why) = few {
        return Err(Failure::new(Kind::Invalid, why)
            .with_hint("name the accounts below `people:`, by their numbers"));
    }
    settings.tightened(policy.knowing(found), &args.rule)
}

/// What stands in for a `release.json` where the images are the release.
fn of_images(
    args: &args::Request,
    settings: &Settings,
    session: &Session,
) -> Result<(String, release::Identified), Failure> {
    let ruled = settings.rules.as_ref().map(|rules| &rules.service);
    let Some(service) = ruled.or(session.service.as_ref()) else {
        let message = "neither a configuration nor `--service` names the service";
        return Err(Failure::new(Kind::Usage, message).with_hint("add `--service NAME`"));
    };
    let release = foreign::of_images(service, &args.artifact)?;
    let document = foreign::document(&release.release)?;
    let document = String::from_utf8_lossy(&document).into_owned();
    Ok((document, release))
}

fn read_release(path: &Path) -> Result<(String, release::Identified), Failure> {
    let limit = u64::try_from(json::LARGEST).unwrap_or(u64::MAX);
    let document = file::read_text(path, limit)?;
    let release = release::Identified::parse(document.as_bytes()).map_err(|error| {
        let message = format!("cannot understand `{}`", path.display());
        Failure::because(Kind::Invalid, message, error)
    })?;
    Ok((document, release))
}

/// The request as flags and rules want it, with a nonce of its own.
fn wanted(
    args: &args::Request,
    (document, release): (String, &release::Identified),
    policy: &Policy,
    (settings, session): (&Settings, &Session),
) -> Result<Identified, Failure> {
    let expires = lifetime(args.expires, policy.longest())?;
    let changes = policy.groups.iter().flat_map(|found| &found.changes);
    let compared = changes.map(|(rule, one)| (rule.clone(), one.compared.clone()));
    let compared = compared.collect();
    let made_at = clock::now();
    let nonce = random::token()?;
    let id: String = nonce.chars().take(12).collect();
    let request = Request {
        schema_version: SCHEMA_VERSION,
        id: format!("{}-{}-{id}", release.release.id, args.environment),
        nonce,
        service: release.release.service.clone(),
        environment: args.environment.clone(),
        release: release.reference(),
        document,
        policy: policy.digest,
        evidence: args.evidence.clone(),
        rules: policy.rules.clone(),
        distinct: policy.approval.overlap() == Overlap::Distinct,
        compared,
        actors: session.ci.actors.clone(),
        requested_by: session.ci.actor.clone(),
        run_url: session.ci.url.clone(),
        place: None,
        deployment: None,
        break_glass: break_glass(args, policy, settings)?,
        made_at,
        expires_at: made_at.after(expires),
    };
    Identified::new(&request).map_err(contradiction)
}

/// Past what the release is to go, and why: of what the environment demands,
/// all that the policy lets, or what the flags name of it.
fn break_glass(
    args: &args::Request,
    policy: &Policy,
    settings: &Settings,
) -> Result<Option<Wanted>, Failure> {
    let (Some(allowed), Some(reason)) = (&policy.break_glass, &args.reason) else {
        return Ok(None);
    };
    let rules = settings.rules.as_ref();
    let environment = rules.and_then(|rules| rules.environment(&args.environment).ok());
    let order = environment.and_then(|found| found.promotes_from.as_ref());
    let demands = environment.into_iter().flat_map(|found| &found.requires);
    let demands = demands
        .map(|one| one.what.clone())
        .filter(|what| *what != What::Signature)
        .map(Gate::Demand);
    let all: BTreeSet<Gate> = order
        .map(|_| Gate::Order)
        .into_iter()
        .chain(demands)
        .collect();
    let named: BTreeSet<Gate> = args.past.iter().cloned().collect();
    let refused = |gate: &Gate, why: &str| {
        let message = format!("`--past {gate}`: {why}");
        Err(Failure::new(Kind::Refuted, message).with_hint("leave the flag out"))
    };
    if let Some(gate) = named.difference(&all).next() {
        return refused(gate, "the environment does not demand it");
    }
    if let Some(gate) = named.iter().find(|gate| !allowed.admits(gate)) {
        return refused(gate, "the policy lets nobody go past it");
    }
    let mut past = if named.is_empty() { all } else { named };
    past.retain(|gate| allowed.admits(gate));
    let wanted = Wanted {
        reason: reason.clone(),
        past,
    };
    Ok(Some(wanted))
}

fn contradiction(error: ParseError) -> Failure {
    let kind = error.kind();
    Failure::new(kind, Failure::from(error).lines().join(": "))
}

fn lifetime(flag: Option<Span>, longest: Span) -> Result<Span, Failure> {
    match flag {
        Some(flag) if flag > longest => {
            let message = format!("`--expires {flag}` is longer than the policy's {longest}");
            Err(Failure::new(Kind::Invalid, message).with_hint("leave the flag out"))
        }
        Some(Span::ZERO) => Err(Failure::new(Kind::Usage, "`--expires` is no time at all")),
        Some(flag) => Ok(flag),
        None => Ok(DEFAULT_EXPIRY.min(longest)),
    }
}

/// Refuses a question that can never be answered with a yes.
fn reachable(wanted: &Identified, policy: &Policy) -> Result<(), Failure> {
    let request = &wanted.request;
    if let Some(why) = policy.unknown_actor(&request.actors) {
        return Err(Failure::new(Kind::Invalid, why)
            .with_hint("have the account written below `people: { NAME: { accounts: … } }`"));
    }
    let place = request.place.as_ref();
    if policy.approval.min_look.is_some() && place.is_some_and(|place| !place.at.tells_when()) {
        let message = "GitHub does not say when environments were reviewed, and `min-look` is set";
        return Err(Failure::new(Kind::Invalid, message)
            .with_hint("ask in comments or reviews of a pull request"));
    }
    let from = policy.counts_from(request.made_at);
    if from >= request.expires_at {
        let message = format!("a yes would count from {from}, when the request has expired");
        return Err(Failure::new(Kind::Invalid, message).with_hint("give a longer `--expires`"));
    }
    let able: BTreeSet<Name> = policy.eligible(request.made_at).into_iter().collect();
    let seats = Seats::new(&request.rules, request.overlap(), &able);
    let mut short = seats.rules().filter(|(_, _, missing)| *missing > 0);
    let Some((rule, counted, _)) = short.next() else {
        return Ok(());
    };
    let excluded = policy.excluded.iter();
    let excluded: String = excluded
        .filter(|(name, _)| rule.people.contains(*name))
        .map(|(name, why)| format!("; {name} {why}"))
        .collect();
    let named = match request.rules.as_slice() {
        [_] => String::new(),
        _ => format!("by the rule {}, ", rule.name),
    };
    let names: Vec<&str> = counted.iter().map(|name| name.as_str()).collect();
    let message = format!(
        "{named}{} people have to say yes, and only {} may: {}{excluded}",
        rule.quorum,
        names.len(),
        names.join(", ")
    );
    Err(Failure::new(Kind::Invalid, message)
        .with_hint("name more people, with keys that count, in the `approval` rule"))
}

/// The open request that asks the same, or this one, kept.
fn remember(
    wanted: Identified,
    settings: &Settings,
    session: &Session,
) -> Result<Identified, Failure> {
    let Some(state) = settings.state()? else {
        return Ok(wanted);
    };
    let effect = kept::Effect::of(session);
    let now = wanted.request.made_at;
    kept::remember(wanted, state.as_ref(), (effect, now))
}

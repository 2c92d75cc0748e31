//! People who are asked, answer and take back, as `await-approval` would note it.

use liftlock::approval::answer::{Answer, Heard, Say, hear};
use liftlock::approval::decide::{Evidence, Judgement, decide};
use liftlock::approval::form::Signed;
use liftlock::approval::policy::Policy;
use liftlock::approval::predicate::Approval;
use liftlock::approval::request::{Identified, Request, SCHEMA_VERSION};
use liftlock::approval::{Closed, Withdrawn, closed_key};
use liftlock::config::approval::Approval as Rule;
use liftlock::digest::Digest;
use liftlock::json;
use liftlock::release;
use liftlock::span::Span;
use liftlock::verdict::Verdict;
use liftlock_engine::{Pace as _, World};
use liftlock_io::attest;
use liftlock_io::verify::Local;
use testkit::samples::Key;

use crate::stage::Stage;

/// What is asked about a release in production, now.
pub(crate) fn request(stage: &Stage, release: &release::Identified) -> Request {
    let world = stage.sound();
    let rules = world.environment.approval.as_ref().map(Rule::filled);
    let document = stage.root.join(format!("{}.json", release.release.id));
    let document = std::fs::read_to_string(document).unwrap();
    let now = stage.clock.now();
    Request {
        schema_version: SCHEMA_VERSION,
        id: "1".to_owned(),
        nonce: "n".to_owned(),
        service: world.rules.service.clone(),
        environment: world.environment.name.clone(),
        release: release.reference(),
        document,
        policy: world.rules.policy,
        evidence: Vec::new(),
        rules: rules.unwrap_or_default(),
        distinct: false,
        compared: std::collections::BTreeMap::new(),
        actors: Vec::new(),
        requested_by: None,
        run_url: None,
        place: None,
        deployment: None,
        break_glass: None,
        made_at: now,
        expires_at: now.after(Span::seconds(3_600)),
    }
}

/// The yes of these people, each with their own key.
pub(crate) fn yes(stage: &Stage, asked: &Identified, people: &[&str]) -> Vec<Signed> {
    let answers = people.iter().map(|person| {
        let name = person.parse().unwrap();
        let answer = Answer::to(asked, name, Say::Yes, stage.clock.now());
        let bundle = attest::attest(&Key::named(person), &answer.statement().unwrap());
        Signed::Bundle(bundle.unwrap())
    });
    answers.collect()
}

/// Has a judge count the yes of these people and keep the approval; its request.
pub(crate) fn approve(stage: &Stage, release: &release::Identified, people: &[&str]) -> Digest {
    let world = stage.sound();
    let asked = Identified::new(&request(stage, release)).unwrap();
    let rule = world.environment.approval.as_ref().unwrap();
    let policy = Policy::new(world.rules.policy, rule, world.rules.trust.clone());
    let answers = yes(stage, &asked, people);
    let heard: Vec<Heard> = answers
        .iter()
        .map(|one| hear(one, &world.rules.trust, &Local))
        .collect();
    let evidence = Evidence {
        asked: &asked,
        answers: &heard,
        withdrawn: false,
        seen: None,
    };
    let judgement = decide(&policy, &evidence, stage.clock.now());
    judge(stage, &asked, answers, judgement);
    asked.digest
}

/// Has a judge sign an outcome, whatever it is, and keep it.
pub(crate) fn judge(stage: &Stage, asked: &Identified, answers: Vec<Signed>, judgement: Judgement) {
    let world = stage.sound();
    let approval = Approval::new(asked, answers, judgement, stage.clock.now());
    let statement = approval.unwrap().statement(&asked.release).unwrap();
    let bundle = attest::attest(&Key::named("judge"), &statement).unwrap();
    attest::keep(&world.evidence, &statement, &bundle).unwrap();
}

/// Takes a request back as `await-approval withdraw` does.
pub(crate) fn withdraw(world: &World, request: &Digest) {
    let key = closed_key(&world.rules.service, &world.environment.name, request);
    let closed = Closed {
        verdict: Verdict::Fail,
        at: "2026-01-05T08:01:00Z".parse().unwrap(),
        approval: None,
        withdrawn: Some(Withdrawn {
            by: "bob".to_owned(),
            reason: Some("wrong version".to_owned()),
            answer: None,
        }),
    };
    let bytes = json::line(&closed).unwrap();
    drop(world.state.put_if_absent(&key, &bytes).unwrap());
}

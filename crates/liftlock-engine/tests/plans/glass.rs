//! Going past gates: what must never let a release do so, and what one that may
//! leaves behind.

use std::fs;

use liftlock::approval::answer::{Heard, hear};
use liftlock::approval::break_glass::{BreakGlass, Wanted};
use liftlock::approval::decide::{Evidence, decide};
use liftlock::approval::form::Signed;
use liftlock::approval::policy::Policy;
use liftlock::approval::predicate::Approval;
use liftlock::approval::request::{Identified, Request};
use liftlock::chain::Chain;
use liftlock::config::break_glass::BreakGlass as Allowed;
use liftlock::digest::Digest;
use liftlock::record::{Kind, Record};
use liftlock::release;
use liftlock::span::Span;
use liftlock::verdict::Verdict;
use liftlock_engine::Pace as _;
use liftlock_io::attest;
use liftlock_io::verify::Local;
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::samples::Key;

use crate::people::{request, withdraw, yes};
use crate::stage::{Stage, Way, folder};
use crate::store::Death;

/// Version 1 is live; version 2 has neither approval nor canary.
struct Scene {
    _folder: TempDir,
    stage: Stage,
    release: release::Identified,
}

fn rules() -> Value {
    json!({
        "requires": ["signature", "approval", "canary@staging"],
        "approval": { "quorum": 1, "people": ["alice", "bob", "carol"] },
        "break-glass": { "people": ["alice", "bob"], "longest": "1h" },
    })
}

fn scene() -> Scene {
    let folder = folder();
    let mut stage = Stage::new(folder.path());
    stage.up(&stage.release("1"));
    stage.also = rules();
    let release = stage.release("2");
    Scene {
        _folder: folder,
        stage,
        release,
    }
}

/// What a dishonest judge makes of it: a pass, whatever the answers are.
struct Claim {
    request: Request,
    people: Vec<&'static str>,
    judge: &'static str,
    /// Answers to this request instead of the one claimed.
    answered: Option<Request>,
}

impl Scene {
    fn claim(&self, people: &[&'static str]) -> Claim {
        let allowed: Allowed = serde_json::from_value(rules()["break-glass"].clone()).unwrap();
        let mut request = request(&self.stage, &self.release);
        request.rules = allowed.rule(None).unwrap().filled();
        request.break_glass = Some(Wanted {
            reason: "checkout is down".to_owned(),
            past: ["approval", "canary@staging"]
                .map(|gate| gate.parse().unwrap())
                .into(),
        });
        Claim {
            request,
            people: people.to_vec(),
            judge: "judge",
            answered: None,
        }
    }

    /// Signs and keeps what the judge claims; the digest of the request.
    fn keep(&self, claim: &Claim) -> Digest {
        let world = self.stage.sound();
        let asked = Identified::new(&claim.request).unwrap();
        let answered = claim.answered.as_ref().unwrap_or(&claim.request);
        let answered = Identified::new(answered).unwrap();
        let answers = yes(&self.stage, &answered, &claim.people);
        let allowed: Allowed = serde_json::from_value(rules()["break-glass"].clone()).unwrap();
        let trust = world.rules.trust.clone();
        let policy = Policy::breaking(world.rules.policy, &allowed, None, trust).unwrap();
        let approval = judged(&asked, answers, &policy, self.stage.clock.now());
        let broken = BreakGlass::new(approval, &asked).unwrap();
        let statement = broken.statement(&asked.release).unwrap();
        let bundle = attest::attest(&Key::named(claim.judge), &statement).unwrap();
        attest::keep(&world.evidence, &statement, &bundle).unwrap();
        asked.digest
    }

    fn chain(&self) -> Chain {
        self.stage.chain(&self.stage.sound(), &self.release)
    }

    fn stays(&self, what: &str) {
        let chain = self.chain();
        assert_eq!(chain.verdict, Verdict::Fail, "{what}");
        assert_eq!(chain.break_glass, None, "{what}");
        assert!(
            chain.conditions.iter().all(|one| one.past.is_none()),
            "{what}"
        );
    }

    fn records(&self) -> Vec<Record> {
        let entries = self.stage.sound().ledger.entries(0..u64::MAX).unwrap();
        let records = entries.into_iter().map(|entry| entry.record);
        records
            .filter(|record| record.kind == Kind::BreakGlass)
            .collect()
    }
}

fn judged(
    asked: &Identified,
    answers: Vec<Signed>,
    policy: &Policy,
    now: liftlock::time::Time,
) -> Approval {
    let heard: Vec<Heard> = answers
        .iter()
        .map(|one| hear(one, &policy.keyring, &Local))
        .collect();
    let evidence = Evidence {
        asked,
        answers: &heard,
        withdrawn: false,
        seen: None,
    };
    let mut judgement = decide(policy, &evidence, now);
    judgement.verdict = Verdict::Pass;
    Approval::new(asked, answers, judgement, now).unwrap()
}

#[test]
fn a_judges_word_alone_goes_past_nothing() {
    type Change = fn(&Scene, &mut Claim);
    let cases: [(&str, Change); 13] = [
        ("nobody", |_, claim| claim.people.clear()),
        ("one person", |_, claim| claim.people.truncate(1)),
        ("one person twice", |_, claim| {
            claim.people = vec!["alice"; 2];
        }),
        ("somebody who is not named", |_, claim| {
            claim.people = vec!["alice", "carol"];
        }),
        ("a lower quorum", |_, claim| {
            claim.request.rules[0].quorum = 1;
            claim.people.truncate(1);
        }),
        ("more people", |_, claim| {
            let carol = "carol".parse().unwrap();
            claim.request.rules[0].people.insert(carol);
            claim.people = vec!["alice", "carol"];
        }),
        ("another policy", |_, claim| {
            claim.request.policy = Digest::of(b"lax");
        }),
        ("another environment", |_, claim| {
            claim.request.environment = "staging".parse().unwrap();
        }),
        ("longer than allowed", |_, claim| {
            claim.request.expires_at = claim.request.made_at.after(Span::seconds(3_601));
        }),
        ("fewer gates than are unmet", |_, claim| {
            let wanted = claim.request.break_glass.as_mut().unwrap();
            wanted.past.retain(|gate| gate.to_string() == "approval");
        }),
        ("no judge", |_, claim| claim.judge = "builder"),
        ("somebody's own key", |_, claim| claim.judge = "alice"),
        ("answers to an approval", |scene, claim| {
            let mut plain = claim.request.clone();
            plain.break_glass = None;
            plain.rules = request(&scene.stage, &scene.release).rules;
            claim.answered = Some(plain);
        }),
    ];
    for (what, change) in cases {
        let scene = scene();
        let mut claim = scene.claim(&["alice", "bob"]);
        change(&scene, &mut claim);
        scene.keep(&claim);
        scene.stays(what);
    }
}

#[test]
fn it_fits_one_release_one_policy_and_its_time() {
    let mut scene = scene();
    let claim = scene.claim(&["alice", "bob"]);
    let request = scene.keep(&claim);
    assert_eq!(
        scene.chain().verdict,
        Verdict::Pass,
        "{}",
        scene.chain().unmet()
    );
    let other = scene.stage.release("3");
    let chain = scene.stage.chain(&scene.stage.sound(), &other);
    assert_eq!(chain.verdict, Verdict::Fail, "another release");
    scene.stage.also["break-glass"]["past"] = json!(["approval"]);
    scene.stays("the policy lets nobody go past the canary");
    scene.stage.also = rules();
    scene.stage.also["break-glass"] = Value::Null;
    scene.stays("the policy lets nobody");
    scene.stage.also = rules();
    scene.stage.also["break-glass"]["quorum"] = json!(2);
    assert_eq!(scene.chain().verdict, Verdict::Pass);
    scene.stage.clock.quiet.set(true);
    scene.stage.clock.pass(3_601);
    scene.stays("expired");
    let (scene, claim) = (self::scene(), claim);
    assert_eq!(scene.keep(&claim), request);
    withdraw(&scene.stage.sound(), &request);
    scene.stays("taken back");
}

#[test]
fn an_approval_is_no_break_glass_and_break_glass_no_approval() {
    let scene = scene();
    crate::people::approve(&scene.stage, &scene.release, &["alice", "bob"]);
    let chain = scene.chain();
    assert!(chain.conditions[1].met, "the approval itself counts");
    scene.stays("an approval does not stand for the canary");
    // The same request and answers under the name of the other statement.
    let claim = scene.claim(&["alice", "bob"]);
    let asked = Identified::new(&claim.request).unwrap();
    let world = scene.stage.sound();
    let rule = world.environment.approval.as_ref().unwrap();
    let policy = Policy::new(world.rules.policy, rule, world.rules.trust.clone());
    let answers = yes(&scene.stage, &asked, &["alice", "bob"]);
    let approval = judged(&asked, answers, &policy, scene.stage.clock.now());
    let other = self::scene();
    let statement = approval.statement(&asked.release).unwrap();
    let bundle = attest::attest(&Key::named("judge"), &statement).unwrap();
    attest::keep(&other.stage.sound().evidence, &statement, &bundle).unwrap();
    let chain = other.chain();
    assert!(!chain.conditions[1].met, "{:?}", chain.conditions[1]);
    assert!(chain.conditions[1].found.contains("break-glass"));
}

#[test]
fn nobody_goes_past_the_signature() {
    let scene = scene();
    let claim = scene.claim(&["alice", "bob"]);
    assert!(
        serde_json::from_value::<Wanted>(json!({ "reason": "x", "past": ["signature"] })).is_err()
    );
    scene.keep(&claim);
    scene
        .stage
        .evidence
        .lock()
        .unwrap()
        .retain(|key, _| !key.contains("release"));
    scene.stays("nobody signed these bytes");
}

#[test]
fn it_carries_one_plan_and_no_second_and_the_ledger_tells_of_it_once() {
    let scene = scene();
    let request = scene.keep(&scene.claim(&["alice", "bob"]));
    let plan = scene
        .stage
        .plan(&scene.stage.sound(), &scene.release, Way::Up);
    let broken = plan.break_glass.clone().unwrap();
    assert_eq!((broken.request, plan.approval), (request, None));
    assert_eq!(broken.past.len(), 2);
    let (outcome, _) = scene.stage.drive(&plan, Way::Up, Death::Never);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.verdict, Verdict::Pass, "{:?}", outcome.turned);
    scene.stage.tell();
    let records = scene.records();
    assert_eq!(records.len(), 1);
    let detail = &records[0].detail;
    assert_eq!(detail["reason"], "checkout is down");
    assert_eq!(detail["people"], json!(["alice", "bob"]));
    assert_eq!(detail["past"], json!(["approval", "canary@staging"]));
    assert_eq!(records[0].plan, Some(plan.id()));
    // Version 1 goes live again, and the same words are tried once more.
    assert_eq!(scene.stage.document().used[&request], plan.id());
    let down = scene
        .stage
        .plan(&scene.stage.sound(), &scene.stage.release("1"), Way::Down);
    scene.stage.drive(&down, Way::Down, Death::Never).0.unwrap();
    scene.stays("it was used up");
    let mut again = plan;
    again.made_at = scene.stage.clock.now();
    again.previous = scene.stage.document().live.map(|live| live.release);
    {
        let mut disk = scene.stage.state.lock().unwrap();
        let key = "environments/shop/production.json";
        let mut document: Value = serde_json::from_slice(&disk[key]).unwrap();
        document["hold"] = Value::Null;
        disk.insert(key.to_owned(), document.to_string().into_bytes());
    }
    let (refused, _) = scene.stage.drive(&again, Way::Up, Death::Never);
    let refused = refused.unwrap_err().lines().join(": ");
    assert!(refused.contains("used up by another plan"), "{refused}");
}

#[test]
fn a_process_that_dies_at_any_write_leaves_one_record_and_one_use() {
    let whole = scene();
    whole.keep(&whole.claim(&["alice", "bob"]));
    let plan = whole
        .stage
        .plan(&whole.stage.sound(), &whole.release, Way::Up);
    let (_, writes) = whole.stage.drive(&plan, Way::Up, Death::Never);
    for at in (1..writes).step_by(5) {
        let scene = scene();
        let request = scene.keep(&scene.claim(&["alice", "bob"]));
        let plan = scene
            .stage
            .plan(&scene.stage.sound(), &scene.release, Way::Up);
        drop(scene.stage.drive(&plan, Way::Up, Death::After(at)));
        // It may have died after the plan was over.
        if scene.stage.document().live.map(|live| live.release) != Some(scene.release.reference()) {
            let (outcome, _) = scene.stage.drive(&plan, Way::Up, Death::Never);
            outcome.unwrap_or_else(|failure| panic!("{at}: {:?}", failure.lines()));
        }
        let verdict = scene.stage.document().run.unwrap().verdict;
        assert_eq!(verdict, Some(Verdict::Pass), "{at}");
        scene.stage.tell();
        assert_eq!(scene.records().len(), 1, "{at}");
        assert_eq!(scene.stage.document().used[&request], plan.id(), "{at}");
    }
}

#[test]
fn a_withdrawal_stops_what_goes_past_gates_as_well() {
    let scene = scene();
    let request = scene.keep(&scene.claim(&["alice", "bob"]));
    let plan = scene
        .stage
        .plan(&scene.stage.sound(), &scene.release, Way::Up);
    let world = scene.stage.sound();
    let incident = move || withdraw(&world, &request);
    scene.stage.clock.when("04-bake", incident);
    let (outcome, _) = scene.stage.drive(&plan, Way::Up, Death::Never);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    assert!(outcome.turned.unwrap().reason.contains("withdrawn by bob"));
}

#[test]
fn a_plan_that_does_not_say_so_goes_past_nothing_later() {
    let scene = scene();
    crate::people::approve(&scene.stage, &scene.release, &["alice"]);
    let mut scene = scene;
    scene.stage.also["requires"] = json!(["signature", "approval"]);
    let plan = scene
        .stage
        .plan(&scene.stage.sound(), &scene.release, Way::Up);
    assert_eq!(plan.break_glass, None);
    // The approval is gone in the middle, and a permission lies there unused.
    let mut claim = scene.claim(&["alice", "bob"]);
    claim.request.nonce = "other".to_owned();
    scene.keep(&claim);
    let evidence = std::sync::Arc::clone(&scene.stage.evidence);
    scene.stage.clock.when("08-bake", move || {
        evidence
            .lock()
            .unwrap()
            .retain(|key, _| !key.contains("/approval-v1/"));
    });
    let (outcome, _) = scene.stage.drive(&plan, Way::Up, Death::Never);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    let reason = outcome.turned.unwrap().reason;
    assert!(
        reason.contains("does not say that it goes past"),
        "{reason}"
    );
    let log = fs::read_to_string(scene.stage.root.join("placed.log")).unwrap();
    assert!(log.contains("shop-2"), "{log}");
}

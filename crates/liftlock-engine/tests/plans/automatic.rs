//! An approval by a rule of the policy holds only as long as its facts do.

use liftlock::approval::automatic::Tried;
use liftlock::approval::decide::{Evidence, decide};
use liftlock::approval::policy::Policy;
use liftlock::approval::request::Identified;
use liftlock::digest::Digest;
use liftlock::predicate::{self, Ruling};
use liftlock::release;
use liftlock::statement::{Statement, Subject};
use liftlock::verdict::Verdict;
use liftlock_engine::Pace as _;
use liftlock_io::attest;
use serde_json::json;
use tempfile::TempDir;
use testkit::samples::Key;

use crate::people::{judge, request};
use crate::stage::{Stage, Way, folder};
use crate::store::Death;

fn stage() -> (TempDir, Stage) {
    let folder = folder();
    let mut stage = Stage::new(folder.path());
    stage.up(&stage.release("1"));
    stage.also = json!({
        "requires": ["signature", "approval"],
        "approval": { "quorum": 2, "people": ["alice", "bob"], "automatic": [
            { "name": "low", "evidence": [{ "canary@staging": { "max-age": "1h" } }] },
        ] },
    });
    (folder, stage)
}

/// A judge that says that the rule was met, whatever there is.
fn claim(stage: &Stage, release: &release::Identified, rule: &str) {
    let world = stage.sound();
    let asked = Identified::new(&request(stage, release)).unwrap();
    let approval = world.environment.approval.as_ref().unwrap();
    let policy = Policy::new(world.rules.policy, approval, world.rules.trust.clone());
    let evidence = Evidence {
        asked: &asked,
        answers: &[],
        withdrawn: false,
        seen: None,
    };
    let mut judgement = decide(&policy, &evidence, stage.clock.now());
    judgement.verdict = Verdict::Pass;
    judgement.automatic = Some(Tried {
        rule: rule.parse().unwrap(),
        facts: Vec::new(),
    });
    judge(stage, &asked, Vec::new(), judgement);
}

/// What the canary on staging is said to have done by now.
fn canary(stage: &Stage, release: &release::Identified, verdict: Verdict) {
    let world = stage.sound();
    let ruling = Ruling {
        verdict,
        service: world.rules.service.clone(),
        environment: "staging".parse().unwrap(),
        release: release.digest,
        plan: None,
        policy: world.rules.policy,
        made_at: stage.clock.now(),
        expires_at: None,
    };
    let reference = release.reference();
    let digests: Vec<Digest> = std::iter::once(reference.digest)
        .chain(reference.artifacts.into_values())
        .collect();
    let subjects = digests.iter().map(Subject::new).collect();
    let statement = Statement::new(subjects, predicate::CANARY, &ruling).unwrap();
    let bundle = attest::attest(&Key::named("canary"), &statement).unwrap();
    attest::keep(&world.evidence, &statement, &bundle).unwrap();
}

#[test]
fn a_judges_word_that_a_rule_was_met_moves_nothing_without_its_facts() {
    let (_folder, stage) = stage();
    let release = stage.release("2");
    let fails = |what: &str| {
        let chain = stage.chain(&stage.sound(), &release);
        assert_eq!(chain.verdict, Verdict::Fail, "{what}");
        assert_eq!(chain.approval, None, "{what}");
    };
    claim(&stage, &release, "low");
    fails("no canary");
    canary(&stage, &stage.release("3"), Verdict::Pass);
    fails("another's canary");
    canary(&stage, &release, Verdict::Pass);
    let chain = stage.chain(&stage.sound(), &release);
    assert_eq!(chain.verdict, Verdict::Pass, "{}", chain.unmet());
    stage.clock.quiet.set(true);
    stage.clock.pass(3_601);
    fails("too old by now");
}

#[test]
fn a_rule_that_the_policy_does_not_have_lets_nothing_through() {
    let (_folder, stage) = stage();
    let release = stage.release("2");
    canary(&stage, &release, Verdict::Pass);
    claim(&stage, &release, "lower");
    let chain = stage.chain(&stage.sound(), &release);
    assert_eq!(chain.verdict, Verdict::Fail);
}

#[test]
fn a_promotion_by_a_rule_ends_well_and_uses_the_request_up() {
    let (_folder, stage) = stage();
    let release = stage.release("2");
    canary(&stage, &release, Verdict::Pass);
    claim(&stage, &release, "low");
    let plan = stage.plan(&stage.sound(), &release, Way::Up);
    let (outcome, _) = stage.drive(&plan, Way::Up, Death::Never);
    assert_eq!(outcome.unwrap().verdict, Verdict::Pass);
    let request = plan.approval.unwrap();
    assert_eq!(stage.document().used[&request], plan.id());
}

#[test]
fn a_canary_that_fails_meanwhile_takes_the_rules_approval_away() {
    let (_folder, stage) = stage();
    let stage = std::rc::Rc::new(stage);
    let release = stage.release("2");
    canary(&stage, &release, Verdict::Pass);
    claim(&stage, &release, "low");
    let plan = stage.plan(&stage.sound(), &release, Way::Up);
    let (seen, failing) = (std::rc::Rc::clone(&stage), release);
    stage
        .clock
        .when("08-bake", move || canary(&seen, &failing, Verdict::Fail));
    let (outcome, _) = stage.drive(&plan, Way::Up, Death::Never);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.verdict, outcome.restored), (Verdict::Fail, true));
    let reason = outcome.turned.unwrap().reason;
    assert!(
        reason.contains("the chain does not hold any more: approval"),
        "{reason}"
    );
}

use super::*;
use crate::config::effective::Rules;
use crate::crypto::PublicKey;
use crate::report::PolicyOrigin;
use crate::span::Span;
use crate::statement::Subject;

const RULES: &str = "
version: 1
service: shop
environments:
  staging: {}
  production:
    promotes-from: staging
    requires: [signature, approval, { canary@staging: { max-age: 1h } }]
    targets: []
";

struct Case {
    environment: Environment,
    release: Reference,
    items: Vec<Item>,
}

fn now() -> Time {
    "2026-11-23T12:00:00Z".parse().unwrap()
}

fn policy() -> Digest {
    Digest::of(b"policy")
}

fn ruling(environment: &str, release: Digest) -> Ruling {
    Ruling {
        verdict: Verdict::Pass,
        service: "shop".parse().unwrap(),
        environment: environment.parse().unwrap(),
        release,
        plan: None,
        policy: policy(),
        made_at: now(),
        expires_at: Some(now().after(Span::seconds(60))),
    }
}

fn item(uri: &str, subjects: &[Digest], predicate: &impl Serialize) -> Item {
    let subjects = subjects.iter().map(Subject::new).collect();
    Item {
        bundle: Digest::of(uri.as_bytes()),
        predicate_type: uri.to_owned(),
        outcome: Ok(Said {
            statement: Statement::new(subjects, uri, predicate).unwrap(),
            by: "ci".parse().unwrap(),
            who: Who::Key(PublicKey::from_pem(include_str!("../testdata/p256.pub")).unwrap()),
            times: Vec::new(),
        }),
    }
}

fn case(change: impl Fn(&mut Ruling)) -> Case {
    let service = crate::config::parse(RULES, None).unwrap();
    let rules = Rules::new(service, policy(), PolicyOrigin::Local).unwrap();
    let name: Name = "production".parse().unwrap();
    let release = Reference {
        id: "shop-1".to_owned(),
        digest: Digest::of(b"release"),
        artifacts: [("api".parse().unwrap(), Digest::of(b"api"))].into(),
    };
    let subjects = [release.digest, Digest::of(b"api")];
    let mut approval = ruling("production", release.digest);
    change(&mut approval);
    let canary = ruling("staging", release.digest);
    let items = vec![
        item(predicate::RELEASE, &subjects, &serde_json::json!({})),
        item(predicate::APPROVAL, &subjects, &approval),
        item(predicate::CANARY, &subjects, &canary),
    ];
    Case {
        environment: rules.environment(&name).unwrap().clone(),
        release,
        items,
    }
}

fn judged(case: &Case, good_before: bool, used: bool, approve: &Result<Digest, String>) -> Chain {
    let service: Name = "shop".parse().unwrap();
    let around = Circumstances {
        service: &service,
        policy: policy(),
        good_before,
        rejected: None,
        used: &|_| used,
        approve: &|_| approve.clone(),
        broken: &|_| Err("nobody asks".to_owned()),
        now: now(),
        accept: &[],
    };
    decide(&case.environment, &case.release, &case.items, &around)
}

#[test]
fn everything_demanded_and_nothing_less_is_a_pass() {
    let whole = case(|_| {});
    let chain = judged(&whole, true, false, &Ok(Digest::of(b"request")));
    assert_eq!(chain.verdict, Verdict::Pass, "{}", chain.unmet());
    assert_eq!(chain.evidence.len(), 3);
    assert_eq!(chain.approval, Some(Digest::of(b"request")));
    for missing in 0..3 {
        let mut case = case(|_| {});
        case.items.remove(missing);
        let chain = judged(&case, true, false, &Ok(Digest::of(b"request")));
        assert_eq!(chain.verdict, Verdict::Fail, "without {missing}");
    }
}

#[test]
fn an_approval_counts_only_for_what_it_says() {
    type Change = fn(&mut Ruling);
    let cases: [(&str, Change); 8] = [
        ("it is no pass", |ruling| ruling.verdict = Verdict::Fail),
        ("it is for another service", |ruling| {
            ruling.service = "cart".parse().unwrap();
        }),
        ("it is for another environment", |ruling| {
            ruling.environment = "staging".parse().unwrap();
        }),
        ("it is about another release", |ruling| {
            ruling.release = Digest::of(b"other");
        }),
        ("it was decided by another policy", |ruling| {
            ruling.policy = Digest::of(b"lax");
        }),
        ("it was made in the future", |ruling| {
            ruling.made_at = ruling.made_at.after(Span::seconds(3_600));
        }),
        ("it has expired", |ruling| {
            ruling.expires_at = Some(Time::EPOCH);
        }),
        ("it is no pass", |ruling| ruling.verdict = Verdict::Pending),
    ];
    for (reason, change) in cases {
        let chain = judged(&case(change), true, false, &Ok(Digest::of(b"request")));
        assert_eq!(chain.verdict, Verdict::Fail, "{reason}");
        assert_eq!(chain.unmet(), format!("approval: {reason}"));
    }
}

#[test]
fn order_use_and_the_answers_themselves_count() {
    let whole = case(|_| {});
    let cases = [
        (
            judged(&whole, false, false, &Ok(Digest::of(b"request"))),
            "known good in `staging`: it is not",
        ),
        (
            judged(&whole, true, true, &Ok(Digest::of(b"request"))),
            "approval: it was used up by another plan",
        ),
        (
            judged(
                &whole,
                true,
                false,
                &Err("one answer was forged".to_owned()),
            ),
            "approval: one answer was forged",
        ),
    ];
    for (chain, unmet) in cases {
        assert_eq!(
            (chain.verdict, chain.unmet().as_str()),
            (Verdict::Fail, unmet)
        );
    }
}

#[test]
fn evidence_that_covers_only_some_artifacts_does_not_count() {
    let mut case = case(|_| {});
    let subjects = [case.release.digest];
    case.items[0] = item(predicate::RELEASE, &subjects, &serde_json::json!({}));
    let chain = judged(&case, true, false, &Ok(Digest::of(b"request")));
    assert_eq!(chain.unmet(), "signature: it leaves out 1 of the artifacts");
}

#[test]
fn a_canary_that_failed_since_does_not_count() {
    let mut case = case(|_| {});
    let subjects = [case.release.digest, Digest::of(b"api")];
    let mut failed = ruling("staging", case.release.digest);
    failed.verdict = Verdict::Fail;
    failed.made_at = now().after(Span::seconds(1));
    let mut newer = item(predicate::CANARY, &subjects, &failed);
    newer.bundle = Digest::of(b"newer");
    case.items.push(newer);
    let chain = judged(&case, true, false, &Ok(Digest::of(b"request")));
    assert_eq!(
        chain.unmet(),
        "canary@staging: a newer verdict stands in its place, it is no pass"
    );
}

#[test]
fn a_verdict_that_is_too_old_does_not_count() {
    let mut case = case(|_| {});
    let mut old = ruling("staging", case.release.digest);
    old.made_at = "2026-11-23T10:59:59Z".parse().unwrap();
    let subjects = [case.release.digest, Digest::of(b"api")];
    case.items[2] = item(predicate::CANARY, &subjects, &old);
    let chain = judged(&case, true, false, &Ok(Digest::of(b"request")));
    assert_eq!(chain.unmet(), "canary@staging: it is too old");
}

/// Statements about parts of a release of two images, each by its maker.
fn together(
    requires: &str,
    accept: &[(&str, &str, &str)],
    items: &[(&str, &str, &[&str])],
    written: Option<&[u8]>,
) -> Chain {
    let mut case = case(|_| {});
    let what: What = requires.parse().unwrap();
    case.environment.promotes_from = None;
    case.environment.requires = vec![Requirement {
        what,
        max_age: None,
    }];
    let artifacts = ["api", "web"].map(|name| (name.parse().unwrap(), Digest::of(name.as_bytes())));
    let list = format!(
        "{}  api\n{}  web\n",
        Digest::of(b"api").hex(),
        Digest::of(b"web").hex()
    );
    case.release = Reference {
        id: "shop-2".to_owned(),
        digest: Digest::of(written.unwrap_or(list.as_bytes())),
        artifacts: artifacts.into(),
    };
    case.items = items
        .iter()
        .map(|(uri, by, about)| {
            let about: Vec<Digest> = about.iter().map(|one| Digest::of(one.as_bytes())).collect();
            let mut item = item(uri, &about, &serde_json::json!({}));
            item.bundle = Digest::of(format!("{uri}{by}{about:?}").as_bytes());
            if let Ok(said) = &mut item.outcome {
                said.by = by.parse().unwrap();
            }
            item
        })
        .collect();
    let accept: Vec<Accepted> = accept
        .iter()
        .map(|(predicate, from, meets)| Accepted {
            predicate: (*predicate).to_owned(),
            from: from.parse().unwrap(),
            meets: meets.parse().unwrap(),
        })
        .collect();
    let service: Name = "shop".parse().unwrap();
    let around = Circumstances {
        service: &service,
        policy: policy(),
        good_before: true,
        rejected: None,
        used: &|_| false,
        approve: &|_| Err("nobody asks".to_owned()),
        broken: &|_| Err("nobody asks".to_owned()),
        now: now(),
        accept: &accept,
    };
    decide(&case.environment, &case.release, &case.items, &around)
}

const SIGNED: &str = predicate::COSIGN;
const BUILT: &str = predicate::PROVENANCE;

#[test]
fn statements_of_others_meet_only_what_the_policy_takes_them_for() {
    let whole: &[&str] = &["api", "web"];
    let taken = [(SIGNED, "ci", "signature")];
    let narrow = [(BUILT, "github", "provenance")];
    let older = [("https://slsa.dev/provenance/v0.2", "ci", "provenance")];
    let refused = [
        (
            together("signature", &[], &[(SIGNED, "ci", whole)], None),
            "signature: nothing",
        ),
        (
            together("signature", &taken, &[(SIGNED, "github", whole)], None),
            "signature: `github` signed it, from whom the policy does not accept it",
        ),
        (
            together("signature", &taken, &[(SIGNED, "ci", &["api"])], None),
            "signature: it leaves out 1 of the artifacts",
        ),
        (
            together("signature", &taken, &[(SIGNED, "ci", &["other"])], None),
            "signature: it is about something else",
        ),
        // With a `release.json`, its attestation alone is its signature.
        (
            together(
                "signature",
                &taken,
                &[(SIGNED, "ci", &["api", "web", "{}"])],
                Some(b"{}"),
            ),
            "signature: nothing",
        ),
        (
            together("provenance", &narrow, &[(BUILT, "ci", whole)], None),
            "provenance: `ci` signed it, from whom the policy does not accept it",
        ),
        (
            together("provenance", &older, &[(BUILT, "ci", whole)], None),
            "provenance: nothing",
        ),
        (
            together("provenance", &[], &[(SIGNED, "ci", whole)], None),
            "provenance: nothing",
        ),
    ];
    for (chain, why) in refused {
        assert_eq!(
            (chain.verdict, chain.unmet().as_str()),
            (Verdict::Fail, why)
        );
        assert_eq!(chain.evidence, Vec::new());
    }
}

#[test]
fn several_statements_of_others_are_together_about_all() {
    let whole: &[&str] = &["api", "web"];
    let taken = [(SIGNED, "ci", "signature")];
    let narrow = [(BUILT, "github", "provenance")];
    let older = [("https://slsa.dev/provenance/v0.2", "ci", "provenance")];
    let each: &[(&str, &str, &[&str])] = &[
        (SIGNED, "ci", &["api"]),
        (SIGNED, "ci", &["other"]),
        (SIGNED, "ci", &["web"]),
    ];
    let met = [
        (
            together("signature", &taken, &[(SIGNED, "ci", whole)], None),
            1,
        ),
        (together("signature", &taken, each, None), 2),
        (
            together("provenance", &[], &[(BUILT, "ci", whole)], None),
            1,
        ),
        (
            together("provenance", &narrow, &[(BUILT, "github", whole)], None),
            1,
        ),
        (
            together("provenance", &older, &[(older[0].0, "ci", whole)], None),
            1,
        ),
        (
            together("provenance", &[], &[(BUILT, "ci", whole)], Some(b"{}")),
            1,
        ),
    ];
    for (chain, bundles) in met {
        assert_eq!(chain.verdict, Verdict::Pass, "{}", chain.unmet());
        assert_eq!(chain.evidence.len(), bundles);
    }
}

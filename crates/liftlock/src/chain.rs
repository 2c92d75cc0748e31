//! The chain of evidence over one release: what an environment demands, what
//! there is, and who could provide what is missing.

use serde::{Deserialize, Serialize};

use crate::attestation::{self, Proved};
use crate::bundle::Bundle;
use crate::config::effective::Environment;
use crate::config::requirement::{Requirement, What};
use crate::config::trust::{Keyring, Role};
use crate::crypto::Verifier;
use crate::digest::Digest;
use crate::name::Name;
use crate::predicate::{self, Ruling};
use crate::release::Reference;
use crate::statement::Statement;
use crate::time::Time;
use crate::verdict::Verdict;

/// One piece of evidence after its signature was checked.
#[derive(Clone, Debug)]
pub struct Item {
    /// The digest of the bundle.
    pub bundle: Digest,
    /// What it claims to be about, where it could be read at all.
    pub predicate_type: String,
    /// The statement, if someone who may say so signed it; else why not.
    pub outcome: Result<Proved, String>,
}

/// Checks who signed a bundle: only a key that counts now, for a role that may
/// make statements of this type.
#[must_use]
pub fn examine(bytes: &[u8], trust: &Keyring, verifier: &dyn Verifier, now: Time) -> Item {
    let item = |predicate_type: String, outcome| Item {
        bundle: Digest::of(bytes),
        predicate_type,
        outcome,
    };
    let bundle = match Bundle::parse(bytes) {
        Ok(bundle) => bundle,
        Err(error) => return item(String::new(), Err(error.to_string())),
    };
    let claimed = match attestation::claimed(&bundle) {
        Ok(claimed) => claimed,
        Err(error) => return item(String::new(), Err(error.to_string())),
    };
    let kind = claimed.predicate_type().to_owned();
    let Some(role) = Role::of_predicate(&kind) else {
        return item(
            kind,
            Err("answers count only inside an approval".to_owned()),
        );
    };
    let proved = attestation::verify(&bundle, &trust.keys(role, now), verifier)
        .map_err(|error| error.to_string());
    item(kind, proved)
}

/// What the world outside of the evidence says.
#[expect(missing_debug_implementations, reason = "it holds functions")]
pub struct Circumstances<'a> {
    /// The service.
    pub service: &'a Name,
    /// The digest of the rules in force.
    pub policy: Digest,
    /// Whether the release is known good where it has to come from.
    pub good_before: bool,
    /// Whether another plan used up the approval of this request.
    pub used: &'a dyn Fn(&Digest) -> bool,
    /// Judges an approval's answers again: the request that it answers, which
    /// is used up with it, or why it does not count.
    pub approve: &'a dyn Fn(&Proved) -> Result<Digest, String>,
    /// Now.
    pub now: Time,
}

/// One demand and what there is about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Condition {
    /// What is demanded.
    pub wanted: String,
    /// Whether it is there.
    pub met: bool,
    /// What was found instead, or the evidence that meets it.
    pub found: String,
    /// Who could provide it.
    pub who: String,
    /// The command that does.
    pub fix: String,
}

/// The chain of a release towards an environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Chain {
    /// Pass only when every condition is met.
    pub verdict: Verdict,
    /// All conditions, met or not, in the order of the policy.
    pub conditions: Vec<Condition>,
    /// The request whose approval was found, to be used up by the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Digest>,
    /// The bundles that meet the conditions.
    pub evidence: Vec<Digest>,
}

impl Chain {
    /// The conditions that are not met, in one line.
    #[must_use]
    pub fn unmet(&self) -> String {
        let open = self.conditions.iter().filter(|condition| !condition.met);
        let lines: Vec<String> = open
            .map(|condition| format!("{}: {}", condition.wanted, condition.found))
            .collect();
        lines.join("; ")
    }
}

/// Decides whether a release may move towards an environment.
#[must_use]
pub fn decide(
    environment: &Environment,
    release: &Reference,
    items: &[Item],
    around: &Circumstances<'_>,
) -> Chain {
    let mut chain = Chain {
        verdict: Verdict::Fail,
        conditions: Vec::new(),
        approval: None,
        evidence: Vec::new(),
    };
    if let Some(before) = &environment.promotes_from {
        chain.conditions.push(order(before, around.good_before));
    }
    for requirement in &environment.requires {
        let asked = Asked {
            requirement,
            environment,
            release,
            around,
        };
        let (condition, found) = asked.of(items);
        if let Some(found) = found {
            chain.evidence.push(found.bundle);
            chain.approval = chain.approval.or(found.request);
        }
        chain.conditions.push(condition);
    }
    if chain.conditions.iter().all(|condition| condition.met) {
        chain.verdict = Verdict::Pass;
    }
    chain
}

fn order(before: &Name, good: bool) -> Condition {
    Condition {
        wanted: format!("known good in `{before}`"),
        met: good,
        found: if good { "it is" } else { "it is not" }.to_owned(),
        who: "promote".to_owned(),
        fix: format!("promote run --environment {before}"),
    }
}

/// What meets a demand.
#[derive(Clone, Copy)]
struct Met {
    bundle: Digest,
    request: Option<Digest>,
}

/// One demand over one release.
struct Asked<'a> {
    requirement: &'a Requirement,
    environment: &'a Environment,
    release: &'a Reference,
    around: &'a Circumstances<'a>,
}

impl Asked<'_> {
    fn of(&self, items: &[Item]) -> (Condition, Option<Met>) {
        let uri = self.uri();
        let newest = self.newest(items);
        let mut reasons = Vec::new();
        let mut found = None;
        for item in items.iter().filter(|item| item.predicate_type == uri) {
            let outcome = item.outcome.as_ref().map_err(Clone::clone);
            match outcome.and_then(|proved| self.fits(proved, newest)) {
                Ok(request) => {
                    found = Some(Met {
                        bundle: item.bundle,
                        request,
                    });
                }
                Err(reason) if !reasons.contains(&reason) => reasons.push(reason),
                Err(_) => {}
            }
        }
        let text = match &found {
            Some(met) => format!("evidence {}", met.bundle.short()),
            None if reasons.is_empty() => "nothing".to_owned(),
            None => reasons.join(", "),
        };
        let (who, fix) = self.help();
        let condition = Condition {
            wanted: self.requirement.what.to_string(),
            met: found.is_some(),
            found: text,
            who,
            fix,
        };
        (condition, found)
    }

    fn uri(&self) -> &str {
        match &self.requirement.what {
            What::Signature => predicate::RELEASE,
            What::Provenance => predicate::PROVENANCE,
            What::Approval => predicate::APPROVAL,
            What::Canary(_) => predicate::CANARY,
            What::Predicate(uri) => uri,
        }
    }

    /// When the canary was judged last in the environment asked about. Only
    /// that verdict counts: a canary that failed since is not what it was, and
    /// asking again until it passes would prove nothing.
    fn newest(&self, items: &[Item]) -> Option<Time> {
        let What::Canary(place) = &self.requirement.what else {
            return None;
        };
        let rulings = items.iter().filter_map(|item| {
            let statement = &item.outcome.as_ref().ok()?.statement;
            statement.predicate_as::<Ruling>(predicate::CANARY).ok()
        });
        rulings
            .filter(|ruling| {
                ruling.environment == *place
                    && ruling.service == *self.around.service
                    && ruling.release == self.release.digest
            })
            .map(|ruling| ruling.made_at)
            .max()
    }

    /// Whether a statement by the right role says what is demanded of this
    /// release; of an approval, the request that it answers.
    fn fits(&self, proved: &Proved, newest: Option<Time>) -> Result<Option<Digest>, String> {
        let statement = &proved.statement;
        let artifacts = self.release.artifacts.values();
        let uncovered = artifacts
            .filter(|artifact| !statement.is_about(artifact))
            .count();
        if uncovered > 0 {
            return Err(format!("it leaves out {uncovered} of the artifacts"));
        }
        match &self.requirement.what {
            What::Provenance => {}
            What::Predicate(uri) => predicate::passed(uri, statement.predicate())?,
            What::Signature => self.names_release(statement)?,
            What::Approval => {
                self.names_release(statement)?;
                self.rules(statement, &self.environment.name)?;
                let request = (self.around.approve)(proved)?;
                if (self.around.used)(&request) {
                    return Err("it was used up by another plan".to_owned());
                }
                return Ok(Some(request));
            }
            What::Canary(place) => {
                self.names_release(statement)?;
                let ruling = self.rules(statement, place)?;
                if newest.is_some_and(|newest| ruling.made_at < newest) {
                    return Err("a newer verdict stands in its place".to_owned());
                }
            }
        }
        Ok(None)
    }

    fn names_release(&self, statement: &Statement) -> Result<(), String> {
        if statement.is_about(&self.release.digest) {
            Ok(())
        } else {
            Err("it is about another release".to_owned())
        }
    }

    /// Whether a verdict of ours is a pass, for this place, by these rules, in time.
    fn rules(&self, statement: &Statement, place: &Name) -> Result<Ruling, String> {
        let ruling: Ruling = statement
            .predicate_as(statement.predicate_type())
            .map_err(|error| format!("its predicate cannot be read: {error}"))?;
        let now = self.around.now;
        let age = now.millis_since(ruling.made_at);
        let too_old = self
            .requirement
            .max_age
            .is_some_and(|limit| u64::try_from(age).is_ok_and(|age| age > limit.millis()));
        let doubts = [
            (ruling.verdict != Verdict::Pass, "it is no pass"),
            (
                ruling.service != *self.around.service,
                "it is for another service",
            ),
            (
                ruling.environment != *place,
                "it is for another environment",
            ),
            (
                ruling.release != self.release.digest,
                "it is about another release",
            ),
            (
                ruling.policy != self.around.policy,
                "it was decided by another policy",
            ),
            (age < -300_000, "it was made in the future"),
            (too_old, "it is too old"),
            (
                ruling.expires_at.is_some_and(|expires| expires < now),
                "it has expired",
            ),
        ];
        match doubts.iter().find(|(doubt, _)| *doubt) {
            Some((_, reason)) => Err((*reason).to_owned()),
            None => Ok(ruling),
        }
    }

    fn help(&self) -> (String, String) {
        let environment = &self.environment.name;
        let (who, fix) = match &self.requirement.what {
            What::Signature => ("the builder", "sign-artifact release".to_owned()),
            What::Provenance => (
                "the builder",
                "sign-artifact attest --type slsaprovenance1".to_owned(),
            ),
            What::Approval => (
                "the judge, once enough people said yes",
                format!("await-approval request --environment {environment}"),
            ),
            What::Canary(place) => (
                "the canary's identity",
                format!("canary-check run --environment {place}"),
            ),
            What::Predicate(uri) => ("the builder", format!("sign-artifact attest --type {uri}")),
        };
        (who.to_owned(), fix)
    }
}

#[cfg(test)]
mod tests {
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
            outcome: Ok(Proved {
                statement: Statement::new(subjects, uri, predicate).unwrap(),
                key: PublicKey::from_pem(include_str!("testdata/p256.pub")).unwrap(),
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

    fn judged(
        case: &Case,
        good_before: bool,
        used: bool,
        approve: &Result<Digest, String>,
    ) -> Chain {
        let service: Name = "shop".parse().unwrap();
        let around = Circumstances {
            service: &service,
            policy: policy(),
            good_before,
            used: &|_| used,
            approve: &|_| approve.clone(),
            now: now(),
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
}

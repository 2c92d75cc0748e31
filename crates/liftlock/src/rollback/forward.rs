//! The way forward, where nothing can be gone back to: what is in the way, and
//! by which commands a release that mends the fault goes up.

use serde::Serialize;

use super::{Candidate, Obstacle, choose, choose_past};
use crate::config::effective::Environment;
use crate::config::requirement::What;
use crate::state::Document;

/// One thing to do, or to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What it is.
    pub what: String,
    /// The command that does it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

fn known(what: impl Into<String>) -> Line {
    Line {
        what: what.into(),
        command: None,
    }
}

fn done(what: impl Into<String>, command: String) -> Line {
    Line {
        what: what.into(),
        command: Some(command),
    }
}

/// What to do instead of going back; nothing where a rollback can go.
#[must_use]
pub fn forward(environment: &Environment, state: &Document, candidates: &[Candidate]) -> Vec<Line> {
    if choose(candidates).is_some() {
        return Vec::new();
    }
    let mut lines = in_the_way(candidates);
    lines.extend(past(environment, candidates));
    lines.extend(up(environment, state));
    lines.extend(hotfix(environment));
    lines
}

/// What is in the way, each once.
fn in_the_way(candidates: &[Candidate]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for candidate in candidates {
        for one in &candidate.against {
            let line = match one.obstacle {
                Obstacle::Live => continue,
                Obstacle::Migration | Obstacle::State => known(one.why.clone()),
                Obstacle::Left
                | Obstacle::Rejected
                | Obstacle::Unproved
                | Obstacle::Unasked
                | Obstacle::Gone => known(format!("{}: {}", candidate.release.id, one.why)),
            };
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    if lines.is_empty() {
        lines.push(known("no other release was ever known good here"));
    }
    lines
}

/// What one person may go past, where nothing else is in the way.
fn past(environment: &Environment, candidates: &[Candidate]) -> Option<Line> {
    let (candidate, _) = choose_past(candidates)?;
    Some(done(
        format!(
            "one person may go back to {} past that, where the data allows it",
            candidate.release.id
        ),
        format!(
            "rollback run --environment {} --to {} --break-glass --reason TEXT",
            environment.name, candidate.release.id
        ),
    ))
}

/// How every release goes up.
fn up(environment: &Environment, state: &Document) -> Vec<Line> {
    let name = &environment.name;
    let mut lines = Vec::new();
    if state.hold.is_some() {
        lines.push(done(
            "end the hold",
            format!("rollback lift --environment {name} --reason TEXT"),
        ));
    }
    lines.push(done(
        "sign a release that mends the fault",
        "sign-artifact release --version VERSION --owner OWNER --artifact NAME=PATH --key KEY --output release.json".to_owned(),
    ));
    if let Some(before) = &environment.promotes_from {
        lines.push(done(
            format!("take it to {before} first"),
            format!("promote run --environment {before} --release release.json"),
        ));
    }
    for requirement in &environment.requires {
        lines.extend(provided(environment, &requirement.what));
    }
    lines.push(done(
        "take it up",
        format!("promote run --environment {name} --release release.json"),
    ));
    lines
}

/// Who or what provides a demand, beside the release's signature.
fn provided(environment: &Environment, what: &What) -> Option<Line> {
    let name = &environment.name;
    let command = match what {
        What::Signature => return None,
        What::Approval => {
            format!("await-approval request --environment {name} --release release.json")
        }
        What::Canary(place) => {
            format!("canary-check run --environment {place} --release release.json")
        }
        What::Provenance => "sign-artifact attest --type slsaprovenance1".to_owned(),
        What::Predicate(uri) => format!("sign-artifact attest --type {uri}"),
    };
    Some(done(format!("provide {what}"), command))
}

/// The same way up for what cannot wait for the gates.
fn hotfix(environment: &Environment) -> Vec<Line> {
    let name = &environment.name;
    let Some(rule) = &environment.break_glass else {
        return vec![known(format!(
            "a hotfix goes the same way: nobody may go past gates here, as \
             `environments.{name}.break-glass` is not set"
        ))];
    };
    vec![
        done(
            format!(
                "a hotfix goes the same way; what it lacks, {} people may let it go past",
                rule.quorum()
            ),
            format!(
                "await-approval request --environment {name} --release release.json --break-glass --reason TEXT"
            ),
        ),
        done(
            "each of them says yes",
            "await-approval answer --request DIGEST --person NAME --key KEY --yes".to_owned(),
        ),
        done(
            "the judge counts",
            "await-approval judge --request DIGEST --key KEY".to_owned(),
        ),
        done(
            "take it up",
            format!("promote run --environment {name} --release release.json"),
        ),
    ]
}

/// The lines as people read them.
#[must_use]
pub fn told(lines: &[Line]) -> String {
    let told = lines.iter().map(|line| match &line.command {
        None => line.what.clone(),
        Some(command) => format!("{}:\n    {command}", line.what),
    });
    told.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::effective::Rules;
    use crate::digest::Digest;
    use crate::release::Reference;
    use crate::report::PolicyOrigin;
    use crate::state::Hold;
    use crate::time::Time;

    fn environment(rules: &str) -> Environment {
        let text = format!(
            "version: 1\nservice: shop\npeople: {{ alice: {{}}, bob: {{}} }}\n\
             environments: {{ staging: {{}}, production: {rules} }}\n"
        );
        let service = crate::config::parse(&text, None).unwrap();
        let rules = Rules::new(service, Digest::of(b"policy"), PolicyOrigin::Local).unwrap();
        let name = "production".parse().unwrap();
        rules.environment(&name).unwrap().clone()
    }

    fn candidate(id: &str, obstacle: Obstacle, why: &str) -> Candidate {
        Candidate {
            release: Reference {
                id: id.to_owned(),
                digest: Digest::of(id.as_bytes()),
                artifacts: std::collections::BTreeMap::new(),
            },
            good_since: Time::EPOCH,
            against: vec![obstacle.because(why)],
        }
    }

    #[test]
    fn what_is_in_the_way_and_every_command_up_are_named() {
        let environment = environment(
            "{ promotes-from: staging, approval: { quorum: 1, people: [alice] }, \
             requires: [signature, approval, { canary@staging: { max-age: 24h } }] }",
        );
        let mut state = Document::default();
        let candidates = [
            candidate("shop-2", Obstacle::Live, "it is live"),
            candidate("shop-1", Obstacle::Migration, "shop-2 changed data"),
            candidate("shop-0", Obstacle::Migration, "shop-2 changed data"),
        ];
        let text = told(&forward(&environment, &state, &candidates));
        for wanted in [
            "shop-2 changed data",
            "rollback run --environment production --to shop-1 --break-glass",
            "promote run --environment staging",
            "await-approval request --environment production",
            "canary-check run --environment staging",
            "promote run --environment production",
            "`environments.production.break-glass` is not set",
        ] {
            assert!(text.contains(wanted), "{wanted}: {text}");
        }
        assert_eq!(text.matches("changed data").count(), 1, "{text}");
        assert!(!text.contains("rollback lift"), "{text}");
        state.hold = Some(Hold {
            reason: "rolled back".to_owned(),
            by: "ci".to_owned(),
            at: Time::EPOCH,
        });
        assert!(told(&forward(&environment, &state, &candidates)).contains("rollback lift"));
    }

    #[test]
    fn a_hotfix_has_the_same_way_up_past_what_people_may_go_past() {
        let environment =
            environment("{ requires: [signature], break-glass: { people: [alice, bob] } }");
        let candidates = [candidate("shop-1", Obstacle::Rejected, "rejected by alice")];
        let text = told(&forward(&environment, &Document::default(), &candidates));
        assert!(text.contains("shop-1: rejected by alice"), "{text}");
        assert!(text.contains("2 people"), "{text}");
        assert!(
            text.contains("--release release.json --break-glass"),
            "{text}"
        );
        assert!(!text.contains("rollback run"), "{text}");
        let none = forward(&environment, &Document::default(), &[]);
        assert!(told(&none).contains("ever known good"), "{none:?}");
    }

    #[test]
    fn where_a_rollback_can_go_there_is_no_need() {
        let mut good = candidate("shop-1", Obstacle::Live, "");
        good.against.clear();
        assert!(forward(&environment("{}"), &Document::default(), &[good]).is_empty());
    }
}

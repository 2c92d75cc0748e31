//! Which releases need nobody's yes: rules whose conditions are all facts that
//! anybody can look up again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::requirement::{Requirement, What};
use super::tighten::{Loosened, loosened};
use crate::name::Name;
use crate::release::Migration;

/// The most automatic rules of one environment.
pub const MOST_RULES: usize = 32;

/// A release that meets all of this needs nobody's yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "AutomaticApproval"))]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Automatic {
    /// What people call it.
    pub name: Name,
    /// What the release may do to stored data: `none`, the default, or `expand`
    /// as well.
    #[serde(default)]
    pub migration: Migration,
    /// Evidence that has to be there, written as in `requires`; at least one
    /// beside `signature`, and no `approval`.
    pub evidence: Vec<Requirement>,
    /// The only artifacts that may differ from those that are live; default any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifacts: Option<BTreeSet<Name>>,
}

/// Refuses rules that would let anything through; the error names the field.
pub(super) fn check(rules: &[Automatic]) -> Result<(), (&'static str, String)> {
    const FIELD: &str = "approval.automatic";
    if rules.len() > MOST_RULES {
        return Err((FIELD, format!("has more than {MOST_RULES} rules")));
    }
    let mut names = BTreeSet::new();
    for rule in rules {
        let asks = |what: &What| rule.evidence.iter().any(|one| one.what == *what);
        let mut telling = rule.evidence.iter();
        let why = if !names.insert(&rule.name) {
            "is there twice"
        } else if asks(&What::Approval) {
            "asks for an approval, which it is to give"
        } else if !telling.any(|one| one.what != What::Signature) {
            "needs evidence beside the signature that every release has"
        } else if !rule.migration.is_reversible() {
            "lets through what no way leads back from: `migration` may be none or expand"
        } else if rule.artifacts.as_ref().is_some_and(BTreeSet::is_empty) {
            "lets no artifact differ from what is live"
        } else {
            continue;
        };
        return Err((FIELD, format!("`{}` {why}", rule.name)));
    }
    Ok(())
}

/// The file may leave rules out, and neither add nor change any.
pub(super) fn tighten(
    policy: Option<&Vec<Automatic>>,
    local: Option<Vec<Automatic>>,
) -> Result<Option<Vec<Automatic>>, Loosened> {
    let Some(local) = local else {
        return Ok(policy.cloned());
    };
    let mut new = local.iter();
    match new.find(|rule| !policy.is_some_and(|policy| policy.contains(rule))) {
        Some(rule) => {
            let field = format!("approval.automatic.{}", rule.name);
            Err(loosened(&field, "something else or nothing", "set"))
        }
        None => Ok(Some(local)),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::{Service, parse, tighten::tighten};

    fn text(automatic: &str) -> String {
        format!(
            "version: 1\nenvironments: {{ p: {{ requires: [approval], approval: \
             {{ quorum: 1, people: [a]{automatic} }} }} }}\n"
        )
    }

    fn read(rules: &str) -> Result<Service, String> {
        let text = text(&format!(", automatic: [{rules}]"));
        parse(&text, None).map_err(|error| error.to_string())
    }

    const CANARY: &str = "{ name: low, evidence: [{ canary@staging: { max-age: 24h } }] }";

    #[test]
    fn a_rule_that_would_let_anything_through_is_refused() {
        let cases = [
            ("{ name: x, evidence: [] }", "beside the signature"),
            ("{ name: x, evidence: [signature] }", "beside the signature"),
            ("{ name: x }", "evidence"),
            ("{ evidence: [provenance] }", "name"),
            (
                "{ name: x, evidence: [provenance, approval] }",
                "which it is to give",
            ),
            (
                "{ name: x, evidence: [provenance], migration: irreversible }",
                "no way leads back",
            ),
            (
                "{ name: x, evidence: [provenance], migration: contract }",
                "no way leads back",
            ),
            (
                "{ name: x, evidence: [provenance], artifacts: [] }",
                "no artifact",
            ),
            (
                "{ name: x, evidence: [provenance], unless: friday }",
                "unless",
            ),
            ("{ name: x, evidence: [sunshine] }", "sunshine"),
        ];
        for (rule, word) in cases {
            let error = read(rule).unwrap_err();
            assert!(error.contains(word), "{rule}: {error}");
        }
        let twice = read(&format!("{CANARY}, {CANARY}")).unwrap_err();
        assert!(twice.contains("twice"), "{twice}");
        read(CANARY).unwrap();
    }

    #[test]
    fn a_file_may_leave_automatic_rules_out_and_add_or_change_none() {
        let policy = read(&format!(
            "{CANARY}, {{ name: docs, evidence: [provenance] }}"
        ));
        let policy = policy.unwrap();
        let merged = |automatic: &str| {
            let local = parse(&text(automatic), None).unwrap();
            tighten(&policy, local)
                .map_err(|loosened| loosened.field)
                .map(|merged| {
                    let approval = merged.environments["p"].approval.clone().unwrap();
                    approval.automatic.unwrap_or_default().len()
                })
        };
        assert_eq!(merged(""), Ok(2));
        assert_eq!(merged(", automatic: []"), Ok(0));
        assert_eq!(merged(&format!(", automatic: [{CANARY}]")), Ok(1));
        let field = |name: &str| Err(format!("environments.p.approval.automatic.{name}"));
        for (rule, name) in [
            ("{ name: new, evidence: [provenance] }", "new"),
            ("{ name: low, evidence: [canary@staging] }", "low"),
            (
                "{ name: docs, evidence: [provenance], migration: expand }",
                "docs",
            ),
        ] {
            let found = merged(&format!(", automatic: [{rule}]"));
            assert_eq!(found, field(name), "{rule}");
        }
        let silent = parse(&text(""), None).unwrap();
        let local = read(CANARY).unwrap();
        let refused = tighten(&silent, local).unwrap_err();
        assert_eq!(refused.field, "environments.p.approval.automatic.low");
    }
}

//! Understands what GitLab answers about deployments that people approve.

use serde::Deserialize;

use super::gitlab::{Account, Standing};
use super::{Event, Forge, Kind, Origin, ParseError, SCHEMA_VERSION, Stance};
use crate::time::Time;

/// A deployment, as far as people approve it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Deployment {
    /// Its number.
    pub id: u64,
    /// Its number in the project.
    pub iid: u64,
    /// Who created it.
    pub user: Option<Account>,
    /// What it goes to.
    pub environment: Environment,
    /// The job that does it.
    #[serde(default)]
    pub deployable: Option<Deployable>,
    /// Who approved or rejected it, where one rule is for all.
    #[serde(default)]
    pub approvals: Option<Vec<Approval>>,
    /// The same by rule, where there are several.
    #[serde(default)]
    pub approval_summary: Option<Summary>,
}

/// What a deployment goes to.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Environment {
    /// Its number.
    pub id: u64,
    /// Its name.
    pub name: String,
}

/// The job of a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Deployable {
    /// Who started it.
    #[serde(default)]
    pub user: Option<Account>,
}

/// Approvals by rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Summary {
    /// The rules.
    pub rules: Vec<Ruled>,
}

/// The approvals under one rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Ruled {
    /// Who approved or rejected.
    pub deployment_approvals: Vec<Approval>,
}

/// One account's verdict about a deployment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Approval {
    /// Whose.
    pub user: Account,
    /// `approved` or `rejected`.
    pub status: String,
    /// When the account first gave one.
    pub created_at: Time,
    /// Why.
    #[serde(default)]
    pub comment: Option<String>,
}

impl Deployment {
    /// The accounts that started it.
    pub fn starters(&self) -> impl Iterator<Item = u64> {
        let job = self.deployable.as_ref().and_then(|job| job.user.as_ref());
        [self.user.as_ref(), job]
            .into_iter()
            .flatten()
            .map(|user| user.id)
    }

    /// Every verdict about it, each once, however it is listed; nothing where
    /// this GitLab has none.
    #[must_use]
    pub fn verdicts(&self) -> Option<Vec<Approval>> {
        let rules = self.approval_summary.as_ref().map(|all| &all.rules);
        if self.approvals.is_none() && rules.is_none() {
            return None;
        }
        let by_rule = rules.into_iter().flatten();
        let by_rule = by_rule.flat_map(|rule| &rule.deployment_approvals);
        let mut all: Vec<Approval> = Vec::new();
        for one in self.approvals.iter().flatten().chain(by_rule) {
            if !all.contains(one) {
                all.push(one.clone());
            }
        }
        Some(all)
    }
}

impl Approval {
    /// The verdict as an event of its deployment, below the page of that.
    ///
    /// # Errors
    ///
    /// Fails on a status that is not known.
    pub fn event(
        &self,
        (deployment, page): (u64, &str),
        standing: &Standing,
        seen_at: Time,
    ) -> Result<Event, ParseError> {
        let stance = match self.status.as_str() {
            "approved" => Stance::Approved,
            "rejected" => Stance::Rejected,
            other => {
                return Err(ParseError::Unknown {
                    what: "status of an approval",
                    found: other.to_owned(),
                });
            }
        };
        let (account_kind, permission) = standing.of(&self.user);
        Ok(Event {
            schema_version: SCHEMA_VERSION,
            forge: Forge::Gitlab,
            kind: Kind::Deployment { stance, deployment },
            id: deployment,
            url: page.to_owned(),
            account: self.user.id,
            login: self.user.username.clone(),
            account_kind,
            by_app: false,
            origin: Origin::Written,
            created_at: self.created_at,
            updated_at: self.created_at,
            body: self.comment.clone().unwrap_or_default(),
            permission,
            seen_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn approval(user: u64, status: &str) -> String {
        format!(
            r#"{{"user": {{"id": {user}, "username": "u"}}, "status": "{status}",
                "created_at": "2026-11-26T12:00:00.5Z", "comment": null}}"#
        )
    }

    fn deployment(more: &str) -> Deployment {
        let text = format!(
            r#"{{"id": 42, "iid": 2, "user": {{"id": 7, "username": "alice"}},
                "environment": {{"id": 9, "name": "production"}},
                "deployable": {{"user": {{"id": 8, "username": "bob"}}}}{more}}}"#
        );
        super::super::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn each_verdict_is_there_once_however_gitlab_lists_it() {
        let (one, two) = (approval(7, "approved"), approval(8, "rejected"));
        let rule = |list: &str| format!(r#"{{"deployment_approvals": [{list}]}}"#);
        let by_rule = format!(
            r#", "approvals": [{one}], "approval_summary": {{"rules": [{}, {}]}}"#,
            rule(&one),
            rule(&two)
        );
        let found = deployment(&by_rule).verdicts().unwrap();
        let users: Vec<u64> = found.iter().map(|one| one.user.id).collect();
        assert_eq!(users, [7, 8]);
        assert_eq!(
            deployment(", \"approvals\": []").verdicts(),
            Some(Vec::new())
        );
        assert_eq!(deployment("").verdicts(), None);
        let starters: Vec<u64> = deployment("").starters().collect();
        assert_eq!(starters, [7, 8]);
    }

    #[test]
    fn an_unknown_status_is_no_verdict() {
        for (status, stance) in [
            ("approved", Some(Stance::Approved)),
            ("rejected", Some(Stance::Rejected)),
            ("pending", None),
            ("Approved", None),
        ] {
            let one: Approval = super::super::parse(approval(7, status).as_bytes()).unwrap();
            let event = one.event((42, "page"), &Standing::default(), Time::EPOCH);
            let kind = stance.map(|stance| Kind::Deployment {
                stance,
                deployment: 42,
            });
            assert_eq!(event.ok().map(|event| event.kind), kind, "{status}");
        }
    }
}

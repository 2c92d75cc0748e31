//! Requests that people merge, as forges tell them: pull requests on GitHub,
//! merge requests on GitLab. Fields that are not read may come and go; a state
//! that is not known is an error.

use serde::Deserialize;

use crate::time::Time;

/// A request from one branch of a repository to another one of the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its number in the repository.
    pub number: u64,
    /// Its page.
    pub page: String,
    /// How far it came.
    pub stage: Stage,
}

/// How far a request came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// People can merge it.
    Open,
    /// Somebody merged it.
    Merged(Merged),
    /// Somebody closed it without merging it.
    Closed,
}

/// What a forge tells of a merge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// The commit that the branch got.
    pub commit: Option<String>,
    /// When.
    pub at: Option<Time>,
}

/// The one that counts among all that were ever made between two branches: one
/// that is open, else one that was merged, else the newest.
#[must_use]
pub fn choose(all: Vec<Asked>) -> Option<Asked> {
    let rank = |one: &Asked| match one.stage {
        Stage::Open => 2,
        Stage::Merged(_) => 1,
        Stage::Closed => 0,
    };
    all.into_iter().max_by_key(|one| (rank(one), one.number))
}

/// A pull request as GitHub tells it.
#[derive(Clone, Debug, Deserialize)]
pub struct Pull {
    number: u64,
    html_url: String,
    state: PullState,
    merged_at: Option<Time>,
    merge_commit_sha: Option<String>,
    head: Side,
    base: Side,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum PullState {
    Open,
    Closed,
}

#[derive(Clone, Debug, Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    branch: String,
    /// Nothing once a fork is deleted.
    repo: Option<Home>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
struct Home {
    id: u64,
}

impl Pull {
    /// The request, if it is between these branches of one repository. A fork
    /// may have branches of the same names.
    #[must_use]
    pub fn between(self, head: &str, base: &str) -> Option<Asked> {
        let home = self.base.repo.filter(|home| self.head.repo == Some(*home));
        home.filter(|_| self.head.branch == head && self.base.branch == base)?;
        Some(self.asked())
    }

    fn asked(self) -> Asked {
        let stage = match (self.state, self.merged_at) {
            (PullState::Open, _) => Stage::Open,
            (PullState::Closed, at @ Some(_)) => Stage::Merged(Merged {
                commit: self.merge_commit_sha,
                at,
            }),
            (PullState::Closed, None) => Stage::Closed,
        };
        Asked {
            number: self.number,
            page: self.html_url,
            stage,
        }
    }
}

/// A merge request as GitLab tells it.
#[derive(Clone, Debug, Deserialize)]
pub struct Merging {
    iid: u64,
    web_url: String,
    state: MergeRequestState,
    source_branch: String,
    target_branch: String,
    source_project_id: Option<u64>,
    target_project_id: u64,
    sha: Option<String>,
    merge_commit_sha: Option<String>,
    squash_commit_sha: Option<String>,
    merged_at: Option<Time>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum MergeRequestState {
    Opened,
    /// It is just being merged.
    Locked,
    Closed,
    Merged,
}

impl Merging {
    /// The request, if it is between these branches of one project. A fork may
    /// have branches of the same names.
    #[must_use]
    pub fn between(self, head: &str, base: &str) -> Option<Asked> {
        let here = self.source_project_id == Some(self.target_project_id);
        let fits = here && self.source_branch == head && self.target_branch == base;
        fits.then(|| self.asked())
    }

    fn asked(self) -> Asked {
        let stage = match self.state {
            MergeRequestState::Opened | MergeRequestState::Locked => Stage::Open,
            MergeRequestState::Closed => Stage::Closed,
            // Without a merge commit the branch was only moved forward.
            MergeRequestState::Merged => {
                let commit = self.merge_commit_sha.or(self.squash_commit_sha);
                Stage::Merged(Merged {
                    commit: commit.or(self.sha),
                    at: self.merged_at,
                })
            }
        };
        Asked {
            number: self.iid,
            page: self.web_url,
            stage,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const HEAD: &str = "liftlock/shop/production/1";

    fn pull(more: &Value) -> Result<Option<Asked>, serde_json::Error> {
        let mut told = json!({
            "number": 7, "html_url": "https://github.com/acme/deploy/pull/7", "state": "open",
            "merged_at": null, "merge_commit_sha": "c", "head": { "ref": HEAD, "repo": { "id": 1 } },
            "base": { "ref": "main", "repo": { "id": 1 } },
        });
        for (name, value) in more.as_object().unwrap() {
            told[name] = value.clone();
        }
        Ok(serde_json::from_value::<Pull>(told)?.between(HEAD, "main"))
    }

    fn merge_request(more: &Value) -> Result<Option<Asked>, serde_json::Error> {
        let mut told = json!({
            "iid": 7, "web_url": "https://gitlab.com/acme/deploy/-/merge_requests/7",
            "state": "opened", "source_branch": HEAD, "target_branch": "main",
            "source_project_id": 5, "target_project_id": 5, "sha": "h",
            "merge_commit_sha": null, "squash_commit_sha": null,
        });
        for (name, value) in more.as_object().unwrap() {
            told[name] = value.clone();
        }
        Ok(serde_json::from_value::<Merging>(told)?.between(HEAD, "main"))
    }

    #[test]
    fn a_state_that_nobody_knows_is_an_error() {
        assert!(pull(&json!({ "state": "merged" })).is_err());
        assert!(pull(&json!({ "state": null })).is_err());
        assert!(merge_request(&json!({ "state": "open" })).is_err());
        assert!(merge_request(&json!({ "iid": "7" })).is_err());
    }

    #[test]
    fn requests_of_forks_and_other_branches_are_not_ours() {
        for other in [
            json!({ "head": { "ref": HEAD, "repo": { "id": 2 } } }),
            json!({ "head": { "ref": HEAD, "repo": null } }),
            json!({ "head": { "ref": "change", "repo": { "id": 1 } } }),
            json!({ "base": { "ref": "next", "repo": { "id": 1 } } }),
        ] {
            assert_eq!(pull(&other).unwrap(), None, "{other}");
        }
        for other in [
            json!({ "source_project_id": 6 }),
            json!({ "source_project_id": null }),
            json!({ "source_branch": "change" }),
            json!({ "target_branch": "next" }),
        ] {
            assert_eq!(merge_request(&other).unwrap(), None, "{other}");
        }
    }

    #[test]
    fn stages_are_told_apart() {
        let stage = |asked: Result<Option<Asked>, _>| asked.unwrap().unwrap().stage;
        let moment = "2026-11-26T12:00:00Z";
        let merged = |commit: &str| {
            Stage::Merged(Merged {
                commit: Some(commit.to_owned()),
                at: Some(moment.parse().unwrap()),
            })
        };
        let closed = json!({ "state": "closed" });
        assert_eq!(stage(pull(&json!({}))), Stage::Open);
        assert_eq!(stage(pull(&closed)), Stage::Closed);
        let told = json!({ "state": "closed", "merged_at": moment });
        assert_eq!(stage(pull(&told)), merged("c"));
        assert_eq!(stage(merge_request(&json!({}))), Stage::Open);
        assert_eq!(
            stage(merge_request(&json!({ "state": "locked" }))),
            Stage::Open
        );
        assert_eq!(stage(merge_request(&closed)), Stage::Closed);
        for (field, commit) in [("merge_commit_sha", "m"), ("squash_commit_sha", "s")] {
            let told = json!({ "state": "merged", field: commit, "merged_at": moment });
            assert_eq!(stage(merge_request(&told)), merged(commit));
        }
        let forward = merge_request(&json!({ "state": "merged", "merged_at": moment }));
        assert_eq!(stage(forward), merged("h"));
    }

    #[test]
    fn what_is_open_counts_before_what_is_over() {
        let asked = |number, stage| Asked {
            number,
            page: String::new(),
            stage,
        };
        let all = [
            asked(1, Stage::Closed),
            asked(2, Stage::Open),
            asked(3, Stage::Merged(Merged::default())),
            asked(4, Stage::Closed),
        ];
        let chosen = |which: &[usize]| {
            let some = which.iter().map(|index| all[*index].clone());
            choose(some.collect()).map(|one| one.number)
        };
        assert_eq!(chosen(&[0, 1, 2, 3]), Some(2));
        assert_eq!(chosen(&[0, 2, 3]), Some(3));
        assert_eq!(chosen(&[0, 3]), Some(4));
        assert_eq!(chosen(&[]), None);
    }
}

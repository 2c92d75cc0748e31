//! What accounts, issues, comments and runs look like in GitHub's JSON.

use serde_json::{Map, Value, json};

use super::pulls::Pull;
use super::requests::Branches;
use super::state::{Comment, Run, State, time};
use super::{OWNER, REPOSITORY};

/// The links of an account below its own URL.
const OF_USER: [&str; 8] = [
    "events",
    "followers",
    "following",
    "gists",
    "organizations",
    "received_events",
    "repos",
    "starred",
];

/// The links of a repository below its own URL.
const OF_REPOSITORY: [&str; 36] = [
    "archive",
    "assignees",
    "blobs",
    "branches",
    "collaborators",
    "comments",
    "commits",
    "compare",
    "contents",
    "contributors",
    "deployments",
    "downloads",
    "events",
    "forks",
    "git_commits",
    "git_refs",
    "git_tags",
    "hooks",
    "issue_comment",
    "issue_events",
    "issues",
    "keys",
    "labels",
    "languages",
    "merges",
    "milestones",
    "notifications",
    "pulls",
    "releases",
    "stargazers",
    "statuses",
    "subscribers",
    "subscription",
    "tags",
    "teams",
    "trees",
];

/// An account in short; `null` for one that is deleted.
pub(super) fn user(state: &State, id: Option<u64>) -> Value {
    let found = id.and_then(|id| Some((id, state.users.get(&id)?)));
    let Some((id, user)) = found else {
        return Value::Null;
    };
    let login = &user.login;
    let url = format!(
        "{}/users/{}",
        state.base,
        login.replace('[', "%5B").replace(']', "%5D")
    );
    let mut fields = json!({
        "login": login, "id": id, "node_id": format!("U_{id}"), "gravatar_id": "",
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{id}"),
        "html_url": format!("https://github.com/{id}"), "url": url,
        "subscriptions_url": format!("{url}/subscriptions"),
        "type": user.kind, "site_admin": false,
    });
    links(&mut fields, &url, &OF_USER);
    fields
}

/// An account at length.
pub(super) fn account(state: &State, id: u64) -> Value {
    let mut fields = user(state, Some(id));
    let more = json!({
        "name": null, "company": null, "blog": null, "location": null, "email": null,
        "hireable": null, "bio": null, "public_repos": 0, "public_gists": 0, "followers": 0,
        "following": 0, "created_at": "2011-01-25T18:44:36Z", "updated_at": "2026-01-25T18:44:36Z",
    });
    if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more);
    }
    fields
}

fn links(fields: &mut Value, url: &str, names: &[&str]) {
    if let Some(fields) = fields.as_object_mut() {
        let new = names
            .iter()
            .map(|name| (format!("{name}_url"), format!("{url}/{name}").into()));
        fields.extend(new.collect::<Map<String, Value>>());
    }
}

pub(super) fn issue(state: &State, number: u64) -> Value {
    let Some(issue) = state.issues.get(&number) else {
        return Value::Null;
    };
    let repository = format!("{}/repos/{OWNER}/{REPOSITORY}", state.base);
    let url = format!("{repository}/issues/{number}");
    let page = format!("https://github.com/{OWNER}/{REPOSITORY}/issues/{number}");
    let comments = state.comments.values().filter(|one| one.issue == number);
    let mut fields = json!({
        "id": number, "node_id": format!("I_{number}"), "number": number, "title": issue.title,
        "url": url, "repository_url": repository, "html_url": page, "state": "open",
        "labels_url": format!("{url}/labels"), "comments_url": format!("{url}/comments"),
        "events_url": format!("{url}/events"), "user": user(state, Some(issue.user)),
        "labels": [], "assignee": null, "assignees": [], "milestone": null, "locked": issue.locked,
        "comments": comments.count(), "created_at": time(issue.created),
        "updated_at": time(issue.updated), "closed_at": null, "author_association": "MEMBER",
        "body": issue.body,
    });
    if let (Some(fields), Some(_)) = (fields.as_object_mut(), &issue.pull) {
        let pull = format!("{repository}/pulls/{number}");
        let pull = json!({ "url": pull, "html_url": page, "diff_url": page, "patch_url": page });
        fields.insert("pull_request".to_owned(), pull);
    }
    fields
}

pub(super) fn comment(state: &State, id: u64, comment: &Comment) -> Value {
    let repository = format!("{}/repos/{OWNER}/{REPOSITORY}", state.base);
    let number = comment.issue;
    let pull = state
        .issues
        .get(&number)
        .is_some_and(|issue| issue.pull.is_some());
    let kind = if pull { "pull" } else { "issues" };
    let app = comment.by_app.then(|| app(state));
    json!({
        "id": id, "node_id": format!("IC_{id}"), "url": format!("{repository}/issues/comments/{id}"),
        "html_url": format!("https://github.com/{OWNER}/{REPOSITORY}/{kind}/{number}#issuecomment-{id}"),
        "issue_url": format!("{repository}/issues/{number}"), "user": user(state, comment.user),
        "body": comment.body, "created_at": time(comment.created),
        "updated_at": time(comment.updated), "author_association": "MEMBER",
        "performed_via_github_app": app,
    })
}

fn app(state: &State) -> Value {
    let owner = user(state, state.users.keys().next().copied());
    json!({
        "id": 15_368, "node_id": "A_15368", "slug": "github-actions", "name": "GitHub Actions",
        "owner": owner, "description": "", "external_url": "https://help.github.com/en/actions",
        "html_url": "https://github.com/apps/github-actions", "created_at": "2018-07-30T09:30:17Z",
        "updated_at": "2024-04-10T20:33:16Z", "permissions": {}, "events": [],
    })
}

/// The repository in short.
fn home(state: &State, owner: u64) -> Value {
    let repository = format!("{}/repos/{OWNER}/{REPOSITORY}", state.base);
    let mut home = json!({
        "id": 1, "node_id": "R_1", "name": REPOSITORY, "full_name": format!("{OWNER}/{REPOSITORY}"),
        "owner": user(state, Some(owner)), "private": true, "fork": false, "description": null,
        "html_url": format!("https://github.com/{OWNER}/{REPOSITORY}"), "url": repository,
    });
    links(&mut home, &repository, &OF_REPOSITORY);
    home
}

/// The repository at length.
fn whole_home(state: &State, owner: u64) -> Value {
    let mut home = home(state, owner);
    let page = format!("https://github.com/{OWNER}/{REPOSITORY}");
    let more = json!({
        "clone_url": format!("{page}.git"), "default_branch": "main", "forks": 0, "forks_count": 0,
        "git_url": format!("git://github.com/{OWNER}/{REPOSITORY}.git"), "has_downloads": true,
        "has_issues": true, "has_projects": true, "has_wiki": true, "has_pages": false,
        "homepage": null, "language": null, "archived": false, "disabled": false,
        "mirror_url": null, "open_issues": 0, "open_issues_count": 0, "license": null,
        "pushed_at": time(state.now), "size": 1, "ssh_url": format!("git@github.com:{OWNER}/{REPOSITORY}.git"),
        "stargazers_count": 0, "svn_url": page, "watchers": 0, "watchers_count": 0,
        "created_at": time(state.now), "updated_at": time(state.now),
    });
    if let (Some(fields), Value::Object(more)) = (home.as_object_mut(), more) {
        fields.extend(more);
    }
    home
}

pub(super) fn pull(state: &State, number: u64, pull: &Pull) -> Value {
    let mut fields = issue(state, number);
    let opened = state.issues.get(&number).map_or(0, |issue| issue.user);
    let repository = format!("{}/repos/{OWNER}/{REPOSITORY}", state.base);
    let (url, issue) = (
        format!("{repository}/pulls/{number}"),
        format!("{repository}/issues/{number}"),
    );
    let page = format!("https://github.com/{OWNER}/{REPOSITORY}/pull/{number}");
    let last = pull.commits.last().map(|one| one.sha.clone());
    let branches = pull.branches.as_ref();
    let ((from, head), (to, base)) = match branches {
        Some(one) => (
            (one.head.as_str(), one.tips.0.clone()),
            (one.base.as_str(), one.tips.1.clone()),
        ),
        None => (
            ("change", last.unwrap_or_else(|| "0".repeat(40))),
            ("main", "b".repeat(40)),
        ),
    };
    let side = |branch: &str, sha: &str| {
        json!({
            "label": format!("{OWNER}:{branch}"), "ref": branch, "sha": sha,
            "repo": whole_home(state, opened), "user": user(state, Some(opened)),
        })
    };
    let link = |path: &str| json!({ "href": format!("{url}{path}") });
    let more = json!({
        "url": url, "html_url": page, "diff_url": format!("{page}.diff"),
        "patch_url": format!("{page}.patch"), "issue_url": issue,
        "commits_url": format!("{url}/commits"), "review_comments_url": format!("{url}/comments"),
        "review_comment_url": format!("{url}/comments/1"),
        "statuses_url": format!("{repository}/statuses/{head}"),
        "head": side(from, &head), "base": side(to, &base),
        "_links": {
            "comments": link(""), "commits": link("/commits"), "statuses": link(""),
            "html": link(""), "issue": link(""), "review_comments": link("/comments"),
            "review_comment": link("/comments/1"), "self": link(""),
        },
        "merge_commit_sha": null, "merged_at": null, "merged": false, "merged_by": null,
        "auto_merge": null, "mergeable": true, "mergeable_state": "clean", "draft": false,
        "additions": 1, "deletions": 0, "changed_files": 1, "commits": pull.commits.len(),
        "review_comments": 0, "maintainer_can_modify": false,
    });
    if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.remove("pull_request");
        fields.extend(more);
        if let Some(Value::Object(told)) = branches.map(Branches::told) {
            fields.extend(told);
        }
    }
    fields
}

pub(super) fn run(state: &State, id: u64, run: &Run) -> Value {
    let repository = format!("{}/repos/{OWNER}/{REPOSITORY}", state.base);
    let url = format!("{repository}/actions/runs/{id}");
    let page = format!("https://github.com/{OWNER}/{REPOSITORY}/actions/runs/{id}");
    let home = home(state, run.actor);
    let mut fields = json!({
        "id": id, "node_id": format!("WFR_{id}"), "head_branch": "main", "run_number": 1,
        "display_title": "Release", "event": "push", "status": "waiting", "conclusion": null,
        "head_sha": run.commit, "run_attempt": run.attempt, "path": ".github/workflows/release.yml", "workflow_id": 1,
        "url": url, "html_url": page, "created_at": time(state.now), "updated_at": time(state.now),
        "actor": user(state, Some(run.actor)), "triggering_actor": user(state, Some(run.again_by)),
        "head_commit": null, "head_repository": home, "repository": home, "pull_requests": [],
    });
    let below = [
        "jobs",
        "logs",
        "check_suite",
        "cancel",
        "rerun",
        "artifacts",
        "workflow",
    ];
    links(&mut fields, &url, &below);
    fields
}

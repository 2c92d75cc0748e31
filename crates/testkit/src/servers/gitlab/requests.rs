//! Merge requests between branches of a real repository: opened, closed and
//! merged there.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::gate::Caller;
use super::state::{On, State, stamp};
use super::{PROJECT_ID, merge_requests};
use crate::git::{self, Merge};

/// The least role that may open and close merge requests.
const DEVELOPER: u64 = 30;

/// The branches of a merge request, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Branches {
    source: String,
    target: String,
    title: String,
    description: String,
    removes_source: bool,
    /// The commit of the source branch when last seen.
    sha: String,
    closed: bool,
    /// The commit that the target got, how, and when.
    merged: Option<(String, Merge, i64)>,
}

impl State {
    /// Has this bare repository behind it.
    pub fn repository(&mut self, bare: &Path) {
        bare.clone_into(&mut self.bare);
    }

    /// Every merge request between branches: number, source, and its state.
    #[must_use]
    pub fn merge_requests(&self) -> Vec<(u64, String, &'static str)> {
        let told = |(number, one): (u64, &Branches)| (number, one.source.clone(), one.word());
        self.requests().map(told).collect()
    }

    /// Somebody merges a merge request.
    ///
    /// # Errors
    ///
    /// Fails where there is none, and where git cannot merge it.
    pub fn merge(&mut self, number: u64, how: Merge) -> Result<()> {
        let (bare, now) = (self.bare.clone(), self.now);
        let branches = self.branches_of(number)?;
        let ends = (branches.source.as_str(), branches.target.as_str());
        let merged = git::merge(&bare, ends, how, &branches.title)?;
        branches.merged = Some((merged, how, now));
        if branches.removes_source {
            let name = format!("refs/heads/{}", branches.source);
            git::run(&bare, &["update-ref", "-d", &name])?;
        }
        Ok(())
    }

    /// Somebody closes a merge request, or opens it again.
    ///
    /// # Errors
    ///
    /// Fails where there is none.
    pub fn close_merge_request(&mut self, number: u64, closed: bool) -> Result<()> {
        self.branches_of(number)?.closed = closed;
        Ok(())
    }

    fn branches_of(&mut self, number: u64) -> Result<&mut Branches> {
        let thread = self.threads.get_mut(&On::MergeRequest(number));
        let branches = thread.and_then(|thread| thread.branches.as_mut());
        branches.with_context(|| format!("there is no merge request {number}"))
    }

    fn requests(&self) -> impl DoubleEndedIterator<Item = (u64, &Branches)> {
        self.threads.iter().filter_map(|(on, thread)| match on {
            On::MergeRequest(number) => Some((*number, thread.branches.as_ref()?)),
            On::Issue(_) => None,
        })
    }
}

impl Branches {
    const fn word(&self) -> &'static str {
        match (&self.merged, self.closed) {
            (Some(_), _) => "merged",
            (None, true) => "closed",
            (None, false) => "opened",
        }
    }

    /// What GitLab shows beside what every merge request has.
    pub(super) fn told(&self) -> Value {
        let merged = self.merged.as_ref();
        let by = |wanted: Merge| merged.filter(|(_, how, _)| *how == wanted);
        let commit = |wanted| by(wanted).map(|(commit, ..)| commit.clone());
        // A branch that only moves forward gets no commit of its own.
        let sha = commit(Merge::Rebase).unwrap_or_else(|| self.sha.clone());
        json!({
            "title": self.title, "description": self.description, "state": self.word(),
            "source_branch": self.source, "target_branch": self.target,
            "source_project_id": PROJECT_ID, "target_project_id": PROJECT_ID, "sha": sha,
            "merge_commit_sha": commit(Merge::Commit), "squash_commit_sha": commit(Merge::Squash),
            "merged_at": merged.map(|(.., at)| stamp(*at)),
        })
    }
}

pub(super) fn list(state: &State, call: &Call) -> Result<Reply, Reply> {
    let wanted = call.word("state", &["all", "opened", "closed", "locked", "merged"])?;
    // Without it a list is of those that the caller opened.
    if call.word("scope", &["created_by_me", "assigned_to_me", "all"])? != "all" {
        return Reply::page(call, &state.base, Vec::<u64>::new(), |_| None);
    }
    let is = |name: &str, value: &str| call.asked(name).is_none_or(|asked| asked == value);
    let found = state.requests().rev().filter(|(_, one)| {
        is("source_branch", &one.source)
            && is("target_branch", &one.target)
            && (wanted == "all" || wanted == one.word())
    });
    let found = found.map(|(number, _)| number).collect();
    Reply::page(call, &state.base, found, |number: u64| {
        merge_requests::shown(state, On::MergeRequest(number)).ok()
    })
}

pub(super) fn open(state: &mut State, call: &Call, caller: Caller) -> Result<Reply, Reply> {
    if state.level(caller.user) < DEVELOPER {
        return Err(Reply::forbidden());
    }
    let needed = |name: &str| {
        let text = call.text(name)?;
        text.map(str::to_owned).ok_or_else(|| Reply::missing(name))
    };
    let (source, target) = (needed("source_branch")?, needed("target_branch")?);
    let title = needed("title")?;
    let tip = |branch: &str| {
        git::tip(&state.bare, branch).ok_or_else(|| {
            let message = format!("Branch \"{branch}\" does not exist");
            Reply::json(400, json!({ "message": { "base": [message] } }))
        })
    };
    let sha = tip(&source)?;
    tip(&target)?;
    let same =
        |one: &Branches| one.word() == "opened" && one.source == source && one.target == target;
    let other = state.requests().find(|(_, one)| same(one));
    if let Some(number) = other.map(|(number, _)| number) {
        let message =
            format!("Another open merge request already exists for this source branch: !{number}");
        return Err(Reply::json(409, json!({ "message": [message] })));
    }
    let last = state.requests().map(|(number, _)| number).max();
    let number = last.unwrap_or_default() + 1;
    let on = state.open(On::MergeRequest(number), caller.user, Vec::new());
    let branches = Branches {
        source,
        target,
        title,
        description: call.text("description")?.unwrap_or_default().to_owned(),
        removes_source: call.body.get("remove_source_branch") == Some(&json!(true)),
        sha,
        closed: false,
        merged: None,
    };
    if let Some(thread) = state.threads.get_mut(&on) {
        thread.branches = Some(branches);
    }
    Ok(Reply::json(201, merge_requests::shown(state, on)?))
}

pub(super) fn change(
    state: &mut State,
    call: &Call,
    number: u64,
    caller: Caller,
) -> Result<Reply, Reply> {
    if state.level(caller.user) < DEVELOPER {
        return Err(Reply::forbidden());
    }
    let on = On::MergeRequest(number);
    let thread = state.threads.get_mut(&on);
    let branches = thread.and_then(|thread| thread.branches.as_mut());
    let branches = branches.ok_or_else(|| Reply::not_found(""))?;
    match call.text("state_event")? {
        Some("close") => branches.closed = true,
        Some("reopen") => branches.closed = false,
        Some(_) => {
            let error = "state_event does not have a valid value";
            return Err(Reply::json(400, json!({ "error": error })));
        }
        None => {}
    }
    Ok(Reply::json(200, merge_requests::shown(state, on)?))
}

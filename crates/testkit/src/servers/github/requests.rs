//! Pull requests between branches of a real repository: opened, closed and
//! merged there.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::gate::Token;
use super::pulls::Pull;
use super::state::{ACTIONS_BOT, State, time};
use super::{OWNER, render};
use crate::git::{self, Merge};
use crate::http::Gate;

/// What requests rest on.
#[derive(Debug, Default)]
pub(super) struct Asking {
    /// The bare repository behind it, where requests are merged for real.
    pub(super) bare: PathBuf,
    /// Whether a job's own token may not open pull requests.
    pub(super) closed_to_jobs: bool,
    /// Answers that wait for a gate, by method and a part of the target.
    pub(super) held: Vec<(String, String, Gate)>,
}

/// The branches of a pull request, and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Branches {
    pub(super) head: String,
    pub(super) base: String,
    /// The commits of both when last seen.
    pub(super) tips: (String, String),
    pub(super) closed: Option<i64>,
    /// The commit that the base got, and when.
    pub(super) merged: Option<(String, i64)>,
}

impl State {
    /// Has this bare repository behind it.
    pub fn repository(&mut self, bare: &Path) {
        bare.clone_into(&mut self.asking.bare);
    }

    /// Lets no job's own token open pull requests, as is the default of new
    /// repositories.
    pub const fn keep_jobs_from_pulls(&mut self) {
        self.asking.closed_to_jobs = true;
    }

    /// Does what the next request with this method and part asks, but says so
    /// only once the gate is open.
    pub fn hold(&mut self, method: &str, part: &str, gate: &Gate) {
        let held = &mut self.asking.held;
        held.push((method.to_owned(), part.to_owned(), gate.clone()));
    }

    /// Every pull request between branches: number, head, and `open`,
    /// `merged` or `closed`.
    #[must_use]
    pub fn pulls(&self) -> Vec<(u64, String, &'static str)> {
        let told = |(number, pull): (u64, &Pull)| {
            let branches = pull.branches.as_ref()?;
            Some((number, branches.head.clone(), branches.word()))
        };
        self.requests().filter_map(told).collect()
    }

    /// Somebody merges a pull request.
    ///
    /// # Errors
    ///
    /// Fails where there is none, and where git cannot merge it.
    pub fn merge(&mut self, number: u64, how: Merge) -> Result<()> {
        let (bare, now) = (self.asking.bare.clone(), self.now);
        let title = self.issues.get(&number).map(|issue| issue.title.clone());
        let branches = self.branches_of(number)?;
        let ends = (branches.head.as_str(), branches.base.as_str());
        let merged = git::merge(&bare, ends, how, &title.unwrap_or_default())?;
        branches.merged = Some((merged, now));
        branches.closed = Some(now);
        Ok(())
    }

    /// Somebody closes a pull request, or opens it again.
    ///
    /// # Errors
    ///
    /// Fails where there is none.
    pub fn close_pull(&mut self, number: u64, closed: bool) -> Result<()> {
        let now = self.now;
        self.branches_of(number)?.closed = closed.then_some(now);
        Ok(())
    }

    fn branches_of(&mut self, number: u64) -> Result<&mut Branches> {
        let pull = self.issues.get_mut(&number);
        let pull = pull.and_then(|issue| issue.pull.as_mut());
        let branches = pull.and_then(|pull| pull.branches.as_mut());
        branches.with_context(|| format!("there is no pull request {number}"))
    }

    fn requests(&self) -> impl DoubleEndedIterator<Item = (u64, &Pull)> {
        let issues = self.issues.iter();
        issues.filter_map(|(number, issue)| Some((*number, issue.pull.as_ref()?)))
    }

    /// Looks what became of the branches: a request whose head is gone is
    /// closed by that.
    fn look(&mut self) {
        let (bare, now) = (self.asking.bare.clone(), self.now);
        for issue in self.issues.values_mut() {
            let branches = issue.pull.as_mut().and_then(|pull| pull.branches.as_mut());
            if let Some(branches) = branches.filter(|one| one.closed.is_none()) {
                match git::tip(&bare, &branches.head) {
                    Some(tip) => branches.tips.0 = tip,
                    None => branches.closed = Some(now),
                }
            }
        }
    }
}

impl Branches {
    const fn word(&self) -> &'static str {
        match (&self.merged, self.closed) {
            (Some(_), _) => "merged",
            (None, Some(_)) => "closed",
            (None, None) => "open",
        }
    }

    /// What GitHub shows beside what every pull request has.
    pub(super) fn told(&self) -> Value {
        let merged = self.merged.as_ref();
        json!({
            "state": if self.closed.is_some() { "closed" } else { "open" },
            "closed_at": self.closed.map(time), "merged": merged.is_some(),
            "merged_at": merged.map(|(_, at)| time(*at)),
            "merge_commit_sha": merged.map_or(&self.tips.0, |(commit, _)| commit),
        })
    }
}

pub(super) fn list(state: &mut State, call: &Call) -> Reply {
    state.look();
    let asked = |name: &str| call.query.get(name).map(String::as_str);
    let wanted = asked("state").unwrap_or("open");
    if !["open", "closed", "all"].contains(&wanted) {
        return Reply::problem(422, "Validation Failed");
    }
    let fits = |branches: &Branches| {
        // GitHub takes a head without its owner for none at all.
        let head = asked("head").and_then(|head| head.split_once(':'));
        let same = head
            .is_none_or(|(owner, name)| owner.eq_ignore_ascii_case(OWNER) && name == branches.head);
        let base = asked("base").is_none_or(|base| base == branches.base);
        let open = branches.closed.is_none();
        same && base && (wanted == "all" || (wanted == "open") == open)
    };
    let found = state.requests().rev();
    let found = found.filter(|(_, pull)| pull.branches.as_ref().is_some_and(fits));
    let found: Vec<(u64, &Pull)> = found.collect();
    Reply::page(call, &state.base, found, |(number, pull)| {
        render::pull(state, number, pull)
    })
}

pub(super) fn open(state: &mut State, call: &Call) -> Reply {
    let (Some(title), Some(head), Some(base)) =
        (call.text("title"), call.text("head"), call.text("base"))
    else {
        return Reply::problem(422, "Validation Failed");
    };
    if state.asking.closed_to_jobs && call.token == Token::Job {
        let message = "GitHub Actions is not permitted to create or approve pull requests.";
        return Reply::problem(403, message);
    }
    state.look();
    let bare = state.asking.bare.clone();
    let invalid =
        |field: &str| json!({ "resource": "PullRequest", "field": field, "code": "invalid" });
    let told = |message: String| json!({ "resource": "PullRequest", "code": "custom", "message": message });
    let (Some(from), Some(to)) = (git::tip(&bare, head), git::tip(&bare, base)) else {
        return failed(&[invalid(if git::tip(&bare, base).is_some() {
            "head"
        } else {
            "base"
        })]);
    };
    if from == to {
        return failed(&[told(format!("No commits between {base} and {head}"))]);
    }
    let same = |pull: &Pull| {
        let branches = pull.branches.as_ref();
        branches.is_some_and(|one| one.closed.is_none() && one.head == head && one.base == base)
    };
    if state.requests().any(|(_, pull)| same(pull)) {
        let message = format!("A pull request already exists for {OWNER}:{head}.");
        return failed(&[told(message)]);
    }
    let branches = Branches {
        head: head.to_owned(),
        base: base.to_owned(),
        tips: (from, to),
        closed: None,
        merged: None,
    };
    let user = match call.token {
        Token::Personal(user) => user,
        Token::Job | Token::ReadOnly | Token::App => ACTIONS_BOT,
    };
    let pull = Pull {
        branches: Some(branches),
        ..Pull::default()
    };
    let number = state.open(user, Some(pull));
    if let Some(issue) = state.issues.get_mut(&number) {
        title.clone_into(&mut issue.title);
        call.text("body")
            .unwrap_or_default()
            .clone_into(&mut issue.body);
    }
    shown(state, 201, number)
}

pub(super) fn change(state: &mut State, call: &Call, number: &str) -> Reply {
    state.look();
    let (now, number) = (state.now, number.parse().unwrap_or_default());
    let pull = state.issues.get_mut(&number);
    let pull = pull.and_then(|issue| issue.pull.as_mut());
    let Some(branches) = pull.and_then(|pull| pull.branches.as_mut()) else {
        return Reply::not_found();
    };
    match call.text("state") {
        // What is merged stays so.
        Some("closed") => branches.closed = branches.closed.or(Some(now)),
        Some("open") if branches.merged.is_none() => branches.closed = None,
        Some(_) => return Reply::problem(422, "Validation Failed"),
        None => {}
    }
    shown(state, 200, number)
}

fn shown(state: &State, status: u16, number: u64) -> Reply {
    let pull = state.requests().find(|(one, _)| *one == number);
    pull.map_or_else(Reply::not_found, |(_, pull)| {
        Reply::json(status, render::pull(state, number, pull))
    })
}

fn failed(errors: &[Value]) -> Reply {
    let body = json!({
        "message": "Validation Failed", "errors": errors,
        "documentation_url": "https://docs.github.com/rest", "status": "422",
    });
    Reply::json(422, body)
}

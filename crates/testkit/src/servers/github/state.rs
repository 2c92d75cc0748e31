//! What the stand-in knows, and how people change it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use liftlock::time::Time;
use serde_json::Value;

use super::gate::{Counts, Issued, Token, Window};
use super::pulls::Pull;
use super::releases::Release;
use super::requests::Asking;
use super::trees::Tree;
use crate::http::Answer;

/// 2026-11-26T12:00:00Z, in seconds since 1970.
const START: i64 = 1_795_694_400;

/// The account that a job's token writes as, as on GitHub itself.
pub(super) const ACTIONS_BOT: u64 = 41_898_282;

/// Everything it knows.
#[derive(Debug)]
pub struct State {
    pub(super) now: i64,
    pub(super) base: String,
    pub(super) users: BTreeMap<u64, User>,
    pub(super) roles: BTreeMap<u64, String>,
    /// Whether GraphQL tells nobody what people may do.
    pub(super) collaborators_hidden: bool,
    pub(super) teams: BTreeMap<String, BTreeSet<u64>>,
    /// Team → the team above it.
    pub(super) above: BTreeMap<String, String>,
    pub(super) invited: BTreeSet<(String, u64)>,
    pub(super) trees: BTreeMap<String, Tree>,
    pub(super) issues: BTreeMap<u64, Issue>,
    pub(super) comments: BTreeMap<u64, Comment>,
    pub(super) runs: BTreeMap<u64, Run>,
    pub(super) commits: BTreeMap<String, Commit>,
    /// Commit → the address of its author and its message.
    pub(super) written: BTreeMap<String, (String, String)>,
    pub(super) deployments: BTreeMap<u64, Value>,
    pub(super) statuses: BTreeMap<u64, Vec<Value>>,
    pub(super) releases: BTreeMap<u64, Release>,
    pub(super) latest: Option<u64>,
    pub(super) branches: BTreeSet<String>,
    pub(super) workflows: BTreeSet<String>,
    pub(super) dispatched: Vec<Value>,
    pub(super) tokens: BTreeMap<String, Issued>,
    pub(super) windows: BTreeMap<String, Window>,
    pub(super) writes: Vec<i64>,
    pub(super) asking: Asking,
    pub(super) orders: Vec<(String, Answer)>,
    pub(super) lost: Vec<(String, String)>,
    pub(super) counts: Counts,
    last_id: u64,
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) login: String,
    pub(super) kind: &'static str,
}

#[derive(Debug)]
pub(super) struct Issue {
    pub(super) user: u64,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) pull: Option<Pull>,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) locked: bool,
}

/// A commit of a pull request.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Its hash, 40 hex digits.
    pub sha: String,
    /// The account that its author's address belongs to, where one does.
    pub author: Option<u64>,
    /// The same of its committer.
    pub committer: Option<u64>,
}

#[derive(Debug)]
pub(super) struct Comment {
    pub(super) issue: u64,
    /// Nobody once the account is deleted.
    pub(super) user: Option<u64>,
    pub(super) body: String,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) edited: Option<i64>,
    pub(super) by_app: bool,
}

#[derive(Debug)]
pub(super) struct Run {
    pub(super) attempt: u64,
    pub(super) commit: String,
    pub(super) actor: u64,
    pub(super) again_by: u64,
    pub(super) gates: Vec<Gate>,
    pub(super) reviews: Vec<(u64, String, String, String)>,
    pub(super) notes: Vec<Value>,
}

#[derive(Clone, Debug)]
pub(super) struct Gate {
    pub(super) id: u64,
    pub(super) environment: String,
    pub(super) reviewers: BTreeSet<u64>,
}

impl State {
    pub(super) fn new() -> Self {
        let mut state = Self {
            now: START,
            base: String::new(),
            users: BTreeMap::new(),
            roles: BTreeMap::new(),
            collaborators_hidden: false,
            teams: BTreeMap::new(),
            above: BTreeMap::new(),
            invited: BTreeSet::new(),
            trees: BTreeMap::new(),
            issues: BTreeMap::new(),
            comments: BTreeMap::new(),
            runs: BTreeMap::new(),
            commits: BTreeMap::new(),
            written: BTreeMap::new(),
            deployments: BTreeMap::new(),
            statuses: BTreeMap::new(),
            releases: BTreeMap::new(),
            latest: None,
            branches: ["main".to_owned()].into(),
            workflows: BTreeSet::new(),
            dispatched: Vec::new(),
            tokens: BTreeMap::new(),
            windows: BTreeMap::new(),
            writes: Vec::new(),
            asking: Asking::default(),
            orders: Vec::new(),
            lost: Vec::new(),
            counts: Counts::default(),
            last_id: 0,
        };
        state.account(ACTIONS_BOT, "github-actions[bot]", "Bot");
        state
    }

    pub(super) const fn id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    /// The present moment of its clock.
    #[must_use]
    pub fn now(&self) -> Time {
        time(self.now)
    }

    /// Moves the clock forward, by whole seconds.
    pub fn advance(&mut self, by: Duration) {
        self.now += i64::try_from(by.as_secs()).unwrap_or_default();
    }

    /// Sets the clock, to the second.
    pub fn set_clock(&mut self, to: Time) {
        self.now = to.unix_millis().div_euclid(1_000);
    }

    /// The base URL that it shows in links, where a proxy is between.
    pub fn behind(&mut self, base: &str) {
        base.clone_into(&mut self.base);
    }

    /// A person, with a role in the repository: `admin`, `maintain`, `write`,
    /// `triage`, `read` or `none`.
    pub fn person(&mut self, id: u64, login: &str, role: &str) {
        self.account(id, login, "User");
        self.permit(id, role);
    }

    /// An App's account, with the rights to write.
    pub fn bot(&mut self, id: u64, login: &str) {
        self.account(id, login, "Bot");
        self.permit(id, "write");
    }

    fn account(&mut self, id: u64, login: &str, kind: &'static str) {
        let login = login.to_owned();
        self.users.insert(id, User { login, kind });
    }

    /// Gives somebody another role.
    pub fn permit(&mut self, id: u64, role: &str) {
        self.roles.insert(id, role.to_owned());
    }

    /// Gives an account another login; the old one is free then.
    pub fn rename(&mut self, id: u64, login: &str) {
        if let Some(user) = self.users.get_mut(&id) {
            login.clone_into(&mut user.login);
        }
    }

    /// A token of a kind, made now.
    pub fn token(&mut self, kind: Token) -> String {
        let text = format!("ghs_{:036}", self.id());
        let at = self.now;
        self.tokens.insert(text.clone(), Issued { kind, at });
        text
    }

    /// Gives this answer to the next request whose target has this in it.
    pub fn order(&mut self, part: &str, answer: Answer) {
        self.orders.push((part.to_owned(), answer));
    }

    /// Takes back all orders that no request came for.
    pub fn forget_orders(&mut self) {
        self.orders.clear();
    }

    /// Says what a commit carries: the address of its author, and its message.
    pub fn written(&mut self, sha: &str, address: &str, message: &str) {
        let carried = (address.to_owned(), message.to_owned());
        self.written.insert(sha.to_owned(), carried);
    }

    /// Does what the next request with this method and part asks, but breaks the
    /// connection before it says so.
    pub fn lose(&mut self, method: &str, part: &str) {
        self.lost.push((method.to_owned(), part.to_owned()));
    }

    /// Opens an issue.
    pub fn issue(&mut self, user: u64) -> u64 {
        self.file(user, "Release", "")
    }

    pub(super) fn file(&mut self, user: u64, title: &str, body: &str) -> u64 {
        let number = self.open(user, None);
        if let Some(issue) = self.issues.get_mut(&number) {
            title.clone_into(&mut issue.title);
            body.clone_into(&mut issue.body);
        }
        number
    }

    /// Title and text of every issue and pull request, oldest first.
    #[must_use]
    pub fn filed(&self) -> Vec<(String, String)> {
        let issues = self.issues.values();
        let told = issues.map(|issue| (issue.title.clone(), issue.body.clone()));
        told.collect()
    }

    /// Opens a pull request.
    pub fn pull(&mut self, user: u64, commits: Vec<Commit>) -> u64 {
        let pull = Pull {
            commits,
            ..Pull::default()
        };
        self.open(user, Some(pull))
    }

    pub(super) fn open(&mut self, user: u64, pull: Option<Pull>) -> u64 {
        let number = u64::try_from(self.issues.len()).unwrap_or_default() + 1;
        let issue = Issue {
            user,
            title: "Release".to_owned(),
            body: String::new(),
            pull,
            created: self.now,
            updated: self.now,
            locked: false,
        };
        self.issues.insert(number, issue);
        number
    }

    /// Lets only those comment who may write.
    pub fn lock(&mut self, issue: u64) {
        if let Some(issue) = self.issues.get_mut(&issue) {
            issue.locked = true;
        }
    }

    /// Somebody writes a comment in the browser.
    pub fn comment(&mut self, issue: u64, user: u64, body: &str) -> u64 {
        self.say(issue, user, (body, false))
    }

    /// An App writes a comment in a person's name.
    pub fn comment_by_app(&mut self, issue: u64, user: u64, body: &str) -> u64 {
        self.say(issue, user, (body, true))
    }

    pub(super) fn say(&mut self, issue: u64, user: u64, (body, by_app): (&str, bool)) -> u64 {
        let (id, now) = (self.id(), self.now);
        let comment = Comment {
            issue,
            user: Some(user),
            body: body.to_owned(),
            created: now,
            updated: now,
            edited: None,
            by_app,
        };
        self.comments.insert(id, comment);
        if let Some(issue) = self.issues.get_mut(&issue) {
            issue.updated = now;
        }
        id
    }

    /// Somebody with the right to, not always its author, changes a comment.
    pub fn edit(&mut self, id: u64, body: &str) {
        let now = self.now;
        if let Some(comment) = self.comments.get_mut(&id) {
            body.clone_into(&mut comment.body);
            comment.updated = now;
            comment.edited = Some(now);
        }
    }

    /// Somebody removes a comment.
    pub fn delete(&mut self, id: u64) {
        self.comments.remove(&id);
    }

    /// An account is deleted: what it wrote stays, by nobody.
    pub fn forget(&mut self, user: u64) {
        self.users.remove(&user);
        for comment in self.comments.values_mut() {
            comment.user = comment.user.filter(|found| *found != user);
        }
    }

    /// What comments an issue has, oldest first.
    #[must_use]
    pub fn bodies(&self, issue: u64) -> Vec<String> {
        let found = self.comments.values().filter(|one| one.issue == issue);
        found.map(|one| one.body.clone()).collect()
    }

    /// The oldest comment of an issue, with its text.
    #[must_use]
    pub fn first_comment(&self, issue: u64) -> Option<(u64, String)> {
        let mut found = self.comments.iter().filter(|(_, one)| one.issue == issue);
        found.next().map(|(id, one)| (*id, one.body.clone()))
    }

    /// A workflow file that may be dispatched.
    pub fn workflow(&mut self, file: &str) {
        self.workflows.insert(file.to_owned());
    }

    /// The bodies of all dispatches that were accepted.
    #[must_use]
    pub fn dispatched(&self) -> &[Value] {
        &self.dispatched
    }

    /// The ids of all deployments, oldest first.
    #[must_use]
    pub fn deployments(&self) -> Vec<u64> {
        self.deployments.keys().copied().collect()
    }

    pub(super) fn id_of(&self, login: &str) -> Option<u64> {
        let found = self
            .users
            .iter()
            .find(|(_, user)| user.login.eq_ignore_ascii_case(login));
        found.map(|(id, _)| *id)
    }
}

/// Seconds since 1970 as a time.
pub(super) fn time(seconds: i64) -> Time {
    Time::from_unix_millis(seconds.saturating_mul(1_000)).unwrap_or(Time::EPOCH)
}

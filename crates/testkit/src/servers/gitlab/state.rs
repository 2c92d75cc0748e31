//! What the stand-in knows, and how people change it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use liftlock::time::Time;
use serde_json::Value;

use super::environments::Environments;
use super::gate::{Counts, Issued, Token, Window};
use super::releases::Release;
use super::requests::Branches;
use crate::http::Answer;

/// 2026-11-26T12:00:00Z, in milliseconds since 1970.
const START: i64 = 1_795_694_400_000;

/// What notes are below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum On {
    /// An issue, by its number in the project.
    Issue(u64),
    /// A merge request, by its own number in the project.
    MergeRequest(u64),
}

/// Everything it knows.
#[derive(Debug)]
pub struct State {
    pub(super) now: i64,
    pub(super) base: String,
    pub(super) users: BTreeMap<u64, User>,
    pub(super) members: BTreeMap<u64, Member>,
    /// Path of a group → its direct members.
    pub(super) groups: BTreeMap<String, BTreeMap<u64, Member>>,
    pub(super) threads: BTreeMap<On, Thread>,
    pub(super) notes: BTreeMap<u64, Note>,
    pub(super) deployments: BTreeMap<u64, Deployment>,
    pub(super) environments: Environments,
    pub(super) releases: Vec<Release>,
    pub(super) jobs: BTreeMap<u64, Job>,
    pub(super) played: Vec<u64>,
    pub(super) triggered: Vec<Value>,
    pub(super) branches: BTreeSet<String>,
    pub(super) tokens: BTreeMap<String, Issued>,
    pub(super) windows: BTreeMap<String, Window>,
    /// Requests of one token in a minute.
    pub(super) limit: u32,
    pub(super) heeds_etags: bool,
    pub(super) takes_variables: bool,
    pub(super) written: Vec<i64>,
    /// The bare repository behind it, where requests are merged for real.
    pub(super) bare: PathBuf,
    pub(super) orders: Vec<(String, Answer)>,
    pub(super) lost: Vec<(String, String)>,
    pub(super) counts: Counts,
    last_id: u64,
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) username: String,
    pub(super) bot: bool,
    pub(super) state: &'static str,
}

#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) level: u64,
    pub(super) expires: Option<String>,
    pub(super) state: &'static str,
}

#[derive(Debug)]
pub(super) struct Thread {
    pub(super) author: u64,
    pub(super) commits: Vec<Author>,
    pub(super) approved_by: BTreeSet<u64>,
    /// Between which branches of the project, where that is real.
    pub(super) branches: Option<Branches>,
}

/// Who wrote a commit of a merge request, as git knows them.
#[derive(Clone, Debug)]
pub struct Author {
    /// The address of the author.
    pub author: String,
    /// The address of the committer.
    pub committer: String,
}

#[derive(Clone, Debug)]
pub(super) struct Note {
    pub(super) on: On,
    pub(super) author: u64,
    pub(super) body: String,
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) sort: Sort,
    pub(super) thread: bool,
    pub(super) resolved_by: Option<u64>,
}

/// How a note came to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    Plain,
    System,
    Internal,
    Imported,
}

#[derive(Debug)]
pub(super) struct Deployment {
    pub(super) user: u64,
    pub(super) job: u64,
    pub(super) environment: String,
    pub(super) required: u64,
    pub(super) approvers: BTreeSet<u64>,
    pub(super) approvals: Vec<Approval>,
    pub(super) status: &'static str,
    pub(super) by_rules: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Approval {
    pub(super) user: u64,
    pub(super) status: String,
    pub(super) at: i64,
    pub(super) comment: Option<String>,
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) players: BTreeSet<u64>,
    pub(super) status: &'static str,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            now: START,
            base: String::new(),
            users: BTreeMap::new(),
            members: BTreeMap::new(),
            groups: BTreeMap::new(),
            threads: BTreeMap::new(),
            notes: BTreeMap::new(),
            deployments: BTreeMap::new(),
            environments: Environments::default(),
            releases: Vec::new(),
            jobs: BTreeMap::new(),
            played: Vec::new(),
            triggered: Vec::new(),
            branches: ["main".to_owned()].into(),
            tokens: BTreeMap::new(),
            windows: BTreeMap::new(),
            limit: 2_000,
            heeds_etags: true,
            takes_variables: true,
            written: Vec::new(),
            bare: PathBuf::new(),
            orders: Vec::new(),
            lost: Vec::new(),
            counts: Counts::default(),
            last_id: 100,
        }
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

    /// Moves the clock forward.
    pub fn advance(&mut self, by: Duration) {
        self.now += i64::try_from(by.as_millis()).unwrap_or_default();
    }

    /// Sets the clock.
    pub fn set_clock(&mut self, to: Time) {
        self.now = to.unix_millis();
    }

    /// Allows so many requests of one token in a minute.
    pub const fn limit(&mut self, requests: u32) {
        self.limit = requests;
    }

    /// Answers in full whatever `ETag` comes, as some of GitLab does.
    pub const fn ignore_etags(&mut self) {
        self.heeds_etags = false;
    }

    /// Lets nobody set variables of pipelines, as projects may.
    pub const fn refuse_variables(&mut self) {
        self.takes_variables = false;
    }

    /// A person who is a member with a level: 10, 20, 30, 40 or 50; of level 0
    /// no member.
    pub fn person(&mut self, id: u64, username: &str, level: u64) {
        self.account(id, username, false);
        self.permit(id, level);
    }

    /// The account of a token or a service, a Developer.
    pub fn bot(&mut self, id: u64, username: &str) {
        self.account(id, username, true);
        self.permit(id, 30);
    }

    fn account(&mut self, id: u64, username: &str, bot: bool) {
        let user = User {
            username: username.to_owned(),
            bot,
            state: "active",
        };
        self.users.insert(id, user);
    }

    /// Gives somebody another level; 0 ends the membership.
    pub fn permit(&mut self, id: u64, level: u64) {
        if level == 0 {
            self.members.remove(&id);
            return;
        }
        let member = Member {
            level,
            expires: None,
            state: "active",
        };
        self.members.insert(id, member);
    }

    /// Ends somebody's membership with a day such as `2026-11-26`.
    pub fn expire(&mut self, id: u64, day: &str) {
        if let Some(member) = self.members.get_mut(&id) {
            member.expires = Some(day.to_owned());
        }
    }

    /// Sets the state of an account: `active`, `blocked`, …
    pub fn set_state(&mut self, id: u64, state: &'static str) {
        if let Some(user) = self.users.get_mut(&id) {
            user.state = state;
        }
    }

    /// Gives an account another name; the old one is free then.
    pub fn rename(&mut self, id: u64, username: &str) {
        if let Some(user) = self.users.get_mut(&id) {
            username.clone_into(&mut user.username);
        }
    }

    /// A token of a kind, made now.
    pub fn token(&mut self, kind: Token) -> String {
        let text = format!("glpat-{:020}", self.id());
        self.tokens
            .insert(text.clone(), Issued { kind, over: false });
        text
    }

    /// Ends a token.
    pub fn end_token(&mut self, text: &str) {
        if let Some(issued) = self.tokens.get_mut(text) {
            issued.over = true;
        }
    }

    /// Gives this answer to the next request whose target has this in it.
    pub fn order(&mut self, part: &str, answer: Answer) {
        self.orders.push((part.to_owned(), answer));
    }

    /// Does what the next request with this method and part asks, but breaks the
    /// connection before it says so.
    pub fn lose(&mut self, method: &str, part: &str) {
        self.lost.push((method.to_owned(), part.to_owned()));
    }

    /// Opens an issue.
    pub fn issue(&mut self, author: u64) -> On {
        let count = self.threads.keys().filter(|on| matches!(on, On::Issue(_)));
        let on = On::Issue(u64::try_from(count.count()).unwrap_or_default() + 1);
        self.open(on, author, Vec::new())
    }

    /// Opens a merge request. Its numbers begin where those of issues do.
    pub fn merge_request(&mut self, author: u64, commits: Vec<Author>) -> On {
        let known = self.threads.keys();
        let count = known.filter(|on| matches!(on, On::MergeRequest(_))).count();
        let on = On::MergeRequest(u64::try_from(count).unwrap_or_default() + 1);
        self.open(on, author, commits)
    }

    pub(super) fn open(&mut self, on: On, author: u64, commits: Vec<Author>) -> On {
        let thread = Thread {
            author,
            commits,
            approved_by: BTreeSet::new(),
            branches: None,
        };
        self.threads.insert(on, thread);
        on
    }

    /// Who approved a merge request.
    #[must_use]
    pub fn approved_by(&self, on: On) -> Vec<u64> {
        let thread = self.threads.get(&on);
        let all = thread.into_iter().flat_map(|thread| &thread.approved_by);
        all.copied().collect()
    }

    /// Somebody approves a merge request with the button.
    pub fn approve(&mut self, on: On, user: u64) {
        if let Some(thread) = self.threads.get_mut(&on) {
            thread.approved_by.insert(user);
        }
    }

    /// Whether jobs were started by hand, and which.
    #[must_use]
    pub fn played(&self) -> &[u64] {
        &self.played
    }

    /// The bodies of all triggers that started a pipeline, without tokens.
    #[must_use]
    pub fn triggered(&self) -> &[Value] {
        &self.triggered
    }

    /// A job that waits for one of these to start it.
    pub fn job(&mut self, players: &[u64]) -> u64 {
        let id = self.id();
        let job = Job {
            players: players.iter().copied().collect(),
            status: "manual",
        };
        self.jobs.insert(id, job);
        id
    }
}

/// Milliseconds since 1970 as a time.
pub(super) fn time(millis: i64) -> Time {
    Time::from_unix_millis(millis).unwrap_or(Time::EPOCH)
}

/// As GitLab writes times.
pub(super) fn stamp(millis: i64) -> String {
    let seconds = time(millis - millis.rem_euclid(1_000)).to_string();
    let millis = millis.rem_euclid(1_000);
    format!("{}.{millis:03}Z", seconds.trim_end_matches('Z'))
}

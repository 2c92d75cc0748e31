//! A stand-in for GitHub's API that keeps state and refuses what GitHub
//! refuses: one repository, `acme/shop`, with a clock that the test moves.
//!
//! Source of calls, limits and messages: GitHub's REST documentation (2022-11-28)
//! and its `OpenAPI` description, which a test holds every answer against.

pub(super) mod call;
mod deployments;
mod gate;
mod graph;
mod issues;
mod people;
mod pulls;
mod releases;
mod render;
mod requests;
mod runs;
mod state;
mod teams;
mod trees;

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

use crate::http::{Answer, Ending, Server};
use crate::wire::Request;

pub use gate::{Counts, Token};
pub use state::{Commit, State};

/// The owner of the one repository, an organisation.
pub const OWNER: &str = "acme";

/// The one repository.
pub const REPOSITORY: &str = "shop";

/// The running stand-in.
pub struct GitHub {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl std::fmt::Debug for GitHub {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("GitHub")
            .field("url", &self.url())
            .finish_non_exhaustive()
    }
}

impl GitHub {
    /// Starts it on a free port of loopback; its clock stands at
    /// 2026-11-26T12:00:00Z.
    ///
    /// # Errors
    ///
    /// Fails when there is no port.
    pub fn start() -> Result<Self> {
        let state = Arc::new(Mutex::new(State::new()));
        let shared = Arc::clone(&state);
        let server = Server::start(move |request| {
            let mut state = shared.lock().unwrap_or_else(PoisonError::into_inner);
            answer(&mut state, request)
        })?;
        let github = Self { server, state };
        let url = github.url();
        github.with(|state| state.base = url);
        Ok(github)
    }

    /// The base URL of the API.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url("")
    }

    /// Its host, as accounts and repositories on it name it.
    #[must_use]
    pub fn host(&self) -> String {
        self.url().trim_start_matches("http://").to_owned()
    }

    /// Rules in which everything that GitHub has, such as `'github:7'`, is on
    /// this one.
    #[must_use]
    pub fn on(&self, rules: &str) -> String {
        let mut parts = rules.split("'github:");
        let mut text = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once('\'').unwrap_or((part, ""));
            text.push_str(&format!("'github:{name}@{}'{rest}", self.host()));
        }
        text
    }

    /// Looks at what it knows, or changes it as people would.
    pub fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What was asked of it so far, by kind.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.with(|state| state.counts)
    }

    /// Every request, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }
}

fn answer(state: &mut State, request: &Request) -> Answer {
    let ordered = state
        .orders
        .iter()
        .position(|(part, _)| request.target.contains(part.as_str()));
    if let Some(position) = ordered {
        state.counts.total += 1;
        return state.orders.remove(position).1;
    }
    let lost = state
        .lost
        .iter()
        .position(|(method, part)| *method == request.method && request.target.contains(part));
    let held =
        state.asking.held.iter().position(|(method, part, _)| {
            *method == request.method && request.target.contains(part)
        });
    let answer = gate::admit(state, request);
    if let Some(position) = held {
        return answer.held(&state.asking.held.remove(position).2);
    }
    match lost {
        Some(position) => {
            state.lost.remove(position);
            answer.ending(Ending::CloseAtOnce)
        }
        None => answer,
    }
}

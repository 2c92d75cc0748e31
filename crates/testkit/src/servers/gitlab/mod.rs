//! A stand-in for GitLab's API that keeps state and refuses what GitLab
//! refuses: one project, `acme/shop`, with a clock that the test moves.
//!
//! GitLab publishes no description of its API as a package. Source of calls,
//! fields, limits and messages: the REST pages of its documentation, and for
//! what these leave open (what an edit changes, which quick actions leave a
//! note) the code of its community edition.

mod call;
mod deployments;
mod environments;
mod gate;
mod jobs;
mod merge_requests;
mod notes;
mod people;
mod releases;
mod requests;
mod state;

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;

use crate::http::{Answer, Ending, Server};
use crate::wire::Request;

pub use gate::{Counts, Token};
pub use state::{Author, On, State};

/// The path of the one project.
pub const PROJECT: &str = "acme/shop";

/// Its number.
pub const PROJECT_ID: u64 = 5;

/// The running stand-in.
pub struct GitLab {
    server: Server,
    state: Arc<Mutex<State>>,
}

impl std::fmt::Debug for GitLab {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("GitLab")
            .field("api", &self.api())
            .finish_non_exhaustive()
    }
}

impl GitLab {
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
        let gitlab = Self { server, state };
        let base = gitlab.server.url("");
        gitlab.with(|state| state.base = base);
        Ok(gitlab)
    }

    /// The base of the API, as `CI_API_V4_URL` has it.
    #[must_use]
    pub fn api(&self) -> String {
        self.server.url("/api/v4")
    }

    /// Its host and port, as accounts there are told apart.
    #[must_use]
    pub fn host(&self) -> String {
        let base = self.server.url("");
        base.trim_start_matches("http://").to_owned()
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
    let answer = gate::admit(state, request);
    match lost {
        Some(position) => {
            state.lost.remove(position);
            answer.ending(Ending::CloseAtOnce)
        }
        None => answer,
    }
}

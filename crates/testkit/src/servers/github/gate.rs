//! Who may call, how often, and whether anything changed since last time.

use std::collections::BTreeMap;

use liftlock::digest::Digest;

use super::call::{Call, Reply};
use super::state::State;
use super::{
    OWNER, REPOSITORY, deployments, graph, issues, people, pulls, releases, requests, runs, trees,
};
use crate::http::Answer;
use crate::wire::Request;

/// Seconds of a window of the primary limit, and the life of an App's token.
const HOUR: i64 = 3_600;

/// The most writes in a minute; the documented secondary limit on content.
const WRITES_A_MINUTE: usize = 80;

/// What kind of token a call carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Token {
    /// A job's `GITHUB_TOKEN`: an App's that sees only this repository.
    Job,
    /// A job's, with `permissions: { issues: read }` and nothing else.
    ReadOnly,
    /// Of an App's installation, with `members: read`; good for an hour.
    App,
    /// A person's own.
    Personal(u64),
}

impl Token {
    /// Requests in an hour.
    const fn limit(self) -> u32 {
        match self {
            Self::Job | Self::ReadOnly => 1_000,
            Self::App | Self::Personal(_) => 5_000,
        }
    }

    pub(super) const fn is_app(self) -> bool {
        !matches!(self, Self::Personal(_))
    }

    pub(super) const fn may_write(self) -> bool {
        !matches!(self, Self::ReadOnly)
    }

    /// Whether it sees the organisation's teams.
    pub(super) const fn sees_members(self) -> bool {
        matches!(self, Self::App | Self::Personal(_))
    }
}

/// How many requests came, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub total: u32,
    /// Answered with 304, which costs nothing.
    pub not_modified: u32,
    /// Those that write.
    pub writes: u32,
    /// Refused for coming too often.
    pub limited: u32,
}

/// What is known about a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Issued {
    pub(super) kind: Token,
    pub(super) at: i64,
}

/// The window of one token's primary limit.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    used: u32,
    ends: i64,
}

pub(super) fn admit(state: &mut State, request: &Request) -> Answer {
    state.counts.total += 1;
    let (token, text) = match credentials(state, request) {
        Ok(found) => found,
        Err(reply) => return written(reply, &[]),
    };
    if let Some(refusal) = spent(state, &text, token) {
        state.counts.limited += 1;
        return refusal;
    }
    // A question of GraphQL is posted, and writes nothing.
    let reads = request.method == "GET" || request.target == "/graphql";
    let reply = if reads {
        reply(state, request, token)
    } else {
        state.counts.writes += 1;
        write(state, request, token)
    };
    if reply.status != 200 || request.method != "GET" {
        let limit = charge(state, &text, token, 1);
        return written(reply, &limit);
    }
    let etag = etag(&reply);
    let known = request.header("if-none-match");
    if known.is_some_and(|known| known.split(", ").any(|one| one == etag)) {
        state.counts.not_modified += 1;
        let limit = charge(state, &text, token, 0);
        return written(Reply::empty(304).header("etag", etag), &limit);
    }
    let limit = charge(state, &text, token, 1);
    written(reply.header("etag", etag), &limit)
}

fn credentials(state: &State, request: &Request) -> Result<(Token, String), Reply> {
    if request.header("user-agent").is_none_or(str::is_empty) {
        return Err(Reply::problem(
            403,
            "Request forbidden by administrative rules.",
        ));
    }
    let header = request.header("authorization").unwrap_or_default();
    let text = header
        .strip_prefix("Bearer ")
        .or_else(|| header.strip_prefix("token "));
    let Some(text) = text else {
        return Err(Reply::not_found());
    };
    let bad = || Reply::problem(401, "Bad credentials");
    let issued = state.tokens.get(text).ok_or_else(bad)?;
    if issued.kind == Token::App && state.now >= issued.at + HOUR {
        return Err(bad());
    }
    Ok((issued.kind, text.to_owned()))
}

fn reply(state: &mut State, request: &Request, token: Token) -> Reply {
    match Call::new(request, token) {
        Ok(call) => route(state, &call),
        Err(reply) => reply,
    }
}

fn write(state: &mut State, request: &Request, token: Token) -> Reply {
    let since = state.now - 60;
    state.writes.retain(|at| *at > since);
    if state.writes.len() >= WRITES_A_MINUTE {
        state.counts.limited += 1;
        let message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
        return Reply::problem(403, message).header("retry-after", "60");
    }
    state.writes.push(state.now);
    if !token.may_write() {
        return Reply::inaccessible();
    }
    reply(state, request, token)
}

fn route(state: &mut State, call: &Call) -> Reply {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    match (call.method.as_str(), path.as_slice()) {
        ("POST", ["graphql"]) => graph::answer(state, call),
        ("GET", ["user", id]) => people::by_id(state, id),
        ("GET", ["users", login]) => people::by_login(state, login),
        ("GET", ["orgs", org, "teams", slug, "members"]) => {
            people::members(state, call, (org, slug))
        }
        ("GET", ["orgs", org, "teams", slug, "memberships", login]) => {
            people::membership(state, call, (org, slug, login))
        }
        (method, ["repos", owner, name, rest @ ..]) => {
            let same = owner.eq_ignore_ascii_case(OWNER) && name.eq_ignore_ascii_case(REPOSITORY);
            if same {
                inside(state, call, method, rest)
            } else {
                Reply::not_found()
            }
        }
        (_, _) => Reply::not_found(),
    }
}

fn inside(state: &mut State, call: &Call, method: &str, path: &[&str]) -> Reply {
    match (method, path) {
        ("GET", ["collaborators", login, "permission"]) => people::permission(state, login),
        ("GET", ["issues"]) => issues::all(state, call),
        ("POST", ["issues"]) => issues::open(state, call),
        ("GET", ["issues", number]) => issues::read(state, number),
        ("GET", ["issues", number, "comments"]) => issues::list(state, call, number),
        ("POST", ["issues", number, "comments"]) => issues::create(state, call, number),
        ("GET", ["issues", "comments", id]) => issues::comment(state, id),
        ("PATCH", ["issues", "comments", id]) => issues::edit(state, call, id),
        ("DELETE", ["issues", "comments", id]) => issues::delete(state, id),
        ("GET", ["pulls"]) => requests::list(state, call),
        ("POST", ["pulls"]) => requests::open(state, call),
        ("PATCH", ["pulls", number]) => requests::change(state, call, number),
        ("GET", ["pulls", number]) => pulls::read(state, number),
        ("GET", ["commits", sha]) => pulls::one(state, sha),
        ("GET", ["compare", range]) => trees::compare(state, range),
        ("GET", ["contents", path @ ..]) => trees::contents(state, call, path),
        ("GET", ["pulls", number, "commits"]) => pulls::commits(state, call, number),
        ("GET", ["pulls", number, "reviews"]) => pulls::reviews(state, call, number),
        ("GET", ["pulls", number, "reviews", id]) => pulls::shown(state, number, id),
        ("GET", ["actions", "runs", id]) => runs::read(state, id),
        ("GET", ["actions", "runs", id, "approvals"]) => runs::approvals(state, id),
        ("GET", ["actions", "runs", id, "pending_deployments"]) => runs::pending(state, call, id),
        ("POST", ["actions", "runs", id, "pending_deployments"]) => runs::review(state, call, id),
        ("POST", ["actions", "runs", id, "deployment_protection_rule"]) => {
            runs::rule(state, call, id)
        }
        ("POST", ["actions", "workflows", id, "dispatches"]) => runs::workflow(state, call, id),
        ("POST", ["dispatches"]) => runs::dispatch(state, call),
        ("GET", ["releases"]) => releases::list(state, call),
        ("GET", ["releases", "latest"]) => releases::latest(state),
        ("PATCH", ["releases", id]) => releases::change(state, call, id),
        ("GET", ["deployments"]) => deployments::list(state, call),
        ("POST", ["deployments"]) => deployments::create(state, call),
        ("GET", ["deployments", id]) => deployments::read(state, id),
        ("POST", ["deployments", id, "statuses"]) => deployments::set(state, call, id),
        ("GET", ["deployments", id, "statuses"]) => deployments::statuses(state, call, id),
        (_, _) => Reply::not_found(),
    }
}

/// The answer to a token that has no requests left.
fn spent(state: &State, text: &str, token: Token) -> Option<Answer> {
    let window = state.windows.get(text)?;
    if window.used < token.limit() || state.now >= window.ends {
        return None;
    }
    let reply = Reply::problem(403, "API rate limit exceeded for installation.");
    Some(written(reply, &headers(*window, token)))
}

fn charge(state: &mut State, text: &str, token: Token, cost: u32) -> Vec<(String, String)> {
    let now = state.now;
    let windows: &mut BTreeMap<String, Window> = &mut state.windows;
    let window = windows.entry(text.to_owned()).or_default();
    if now >= window.ends {
        *window = Window {
            used: 0,
            ends: now + HOUR,
        };
    }
    window.used += cost;
    headers(*window, token)
}

fn headers(window: Window, token: Token) -> Vec<(String, String)> {
    let limit = token.limit();
    [
        ("x-ratelimit-limit", limit.to_string()),
        (
            "x-ratelimit-remaining",
            limit.saturating_sub(window.used).to_string(),
        ),
        ("x-ratelimit-used", window.used.to_string()),
        ("x-ratelimit-reset", window.ends.to_string()),
        ("x-ratelimit-resource", "core".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn etag(reply: &Reply) -> String {
    let body = reply.body.as_ref().map(ToString::to_string);
    // A link to a further page is part of what a client would miss.
    let links: String = reply
        .headers
        .iter()
        .map(|(_, value)| value.as_str())
        .collect();
    let text = format!("{}{links}", body.unwrap_or_default());
    format!("W/\"{}\"", Digest::of(text.as_bytes()).hex())
}

fn written(reply: Reply, limit: &[(String, String)]) -> Answer {
    let mut answer = Answer::new(reply.status);
    for (name, value) in reply.headers.iter().chain(limit) {
        answer = answer.header(name, value);
    }
    match reply.body {
        Some(body) => answer
            .header("content-type", "application/json; charset=utf-8")
            .body(body.to_string()),
        None => answer,
    }
}

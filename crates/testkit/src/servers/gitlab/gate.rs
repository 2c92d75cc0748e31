//! Who may call, how often, and whether anything changed since last time.

use liftlock::digest::Digest;
use serde_json::json;

use super::call::{Call, Reply};
use super::state::{On, State};
use super::{
    PROJECT, PROJECT_ID, deployments, environments, jobs, merge_requests, notes, people, releases,
    requests,
};
use crate::http::Answer;
use crate::wire::Request;

/// What kind of token a call carries, and whose account it acts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// With the scope `api`: a person's, or a project's that acts as its bot.
    Api(u64),
    /// With the scope `read_api`.
    ReadApi(u64),
    /// A job's, which acts as whoever started its pipeline.
    Job(u64),
    /// Of a trigger, which does nothing but start pipelines.
    Trigger(u64),
}

/// How many requests came, by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All.
    pub total: u32,
    /// Answered with 304, which GitLab's limit counts all the same.
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
    pub(super) over: bool,
}

/// Whoever calls.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caller {
    pub(super) user: u64,
}

type Headers = Vec<(String, String)>;

/// The window of one token's limit, in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    used: u32,
    ends: i64,
}

pub(super) fn admit(state: &mut State, request: &Request) -> Answer {
    state.counts.total += 1;
    let header = request.header("private-token").unwrap_or_default();
    let job = request.header("job-token").unwrap_or_default();
    let who = format!("{header}{job}");
    let limit = match charge(state, &who) {
        Ok(headers) => headers,
        Err(headers) => {
            state.counts.limited += 1;
            return written(Reply::empty(429), &headers).body("Retry later\n");
        }
    };
    let reply = Call::new(request).and_then(|call| {
        if call.method != "GET" {
            state.counts.writes += 1;
        }
        route(state, &call, (header, job))
    });
    let reply = reply.unwrap_or_else(|refusal| refusal);
    if reply.status != 200 || request.method != "GET" {
        return written(reply, &limit);
    }
    let etag = etag(&reply);
    let known = request.header("if-none-match");
    if state.heeds_etags && known.is_some_and(|known| known.split(", ").any(|one| one == etag)) {
        state.counts.not_modified += 1;
        return written(Reply::empty(304).header("etag", etag), &limit);
    }
    written(reply.header("etag", etag), &limit)
}

fn route(state: &mut State, call: &Call, tokens: (&str, &str)) -> Result<Reply, Reply> {
    let path: Vec<&str> = call.path.iter().map(String::as_str).collect();
    let ["api", "v4", rest @ ..] = path.as_slice() else {
        return Err(Reply::not_found(""));
    };
    let method = call.method.as_str();
    if let ("POST", ["projects", project, "trigger", "pipeline"]) = (method, rest) {
        is_ours(project)?;
        return jobs::trigger(state, call);
    }
    let caller = caller(state, (method, rest), tokens)?;
    match (method, rest) {
        ("GET", ["job"]) => Ok(jobs::own(state, caller)),
        ("GET", ["users"]) => people::named(state, call),
        ("GET", ["users", id]) => people::user(state, id),
        ("GET", ["groups", path, "members"]) => people::of_group(state, call, path),
        (_, ["projects", project, inside @ ..]) => {
            is_ours(project)?;
            within(state, call, (method, inside), caller)
        }
        (_, _) => Err(Reply::not_found("")),
    }
}

fn is_ours(project: &str) -> Result<(), Reply> {
    let ours = project.eq_ignore_ascii_case(PROJECT) || project == PROJECT_ID.to_string();
    ours.then_some(())
        .ok_or_else(|| Reply::not_found("Project"))
}

/// What a job's token is good for, of all that is here.
fn of_a_job(path: &[&str]) -> bool {
    matches!(path, ["job"] | ["projects", _, "deployments", ..])
}

/// Who calls, if the token is good for this.
fn caller(
    state: &State,
    (method, path): (&str, &[&str]),
    (private, job): (&str, &str),
) -> Result<Caller, Reply> {
    let text = if private.is_empty() { job } else { private };
    let issued = state.tokens.get(text).ok_or_else(Reply::unauthorized)?;
    if issued.over {
        let body = json!({
            "error": "invalid_token",
            "error_description": "Token is expired. You can either do re-authorization or token refresh.",
        });
        return Err(Reply::json(401, body));
    }
    match issued.kind {
        Token::Api(user) if !private.is_empty() => Ok(Caller { user }),
        Token::ReadApi(user) if !private.is_empty() && method == "GET" => Ok(Caller { user }),
        Token::ReadApi(_) if !private.is_empty() => Err(Reply::insufficient_scope("api")),
        Token::Job(user) if !job.is_empty() && of_a_job(path) => Ok(Caller { user }),
        Token::Api(_) | Token::ReadApi(_) | Token::Job(_) | Token::Trigger(_) => {
            Err(Reply::unauthorized())
        }
    }
}

fn within(
    state: &mut State,
    call: &Call,
    (method, path): (&str, &[&str]),
    caller: Caller,
) -> Result<Reply, Reply> {
    if state.level(caller.user) == 0 {
        return Err(Reply::not_found("Project"));
    }
    match (method, path) {
        ("GET", ["members", "all"]) => people::members(state, call),
        ("GET", ["members", "all", id]) => people::member(state, id),
        (_, ["issues", number, rest @ ..]) => {
            below(state, call, (method, On::Issue(iid(number)?), rest), caller)
        }
        ("GET", ["merge_requests"]) => requests::list(state, call),
        ("POST", ["merge_requests"]) => requests::open(state, call, caller),
        ("PUT", ["merge_requests", number]) => requests::change(state, call, iid(number)?, caller),
        (_, ["merge_requests", number, rest @ ..]) => {
            let on = On::MergeRequest(iid(number)?);
            below(state, call, (method, on, rest), caller)
        }
        ("POST", ["jobs", id, "play"]) => jobs::play(state, id, caller),
        ("GET", ["releases"]) => releases::list(state, call),
        ("PUT", ["releases", tag]) => releases::change(state, call, tag, caller),
        ("GET", ["deployments"]) => environments::list(state, call),
        ("POST", ["deployments"]) => environments::create(state, call, caller),
        ("GET", ["repository", "tags", name]) => environments::tag(state, name),
        ("POST", ["repository", "tags"]) => environments::make_tag(state, call, caller),
        ("GET", ["deployments", id]) => deployments::read(state, id),
        ("POST", ["deployments", id, "approval"]) => deployments::approve(state, call, id, caller),
        ("GET", ["protected_environments", name]) => deployments::protected(state, name),
        (_, _) => Err(Reply::not_found("")),
    }
}

fn iid(number: &str) -> Result<u64, Reply> {
    number.parse().map_err(|_error| Reply::invalid("iid"))
}

fn below(
    state: &mut State,
    call: &Call,
    (method, on, path): (&str, On, &[&str]),
    caller: Caller,
) -> Result<Reply, Reply> {
    let merge_request = matches!(on, On::MergeRequest(_));
    match (method, path) {
        ("GET", []) => merge_requests::read(state, on),
        ("GET", ["notes"]) => notes::list(state, call, on, caller),
        ("POST", ["notes"]) => notes::create(state, call, on, caller),
        ("GET", ["notes", id]) => notes::one(state, on, id, caller),
        ("PUT", ["notes", id]) => notes::edit(state, call, (on, id), caller),
        ("GET", ["commits"]) if merge_request => merge_requests::commits(state, call, on),
        ("GET", ["approvals"]) if merge_request => merge_requests::approvals(state, on),
        ("GET", ["approval_state"]) if merge_request => merge_requests::approval_state(state, on),
        (_, _) => Err(Reply::not_found("")),
    }
}

/// Counts a request, and tells what is left of the minute.
fn charge(state: &mut State, who: &str) -> Result<Headers, Headers> {
    const MINUTE: i64 = 60_000;
    let (now, limit) = (state.now, state.limit);
    let window = state.windows.entry(who.to_owned()).or_default();
    if now >= window.ends {
        *window = Window {
            used: 0,
            ends: now + MINUTE,
        };
    }
    let is_over = window.used >= limit;
    window.used = window.used.saturating_add(1);
    let left = limit.saturating_sub(window.used);
    let mut headers = vec![
        ("ratelimit-limit".to_owned(), limit.to_string()),
        ("ratelimit-observed".to_owned(), window.used.to_string()),
        ("ratelimit-remaining".to_owned(), left.to_string()),
        (
            "ratelimit-reset".to_owned(),
            (window.ends / 1_000).to_string(),
        ),
    ];
    if !is_over {
        return Ok(headers);
    }
    let wait = (window.ends - now + 999) / 1_000;
    headers.push(("retry-after".to_owned(), wait.to_string()));
    Err(headers)
}

fn etag(reply: &Reply) -> String {
    let body = reply.body.as_ref().map(ToString::to_string);
    let text = body.unwrap_or_default();
    let hex = Digest::of(text.as_bytes()).hex();
    format!("W/\"{}\"", hex.chars().take(32).collect::<String>())
}

fn written(reply: Reply, limit: &[(String, String)]) -> Answer {
    let mut answer = Answer::new(reply.status);
    for (name, value) in reply.headers.iter().chain(limit) {
        answer = answer.header(name, value);
    }
    match reply.body {
        Some(body) => answer
            .header("content-type", "application/json")
            .body(body.to_string()),
        None => answer,
    }
}

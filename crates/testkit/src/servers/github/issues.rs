//! Issues and their comments.

use liftlock::time::Time;

use super::call::{Call, Reply};
use super::gate::Token;
use super::render;
use super::state::{ACTIONS_BOT, State, time};

/// The longest comment, in characters.
const LONGEST: usize = 65_536;

pub(super) fn read(state: &State, number: &str) -> Reply {
    let found = known(state, number);
    found.map_or_else(Reply::not_found, |number| {
        Reply::json(200, render::issue(state, number))
    })
}

/// Issues and pull requests, newest first, as GitHub lists them.
pub(super) fn all(state: &State, call: &Call) -> Reply {
    let since = match call.query.get("since").map(|text| text.parse::<Time>()) {
        None => Time::EPOCH,
        Some(Ok(since)) => since,
        Some(Err(_)) => return Reply::problem(422, "Validation Failed"),
    };
    let wanted = call.query.get("state").map_or("open", String::as_str);
    // None of its issues was ever closed.
    let shown = match wanted {
        "open" | "all" => usize::MAX,
        "closed" => 0,
        _ => return Reply::problem(422, "Validation Failed"),
    };
    let found = state.issues.iter().rev();
    let found = found.filter(|(_, one)| time(one.updated) >= since);
    let numbers: Vec<u64> = found.take(shown).map(|(number, _)| *number).collect();
    Reply::page(call, &state.base, numbers, |number| {
        render::issue(state, number)
    })
}

pub(super) fn open(state: &mut State, call: &Call) -> Reply {
    let Some(title) = call.text("title").filter(|title| !title.trim().is_empty()) else {
        return Reply::problem(422, "Validation Failed");
    };
    let body = call.text("body").unwrap_or_default();
    if title.chars().count() > 256 || body.chars().count() > LONGEST {
        return Reply::problem(422, "Validation Failed");
    }
    let user = match call.token {
        Token::Personal(user) => user,
        Token::Job | Token::ReadOnly | Token::App => ACTIONS_BOT,
    };
    let (title, body) = (title.to_owned(), body.to_owned());
    let number = state.file(user, &title, &body);
    Reply::json(201, render::issue(state, number))
}

pub(super) fn list(state: &State, call: &Call, number: &str) -> Reply {
    let Some(number) = known(state, number) else {
        return Reply::not_found();
    };
    let since = match call.query.get("since").map(|text| text.parse::<Time>()) {
        None => Time::EPOCH,
        Some(Ok(since)) => since,
        Some(Err(_)) => return Reply::problem(422, "Validation Failed"),
    };
    let found = state.comments.iter();
    let found = found.filter(|(_, one)| one.issue == number && time(one.updated) >= since);
    Reply::page(call, &state.base, found.collect(), |(id, one)| {
        render::comment(state, *id, one)
    })
}

pub(super) fn create(state: &mut State, call: &Call, number: &str) -> Reply {
    let Some(number) = known(state, number) else {
        return Reply::not_found();
    };
    let Some(body) = valid(call) else {
        return Reply::problem(422, "Validation Failed");
    };
    let user = match call.token {
        Token::Personal(user) => user,
        Token::Job | Token::ReadOnly | Token::App => ACTIONS_BOT,
    };
    let may = user == ACTIONS_BOT
        || matches!(
            state.roles.get(&user).map(String::as_str),
            Some("write" | "maintain" | "admin")
        );
    if !may && state.issues.get(&number).is_some_and(|issue| issue.locked) {
        return Reply::problem(403, "Unable to create comment because issue is locked.");
    }
    let id = state.say(number, user, (&body, call.token.is_app()));
    shown(state, id, 201)
}

pub(super) fn comment(state: &State, id: &str) -> Reply {
    id.parse()
        .map_or_else(|_| Reply::not_found(), |id| shown(state, id, 200))
}

pub(super) fn edit(state: &mut State, call: &Call, id: &str) -> Reply {
    let (Ok(id), Some(body)) = (id.parse(), valid(call)) else {
        return Reply::problem(422, "Validation Failed");
    };
    state.edit(id, &body);
    shown(state, id, 200)
}

pub(super) fn delete(state: &mut State, id: &str) -> Reply {
    let found = id.parse().ok().filter(|id| state.comments.contains_key(id));
    let Some(id) = found else {
        return Reply::not_found();
    };
    state.delete(id);
    Reply::empty(204)
}

fn known(state: &State, number: &str) -> Option<u64> {
    number
        .parse()
        .ok()
        .filter(|number| state.issues.contains_key(number))
}

fn valid(call: &Call) -> Option<String> {
    let body = call.text("body")?;
    let fits = !body.trim().is_empty() && body.chars().count() <= LONGEST;
    fits.then(|| body.to_owned())
}

fn shown(state: &State, id: u64, status: u16) -> Reply {
    let found = state.comments.get(&id);
    found.map_or_else(Reply::not_found, |one| {
        Reply::json(status, render::comment(state, id, one))
    })
}

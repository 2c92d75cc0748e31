//! Accounts, their rights in the repository, and teams.

use serde_json::json;

use super::OWNER;
use super::call::{Call, Reply};
use super::render;
use super::state::State;

pub(super) fn by_id(state: &State, id: &str) -> Reply {
    let id = id.parse().ok().filter(|id| state.users.contains_key(id));
    id.map_or_else(Reply::not_found, |id| {
        Reply::json(200, render::account(state, id))
    })
}

pub(super) fn by_login(state: &State, login: &str) -> Reply {
    let id = state.id_of(login);
    id.map_or_else(Reply::not_found, |id| {
        Reply::json(200, render::account(state, id))
    })
}

/// GitHub folds `maintain` into `write` and `triage` into `read` in
/// `permission`; `role_name` tells them apart.
pub(super) fn permission(state: &State, login: &str) -> Reply {
    let Some(id) = state.id_of(login) else {
        return Reply::not_found();
    };
    let role = state.roles.get(&id).map_or("none", String::as_str);
    let permission = match role {
        "maintain" => "write",
        "triage" => "read",
        other => other,
    };
    let mut user = render::user(state, Some(id));
    if let Some(user) = user.as_object_mut() {
        user.insert("role_name".to_owned(), role.into());
    }
    let body = json!({ "permission": permission, "role_name": role, "user": user });
    Reply::json(200, body)
}

/// The members of a team and of those below it; who was invited is not among
/// them.
pub(super) fn members(state: &State, call: &Call, (org, slug): (&str, &str)) -> Reply {
    if !call.token.sees_members() {
        return Reply::inaccessible();
    }
    let direct = state
        .teams
        .get(slug)
        .filter(|_| org.eq_ignore_ascii_case(OWNER));
    let Some(direct) = direct else {
        return Reply::not_found();
    };
    let items = state.members(slug).into_iter().collect();
    Reply::page(call, &state.base, items, |id| {
        let mut user = render::user(state, Some(id));
        if let Some(user) = user.as_object_mut() {
            user.insert("role".to_owned(), "member".into());
            user.insert("inherited".to_owned(), (!direct.contains(&id)).into());
        }
        user
    })
}

pub(super) fn membership(
    state: &State,
    call: &Call,
    (org, slug, login): (&str, &str, &str),
) -> Reply {
    if !call.token.sees_members() {
        return Reply::inaccessible();
    }
    let known = org.eq_ignore_ascii_case(OWNER) && state.teams.contains_key(slug);
    let Some(id) = state.id_of(login).filter(|_| known) else {
        return Reply::not_found();
    };
    let standing = if state.members(slug).contains(&id) {
        "active"
    } else if state.invited.contains(&(slug.to_owned(), id)) {
        "pending"
    } else {
        return Reply::not_found();
    };
    let url = format!("{}/organizations/1/team/1/memberships/{login}", state.base);
    Reply::json(
        200,
        json!({ "role": "member", "state": standing, "url": url }),
    )
}

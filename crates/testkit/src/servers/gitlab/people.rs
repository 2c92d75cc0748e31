//! Accounts, and what they may do in the project.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::state::{Member, State};

impl State {
    /// What an account may do; 0 for one that is no member.
    pub(super) fn level(&self, user: u64) -> u64 {
        self.members.get(&user).map_or(0, |member| member.level)
    }

    /// A group with exactly these direct members, each with a level.
    pub fn group(&mut self, path: &str, members: &[(u64, u64)]) {
        let members = members.iter().map(|(id, level)| {
            let member = Member {
                level: *level,
                expires: None,
                state: "active",
            };
            (*id, member)
        });
        let members = members.collect();
        self.groups.insert(path.to_ascii_lowercase(), members);
    }

    /// A group that no token sees any more.
    pub fn hide_group(&mut self, path: &str) {
        self.groups.remove(&path.to_ascii_lowercase());
    }

    /// Lets a membership of a group end on a day, or wait for a seat.
    pub fn end_membership(
        &mut self,
        path: &str,
        id: u64,
        expires: Option<&str>,
        state: &'static str,
    ) {
        let group = self.groups.get_mut(&path.to_ascii_lowercase());
        if let Some(member) = group.and_then(|members| members.get_mut(&id)) {
            member.expires = expires.map(str::to_owned);
            member.state = state;
        }
    }
}

/// An account in short; the stand-in's for one that is deleted.
pub(super) fn basic(state: &State, id: u64) -> Value {
    let found = state.users.get(&id);
    let username = found.map_or("ghost", |user| user.username.as_str());
    json!({
        "id": id, "username": username, "public_email": "", "name": username,
        "state": found.map_or("active", |user| user.state), "locked": false,
        "avatar_url": null, "web_url": format!("{}/{username}", state.base),
    })
}

pub(super) fn user(state: &State, id: &str) -> Result<Reply, Reply> {
    let id: u64 = id.parse().map_err(|_error| Reply::invalid("id"))?;
    let user = state
        .users
        .get(&id)
        .ok_or_else(|| Reply::not_found("User"))?;
    let mut fields = basic(state, id);
    let more = json!({
        "created_at": "2012-05-23T08:00:58Z", "bio": "", "location": null, "skype": "",
        "linkedin": "", "twitter": "", "discord": "", "website_url": "", "organization": "",
        "job_title": "", "pronouns": null, "bot": user.bot, "work_information": null,
        "followers": 0, "following": 0, "local_time": null,
    });
    if let (Some(fields), Value::Object(more)) = (fields.as_object_mut(), more) {
        fields.extend(more);
    }
    Ok(Reply::json(200, fields))
}

pub(super) fn member(state: &State, id: &str) -> Result<Reply, Reply> {
    let id: u64 = id.parse().map_err(|_error| Reply::invalid("user_id"))?;
    let member = state.members.get(&id);
    let member = member.ok_or_else(|| Reply::not_found(""))?;
    Ok(Reply::json(200, shown(state, id, member)))
}

/// The accounts with a name: one or none.
pub(super) fn named(state: &State, call: &Call) -> Result<Reply, Reply> {
    let wanted = call
        .asked("username")
        .ok_or_else(|| Reply::invalid("username"))?;
    let mut users = state.users.iter();
    let found = users.find(|(_, user)| user.username.eq_ignore_ascii_case(wanted));
    let found: Vec<Value> = found.map(|(id, _)| basic(state, *id)).into_iter().collect();
    Ok(Reply::json(200, Value::Array(found)))
}

/// The direct members of a group.
pub(super) fn of_group(state: &State, call: &Call, path: &str) -> Result<Reply, Reply> {
    let group = state.groups.get(&path.to_ascii_lowercase());
    let members = group.ok_or_else(|| Reply::not_found("Group"))?;
    listed(state, call, members)
}

pub(super) fn members(state: &State, call: &Call) -> Result<Reply, Reply> {
    listed(state, call, &state.members)
}

fn listed(state: &State, call: &Call, members: &BTreeMap<u64, Member>) -> Result<Reply, Reply> {
    let mut wanted = Vec::new();
    for (name, value) in &call.query {
        if name == "user_ids[]" {
            let id: u64 = value.parse().map_err(|_error| Reply::invalid("user_ids"))?;
            wanted.push(id);
        }
    }
    let all = members.iter();
    let found: Vec<(&u64, &Member)> = all
        .filter(|(id, _)| wanted.is_empty() || wanted.contains(id))
        .collect();
    Reply::page(call, &state.base, found, |(id, member)| {
        Some(shown(state, *id, member))
    })
}

fn shown(state: &State, id: u64, member: &Member) -> Value {
    let mut fields = basic(state, id);
    if let Some(fields) = fields.as_object_mut() {
        fields.insert("access_level".to_owned(), member.level.into());
        fields.insert("created_at".to_owned(), "2012-10-22T14:13:35Z".into());
        fields.insert("expires_at".to_owned(), json!(member.expires));
        fields.insert("membership_state".to_owned(), member.state.into());
    }
    fields
}

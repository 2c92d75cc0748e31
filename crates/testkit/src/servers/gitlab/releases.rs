//! Releases, and which of them is the latest.

use std::time::Duration;

use liftlock::time::Time;
use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::gate::Caller;
use super::people;
use super::state::{State, stamp};

/// The least role that may publish a release.
const DEVELOPER: u64 = 30;

#[derive(Clone, Debug)]
pub(super) struct Release {
    tag: String,
    description: String,
    created: i64,
    released: i64,
}

impl State {
    /// A release of a tag with a description, from so much later on.
    pub fn release(&mut self, tag: &str, description: &str, later: Duration) {
        let later = i64::try_from(later.as_millis()).unwrap_or_default();
        self.releases.push(Release {
            tag: tag.to_owned(),
            description: description.to_owned(),
            created: self.now,
            released: self.now + later,
        });
    }

    /// The tag of the latest release.
    #[must_use]
    pub fn latest(&self) -> Option<String> {
        let past = self.releases.iter().filter(|one| one.released <= self.now);
        let latest = past.max_by_key(|one| one.released)?;
        Some(latest.tag.clone())
    }
}

pub(super) fn list(state: &State, call: &Call) -> Result<Reply, Reply> {
    let order = call.word("order_by", &["released_at", "created_at"])?;
    let sort = call.word("sort", &["desc", "asc"])?;
    let mut all: Vec<&Release> = state.releases.iter().collect();
    all.sort_by_key(|one| match order {
        "created_at" => one.created,
        _ => one.released,
    });
    if sort == "desc" {
        all.reverse();
    }
    Reply::page(call, &state.base, all, |one| Some(shown(state, one)))
}

pub(super) fn change(
    state: &mut State,
    call: &Call,
    tag: &str,
    caller: Caller,
) -> Result<Reply, Reply> {
    if state.level(caller.user) < DEVELOPER {
        return Err(Reply::forbidden());
    }
    let text = call.text("released_at")?;
    let time = text.map(|text| {
        text.parse::<Time>()
            .map_err(|_error| Reply::invalid("released_at"))
    });
    let time = time.transpose()?.map(Time::unix_millis);
    let found = state.releases.iter_mut().find(|one| one.tag == tag);
    let found = found.ok_or_else(|| Reply::not_found(""))?;
    if let Some(time) = time {
        found.released = time;
    }
    let changed = found.clone();
    Ok(Reply::json(200, shown(state, &changed)))
}

fn shown(state: &State, one: &Release) -> Value {
    json!({
        "tag_name": one.tag, "name": one.tag, "description": one.description,
        "created_at": stamp(one.created), "released_at": stamp(one.released),
        "upcoming_release": one.released > state.now,
        "author": people::basic(state, 7), "commit": { "id": "a".repeat(40) },
        "assets": { "count": 0, "sources": [], "links": [] }, "evidences": [],
    })
}

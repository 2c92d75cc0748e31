//! Notes below issues and merge requests.

use serde_json::{Value, json};

use super::call::{Call, Reply};
use super::gate::Caller;
use super::people;
use super::state::{Note, On, Sort, State, stamp};

/// The longest note, in characters.
const LONGEST: usize = 1_000_000;

/// The most notes that are written in a minute by one account; the default of
/// an installation.
const A_MINUTE: usize = 300;

/// Who sees what only members may see: Reporters and above.
const REPORTER: u64 = 20;

impl State {
    /// Somebody writes a note in the browser; quick actions leave it.
    pub fn note(&mut self, on: On, author: u64, body: &str) -> u64 {
        self.write(on, author, body).unwrap_or_default()
    }

    /// Somebody writes a note that only members see.
    pub fn internal_note(&mut self, on: On, author: u64, body: &str) -> u64 {
        let id = self.note(on, author, body);
        self.change(id, |note| note.sort = Sort::Internal);
        id
    }

    /// GitLab writes down what somebody did.
    pub fn system_note(&mut self, on: On, author: u64, body: &str) -> u64 {
        let id = self.note(on, author, body);
        self.change(id, |note| note.sort = Sort::System);
        id
    }

    /// An importer brings a note in somebody's name.
    pub fn imported_note(&mut self, on: On, author: u64, body: &str) -> u64 {
        let id = self.note(on, author, body);
        self.change(id, |note| note.sort = Sort::Imported);
        id
    }

    /// Somebody begins a thread that can be resolved.
    pub fn thread(&mut self, on: On, author: u64, body: &str) -> u64 {
        let id = self.note(on, author, body);
        self.change(id, |note| note.thread = true);
        id
    }

    /// Somebody resolves a thread, which changes its note's time.
    pub fn resolve(&mut self, id: u64, user: u64) {
        let now = self.now;
        self.change(id, |note| {
            (note.resolved_by, note.updated) = (Some(user), now);
        });
    }

    /// Somebody with the right to, not always its author, changes a note.
    pub fn edit(&mut self, id: u64, body: &str) {
        let now = self.now;
        self.change(id, |note| {
            body.clone_into(&mut note.body);
            note.updated = now;
        });
    }

    /// Somebody removes a note.
    pub fn delete(&mut self, id: u64) {
        self.notes.remove(&id);
    }

    /// What notes there are, oldest first.
    #[must_use]
    pub fn bodies(&self, on: On) -> Vec<String> {
        let found = self.notes.values().filter(|note| note.on == on);
        found.map(|note| note.body.clone()).collect()
    }

    fn change(&mut self, id: u64, how: impl FnOnce(&mut Note)) {
        if let Some(note) = self.notes.get_mut(&id) {
            how(note);
        }
    }

    /// Nothing is left where all of it were quick actions.
    fn write(&mut self, on: On, author: u64, body: &str) -> Option<u64> {
        let (actions, rest): (Vec<&str>, Vec<&str>) =
            body.lines().partition(|line| is_quick_action(on, line));
        if actions.iter().any(|line| line.starts_with("/approve")) {
            self.approve(on, author);
        }
        let left = rest.join("\n");
        let body = if actions.is_empty() {
            body
        } else {
            left.trim()
        };
        if body.is_empty() {
            return None;
        }
        let (id, now) = (self.id(), self.now);
        let note = Note {
            on,
            author,
            body: body.to_owned(),
            created: now,
            updated: now,
            sort: Sort::Plain,
            thread: false,
            resolved_by: None,
        };
        self.notes.insert(id, note);
        Some(id)
    }
}

/// `/approve` is one below merge requests alone; whatever stands behind it on
/// its line goes with it.
fn is_quick_action(on: On, line: &str) -> bool {
    let word = line.split(' ').next().unwrap_or_default();
    match word {
        "/approve" | "/unapprove" => matches!(on, On::MergeRequest(_)),
        "/close" | "/reopen" | "/label" | "/assign" => true,
        _ => false,
    }
}

pub(super) fn list(state: &State, call: &Call, on: On, caller: Caller) -> Result<Reply, Reply> {
    known(state, on)?;
    let by_update = call.word("order_by", &["created_at", "updated_at"])? == "updated_at";
    let newest_first = call.word("sort", &["desc", "asc"])? == "desc";
    let mut found: Vec<(&u64, &Note)> = state
        .notes
        .iter()
        .filter(|(_, note)| note.on == on)
        .collect();
    found.sort_by_key(|(id, note)| {
        (
            if by_update {
                note.updated
            } else {
                note.created
            },
            **id,
        )
    });
    if newest_first {
        found.reverse();
    }
    let sees = state.level(caller.user) >= REPORTER;
    Reply::page(call, &state.base, found, |(id, note)| {
        (sees || note.sort != Sort::Internal).then(|| shown(state, *id, note))
    })
}

pub(super) fn create(
    state: &mut State,
    call: &Call,
    on: On,
    caller: Caller,
) -> Result<Reply, Reply> {
    known(state, on)?;
    let body = call.text("body")?.ok_or_else(|| Reply::missing("body"))?;
    if body.is_empty() || body.chars().count() > LONGEST {
        return Err(Reply::json(
            400,
            json!({ "message": "400 Bad request - Note {:note=>[\"is too long (maximum is 1000000 characters)\"]}" }),
        ));
    }
    let since = state.now - 60_000;
    state.written.retain(|at| *at > since);
    if state.written.len() >= A_MINUTE {
        state.counts.limited += 1;
        let words = "This endpoint has been requested too many times. Try again later.";
        return Err(Reply::json(429, json!({ "message": { "error": words } })));
    }
    state.written.push(state.now);
    let body = body.to_owned();
    let Some(id) = state.write(on, caller.user, &body) else {
        let body = json!({ "commands_changes": {}, "summary": ["Applied commands."] });
        return Ok(Reply::json(202, body));
    };
    if call.body.get("internal") == Some(&Value::Bool(true)) {
        state.change(id, |note| note.sort = Sort::Internal);
    }
    dated(state, call, id, caller)?;
    let note = state
        .notes
        .get(&id)
        .ok_or_else(|| Reply::not_found("Note"))?;
    Ok(Reply::json(201, shown(state, id, note)))
}

/// Owners may say when a note was written; both of its times are that then.
fn dated(state: &mut State, call: &Call, id: u64, caller: Caller) -> Result<(), Reply> {
    let Some(text) = call.text("created_at")? else {
        return Ok(());
    };
    let at: liftlock::time::Time = text
        .parse()
        .map_err(|_error| Reply::invalid("created_at"))?;
    if state.level(caller.user) >= 50 {
        let at = at.unix_millis();
        state.change(id, |note| (note.created, note.updated) = (at, at));
    }
    Ok(())
}

pub(super) fn one(state: &State, on: On, id: &str, caller: Caller) -> Result<Reply, Reply> {
    known(state, on)?;
    let id: u64 = id.parse().map_err(|_error| Reply::invalid("note_id"))?;
    let note = state.notes.get(&id).filter(|note| note.on == on);
    let sees = state.level(caller.user) >= REPORTER;
    let note = note.filter(|note| sees || note.sort != Sort::Internal);
    let note = note.ok_or_else(|| Reply::not_found("Note"))?;
    Ok(Reply::json(200, shown(state, id, note)))
}

pub(super) fn edit(
    state: &mut State,
    call: &Call,
    (on, id): (On, &str),
    caller: Caller,
) -> Result<Reply, Reply> {
    one(state, on, id, caller)?;
    let number: u64 = id.parse().unwrap_or_default();
    let author = state.notes.get(&number).map(|note| note.author);
    if author != Some(caller.user) && state.level(caller.user) < 40 {
        return Err(Reply::forbidden());
    }
    let body = call.text("body")?.ok_or_else(|| Reply::missing("body"))?;
    let body = body.to_owned();
    state.edit(number, &body);
    one(state, on, id, caller)
}

fn known(state: &State, on: On) -> Result<(), Reply> {
    let what = match on {
        On::Issue(_) => "Issue",
        On::MergeRequest(_) => "Merge Request",
    };
    let found = state.threads.contains_key(&on);
    found.then_some(()).ok_or_else(|| Reply::not_found(what))
}

fn shown(state: &State, id: u64, note: &Note) -> Value {
    let (kind, number) = match note.on {
        On::Issue(number) => ("Issue", number),
        On::MergeRequest(number) => ("MergeRequest", number),
    };
    let [internal, imported] = [Sort::Internal, Sort::Imported].map(|sort| note.sort == sort);
    let mut fields = json!({
        "id": id, "type": if note.thread { json!("DiscussionNote") } else { Value::Null },
        "body": note.body, "author": people::basic(state, note.author),
        "created_at": stamp(note.created), "updated_at": stamp(note.updated),
        "system": note.sort == Sort::System, "noteable_id": 300 + number, "noteable_type": kind,
        "project_id": super::PROJECT_ID, "resolvable": note.thread,
        "confidential": internal, "internal": internal, "imported": imported,
        "imported_from": if imported { "github" } else { "none" },
        "noteable_iid": number, "commands_changes": {},
    });
    if note.thread
        && let Some(fields) = fields.as_object_mut()
    {
        let by = note.resolved_by;
        let who = by.map_or(Value::Null, |user| people::basic(state, user));
        fields.insert("resolved".to_owned(), by.is_some().into());
        fields.insert("resolved_by".to_owned(), who);
    }
    fields
}
